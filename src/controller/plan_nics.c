#include "controller/plan_nics.h"

#include <stdlib.h>
#include <string.h>

#include "json/read.h"
#include "network/standard.h"

/* The rows of 'rows' whose string 'member', by which they are sorted, is 'key'. */
#define FOR_ROWS(T, row, rows, member, key)                                                                  \
    for (struct list row##_all = children_of((rows), sizeof(T), offsetof(T, member), (key)); row##_all.n;    \
         row##_all.n = 0)                                                                                    \
        for (const T *row = row##_all.items, *row##_end = row + row##_all.n; row < row##_end; row++)

static int by_id(const void *a, const void *b)
{
    const struct hv_port *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static int by_server(const void *a, const void *b)
{
    const struct hv_floating *x = a, *y = b;
    int c = strcmp(x->server_id, y->server_id);
    return c ? c : strcmp(x->id, y->id);
}

static struct list sorted(struct cx *cx, struct list rows, size_t size, int (*compare)(const void *, const void *))
{
    struct list copy = { cx_alloc(cx, (rows.n + 1) * size), rows.n };

    if (rows.n) {
        memcpy(copy.items, rows.items, rows.n * size);
        qsort(copy.items, rows.n, size, compare);
    }
    return copy;
}

void plan_nics_index(struct cx *cx, struct plan_nics *nics)
{
    nics->ports_by_id = sorted(cx, nics->view.ports, sizeof(struct hv_port), by_id);
    nics->floatings_by_server = sorted(cx, nics->view.floatings, sizeof(struct hv_floating), by_server);
}

static void add(struct cx *cx, struct strs *all, const char *s)
{
    for (size_t i = 0; i < all->n; i++)
        if (str_eq(all->items[i], s))
            return;
    *arena_push(cx->arena, &all->items, &all->n) = s;
}

/* Where servers of the flat network find each other by name.  A host has one name server, so tenants' networks have none:
 * what one tenant calls its servers is nothing to another. */
static const char flat_domain[] = "novalocal";

/* ---- NICs ---- */

static struct wire_port port_of(struct cx *cx, const struct host_view *v, const struct hv_port *p)
{
    struct wire_port w = { .id = p->id, .mark = p->mark, .mac = p->mac, .network_id = p->network_id, .secured = p->secured };
    struct wire_pair *pairs = NULL;
    size_t n = 0;

    FOR_ROWS(struct hv_port_ip, ip, v->ips, port_id, p->id)
        add(cx, &w.ips, ip->ip);
    FOR_ROWS(struct hv_port_group, g, v->groups_of_ports, port_id, p->id)
        add(cx, &w.groups, g->group_id);
    FOR_ROWS(struct hv_pair, pair, v->pairs, port_id, p->id)
        *arena_push(cx->arena, &pairs, &n) = (struct wire_pair){ pair->mac, pair->ip };
    w.pairs = (struct list){ pairs, n };
    return w;
}

struct list plan_nics_ports(struct cx *cx, const struct plan_nics *nics, const char *server_id)
{
    struct wire_port *ports = NULL;
    size_t n = 0;

    FOR_ROWS(struct hv_port, p, nics->view.ports, server_id, server_id)
        *arena_push(cx->arena, &ports, &n) = port_of(cx, &nics->view, p);
    return (struct list){ ports, n };
}

const char *plan_nics_public_ip(const struct plan_nics *nics, const char *server_id)
{
    FOR_ROWS(struct hv_floating, f, nics->floatings_by_server, server_id, server_id)
        return f->floating_ip;
    return NULL;
}

struct strs plan_nics_group_names(struct cx *cx, const struct plan_nics *nics, const char *server_id)
{
    const struct host_view *v = &nics->view;
    struct strs names = { 0 };

    FOR_ROWS(struct hv_port, p, v->ports, server_id, server_id)
        FOR_ROWS(struct hv_port_group, pg, v->groups_of_ports, port_id, p->id)
            FOR_ROWS(struct hv_group, g, v->groups, id, pg->group_id)
                add(cx, &names, g->name);
    return names;
}

/* ---- documents ---- */

/* A name in DNS: a tenant's server name may hold anything, a lease only what DNS takes. */
static const char *dns_name(struct cx *cx, const char *port_id, const char *hostname)
{
    return hostname ? hostname : cx_printf(cx, "host-%.8s", port_id);
}

static const char *hostname_of(const struct plan_input *input, const char *server_id)
{
    FOR_ROWS(struct wire_guest, g, input->guests, id, server_id)
        return g->metadata->hostname;
    return NULL;
}

static struct list leases_of(struct cx *cx, const struct plan_nics *nics, const struct plan_input *input, const struct hv_subnet *s)
{
    const struct hv_port_ip *ip = nics->view.ips.items, *end = ip + nics->view.ips.n;
    struct wire_lease *leases = NULL;
    size_t n = 0;

    for (; ip < end; ip++)
        if (str_eq(ip->subnet_id, s->id))
            FOR_ROWS(struct hv_port, p, nics->ports_by_id, id, ip->port_id)
                *arena_push(cx->arena, &leases, &n) = (struct wire_lease){
                    p->mac, ip->ip, dns_name(cx, p->id, hostname_of(input, p->server_id)), p->id };
    return (struct list){ leases, n };
}

static struct wire_subnet subnet_of(struct cx *cx, const struct plan_nics *nics, const struct plan_input *input, bool flat,
                                    const struct hv_subnet *s)
{
    struct wire_route *routes = NULL;
    size_t n = 0;

    FOR_ROWS(struct hv_subnet_route, r, nics->view.subnet_routes, subnet_id, s->id)
        *arena_push(cx->arena, &routes, &n) = (struct wire_route){ r->destination, r->nexthop };
    return (struct wire_subnet){
        .id = s->id, .cidr = s->cidr, .gateway = s->gateway, .ip_version = s->version, .dhcp = s->dhcp,
        .dhcp_ip = flat ? s->gateway : s->dhcp_ip, .dns = json_to_strs(cx, s->dns), .routes = { routes, n },
        .leases = leases_of(cx, nics, input, s), .ipv6_mode = s->version == 6 ? (s->address_mode ? s->address_mode : s->ra_mode) : NULL,
        .gateway_here = (flat && s->gateway) || s->gateway_here,
    };
}

static struct list networks_of(struct cx *cx, const struct plan_nics *nics, const struct plan_input *input)
{
    const struct host_view *v = &nics->view;
    struct wire_network *networks = NULL;
    size_t n = 0;

    for (size_t i = 0; i < v->networks.n; i++) {
        const struct hv_network *row = (const struct hv_network *)v->networks.items + i;
        struct wire_network *w = arena_push(cx->arena, &networks, &n);
        struct wire_subnet *subnets = NULL;
        size_t n_subnets = 0;
        *w = (struct wire_network){ .id = row->id, .flat = row->flat, .isolated = !row->flat, .mtu = row->flat ? 0 : row->mtu,
                                    .domain = row->flat ? flat_domain : NULL };
        FOR_ROWS(struct hv_subnet, s, v->subnets, network_id, row->id)
            *arena_push(cx->arena, &subnets, &n_subnets) = subnet_of(cx, nics, input, row->flat, s);
        w->subnets = (struct list){ subnets, n_subnets };
    }
    return (struct list){ networks, n };
}

static struct list groups_of(struct cx *cx, const struct host_view *v)
{
    struct wire_group *groups = NULL;
    size_t n = 0;

    for (size_t i = 0; i < v->groups.n; i++) {
        const struct hv_group *row = (const struct hv_group *)v->groups.items + i;
        struct wire_group *w = arena_push(cx->arena, &groups, &n);
        struct wire_rule *rules = NULL;
        size_t n_rules = 0;
        *w = (struct wire_group){ .id = row->id, .stateful = row->stateful };
        FOR_ROWS(struct hv_rule, r, v->rules, group_id, row->id)
            *arena_push(cx->arena, &rules, &n_rules) = (struct wire_rule){
                r->direction, r->ethertype, r->protocol, r->port_min, r->port_max, r->remote_cidr, r->remote_group };
        FOR_ROWS(struct hv_member, m, v->members, group_id, row->id)
            *arena_push(cx->arena, &w->members.items, &w->members.n) = m->ip;
        w->rules = (struct list){ rules, n_rules };
    }
    return (struct list){ groups, n };
}

static struct list routers_of(struct cx *cx, const struct host_view *v)
{
    struct wire_router *routers = NULL;
    size_t n = 0;

    for (size_t i = 0; i < v->routers.n; i++) {
        const struct hv_router *row = (const struct hv_router *)v->routers.items + i;
        struct wire_router *w = arena_push(cx->arena, &routers, &n);
        struct wire_router_leg *legs = NULL;
        struct wire_route *routes = NULL;
        size_t n_legs = 0, n_routes = 0;
        FOR_ROWS(struct hv_leg, l, v->legs, router_id, row->id)
            *arena_push(cx->arena, &legs, &n_legs) = (struct wire_router_leg){ l->network_id, l->subnet_id, l->ip, l->cidr };
        FOR_ROWS(struct hv_route, r, v->routes, router_id, row->id)
            *arena_push(cx->arena, &routes, &n_routes) = (struct wire_route){ r->destination, r->nexthop };
        *w = (struct wire_router){ row->id, row->up, row->external_ip, row->snat, { legs, n_legs }, { routes, n_routes } };
    }
    return (struct list){ routers, n };
}

static struct list floatings_of(struct cx *cx, const struct host_view *v)
{
    struct wire_floating *out = arena_new_array(cx->arena, struct wire_floating, v->floatings.n + 1);
    const struct hv_floating *f = v->floatings.items;

    for (size_t i = 0; i < v->floatings.n; i++)
        out[i] = (struct wire_floating){ f[i].id, f[i].floating_ip, f[i].fixed_ip, f[i].port_id };
    return (struct list){ out, v->floatings.n };
}

void plan_nics_documents(struct cx *cx, const struct plan_nics *nics, struct plan_input *input)
{
    input->networks = networks_of(cx, nics, input);
    input->groups = groups_of(cx, &nics->view);
    input->routers = routers_of(cx, &nics->view);
    input->floatings = floatings_of(cx, &nics->view);
}
