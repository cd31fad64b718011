/* token.h - what a token says, and its text.
 *
 * A token is a sealed set of claims: reading one asks nobody.  It proves who was let in, when and for which
 * scope, and nothing else: whether the user, the scope and the roles still are as they were is asked of the
 * store at each call, which is how revocation takes effect at the next request. */
#pragma once
#include "base/field.h"
#include "auth/seal.h"

enum {
    TOKEN_TEXT_MAX = 255, /* characters, as clients' databases and headers expect */
    TOKEN_AUDIT_BYTES = 16,
    TOKEN_AUDIT_LENGTH = 22, /* its text */
};

enum token_scope { TOKEN_UNSCOPED, TOKEN_PROJECT, TOKEN_DOMAIN, TOKEN_SYSTEM, TOKEN_SCOPE_N };

/* Bits of 'methods'. */
enum token_method {
    TOKEN_BY_PASSWORD = 1 << 0,
    TOKEN_BY_TOKEN = 1 << 1,
    TOKEN_BY_TOTP = 1 << 2,
    TOKEN_BY_APP_CRED = 1 << 3,
    TOKEN_BY_EC2 = 1 << 4,
};

struct token_claims {
    const char *user_id;
    uint32_t user_epoch; /* what the store says of the user: raised by what ends all tokens at once (a new password) */
    enum token_scope scope;
    const char *scope_id; /* of the project or the domain; NULL for the other scopes */
    int64_t issued_us, expires_us;
    const char *audit_id; /* this token's name in logs and revocations; TOKEN_AUDIT_LENGTH characters */
    const char *parent_audit_id; /* of the chain's first token; NULL if this is the first */
    unsigned methods;            /* TOKEN_BY_... */
    const char *app_cred_id;     /* NULL unless made with one */
};

/* Starts the claims of a new token: a fresh audit id, issued at 'now_us', good for 'lifetime_us'.  A token
 * made from another ('parent', else NULL) is for the same user, carries the chain's audit id, methods and
 * application credential, and never lives longer than the parent.  The caller fills in the rest and may only
 * shorten the life. */
void token_begin(struct arena *a, int64_t now_us, int64_t lifetime_us, const struct token_claims *parent,
                 struct token_claims *ret_claims);

/* Sets '*ret_text' to the token's text, of at most TOKEN_TEXT_MAX characters.
 * Errors: -EINVAL (claims that make no sense), -E2BIG (ids that are too long: over 64 characters each, or
 * together more than the text holds; three ids of 64 hex digits fit). */
int token_make(const struct seal_ring *ring, const struct token_claims *claims, struct arena *a,
               const char **ret_text) MUST_CHECK;

/* Fills '*ret_claims' from a token's text; its strings are in 'a'.
 * Errors: -EBADMSG (not a token of ours), -EKEYEXPIRED (was one; '*ret_claims' is filled all the same, for
 * services that may finish a long job with it). */
int token_read(const struct seal_ring *ring, const char *text, int64_t now_us, struct arena *a,
               struct token_claims *ret_claims) MUST_CHECK;

/* The bit of the method called 'name' in Identity v3 ("password"), or 0. */
unsigned token_method_bit(const char *name);
/* The names of the bits in 'methods'. */
struct strs token_method_names(struct arena *a, unsigned methods);
