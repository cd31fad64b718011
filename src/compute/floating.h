/* floating.h - floating addresses as Compute's older calls know them: by address and server, not by id and port. */
#pragma once
#include "compute/server.h"
#include "network/floating.h"

/* Those of the caller's project, with their ports. */
int compute_floating_list(struct cx *cx, struct list *ret_floatings) MUST_CHECK;
/* Takes one of the external network called (by name or id) 'pool'; NULL: of the default one, else the first.
 * Errors: NOT_FOUND (no such pool, none left in it), QUOTA. */
int compute_floating_add(struct cx *cx, const char *pool, struct floating *ret_floating) MUST_CHECK;
/* The external networks (struct network). */
int compute_floating_pools(struct cx *cx, struct list *ret_networks) MUST_CHECK;
/* The name of the network that 'floating' is of; 'networks' are those of compute_floating_pools(). */
const char *compute_floating_pool(struct list networks, const struct floating *floating);

/* Points the project's address to the server's fixed address; NULL: the first IPv4 one.  It leaves whoever has it.
 * Errors: NOT_FOUND (no such floating address), INVALID (the server has no such fixed address, it has a floating one). */
int server_floating_add(struct cx *cx, const struct server *server, const char *address, const char *fixed_address) MUST_CHECK;
/* Errors: NOT_FOUND (no such floating address), CONFLICT (it is not the server's). */
int server_floating_remove(struct cx *cx, const struct server *server, const char *address) MUST_CHECK;
