#include "network/floating.h"

#include <string.h>

#include "base/env.h"
#include "identity/quota.h"
#include "network/address.h"
#include "store/filter.h"

/* clang-format off */
static const struct field floating_columns[] = {
    STR(struct floating, id),                  STR(struct floating, project_id),
    STR(struct floating, description),         STR(struct floating, tags),
    TIME(struct floating, created_at),         TIME(struct floating, updated_at),
    I64(struct floating, revision_number),     STR(struct floating, floating_network_id),
    STR(struct floating, floating_ip_address), STR(struct floating, floating_port_id),
    STR(struct floating, port_id),             STR(struct floating, fixed_ip_address),
    STR(struct floating, router_id),           STR(struct floating, status),
    STR(struct floating, fault), { 0 },
};
/* clang-format on */
const struct table floating_table = { "floating_ip", floating_columns, .n_key = 1, .size = sizeof(struct floating) };

static int load_ports(struct cx *cx, struct list floatings)
{
    struct floating *f = floatings.items;
    struct strs ids = { arena_new_array(cx->arena, const char *, floatings.n + 1), 0 };
    struct list ports;

    for (size_t i = 0; i < floatings.n; i++)
        if (f[i].port_id)
            ids.items[ids.n++] = f[i].port_id;
    TRY(rows_in(cx, &port_table, &ports, "id", ids, "id"));
    for (size_t i = 0; i < floatings.n; i++) {
        struct list p = { 0 };
        if (f[i].port_id)
            p = children_of(ports, sizeof(struct port), 0, f[i].port_id);
        f[i].port = p.n ? p.items : NULL;
    }
    return 0;
}

int floating_get(struct cx *cx, const char *id, struct floating *ret_floating)
{
    int r = store_find(cx, &floating_table, ret_floating, "id=$1", ARGS(id));
    TRY(r);
    if (!r || !owns(cx, ret_floating->project_id))
        return fail_type(cx, KIND_NOT_FOUND, "FloatingIPNotFound", "Floating IP %.64s could not be found", id);
    return load_ports(cx, (struct list){ ret_floating, 1 });
}

int floating_list(struct cx *cx, const struct query *q, struct list *ret_floatings)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND project_id=?", ARGS(own_project(cx)));
    where_add_tags(&w, q);
    TRY(store_list_filtered(cx, &floating_table, ret_floatings, &q->filter, where_text(&w), where_args(&w)));
    return load_ports(cx, *ret_floatings);
}

/* ---- where it points ---- */

static int choose_fixed_ip(struct cx *cx, struct floating *f, const struct port *p, const struct port_ip **ret_ip)
{
    const struct port_ip *ip = p->ips.items, *found = NULL;
    size_t n = 0;

    for (size_t i = 0; i < p->ips.n; i++) {
        if (ip[i].version != 4 || (f->fixed_ip_address && !str_eq(f->fixed_ip_address, ip[i].ip_address)))
            continue;
        if (!n++)
            found = &ip[i];
    }
    if (!found && f->fixed_ip_address)
        return fail_type(cx, KIND_INVALID, "BadRequest", "Bad floatingip request: Port %s does not have fixed ip %.64s.", p->id, f->fixed_ip_address);
    if (!found)
        return fail_type(cx, KIND_INVALID, "BadRequest",
                         "Bad floatingip request: Cannot add floating IP to port %s that has no fixed IPv4 addresses.", p->id);
    if (n > 1)
        return fail_type(cx, KIND_INVALID, "BadRequest",
                         "Bad floatingip request: Port %s has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when "
                         "assigning a floating IP.", p->id);
    *ret_ip = found;
    return 0;
}

/* The router between the subnet and the external network; none is needed on a flat network.  The one that holds the
 * subnet's gateway address comes first. */
static int find_router(struct cx *cx, const struct floating *f, const struct port *p, const struct port_ip *ip, const char **ret_router)
{
    const char *type;
    int r = store_text(cx, &type, "SELECT network_type FROM network WHERE id=$1 AND is_external=0", ARGS(p->network_id));

    TRY(r);
    *ret_router = NULL;
    if (r && str_eq(type, "flat"))
        return 0;
    r = store_text(cx, ret_router,
                   "SELECT r.id FROM router r JOIN router_leg l ON l.router_id=r.id JOIN port_ip i ON i.port_id=l.port_id "
                   "JOIN subnet s ON s.id=i.subnet_id WHERE i.subnet_id=$1 AND r.gateway_network_id=$2 "
                   "ORDER BY CASE WHEN s.gateway_ip=i.ip_address THEN 0 ELSE 1 END, r.id",
                   ARGS(ip->subnet_id, f->floating_network_id));
    TRY(r);
    return r ? 0
             : fail_type(cx, KIND_NOT_FOUND, "ExternalGatewayForFloatingIPNotFound",
                         "External network %s is not reachable from subnet %s. Therefore, cannot associate Port %s with a Floating IP.",
                         f->floating_network_id, ip->subnet_id, p->id);
}

static int check_single(struct cx *cx, const struct floating *f)
{
    const char *other;
    int r = store_text(cx, &other, "SELECT id FROM floating_ip WHERE floating_network_id=$1 AND port_id=$2 AND fixed_ip_address=$3 AND id<>$4",
                       ARGS(f->floating_network_id, f->port_id, f->fixed_ip_address, f->id));
    TRY(r);
    return r ? fail_type(cx, KIND_CONFLICT, "FloatingIPPortAlreadyAssociated",
                         "Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed IP already has a floating "
                         "IP on external network %s.", f->floating_ip_address, f->id, f->port_id, f->fixed_ip_address, f->floating_network_id)
             : 0;
}

/* It comes up when the host of the port says so: from DOWN to ACTIVE. */
static int point(struct cx *cx, struct floating *f)
{
    struct port p;
    const struct port_ip *ip;

    f->status = "DOWN";
    f->fault = NULL;
    f->router_id = NULL;
    if (!f->port_id && f->fixed_ip_address)
        return fail_type(cx, KIND_INVALID, "BadRequest", "Bad floatingip request: fixed_ip_address cannot be specified without a port_id.");
    if (!f->port_id)
        return 0;
    TRY(port_get_own(cx, f->port_id, "update_floatingip", &p));
    if (!str_eq(p.project_id, f->project_id) && !sees_all(cx))
        return fail_type(cx, KIND_INVALID, "BadRequest", "Bad floatingip request: Port %s is associated with a different tenant than Floating IP.", p.id);
    TRY(choose_fixed_ip(cx, f, &p, &ip));
    f->fixed_ip_address = ip->ip_address;
    TRY(find_router(cx, f, &p, ip, &f->router_id));
    return check_single(cx, f);
}

/* ---- making and removing ---- */

static int check_request(struct cx *cx, const struct floating *f, const struct network *n)
{
    if (!n->is_external)
        return fail_type(cx, KIND_INVALID, "BadRequest", "Bad floatingip request: Network %s is not a valid external network.", n->id);
    if (f->floating_ip_address && !sees_all(cx))
        return fail_policy(cx, "create_floatingip and (rule:create_floatingip:floating_ip_address)");
    return 0;
}

/* The port that holds the address; of no project, so that it counts for none. */
static int make_floating_port(struct cx *cx, struct floating *f, const struct network *n)
{
    struct port p = { .project_id = "", .device_owner = OWNER_FLOATING, .device_id = f->id, .status = "N/A", .admin_state_up = true };
    struct port_ip want = { .subnet_id = f->subnet_id, .ip_address = f->floating_ip_address };
    struct list subnets;

    if (f->subnet_id || f->floating_ip_address)
        p.ips = (struct list){ &want, 1 };
    TRY(port_make(cx, n, &p));
    if (!p.ips.n) {
        TRY(subnets_of_network(cx, n->id, &subnets));
        TRY(address_take_any(cx, &p, subnets, 4));
    }
    const struct port_ip *ip = p.ips.items;
    if (ip->version != 4)
        return fail_type(cx, KIND_INVALID, "BadRequest", "Bad floatingip request: a floating IP has an IPv4 address.");
    f->floating_ip_address = ip->ip_address;
    f->floating_port_id = p.id;
    return 0;
}

int floating_add(struct cx *cx, struct floating *f)
{
    struct network n;

    TRY(network_get(cx, f->floating_network_id, &n));
    TRY(check_request(cx, f, &n));
    standard_begin(cx, STANDARD_OF(f));
    if (!*f->project_id)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "A floating IP belongs to a project: use a token of one, or name it.");
    TRY(quota_take_named(cx, f->project_id, "floatingip", 1));
    TRY(make_floating_port(cx, f, &n));
    TRY(point(cx, f));
    TRY(store_insert(cx, &floating_table, f));
    return load_ports(cx, (struct list){ f, 1 });
}

int floating_change(struct cx *cx, struct floating *f)
{
    struct floating old;

    TRY(floating_get(cx, f->id, &old));
    if (!str_eq(old.port_id, f->port_id) || !str_eq(old.fixed_ip_address, f->fixed_ip_address))
        TRY(point(cx, f));
    standard_touch(cx, STANDARD_OF(f));
    TRY(store_update(cx, &floating_table, f));
    return load_ports(cx, (struct list){ f, 1 });
}

static int erase(struct cx *cx, const struct floating *f)
{
    struct port p;

    TRY(store_delete(cx, &floating_table, "id=$1", ARGS(f->id)));
    TRY(quota_give(cx, f->project_id, "floatingip", 1));
    int r = store_find(cx, &port_table, &p, "id=$1", ARGS(f->floating_port_id));
    return r > 0 ? port_erase(cx, &p) : r;
}

int floating_remove(struct cx *cx, const char *id)
{
    struct floating f;

    TRY(floating_get(cx, id, &f));
    return erase(cx, &f);
}

int floating_remove_unused(struct cx *cx, const char *network_id)
{
    struct list all;

    TRY(store_list(cx, &floating_table, &all, "floating_network_id=$1 AND port_id IS NULL", ARGS(network_id)));
    for (size_t i = 0; i < all.n; i++)
        TRY(erase(cx, (const struct floating *)all.items + i));
    return 0;
}

int network_report_floating(struct cx *cx, const char *host_id, const char *id, bool up, const char *fault)
{
    const char *status = up ? "ACTIVE" : fault ? "ERROR" : "DOWN";
    int r = store_exec(cx, &floating_table,
                       "UPDATE floating_ip SET status=$1, fault=$2 WHERE id=$3 AND port_id IN (SELECT id FROM port WHERE host_id=$4) AND "
                       "(status<>$1 OR COALESCE(fault,'')<>COALESCE($2,''))",
                       ARGS(status, fault, id, host_id));
    return r < 0 ? r : 0;
}

static int release(struct cx *cx, const char *port_id, const char *fixed_ip)
{
    int r = store_exec(cx, &floating_table,
                       "UPDATE floating_ip SET port_id=NULL, fixed_ip_address=NULL, router_id=NULL, status='DOWN', fault=NULL, "
                       "updated_at=$1, revision_number=revision_number+1 WHERE port_id=$2 AND (fixed_ip_address=$3 OR $3='')",
                       ARGS(cx->now_us, port_id, fixed_ip));
    return r < 0 ? r : 0;
}

int floating_release_port(struct cx *cx, const char *port_id)
{
    return release(cx, port_id, "");
}

int floating_drop_lost(struct cx *cx, const struct port *p)
{
    struct list all;
    const struct port_ip *ip = p->ips.items;

    TRY(store_list(cx, &floating_table, &all, "port_id=$1", ARGS(p->id)));
    for (size_t i = 0; i < all.n; i++) {
        const struct floating *f = (const struct floating *)all.items + i;
        size_t k = 0;
        while (k < p->ips.n && !str_eq(ip[k].ip_address, f->fixed_ip_address))
            k++;
        if (k == p->ips.n)
            TRY(release(cx, p->id, f->fixed_ip_address));
    }
    return 0;
}
