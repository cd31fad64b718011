/* What operators ask about hosts: availability zones, services, hypervisors. */
#include "compute/host.h"

#include <string.h>

#include "api/nova/nova.h"
#include "compute/server.h"

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)

static bool is_alive(const void *ctx, const struct host *h)
{
    return host_alive(req_cx((struct req *)(uintptr_t)ctx), h);
}

/* ---- availability zones ---- */

static bool is_first_of_zone(const struct host *h, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_eq(h[k].az, h[i].az))
            return false;
    return true;
}

static void put_zone_hosts(struct jwriter *w, struct req *rq, const struct host *h, size_t n, const char *zone)
{
    jw_object(w);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(h[i].az, zone))
            continue;
        jw_key(w, h[i].name);
        jw_object(w);
        jw_key(w, "nova-compute");
        jw_object(w);
        jw_kv_bool(w, "available", is_alive(rq, &h[i]));
        jw_kv_bool(w, "active", !h[i].disabled);
        jw_key(w, "updated_at");
        jw_time(w, h[i].last_seen_us, ".000000");
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

static void put_zone(struct jwriter *w, struct req *rq, const struct host *h, size_t n, const char *zone, bool detail)
{
    bool available = n == 0;

    for (size_t i = 0; i < n; i++)
        available |= str_eq(h[i].az, zone) && !h[i].disabled;
    jw_object(w);
    jw_kv(w, "zoneName", zone);
    jw_key(w, "zoneState");
    jw_object(w);
    jw_kv_bool(w, "available", available);
    jw_end(w);
    jw_key(w, "hosts");
    if (detail)
        put_zone_hosts(w, rq, h, n, zone);
    else
        jw_null(w);
    jw_end(w);
}

static int list_zones(struct cx *cx, struct req *rq, bool detail)
{
    struct list hosts;

    TRY(host_list(cx, &hosts));
    const struct host *h = hosts.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "availabilityZoneInfo");
    jw_array(w);
    for (size_t i = 0; i < hosts.n; i++)
        if (is_first_of_zone(h, i))
            put_zone(w, rq, h, hosts.n, h[i].az, detail);
    if (!hosts.n)
        put_zone(w, rq, h, 0, HOST_DEFAULT_AZ, detail);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int zones_list(struct cx *cx, struct req *rq)
{
    return list_zones(cx, rq, false);
}

static int zones_detail(struct cx *cx, struct req *rq)
{
    return list_zones(cx, rq, true);
}

/* ---- services: each host runs one, its agent ---- */

EMIT(emit_service_id)
{
    const struct host *h = obj;
    int64_t n = 0;
    for (const char *p = h->id; *p; p++) /* a number that stays, for clients that know no UUIDs */
        n = (n * 31 + *p) & 0x3fffffff;
    jw_int(w, n);
}
EMIT(emit_binary)
{
    jw_string(w, "nova-compute");
}
EMIT(emit_status)
{
    const struct host *h = obj;
    jw_string(w, h->disabled ? "disabled" : "enabled");
}
EMIT(emit_state)
{
    jw_string(w, is_alive(ctx, obj) ? "up" : "down");
}
EMIT(emit_seen)
{
    const struct host *h = obj;
    jw_time(w, h->last_seen_us, ".000000");
}
EMIT(emit_false)
{
    jw_bool(w, false);
}

/* clang-format off */
#define T struct host
static const struct field service_view[] = {
    HOOK("id", .emit = emit_service_id, .until = MV(2, 52)), STR(T, id, .since = MV(2, 53)), HOOK("binary", .emit = emit_binary),
    STR(T, name, AS("host")), STR(T, az, AS("zone")), HOOK("status", .emit = emit_status), HOOK("state", .emit = emit_state),
    HOOK("updated_at", .emit = emit_seen), STR(T, disabled_reason), HOOK("forced_down", .emit = emit_false, .since = MV(2, 11)),
    { 0 },
};
#undef T
/* clang-format on */

static int services_list(struct cx *cx, struct req *rq)
{
    static const char *const known[] = { "host", "binary", NULL };
    const char *name = req_query(rq, "host"), *binary = req_query(rq, "binary");
    struct list hosts, kept = { 0 };

    TRY(nova_check_query(rq, known));
    TRY(host_list(cx, &hosts));
    const struct host *h = hosts.items;
    struct host *items = NULL;
    for (size_t i = 0; i < hosts.n; i++)
        if ((!name || str_eq(name, h[i].name)) && (!binary || str_eq(binary, "nova-compute")))
            *arena_push(cx->arena, &items, &kept.n) = h[i];
    kept.items = items;
    return reply_list(rq, "services", NULL, service_view, kept, sizeof(struct host));
}

struct service_in {
    const char *host, *binary, *disabled_reason, *status;
};
/* clang-format off */
static const char *const binaries[] = { "nova-compute", NULL };
static const char *const service_states[] = { "enabled", "disabled", NULL };
#define T struct service_in
static const struct field switch_fields[] = {
    STR(T, host, .required = true, .min = 1), STR(T, binary, .required = true, .one_of = binaries),
    STR(T, disabled_reason, .min = 1, .max = 255), { 0 },
};
static const struct field service_fields[] = {
    STR(T, status, .required = true, .one_of = service_states), STR(T, disabled_reason, .min = 1, .max = 255), { 0 },
};
#undef T
/* clang-format on */
static const struct body switch_body = { NULL, switch_fields, sizeof(struct service_in) };
static const struct body service_body = { NULL, service_fields, sizeof(struct service_in) };

static int switch_service(struct cx *cx, struct req *rq, bool disabled, bool reason_needed)
{
    const struct service_in *in = req_body(rq);
    struct host h;

    if (reason_needed && !in->disabled_reason)
        return fail(cx, KIND_INVALID, "Missing disabled reason field");
    TRY(host_get_by_name(cx, in->host, &h));
    TRY(host_set_disabled(cx, h.id, disabled, in->disabled_reason));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "service");
    jw_object(w);
    jw_kv(w, "host", h.name);
    jw_kv(w, "binary", "nova-compute");
    jw_kv(w, "status", disabled ? "disabled" : "enabled");
    if (reason_needed)
        jw_kv(w, "disabled_reason", in->disabled_reason);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int services_enable(struct cx *cx, struct req *rq)
{
    return switch_service(cx, rq, false, false);
}
static int services_disable(struct cx *cx, struct req *rq)
{
    return switch_service(cx, rq, true, false);
}
static int services_disable_why(struct cx *cx, struct req *rq)
{
    return switch_service(cx, rq, true, true);
}

static int services_change(struct cx *cx, struct req *rq)
{
    const struct service_in *in = req_body(rq);
    bool disabled = str_eq(in->status, "disabled");
    struct host h;

    if (in->disabled_reason && !disabled)
        return fail(cx, KIND_INVALID, "Specifying disabled_reason requires that status is set to 'disabled'.");
    TRY(host_set_disabled(cx, req_path(rq, "id"), disabled, in->disabled_reason));
    TRY(host_get(cx, req_path(rq, "id"), &h));
    return reply(rq, "service", service_view, &h);
}

static int services_delete(struct cx *cx, struct req *rq)
{
    TRY(host_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* ---- hypervisors ---- */

EMIT(emit_cpu_info)
{
    const struct host *h = obj;
    struct jwriter in = jwriter_new(w->out.arena);
    jw_object(&in);
    jw_kv(&in, "arch", h->arch);
    jw_kv(&in, "model", h->cpu_model);
    jw_end(&in);
    if (w->mv >= MV(2, 28))
        jw_raw(w, buf_text(&in.out));
    else
        jw_string(w, buf_text(&in.out));
}
EMIT(emit_free_ram)
{
    const struct host *h = obj;
    jw_int(w, h->ram_mib - h->used_ram_mib);
}
EMIT(emit_free_disk)
{
    const struct host *h = obj;
    jw_int(w, h->disk_gib - h->used_disk_gib);
}
EMIT(emit_free_real_disk)
{
    const struct host *h = obj;
    jw_int(w, h->disk_gib - h->disk_seen_gib);
}
EMIT(emit_zero)
{
    jw_int(w, 0);
}
EMIT(emit_service)
{
    const struct host *h = obj;
    jw_object(w);
    jw_kv(w, "host", h->name);
    jw_key(w, "id");
    if (w->mv >= MV(2, 53))
        jw_string(w, h->id);
    else
        emit_service_id(w, f, obj, ctx);
    jw_kv(w, "disabled_reason", h->disabled_reason);
    jw_end(w);
}

/* clang-format off */
#define T struct host
#define BRIEF                                                                                            \
    HOOK("id", .emit = emit_service_id, .until = MV(2, 52)), STR(struct host, id, .since = MV(2, 53)),   \
    STR(struct host, name, AS("hypervisor_hostname")), HOOK("state", .emit = emit_state), HOOK("status", .emit = emit_status)
static const struct field brief_view[] = { BRIEF, { 0 } };
static const struct field detail_view[] = {
    BRIEF, STR(T, hypervisor, AS("hypervisor_type")), I64(T, hypervisor_version_n, AS("hypervisor_version")),
    STR(T, ip, AS("host_ip")), I64(T, cpus, AS("vcpus")), I64(T, used_vcpus, AS("vcpus_used")),
    I64(T, ram_mib, AS("memory_mb")), I64(T, used_ram_mib, AS("memory_mb_used")), HOOK("free_ram_mb", .emit = emit_free_ram),
    I64(T, disk_gib, AS("local_gb")), I64(T, used_disk_gib, AS("local_gb_used")), HOOK("free_disk_gb", .emit = emit_free_disk),
    HOOK("disk_available_least", .emit = emit_free_real_disk), I64(T, running, AS("running_vms")),
    HOOK("current_workload", .emit = emit_zero), HOOK("cpu_info", .emit = emit_cpu_info), HOOK("service", .emit = emit_service),
    { 0 },
};
#undef T
/* clang-format on */

static void put_servers(struct jwriter *w, struct list servers)
{
    const struct server *s = servers.items;

    jw_key(w, "servers");
    jw_array(w);
    for (size_t k = 0; k < servers.n; k++) {
        jw_object(w);
        jw_kv(w, "name", s[k].name);
        jw_kv(w, "uuid", s[k].id);
        jw_end(w);
    }
    jw_end(w);
}

static int list_hypervisors(struct cx *cx, struct req *rq, const struct field *view)
{
    static const char *const known[] = { "limit", "marker", "hypervisor_hostname_pattern", "with_servers", NULL };
    const char *pattern = req_mv(rq) >= MV(2, 53) ? req_query(rq, "hypervisor_hostname_pattern") : NULL;
    struct list hosts, servers = { 0 };
    bool with_servers = req_mv(rq) >= MV(2, 53) && req_query_bool(rq, "with_servers");
    bool pages = req_mv(rq) >= MV(2, 33), past_marker = !pages || !req_query(rq, "marker");
    int64_t limit = 0, n = 0;

    TRY(nova_check_query(rq, known));
    if (pages)
        TRY(nova_limit(rq, &limit));
    TRY(host_list(cx, &hosts));
    const struct host *h = hosts.items;
    const char *last = NULL;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "hypervisors");
    jw_array(w);
    for (size_t i = 0; i < hosts.n && (!limit || n < limit); i++) {
        if (!past_marker) {
            past_marker = str_eq(h[i].id, req_query(rq, "marker"));
            continue;
        }
        if (pattern && !strstr(h[i].name, pattern))
            continue;
        jw_object(w);
        jw_members(w, view, &h[i]);
        if (with_servers)
            TRY(server_list_of_host(cx, h[i].id, &servers));
        if (servers.n || (with_servers && req_mv(rq) >= MV(2, 75)))
            put_servers(w, servers);
        jw_end(w);
        last = h[i].id;
        n++;
    }
    jw_end(w);
    nova_next_link(w, rq, "hypervisors_links", (size_t)n, limit, last);
    jw_end(w);
    if (!past_marker)
        return fail(cx, KIND_INVALID, "marker [%.64s] not found", req_query(rq, "marker"));
    return reply_written(rq);
}

static int hypervisors_list(struct cx *cx, struct req *rq)
{
    return list_hypervisors(cx, rq, brief_view);
}

static int hypervisors_detail(struct cx *cx, struct req *rq)
{
    return list_hypervisors(cx, rq, detail_view);
}

/* Until 2.52: those whose name contains what the path says. */
static int find_by_name(struct cx *cx, struct req *rq, bool with_servers)
{
    const char *part = req_path(rq, "name");
    struct list hosts, servers;
    size_t n = 0;

    TRY(host_list(cx, &hosts));
    const struct host *h = hosts.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "hypervisors");
    jw_array(w);
    for (size_t i = 0; i < hosts.n; i++) {
        if (!strstr(h[i].name, part))
            continue;
        n++;
        jw_object(w);
        jw_members(w, brief_view, &h[i]);
        if (with_servers) {
            TRY(server_list_of_host(cx, h[i].id, &servers));
            if (servers.n)
                put_servers(w, servers);
        }
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return n ? reply_written(rq) : fail(cx, KIND_NOT_FOUND, "No hypervisor matching '%.64s' could be found.", part);
}

static int hypervisors_search(struct cx *cx, struct req *rq)
{
    return find_by_name(cx, rq, false);
}

static int hypervisors_servers(struct cx *cx, struct req *rq)
{
    return find_by_name(cx, rq, true);
}

/* Before 2.53 the id is a number. */
static int find_hypervisor(struct cx *cx, struct req *rq, struct host *ret_host)
{
    const char *id = req_path(rq, "id");
    struct list hosts;

    TRY(host_list(cx, &hosts));
    const struct host *h = hosts.items;
    for (size_t i = 0; i < hosts.n; i++) {
        struct jwriter number = jwriter_new(cx->arena);
        emit_service_id(&number, NULL, &h[i], rq);
        if (str_eq(h[i].id, id) || (req_mv(rq) < MV(2, 53) && str_eq(buf_text(&number.out), id))) {
            *ret_host = h[i];
            return 0;
        }
    }
    return fail(cx, KIND_NOT_FOUND, "Hypervisor with ID '%.64s' could not be found.", id);
}

static int hypervisors_show(struct cx *cx, struct req *rq)
{
    struct host h;

    TRY(find_hypervisor(cx, rq, &h));
    return reply(rq, "hypervisor", detail_view, &h);
}

static int hypervisors_uptime(struct cx *cx, struct req *rq)
{
    static const struct field view[] = { BRIEF, STR(struct host, uptime), { 0 } };
    struct host h;

    TRY(find_hypervisor(cx, rq, &h));
    if (!host_alive(cx, &h))
        return fail(cx, KIND_INVALID, "Compute host %s is down: it cannot be asked for its uptime.", h.name);
    if (!h.uptime)
        return fail(cx, KIND_UNSUPPORTED, "The agent of host %s is too old to tell its uptime.", h.name);
    return reply(rq, "hypervisor", view, &h);
}

static int hypervisors_statistics(struct cx *cx, struct req *rq)
{
    struct list hosts;
    struct host sum = { 0 };

    TRY(host_list(cx, &hosts));
    const struct host *h = hosts.items;
    for (size_t i = 0; i < hosts.n; i++) {
        sum.cpus += h[i].cpus;
        sum.used_vcpus += h[i].used_vcpus;
        sum.ram_mib += h[i].ram_mib;
        sum.used_ram_mib += h[i].used_ram_mib;
        sum.disk_gib += h[i].disk_gib;
        sum.used_disk_gib += h[i].used_disk_gib;
        sum.disk_seen_gib += h[i].disk_seen_gib;
        sum.running += h[i].running;
    }
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "hypervisor_statistics");
    jw_object(w);
    jw_kv_int(w, "count", (int64_t)hosts.n);
    jw_kv_int(w, "vcpus", sum.cpus);
    jw_kv_int(w, "vcpus_used", sum.used_vcpus);
    jw_kv_int(w, "memory_mb", sum.ram_mib);
    jw_kv_int(w, "memory_mb_used", sum.used_ram_mib);
    jw_kv_int(w, "free_ram_mb", sum.ram_mib - sum.used_ram_mib);
    jw_kv_int(w, "local_gb", sum.disk_gib);
    jw_kv_int(w, "local_gb_used", sum.used_disk_gib);
    jw_kv_int(w, "free_disk_gb", sum.disk_gib - sum.used_disk_gib);
    jw_kv_int(w, "disk_available_least", sum.disk_gib - sum.disk_seen_gib);
    jw_kv_int(w, "running_vms", sum.running);
    jw_kv_int(w, "current_workload", 0);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

#define P "os_compute_api:"
/* clang-format off */
const struct route nova_host_routes[] = {
    { "GET",    "/os-availability-zone",        zones_list,    P "os-availability-zone:list",   MAY_READER, NULL, OK(200) },
    { "GET",    "/os-availability-zone/detail", zones_detail,  P "os-availability-zone:detail", MAY_ADMIN,  NULL, OK(200) },
    { "GET",    "/os-services",                 services_list, P "os-services:list",   MAY_ADMIN, NULL, OK(200) },
    { "PUT",    "/os-services/enable",          services_enable,  P "os-services:update", MAY_ADMIN, &switch_body, OK(200), .until = MV(2, 52) },
    { "PUT",    "/os-services/disable",         services_disable, P "os-services:update", MAY_ADMIN, &switch_body, OK(200), .until = MV(2, 52) },
    { "PUT",    "/os-services/disable-log-reason", services_disable_why, P "os-services:update", MAY_ADMIN, &switch_body, OK(200), .until = MV(2, 52) },
    { "PUT",    "/os-services/{id}",            services_change, P "os-services:update", MAY_ADMIN, &service_body, OK(200), .since = MV(2, 53) },
    { "DELETE", "/os-services/{id}",            services_delete, P "os-services:delete", MAY_ADMIN, NULL, OK(204), .since = MV(2, 53) },
    { "GET",    "/os-hypervisors",              hypervisors_list,   P "os-hypervisors:list",        MAY_ADMIN, NULL, OK(200) },
    { "GET",    "/os-hypervisors/detail",       hypervisors_detail, P "os-hypervisors:list-detail", MAY_ADMIN, NULL, OK(200) },
    { "GET",    "/os-hypervisors/statistics",   hypervisors_statistics, P "os-hypervisors:statistics", MAY_ADMIN, NULL, OK(200) },
    { "GET",    "/os-hypervisors/{id}/uptime",    hypervisors_uptime,  P "os-hypervisors:uptime",  MAY_ADMIN, NULL, OK(200) },
    { "GET",    "/os-hypervisors/{name}/search",  hypervisors_search,  P "os-hypervisors:search",  MAY_ADMIN, NULL, OK(200), .until = MV(2, 52) },
    { "GET",    "/os-hypervisors/{name}/servers", hypervisors_servers, P "os-hypervisors:servers", MAY_ADMIN, NULL, OK(200), .until = MV(2, 52) },
    { "GET",    "/os-hypervisors/{id}",         hypervisors_show,   P "os-hypervisors:show",        MAY_ADMIN, NULL, OK(200) },
    { 0 },
};
/* clang-format on */
