/* flavor.h - the sizes that servers come in.  A server keeps a copy of its flavor as it was. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"
#include "store/store.h"

struct flavor {
    const char *id, *name, *description;
    int64_t vcpus, ram_mib, root_gib, ephemeral_gib, swap_mib;
    const char *rxtx_factor; /* a decimal number that nothing here uses; clients set and show it */
    bool is_public;          /* otherwise only admins and the projects with access see it */
    bool disabled;
    const char *extra_specs; /* JSON map */
    int64_t created_at, updated_at;
};
extern const struct table flavor_table;
struct flavor_access {
    const char *flavor_id, *project_id;
};

enum flavor_scope { FLAVORS_VISIBLE, FLAVORS_PUBLIC, FLAVORS_PRIVATE, FLAVORS_ALL };
/* Sets '*ret_flavors' to what the caller may see of 'scope'; only admins see more than VISIBLE ones. */
int flavor_list(struct cx *cx, enum flavor_scope scope, const struct filter *filter, struct list *ret_flavors) MUST_CHECK;
/* Errors: NOT_FOUND. */
int flavor_get(struct cx *cx, const char *id, struct flavor *ret_flavor) MUST_CHECK;
/* Stores 'flavor' after filling in an id when it has none.  Errors: CONFLICT (id or name taken). */
int flavor_add(struct cx *cx, struct flavor *flavor) MUST_CHECK;
int flavor_save(struct cx *cx, struct flavor *flavor) MUST_CHECK;
int flavor_remove(struct cx *cx, const char *id) MUST_CHECK;

/* The projects that see a private flavor (struct flavor_access). */
int flavor_access_list(struct cx *cx, const char *flavor_id, struct list *ret_access) MUST_CHECK;
/* Errors: CONFLICT (has it already; the flavor is public). */
int flavor_access_add(struct cx *cx, const struct flavor *flavor, const char *project_id) MUST_CHECK;
/* Errors: NOT_FOUND (has it not). */
int flavor_access_remove(struct cx *cx, const struct flavor *flavor, const char *project_id) MUST_CHECK;
/* Makes the default flavors when there are none. */
int flavor_setup(struct cx *cx) MUST_CHECK;
