/* POST /servers/{id}/action: resize, confirmResize, revertResize. */
#include "api/nova/nova.h"
#include "compute/resize.h"

struct resize_in {
    const char *flavor_id, *disk_config;
};

static int servers_resize(struct cx *cx, struct req *rq)
{
    const struct resize_in *in = req_body(rq);
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_resize(cx, &s, in->flavor_id, in->disk_config));
    return reply_empty(rq);
}

static int servers_confirm_resize(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_resize_confirm(cx, &s));
    return reply_empty(rq);
}

static int servers_revert_resize(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_resize_revert(cx, &s));
    return reply_empty(rq);
}

static int parse_flavor(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    return nova_read_flavor_reference(cx, value, &((struct resize_in *)obj)->flavor_id);
}

/* clang-format off */
static const char *const disk_configs[] = { "AUTO", "MANUAL", NULL };
static const struct field resize_fields[] = {
    HOOK("flavorRef", .required = true, .parse = parse_flavor),
    STR(struct resize_in, disk_config, AS("OS-DCF:diskConfig"), .one_of = disk_configs), { 0 },
};
static const struct body resize_body = { "resize", resize_fields, sizeof(struct resize_in) };

#define ACTION "POST", "/servers/{id}/action"
#define P "os_compute_api:servers:"
const struct route nova_resize_routes[] = {
    { ACTION, servers_resize,         P "resize",         MAY_MEMBER, &resize_body, OK(202), .action = "resize" },
    { ACTION, servers_confirm_resize, P "confirm_resize", MAY_MEMBER, NULL, OK(204), .action = "confirmResize" },
    { ACTION, servers_revert_resize,  P "revert_resize",  MAY_MEMBER, NULL, OK(202), .action = "revertResize" },
    { 0 },
};
/* clang-format on */
