/* /servers/{id}/os-instance-actions */
#include "compute/history.h"

#include "api/nova/nova.h"

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
EMIT(emit_start)
{
    const struct server_action *a = obj;
    jw_time(w, a->start_at, ".000000");
}
EMIT(emit_updated)
{
    const struct server_action *a = obj;
    jw_time(w, a->updated_at, ".000000");
}
EMIT(emit_event_start)
{
    const struct server_event *e = obj;
    jw_time(w, e->start_at, ".000000");
}
EMIT(emit_event_finish)
{
    const struct server_event *e = obj;
    jw_time(w, e->finish_at, ".000000");
}
/* A host's name is for admins; what tenants get tells two hosts apart. */
EMIT(emit_host_id)
{
    const struct server_event *e = obj;
    const struct server_action *a = ctx;
    jw_string(w, nova_host_id(w->out.arena, a->project_id ? a->project_id : "", e->host_name));
}

/* clang-format off */
#define T struct server_action
static const struct field action_view[] = {
    STR(T, action), STR(T, server_id, AS("instance_uuid")), STR(T, request_id), STR(T, user_id), STR(T, project_id),
    HOOK("start_time", .emit = emit_start), STR(T, message), HOOK("updated_at", .emit = emit_updated, .since = MV(2, 58)), { 0 },
};
#undef T
#define T struct server_event
static const struct field event_view[] = {
    STR(T, event), HOOK("start_time", .emit = emit_event_start), HOOK("finish_time", .emit = emit_event_finish),
    STR(T, result), STR(T, details, AS("traceback"), .admin = true),
    HOOK("hostId", .emit = emit_host_id, .since = MV(2, 62)), STR(T, host_name, AS("host"), .admin = true, .since = MV(2, 62)),
    { 0 },
};
#undef T
static const char *const known_query[] = { "limit", "marker", "changes-since", "changes-before", NULL };
/* clang-format on */

static void add_time(struct cx *cx, struct filter *f, enum filter_op op, int64_t us)
{
    const char **v = cx_alloc(cx, sizeof *v);
    *v = cx_printf(cx, "%lld", (long long)us);
    *arena_push(cx->arena, &f->conds, &f->n_conds) = (struct filter_cond){ "updated_at", op, { v, 1 } };
}

static int read_pages(struct cx *cx, struct req *rq, struct filter *f)
{
    int64_t since = 0, before = 0;

    if (req_mv(rq) < MV(2, 58))
        return 0;
    TRY(nova_limit(rq, &f->limit));
    f->marker = req_query(rq, "marker");
    TRY(nova_query_time(rq, "changes-since", &since));
    if (req_mv(rq) >= MV(2, 66))
        TRY(nova_query_time(rq, "changes-before", &before));
    if (since)
        add_time(cx, f, FILTER_GE, since);
    if (before)
        add_time(cx, f, FILTER_LE, before);
    return 0;
}

static int actions_list(struct cx *cx, struct req *rq)
{
    struct filter_sort newest = { "start_at", true };
    struct filter f = { .sorts = &newest, .n_sorts = 1, .id_column = "request_id" };
    struct list actions;

    if (req_mv(rq) >= MV(2, 58))
        TRY(nova_check_query(rq, known_query));
    TRY(read_pages(cx, rq, &f));
    TRY(history_list(cx, req_path(rq, "id"), req_mv(rq) >= MV(2, 21), &f, &actions));
    const struct server_action *a = actions.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "instanceActions");
    jw_array(w);
    for (size_t i = 0; i < actions.n; i++)
        jw_fields(w, action_view, &a[i]);
    jw_end(w);
    nova_next_link(w, rq, "links", actions.n, f.limit, actions.n ? a[actions.n - 1].request_id : NULL);
    jw_end(w);
    return reply_written(rq);
}

static int actions_show(struct cx *cx, struct req *rq)
{
    struct server_action a;
    struct list events;

    TRY(history_get(cx, req_path(rq, "id"), req_mv(rq) >= MV(2, 21), req_path(rq, "request"), &a, &events));
    const struct server_event *e = events.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "instanceAction");
    jw_object(w);
    jw_members(w, action_view, &a);
    w->ctx = &a;
    if (w->admin || w->mv >= MV(2, 51)) {
        jw_key(w, "events");
        jw_array(w);
        for (size_t i = 0; i < events.n; i++)
            jw_fields(w, event_view, &e[i]);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

#define P "os_compute_api:os-instance-actions:"
/* clang-format off */
const struct route nova_history_routes[] = {
    { "GET", "/servers/{id}/os-instance-actions",           actions_list, P "list", MAY_READER, NULL, OK(200) },
    { "GET", "/servers/{id}/os-instance-actions/{request}", actions_show, P "show", MAY_READER, NULL, OK(200) },
    { 0 },
};
/* clang-format on */
