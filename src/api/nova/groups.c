/* /os-server-groups */
#include "compute/group.h"

#include <jansson.h>
#include <string.h>

#include "api/nova/nova.h"

enum { OFFSET_MAX = 1000000 };

struct seen { /* a group with its members' ids */
    struct server_group group;
    struct strs members;
};

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
EMIT(emit_policies)
{
    const struct seen *s = obj;
    jw_array(w);
    jw_string(w, s->group.policy);
    jw_end(w);
}
EMIT(emit_empty)
{
    jw_object(w);
    jw_end(w);
}
EMIT(emit_rules)
{
    const struct seen *s = obj;
    jw_object(w);
    if (str_eq(s->group.policy, "anti-affinity"))
        jw_kv_int(w, "max_server_per_host", s->group.max_server_per_host);
    jw_end(w);
}

struct group_in {
    const char *name, *policy;
    struct strs policies;
    int64_t max_server_per_host;
    bool has_rules;
};

static int parse_rules(struct cx *cx, const struct field *f, const struct json_t *v, void *obj)
{
    static const struct field rules[] = {
        I64(struct group_in, max_server_per_host, .coerce = true, .min = 1, .max = INT32_MAX), { 0 },
    };
    struct group_in *in = obj;
    in->has_rules = json_object_size(v) > 0;
    return json_read(cx, rules, v, (struct json_rules){ .where = "rules" }, obj);
}

/* clang-format off */
static const char *const old_policies[] = { "affinity", "anti-affinity", NULL };
static const char *const policies[] = { "affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity", NULL };
#define T struct group_in
static const struct field create_fields[] = {
    STR(T, name, .required = true, .min = 1, .max = 255, .check = nova_is_name),
    STRS(T, policies, .required = true, .max = 1, .one_of = old_policies, .until = MV(2, 14)),
    STRS(T, policies, .required = true, .max = 1, .one_of = policies, .since = MV(2, 15), .until = MV(2, 63)),
    STR(T, policy, .required = true, .one_of = policies, .since = MV(2, 64)),
    HOOK("rules", .parse = parse_rules, .since = MV(2, 64)), { 0 },
};
#undef T
static const struct body create_body = { "server_group", create_fields, sizeof(struct group_in) };
#define T struct server_group
static const struct field view[] = {
    STR(T, id), STR(T, name), STR(T, project_id, .since = MV(2, 13)), STR(T, user_id, .since = MV(2, 13)),
    STRS(struct seen, members), HOOK("policies", .emit = emit_policies, .until = MV(2, 63)),
    HOOK("metadata", .emit = emit_empty, .until = MV(2, 63)), STR(T, policy, .since = MV(2, 64)),
    HOOK("rules", .emit = emit_rules, .since = MV(2, 64)), { 0 },
};
#undef T
/* clang-format on */

/* Members once for the whole list. */
static int gather(struct cx *cx, struct list groups, const char *only, struct list *ret_seen)
{
    struct seen *seen = arena_new_array(cx->arena, struct seen, groups.n + 1);
    const struct server_group *g = groups.items;
    struct list members;

    TRY(server_group_members(cx, only, &members));
    const struct server_group_member *m = members.items;
    for (size_t i = 0; i < groups.n; i++) {
        seen[i].group = g[i];
        for (size_t k = 0; k < members.n; k++)
            if (str_eq(m[k].group_id, g[i].id))
                *arena_push(cx->arena, &seen[i].members.items, &seen[i].members.n) = m[k].server_id;
    }
    *ret_seen = (struct list){ seen, groups.n };
    return 0;
}

static int groups_list(struct cx *cx, struct req *rq)
{
    static const char *const known[] = { "all_projects", "limit", "offset", NULL };
    struct list groups, seen;
    int64_t limit, offset = 0;

    TRY(nova_check_query(rq, known));
    TRY(nova_limit(rq, &limit));
    const char *text = req_query(rq, "offset");
    if (text && (str_to_i64(text, &offset) < 0 || offset < 0 || offset > OFFSET_MAX))
        return fail(cx, KIND_INVALID, "Invalid input for query parameters offset. Value: %.32s.", text);
    TRY(server_group_list(cx, req_query_bool(rq, "all_projects"), limit, offset, &groups));
    TRY(gather(cx, groups, NULL, &seen));
    return reply_list(rq, "server_groups", NULL, view, seen, sizeof(struct seen));
}

static int reply_group(struct cx *cx, struct req *rq, const struct server_group *group)
{
    struct server_group copy = *group;
    struct list seen;

    TRY(gather(cx, (struct list){ &copy, 1 }, group->id, &seen));
    return reply(rq, "server_group", view, seen.items);
}

static int groups_show(struct cx *cx, struct req *rq)
{
    struct server_group g;

    TRY(server_group_get(cx, req_path(rq, "id"), &g));
    return reply_group(cx, rq, &g);
}

static int groups_create(struct cx *cx, struct req *rq)
{
    const struct group_in *in = req_body(rq);
    struct server_group g = { .name = in->name, .policy = in->policy ? in->policy : in->policies.n ? in->policies.items[0] : NULL,
                              .max_server_per_host = in->max_server_per_host ? in->max_server_per_host : 1 };

    if (!g.policy)
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute policies. [] is too short");
    if (in->has_rules && !str_eq(g.policy, "anti-affinity"))
        return fail(cx, KIND_INVALID, "Only anti-affinity policy supports rules.");
    TRY(server_group_add(cx, &g));
    return reply_group(cx, rq, &g);
}

static int groups_delete(struct cx *cx, struct req *rq)
{
    TRY(server_group_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

#define P "os_compute_api:os-server-groups:"
/* clang-format off */
const struct route nova_group_routes[] = {
    { "GET",    "/os-server-groups",      groups_list,   P "index",  MAY_READER, NULL, OK(200) },
    { "POST",   "/os-server-groups",      groups_create, P "create", MAY_MEMBER, &create_body, OK(200) },
    { "GET",    "/os-server-groups/{id}", groups_show,   P "show",   MAY_READER, NULL, OK(200) },
    { "DELETE", "/os-server-groups/{id}", groups_delete, P "delete", MAY_MEMBER, NULL, OK(204) },
    { 0 },
};
/* clang-format on */
