/* address.h - arithmetic of IPv4 and IPv6 addresses, networks and Ethernet addresses.  Pure; no sockets. */
#pragma once
#include "base/arena.h"

struct address {
    unsigned __int128 value; /* in host order; IPv4: the low 32 bits */
    int version;             /* 4 or 6 */
};
struct cidr {
    struct address base; /* host bits are 0 */
    int bits;            /* length of the prefix */
};

/* Takes exactly one address, dotted quad or RFC 4291; no zone, no prefix, no leading zeros in a quad. */
bool address_parse(const char *s, struct address *ret_address);
bool address_valid(const char *s);
/* The canonical text (RFC 5952), in the arena. */
const char *address_text(struct arena *a, struct address address);
/* < 0, 0, > 0; IPv4 comes before IPv6. */
int address_compare(struct address a, struct address b);
struct address address_plus(struct address a, unsigned __int128 n);

/* "192.0.2.0/24"; host bits that are set are cleared, and '*ret_exact' (if not NULL) says whether there were none.
 * Without "/bits" it is not a CIDR. */
bool cidr_parse(const char *s, struct cidr *ret_cidr, bool *ret_exact);
bool cidr_valid(const char *s);
/* An address or a CIDR; an address alone is a network of one. */
bool cidr_or_address_parse(const char *s, struct cidr *ret_cidr);
const char *cidr_text(struct arena *a, struct cidr c);
/* First and last address of all, host part all zeros and all ones. */
struct address cidr_first(struct cidr c);
struct address cidr_last(struct cidr c);
/* First and last that an interface may have: IPv4 leaves out both ends unless /31 or /32, IPv6 the first unless
 * /127 or /128. */
struct address cidr_first_host(struct cidr c);
struct address cidr_last_host(struct cidr c);
bool cidr_contains(struct cidr c, struct address a);
bool cidr_overlap(struct cidr a, struct cidr b);
/* The distance of 'a' from the network's first address; INT64_MAX when it is greater. */
int64_t cidr_slot(struct cidr c, struct address a);

/* "fa:16:3e:00:00:01", six pairs of hex digits between colons, no group address, not all zero. */
bool mac_valid(const char *s);
/* The address that SLAAC gives to 'mac' in the /64 network 'c'. */
struct address address_of_mac(struct cidr c, const char *mac);
