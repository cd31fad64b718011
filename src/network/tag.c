#include "network/tag.h"

#include <string.h>

#include "network/floating.h"
#include "network/group.h"
#include "network/network.h"
#include "network/router.h"

union any {
    struct standard standard;
    struct network network;
    struct subnet subnet;
    struct subnetpool pool;
    struct port port;
    struct router router;
    struct floating floating;
    struct group group;
};

static int get_network(struct cx *cx, const char *id, bool own, union any *ret)
{
    return own ? network_get_own(cx, id, "update_networks_tags", &ret->network) : network_get(cx, id, &ret->network);
}
static int get_subnet(struct cx *cx, const char *id, bool own, union any *ret)
{
    return own ? subnet_get_own(cx, id, "update_subnets_tags", &ret->subnet) : subnet_get(cx, id, &ret->subnet);
}
static int get_pool(struct cx *cx, const char *id, bool own, union any *ret)
{
    return own ? subnetpool_get_own(cx, id, "update_subnetpools_tags", &ret->pool) : subnetpool_get(cx, id, &ret->pool);
}
static int get_port(struct cx *cx, const char *id, bool own, union any *ret)
{
    return own ? port_get_own(cx, id, "update_ports_tags", &ret->port) : port_get(cx, id, &ret->port);
}
static int get_router(struct cx *cx, const char *id, bool own, union any *ret)
{
    return router_get(cx, id, &ret->router);
}
static int get_floating(struct cx *cx, const char *id, bool own, union any *ret)
{
    return floating_get(cx, id, &ret->floating);
}
static int get_group(struct cx *cx, const char *id, bool own, union any *ret)
{
    return group_get(cx, id, &ret->group);
}

/* clang-format off */
static const struct kind_of {
    const char *collection;
    const struct table *table;
    int (*get)(struct cx *cx, const char *id, bool own, union any *ret);
} kinds[] = {
    { "networks",        &network_table,    get_network },
    { "subnets",         &subnet_table,     get_subnet },
    { "subnetpools",     &subnetpool_table, get_pool },
    { "ports",           &port_table,       get_port },
    { "routers",         &router_table,     get_router },
    { "floatingips",     &floating_table,   get_floating },
    { "security-groups", &group_table,      get_group },
};
/* clang-format on */

/* NULL after a failure was recorded. */
static const struct kind_of *find_kind(struct cx *cx, const char *collection)
{
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].collection, collection) == 0)
            return &kinds[i];
    (void)!fail_type(cx, KIND_NOT_FOUND, "HTTPNotFound", "The resource could not be found.");
    return NULL;
}

int network_tags_get(struct cx *cx, const char *collection, const char *id, struct strs *ret_tags)
{
    const struct kind_of *kind = find_kind(cx, collection);
    union any any;

    if (!kind)
        return -ENOENT;
    TRY(kind->get(cx, id, false, &any));
    *ret_tags = tags_of(cx, any.standard.tags);
    return 0;
}

int network_revision_get(struct cx *cx, const char *collection, const char *id, int64_t *ret_revision)
{
    const struct kind_of *kind = find_kind(cx, collection);
    union any any;

    if (!kind)
        return -ENOENT;
    TRY(kind->get(cx, id, false, &any));
    *ret_revision = any.standard.revision_number;
    return 0;
}

int network_tags_set(struct cx *cx, const char *collection, const char *id, struct strs tags)
{
    const struct kind_of *kind = find_kind(cx, collection);
    union any any;

    if (!kind)
        return -ENOENT;
    TRY(kind->get(cx, id, true, &any));
    TRY(tags_make(cx, tags, &any.standard.tags));
    standard_touch(cx, &any.standard);
    return store_update(cx, kind->table, &any);
}
