#include "api/keystone/face.h"

#include "api/keystone/internal.h"

static const char *title_of(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },  { 404, "Not Found" },
        { 405, "Method Not Allowed" }, { 409, "Conflict" }, { 413, "Request Entity Too Large" },
        { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
    };
    for (size_t i = 0; i < N_ELEMENTS(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

static void write_error(struct jwriter *w, int status, enum kind kind, const char *type, const char *text)
{
    jw_object(w);
    jw_key(w, "error");
    jw_object(w);
    jw_kv_int(w, "code", status);
    jw_kv(w, "message", text);
    jw_kv(w, "title", title_of(status));
    jw_end(w);
    jw_end(w);
}

/* ---- versions ---- */

static void write_version(struct req *rq, struct jwriter *w)
{
    jw_object(w);
    jw_kv(w, "id", "v3.14");
    jw_kv(w, "status", "stable");
    jw_kv(w, "updated", "2020-04-07T00:00:00Z");
    jw_key(w, "links");
    jw_array(w);
    jw_object(w);
    jw_kv(w, "rel", "self");
    jw_kv(w, "href", keystone_url(rq, "/"));
    jw_end(w);
    jw_end(w);
    jw_key(w, "media-types");
    jw_array(w);
    jw_object(w);
    jw_kv(w, "base", "application/json");
    jw_kv(w, "type", "application/vnd.openstack.identity-v3+json");
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static int versions_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "versions");
    jw_object(w);
    jw_key(w, "values");
    jw_array(w);
    write_version(rq, w);
    jw_end(w);
    jw_end(w);
    jw_end(w);
    reply_header(rq, "Location", keystone_url(rq, "/"));
    return reply_written(rq);
}

static int version_show(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "version");
    write_version(rq, w);
    jw_end(w);
    return reply_written(rq);
}

/* clang-format off */
static const struct route versions_routes[] = {
    { "GET", "/", versions_list, "identity:list_versions", MAY_ANYBODY, .ok = OK(300), .mode = MODE_LOCAL },
    { 0 },
};
static const struct route version_routes[] = {
    { "GET", "/", version_show, "identity:show_version", MAY_ANYBODY, .ok = OK(200), .mode = MODE_LOCAL },
    { 0 },
};

const struct face keystone_versions_face = {
    .mount = "/identity",
    .tables = (const struct route *const[]){ versions_routes, NULL },
    .error = write_error,
};
const struct face keystone_face = {
    .mount = "/identity/v3",
    .tables = (const struct route *const[]){
        version_routes, keystone_token_routes, keystone_user_routes, keystone_group_routes, keystone_project_routes,
        keystone_domain_routes, keystone_role_routes, keystone_grant_routes, keystone_catalog_routes,
        keystone_credential_routes, keystone_app_cred_routes, keystone_policy_routes, NULL,
    },
    .error = write_error,
};
/* clang-format on */
