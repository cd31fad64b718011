#include "identity/policy_blob.h"

#include "base/env.h"
#include "identity/rows.h"

/* clang-format off */
const struct field policy_blob_columns[] = {
    STR(struct policy_blob, id), STR(struct policy_blob, type), STR(struct policy_blob, blob), JSON(struct policy_blob, extra), { 0 },
};
static const struct table policy_table = { "identity_policy", policy_blob_columns, .n_key = 1, .size = sizeof(struct policy_blob) };
/* clang-format on */

int policy_blob_create(struct cx *cx, struct policy_blob *p)
{
    p->id = uuid_new_hex(cx->arena);
    return store_insert(cx, &policy_table, p);
}

int policy_blob_get(struct cx *cx, const char *id, struct policy_blob *ret_policy)
{
    return identity_row_get(cx, &policy_table, "policy", id, ret_policy);
}

int policy_blob_list(struct cx *cx, const struct filter *f, struct list *ret_policies)
{
    return store_list_filtered(cx, &policy_table, ret_policies, f, NULL, NO_ARGS);
}

int policy_blob_update(struct cx *cx, const struct policy_blob *p)
{
    return store_update(cx, &policy_table, p);
}

int policy_blob_delete(struct cx *cx, const char *id)
{
    return identity_row_delete(cx, &policy_table, "policy", id);
}
