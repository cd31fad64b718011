/* Fuzzes the agent's parser of addresses beside the controller's: what the controller takes the agent takes, as the same
 * range, or a plan that the controller has made could not be carried out. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "network/address.h"

/* Both speak of cidr_...; the agent's are called host_cidr_... here. */
#define cidr host_cidr
#define cidr_parse host_cidr_parse
#define cidr_text host_cidr_text
#define cidr_overlap host_cidr_overlap
#define cidr_contains host_cidr_contains
#define mac_valid host_mac_valid
#include "../../src/agent/render/address.c"
#undef cidr
#undef cidr_parse
#undef cidr_text
#undef cidr_overlap
#undef cidr_contains
#undef mac_valid

static bool same(const struct cidr *ours, const struct host_cidr *theirs)
{
    unsigned __int128 value = 0;
    int bytes = theirs->family == 4 ? 4 : 16;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | theirs->address[i];
    unsigned __int128 mask = ours->bits ? ~(unsigned __int128)0 << (8 * bytes - ours->bits) : 0;
    if (bytes == 4)
        mask &= UINT32_MAX;
    return ours->base.version == theirs->family && ours->bits == theirs->bits && ours->base.value == (value & mask);
}

static bool check_one(struct arena *arena, const char *s, struct cidr *ret_ours, struct host_cidr *ret_theirs)
{
    bool ours = cidr_or_address_parse(s, ret_ours), theirs = host_cidr_parse(s, ret_theirs) == 0;

    assert(!ours || theirs);
    assert(!mac_valid(s) || host_mac_valid(s, NULL));
    if (!ours)
        return false;
    assert(same(ret_ours, ret_theirs));
    struct host_cidr again;
    assert(host_cidr_parse(host_cidr_text(arena, ret_theirs), &again) == 0 && same(ret_ours, &again));
    assert(strspn(cidr_address(arena, ret_theirs), "0123456789abcdef:.") == strlen(cidr_address(arena, ret_theirs)));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEAN_ARENA *arena = arena_new();
    char *one = arena_strndup(arena, size ? (const char *)data : "", size), *two = strchr(one, '\n');
    struct cidr a, b;
    struct host_cidr ha, hb;

    if (two)
        *two++ = 0;
    else
        two = one;
    bool is_a = check_one(arena, one, &a, &ha), is_b = check_one(arena, two, &b, &hb);
    if (is_a && is_b)
        assert(cidr_overlap(a, b) == host_cidr_overlap(&ha, &hb));
    return 0;
}
