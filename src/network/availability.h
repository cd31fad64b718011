/* availability.h - how many addresses networks have, and how many of them are in use. */
#pragma once
#include "network/standard.h"

struct subnet_availability {
    const char *subnet_id, *subnet_name, *cidr;
    int ip_version;
    unsigned __int128 total_n; /* in its allocation pools */
    int64_t used_n;            /* also outside of them: a router's leg on the gateway's address counts */
};
struct availability {
    const char *network_id, *network_name, *project_id;
    unsigned __int128 total_n;
    int64_t used_n;
    struct list subnets; /* struct subnet_availability */
};

/* Sets '*ret_list' to the availability of the networks that 'q' selects (columns of network_table); with 'ip_version' (not
 * 0) only subnets of that version count. */
int availability_list(struct cx *cx, const struct query *q, int ip_version, struct list *ret_list) MUST_CHECK;
/* Errors: NOT_FOUND. */
int availability_get(struct cx *cx, const char *network_id, struct availability *ret_availability) MUST_CHECK;
