/* create.h - makes servers: all of a call in one transaction, or none. */
#pragma once
#include "compute/server.h"
#include "network/attach.h"

struct server_create {
    const char *name, *hostname, *description; /* hostname NULL: made of the name */
    const char *image_id, *flavor_id;
    const char *key_name, *user_data;          /* NULL: none */
    bool config_drive;
    struct strmap metadata;
    struct strs tags;
    const char *az;                            /* "zone", or for admins "zone:host"; NULL: any */
    const char *host_name;                     /* admins: only there; NULL: any */
    enum nic_mode nic_mode;
    struct list nics;                          /* struct nic_request */
    struct strs groups;                        /* security groups */
    int64_t min_count, max_count;              /* as many as the quota allows between the two */
    const char *disk_config;                   /* "AUTO", "MANUAL"; NULL: "AUTO" */
    const char *access_ip_v4, *access_ip_v6;   /* NULL: none */
    struct strs same_host, different_host;     /* scheduler hints: server ids */
    const char *group_id;                      /* server group, or NULL */
};
/* Sets '*ret_servers' to the new servers.  One that fits on no host is made in ERROR with that fault, as clients expect.
 * Errors: INVALID (anything named is not there or does not go together), CONFLICT (ports, several networks), QUOTA,
 * FORBIDDEN (a host asked for by name, without being an admin). */
int server_create(struct cx *cx, const struct server_create *in, struct list *ret_servers) MUST_CHECK;
/* The name as a host name: letters, digits and '-', 63 at most; "server-<id>" when nothing is left of it. */
const char *server_hostname_of(struct cx *cx, const char *name, const char *id);
