#include "api/nova/face.h"

#include "api/nova/nova.h"

/* The highest microversion for which all that this face answers is true. */
#define MV_MAX MV(2, 79)
#define MV_MAX_TEXT "2.79"

/* clang-format off */
static const struct {
    int status;
    const char *name;
} error_names[] = {
    { 400, "badRequest" },    { 401, "unauthorized" },        { 403, "forbidden" },  { 404, "itemNotFound" },
    { 405, "badMethod" },     { 406, "notAcceptable" },       { 409, "conflictingRequest" },
    { 413, "overLimit" },     { 415, "badMediaType" },        { 501, "notImplemented" },
    { 503, "serviceUnavailable" },
};
/* clang-format on */

static void write_error(struct jwriter *w, int status, enum kind kind, const char *type, const char *text)
{
    const char *name = "computeFault";

    for (size_t i = 0; i < N_ELEMENTS(error_names); i++)
        if (error_names[i].status == status)
            name = error_names[i].name;
    jw_object(w);
    jw_key(w, name);
    jw_object(w);
    jw_kv_int(w, "code", status);
    jw_kv(w, "message", text);
    jw_end(w);
    jw_end(w);
}

/* ---- versions ---- */

static void put_version(struct jwriter *w, const struct req *rq, bool alone)
{
    jw_object(w);
    jw_kv(w, "id", "v2.1");
    jw_kv(w, "status", "CURRENT");
    jw_kv(w, "version", MV_MAX_TEXT);
    jw_kv(w, "min_version", "2.1");
    jw_kv(w, "updated", "2013-07-23T11:33:21Z");
    jw_key(w, "links");
    jw_array(w);
    jw_object(w);
    jw_kv(w, "rel", "self");
    jw_kv(w, "href", nova_url(rq, w->out.arena, "/"));
    jw_end(w);
    jw_end(w);
    if (alone) {
        jw_key(w, "media-types");
        jw_array(w);
        jw_object(w);
        jw_kv(w, "base", "application/json");
        jw_kv(w, "type", "application/vnd.openstack.compute+json;version=2.1");
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

static int versions_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "versions");
    jw_array(w);
    put_version(w, rq, false);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int versions_show(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "version");
    put_version(w, rq, true);
    jw_end(w);
    return reply_written(rq);
}

/* What old clients ask before they use an extension; all of them are part of v2.1, so that there is none to list. */
static int extensions_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "extensions");
    jw_array(w);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

/* clang-format off */
static const struct route root_routes[] = {
    { "GET", "/", versions_list, "versions", MAY_ANYBODY, NULL, OK(200), .mode = MODE_LOCAL },
    { 0 },
};
const struct route nova_version_routes[] = {
    { "GET", "/", versions_show, "versions", MAY_ANYBODY, NULL, OK(200), .mode = MODE_LOCAL },
    { "GET", "/extensions", extensions_list, "os_compute_api:extensions", MAY_READER, NULL, OK(200) },
    { 0 },
};

static const struct route *const root_tables[] = { root_routes, NULL };
static const struct route *const tables[] = {
    nova_version_routes, nova_create_routes, nova_server_routes, nova_action_routes, nova_metadata_routes, nova_tag_routes,
    nova_interface_routes, nova_history_routes, nova_flavor_routes, nova_keypair_routes, nova_host_routes,
    nova_aggregate_routes, nova_group_routes, nova_quota_routes, nova_usage_routes, nova_security_group_routes, NULL,
};
/* clang-format on */

const struct face nova_root_face = { .mount = "/compute", .tables = root_tables, .error = write_error };

const struct face nova_face = {
    .mount = NOVA_MOUNT,
    .tables = tables,
    .mv_min = MV(2, 1),
    .mv_max = MV_MAX,
    .mv_default = MV(2, 1),
    .mv_service = "compute",
    .mv_legacy_header = "X-OpenStack-Nova-API-Version",
    .request_id_header = "X-Compute-Request-Id",
    .error = write_error,
};
