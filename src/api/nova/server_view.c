/* How a server looks. */
#include "api/nova/server_view.h"

#include "api/nova/nova.h"
#include "api/nova/shown.h"

#define SHOWN(obj) const struct shown *shown = (obj); const struct server *s = &shown->server; (void)s
#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)

EMIT(emit_links)
{
    SHOWN(obj);
    nova_links(w, ctx, "servers", s->id);
}
EMIT(emit_status)
{
    SHOWN(obj);
    jw_string(w, server_status(s));
}
EMIT(emit_progress)
{
    jw_int(w, 0);
}

static void put_reference(struct jwriter *w, const struct req *rq, const char *collection, const char *id)
{
    jw_object(w);
    jw_kv(w, "id", id);
    jw_key(w, "links");
    nova_bookmark_link(w, rq, collection, id);
    jw_end(w);
}

EMIT(emit_image)
{
    SHOWN(obj);
    if (s->image_id)
        put_reference(w, ctx, "images", s->image_id);
    else
        jw_string(w, "");
}
EMIT(emit_flavor_reference)
{
    SHOWN(obj);
    put_reference(w, ctx, "flavors", s->flavor_id);
}
EMIT(emit_flavor)
{
    SHOWN(obj);
    jw_object(w);
    jw_kv_int(w, "vcpus", s->vcpus);
    jw_kv_int(w, "ram", s->ram_mib);
    jw_kv_int(w, "disk", s->root_gib);
    jw_kv_int(w, "ephemeral", s->ephemeral_gib);
    jw_kv_int(w, "swap", s->swap_mib);
    jw_kv(w, "original_name", s->flavor_name);
    jw_key(w, "extra_specs");
    jw_raw(w, s->extra_specs);
    jw_end(w);
}
EMIT(emit_fault)
{
    SHOWN(obj);
    jw_object(w);
    jw_kv_int(w, "code", s->fault_code);
    jw_key(w, "created");
    jw_time(w, s->fault_at, "Z");
    jw_kv(w, "message", s->fault_message);
    if (w->admin && s->fault_details)
        jw_kv(w, "details", s->fault_details);
    jw_end(w);
}
EMIT(emit_host_id)
{
    SHOWN(obj);
    jw_string(w, shown->host_hash);
}
EMIT(emit_host_name)
{
    SHOWN(obj);
    jw_string(w, shown->host ? shown->host->name : NULL);
}
EMIT(emit_host_status)
{
    SHOWN(obj);
    const struct req *rq = ctx;
    if (!shown->host)
        jw_string(w, "");
    else if (shown->host->disabled)
        jw_string(w, "MAINTENANCE");
    else
        jw_string(w, host_alive(req_cx((struct req *)(uintptr_t)rq), shown->host) ? "UP" : "UNKNOWN");
}
EMIT(emit_instance_name)
{
    SHOWN(obj);
    jw_string(w, arena_printf(w->out.arena, "instance-%.8s", s->id));
}
EMIT(emit_zone)
{
    SHOWN(obj);
    jw_string(w, s->az ? s->az : "");
}
/* Nova's own form here: no zone, microseconds. */
EMIT(emit_launched)
{
    SHOWN(obj);
    jw_time(w, s->launched_at, ".000000");
}
EMIT(emit_terminated)
{
    SHOWN(obj);
    jw_time(w, s->terminated_at, ".000000");
}
EMIT(emit_config_drive)
{
    SHOWN(obj);
    jw_string(w, s->config_drive ? "True" : "");
}
EMIT(emit_nothing)
{
    jw_array(w);
    jw_end(w);
}
EMIT(emit_null)
{
    jw_null(w);
}
EMIT(emit_groups)
{
    SHOWN(obj);
    jw_array(w);
    for (size_t i = 0; i < shown->group_names.n; i++) {
        jw_object(w);
        jw_kv(w, "name", shown->group_names.items[i]);
        jw_end(w);
    }
    jw_end(w);
}
EMIT(emit_server_groups)
{
    SHOWN(obj);
    jw_array(w);
    if (s->group_id)
        jw_string(w, s->group_id);
    jw_end(w);
}

static void put_address(struct jwriter *w, const char *ip, int version, const char *type, const char *mac)
{
    jw_object(w);
    jw_kv_int(w, "version", version);
    jw_kv(w, "addr", ip);
    if (type) {
        jw_kv(w, "OS-EXT-IPS:type", type);
        jw_kv(w, "OS-EXT-IPS-MAC:mac_addr", mac);
    }
    jw_end(w);
}

void nova_put_addresses(struct jwriter *w, const struct nic *nics, size_t n, const char *network_name, bool brief)
{
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct nic_ip *ip = nics[i].ips.items;
        for (size_t k = 0; k < nics[i].ips.n && str_eq(nics[i].network_name, network_name); k++) {
            put_address(w, ip[k].ip, ip[k].version, brief ? NULL : "fixed", nics[i].mac);
            if (ip[k].floating_ip)
                put_address(w, ip[k].floating_ip, 4, brief ? NULL : "floating", nics[i].mac);
        }
    }
    jw_end(w);
}

/* Each network once, in the order of the NICs. */
void nova_put_networks(struct jwriter *w, const struct nic *nics, size_t n, bool brief)
{
    jw_object(w);
    for (size_t i = 0; i < n; i++) {
        size_t first = 0;
        while (!str_eq(nics[first].network_name, nics[i].network_name))
            first++;
        if (first < i)
            continue;
        jw_key(w, nics[i].network_name);
        nova_put_addresses(w, nics, n, nics[i].network_name, brief);
    }
    jw_end(w);
}

EMIT(emit_addresses)
{
    SHOWN(obj);
    nova_put_networks(w, shown->nics.items, shown->nics.n, false);
}

EMIT(emit_brief_addresses)
{
    SHOWN(obj);
    nova_put_networks(w, shown->nics.items, shown->nics.n, true);
}

/* clang-format off */
#define T struct server
const struct field nova_server_brief_view[] = {
    STR(T, id), STR(T, name), HOOK("links", .emit = emit_links), { 0 },
};

/* Members that every answer with a server has, also that of PUT. */
#define COMMON                                                                                          \
    STR(T, id), STR(T, name), HOOK("status", .emit = emit_status),                                      \
    STR(T, project_id, AS("tenant_id")), STR(T, user_id), JSON(T, metadata), HOOK("hostId", .emit = emit_host_id), \
    HOOK("image", .emit = emit_image),                                                                  \
    HOOK("flavor", .emit = emit_flavor_reference, .until = MV(2, 46)),                                  \
    HOOK("flavor", .emit = emit_flavor, .since = MV(2, 47)),                                            \
    TIME(T, created_at, AS("created")), TIME(T, updated_at, AS("updated")),                             \
    STR(T, access_ip_v4, AS("accessIPv4")),                 \
    STR(T, access_ip_v6, AS("accessIPv6")), HOOK("links", .emit = emit_links),                          \
    STR(T, disk_config, AS("OS-DCF:diskConfig")),                                                       \
    BOOL(T, locked, .since = MV(2, 9)), STR(T, description, .since = MV(2, 19)),                        \
    JSON(T, tags, .since = MV(2, 26)), HOOK("trusted_image_certificates", .emit = emit_null, .since = MV(2, 63)), \
    STR(T, locked_reason, .since = MV(2, 73))
#define ADDRESSES(first) HOOK("addresses", .emit = emit_addresses, .since = first)
#define BRIEF_ADDRESSES(last) HOOK("addresses", .emit = emit_brief_addresses, .until = last)
/* What GET shows besides, and PUT since 2.75. */
#define DETAILS(first)                                                                                  \
    HOOK("OS-EXT-AZ:availability_zone", .emit = emit_zone, .since = first),                             \
    STR(T, key_name, .since = first), HOOK("config_drive", .emit = emit_config_drive, .since = first),  \
    HOOK("OS-SRV-USG:launched_at", .emit = emit_launched, .since = first),                              \
    HOOK("OS-SRV-USG:terminated_at", .emit = emit_terminated, .since = first),                          \
    HOOK("os-extended-volumes:volumes_attached", .emit = emit_nothing, .since = first),                 \
    STR(T, task_state, AS("OS-EXT-STS:task_state"), .since = first),                                    \
    STR(T, vm_state, AS("OS-EXT-STS:vm_state"), .since = first),                                        \
    INT(T, power_state, AS("OS-EXT-STS:power_state"), .since = first),                                  \
    HOOK("OS-EXT-SRV-ATTR:host", .emit = emit_host_name, .admin = true, .since = first),                \
    HOOK("OS-EXT-SRV-ATTR:hypervisor_hostname", .emit = emit_host_name, .admin = true, .since = first), \
    HOOK("OS-EXT-SRV-ATTR:instance_name", .emit = emit_instance_name, .admin = true, .since = first),   \
    STR(T, reservation_id, AS("OS-EXT-SRV-ATTR:reservation_id"), .admin = true, .since = LATER(first, MV(2, 3))), \
    I64(T, launch_index, AS("OS-EXT-SRV-ATTR:launch_index"), .admin = true, .since = LATER(first, MV(2, 3))), \
    STR(T, hostname, AS("OS-EXT-SRV-ATTR:hostname"), .admin = true, .since = LATER(first, MV(2, 3))),   \
    STR(T, kernel_id, AS("OS-EXT-SRV-ATTR:kernel_id"), .emit = emit_kernel, .admin = true, .since = LATER(first, MV(2, 3))), \
    STR(T, ramdisk_id, AS("OS-EXT-SRV-ATTR:ramdisk_id"), .emit = emit_ramdisk, .admin = true, .since = LATER(first, MV(2, 3))), \
    STR(T, root_device, AS("OS-EXT-SRV-ATTR:root_device_name"), .admin = true, .since = LATER(first, MV(2, 3))), \
    HOOK("host_status", .emit = emit_host_status, .admin = true, .since = LATER(first, MV(2, 16)))
/* What all but a rebuild shows, which has a name of its own for it. */
#define USER_DATA(first) STR(T, user_data, AS("OS-EXT-SRV-ATTR:user_data"), .admin = true, .since = LATER(first, MV(2, 3)))
#define LATER(a, b) ((a) > (b) ? (a) : (b))

EMIT(emit_kernel)
{
    SHOWN(obj);
    jw_string(w, s->kernel_id ? s->kernel_id : "");
}
EMIT(emit_ramdisk)
{
    SHOWN(obj);
    jw_string(w, s->ramdisk_id ? s->ramdisk_id : "");
}

static const struct field detail_view[] = { COMMON, ADDRESSES(0), DETAILS(0), USER_DATA(0), { 0 } };
static const struct field changed_view[] = {
    COMMON, BRIEF_ADDRESSES(MV(2, 74)), ADDRESSES(MV(2, 75)), DETAILS(MV(2, 75)), USER_DATA(MV(2, 75)), { 0 },
};
/* A rebuild tells earlier than PUT what it may have changed; its user data everybody who may rebuild sees. */
static const struct field rebuilt_view[] = {
    COMMON, STR(T, key_name, .since = MV(2, 54), .until = MV(2, 74)), STR(T, user_data, .since = MV(2, 57)),
    BRIEF_ADDRESSES(MV(2, 74)), ADDRESSES(MV(2, 75)), DETAILS(MV(2, 75)), { 0 },
};
static const struct field progress_view[] = { HOOK("progress", .emit = emit_progress), { 0 } };
static const struct field fault_view[] = { HOOK("fault", .emit = emit_fault), { 0 } };
static const struct field groups_view[] = { HOOK("security_groups", .emit = emit_groups), { 0 } };
static const struct field server_groups_view[] = {
    HOOK("server_groups", .emit = emit_server_groups, .since = MV(2, 71)), { 0 },
};
#undef T
/* clang-format on */

void nova_put_server_members(struct jwriter *w, const struct shown *shown, enum server_look look)
{
    static const struct field *const views[] = {
        [LOOK_LIST] = detail_view, [LOOK_SHOW] = detail_view, [LOOK_CHANGED] = changed_view, [LOOK_REBUILT] = rebuilt_view,
    };
    static const char *const progressing[] = { "ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", NULL }; /* the only ones in which Nova shows it */
    bool full = look <= LOOK_SHOW || w->mv >= MV(2, 75);
    const char *status = server_status(&shown->server);

    jw_members(w, views[look], shown);
    for (const char *const *p = progressing; *p; p++)
        if (str_eq(status, *p))
            jw_members(w, progress_view, shown);
    if (str_eq(status, "ERROR") && shown->server.fault_code)
        jw_members(w, fault_view, shown);
    if (full && shown->group_names.n)
        jw_members(w, groups_view, shown);
    if (look != LOOK_LIST)
        jw_members(w, server_groups_view, shown);
}

void nova_put_server(struct jwriter *w, const struct shown *shown, enum server_look look)
{
    jw_object(w);
    nova_put_server_members(w, shown, look);
    jw_end(w);
}
