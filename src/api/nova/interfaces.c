/* A server's addresses and NICs; the older actions that change them. */
#include "compute/interface.h"

#include <string.h>

#include "api/nova/nova.h"
#include "api/nova/server_view.h"

static int server_nics(struct cx *cx, struct req *rq, struct server *ret_server, struct list *ret_nics)
{
    TRY(nova_server(cx, rq, ret_server));
    return network_nics(cx, (struct strs){ &ret_server->id, 1 }, ret_nics);
}

static int ips_list(struct cx *cx, struct req *rq)
{
    struct server s;
    struct list nics;

    TRY(server_nics(cx, rq, &s, &nics));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "addresses");
    nova_put_networks(w, nics.items, nics.n, true);
    jw_end(w);
    return reply_written(rq);
}

static int ips_show(struct cx *cx, struct req *rq)
{
    const char *network = req_path(rq, "network");
    struct server s;
    struct list nics;

    TRY(server_nics(cx, rq, &s, &nics));
    const struct nic *nic = nics.items;
    size_t i = 0;
    while (i < nics.n && !str_eq(nic[i].network_name, network))
        i++;
    if (i == nics.n)
        return fail(cx, KIND_NOT_FOUND, "Instance does not have network");
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, network);
    nova_put_addresses(w, nic, nics.n, network, true);
    jw_end(w);
    return reply_written(rq);
}

/* ---- os-interface ---- */

static void emit_fixed_ips(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct nic *nic = obj;
    const struct nic_ip *ip = nic->ips.items;

    jw_array(w);
    for (size_t i = 0; i < nic->ips.n; i++) {
        jw_object(w);
        jw_kv(w, "subnet_id", ip[i].subnet_id);
        jw_kv(w, "ip_address", ip[i].ip);
        jw_end(w);
    }
    jw_end(w);
}

/* clang-format off */
#define T struct nic
static const struct field nic_view[] = {
    STR(T, port_id), STR(T, network_id, AS("net_id")), STR(T, mac, AS("mac_addr")), STR(T, status, AS("port_state")),
    HOOK("fixed_ips", .emit = emit_fixed_ips), STR(T, tag, .since = MV(2, 70)), { 0 },
};
#undef T
/* clang-format on */

static int interfaces_list(struct cx *cx, struct req *rq)
{
    struct server s;
    struct list nics;

    TRY(server_nics(cx, rq, &s, &nics));
    return reply_list(rq, "interfaceAttachments", NULL, nic_view, nics, sizeof(struct nic));
}

static int interfaces_show(struct cx *cx, struct req *rq)
{
    struct server s;
    struct list nics;

    TRY(server_nics(cx, rq, &s, &nics));
    const struct nic *nic = nics.items;
    for (size_t i = 0; i < nics.n; i++)
        if (str_eq(nic[i].port_id, req_path(rq, "port")))
            return reply(rq, "interfaceAttachment", nic_view, &nic[i]);
    return fail(cx, KIND_NOT_FOUND, "Port id %.64s could not be found.", req_path(rq, "port"));
}

struct fixed_ip {
    const char *ip_address;
};
struct interface_in {
    const char *network_id, *port_id, *tag;
    struct list fixed_ips; /* struct fixed_ip */
};
static bool is_address(const char *s)
{
    return nova_is_ipv4(s) || nova_is_ipv6(s);
}
static bool is_tag(const char *s)
{
    return *s && strlen(s) <= 60 && !strpbrk(s, "/,");
}
/* clang-format off */
static const struct field fixed_ip_fields[] = {
    STR(struct fixed_ip, ip_address, .required = true, .check = is_address, .expected = "It must be an IP address."), { 0 },
};
#define T struct interface_in
static const struct field interface_fields[] = {
    STR(T, network_id, AS("net_id"), .check = nova_is_id, .expected = "It must be a UUID."),
    STR(T, port_id, .nullable = true, .check = nova_is_id, .expected = "It must be a UUID."),
    LIST(T, fixed_ips, struct fixed_ip, fixed_ip_fields, .min = 1, .max = 1),
    STR(T, tag, .check = is_tag, .since = MV(2, 49)), { 0 },
};
#undef T
/* clang-format on */
static const struct body interface_body = { "interfaceAttachment", interface_fields, sizeof(struct interface_in), .optional = true };

static int interfaces_add(struct cx *cx, struct req *rq)
{
    static const struct interface_in nothing;
    const struct interface_in *in = req_body(rq) ? req_body(rq) : &nothing;
    const struct fixed_ip *ip = in->fixed_ips.items;
    struct nic_request request = { in->network_id, in->port_id, in->fixed_ips.n ? ip->ip_address : NULL, in->tag };
    struct server s;
    struct nic nic;

    if (in->network_id && in->port_id)
        return fail(cx, KIND_INVALID, "Must not input both network_id and port_id");
    if (in->fixed_ips.n && !in->network_id)
        return fail(cx, KIND_INVALID, "Must input network_id when request IP address");
    TRY(nova_server(cx, rq, &s));
    TRY(interface_add(cx, &s, &request, &nic));
    return reply(rq, "interfaceAttachment", nic_view, &nic);
}

static int interfaces_remove(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(interface_remove(cx, &s, req_path(rq, "port")));
    return reply_empty(rq);
}

/* ---- until 2.43: by network and by address ---- */

struct fixed_in {
    const char *network_id, *address;
};
/* clang-format off */
static const struct field add_fixed_fields[] = {
    STR(struct fixed_in, network_id, AS("networkId"), .required = true, .check = nova_is_id, .expected = "It must be a UUID."), { 0 },
};
static const struct field remove_fixed_fields[] = {
    STR(struct fixed_in, address, .required = true, .check = is_address, .expected = "It must be an IP address."), { 0 },
};
/* clang-format on */
static const struct body add_fixed_body = { "addFixedIp", add_fixed_fields, sizeof(struct fixed_in) };
static const struct body remove_fixed_body = { "removeFixedIp", remove_fixed_fields, sizeof(struct fixed_in) };

static int fixed_add(struct cx *cx, struct req *rq)
{
    const struct fixed_in *in = req_body(rq);
    struct server s;
    struct nic nic;

    TRY(nova_server(cx, rq, &s));
    TRY(interface_add(cx, &s, &(struct nic_request){ .network_id = in->network_id }, &nic));
    return reply_empty(rq);
}

static int fixed_remove(struct cx *cx, struct req *rq)
{
    const struct fixed_in *in = req_body(rq);
    struct server s;
    struct list nics;

    TRY(server_nics(cx, rq, &s, &nics));
    const struct nic *nic = nics.items;
    for (size_t i = 0; i < nics.n; i++) {
        const struct nic_ip *ip = nic[i].ips.items;
        for (size_t k = 0; k < nic[i].ips.n; k++)
            if (str_eq(ip[k].ip, in->address)) {
                TRY(interface_remove(cx, &s, nic[i].port_id));
                return reply_empty(rq);
            }
    }
    return fail(cx, KIND_INVALID, "Fixed IP %s is not one of instance %s.", in->address, s.id);
}

#define P "os_compute_api:"
#define ACTION "POST", "/servers/{id}/action"
/* clang-format off */
const struct route nova_interface_routes[] = {
    { "GET",    "/servers/{id}/ips",                 ips_list,          P "ips:index", MAY_READER, NULL, OK(200) },
    { "GET",    "/servers/{id}/ips/{network}",       ips_show,          P "ips:show",  MAY_READER, NULL, OK(200) },
    { "GET",    "/servers/{id}/os-interface",        interfaces_list,   P "os-attach-interfaces:list",   MAY_READER, NULL, OK(200) },
    { "POST",   "/servers/{id}/os-interface",        interfaces_add,    P "os-attach-interfaces:create", MAY_MEMBER, &interface_body, OK(200) },
    { "GET",    "/servers/{id}/os-interface/{port}", interfaces_show,   P "os-attach-interfaces:show",   MAY_READER, NULL, OK(200) },
    { "DELETE", "/servers/{id}/os-interface/{port}", interfaces_remove, P "os-attach-interfaces:delete", MAY_MEMBER, NULL, OK(202) },
    { ACTION, fixed_add,    P "os-multinic:add",    MAY_MEMBER, &add_fixed_body,    OK(202), .action = "addFixedIp",    .until = MV(2, 43) },
    { ACTION, fixed_remove, P "os-multinic:remove", MAY_MEMBER, &remove_fixed_body, OK(202), .action = "removeFixedIp", .until = MV(2, 43) },
    { 0 },
};
/* clang-format on */
