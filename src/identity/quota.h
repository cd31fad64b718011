/* quota.h - how much each project may use, and uses: counters, not sums.
 *
 * A counter changes in the transaction that makes or removes the thing, so it is exact under parallel creates, and
 * costs the same at twenty servers and at twenty thousand.  Which resources there are, and their limits, is the table
 * in quota.c; asking for another one is a mistake of the program. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

/* Counts 'n' more of 'resource' for the project; a limit below 0 is none.
 * Errors: QUOTA with type "OverQuota" (nothing is counted). */
int quota_take(struct cx *cx, const char *project_id, const char *resource, int64_t n) MUST_CHECK;
/* Counts 'n' fewer. */
int quota_give(struct cx *cx, const char *project_id, const char *resource, int64_t n) MUST_CHECK;
/* Sets '*ret_limit' to the limit that holds for the project; -1: unlimited. */
int quota_limit(struct cx *cx, const char *project_id, const char *resource, int64_t *ret_limit) MUST_CHECK;
int quota_used(struct cx *cx, const char *project_id, const char *resource, int64_t *ret_used) MUST_CHECK;
/* Gives the project a limit of its own, -1 for none; a limit below what is used is allowed and only stops growth.
 * Errors: INVALID (below -1). */
int quota_set(struct cx *cx, const char *project_id, const char *resource, int64_t limit) MUST_CHECK;
/* Back to the defaults for 'resources' (ended by NULL), or for all with NULL. */
int quota_reset(struct cx *cx, const char *project_id, const char *const *resources) MUST_CHECK;
/* The limit of projects that have none of their own; at first what the table says. */
int quota_default(struct cx *cx, const char *resource, int64_t *ret_limit) MUST_CHECK;
/* Changes it.  Errors: INVALID (below -1). */
int quota_set_default(struct cx *cx, const char *resource, int64_t limit) MUST_CHECK;

/* For the recount of `alamo check`: calls 'f' for every counter, in order of project and resource; a result below 0
 * ends it and is passed on. */
int quota_each_use(struct cx *cx,
                   int (*f)(struct cx *cx, void *arg, const char *project_id, const char *resource, int64_t used),
                   void *arg) MUST_CHECK;
/* Sets a counter to what the recount found. */
int quota_correct(struct cx *cx, const char *project_id, const char *resource, int64_t used) MUST_CHECK;
