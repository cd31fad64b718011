/* port.h - ports: where something is plugged into a network, with its addresses.
 *
 * Everything that has an address has a port: servers, routers' legs, the DHCP service, floating addresses; so each
 * address is given once, in one place.  Ports of the machinery have no project and do not count. */
#pragma once
#include "network/network.h"

#define OWNER_DHCP "network:dhcp"
#define OWNER_INTERFACE "network:router_interface"
#define OWNER_GATEWAY "network:router_gateway"
#define OWNER_FLOATING "network:floatingip"
#define OWNER_SERVER "compute:nova"

struct port_ip {
    const char *subnet_id, *ip_address; /* as a request, either may be NULL */
    const char *port_id;
    int64_t slot;
    int version, position;
};
struct port_pair {
    const char *port_id, *ip_address, *mac_address;
};
struct port_group {
    const char *port_id, *group_id;
};
struct port {
    STANDARD_MEMBERS;
    const char *network_id, *mac_address;
    bool admin_state_up;
    const char *status; /* "ACTIVE", "DOWN" */
    const char *device_id, *device_owner;
    bool port_security_enabled;
    const char *host_id;   /* "" : on no host */
    const char *vnic_type, *profile; /* "normal"; JSON object */
    int64_t mark;          /* unique; tells the metadata service who asks */
    const char *server_id; /* NULL: of no server; the machinery alone sets it */
    bool made_for_server;
    int64_t position;      /* of the NIC in its server */
    const char *nic_tag;
    struct list ips;       /* struct port_ip; of a request: what is wanted */
    struct list pairs;     /* struct port_pair */
    struct strs groups;    /* ids */
    /* for port_add() */
    bool auto_ips, auto_groups, auto_security; /* nothing was said of them */
    bool own_mac;                              /* the address was asked for */
};
extern const struct table port_table, port_ip_table, port_pair_table, port_group_table;

struct port_query {
    struct query query;
    struct strs ips, ip_parts, subnet_ids, group_ids;
};

int port_get(struct cx *cx, const char *id, struct port *ret_port) MUST_CHECK;
int port_get_own(struct cx *cx, const char *id, const char *rule, struct port *ret_port) MUST_CHECK;
int port_list(struct cx *cx, const struct port_query *q, struct list *ret_ports) MUST_CHECK;
/* Checks and makes a port as a caller asks for it.  Errors: NOT_FOUND (network, subnet, group), INVALID, FORBIDDEN,
 * CONFLICT (address or MAC in use, no address left), QUOTA. */
int port_add(struct cx *cx, struct port *port) MUST_CHECK;
/* Makes the stored port like 'port', lists and all. */
int port_change(struct cx *cx, struct port *port) MUST_CHECK;
/* Errors: NOT_FOUND, FORBIDDEN, CONFLICT (a router's or a floating address's). */
int port_remove(struct cx *cx, const char *id) MUST_CHECK;

/* ---- for the files of network/ ---- */

/* Fills ips, pairs and groups of each. */
int ports_load(struct cx *cx, struct list ports) MUST_CHECK;
/* Makes a port without any check of who asks. */
int port_make(struct cx *cx, const struct network *network, struct port *port) MUST_CHECK;
/* Removes port and what hangs on it; floating addresses point nowhere from then on. */
int port_erase(struct cx *cx, const struct port *port) MUST_CHECK;
/* Gives the ports of the network addresses of a new SLAAC subnet. */
int port_give_slaac(struct cx *cx, const struct subnet *subnet) MUST_CHECK;
/* The DHCP service has an address in each subnet that wants it: from the first bound port on ('bound': there is one),
 * and as subnets come and change. */
int port_refresh_dhcp(struct cx *cx, const char *network_id, bool bound) MUST_CHECK;
int port_remove_dhcp(struct cx *cx, const char *network_id) MUST_CHECK;

/* addresses.c: takes the addresses that 'port->ips' asks for, or what the network gives with 'port->auto_ips', and sets
 * port->ips to them.  'keep' are those the port has.  Errors: INVALID, CONFLICT. */
int addresses_take(struct cx *cx, struct port *port, const struct list *keep) MUST_CHECK;
/* Takes any address of these IPv4 subnets for a port (struct subnet).  Errors: CONFLICT (none left). */
int address_take_any(struct cx *cx, struct port *port, struct list subnets, int version) MUST_CHECK;
