/* credential.h - secrets that users keep here for other services, and the key pairs of the EC2 API among them.
 *
 * They are opened for whoever may see them and lie in the store sealed with 'ctx->secrets', each for its row alone: a
 * stolen store tells none, and a blob that was moved to another row opens no more. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"

struct identity_context; /* identity/auth.h */
struct seal_ring;

struct credential {
    const char *id, *user_id, *project_id;
    const char *type; /* "ec2", "totp", "cert", or the user's own */
    const char *blob; /* text; of an "ec2" one {"access": ..., "secret": ...} */
    const char *extra; /* JSON object */
    bool sealed; /* the row's own: 'blob' is never sealed outside */
};
extern const struct field credential_columns[]; /* for filters */

/* The id of an "ec2" one is the SHA-256 of its access key, and its blob must have one.
 * Errors: NOT_FOUND (user), INVALID (blob, no project), CONFLICT. */
int credential_create(struct cx *cx, const struct identity_context *ctx, struct credential *c) MUST_CHECK;
/* Errors: NOT_FOUND; here and below INTERNAL (sealed with a key that this installation does not have). */
int credential_get(struct cx *cx, const struct identity_context *ctx, const char *id, struct credential *ret_credential)
    MUST_CHECK;
/* Sets '*ret_user_id' to whose it is; needs no key.  Errors: NOT_FOUND. */
int credential_owner(struct cx *cx, const char *id, const char **ret_user_id) MUST_CHECK;
/* Sets '*ret_credentials'; with 'user_id' those of the user. */
int credential_list(struct cx *cx, const struct identity_context *ctx, const struct filter *f, const char *user_id,
                    struct list *ret_credentials) MUST_CHECK;
int credential_update(struct cx *cx, const struct identity_context *ctx, const struct credential *c) MUST_CHECK;
int credential_delete(struct cx *cx, const char *id) MUST_CHECK;
/* Seals what a release that kept blobs open has left, and what was sealed with a key that is not the current one. */
int credential_seal_all(struct cx *cx, const struct seal_ring *secrets) MUST_CHECK;

/* A key pair for the EC2 API. */
struct ec2_key {
    const char *access, *secret, *user_id, *tenant_id;
};
/* Makes a new pair of 'k->user_id' in 'k->tenant_id'.  Errors: NOT_FOUND (user, project). */
int ec2_key_create(struct cx *cx, const struct identity_context *ctx, struct ec2_key *k) MUST_CHECK;
int ec2_key_get(struct cx *cx, const struct identity_context *ctx, const char *user_id, const char *access,
                struct ec2_key *ret_key) MUST_CHECK;
int ec2_key_list(struct cx *cx, const struct identity_context *ctx, const char *user_id, struct list *ret_keys) MUST_CHECK;
int ec2_key_delete(struct cx *cx, const char *user_id, const char *access) MUST_CHECK;
