/* network.h - networks and their subnets.
 *
 * Tenants see their own networks, the shared ones and the external ones; subnets of their own and of shared networks. */
#pragma once
#include "network/standard.h"

struct network {
    STANDARD_MEMBERS;
    bool admin_state_up, shared;
    bool is_external; /* floating addresses and routers' gateways come from it; only admins plug ports into it */
    bool is_default;  /* of the external ones */
    bool port_security_enabled; /* preset of its ports */
    int64_t mtu;
    const char *network_type;     /* "flat": the hosts' own network; "local": a tenant's */
    const char *physical_network; /* of a flat one, or NULL */
    struct strs subnets;          /* ids; filled by getters */
};
extern const struct table network_table;
enum { NETWORK_MTU = 1500 };

/* Errors: NOT_FOUND, FORBIDDEN (seen, but not the caller's: _get_own). */
int network_get(struct cx *cx, const char *id, struct network *ret_network) MUST_CHECK;
int network_get_own(struct cx *cx, const char *id, const char *rule, struct network *ret_network) MUST_CHECK;
int network_list(struct cx *cx, const struct query *q, struct list *ret_networks) MUST_CHECK;
/* Errors: INVALID, QUOTA. */
int network_add(struct cx *cx, struct network *network) MUST_CHECK;
/* Stores what may change.  Errors: INVALID, CONFLICT (not external any more though in use; not shared though others use it). */
int network_change(struct cx *cx, struct network *network) MUST_CHECK;
/* Removes its subnets too.  Errors: NOT_FOUND, FORBIDDEN, CONFLICT (ports). */
int network_remove(struct cx *cx, const char *id) MUST_CHECK;
/* The caller may use everything of it, as its owner. */
bool network_owned(const struct cx *cx, const struct network *network);

struct ip_pool {
    const char *start, *end;
};
struct host_route {
    const char *destination, *nexthop;
};
struct subnet {
    STANDARD_MEMBERS;
    const char *network_id, *subnetpool_id; /* the second may be NULL */
    int ip_version;
    const char *cidr;
    const char *gateway_ip; /* NULL: none */
    bool enable_dhcp;
    const char *ipv6_ra_mode, *ipv6_address_mode; /* "slaac", "dhcpv6-stateful", "dhcpv6-stateless" or NULL */
    const char *dns;                              /* JSON list */
    struct list pools;                            /* struct ip_pool */
    struct list routes;                           /* struct host_route */
    /* for subnet_add() */
    bool default_gateway, default_pools; /* as the CIDR suggests */
    int64_t prefixlen;                   /* from a pool: the length wanted; 0: its default */
    bool default_pool;                   /* from the default pool of its IP version */
};
extern const struct table subnet_table;

int subnet_get(struct cx *cx, const char *id, struct subnet *ret_subnet) MUST_CHECK;
int subnet_get_own(struct cx *cx, const char *id, const char *rule, struct subnet *ret_subnet) MUST_CHECK;
int subnet_list(struct cx *cx, const struct query *q, struct list *ret_subnets) MUST_CHECK;
/* Checks and stores; cidr may be NULL when it comes from a pool.  Errors: INVALID, NOT_FOUND (network, pool), FORBIDDEN,
 * CONFLICT (gateway inside a pool), QUOTA. */
int subnet_add(struct cx *cx, struct subnet *subnet) MUST_CHECK;
int subnet_change(struct cx *cx, struct subnet *subnet) MUST_CHECK;
/* Errors: NOT_FOUND, FORBIDDEN, CONFLICT (addresses in use). */
int subnet_remove(struct cx *cx, const char *id) MUST_CHECK;
/* The same for a row that was found, whoever asks. */
int subnet_erase(struct cx *cx, const struct subnet *subnet) MUST_CHECK;
/* All subnets of a network, oldest first, unscoped. */
int subnets_of_network(struct cx *cx, const char *network_id, struct list *ret_subnets) MUST_CHECK;
/* IPv6 addresses follow from the Ethernet address. */
bool subnet_is_slaac(const struct subnet *subnet);

/* ---- pools that subnets are cut from ---- */

struct subnetpool {
    STANDARD_MEMBERS;
    bool shared, is_default;
    int ip_version;
    struct strs prefixes; /* canonical, joined where they touch is not done */
    int64_t default_prefixlen, min_prefixlen, max_prefixlen; /* 0 at creation: preset */
    int64_t default_quota;  /* addresses (IPv4) or /64s (IPv6) per project; -1: no limit */
    const char *prefix_lines; /* the column */
};
extern const struct table subnetpool_table;

int subnetpool_get(struct cx *cx, const char *id, struct subnetpool *ret_pool) MUST_CHECK;
int subnetpool_get_own(struct cx *cx, const char *id, const char *rule, struct subnetpool *ret_pool) MUST_CHECK;
int subnetpool_list(struct cx *cx, const struct query *q, struct list *ret_pools) MUST_CHECK;
int subnetpool_add(struct cx *cx, struct subnetpool *pool) MUST_CHECK;
int subnetpool_change(struct cx *cx, struct subnetpool *pool) MUST_CHECK;
int subnetpool_remove(struct cx *cx, const char *id) MUST_CHECK;
/* Sets '*ret_id' to the pool from which subnets of this IP version come by themselves.  Errors: INVALID (there is none). */
int subnetpool_find_default(struct cx *cx, int ip_version, const char **ret_id) MUST_CHECK;
/* Cuts a prefix for 'subnet': the CIDR it names, or the first free one of its prefixlen; sets cidr and ip_version.
 * Errors: INVALID, CONFLICT (the pool's quota or space is used up). */
int subnetpool_cut(struct cx *cx, struct subnet *subnet) MUST_CHECK;
