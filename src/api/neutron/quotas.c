#include <jansson.h>

#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/limits.h"

static const struct body quota_body = { "quota", NULL, 0, .any = true };

static void write_limits(struct jwriter *w, struct list limits)
{
    const struct network_limit *l = limits.items;
    for (size_t i = 0; i < limits.n; i++)
        jw_kv_int(w, l[i].resource, l[i].limit);
}

static int reply_limits(struct req *rq, struct list limits)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "quota");
    jw_object(w);
    write_limits(w, limits);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int quotas_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);
    struct strs projects;
    struct list limits;

    TRY(network_limits_projects(cx, &projects));
    jw_object(w);
    jw_key(w, "quotas");
    jw_array(w);
    for (size_t i = 0; i < projects.n; i++) {
        TRY(network_limits(cx, projects.items[i], &limits));
        jw_object(w);
        jw_kv(w, "project_id", projects.items[i]);
        jw_kv(w, "tenant_id", projects.items[i]);
        write_limits(w, limits);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int quotas_show(struct cx *cx, struct req *rq)
{
    struct list limits;

    TRY(network_limits(cx, req_path(rq, "project"), &limits));
    return reply_limits(rq, limits);
}

/* The project that a client without a project's id speaks of: its own. */
static int reply_own_project(struct req *rq, const char *wrap)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, wrap);
    jw_object(w);
    jw_kv(w, "project_id", own_project(req_cx(rq)));
    jw_kv(w, "tenant_id", own_project(req_cx(rq)));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int quotas_tenant(struct cx *cx, struct req *rq)
{
    return reply_own_project(rq, "tenant");
}

static int quotas_project(struct cx *cx, struct req *rq)
{
    return reply_own_project(rq, "project");
}

static int quotas_default(struct cx *cx, struct req *rq)
{
    struct list limits;

    TRY(network_limits_default(cx, &limits));
    return reply_limits(rq, limits);
}

static int quotas_details(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);
    struct list limits;

    TRY(network_limits(cx, req_path(rq, "project"), &limits));
    const struct network_limit *l = limits.items;
    jw_object(w);
    jw_key(w, "quota");
    jw_object(w);
    for (size_t i = 0; i < limits.n; i++) {
        jw_key(w, l[i].resource);
        jw_object(w);
        jw_kv_int(w, "limit", l[i].limit);
        jw_kv_int(w, "used", l[i].used);
        jw_kv_int(w, "reserved", 0); /* what is created counts at once */
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int quotas_update(struct cx *cx, struct req *rq)
{
    void *it = json_object_iter((json_t *)(uintptr_t)req_json(rq));
    json_t *all = (json_t *)(uintptr_t)req_json(rq);
    int64_t limit;

    if (!json_is_object(all))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for quota. Reason: it must be an object.");
    for (; it; it = json_object_iter_next(all, it)) {
        const json_t *v = json_object_iter_value(it);
        const char *key = json_object_iter_key(it);
        if (str_eq(key, "project_id") || str_eq(key, "tenant_id")) /* of the path */
            continue;
        if (json_is_integer(v))
            limit = json_integer_value(v);
        else if (!json_is_string(v) || str_to_i64(json_string_value(v), &limit) < 0)
            limit = INT64_MIN;
        if (limit < -1 || limit > INT32_MAX)
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for %.64s. Reason: it must be an integer between -1 and %d.", key, INT32_MAX);
        TRY(network_limit_set(cx, req_path(rq, "project"), key, limit));
    }
    return quotas_show(cx, rq);
}

static int quotas_reset(struct cx *cx, struct req *rq)
{
    TRY(network_limits_reset(cx, req_path(rq, "project")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route neutron_quota_routes[] = {
    { "GET",    "/quotas",                        quotas_list,    "get_quota",    MAY_ADMIN,  NULL,        OK(200) },
    { "GET",    "/quotas/tenant",                 quotas_tenant,  "get_quota",    MAY_READER, NULL,        OK(200) },
    { "GET",    "/quotas/project",                quotas_project, "get_quota",    MAY_READER, NULL,        OK(200) },
    { "GET",    "/quotas/{project}",              quotas_show,    "get_quota",    MAY_READER, NULL,        OK(200) },
    { "PUT",    "/quotas/{project}",              quotas_update,  "update_quota", MAY_ADMIN,  &quota_body, OK(200) },
    { "DELETE", "/quotas/{project}",              quotas_reset,   "delete_quota", MAY_ADMIN,  NULL,        OK(204) },
    { "GET",    "/quotas/{project}/default",      quotas_default, "get_quota",    MAY_READER, NULL,        OK(200) },
    { "GET",    "/quotas/{project}/details",      quotas_details, "get_quota",    MAY_READER, NULL,        OK(200) },
    { "GET",    "/quotas/{project}/details.json", quotas_details, "get_quota",    MAY_READER, NULL,        OK(200) }, /* as tempest asks */
    { 0 },
};
