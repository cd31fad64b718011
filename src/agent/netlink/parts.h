/* parts.h - private to netlink/. */
#pragma once
#include "agent/driver.h"
#include "agent/netlink/links.h"
#include "agent/netlink/netlink.h"

/* ---- addresses.c: which addresses of the host are ours ----
 * A list in run_dir names each before it is added: the kernel forgets both at a reboot, and a crash leaves
 * nothing unnamed.  An address that was there already is somebody else's and is never removed. */
struct address {
    const char *link, *cidr;
    bool public; /* on the public NIC: announced when it is added */
    const char *floating_id;
};
/* Makes 'wanted' (struct address) the addresses of ours; one that can't be had becomes a fault of its
 * floating id. */
int addresses_apply(struct links *l, struct cx *cx, const char *run_dir, struct list wanted,
                    struct list *ret_faults) MUST_CHECK;

/* The list itself. */
int addresses_ours(struct cx *cx, const char *run_dir, struct list *ret_ours) MUST_CHECK;

/* ---- sysctl.c: settings of the kernel, with the values from before us kept in run_dir ---- */
int sysctl_apply(struct cx *cx, const char *run_dir, bool ipv6) MUST_CHECK;
int sysctl_restore(struct cx *cx, const char *run_dir) MUST_CHECK;

/* ---- dnsmasq.c ---- */
int dnsmasq_apply(struct cx *cx, const struct netlink_config *config, const struct net_plan *plan) MUST_CHECK;
int dnsmasq_stop(struct cx *cx, const struct netlink_config *config) MUST_CHECK;
/* Whether it runs, and the leases it gave. */
void dnsmasq_see(struct cx *cx, const struct netlink_config *config, struct net_seen *ret_seen);
