#include "agent/render/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

int cidr_parse(const char *s, struct cidr *ret_cidr)
{
    char text[INET6_ADDRSTRLEN + 4];
    struct cidr c = { 0 };
    int64_t bits = -1;

    size_t n = s ? strlen(s) : 0;
    if (!n || n >= sizeof text)
        return -EINVAL;
    memcpy(text, s, n + 1);
    char *slash = strchr(text, '/');
    if (slash) {
        *slash = 0;
        TRY(str_to_i64(slash + 1, &bits));
    }
    c.family = strchr(text, ':') ? 6 : 4;
    if (inet_pton(c.family == 6 ? AF_INET6 : AF_INET, text, c.address) != 1)
        return -EINVAL;
    int all = c.family == 6 ? 128 : 32;
    if (slash && (bits < 0 || bits > all))
        return -EINVAL;
    c.bits = slash ? (int)bits : all;
    *ret_cidr = c;
    return 0;
}

static const char *print(struct arena *a, int family, const uint8_t *bytes)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(family == 6 ? AF_INET6 : AF_INET, bytes, text, sizeof text);
    return arena_strdup(a, text);
}

const char *cidr_address(struct arena *a, const struct cidr *c)
{
    return print(a, c->family, c->address);
}

static void mask_bytes(int bits, uint8_t mask[16])
{
    for (int i = 0; i < 16; i++) {
        int left = bits - i * 8;
        mask[i] = left >= 8 ? 0xff : left <= 0 ? 0 : (uint8_t)(0xff << (8 - left));
    }
}

const char *cidr_text(struct arena *a, const struct cidr *c)
{
    uint8_t net[16], mask[16];
    mask_bytes(c->bits, mask);
    for (int i = 0; i < 16; i++)
        net[i] = c->address[i] & mask[i];
    const char *text = print(a, c->family, net);
    return cidr_is_one(c) ? text : arena_printf(a, "%s/%d", text, c->bits);
}

const char *cidr_mask(struct arena *a, const struct cidr *c)
{
    uint8_t mask[16];
    mask_bytes(c->bits, mask);
    return print(a, 4, mask);
}

bool cidr_is_one(const struct cidr *c)
{
    return c->bits == (c->family == 6 ? 128 : 32);
}

bool cidr_overlap(const struct cidr *a, const struct cidr *b)
{
    uint8_t mask[16];
    if (a->family != b->family)
        return false;
    mask_bytes(a->bits < b->bits ? a->bits : b->bits, mask);
    for (int i = 0; i < 16; i++)
        if ((a->address[i] & mask[i]) != (b->address[i] & mask[i]))
            return false;
    return true;
}

bool cidr_contains(const struct cidr *net, const struct cidr *address)
{
    return net->bits <= address->bits && cidr_overlap(net, address);
}

bool cidr_is_private(const struct cidr *c)
{
    static const char *const ranges[] = { "10.0.0.0/8",      "172.16.0.0/12",   "192.168.0.0/16",
                                          "100.64.0.0/10",   "198.18.0.0/15",   "192.0.2.0/24",
                                          "198.51.100.0/24", "203.0.113.0/24",  "fc00::/7",
                                          "2001:db8::/32" };
    struct cidr range;
    for (size_t i = 0; i < N_ELEMENTS(ranges); i++)
        if (cidr_parse(ranges[i], &range) == 0 && cidr_contains(&range, c))
            return true;
    return false;
}

bool mac_valid(const char *s, uint8_t ret_bytes[6])
{
    uint8_t bytes[6];
    if (!s || strlen(s) != 17)
        return false;
    for (int i = 0; i < 6; i++) {
        const char *p = s + i * 3;
        if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]) || (i < 5 && p[2] != ':'))
            return false;
        unsigned v = 0;
        if (sscanf(p, "%2x", &v) != 1)
            return false;
        bytes[i] = (uint8_t)v;
    }
    if (ret_bytes)
        memcpy(ret_bytes, bytes, 6);
    return true;
}

const char *mac_link_local(struct arena *a, const char *mac)
{
    uint8_t m[6];
    if (!mac_valid(mac, m))
        return NULL;
    uint8_t ip[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] };
    return print(a, 6, ip);
}

static bool label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

static bool label_n_valid(const char *s, size_t n)
{
    if (!n || n > 63 || s[0] == '-' || s[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!label_char(s[i]))
            return false;
    return true;
}

bool label_valid(const char *s)
{
    return s && label_n_valid(s, strlen(s));
}

bool domain_valid(const char *s)
{
    if (str_empty(s) || strlen(s) > 253)
        return false;
    for (;;) {
        size_t n = strcspn(s, ".");
        if (!label_n_valid(s, n))
            return false;
        if (!s[n])
            return true;
        s += n + 1;
    }
}

const char *label_from(struct arena *a, const char *s)
{
    char label[64];
    size_t n = 0;
    for (; s && *s && n < sizeof label - 1; s++) {
        char c = *s == ' ' || *s == '_' || *s == '.' ? '-' : *s;
        if (label_char(c) && !(c == '-' && n == 0))
            label[n++] = c;
    }
    while (n && label[n - 1] == '-')
        n--;
    return arena_strndup(a, label, n);
}
