/* limits.h - the quotas that the network knows; the counters are identity/quota.h's. */
#pragma once
#include "network/standard.h"

struct network_limit {
    const char *resource;
    int64_t limit, used; /* limit -1: none */
};
/* Sets '*ret_limits' (struct network_limit) for a project.  Errors: FORBIDDEN (not the caller's). */
int network_limits(struct cx *cx, const char *project_id, struct list *ret_limits) MUST_CHECK;
/* Those that projects have that were given none. */
int network_limits_default(struct cx *cx, struct list *ret_limits) MUST_CHECK;
/* Gives a project one.  Errors: INVALID (no such resource, a limit below -1). */
int network_limit_set(struct cx *cx, const char *project_id, const char *resource, int64_t limit) MUST_CHECK;
int network_limits_reset(struct cx *cx, const char *project_id) MUST_CHECK;
/* The ids of projects that were given some. */
int network_limits_projects(struct cx *cx, struct strs *ret_project_ids) MUST_CHECK;
