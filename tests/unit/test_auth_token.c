#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "auth/token.h"

#include "../fuzz/corpus.h"
#include "../fuzz/fuzz_token.c" /* the target itself, to run its seeds */

static const char hex32[] = "0123456789abcdef0123456789abcdef";
static const char hex64[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct fixture {
    struct arena *arena;
    struct seal_ring *ring;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){ arena_new(), seal_ring_new() };
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    seal_ring_free(f->ring);
    return 0;
}

static struct token_claims claims_for(struct fixture *f, const char *user_id)
{
    struct token_claims c;
    token_begin(f->arena, 1000, 500, NULL, &c);
    c.user_id = user_id;
    c.methods = TOKEN_BY_PASSWORD;
    return c;
}

static void assert_round_trip(struct fixture *f, const struct token_claims *c)
{
    const char *text;
    struct token_claims got;

    assert_int_equal(token_make(f->ring, c, f->arena, &text), 0);
    assert_in_range(strlen(text), 1, TOKEN_TEXT_MAX);
    assert_int_equal(token_read(f->ring, text, c->issued_us, f->arena, &got), 0);
    assert_true(str_eq(got.user_id, c->user_id) && str_eq(got.scope_id, c->scope_id));
    assert_true(str_eq(got.audit_id, c->audit_id) && str_eq(got.parent_audit_id, c->parent_audit_id));
    assert_true(str_eq(got.app_cred_id, c->app_cred_id));
    assert_int_equal(got.scope, c->scope);
    assert_int_equal(got.methods, c->methods);
    assert_int_equal(got.issued_us, c->issued_us);
    assert_int_equal(got.expires_us, c->expires_us);
}

static void claims_survive(void **state)
{
    static const char *const ids[] = { hex32, hex64, "default", "a", "abc", "ABCDEF", "u-0123456789", "0f" };
    struct fixture *f = *state;

    for (size_t i = 0; i < N_ELEMENTS(ids); i++) {
        struct token_claims c = claims_for(f, ids[i]);
        assert_round_trip(f, &c);
        c.scope = TOKEN_SYSTEM;
        assert_round_trip(f, &c);
        c.scope = TOKEN_DOMAIN;
        c.scope_id = "default";
        assert_round_trip(f, &c);
        c.scope = TOKEN_PROJECT;
        c.scope_id = hex64;
        c.app_cred_id = hex64;
        c.parent_audit_id = "AAAAAAAAAAAAAAAAAAAAAA";
        c.methods = TOKEN_BY_APP_CRED | TOKEN_BY_TOKEN;
        assert_round_trip(f, &c);
    }
}

static void nonsense_is_not_sealed(void **state)
{
    struct fixture *f = *state;
    const char *text;
    struct token_claims c = claims_for(f, hex32);
    char long_id[80];

    memset(long_id, 'x', sizeof long_id);
    long_id[65] = '\0';
#define MAKE(...)                                                                                            \
    ({                                                                                                       \
        struct token_claims d = c;                                                                           \
        __VA_ARGS__;                                                                                         \
        token_make(f->ring, &d, f->arena, &text);                                                            \
    })
    assert_int_equal(MAKE(d.user_id = NULL), -EINVAL);
    assert_int_equal(MAKE(d.user_id = ""), -EINVAL);
    assert_int_equal(MAKE(d.user_id = long_id), -E2BIG);
    assert_int_equal(MAKE(d.scope = TOKEN_PROJECT), -EINVAL);
    assert_int_equal(MAKE(d.scope_id = hex32), -EINVAL);
    assert_int_equal(MAKE(d.scope = TOKEN_SCOPE_N), -EINVAL);
    assert_int_equal(MAKE(d.audit_id = "short"), -EINVAL);
    assert_int_equal(MAKE(d.audit_id = NULL), -EINVAL);
    assert_int_equal(MAKE(d.methods = 256), -EINVAL);
    long_id[64] = '\0';
    assert_int_equal(MAKE(d.user_id = d.app_cred_id = d.scope_id = long_id; d.scope = TOKEN_PROJECT), -E2BIG);
}

static void an_expired_token_says_so(void **state)
{
    struct fixture *f = *state;
    struct token_claims c = claims_for(f, hex32), got = { 0 };
    const char *text;

    assert_int_equal(token_make(f->ring, &c, f->arena, &text), 0);
    assert_int_equal(token_read(f->ring, text, 1499, f->arena, &got), 0);
    assert_int_equal(token_read(f->ring, text, 1500, f->arena, &got), -EKEYEXPIRED);
    assert_string_equal(got.user_id, hex32);
}

static void what_is_no_token_is_refused(void **state)
{
    struct fixture *f = *state;
    struct token_claims got;
    char text[400];

    static const char *const bad[] = { "", "x", "gAAAAABh", "\x80\xff", "../../etc/passwd" };
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_int_equal(token_read(f->ring, bad[i], 0, f->arena, &got), -EBADMSG);
    memset(text, 'A', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(token_read(f->ring, text, 0, f->arena, &got), -EBADMSG);
    /* Sealed by us, but as something else, or not as claims. */
    assert_int_equal(token_read(f->ring, seal(f->ring, "credential", "x", 1, f->arena), 0, f->arena, &got),
                     -EBADMSG);
    assert_int_equal(token_read(f->ring, seal(f->ring, "token", "x", 1, f->arena), 0, f->arena, &got),
                     -EBADMSG);
}

static void a_chain_never_outlives_its_first_token(void **state)
{
    struct fixture *f = *state;
    struct token_claims first = claims_for(f, hex32), parent, child;

    first.app_cred_id = hex64;
    parent = first;
    for (int i = 0; i < 5; i++) {
        token_begin(f->arena, 1000 + i * 100, 1000000, &parent, &child);
        assert_int_equal(child.expires_us, first.expires_us);
        assert_string_equal(child.parent_audit_id, first.audit_id);
        assert_string_not_equal(child.audit_id, parent.audit_id);
        assert_string_equal(child.user_id, hex32);
        assert_string_equal(child.app_cred_id, hex64);
        assert_int_equal(child.methods, TOKEN_BY_PASSWORD | TOKEN_BY_TOKEN);
        parent = child;
    }
    token_begin(f->arena, 1000, 10, &parent, &child);
    assert_int_equal(child.expires_us, 1010);
}

static void methods_have_names(void **state)
{
    struct fixture *f = *state;
    struct strs names = token_method_names(f->arena, TOKEN_BY_PASSWORD | TOKEN_BY_APP_CRED);

    assert_int_equal(names.n, 2);
    assert_string_equal(names.items[0], "password");
    assert_string_equal(names.items[1], "application_credential");
    assert_int_equal(token_method_bit("token"), TOKEN_BY_TOKEN);
    assert_int_equal(token_method_bit("magic"), 0);
}

static void run_seed(const char *name, const uint8_t *data, size_t size)
{
    assert_int_equal(LLVMFuzzerTestOneInput(data, size), 0);
}

static void fuzz_seeds_keep_the_promises(void **state)
{
    assert_true(corpus_each("token", run_seed) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(claims_survive, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_not_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_expired_token_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_token_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chain_never_outlives_its_first_token, setup, teardown),
        cmocka_unit_test_setup_teardown(methods_have_names, setup, teardown),
        cmocka_unit_test(fuzz_seeds_keep_the_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
