/* links.h - bridges, taps and addresses by netlink; idempotent.  The only file with libnl's headers is
 * links.c. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

/* What we make carries this alias: what has none is not ours and is left alone. */
extern const char links_alias[];

struct links; /* a netlink socket; one thread at a time */

struct links *links_new(struct cx *cx);
void links_free(struct links *l); /* NULL is fine */

struct link_seen {
    const char *name;
    bool bridge, up;
    bool carrier; /* of a tap that is up: some process has it open */
    const char *alias, *master;
    int64_t mtu;
};
int links_list(struct links *l, struct cx *cx, struct list *ret_links /* struct link_seen */) MUST_CHECK;
struct address_seen {
    const char *link, *cidr;
};
int links_addresses(struct links *l, struct cx *cx,
                    struct list *ret_addresses /* struct address_seen */) MUST_CHECK;

/* A bridge of ours that is up, shows its packets to the IP rules, and learns nothing from spanning trees. */
int links_have_bridge(struct links *l, struct cx *cx, const char *name, int64_t mtu) MUST_CHECK;
/* A persistent tap on the bridge, up. */
int links_have_tap(struct links *l, struct cx *cx, const char *name, const char *bridge,
                   int64_t mtu) MUST_CHECK;
/* Takes a tap off its bridge, so that nothing passes any more although a guest may still have it open. */
int links_silence(struct links *l, struct cx *cx, const char *name) MUST_CHECK;
/* Some process has the tap open.  A tap that is down shows no carrier, so this tries to open it: for taps
 * only that no guest is about to be given. */
bool links_is_held(const char *tap);
int links_remove(struct links *l, struct cx *cx, const char *name) MUST_CHECK;
/* 'cidr' ("10.0.0.1/24") is an address of the link; returns 1 when it was added just now. */
int links_have_address(struct links *l, struct cx *cx, const char *link, const char *cidr) MUST_CHECK;
int links_drop_address(struct links *l, struct cx *cx, const char *link, const char *cidr) MUST_CHECK;
/* The device of the default route of family 4 or 6, or NULL. */
const char *links_default(struct links *l, struct cx *cx, int family);
/* A route or address of the host, other than on 'bridge', that lies over the range; NULL when there is none.
 */
const char *links_overlap(struct links *l, struct cx *cx, const char *cidr, const char *bridge);
/* Says on the wire that 'address' is here now, so that others forget where it was. */
int links_announce(struct links *l, struct cx *cx, const char *link, const char *address) MUST_CHECK;
