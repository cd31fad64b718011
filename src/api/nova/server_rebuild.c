/* POST /servers/{id}/action: rebuild. */
#include "api/nova/nova.h"
#include "api/nova/server_view.h"
#include "base/env.h"
#include "compute/rebuild.h"

struct rebuild_in {
    struct server_rebuild rebuild;
    const char *admin_pass;
    bool preserve_ephemeral;
};

static int reply_rebuilt(struct cx *cx, struct req *rq, const struct server *s, const char *admin_pass)
{
    struct server copy = *s;
    struct list shown;

    TRY(shown_gather(cx, (struct list){ &copy, 1 }, &shown));
    reply_header(rq, "Location", nova_url(rq, cx->arena, cx_printf(cx, "/servers/%s", s->id)));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "server");
    jw_object(w);
    nova_put_server_members(w, shown.items, LOOK_REBUILT);
    jw_kv(w, "adminPass", admin_pass ? admin_pass : secret_new(cx->arena, NOVA_ADMIN_PASS_CHARACTERS));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int servers_rebuild(struct cx *cx, struct req *rq)
{
    const struct rebuild_in *in = req_body(rq);
    struct server_rebuild rebuild = in->rebuild;
    struct server s;

    if (in->preserve_ephemeral)
        return fail(cx, KIND_INVALID, "preserve_ephemeral is not supported here: a rebuild makes all disks anew.");
    rebuild.has_description = req_has(rq, "description");
    rebuild.has_metadata = req_has(rq, "metadata");
    rebuild.has_key = req_has(rq, "key_name");
    rebuild.has_user_data = req_has(rq, "user_data");
    TRY(nova_server(cx, rq, &s));
    TRY(server_rebuild(cx, &s, &rebuild));
    return reply_rebuilt(cx, rq, &s, in->admin_pass);
}

/* clang-format off */
static const char *const disk_configs[] = { "AUTO", "MANUAL", NULL };
#define T struct rebuild_in
static const struct field rebuild_fields[] = {
    STR(T, rebuild.image_id, AS("imageRef"), .required = true, .check = nova_is_id, .expected = "It must be a UUID."),
    STR(T, rebuild.name, AS("name"), .min = 1, .max = 255, .check = nova_is_name,
        .expected = "It must be printable, without spaces at its ends."),
    STR(T, admin_pass, AS("adminPass")),
    MAP(T, rebuild.metadata, AS("metadata"), .check = nova_is_key),
    BOOL(T, preserve_ephemeral, .coerce = true),
    STR(T, rebuild.disk_config, AS("OS-DCF:diskConfig"), .one_of = disk_configs),
    STR(T, rebuild.access_ip_v4, AS("accessIPv4"), .check = nova_is_ipv4, .expected = "It must be an IPv4 address."),
    STR(T, rebuild.access_ip_v6, AS("accessIPv6"), .check = nova_is_ipv6, .expected = "It must be an IPv6 address."),
    HOOK("personality", .parse = nova_parse_refused, .expected = "hand files over in user_data", .until = MV(2, 56)),
    STR(T, rebuild.description, AS("description"), .nullable = true, .max = 255, .since = MV(2, 19)),
    STR(T, rebuild.key_name, AS("key_name"), .nullable = true, .min = 1, .since = MV(2, 54)),
    STR(T, rebuild.user_data, AS("user_data"), .nullable = true, .max = NOVA_USER_DATA_MAX, .check = nova_is_base64,
        .expected = "It must be base64.", .since = MV(2, 57)),
    HOOK("trusted_image_certificates", .parse = nova_parse_refused, .expected = "images are not signed", .since = MV(2, 63)),
    { 0 },
};
#undef T
static const struct body rebuild_body = { "rebuild", rebuild_fields, sizeof(struct rebuild_in), .max = 256 * 1024 };

const struct route nova_rebuild_routes[] = {
    { "POST", "/servers/{id}/action", servers_rebuild, "os_compute_api:servers:rebuild", MAY_MEMBER, &rebuild_body, OK(202),
      .action = "rebuild" },
    { 0 },
};
/* clang-format on */
