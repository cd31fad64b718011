/* rebuild.h - a server's disks made anew of an image; what it is called, its addresses and its size stay. */
#pragma once
#include "compute/server.h"

struct server_rebuild {
    const char *image_id;
    const char *name, *description, *disk_config; /* NULL: as it is */
    const char *access_ip_v4, *access_ip_v6;                 /* NULL: as it is */
    bool has_description, has_metadata, has_key, has_user_data; /* given, be it to take it away */
    struct strmap metadata;
    const char *key_name, *user_data;                        /* NULL with has_...: none */
};
/* Wants new disks of the server's host.  A server that was off ends so; any other one runs.
 * Errors: INVALID (the image or the key is not there or does not fit), QUOTA (metadata_items), CONFLICT (locked; the state
 * does not allow it; it was never built). */
int server_rebuild(struct cx *cx, struct server *server, const struct server_rebuild *in) MUST_CHECK;
