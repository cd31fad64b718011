#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/router.h"

struct gateway {
    const char *network_id;
    bool enable_snat;
    struct list ips; /* struct port_ip */
};
struct router_body {
    const char *name, *description, *project_id;
    bool admin_state_up;
    struct gateway *gateway;
    struct list routes;
};
struct interface_body {
    const char *subnet_id, *port_id;
};
/* clang-format off */
static const struct field ip_fields[] = {
    STR(struct port_ip, subnet_id), STR(struct port_ip, ip_address), { 0 },
};
static const struct field gateway_fields[] = {
    STR(struct gateway, network_id, .nullable = true),
    BOOL(struct gateway, enable_snat, .preset = "true", .coerce = true),
    LIST(struct gateway, ips, struct port_ip, ip_fields, AS("external_fixed_ips")),
    { 0 },
};
static const struct field route_fields[] = {
    STR(struct host_route, destination, .required = true), STR(struct host_route, nexthop, .required = true), { 0 },
};
static const struct field body_fields[] = {
    STANDARD_BODY(struct router_body),
    BOOL(struct router_body, admin_state_up, .preset = "true", .coerce = true),
    SUB(struct router_body, gateway, struct gateway, gateway_fields, AS("external_gateway_info"), .nullable = true),
    LIST(struct router_body, routes, struct host_route, route_fields, .nullable = true),
    { 0 },
};
static const struct body create_body = { "router", body_fields, sizeof(struct router_body), .plural = "routers", .max = 1 << 20 };
static const struct body update_body = { "router", body_fields, sizeof(struct router_body), .overlay = true };
static const struct field interface_fields[] = {
    STR(struct interface_body, subnet_id), STR(struct interface_body, port_id), { 0 },
};
static const struct body interface_body = { NULL, interface_fields, sizeof(struct interface_body) };
struct routes_body {
    struct list routes;
};
static const struct field routes_fields[] = {
    LIST(struct routes_body, routes, struct host_route, route_fields, .required = true), { 0 },
};
static const struct body routes_body = { "router", routes_fields, sizeof(struct routes_body) };

static void emit_gateway(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct router *r = obj;
    const struct gateway g = { r->gateway_network_id, r->enable_snat, r->gateway_ips };
    if (r->gateway_port_id)
        jw_fields(w, gateway_fields, &g);
    else
        jw_null(w);
}
static const struct field view[] = {
    STANDARD_VIEW(struct router),
    BOOL(struct router, admin_state_up),
    HOOK("status", .emit = neutron_emit_active),
    HOOK("external_gateway_info", .emit = emit_gateway),
    LIST(struct router, routes, struct host_route, route_fields),
    { 0 },
};
static const char *const filters[] = { STANDARD_FILTERS, "admin_state_up", NULL };
/* clang-format on */

static int routers_list(struct cx *cx, struct req *rq)
{
    const struct paging paging = { .columns = router_table.columns, .filters = filters, .sorts = filters, .also = neutron_tag_filters,
                                   .strict = true, .neutron = true };
    struct query q;
    struct list routers = { 0 };

    TRY(neutron_query(rq, &paging, &q));
    if (!neutron_never_active(rq))
        TRY(router_list(cx, &q, &routers));
    return neutron_reply_list(rq, "routers", view, routers, sizeof(struct router), &q);
}

static void set_gateway(struct router *r, const struct gateway *g)
{
    r->gateway_network_id = g ? g->network_id : NULL;
    r->enable_snat = g ? g->enable_snat : true;
    r->gateway_ips = g ? g->ips : (struct list){ 0 };
}

static int routers_create(struct cx *cx, struct req *rq)
{
    struct list bodies = req_bodies(rq, NULL);
    struct router *r = arena_new_array(cx->arena, struct router, bodies.n);

    for (size_t i = 0; i < bodies.n; i++) {
        const struct router_body *in = (const struct router_body *)bodies.items + i;
        r[i] = (struct router){ .name = in->name, .description = in->description, .project_id = in->project_id,
                                .admin_state_up = in->admin_state_up, .routes = in->routes };
        TRY(neutron_check_project(cx, in->project_id));
        set_gateway(&r[i], in->gateway);
        TRY(router_add(cx, &r[i]));
    }
    return neutron_reply_created(rq, "router", "routers", view, (struct list){ r, bodies.n }, sizeof *r);
}

static int routers_show(struct cx *cx, struct req *rq)
{
    struct router r;

    TRY(router_get(cx, req_path(rq, "id"), &r));
    return reply(rq, "router", view, &r);
}

static int routers_update(struct cx *cx, struct req *rq)
{
    struct router r;

    TRY(neutron_check_revision(rq, "routers"));
    TRY(router_get(cx, req_path(rq, "id"), &r));
    struct router_body b = { .name = r.name, .description = r.description, .admin_state_up = r.admin_state_up, .routes = r.routes };
    TRY(req_overlay(rq, &b));
    r.name = b.name;
    r.description = b.description;
    r.admin_state_up = b.admin_state_up;
    r.routes = b.routes;
    if (req_has(rq, "external_gateway_info"))
        set_gateway(&r, b.gateway);
    TRY(router_change(cx, &r));
    return reply(rq, "router", view, &r);
}

static int routers_delete(struct cx *cx, struct req *rq)
{
    TRY(neutron_check_revision(rq, "routers"));
    TRY(router_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

static int reply_interface(struct req *rq, const char *router_id, const struct port *leg)
{
    const struct port_ip *ip = leg->ips.items;
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_kv(w, "id", router_id);
    jw_kv(w, "tenant_id", leg->project_id);
    jw_kv(w, "project_id", leg->project_id);
    jw_kv(w, "port_id", leg->id);
    jw_kv(w, "network_id", leg->network_id);
    jw_kv(w, "subnet_id", leg->ips.n ? ip[0].subnet_id : NULL);
    jw_key(w, "subnet_ids");
    jw_array(w);
    for (size_t i = 0; i < leg->ips.n; i++)
        jw_string(w, ip[i].subnet_id);
    jw_end(w);
    jw_key(w, "tags");
    neutron_emit_tags(w, NULL, leg, NULL);
    jw_end(w);
    return reply_written(rq);
}

static int interfaces_add(struct cx *cx, struct req *rq)
{
    const struct interface_body *in = req_body(rq);
    struct port leg;

    TRY(router_add_interface(cx, req_path(rq, "id"), in->subnet_id, in->port_id, &leg));
    return reply_interface(rq, req_path(rq, "id"), &leg);
}

static int interfaces_remove(struct cx *cx, struct req *rq)
{
    const struct interface_body *in = req_body(rq);
    struct port leg;

    TRY(router_remove_interface(cx, req_path(rq, "id"), in->subnet_id, in->port_id, &leg));
    return reply_interface(rq, req_path(rq, "id"), &leg);
}

static int routes_add(struct cx *cx, struct req *rq)
{
    const struct routes_body *in = req_body(rq);
    struct router r;

    TRY(router_add_routes(cx, req_path(rq, "id"), in->routes, &r));
    return reply(rq, "router", view, &r);
}

static int routes_remove(struct cx *cx, struct req *rq)
{
    const struct routes_body *in = req_body(rq);
    struct router r;

    TRY(router_remove_routes(cx, req_path(rq, "id"), in->routes, &r));
    return reply(rq, "router", view, &r);
}

/* clang-format off */
const struct route neutron_router_routes[] = {
    { "GET",    "/routers",                              routers_list,      "get_router",              MAY_READER, NULL,            OK(200) },
    { "POST",   "/routers",                              routers_create,    "create_router",           MAY_MEMBER, &create_body,    OK(201) },
    { "GET",    "/routers/{id}",                         routers_show,      "get_router",              MAY_READER, NULL,            OK(200) },
    { "PUT",    "/routers/{id}",                         routers_update,    "update_router",           MAY_MEMBER, &update_body,    OK(200) },
    { "DELETE", "/routers/{id}",                         routers_delete,    "delete_router",           MAY_MEMBER, NULL,            OK(204) },
    { "PUT",    "/routers/{id}/add_router_interface",    interfaces_add,    "add_router_interface",    MAY_MEMBER, &interface_body, OK(200) },
    { "PUT",    "/routers/{id}/remove_router_interface", interfaces_remove, "remove_router_interface", MAY_MEMBER, &interface_body, OK(200) },
    { "PUT",    "/routers/{id}/add_extraroutes",         routes_add,        "add_extraroutes",         MAY_MEMBER, &routes_body,    OK(200) },
    { "PUT",    "/routers/{id}/remove_extraroutes",      routes_remove,     "remove_extraroutes",      MAY_MEMBER, &routes_body,    OK(200) },
    { 0 },
};
