#include <jansson.h>

#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "identity/project.h"
#include "network/group.h"

/* ---- rules ---- */

/* null is "any"; -1 stands for that inside, so it is refused here. */
static int parse_port(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    int64_t *port = (int64_t *)(void *)((char *)obj + f->offset), n;

    *port = RULE_NO_PORT;
    if (json_is_null(value))
        return 0;
    if (json_is_integer(value))
        n = json_integer_value(value);
    else if (!json_is_string(value) || str_to_i64(json_string_value(value), &n) < 0)
        return fail_type(cx, KIND_INVALID, "SecurityGroupInvalidPortValue", "Invalid value for port %.64s", json_text(cx, value));
    if (n < 0 || n > 65535)
        return fail_type(cx, KIND_INVALID, "SecurityGroupInvalidPortValue", "Invalid value for port %lld", (long long)n);
    *port = n;
    return 0;
}

/* A name, or a number of either type. */
static int parse_protocol(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct group_rule *r = obj;

    if (json_is_integer(value))
        r->protocol = cx_printf(cx, "%lld", (long long)json_integer_value(value));
    else if (json_is_string(value) && *json_string_value(value) && json_string_length(value) < 40)
        r->protocol = json_string_value(value);
    else if (!json_is_null(value))
        return fail_type(cx, KIND_INVALID, "SecurityGroupRuleInvalidProtocol", "Security group rule protocol %.64s not supported.", json_text(cx, value));
    return 0;
}

static void emit_port(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    int64_t port = *(const int64_t *)(const void *)((const char *)obj + f->offset);
    if (port == RULE_NO_PORT)
        jw_null(w);
    else
        jw_int(w, port);
}

static const char *const directions[] = { "ingress", "egress", NULL };
static const char *const ethertypes[] = { "IPv4", "IPv6", NULL };
/* clang-format off */
static const struct field rule_fields[] = {
    STR(struct group_rule, security_group_id, .required = true),
    STR(struct group_rule, direction, .required = true, .one_of = directions),
    STR(struct group_rule, ethertype, .preset = "IPv4", .one_of = ethertypes),
    STR(struct group_rule, protocol, .parse = parse_protocol),
    I64(struct group_rule, port_range_min, .parse = parse_port, .preset = "-1"),
    I64(struct group_rule, port_range_max, .parse = parse_port, .preset = "-1"),
    STR(struct group_rule, remote_group_id, .nullable = true),
    STR(struct group_rule, remote_ip_prefix, .nullable = true),
    STR(struct group_rule, description, .preset = "", .nullable = true),
    STR(struct group_rule, project_id),
    STR(struct group_rule, project_id, AS("tenant_id")),
    { 0 },
};
static const struct body rule_body = { "security_group_rule", rule_fields, sizeof(struct group_rule), .plural = "security_group_rules", .max = 1 << 20 };

static void emit_cidr(struct jwriter *w, const struct field *f, const void *obj, const void *ctx);
static const struct field rule_view[] = {
    STR(struct group_rule, id),
    STR(struct group_rule, project_id),
    STR(struct group_rule, project_id, AS("tenant_id")),
    STR(struct group_rule, description),
    TIME(struct group_rule, created_at),
    TIME(struct group_rule, updated_at),
    I64(struct group_rule, revision_number),
    STR(struct group_rule, security_group_id),
    STR(struct group_rule, direction),
    STR(struct group_rule, ethertype),
    STR(struct group_rule, protocol),
    I64(struct group_rule, port_range_min, .emit = emit_port),
    I64(struct group_rule, port_range_max, .emit = emit_port),
    STR(struct group_rule, remote_group_id),
    STR(struct group_rule, remote_ip_prefix),
    HOOK("normalized_cidr", .emit = emit_cidr),
    { 0 },
};
static const char *const rule_filters[] = {
    "id", "project_id", "tenant_id=project_id", "description", "revision_number", "security_group_id", "direction", "ethertype", "protocol",
    "port_range_min", "port_range_max", "remote_group_id", "remote_ip_prefix", NULL,
};
static const char *const rule_also[] = { "changed_since", NULL };
/* clang-format on */

static void emit_cidr(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    struct cx cx; /* only its arena is used */
    cx_begin_in(&cx, w->out.arena);
    jw_string(w, group_rule_cidr(&cx, obj));
}

static int rules_list(struct cx *cx, struct req *rq)
{
    const struct paging paging = { .columns = group_rule_table.columns, .filters = rule_filters, .sorts = rule_filters, .also = rule_also, .strict = true,
                                   .neutron = true };
    struct query q;
    struct list rules;

    TRY(neutron_query(rq, &paging, &q));
    TRY(group_rule_list(cx, &q, &rules));
    return neutron_reply_list(rq, "security_group_rules", rule_view, rules, sizeof(struct group_rule), &q);
}

static int rules_create(struct cx *cx, struct req *rq)
{
    struct list in = req_bodies(rq, NULL);
    struct group_rule *r = arena_new_array(cx->arena, struct group_rule, in.n);

    for (size_t i = 0; i < in.n; i++) {
        r[i] = ((const struct group_rule *)in.items)[i];
        TRY(neutron_check_project(cx, r[i].project_id));
        TRY(group_rule_add(cx, &r[i]));
    }
    return neutron_reply_created(rq, "security_group_rule", "security_group_rules", rule_view, (struct list){ r, in.n }, sizeof *r);
}

static int rules_show(struct cx *cx, struct req *rq)
{
    struct group_rule r;

    TRY(group_rule_get(cx, req_path(rq, "id"), &r));
    return reply(rq, "security_group_rule", rule_view, &r);
}

static int rules_delete(struct cx *cx, struct req *rq)
{
    TRY(group_rule_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* ---- groups ---- */

/* clang-format off */
static const struct field group_fields[] = {
    STR(struct group, name, .required = true),
    STR(struct group, description, .preset = ""),
    STR(struct group, project_id, .write_once = true),
    STR(struct group, project_id, AS("tenant_id"), .write_once = true),
    BOOL(struct group, stateful, .preset = "true", .coerce = true),
    { 0 },
};
static const struct body create_body = { "security_group", group_fields, sizeof(struct group), .plural = "security_groups", .max = 1 << 20 };
static const struct body update_body = { "security_group", group_fields, sizeof(struct group), .overlay = true };
static const struct field group_view[] = {
    STANDARD_VIEW(struct group),
    BOOL(struct group, stateful),
    LIST(struct group, rules, struct group_rule, rule_view, AS("security_group_rules")),
    { 0 },
};
static const char *const group_filters[] = { STANDARD_FILTERS, "stateful", NULL };
/* clang-format on */

/* An admin who looks at another project's groups finds the default one, too, and can count with it. */
static int ensure_default_of(struct cx *cx, const char *project_id)
{
    struct project p;
    const char *id;

    if (!project_id)
        return 0;
    if (project_get(cx, project_id, &p) < 0) {
        fail_clear(cx);
        return 0;
    }
    return group_ensure_default(cx, project_id, &id);
}

static int groups_list(struct cx *cx, struct req *rq)
{
    const struct paging paging = { .columns = group_table.columns, .filters = group_filters, .sorts = group_filters,
                                   .also = neutron_tag_filters, .strict = true, .neutron = true };
    struct query q;
    struct list groups;
    const char *id;

    TRY(neutron_query(rq, &paging, &q));
    if (*own_project(cx))
        TRY(group_ensure_default(cx, own_project(cx), &id));
    if (sees_all(cx))
        TRY(ensure_default_of(cx, req_query(rq, "project_id") ? req_query(rq, "project_id") : req_query(rq, "tenant_id")));
    TRY(group_list(cx, &q, &groups));
    return neutron_reply_list(rq, "security_groups", group_view, groups, sizeof(struct group), &q);
}

static int groups_create(struct cx *cx, struct req *rq)
{
    struct list in = req_bodies(rq, NULL);
    struct group *g = arena_new_array(cx->arena, struct group, in.n);

    for (size_t i = 0; i < in.n; i++) {
        g[i] = ((const struct group *)in.items)[i];
        TRY(neutron_check_project(cx, g[i].project_id));
        TRY(group_add(cx, &g[i]));
    }
    return neutron_reply_created(rq, "security_group", "security_groups", group_view, (struct list){ g, in.n }, sizeof *g);
}

static int groups_show(struct cx *cx, struct req *rq)
{
    struct group g;

    TRY(group_get(cx, req_path(rq, "id"), &g));
    return reply(rq, "security_group", group_view, &g);
}

static int groups_update(struct cx *cx, struct req *rq)
{
    struct group g;

    TRY(neutron_check_revision(rq, "security-groups"));
    TRY(group_get(cx, req_path(rq, "id"), &g));
    TRY(req_overlay(rq, &g));
    TRY(group_change(cx, &g));
    return reply(rq, "security_group", group_view, &g);
}

static int groups_delete(struct cx *cx, struct req *rq)
{
    TRY(neutron_check_revision(rq, "security-groups"));
    TRY(group_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* The list makes the project's default group when it is the first to look: it writes.
 * clang-format off */
const struct route neutron_group_routes[] = {
    { "GET",    "/security-groups",           groups_list,   "get_security_group",         MAY_READER, NULL,         OK(200), .mode = MODE_WRITE },
    { "POST",   "/security-groups",           groups_create, "create_security_group",      MAY_MEMBER, &create_body, OK(201) },
    { "GET",    "/security-groups/{id}",      groups_show,   "get_security_group",         MAY_READER, NULL,         OK(200) },
    { "PUT",    "/security-groups/{id}",      groups_update, "update_security_group",      MAY_MEMBER, &update_body, OK(200) },
    { "DELETE", "/security-groups/{id}",      groups_delete, "delete_security_group",      MAY_MEMBER, NULL,         OK(204) },
    { "GET",    "/security-group-rules",      rules_list,    "get_security_group_rule",    MAY_READER, NULL,         OK(200) },
    { "POST",   "/security-group-rules",      rules_create,  "create_security_group_rule", MAY_MEMBER, &rule_body,   OK(201) },
    { "GET",    "/security-group-rules/{id}", rules_show,    "get_security_group_rule",    MAY_READER, NULL,         OK(200) },
    { "DELETE", "/security-group-rules/{id}", rules_delete,  "delete_security_group_rule", MAY_MEMBER, NULL,         OK(204) },
    { 0 },
};
