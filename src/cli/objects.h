/* objects.h - as much of the API's objects as the commands look at, and how to find them. */
#pragma once
#include "cli/api.h"

struct api_ref {
    const char *id, *name;
};
struct api_image {
    const char *id, *name, *status, *login_user, *os_admin_user;
};
struct api_server {
    const char *id, *name, *status;
    const char *key_name, *host; /* of the server's list: NULL */
    struct api_fault {
        const char *message;
    } * fault;
    struct api_ref *image;
};
struct api_port {
    const char *id, *mac_address;
    struct list fixed_ips; /* struct api_fixed_ip */
};
struct api_fixed_ip {
    const char *ip_address;
};
struct api_floating {
    const char *id, *floating_ip_address, *port_id;
};
struct api_host {
    const char *hypervisor_hostname, *hypervisor_type, *state, *status;
    int64_t running_vms, hypervisor_version;
};

/* All servers, of all projects with 'all' (an administrator's). */
int api_servers(struct api *api, bool all, struct list *ret_servers /* struct api_server */) MUST_CHECK;
int api_server(struct api *api, const char *id, struct api_server *ret_server) MUST_CHECK;
/* The image of this name; '*ret_image' has id NULL when there is none. */
int api_image_by_name(struct api *api, const char *name, struct api_image *ret_image) MUST_CHECK;
int api_image_by_id(struct api *api, const char *id, struct api_image *ret_image) MUST_CHECK;
/* The port of the server and the floating IP that leads to it; their ids are NULL where there is none. */
int api_server_port(struct api *api, const char *server_id, struct api_ref *ret_port) MUST_CHECK;
int api_port_floating(struct api *api, const char *port_id, struct api_floating *ret_floating) MUST_CHECK;
/* The network that floating IPs are of; id NULL: there is none. */
int api_external_network(struct api *api, struct api_ref *ret_network) MUST_CHECK;
/* All there are, for an administrator. */
int api_ports(struct api *api, struct list *ret_ports /* struct api_port */) MUST_CHECK;
int api_floatings(struct api *api, struct list *ret_floatings /* struct api_floating */) MUST_CHECK;
int api_hosts(struct api *api, struct list *ret_hosts /* struct api_host */) MUST_CHECK;

/* For answers of one member: { "server": {...} } and lists. */
struct api_list {
    struct list items;
};
struct api_one_ref {
    struct api_ref *item;
};
extern const struct field api_ref_fields[];
