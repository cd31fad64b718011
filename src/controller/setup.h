/* setup.h - what a new cloud holds from its first start on: users, projects, catalog, networks, flavors.  Idempotent:
 * every start runs it, and it changes nothing that is there, but seals what lies open. */
#pragma once
#include "controller/settings.h"
#include "store/store.h"

struct seal_ring;
/* First passwords are read from admin.password and demo.password in config_dir, which `alamo up` made; what users keep here
 * is sealed with 'secrets'. */
int setup_run(struct cx *cx, struct store *store, const struct settings *s, const struct seal_ring *secrets) MUST_CHECK;
