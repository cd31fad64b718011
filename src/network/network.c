#include "network/network.h"

#include "identity/quota.h"
#include "network/floating.h"
#include "store/filter.h"

/* clang-format off */
static const struct field network_columns[] = {
    STANDARD_COLUMNS(struct network),
    BOOL(struct network, admin_state_up),        BOOL(struct network, shared),
    BOOL(struct network, is_external),           BOOL(struct network, is_default),
    BOOL(struct network, port_security_enabled), I64(struct network, mtu),
    STR(struct network, network_type),           STR(struct network, physical_network), { 0 },
};
/* clang-format on */
const struct table network_table = { "network", network_columns, .n_key = 1, .size = sizeof(struct network) };

enum { MTU_MIN = 68, MTU_MIN_IPV6 = 1280, MTU_MAX = 9216 };

bool network_owned(const struct cx *cx, const struct network *n)
{
    return owns(cx, n->project_id);
}

static int load_subnets(struct cx *cx, struct list networks)
{
    struct network *n = networks.items;
    struct list rows;

    TRY(rows_in(cx, &subnet_table, &rows, "network_id", ids_of(cx, networks, sizeof *n), "network_id, created_at, id"));
    for (size_t i = 0; i < networks.n; i++) {
        struct list mine = children_of(rows, sizeof(struct subnet), offsetof(struct subnet, network_id), n[i].id);
        n[i].subnets = ids_of(cx, mine, sizeof(struct subnet));
    }
    return 0;
}

static int missing(struct cx *cx, const char *id)
{
    return fail_type(cx, KIND_NOT_FOUND, "NetworkNotFound", "Network %.64s could not be found.", id);
}

int network_get(struct cx *cx, const char *id, struct network *ret_network)
{
    int r = store_find(cx, &network_table, ret_network, "id=$1", ARGS(id));
    TRY(r);
    if (!r || !(network_owned(cx, ret_network) || ret_network->shared || ret_network->is_external))
        return missing(cx, id);
    return load_subnets(cx, (struct list){ ret_network, 1 });
}

int network_get_own(struct cx *cx, const char *id, const char *rule, struct network *ret_network)
{
    TRY(network_get(cx, id, ret_network));
    return network_owned(cx, ret_network) ? 0 : fail_policy(cx, rule);
}

int network_list(struct cx *cx, const struct query *q, struct list *ret_networks)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND (project_id=? OR shared=1 OR is_external=1)", ARGS(own_project(cx)));
    where_add_tags(&w, q);
    TRY(store_list_filtered(cx, &network_table, ret_networks, &q->filter, where_text(&w), where_args(&w)));
    return load_subnets(cx, *ret_networks);
}

static int check_mtu(struct cx *cx, const struct network *n)
{
    int64_t v6 = 0;

    if (n->mtu > MTU_MAX || n->mtu < MTU_MIN)
        return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: Requested MTU must be between %d and %d.",
                         MTU_MIN, MTU_MAX);
    int r = store_int(cx, &v6, "SELECT 1 FROM subnet WHERE network_id=$1 AND ip_version=6", ARGS(n->id));
    TRY(r);
    if (r && n->mtu < MTU_MIN_IPV6)
        return fail_type(cx, KIND_CONFLICT, "NetworkMTUSubnetConflict",
                         "Invalid input for operation: MTU must be %d at least on a network with IPv6 subnets.", MTU_MIN_IPV6);
    return 0;
}

/* At most one external network is the default. */
static int clear_other_default(struct cx *cx, const struct network *n)
{
    if (!n->is_default)
        return 0;
    if (!n->is_external)
        return fail_type(cx, KIND_INVALID, "InvalidInput",
                         "Invalid input for operation: only an external network can be the default.");
    int64_t other;
    int r = store_int(cx, &other, "SELECT 1 FROM network WHERE is_default=1 AND id<>$1", ARGS(n->id));
    TRY(r);
    if (r)
        return fail_type(cx, KIND_CONFLICT, "DefaultExternalNetworkExists", "A default external network already exists.");
    return 0;
}

/* What reaches beyond the project only admins decide. */
static int check_reach(struct cx *cx, const struct network *old, const struct network *n, const char *rule)
{
    const char *member = old->shared != n->shared                                         ? "shared"
                         : old->is_external != n->is_external                             ? "router:external"
                         : old->is_default != n->is_default                               ? "is_default"
                         : n->network_type && !str_eq(old->network_type, n->network_type) ? "provider:network_type"
                                                                                          : NULL;
    return !member || sees_all(cx) ? 0 : fail_policy(cx, cx_printf(cx, "%s and (rule:%s:%s)", rule, rule, member));
}

int network_add(struct cx *cx, struct network *n)
{
    static const struct network plain;

    TRY(check_reach(cx, &plain, n, "create_network"));
    standard_begin(cx, STANDARD_OF(n));
    n->network_type = n->network_type ? n->network_type : "local";
    n->mtu = n->mtu ? n->mtu : NETWORK_MTU;
    TRY(check_mtu(cx, n));
    TRY(clear_other_default(cx, n));
    TRY(quota_take_named(cx, n->project_id, "network", 1));
    return store_insert(cx, &network_table, n);
}

static int check_still_shared(struct cx *cx, const struct network *n)
{
    int64_t other;
    int r = store_int(cx, &other, "SELECT 1 FROM port WHERE network_id=$1 AND project_id<>$2 AND project_id<>''",
                      ARGS(n->id, n->project_id));
    TRY(r);
    return r ? fail_type(cx, KIND_CONFLICT, "InvalidSharedSetting",
                         "Unable to reconfigure sharing settings for network %s. Multiple tenants are using it.", n->name)
             : 0;
}

static int check_still_external(struct cx *cx, const struct network *n)
{
    int64_t used;
    int r = store_int(cx, &used, "SELECT 1 FROM port WHERE network_id=$1 AND device_owner IN ($2, $3)",
                      ARGS(n->id, OWNER_GATEWAY, OWNER_FLOATING));
    TRY(r);
    return r ? fail_type(cx, KIND_CONFLICT, "ExternalNetworkInUse",
                         "External network %s cannot be updated to be made non-external, since it has existing gateway ports.", n->id)
             : 0;
}

int network_change(struct cx *cx, struct network *n)
{
    struct network old;

    TRY(network_get_own(cx, n->id, "update_network", &old));
    TRY(check_reach(cx, &old, n, "update_network"));
    if (old.mtu != n->mtu)
        TRY(check_mtu(cx, n));
    if (old.shared && !n->shared)
        TRY(check_still_shared(cx, n));
    if (old.is_external && !n->is_external)
        TRY(check_still_external(cx, n));
    if (!old.is_default)
        TRY(clear_other_default(cx, n));
    standard_touch(cx, STANDARD_OF(n));
    return store_update(cx, &network_table, n);
}

int network_remove(struct cx *cx, const char *id)
{
    struct network n;
    struct list ports, subnets;

    TRY(network_get_own(cx, id, "delete_network", &n));
    TRY(floating_remove_unused(cx, id));
    TRY(store_list(cx, &port_table, &ports, "network_id=$1 AND device_owner<>$2 ORDER BY id LIMIT 1", ARGS(id, OWNER_DHCP)));
    if (ports.n)
        return fail_type(cx, KIND_CONFLICT, "NetworkInUse",
                         "Unable to complete operation on network %s. There are one or more ports still in use on the network, id "
                         "for these ports is %s.", id, ((struct port *)ports.items)->id);
    TRY(port_remove_dhcp(cx, id));
    TRY(subnets_of_network(cx, id, &subnets));
    for (size_t i = 0; i < subnets.n; i++)
        TRY(subnet_erase(cx, (const struct subnet *)subnets.items + i));
    TRY(store_delete(cx, &network_table, "id=$1", ARGS(id)));
    return quota_give(cx, n.project_id, "network", 1);
}
