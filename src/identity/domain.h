/* domain.h - domains: name spaces of users, groups and projects. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"

#define DOMAIN_DEFAULT_ID "default"

struct domain {
    const char *id, *name, *description;
    bool enabled;
    const char *tags, *options, *extra; /* JSON: a list, an object, an object */
};
extern const struct field domain_columns[]; /* for filters */

/* Gives it an id if it has none.  Errors: CONFLICT (name). */
int domain_create(struct cx *cx, struct domain *d) MUST_CHECK;
int domain_get(struct cx *cx, const char *id, struct domain *ret_domain) MUST_CHECK;
/* Takes the domain of exactly this name, else the only one whose name differs in case: clients write 'default' for 'Default',
 * which the databases under other Keystones let pass.  Returns 1, or 0 when there is none. */
int domain_find(struct cx *cx, const char *name, struct domain *ret_domain) MUST_CHECK;
/* Sets '*ret_domains' to domains; with 'user_id' those in which the user has a role. */
int domain_list(struct cx *cx, const struct filter *f, const char *user_id, struct list *ret_domains) MUST_CHECK;
/* Nobody of a disabled domain gets in, and no token of it counts.  Errors: CONFLICT, FORBIDDEN (immutable). */
int domain_update(struct cx *cx, const struct domain *d) MUST_CHECK;
/* Deletes it with its users, groups, projects and roles.  Errors: NOT_FOUND, FORBIDDEN (enabled, or the default one). */
int domain_delete(struct cx *cx, const char *id) MUST_CHECK;
