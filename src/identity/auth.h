/* auth.h - who gets in, and whether a token still counts.
 *
 * A token says who was let in, when and for what; everything else is asked of the store at each call: user, domain and
 * project enabled, roles in the scope, the application credential still there, the token not given back, the user's epoch
 * still the same.  So a revocation counts at the next request.  Logging in writes nothing. */
#pragma once
#include "auth/token.h"
#include "auth/who.h"
#include "base/cx.h"

struct identity_cache;
struct store;

struct identity_context {
    const struct seal_ring *ring;    /* of tokens */
    const struct seal_ring *secrets; /* of what users keep here; its keys last as long as the installation */
    struct identity_cache *cache;    /* NULL: none */
    int64_t token_life_us;           /* 0: AUTH_TOKEN_LIFE_US */
};
#define AUTH_TOKEN_LIFE_US (4 * 3600 * INT64_C(1000000))
/* A key seals tokens for this long and then opens them for as long again: longer than any token lives. */
#define AUTH_TOKEN_KEY_US (24 * 3600 * INT64_C(1000000))

/* Sets '*ret_who' to the caller that the token stands for now; 'arg' is a struct identity_context.  With a cache it must
 * be the first to use cx's transaction.  Errors: UNAUTHENTICATED, always with the same text. */
int identity_authenticate(struct cx *cx, void *arg, const char *token, const struct who **ret_who) MUST_CHECK;
/* The same for a token that is the subject of a call, at any time in it, without the cache. */
int auth_inspect(struct cx *cx, const struct identity_context *ctx, const char *token, const struct who **ret_who) MUST_CHECK;

/* ---- logging in ---- */

/* A thing by its id, or by its name in a domain that is named in one of two ways; NULL: not given. */
struct auth_name {
    const char *id, *name, *domain_id, *domain_name;
};
enum auth_scope { AUTH_SCOPE_DEFAULT, AUTH_SCOPE_NONE, AUTH_SCOPE_PROJECT, AUTH_SCOPE_DOMAIN, AUTH_SCOPE_SYSTEM };

struct auth_request {
    unsigned methods; /* TOKEN_BY_PASSWORD, TOKEN_BY_TOKEN, TOKEN_BY_APP_CRED */
    struct auth_name user;
    const char *password;
    const char *token;
    const char *app_cred_id, *app_cred_name, *app_cred_secret; /* by name: of 'user' */
    enum auth_scope scope;
    struct auth_name target; /* of a domain: id and name */
};

/* What the secrets of a request proved. */
struct auth_proof {
    const char *user_id, *password_hash; /* the password is right: that of this hash */
    const char *app_cred_id;             /* so is the secret of this one */
};

/* Compares the secrets with the store's, in a read transaction of its own that is over before the slow part.  A user that
 * is not there costs as much as one that is.  A wrong secret is no error here: '*ret_proof' lacks it.
 * Errors: UNAVAILABLE. */
int auth_prove(struct cx *cx, struct store *store, const struct auth_request *r, struct auth_proof *ret_proof) MUST_CHECK;
/* Makes a token for what is proved, and says who it stands for.
 * Errors: UNAUTHENTICATED (a method without proof, a parent token that does not count, a scope without a role: always
 * the same text). */
int auth_issue(struct cx *cx, const struct identity_context *ctx, const struct auth_request *r,
               const struct auth_proof *proof, const char **ret_token, const struct who **ret_who) MUST_CHECK;
/* The token that 'who' came with counts no more, nor do those that were made from it when it is the first of its chain. */
int auth_revoke(struct cx *cx, const struct who *who) MUST_CHECK;

/* Errors: FORBIDDEN unless the caller is an admin, or has the reader's role for the whole system. */
int auth_check_reader(struct cx *cx) MUST_CHECK;
/* Errors: FORBIDDEN unless the caller is the user 'user_id' or an admin. */
int auth_check_self(struct cx *cx, const char *user_id) MUST_CHECK;
/* Errors: FORBIDDEN unless one of the two above holds. */
int auth_check_self_or_reader(struct cx *cx, const char *user_id) MUST_CHECK;
/* Errors: FORBIDDEN when the caller uses an application credential that may not make other secrets. */
int auth_check_unrestricted(struct cx *cx) MUST_CHECK;

/* Hashes a new password or secret.  Errors: INVALID (too long, empty). */
int auth_hash(struct cx *cx, const char *what, const char *secret, const char **ret_hash) MUST_CHECK;
/* Sets the user's password if its hash still is 'old_hash': all tokens of the user end.
 * Errors: UNAUTHENTICATED, INVALID (an admin has locked the password). */
int auth_change_password(struct cx *cx, const char *user_id, const char *old_hash, const char *new_hash) MUST_CHECK;
