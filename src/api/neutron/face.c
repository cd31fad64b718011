#include "api/neutron/face.h"

#include "api/neutron/tables.h"

/* Neutron's names of errors that the domain gave no name. */
static const char *const types[KIND_N] = {
    [KIND_INVALID] = "HTTPBadRequest",       [KIND_UNAUTHENTICATED] = "HTTPUnauthorized",
    [KIND_FORBIDDEN] = "PolicyNotAuthorized", [KIND_NOT_FOUND] = "HTTPNotFound",
    [KIND_CONFLICT] = "HTTPConflict",        [KIND_QUOTA] = "OverQuota",
    [KIND_TOO_LARGE] = "HTTPRequestEntityTooLarge", [KIND_BUSY] = "HTTPConflict",
    [KIND_UNAVAILABLE] = "HTTPServiceUnavailable", [KIND_UNSUPPORTED] = "HTTPNotImplemented",
    [KIND_INTERNAL] = "HTTPInternalServerError",
};

static void write_error(struct jwriter *w, int status, enum kind kind, const char *type, const char *text)
{
    jw_object(w);
    jw_key(w, "NeutronError");
    jw_object(w);
    jw_kv(w, "type", type ? type : types[kind]);
    jw_kv(w, "message", text);
    jw_kv(w, "detail", "");
    jw_end(w);
    jw_end(w);
}

static void write_self_link(struct jwriter *w, const char *url)
{
    jw_key(w, "links");
    jw_array(w);
    jw_object(w);
    jw_kv(w, "rel", "self");
    jw_kv(w, "href", url);
    jw_end(w);
    jw_end(w);
}

static int versions_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "versions");
    jw_array(w);
    jw_object(w);
    jw_kv(w, "id", "v2.0");
    jw_kv(w, "status", "CURRENT");
    write_self_link(w, cx_printf(cx, "%s/network/v2.0/", req_base_url(rq)));
    jw_end(w);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int resources_list(struct cx *cx, struct req *rq)
{
    static const char *const names[][2] = { { "network", "networks" },   { "subnet", "subnets" }, { "subnetpool", "subnetpools" },
                                            { "port", "ports" },         { "router", "routers" }, { "floatingip", "floatingips" },
                                            { "security_group", "security-groups" }, { "security_group_rule", "security-group-rules" },
                                            { "quota", "quotas" },       { "agent", "agents" },   { "extension", "extensions" } };
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "resources");
    jw_array(w);
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        jw_object(w);
        jw_kv(w, "name", names[i][0]);
        jw_kv(w, "collection", names[i][1]);
        write_self_link(w, cx_printf(cx, "%s/network/v2.0/%s", req_base_url(rq), names[i][1]));
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

/* clang-format off */
static const struct route version_routes[] = {
    { "GET", "/", versions_list, "get_versions", MAY_ANYBODY, NULL, OK(200), .mode = MODE_LOCAL },
    { 0 },
};
static const struct route root_routes[] = {
    { "GET", "/", resources_list, "get_resources", MAY_ANYBODY, NULL, OK(200), .mode = MODE_LOCAL },
    { 0 },
};
static const struct route *const version_tables[] = { version_routes, NULL };
static const struct route *const tables[] = {
    root_routes,           neutron_network_routes,  neutron_subnet_routes, neutron_subnetpool_routes, neutron_port_routes,
    neutron_router_routes, neutron_floating_routes, neutron_group_routes,  neutron_quota_routes,      neutron_extension_routes,
    neutron_agent_routes, neutron_availability_routes,  neutron_tag_routes,      NULL,
};
/* clang-format on */

const struct face neutron_versions_face = { .mount = "/network", .tables = version_tables, .error = write_error };
const struct face neutron_face = {
    .mount = "/network/v2.0",
    .tables = tables,
    .statuses = { [KIND_QUOTA] = 409 },
    .error = write_error,
};
