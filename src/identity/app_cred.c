#include "identity/app_cred.h"

#include "auth/who.h"
#include "base/env.h"
#include "identity/auth.h"
#include "identity/rows.h"
#include "json/read.h"

/* clang-format off */
const struct field app_cred_columns[] = {
    STR(struct app_cred, id),          STR(struct app_cred, user_id),     STR(struct app_cred, project_id), STR(struct app_cred, name),
    STR(struct app_cred, description), STR(struct app_cred, secret_hash), JSON(struct app_cred, role_ids),
    BOOL(struct app_cred, unrestricted), TIME(struct app_cred, expires_us), { 0 },
};
const struct table identity_app_cred_table = { "identity_app_cred", app_cred_columns, .n_key = 1, .size = sizeof(struct app_cred) };
/* clang-format on */

static bool contains(struct strs list, const char *s)
{
    for (size_t i = 0; i < list.n; i++)
        if (str_eq(list.items[i], s))
            return true;
    return false;
}

int app_cred_create(struct cx *cx, struct app_cred *a, struct strs role_ids)
{
    TRY(auth_check_unrestricted(cx)); /* a program must not breed what outlives its own leave */
    if (!cx->who->project_id)
        return fail(cx, KIND_FORBIDDEN, "An application credential is made with a token of the project that it is for.");
    if (a->expires_us && a->expires_us <= cx->now_us)
        return fail(cx, KIND_INVALID, "The 'expires_at' must not be before now.");
    for (size_t i = 0; i < role_ids.n; i++)
        if (!contains(cx->who->role_ids, role_ids.items[i]))
            return fail(cx, KIND_INVALID, "Could not find role assignment with role: %.64s, user or group: %s, project, domain, or system: %s.",
                        role_ids.items[i], cx->who->user_id, cx->who->project_id);
    a->id = uuid_new_hex(cx->arena);
    a->user_id = cx->who->user_id;
    a->project_id = cx->who->project_id;
    a->role_ids = json_of_strs(cx->arena, role_ids.n ? role_ids : cx->who->role_ids);
    return identity_row_insert(cx, &identity_app_cred_table, "application_credential", a->name, a);
}

int app_cred_get(struct cx *cx, const char *user_id, const char *id, struct app_cred *ret_app_cred)
{
    int found = store_find(cx, &identity_app_cred_table, ret_app_cred, "id=$1 AND user_id=$2", ARGS(id, user_id));
    TRY(found);
    return found ? 0 : fail(cx, KIND_NOT_FOUND, "Could not find application credential: %.128s.", id);
}

int app_cred_list(struct cx *cx, const struct filter *f, const char *user_id, struct list *ret_app_creds)
{
    return store_list_filtered(cx, &identity_app_cred_table, ret_app_creds, f, "user_id=$1", ARGS(user_id));
}

int app_cred_delete(struct cx *cx, const char *user_id, const char *id)
{
    struct app_cred a;

    TRY(auth_check_unrestricted(cx));
    TRY(app_cred_get(cx, user_id, id, &a));
    return identity_row_delete(cx, &identity_app_cred_table, "application credential", id);
}
