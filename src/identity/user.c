#include "identity/user.h"

#include "base/env.h"
#include "identity/domain.h"
#include "identity/rows.h"

struct membership {
    const char *user_id, *group_id;
};

/* clang-format off */
const struct field user_columns[] = {
    STR(struct user, id),       STR(struct user, domain_id),     STR(struct user, name), STR(struct user, default_project_id),
    BOOL(struct user, enabled), STR(struct user, password_hash), I64(struct user, epoch),
    JSON(struct user, options), JSON(struct user, extra),        { 0 },
};
const struct field group_columns[] = {
    STR(struct group, id), STR(struct group, domain_id), STR(struct group, name), STR(struct group, description),
    JSON(struct group, extra), { 0 },
};
static const struct field membership_columns[] = { STR(struct membership, user_id), STR(struct membership, group_id), { 0 } };
const struct table identity_user_table = { "identity_user", user_columns, .n_key = 1, .size = sizeof(struct user) };
const struct table identity_group_table = { "identity_group", group_columns, .n_key = 1, .size = sizeof(struct group) };
const struct table identity_membership_table = { "identity_membership", membership_columns, .n_key = 2, .size = sizeof(struct membership) };
/* clang-format on */

/* ---- users ---- */

int user_create(struct cx *cx, struct user *u)
{
    struct domain d;

    u->id = uuid_new_hex(cx->arena);
    u->domain_id = u->domain_id ? u->domain_id : DOMAIN_DEFAULT_ID;
    u->epoch = 0;
    TRY(domain_get(cx, u->domain_id, &d));
    return identity_row_insert(cx, &identity_user_table, "user", u->name, u);
}

int user_get(struct cx *cx, const char *id, struct user *ret_user)
{
    return identity_row_get(cx, &identity_user_table, "user", id, ret_user);
}

int user_find(struct cx *cx, const char *domain_id, const char *name, struct user *ret_user)
{
    return store_find(cx, &identity_user_table, ret_user, "domain_id=$1 AND name=$2", ARGS(domain_id, name));
}

int user_list(struct cx *cx, const struct filter *f, const char *group_id, struct list *ret_users)
{
    static const char where[] = "id IN (SELECT user_id FROM identity_membership WHERE group_id=$1)";
    return store_list_filtered(cx, &identity_user_table, ret_users, f, group_id ? where : NULL,
                               group_id ? ARGS(group_id) : NO_ARGS);
}

int user_update(struct cx *cx, const struct user *u)
{
    struct user before, after = *u;

    TRY(user_get(cx, u->id, &before));
    after.epoch = before.epoch;
    if (!str_eq(before.password_hash, u->password_hash) || (before.enabled && !u->enabled))
        after.epoch++;
    return identity_row_update(cx, &identity_user_table, "user", u->name, &after);
}

int user_delete(struct cx *cx, const char *id)
{
    TRY(store_delete(cx, &identity_grant_table, "actor_type='user' AND actor_id=$1", ARGS(id)));
    TRY(store_delete(cx, &identity_membership_table, "user_id=$1", ARGS(id)));
    TRY(store_delete(cx, &identity_app_cred_table, "user_id=$1", ARGS(id)));
    TRY(store_delete(cx, &identity_credential_table, "user_id=$1", ARGS(id)));
    return identity_row_delete(cx, &identity_user_table, "user", id);
}

/* ---- groups ---- */

int user_group_create(struct cx *cx, struct group *g)
{
    struct domain d;

    g->id = uuid_new_hex(cx->arena);
    g->domain_id = g->domain_id ? g->domain_id : DOMAIN_DEFAULT_ID;
    TRY(domain_get(cx, g->domain_id, &d));
    return identity_row_insert(cx, &identity_group_table, "group", g->name, g);
}

int user_group_get(struct cx *cx, const char *id, struct group *ret_group)
{
    return identity_row_get(cx, &identity_group_table, "group", id, ret_group);
}

int user_group_list(struct cx *cx, const struct filter *f, const char *user_id, struct list *ret_groups)
{
    static const char where[] = "id IN (SELECT group_id FROM identity_membership WHERE user_id=$1)";
    return store_list_filtered(cx, &identity_group_table, ret_groups, f, user_id ? where : NULL,
                               user_id ? ARGS(user_id) : NO_ARGS);
}

int user_group_update(struct cx *cx, const struct group *g)
{
    return identity_row_update(cx, &identity_group_table, "group", g->name, g);
}

int user_group_delete(struct cx *cx, const char *id)
{
    TRY(store_delete(cx, &identity_grant_table, "actor_type='group' AND actor_id=$1", ARGS(id)));
    TRY(store_delete(cx, &identity_membership_table, "group_id=$1", ARGS(id)));
    return identity_row_delete(cx, &identity_group_table, "group", id);
}

static int check_both(struct cx *cx, const char *group_id, const char *user_id)
{
    struct group g;
    struct user u;

    TRY(user_group_get(cx, group_id, &g));
    return user_get(cx, user_id, &u);
}

int user_group_add_user(struct cx *cx, const char *group_id, const char *user_id)
{
    TRY(check_both(cx, group_id, user_id));
    TRY(store_delete(cx, &identity_membership_table, "user_id=$1 AND group_id=$2", ARGS(user_id, group_id)));
    return store_insert(cx, &identity_membership_table, &(struct membership){ user_id, group_id });
}

int user_group_check_user(struct cx *cx, const char *group_id, const char *user_id)
{
    struct membership m;

    TRY(check_both(cx, group_id, user_id));
    int found = store_find(cx, &identity_membership_table, &m, "user_id=$1 AND group_id=$2", ARGS(user_id, group_id));
    TRY(found);
    return found ? 0 : fail(cx, KIND_NOT_FOUND, "User '%.64s' not found in group '%.64s'.", user_id, group_id);
}

int user_group_remove_user(struct cx *cx, const char *group_id, const char *user_id)
{
    TRY(user_group_check_user(cx, group_id, user_id));
    return store_delete(cx, &identity_membership_table, "user_id=$1 AND group_id=$2", ARGS(user_id, group_id));
}
