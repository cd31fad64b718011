#include "wire/plan.h"

#include <stdio.h>

/* Peers may be of another version: absent is the zero value and null is allowed, except for what names an
 * object. */
#define NAME .required = true
#define OPEN .nullable = true
/* Long texts of tenants', bounded as the faces bound them, with room for base64. */
enum { USER_DATA_BYTES = 128 * 1024, KEY_BYTES = 16 * 1024, TEXT_BYTES = 4096, MEMBERS = 1000000 };

/* clang-format off */
static const struct field pair_fields[] = {
    STR(struct wire_pair, mac, OPEN), STR(struct wire_pair, ip, OPEN), { 0 }
};
static const struct field port_fields[] = {
    STR(struct wire_port, id, NAME),
    I64(struct wire_port, mark, OPEN),
    STR(struct wire_port, mac, NAME),
    STR(struct wire_port, network_id, NAME),
    STRS(struct wire_port, ips, OPEN),
    STRS(struct wire_port, groups, OPEN),
    BOOL(struct wire_port, secured, OPEN),
    LIST(struct wire_port, pairs, struct wire_pair, pair_fields, OPEN),
    { 0 }
};
static const struct field image_fields[] = {
    STR(struct wire_image, id, NAME),
    STR(struct wire_image, format, OPEN),
    I64(struct wire_image, size_bytes, OPEN),
    STR(struct wire_image, sha512, OPEN),
    { 0 }
};
static const struct field task_fields[] = {
    STR(struct wire_task, id, NAME),
    STR(struct wire_task, kind, NAME),
    STR(struct wire_task, image_id, OPEN),
    I64(struct wire_task, deadline_us, OPEN),
    { 0 }
};
static const struct field metadata_fields[] = {
    STR(struct wire_metadata, hostname, OPEN),
    STR(struct wire_metadata, name, OPEN, .max = TEXT_BYTES),
    STR(struct wire_metadata, availability_zone, OPEN),
    STR(struct wire_metadata, instance_type, OPEN),
    STR(struct wire_metadata, reservation_id, OPEN),
    STR(struct wire_metadata, ami_id, OPEN),
    I64(struct wire_metadata, launch_index, OPEN),
    MAP(struct wire_metadata, meta, OPEN, .item_max = TEXT_BYTES),
    MAP(struct wire_metadata, keys, OPEN, .item_max = KEY_BYTES),
    STR(struct wire_metadata, user_data, OPEN, .max = USER_DATA_BYTES),
    STR(struct wire_metadata, login_user, OPEN),
    STR(struct wire_metadata, public_ipv4, OPEN),
    STRS(struct wire_metadata, group_names, OPEN),
    STR(struct wire_metadata, project_id, OPEN),
    { 0 }
};
const struct field wire_guest_fields[] = {
    STR(struct wire_guest, id, NAME),
    I64(struct wire_guest, gen, OPEN),
    STR(struct wire_guest, power, OPEN),
    BOOL(struct wire_guest, stop_hard, OPEN),
    I64(struct wire_guest, boot_n, OPEN),
    BOOL(struct wire_guest, boot_hard, OPEN),
    I64(struct wire_guest, place_epoch, OPEN),
    I64(struct wire_guest, disk_n, OPEN),
    I64(struct wire_guest, vcpus, OPEN),
    I64(struct wire_guest, ram_mib, OPEN),
    I64(struct wire_guest, root_gib, OPEN),
    I64(struct wire_guest, ephemeral_gib, OPEN),
    I64(struct wire_guest, swap_mib, OPEN),
    SUB(struct wire_guest, image, struct wire_image, image_fields, OPEN),
    SUB(struct wire_guest, kernel, struct wire_image, image_fields, OPEN),
    SUB(struct wire_guest, ramdisk, struct wire_image, image_fields, OPEN),
    STR(struct wire_guest, kernel_args, OPEN, .max = TEXT_BYTES),
    BOOL(struct wire_guest, config_drive, OPEN),
    LIST(struct wire_guest, ports, struct wire_port, port_fields, OPEN),
    LIST(struct wire_guest, tasks, struct wire_task, task_fields, OPEN),
    SUB(struct wire_guest, metadata, struct wire_metadata, metadata_fields, OPEN),
    I64(struct wire_guest, deadline_us, OPEN),
    { 0 }
};

static const struct field lease_fields[] = {
    STR(struct wire_lease, mac, NAME),
    STR(struct wire_lease, ip, NAME),
    STR(struct wire_lease, hostname, OPEN),
    STR(struct wire_lease, port_id, OPEN),
    { 0 }
};
static const struct field route_fields[] = {
    STR(struct wire_route, destination, NAME), STR(struct wire_route, nexthop, NAME), { 0 }
};
static const struct field subnet_fields[] = {
    STR(struct wire_subnet, id, NAME),
    STR(struct wire_subnet, cidr, NAME),
    STR(struct wire_subnet, gateway, OPEN),
    INT(struct wire_subnet, ip_version, OPEN),
    BOOL(struct wire_subnet, dhcp, OPEN),
    STR(struct wire_subnet, dhcp_ip, OPEN),
    STRS(struct wire_subnet, dns, OPEN),
    LIST(struct wire_subnet, routes, struct wire_route, route_fields, OPEN),
    LIST(struct wire_subnet, leases, struct wire_lease, lease_fields, OPEN),
    STR(struct wire_subnet, ipv6_mode, OPEN),
    BOOL(struct wire_subnet, gateway_here, OPEN),
    { 0 }
};
const struct field wire_network_fields[] = {
    STR(struct wire_network, id, NAME),
    BOOL(struct wire_network, flat, OPEN),
    BOOL(struct wire_network, isolated, OPEN),
    I64(struct wire_network, mtu, OPEN),
    STR(struct wire_network, domain, OPEN),
    LIST(struct wire_network, subnets, struct wire_subnet, subnet_fields, OPEN),
    { 0 }
};

static const struct field rule_fields[] = {
    STR(struct wire_rule, direction, NAME),
    STR(struct wire_rule, ethertype, OPEN),
    STR(struct wire_rule, protocol, OPEN),
    I64(struct wire_rule, port_min, OPEN, .preset = "-1"),
    I64(struct wire_rule, port_max, OPEN, .preset = "-1"),
    STR(struct wire_rule, remote_cidr, OPEN),
    STR(struct wire_rule, remote_group, OPEN),
    { 0 }
};
const struct field wire_group_fields[] = {
    STR(struct wire_group, id, NAME),
    BOOL(struct wire_group, stateful, OPEN),
    LIST(struct wire_group, rules, struct wire_rule, rule_fields, OPEN),
    STRS(struct wire_group, members, OPEN, .max = MEMBERS),
    { 0 }
};

static const struct field leg_fields[] = {
    STR(struct wire_router_leg, network_id, NAME),
    STR(struct wire_router_leg, subnet_id, OPEN),
    STR(struct wire_router_leg, ip, NAME),
    STR(struct wire_router_leg, cidr, NAME),
    { 0 }
};
const struct field wire_router_fields[] = {
    STR(struct wire_router, id, NAME),
    BOOL(struct wire_router, up, OPEN),
    STR(struct wire_router, external_ip, OPEN),
    BOOL(struct wire_router, snat, OPEN),
    LIST(struct wire_router, legs, struct wire_router_leg, leg_fields, OPEN),
    LIST(struct wire_router, routes, struct wire_route, route_fields, OPEN),
    { 0 }
};
const struct field wire_floating_fields[] = {
    STR(struct wire_floating, id, NAME),
    STR(struct wire_floating, floating_ip, NAME),
    STR(struct wire_floating, fixed_ip, OPEN),
    STR(struct wire_floating, port_id, OPEN),
    { 0 }
};

static const struct field guest_report_fields[] = {
    STR(struct wire_guest_report, id, NAME),
    I64(struct wire_guest_report, gen, OPEN),
    STR(struct wire_guest_report, phase, OPEN),
    STR(struct wire_guest_report, power, OPEN),
    I64(struct wire_guest_report, boot_n, OPEN),
    STR(struct wire_guest_report, off_cause, OPEN),
    STR(struct wire_guest_report, fault, OPEN, .max = TEXT_BYTES),
    STR(struct wire_guest_report, step, OPEN),
    { 0 }
};
static const struct field task_report_fields[] = {
    STR(struct wire_task_report, id, NAME),
    STR(struct wire_task_report, guest_id, OPEN),
    BOOL(struct wire_task_report, done, OPEN),
    I64(struct wire_task_report, size_bytes, OPEN),
    STR(struct wire_task_report, fault, OPEN, .max = TEXT_BYTES),
    { 0 }
};
static const struct field floating_report_fields[] = {
    STR(struct wire_floating_report, id, NAME),
    BOOL(struct wire_floating_report, up, OPEN),
    STR(struct wire_floating_report, fault, OPEN, .max = TEXT_BYTES),
    { 0 }
};
static const struct field event_fields[] = {
    STR(struct wire_event, guest_id, NAME),
    STR(struct wire_event, name, NAME),
    I64(struct wire_event, start_us, OPEN),
    I64(struct wire_event, finish_us, OPEN),
    STR(struct wire_event, result, OPEN),
    STR(struct wire_event, text, OPEN, .max = TEXT_BYTES),
    { 0 }
};
static const struct field have_fields[] = {
    STR(struct wire_have, kind, NAME), STR(struct wire_have, id, NAME), STR(struct wire_have, version, OPEN), { 0 }
};
const struct field wire_sync_fields[] = {
    INT(struct wire_sync, version, OPEN),
    STR(struct wire_sync, host_name, NAME),
    STR(struct wire_sync, boot_id, OPEN),
    I64(struct wire_sync, cpus, OPEN),
    I64(struct wire_sync, ram_mib, OPEN),
    I64(struct wire_sync, disk_gib, OPEN),
    I64(struct wire_sync, ram_used_mib, OPEN),
    I64(struct wire_sync, disk_used_gib, OPEN),
    I64(struct wire_sync, running, OPEN),
    STR(struct wire_sync, hypervisor, OPEN),
    STR(struct wire_sync, hypervisor_version, OPEN),
    STR(struct wire_sync, cpu_model, OPEN),
    STR(struct wire_sync, arch, OPEN),
    STR(struct wire_sync, public_ip, OPEN),
    STR(struct wire_sync, uptime, OPEN),
    I64(struct wire_sync, hypervisor_version_n, OPEN),
    LIST(struct wire_sync, have, struct wire_have, have_fields, OPEN),
    LIST(struct wire_sync, guests, struct wire_guest_report, guest_report_fields, OPEN),
    LIST(struct wire_sync, tasks, struct wire_task_report, task_report_fields, OPEN),
    LIST(struct wire_sync, floatings, struct wire_floating_report, floating_report_fields, OPEN),
    LIST(struct wire_sync, events, struct wire_event, event_fields, OPEN),
    BOOL(struct wire_sync, wait, OPEN),
    { 0 }
};
static const struct field relay_fields[] = {
    STR(struct wire_relay, ticket, NAME), STR(struct wire_relay, guest_id, NAME), { 0 }
};
const struct field wire_answer_fields[] = {
    LIST(struct wire_answer, guests, struct wire_guest, wire_guest_fields, OPEN),
    LIST(struct wire_answer, networks, struct wire_network, wire_network_fields, OPEN),
    LIST(struct wire_answer, groups, struct wire_group, wire_group_fields, OPEN),
    LIST(struct wire_answer, routers, struct wire_router, wire_router_fields, OPEN),
    LIST(struct wire_answer, floatings, struct wire_floating, wire_floating_fields, OPEN),
    LIST(struct wire_answer, versions, struct wire_have, have_fields, OPEN),
    LIST(struct wire_answer, gone, struct wire_have, have_fields, OPEN),
    LIST(struct wire_answer, relays, struct wire_relay, relay_fields, OPEN),
    { 0 }
};
/* clang-format on */

void wire_tap_name(const char *port_id, char ret_name[16])
{
    snprintf(ret_name, 16, "tap%.11s", port_id);
}

void wire_bridge_name(const char *network_id, char ret_name[16])
{
    snprintf(ret_name, 16, "brq%.11s", network_id);
}
