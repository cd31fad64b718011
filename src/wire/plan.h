/* plan.h - what the controller wants of a host, and what the host says: typed values, nothing else.
 *
 * A host's plan is a set of documents.  The controller renders them from rows (plan/, pure); the agent makes the host
 * match them (agent/reconcile, pure) and turns them into libvirt XML, nft rules and dnsmasq text itself
 * (agent/render, pure), so that no text of a tenant's ever configures anything.  A document's version is a hash of
 * its content: a change can't be forgotten, and only what differs is sent.  What is not in the plan is not wanted:
 * the agent removes whatever of ours has no document.
 *
 * Levels (existence, power, boot_n, ports) are matched for ever; tasks are done once and their result kept until the
 * plan omits them. */
#pragma once
#include "base/field.h"
#include "base/cx.h"

/* ---- documents ---- */

enum { WIRE_VERSION = 1 };

struct wire_port {
    const char *id;         /* UUID; the tap is named "tap" + its first 11 characters */
    int64_t mark;           /* 1..2^31-1, unique on the host: identifies the caller of the metadata service */
    const char *mac;
    const char *network_id;
    struct strs ips;        /* fixed addresses, IPv4 and IPv6 */
    struct strs groups;     /* ids of 'group' documents; all empty and secured: nothing comes in */
    bool secured;           /* port_security_enabled: anti-spoofing and groups apply */
    struct list pairs;      /* struct wire_pair: allowed address pairs */
};
struct wire_pair {
    const char *mac, *ip; /* ip: address or CIDR */
};
struct wire_image { /* a file of the image store; the agent finds it by id */
    const char *id;
    const char *format; /* raw, qcow2, iso; aki, ari, ami are raw */
    int64_t size_bytes;
    const char *sha512;
};
struct wire_task {
    const char *id;
    const char *kind;     /* "snapshot" */
    const char *image_id; /* the product */
    int64_t deadline_us;
};
struct wire_metadata { /* what the guest may read about itself */
    const char *hostname, *name, *availability_zone, *instance_type, *reservation_id, *ami_id;
    int64_t launch_index;
    struct strmap meta;
    struct strmap keys;       /* name -> public key */
    const char *user_data;    /* base64 or NULL */
    const char *login_user;   /* the OpenStack user's name when it is a valid login, or NULL */
    const char *public_ipv4;  /* floating address or NULL */
    struct strs group_names;
    const char *project_id;
};
/* kind "guest", id = server's */
struct wire_guest {
    const char *id;
    int64_t gen;         /* raised by the controller with every change of what is wanted; reports name it */
    const char *power;   /* "on", "off", "paused", "suspended" */
    bool stop_hard;      /* power "off": pull the plug instead of asking first */
    int64_t boot_n;      /* reboot counter: the guest is rebooted until its own counter is this */
    bool boot_hard;
    int64_t place_epoch; /* fence: raised when the server is placed anew */
    int64_t disk_n;      /* rebuild counter: disks made for a lower one are replaced by new ones of 'image' */
    int64_t vcpus, ram_mib, root_gib, ephemeral_gib, swap_mib; /* root 0: the image's own size */
    struct wire_image *image, *kernel, *ramdisk;
    const char *kernel_args;
    bool config_drive;
    struct list ports;  /* struct wire_port, in order of NICs */
    struct list tasks;  /* struct wire_task */
    struct wire_metadata *metadata;
    int64_t deadline_us; /* of the current transition; 0: none */
};
struct wire_lease {
    const char *mac, *ip, *hostname, *port_id;
};
struct wire_route {
    const char *destination, *nexthop;
};
struct wire_subnet {
    const char *id, *cidr, *gateway; /* gateway NULL: none */
    int ip_version;
    bool dhcp;
    const char *dhcp_ip;      /* the host's own address for DHCP and DNS in this subnet, or NULL */
    struct strs dns;          /* empty: the host's */
    struct list routes;       /* struct wire_route */
    struct list leases;       /* struct wire_lease */
    const char *ipv6_mode;    /* "slaac", "dhcpv6-stateful", "dhcpv6-stateless" or NULL */
    bool gateway_here;        /* the host itself holds the gateway address: flat network, or a router's interface */
};
/* kind "network" */
struct wire_network {
    const char *id;
    bool flat;           /* the shared flat network: bridge named by the host's settings, masquerade to outside */
    bool isolated;       /* only hosts of the same network, or of a common router, talk to it */
    int64_t mtu;         /* 0: the public NIC's */
    const char *domain;  /* DNS domain for its names, or NULL */
    struct list subnets; /* struct wire_subnet */
};
struct wire_rule {
    const char *direction;    /* "ingress", "egress" */
    const char *ethertype;    /* "IPv4", "IPv6" */
    const char *protocol;     /* NULL: any; name or number as text */
    int64_t port_min, port_max; /* -1: any; for ICMP type and code */
    const char *remote_cidr;  /* or NULL */
    const char *remote_group; /* id, or NULL */
};
/* kind "group" */
struct wire_group {
    const char *id;
    bool stateful;
    struct list rules;   /* struct wire_rule */
    struct strs members; /* addresses of the ports in it */
};
struct wire_router_leg {
    const char *network_id, *subnet_id, *ip, *cidr;
};
/* kind "router" */
struct wire_router {
    const char *id;
    bool up;
    const char *external_ip; /* on the public NIC, or NULL */
    bool snat;
    struct list legs;   /* struct wire_router_leg */
    struct list routes; /* struct wire_route */
};
/* kind "floating" */
struct wire_floating {
    const char *id, *floating_ip, *fixed_ip, *port_id;
};

/* One document as the agent holds it. */
struct wire_doc {
    const char *kind, *id, *version;
    void *value; /* struct wire_guest *, wire_network *, ... by kind */
};

/* ---- reports ---- */

struct wire_guest_report {
    const char *id;
    int64_t gen;          /* of the document that this is about */
    const char *phase;    /* "building", "ready" (matches the document), "failed" (it never will), "gone" */
    const char *power;    /* seen: "on", "off", "paused", "suspended", "absent" */
    int64_t boot_n;       /* reached */
    const char *off_cause; /* when off though wanted on: "guest" (shut down inside), "crash", "host" */
    const char *fault;    /* cause and next step, or NULL */
    const char *step;     /* name of the step that is being done or failed */
};
struct wire_task_report {
    const char *id, *guest_id;
    bool done;
    int64_t size_bytes;
    const char *fault; /* done, but failed: why */
};
struct wire_floating_report {
    const char *id;
    bool up;
    const char *fault;
};
struct wire_event { /* what the agent did, for the server's history */
    const char *guest_id, *name;
    int64_t start_us, finish_us;
    const char *result; /* "Success" or "Error" */
    const char *text;
};
struct wire_have {
    const char *kind, *id, *version;
};
/* What the agent sends: POST /agent/v1/sync. */
struct wire_sync {
    int version;
    const char *host_name, *boot_id;
    int64_t cpus, ram_mib, disk_gib, ram_used_mib, disk_used_gib, running;
    const char *hypervisor, *hypervisor_version, *cpu_model, *arch, *public_ip;
    int64_t hypervisor_version_n; /* as libvirt counts: 7002000 */
    const char *uptime;           /* one line, as uptime(1) prints it */
    struct list have;      /* struct wire_have */
    struct list guests;    /* struct wire_guest_report */
    struct list tasks;     /* struct wire_task_report */
    struct list floatings; /* struct wire_floating_report */
    struct list events;    /* struct wire_event */
    bool wait;             /* hold the answer until something differs */
};
/* Somebody wants to see a guest's screen: the host calls back, GET /agent/v1/relay/{ticket}, changes the protocol, and
 * carries bytes between that connection and the guest's VNC socket. */
struct wire_relay {
    const char *ticket, *guest_id;
};
#define WIRE_RELAY_PROTOCOL "alamo-relay"
/* What the controller answers: the documents that differ, and the names of those that are gone. */
struct wire_answer {
    struct list guests, networks, groups, routers, floatings; /* struct wire_guest, ... */
    struct list versions;                                     /* struct wire_have of each document sent */
    struct list gone;                                         /* struct wire_have */
    struct list relays;                                       /* struct wire_relay */
};

/* Tables of the messages above, for json/: encode with json_write, decode with json_read. */
extern const struct field wire_sync_fields[], wire_answer_fields[];
extern const struct field wire_guest_fields[], wire_network_fields[], wire_group_fields[], wire_router_fields[],
    wire_floating_fields[];

/* The tap of a port: "tap" and the first 11 characters of its id; 'ret_name' has room for 16. */
void wire_tap_name(const char *port_id, char ret_name[16]);
/* The bridge of a network that is not flat: "brq" and the first 11 characters of its id. */
void wire_bridge_name(const char *network_id, char ret_name[16]);
