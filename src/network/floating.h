/* floating.h - addresses of external networks that point to ports.
 *
 * A port on a shared flat network is reached through its host; one on a tenant's network needs a router with a gateway
 * on the external network. */
#pragma once
#include "network/port.h"

struct floating {
    STANDARD_MEMBERS; /* name is always "" */
    const char *floating_network_id, *floating_ip_address, *floating_port_id;
    const char *port_id, *fixed_ip_address, *router_id; /* NULL: points nowhere */
    const char *status;                                 /* "ACTIVE", "DOWN", "ERROR" */
    const char *fault;                                  /* what the host says is wrong, or NULL */
    /* for floating_add() */
    const char *subnet_id;
    /* of the port, for views */
    const struct port *port;
};
extern const struct table floating_table;

int floating_get(struct cx *cx, const char *id, struct floating *ret_floating) MUST_CHECK;
int floating_list(struct cx *cx, const struct query *q, struct list *ret_floatings) MUST_CHECK;
/* Takes an address of the external network (a named one, or any) and points it to port_id if that is set.
 * Errors: NOT_FOUND (network, port, no router between), INVALID, CONFLICT (address in use or none left; the fixed
 * address has one already), QUOTA. */
int floating_add(struct cx *cx, struct floating *floating) MUST_CHECK;
/* Stores description and where it points; with port_id NULL nowhere. */
int floating_change(struct cx *cx, struct floating *floating) MUST_CHECK;
int floating_remove(struct cx *cx, const char *id) MUST_CHECK;

/* What host 'host_id' says of it: 'up', or down because of 'fault' (or NULL).  Nothing changes when it is gone, or points
 * to a port that is not on that host. */
int network_report_floating(struct cx *cx, const char *host_id, const char *id, bool up, const char *fault) MUST_CHECK;

/* For network/: the port goes away; or has lost addresses. */
int floating_release_port(struct cx *cx, const char *port_id) MUST_CHECK;
int floating_drop_lost(struct cx *cx, const struct port *port) MUST_CHECK;
/* The network goes away: so do its floating addresses that point nowhere. */
int floating_remove_unused(struct cx *cx, const char *network_id) MUST_CHECK;
