/* Waiting goes by a clock that nobody sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is in base/cx.h */

#include "agent/agent.h"
#include "base/env.h"

static void a_wait_ends_by_the_monotonic_clock(void **state)
{
    struct agent a = { 0 };
    int64_t from_us = monotonic_us();

    agent_lock_new(&a);
    pthread_mutex_lock(&a.lock);
    while (monotonic_us() < from_us + 50000) { /* may wake early; by the wall clock this point is long past */
        int64_t before_us = monotonic_us();
        agent_wait(&a, from_us + 100000);
        assert_true(monotonic_us() - before_us > 1000);
    }
    pthread_mutex_unlock(&a.lock);
    assert_true(monotonic_us() - from_us < 60000000 * slow_factor());
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_wait_ends_by_the_monotonic_clock) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
