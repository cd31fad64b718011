/* router.h - routers between a project's networks and an external one.
 *
 * A leg is a port whose device the router is; the gateway is a port of the external network that no project owns. */
#pragma once
#include "network/port.h"

struct router {
    STANDARD_MEMBERS;
    bool admin_state_up;
    const char *gateway_port_id, *gateway_network_id; /* NULL: none */
    bool enable_snat;
    struct list routes;      /* struct host_route */
    struct list gateway_ips; /* struct port_ip; as a request: what is wanted */
};
struct router_leg {
    const char *port_id, *router_id;
};
struct router_route {
    const char *router_id, *destination, *nexthop;
};
extern const struct table router_table, router_leg_table, router_route_table;

int router_get(struct cx *cx, const char *id, struct router *ret_router) MUST_CHECK;
int router_list(struct cx *cx, const struct query *q, struct list *ret_routers) MUST_CHECK;
/* Errors: INVALID, NOT_FOUND (gateway network), CONFLICT (no address left there), QUOTA. */
int router_add(struct cx *cx, struct router *router) MUST_CHECK;
/* Makes the stored router like 'router', gateway and routes too.  Errors: also CONFLICT (the gateway is needed by
 * floating addresses). */
int router_change(struct cx *cx, struct router *router) MUST_CHECK;
/* Errors: NOT_FOUND, CONFLICT (it has interfaces). */
int router_remove(struct cx *cx, const char *id) MUST_CHECK;

/* Adds the subnet's gateway address, or the port, as a leg; one of 'subnet_id' and 'port_id' is NULL.
 * '*ret_port' is the leg.  Errors: NOT_FOUND, INVALID (no gateway, overlap, both or none given), CONFLICT (in use). */
int router_add_interface(struct cx *cx, const char *router_id, const char *subnet_id, const char *port_id,
                         struct port *ret_port) MUST_CHECK;
/* Removes the leg; with both given they must fit.  '*ret_port' is the leg that was.
 * Errors: NOT_FOUND (no such leg), CONFLICT (floating addresses or routes need it), INVALID. */
int router_remove_interface(struct cx *cx, const char *router_id, const char *subnet_id, const char *port_id,
                            struct port *ret_port) MUST_CHECK;
/* The extra routes, added to or removed from those there. */
int router_add_routes(struct cx *cx, const char *id, struct list routes, struct router *ret_router) MUST_CHECK;
int router_remove_routes(struct cx *cx, const char *id, struct list routes, struct router *ret_router) MUST_CHECK;
