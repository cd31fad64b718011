#include <string.h>

#include "api/keystone/internal.h"
#include "identity/auth.h"
#include "identity/catalog.h"

static void emit_url(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    struct req *rq = (struct req *)(uintptr_t)ctx; /* every reply of this face has its request for context */
    const struct catalog_endpoint *e = obj;
    jw_string(w, catalog_url(req_cx(rq), req_base_url(rq), e->url));
}

/* clang-format off */
static const struct field region_view[] = {
    STR(struct catalog_region, id), STR(struct catalog_region, description), STR(struct catalog_region, parent_region_id), { 0 },
};
static const struct field service_view[] = {
    STR(struct catalog_service, id), STR(struct catalog_service, type), STR(struct catalog_service, name),
    STR(struct catalog_service, description, .omit = true), BOOL(struct catalog_service, enabled), { 0 },
};
static const struct field endpoint_view[] = {
    STR(struct catalog_endpoint, id), STR(struct catalog_endpoint, service_id), STR(struct catalog_endpoint, region_id),
    STR(struct catalog_endpoint, region_id, AS("region")), STR(struct catalog_endpoint, interface),
    STR(struct catalog_endpoint, url, .emit = emit_url), BOOL(struct catalog_endpoint, enabled), { 0 },
};
static const struct paging region_paging = {
    .columns = catalog_region_columns, .filters = (const char *const[]){ "parent_region_id", "id", NULL },
};
static const struct paging service_paging = {
    .columns = catalog_service_columns, .filters = (const char *const[]){ "type", "name", "enabled", NULL },
};
static const struct paging endpoint_paging = {
    .columns = catalog_endpoint_columns,
    .filters = (const char *const[]){ "service_id", "interface", "region_id", "region=region_id", "enabled", NULL },
};
#define RESOURCE(one, many, T) { #one, many, one##_view, sizeof(T), offsetof(T, id), offsetof(T, extra), &one##_paging }
static const struct resource region_resource = RESOURCE(region, "regions", struct catalog_region);
static const struct resource service_resource = RESOURCE(service, "services", struct catalog_service);
static const struct resource endpoint_resource = RESOURCE(endpoint, "endpoints", struct catalog_endpoint);

static bool is_url(const char *s)
{
    return s[0] == '/' || strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}

static const char *const interfaces[] = { "public", "internal", "admin", NULL };
static const struct field region_fields[] = {
    STR(struct catalog_region, id, .max = 255, .write_once = true, .nullable = true), STR(struct catalog_region, description, .preset = "", .max = 65535),
    STR(struct catalog_region, parent_region_id, .nullable = true), HOOK("links", .readonly = true), { 0 },
};
static const struct field service_fields[] = {
    STR(struct catalog_service, type, .required = true, .min = 1), STR(struct catalog_service, name, .min = 1),
    STR(struct catalog_service, description, .nullable = true, .max = 65535), BOOL(struct catalog_service, enabled, .preset = "true"),
    HOOK("id", .readonly = true), HOOK("links", .readonly = true), { 0 },
};
static const struct field endpoint_fields[] = {
    STR(struct catalog_endpoint, service_id, .required = true, KEYSTONE_ID), STR(struct catalog_endpoint, region_id, .nullable = true),
    STR(struct catalog_endpoint, region, .nullable = true), STR(struct catalog_endpoint, interface, .required = true, .one_of = interfaces),
    STR(struct catalog_endpoint, url, .required = true, .max = 4096, .check = is_url, .expected = "It must be a URL, or a path under this cloud's own."),
    BOOL(struct catalog_endpoint, enabled, .preset = "true"), HOOK("id", .readonly = true), HOOK("links", .readonly = true), { 0 },
};
#define BODY(one, table, T, ...) { .wrap = one, .fields = table, .size = sizeof(T), .open = true, __VA_ARGS__ }
static const struct body region_create_body = BODY("region", region_fields, struct catalog_region);
static const struct body region_put_body = BODY("region", region_fields, struct catalog_region, .optional = true);
static const struct body region_update_body = BODY("region", region_fields, struct catalog_region, .overlay = true);
static const struct body service_create_body = BODY("service", service_fields, struct catalog_service);
static const struct body service_update_body = BODY("service", service_fields, struct catalog_service, .overlay = true);
static const struct body endpoint_create_body = BODY("endpoint", endpoint_fields, struct catalog_endpoint);
static const struct body endpoint_update_body = BODY("endpoint", endpoint_fields, struct catalog_endpoint, .overlay = true);
/* clang-format on */

/* ---- regions ---- */

static int regions_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list regions;

    TRY(keystone_filter(rq, &region_resource, &f));
    TRY(catalog_region_list(cx, &f, &regions));
    return keystone_reply_list(rq, &region_resource, NULL, regions);
}

static int regions_create(struct cx *cx, struct req *rq)
{
    struct catalog_region r = *(const struct catalog_region *)req_body(rq);

    r.extra = json_rest(cx, region_fields, req_json(rq), NULL);
    TRY(catalog_region_create(cx, &r));
    return keystone_reply(rq, &region_resource, NULL, &r);
}

/* With the id in the path, which a body may repeat. */
static int regions_put(struct cx *cx, struct req *rq)
{
    const struct catalog_region *in = req_body(rq);
    struct catalog_region r = in ? *in : (struct catalog_region){ 0 };
    const char *id = req_path(rq, "region_id");

    if (r.id && !str_eq(r.id, id))
        return fail(cx, KIND_INVALID, "Conflicting region IDs specified: \"%.64s\" != \"%.64s\"", id, r.id);
    r.id = id;
    r.description = r.description ? r.description : "";
    r.extra = req_json(rq) ? json_rest(cx, region_fields, req_json(rq), NULL) : "{}";
    TRY(catalog_region_create(cx, &r));
    return keystone_reply(rq, &region_resource, NULL, &r);
}

static int regions_show(struct cx *cx, struct req *rq)
{
    struct catalog_region r;

    TRY(catalog_region_get(cx, req_path(rq, "region_id"), &r));
    return keystone_reply(rq, &region_resource, NULL, &r);
}

static int regions_update(struct cx *cx, struct req *rq)
{
    struct catalog_region r;

    TRY(catalog_region_get(cx, req_path(rq, "region_id"), &r));
    TRY(req_overlay(rq, &r));
    r.extra = json_rest(cx, region_fields, req_json(rq), r.extra);
    TRY(catalog_region_update(cx, &r));
    return keystone_reply(rq, &region_resource, NULL, &r);
}

static int regions_delete(struct cx *cx, struct req *rq)
{
    TRY(catalog_region_delete(cx, req_path(rq, "region_id")));
    return reply_empty(rq);
}

/* ---- services ---- */

static int services_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list services;

    TRY(auth_check_reader(cx));
    TRY(keystone_filter(rq, &service_resource, &f));
    TRY(catalog_service_list(cx, &f, &services));
    return keystone_reply_list(rq, &service_resource, NULL, services);
}

static int services_create(struct cx *cx, struct req *rq)
{
    struct catalog_service s = *(const struct catalog_service *)req_body(rq);

    s.extra = json_rest(cx, service_fields, req_json(rq), NULL);
    TRY(catalog_service_create(cx, &s));
    return keystone_reply(rq, &service_resource, NULL, &s);
}

static int services_show(struct cx *cx, struct req *rq)
{
    struct catalog_service s;

    TRY(auth_check_reader(cx));
    TRY(catalog_service_get(cx, req_path(rq, "service_id"), &s));
    return keystone_reply(rq, &service_resource, NULL, &s);
}

static int services_update(struct cx *cx, struct req *rq)
{
    struct catalog_service s;

    TRY(catalog_service_get(cx, req_path(rq, "service_id"), &s));
    TRY(req_overlay(rq, &s));
    s.extra = json_rest(cx, service_fields, req_json(rq), s.extra);
    TRY(catalog_service_update(cx, &s));
    return keystone_reply(rq, &service_resource, NULL, &s);
}

static int services_delete(struct cx *cx, struct req *rq)
{
    TRY(catalog_service_delete(cx, req_path(rq, "service_id")));
    return reply_empty(rq);
}

/* ---- endpoints ---- */

static int endpoints_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list endpoints;

    TRY(auth_check_reader(cx));
    TRY(keystone_filter(rq, &endpoint_resource, &f));
    TRY(catalog_endpoint_list(cx, &f, &endpoints));
    return keystone_reply_list(rq, &endpoint_resource, NULL, endpoints);
}

static int endpoints_create(struct cx *cx, struct req *rq)
{
    struct catalog_endpoint e = *(const struct catalog_endpoint *)req_body(rq);

    e.extra = json_rest(cx, endpoint_fields, req_json(rq), NULL);
    TRY(catalog_endpoint_create(cx, &e));
    return keystone_reply(rq, &endpoint_resource, NULL, &e);
}

static int endpoints_show(struct cx *cx, struct req *rq)
{
    struct catalog_endpoint e;

    TRY(auth_check_reader(cx));
    TRY(catalog_endpoint_get(cx, req_path(rq, "endpoint_id"), &e));
    return keystone_reply(rq, &endpoint_resource, NULL, &e);
}

static int endpoints_update(struct cx *cx, struct req *rq)
{
    struct catalog_endpoint e;

    TRY(catalog_endpoint_get(cx, req_path(rq, "endpoint_id"), &e));
    TRY(req_overlay(rq, &e));
    e.extra = json_rest(cx, endpoint_fields, req_json(rq), e.extra);
    TRY(catalog_endpoint_update(cx, &e));
    return keystone_reply(rq, &endpoint_resource, NULL, &e);
}

static int endpoints_delete(struct cx *cx, struct req *rq)
{
    TRY(catalog_endpoint_delete(cx, req_path(rq, "endpoint_id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route keystone_catalog_routes[] = {
    { "GET",    "/regions",                 regions_list,     "identity:list_regions",    MAY_KNOWN,  NULL, OK(200) },
    { "POST",   "/regions",                 regions_create,   "identity:create_region",   MAY_ADMIN,  &region_create_body, OK(201) },
    { "PUT",    "/regions/{region_id}",     regions_put,      "identity:create_region",   MAY_ADMIN,  &region_put_body, OK(201) },
    { "GET",    "/regions/{region_id}",     regions_show,     "identity:get_region",      MAY_KNOWN,  NULL, OK(200) },
    { "PATCH",  "/regions/{region_id}",     regions_update,   "identity:update_region",   MAY_ADMIN,  &region_update_body, OK(200) },
    { "DELETE", "/regions/{region_id}",     regions_delete,   "identity:delete_region",   MAY_ADMIN,  NULL, OK(204) },
    { "GET",    "/services",                services_list,    "identity:list_services",   MAY_READER, NULL, OK(200) },
    { "POST",   "/services",                services_create,  "identity:create_service",  MAY_ADMIN,  &service_create_body, OK(201) },
    { "GET",    "/services/{service_id}",   services_show,    "identity:get_service",     MAY_READER, NULL, OK(200) },
    { "PATCH",  "/services/{service_id}",   services_update,  "identity:update_service",  MAY_ADMIN,  &service_update_body, OK(200) },
    { "DELETE", "/services/{service_id}",   services_delete,  "identity:delete_service",  MAY_ADMIN,  NULL, OK(204) },
    { "GET",    "/endpoints",               endpoints_list,   "identity:list_endpoints",  MAY_READER, NULL, OK(200) },
    { "POST",   "/endpoints",               endpoints_create, "identity:create_endpoint", MAY_ADMIN,  &endpoint_create_body, OK(201) },
    { "GET",    "/endpoints/{endpoint_id}", endpoints_show,   "identity:get_endpoint",    MAY_READER, NULL, OK(200) },
    { "PATCH",  "/endpoints/{endpoint_id}", endpoints_update, "identity:update_endpoint", MAY_ADMIN,  &endpoint_update_body, OK(200) },
    { "DELETE", "/endpoints/{endpoint_id}", endpoints_delete, "identity:delete_endpoint", MAY_ADMIN,  NULL, OK(204) },
    { 0 },
};
/* clang-format on */
