/* driver.h - the three things that a host agent drives, as tables of functions: guests, networks, disks.
 *
 * Every call may be repeated: it makes something so, and finds it so already.  It returns 0 when that holds,
 * 1 when it is under way (ask again in a moment), or a negative errno with the text in cx: cause and, where
 * there is one, next step.  UNAVAILABLE and BUSY may pass (a daemon is down): the caller tries again until
 * its deadline; other kinds won't. Calls for different guests come from several threads at once, calls for
 * one guest never do. */
#pragma once
#include "agent/render/subject.h"
#include "base/cx.h"

/* ---- guests ---- */

enum guest_power { GUEST_ABSENT, GUEST_OFF, GUEST_ON, GUEST_PAUSED, GUEST_SUSPENDED, GUEST_POWER_N };
/* "absent", "off", "on", "paused", "suspended" */
extern const char *const guest_power_names[GUEST_POWER_N];

struct guest_seen {
    enum guest_power power; /* SUSPENDED: off with its memory saved */
    bool crashed;           /* off because QEMU died, not by the guest's or our wish */
    struct strs taps;       /* of the running guest */
    bool on_overlay;        /* by its definition it writes into a snapshot's overlay */
    bool disks;             /* all its files are there */
    bool overlay_left;      /* the overlay's file is there */
    bool files;             /* something of it is on disk */
    bool small;             /* a disk is smaller than wanted, or one that came with a new size is missing */
};

struct hypervisor_facts {
    const char *name, *version; /* "QEMU", "7.2.22" */
    int64_t version_n;          /* as libvirt counts: 7002022 */
    bool kvm;                   /* guests run under KVM; else they are translated */
};

struct hypervisor {
    void *self;
    void (*free)(void *self);
    int (*facts)(void *self, struct cx *cx, struct hypervisor_facts *ret_facts);
    /* Fills power, crashed, taps and on_overlay. */
    int (*see)(void *self, struct cx *cx, const char *guest_id, struct guest_seen *ret_seen);
    /* Ids of all guests of ours that the hypervisor knows. */
    int (*list)(void *self, struct cx *cx, struct strs *ret_ids);
    /* Makes the guest known as 'guest' wants it and starts it, from saved memory if there is any.  Its taps
     * and files are there.  A failure leaves it not running. */
    int (*start)(void *self, struct cx *cx, const struct wire_guest *guest, const struct guest_files *files);
    int (*ask_off)(void *self, struct cx *cx,
                   const char *guest_id); /* presses the power button; returns at once */
    int (*stop)(void *self, struct cx *cx, const char *guest_id); /* pulls the plug */
    int (*pause)(void *self, struct cx *cx, const char *guest_id);
    int (*resume)(void *self, struct cx *cx, const char *guest_id);
    int (*save)(void *self, struct cx *cx, const char *guest_id);      /* memory to disk, then off */
    int (*drop_save)(void *self, struct cx *cx, const char *guest_id); /* forgets saved memory */
    int (*forget)(void *self, struct cx *cx, const char *guest_id);    /* of a guest that is off */
    int (*attach)(void *self, struct cx *cx, const char *guest_id, const struct wire_port *port);
    int (*detach)(void *self, struct cx *cx, const char *guest_id, const char *tap);
    /* From now on a running guest writes into files->overlay, which is there and empty, so that files->root keeps
     * still. */
    int (*freeze)(void *self, struct cx *cx, const char *guest_id, const struct guest_files *files);
    /* Brings the overlay's writes back into files->root, of which the guest then is; the overlay's file is
     * left. */
    int (*merge)(void *self, struct cx *cx, const char *guest_id, const struct guest_files *files);
};

/* ---- disks ---- */

struct storage {
    void *self;
    void (*free)(void *self);
    /* Fills disks, overlay_left, files and small. */
    int (*see)(void *self, struct cx *cx, const struct wire_guest *guest, const char *guest_id,
               struct guest_seen *ret_seen);
    int (*list)(void *self, struct cx *cx, struct strs *ret_ids); /* of all guests with files */
    /* Where the files of 'guest' are; with guest NULL those that any guest may have. */
    struct guest_files (*files)(void *self, struct cx *cx, const struct wire_guest *guest,
                                const char *guest_id);
    /* All disks of the guest are there, the images behind them too; an existing disk is never touched. */
    int (*make)(void *self, struct cx *cx, const struct wire_guest *guest, struct drive drive);
    /* Of a guest that is off: its disks are as large as wanted; none shrinks. */
    int (*grow)(void *self, struct cx *cx, const struct wire_guest *guest);
    int (*remove)(void *self, struct cx *cx, const char *guest_id);
    /* An empty overlay over the root disk, for a guest that is not on one. */
    int (*make_overlay)(void *self, struct cx *cx, const char *guest_id);
    /* The frozen or unused root disk becomes a qcow2 of its own; '*ret_path' is the finished file. */
    int (*copy)(void *self, struct cx *cx, const char *guest_id, const char *image_id, const char **ret_path,
                int64_t *ret_size_bytes);
    int (*drop_copy)(void *self, struct cx *cx, const char *image_id);
    /* Removes all copies but those of 'wanted'. */
    int (*sweep_copies)(void *self, struct cx *cx, struct strs wanted_image_ids);
    /* May remove what is kept of images other than the 'wanted' ones, as far as no disk is based on it. */
    int (*sweep_images)(void *self, struct cx *cx, struct strs wanted_image_ids);
    /* Of a guest that is off: brings an overlay that a crash has left back into the root disk. */
    int (*merge)(void *self, struct cx *cx, const char *guest_id);
    /* Removes an overlay's file that nothing writes into any more. */
    int (*drop_overlay)(void *self, struct cx *cx, const char *guest_id);
};

/* ---- networks ---- */

struct net_fault {
    const char *id,
        *text; /* of a network or floating address that can't be had; the rest of the plan stands */
};

/* What there is of ours. */
struct net_link_seen {
    const char *name, *kind, *master; /* kind: "bridge", "tap" */
    bool up, in_use;                  /* in_use: of a tap: a guest has it open */
};
struct net_address_seen {
    const char *link, *cidr;
};
struct net_lease_seen {
    const char *mac, *ip;
};
struct net_seen {
    struct list links, addresses, leases;
    bool dhcp_running;
    const char *rules_bridge, *rules_ip, *rules_ip6; /* nft's own JSON of our tables, or NULL */
};

struct network {
    void *self;
    void (*free)(void *self);
    /* Makes the host's network match the plan; '*ret_faults' are struct net_fault.  1: something that is not
     * wanted any more is still in use by a guest. */
    int (*apply)(void *self, struct cx *cx, const struct net_plan *plan, struct list *ret_faults);
    int (*see)(void *self, struct cx *cx, struct net_seen *ret_seen);
    /* Takes everything of ours away and puts the host's settings back. */
    int (*teardown)(void *self, struct cx *cx, const struct net_settings *settings);
};

struct drivers {
    struct hypervisor hypervisor;
    struct storage storage;
    struct network network;
};
