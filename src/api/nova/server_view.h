/* server_view.h - writes servers. */
#pragma once
#include "api/core/route.h"
#include "api/nova/shown.h"

enum server_look { LOOK_LIST, LOOK_SHOW, LOOK_CHANGED, LOOK_REBUILT };
/* The whole object; LOOK_CHANGED is what PUT answers, LOOK_REBUILT what a rebuild does; both have less before 2.75. */
void nova_put_server(struct jwriter *w, const struct shown *shown, enum server_look look);
/* The same without the braces, for an object with more members. */
void nova_put_server_members(struct jwriter *w, const struct shown *shown, enum server_look look);
extern const struct field nova_server_brief_view[]; /* of a struct server */
/* {network: [address, ...], ...}; brief without the type and MAC. */
void nova_put_networks(struct jwriter *w, const struct nic *nics, size_t n, bool brief);
void nova_put_addresses(struct jwriter *w, const struct nic *nics, size_t n, const char *network_name, bool brief);
