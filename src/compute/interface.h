/* interface.h - NICs of servers that exist already: plugged in and out while they run. */
#pragma once
#include "compute/server.h"
#include "network/attach.h"

/* Errors: CONFLICT (the state does not allow it; locked) and those of network_attach_one(); what is named there and is
 * not found is INVALID. */
int interface_add(struct cx *cx, struct server *server, const struct nic_request *request, struct nic *ret_nic) MUST_CHECK;
/* Errors: NOT_FOUND, CONFLICT. */
int interface_remove(struct cx *cx, struct server *server, const char *port_id) MUST_CHECK;
