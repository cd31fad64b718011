#include "compute/group.h"

#include "auth/who.h"
#include "base/env.h"
#include "identity/quota.h"

/* clang-format off */
#define T struct server_group
static const struct field group_columns[] = {
    STR(T, id), STR(T, project_id), STR(T, user_id), STR(T, name), STR(T, policy), I64(T, max_server_per_host),
    TIME(T, created_at), { 0 },
};
#undef T
static const struct table group_table = { "server_group", group_columns, .n_key = 1, .size = sizeof(struct server_group) };
/* clang-format on */

int server_group_add(struct cx *cx, struct server_group *group)
{
    group->id = uuid_new(cx->arena);
    group->project_id = cx->who->project_id;
    group->user_id = cx->who->user_id;
    group->created_at = cx->now_us;
    if (!group->project_id)
        return fail(cx, KIND_FORBIDDEN, "A server group belongs to a project: ask for a token of one.");
    if (quota_take(cx, group->project_id, "server_groups", 1) < 0)
        return cx->kind == KIND_QUOTA ? fail(cx, KIND_QUOTA, "Quota exceeded, too many server groups.") : -EIO;
    return store_insert(cx, &group_table, group);
}

int server_group_get(struct cx *cx, const char *id, struct server_group *ret_group)
{
    struct server_group g;
    int r = store_find(cx, &group_table, &g, "id=$1", ARGS(id));

    TRY(r);
    if (!r || (!cx->who->is_admin && !str_eq(g.project_id, cx->who->project_id)))
        return fail(cx, KIND_NOT_FOUND, "Instance group %.64s could not be found.", id);
    *ret_group = g;
    return 0;
}

int server_group_list(struct cx *cx, bool all_projects, int64_t limit, int64_t offset, struct list *ret_groups)
{
    const char *project = all_projects && cx->who->is_admin ? "" : cx->who->project_id ? cx->who->project_id : "-";
    return store_list(cx, &group_table, ret_groups, "$1='' OR project_id=$1 ORDER BY created_at, id LIMIT $2 OFFSET $3",
                      ARGS(project, limit ? limit : INT32_MAX, offset));
}

int server_group_remove(struct cx *cx, const char *id)
{
    struct server_group g;

    TRY(server_group_get(cx, id, &g));
    TRY(quota_give(cx, g.project_id, "server_groups", 1));
    TRY(store_exec(cx, &server_table, "UPDATE server SET group_id=NULL WHERE group_id=$1", ARGS(id)));
    TRY(store_delete(cx, &group_table, "id=$1", ARGS(id)));
    return 0;
}

int server_group_members(struct cx *cx, const char *group_id, struct list *ret_members)
{
    static const struct field columns[] = { STR(struct server_group_member, server_id),
                                            STR(struct server_group_member, group_id), { 0 } };
    return store_select(cx, columns, sizeof(struct server_group_member), ret_members,
                        "SELECT id, group_id FROM server WHERE group_id IS NOT NULL AND ($1='' OR group_id=$1) "
                        "ORDER BY group_id, created_at, id",
                        ARGS(group_id ? group_id : ""));
}

int server_group_check_room(struct cx *cx, const struct server_group *group, int64_t n)
{
    int64_t limit, used = 0;

    TRY(quota_limit(cx, group->project_id, "server_group_members", &limit));
    TRY(store_int(cx, &used, "SELECT count(*) FROM server WHERE group_id=$1", ARGS(group->id)));
    if (limit >= 0 && used + n > limit)
        return fail(cx, KIND_QUOTA, "Quota exceeded, too many servers in group");
    return 0;
}
