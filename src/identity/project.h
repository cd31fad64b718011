/* project.h - projects: what owns servers, networks and images, and where quotas hold. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"

struct project {
    const char *id, *domain_id;
    const char *parent_id; /* another project, or the domain for one at the top */
    const char *name, *description;
    bool enabled;
    const char *tags, *options, *extra; /* JSON: a list, an object, an object */
    bool is_domain; /* no column: a domain, seen as a project without domain and parent (project_of_domain()) */
};
extern const struct field project_columns[]; /* for filters */

enum { PROJECT_DEPTH_MAX = 5 }; /* levels of projects below the domain */

struct domain;
/* The domain as Identity's API shows it among projects, and the other way round. */
struct project project_of_domain(const struct domain *d);
struct domain project_as_domain(const struct project *p);

/* Makes 'p' with a new id.  Domain and parent complete each other: without a parent it stands at the top of its domain,
 * without a domain it is in its parent's.
 * Errors: CONFLICT (name in the domain), NOT_FOUND (domain, parent), INVALID, FORBIDDEN (parent disabled; too deep). */
int project_create(struct cx *cx, struct project *p) MUST_CHECK;
int project_get(struct cx *cx, const char *id, struct project *ret_project) MUST_CHECK;
/* Returns 1, or 0 when there is none. */
int project_find(struct cx *cx, const char *domain_id, const char *name, struct project *ret_project) MUST_CHECK;
/* What a list of projects wants of their tags; an empty list wants nothing. */
struct project_tags {
    struct strs all, any;         /* it has all of these; it has one of these */
    struct strs not_all, not_any; /* it lacks one of these; it lacks all of these */
};
/* Sets '*ret_projects'; 'tags' may be NULL; with 'user_id' those that the user may enter: by a role of its own, a group's, or inherited. */
int project_list(struct cx *cx, const struct filter *f, const struct project_tags *tags, const char *user_id,
                 struct list *ret_projects) MUST_CHECK;
/* No token of a disabled project counts.  Errors: CONFLICT, FORBIDDEN (immutable; an enabled project below). */
int project_update(struct cx *cx, const struct project *p) MUST_CHECK;
/* Deletes it and all roles in it; what it owned elsewhere stays, for an admin to remove.
 * Errors: NOT_FOUND, FORBIDDEN (there are projects below; immutable). */
int project_delete(struct cx *cx, const char *id) MUST_CHECK;
