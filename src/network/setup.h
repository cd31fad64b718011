/* setup.h - the two networks that every installation has, and the ranges of floating addresses.
 *
 * "private" is flat and shared: guests get addresses of the hosts' own network 'fixed_cidr', whose first address each
 * host holds itself as gateway, DHCP and DNS server.  "public" is external: its subnets are the floating ranges. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct network_setup {
    const char *fixed_cidr;    /* "172.31.0.0/24" */
    const char *floating_cidr; /* "198.51.100.0/26", or NULL: no range yet */
    const char *public_cidr;   /* of the host's NIC, or NULL; the fixed network must not overlap it */
    const char *public_gateway;/* the router outside, shown as the floating ranges' gateway; or NULL */
    struct strs dns;           /* for guests; empty: the host itself */
    const char *project_id;    /* the administrator's: owns both */
};
/* Makes what is missing; what is there is left as it is.  Errors: INVALID (naming the CIDR). */
int network_setup(struct cx *cx, const struct network_setup *setup) MUST_CHECK;

struct floating_range {
    const char *subnet_id, *cidr;
    int64_t used; /* addresses */
};
/* Adds a range, without its first and last address; one that is there already changes nothing.
 * Errors: INVALID (no IPv4 CIDR), CONFLICT (overlaps another network of the installation). */
int network_floating_range_add(struct cx *cx, const char *cidr, const char *gateway) MUST_CHECK;
int network_floating_range_list(struct cx *cx, struct list *ret_ranges) MUST_CHECK;
/* Errors: NOT_FOUND, CONFLICT (addresses of it are in use). */
int network_floating_range_remove(struct cx *cx, const char *cidr) MUST_CHECK;
