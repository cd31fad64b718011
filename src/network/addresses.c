/* Which address a port gets.  All takes happen in the store's one writer, so that looking and taking can't race. */
#include <string.h>

#include "network/address.h"
#include "network/port.h"

enum { FIXED_IPS_MAX = 5 };

struct pool_cursor {
    const char *subnet_id, *first_ip;
    int64_t first_slot, last_slot, next_slot;
};
/* clang-format off */
static const struct field cursor_columns[] = {
    STR(struct pool_cursor, subnet_id),  STR(struct pool_cursor, first_ip),  I64(struct pool_cursor, first_slot),
    I64(struct pool_cursor, last_slot),  I64(struct pool_cursor, next_slot), { 0 },
};
/* clang-format on */
static const struct table cursor_table = { "allocation_pool", cursor_columns, .n_key = 2, .size = sizeof(struct pool_cursor) };

static int in_use(struct cx *cx, const char *subnet_id, const char *ip)
{
    int64_t one;
    return store_int(cx, &one, "SELECT 1 FROM port_ip WHERE subnet_id=$1 AND ip_address=$2", ARGS(subnet_id, ip));
}

static int insert(struct cx *cx, const struct port *p, const struct subnet *s, struct cidr c, struct address a, struct list *done)
{
    struct port_ip row = { s->id, address_text(cx->arena, a), p->id, cidr_slot(c, a), s->ip_version, (int)done->n };

    TRY(store_insert(cx, &port_ip_table, &row));
    *(struct port_ip *)arena_push_(cx->arena, &done->items, &done->n, sizeof row) = row;
    return 0;
}

/* The first free slot of low..high: returns 1, or 0 when all are taken. */
static int first_gap(struct cx *cx, const char *subnet_id, int64_t low, int64_t high, int64_t *ret_slot)
{
    int64_t one;

    if (low > high)
        return 0;
    int r = store_int(cx, &one, "SELECT 1 FROM port_ip WHERE subnet_id=$1 AND slot=$2", ARGS(subnet_id, low));
    TRY(r);
    if (!r) {
        *ret_slot = low;
        return 1;
    }
    return store_int(cx, ret_slot,
                     "SELECT MIN(a.slot)+1 FROM port_ip a WHERE a.subnet_id=$1 AND a.slot>=$2 AND a.slot<$3 AND NOT EXISTS "
                     "(SELECT 1 FROM port_ip b WHERE b.subnet_id=$1 AND b.slot=a.slot+1)",
                     ARGS(subnet_id, low, high));
}

/* Takes an address of the subnet's pools, those longest unused first; returns 1, or 0 when none is left. */
static int take_from_pools(struct cx *cx, const struct port *p, const struct subnet *s, struct list *done)
{
    struct list pools;
    struct cidr c;
    int64_t slot;

    if (!cidr_parse(s->cidr, &c, NULL))
        return fail(cx, KIND_INTERNAL, "subnet %s has a cidr that is none", s->id);
    TRY(store_list(cx, &cursor_table, &pools, "subnet_id=$1 ORDER BY first_slot", ARGS(s->id)));
    for (size_t i = 0; i < pools.n; i++) {
        const struct pool_cursor *pool = (const struct pool_cursor *)pools.items + i;
        int r = first_gap(cx, s->id, pool->next_slot, pool->last_slot, &slot);
        if (r == 0)
            r = first_gap(cx, s->id, pool->first_slot, pool->next_slot - 1, &slot);
        TRY(r);
        if (!r)
            continue;
        TRY(store_exec(cx, &cursor_table, "UPDATE allocation_pool SET next_slot=$1 WHERE subnet_id=$2 AND first_ip=$3",
                       ARGS(slot == pool->last_slot ? pool->first_slot : slot + 1, s->id, pool->first_ip)));
        TRY(insert(cx, p, s, c, address_plus(c.base, (unsigned __int128)slot), done));
        return 1;
    }
    return 0;
}

static int none_left(struct cx *cx, const char *network_id)
{
    return fail_type(cx, KIND_CONFLICT, "IpAddressGenerationFailure", "No more IP addresses available on network %s.", network_id);
}

int address_take_any(struct cx *cx, struct port *p, struct list subnets, int version)
{
    for (size_t i = 0; i < subnets.n; i++) {
        const struct subnet *s = (const struct subnet *)subnets.items + i;
        if (s->ip_version != version || subnet_is_slaac(s))
            continue;
        int r = take_from_pools(cx, p, s, &p->ips);
        if (r)
            return r < 0 ? r : 0;
    }
    return none_left(cx, p->network_id);
}

static int take_slaac(struct cx *cx, const struct port *p, const struct subnet *s, struct list *done)
{
    struct cidr c;

    if (!cidr_parse(s->cidr, &c, NULL))
        return fail(cx, KIND_INTERNAL, "subnet %s has a cidr that is none", s->id);
    struct address a = address_of_mac(c, p->mac_address);
    int r = in_use(cx, s->id, address_text(cx->arena, a));
    TRY(r);
    return r ? 0 : insert(cx, p, s, c, a, done);
}

static bool has_version(struct list subnets, int version)
{
    for (size_t i = 0; i < subnets.n; i++) {
        const struct subnet *s = (const struct subnet *)subnets.items + i;
        if (s->ip_version == version && !subnet_is_slaac(s))
            return true;
    }
    return false;
}

static bool is_router_port(const struct port *p)
{
    return str_eq(p->device_owner, OWNER_INTERFACE) || str_eq(p->device_owner, OWNER_GATEWAY) || str_eq(p->device_owner, OWNER_FLOATING);
}

/* One IPv4 address, one IPv6 address, and one of each SLAAC subnet. */
static int take_auto(struct cx *cx, struct port *p, struct list subnets)
{
    p->ips = (struct list){ 0 };
    for (int version = 4; version <= 6; version += 2)
        if (has_version(subnets, version))
            TRY(address_take_any(cx, p, subnets, version));
    for (size_t i = 0; i < subnets.n && !is_router_port(p); i++)
        if (subnet_is_slaac((struct subnet *)subnets.items + i))
            TRY(take_slaac(cx, p, (struct subnet *)subnets.items + i, &p->ips));
    return 0;
}

/* The subnet that a request means; '*ret_address' is set when it names one. */
static int find_subnet(struct cx *cx, const struct port *p, struct list subnets, const struct port_ip *want,
                       const struct subnet **ret_subnet, struct cidr *ret_cidr, struct address *ret_address)
{
    if (want->ip_address && !address_parse(want->ip_address, ret_address))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for fixed_ips. Reason: '%.64s' is not a valid IP address.",
                         want->ip_address);
    for (size_t i = 0; i < subnets.n; i++) {
        const struct subnet *s = (const struct subnet *)subnets.items + i;
        if (!cidr_parse(s->cidr, ret_cidr, NULL))
            continue;
        if (want->subnet_id ? !str_eq(s->id, want->subnet_id) : !want->ip_address || !cidr_contains(*ret_cidr, *ret_address))
            continue;
        *ret_subnet = s;
        if (!want->ip_address)
            return 0;
        if (!cidr_contains(*ret_cidr, *ret_address) || address_compare(*ret_address, cidr_first_host(*ret_cidr)) < 0 ||
            address_compare(*ret_address, cidr_last_host(*ret_cidr)) > 0)
            return fail_type(cx, KIND_INVALID, "InvalidIpForSubnet", "IP address %s is not a valid IP for the specified subnet.",
                             want->ip_address);
        return 0;
    }
    if (want->subnet_id)
        return fail_type(cx, KIND_INVALID, "InvalidInput",
                         "Invalid input for operation: Failed to create port on network %s, because fixed_ips included invalid "
                         "subnet %.64s.", p->network_id, want->subnet_id);
    if (!want->ip_address)
        return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: IP allocation requires subnet_id or ip_address.");
    return fail_type(cx, KIND_INVALID, "InvalidIpForNetwork",
                     "IP address %s is not a valid IP for any of the subnets on the specified network.", want->ip_address);
}

/* One of those the port has that the request fits: kept. */
static const struct port_ip *kept(const struct list *keep, const bool *used, const struct port_ip *want, size_t *ret_index)
{
    for (size_t i = 0; keep && i < keep->n; i++) {
        const struct port_ip *have = (const struct port_ip *)keep->items + i;
        if (!used[i] && (!want->ip_address || str_eq(want->ip_address, have->ip_address)) &&
            (!want->subnet_id || str_eq(want->subnet_id, have->subnet_id)) && (want->ip_address || want->subnet_id)) {
            *ret_index = i;
            return have;
        }
    }
    return NULL;
}

static bool in_pools(const struct subnet *s, struct address a)
{
    const struct ip_pool *pool = s->pools.items;
    struct address first, last;

    for (size_t i = 0; i < s->pools.n; i++)
        if (address_parse(pool[i].start, &first) && address_parse(pool[i].end, &last) && address_compare(first, a) <= 0 &&
            address_compare(a, last) <= 0)
            return true;
    return false;
}

/* Who uses another's network chooses among what its owner gives away: beyond the pools lie the gateway and other machinery,
 * and who had their addresses could answer for them.  On a flat network the hosts hold the gateway's. */
static int check_choice(struct cx *cx, const struct port *p, const struct subnet *s, struct address a)
{
    struct network n;
    int r = store_find(cx, &network_table, &n, "id=$1", ARGS(p->network_id));

    TRY(r);
    if (!r || (!network_owned(cx, &n) && !in_pools(s, a)))
        return fail_policy(cx, "create_port and (rule:create_port:fixed_ips)");
    if (str_eq(n.network_type, "flat") && str_eq(s->gateway_ip, address_text(cx->arena, a)))
        return fail_type(cx, KIND_CONFLICT, "IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s: it is the gateway's.",
                         s->gateway_ip, s->id);
    return 0;
}

static int take_one(struct cx *cx, struct port *p, struct list subnets, const struct port_ip *want, struct list *done)
{
    const struct subnet *s = NULL;
    struct cidr c;
    struct address a;

    TRY(find_subnet(cx, p, subnets, want, &s, &c, &a));
    if (!want->ip_address && subnet_is_slaac(s) && !is_router_port(p))
        return take_slaac(cx, p, s, done);
    if (!want->ip_address) {
        int r = take_from_pools(cx, p, s, done);
        return r ? r < 0 ? r : 0 : none_left(cx, p->network_id);
    }
    if (subnet_is_slaac(s) && !is_router_port(p) && address_compare(a, address_of_mac(c, p->mac_address)) != 0)
        return fail_type(cx, KIND_INVALID, "AllocationOnAutoAddressSubnet",
                         "IPv6 address %s cannot be directly assigned to a port on subnet %s as the subnet is configured for "
                         "automatic addresses.", want->ip_address, s->id);
    if (!subnet_is_slaac(s))
        TRY(check_choice(cx, p, s, a));
    int r = in_use(cx, s->id, address_text(cx->arena, a));
    TRY(r);
    if (r)
        return fail_type(cx, KIND_CONFLICT, "IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s.",
                         want->ip_address, s->id);
    return insert(cx, p, s, c, a, done);
}

int addresses_take(struct cx *cx, struct port *p, const struct list *keep)
{
    struct list subnets, wants = p->ips, done = { 0 };
    const struct port_ip *want = wants.items;
    size_t at;

    TRY(subnets_of_network(cx, p->network_id, &subnets));
    if (p->auto_ips)
        return take_auto(cx, p, subnets);
    if (wants.n > FIXED_IPS_MAX)
        return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: Exceeded maximum amount of fixed ips per port.");
    bool *used = arena_new_array(cx->arena, bool, keep ? keep->n + 1 : 1);
    bool *found = arena_new_array(cx->arena, bool, wants.n + 1);
    for (int exact = 1; exact >= 0; exact--) /* those that name an address choose first */
        for (size_t i = 0; i < wants.n; i++) {
            if (found[i] || (exact && !want[i].ip_address))
                continue;
            const struct port_ip *have = kept(keep, used, &want[i], &at);
            if (!have)
                continue;
            used[at] = found[i] = true;
            *(struct port_ip *)arena_push_(cx->arena, &done.items, &done.n, sizeof *have) = *have;
        }
    for (size_t i = 0; keep && i < keep->n; i++) {
        const struct port_ip *have = (const struct port_ip *)keep->items + i;
        if (!used[i])
            TRY(store_delete(cx, &port_ip_table, "subnet_id=$1 AND ip_address=$2", ARGS(have->subnet_id, have->ip_address)));
    }
    for (int exact = 1; exact >= 0; exact--)
        for (size_t i = 0; i < wants.n; i++)
            if (!found[i] && (want[i].ip_address != NULL) == exact)
                TRY(take_one(cx, p, subnets, &want[i], &done));
    p->ips = done;
    return 0;
}
