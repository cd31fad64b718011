#include "network/router.h"

#include <string.h>

#include "base/env.h"
#include "identity/quota.h"
#include "network/address.h"
#include "store/filter.h"

enum { ROUTES_MAX = 30 };

/* clang-format off */
static const struct field router_columns[] = {
    STANDARD_COLUMNS(struct router),
    BOOL(struct router, admin_state_up),    STR(struct router, gateway_port_id),
    STR(struct router, gateway_network_id), BOOL(struct router, enable_snat), { 0 },
};
static const struct field router_leg_columns[] = {
    STR(struct router_leg, port_id), STR(struct router_leg, router_id), { 0 },
};
static const struct field router_route_columns[] = {
    STR(struct router_route, router_id), STR(struct router_route, destination), STR(struct router_route, nexthop), { 0 },
};
/* clang-format on */
const struct table router_table = { "router", router_columns, .n_key = 1, .size = sizeof(struct router) };
const struct table router_leg_table = { "router_leg", router_leg_columns, .n_key = 1, .size = sizeof(struct router_leg) };
const struct table router_route_table = { "router_route", router_route_columns, .n_key = 3, .size = sizeof(struct router_route) };

static int bad(struct cx *cx, const char *text)
{
    return fail_type(cx, KIND_INVALID, "BadRequest", "Bad router request: %s.", text);
}

/* ---- reading ---- */

static int load(struct cx *cx, struct list routers)
{
    struct router *r = routers.items;
    struct strs gateways = { arena_new_array(cx->arena, const char *, routers.n + 1), 0 };
    struct list routes, ips;

    for (size_t i = 0; i < routers.n; i++)
        if (r[i].gateway_port_id)
            gateways.items[gateways.n++] = r[i].gateway_port_id;
    TRY(rows_in(cx, &router_route_table, &routes, "router_id", ids_of(cx, routers, sizeof *r), "router_id, destination, nexthop"));
    TRY(rows_in(cx, &port_ip_table, &ips, "port_id", gateways, "port_id, position, ip_address"));
    for (size_t i = 0; i < routers.n; i++) {
        struct list mine = children_of(routes, sizeof(struct router_route), offsetof(struct router_route, router_id), r[i].id);
        struct host_route *out = arena_new_array(cx->arena, struct host_route, mine.n + 1);
        for (size_t k = 0; k < mine.n; k++)
            out[k] = (struct host_route){ ((struct router_route *)mine.items)[k].destination,
                                          ((struct router_route *)mine.items)[k].nexthop };
        r[i].routes = (struct list){ out, mine.n };
        r[i].gateway_ips = (struct list){ 0 };
        if (r[i].gateway_port_id)
            r[i].gateway_ips = children_of(ips, sizeof(struct port_ip), offsetof(struct port_ip, port_id), r[i].gateway_port_id);
    }
    return 0;
}

int router_get(struct cx *cx, const char *id, struct router *ret_router)
{
    int r = store_find(cx, &router_table, ret_router, "id=$1", ARGS(id));
    TRY(r);
    if (!r || !owns(cx, ret_router->project_id))
        return fail_type(cx, KIND_NOT_FOUND, "RouterNotFound", "Router %.64s could not be found", id);
    return load(cx, (struct list){ ret_router, 1 });
}

int router_list(struct cx *cx, const struct query *q, struct list *ret_routers)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND project_id=?", ARGS(own_project(cx)));
    where_add_tags(&w, q);
    TRY(store_list_filtered(cx, &router_table, ret_routers, &q->filter, where_text(&w), where_args(&w)));
    return load(cx, *ret_routers);
}

/* All ports of the router: legs and gateway. */
static int ports_of(struct cx *cx, const struct router *r, struct list *ret_ports)
{
    TRY(store_list(cx, &port_table, ret_ports, "id IN (SELECT port_id FROM router_leg WHERE router_id=$1) OR id=$2 ORDER BY id",
                   ARGS(r->id, r->gateway_port_id ? r->gateway_port_id : "")));
    return ports_load(cx, *ret_ports);
}

/* ---- gateway ---- */

static int take_gateway(struct cx *cx, struct router *r)
{
    struct network n;
    struct port p = { .project_id = "", .device_owner = OWNER_GATEWAY, .device_id = r->id, .status = "ACTIVE", .admin_state_up = true,
                      .ips = r->gateway_ips, .auto_ips = !r->gateway_ips.n };

    TRY(network_get(cx, r->gateway_network_id, &n));
    if (!n.is_external)
        return bad(cx, cx_printf(cx, "Network %s is not an external network", n.id));
    TRY(port_make(cx, &n, &p));
    if (!p.ips.n)
        return fail_type(cx, KIND_CONFLICT, "IpAddressGenerationFailure", "No more IP addresses available on network %s.", n.id);
    r->gateway_port_id = p.id;
    r->gateway_ips = p.ips;
    return 0;
}

static int drop_gateway(struct cx *cx, const struct router *r)
{
    const char *floating;
    struct port p;
    int used = store_text(cx, &floating, "SELECT id FROM floating_ip WHERE router_id=$1", ARGS(r->id));

    TRY(used);
    if (used)
        return fail_type(cx, KIND_CONFLICT, "RouterExternalGatewayInUseByFloatingIp",
                         "Gateway cannot be updated for router %s, since a gateway to external network %s is required by one or more "
                         "floating IPs.", r->id, r->gateway_network_id);
    TRY(store_exec(cx, &router_table, "UPDATE router SET gateway_port_id=NULL, gateway_network_id=NULL WHERE id=$1", ARGS(r->id)));
    int found = store_find(cx, &port_table, &p, "id=$1", ARGS(r->gateway_port_id));
    return found > 0 ? port_erase(cx, &p) : found;
}

/* The request names addresses and the gateway has them all. */
static bool gateway_fits(const struct router *old, const struct router *r)
{
    const struct port_ip *want = r->gateway_ips.items, *have = old->gateway_ips.items;

    if (!str_eq(old->gateway_network_id, r->gateway_network_id))
        return false;
    for (size_t i = 0; i < r->gateway_ips.n; i++) {
        size_t k = 0;
        while (k < old->gateway_ips.n && ((want[i].ip_address && !str_eq(want[i].ip_address, have[k].ip_address)) ||
                                          (want[i].subnet_id && !str_eq(want[i].subnet_id, have[k].subnet_id))))
            k++;
        if (k == old->gateway_ips.n)
            return false;
    }
    return true;
}

static int change_gateway(struct cx *cx, const struct router *old, struct router *r)
{
    if (gateway_fits(old, r)) {
        r->gateway_port_id = old->gateway_port_id;
        r->gateway_ips = old->gateway_ips;
        return 0;
    }
    if (old->gateway_port_id)
        TRY(drop_gateway(cx, old));
    r->gateway_port_id = NULL;
    return r->gateway_network_id ? take_gateway(cx, r) : 0;
}

/* ---- routes ---- */

static bool reachable(struct cx *cx, struct list ports, struct address a, struct list subnets)
{
    const struct subnet *s = subnets.items;
    const struct port *p = ports.items;
    struct cidr c;

    for (size_t i = 0; i < ports.n; i++)
        for (size_t k = 0; k < p[i].ips.n; k++) {
            const struct port_ip *ip = (const struct port_ip *)p[i].ips.items + k;
            for (size_t m = 0; m < subnets.n; m++)
                if (str_eq(s[m].id, ip->subnet_id) && cidr_parse(s[m].cidr, &c, NULL) && cidr_contains(c, a))
                    return true;
        }
    return false;
}

static bool is_own_address(struct list ports, const char *ip)
{
    const struct port *p = ports.items;
    for (size_t i = 0; i < ports.n; i++)
        for (size_t k = 0; k < p[i].ips.n; k++)
            if (str_eq(((const struct port_ip *)p[i].ips.items)[k].ip_address, ip))
                return true;
    return false;
}

static int subnets_of_ports(struct cx *cx, struct list ports, struct list *ret_subnets)
{
    struct strs ids = { 0 };
    for (size_t i = 0; i < ports.n; i++) {
        const struct port *p = (const struct port *)ports.items + i;
        for (size_t k = 0; k < p->ips.n; k++)
            *arena_push(cx->arena, &ids.items, &ids.n) = ((const struct port_ip *)p->ips.items)[k].subnet_id;
    }
    return rows_in(cx, &subnet_table, ret_subnets, "id", ids, "id");
}

static int invalid_route(struct cx *cx, const struct host_route *h, const char *why)
{
    return fail_type(cx, KIND_INVALID, "InvalidRoutes", "Invalid format for routes: destination %.64s nexthop %.64s, %s",
                     h->destination ? h->destination : "", h->nexthop ? h->nexthop : "", why);
}

static int check_routes(struct cx *cx, const struct router *r)
{
    struct host_route *h = r->routes.items;
    struct list ports, subnets;
    struct cidr c;
    struct address a;

    if (r->routes.n > ROUTES_MAX)
        return fail_type(cx, KIND_INVALID, "RoutesExhausted",
                         "Unable to complete operation for %s. The number of routes exceeds the maximum %d.", r->id, ROUTES_MAX);
    TRY(ports_of(cx, r, &ports));
    TRY(subnets_of_ports(cx, ports, &subnets));
    for (size_t i = 0; i < r->routes.n; i++) {
        if (!h[i].destination || !cidr_or_address_parse(h[i].destination, &c) || !h[i].nexthop || !address_parse(h[i].nexthop, &a))
            return invalid_route(cx, &h[i], "destination must be a CIDR and nexthop an IP address");
        h[i].destination = cidr_text(cx->arena, c);
        h[i].nexthop = address_text(cx->arena, a);
        if (c.base.version != a.version)
            return invalid_route(cx, &h[i], "destination and nexthop are of different IP versions");
        if (!reachable(cx, ports, a, subnets))
            return invalid_route(cx, &h[i], "the nexthop is not connected with router");
        if (is_own_address(ports, h[i].nexthop))
            return invalid_route(cx, &h[i], "the nexthop is used by router");
    }
    return 0;
}

static int store_routes(struct cx *cx, const struct router *r)
{
    TRY(store_delete(cx, &router_route_table, "router_id=$1", ARGS(r->id)));
    for (size_t i = 0; i < r->routes.n; i++) {
        const struct host_route *h = (const struct host_route *)r->routes.items + i;
        struct router_route row = { r->id, h->destination, h->nexthop };
        TRY(store_put(cx, &router_route_table, &row));
    }
    return 0;
}

/* ---- the router ---- */

static int check_gateway_request(struct cx *cx, const struct router *r)
{
    if (r->gateway_ips.n && !sees_all(cx))
        return fail_policy(cx, "update_router:external_gateway_info:external_fixed_ips");
    if (!r->enable_snat && !sees_all(cx))
        return fail_policy(cx, "update_router:external_gateway_info:enable_snat");
    return 0;
}

int router_add(struct cx *cx, struct router *r)
{
    struct router row;

    standard_begin(cx, STANDARD_OF(r));
    TRY(check_gateway_request(cx, r));
    TRY(quota_take_named(cx, r->project_id, "router", 1));
    row = *r;
    row.gateway_network_id = row.gateway_port_id = NULL;
    TRY(store_insert(cx, &router_table, &row));
    if (r->gateway_network_id)
        TRY(take_gateway(cx, r));
    TRY(check_routes(cx, r));
    TRY(store_routes(cx, r));
    return store_update(cx, &router_table, r);
}

static bool same_routes(const struct router *a, const struct router *b)
{
    const struct host_route *x = a->routes.items, *y = b->routes.items;
    for (size_t i = 0; i < a->routes.n && i < b->routes.n; i++)
        if (!str_eq(x[i].destination, y[i].destination) || !str_eq(x[i].nexthop, y[i].nexthop))
            return false;
    return a->routes.n == b->routes.n;
}

int router_change(struct cx *cx, struct router *r)
{
    struct router old;

    TRY(router_get(cx, r->id, &old));
    if (old.enable_snat != r->enable_snat || !gateway_fits(&old, r))
        TRY(check_gateway_request(cx, r));
    TRY(change_gateway(cx, &old, r));
    if (!same_routes(&old, r)) {
        TRY(check_routes(cx, r));
        TRY(store_routes(cx, r));
    }
    standard_touch(cx, STANDARD_OF(r));
    return store_update(cx, &router_table, r);
}

int router_remove(struct cx *cx, const char *id)
{
    struct router r;
    const char *leg;

    TRY(router_get(cx, id, &r));
    int used = store_text(cx, &leg, "SELECT port_id FROM router_leg WHERE router_id=$1", ARGS(id));
    TRY(used);
    if (used)
        return fail_type(cx, KIND_CONFLICT, "RouterInUse", "Router %s still has ports", id);
    if (r.gateway_port_id)
        TRY(drop_gateway(cx, &r));
    TRY(store_delete(cx, &router_route_table, "router_id=$1", ARGS(id)));
    TRY(store_delete(cx, &router_table, "id=$1", ARGS(id)));
    return quota_give(cx, r.project_id, "router", 1);
}

/* ---- interfaces ---- */

/* No two legs of a router may lie in the same or overlapping subnets. */
static int check_overlap(struct cx *cx, const struct router *r, const struct subnet *s)
{
    struct list ports, subnets;
    struct cidr mine, other;

    if (!cidr_parse(s->cidr, &mine, NULL))
        return fail(cx, KIND_INTERNAL, "subnet %s has a cidr that is none", s->id);
    TRY(ports_of(cx, r, &ports));
    TRY(subnets_of_ports(cx, ports, &subnets));
    for (size_t i = 0; i < subnets.n; i++) {
        const struct subnet *o = (const struct subnet *)subnets.items + i;
        if (str_eq(o->id, s->id))
            return bad(cx, cx_printf(cx, "Router already has a port on subnet %s", s->id));
        if (cidr_parse(o->cidr, &other, NULL) && cidr_overlap(mine, other))
            return bad(cx, cx_printf(cx, "Cidr %s of subnet %s overlaps with cidr %s of subnet %s", s->cidr, s->id, o->cidr, o->id));
    }
    return 0;
}

static int touch_router(struct cx *cx, struct router *r)
{
    standard_touch(cx, STANDARD_OF(r));
    return store_update(cx, &router_table, r);
}

static int insert_leg(struct cx *cx, struct router *r, const char *port_id)
{
    struct router_leg leg = { port_id, r->id };
    TRY(store_insert(cx, &router_leg_table, &leg));
    return touch_router(cx, r);
}

static int add_by_subnet(struct cx *cx, struct router *r, const char *subnet_id, struct port *ret_port)
{
    struct subnet s;
    struct network n;

    TRY(subnet_get(cx, subnet_id, &s));
    if (!s.gateway_ip)
        return bad(cx, "Subnet for router interface must have a gateway IP");
    TRY(network_get(cx, s.network_id, &n));
    if (!network_owned(cx, &n))
        return fail_policy(cx, "add_router_interface");
    if (n.is_external)
        return bad(cx, "an external network is reached through the router's gateway, not through an interface");
    TRY(check_overlap(cx, r, &s));
    struct port_ip want = { .subnet_id = s.id, .ip_address = s.gateway_ip };
    *ret_port = (struct port){ .project_id = r->project_id, .device_owner = OWNER_INTERFACE, .device_id = r->id, .status = "ACTIVE",
                               .admin_state_up = true, .ips = { &want, 1 } };
    TRY(port_make(cx, &n, ret_port));
    return insert_leg(cx, r, ret_port->id);
}

static int add_by_port(struct cx *cx, struct router *r, const char *port_id, struct port *ret_port)
{
    struct subnet s;
    struct network n;

    TRY(port_get_own(cx, port_id, "add_router_interface", ret_port));
    if (*ret_port->device_id || *ret_port->device_owner)
        return fail_type(cx, KIND_CONFLICT, "PortInUse",
                         "Unable to complete operation on port %s for network %s. Port already has an attached device %s.", port_id,
                         ret_port->network_id, ret_port->device_id);
    if (!ret_port->ips.n)
        return bad(cx, "Router port must have at least one fixed IP");
    TRY(network_get(cx, ret_port->network_id, &n));
    if (n.is_external || str_eq(n.network_type, "flat"))
        return bad(cx, cx_printf(cx, "network %s is the hosts' own: no router's interface can be in it", n.id));
    for (size_t i = 0; i < ret_port->ips.n; i++) {
        TRY(subnet_get(cx, ((struct port_ip *)ret_port->ips.items)[i].subnet_id, &s));
        TRY(check_overlap(cx, r, &s));
    }
    ret_port->device_owner = OWNER_INTERFACE;
    ret_port->device_id = r->id;
    ret_port->status = "ACTIVE";
    standard_touch(cx, STANDARD_OF(ret_port));
    TRY(store_update(cx, &port_table, ret_port));
    TRY(store_delete(cx, &port_group_table, "port_id=$1", ARGS(port_id))); /* groups are for guests */
    return insert_leg(cx, r, port_id);
}

int router_add_interface(struct cx *cx, const char *router_id, const char *subnet_id, const char *port_id, struct port *ret_port)
{
    struct router r;

    TRY(router_get(cx, router_id, &r));
    if (!subnet_id == !port_id)
        return bad(cx, subnet_id ? "Cannot specify both subnet-id and port-id" : "Either subnet_id or port_id must be specified");
    return port_id ? add_by_port(cx, &r, port_id, ret_port) : add_by_subnet(cx, &r, subnet_id, ret_port);
}

static int find_leg(struct cx *cx, const char *router_id, const char *subnet_id, const char *port_id, struct port *ret_port)
{
    int r = store_find(cx, &port_table, ret_port,
                       "id IN (SELECT l.port_id FROM router_leg l JOIN port_ip i ON i.port_id=l.port_id WHERE l.router_id=$1 AND "
                       "(l.port_id=$2 OR $2='') AND (i.subnet_id=$3 OR $3='')) ORDER BY created_at, id",
                       ARGS(router_id, port_id ? port_id : "", subnet_id ? subnet_id : ""));
    TRY(r);
    if (r)
        return ports_load(cx, (struct list){ ret_port, 1 });
    if (port_id && !subnet_id)
        return fail_type(cx, KIND_NOT_FOUND, "RouterInterfaceNotFound", "Router %s does not have an interface with id %.64s", router_id, port_id);
    if (port_id)
        return fail_type(cx, KIND_CONFLICT, "SubnetMismatchForPort", "Subnet on port %.64s does not match the requested subnet %.64s.", port_id, subnet_id);
    return fail_type(cx, KIND_NOT_FOUND, "RouterInterfaceNotFoundForSubnet", "Router %s has no interface on subnet %.64s.", router_id, subnet_id);
}

static int check_leg_free(struct cx *cx, const struct router *r, const struct port *leg)
{
    struct list subnets;
    struct cidr c;
    struct address a;
    const char *floating;

    TRY(subnets_of_ports(cx, (struct list){ (void *)(uintptr_t)leg, 1 }, &subnets));
    for (size_t i = 0; i < subnets.n; i++) {
        const struct subnet *s = (const struct subnet *)subnets.items + i;
        int used = store_text(cx, &floating,
                              "SELECT f.id FROM floating_ip f JOIN port_ip i ON i.port_id=f.port_id AND i.ip_address=f.fixed_ip_address "
                              "WHERE f.router_id=$1 AND i.subnet_id=$2", ARGS(r->id, s->id));
        TRY(used);
        if (used)
            return fail_type(cx, KIND_CONFLICT, "RouterInterfaceInUseByFloatingIP",
                             "Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more floating IPs.",
                             s->id, r->id);
        for (size_t k = 0; k < r->routes.n; k++)
            if (cidr_parse(s->cidr, &c, NULL) && address_parse(((struct host_route *)r->routes.items)[k].nexthop, &a) && cidr_contains(c, a))
                return fail_type(cx, KIND_CONFLICT, "RouterInterfaceInUseByRoute",
                                 "Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more routes.",
                                 s->id, r->id);
    }
    return 0;
}

int router_remove_interface(struct cx *cx, const char *router_id, const char *subnet_id, const char *port_id, struct port *ret_port)
{
    struct router r;

    TRY(router_get(cx, router_id, &r));
    if (!subnet_id && !port_id)
        return bad(cx, "Either subnet_id or port_id must be specified");
    TRY(find_leg(cx, router_id, subnet_id, port_id, ret_port));
    TRY(check_leg_free(cx, &r, ret_port));
    TRY(store_delete(cx, &router_leg_table, "port_id=$1", ARGS(ret_port->id)));
    TRY(port_erase(cx, ret_port));
    return touch_router(cx, &r);
}

/* ---- extra routes, some at a time ---- */

int router_add_routes(struct cx *cx, const char *id, struct list routes, struct router *ret_router)
{
    TRY(router_get(cx, id, ret_router));
    struct host_route *all = arena_new_array(cx->arena, struct host_route, ret_router->routes.n + routes.n + 1);
    size_t n = ret_router->routes.n;
    if (n)
        memcpy(all, ret_router->routes.items, n * sizeof *all);
    for (size_t i = 0; i < routes.n; i++) {
        const struct host_route *h = (const struct host_route *)routes.items + i;
        size_t k = 0;
        while (k < n && !(str_eq(all[k].destination, h->destination) && str_eq(all[k].nexthop, h->nexthop)))
            k++;
        if (k == n)
            all[n++] = *h;
    }
    ret_router->routes = (struct list){ all, n };
    TRY(router_change(cx, ret_router));
    return load(cx, (struct list){ ret_router, 1 });
}

int router_remove_routes(struct cx *cx, const char *id, struct list routes, struct router *ret_router)
{
    TRY(router_get(cx, id, ret_router));
    struct host_route *rest = arena_new_array(cx->arena, struct host_route, ret_router->routes.n + 1), *h = ret_router->routes.items;
    const struct host_route *gone = routes.items;
    size_t n = 0;
    for (size_t i = 0; i < ret_router->routes.n; i++) {
        size_t k = 0;
        while (k < routes.n && !(str_eq(gone[k].destination, h[i].destination) && str_eq(gone[k].nexthop, h[i].nexthop)))
            k++;
        if (k == routes.n)
            rest[n++] = h[i];
    }
    ret_router->routes = (struct list){ rest, n };
    return router_change(cx, ret_router);
}
