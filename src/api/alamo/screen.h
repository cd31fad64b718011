/* screen.h - servers' screens in a browser: noVNC's own pages, and the WebSocket that they open.
 *
 *   GET /vnc?token=T    the WebSocket; T is a console ticket (compute/console.h), which is used up
 *   GET /novnc/{path}   the files of Debian's package novnc */
#pragma once
#include "api/core/route.h"

/* What the program gives to the face: it knows the way to the hosts. */
struct screens {
    void *self;
    /* Shows the screen of a server on the WebSocket 'fd' until either side ends, as http_reply_upgrade()
     * hands it over. */
    void (*show)(void *self, const char *host_name, const char *server_id, int fd, const void *extra,
                 size_t n_extra);
    const char *novnc_dir; /* NULL: where the package has its files */
};

extern const struct face screen_face, novnc_face;
