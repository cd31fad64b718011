#include "network/attach.h"

#include <stdlib.h>
#include <string.h>

#include "network/floating.h"
#include "network/group.h"
#include "network/port.h"

/* ---- which network ---- */

static int needs_subnet(struct cx *cx, const struct network *n)
{
    return n->subnets.n ? 0
                        : fail_type(cx, KIND_INVALID, "NetworkRequiresSubnet",
                                    "Network %s requires a subnet in order to boot instances on.", n->id);
}

/* Sets '*ret_id' to the network that a server gets when nothing is said; NULL: there is none. */
static int choose_network(struct cx *cx, const char *project_id, const char **ret_id)
{
    struct list networks;

    *ret_id = NULL;
    TRY(store_list(cx, &network_table, &networks, "project_id=$1 AND is_external=0 AND network_type<>'flat' ORDER BY id LIMIT 2", ARGS(project_id)));
    if (!networks.n)
        TRY(store_list(cx, &network_table, &networks, "shared=1 AND is_external=0 ORDER BY id LIMIT 2", NO_ARGS));
    if (networks.n > 1)
        return fail_type(cx, KIND_CONFLICT, "NetworkAmbiguous", "Multiple possible networks found, use a Network ID to be more specific.");
    if (networks.n)
        *ret_id = ((struct network *)networks.items)->id;
    return 0;
}

static int get_network(struct cx *cx, const char *id, struct network *ret_network)
{
    TRY(network_get(cx, id, ret_network));
    if (ret_network->is_external)
        return fail_type(cx, KIND_FORBIDDEN, "ExternalNetworkAttachForbidden",
                         "It is not allowed to create an interface on external network %s", id);
    return needs_subnet(cx, ret_network);
}

/* ---- one NIC ---- */

struct target {
    const char *project_id, *server_id, *host_id;
    struct strs groups; /* ids */
    int64_t position;
};

static int make_port(struct cx *cx, const struct target *t, const struct nic_request *rq, struct port *ret_port)
{
    struct network n;
    struct port_ip want = { .ip_address = rq->fixed_ip };

    TRY(get_network(cx, rq->network_id, &n));
    *ret_port = (struct port){
        .project_id = t->project_id,
        .admin_state_up = true,
        .device_id = t->server_id,
        .device_owner = OWNER_SERVER,
        .port_security_enabled = n.port_security_enabled,
        .host_id = t->host_id,
        .server_id = t->server_id,
        .made_for_server = true,
        .position = t->position,
        .nic_tag = rq->tag,
        .auto_ips = !rq->fixed_ip,
    };
    if (n.port_security_enabled)
        ret_port->groups = t->groups;
    if (rq->fixed_ip)
        ret_port->ips = (struct list){ &want, 1 };
    return port_make(cx, &n, ret_port);
}

static int take_port(struct cx *cx, const struct target *t, const struct nic_request *rq, struct port *ret_port)
{
    struct network n;

    TRY(port_get_own(cx, rq->port_id, "update_port", ret_port));
    if (ret_port->server_id || *ret_port->device_id || str_starts(ret_port->device_owner, "network:", NULL))
        return fail_type(cx, KIND_CONFLICT, "PortInUse", "Port %s is still in use.", rq->port_id);
    if (!ret_port->ips.n)
        return fail_type(cx, KIND_INVALID, "PortRequiresFixedIP", "Port %s requires a FixedIP in order to be used.", rq->port_id);
    TRY(get_network(cx, ret_port->network_id, &n));
    ret_port->device_id = ret_port->server_id = t->server_id;
    ret_port->device_owner = OWNER_SERVER;
    ret_port->host_id = t->host_id ? t->host_id : "";
    ret_port->made_for_server = false;
    ret_port->position = t->position;
    ret_port->nic_tag = rq->tag;
    ret_port->status = "DOWN";
    standard_touch(cx, STANDARD_OF(ret_port));
    return store_update(cx, &port_table, ret_port);
}

static int plug(struct cx *cx, const struct target *t, const struct nic_request *rq)
{
    struct port p;

    if (!rq->port_id)
        TRY(make_port(cx, t, rq, &p));
    else
        TRY(take_port(cx, t, rq, &p));
    return t->host_id && *t->host_id ? port_refresh_dhcp(cx, p.network_id, true) : 0;
}

static int resolve_groups(struct cx *cx, const char *project_id, struct strs names, struct strs *ret_ids)
{
    static const char *fallback[] = { "default" };
    return group_resolve(cx, project_id, names.n ? names : (struct strs){ fallback, 1 }, ret_ids);
}

int network_attach(struct cx *cx, const char *project_id, const char *server_id, enum nic_mode mode, struct list requests,
                   struct strs groups, struct list *ret_nics)
{
    struct target t = { .project_id = project_id, .server_id = server_id };
    struct nic_request automatic = { 0 };

    if (mode == NIC_NONE)
        requests = (struct list){ 0 };
    if (mode == NIC_AUTO) {
        TRY(choose_network(cx, project_id, &automatic.network_id));
        requests = (struct list){ &automatic, automatic.network_id ? 1 : 0 };
    }
    TRY(resolve_groups(cx, project_id, groups, &t.groups));
    for (size_t i = 0; i < requests.n; i++, t.position++)
        TRY(plug(cx, &t, (const struct nic_request *)requests.items + i));
    return network_nics(cx, (struct strs){ &server_id, 1 }, ret_nics);
}

int network_attach_one(struct cx *cx, const char *project_id, const char *server_id, const char *host_id,
                       const struct nic_request *request, struct nic *ret_nic)
{
    struct target t = { .project_id = project_id, .server_id = server_id, .host_id = host_id };
    struct nic_request rq = *request;
    struct list nics;

    int r = store_int(cx, &t.position, "SELECT MAX(position)+1 FROM port WHERE server_id=$1", ARGS(server_id));
    TRY(r);
    if (!rq.port_id && !rq.network_id)
        TRY(choose_network(cx, project_id, &rq.network_id));
    if (!rq.port_id && !rq.network_id)
        return fail_type(cx, KIND_NOT_FOUND, "NetworkNotFound", "No network is there for the project. Name one.");
    TRY(resolve_groups(cx, project_id, (struct strs){ 0 }, &t.groups));
    TRY(plug(cx, &t, &rq));
    TRY(network_nics(cx, (struct strs){ &server_id, 1 }, &nics));
    *ret_nic = ((struct nic *)nics.items)[nics.n - 1];
    return 0;
}

/* ---- going away ---- */

static int unplug(struct cx *cx, struct port *p)
{
    if (p->made_for_server)
        return port_erase(cx, p);
    p->device_id = p->device_owner = p->host_id = "";
    p->server_id = p->nic_tag = NULL;
    p->status = "DOWN";
    standard_touch(cx, STANDARD_OF(p));
    return store_update(cx, &port_table, p);
}

int network_detach(struct cx *cx, const char *server_id, const char *port_id)
{
    struct port p;
    int r = store_find(cx, &port_table, &p, "id=$1 AND server_id=$2", ARGS(port_id, server_id));

    TRY(r);
    return r ? unplug(cx, &p) : fail_type(cx, KIND_NOT_FOUND, "PortNotFound", "Port id %.64s could not be found.", port_id);
}

int network_detach_all(struct cx *cx, const char *server_id)
{
    struct list ports;

    TRY(store_list(cx, &port_table, &ports, "server_id=$1", ARGS(server_id)));
    for (size_t i = 0; i < ports.n; i++) {
        struct port *p = (struct port *)ports.items + i;
        TRY(floating_release_port(cx, p->id));
        TRY(unplug(cx, p));
    }
    return 0;
}

/* ---- where and whether ---- */

int network_bind(struct cx *cx, const char *server_id, const char *host_id)
{
    struct list ports;

    TRY(store_list(cx, &port_table, &ports, "server_id=$1", ARGS(server_id)));
    TRY(store_exec(cx, &port_table, "UPDATE port SET host_id=$1, updated_at=$2, revision_number=revision_number+1 WHERE server_id=$3",
                   ARGS(host_id ? host_id : "", cx->now_us, server_id)));
    for (size_t i = 0; host_id && i < ports.n; i++)
        TRY(port_refresh_dhcp(cx, ((struct port *)ports.items)[i].network_id, true));
    return 0;
}

int network_set_active(struct cx *cx, const char *server_id, bool active)
{
    int r = store_exec(cx, &port_table,
                       "UPDATE port SET status=$1, updated_at=$2, revision_number=revision_number+1 WHERE server_id=$3 AND status<>$1",
                       ARGS(active ? "ACTIVE" : "DOWN", cx->now_us, server_id));
    return r < 0 ? r : 0;
}

/* ---- bulk reading ---- */

/* A NIC with one of its addresses. */
struct nic_row {
    struct nic nic;
    int64_t position, ip_position;
    struct nic_ip ip; /* .ip is NULL: it has none */
};

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_rows(const void *a, const void *b)
{
    const struct nic_row *x = a, *y = b;
    int c = compare_numbers(x->nic.server_n, y->nic.server_n);

    c = c ? c : compare_numbers(x->position, y->position);
    c = c ? c : strcmp(x->nic.port_id, y->nic.port_id);
    c = c ? c : compare_numbers(x->ip_position, y->ip_position);
    return c || !x->ip.ip || !y->ip.ip ? c : strcmp(x->ip.ip, y->ip.ip);
}

/* Not by ORDER BY: nearly always the rows come in order, and the engine would copy each into its sorter and out of it. */
static void sort_rows(struct list rows)
{
    const struct nic_row *row = rows.items;

    for (size_t i = 1; i < rows.n; i++)
        if (compare_rows(&row[i - 1], &row[i]) > 0) {
            qsort(rows.items, rows.n, sizeof *row, compare_rows);
            return;
        }
}

/* One NIC for each run of rows of the same port. */
static struct list nics_of(struct cx *cx, struct list rows)
{
    const struct nic_row *row = rows.items;
    struct nic *nics = arena_new_array(cx->arena, struct nic, rows.n + 1), *nic = NULL;
    struct nic_ip *ips = arena_new_array(cx->arena, struct nic_ip, rows.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < rows.n; i++) {
        if (!nic || !str_eq(nic->port_id, row[i].nic.port_id)) {
            nic = &nics[n++];
            *nic = row[i].nic;
            nic->ips.items = ips;
        }
        if (row[i].ip.ip) {
            *ips++ = row[i].ip;
            nic->ips.n++;
        }
    }
    return (struct list){ nics, n };
}

int network_nics(struct cx *cx, struct strs server_ids, struct list *ret_nics)
{
    /* clang-format off */
#define T struct nic_row
    static const struct field columns[] = {
        I64(T, nic.server_n), STR(T, nic.server_id), STR(T, nic.port_id), STR(T, nic.mac), STR(T, nic.network_id),
        STR(T, nic.network_name), STR(T, nic.tag), BOOL(T, nic.made_for_server), STR(T, nic.status), I64(T, position),
        I64(T, ip_position), STR(T, ip.ip), STR(T, ip.subnet_id), INT(T, ip.version), STR(T, ip.floating_ip), { 0 },
    };
#undef T
    static const char sql[] =
        "SELECT l.n, p.server_id, p.id, p.mac_address, p.network_id, n.name, p.nic_tag, p.made_for_server, p.status, p.position, "
        "i.position, i.ip_address, i.subnet_id, i.version, f.floating_ip_address FROM list($1) l JOIN port p ON p.server_id=l.value "
        "JOIN network n ON n.id=p.network_id LEFT JOIN port_ip i ON i.port_id=p.id "
        "LEFT JOIN floating_ip f ON f.port_id=p.id AND f.fixed_ip_address=i.ip_address";
    /* clang-format on */
    struct list rows;

    TRY(store_select(cx, columns, sizeof(struct nic_row), &rows, sql, ARGS(server_ids)));
    sort_rows(rows);
    *ret_nics = nics_of(cx, rows);
    return 0;
}

int network_nic_groups(struct cx *cx, struct list nics, struct list *ret_groups)
{
    /* clang-format off */
    static const struct field columns[] = { I64(struct nic_group, server_n), STR(struct nic_group, name), { 0 } };
    /* clang-format on */
    const struct nic *nic = nics.items;
    struct strs port_ids = { arena_new_array(cx->arena, const char *, nics.n + 1), nics.n };

    for (size_t i = 0; i < nics.n; i++)
        port_ids.items[i] = nic[i].port_id;
    TRY(store_select(cx, columns, sizeof(struct nic_group), ret_groups,
                     "SELECT l.n, g.name FROM list($1) l JOIN port_group pg ON pg.port_id=l.value "
                     "JOIN security_group g ON g.id=pg.group_id",
                     ARGS(port_ids)));
    struct nic_group *g = ret_groups->items;
    for (size_t i = 0; i < ret_groups->n; i++)
        g[i].server_n = nic[g[i].server_n].server_n;
    return 0;
}
