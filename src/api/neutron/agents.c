/* The hosts, as Neutron shows those who do the network's work. */
#include <string.h>

#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "base/text.h"
#include "compute/host.h"

/* clang-format off */
static void emit_type(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_string(w, "Alamo agent");
}
static void emit_binary(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_string(w, "alamo-agent");
}
static void emit_topic(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_string(w, "N/A");
}
static void emit_up(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_bool(w, true);
}
static void emit_alive(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_bool(w, host_alive(ctx, obj));
}
/* Neutron's own form, "2026-11-22 07:00:00". */
static void emit_time(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    char *s = arena_strdup(w->out.arena, text_of_time(w->out.arena, *(const int64_t *)(const void *)((const char *)obj + f->offset), ""));
    char *t = strchr(s, 'T');
    if (t)
        *t = ' ';
    jw_string(w, s);
}
static void emit_configurations(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_object(w);
    jw_end(w);
}
static const struct field view[] = {
    STR(struct host, id),
    HOOK("agent_type", .emit = emit_type),
    HOOK("binary", .emit = emit_binary),
    HOOK("topic", .emit = emit_topic),
    STR(struct host, name, AS("host")),
    STR(struct host, az, AS("availability_zone")),
    HOOK("admin_state_up", .emit = emit_up),
    HOOK("alive", .emit = emit_alive),
    TIME(struct host, created_at, .emit = emit_time),
    TIME(struct host, created_at, AS("started_at"), .emit = emit_time),
    TIME(struct host, last_seen_us, AS("heartbeat_timestamp"), .emit = emit_time),
    HOOK("configurations", .emit = emit_configurations),
    { 0 },
};
/* clang-format on */

static int agents_list(struct cx *cx, struct req *rq)
{
    struct list hosts = { 0 };

    if (sees_all(cx)) /* others may ask, as in Neutron, and see none */
        TRY(host_list(cx, &hosts));
    reply_context(rq, cx);
    return reply_list(rq, "agents", NULL, view, hosts, sizeof(struct host));
}

static int agents_show(struct cx *cx, struct req *rq)
{
    struct host host;

    if (host_get(cx, req_path(rq, "id"), &host) < 0)
        return fail_type(cx, KIND_NOT_FOUND, "AgentNotFound", "Agent %.64s could not be found.", req_path(rq, "id"));
    reply_context(rq, cx);
    return reply(rq, "agent", view, &host);
}

/* clang-format off */
const struct route neutron_agent_routes[] = {
    { "GET", "/agents",      agents_list, "get_agent", MAY_READER, NULL, OK(200) },
    { "GET", "/agents/{id}", agents_show, "get_agent", MAY_ADMIN, NULL, OK(200) },
    { 0 },
};
