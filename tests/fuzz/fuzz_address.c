/* Fuzzes the parsers of addresses, networks and MACs.  The input is two lines, each taken as all of these; what is taken is
 * asked for again here in a simpler way: by first and last address. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "network/address.h"

static bool same(struct address a, struct address b)
{
    return a.version == b.version && a.value == b.value;
}

static void check_address(struct arena *arena, const char *s)
{
    struct address a, again;

    assert(address_valid(s) == address_parse(s, &a));
    if (!address_parse(s, &a))
        return;
    assert(a.version == 4 || a.version == 6);
    assert(a.version == 6 || a.value <= UINT32_MAX);
    assert(strlen(s) < 46 && s[strspn(s, "0123456789abcdefABCDEF:.")] == 0);
    const char *text = address_text(arena, a);
    assert(address_parse(text, &again) && same(a, again));
    assert(strcmp(address_text(arena, again), text) == 0);
    assert(address_compare(a, again) == 0);
    struct address next = address_plus(a, 1);
    assert(next.version == a.version && (next.value == 0 || address_compare(a, next) < 0));
}

static void check_cidr(struct arena *arena, struct cidr c)
{
    struct address first = cidr_first(c), last = cidr_last(c), low = cidr_first_host(c), high = cidr_last_host(c);
    struct cidr again;
    bool exact = false;

    assert(c.bits >= 0 && c.bits <= (c.base.version == 4 ? 32 : 128));
    assert(same(first, c.base) && address_compare(first, low) <= 0 && address_compare(low, high) <= 0 && address_compare(high, last) <= 0);
    assert(cidr_contains(c, first) && cidr_contains(c, last) && cidr_contains(c, low) && cidr_contains(c, high));
    struct address after = address_plus(last, 1);
    assert(after.value == 0 || !cidr_contains(c, after));
    assert(c.base.version == 6 || last.value <= UINT32_MAX);
    assert(cidr_parse(cidr_text(arena, c), &again, &exact) && exact && same(again.base, c.base) && again.bits == c.bits);
    assert(cidr_slot(c, first) == 0 && cidr_slot(c, last) >= 0 && cidr_overlap(c, c));
}

static void check_pair(struct cidr a, struct cidr b)
{
    bool apart = a.base.version != b.base.version || address_compare(cidr_last(a), cidr_first(b)) < 0 ||
                 address_compare(cidr_last(b), cidr_first(a)) < 0;
    assert(cidr_overlap(a, b) == !apart && cidr_overlap(b, a) == !apart);
    assert(!cidr_contains(a, b.base) || cidr_overlap(a, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEAN_ARENA *arena = arena_new();
    char *one = arena_strndup(arena, size ? (const char *)data : "", size), *two = strchr(one, '\n');
    struct cidr a, b;

    if (two)
        *two++ = 0;
    else
        two = one;
    check_address(arena, one);
    check_address(arena, two);
    bool is_a = cidr_or_address_parse(one, &a), is_b = cidr_or_address_parse(two, &b);
    assert(!cidr_valid(one) || is_a);
    if (is_a)
        check_cidr(arena, a);
    if (is_a && is_b)
        check_pair(a, b);
    if (is_a && a.base.version == 6 && a.bits == 64 && mac_valid(two)) {
        struct address own = address_of_mac(a, two);
        assert(cidr_contains(a, own) && (own.value >> 24 & 0xffff) == 0xfffe);
    }
    return 0;
}
