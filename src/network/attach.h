/* attach.h - what a server needs of the network: its NICs.
 *
 * Compute calls these inside its own transactions; they see rows and no host.  A NIC is a port whose device is the
 * server; its floating addresses come with it. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct nic_request {
    const char *network_id, *port_id, *fixed_ip, *tag; /* network or port; the others may be NULL */
};
enum nic_mode {
    NIC_AUTO, /* the project's one network, or the shared flat one */
    NIC_NONE,
    NIC_LIST,
};
struct nic_ip {
    const char *ip, *subnet_id;
    int version;             /* 4 or 6 */
    const char *floating_ip; /* NULL: none */
};
struct nic {
    int64_t server_n;     /* which of the servers asked for */
    const char *server_id, *port_id, *mac, *network_id, *network_name, *tag;
    struct list ips;      /* struct nic_ip */
    bool made_for_server; /* the port dies with the server */
    const char *status;   /* "ACTIVE", "DOWN" */
};
struct nic_group {
    int64_t server_n;
    const char *name;
};

/* Makes or takes the ports of a new server and sets '*ret_nics' (struct nic) in order.  'groups' are names or ids of
 * security groups; none means the project's default group; ports that are given keep their own.
 * Errors: NOT_FOUND (network, port, group), CONFLICT (port in use, address in use or none left, several networks),
 * INVALID (an address outside the network, a network without subnets), FORBIDDEN (external network), QUOTA. */
int network_attach(struct cx *cx, const char *project_id, const char *server_id, enum nic_mode mode,
                   struct list requests /* struct nic_request */, struct strs groups, struct list *ret_nics) MUST_CHECK;
/* One more NIC for a server that is placed on 'host_id' (NULL: not yet).  Errors: as above. */
int network_attach_one(struct cx *cx, const char *project_id, const char *server_id, const char *host_id,
                       const struct nic_request *request, struct nic *ret_nic) MUST_CHECK;
/* Deletes the port if it was made for the server, frees it otherwise.  Errors: NOT_FOUND (no NIC of that server). */
int network_detach(struct cx *cx, const char *server_id, const char *port_id) MUST_CHECK;
/* The same for all; floating addresses are kept by their owners, but point nowhere. */
int network_detach_all(struct cx *cx, const char *server_id) MUST_CHECK;
/* The server's ports belong to host 'host_id' from now on; NULL: to none. */
int network_bind(struct cx *cx, const char *server_id, const char *host_id) MUST_CHECK;
/* The server's ports are up, or down. */
int network_set_active(struct cx *cx, const char *server_id, bool active) MUST_CHECK;
/* All NICs of these servers, in the order of the servers and by position; one query. */
int network_nics(struct cx *cx, struct strs server_ids, struct list *ret_nics) MUST_CHECK;
/* The security groups of these NICs (struct nic_group); one query.  A server may have one of them, or two of the same
 * name, more than once. */
int network_nic_groups(struct cx *cx, struct list nics, struct list *ret_groups) MUST_CHECK;
