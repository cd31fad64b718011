/* shown.h - a server with all that its view needs, gathered for a whole page by a constant number of queries. */
#pragma once
#include "compute/host.h"
#include "compute/server.h"
#include "network/attach.h"

struct shown {
    struct server server; /* first: rows of the view's table point into it */
    struct list nics;     /* struct nic */
    struct strs group_names;
    const struct host *host; /* NULL: not placed */
    const char *host_hash;   /* what the tenant sees of it ("hostId"); "" when there is none */
};

/* Sets '*ret_shown' to one 'struct shown' per server, in order. */
int shown_gather(struct cx *cx, struct list servers, struct list *ret_shown) MUST_CHECK;
