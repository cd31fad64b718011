#include "network/availability.h"

#include "network/address.h"
#include "network/network.h"

struct used {
    const char *subnet_id;
    int64_t n;
};

static unsigned __int128 pool_size(const struct ip_pool *pool)
{
    struct address first, last;

    if (!address_parse(pool->start, &first) || !address_parse(pool->end, &last))
        return 0;
    return last.value - first.value + 1;
}

static int64_t used_of(struct list used, const char *subnet_id)
{
    struct list mine = children_of(used, sizeof(struct used), offsetof(struct used, subnet_id), subnet_id);
    return mine.n ? ((const struct used *)mine.items)->n : 0;
}

static void add_subnet(struct cx *cx, struct availability *a, const struct subnet *s, struct list used)
{
    struct subnet_availability *all = a->subnets.items, *one = arena_push(cx->arena, &all, &a->subnets.n);
    const struct ip_pool *pools = s->pools.items;

    *one = (struct subnet_availability){ .subnet_id = s->id, .subnet_name = s->name, .cidr = s->cidr, .ip_version = s->ip_version,
                                         .used_n = used_of(used, s->id) };
    for (size_t i = 0; i < s->pools.n; i++)
        one->total_n += pool_size(&pools[i]);
    a->total_n += one->total_n;
    a->used_n += one->used_n;
    a->subnets.items = all;
}

/* Adds the subnets of this version (0: any) to their networks. */
static int count(struct cx *cx, struct availability *a, size_t n, struct list subnets, int ip_version)
{
    static const struct field columns[] = { STR(struct used, subnet_id), I64(struct used, n), { 0 } };
    const struct subnet *s = subnets.items;
    struct list used;

    TRY(store_select(cx, columns, sizeof(struct used), &used,
                     "SELECT subnet_id, count(*) FROM port_ip GROUP BY subnet_id ORDER BY subnet_id", NO_ARGS));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < subnets.n; k++)
            if (str_eq(s[k].network_id, a[i].network_id) && (!ip_version || s[k].ip_version == ip_version))
                add_subnet(cx, &a[i], &s[k], used);
    return 0;
}

static struct availability of_network(const struct network *n)
{
    return (struct availability){ .network_id = n->id, .network_name = n->name, .project_id = n->project_id };
}

int availability_list(struct cx *cx, const struct query *q, int ip_version, struct list *ret_list)
{
    struct list networks, subnets;

    TRY(network_list(cx, q, &networks));
    TRY(subnet_list(cx, &(struct query){ 0 }, &subnets));
    struct availability *a = arena_new_array(cx->arena, struct availability, networks.n + 1);
    for (size_t i = 0; i < networks.n; i++)
        a[i] = of_network((const struct network *)networks.items + i);
    TRY(count(cx, a, networks.n, subnets, ip_version));
    *ret_list = (struct list){ a, networks.n };
    return 0;
}

int availability_get(struct cx *cx, const char *network_id, struct availability *ret_availability)
{
    struct network n;
    struct list subnets;

    TRY(network_get(cx, network_id, &n));
    TRY(subnets_of_network(cx, network_id, &subnets));
    *ret_availability = of_network(&n);
    return count(cx, ret_availability, 1, subnets, 0);
}
