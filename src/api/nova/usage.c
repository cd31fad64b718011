/* /os-simple-tenant-usage */
#include "compute/usage.h"

#include "api/nova/nova.h"

struct span {
    int64_t start, end, now; /* microseconds */
    bool detailed;
};

static double hours_of(const struct usage *u, const struct span *span)
{
    int64_t from = u->started_at > span->start ? u->started_at : span->start;
    int64_t to = u->ended_at && u->ended_at < span->end ? u->ended_at : span->end;

    to = to < span->now ? to : span->now;
    return to > from ? (double)(to - from) / 3600e6 : 0;
}

static void put_server(struct jwriter *w, const struct usage *u, const struct span *span)
{
    jw_object(w);
    jw_kv(w, "instance_id", u->server_id);
    jw_kv(w, "name", u->name);
    jw_kv(w, "tenant_id", u->project_id);
    jw_kv(w, "flavor", u->flavor_name);
    jw_kv(w, "state", u->state);
    jw_kv_int(w, "vcpus", u->vcpus);
    jw_kv_int(w, "memory_mb", u->ram_mib);
    jw_kv_int(w, "local_gb", u->root_gib + u->ephemeral_gib);
    jw_key(w, "hours");
    jw_double(w, hours_of(u, span));
    jw_kv_int(w, "uptime", ((u->ended_at ? u->ended_at : span->now) - u->started_at) / 1000000);
    jw_key(w, "started_at");
    jw_time(w, u->started_at, ".000000");
    jw_key(w, "ended_at");
    jw_time(w, u->ended_at, ".000000");
    jw_end(w);
}

/* One project's members; nothing at all when it used nothing. */
static void put_usage(struct jwriter *w, const char *project, const struct usage *u, size_t n, const struct span *span)
{
    double hours = 0, ram = 0, disk = 0, vcpus = 0;

    for (size_t i = 0; i < n; i++) {
        double h = hours_of(&u[i], span);
        hours += h;
        vcpus += h * (double)u[i].vcpus;
        ram += h * (double)u[i].ram_mib;
        disk += h * (double)(u[i].root_gib + u[i].ephemeral_gib);
    }
    jw_object(w);
    jw_kv(w, "tenant_id", project);
    jw_key(w, "total_hours");
    jw_double(w, hours);
    jw_key(w, "total_vcpus_usage");
    jw_double(w, vcpus);
    jw_key(w, "total_memory_mb_usage");
    jw_double(w, ram);
    jw_key(w, "total_local_gb_usage");
    jw_double(w, disk);
    jw_key(w, "start");
    jw_time(w, span->start, ".000000");
    jw_key(w, "stop");
    jw_time(w, span->end, ".000000");
    if (span->detailed) {
        jw_key(w, "server_usages");
        jw_array(w);
        for (size_t i = 0; i < n; i++)
            put_server(w, &u[i], span);
        jw_end(w);
    }
    jw_end(w);
}

/* Four weeks up to now, unless the query says otherwise. */
static int read_span(struct cx *cx, struct req *rq, struct span *ret_span)
{
    struct span s = { cx->now_us - 28LL * 86400 * 1000000, cx->now_us, cx->now_us, req_query_bool(rq, "detailed") };

    TRY(nova_query_time(rq, "start", &s.start));
    TRY(nova_query_time(rq, "end", &s.end));
    if (s.start > s.end)
        return fail(cx, KIND_INVALID, "Invalid start time. The start time cannot occur after the end time.");
    *ret_span = s;
    return 0;
}

static int usage_all(struct cx *cx, struct req *rq)
{
    struct span span;
    struct list all;

    TRY(read_span(cx, rq, &span));
    TRY(usage_list(cx, NULL, span.start, span.end, &all));
    const struct usage *u = all.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "tenant_usages");
    jw_array(w);
    for (size_t i = 0, n; i < all.n; i += n) {
        for (n = 1; i + n < all.n && str_eq(u[i + n].project_id, u[i].project_id);)
            n++;
        put_usage(w, u[i].project_id, &u[i], n, &span);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int usage_show(struct cx *cx, struct req *rq)
{
    const char *project = req_path(rq, "project");
    struct span span;
    struct list all;

    if (!cx->who->is_admin && !str_eq(project, cx->who->project_id))
        return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow os_compute_api:os-simple-tenant-usage:show to be performed.");
    TRY(read_span(cx, rq, &span));
    span.detailed = true;
    TRY(usage_list(cx, project, span.start, span.end, &all));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "tenant_usage");
    if (all.n)
        put_usage(w, project, all.items, all.n, &span);
    else {
        jw_object(w);
        jw_end(w);
    }
    jw_end(w);
    return reply_written(rq);
}

#define P "os_compute_api:os-simple-tenant-usage:"
/* clang-format off */
const struct route nova_usage_routes[] = {
    { "GET", "/os-simple-tenant-usage",           usage_all,  P "list", MAY_ADMIN,  NULL, OK(200) },
    { "GET", "/os-simple-tenant-usage/{project}", usage_show, P "show", MAY_READER, NULL, OK(200) },
    { 0 },
};
/* clang-format on */
