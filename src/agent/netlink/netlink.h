/* netlink.h - the host's network for real: links and addresses by netlink, rules by one nft transaction, one
 * dnsmasq. */
#pragma once
#include "agent/driver.h"

struct netlink_config {
    const char
        *run_dir; /* what lives until the host reboots: our addresses, saved settings, dnsmasq's files */
    const char *state_dir; /* leases */
};
/* Fills 'ret_network'; the strings must live as long. */
int netlink_new(struct cx *cx, const struct netlink_config *config, struct network *ret_network) MUST_CHECK;
/* The public NIC's name when none is set, its MTU and its first IPv4 address; NULL and 0 when there is none.
 */
int netlink_public(struct cx *cx, const char **nic, int64_t *ret_mtu, const char **ret_ip) MUST_CHECK;
