#include "network/plan_rows.h"

#include "network/port.h"
#include "store/store.h"

/* Sets that several selects share; $1 is the host. */
#define PORTS "SELECT id FROM port WHERE host_id=$1 AND server_id IS NOT NULL"
#define OWN_NETWORKS "SELECT network_id FROM port WHERE host_id=$1 AND server_id IS NOT NULL"
#define ROUTERS                                                                                              \
    "SELECT l.router_id FROM router_leg l JOIN port lp ON lp.id=l.port_id WHERE lp.network_id IN (" OWN_NETWORKS ")"
#define NETWORKS                                                                                             \
    OWN_NETWORKS " UNION SELECT rp.network_id FROM router_leg rl JOIN port rp ON rp.id=rl.port_id WHERE "    \
                 "rl.router_id IN (" ROUTERS ")"
#define OWN_GROUPS "SELECT group_id FROM port_group WHERE port_id IN (" PORTS ")"
#define GROUPS                                                                                               \
    OWN_GROUPS " UNION SELECT remote_group_id FROM security_group_rule WHERE remote_group_id IS NOT NULL AND " \
               "security_group_id IN (" OWN_GROUPS ")"

/* clang-format off */
static const struct field port_rows[] = {
    STR(struct hv_port, server_id),  STR(struct hv_port, id),    I64(struct hv_port, position), STR(struct hv_port, network_id),
    STR(struct hv_port, project_id), STR(struct hv_port, mac),   STR(struct hv_port, tag),      I64(struct hv_port, mark),
    BOOL(struct hv_port, secured),   BOOL(struct hv_port, admin_up), { 0 },
};
static const struct field ip_rows[] = {
    STR(struct hv_port_ip, port_id), STR(struct hv_port_ip, ip), STR(struct hv_port_ip, subnet_id), INT(struct hv_port_ip, version), { 0 },
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
    STR(struct hv_leg, router_id), STR(struct hv_leg, network_id), STR(struct hv_leg, subnet_id), STR(struct hv_leg, ip),
    STR(struct hv_leg, cidr), { 0 },
};
static const struct field route_rows[] = {
    STR(struct hv_route, router_id), STR(struct hv_route, destination), STR(struct hv_route, nexthop), { 0 },
};
static const struct field floating_rows[] = {
    STR(struct hv_floating, id), STR(struct hv_floating, floating_ip), STR(struct hv_floating, fixed_ip),
    STR(struct hv_floating, port_id), STR(struct hv_floating, server_id), { 0 },
};

#define ROW(list, table, T, sql) { offsetof(struct host_view, list), table, sizeof(struct T), sql }
static const struct select {
    size_t offset;
    const struct field *columns;
    size_t size;
    const char *sql;
} selects[] = {
    ROW(ports, port_rows, hv_port,
        "SELECT server_id, id, position, network_id, project_id, mac_address, nic_tag, mark, port_security_enabled, admin_state_up "
        "FROM port WHERE host_id=$1 AND server_id IS NOT NULL ORDER BY server_id, position, id"),
    ROW(ips, ip_rows, hv_port_ip,
        "SELECT port_id, ip_address, subnet_id, version FROM port_ip WHERE port_id IN (" PORTS ") ORDER BY port_id, position, ip_address"),
    ROW(groups_of_ports, port_group_rows, hv_port_group,
        "SELECT port_id, group_id FROM port_group WHERE port_id IN (" PORTS ") ORDER BY port_id, group_id"),
    ROW(pairs, pair_rows, hv_pair,
        "SELECT port_id, ip_address, mac_address FROM port_pair WHERE port_id IN (" PORTS ") ORDER BY port_id, ip_address, mac_address"),
    ROW(networks, network_rows, hv_network,
        "SELECT id, name, CASE WHEN network_type='flat' THEN 1 ELSE 0 END, admin_state_up, mtu FROM network WHERE id IN (" NETWORKS ") "
        "ORDER BY id"),
    ROW(subnets, subnet_rows, hv_subnet,
        "SELECT s.network_id, s.id, s.cidr, s.gateway_ip, s.ip_version, s.enable_dhcp, s.dns, s.ipv6_ra_mode, s.ipv6_address_mode, "
        "(SELECT i.ip_address FROM port_ip i JOIN port p ON p.id=i.port_id WHERE i.subnet_id=s.id AND p.device_owner='" OWNER_DHCP "' "
        "ORDER BY i.ip_address LIMIT 1), "
        "EXISTS (SELECT 1 FROM port_ip g JOIN router_leg l ON l.port_id=g.port_id WHERE g.subnet_id=s.id AND g.ip_address=s.gateway_ip) "
        "FROM subnet s WHERE s.network_id IN (" NETWORKS ") ORDER BY s.network_id, s.id"),
    ROW(subnet_routes, subnet_route_rows, hv_subnet_route,
        "SELECT subnet_id, destination, nexthop FROM subnet_route WHERE subnet_id IN (SELECT id FROM subnet WHERE network_id IN (" NETWORKS
        ")) ORDER BY subnet_id, destination, nexthop"),
    ROW(groups, group_rows, hv_group,
        "SELECT id, name, stateful FROM security_group WHERE id IN (" GROUPS ") ORDER BY id"),
    ROW(rules, rule_rows, hv_rule,
        "SELECT security_group_id, id, direction, ethertype, protocol, port_range_min, port_range_max, remote_ip_prefix, remote_group_id "
        "FROM security_group_rule WHERE security_group_id IN (" OWN_GROUPS ") ORDER BY security_group_id, id"),
    ROW(members, member_rows, hv_member,
        "SELECT pg.group_id, i.ip_address FROM port_group pg JOIN port_ip i ON i.port_id=pg.port_id WHERE pg.group_id IN (" GROUPS ") UNION "
        "SELECT pg.group_id, a.ip_address FROM port_group pg JOIN port_pair a ON a.port_id=pg.port_id WHERE pg.group_id IN (" GROUPS ") "
        "ORDER BY 1, 2"),
    ROW(routers, router_rows, hv_router,
        "SELECT r.id, r.admin_state_up, (SELECT i.ip_address FROM port_ip i WHERE i.port_id=r.gateway_port_id AND i.version=4 ORDER BY "
        "i.position LIMIT 1), r.enable_snat FROM router r WHERE r.id IN (" ROUTERS ") ORDER BY r.id"),
    ROW(legs, leg_rows, hv_leg,
        "SELECT l.router_id, p.network_id, i.subnet_id, i.ip_address, s.cidr FROM router_leg l JOIN port p ON p.id=l.port_id JOIN port_ip i "
        "ON i.port_id=p.id JOIN subnet s ON s.id=i.subnet_id WHERE l.router_id IN (" ROUTERS ") ORDER BY l.router_id, i.subnet_id, i.ip_address"),
    ROW(routes, route_rows, hv_route,
        "SELECT router_id, destination, nexthop FROM router_route WHERE router_id IN (" ROUTERS ") ORDER BY router_id, destination, nexthop"),
    ROW(floatings, floating_rows, hv_floating,
        "SELECT f.id, f.floating_ip_address, f.fixed_ip_address, f.port_id, p.server_id FROM floating_ip f JOIN port p ON p.id=f.port_id "
        "WHERE p.host_id=$1 AND p.server_id IS NOT NULL ORDER BY f.id"),
};
/* clang-format on */

int network_host_view(struct cx *cx, const char *host_id, struct host_view *ret_view)
{
    for (size_t i = 0; i < N_ELEMENTS(selects); i++) {
        const struct select *s = &selects[i];
        struct list *rows = (struct list *)(void *)((char *)ret_view + s->offset);
        TRY(store_select(cx, s->columns, s->size, rows, s->sql, ARGS(host_id)));
    }
    /* the machinery of a flat network is the host itself: it holds the gateway and serves DHCP there */
    const struct hv_network *networks = ret_view->networks.items;
    struct hv_subnet *subnets = ret_view->subnets.items;
    for (size_t i = 0; i < ret_view->subnets.n; i++)
        for (size_t k = 0; k < ret_view->networks.n; k++)
            if (networks[k].flat && str_eq(networks[k].id, subnets[i].network_id)) {
                subnets[i].gateway_here = true;
                subnets[i].dhcp_ip = subnets[i].gateway;
            }
    return 0;
}
