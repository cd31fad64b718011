#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "auth/password.h"

static void known_hashes_are_checked(void **state)
{
    /* clang-format off */
    static const char *const hashes[] = {
        "$y$j9T$abcdefghijklmnop./$r7uKAW0j99YwBem7bxMLBE.jUPSF94ZIHC.NHMSBsyD",
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$6$rounds=1000$saltsalt$4GMtaIz3E1AdDi2SmCokEW0ehi.HdxNDcL3fGE1XXuzvo6kbx7UOloZKONqEk5H3JrQA4NOfU8BmqFPrpGqwA1",
    };
    /* clang-format on */
    for (size_t i = 0; i < N_ELEMENTS(hashes); i++) {
        assert_true(password_check(hashes[i], "correct horse"));
        assert_false(password_check(hashes[i], "correct horsf"));
        assert_false(password_check(hashes[i], ""));
        assert_int_equal(password_is_dated(hashes[i]), i != 0);
    }
}

static void hashes_are_salted_and_verify(void **state)
{
    CLEAN_ARENA *a = arena_new();
    const char *one, *two;
    char password[PASSWORD_MAX_BYTES + 2];

    assert_int_equal(password_hash("p\xc3\xa4ss", a, &one), 0);
    assert_int_equal(password_hash("p\xc3\xa4ss", a, &two), 0);
    assert_string_not_equal(one, two);
    assert_true(str_starts(one, "$y$j9T$", NULL));
    assert_true(password_check(one, "p\xc3\xa4ss"));
    assert_false(password_is_dated(one));

    memset(password, 'x', sizeof password);
    password[PASSWORD_MAX_BYTES + 1] = '\0';
    assert_int_equal(password_hash(password, a, &one), -E2BIG);
    assert_false(password_check(two, password));
}

static void what_is_no_hash_never_matches(void **state)
{
    static const char *const bad[] = {
        "", "*", "!", "secret", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "$y$j9T$", "$y$", "$2b$04$", "$6$", "*0"
    };
    assert_false(password_check(NULL, "secret"));
    assert_false(password_check(NULL, ""));
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_false(password_check(bad[i], "secret"));
}

static double cpu_ms(const char *hash)
{
    struct timespec before, after;
    double best = 1e9;

    for (int i = 0; i < 5; i++) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        assert_false(password_check(hash, "wrong"));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        double ms =
            (double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6;
        best = ms < best ? ms : best;
    }
    return best;
}

static void an_unknown_user_costs_as_much_as_a_known_one(void **state)
{
    CLEAN_ARENA *a = arena_new();
    const char *hash;

    assert_int_equal(password_hash("right", a, &hash), 0);
    double known = cpu_ms(hash), unknown = cpu_ms(NULL);
    print_message("a hash takes %.1f ms, for an unknown user %.1f ms\n", known, unknown);
    assert_true(known < unknown * 2 && unknown < known * 2);
}

/* ---- the pool ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    int started, ran, done, nice;
};

static void run(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->started++;
    g->nice = getpriority(PRIO_PROCESS, 0);
    pthread_cond_broadcast(&g->changed);
    while (!g->open)
        pthread_cond_wait(&g->changed, &g->lock);
    g->ran++;
    pthread_mutex_unlock(&g->lock);
}

static void done(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->done++;
    assert_true(g->done <= g->ran);
    pthread_mutex_unlock(&g->lock);
}

static void the_pool_takes_so_many_and_no_more(void **state)
{
    struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    struct hash_job jobs[6];
    struct hash_pool *pool;

    for (size_t i = 0; i < N_ELEMENTS(jobs); i++)
        jobs[i] = (struct hash_job){ run, done, &g, NULL };
    int nice_before = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(hash_pool_new(&pool, 2, 3), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hash_pool_submit(pool, &jobs[i]), 0);
    pthread_mutex_lock(&g.lock);
    while (g.started < 2)
        pthread_cond_wait(&g.changed, &g.lock);
    pthread_mutex_unlock(&g.lock);
    for (int i = 2; i < 5; i++)
        assert_int_equal(hash_pool_submit(pool, &jobs[i]), 0);
    assert_int_equal(hash_pool_submit(pool, &jobs[5]), -EAGAIN);

    pthread_mutex_lock(&g.lock);
    g.open = true;
    pthread_cond_broadcast(&g.changed);
    pthread_mutex_unlock(&g.lock);
    hash_pool_free(pool);
    assert_int_equal(g.done, 5);
    assert_true(g.nice > nice_before || nice_before >= 10);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), nice_before);
}

static void an_idle_pool_ends(void **state)
{
    struct hash_pool *pool;
    assert_int_equal(hash_pool_new(&pool, 0, 0), 0);
    hash_pool_free(pool);
    hash_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_hashes_are_checked),
        cmocka_unit_test(hashes_are_salted_and_verify),
        cmocka_unit_test(what_is_no_hash_never_matches),
        cmocka_unit_test(an_unknown_user_costs_as_much_as_a_known_one),
        cmocka_unit_test(the_pool_takes_so_many_and_no_more),
        cmocka_unit_test(an_idle_pool_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
