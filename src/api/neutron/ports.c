#include <string.h>

#include <jansson.h>

#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/address.h"
#include "network/port.h"

enum { PROFILE_MAX = 4095 };

/* An object of the caller's own making; for admins' records, no driver here reads it. */
static int parse_profile(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct port *p = obj;

    if (!json_is_object(value) && !json_is_null(value))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for binding:profile. Reason: it must be an object.");
    p->profile = json_is_null(value) ? "{}" : json_text(cx, value);
    if (strlen(p->profile) > PROFILE_MAX)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for binding:profile. Reason: it has more than %d bytes.", PROFILE_MAX);
    return 0;
}

static const char *const vnic_types[] = { "normal", NULL };
/* clang-format off */
static const struct field ip_fields[] = {
    STR(struct port_ip, subnet_id), STR(struct port_ip, ip_address), { 0 },
};
static const struct field pair_fields[] = {
    STR(struct port_pair, ip_address, .required = true), STR(struct port_pair, mac_address), { 0 },
};
static const struct field create_fields[] = {
    STANDARD_BODY(struct port),
    STR(struct port, network_id, .required = true, .write_once = true),
    STR(struct port, mac_address, .check = mac_valid, .expected = "It must be a MAC address."),
    BOOL(struct port, admin_state_up, .preset = "true", .coerce = true),
    STR(struct port, device_id, .preset = ""),
    STR(struct port, device_owner, .preset = ""),
    BOOL(struct port, port_security_enabled, .coerce = true),
    LIST(struct port, ips, struct port_ip, ip_fields, AS("fixed_ips")),
    LIST(struct port, pairs, struct port_pair, pair_fields, AS("allowed_address_pairs"), .nullable = true),
    STRS(struct port, groups, AS("security_groups"), .nullable = true),
    STR(struct port, host_id, AS("binding:host_id"), .nullable = true, .admin = true),
    STR(struct port, vnic_type, AS("binding:vnic_type"), .one_of = vnic_types),
    JSON(struct port, profile, AS("binding:profile"), .nullable = true, .admin = true, .parse = parse_profile),
    { 0 },
};
static const struct body create_body = { "port", create_fields, sizeof(struct port), .plural = "ports", .max = 1 << 20 };
static const struct body update_body = { "port", create_fields, sizeof(struct port), .overlay = true };

static void emit_vif_type(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct port *p = obj;
    jw_string(w, *p->host_id ? "bridge" : "unbound");
}
static void emit_vif_details(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_object(w);
    jw_end(w);
}
static const struct field view[] = {
    STANDARD_VIEW(struct port),
    STR(struct port, network_id),
    STR(struct port, mac_address),
    BOOL(struct port, admin_state_up),
    STR(struct port, status),
    STR(struct port, device_id),
    STR(struct port, device_owner),
    BOOL(struct port, port_security_enabled),
    LIST(struct port, ips, struct port_ip, ip_fields, AS("fixed_ips")),
    LIST(struct port, pairs, struct port_pair, pair_fields, AS("allowed_address_pairs")),
    STRS(struct port, groups, AS("security_groups")),
    STR(struct port, vnic_type, AS("binding:vnic_type")),
    STR(struct port, host_id, AS("binding:host_id"), .admin = true),
    JSON(struct port, profile, AS("binding:profile"), .admin = true),
    HOOK("binding:vif_type", .admin = true, .emit = emit_vif_type),
    HOOK("binding:vif_details", .admin = true, .emit = emit_vif_details),
    { 0 },
};
static const char *const filters[] = {
    STANDARD_FILTERS, "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner", "port_security_enabled",
    "binding:vnic_type=vnic_type", NULL,
};
static const char *const admin_filters[] = {
    STANDARD_FILTERS, "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner", "port_security_enabled",
    "binding:vnic_type=vnic_type", "binding:host_id=host_id", NULL,
};
static const char *const also[] = { "tags", "tags-any", "not-tags", "not-tags-any", "fixed_ips", "security_groups", "changed_since", NULL };
/* clang-format on */

static void add(struct cx *cx, struct strs *list, const char *value)
{
    *arena_push(cx->arena, &list->items, &list->n) = value;
}

/* fixed_ips=ip_address=192.0.2.1, subnet_id=..., ip_address_substr=192. */
static int read_fixed_ips(struct cx *cx, struct req *rq, struct port_query *q)
{
    struct strs all = req_query_all(rq, "fixed_ips");
    const char *value;

    for (size_t i = 0; i < all.n; i++)
        if (str_starts(all.items[i], "ip_address=", &value))
            add(cx, &q->ips, value);
        else if (str_starts(all.items[i], "subnet_id=", &value) || str_starts(all.items[i], "subnet=", &value))
            add(cx, &q->subnet_ids, value);
        else if (str_starts(all.items[i], "ip_address_substr=", &value) && !strpbrk(value, "%_"))
            add(cx, &q->ip_parts, value);
        else
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid filter fixed_ips=%.64s: it begins with ip_address=, subnet_id= or ip_address_substr=.",
                             all.items[i]);
    q->group_ids = req_query_all(rq, "security_groups");
    return 0;
}

static int ports_list(struct cx *cx, struct req *rq)
{
    const char *const *names = sees_all(cx) ? admin_filters : filters;
    const struct paging paging = { .columns = port_table.columns, .filters = names, .sorts = names, .also = also, .strict = true,
                                   .neutron = true };
    struct port_query q = { 0 };
    struct list ports;

    TRY(neutron_query(rq, &paging, &q.query));
    TRY(read_fixed_ips(cx, rq, &q));
    TRY(port_list(cx, &q, &ports));
    return neutron_reply_list(rq, "ports", view, ports, sizeof(struct port), &q.query);
}

static int ports_create(struct cx *cx, struct req *rq)
{
    struct list in = req_bodies(rq, NULL);
    struct port *p = arena_new_array(cx->arena, struct port, in.n);

    for (size_t i = 0; i < in.n; i++) {
        p[i] = ((const struct port *)in.items)[i];
        p[i].auto_ips = !req_has_at(rq, i, "fixed_ips");
        p[i].auto_groups = !req_has_at(rq, i, "security_groups");
        p[i].auto_security = !req_has_at(rq, i, "port_security_enabled");
        p[i].own_mac = p[i].mac_address != NULL;
        TRY(neutron_check_project(cx, p[i].project_id));
        TRY(port_add(cx, &p[i]));
    }
    return neutron_reply_created(rq, "port", "ports", view, (struct list){ p, in.n }, sizeof *p);
}

static int ports_show(struct cx *cx, struct req *rq)
{
    struct port p;

    TRY(port_get(cx, req_path(rq, "id"), &p));
    return reply(rq, "port", view, &p);
}

static int ports_update(struct cx *cx, struct req *rq)
{
    struct port p;

    TRY(neutron_check_revision(rq, "ports"));
    TRY(port_get_own(cx, req_path(rq, "id"), "update_port", &p));
    TRY(req_overlay(rq, &p));
    p.host_id = p.host_id ? p.host_id : "";
    TRY(port_change(cx, &p));
    return reply(rq, "port", view, &p);
}

static int ports_delete(struct cx *cx, struct req *rq)
{
    TRY(neutron_check_revision(rq, "ports"));
    TRY(port_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route neutron_port_routes[] = {
    { "GET",    "/ports",      ports_list,   "get_port",    MAY_READER, NULL,         OK(200) },
    { "POST",   "/ports",      ports_create, "create_port", MAY_MEMBER, &create_body, OK(201) },
    { "GET",    "/ports/{id}", ports_show,   "get_port",    MAY_READER, NULL,         OK(200) },
    { "PUT",    "/ports/{id}", ports_update, "update_port", MAY_MEMBER, &update_body, OK(200) },
    { "DELETE", "/ports/{id}", ports_delete, "delete_port", MAY_MEMBER, NULL,         OK(204) },
    { 0 },
};
