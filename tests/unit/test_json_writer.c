/* Strings in JSON: every byte at every place of a word comes out right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#include <stdio.h>
#include <string.h>

#include "json/writer.h"

static const char *written(struct arena *a, const char *s)
{
    struct jwriter w = jwriter_new(a);
    jw_string(&w, s);
    return buf_text(&w.out);
}

/* What a byte that stands alone among letters becomes. */
static void expected(unsigned char c, char *ret)
{
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *p = strchr(named, c);

    if (p)
        snprintf(ret, 8, "\\%c", letters[p - named]);
    else if (c >= 0x80)
        snprintf(ret, 8, "\xef\xbf\xbd");
    else if (c < ' ' || c == 0x7f)
        snprintf(ret, 8, "\\u%04x", c);
    else
        snprintf(ret, 8, "%c", c);
}

static void every_byte_everywhere(void **state)
{
    CLEAN_ARENA *a = arena_new();

    for (unsigned c = 1; c < 256; c++)
        for (size_t n = 1; n <= 20; n++)
            for (size_t at = 0; at < n; at++) {
                char s[32] = { 0 }, one[8], want[64];
                memset(s, 'a', n);
                s[at] = (char)c;
                expected((unsigned char)c, one);
                snprintf(want, sizeof want, "\"%.*s%s%.*s\"", (int)at, "aaaaaaaaaaaaaaaaaaaa", one, (int)(n - 1 - at),
                         "aaaaaaaaaaaaaaaaaaaa");
                assert_string_equal(written(a, s), want);
            }
}

static void utf8_stays(void **state)
{
    CLEAN_ARENA *a = arena_new();

    assert_string_equal(written(a, "Grüße, 東京 \xf0\x9f\x8c\xb2!"), "\"Grüße, 東京 \xf0\x9f\x8c\xb2!\"");
    assert_string_equal(written(a, "cut \xf0\x9f\x8c"), "\"cut \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_string_equal(written(a, ""), "\"\"");
}

static void pieces_are_one_string(void **state)
{
    CLEAN_ARENA *a = arena_new();
    struct jwriter w = jwriter_new(a);

    jw_array(&w);
    JW_PIECES(&w, "http://h", "/servers/", "a\"b");
    jw_int(&w, 1);
    jw_end(&w);
    assert_string_equal(buf_text(&w.out), "[\"http://h/servers/a\\\"b\",1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_everywhere),
        cmocka_unit_test(utf8_stays),
        cmocka_unit_test(pieces_are_one_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
