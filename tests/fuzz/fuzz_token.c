/* Any bytes are a token's text, which must be refused; and any bytes, once sealed by us, are claims, which
 * must be refused or come out the same when they are sealed again. */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "auth/token.h"

static void check_claims(const struct seal_ring *ring, const struct token_claims *claims, struct arena *a)
{
    struct token_claims again;
    const char *text;

    if (token_make(ring, claims, a, &text) < 0)
        return; /* longer than we would make: an id of raw hexadecimal digits, say */
    assert(strlen(text) <= TOKEN_TEXT_MAX);
    assert(token_read(ring, text, INT64_MIN, a, &again) == 0);
    assert(str_eq(again.user_id, claims->user_id) && str_eq(again.scope_id, claims->scope_id));
    assert(str_eq(again.app_cred_id, claims->app_cred_id));
    assert(str_eq(again.audit_id, claims->audit_id) &&
           str_eq(again.parent_audit_id, claims->parent_audit_id));
    assert(again.scope == claims->scope && again.methods == claims->methods);
    assert(again.issued_us == claims->issued_us && again.expires_us == claims->expires_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEAN_ARENA *a = arena_new();
    CLEANUP(seal_ring_freep) struct seal_ring *ring = seal_ring_new();
    struct token_claims claims;

    assert(token_read(ring, arena_strndup(a, (const char *)data, size), INT64_MIN, a, &claims) == -EBADMSG);
    if (size > TOKEN_TEXT_MAX)
        return 0;
    int r = token_read(ring, seal(ring, "token", data, size, a), INT64_MIN, a, &claims);
    assert(r == 0 || r == -EBADMSG || r == -EKEYEXPIRED);
    if (r == 0)
        check_claims(ring, &claims, a);
    return 0;
}
