/* setup.h - the first users, roles and services of a new cloud. */
#pragma once
#include "base/cx.h"

struct identity_setup_params {
    const char *admin_password; /* of the user admin; NULL only when it is there already */
    const char *demo_password;  /* NULL: no demo user */
    const char *demo_name;      /* NULL: "demo"; of the user and of its project */
    const char *region;         /* NULL: "RegionOne" */
};

/* Makes what is missing of: the domain Default, the roles admin > manager > member > reader (each implies the next) and
 * service, the projects admin and service, the demo project, the users, and the services with their endpoints.  What is
 * there is left as it is, so it may run at each start.  For a write transaction.  Errors: INVALID (passwords). */
int identity_setup(struct cx *cx, const struct identity_setup_params *params) MUST_CHECK;
