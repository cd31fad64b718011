/* Console logs on the host: a guest that prints for ever fills no disk, whether the controller is there or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is in base/cx.h */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/env.h"
#include "base/log.h"

static char path[64];

static struct guest_files files(void *self, struct cx *cx, const struct wire_guest *guest, const char *guest_id)
{
    return (struct guest_files){ .console = path };
}

static void a_long_log_is_cut_without_a_controller(void **state)
{
    static struct doc doc; /* something is wanted of it, whatever */
    static struct guest guest = { .id = "aaaaaaaa-0000-4000-8000-000000000001", .doc = &doc };
    struct guest *guests[] = { &guest };
    struct agent a = { .settings = { .controller_url = "https://127.0.0.1:1" }, .guests = guests, .n_guests = 1,
                       .drivers = { .storage = { .files = files } } };
    static char text[64 * 1024];
    struct stat st = { 0 };
    pthread_t thread;

    log_level_set(LOG_ERROR);
    snprintf(path, sizeof path, "/tmp/alamo-test-XXXXXX");
    CLEAN_FD fd = mkstemp(path);
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 4, "last", 4);
    for (int i = 0; i < 5 * 1024 / 64; i++) /* 5 MiB: more than is kept */
        assert_int_equal(write(fd, text, sizeof text), sizeof text);
    pthread_mutex_init(&a.lock, NULL);
    assert_int_equal(pthread_create(&thread, NULL, console_thread, &a), 0);
    for (int64_t until_us = monotonic_us() + 20000000 * slow_factor(); monotonic_us() < until_us; usleep(10000))
        if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < 1 << 20)
            break;
    __atomic_store_n(&a.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_in_range(st.st_size, 4096, 1 << 20); /* the end is kept */
    assert_int_equal(pread(fd, text, 4, st.st_size - 4), 4);
    assert_memory_equal(text, "last", 4);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_long_log_is_cut_without_a_controller) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
