#include "network/port.h"

#include <ctype.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "identity/quota.h"
#include "network/address.h"
#include "network/floating.h"
#include "network/group.h"
#include "store/filter.h"

LOG_MODULE("network");

enum { MAC_TRIES = 16, PAIRS_MAX = 10, MARK_MAX = INT32_MAX };

/* clang-format off */
static const struct field port_columns[] = {
    STANDARD_COLUMNS(struct port),
    STR(struct port, network_id),     STR(struct port, mac_address),   BOOL(struct port, admin_state_up),
    STR(struct port, status),         STR(struct port, device_id),     STR(struct port, device_owner),
    BOOL(struct port, port_security_enabled), STR(struct port, host_id), STR(struct port, vnic_type),
    JSON(struct port, profile),       I64(struct port, mark),          STR(struct port, server_id),
    BOOL(struct port, made_for_server), I64(struct port, position),    STR(struct port, nic_tag), { 0 },
};
static const struct field port_ip_columns[] = {
    STR(struct port_ip, subnet_id), STR(struct port_ip, ip_address), STR(struct port_ip, port_id),
    I64(struct port_ip, slot),      INT(struct port_ip, version),    INT(struct port_ip, position), { 0 },
};
static const struct field port_pair_columns[] = {
    STR(struct port_pair, port_id), STR(struct port_pair, ip_address), STR(struct port_pair, mac_address), { 0 },
};
static const struct field port_group_columns[] = {
    STR(struct port_group, port_id), STR(struct port_group, group_id), { 0 },
};
/* clang-format on */
const struct table port_table = { "port", port_columns, .n_key = 1, .size = sizeof(struct port) };
const struct table port_ip_table = { "port_ip", port_ip_columns, .n_key = 2, .size = sizeof(struct port_ip) };
const struct table port_pair_table = { "port_pair", port_pair_columns, .n_key = 3, .size = sizeof(struct port_pair) };
const struct table port_group_table = { "port_group", port_group_columns, .n_key = 2, .size = sizeof(struct port_group) };

/* ---- reading ---- */

int ports_load(struct cx *cx, struct list ports)
{
    struct port *p = ports.items;
    struct strs ids = ids_of(cx, ports, sizeof *p);
    struct list ips, pairs, groups;

    TRY(rows_in(cx, &port_ip_table, &ips, "port_id", ids, "port_id, position, ip_address"));
    TRY(rows_in(cx, &port_pair_table, &pairs, "port_id", ids, "port_id, ip_address, mac_address"));
    TRY(rows_in(cx, &port_group_table, &groups, "port_id", ids, "port_id, group_id"));
    for (size_t i = 0; i < ports.n; i++) {
        p[i].ips = children_of(ips, sizeof(struct port_ip), offsetof(struct port_ip, port_id), p[i].id);
        p[i].pairs = children_of(pairs, sizeof(struct port_pair), offsetof(struct port_pair, port_id), p[i].id);
        struct list g = children_of(groups, sizeof(struct port_group), offsetof(struct port_group, port_id), p[i].id);
        p[i].groups = (struct strs){ arena_new_array(cx->arena, const char *, g.n + 1), g.n };
        for (size_t k = 0; k < g.n; k++)
            p[i].groups.items[k] = ((struct port_group *)g.items)[k].group_id;
    }
    return 0;
}

/* Its own project's, or on a network of the caller's. */
static int may_see(struct cx *cx, const struct port *p)
{
    int64_t one;

    if (owns(cx, p->project_id))
        return 1;
    if (!*own_project(cx))
        return 0;
    return store_int(cx, &one, "SELECT 1 FROM network WHERE id=$1 AND project_id=$2", ARGS(p->network_id, own_project(cx)));
}

int port_get(struct cx *cx, const char *id, struct port *ret_port)
{
    int r = store_find(cx, &port_table, ret_port, "id=$1", ARGS(id));
    TRY(r);
    if (r)
        r = may_see(cx, ret_port);
    TRY(r);
    if (!r)
        return fail_type(cx, KIND_NOT_FOUND, "PortNotFound", "Port %.64s could not be found.", id);
    return ports_load(cx, (struct list){ ret_port, 1 });
}

int port_get_own(struct cx *cx, const char *id, const char *rule, struct port *ret_port)
{
    TRY(port_get(cx, id, ret_port));
    return owns(cx, ret_port->project_id) ? 0 : fail_policy(cx, rule);
}

static void add_ip_conditions(struct where *w, const struct port_query *q)
{
    if (q->ips.n) {
        where_add(w, " AND id IN (SELECT port_id FROM port_ip WHERE ip_address IN ", NO_ARGS);
        where_add_list(w, q->ips);
        where_add(w, ")", NO_ARGS);
    }
    if (q->subnet_ids.n) {
        where_add(w, " AND id IN (SELECT port_id FROM port_ip WHERE subnet_id IN ", NO_ARGS);
        where_add_list(w, q->subnet_ids);
        where_add(w, ")", NO_ARGS);
    }
    for (size_t i = 0; i < q->ip_parts.n; i++) {
        where_add(w, i ? " OR " : " AND id IN (SELECT port_id FROM port_ip WHERE ", NO_ARGS);
        where_add(w, "ip_address LIKE ?", ARGS(cx_printf(w->cx, "%%%s%%", q->ip_parts.items[i])));
    }
    if (q->ip_parts.n)
        where_add(w, ")", NO_ARGS);
    if (q->group_ids.n) {
        where_add(w, " AND id IN (SELECT port_id FROM port_group WHERE group_id IN ", NO_ARGS);
        where_add_list(w, q->group_ids);
        where_add(w, ")", NO_ARGS);
    }
}

int port_list(struct cx *cx, const struct port_query *q, struct list *ret_ports)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND (project_id=? OR network_id IN (SELECT id FROM network WHERE project_id=?))",
                  ARGS(own_project(cx), own_project(cx)));
    where_add_tags(&w, &q->query);
    add_ip_conditions(&w, q);
    TRY(store_list_filtered(cx, &port_table, ret_ports, &q->query.filter, where_text(&w), where_args(&w)));
    return ports_load(cx, *ret_ports);
}

/* ---- making ---- */

static int mac_in_use(struct cx *cx, const char *network_id, const char *mac)
{
    int64_t one;
    return store_int(cx, &one, "SELECT 1 FROM port WHERE network_id=$1 AND mac_address=$2", ARGS(network_id, mac));
}

static int choose_mac(struct cx *cx, struct port *p)
{
    for (int i = 0; i < MAC_TRIES; i++) {
        unsigned char b[3];
        random_bytes(b, sizeof b);
        p->mac_address = cx_printf(cx, "fa:16:3e:%02x:%02x:%02x", b[0], b[1], b[2]);
        int r = mac_in_use(cx, p->network_id, p->mac_address);
        if (r <= 0)
            return r;
    }
    return fail_type(cx, KIND_CONFLICT, "MacAddressGenerationFailure", "Unable to generate unique mac on network %s.", p->network_id);
}

static int take_mac(struct cx *cx, struct port *p)
{
    if (!p->own_mac)
        return choose_mac(cx, p);
    char *mac = cx_strdup(cx, p->mac_address);
    for (char *c = mac; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    p->mac_address = mac;
    int r = mac_in_use(cx, p->network_id, mac);
    TRY(r);
    return r ? fail_type(cx, KIND_CONFLICT, "MacAddressInUse", "Unable to complete operation for network %s. The mac address %s is in use.",
                         p->network_id, mac)
             : 0;
}

static int choose_mark(struct cx *cx, struct port *p)
{
    for (;;) {
        uint32_t n;
        int64_t one;
        random_bytes(&n, sizeof n);
        p->mark = n & MARK_MAX;
        int r = p->mark ? store_int(cx, &one, "SELECT 1 FROM port WHERE mark=$1", ARGS(p->mark)) : 1;
        if (r <= 0)
            return r;
    }
}

static int insert_groups(struct cx *cx, const struct port *p)
{
    for (size_t i = 0; i < p->groups.n; i++) {
        struct port_group row = { p->id, p->groups.items[i] };
        TRY(store_insert(cx, &port_group_table, &row));
    }
    return 0;
}

static int insert_pairs(struct cx *cx, const struct port *p)
{
    for (size_t i = 0; i < p->pairs.n; i++) {
        struct port_pair row = ((struct port_pair *)p->pairs.items)[i];
        row.port_id = p->id;
        row.mac_address = row.mac_address ? row.mac_address : p->mac_address;
        TRY(store_put(cx, &port_pair_table, &row));
    }
    return 0;
}

int port_make(struct cx *cx, const struct network *n, struct port *p)
{
    standard_begin(cx, STANDARD_OF(p));
    p->network_id = n->id;
    p->status = p->status ? p->status : "DOWN";
    p->device_id = p->device_id ? p->device_id : "";
    p->device_owner = p->device_owner ? p->device_owner : "";
    p->host_id = p->host_id ? p->host_id : "";
    p->vnic_type = p->vnic_type ? p->vnic_type : "normal";
    p->profile = p->profile ? p->profile : "{}";
    TRY(take_mac(cx, p));
    TRY(choose_mark(cx, p));
    if (*p->project_id)
        TRY(quota_take_named(cx, p->project_id, "port", 1));
    TRY(store_insert(cx, &port_table, p));
    TRY(insert_groups(cx, p));
    TRY(insert_pairs(cx, p));
    TRY(addresses_take(cx, p, NULL));
    return ports_load(cx, (struct list){ p, 1 });
}

static int check_pairs(struct cx *cx, struct port *p)
{
    struct port_pair *pair = p->pairs.items;
    struct cidr c;

    if (p->pairs.n > PAIRS_MAX)
        return fail_type(cx, KIND_INVALID, "AddressPairMaxNumberExceeded", "Exceeded maximum number of allowed address pairs (%d).", PAIRS_MAX);
    if (p->pairs.n && !p->port_security_enabled)
        return fail_type(cx, KIND_CONFLICT, "AddressPairAndPortSecurityRequired", "Port Security must be enabled in order to have allowed address pairs on a port.");
    for (size_t i = 0; i < p->pairs.n; i++) {
        if (!pair[i].ip_address || !cidr_or_address_parse(pair[i].ip_address, &c))
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for allowed_address_pairs. Reason: '%.64s' is not a valid IP address or subnet.",
                             pair[i].ip_address ? pair[i].ip_address : "");
        if (pair[i].mac_address && !mac_valid(pair[i].mac_address))
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for allowed_address_pairs. Reason: '%.64s' is not a valid MAC address.", pair[i].mac_address);
        for (size_t k = 0; k < i; k++)
            if (str_eq(pair[k].ip_address, pair[i].ip_address) && str_eq(pair[k].mac_address ? pair[k].mac_address : "", pair[i].mac_address ? pair[i].mac_address : ""))
                return fail_type(cx, KIND_INVALID, "DuplicateAddressPairInRequest", "Request contains duplicate address pair: ip_address %s.", pair[i].ip_address);
    }
    return 0;
}

static int check_groups(struct cx *cx, struct port *p)
{
    struct group g;

    if (p->groups.n && !p->port_security_enabled)
        return fail_type(cx, KIND_CONFLICT, "PortSecurityAndIPRequiredForSecurityGroups",
                         "Port security must be enabled and port must have an IP address in order to use security groups.");
    for (size_t i = 0; i < p->groups.n; i++) {
        TRY(group_get(cx, p->groups.items[i], &g));
        for (size_t k = 0; k < i; k++)
            if (str_eq(p->groups.items[k], p->groups.items[i]))
                return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for security_groups. Reason: Duplicate items in the list: '%.64s'.", g.id);
    }
    return 0;
}

/* What only the network's owner decides: else a guest on a shared network could take its neighbours' addresses. */
static int check_owner_members(struct cx *cx, const struct network *n, const struct port *p, const char *rule)
{
    if (str_starts(p->device_owner ? p->device_owner : "", "network:", NULL) && !sees_all(cx))
        return fail_policy(cx, cx_printf(cx, "%s and (rule:%s:device_owner)", rule, rule));
    if (network_owned(cx, n))
        return 0;
    if (p->own_mac)
        return fail_policy(cx, cx_printf(cx, "%s and (rule:%s:mac_address)", rule, rule));
    if (!p->port_security_enabled && n->port_security_enabled)
        return fail_policy(cx, cx_printf(cx, "%s and (rule:%s:port_security_enabled)", rule, rule));
    if (p->pairs.n)
        return fail_policy(cx, cx_printf(cx, "%s and (rule:%s:allowed_address_pairs)", rule, rule));
    return 0;
}

int port_add(struct cx *cx, struct port *p)
{
    struct network n;

    TRY(network_get(cx, p->network_id, &n));
    if (!network_owned(cx, &n) && !n.shared)
        return fail_policy(cx, "create_port");
    if (p->auto_security)
        p->port_security_enabled = n.port_security_enabled;
    p->project_id = p->project_id ? p->project_id : own_project(cx);
    TRY(check_owner_members(cx, &n, p, "create_port"));
    if (p->auto_groups && p->port_security_enabled && *p->project_id) {
        p->groups = (struct strs){ arena_new_array(cx->arena, const char *, 1), 1 };
        TRY(group_ensure_default(cx, p->project_id, &p->groups.items[0]));
    } else
        TRY(check_groups(cx, p));
    TRY(check_pairs(cx, p));
    return port_make(cx, &n, p);
}

/* ---- changing ---- */

static int check_attached(struct cx *cx, const struct port *old, const struct port *p)
{
    bool network_part = str_starts(old->device_owner, "network:", NULL);

    if (str_eq(old->device_id, p->device_id) && str_eq(old->device_owner, p->device_owner) && str_eq(old->host_id, p->host_id))
        return 0;
    if (old->server_id)
        return fail_type(cx, KIND_CONFLICT, "PortInUse", "Unable to complete operation on port %s for network %s. It is in use by server %s: detach it there.",
                         old->id, old->network_id, old->server_id);
    if (network_part)
        return fail_type(cx, KIND_CONFLICT, "PortInUse", "Unable to complete operation on port %s for network %s. Port already has an attached device %s.",
                         old->id, old->network_id, old->device_id);
    return 0;
}

static bool same_ips(const struct port *a, const struct port *b)
{
    const struct port_ip *x = a->ips.items, *y = b->ips.items;

    for (size_t i = 0; i < a->ips.n && i < b->ips.n; i++)
        if (!str_eq(x[i].subnet_id, y[i].subnet_id) || !str_eq(x[i].ip_address, y[i].ip_address))
            return false;
    return a->ips.n == b->ips.n;
}

static int change_lists(struct cx *cx, struct port *p)
{
    TRY(store_delete(cx, &port_group_table, "port_id=$1", ARGS(p->id)));
    TRY(insert_groups(cx, p));
    TRY(store_delete(cx, &port_pair_table, "port_id=$1", ARGS(p->id)));
    return insert_pairs(cx, p);
}

int port_change(struct cx *cx, struct port *p)
{
    struct port old;
    struct network n;

    TRY(port_get_own(cx, p->id, "update_port", &old));
    int r = store_find(cx, &network_table, &n, "id=$1", ARGS(old.network_id));
    TRY(r);
    if (!r)
        return fail(cx, KIND_INTERNAL, "port %s is on no network", p->id);
    p->own_mac = !str_eq(old.mac_address, p->mac_address);
    if (p->port_security_enabled != old.port_security_enabled || p->own_mac || p->pairs.n || !str_eq(old.device_owner, p->device_owner))
        TRY(check_owner_members(cx, &n, p, "update_port"));
    TRY(check_attached(cx, &old, p));
    TRY(check_groups(cx, p));
    TRY(check_pairs(cx, p));
    if (p->own_mac && old.server_id)
        return fail_type(cx, KIND_CONFLICT, "PortBound", "Unable to complete operation on port %s, port is already bound, port type: bridge.", p->id);
    if (p->own_mac)
        TRY(take_mac(cx, p));
    standard_touch(cx, STANDARD_OF(p));
    TRY(store_update(cx, &port_table, p));
    TRY(change_lists(cx, p));
    if (!same_ips(&old, p)) {
        TRY(addresses_take(cx, p, &old.ips));
        TRY(floating_drop_lost(cx, p));
    }
    return ports_load(cx, (struct list){ p, 1 });
}

/* ---- removing ---- */

int port_erase(struct cx *cx, const struct port *p)
{
    TRY(floating_release_port(cx, p->id));
    TRY(store_delete(cx, &port_ip_table, "port_id=$1", ARGS(p->id)));
    TRY(store_delete(cx, &port_pair_table, "port_id=$1", ARGS(p->id)));
    TRY(store_delete(cx, &port_group_table, "port_id=$1", ARGS(p->id)));
    TRY(store_delete(cx, &port_table, "id=$1", ARGS(p->id)));
    return *p->project_id ? quota_give(cx, p->project_id, "port", 1) : 0;
}

int port_remove(struct cx *cx, const char *id)
{
    struct port p;
    const char *holder;

    TRY(port_get_own(cx, id, "delete_port", &p));
    int r = store_text(cx, &holder, "SELECT router_id FROM router_leg WHERE port_id=$1", ARGS(id));
    if (r == 0)
        r = store_text(cx, &holder, "SELECT id FROM router WHERE gateway_port_id=$1", ARGS(id));
    TRY(r);
    if (r)
        return fail_type(cx, KIND_CONFLICT, "ServicePortInUse",
                         "Port %s cannot be deleted directly via the port API: has device owner %s.", id, p.device_owner);
    r = store_text(cx, &holder, "SELECT id FROM floating_ip WHERE floating_port_id=$1", ARGS(id));
    TRY(r);
    if (r)
        return fail_type(cx, KIND_CONFLICT, "ServicePortInUse",
                         "Port %s cannot be deleted directly via the port API: it holds floating IP %s.", id, holder);
    return port_erase(cx, &p);
}

/* ---- the network's own ports ---- */

int port_give_slaac(struct cx *cx, const struct subnet *s)
{
    struct list ports;

    if (!subnet_is_slaac(s))
        return 0;
    TRY(store_list(cx, &port_table, &ports, "network_id=$1 AND device_owner NOT IN ($2,$3,$4)",
                   ARGS(s->network_id, OWNER_INTERFACE, OWNER_GATEWAY, OWNER_FLOATING)));
    TRY(ports_load(cx, ports));
    for (size_t i = 0; i < ports.n; i++) {
        struct port *p = (struct port *)ports.items + i;
        struct list have = p->ips;
        size_t n = have.n + 1;
        struct port_ip *wants = arena_new_array(cx->arena, struct port_ip, n);
        if (have.n)
            memcpy(wants, have.items, have.n * sizeof *wants);
        wants[have.n].subnet_id = s->id;
        p->ips = (struct list){ wants, n };
        TRY(addresses_take(cx, p, &have));
    }
    return 0;
}

static bool wants_dhcp(const struct subnet *s)
{
    return s->enable_dhcp && (s->ip_version == 4 || s->ipv6_address_mode);
}

static int find_dhcp(struct cx *cx, const char *network_id, struct port *ret_port)
{
    return store_find(cx, &port_table, ret_port, "network_id=$1 AND device_owner=$2", ARGS(network_id, OWNER_DHCP));
}

int port_remove_dhcp(struct cx *cx, const char *network_id)
{
    struct port p;
    int r = find_dhcp(cx, network_id, &p);
    return r > 0 ? port_erase(cx, &p) : r;
}

/* The subnets with DHCP that have an address left or have given one to the service. */
static int dhcp_wants(struct cx *cx, const char *network_id, struct list *ret_wants)
{
    struct list subnets;

    *ret_wants = (struct list){ 0 };
    TRY(subnets_of_network(cx, network_id, &subnets));
    for (size_t i = 0; i < subnets.n; i++) {
        const struct subnet *s = (const struct subnet *)subnets.items + i;
        if (wants_dhcp(s))
            ((struct port_ip *)arena_push_(cx->arena, &ret_wants->items, &ret_wants->n, sizeof(struct port_ip)))->subnet_id = s->id;
    }
    return 0;
}

/* A full subnet leaves the service without an address there; the plan then has none, and the log says so. */
static int skip_when_full(struct cx *cx, int r, const char *network_id)
{
    if (r < 0 && (cx->kind == KIND_CONFLICT || cx->kind == KIND_QUOTA)) {
        log_warn("network=%s has no address for its DHCP service: %s", network_id, cx->text);
        fail_clear(cx);
        return 0;
    }
    return r;
}

int port_refresh_dhcp(struct cx *cx, const char *network_id, bool bound)
{
    struct port p = { 0 };
    struct network n;
    struct list wants;
    int r = store_find(cx, &network_table, &n, "id=$1", ARGS(network_id));

    TRY(r);
    if (!r || n.is_external || str_eq(n.network_type, "flat")) /* there the host's own address serves */
        return 0;
    int there = find_dhcp(cx, network_id, &p);
    TRY(there);
    if (!there && !bound)
        return 0;
    TRY(dhcp_wants(cx, network_id, &wants));
    if (there && !wants.n)
        return port_erase(cx, &p);
    if (!wants.n)
        return 0;
    if (there) {
        TRY(ports_load(cx, (struct list){ &p, 1 }));
        struct list have = p.ips;
        p.ips = wants;
        return skip_when_full(cx, addresses_take(cx, &p, &have), network_id);
    }
    p = (struct port){ .project_id = n.project_id, .device_owner = OWNER_DHCP, .device_id = cx_printf(cx, "dhcp-%s", n.id),
                       .status = "ACTIVE", .admin_state_up = true, .ips = wants };
    return skip_when_full(cx, port_make(cx, &n, &p), network_id);
}
