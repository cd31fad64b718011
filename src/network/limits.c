#include "network/limits.h"

#include <string.h>

#include "identity/quota.h"

/* There are no RBAC policies to make; libcloud reads their limit and Terraform's library sets it, so it is kept. */
static const char *const resources[] = { "network", "subnet", "subnetpool", "port", "router", "floatingip", "security_group",
                                         "security_group_rule", "rbac_policy", NULL };

int network_limits_default(struct cx *cx, struct list *ret_limits)
{
    struct network_limit *l = arena_new_array(cx->arena, struct network_limit, N_ELEMENTS(resources));
    size_t n = 0;

    for (; resources[n]; n++) {
        l[n] = (struct network_limit){ .resource = resources[n] };
        TRY(quota_default(cx, resources[n], &l[n].limit));
    }
    *ret_limits = (struct list){ l, n };
    return 0;
}

int network_limits(struct cx *cx, const char *project_id, struct list *ret_limits)
{
    if (!owns(cx, project_id))
        return fail_policy(cx, "get_quota");
    TRY(network_limits_default(cx, ret_limits));
    struct network_limit *l = ret_limits->items;
    for (size_t i = 0; i < ret_limits->n; i++) {
        TRY(quota_limit(cx, project_id, l[i].resource, &l[i].limit));
        TRY(quota_used(cx, project_id, l[i].resource, &l[i].used));
    }
    return 0;
}

int network_limit_set(struct cx *cx, const char *project_id, const char *resource, int64_t limit)
{
    for (const char *const *r = resources; *r; r++)
        if (strcmp(*r, resource) == 0)
            return quota_set(cx, project_id, resource, limit);
    return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Unrecognized attribute(s) '%.64s'", resource);
}

int network_limits_reset(struct cx *cx, const char *project_id)
{
    return quota_reset(cx, project_id, resources);
}

int network_limits_projects(struct cx *cx, struct strs *ret_project_ids)
{
    struct named {
        const char *id;
    };
    /* clang-format off */
    static const struct field columns[] = { STR(struct named, id), { 0 } };
    /* clang-format on */
    struct where w = where_new(cx);
    struct strs names = { arena_new_array(cx->arena, const char *, N_ELEMENTS(resources)), 0 };
    struct list rows;

    for (; resources[names.n]; names.n++)
        names.items[names.n] = resources[names.n];
    where_add(&w, " AND resource IN ", NO_ARGS);
    where_add_list(&w, names);
    TRY(store_select(cx, columns, sizeof(struct named), &rows,
                     cx_printf(cx, "SELECT DISTINCT project_id FROM quota_limit WHERE %s ORDER BY project_id", where_text(&w)),
                     where_args(&w)));
    *ret_project_ids = ids_of(cx, rows, sizeof(struct named));
    return 0;
}
