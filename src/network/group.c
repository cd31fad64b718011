#include "network/group.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "identity/quota.h"
#include "network/address.h"
#include "store/filter.h"

/* clang-format off */
static const struct field group_columns[] = {
    STANDARD_COLUMNS(struct group), BOOL(struct group, stateful), { 0 },
};
static const struct field group_rule_columns[] = {
    STR(struct group_rule, id),                STR(struct group_rule, project_id),
    STR(struct group_rule, description),       TIME(struct group_rule, created_at),
    TIME(struct group_rule, updated_at),       I64(struct group_rule, revision_number),
    STR(struct group_rule, security_group_id), STR(struct group_rule, direction),
    STR(struct group_rule, ethertype),         STR(struct group_rule, protocol),
    I64(struct group_rule, port_range_min),    I64(struct group_rule, port_range_max),
    STR(struct group_rule, remote_group_id),   STR(struct group_rule, remote_ip_prefix), { 0 },
};
/* clang-format on */
const struct table group_table = { "security_group", group_columns, .n_key = 1, .size = sizeof(struct group) };
const struct table group_rule_table = { "security_group_rule", group_rule_columns, .n_key = 1,
                                        .size = sizeof(struct group_rule) };

static int group_missing(struct cx *cx, const char *id)
{
    return fail_type(cx, KIND_NOT_FOUND, "SecurityGroupNotFound", "Security group %.64s does not exist", id);
}

/* The row, when the caller may see it. */
static int find_group(struct cx *cx, const char *id, struct group *ret_group)
{
    int r = store_find(cx, &group_table, ret_group, "id=$1", ARGS(id));
    TRY(r);
    return r && owns(cx, ret_group->project_id) ? 0 : group_missing(cx, id);
}

static int load_rules(struct cx *cx, struct list groups)
{
    struct list rules;
    struct group *g = groups.items;

    TRY(rows_in(cx, &group_rule_table, &rules, "security_group_id", ids_of(cx, groups, sizeof *g),
                "security_group_id, created_at, id"));
    for (size_t i = 0; i < groups.n; i++)
        g[i].rules = children_of(rules, sizeof(struct group_rule), offsetof(struct group_rule, security_group_id), g[i].id);
    return 0;
}

int group_get(struct cx *cx, const char *id, struct group *ret_group)
{
    TRY(find_group(cx, id, ret_group));
    return load_rules(cx, (struct list){ ret_group, 1 });
}

int group_list(struct cx *cx, const struct query *q, struct list *ret_groups)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND project_id=?", ARGS(own_project(cx)));
    where_add_tags(&w, q);
    TRY(store_list_filtered(cx, &group_table, ret_groups, &q->filter, where_text(&w), where_args(&w)));
    return load_rules(cx, *ret_groups);
}

static int insert_rule(struct cx *cx, struct group_rule *rule)
{
    rule->id = uuid_new(cx->arena);
    rule->description = rule->description ? rule->description : "";
    rule->created_at = rule->updated_at = cx->now_us;
    TRY(quota_take_named(cx, rule->project_id, "security_group_rule", 1));
    return store_insert(cx, &group_rule_table, rule);
}

static int add_open_rule(struct cx *cx, const struct group *g, const char *direction, const char *ethertype,
                         const char *remote_group_id)
{
    struct group_rule rule = { .project_id = g->project_id, .security_group_id = g->id, .direction = direction,
                               .ethertype = ethertype, .port_range_min = RULE_NO_PORT, .port_range_max = RULE_NO_PORT,
                               .remote_group_id = remote_group_id };
    return insert_rule(cx, &rule);
}

/* Rules are carried out with connection tracking: what a rule lets out has its answers let in. */
static int check_stateful(struct cx *cx, const struct group *g)
{
    return g->stateful ? 0 : fail_type(cx, KIND_INVALID, "HTTPBadRequest",
                                       "Stateless security groups are not supported: leave 'stateful' out, or true.");
}

static int insert_group(struct cx *cx, struct group *g)
{
    TRY(check_stateful(cx, g));
    standard_begin(cx, STANDARD_OF(g));
    TRY(quota_take_named(cx, g->project_id, "security_group", 1));
    TRY(store_insert(cx, &group_table, g));
    TRY(add_open_rule(cx, g, "egress", "IPv4", NULL));
    return add_open_rule(cx, g, "egress", "IPv6", NULL);
}

int group_add(struct cx *cx, struct group *g)
{
    if (str_eq(g->name, "default"))
        return fail_type(cx, KIND_CONFLICT, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.");
    const char *ignored;
    TRY(group_ensure_default(cx, g->project_id ? g->project_id : own_project(cx), &ignored));
    TRY(insert_group(cx, g));
    return load_rules(cx, (struct list){ g, 1 });
}

int group_ensure_default(struct cx *cx, const char *project_id, const char **ret_id)
{
    struct group g = { .project_id = project_id, .name = "default", .description = "Default security group", .stateful = true };

    if (!*project_id)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Security groups belong to a project: use a token of one.");
    int r = store_text(cx, ret_id, "SELECT id FROM security_group WHERE project_id=$1 AND name='default'", ARGS(project_id));
    if (r)
        return r < 0 ? r : 0;
    TRY(insert_group(cx, &g));
    TRY(add_open_rule(cx, &g, "ingress", "IPv4", g.id));
    TRY(add_open_rule(cx, &g, "ingress", "IPv6", g.id));
    *ret_id = g.id;
    return 0;
}

int group_change(struct cx *cx, struct group *g)
{
    struct group old;

    TRY(find_group(cx, g->id, &old));
    if (!str_eq(old.name, g->name) && str_eq(old.name, "default"))
        return fail_type(cx, KIND_CONFLICT, "SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.");
    if (!str_eq(old.name, g->name) && str_eq(g->name, "default"))
        return fail_type(cx, KIND_CONFLICT, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.");
    if (old.stateful)
        TRY(check_stateful(cx, g));
    standard_touch(cx, STANDARD_OF(g));
    return store_update(cx, &group_table, g);
}

int group_remove(struct cx *cx, const char *id)
{
    struct group g;
    int64_t n;

    TRY(find_group(cx, id, &g));
    if (str_eq(g.name, "default") && !sees_all(cx))
        return fail_type(cx, KIND_CONFLICT, "SecurityGroupCannotRemoveDefault",
                         "Insufficient rights for removing default security group.");
    int used = store_int(cx, &n, "SELECT 1 FROM port_group WHERE group_id=$1", ARGS(id));
    TRY(used);
    if (used)
        return fail_type(cx, KIND_CONFLICT, "SecurityGroupInUse", "Security Group %s in use.", id);
    /* rules of others that name the group go too, each from its own project's count */
    struct list rules;
    TRY(store_list(cx, &group_rule_table, &rules, "security_group_id=$1 OR remote_group_id=$2", ARGS(id, id)));
    for (size_t i = 0; i < rules.n; i++)
        TRY(quota_give(cx, ((struct group_rule *)rules.items)[i].project_id, "security_group_rule", 1));
    TRY(store_delete(cx, &group_rule_table, "security_group_id=$1 OR remote_group_id=$2", ARGS(id, id)));
    TRY(store_delete(cx, &group_table, "id=$1", ARGS(id)));
    return quota_give(cx, g.project_id, "security_group", 1);
}

/* One name or id of the project's groups. */
static int resolve_one(struct cx *cx, const char *project_id, const char *name, const char **ret_id)
{
    struct list found;

    TRY(store_list(cx, &group_table, &found, "project_id=$1 AND id=$2", ARGS(project_id, name)));
    if (!found.n)
        TRY(store_list(cx, &group_table, &found, "project_id=$1 AND name=$2 LIMIT 2", ARGS(project_id, name)));
    if (!found.n)
        return fail_type(cx, KIND_NOT_FOUND, "SecurityGroupNotFound", "Security group %.64s not found.", name);
    if (found.n > 1)
        return fail_type(cx, KIND_CONFLICT, "NoUniqueMatch",
                         "Multiple security groups found matching '%.64s'. Use an ID to be more specific.", name);
    *ret_id = ((struct group *)found.items)->id;
    return 0;
}

int group_resolve(struct cx *cx, const char *project_id, struct strs names, struct strs *ret_ids)
{
    struct strs out = { arena_new_array(cx->arena, const char *, names.n + 1), 0 };

    for (size_t i = 0; i < names.n; i++) {
        const char *id;
        size_t seen = 0;
        if (str_eq(names.items[i], "default"))
            TRY(group_ensure_default(cx, project_id, &id));
        else
            TRY(resolve_one(cx, project_id, names.items[i], &id));
        while (seen < out.n && strcmp(out.items[seen], id) != 0)
            seen++;
        if (seen == out.n)
            out.items[out.n++] = id;
    }
    *ret_ids = out;
    return 0;
}

/* ---- rules ---- */

static int bad_rule(struct cx *cx, const char *type, const char *text)
{
    return fail_type(cx, KIND_INVALID, type, "%s", text);
}

/* The protocols that have names, with their numbers. */
static const struct protocol {
    const char *name;
    int number;
} protocols[] = {
    { "ah", 51 },        { "dccp", 33 },      { "egp", 8 },         { "esp", 50 },     { "gre", 47 },
    { "hopopt", 0 },     { "icmp", 1 },       { "igmp", 2 },        { "ip", 0 },       { "ipip", 4 },
    { "ipv6-encap", 41 },{ "ipv6-frag", 44 }, { "icmpv6", 58 },     { "ipv6-icmp", 58 }, { "ipv6-nonxt", 59 },
    { "ipv6-opts", 60 }, { "ipv6-route", 43 },{ "ospf", 89 },       { "pgm", 113 },    { "rsvp", 46 },
    { "sctp", 132 },     { "tcp", 6 },        { "udp", 17 },        { "udplite", 136 }, { "vrrp", 112 },
};

/* -1: none such */
static int protocol_number(const char *name)
{
    int64_t n;

    for (size_t i = 0; i < N_ELEMENTS(protocols); i++)
        if (strcmp(protocols[i].name, name) == 0)
            return protocols[i].number;
    return str_to_i64(name, &n) == 0 && n >= 0 && n <= 255 ? (int)n : -1;
}

static bool has_ports(int protocol)
{
    return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

static int check_ports(struct cx *cx, const struct group_rule *r)
{
    if (r->port_range_min == RULE_NO_PORT || r->port_range_max == RULE_NO_PORT || r->port_range_min > r->port_range_max)
        return bad_rule(cx, "SecurityGroupInvalidPortRange",
                        "For TCP/UDP protocols, port_range_min must be <= port_range_max");
    if (r->port_range_min < 0 || r->port_range_max > 65535)
        return fail_type(cx, KIND_INVALID, "SecurityGroupInvalidPortValue", "Invalid value for port %lld",
                         (long long)(r->port_range_min < 0 ? r->port_range_min : r->port_range_max));
    return 0;
}

static int check_icmp(struct cx *cx, const struct group_rule *r)
{
    if (r->port_range_min == RULE_NO_PORT)
        return fail_type(cx, KIND_INVALID, "SecurityGroupMissingIcmpType",
                         "ICMP code (port-range-max) %lld is provided but ICMP type (port-range-min) is missing.",
                         (long long)r->port_range_max);
    if (r->port_range_min < 0 || r->port_range_min > 255)
        return fail_type(cx, KIND_INVALID, "SecurityGroupInvalidIcmpValue",
                         "Invalid value for ICMP type (port-range-min) %lld. It must be 0 to 255.", (long long)r->port_range_min);
    if (r->port_range_max != RULE_NO_PORT && (r->port_range_max < 0 || r->port_range_max > 255))
        return fail_type(cx, KIND_INVALID, "SecurityGroupInvalidIcmpValue",
                         "Invalid value for ICMP code (port-range-max) %lld. It must be 0 to 255.", (long long)r->port_range_max);
    return 0;
}

static int check_protocol(struct cx *cx, struct group_rule *r)
{
    bool ports = r->port_range_min != RULE_NO_PORT || r->port_range_max != RULE_NO_PORT;

    if (r->protocol && (strcasecmp(r->protocol, "any") == 0 || str_eq(r->protocol, "0"))) /* as Neutron writes null, too */
        r->protocol = NULL;
    if (!r->protocol)
        return ports ? bad_rule(cx, "SecurityGroupProtocolRequiredWithPorts",
                                "Must also specify protocol if port range is given.")
                     : 0;
    char *name = cx_strdup(cx, r->protocol);
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    r->protocol = name;
    int number = protocol_number(name);
    if (number < 0)
        return fail_type(cx, KIND_INVALID, "SecurityGroupRuleInvalidProtocol",
                         "Security group rule protocol %.64s not supported. Only protocol names and numbers 0 to 255 are.", name);
    if ((number == 58 || (number >= 43 && number <= 44) || (number >= 59 && number <= 60)) && str_eq(r->ethertype, "IPv4"))
        return fail_type(cx, KIND_INVALID, "SecurityGroupEthertypeConflictWithProtocol",
                         "Invalid ethertype %s for protocol %s.", r->ethertype, name);
    if (!ports)
        return 0;
    if (number == 1 || number == 58)
        return check_icmp(cx, r);
    if (has_ports(number))
        return check_ports(cx, r);
    return fail_type(cx, KIND_INVALID, "SecurityGroupInvalidProtocolForPort",
                     "Invalid protocol %s for port range, only TCP, UDP, UDPLITE, SCTP and DCCP have ports.", name);
}

static int check_remote(struct cx *cx, struct group_rule *r)
{
    struct group remote;
    struct cidr c;

    if (r->remote_ip_prefix && r->remote_group_id)
        return bad_rule(cx, "SecurityGroupMultipleRemoteEntitites",
                        "Only one of remote_ip_prefix or remote_group_id may be provided.");
    if (r->remote_group_id)
        return find_group(cx, r->remote_group_id, &remote);
    if (!r->remote_ip_prefix)
        return 0;
    if (!cidr_or_address_parse(r->remote_ip_prefix, &c))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for remote_ip_prefix. Reason: '%.64s' is not a valid IP subnet.",
                         r->remote_ip_prefix);
    if ((c.base.version == 4) != str_eq(r->ethertype, "IPv4"))
        return fail_type(cx, KIND_INVALID, "SecurityGroupRuleParameterConflict",
                         "Conflicting value ethertype %s for CIDR %s", r->ethertype, r->remote_ip_prefix);
    if (!strchr(r->remote_ip_prefix, '/'))
        r->remote_ip_prefix = cidr_text(cx->arena, c);
    return 0;
}

const char *group_rule_cidr(struct cx *cx, const struct group_rule *rule)
{
    struct cidr c;
    return rule->remote_ip_prefix && cidr_or_address_parse(rule->remote_ip_prefix, &c) ? cidr_text(cx->arena, c) : NULL;
}

/* "any" network and no network say the same. */
static const char *effective_cidr(struct cx *cx, const struct group_rule *r)
{
    const char *c = group_rule_cidr(cx, r);
    return !c || str_eq(c, "0.0.0.0/0") || str_eq(c, "::/0") ? "" : c;
}

static bool same_protocol(const struct group_rule *a, const struct group_rule *b)
{
    if (!a->protocol || !b->protocol)
        return a->protocol == b->protocol;
    return protocol_number(a->protocol) == protocol_number(b->protocol);
}

static int check_duplicate(struct cx *cx, const struct group_rule *r)
{
    struct list rules;

    TRY(store_list(cx, &group_rule_table, &rules, "security_group_id=$1 AND direction=$2 AND ethertype=$3",
                   ARGS(r->security_group_id, r->direction, r->ethertype)));
    for (size_t i = 0; i < rules.n; i++) {
        const struct group_rule *o = (const struct group_rule *)rules.items + i;
        if (same_protocol(o, r) && o->port_range_min == r->port_range_min && o->port_range_max == r->port_range_max &&
            str_eq(o->remote_group_id ? o->remote_group_id : "", r->remote_group_id ? r->remote_group_id : "") &&
            str_eq(effective_cidr(cx, o), effective_cidr(cx, r)))
            return fail_type(cx, KIND_CONFLICT, "SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", o->id);
    }
    return 0;
}

int group_rule_add(struct cx *cx, struct group_rule *rule)
{
    struct group g;

    TRY(find_group(cx, rule->security_group_id, &g));
    TRY(check_protocol(cx, rule));
    TRY(check_remote(cx, rule));
    TRY(check_duplicate(cx, rule));
    rule->project_id = g.project_id;
    TRY(insert_rule(cx, rule));
    standard_touch(cx, STANDARD_OF(&g));
    return store_update(cx, &group_table, &g);
}

int group_rule_get(struct cx *cx, const char *id, struct group_rule *ret_rule)
{
    int r = store_find(cx, &group_rule_table, ret_rule, "id=$1", ARGS(id));
    TRY(r);
    if (r && owns(cx, ret_rule->project_id))
        return 0;
    return fail_type(cx, KIND_NOT_FOUND, "SecurityGroupRuleNotFound", "Security group rule %.64s does not exist", id);
}

int group_rule_list(struct cx *cx, const struct query *q, struct list *ret_rules)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND project_id=?", ARGS(own_project(cx)));
    return store_list_filtered(cx, &group_rule_table, ret_rules, &q->filter, where_text(&w), where_args(&w));
}

int group_rule_remove(struct cx *cx, const char *id)
{
    struct group_rule rule;
    struct group g;

    TRY(group_rule_get(cx, id, &rule));
    TRY(find_group(cx, rule.security_group_id, &g));
    TRY(store_delete(cx, &group_rule_table, "id=$1", ARGS(id)));
    TRY(quota_give(cx, rule.project_id, "security_group_rule", 1));
    standard_touch(cx, STANDARD_OF(&g));
    return store_update(cx, &group_table, &g);
}
