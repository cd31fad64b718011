/* /os-networks and /os-tenant-networks, until 2.35: the older view of the networks, to look at only. */
#include "network/network.h"

#include "api/nova/nova.h"

/* The network's first IPv4 subnet, or NULL. */
static const struct subnet *first_subnet(struct list subnets, const struct network *n)
{
    const struct subnet *s = subnets.items;

    for (size_t i = 0; i < subnets.n; i++)
        if (s[i].ip_version == 4 && str_eq(s[i].network_id, n->id))
            return &s[i];
    return NULL;
}

static void put_network(struct jwriter *w, const struct network *n, struct list subnets, bool brief)
{
    static const char *const unknown[] = { "netmask", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6", NULL };
    const struct subnet *s = first_subnet(subnets, n);

    jw_object(w);
    jw_kv(w, "id", n->id);
    jw_kv(w, "label", n->name);
    jw_kv(w, "cidr", s ? s->cidr : brief ? "None" : NULL);
    if (!brief)
        jw_kv(w, "gateway", s ? s->gateway_ip : NULL);
    for (const char *const *u = unknown; *u && !brief; u++)
        jw_kv(w, *u, NULL); /* what one subnet cannot say of a network */
    jw_end(w);
}

static int all_subnets(struct cx *cx, struct list *ret_subnets)
{
    struct filter_sort sort = { "created_at", false };
    const struct query q = { .filter = { .sorts = &sort, .n_sorts = 1 } };
    return subnet_list(cx, &q, ret_subnets);
}

static int list_networks(struct cx *cx, struct req *rq, bool brief)
{
    const struct query q = { 0 };
    struct list networks, subnets;

    TRY(network_list(cx, &q, &networks));
    TRY(all_subnets(cx, &subnets));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "networks");
    jw_array(w);
    for (size_t i = 0; i < networks.n; i++)
        put_network(w, &((struct network *)networks.items)[i], subnets, brief);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int show_network(struct cx *cx, struct req *rq, bool brief)
{
    struct network n;
    struct list subnets;

    TRY(network_get(cx, req_path(rq, "id"), &n));
    TRY(all_subnets(cx, &subnets));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "network");
    put_network(w, &n, subnets, brief);
    jw_end(w);
    return reply_written(rq);
}

static int networks_list(struct cx *cx, struct req *rq)
{
    return list_networks(cx, rq, false);
}
static int networks_show(struct cx *cx, struct req *rq)
{
    return show_network(cx, rq, false);
}
static int tenant_networks_list(struct cx *cx, struct req *rq)
{
    return list_networks(cx, rq, true);
}
static int tenant_networks_show(struct cx *cx, struct req *rq)
{
    return show_network(cx, rq, true);
}

#define P "os_compute_api:"
/* clang-format off */
const struct route nova_networks_routes[] = {
    { "GET", "/os-networks",             networks_list,        P "os-networks:list",        MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "GET", "/os-networks/{id}",        networks_show,        P "os-networks:show",        MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "GET", "/os-tenant-networks",      tenant_networks_list, P "os-tenant-networks:list", MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "GET", "/os-tenant-networks/{id}", tenant_networks_show, P "os-tenant-networks:show", MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { 0 },
};
/* clang-format on */
