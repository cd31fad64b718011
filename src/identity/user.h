/* user.h - users and the groups they are in. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"

struct user {
    const char *id, *domain_id, *name;
    const char *default_project_id; /* NULL: none */
    bool enabled;
    const char *password_hash;   /* NULL: nobody gets in by password */
    int64_t epoch;               /* tokens of another epoch do not count */
    const char *options, *extra; /* JSON objects */
    const char *password;        /* as a client sent it; the store never sees it */
};
extern const struct field user_columns[]; /* for filters */

struct group {
    const char *id, *domain_id, *name, *description;
    const char *extra; /* JSON object */
};
extern const struct field group_columns[]; /* for filters */

/* Makes 'u' with a new id, in the default domain unless it names one.  Errors: CONFLICT (name), NOT_FOUND (domain). */
int user_create(struct cx *cx, struct user *u) MUST_CHECK;
int user_get(struct cx *cx, const char *id, struct user *ret_user) MUST_CHECK;
/* Returns 1, or 0 when there is none. */
int user_find(struct cx *cx, const char *domain_id, const char *name, struct user *ret_user) MUST_CHECK;
/* Sets '*ret_users'; with 'group_id' the members of the group. */
int user_list(struct cx *cx, const struct filter *f, const char *group_id, struct list *ret_users) MUST_CHECK;
/* Sets all but the epoch, which rises when the password changes or the user is disabled: all its tokens end.
 * Errors: NOT_FOUND, CONFLICT. */
int user_update(struct cx *cx, const struct user *u) MUST_CHECK;
/* Deletes the user with its roles, memberships, credentials and application credentials.  Errors: NOT_FOUND. */
int user_delete(struct cx *cx, const char *id) MUST_CHECK;

int user_group_create(struct cx *cx, struct group *g) MUST_CHECK;
int user_group_get(struct cx *cx, const char *id, struct group *ret_group) MUST_CHECK;
/* Sets '*ret_groups'; with 'user_id' those that the user is in. */
int user_group_list(struct cx *cx, const struct filter *f, const char *user_id, struct list *ret_groups) MUST_CHECK;
int user_group_update(struct cx *cx, const struct group *g) MUST_CHECK;
int user_group_delete(struct cx *cx, const char *id) MUST_CHECK;
/* Being a member twice is no error.  Errors: NOT_FOUND (group, user). */
int user_group_add_user(struct cx *cx, const char *group_id, const char *user_id) MUST_CHECK;
/* Errors: NOT_FOUND (also when the user is not in it). */
int user_group_check_user(struct cx *cx, const char *group_id, const char *user_id) MUST_CHECK;
int user_group_remove_user(struct cx *cx, const char *group_id, const char *user_id) MUST_CHECK;
