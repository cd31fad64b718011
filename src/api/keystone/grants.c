#include <string.h>

#include "api/keystone/internal.h"
#include "identity/auth.h"
#include "identity/role.h"

/* ---- one grant: the path says all ---- */

static struct grant grant_of(const struct req *rq)
{
    const char *user_id = req_path(rq, "user_id"), *project_id = req_path(rq, "project_id"),
               *domain_id = req_path(rq, "domain_id");

    return (struct grant){
        .actor_type = user_id ? "user" : "group",
        .actor_id = user_id ? user_id : req_path(rq, "group_id"),
        .target_type = project_id ? "project" : domain_id ? "domain" : GRANT_SYSTEM,
        .target_id = project_id ? project_id : domain_id ? domain_id : GRANT_SYSTEM,
        .role_id = req_path(rq, "role_id"),
    };
}

static struct grant inherited_of(const struct req *rq)
{
    struct grant g = grant_of(rq);
    g.inherited = true;
    return g;
}

static int list_grants(struct cx *cx, struct req *rq, const struct grant *g)
{
    struct list roles;

    TRY(auth_check_reader(cx));
    TRY(grant_roles(cx, g, &roles));
    return keystone_reply_list(rq, &keystone_role, NULL, roles);
}

static int check_grant(struct cx *cx, struct req *rq, const struct grant *g)
{
    TRY(auth_check_reader(cx));
    TRY(grant_check(cx, g));
    return reply_empty(rq);
}

static int grants_list(struct cx *cx, struct req *rq)
{
    struct grant g = grant_of(rq);
    return list_grants(cx, rq, &g);
}

static int grants_check(struct cx *cx, struct req *rq)
{
    struct grant g = grant_of(rq);
    return check_grant(cx, rq, &g);
}

static int grants_add(struct cx *cx, struct req *rq)
{
    struct grant g = grant_of(rq);
    TRY(grant_add(cx, &g));
    return reply_empty(rq);
}

static int grants_remove(struct cx *cx, struct req *rq)
{
    struct grant g = grant_of(rq);
    TRY(grant_remove(cx, &g));
    return reply_empty(rq);
}

static int inherited_list(struct cx *cx, struct req *rq)
{
    struct grant g = inherited_of(rq);
    return list_grants(cx, rq, &g);
}

static int inherited_check(struct cx *cx, struct req *rq)
{
    struct grant g = inherited_of(rq);
    return check_grant(cx, rq, &g);
}

static int inherited_add(struct cx *cx, struct req *rq)
{
    struct grant g = inherited_of(rq);
    TRY(grant_add(cx, &g));
    return reply_empty(rq);
}

static int inherited_remove(struct cx *cx, struct req *rq)
{
    struct grant g = inherited_of(rq);
    TRY(grant_remove(cx, &g));
    return reply_empty(rq);
}

/* ---- all grants ---- */

/* {"id": ...}, with names also the name and its domain's */
static void write_party(struct jwriter *w, const char *key, const char *id, const char *name, const char *domain_id,
                        const char *domain_name)
{
    jw_key(w, key);
    jw_object(w);
    jw_kv(w, "id", id);
    if (name)
        jw_kv(w, "name", name);
    if (name && domain_id) {
        jw_key(w, "domain");
        jw_object(w);
        jw_kv(w, "id", domain_id);
        jw_kv(w, "name", domain_name);
        jw_end(w);
    }
    jw_end(w);
}

static void write_scope(struct jwriter *w, const struct assignment *a, bool names)
{
    jw_key(w, "scope");
    jw_object(w);
    if (str_eq(a->grant.target_type, GRANT_SYSTEM)) {
        jw_key(w, "system");
        jw_object(w);
        jw_kv_bool(w, "all", true);
        jw_end(w);
    } else
        write_party(w, a->grant.target_type, a->grant.target_id, names ? a->target_name : NULL, a->target_domain_id,
                    a->target_domain_name);
    if (a->grant.inherited || a->from_id)
        jw_kv(w, "OS-INHERIT:inherited_to", "projects");
    jw_end(w);
}

/* The URL of the grant from which the assignment follows. */
static const char *assignment_url(struct req *rq, const struct assignment *a)
{
    const struct grant *g = &a->grant;
    bool inherited = g->inherited || a->from_id, system = str_eq(g->target_type, GRANT_SYSTEM);
    const char *type = a->from_id ? a->from_type : g->target_type, *target = a->from_id ? a->from_id : g->target_id;
    const char *place = system ? "/system" : cx_printf(req_cx(rq), "/%ss/%s", type, target);

    return keystone_url(rq, cx_printf(req_cx(rq), "%s%s/%ss/%s/roles/%s%s", inherited ? "/OS-INHERIT" : "", place,
                                      a->via_group_id ? "group" : g->actor_type,
                                      a->via_group_id ? a->via_group_id : g->actor_id,
                                      a->prior_role_id ? a->prior_role_id : g->role_id,
                                      inherited ? "/inherited_to_projects" : ""));
}

static void write_assignment(struct req *rq, struct jwriter *w, const struct assignment *a, bool names)
{
    struct cx *cx = req_cx(rq);

    jw_object(w);
    write_scope(w, a, names);
    write_party(w, a->grant.actor_type, a->grant.actor_id, names ? a->actor_name : NULL, a->actor_domain_id,
                a->actor_domain_name);
    write_party(w, "role", a->grant.role_id, names ? a->role_name : NULL, NULL, NULL);
    jw_key(w, "links");
    jw_object(w);
    jw_kv(w, "assignment", assignment_url(rq, a));
    if (a->via_group_id)
        jw_kv(w, "membership", keystone_url(rq, cx_printf(cx, "/groups/%s/users/%s", a->via_group_id, a->grant.actor_id)));
    if (a->prior_role_id)
        jw_kv(w, "prior_role", keystone_url(rq, cx_printf(cx, "/prior_role/%s/implies/%s", a->prior_role_id, a->grant.role_id)));
    jw_end(w);
    jw_end(w);
}

static int assignments_list(struct cx *cx, struct req *rq)
{
    const struct assignment_query q = {
        .user_id = req_query(rq, "user.id"),
        .group_id = req_query(rq, "group.id"),
        .role_id = req_query(rq, "role.id"),
        .project_id = req_query(rq, "scope.project.id"),
        .domain_id = req_query(rq, "scope.domain.id"),
        .system = req_query(rq, "scope.system") != NULL,
        .inherited = req_query(rq, "scope.OS-INHERIT:inherited_to") != NULL,
        .effective = req_query_bool(rq, "effective"),
        .subtree = req_query_bool(rq, "include_subtree"),
    };
    bool names = req_query_bool(rq, "include_names");
    struct jwriter *w = reply_writer(rq);
    struct list found;

    TRY(auth_check_reader(cx));
    if (q.user_id && q.group_id)
        return fail(cx, KIND_INVALID, "Specify a user or group, not both");
    if ((q.project_id != NULL) + (q.domain_id != NULL) + q.system > 1)
        return fail(cx, KIND_INVALID, "Specify one of scope.project.id, scope.domain.id and scope.system");
    if (q.effective && q.group_id)
        return fail(cx, KIND_INVALID, "Combining effective and group filter will always result in an empty list.");
    if (q.subtree && !q.project_id)
        return fail(cx, KIND_INVALID, "scope.project.id must be specified if include_subtree is also specified");
    TRY(assignment_list(cx, &q, &found));
    jw_object(w);
    jw_key(w, "role_assignments");
    jw_array(w);
    for (size_t i = 0; i < found.n; i++)
        write_assignment(rq, w, (const struct assignment *)found.items + i, names);
    jw_end(w);
    keystone_write_list_links(rq, w, NULL, 0);
    jw_end(w);
    return reply_written(rq);
}

/* clang-format off */
#define GRANTS(target, name)                                                                                                          \
    { "GET",    target "/roles",           grants_list,   "identity:list_" name,   MAY_READER, NULL, OK(200) },                       \
    { "GET",    target "/roles/{role_id}", grants_check,  "identity:check_" name,  MAY_READER, NULL, OK(204) },                       \
    { "PUT",    target "/roles/{role_id}", grants_add,    "identity:create_" name, MAY_ADMIN,  NULL, OK(204) },                       \
    { "DELETE", target "/roles/{role_id}", grants_remove, "identity:revoke_" name, MAY_ADMIN,  NULL, OK(204) }
#define INHERITED(target)                                                                                                             \
    { "GET",    "/OS-INHERIT" target "/roles/inherited_to_projects",           inherited_list,   "identity:list_grants",  MAY_READER, NULL, OK(200) }, \
    { "GET",    "/OS-INHERIT" target "/roles/{role_id}/inherited_to_projects", inherited_check,  "identity:check_grant",  MAY_READER, NULL, OK(204) }, \
    { "PUT",    "/OS-INHERIT" target "/roles/{role_id}/inherited_to_projects", inherited_add,    "identity:create_grant", MAY_ADMIN,  NULL, OK(204) }, \
    { "DELETE", "/OS-INHERIT" target "/roles/{role_id}/inherited_to_projects", inherited_remove, "identity:revoke_grant", MAY_ADMIN,  NULL, OK(204) }

const struct route keystone_grant_routes[] = {
    GRANTS("/projects/{project_id}/users/{user_id}", "grant"),
    GRANTS("/projects/{project_id}/groups/{group_id}", "grant"),
    GRANTS("/domains/{domain_id}/users/{user_id}", "grant"),
    GRANTS("/domains/{domain_id}/groups/{group_id}", "grant"),
    GRANTS("/system/users/{user_id}", "system_grant_for_user"),
    GRANTS("/system/groups/{group_id}", "system_grant_for_group"),
    INHERITED("/projects/{project_id}/users/{user_id}"),
    INHERITED("/projects/{project_id}/groups/{group_id}"),
    INHERITED("/domains/{domain_id}/users/{user_id}"),
    INHERITED("/domains/{domain_id}/groups/{group_id}"),
    { "GET", "/role_assignments", assignments_list, "identity:list_role_assignments", MAY_READER, NULL, OK(200) },
    { 0 },
};
/* clang-format on */
