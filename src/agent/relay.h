/* relay.h - carries a guest's screen to the controller: its VNC socket here, a browser there.
 *
 * The controller says with a sync answer who is waited for (struct wire_relay); the host dials, never the
 * controller. */
#pragma once
#include "http/client.h"

enum { RELAY_MAX = 16 };

struct relay_config {
    const char *controller_url;    /* "https://192.0.2.2:8444" */
    struct http_client_config tls; /* the agent's own */
};

/* Starts a thread that calls the controller back with 'ticket' and carries bytes between it and the guest's
 * VNC socket until either ends.  Everything given is copied.  Errors: -EINVAL (a ticket or path that cannot
 * be one), -EBUSY (RELAY_MAX are under way), other negative errno (no thread).  What fails later is logged:
 * the browser is told by the controller, which waits for a short time only. */
int relay_start(const struct relay_config *config, const char *ticket, const char *socket_path) MUST_CHECK;
/* How many are under way. */
unsigned relay_count(void);
