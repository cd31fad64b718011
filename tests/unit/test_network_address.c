/* Addresses, networks, MACs: what is taken and what is not, and the corpus of their fuzzer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../fuzz/corpus.h"
#include "../fuzz/fuzz_address.c"

static void networks(void **state)
{
    static const struct {
        const char *text, *is; /* NULL: no network */
        bool exact;
    } cases[] = {
        { "192.0.2.0/24", "192.0.2.0/24", true },
        { "192.0.2.1/24", "192.0.2.0/24", false },
        { "0.0.0.0/0", "0.0.0.0/0", true },
        { "255.255.255.255/32", "255.255.255.255/32", true },
        { "2001:DB8:0:0::/32", "2001:db8::/32", true },
        { "::1/0", "::/0", false },
        { "192.0.2.0", NULL, false },
        { "192.0.2.0/", NULL, false },
        { "192.0.2.0/024", NULL, false },
        { "192.0.2.0/+24", NULL, false },
        { "192.0.2.0/-1", NULL, false },
        { "192.0.2.0/33", NULL, false },
        { "192.0.2.0/24 ", NULL, false },
        { " 192.0.2.0/24", NULL, false },
        { "192.0.2.0/24/24", NULL, false },
        { "192.0.2/24", NULL, false },
        { "192.0.02.0/24", NULL, false },
        { "::/129", NULL, false },
        { "::/18446744073709551616", NULL, false },
        { "fe80::%1/64", NULL, false },
        { "/24", NULL, false },
        { "", NULL, false },
    };
    CLEAN_ARENA *a = arena_new();
    struct cidr c;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        bool exact = false, is = cidr_parse(cases[i].text, &c, &exact);
        if (is != (cases[i].is != NULL))
            print_error("%s\n", cases[i].text);
        assert_int_equal(is, cases[i].is != NULL);
        assert_int_equal(cidr_valid(cases[i].text), is);
        if (is) {
            assert_string_equal(cidr_text(a, c), cases[i].is);
            assert_int_equal(exact, cases[i].exact);
        }
    }
}

static void macs(void **state)
{
    static const char *const good[] = { "fa:16:3e:00:00:01", "FA:16:3E:00:00:01", "00:00:00:00:00:01" };
    static const char *const bad[] = { "", "00:00:00:00:00:00", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "fa-16-3e-00-00-01",
                                       "fa:16:3e:00:00:0", "fa:16:3e:00:00:011", "fa:16:3e:00:00:0g", "fa16:3e:00:00:01:" };
    CLEAN_ARENA *a = arena_new();
    struct cidr c;

    for (size_t i = 0; i < N_ELEMENTS(good); i++)
        assert_true(mac_valid(good[i]));
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_false(mac_valid(bad[i]));
    assert_true(cidr_parse("2001:db8::/64", &c, NULL));
    assert_string_equal(address_text(a, address_of_mac(c, "fa:16:3e:12:34:56")), "2001:db8::f816:3eff:fe12:3456");
}

static void run_seed(const char *name, const uint8_t *data, size_t size)
{
    LLVMFuzzerTestOneInput(data, size);
}

static void corpus(void **state)
{
    assert_true(corpus_each("address", run_seed) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),
        cmocka_unit_test(macs),
        cmocka_unit_test(corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
