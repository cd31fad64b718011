/* The cache of callers: it spares the statements, and forgets with the commit that changes anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#include <stdio.h>

#include "auth/seal.h"
#include "identity/auth.h"
#include "identity/cache.h"
#include "identity/domain.h"
#include "identity/role.h"
#include "identity/setup.h"
#include "identity/user.h"
#include "store/migrations.h"

static struct store *store;
static struct identity_context context;
static struct seal_ring *ring;

static int make_all(struct cx *cx, void *arg)
{
    return identity_setup(cx, &(struct identity_setup_params){ .admin_password = "pw" });
}

static int open_all(void **state)
{
    const struct store_config config = { .path = ":memory:" };
    CLEAN_CX cx;

    cx_begin(&cx);
    ring = seal_ring_new();
    context = (struct identity_context){ .ring = ring, .cache = identity_cache_new() };
    assert_int_equal(store_open(&store, &config, store_migrations, n_store_migrations), 0);
    identity_cache_listen(context.cache, store);
    return store_write_wait(store, &cx, make_all, NULL);
}

static int close_all(void **state)
{
    store_close(store);
    identity_cache_free(context.cache);
    seal_ring_free(ring);
    return 0;
}

/* A token of the admin for its project, in 'cx'. */
static const char *log_in(struct cx *cx)
{
    const struct auth_request r = { .methods = TOKEN_BY_PASSWORD, .user = { .name = "admin", .domain_id = "default" },
                                    .password = "pw" };
    struct auth_proof proof;
    const struct who *who;
    const char *token;

    assert_int_equal(auth_prove(cx, store, &r, &proof), 0);
    assert_non_null(proof.user_id);
    assert_int_equal(store_read_begin(store, cx), 0);
    assert_int_equal(auth_issue(cx, &context, &r, &proof, &token, &who), 0);
    store_read_end(cx);
    return token;
}

/* Authenticates in a read transaction; returns the number of statements that took, or -1 when refused. */
static int64_t statements_of(struct cx *cx, const char *token, const struct who **ret_who)
{
    struct store_stats before, after;

    assert_int_equal(store_read_begin(store, cx), 0);
    store_stats(store, &before);
    int r = identity_authenticate(cx, &context, token, ret_who);
    store_stats(store, &after);
    store_read_end(cx);
    fail_clear(cx);
    return r < 0 ? -1 : after.statements - before.statements;
}

static void test_hit_costs_nothing(void **state)
{
    const struct who *first, *second;
    CLEAN_CX cx;
    cx_begin(&cx);
    const char *token = log_in(&cx);

    assert_true(statements_of(&cx, token, &first) <= 5);
    assert_int_equal(statements_of(&cx, token, &second), 0);
    assert_string_equal(second->user_name, "admin");
    assert_string_equal(second->project_name, first->project_name);
    assert_string_equal(second->audit_id, first->audit_id);
    assert_null(second->app_cred_id);
    assert_int_equal(second->roles.n, 4);
    assert_string_equal(second->roles.items[3], first->roles.items[3]);
    assert_string_equal(second->methods.items[0], "password");
    assert_true(second->is_admin && second->is_reader && !second->system);
    assert_int_equal(second->expires_us, first->expires_us);
}

static int add_role(struct cx *cx, void *arg)
{
    struct role r = { .name = arg, .options = "{}", .extra = "{}" };
    return role_create(cx, &r);
}

static int disable(struct cx *cx, void *arg)
{
    struct user u;
    assert_int_equal(user_find(cx, DOMAIN_DEFAULT_ID, "admin", &u), 1);
    u.enabled = *(bool *)arg;
    return user_update(cx, &u);
}

static void test_commit_forgets(void **state)
{
    const struct who *who;
    bool enabled = false;
    CLEAN_CX cx;
    cx_begin(&cx);
    const char *token = log_in(&cx);

    assert_true(statements_of(&cx, token, &who) > 0);
    assert_int_equal(store_write_wait(store, &cx, add_role, (char[]){ "other" }), 0);
    assert_true(statements_of(&cx, token, &who) > 0); /* asked anew */
    assert_int_equal(statements_of(&cx, token, &who), 0);
    assert_int_equal(store_write_wait(store, &cx, disable, &enabled), 0);
    assert_int_equal(statements_of(&cx, token, &who), -1);
    enabled = true;
    assert_int_equal(store_write_wait(store, &cx, disable, &enabled), 0);
    assert_int_equal(statements_of(&cx, token, &who), -1); /* another epoch */
    assert_true(statements_of(&cx, log_in(&cx), &who) > 0);
}

static int authenticate_in_write(struct cx *cx, void *arg)
{
    const struct who *who;
    return identity_authenticate(cx, &context, arg, &who);
}

/* What a writing transaction saw may never be committed, so it is not kept. */
static void test_writes_keep_nothing(void **state)
{
    const struct who *who;
    char token[TOKEN_TEXT_MAX + 1];
    CLEAN_CX cx;
    cx_begin(&cx);
    snprintf(token, sizeof token, "%s", log_in(&cx));

    assert_int_equal(store_write_wait(store, &cx, authenticate_in_write, token), 0);
    assert_true(statements_of(&cx, token, &who) > 0);
}

static void test_expiry(void **state)
{
    const struct who *who;
    CLEAN_CX cx;
    cx_begin(&cx);
    const char *token = log_in(&cx);

    assert_true(statements_of(&cx, token, &who) > 0);
    cx.now_us = who->expires_us;
    assert_int_equal(statements_of(&cx, token, &who), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hit_costs_nothing), cmocka_unit_test(test_commit_forgets),
                                        cmocka_unit_test(test_writes_keep_nothing), cmocka_unit_test(test_expiry) };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
