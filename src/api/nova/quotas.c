/* /limits and /os-quota-sets */
#include <jansson.h>
#include <string.h>

#include "api/nova/nova.h"
#include "identity/quota.h"

/* clang-format off */
/* What Compute calls a limit, whose counter that is, and which microversions show it; those without a counter are
 * checked where they count, and shown as unused. */
static const struct resource {
    const char *name, *quota;
    unsigned until;
    const char *limit, *used; /* names in /limits, or NULL */
    int64_t fixed;            /* of those that have no counter at all */
} resources[] = {
    { "instances", "instances", 0, "maxTotalInstances", "totalInstancesUsed" },
    { "cores", "cores", 0, "maxTotalCores", "totalCoresUsed" },
    { "ram", "ram", 0, "maxTotalRAMSize", "totalRAMUsed" },
    { "metadata_items", "metadata_items", 0, "maxServerMeta" },
    { "key_pairs", "key_pairs", 0, "maxTotalKeypairs" },
    { "server_groups", "server_groups", 0, "maxServerGroups", "totalServerGroupsUsed" },
    { "server_group_members", "server_group_members", 0, "maxServerGroupMembers" },
    { "injected_files", "injected_files", MV(2, 56), "maxPersonality" },
    { "injected_file_content_bytes", "injected_file_content_bytes", MV(2, 56), "maxPersonalitySize" },
    { "injected_file_path_bytes", "injected_file_path_bytes", MV(2, 56) },
    { "floating_ips", "floatingip", MV(2, 35), "maxTotalFloatingIps", "totalFloatingIpsUsed" },
    { "fixed_ips", NULL, MV(2, 35), .fixed = -1 },
    { "security_groups", "security_group", MV(2, 35), "maxSecurityGroups", "totalSecurityGroupsUsed" },
    { "security_group_rules", "security_group_rule", MV(2, 35), "maxSecurityGroupRules" },
};
/* clang-format on */

static bool is_shown(const struct resource *r, unsigned mv)
{
    return !r->until || mv <= r->until;
}

static int read_limit(struct cx *cx, const char *project, const struct resource *r, int64_t *ret_limit)
{
    *ret_limit = r->fixed;
    return r->quota ? quota_limit(cx, project, r->quota, ret_limit) : 0;
}

static int read_used(struct cx *cx, const char *project, const struct resource *r, int64_t *ret_used)
{
    *ret_used = 0;
    return r->quota ? quota_used(cx, project, r->quota, ret_used) : 0;
}

static int limits_show(struct cx *cx, struct req *rq)
{
    const char *other = cx->who->is_admin ? req_query(rq, "tenant_id") : NULL;
    const char *project = other ? other : cx->who->project_id ? cx->who->project_id : "";
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "limits");
    jw_object(w);
    jw_key(w, "rate");
    jw_array(w);
    jw_end(w);
    jw_key(w, "absolute");
    jw_object(w);
    for (size_t i = 0; i < N_ELEMENTS(resources); i++) {
        const struct resource *r = &resources[i];
        int64_t limit, used;
        if (!r->limit || !is_shown(r, req_mv(rq)))
            continue;
        TRY(read_limit(cx, project, r, &limit));
        jw_kv_int(w, r->limit, limit);
        if (str_eq(r->name, "metadata_items") && req_mv(rq) < MV(2, 39))
            jw_kv_int(w, "maxImageMeta", limit);
        if (!r->used)
            continue;
        TRY(read_used(cx, project, r, &used));
        jw_kv_int(w, r->used, used);
    }
    jw_end(w);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

/* ---- quota sets ---- */

enum what { LIMITS, DETAILS, DEFAULTS };

static int put_value(struct cx *cx, struct jwriter *w, const char *project, const struct resource *r, enum what what)
{
    int64_t limit, used;

    if (what == DEFAULTS) {
        limit = r->fixed;
        if (r->quota)
            TRY(quota_default(cx, r->quota, &limit));
        jw_kv_int(w, r->name, limit);
        return 0;
    }
    TRY(read_limit(cx, project, r, &limit));
    if (what == LIMITS) {
        jw_kv_int(w, r->name, limit);
        return 0;
    }
    TRY(read_used(cx, project, r, &used));
    jw_key(w, r->name);
    jw_object(w);
    jw_kv_int(w, "limit", limit);
    jw_kv_int(w, "in_use", used);
    jw_kv_int(w, "reserved", 0);
    jw_end(w);
    return 0;
}

/* 'id' NULL: not shown. */
static int reply_set(struct cx *cx, struct req *rq, const char *wrap, const char *id, const char *project, enum what what)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, wrap);
    jw_object(w);
    if (id)
        jw_kv(w, "id", id);
    for (size_t i = 0; i < N_ELEMENTS(resources); i++)
        if (is_shown(&resources[i], req_mv(rq)))
            TRY(put_value(cx, w, project, &resources[i], what));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int reply_quota(struct cx *cx, struct req *rq, const char *project, enum what what, bool with_id)
{
    return reply_set(cx, rq, "quota_set", with_id ? project : NULL, project, what);
}

static int check_project(struct cx *cx, const char *project)
{
    if (!cx->who->is_admin && !str_eq(project, cx->who->project_id))
        return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow os_compute_api:os-quota-sets:show to be performed.");
    return 0;
}

static int quotas_show(struct cx *cx, struct req *rq)
{
    TRY(check_project(cx, req_path(rq, "project")));
    return reply_quota(cx, rq, req_path(rq, "project"), LIMITS, true);
}

static int quotas_detail(struct cx *cx, struct req *rq)
{
    TRY(check_project(cx, req_path(rq, "project")));
    return reply_quota(cx, rq, req_path(rq, "project"), DETAILS, true);
}

static int quotas_defaults(struct cx *cx, struct req *rq)
{
    return reply_quota(cx, rq, req_path(rq, "project"), DEFAULTS, true);
}

static const struct body change_body = { "quota_set", .any = true };
static const struct body class_body = { "quota_class_set", .any = true };

static const struct resource *find_resource(struct req *rq, const char *name)
{
    for (size_t i = 0; i < N_ELEMENTS(resources); i++)
        if (str_eq(resources[i].name, name) && is_shown(&resources[i], req_mv(rq)))
            return &resources[i];
    return NULL;
}

static int read_value(struct cx *cx, const char *name, const json_t *v, int64_t *ret_value)
{
    if (json_is_integer(v))
        *ret_value = json_integer_value(v);
    else if (!json_is_string(v) || str_to_i64(json_string_value(v), ret_value) < 0)
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute %s. It must be an integer.", name);
    if (*ret_value < -1 || *ret_value > INT32_MAX)
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute %s. It must be -1 (no limit) to %d.", name, INT32_MAX);
    return 0;
}

static int set_one(struct cx *cx, const char *project, const struct resource *r, int64_t value, bool force)
{
    int64_t used;

    if (!r->quota)
        return 0; /* fixed addresses are not counted: the subnets bound them */
    TRY(read_used(cx, project, r, &used));
    if (!force && value >= 0 && value < used)
        return fail(cx, KIND_INVALID, "Quota limit %lld for %s must be greater than or equal to already used and reserved %lld.",
                    (long long)value, r->name, (long long)used);
    return quota_set(cx, project, r->quota, value);
}

/* Calls 'set' for each limit that the body names. */
static int set_each(struct cx *cx, struct req *rq, const char *wrap, const char *project,
                    int (*set)(struct cx *cx, const char *project, const struct resource *r, int64_t value, bool force))
{
    const json_t *body = req_json(rq);
    bool force = json_is_true(json_object_get(body, "force")) || str_eq(json_string_value(json_object_get(body, "force")), "True");
    const char *key;
    json_t *v;

    if (!json_is_object(body))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute %s. It must be an object.", wrap);
    json_object_foreach ((json_t *)(uintptr_t)body, key, v) {
        const struct resource *r = find_resource(rq, key);
        int64_t value;
        if (project && (strcmp(key, "force") == 0 || strcmp(key, "tenant_id") == 0))
            continue;
        if (!r)
            return fail(cx, KIND_INVALID,
                        "Invalid input for field/attribute %s. Additional properties are not allowed ('%.64s' was unexpected)", wrap, key);
        TRY(read_value(cx, key, v, &value));
        TRY(set(cx, project, r, value, force));
    }
    return 0;
}

static int quotas_change(struct cx *cx, struct req *rq)
{
    const char *project = req_path(rq, "project");

    TRY(set_each(cx, rq, "quota_set", project, set_one));
    return reply_quota(cx, rq, project, LIMITS, false);
}

/* ---- the only class there is: the limits of projects that have none of their own ---- */

static int check_class(struct cx *cx, struct req *rq)
{
    return strcmp(req_path(rq, "name"), "default") == 0
               ? 0
               : fail(cx, KIND_NOT_FOUND, "There is no quota class %.64s: all projects are of the class default.", req_path(rq, "name"));
}

static int class_show(struct cx *cx, struct req *rq)
{
    TRY(check_class(cx, rq));
    return reply_set(cx, rq, "quota_class_set", "default", NULL, DEFAULTS);
}

static int set_default(struct cx *cx, const char *project, const struct resource *r, int64_t value, bool force)
{
    if (!r->quota && value != r->fixed)
        return fail(cx, KIND_INVALID, "%s are not counted here: they have no limit.", r->name);
    return r->quota ? quota_set_default(cx, r->quota, value) : 0;
}

static int class_change(struct cx *cx, struct req *rq)
{
    TRY(check_class(cx, rq));
    TRY(set_each(cx, rq, "quota_class_set", NULL, set_default));
    return reply_set(cx, rq, "quota_class_set", NULL, NULL, DEFAULTS);
}

static int quotas_delete(struct cx *cx, struct req *rq)
{
    static const char *const ours[] = { "instances", "cores", "ram", "metadata_items", "key_pairs", "server_groups",
                                        "server_group_members", "injected_files", "injected_file_content_bytes",
                                        "injected_file_path_bytes", NULL };
    TRY(quota_reset(cx, req_path(rq, "project"), ours));
    return reply_empty(rq);
}

#define P "os_compute_api:"
/* clang-format off */
const struct route nova_quota_routes[] = {
    { "GET",    "/limits",                           limits_show,     P "limits",               MAY_READER, NULL, OK(200) },
    { "GET",    "/os-quota-sets/{project}",          quotas_show,     P "os-quota-sets:show",     MAY_READER, NULL, OK(200) },
    { "GET",    "/os-quota-sets/{project}/detail",   quotas_detail,   P "os-quota-sets:detail",   MAY_READER, NULL, OK(200) },
    { "GET",    "/os-quota-sets/{project}/defaults", quotas_defaults, P "os-quota-sets:defaults", MAY_READER, NULL, OK(200) },
    { "PUT",    "/os-quota-sets/{project}",          quotas_change,   P "os-quota-sets:update",   MAY_ADMIN, &change_body, OK(200) },
    { "DELETE", "/os-quota-sets/{project}",          quotas_delete,   P "os-quota-sets:delete",   MAY_ADMIN, NULL, OK(202) },
    { "GET",    "/os-quota-class-sets/{name}" ,      class_show,      P "os-quota-class-sets:show",   MAY_ADMIN, NULL, OK(200) },
    { "PUT",    "/os-quota-class-sets/{name}" ,      class_change,    P "os-quota-class-sets:update", MAY_ADMIN, &class_body, OK(200) },
    { 0 },
};
/* clang-format on */
