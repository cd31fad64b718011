#include "compute/floating.h"

#include "auth/who.h"
#include "network/attach.h"
#include "network/network.h"

static struct filter_cond equals(struct cx *cx, const char *column, const char *value)
{
    const char **v = cx_alloc(cx, sizeof *v);
    *v = value;
    return (struct filter_cond){ column, FILTER_IN, { v, 1 } };
}

/* Also an admin's list is that of the project. */
static int list_by(struct cx *cx, const char *address, struct list *ret_floatings)
{
    struct filter_cond conds[] = { equals(cx, "project_id", own_project(cx)), equals(cx, "floating_ip_address", address) };
    struct filter_sort sort = { "created_at", false };
    const struct query q = { .filter = { .conds = conds, .n_conds = address ? 2 : 1, .sorts = &sort, .n_sorts = 1 } };
    return floating_list(cx, &q, ret_floatings);
}

int compute_floating_list(struct cx *cx, struct list *ret_floatings)
{
    return list_by(cx, NULL, ret_floatings);
}

int compute_floating_pools(struct cx *cx, struct list *ret_networks)
{
    struct filter_cond cond = equals(cx, "is_external", "1");
    struct filter_sort sorts[] = { { "is_default", true }, { "created_at", false } };
    const struct query q = { .filter = { .conds = &cond, .n_conds = 1, .sorts = sorts, .n_sorts = N_ELEMENTS(sorts) } };
    return network_list(cx, &q, ret_networks);
}

const char *compute_floating_pool(struct list networks, const struct floating *floating)
{
    const struct network *n = networks.items;

    for (size_t i = 0; i < networks.n; i++)
        if (str_eq(n[i].id, floating->floating_network_id))
            return n[i].name;
    return NULL;
}

int compute_floating_add(struct cx *cx, const char *pool, struct floating *ret_floating)
{
    struct list networks;
    const struct network *found = NULL;

    TRY(compute_floating_pools(cx, &networks));
    const struct network *n = networks.items;
    for (size_t i = 0; i < networks.n && !found; i++)
        if (!pool || str_eq(n[i].name, pool) || str_eq(n[i].id, pool))
            found = &n[i];
    if (!found)
        return fail(cx, KIND_NOT_FOUND, "Floating IP pool not found.");
    *ret_floating = (struct floating){ .floating_network_id = found->id, .description = "" };
    int r = floating_add(cx, ret_floating);
    if (r < 0 && cx->kind == KIND_CONFLICT)
        return fail(cx, KIND_NOT_FOUND, "No more floating IPs in pool %s.", found->name);
    return r;
}

static int find(struct cx *cx, const char *address, struct floating *ret_floating)
{
    struct list found;

    TRY(list_by(cx, address, &found));
    if (!found.n)
        return fail(cx, KIND_NOT_FOUND, "floating IP not found");
    *ret_floating = ((struct floating *)found.items)[0];
    return 0;
}

/* The port and address that are meant; both NULL when there is none. */
static void choose(const struct list *nics, const char *fixed_address, const char **ret_port_id, const char **ret_ip)
{
    const struct nic *nic = nics->items;

    *ret_port_id = *ret_ip = NULL;
    for (size_t i = 0; i < nics->n && !*ret_ip; i++) {
        const struct nic_ip *ip = nic[i].ips.items;
        for (size_t k = 0; k < nic[i].ips.n && !*ret_ip; k++)
            if (ip[k].version == 4 && (!fixed_address || str_eq(ip[k].ip, fixed_address))) {
                *ret_port_id = nic[i].port_id;
                *ret_ip = ip[k].ip;
            }
    }
}

int server_floating_add(struct cx *cx, const struct server *server, const char *address, const char *fixed_address)
{
    const char *id = server->id;
    struct floating f;
    struct list nics;

    TRY(find(cx, address, &f));
    TRY(network_nics(cx, (struct strs){ &id, 1 }, &nics));
    choose(&nics, fixed_address, &f.port_id, &f.fixed_ip_address);
    if (!f.port_id)
        return fixed_address ? fail(cx, KIND_INVALID, "Specified fixed address not assigned to instance")
                             : fail(cx, KIND_INVALID, "Unable to associate floating IP %s: the instance has no fixed IPv4 address.", address);
    int r = floating_change(cx, &f);
    if (r < 0 && (cx->kind == KIND_CONFLICT || cx->kind == KIND_NOT_FOUND))
        cx->kind = KIND_INVALID; /* has one already; no router between the two */
    return r;
}

int server_floating_remove(struct cx *cx, const struct server *server, const char *address)
{
    struct floating f;

    TRY(find(cx, address, &f));
    if (!f.port || !str_eq(f.port->server_id, server->id))
        return fail(cx, KIND_CONFLICT, "Floating IP %s is not associated with instance %s.", address, server->id);
    f.port_id = f.fixed_ip_address = NULL;
    return floating_change(cx, &f);
}
