/* Answers that are kept: found as long as nothing was committed, never longer, and within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/core/answers.h"

static void put(struct answers *answers, uint64_t generation, const char *key, const char *body)
{
    answers_put(answers, generation, key, &(struct answer){ 200, "text/plain", body, strlen(body) });
}

static const char *get(struct answers *answers, uint64_t generation, const char *key, struct arena *a)
{
    struct answer found;
    if (!answers_get(answers, generation, key, a, &found))
        return NULL;
    assert_int_equal(found.status, 200);
    assert_string_equal(found.type, "text/plain");
    return arena_strndup(a, found.body, found.n);
}

static void found_in_their_generation_only(void **state)
{
    struct answers *answers = answers_new();
    CLEAN_ARENA *a = arena_new();

    put(answers, 5, "ann /servers", "one");
    assert_string_equal(get(answers, 5, "ann /servers", a), "one");
    assert_null(get(answers, 5, "bob /servers", a));
    assert_null(get(answers, 6, "ann /servers", a));
    assert_null(get(answers, 4, "ann /servers", a));
    put(answers, 6, "bob /servers", "two");
    assert_null(get(answers, 5, "ann /servers", a));
    assert_string_equal(get(answers, 6, "bob /servers", a), "two");
    put(answers, 5, "ann /servers", "late"); /* its snapshot was older than what others have seen since */
    assert_null(get(answers, 5, "ann /servers", a));
    assert_null(get(answers, 6, "ann /servers", a));
    answers_free(answers);
}

static void one_in_use_outlives_its_slot(void **state)
{
    struct answers *answers = answers_new();
    struct arena *a = arena_new();
    struct answer found;

    put(answers, 1, "key", "body");
    assert_true(answers_get(answers, 1, "key", a, &found));
    put(answers, 2, "key", "newer");
    assert_memory_equal(found.body, "body", 4);
    answers_free(answers);
    assert_memory_equal(found.body, "body", 4);
    arena_free(a);
}

static void memory_is_bounded(void **state)
{
    enum { SIZE = 1 << 20, TOO_LARGE = 3 << 20 };
    struct answers *answers = answers_new();
    CLEAN_ARENA *a = arena_new();
    struct answer found;
    char *body = calloc(1, TOO_LARGE), key[16];
    int n = 0;

    answers_put(answers, 1, "large", &(struct answer){ 200, "text/plain", body, TOO_LARGE });
    assert_false(answers_get(answers, 1, "large", a, &found));
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        answers_put(answers, 1, key, &(struct answer){ 200, "text/plain", body, SIZE });
        n += answers_get(answers, 1, key, a, &found);
    }
    assert_in_range(n, 1, 8);
    put(answers, 2, "key", "there is room again");
    assert_non_null(get(answers, 2, "key", a));
    free(body);
    answers_free(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_in_their_generation_only),
        cmocka_unit_test(one_in_use_outlives_its_slot),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
