/* nft_parts.h - pieces of the rule set, private to render/: how sets and maps are written. */
#pragma once
#include "agent/render/subject.h"
#include "agent/render/address.h"
#include "base/buf.h"

/* One family's share of the rule set under construction. */
struct rules {
    struct cx *cx;
    const struct net_plan *plan;
    int family;     /* 4, 6, or 0 for the bridge table */
    const char *ip; /* "ip", "ip6" */
    struct buf out;
};

/* Writes a set or map; elements are sorted and written once each, "key" or "key : value"; of elements with
 * the same key the first in order stays, since a key can stand only once. */
void nft_put_set(struct buf *out, const char *head, const char *type, const char *flags,
                 struct strs elements);
/* The same for a set whose keys no type names: 'expression' gives them. */
void nft_put_typeof(struct buf *out, const char *head, const char *expression, struct strs elements);
void nft_add(struct arena *a, struct strs *list, const char *fmt, ...) PRINTF(3, 4);

const char *nft_bridge_of_network(struct arena *a, const struct net_plan *plan, const char *network_id);

/* Anti-spoofing: the whole of "table bridge alamo". */
void nft_put_spoof(struct rules *r);
/* Chains of the groups and ports, and the maps that lead to them, into the table that is being written. */
void nft_put_groups(struct rules *r);
