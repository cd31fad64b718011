/* render.h - typed values to text: libvirt XML, nft rules, dnsmasq files, metadata.  Pure functions.
 *
 * What came from a tenant is parsed and printed again (addresses, MACs, numbers, UUIDs), reduced to a closed
 * set of characters (host names), or escaped (XML, JSON); nothing of it is ever copied into a configuration
 * as it is. */
#pragma once
#include "agent/render/subject.h"

/* ---- guests ---- */

struct domain_traits { /* of the host */
    bool kvm, io_uring;
    struct guest_user user;
};
/* "alamo-" and the guest's id. */
const char *render_domain_name(struct arena *a, const char *guest_id);
/* The domain's whole XML.  Errors: INVALID for values that are out of range. */
int render_domain(struct cx *cx, const struct wire_guest *guest, const struct guest_files *files,
                  const struct domain_traits *traits, const char **ret_xml) MUST_CHECK;
/* One NIC, as it stands in the domain's XML: for hot plugging. */
int render_interface(struct cx *cx, const struct wire_port *port, const char **ret_xml) MUST_CHECK;
/* The snapshot that moves a running guest's root disk to its overlay; its other disks stay as they are. */
const char *render_snapshot(struct arena *a, const struct guest_files *files);

/* ---- networks ---- */

/* The bridge of a network: the host's own for the flat one. */
const char *render_bridge_of(struct arena *a, const struct net_settings *s, const struct wire_network *n);
/* All our tables as one transaction that replaces them. */
int render_nft(struct cx *cx, const struct net_plan *plan, const char **ret_text) MUST_CHECK;
/* The transaction that removes them. */
extern const char render_nft_teardown[];

struct dnsmasq_files {
    const char *hosts, *names, *options, *leases, *pid; /* paths */
};
struct dnsmasq_texts {
    const char *conf;  /* a change needs a restart */
    const char *hosts; /* dhcp-hostsfile; a change needs SIGHUP, as do names and options */
    const char *names;
    const char *options;
};
/* 'ret_texts->conf' is NULL when no network wants DHCP. */
int render_dnsmasq(struct cx *cx, const struct net_plan *plan, const struct dnsmasq_files *files,
                   struct dnsmasq_texts *ret_texts) MUST_CHECK;

/* ---- metadata ---- */

struct metadata_of { /* a guest and how its ports stand */
    const struct wire_guest *guest;
    const struct net_plan *plan;
};
/* The answer to a path such as "/latest/meta-data/hostname"; NULL: there is none.  '*ret_type' is its media
 * type;
 * '*ret_n' its length (user data may be any bytes). */
const char *render_metadata(struct cx *cx, const struct metadata_of *of, const char *path,
                            const char **ret_type, size_t *ret_n);
/* The files of the config drive. */
struct drive render_drive(struct cx *cx, const struct metadata_of *of);
/* EC2's name of a server: "i-" and the first 8 characters of its id. */
const char *render_instance_id(struct arena *a, const char *guest_id);
/* "HOSTNAME.DOMAIN" where the guest's network has a domain. */
const char *render_fqdn(struct cx *cx, const struct metadata_of *of);
