/* role.h - roles, which imply others, and their grants to users and groups. */
#pragma once
#include "auth/token.h"
#include "base/cx.h"
#include "base/filter.h"

struct role {
    const char *id;
    const char *domain_id; /* "": of the whole cloud; others are in no token, only what they imply */
    const char *name;
    const char *description;     /* NULL: none */
    const char *options, *extra; /* JSON objects */
};
extern const struct field role_columns[]; /* for filters */

/* Errors: CONFLICT (roles of one domain differ by more than letter case), NOT_FOUND (domain). */
int role_create(struct cx *cx, struct role *r) MUST_CHECK;
int role_get(struct cx *cx, const char *id, struct role *ret_role) MUST_CHECK;
/* Returns 1, or 0 when there is none; of the roles of the whole cloud. */
int role_find(struct cx *cx, const char *name, struct role *ret_role) MUST_CHECK;
/* Roles of the whole cloud, unless 'f' names a domain. */
int role_list(struct cx *cx, const struct filter *f, struct list *ret_roles) MUST_CHECK;
/* Errors: FORBIDDEN (immutable), CONFLICT. */
int role_update(struct cx *cx, const struct role *r) MUST_CHECK;
/* Deletes it and all its grants.  Errors: NOT_FOUND, FORBIDDEN (immutable). */
int role_delete(struct cx *cx, const char *id) MUST_CHECK;

/* Who has 'prior_id' has 'implied_id' too.  Errors: NOT_FOUND; FORBIDDEN (admin may not be implied, nor a domain's role
 * by one of the whole cloud). */
int role_imply(struct cx *cx, const char *prior_id, const char *implied_id) MUST_CHECK;
int role_check_implied(struct cx *cx, const char *prior_id, const char *implied_id) MUST_CHECK;
int role_unimply(struct cx *cx, const char *prior_id, const char *implied_id) MUST_CHECK;
struct role_inference {
    const char *prior_id, *prior_name, *implied_id, *implied_name;
};
/* Sets '*ret_inferences' to all rules, or those of one prior role, ordered by prior role. */
int role_inferences(struct cx *cx, const char *prior_id, struct list *ret_inferences) MUST_CHECK;

/* ---- grants ---- */

struct grant {
    const char *actor_type; /* "user" or "group" */
    const char *actor_id;
    const char *target_type; /* "project", "domain" or "system" */
    const char *target_id;   /* GRANT_SYSTEM for the system */
    const char *role_id;
    bool inherited; /* for the projects below the target instead of itself */
};
#define GRANT_SYSTEM "system"

/* Granting twice is no error.  Errors: NOT_FOUND (user, group, project, domain or role). */
int grant_add(struct cx *cx, const struct grant *g) MUST_CHECK;
/* Errors: NOT_FOUND. */
int grant_check(struct cx *cx, const struct grant *g) MUST_CHECK;
int grant_remove(struct cx *cx, const struct grant *g) MUST_CHECK;
/* Sets '*ret_roles' to the roles granted just so (role_id is not looked at). */
int grant_roles(struct cx *cx, const struct grant *g, struct list *ret_roles) MUST_CHECK;

/* A role as it counts somewhere. */
struct role_ref {
    const char *id, *name;
};
/* Sets '*ret_roles' to the roles (of the whole cloud) that the user has in the scope by itself, by a group, inherited
 * from above, or implied by one of these; ordered by name. */
int roles_effective(struct cx *cx, const char *user_id, enum token_scope scope, const char *scope_id,
                    struct list *ret_roles) MUST_CHECK;

/* Adds to '*roles' (ids) what they imply, and what that implies. */
int roles_add_implied(struct cx *cx, struct strs *roles) MUST_CHECK;

/* ---- all grants, for those who look after them ---- */

struct assignment_query {
    const char *user_id, *group_id, *role_id, *project_id, *domain_id; /* NULL: any */
    bool system, inherited; /* only those */
    bool effective; /* groups become their members, inherited grants their projects, roles also what they imply */
    bool subtree;   /* with project_id: the projects below it too */
};
struct assignment {
    struct grant grant;
    const char *via_group_id;     /* effective: by this group, or NULL */
    const char *prior_role_id;    /* effective: implied by this role, or NULL */
    const char *from_id;          /* effective: inherited from this project or domain, or NULL */
    const char *from_type;
    const char *actor_name, *actor_domain_id, *actor_domain_name;
    const char *target_name, *target_domain_id, *target_domain_name; /* NULL for the system */
    const char *role_name;
};
int assignment_list(struct cx *cx, const struct assignment_query *q, struct list *ret_assignments) MUST_CHECK;
