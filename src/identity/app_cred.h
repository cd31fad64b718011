/* app_cred.h - application credentials: a user's lasting leave for a program to act in one project, with some of the
 * user's roles, and without the user's password. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"

struct app_cred {
    const char *id, *user_id, *project_id, *name, *description;
    const char *secret_hash;
    const char *role_ids;  /* JSON list */
    bool unrestricted;     /* may make other such credentials */
    int64_t expires_us;    /* 0: never */
};
extern const struct field app_cred_columns[]; /* for filters */

/* Makes it for cx->who in its project.  'roles' are ids of roles that the caller has; none: all of them.
 * Errors: CONFLICT (name), INVALID (a role that the caller has not; past expiry), FORBIDDEN (cx->who is no project's, or
 * uses a restricted one itself). */
int app_cred_create(struct cx *cx, struct app_cred *a, struct strs role_ids) MUST_CHECK;
int app_cred_get(struct cx *cx, const char *user_id, const char *id, struct app_cred *ret_app_cred) MUST_CHECK;
int app_cred_list(struct cx *cx, const struct filter *f, const char *user_id, struct list *ret_app_creds) MUST_CHECK;
/* Errors: NOT_FOUND, FORBIDDEN (cx->who uses a restricted one). */
int app_cred_delete(struct cx *cx, const char *user_id, const char *id) MUST_CHECK;
