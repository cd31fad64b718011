/* group.h - server groups: servers that are kept together, or apart. */
#pragma once
#include "base/filter.h"
#include "compute/server.h"

struct server_group {
    const char *id, *project_id, *user_id, *name;
    const char *policy; /* "affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity" */
    int64_t max_server_per_host; /* of anti-affinity; 1 usually */
    int64_t created_at;
};
struct server_group_member {
    const char *server_id, *group_id;
};
/* Stores it after filling in id, owner and created_at.  Errors: QUOTA (server_groups). */
int server_group_add(struct cx *cx, struct server_group *group) MUST_CHECK;
/* Errors: NOT_FOUND, also for another project's. */
int server_group_get(struct cx *cx, const char *id, struct server_group *ret_group) MUST_CHECK;
int server_group_list(struct cx *cx, bool all_projects, int64_t limit, int64_t offset, struct list *ret_groups) MUST_CHECK;
/* The servers in it keep running where they are. */
int server_group_remove(struct cx *cx, const char *id) MUST_CHECK;
/* All members (struct server_group_member) of the groups that server_group_list() names, ordered by group. */
int server_group_members(struct cx *cx, const char *group_id, struct list *ret_members) MUST_CHECK;
/* Errors: QUOTA (server_group_members) when 'n' more do not fit. */
int server_group_check_room(struct cx *cx, const struct server_group *group, int64_t n) MUST_CHECK;
