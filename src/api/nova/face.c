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

/* v2.0 is v2.1 without microversions, as Nova has it since Liberty. */
static const struct version {
    const char *id, *status, *version, *min_version, *updated, *path, *type;
} versions[] = {
    { "v2.0", "SUPPORTED", "", "", "2011-01-21T11:33:21Z", "/compute/v2/", "application/vnd.openstack.compute+json;version=2" },
    { "v2.1", "CURRENT", MV_MAX_TEXT, "2.1", "2013-07-23T11:33:21Z", NOVA_MOUNT "/",
      "application/vnd.openstack.compute+json;version=2.1" },
};

static void put_version(struct jwriter *w, const struct req *rq, const struct version *v, bool alone)
{
    jw_object(w);
    jw_kv(w, "id", v->id);
    jw_kv(w, "status", v->status);
    jw_kv(w, "version", v->version);
    jw_kv(w, "min_version", v->min_version);
    jw_kv(w, "updated", v->updated);
    jw_key(w, "links");
    jw_array(w);
    jw_object(w);
    jw_kv(w, "rel", "self");
    jw_kv(w, "href", arena_printf(w->out.arena, "%s%s", req_base_url(rq), v->path));
    jw_end(w);
    jw_end(w);
    if (alone) {
        jw_key(w, "media-types");
        jw_array(w);
        jw_object(w);
        jw_kv(w, "base", "application/json");
        jw_kv(w, "type", v->type);
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
    for (size_t i = 0; i < N_ELEMENTS(versions); i++)
        put_version(w, rq, &versions[i], false);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int show_version(struct req *rq, const struct version *v)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "version");
    put_version(w, rq, v, true);
    jw_end(w);
    return reply_written(rq);
}

static int version_2_show(struct cx *cx, struct req *rq)
{
    return show_version(rq, &versions[0]);
}

static int versions_show(struct cx *cx, struct req *rq)
{
    return show_version(rq, &versions[1]);
}

/* clang-format off */
static const struct route root_routes[] = {
    { "GET", "/", versions_list, "versions", MAY_ANYBODY, NULL, OK(200), .mode = MODE_LOCAL },
    { 0 },
};
const struct route nova_version_routes[] = {
    { "GET", "/", versions_show, "versions", MAY_ANYBODY, NULL, OK(200), .mode = MODE_LOCAL },
    { 0 },
};

static const struct route version_2_routes[] = {
    { "GET", "/", version_2_show, "versions", MAY_ANYBODY, NULL, OK(200), .mode = MODE_LOCAL },
    { 0 },
};

#define TABLES                                                                                               \
    nova_create_routes, nova_server_routes, nova_action_routes, nova_rebuild_routes, nova_resize_routes, nova_metadata_routes, nova_tag_routes, nova_interface_routes, \
        nova_history_routes, nova_flavor_routes, nova_keypair_routes, nova_host_routes, nova_aggregate_routes, \
        nova_group_routes, nova_quota_routes, nova_password_routes, nova_usage_routes, nova_security_group_routes, nova_image_routes, \
        nova_floating_routes, nova_os_hosts_routes, nova_networks_routes, nova_extension_routes, NULL
static const struct route *const root_tables[] = { root_routes, NULL };
static const struct route *const tables[] = { nova_version_routes, TABLES };
static const struct route *const version_2_tables[] = { version_2_routes, TABLES };
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
    .slash_counts = true, /* "/images/" is an image without an id */
    .error = write_error,
};

/* The same calls without microversions. */
const struct face nova_version_2_face = {
    .mount = "/compute/v2",
    .tables = version_2_tables,
    .mv_min = MV(2, 1),
    .mv_max = MV(2, 1),
    .mv_default = MV(2, 1),
    .mv_service = "compute",
    .mv_ignored = true,
    .request_id_header = "X-Compute-Request-Id",
    .slash_counts = true, /* "/images/" is an image without an id */
    .error = write_error,
};
