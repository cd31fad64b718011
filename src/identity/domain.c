#include "identity/domain.h"

#include "base/env.h"
#include "identity/rows.h"

/* clang-format off */
const struct field domain_columns[] = {
    STR(struct domain, id),   STR(struct domain, name),     STR(struct domain, description), BOOL(struct domain, enabled),
    JSON(struct domain, tags), JSON(struct domain, options), JSON(struct domain, extra), { 0 },
};
const struct table identity_domain_table = { "identity_domain", domain_columns, .n_key = 1, .size = sizeof(struct domain) };
/* clang-format on */

int domain_create(struct cx *cx, struct domain *d)
{
    d->id = d->id ? d->id : uuid_new_hex(cx->arena);
    return identity_row_insert(cx, &identity_domain_table, "domain", d->name, d);
}

int domain_get(struct cx *cx, const char *id, struct domain *ret_domain)
{
    return identity_row_get(cx, &identity_domain_table, "domain", id, ret_domain);
}

int domain_find(struct cx *cx, const char *name, struct domain *ret_domain)
{
    struct list rows;
    int found = store_find(cx, &identity_domain_table, ret_domain, "name=$1", ARGS(name));

    TRY(found);
    if (found)
        return 1;
    TRY(store_list(cx, &identity_domain_table, &rows, "lower(name)=lower($1) LIMIT 2", ARGS(name)));
    if (rows.n != 1)
        return 0;
    *ret_domain = *(const struct domain *)rows.items;
    return 1;
}

int domain_list(struct cx *cx, const struct filter *f, const char *user_id, struct list *ret_domains)
{
    static const char where[] =
        "id IN (WITH " IDENTITY_ME " SELECT g.target_id FROM me JOIN identity_grant g ON g.actor_type=me.type"
        " AND g.actor_id=me.id WHERE g.target_type='domain' AND g.inherited=0)";

    return store_list_filtered(cx, &identity_domain_table, ret_domains, f, user_id ? where : NULL,
                               user_id ? ARGS(user_id) : NO_ARGS);
}

int domain_update(struct cx *cx, const struct domain *d)
{
    struct domain before;

    TRY(domain_get(cx, d->id, &before));
    TRY(identity_check_mutable(cx, "domain", d->id, before.options, d->options));
    return identity_row_update(cx, &identity_domain_table, "domain", d->name, d);
}

static int delete_content(struct cx *cx, const char *id)
{
#define OF_DOMAIN(table) "(SELECT id FROM " table " WHERE domain_id=$1)"
    static const struct {
        const struct table *table;
        const char *where;
    } steps[] = {
        { &identity_grant_table, "actor_id IN " OF_DOMAIN("identity_user") " OR actor_id IN " OF_DOMAIN("identity_group")
                                 " OR target_id IN " OF_DOMAIN("identity_project") " OR role_id IN " OF_DOMAIN("identity_role")
                                 " OR target_id=$1" },
        { &identity_membership_table,
          "user_id IN " OF_DOMAIN("identity_user") " OR group_id IN " OF_DOMAIN("identity_group") },
        { &identity_implied_table,
          "prior_id IN " OF_DOMAIN("identity_role") " OR implied_id IN " OF_DOMAIN("identity_role") },
        { &identity_app_cred_table,
          "user_id IN " OF_DOMAIN("identity_user") " OR project_id IN " OF_DOMAIN("identity_project") },
        { &identity_credential_table,
          "user_id IN " OF_DOMAIN("identity_user") " OR project_id IN " OF_DOMAIN("identity_project") },
        { &identity_user_table, "domain_id=$1" },
        { &identity_group_table, "domain_id=$1" },
        { &identity_project_table, "domain_id=$1" },
        { &identity_role_table, "domain_id=$1" },
    };
#undef OF_DOMAIN

    for (size_t i = 0; i < N_ELEMENTS(steps); i++)
        TRY(store_delete(cx, steps[i].table, steps[i].where, ARGS(id)));
    return 0;
}

int domain_delete(struct cx *cx, const char *id)
{
    struct domain d;

    TRY(domain_get(cx, id, &d));
    TRY(identity_check_mutable(cx, "domain", id, d.options, NULL));
    if (str_eq(id, DOMAIN_DEFAULT_ID))
        return fail(cx, KIND_FORBIDDEN, "The default domain cannot be deleted: it holds the users of the cloud itself.");
    if (d.enabled)
        return fail(cx, KIND_FORBIDDEN, "Cannot delete a domain that is enabled, please disable it first.");
    TRY(delete_content(cx, id));
    return identity_row_delete(cx, &identity_domain_table, "domain", id);
}
