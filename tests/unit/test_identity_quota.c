/* Quota counters: exact, bounded, and rolled back with their transaction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is in base/cx.h */

#include "identity/quota.h"
#include "store/migrations.h"

static struct store *store;

static int open_store(void **state)
{
    const struct store_config config = { .path = ":memory:" };
    return store_open(&store, &config, store_migrations, n_store_migrations);
}

static int close_store(void **state)
{
    store_close(store);
    return 0;
}

struct change {
    int64_t take, give, limit, used;
};

static int run_change(struct cx *cx, void *arg)
{
    struct change *c = arg;
    if (c->limit)
        TRY(quota_set(cx, "p", "cores", c->limit));
    if (c->take)
        TRY(quota_take(cx, "p", "cores", c->take));
    if (c->give)
        TRY(quota_give(cx, "p", "cores", c->give));
    return quota_used(cx, "p", "cores", &c->used);
}

static int change(struct change *c, struct cx *cx)
{
    return store_write_wait(store, cx, run_change, c);
}

static void test_take_is_exact(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct change c = { .take = 19 };
    assert_int_equal(change(&c, &cx), 0);
    c = (struct change){ .take = 1 };
    assert_int_equal(change(&c, &cx), 0);
    assert_int_equal(c.used, 20);
    c = (struct change){ .take = 1 };
    assert_true(change(&c, &cx) < 0);
    assert_int_equal(cx.kind, KIND_QUOTA);
    assert_string_equal(cx.type, "OverQuota");
    assert_string_equal(cx.text, "Quota exceeded for cores: Requested 1, but already used 20 of 20 cores. "
                                 "Next: delete what is not needed, or ask the cloud's operator for a larger quota.");
    c = (struct change){ .give = 5 };
    assert_int_equal(change(&c, &cx), 0);
    assert_int_equal(c.used, 15);
}

static void test_limits(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct change c = { .limit = 3, .take = 1 }; /* below what is used: only growth stops */
    assert_true(change(&c, &cx) < 0);
    assert_int_equal(cx.kind, KIND_QUOTA);
    c = (struct change){ .limit = -1, .take = 1000000 };
    assert_int_equal(change(&c, &cx), 0);
    assert_int_equal(c.used, 1000015);
    c = (struct change){ .limit = -2 };
    assert_true(change(&c, &cx) < 0);
    assert_int_equal(cx.kind, KIND_INVALID);
}

static void test_failure_rolls_back(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct change c = { .take = 2, .give = 2000000 };
    assert_true(change(&c, &cx) < 0);
    assert_int_equal(cx.kind, KIND_INTERNAL);
    c = (struct change){ 0 };
    assert_int_equal(change(&c, &cx), 0);
    assert_int_equal(c.used, 1000015);
}

static int count_use(struct cx *cx, void *arg, const char *project_id, const char *resource, int64_t used)
{
    assert_string_equal(project_id, "p");
    *(int64_t *)arg += used;
    return 0;
}

static void test_each_use(void **state)
{
    CLEAN_CX cx;
    int64_t sum = 0;
    cx_begin(&cx);
    assert_int_equal(store_read_begin(store, &cx), 0);
    assert_int_equal(quota_each_use(&cx, count_use, &sum), 0);
    store_read_end(&cx);
    assert_int_equal(sum, 1000015);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_take_is_exact), cmocka_unit_test(test_limits),
                                        cmocka_unit_test(test_failure_rolls_back), cmocka_unit_test(test_each_use) };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
