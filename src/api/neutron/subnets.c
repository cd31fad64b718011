#include <jansson.h>

#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "base/text.h"
#include "network/network.h"

static int parse_dns(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct subnet *s = obj;

    if (json_is_null(value)) {
        s->dns = "[]";
        return 0;
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for dns_nameservers. Reason: it must be a list of IP addresses.");
    if (!json_is_array(value))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for dns_nameservers. Reason: it must be a list.");
    s->dns = json_text(cx, value);
    return 0;
}

static const char *const ipv6_modes[] = { "slaac", "dhcpv6-stateful", "dhcpv6-stateless", NULL };
/* clang-format off */
static const struct field pool_fields[] = {
    STR(struct ip_pool, start, .required = true), STR(struct ip_pool, end, .required = true), { 0 },
};
static const struct field route_fields[] = {
    STR(struct host_route, destination, .required = true), STR(struct host_route, nexthop, .required = true), { 0 },
};
static const struct field create_fields[] = {
    STANDARD_BODY(struct subnet),
    STR(struct subnet, network_id, .required = true, .write_once = true),
    INT(struct subnet, ip_version, .coerce = true, .write_once = true, .min = 4, .max = 6),
    STR(struct subnet, cidr, .nullable = true, .write_once = true),
    STR(struct subnet, subnetpool_id, .nullable = true, .write_once = true),
    BOOL(struct subnet, default_pool, AS("use_default_subnetpool"), .coerce = true, .write_once = true),
    I64(struct subnet, prefixlen, .coerce = true, .write_once = true, .min = 1, .max = 128),
    STR(struct subnet, gateway_ip, .nullable = true),
    BOOL(struct subnet, enable_dhcp, .preset = "true", .coerce = true),
    LIST(struct subnet, pools, struct ip_pool, pool_fields, AS("allocation_pools")),
    LIST(struct subnet, routes, struct host_route, route_fields, AS("host_routes"), .nullable = true),
    JSON(struct subnet, dns, AS("dns_nameservers"), .parse = parse_dns),
    STR(struct subnet, ipv6_ra_mode, .nullable = true, .write_once = true, .one_of = ipv6_modes),
    STR(struct subnet, ipv6_address_mode, .nullable = true, .write_once = true, .one_of = ipv6_modes),
    { 0 },
};
static const struct body create_body = { "subnet", create_fields, sizeof(struct subnet), .plural = "subnets", .max = 1 << 20 };
static const struct body update_body = { "subnet", create_fields, sizeof(struct subnet), .overlay = true };
static const struct field view[] = {
    STANDARD_VIEW(struct subnet),
    STR(struct subnet, network_id),
    INT(struct subnet, ip_version),
    STR(struct subnet, cidr),
    STR(struct subnet, subnetpool_id),
    STR(struct subnet, gateway_ip),
    BOOL(struct subnet, enable_dhcp),
    LIST(struct subnet, pools, struct ip_pool, pool_fields, AS("allocation_pools")),
    LIST(struct subnet, routes, struct host_route, route_fields, AS("host_routes")),
    JSON(struct subnet, dns, AS("dns_nameservers")),
    STR(struct subnet, ipv6_ra_mode),
    STR(struct subnet, ipv6_address_mode),
    { 0 },
};
static const char *const filters[] = {
    STANDARD_FILTERS, "network_id", "ip_version", "cidr", "subnetpool_id", "gateway_ip", "enable_dhcp", "ipv6_ra_mode",
    "ipv6_address_mode", NULL,
};
/* clang-format on */

static const char *const also[] = { "tags", "tags-any", "not-tags", "not-tags-any", "status", "changed_since", "shared", NULL };

/* A subnet is as shared as its network, though it does not show it. */
static int read_shared(struct cx *cx, struct req *rq, struct query *q)
{
    const char *text = req_query(rq, "shared");

    q->by_shared = text != NULL;
    if (text && !text_to_bool(text, &q->shared))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for shared. Reason: '%.64s' cannot be converted to boolean.", text);
    return 0;
}

static int subnets_list(struct cx *cx, struct req *rq)
{
    const struct paging paging = { .columns = subnet_table.columns, .filters = filters, .sorts = filters, .also = also,
                                   .strict = true, .neutron = true };
    struct query q;
    struct list subnets;

    TRY(neutron_query(rq, &paging, &q));
    TRY(read_shared(cx, rq, &q));
    TRY(subnet_list(cx, &q, &subnets));
    return neutron_reply_list(rq, "subnets", view, subnets, sizeof(struct subnet), &q);
}

static int create_one(struct cx *cx, struct req *rq, size_t i, struct subnet *s)
{
    TRY(neutron_check_project(cx, s->project_id));
    if (!s->ip_version && !s->subnetpool_id)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Bad subnets request: ip_version must be specified in the absence of cidr and subnetpool_id.");
    if (s->default_pool && s->subnetpool_id)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Bad subnets request: subnetpool_id and use_default_subnetpool cannot both be specified.");
    if (s->default_pool)
        TRY(subnetpool_find_default(cx, s->ip_version ? s->ip_version : 4, &s->subnetpool_id));
    s->default_gateway = !req_has_at(rq, i, "gateway_ip");
    s->default_pools = !req_has_at(rq, i, "allocation_pools");
    return subnet_add(cx, s);
}

static int subnets_create(struct cx *cx, struct req *rq)
{
    struct list in = req_bodies(rq, NULL);
    struct subnet *s = arena_new_array(cx->arena, struct subnet, in.n);

    for (size_t i = 0; i < in.n; i++) {
        s[i] = ((const struct subnet *)in.items)[i];
        TRY(create_one(cx, rq, i, &s[i]));
    }
    return neutron_reply_created(rq, "subnet", "subnets", view, (struct list){ s, in.n }, sizeof *s);
}

static int subnets_show(struct cx *cx, struct req *rq)
{
    struct subnet s;

    TRY(subnet_get(cx, req_path(rq, "id"), &s));
    return reply(rq, "subnet", view, &s);
}

static int subnets_update(struct cx *cx, struct req *rq)
{
    struct subnet s;

    TRY(neutron_check_revision(rq, "subnets"));
    TRY(subnet_get_own(cx, req_path(rq, "id"), "update_subnet", &s));
    TRY(req_overlay(rq, &s));
    TRY(subnet_change(cx, &s));
    return reply(rq, "subnet", view, &s);
}

static int subnets_delete(struct cx *cx, struct req *rq)
{
    TRY(neutron_check_revision(rq, "subnets"));
    TRY(subnet_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route neutron_subnet_routes[] = {
    { "GET",    "/subnets",      subnets_list,   "get_subnet",    MAY_READER, NULL,         OK(200) },
    { "POST",   "/subnets",      subnets_create, "create_subnet", MAY_MEMBER, &create_body, OK(201) },
    { "GET",    "/subnets/{id}", subnets_show,   "get_subnet",    MAY_READER, NULL,         OK(200) },
    { "PUT",    "/subnets/{id}", subnets_update, "update_subnet", MAY_MEMBER, &update_body, OK(200) },
    { "DELETE", "/subnets/{id}", subnets_delete, "delete_subnet", MAY_MEMBER, NULL,         OK(204) },
    { 0 },
};
