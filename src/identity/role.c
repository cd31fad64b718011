#include "identity/role.h"

#include "base/env.h"
#include "identity/domain.h"
#include "identity/rows.h"

struct implied {
    const char *prior_id, *implied_id;
};

/* clang-format off */
const struct field role_columns[] = {
    STR(struct role, id), STR(struct role, domain_id), STR(struct role, name), STR(struct role, description),
    JSON(struct role, options), JSON(struct role, extra), { 0 },
};
static const struct field implied_columns[] = { STR(struct implied, prior_id), STR(struct implied, implied_id), { 0 } };
const struct table identity_role_table = { "identity_role", role_columns, .n_key = 1, .size = sizeof(struct role) };
const struct table identity_implied_table = { "identity_implied", implied_columns, .n_key = 2, .size = sizeof(struct implied) };
/* clang-format on */

/* Policies compare names of roles without regard to case, so "Admin" beside "admin" would be a trap. */
static int check_name(struct cx *cx, const struct role *r)
{
    struct role other;
    int found = store_find(cx, &identity_role_table, &other, "domain_id=$1 AND lower(name)=lower($2) AND id<>$3",
                           ARGS(r->domain_id, r->name, r->id));
    TRY(found);
    if (found)
        return fail(cx, KIND_CONFLICT, "Conflict occurred attempting to store role - Duplicate entry found with name %.255s.",
                    r->name);
    return 0;
}

int role_create(struct cx *cx, struct role *r)
{
    struct domain d;

    r->id = uuid_new_hex(cx->arena);
    r->domain_id = r->domain_id ? r->domain_id : "";
    if (*r->domain_id)
        TRY(domain_get(cx, r->domain_id, &d));
    TRY(check_name(cx, r));
    return identity_row_insert(cx, &identity_role_table, "role", r->name, r);
}

int role_get(struct cx *cx, const char *id, struct role *ret_role)
{
    return identity_row_get(cx, &identity_role_table, "role", id, ret_role);
}

int role_find(struct cx *cx, const char *name, struct role *ret_role)
{
    return store_find(cx, &identity_role_table, ret_role, "domain_id='' AND name=$1", ARGS(name));
}

int role_list(struct cx *cx, const struct filter *f, struct list *ret_roles)
{
    bool by_domain = false;
    for (size_t i = 0; f && i < f->n_conds; i++)
        by_domain |= str_eq(f->conds[i].column, "domain_id");
    return store_list_filtered(cx, &identity_role_table, ret_roles, f, by_domain ? NULL : "domain_id=''", NO_ARGS);
}

int role_update(struct cx *cx, const struct role *r)
{
    struct role before;

    TRY(role_get(cx, r->id, &before));
    TRY(identity_check_mutable(cx, "role", r->id, before.options, r->options));
    TRY(check_name(cx, r));
    return identity_row_update(cx, &identity_role_table, "role", r->name, r);
}

int role_delete(struct cx *cx, const char *id)
{
    struct role r;

    TRY(role_get(cx, id, &r));
    TRY(identity_check_mutable(cx, "role", id, r.options, NULL));
    TRY(store_delete(cx, &identity_grant_table, "role_id=$1", ARGS(id)));
    TRY(store_delete(cx, &identity_implied_table, "prior_id=$1 OR implied_id=$1", ARGS(id)));
    return identity_row_delete(cx, &identity_role_table, "role", id);
}

/* ---- implied roles ---- */

int role_imply(struct cx *cx, const char *prior_id, const char *implied_id)
{
    struct role prior, implied;

    TRY(role_get(cx, prior_id, &prior));
    TRY(role_get(cx, implied_id, &implied));
    if (*implied.domain_id && !*prior.domain_id)
        return fail(cx, KIND_FORBIDDEN, "A role of the whole cloud cannot imply a role of a domain.");
    if (str_eq(implied.name, "admin"))
        return fail(cx, KIND_FORBIDDEN, "%.64s cannot be an implied role", implied_id);
    return store_put(cx, &identity_implied_table, &(struct implied){ prior_id, implied_id });
}

int role_check_implied(struct cx *cx, const char *prior_id, const char *implied_id)
{
    struct implied i;
    int found = store_find(cx, &identity_implied_table, &i, "prior_id=$1 AND implied_id=$2", ARGS(prior_id, implied_id));
    TRY(found);
    return found ? 0 : fail(cx, KIND_NOT_FOUND, "%.64s does not imply %.64s", prior_id, implied_id);
}

int role_unimply(struct cx *cx, const char *prior_id, const char *implied_id)
{
    TRY(role_check_implied(cx, prior_id, implied_id));
    return store_delete(cx, &identity_implied_table, "prior_id=$1 AND implied_id=$2", ARGS(prior_id, implied_id));
}

int role_inferences(struct cx *cx, const char *prior_id, struct list *ret_inferences)
{
    static const struct field columns[] = {
        STR(struct role_inference, prior_id), STR(struct role_inference, prior_name),
        STR(struct role_inference, implied_id), STR(struct role_inference, implied_name), { 0 },
    };
    static const char sql[] = "SELECT i.prior_id, p.name, i.implied_id, m.name FROM identity_implied i"
                              " JOIN identity_role p ON p.id=i.prior_id JOIN identity_role m ON m.id=i.implied_id"
                              " WHERE i.prior_id=$1 OR $1 IS NULL ORDER BY p.name, i.prior_id, m.name";

    return store_select(cx, columns, sizeof(struct role_inference), ret_inferences, sql, ARGS(prior_id));
}

static bool contains(const struct strs *list, const char *s)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->items[i], s))
            return true;
    return false;
}

int roles_add_implied(struct cx *cx, struct strs *roles)
{
    struct strs grown = { 0 };
    struct list all;

    TRY(role_inferences(cx, NULL, &all));
    const struct role_inference *r = all.items;
    for (size_t i = 0; i < roles->n; i++)
        *arena_push(cx->arena, &grown.items, &grown.n) = roles->items[i];
    for (size_t n = 0; n < grown.n; n++) /* each once; those that are added come behind */
        for (size_t i = 0; i < all.n; i++)
            if (str_eq(r[i].prior_id, grown.items[n]) && !contains(&grown, r[i].implied_id))
                *arena_push(cx->arena, &grown.items, &grown.n) = r[i].implied_id;
    *roles = grown;
    return 0;
}
