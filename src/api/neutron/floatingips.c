#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/floating.h"

/* clang-format off */
static const struct field body_fields[] = {
    STR(struct floating, description, .preset = ""),
    STR(struct floating, project_id, .write_once = true),
    STR(struct floating, project_id, AS("tenant_id"), .write_once = true),
    STR(struct floating, floating_network_id, .required = true, .write_once = true),
    STR(struct floating, floating_ip_address, .nullable = true, .write_once = true),
    STR(struct floating, subnet_id, .nullable = true, .write_once = true),
    STR(struct floating, port_id, .nullable = true),
    STR(struct floating, fixed_ip_address, .nullable = true),
    { 0 },
};
static const struct body create_body = { "floatingip", body_fields, sizeof(struct floating), .plural = "floatingips", .max = 1 << 20 };
static const struct body update_body = { "floatingip", body_fields, sizeof(struct floating), .overlay = true };
static const struct field port_view[] = {
    STR(struct port, name),      STR(struct port, network_id), STR(struct port, mac_address),  BOOL(struct port, admin_state_up),
    STR(struct port, status),    STR(struct port, device_id),  STR(struct port, device_owner), { 0 },
};
static void emit_port(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct floating *fip = obj;
    if (fip->port)
        jw_fields(w, port_view, fip->port);
    else
        jw_null(w);
}
static const struct field view[] = {
    STR(struct floating, id),
    STR(struct floating, project_id),
    STR(struct floating, project_id, AS("tenant_id")),
    STR(struct floating, description),
    STR(struct floating, tags, .emit = neutron_emit_tags),
    TIME(struct floating, created_at),
    TIME(struct floating, updated_at),
    I64(struct floating, revision_number),
    STR(struct floating, floating_network_id),
    STR(struct floating, floating_ip_address),
    STR(struct floating, port_id),
    STR(struct floating, fixed_ip_address),
    STR(struct floating, router_id),
    STR(struct floating, status),
    HOOK("port_details", .emit = emit_port),
    { 0 },
};
static const char *const filters[] = {
    "id", "project_id", "tenant_id=project_id", "description", "revision_number", "floating_network_id", "floating_ip_address", "port_id",
    "fixed_ip_address", "router_id", "status", NULL,
};
/* clang-format on */

static int floatings_list(struct cx *cx, struct req *rq)
{
    const struct paging paging = { .columns = floating_table.columns, .filters = filters, .sorts = filters, .also = neutron_tag_filters,
                                   .strict = true, .neutron = true };
    struct query q;
    struct list floatings;

    TRY(neutron_query(rq, &paging, &q));
    TRY(floating_list(cx, &q, &floatings));
    return neutron_reply_list(rq, "floatingips", view, floatings, sizeof(struct floating), &q);
}

static int floatings_create(struct cx *cx, struct req *rq)
{
    struct list in = req_bodies(rq, NULL);
    struct floating *f = arena_new_array(cx->arena, struct floating, in.n);

    for (size_t i = 0; i < in.n; i++) {
        f[i] = ((const struct floating *)in.items)[i];
        TRY(neutron_check_project(cx, f[i].project_id));
        TRY(floating_add(cx, &f[i]));
    }
    return neutron_reply_created(rq, "floatingip", "floatingips", view, (struct list){ f, in.n }, sizeof *f);
}

static int floatings_show(struct cx *cx, struct req *rq)
{
    struct floating f;

    TRY(floating_get(cx, req_path(rq, "id"), &f));
    return reply(rq, "floatingip", view, &f);
}

static int floatings_update(struct cx *cx, struct req *rq)
{
    struct floating f;

    TRY(neutron_check_revision(rq, "floatingips"));
    TRY(floating_get(cx, req_path(rq, "id"), &f));
    TRY(req_overlay(rq, &f));
    if (req_has(rq, "port_id") && !req_has(rq, "fixed_ip_address"))
        f.fixed_ip_address = NULL; /* of the new port, any */
    TRY(floating_change(cx, &f));
    return reply(rq, "floatingip", view, &f);
}

static int floatings_delete(struct cx *cx, struct req *rq)
{
    TRY(neutron_check_revision(rq, "floatingips"));
    TRY(floating_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route neutron_floating_routes[] = {
    { "GET",    "/floatingips",      floatings_list,   "get_floatingip",    MAY_READER, NULL,         OK(200) },
    { "POST",   "/floatingips",      floatings_create, "create_floatingip", MAY_MEMBER, &create_body, OK(201) },
    { "GET",    "/floatingips/{id}", floatings_show,   "get_floatingip",    MAY_READER, NULL,         OK(200) },
    { "PUT",    "/floatingips/{id}", floatings_update, "update_floatingip", MAY_MEMBER, &update_body, OK(200) },
    { "DELETE", "/floatingips/{id}", floatings_delete, "delete_floatingip", MAY_MEMBER, NULL,         OK(204) },
    { 0 },
};
