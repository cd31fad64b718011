#include "identity/credential.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "identity/auth.h"
#include "identity/project.h"
#include "identity/rows.h"
#include "identity/user.h"
#include "json/read.h"

/* clang-format off */
const struct field credential_columns[] = {
    STR(struct credential, id),   STR(struct credential, user_id), STR(struct credential, project_id),
    STR(struct credential, type), STR(struct credential, blob),    JSON(struct credential, extra),
    BOOL(struct credential, sealed), { 0 },
};
const struct table identity_credential_table = { "identity_credential", credential_columns, .n_key = 1, .size = sizeof(struct credential) };
/* clang-format on */

static const char *id_of_access(struct cx *cx, const char *access)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char *hex;

    EVP_Digest(access, strlen(access), digest, &n, EVP_sha256(), NULL);
    hex = cx_alloc(cx, n * 2 + 1);
    for (unsigned i = 0; i < n; i++)
        snprintf(hex + i * 2, 3, "%02x", digest[i]);
    return hex;
}

/* ---- sealing ---- */

static const char *purpose_of(struct cx *cx, const struct credential *c)
{
    return cx_printf(cx, "credential %s", c->id);
}

static struct credential closed(struct cx *cx, const struct seal_ring *secrets, const struct credential *c)
{
    struct credential row = *c;

    row.blob = seal(secrets, purpose_of(cx, c), c->blob, strlen(c->blob), cx->arena);
    row.sealed = true;
    return row;
}

static int open_blob(struct cx *cx, const struct seal_ring *secrets, struct credential *c)
{
    const uint8_t *plain;
    size_t n;

    if (!c->sealed)
        return 0;
    if (seal_open(secrets, purpose_of(cx, c), c->blob, cx->arena, &plain, &n) < 0)
        return fail(cx, KIND_INTERNAL, "Credential %s was sealed with another key than secret.keys holds now: bring that "
                                       "file back from a backup, or delete the credential.", c->id);
    c->blob = (const char *)plain;
    c->sealed = false;
    return 0;
}

static int open_blobs(struct cx *cx, const struct seal_ring *secrets, const struct list *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        TRY(open_blob(cx, secrets, (struct credential *)rows->items + i));
    return 0;
}

int credential_seal_all(struct cx *cx, const struct seal_ring *secrets)
{
    struct list rows;

    TRY(store_list(cx, &identity_credential_table, &rows, NULL, NO_ARGS));
    for (size_t i = 0; i < rows.n; i++) {
        struct credential *c = (struct credential *)rows.items + i;
        if (c->sealed && seal_is_current(secrets, c->blob))
            continue;
        if (open_blob(cx, secrets, c) < 0) { /* its owner hears of it; the others shall not wait for that */
            fail_clear(cx);
            continue;
        }
        struct credential row = closed(cx, secrets, c);
        TRY(store_update(cx, &identity_credential_table, &row));
    }
    return 0;
}

/* ---- credentials ---- */

static const char *blob_member(struct cx *cx, const char *blob, const char *name)
{
    struct strmap map = json_to_map(cx, blob);
    for (size_t i = 0; i < map.n; i++)
        if (str_eq(map.items[i].key, name))
            return map.items[i].value;
    return NULL;
}

static int check_ec2(struct cx *cx, const struct credential *c)
{
    if (!str_eq(c->type, "ec2"))
        return 0;
    if (!c->project_id)
        return fail(cx, KIND_INVALID, "An ec2 credential needs a project_id.");
    if (str_empty(blob_member(cx, c->blob, "access")))
        return fail(cx, KIND_INVALID, "The blob of an ec2 credential must be the text of a JSON object with access and secret.");
    return 0;
}

int credential_create(struct cx *cx, const struct identity_context *ctx, struct credential *c)
{
    struct user u;

    TRY(auth_check_unrestricted(cx));
    TRY(user_get(cx, c->user_id, &u));
    TRY(check_ec2(cx, c));
    c->id = str_eq(c->type, "ec2") ? id_of_access(cx, blob_member(cx, c->blob, "access")) : uuid_new_hex(cx->arena);
    struct credential row = closed(cx, ctx->secrets, c);
    return identity_row_insert(cx, &identity_credential_table, "credential", c->id, &row);
}

int credential_get(struct cx *cx, const struct identity_context *ctx, const char *id, struct credential *ret_credential)
{
    TRY(identity_row_get(cx, &identity_credential_table, "credential", id, ret_credential));
    return open_blob(cx, ctx->secrets, ret_credential);
}

int credential_owner(struct cx *cx, const char *id, const char **ret_user_id)
{
    struct credential c;

    TRY(identity_row_get(cx, &identity_credential_table, "credential", id, &c));
    *ret_user_id = c.user_id;
    return 0;
}

int credential_list(struct cx *cx, const struct identity_context *ctx, const struct filter *f, const char *user_id,
                    struct list *ret_credentials)
{
    TRY(store_list_filtered(cx, &identity_credential_table, ret_credentials, f, user_id ? "user_id=$1" : NULL,
                            user_id ? ARGS(user_id) : NO_ARGS));
    return open_blobs(cx, ctx->secrets, ret_credentials);
}

int credential_update(struct cx *cx, const struct identity_context *ctx, const struct credential *c)
{
    TRY(check_ec2(cx, c));
    struct credential row = closed(cx, ctx->secrets, c);
    return identity_row_update(cx, &identity_credential_table, "credential", c->id, &row);
}

int credential_delete(struct cx *cx, const char *id)
{
    return identity_row_delete(cx, &identity_credential_table, "credential", id);
}

/* ---- key pairs of the EC2 API ---- */

static struct ec2_key key_of(struct cx *cx, const struct credential *c)
{
    return (struct ec2_key){ blob_member(cx, c->blob, "access"), blob_member(cx, c->blob, "secret"), c->user_id,
                             c->project_id };
}

int ec2_key_create(struct cx *cx, const struct identity_context *ctx, struct ec2_key *k)
{
    struct project p;

    TRY(project_get(cx, k->tenant_id, &p));
    k->access = uuid_new_hex(cx->arena);
    k->secret = secret_new(cx->arena, 40);
    const struct strpair pairs[] = { { "access", k->access }, { "secret", k->secret } };
    struct strmap blob = { arena_new_array(cx->arena, struct strpair, 2), 2 };
    memcpy(blob.items, pairs, sizeof pairs);
    struct credential c = { .user_id = k->user_id, .project_id = k->tenant_id, .type = "ec2",
                            .blob = json_of_map(cx->arena, blob), .extra = "{}" };
    return credential_create(cx, ctx, &c);
}

static int find_key(struct cx *cx, const char *user_id, const char *access, struct credential *ret_credential)
{
    int found = store_find(cx, &identity_credential_table, ret_credential, "id=$1 AND user_id=$2 AND type='ec2'",
                           ARGS(id_of_access(cx, access), user_id));
    TRY(found);
    return found ? 0 : fail(cx, KIND_NOT_FOUND, "Could not find credential: %.128s.", access);
}

int ec2_key_get(struct cx *cx, const struct identity_context *ctx, const char *user_id, const char *access,
                struct ec2_key *ret_key)
{
    struct credential c;

    TRY(find_key(cx, user_id, access, &c));
    TRY(open_blob(cx, ctx->secrets, &c));
    *ret_key = key_of(cx, &c);
    return 0;
}

int ec2_key_list(struct cx *cx, const struct identity_context *ctx, const char *user_id, struct list *ret_keys)
{
    struct list rows;

    TRY(store_list(cx, &identity_credential_table, &rows, "user_id=$1 AND type='ec2' ORDER BY id", ARGS(user_id)));
    TRY(open_blobs(cx, ctx->secrets, &rows));
    struct ec2_key *keys = arena_new_array(cx->arena, struct ec2_key, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++)
        keys[i] = key_of(cx, (const struct credential *)rows.items + i);
    *ret_keys = (struct list){ keys, rows.n };
    return 0;
}

int ec2_key_delete(struct cx *cx, const char *user_id, const char *access)
{
    struct credential c;

    TRY(find_key(cx, user_id, access, &c));
    return credential_delete(cx, c.id);
}
