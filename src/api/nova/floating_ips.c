/* /os-floating-ips and /os-floating-ip-pools, until 2.35, and the servers' own actions, until 2.43: the older view of the
 * network's floating addresses, which novaclient and libraries of its time use. */
#include "compute/floating.h"

#include "api/nova/nova.h"
#include "network/network.h"

static void put_floating(struct jwriter *w, const struct floating *f, struct list pools)
{
    jw_object(w);
    jw_kv(w, "id", f->id);
    jw_kv(w, "ip", f->floating_ip_address);
    jw_kv(w, "pool", compute_floating_pool(pools, f));
    jw_kv(w, "fixed_ip", f->fixed_ip_address);
    jw_kv(w, "instance_id", f->port ? f->port->server_id : NULL);
    jw_end(w);
}

static int reply_floating(struct cx *cx, struct req *rq, const struct floating *f)
{
    struct list pools;

    TRY(compute_floating_pools(cx, &pools));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "floating_ip");
    put_floating(w, f, pools);
    jw_end(w);
    return reply_written(rq);
}

static int floatings_list(struct cx *cx, struct req *rq)
{
    struct list floatings, pools;

    TRY(compute_floating_list(cx, &floatings));
    TRY(compute_floating_pools(cx, &pools));
    const struct floating *f = floatings.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "floating_ips");
    jw_array(w);
    for (size_t i = 0; i < floatings.n; i++)
        put_floating(w, &f[i], pools);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int floatings_show(struct cx *cx, struct req *rq)
{
    struct floating f;

    TRY(floating_get(cx, req_path(rq, "id"), &f));
    return reply_floating(cx, rq, &f);
}

struct pool_in {
    const char *pool;
};

static int floatings_create(struct cx *cx, struct req *rq)
{
    const struct pool_in *in = req_body(rq);
    struct floating f;

    TRY(compute_floating_add(cx, in ? in->pool : NULL, &f));
    return reply_floating(cx, rq, &f);
}

static int floatings_delete(struct cx *cx, struct req *rq)
{
    TRY(floating_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

static int pools_list(struct cx *cx, struct req *rq)
{
    static const struct field view[] = { STR(struct network, name), { 0 } };
    struct list pools;

    TRY(compute_floating_pools(cx, &pools));
    return reply_list(rq, "floating_ip_pools", NULL, view, pools, sizeof(struct network));
}

struct address_in {
    const char *address, *fixed_address;
};

static int servers_add_floating(struct cx *cx, struct req *rq)
{
    const struct address_in *in = req_body(rq);
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_floating_add(cx, &s, in->address, in->fixed_address));
    return reply_empty(rq);
}

static int servers_remove_floating(struct cx *cx, struct req *rq)
{
    const struct address_in *in = req_body(rq);
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_floating_remove(cx, &s, in->address));
    return reply_empty(rq);
}

/* clang-format off */
static const struct field pool_fields[] = { STR(struct pool_in, pool, .nullable = true, .min = 1), { 0 } };
#define T struct address_in
static const struct field add_fields[] = {
    STR(T, address, .required = true, .check = nova_is_ipv4, .expected = "It must be an IPv4 address."),
    STR(T, fixed_address, .nullable = true, .check = nova_is_ipv4, .expected = "It must be an IPv4 address."), { 0 },
};
static const struct field remove_fields[] = {
    STR(T, address, .required = true, .check = nova_is_ipv4, .expected = "It must be an IPv4 address."), { 0 },
};
#undef T
static const struct body pool_body = { NULL, pool_fields, sizeof(struct pool_in), .optional = true };
static const struct body add_body = { "addFloatingIp", add_fields, sizeof(struct address_in) };
static const struct body remove_body = { "removeFloatingIp", remove_fields, sizeof(struct address_in) };

#define P "os_compute_api:os-floating-ips"
#define ACTION "POST", "/servers/{id}/action"
#define OLD .until = MV(2, 35)
const struct route nova_floating_routes[] = {
    { "GET",    "/os-floating-ip-pools", pools_list,       "os_compute_api:os-floating-ip-pools", MAY_READER, NULL, OK(200), OLD },
    { "GET",    "/os-floating-ips",      floatings_list,   P ":list",   MAY_READER, NULL,       OK(200), OLD },
    { "POST",   "/os-floating-ips",      floatings_create, P ":create", MAY_MEMBER, &pool_body, OK(200), OLD },
    { "GET",    "/os-floating-ips/{id}", floatings_show,   P ":show",   MAY_READER, NULL,       OK(200), OLD },
    { "DELETE", "/os-floating-ips/{id}", floatings_delete, P ":delete", MAY_MEMBER, NULL,       OK(202), OLD },
    { ACTION, servers_add_floating,    P ":add",    MAY_MEMBER, &add_body,    OK(202), .action = "addFloatingIp",    .until = MV(2, 43) },
    { ACTION, servers_remove_floating, P ":remove", MAY_MEMBER, &remove_body, OK(202), .action = "removeFloatingIp", .until = MV(2, 43) },
    { 0 },
};
/* clang-format on */
