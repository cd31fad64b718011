/* subject.h - what is rendered, beside the documents themselves. */
#pragma once
#include <sys/types.h>

#include "wire/plan.h"

/* Whom a guest's QEMU runs as. */
struct guest_user {
    uid_t uid;
    gid_t gid;
};

/* Where a guest's files are; NULL: it has no such file. */
struct guest_files {
    const char *dir, *root;
    const char *base, *base_format; /* what 'root' is based on: "raw" or "qcow2" */
    const char *ephemeral, *swap, *config_drive, *kernel, *ramdisk, *overlay, *console, *vnc;
};

/* What a guest may read about itself, as files: for the config drive. */
struct drive_file {
    const char *path, *data; /* "openstack/latest/meta_data.json" */
    size_t n;
};
struct drive {
    struct drive_file *files;
    size_t n;
};

struct net_settings {
    const char *public_nic, *bridge; /* of the flat network */
    int64_t public_mtu;
    int metadata_port, api_port;
    struct strs dmz; /* CIDRs that see guests' own addresses */
    struct strs dns; /* the host's name servers; empty: /etc/resolv.conf */
};
struct net_port {
    const struct wire_port *port;
    const char *guest_id;
};
/* All that is wanted of the host's network, of one moment. */
struct net_plan {
    const struct net_settings *settings;
    struct list ports; /* struct net_port */
    const struct wire_network *const *networks;
    const struct wire_group *const *groups;
    const struct wire_router *const *routers;
    const struct wire_floating *const *floatings;
    size_t n_networks, n_groups, n_routers, n_floatings;
};
