/* plan_nics.h - the network's side of a host's plan: NICs of guests, and the documents of networks, groups, routers and
 * floating addresses, all made of one struct host_view. */
#pragma once
#include "network/plan_rows.h"
#include "plan/plan.h"

/* A view, and its rows in the other orders in which they are looked up. */
struct plan_nics {
    struct host_view view;
    struct list ports_by_id;         /* struct hv_port */
    struct list floatings_by_server; /* struct hv_floating, then by id */
};

/* Makes these orders. */
void plan_nics_index(struct cx *cx, struct plan_nics *nics);

/* The NICs of a server: struct wire_port, in order. */
struct list plan_nics_ports(struct cx *cx, const struct plan_nics *nics, const char *server_id);
/* Its first floating address, or NULL. */
const char *plan_nics_public_ip(const struct plan_nics *nics, const char *server_id);
/* The names of its security groups, each once. */
struct strs plan_nics_group_names(struct cx *cx, const struct plan_nics *nics, const char *server_id);
/* Fills the lists of '*input' but the guests. */
void plan_nics_documents(struct cx *cx, const struct plan_nics *nics, struct plan_input *input);
