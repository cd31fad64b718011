/* resize.h - a server on its host with another flavor, tried before it is kept.
 *
 * The guest is shut down, its disks grow, it starts with the new size; then it is 'resized' until the tenant confirms or
 * reverts.  Disks never shrink: after a revert the guest keeps what it has written, on a disk that may be larger than its
 * flavor says.  Quota and the host's claim are always those of the flavor that the row names. */
#pragma once
#include "compute/server.h"

/* 'disk_config' NULL: as it is.  Errors: INVALID (no such flavor, the same one, smaller disks, no room on the host), QUOTA,
 * CONFLICT (locked; the state does not allow it). */
int server_resize(struct cx *cx, struct server *server, const char *flavor_id, const char *disk_config) MUST_CHECK;
/* The new size stays; the host has nothing to do.  Errors: CONFLICT. */
int server_resize_confirm(struct cx *cx, struct server *server) MUST_CHECK;
/* Back to the old size, by another shutdown and start.  Errors: CONFLICT (the state does not allow it; the host has no room
 * for the old size any more), QUOTA. */
int server_resize_revert(struct cx *cx, struct server *server) MUST_CHECK;

/* ---- for power.c ---- */

/* The transition under way is a resize, whose end is 'resized'. */
bool server_is_resizing(const struct server *server);
/* It failed: the row has the old size again.  Nothing when no resize is under way. */
int server_resize_undo(struct cx *cx, struct server *server) MUST_CHECK;
/* Nothing can be reverted any more. */
int server_resize_forget(struct cx *cx, const struct server *server) MUST_CHECK;
