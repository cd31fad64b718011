#include "network/plan_rows.h"

#include <stdlib.h>
#include <string.h>

#include "network/port.h"
#include "store/store.h"

/* Sets of ids that the rows of some selects give and others ask for.  Here and not as subqueries, which the engine would
 * answer once for each select that has one. */
enum set { SET_NONE, SET_PORTS, SET_OWN_NETWORKS, SET_NETWORKS, SET_OWN_GROUPS, SET_GROUPS, SET_ROUTERS, SET_N };

/* clang-format off */
static const struct field port_rows[] = {
    STR(struct hv_port, server_id),  I64(struct hv_port, position), STR(struct hv_port, id), STR(struct hv_port, network_id),
    STR(struct hv_port, project_id), STR(struct hv_port, mac),   STR(struct hv_port, tag),      I64(struct hv_port, mark),
    BOOL(struct hv_port, secured),   BOOL(struct hv_port, admin_up), { 0 },
};
static const struct field ip_rows[] = {
    STR(struct hv_port_ip, port_id), I64(struct hv_port_ip, position), STR(struct hv_port_ip, ip), STR(struct hv_port_ip, subnet_id),
    INT(struct hv_port_ip, version), { 0 },
};
static const struct field port_group_rows[] = {
    STR(struct hv_port_group, port_id), STR(struct hv_port_group, group_id), { 0 },
};
static const struct field pair_rows[] = {
    STR(struct hv_pair, port_id), STR(struct hv_pair, ip), STR(struct hv_pair, mac), { 0 },
};
static const struct field network_rows[] = {
    STR(struct hv_network, id), STR(struct hv_network, name), BOOL(struct hv_network, flat), BOOL(struct hv_network, admin_up),
    I64(struct hv_network, mtu), { 0 },
};
static const struct field subnet_rows[] = {
    STR(struct hv_subnet, network_id), STR(struct hv_subnet, id),      STR(struct hv_subnet, cidr),    STR(struct hv_subnet, gateway),
    INT(struct hv_subnet, version),    BOOL(struct hv_subnet, dhcp),   STR(struct hv_subnet, dns),     STR(struct hv_subnet, ra_mode),
    STR(struct hv_subnet, address_mode), STR(struct hv_subnet, dhcp_ip), BOOL(struct hv_subnet, gateway_here), { 0 },
};
static const struct field subnet_route_rows[] = {
    STR(struct hv_subnet_route, subnet_id), STR(struct hv_subnet_route, destination), STR(struct hv_subnet_route, nexthop), { 0 },
};
static const struct field group_rows[] = {
    STR(struct hv_group, id), STR(struct hv_group, name), BOOL(struct hv_group, stateful), { 0 },
};
static const struct field rule_rows[] = {
    STR(struct hv_rule, group_id), STR(struct hv_rule, id),       STR(struct hv_rule, direction), STR(struct hv_rule, ethertype),
    STR(struct hv_rule, protocol), I64(struct hv_rule, port_min), I64(struct hv_rule, port_max),  STR(struct hv_rule, remote_cidr),
    STR(struct hv_rule, remote_group), { 0 },
};
static const struct field member_rows[] = {
    STR(struct hv_member, group_id), STR(struct hv_member, ip), { 0 },
};
static const struct field router_rows[] = {
    STR(struct hv_router, id), BOOL(struct hv_router, up), STR(struct hv_router, external_ip), BOOL(struct hv_router, snat), { 0 },
};
static const struct field leg_rows[] = {
    STR(struct hv_leg, router_id), STR(struct hv_leg, subnet_id), STR(struct hv_leg, ip), STR(struct hv_leg, network_id),
    STR(struct hv_leg, cidr), { 0 },
};
static const struct field route_rows[] = {
    STR(struct hv_route, router_id), STR(struct hv_route, destination), STR(struct hv_route, nexthop), { 0 },
};
static const struct field floating_rows[] = {
    STR(struct hv_floating, id), STR(struct hv_floating, floating_ip), STR(struct hv_floating, fixed_ip),
    STR(struct hv_floating, port_id), STR(struct hv_floating, server_id), { 0 },
};

#define ROW(list, table, T, ...) { offsetof(struct host_view, list), table, sizeof(struct T), __VA_ARGS__ }
#define GIVES(set, T, member) { set, offsetof(struct T, member) }
/* In an order in which each set is full before it is asked for. */
static const struct select {
    size_t offset;
    const struct field *columns;
    size_t size;
    unsigned n_order; /* rows are sorted by so many columns, each only once */
    enum set of;      /* $1: these; SET_NONE: the host */
    const char *sql;
    struct {
        enum set set;
        size_t offset; /* of a string; NULL is left out */
    } gives[3];
} selects[] = {
    ROW(ports, port_rows, hv_port, 3, SET_NONE,
        "SELECT server_id, position, id, network_id, project_id, mac_address, nic_tag, mark, port_security_enabled, admin_state_up "
        "FROM port WHERE host_id=$1 AND server_id IS NOT NULL",
        { GIVES(SET_PORTS, hv_port, id), GIVES(SET_OWN_NETWORKS, hv_port, network_id), GIVES(SET_NETWORKS, hv_port, network_id) }),
    ROW(ips, ip_rows, hv_port_ip, 3, SET_PORTS,
        "SELECT i.port_id, i.position, i.ip_address, i.subnet_id, i.version FROM list($1) l JOIN port_ip i ON i.port_id=l.value"),
    ROW(groups_of_ports, port_group_rows, hv_port_group, 2, SET_PORTS,
        "SELECT g.port_id, g.group_id FROM list($1) l JOIN port_group g ON g.port_id=l.value",
        { GIVES(SET_OWN_GROUPS, hv_port_group, group_id), GIVES(SET_GROUPS, hv_port_group, group_id) }),
    ROW(pairs, pair_rows, hv_pair, 3, SET_PORTS,
        "SELECT a.port_id, a.ip_address, a.mac_address FROM list($1) l JOIN port_pair a ON a.port_id=l.value"),
    ROW(routers, router_rows, hv_router, 1, SET_OWN_NETWORKS,
        "SELECT r.id, r.admin_state_up, (SELECT i.ip_address FROM port_ip i WHERE i.port_id=r.gateway_port_id AND i.version=4 ORDER BY "
        "i.position LIMIT 1), r.enable_snat FROM router r WHERE r.id IN (SELECT g.router_id FROM list($1) l "
        "JOIN port p ON p.network_id=l.value JOIN router_leg g ON g.port_id=p.id)",
        { GIVES(SET_ROUTERS, hv_router, id) }),
    ROW(legs, leg_rows, hv_leg, 3, SET_ROUTERS,
        "SELECT g.router_id, i.subnet_id, i.ip_address, p.network_id, s.cidr FROM list($1) l JOIN router_leg g ON g.router_id=l.value "
        "JOIN port p ON p.id=g.port_id JOIN port_ip i ON i.port_id=p.id JOIN subnet s ON s.id=i.subnet_id",
        { GIVES(SET_NETWORKS, hv_leg, network_id) }),
    ROW(routes, route_rows, hv_route, 3, SET_ROUTERS,
        "SELECT r.router_id, r.destination, r.nexthop FROM list($1) l JOIN router_route r ON r.router_id=l.value"),
    ROW(networks, network_rows, hv_network, 1, SET_NETWORKS,
        "SELECT n.id, n.name, CASE WHEN n.network_type='flat' THEN 1 ELSE 0 END, n.admin_state_up, n.mtu FROM list($1) l "
        "JOIN network n ON n.id=l.value"),
    /* The machinery of a flat network is the host itself: it holds the gateway and serves DHCP there. */
    ROW(subnets, subnet_rows, hv_subnet, 2, SET_NETWORKS,
        "SELECT s.network_id, s.id, s.cidr, s.gateway_ip, s.ip_version, s.enable_dhcp, s.dns, s.ipv6_ra_mode, s.ipv6_address_mode, "
        "CASE WHEN n.network_type='flat' THEN s.gateway_ip ELSE (SELECT i.ip_address FROM port_ip i JOIN port p ON p.id=i.port_id "
        "WHERE i.subnet_id=s.id AND p.device_owner='" OWNER_DHCP "' ORDER BY i.ip_address LIMIT 1) END, "
        "CASE WHEN n.network_type='flat' THEN 1 WHEN EXISTS (SELECT 1 FROM port_ip g JOIN router_leg r ON r.port_id=g.port_id "
        "WHERE g.subnet_id=s.id AND g.ip_address=s.gateway_ip) THEN 1 ELSE 0 END "
        "FROM list($1) l JOIN network n ON n.id=l.value JOIN subnet s ON s.network_id=n.id"),
    ROW(subnet_routes, subnet_route_rows, hv_subnet_route, 3, SET_NETWORKS,
        "SELECT r.subnet_id, r.destination, r.nexthop FROM list($1) l JOIN subnet s ON s.network_id=l.value "
        "JOIN subnet_route r ON r.subnet_id=s.id"),
    ROW(rules, rule_rows, hv_rule, 2, SET_OWN_GROUPS,
        "SELECT r.security_group_id, r.id, r.direction, r.ethertype, r.protocol, r.port_range_min, r.port_range_max, "
        "r.remote_ip_prefix, r.remote_group_id FROM list($1) l JOIN security_group_rule r ON r.security_group_id=l.value",
        { GIVES(SET_GROUPS, hv_rule, remote_group) }),
    ROW(groups, group_rows, hv_group, 1, SET_GROUPS,
        "SELECT g.id, g.name, g.stateful FROM list($1) l JOIN security_group g ON g.id=l.value"),
    ROW(members, member_rows, hv_member, 2, SET_GROUPS,
        "SELECT pg.group_id, i.ip_address FROM list($1) l JOIN port_group pg ON pg.group_id=l.value JOIN port_ip i ON i.port_id=pg.port_id "
        "UNION ALL SELECT pg.group_id, a.ip_address FROM list($1) l JOIN port_group pg ON pg.group_id=l.value "
        "JOIN port_pair a ON a.port_id=pg.port_id"),
    ROW(floatings, floating_rows, hv_floating, 1, SET_NONE,
        "SELECT f.id, f.floating_ip_address, f.fixed_ip_address, f.port_id, p.server_id FROM port p "
        "JOIN floating_ip f ON f.port_id=p.id WHERE p.host_id=$1 AND p.server_id IS NOT NULL"),
};
/* clang-format on */

/* ---- order ---- */

static int compare_member(const struct field *f, const char *a, const char *b)
{
    if (f->type == FIELD_STR)
        return strcmp(*(const char *const *)(const void *)(a + f->offset), *(const char *const *)(const void *)(b + f->offset));
    int64_t x = *(const int64_t *)(const void *)(a + f->offset), y = *(const int64_t *)(const void *)(b + f->offset);
    return (x > y) - (x < y);
}

static int compare_rows(const void *a, const void *b, void *arg)
{
    const struct select *s = arg;
    int c = 0;

    for (unsigned i = 0; i < s->n_order && c == 0; i++)
        c = compare_member(&s->columns[i], a, b);
    return c;
}

/* Not by ORDER BY: the engine would copy every row into its sorter and out of it. */
static void sort_rows(const struct select *s, struct list *rows)
{
    struct select order = *s;
    char *items = rows->items;
    size_t n = 0;

    if (rows->n < 2)
        return;
    qsort_r(items, rows->n, s->size, compare_rows, &order);
    for (size_t i = 0; i < rows->n; i++)
        if (!i || compare_rows(items + (n - 1) * s->size, items + i * s->size, &order) != 0)
            memmove(items + n++ * s->size, items + i * s->size, s->size);
    rows->n = n;
}

/* ---- sets ---- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each once: what is asked for twice comes twice. */
static void make_distinct(struct strs *ids)
{
    size_t n = 0;

    if (ids->n < 2)
        return;
    qsort(ids->items, ids->n, sizeof *ids->items, compare_ids);
    for (size_t i = 0; i < ids->n; i++)
        if (!i || strcmp(ids->items[n - 1], ids->items[i]) != 0)
            ids->items[n++] = ids->items[i];
    ids->n = n;
}

/* arena_push() wants to know the true length, so a set that was made distinct is not added to. */
static void give(struct cx *cx, const struct select *s, struct list rows, struct strs sets[SET_N])
{
    for (size_t g = 0; g < N_ELEMENTS(s->gives) && s->gives[g].set; g++)
        for (size_t i = 0; i < rows.n; i++) {
            struct strs *set = &sets[s->gives[g].set];
            const char *id = *(const char **)(void *)((char *)rows.items + i * s->size + s->gives[g].offset);
            if (id)
                *arena_push(cx->arena, &set->items, &set->n) = id;
        }
}

int network_host_view(struct cx *cx, const char *host_id, struct host_view *ret_view)
{
    struct strs sets[SET_N] = { 0 };

    for (size_t i = 0; i < N_ELEMENTS(selects); i++) {
        const struct select *s = &selects[i];
        struct list *rows = (struct list *)(void *)((char *)ret_view + s->offset);
        make_distinct(&sets[s->of]);
        TRY(store_select(cx, s->columns, s->size, rows, s->sql, s->of ? ARGS(sets[s->of]) : ARGS(host_id)));
        sort_rows(s, rows);
        give(cx, s, *rows, sets);
    }
    return 0;
}
