#include "compute/keypair.h"

#include "auth/who.h"
#include "identity/quota.h"

/* clang-format off */
#define T struct keypair
static const struct field keypair_columns[] = {
    STR(T, user_id), STR(T, name), I64(T, id), STR(T, type), STR(T, public_key), STR(T, fingerprint),
    TIME(T, created_at), { 0 },
};
#undef T
const struct table keypair_table = { "keypair", keypair_columns, .n_key = 2, .size = sizeof(struct keypair) };
/* clang-format on */

int keypair_add(struct cx *cx, struct keypair *keypair)
{
    int64_t used = 0, limit, last = 0, n;
    int r;

    TRY((str_eq(keypair->type, "x509") ? x509key_fingerprint : sshkey_fingerprint)(cx, keypair->public_key, &keypair->fingerprint));
    TRY(cx->who->project_id ? quota_limit(cx, cx->who->project_id, "key_pairs", &limit) : quota_default(cx, "key_pairs", &limit));
    TRY(store_int(cx, &used, "SELECT count(*) FROM keypair WHERE user_id=$1", ARGS(keypair->user_id)));
    if (limit >= 0 && used >= limit)
        return fail(cx, KIND_QUOTA, "Quota exceeded, too many key pairs.");
    r = store_int(cx, &n, "SELECT 1 FROM keypair WHERE user_id=$1 AND name=$2", ARGS(keypair->user_id, keypair->name));
    TRY(r);
    if (r)
        return fail(cx, KIND_CONFLICT, "Key pair '%s' already exists.", keypair->name);
    TRY(store_int(cx, &last, "SELECT max(id) FROM keypair", NO_ARGS));
    keypair->id = last + 1;
    keypair->created_at = cx->now_us;
    return store_insert(cx, &keypair_table, keypair);
}

int keypair_get(struct cx *cx, const char *user_id, const char *name, struct keypair *ret_keypair)
{
    int r = store_find(cx, &keypair_table, ret_keypair, "user_id=$1 AND name=$2", ARGS(user_id, name));
    TRY(r);
    if (!r)
        return fail(cx, KIND_NOT_FOUND, "Keypair %.255s not found for user %.255s", name, user_id);
    return 0;
}

int keypair_list(struct cx *cx, const char *user_id, const char *marker, int64_t limit, struct list *ret_keypairs)
{
    struct keypair at;

    if (marker && keypair_get(cx, user_id, marker, &at) < 0)
        return fail(cx, KIND_INVALID, "marker [%.255s] not found", marker);
    return store_list(cx, &keypair_table, ret_keypairs, "user_id=$1 AND name>$2 ORDER BY name LIMIT $3",
                      ARGS(user_id, marker ? marker : "", limit ? limit : INT32_MAX));
}

int keypair_remove(struct cx *cx, const char *user_id, const char *name)
{
    struct keypair kp;

    TRY(keypair_get(cx, user_id, name, &kp));
    return store_delete(cx, &keypair_table, "user_id=$1 AND name=$2", ARGS(user_id, name));
}
