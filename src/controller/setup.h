/* setup.h - what a new cloud holds from its first start on: users, projects, catalog, networks, flavors.  Idempotent:
 * every start runs it, and it changes nothing that is there. */
#pragma once
#include "controller/settings.h"
#include "store/store.h"

/* First passwords are read from admin.password and demo.password in config_dir, which `alamo up` made. */
int setup_run(struct cx *cx, struct store *store, const struct settings *s) MUST_CHECK;
