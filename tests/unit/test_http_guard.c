/* The guard of request heads: the table of what passes, and the corpus of its fuzzer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../fuzz/corpus.h"
#include "../fuzz/fuzz_guard.c"

struct probe {
    const char *method, *target, *version;
    const char *fields[5][2];
    int64_t length; /* expected when it passes */
    bool chunked, passes;
};

/* clang-format off */
static const struct probe probes[] = {
    { "GET", "/", "HTTP/1.1", { { "Host", "x" } }, -1, false, true },
    { "GET", "/", "HTTP/1.1", { { "hOST", "" } }, -1, false, true },
    { "GET", "*", "HTTP/1.1", { { "Host", "x" } }, -1, false, true },
    { "GET", "HTTPS://a/b", "HTTP/1.1", { { "Host", "x" } }, -1, false, true },
    { "GET", "/\xc3\xa9?\xc3\xa9", "HTTP/1.1", { { "Host", "x" } }, -1, false, true },
    { "GET", "/", "HTTP/1.0", { { NULL, NULL } }, -1, false, true },
    { "X-!#$%&'*+.^_`|~9", "/", "HTTP/1.1", { { "Host", "x" }, { "!#$%&'*+-.^_`|~9aZ", "\t\xff " } }, -1, false, true },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "0" } }, 0, false, true },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "CONTENT-LENGTH", "007" } }, 7, false, true },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "999999999999999999" } },
      INT64_C(999999999999999999), false, true },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "Chunked" } }, -1, true, true },
    { "POST", "/", "HTTP/1.0", { { "Content-Length", "5" } }, 5, false, true },

    { "GET", "/", "HTTP/1.1", { { NULL, NULL } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { "Host", "x" } } },
    { "GET", "/", "HTTP/1.0", { { "Host", "x" }, { "Host", "x" } } },
    { "GET", "/", "HTTP/1.2", { { "Host", "x" } } },
    { "GET", "/", "HTTP/2.0", { { "Host", "x" } } },
    { "GET", "/", "http/1.1", { { "Host", "x" } } },
    { "GET", "/", "", { { "Host", "x" } } },
    { "", "/", "HTTP/1.1", { { "Host", "x" } } },
    { "G(T", "/", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "x", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "**", "HTTP/1.1", { { "Host", "x" } } },
    { "CONNECT", "x:80", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "ftp://x/", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "/a b", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "/a\tb", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "/a\x7f", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "/a#b", "HTTP/1.1", { { "Host", "x" } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { "", "x" } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { "a ", "x" } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { " a", "x" } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { "a\xc3\xa9", "x" } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { "a", "x\r" } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { "a", "\x01" } } },
    { "GET", "/", "HTTP/1.1", { { "Host", "x" }, { "a", "\x7f" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "-1" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "+1" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "1 " } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "0x1" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "5, 5" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "1000000000000000000" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "5" }, { "Content-Length", "5" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "0" }, { "content-length", "5" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "chunked" }, { "Content-Length", "5" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "xchunked" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "chunked " } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "gzip, chunked" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "identity" } } },
    { "POST", "/", "HTTP/1.1", { { "Host", "x" }, { "Transfer-Encoding", "chunked" },
                                 { "Transfer-Encoding", "chunked" } } },
    { "POST", "/", "HTTP/1.0", { { "Host", "x" }, { "Transfer-Encoding", "chunked" } } },
};
/* clang-format on */

static const char *guard(const struct probe *p, struct http_framing *ret_framing)
{
    struct http_field fields[N_ELEMENTS(p->fields)];
    struct http_head head = { p->method, p->target, p->version, fields, 0 };

    for (; head.n < N_ELEMENTS(p->fields) && p->fields[head.n][0]; head.n++)
        fields[head.n] = (struct http_field){ p->fields[head.n][0], p->fields[head.n][1],
                                              strlen(p->fields[head.n][0]), strlen(p->fields[head.n][1]) };
    return http_guard(&head, ret_framing);
}

static void test_probes(void **state)
{
    struct http_framing framing;

    for (size_t i = 0; i < N_ELEMENTS(probes); i++) {
        const char *wrong = guard(&probes[i], &framing);
        if (probes[i].passes != !wrong)
            fail_msg("probe %zu: %s", i, wrong ? wrong : "passes");
        if (!wrong) {
            assert_int_equal(framing.content_length, probes[i].length);
            assert_int_equal(framing.chunked, probes[i].chunked);
        }
    }
}

/* Strings end at a NUL, fields do not. */
static void test_nul_in_a_field(void **state)
{
    struct http_field fields[] = { { "Host", "x", 4, 1 }, { "X", "a\0b", 1, 3 } };
    struct http_head head = { "GET", "/", "HTTP/1.1", fields, 2 };
    struct http_framing framing;

    assert_non_null(http_guard(&head, &framing));
    fields[1] = (struct http_field){ "X\0Y", "a", 3, 1 };
    assert_non_null(http_guard(&head, &framing));
}

static void run_seed(const char *name, const uint8_t *data, size_t size)
{
    LLVMFuzzerTestOneInput(data, size);
}

static void test_corpus(void **state)
{
    assert_true(corpus_each("guard", run_seed) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_nul_in_a_field),
        cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests_name("http guard", tests, NULL, NULL);
}
