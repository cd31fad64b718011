/* /os-security-groups and its rules: the older view of the network's groups, until 2.35; the servers' own list and
 * actions, which go on. */
#include "network/group.h"

#include <jansson.h>
#include <string.h>

#include "api/nova/nova.h"
#include "network/port.h"

/* ---- how they look ---- */

static const struct group *find_group(struct list groups, const char *id)
{
    const struct group *g = groups.items;
    for (size_t i = 0; i < groups.n; i++)
        if (str_eq(g[i].id, id))
            return &g[i];
    return NULL;
}

/* "no ports" has a number of its own here, by protocol. */
static void put_ports(struct jwriter *w, const struct group_rule *r)
{
    bool icmp = str_starts(r->protocol, "icmp", NULL) || str_starts(r->protocol, "ipv6-icmp", NULL);
    bool none = r->port_range_min == RULE_NO_PORT;

    jw_key(w, "from_port");
    if (none && !r->protocol)
        jw_null(w);
    else
        jw_int(w, none ? (icmp ? -1 : 1) : r->port_range_min);
    jw_key(w, "to_port");
    if (r->port_range_max == RULE_NO_PORT && !r->protocol)
        jw_null(w);
    else
        jw_int(w, r->port_range_max == RULE_NO_PORT ? (icmp ? -1 : 65535) : r->port_range_max);
}

static void put_rule(struct jwriter *w, const struct group_rule *r, struct list groups)
{
    const struct group *remote = r->remote_group_id ? find_group(groups, r->remote_group_id) : NULL;

    jw_object(w);
    jw_kv(w, "id", r->id);
    jw_kv(w, "parent_group_id", r->security_group_id);
    jw_kv(w, "ip_protocol", r->protocol);
    put_ports(w, r);
    jw_key(w, "group");
    jw_object(w);
    if (remote) {
        jw_kv(w, "name", remote->name);
        jw_kv(w, "tenant_id", remote->project_id);
    }
    jw_end(w);
    jw_key(w, "ip_range");
    jw_object(w);
    if (!r->remote_group_id)
        jw_kv(w, "cidr", r->remote_ip_prefix ? r->remote_ip_prefix : str_eq(r->ethertype, "IPv6") ? "::/0" : "0.0.0.0/0");
    jw_end(w);
    jw_end(w);
}

static void put_group(struct jwriter *w, const struct group *g, struct list groups)
{
    const struct group_rule *r = g->rules.items;

    jw_object(w);
    jw_kv(w, "id", g->id);
    jw_kv(w, "name", g->name);
    jw_kv(w, "description", g->description ? g->description : "");
    jw_kv(w, "tenant_id", g->project_id);
    jw_key(w, "rules");
    jw_array(w);
    for (size_t i = 0; i < g->rules.n; i++)
        if (str_eq(r[i].direction, "ingress")) /* the older view knows no other */
            put_rule(w, &r[i], groups);
    jw_end(w);
    jw_end(w);
}

/* Names may have spaces at their ends. */
static bool is_group_name(const char *s)
{
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (*p < ' ' || *p == 0x7f)
            return false;
    return s[strspn(s, " ")] != 0;
}

/* All groups of the caller's project: rules name others of them. */
static int own_groups(struct cx *cx, struct list *ret_groups)
{
    const char **project = cx_alloc(cx, sizeof *project);
    *project = cx->who->project_id ? cx->who->project_id : "";
    struct filter_cond cond = { "project_id", FILTER_IN, { project, 1 } };
    struct filter_sort sort = { "name", false };
    struct query q = { .filter = { .conds = &cond, .n_conds = 1, .sorts = &sort, .n_sorts = 1 } };
    return group_list(cx, &q, ret_groups);
}

static int reply_groups(struct req *rq, struct list shown, struct list all)
{
    const struct group *g = shown.items;
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "security_groups");
    jw_array(w);
    for (size_t i = 0; i < shown.n; i++)
        put_group(w, &g[i], all);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int reply_group(struct cx *cx, struct req *rq, const struct group *g)
{
    struct list all;

    TRY(own_groups(cx, &all));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "security_group");
    put_group(w, g, all);
    jw_end(w);
    return reply_written(rq);
}

/* ---- groups ---- */

static int groups_list(struct cx *cx, struct req *rq)
{
    struct query everybodys = { 0 };
    const char *id;
    struct list all;

    if (cx->who->project_id)
        TRY(group_ensure_default(cx, cx->who->project_id, &id));
    TRY(cx->who->is_admin && req_query_bool(rq, "all_tenants") ? group_list(cx, &everybodys, &all) : own_groups(cx, &all));
    return reply_groups(rq, all, all);
}

static int groups_show(struct cx *cx, struct req *rq)
{
    struct group g;

    TRY(group_get(cx, req_path(rq, "id"), &g));
    return reply_group(cx, rq, &g);
}

struct group_in {
    const char *name, *description;
};
/* clang-format off */
static const struct field group_fields[] = {
    STR(struct group_in, name, .required = true, .min = 1, .max = 255, .check = is_group_name),
    STR(struct group_in, description, .required = true, .nullable = true, .max = 255), { 0 },
};
/* clang-format on */
static const struct body group_body = { "security_group", group_fields, sizeof(struct group_in) };

static int groups_create(struct cx *cx, struct req *rq)
{
    const struct group_in *in = req_body(rq);
    struct group g = { .name = in->name, .description = in->description ? in->description : "", .stateful = true };

    TRY(group_add(cx, &g));
    return reply_group(cx, rq, &g);
}

static int groups_change(struct cx *cx, struct req *rq)
{
    const struct group_in *in = req_body(rq);
    struct group g;

    TRY(group_get(cx, req_path(rq, "id"), &g));
    g.name = in->name;
    g.description = in->description ? in->description : "";
    TRY(group_change(cx, &g));
    return reply_group(cx, rq, &g);
}

static int groups_delete(struct cx *cx, struct req *rq)
{
    int r = group_remove(cx, req_path(rq, "id"));
    if (r < 0 && cx->kind == KIND_CONFLICT)
        cx->kind = KIND_INVALID; /* in use: 400 here */
    TRY(r);
    return reply_empty(rq);
}

/* ---- rules ---- */

struct rule_in {
    const char *parent_group_id, *ip_protocol, *cidr, *group_id;
    int64_t from_port, to_port;
};
/* clang-format off */
#define T struct rule_in
static const struct field rule_fields[] = {
    STR(T, parent_group_id, .required = true, .check = nova_is_id, .expected = "It must be a UUID."),
    STR(T, ip_protocol, .nullable = true, .max = 32), STR(T, cidr, .nullable = true, .max = 64),
    STR(T, group_id, .nullable = true, .check = nova_is_id, .expected = "It must be a UUID."),
    I64(T, from_port, .coerce = true, .nullable = true, .bounded = true, .min = -1, .max = 65535, .preset = "-1"),
    I64(T, to_port, .coerce = true, .nullable = true, .bounded = true, .min = -1, .max = 65535, .preset = "-1"), { 0 },
};
#undef T
/* clang-format on */
static const struct body rule_body = { "security_group_rule", rule_fields, sizeof(struct rule_in) };

static int rules_create(struct cx *cx, struct req *rq)
{
    const struct rule_in *in = req_body(rq);
    struct list all;
    char *protocol = arena_strdup(cx->arena, in->ip_protocol);

    for (char *p = protocol; p && *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    struct group_rule r = {
        .security_group_id = in->parent_group_id, .direction = "ingress", .protocol = str_empty(protocol) ? NULL : protocol,
        .ethertype = in->cidr && strchr(in->cidr, ':') ? "IPv6" : "IPv4", .description = "",
        .port_range_min = in->from_port, .port_range_max = in->to_port,
        .remote_group_id = in->group_id, .remote_ip_prefix = str_empty(in->cidr) ? NULL : in->cidr,
    };
    if (!in->group_id && !r.protocol)
        return fail(cx, KIND_INVALID, "Ip protocol, from and to ports, or a source group are needed.");
    int added = group_rule_add(cx, &r);
    if (added < 0 && cx->kind == KIND_CONFLICT)
        cx->kind = KIND_INVALID; /* there already: 400 here */
    TRY(added);
    TRY(own_groups(cx, &all));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "security_group_rule");
    put_rule(w, &r, all);
    jw_end(w);
    return reply_written(rq);
}

static int rules_delete(struct cx *cx, struct req *rq)
{
    TRY(group_rule_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* ---- of servers ---- */

static bool is_listed(const struct group *g, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(g[i].id, id))
            return true;
    return false;
}

static int server_ports(struct cx *cx, const struct server *s, struct list *ret_ports)
{
    const char **id = cx_alloc(cx, sizeof *id);
    *id = s->id;
    struct filter_cond cond = { "device_id", FILTER_IN, { id, 1 } };
    struct port_query q = { .query = { .filter = { .conds = &cond, .n_conds = 1 } } };
    return port_list(cx, &q, ret_ports);
}

static int server_groups_list(struct cx *cx, struct req *rq)
{
    struct server s;
    struct list all, ports, shown = { 0 };
    struct group *items = NULL;

    TRY(nova_server(cx, rq, &s));
    TRY(own_groups(cx, &all));
    TRY(server_ports(cx, &s, &ports));
    const struct port *p = ports.items;
    for (size_t i = 0; i < ports.n; i++)
        for (size_t k = 0; k < p[i].groups.n; k++) {
            const struct group *g = find_group(all, p[i].groups.items[k]);
            if (g && !is_listed(items, shown.n, g->id))
                *arena_push(cx->arena, &items, &shown.n) = *g;
        }
    shown.items = items;
    return reply_groups(rq, shown, all);
}

struct name_in {
    const char *name;
};
/* clang-format off */
static const struct field name_fields[] = { STR(struct name_in, name, .required = true, .min = 1), { 0 } };
/* clang-format on */
static const struct body add_body = { "addSecurityGroup", name_fields, sizeof(struct name_in) };
static const struct body remove_body = { "removeSecurityGroup", name_fields, sizeof(struct name_in) };

static int change_groups(struct cx *cx, struct req *rq, bool add)
{
    const struct name_in *in = req_body(rq);
    const char *name = in->name;
    struct server s;
    struct strs ids;
    struct list ports;
    bool changed = false;

    TRY(nova_server(cx, rq, &s));
    TRY(group_resolve(cx, s.project_id, (struct strs){ &name, 1 }, &ids));
    TRY(server_ports(cx, &s, &ports));
    struct port *p = ports.items;
    for (size_t i = 0; i < ports.n; i++) {
        struct strs kept = { 0 };
        for (size_t k = 0; k < p[i].groups.n; k++)
            if (!str_eq(p[i].groups.items[k], ids.items[0]))
                *arena_push(cx->arena, &kept.items, &kept.n) = p[i].groups.items[k];
        bool had = kept.n != p[i].groups.n;
        if (had == add)
            continue;
        if (add)
            *arena_push(cx->arena, &kept.items, &kept.n) = ids.items[0];
        p[i].groups = kept;
        TRY(port_change(cx, &p[i]));
        changed = true;
    }
    if (!add && !changed)
        return fail(cx, KIND_NOT_FOUND, "Security group %s not associated with the instance %s", in->name, s.id);
    return reply_empty(rq);
}

static int servers_add_group(struct cx *cx, struct req *rq)
{
    return change_groups(cx, rq, true);
}

static int servers_remove_group(struct cx *cx, struct req *rq)
{
    return change_groups(cx, rq, false);
}

#define P "os_compute_api:os-security-groups:"
#define ACTION "POST", "/servers/{id}/action"
/* clang-format off */
const struct route nova_security_group_routes[] = {
    { "GET",    "/os-security-groups",           groups_list,   P "get",    MAY_READER, NULL, OK(200), .until = MV(2, 35),
      .mode = MODE_WRITE /* makes the default group */ },
    { "POST",   "/os-security-groups",           groups_create, P "create", MAY_MEMBER, &group_body, OK(200), .until = MV(2, 35) },
    { "GET",    "/os-security-groups/{id}",      groups_show,   P "show",   MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "PUT",    "/os-security-groups/{id}",      groups_change, P "update", MAY_MEMBER, &group_body, OK(200), .until = MV(2, 35) },
    { "DELETE", "/os-security-groups/{id}",      groups_delete, P "delete", MAY_MEMBER, NULL, OK(202), .until = MV(2, 35) },
    { "POST",   "/os-security-group-rules",      rules_create,  P "rule:create", MAY_MEMBER, &rule_body, OK(200), .until = MV(2, 35) },
    { "DELETE", "/os-security-group-rules/{id}", rules_delete,  P "rule:delete", MAY_MEMBER, NULL, OK(202), .until = MV(2, 35) },
    { "GET",    "/servers/{id}/os-security-groups", server_groups_list, P "list", MAY_READER, NULL, OK(200) },
    { ACTION, servers_add_group,    P "add",    MAY_MEMBER, &add_body,    OK(202), .action = "addSecurityGroup" },
    { ACTION, servers_remove_group, P "remove", MAY_MEMBER, &remove_body, OK(202), .action = "removeSecurityGroup" },
    { 0 },
};
/* clang-format on */
