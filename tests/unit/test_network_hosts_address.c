/* What the controller takes for an address, hosts take, too: the corpus of that fuzzer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fuzz/corpus.h"
#include "../fuzz/fuzz_hosts_address.c"

static void run_seed(const char *name, const uint8_t *data, size_t size)
{
    LLVMFuzzerTestOneInput(data, size);
}

static void corpus(void **state)
{
    assert_true(corpus_each("hosts_address", run_seed) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(corpus) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
