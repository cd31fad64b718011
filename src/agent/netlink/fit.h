/* fit.h - which networks of a plan a host can have at once.  Pure: what the host has is told.
 *
 * A host has one table of routes, so ranges must not lie over each other nor over what the host itself talks to.  A
 * tenant chooses ids of networks by making many, so ids must not decide who stays: the flat network does, then those
 * that stand. */
#pragma once
#include "wire/plan.h"

struct fit_network {
    const struct wire_network *network;
    bool stands;               /* its bridge is there */
    const char *route;         /* a route of the host's that it lies over, or NULL */
    bool default4, default6;   /* the host has a default route */
    const char *ret_text;      /* set: why it can't be had, or NULL */
};
/* Sets 'ret_text' of each. */
void fit_networks(struct cx *cx, struct fit_network *all, size_t n);
