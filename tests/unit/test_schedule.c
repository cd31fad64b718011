/* The scheduler: what is chosen, in which order, and why nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "schedule/schedule.h"

static const struct schedule_host three[] = {
    { "a", "ha", "east", .alive = true, .free_vcpus = 8, .free_ram_mib = 1000, .free_disk_gib = 10 },
    { "b", "hb", "west", .alive = true, .free_vcpus = 8, .free_ram_mib = 3000, .free_disk_gib = 10 },
    { "c", "hc", "east", .alive = true, .free_vcpus = 8, .free_ram_mib = 2000, .free_disk_gib = 10 },
};
static const char *ids_a[] = { "a" }, *ids_b[] = { "b" }, *ids_ab[] = { "a", "b" };

/* The chosen ids as one word. */
static const char *pick(struct arena *a, struct schedule_host *hosts, struct schedule_request rq, const char **ret_why)
{
    struct strs ids;
    char *out = arena_alloc(a, 16);
    schedule_pick(a, hosts, 3, &rq, &ids, ret_why);
    for (size_t i = 0; i < ids.n; i++)
        out[i] = ids.items[i][0];
    return out;
}

static void choices(void **state)
{
    static const struct {
        struct schedule_request rq;
        const char *ids;
    } cases[] = {
        { { .ram_mib = 100 }, "bca" }, /* by free RAM */
        { { .ram_mib = 1500 }, "bc" },
        { { .ram_mib = 5000 }, "" },
        { { .vcpus = 9 }, "" },
        { { .disk_gib = 11 }, "" },
        { { .az = "east" }, "ca" },
        { { .az = "moon" }, "" },
        { { .host_name = "ha" }, "a" },
        { { .avoid = { ids_b, 1 } }, "ca" },
        { { .bound = true, .only = { ids_a, 1 } }, "a" },
        { { .bound = true }, "" },
        { { .bound = true, .only = { ids_ab, 2 }, .avoid = { ids_b, 1 } }, "a" },
        { { .prefer = { ids_a, 1 } }, "abc" },
        { { .shun = { ids_b, 1 } }, "cab" },
    };
    CLEAN_ARENA *a = arena_new();
    struct schedule_host hosts[3];
    const char *why;

    memcpy(hosts, three, sizeof three);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        assert_string_equal(pick(a, hosts, cases[i].rq, &why), cases[i].ids);
        assert_int_equal(why == NULL, *cases[i].ids != 0);
    }
}

static void dead_and_disabled(void **state)
{
    CLEAN_ARENA *a = arena_new();
    struct schedule_host hosts[3];
    const char *why;

    memcpy(hosts, three, sizeof three);
    hosts[1].alive = false;
    hosts[2].disabled = true;
    assert_string_equal(pick(a, hosts, (struct schedule_request){ .ram_mib = 100 }, &why), "a");
    assert_string_equal(pick(a, hosts, (struct schedule_request){ .host_name = "hc" }, &why), "c");
    assert_string_equal(pick(a, hosts, (struct schedule_request){ .ram_mib = 1001 }, &why), "");
    assert_string_equal(why, "Of 3 hosts: 1 not heard of, 1 disabled, 1 without enough free RAM. Next: take a smaller flavor, delete servers "
                             "that are not needed, or add a host.");
}

static void no_hosts(void **state)
{
    CLEAN_ARENA *a = arena_new();
    struct strs ids;
    const char *why;

    schedule_pick(a, NULL, 0, &(struct schedule_request){ 0 }, &ids, &why);
    assert_int_equal(ids.n, 0);
    assert_string_equal(why, "No host has joined yet. Next: start alamo-agent on a host (`alamo up` does).");
}

/* Whatever the hosts are: who is chosen fits, who is not does not, and the order is by free RAM. */
static void random_hosts(void **state)
{
    unsigned seed = 7;

    for (int round = 0; round < 2000; round++) {
        CLEAN_ARENA *a = arena_new();
        struct schedule_host h[16];
        char names[16][4];
        struct strs ids;
        const char *why;
        size_t n = (size_t)rand_r(&seed) % 17, fits = 0;
        struct schedule_request rq = { .vcpus = rand_r(&seed) % 8, .ram_mib = rand_r(&seed) % 8, .disk_gib = rand_r(&seed) % 8 };

        for (size_t i = 0; i < n; i++) {
            names[i][0] = (char)('a' + i);
            names[i][1] = 0;
            h[i] = (struct schedule_host){ names[i], names[i], "z", rand_r(&seed) % 8 != 0, rand_r(&seed) % 8 == 0,
                                           rand_r(&seed) % 16 - 2, rand_r(&seed) % 16 - 2, rand_r(&seed) % 16 - 2 };
            fits += h[i].alive && !h[i].disabled && h[i].free_vcpus >= rq.vcpus && h[i].free_ram_mib >= rq.ram_mib &&
                    h[i].free_disk_gib >= rq.disk_gib;
        }
        schedule_pick(a, h, n, &rq, &ids, &why);
        assert_int_equal(ids.n, fits);
        assert_int_equal(why == NULL, fits > 0);
        for (size_t i = 1; i < ids.n; i++)
            assert_true(h[ids.items[i - 1][0] - 'a'].free_ram_mib >= h[ids.items[i][0] - 'a'].free_ram_mib);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices),
        cmocka_unit_test(dead_and_disabled),
        cmocka_unit_test(no_hosts),
        cmocka_unit_test(random_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
