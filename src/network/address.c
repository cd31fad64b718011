#include "network/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

enum { TEXT_MAX = 64 };

static int width(int version)
{
    return version == 4 ? 32 : 128;
}

static unsigned __int128 mask_of(int version, int bits)
{
    unsigned __int128 all = version == 4 ? (unsigned __int128)UINT32_MAX : ~(unsigned __int128)0;
    int rest = width(version) - bits;
    return rest >= 128 ? 0 : all >> rest << rest;
}

bool address_parse(const char *s, struct address *ret_address)
{
    unsigned char b[16];
    int version = strchr(s, ':') ? 6 : 4;

    if (inet_pton(version == 4 ? AF_INET : AF_INET6, s, b) != 1)
        return false;
    *ret_address = (struct address){ .version = version };
    for (int i = 0; i < width(version) / 8; i++)
        ret_address->value = ret_address->value << 8 | b[i];
    return true;
}

bool address_valid(const char *s)
{
    struct address a;
    return address_parse(s, &a);
}

const char *address_text(struct arena *arena, struct address a)
{
    unsigned char b[16];
    char text[INET6_ADDRSTRLEN];
    int n = width(a.version) / 8;

    for (int i = n; i-- > 0; a.value >>= 8)
        b[i] = (unsigned char)a.value;
    inet_ntop(a.version == 4 ? AF_INET : AF_INET6, b, text, sizeof text);
    return arena_strdup(arena, text);
}

int address_compare(struct address a, struct address b)
{
    if (a.version != b.version)
        return a.version < b.version ? -1 : 1;
    return a.value < b.value ? -1 : a.value > b.value;
}

struct address address_plus(struct address a, unsigned __int128 n)
{
    return (struct address){ (a.value + n) & mask_of(a.version, width(a.version)), a.version };
}

bool cidr_parse(const char *s, struct cidr *ret_cidr, bool *ret_exact)
{
    char text[TEXT_MAX];
    const char *slash = strchr(s, '/');
    int64_t bits;
    struct cidr c;

    if (!slash || (size_t)(slash - s) >= sizeof text || !isdigit((unsigned char)slash[1]) ||
        (slash[1] == '0' && slash[2]) || str_to_i64(slash + 1, &bits) < 0)
        return false;
    memcpy(text, s, (size_t)(slash - s));
    text[slash - s] = 0;
    if (!address_parse(text, &c.base) || bits > width(c.base.version))
        return false;
    c.bits = (int)bits;
    unsigned __int128 masked = c.base.value & mask_of(c.base.version, c.bits);
    if (ret_exact)
        *ret_exact = masked == c.base.value;
    c.base.value = masked;
    *ret_cidr = c;
    return true;
}

bool cidr_valid(const char *s)
{
    struct cidr c;
    return cidr_parse(s, &c, NULL);
}

bool cidr_or_address_parse(const char *s, struct cidr *ret_cidr)
{
    if (strchr(s, '/'))
        return cidr_parse(s, ret_cidr, NULL);
    if (!address_parse(s, &ret_cidr->base))
        return false;
    ret_cidr->bits = width(ret_cidr->base.version);
    return true;
}

const char *cidr_text(struct arena *a, struct cidr c)
{
    return arena_printf(a, "%s/%d", address_text(a, c.base), c.bits);
}

struct address cidr_first(struct cidr c)
{
    return c.base;
}

struct address cidr_last(struct cidr c)
{
    int v = c.base.version;
    return (struct address){ c.base.value | (mask_of(v, width(v)) & ~mask_of(v, c.bits)), v };
}

struct address cidr_first_host(struct cidr c)
{
    return width(c.base.version) - c.bits < 2 ? c.base : address_plus(c.base, 1);
}

struct address cidr_last_host(struct cidr c)
{
    struct address last = cidr_last(c);
    if (c.base.version == 4 && c.bits < 31)
        last.value--;
    return last;
}

bool cidr_contains(struct cidr c, struct address a)
{
    return c.base.version == a.version && (a.value & mask_of(a.version, c.bits)) == c.base.value;
}

bool cidr_overlap(struct cidr a, struct cidr b)
{
    return cidr_contains(a, b.base) || cidr_contains(b, a.base);
}

int64_t cidr_slot(struct cidr c, struct address a)
{
    unsigned __int128 n = a.value - c.base.value;
    return n > (unsigned __int128)INT64_MAX ? INT64_MAX : (int64_t)n;
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

bool mac_valid(const char *s)
{
    static const char zero[] = "00:00:00:00:00:00";

    if (strlen(s) != sizeof zero - 1 || strcmp(s, zero) == 0)
        return false;
    for (size_t i = 0; s[i]; i++)
        if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
            return false;
    return !(hex(s[1]) & 1); /* the bit of group addresses */
}

struct address address_of_mac(struct cidr c, const char *mac)
{
    unsigned char b[6];
    uint64_t id;

    for (size_t i = 0; i < sizeof b; i++)
        b[i] = (unsigned char)(hex(mac[3 * i]) << 4 | hex(mac[3 * i + 1]));
    id = (uint64_t)(b[0] ^ 2) << 56 | (uint64_t)b[1] << 48 | (uint64_t)b[2] << 40 | (uint64_t)0xfffe << 24 |
         (uint64_t)b[3] << 16 | (uint64_t)b[4] << 8 | b[5];
    return address_plus(c.base, id);
}
