/* /os-hosts, until 2.42: the oldest view of the hosts.  Their power is not the cloud's business here. */
#include "compute/host.h"

#include "api/nova/nova.h"

static int hosts_list(struct cx *cx, struct req *rq)
{
    const char *zone = req_query(rq, "zone");
    struct list hosts;

    TRY(host_list(cx, &hosts));
    const struct host *h = hosts.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "hosts");
    jw_array(w);
    for (size_t i = 0; i < hosts.n; i++) {
        if (!str_empty(zone) && !str_eq(zone, h[i].az))
            continue;
        jw_object(w);
        jw_kv(w, "host_name", h[i].name);
        jw_kv(w, "service", "compute");
        jw_kv(w, "zone", h[i].az);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

struct amount {
    const char *project;
    int64_t cpu, memory_mb, disk_gb;
};

static void put_amount(struct jwriter *w, const struct host *h, struct amount a)
{
    jw_object(w);
    jw_key(w, "resource");
    jw_object(w);
    jw_kv(w, "host", h->name);
    jw_kv(w, "project", a.project);
    jw_kv_int(w, "cpu", a.cpu);
    jw_kv_int(w, "memory_mb", a.memory_mb);
    jw_kv_int(w, "disk_gb", a.disk_gb);
    jw_end(w);
    jw_end(w);
}

static void add_server(struct cx *cx, struct amount **amounts, size_t *n, const struct server *s)
{
    size_t i = 0;

    while (i < *n && !str_eq((*amounts)[i].project, s->project_id))
        i++;
    if (i == *n)
        *arena_push(cx->arena, amounts, n) = (struct amount){ .project = s->project_id };
    (*amounts)[i].cpu += s->vcpus;
    (*amounts)[i].memory_mb += s->ram_mib;
    (*amounts)[i].disk_gb += s->root_gib + s->ephemeral_gib;
}

static int hosts_show(struct cx *cx, struct req *rq)
{
    struct host h;
    struct list servers;
    struct amount *amounts = NULL;
    size_t n = 0;

    TRY(host_get_by_name(cx, req_path(rq, "name"), &h));
    TRY(server_list_of_host(cx, h.id, &servers));
    for (size_t i = 0; i < servers.n; i++)
        add_server(cx, &amounts, &n, &((struct server *)servers.items)[i]);
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "host");
    jw_array(w);
    put_amount(w, &h, (struct amount){ "(total)", h.cpus, h.ram_mib, h.disk_gib });
    put_amount(w, &h, (struct amount){ "(used_now)", h.used_vcpus, h.ram_seen_mib, h.disk_seen_gib });
    put_amount(w, &h, (struct amount){ "(used_max)", h.used_vcpus, h.used_ram_mib, h.used_disk_gib });
    for (size_t i = 0; i < n; i++)
        put_amount(w, &h, amounts[i]);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

struct change_in {
    const char *status, *maintenance_mode;
};

static int hosts_change(struct cx *cx, struct req *rq)
{
    const struct change_in *in = req_body(rq);
    bool disabled = in->status && (*in->status == 'd' || *in->status == 'D');
    struct host h;

    if (!in->status && !in->maintenance_mode)
        return fail(cx, KIND_INVALID, "Invalid request body: it must have a status.");
    TRY(host_get_by_name(cx, req_path(rq, "name"), &h));
    if (in->maintenance_mode)
        return fail(cx, KIND_UNSUPPORTED, "Hosts have no maintenance mode here: disable the host, and move its servers.");
    TRY(host_set_disabled(cx, h.id, disabled, NULL));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_kv(w, "host", h.name);
    jw_kv(w, "status", disabled ? "disabled" : "enabled");
    jw_end(w);
    return reply_written(rq);
}

static int hosts_power(struct cx *cx, struct req *rq)
{
    struct host h;

    TRY(host_get_by_name(cx, req_path(rq, "name"), &h));
    return fail(cx, KIND_UNSUPPORTED, "Hosts are switched on and off by their operators, not by the cloud.");
}

/* clang-format off */
static const char *const switches[] = { "enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE", NULL };
#define T struct change_in
static const struct field change_fields[] = {
    STR(T, status, .one_of = switches), STR(T, maintenance_mode, .one_of = switches), { 0 },
};
#undef T
static const struct body change_body = { NULL, change_fields, sizeof(struct change_in) };

#define P "os_compute_api:os-hosts:"
#define OLD .until = MV(2, 42)
const struct route nova_os_hosts_routes[] = {
    { "GET", "/os-hosts",        hosts_list,   P "list",   MAY_ADMIN, NULL,         OK(200), OLD },
    { "GET", "/os-hosts/{name}", hosts_show,   P "show",   MAY_ADMIN, NULL,         OK(200), OLD },
    { "PUT", "/os-hosts/{name}", hosts_change, P "update", MAY_ADMIN, &change_body, OK(200), OLD },
    { "GET", "/os-hosts/{name}/startup",  hosts_power, P "start",    MAY_ADMIN, NULL, OK(200), OLD },
    { "GET", "/os-hosts/{name}/shutdown", hosts_power, P "shutdown", MAY_ADMIN, NULL, OK(200), OLD },
    { "GET", "/os-hosts/{name}/reboot",   hosts_power, P "reboot",   MAY_ADMIN, NULL, OK(200), OLD },
    { 0 },
};
/* clang-format on */
