/* address.h - IP and MAC addresses: parsed strictly, so that what is printed again can configure nothing
 * else. */
#pragma once
#include "base/arena.h"

struct cidr {
    int family; /* 4 or 6 */
    int bits;   /* of the prefix */
    uint8_t address[16];
};

/* "10.0.0.1", "10.0.0.0/24", "fd00::/64"; without a prefix all bits count.  Errors: -EINVAL. */
int cidr_parse(const char *s, struct cidr *ret_cidr) MUST_CHECK;
/* The address alone, and with host bits cleared "10.0.0.0/24" (without "/32" or "/128" when it is one
 * address). */
const char *cidr_address(struct arena *a, const struct cidr *c);
const char *cidr_text(struct arena *a, const struct cidr *c);
/* The netmask of an IPv4 prefix: "255.255.255.0". */
const char *cidr_mask(struct arena *a, const struct cidr *c);
bool cidr_is_one(const struct cidr *c);
/* They have an address in common. */
bool cidr_overlap(const struct cidr *a, const struct cidr *b);
bool cidr_contains(const struct cidr *net, const struct cidr *address);

/* All of it is of addresses that nobody has on the Internet: private, carriers', for tests and documents. */
bool cidr_is_private(const struct cidr *c);

/* "fa:16:3e:00:00:01", either case; 'ret_bytes' may be NULL. */
bool mac_valid(const char *s, uint8_t ret_bytes[6]);
/* The link-local IPv6 address that a NIC with this MAC gives itself (EUI-64). */
const char *mac_link_local(struct arena *a, const char *mac);

/* 's' is of the characters of a host name's label: letters, digits, inner dashes, at most 63. */
bool label_valid(const char *s);
/* Labels with dots between, at most 253. */
bool domain_valid(const char *s);
/* Makes a label of any text; "" when nothing is left. */
const char *label_from(struct arena *a, const char *s);
