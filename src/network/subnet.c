/* Subnets: their checks are many, because each of them is an address that a guest may be given. */
#include <string.h>

#include "identity/quota.h"
#include "json/read.h"
#include "network/address.h"
#include "network/network.h"
#include "network/port.h"
#include "store/filter.h"

struct pool_row {
    const char *subnet_id, *first_ip, *last_ip;
    int64_t first_slot, last_slot, next_slot;
};
struct route_row {
    const char *subnet_id, *destination, *nexthop;
};
/* clang-format off */
static const struct field subnet_columns[] = {
    STANDARD_COLUMNS(struct subnet),
    STR(struct subnet, network_id),   STR(struct subnet, subnetpool_id), INT(struct subnet, ip_version),
    STR(struct subnet, cidr),         STR(struct subnet, gateway_ip),    BOOL(struct subnet, enable_dhcp),
    STR(struct subnet, ipv6_ra_mode), STR(struct subnet, ipv6_address_mode), JSON(struct subnet, dns), { 0 },
};
static const struct field pool_columns[] = {
    STR(struct pool_row, subnet_id),  STR(struct pool_row, first_ip),  STR(struct pool_row, last_ip),
    I64(struct pool_row, first_slot), I64(struct pool_row, last_slot), I64(struct pool_row, next_slot), { 0 },
};
static const struct field route_columns[] = {
    STR(struct route_row, subnet_id), STR(struct route_row, destination), STR(struct route_row, nexthop), { 0 },
};
/* clang-format on */
const struct table subnet_table = { "subnet", subnet_columns, .n_key = 1, .size = sizeof(struct subnet) };
static const struct table pool_table = { "allocation_pool", pool_columns, .n_key = 2, .size = sizeof(struct pool_row) };
static const struct table route_table = { "subnet_route", route_columns, .n_key = 3, .size = sizeof(struct route_row) };

enum { POOLS_MAX = 100, ROUTES_MAX = 20, DNS_MAX = 5 };

static int invalid(struct cx *cx, const char *text)
{
    return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: %s", text);
}

/* ---- reading ---- */

static int load_children(struct cx *cx, struct list subnets)
{
    struct subnet *s = subnets.items;
    struct strs ids = ids_of(cx, subnets, sizeof *s);
    struct list pools, routes;

    TRY(rows_in(cx, &pool_table, &pools, "subnet_id", ids, "subnet_id, first_slot"));
    TRY(rows_in(cx, &route_table, &routes, "subnet_id", ids, "subnet_id, destination, nexthop"));
    for (size_t i = 0; i < subnets.n; i++) {
        struct list p = children_of(pools, sizeof(struct pool_row), offsetof(struct pool_row, subnet_id), s[i].id);
        struct list r = children_of(routes, sizeof(struct route_row), offsetof(struct route_row, subnet_id), s[i].id);
        struct ip_pool *out = arena_new_array(cx->arena, struct ip_pool, p.n + 1);
        struct host_route *hops = arena_new_array(cx->arena, struct host_route, r.n + 1);
        for (size_t k = 0; k < p.n; k++)
            out[k] = (struct ip_pool){ ((struct pool_row *)p.items)[k].first_ip, ((struct pool_row *)p.items)[k].last_ip };
        for (size_t k = 0; k < r.n; k++)
            hops[k] = (struct host_route){ ((struct route_row *)r.items)[k].destination, ((struct route_row *)r.items)[k].nexthop };
        s[i].pools = (struct list){ out, p.n };
        s[i].routes = (struct list){ hops, r.n };
    }
    return 0;
}

static int missing(struct cx *cx, const char *id)
{
    return fail_type(cx, KIND_NOT_FOUND, "SubnetNotFound", "Subnet %.64s could not be found.", id);
}

int subnet_get(struct cx *cx, const char *id, struct subnet *ret_subnet)
{
    int r = store_find(cx, &subnet_table, ret_subnet, "id=$1", ARGS(id));
    int64_t shared = 0;

    TRY(r);
    if (r && !owns(cx, ret_subnet->project_id)) {
        r = store_int(cx, &shared, "SELECT shared FROM network WHERE id=$1", ARGS(ret_subnet->network_id));
        TRY(r);
        r = shared != 0;
    }
    if (!r)
        return missing(cx, id);
    return load_children(cx, (struct list){ ret_subnet, 1 });
}

int subnet_get_own(struct cx *cx, const char *id, const char *rule, struct subnet *ret_subnet)
{
    TRY(subnet_get(cx, id, ret_subnet));
    return owns(cx, ret_subnet->project_id) ? 0 : fail_policy(cx, rule);
}

int subnet_list(struct cx *cx, const struct query *q, struct list *ret_subnets)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND (project_id=? OR network_id IN (SELECT id FROM network WHERE shared=1))", ARGS(own_project(cx)));
    if (q->by_shared)
        where_add(&w, q->shared ? " AND network_id IN (SELECT id FROM network WHERE shared=1)"
                                : " AND network_id IN (SELECT id FROM network WHERE shared=0)", NO_ARGS);
    where_add_tags(&w, q);
    TRY(store_list_filtered(cx, &subnet_table, ret_subnets, &q->filter, where_text(&w), where_args(&w)));
    return load_children(cx, *ret_subnets);
}

int subnets_of_network(struct cx *cx, const char *network_id, struct list *ret_subnets)
{
    TRY(store_list(cx, &subnet_table, ret_subnets, "network_id=$1 ORDER BY created_at, id", ARGS(network_id)));
    return load_children(cx, *ret_subnets);
}

bool subnet_is_slaac(const struct subnet *s)
{
    return str_eq(s->ipv6_address_mode, "slaac") || str_eq(s->ipv6_address_mode, "dhcpv6-stateless");
}

/* ---- checks ---- */

static int check_cidr(struct cx *cx, struct subnet *s, struct cidr *ret_cidr)
{
    if (!s->cidr)
        return fail_type(cx, KIND_INVALID, "BadRequest", "Bad subnets request: a subnetpool must be specified in the absence of a cidr.");
    if (!cidr_parse(s->cidr, ret_cidr, NULL))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for cidr. Reason: '%.64s' is not a valid IP subnet.", s->cidr);
    if (ret_cidr->base.version != s->ip_version)
        return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: cidr '%s' does not match the ip_version '%d'.",
                         s->cidr, s->ip_version);
    if (ret_cidr->bits == 0)
        return invalid(cx, "0 is not allowed as CIDR prefix length.");
    unsigned top = s->ip_version == 4 ? (unsigned)(ret_cidr->base.value >> 24) : (unsigned)(ret_cidr->base.value >> 120);
    if (s->ip_version == 4 ? top >= 224 || top == 127 || top == 0 : top == 0xff || (ret_cidr->base.value >> 118) == 0x3fa)
        return invalid(cx, "multicast, loopback and link-local networks can't be a subnet.");
    s->cidr = cidr_text(cx->arena, *ret_cidr);
    return 0;
}

static int check_overlap(struct cx *cx, const struct subnet *s, struct cidr c)
{
    struct list others;
    struct cidr o;

    TRY(store_list(cx, &subnet_table, &others, "network_id=$1 AND id<>$2", ARGS(s->network_id, s->id ? s->id : "")));
    for (size_t i = 0; i < others.n; i++) {
        const struct subnet *other = (const struct subnet *)others.items + i;
        if (cidr_parse(other->cidr, &o, NULL) && cidr_overlap(c, o))
            return fail_type(cx, KIND_INVALID, "InvalidInput",
                             "Invalid input for operation: Requested subnet with cidr: %s for network: %s overlaps with another "
                             "subnet.", s->cidr, s->network_id);
    }
    return 0;
}

static int check_ipv6_modes(struct cx *cx, const struct subnet *s, struct cidr c)
{
    if (s->ip_version == 4)
        return s->ipv6_ra_mode || s->ipv6_address_mode
                   ? invalid(cx, "ipv6_ra_mode or ipv6_address_mode cannot be set when ip_version is set to 4.")
                   : 0;
    if ((s->ipv6_ra_mode || s->ipv6_address_mode) && !s->enable_dhcp)
        return invalid(cx, "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False.");
    if (s->ipv6_ra_mode && s->ipv6_address_mode && !str_eq(s->ipv6_ra_mode, s->ipv6_address_mode))
        return fail_type(cx, KIND_INVALID, "InvalidInput",
                         "Invalid input for operation: ipv6_ra_mode set to '%s' with ipv6_address_mode set to '%s' is not valid. If "
                         "both attributes are set, they must be the same value.", s->ipv6_ra_mode, s->ipv6_address_mode);
    if ((subnet_is_slaac(s) || str_eq(s->ipv6_ra_mode, "slaac") || str_eq(s->ipv6_ra_mode, "dhcpv6-stateless")) && c.bits != 64)
        return invalid(cx, "Invalid CIDR for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64.");
    if ((s->ipv6_ra_mode || s->ipv6_address_mode) && c.bits < 64)
        return invalid(cx, "Invalid CIDR for DHCPv6: no more than a /64 is served.");
    return 0;
}

static int check_gateway(struct cx *cx, struct subnet *s, struct cidr c)
{
    struct address a;

    if (!s->gateway_ip)
        return 0;
    if (!address_parse(s->gateway_ip, &a) || a.version != s->ip_version)
        return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: gateway_ip '%.64s' does not match the ip_version '%d'.",
                         s->gateway_ip, s->ip_version);
    /* it may lie outside, as the router of an external network's ranges does */
    if (a.version == 4 && cidr_contains(c, a) &&
        (address_compare(a, cidr_first_host(c)) < 0 || address_compare(a, cidr_last_host(c)) > 0))
        return invalid(cx, "Gateway is not valid on subnet.");
    s->gateway_ip = address_text(cx->arena, a);
    return 0;
}

struct range {
    struct address first, last;
};

static bool range_has(struct range r, struct address a)
{
    return address_compare(r.first, a) <= 0 && address_compare(a, r.last) <= 0;
}

static int check_pool(struct cx *cx, const struct subnet *s, struct cidr c, struct ip_pool *pool, struct range *ret_range)
{
    if (!pool->start || !pool->end || !address_parse(pool->start, &ret_range->first) || !address_parse(pool->end, &ret_range->last) ||
        ret_range->first.version != s->ip_version || ret_range->last.version != s->ip_version ||
        address_compare(ret_range->first, ret_range->last) > 0)
        return fail_type(cx, KIND_INVALID, "InvalidAllocationPool", "The allocation pool %.64s-%.64s is not valid.",
                         pool->start ? pool->start : "", pool->end ? pool->end : "");
    if (address_compare(ret_range->first, cidr_first_host(c)) < 0 || address_compare(ret_range->last, cidr_last_host(c)) > 0)
        return fail_type(cx, KIND_INVALID, "OutOfBoundsAllocationPool", "The allocation pool %s-%s spans beyond the subnet cidr %s.",
                         pool->start, pool->end, s->cidr);
    pool->start = address_text(cx->arena, ret_range->first);
    pool->end = address_text(cx->arena, ret_range->last);
    return 0;
}

static int check_pools(struct cx *cx, struct subnet *s, struct cidr c)
{
    struct ip_pool *pools = s->pools.items;
    struct range *r = arena_new_array(cx->arena, struct range, s->pools.n + 1);
    struct address gateway;

    if (s->pools.n > POOLS_MAX)
        return invalid(cx, "too many allocation pools.");
    for (size_t i = 0; i < s->pools.n; i++) {
        TRY(check_pool(cx, s, c, &pools[i], &r[i]));
        for (size_t k = 0; k < i; k++)
            if (range_has(r[k], r[i].first) || range_has(r[i], r[k].first))
                return fail_type(cx, KIND_CONFLICT, "OverlappingAllocationPools",
                                 "Found overlapping allocation pools: %s-%s, %s-%s for subnet %s.", pools[k].start, pools[k].end,
                                 pools[i].start, pools[i].end, s->cidr);
        if (s->gateway_ip && address_parse(s->gateway_ip, &gateway) && range_has(r[i], gateway))
            return fail_type(cx, KIND_CONFLICT, "GatewayConflictWithAllocationPools",
                             "Gateway ip %s conflicts with allocation pool %s-%s.", s->gateway_ip, pools[i].start, pools[i].end);
    }
    return 0;
}

/* All hosts' addresses but the gateway's. */
static void preset_pools(struct cx *cx, struct subnet *s, struct cidr c)
{
    struct address first = cidr_first_host(c), last = cidr_last_host(c), g;
    struct ip_pool *pools = arena_new_array(cx->arena, struct ip_pool, 2);
    size_t n = 0;

    if (!s->gateway_ip || !address_parse(s->gateway_ip, &g) || !cidr_contains(c, g))
        pools[n++] = (struct ip_pool){ address_text(cx->arena, first), address_text(cx->arena, last) };
    else {
        if (address_compare(first, g) < 0)
            pools[n++] = (struct ip_pool){ address_text(cx->arena, first), address_text(cx->arena, address_plus(g, (unsigned __int128)-1)) };
        if (address_compare(g, last) < 0)
            pools[n++] = (struct ip_pool){ address_text(cx->arena, address_plus(g, 1)), address_text(cx->arena, last) };
    }
    s->pools = (struct list){ pools, n };
}

static int check_dns(struct cx *cx, const struct subnet *s)
{
    struct strs dns = json_to_strs(cx, s->dns);

    if (dns.n > DNS_MAX)
        return fail_type(cx, KIND_INVALID, "DNSNameServersExhausted",
                         "Unable to complete operation for %s. The number of DNS nameservers exceeds the limit %d.",
                         s->id ? s->id : s->cidr, DNS_MAX);
    for (size_t i = 0; i < dns.n; i++) {
        if (!address_valid(dns.items[i]))
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for dns_nameservers. Reason: '%.64s' is not a valid IP address.", dns.items[i]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(dns.items[i], dns.items[k]) == 0)
                return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for dns_nameservers. Reason: Duplicate nameserver '%.64s'.", dns.items[i]);
    }
    return 0;
}

static int check_routes(struct cx *cx, const struct subnet *s)
{
    struct host_route *r = s->routes.items;
    struct cidr c;
    struct address a;

    if (s->routes.n > ROUTES_MAX)
        return fail_type(cx, KIND_INVALID, "HostRoutesExhausted",
                         "Unable to complete operation for %s. The number of host routes exceeds the limit %d.",
                         s->id ? s->id : s->cidr, ROUTES_MAX);
    for (size_t i = 0; i < s->routes.n; i++) {
        if (!r[i].destination || !cidr_or_address_parse(r[i].destination, &c) || !r[i].nexthop || !address_parse(r[i].nexthop, &a))
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for host_routes. Reason: destination must be a CIDR and nexthop an IP address.");
        if (c.base.version != s->ip_version || a.version != s->ip_version)
            return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: host_routes '%s' does not match the ip_version '%d'.",
                             r[i].destination, s->ip_version);
        r[i].destination = cidr_text(cx->arena, c);
        r[i].nexthop = address_text(cx->arena, a);
        for (size_t k = 0; k < i; k++)
            if (str_eq(r[k].destination, r[i].destination) && str_eq(r[k].nexthop, r[i].nexthop))
                return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for host_routes. Reason: Duplicate hostroute '%s'.", r[i].destination);
    }
    return 0;
}

/* ---- writing ---- */

static int store_pools(struct cx *cx, const struct subnet *s, struct cidr c)
{
    TRY(store_delete(cx, &pool_table, "subnet_id=$1", ARGS(s->id)));
    for (size_t i = 0; i < s->pools.n; i++) {
        const struct ip_pool *p = (const struct ip_pool *)s->pools.items + i;
        struct address first, last;
        if (!address_parse(p->start, &first) || !address_parse(p->end, &last))
            return fail(cx, KIND_INTERNAL, "an allocation pool that was checked has no addresses");
        struct pool_row row = { s->id, p->start, p->end, cidr_slot(c, first), cidr_slot(c, last), cidr_slot(c, first) };
        TRY(store_insert(cx, &pool_table, &row));
    }
    return 0;
}

static int store_routes(struct cx *cx, const struct subnet *s)
{
    TRY(store_delete(cx, &route_table, "subnet_id=$1", ARGS(s->id)));
    for (size_t i = 0; i < s->routes.n; i++) {
        const struct host_route *r = (const struct host_route *)s->routes.items + i;
        struct route_row row = { s->id, r->destination, r->nexthop };
        TRY(store_insert(cx, &route_table, &row));
    }
    return 0;
}

static int touch_network(struct cx *cx, const char *network_id)
{
    struct network n;
    int r = store_find(cx, &network_table, &n, "id=$1", ARGS(network_id));
    TRY(r);
    if (!r)
        return 0;
    standard_touch(cx, STANDARD_OF(&n));
    return store_update(cx, &network_table, &n);
}

static int check_all(struct cx *cx, struct subnet *s, struct cidr c)
{
    TRY(check_ipv6_modes(cx, s, c));
    TRY(check_gateway(cx, s, c));
    TRY(check_pools(cx, s, c));
    TRY(check_dns(cx, s));
    return check_routes(cx, s);
}

/* As in Neutron: subnets of one version on one network come all from the same pool, or from none. */
static int check_affinity(struct cx *cx, const struct subnet *s, int version)
{
    int64_t one;
    int r = store_int(cx, &one, "SELECT 1 FROM subnet WHERE network_id=$1 AND ip_version=$2 AND COALESCE(subnetpool_id,'')<>COALESCE($3,'')",
                      ARGS(s->network_id, version, s->subnetpool_id));
    TRY(r);
    return r ? fail_type(cx, KIND_INVALID, "NetworkSubnetPoolAffinityError",
                         "Subnets hosted on the same network must be allocated from the same subnet pool.")
             : 0;
}

int subnet_add(struct cx *cx, struct subnet *s)
{
    struct network n;
    struct cidr c;

    TRY(network_get_own(cx, s->network_id, "create_subnet", &n));
    s->project_id = s->project_id ? s->project_id : sees_all(cx) && !*own_project(cx) ? n.project_id : NULL;
    if (s->subnetpool_id)
        TRY(subnetpool_cut(cx, s));
    TRY(check_cidr(cx, s, &c));
    TRY(check_affinity(cx, s, c.base.version));
    TRY(check_overlap(cx, s, c));
    if (s->default_gateway)
        s->gateway_ip = c.bits >= (c.base.version == 4 ? 31 : 127) ? NULL : address_text(cx->arena, cidr_first_host(c));
    s->dns = s->dns ? s->dns : "[]";
    TRY(check_gateway(cx, s, c));
    if (s->default_pools)
        preset_pools(cx, s, c);
    TRY(check_all(cx, s, c));
    standard_begin(cx, STANDARD_OF(s));
    TRY(quota_take_named(cx, s->project_id, "subnet", 1));
    TRY(store_insert(cx, &subnet_table, s));
    TRY(store_pools(cx, s, c));
    TRY(store_routes(cx, s));
    TRY(touch_network(cx, s->network_id));
    TRY(port_give_slaac(cx, s));
    return port_refresh_dhcp(cx, s->network_id, false);
}

/* A gateway that a router's leg holds stays. */
static int check_gateway_free(struct cx *cx, const struct subnet *old)
{
    struct { const char *id; } holder;
    int r = store_text(cx, &holder.id,
                       "SELECT l.port_id FROM router_leg l JOIN port_ip i ON i.port_id=l.port_id WHERE i.subnet_id=$1 AND i.ip_address=$2",
                       ARGS(old->id, old->gateway_ip));
    TRY(r);
    return r ? fail_type(cx, KIND_CONFLICT, "GatewayIpInUse", "Current gateway ip %s already in use by port %s. Unable to update.",
                         old->gateway_ip, holder.id)
             : 0;
}

static bool same_pools(const struct subnet *a, const struct subnet *b)
{
    const struct ip_pool *p = a->pools.items, *q = b->pools.items;

    for (size_t i = 0; i < a->pools.n && i < b->pools.n; i++)
        if (!str_eq(p[i].start, q[i].start) || !str_eq(p[i].end, q[i].end))
            return false;
    return a->pools.n == b->pools.n;
}

int subnet_change(struct cx *cx, struct subnet *s)
{
    struct subnet old;
    struct cidr c;

    TRY(subnet_get_own(cx, s->id, "update_subnet", &old));
    TRY(check_cidr(cx, s, &c));
    if (old.gateway_ip && !str_eq(old.gateway_ip, s->gateway_ip))
        TRY(check_gateway_free(cx, &old));
    TRY(check_all(cx, s, c));
    standard_touch(cx, STANDARD_OF(s));
    TRY(store_update(cx, &subnet_table, s));
    if (!same_pools(&old, s)) /* else they would start from their first addresses again */
        TRY(store_pools(cx, s, c));
    TRY(store_routes(cx, s));
    return port_refresh_dhcp(cx, s->network_id, false);
}

int subnet_erase(struct cx *cx, const struct subnet *s)
{
    int64_t used;
    int r = store_int(cx, &used,
                      "SELECT 1 FROM port_ip i JOIN port p ON p.id=i.port_id WHERE i.subnet_id=$1 AND p.device_owner<>$2 AND NOT "
                      "($3=1 AND p.device_owner<>$4)",
                      ARGS(s->id, OWNER_DHCP, subnet_is_slaac(s), OWNER_INTERFACE));
    TRY(r);
    if (r)
        return fail_type(cx, KIND_CONFLICT, "SubnetInUse",
                         "Unable to complete operation on subnet %s: One or more ports have an IP allocation from this subnet.", s->id);
    TRY(store_delete(cx, &port_ip_table, "subnet_id=$1", ARGS(s->id)));
    TRY(store_delete(cx, &pool_table, "subnet_id=$1", ARGS(s->id)));
    TRY(store_delete(cx, &route_table, "subnet_id=$1", ARGS(s->id)));
    TRY(store_delete(cx, &subnet_table, "id=$1", ARGS(s->id)));
    TRY(touch_network(cx, s->network_id));
    return quota_give(cx, s->project_id, "subnet", 1);
}

int subnet_remove(struct cx *cx, const char *id)
{
    struct subnet s;

    TRY(subnet_get_own(cx, id, "delete_subnet", &s));
    return subnet_erase(cx, &s);
}
