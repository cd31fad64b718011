/* plan_rows.h - all that a host's plan needs of the network, as rows, in a handful of selects.
 *
 * Unscoped: for the machinery.  Arrays are sorted by their first member (a document's id) and then as the comments
 * say, so that equal state gives equal rows. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct hv_port { /* of the servers on the host; sorted by server and position */
    const char *server_id, *id;
    int64_t position;
    const char *network_id, *project_id, *mac, *tag;
    int64_t mark;
    bool secured;  /* port_security_enabled */
    bool admin_up;
};
struct hv_port_ip {
    const char *port_id;
    int64_t position;
    const char *ip, *subnet_id;
    int version;
};
struct hv_port_group {
    const char *port_id, *group_id;
};
struct hv_pair {
    const char *port_id, *ip, *mac;
};
struct hv_network { /* those of the ports, and those that a common router joins to them */
    const char *id, *name;
    bool flat;
    bool admin_up;
    int64_t mtu;
};
struct hv_subnet {
    const char *network_id, *id, *cidr, *gateway; /* gateway NULL: none */
    int version;
    bool dhcp;
    const char *dns;     /* JSON list */
    const char *ra_mode, *address_mode;
    const char *dhcp_ip; /* of the network's DHCP port, or NULL: none yet */
    bool gateway_here;   /* a router's leg holds the gateway address */
};
struct hv_subnet_route {
    const char *subnet_id, *destination, *nexthop;
};
struct hv_group { /* those of the ports, and those that their rules name */
    const char *id, *name;
    bool stateful;
};
struct hv_rule {
    const char *group_id, *id, *direction, *ethertype, *protocol; /* protocol NULL: any */
    int64_t port_min, port_max;                                   /* -1: any */
    const char *remote_cidr, *remote_group;
};
struct hv_member { /* addresses and allowed address pairs of the ports in the group, on every host */
    const char *group_id, *ip;
};
struct hv_router { /* with a leg in one of the ports' networks */
    const char *id;
    bool up;
    const char *external_ip; /* IPv4, or NULL */
    bool snat;
};
struct hv_leg {
    const char *router_id, *network_id, *subnet_id, *ip, *cidr;
};
struct hv_route {
    const char *router_id, *destination, *nexthop;
};
struct hv_floating { /* pointing to ports on the host */
    const char *id, *floating_ip, *fixed_ip, *port_id, *server_id;
};

struct host_view {
    struct list ports, ips, groups_of_ports, pairs;    /* struct hv_port, hv_port_ip, hv_port_group, hv_pair */
    struct list networks, subnets, subnet_routes;      /* struct hv_network, hv_subnet, hv_subnet_route */
    struct list groups, rules, members;                /* struct hv_group, hv_rule, hv_member */
    struct list routers, legs, routes;                 /* struct hv_router, hv_leg, hv_route */
    struct list floatings;                             /* struct hv_floating */
};
int network_host_view(struct cx *cx, const char *host_id, struct host_view *ret_view) MUST_CHECK;
