/* console.h - access to servers' consoles: tickets for the screen, and where the log is read. */
#pragma once
#include "compute/server.h"

/* What the program gives to the face: the logs lie with it, not in rows. */
struct consoles {
    void *self;
    /* Sets '*ret_text' to the last 'lines' lines of the log (0: all that is kept); "" when there is none yet. */
    int (*read)(struct cx *cx, void *self, const char *server_id, int64_t lines, const char **ret_text);
};

enum { CONSOLE_TICKET_S = 600 };
/* Makes a ticket that opens the server's screen once within CONSOLE_TICKET_S.  Errors: CONFLICT (it is not running). */
int console_ticket(struct cx *cx, const struct server *server, const char *kind, const char **ret_ticket) MUST_CHECK;
/* Takes a ticket: it is gone, and '*ret_server' is whose screen it opens.  Errors: UNAUTHENTICATED. */
int console_admit(struct cx *cx, const char *ticket, struct server *ret_server) MUST_CHECK;
/* Forgets tickets that are over. */
int console_expire(struct cx *cx) MUST_CHECK;
