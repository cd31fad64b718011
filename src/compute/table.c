/* The column tables of servers and hosts. */
#include "compute/host.h"
#include "compute/server.h"

/* clang-format off */
#define T struct server
static const struct field server_columns[] = {
    STR(T, id), STR(T, project_id), STR(T, user_id), STR(T, user_name),
    STR(T, name), STR(T, hostname), STR(T, description),
    STR(T, vm_state), STR(T, task_state), INT(T, power_state),
    STR(T, host_id), I64(T, gen), STR(T, want_power), BOOL(T, stop_hard), I64(T, boot_n), BOOL(T, boot_hard),
    I64(T, disk_n), I64(T, place_epoch), I64(T, deadline_us), STR(T, step),
    STR(T, flavor_id), STR(T, flavor_name), I64(T, vcpus), I64(T, ram_mib), I64(T, root_gib),
    I64(T, ephemeral_gib), I64(T, swap_mib), JSON(T, extra_specs),
    STR(T, image_id), STR(T, kernel_id), STR(T, ramdisk_id), STR(T, key_name), STR(T, key_data),
    STR(T, user_data), BOOL(T, config_drive), JSON(T, metadata), JSON(T, tags),
    BOOL(T, locked), BOOL(T, locked_by_admin), STR(T, locked_reason),
    STR(T, az), STR(T, reservation_id), I64(T, launch_index), STR(T, group_id), STR(T, disk_config),
    STR(T, access_ip_v4), STR(T, access_ip_v6), STR(T, root_device), BOOL(T, deleting),
    INT(T, fault_code), STR(T, fault_message), STR(T, fault_details), TIME(T, fault_at),
    TIME(T, created_at), TIME(T, updated_at), TIME(T, launched_at), TIME(T, terminated_at), { 0 },
};
#undef T
const struct table server_table = { "server", server_columns, .n_key = 1, .size = sizeof(struct server) };

#define T struct server_task
static const struct field server_task_columns[] = {
    STR(T, id), STR(T, server_id), STR(T, kind), STR(T, image_id), STR(T, request_id), STR(T, backup_type),
    I64(T, rotation), I64(T, deadline_us), TIME(T, created_at), { 0 },
};
#undef T
const struct table server_task_table = { "server_task", server_task_columns, .n_key = 1, .size = sizeof(struct server_task) };

#define T struct host
static const struct field host_columns[] = {
    STR(T, id), STR(T, name), STR(T, ip), STR(T, boot_id), STR(T, hypervisor), STR(T, hypervisor_version),
    I64(T, hypervisor_version_n), STR(T, cpu_model), STR(T, arch), I64(T, cpus), I64(T, ram_mib), I64(T, disk_gib),
    I64(T, ram_seen_mib), I64(T, disk_seen_gib), I64(T, used_vcpus), I64(T, used_ram_mib), I64(T, used_disk_gib),
    I64(T, servers_n), I64(T, running), STR(T, uptime), STR(T, az), BOOL(T, disabled), STR(T, disabled_reason),
    I64(T, last_seen_us), TIME(T, created_at), TIME(T, updated_at), { 0 },
};
#undef T
const struct table host_table = { "host", host_columns, .n_key = 1, .size = sizeof(struct host) };
/* clang-format on */
