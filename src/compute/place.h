/* place.h - puts a new server on a host: asks the scheduler, then claims. */
#pragma once
#include "compute/server.h"
#include "compute/group.h"

struct place_request {
    const char *az, *host_name;                 /* NULL: any */
    struct strs same_host, different_host;      /* ids of servers */
    const struct server_group *group;           /* NULL: none */
};
/* Claims a host for 'server' and sets its host_id and az; returns 1, or 0 when none will do ('*ret_why' says why). */
int server_place(struct cx *cx, struct server *server, const struct place_request *request, const char **ret_why) MUST_CHECK;
