#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/network.h"

static const char *const network_types[] = { "local", NULL }; /* flat ones are made at set-up */
/* clang-format off */
static const struct field create_fields[] = {
    STANDARD_BODY(struct network),
    BOOL(struct network, admin_state_up, .preset = "true", .coerce = true),
    BOOL(struct network, shared, .coerce = true),
    BOOL(struct network, is_external, AS("router:external"), .coerce = true),
    BOOL(struct network, is_default, .coerce = true),
    BOOL(struct network, port_security_enabled, .preset = "true", .coerce = true),
    I64(struct network, mtu, .coerce = true),
    STR(struct network, network_type, AS("provider:network_type"), .write_once = true, .one_of = network_types),
    { 0 },
};
static const struct body create_body = { "network", create_fields, sizeof(struct network), .plural = "networks", .max = 1 << 20 };
static const struct body update_body = { "network", create_fields, sizeof(struct network), .overlay = true };

static void emit_no_segment(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_null(w);
}
static const struct field view[] = {
    STANDARD_VIEW(struct network),
    BOOL(struct network, admin_state_up),
    BOOL(struct network, shared),
    HOOK("status", .emit = neutron_emit_active),
    STRS(struct network, subnets),
    I64(struct network, mtu),
    BOOL(struct network, port_security_enabled),
    BOOL(struct network, is_external, AS("router:external")),
    BOOL(struct network, is_default, .omit = true),
    STR(struct network, network_type, AS("provider:network_type"), .admin = true),
    STR(struct network, physical_network, AS("provider:physical_network"), .admin = true),
    HOOK("provider:segmentation_id", .admin = true, .emit = emit_no_segment),
    { 0 },
};
static const char *const filters[] = {
    STANDARD_FILTERS, "admin_state_up", "shared", "router:external=is_external", "is_default", "mtu", "port_security_enabled", NULL,
};
static const char *const admin_filters[] = {
    STANDARD_FILTERS, "admin_state_up", "shared", "router:external=is_external", "is_default", "mtu", "port_security_enabled",
    "provider:network_type=network_type", "provider:physical_network=physical_network", NULL,
};
/* clang-format on */

static int networks_list(struct cx *cx, struct req *rq)
{
    const char *const *names = sees_all(cx) ? admin_filters : filters;
    const struct paging paging = { .columns = network_table.columns, .filters = names, .sorts = names, .also = neutron_tag_filters,
                                   .strict = true, .neutron = true };
    struct query q;
    struct list networks = { 0 };

    TRY(neutron_query(rq, &paging, &q));
    if (!neutron_never_active(rq))
        TRY(network_list(cx, &q, &networks));
    return neutron_reply_list(rq, "networks", view, networks, sizeof(struct network), &q);
}

static int networks_create(struct cx *cx, struct req *rq)
{
    struct list in = req_bodies(rq, NULL);
    struct network *n = arena_new_array(cx->arena, struct network, in.n);

    for (size_t i = 0; i < in.n; i++) {
        n[i] = ((const struct network *)in.items)[i];
        TRY(neutron_check_project(cx, n[i].project_id));
        TRY(network_add(cx, &n[i]));
    }
    return neutron_reply_created(rq, "network", "networks", view, (struct list){ n, in.n }, sizeof *n);
}

static int networks_show(struct cx *cx, struct req *rq)
{
    struct network n;

    TRY(network_get(cx, req_path(rq, "id"), &n));
    return reply(rq, "network", view, &n);
}

static int networks_update(struct cx *cx, struct req *rq)
{
    struct network n;

    TRY(neutron_check_revision(rq, "networks"));
    TRY(network_get_own(cx, req_path(rq, "id"), "update_network", &n));
    TRY(req_overlay(rq, &n));
    TRY(network_change(cx, &n));
    return reply(rq, "network", view, &n);
}

static int networks_delete(struct cx *cx, struct req *rq)
{
    TRY(neutron_check_revision(rq, "networks"));
    TRY(network_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route neutron_network_routes[] = {
    { "GET",    "/networks",      networks_list,   "get_network",    MAY_READER, NULL,         OK(200) },
    { "POST",   "/networks",      networks_create, "create_network", MAY_MEMBER, &create_body, OK(201) },
    { "GET",    "/networks/{id}", networks_show,   "get_network",    MAY_READER, NULL,         OK(200) },
    { "PUT",    "/networks/{id}", networks_update, "update_network", MAY_MEMBER, &update_body, OK(200) },
    { "DELETE", "/networks/{id}", networks_delete, "delete_network", MAY_MEMBER, NULL,         OK(204) },
    { 0 },
};
