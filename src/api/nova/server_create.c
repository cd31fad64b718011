/* POST /servers. */
#include <jansson.h>
#include <string.h>

#include "api/nova/nova.h"
#include "base/env.h"
#include "compute/create.h"

enum { COUNT_MAX = 1000, TAG_MAX = 60 };

struct group_name {
    const char *name;
};
struct create_in {
    const char *name, *hostname, *description, *image, *flavor, *admin_pass, *key_name, *user_data, *az, *host;
    const char *disk_config, *access_ip_v4, *access_ip_v6;
    struct strmap metadata;
    struct strs tags;
    bool config_drive, return_reservation_id, auto_disk_config;
    int64_t min_count, max_count;
    bool networks_given;
    enum nic_mode nic_mode;
    struct list nics;   /* struct nic_request */
    struct list groups; /* struct group_name */
    struct list disks;  /* struct disk */
};
struct disk {
    const char *source_type, *destination_type, *uuid, *device_name, *device_type, *disk_bus, *guest_format, *tag;
    int64_t boot_index, volume_size;
    bool delete_on_termination, no_device;
};

static bool is_tag(const char *s)
{
    return *s && strlen(s) <= TAG_MAX && !strpbrk(s, "/,");
}

static bool is_hostname(const char *s)
{
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] == 0 && *s != '-' &&
           s[strlen(s) - 1] != '-';
}

static bool is_address(const char *s)
{
    return nova_is_ipv4(s) || nova_is_ipv6(s);
}

/* clang-format off */
#define T struct nic_request
static const struct field nic_fields[] = {
    STR(T, network_id, AS("uuid"), .check = nova_is_id, .expected = "It must be a UUID."),
    STR(T, port_id, AS("port"), .nullable = true, .check = nova_is_id, .expected = "It must be a UUID."),
    STR(T, fixed_ip, .check = is_address, .expected = "It must be an IP address."),
    STR(T, tag, .check = is_tag, .min = 1, .max = TAG_MAX, .since = MV(2, 32), .until = MV(2, 36)),
    STR(T, tag, .check = is_tag, .min = 1, .max = TAG_MAX, .since = MV(2, 42)),
    { 0 },
};
#undef T
/* clang-format on */

static int parse_networks(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct create_in *in = obj;
    const struct field list = LIST(struct create_in, nics, struct nic_request, nic_fields, AS("networks"), .max = 64);
    const char *word = json_string_value(value);
    bool words = f->since >= MV(2, 37);

    in->networks_given = true;
    if (words && (str_eq(word, "auto") || str_eq(word, "none"))) {
        in->nic_mode = str_eq(word, "auto") ? NIC_AUTO : NIC_NONE;
        return 0;
    }
    TRY(json_read_member(cx, &list, value, (struct json_rules){ .mv = f->since ? f->since : MV(2, 1), .where = "networks" }, in));
    in->nic_mode = in->nics.n ? NIC_LIST : NIC_AUTO;
    const struct nic_request *nic = in->nics.items;
    for (size_t i = 0; i < in->nics.n; i++)
        if (!nic[i].network_id && !nic[i].port_id)
            return fail(cx, KIND_INVALID, "Invalid input for field/attribute networks. Each must name a network (uuid) or a port.");
    return 0;
}

/* A reference is an id, or a URL that ends in one. */
static int parse_image(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    const char *s = json_string_value(value);
    const char *slash = s ? strrchr(s, '/') : NULL;

    s = slash ? slash + 1 : s;
    if (!s || (*s && !nova_is_id(s)))
        return fail(cx, KIND_INVALID, "Invalid imageRef provided.");
    ((struct create_in *)obj)->image = *s ? s : NULL;
    return 0;
}

static int parse_flavor(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    return nova_read_flavor_reference(cx, value, &((struct create_in *)obj)->flavor);
}

/* clang-format off */
static const char *const disk_configs[] = { "AUTO", "MANUAL", NULL };
static const char *const sources[] = { "image", "blank", "volume", "snapshot", NULL };
static const char *const destinations[] = { "local", "volume", NULL };
#define T struct disk
static const struct field disk_fields[] = {
    STR(T, source_type, .one_of = sources), STR(T, destination_type, .one_of = destinations),
    STR(T, uuid, .check = nova_is_id, .expected = "It must be a UUID."), STR(T, device_name, .nullable = true),
    STR(T, device_type, .nullable = true), STR(T, disk_bus, .nullable = true), STR(T, guest_format, .nullable = true),
    STR(T, tag, .check = is_tag, .since = MV(2, 32), .until = MV(2, 32)), STR(T, tag, .check = is_tag, .since = MV(2, 42)),
    I64(T, boot_index, .coerce = true, .nullable = true), I64(T, volume_size, .coerce = true, .nullable = true),
    BOOL(T, delete_on_termination, .coerce = true), BOOL(T, no_device, .coerce = true), { 0 },
};
#undef T
static const struct field group_fields[] = { STR(struct group_name, name, .required = true, .min = 1), { 0 } };

#define NO_VOLUMES "there are no volumes yet; create the server from an image"
#define T struct create_in
static const struct field create_fields[] = {
    STR(T, name, .required = true, .min = 1, .max = 255, .check = nova_is_name,
        .expected = "It must be printable, without spaces at its ends."),
    HOOK("flavorRef", .required = true, .parse = parse_flavor), HOOK("imageRef", .parse = parse_image),
    STR(T, admin_pass, AS("adminPass"), .nullable = true),
    MAP(T, metadata, .check = nova_is_key), STR(T, key_name, .nullable = true, .min = 1),
    HOOK("networks", .parse = parse_networks, .until = MV(2, 31)),
    HOOK("networks", .parse = parse_networks, .since = MV(2, 32), .until = MV(2, 36)),
    HOOK("networks", .parse = parse_networks, .required = true, .since = MV(2, 37), .until = MV(2, 41)),
    HOOK("networks", .parse = parse_networks, .required = true, .since = MV(2, 42)),
    LIST(T, groups, struct group_name, group_fields, AS("security_groups"), .max = 64),
    STR(T, user_data, .nullable = true, .max = NOVA_USER_DATA_MAX, .check = nova_is_base64, .expected = "It must be base64."),
    STR(T, az, AS("availability_zone"), .nullable = true, .min = 1),
    BOOL(T, config_drive, .coerce = true, .nullable = true),
    I64(T, min_count, .coerce = true, .min = 1, .max = COUNT_MAX), I64(T, max_count, .coerce = true, .min = 1, .max = COUNT_MAX),
    BOOL(T, return_reservation_id, .coerce = true),
    STR(T, disk_config, AS("OS-DCF:diskConfig"), .one_of = disk_configs),
    STR(T, access_ip_v4, AS("accessIPv4"), .check = nova_is_ipv4, .expected = "It must be an IPv4 address."),
    STR(T, access_ip_v6, AS("accessIPv6"), .check = nova_is_ipv6, .expected = "It must be an IPv6 address."),
    LIST(T, disks, struct disk, disk_fields, AS("block_device_mapping_v2"), .max = 16),
    HOOK("block_device_mapping", .parse = nova_parse_refused, .expected = NO_VOLUMES),
    HOOK("personality", .parse = nova_parse_refused, .expected = "hand files over in user_data", .until = MV(2, 56)),
    STR(T, description, .nullable = true, .max = 255, .since = MV(2, 19)),
    STRS(T, tags, .max = 50, .item_max = TAG_MAX, .check = is_tag, .expected = "A tag is 1 to 60 characters without '/' and ','.",
         .since = MV(2, 52)),
    HOOK("trusted_image_certificates", .parse = nova_parse_refused, .expected = "images are not signed", .since = MV(2, 63)),
    STR(T, host, .min = 1, .since = MV(2, 74), .admin = true),
    HOOK("hypervisor_hostname", .parse = nova_parse_refused, .expected = "name the host instead", .since = MV(2, 74)),
    STR(T, hostname, .min = 1, .max = 63, .check = is_hostname, .expected = "It must be a host name.", .since = MV(2, 90)),
    { 0 },
};
#undef T
/* clang-format on */
static const struct body create_body = { "server", create_fields, sizeof(struct create_in), .max = 256 * 1024,
                                         .siblings = "os:scheduler_hints OS-SCH-HNT:scheduler_hints" };

/* The only disk there is: the image, on the host. */
static int read_disks(struct cx *cx, const struct create_in *in, struct server_create *out)
{
    const struct disk *d = in->disks.items;

    if (!in->disks.n)
        return 0;
    if (in->disks.n > 1 || !str_eq(d->source_type, "image") || d->boot_index != 0 || !d->uuid || d->no_device ||
        (d->destination_type && !str_eq(d->destination_type, "local")))
        return fail(cx, KIND_INVALID, "Block Device Mapping is Invalid: " NO_VOLUMES ".");
    if (out->image_id && !str_eq(out->image_id, d->uuid))
        return fail(cx, KIND_INVALID, "Block Device Mapping is Invalid: its image is another one than imageRef.");
    out->image_id = d->uuid;
    return 0;
}

static int read_ids(struct cx *cx, const char *name, const struct json_t *v, struct strs *ret_ids)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;

    for (size_t i = 0; i < n; i++) {
        const char *id = json_string_value(json_is_array(v) ? json_array_get(v, i) : v);
        if (!id || !nova_is_id(id))
            return fail(cx, KIND_INVALID, "Invalid input for field/attribute %s: it must be the id of a server, or a list of them.", name);
        *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = id;
    }
    return 0;
}

static int read_hints(struct cx *cx, struct req *rq, struct server_create *out)
{
    const json_t *doc = req_document(rq);
    json_t *hints = json_object_get(doc, "os:scheduler_hints"), *v;
    const char *key;

    if (!hints)
        hints = json_object_get(doc, "OS-SCH-HNT:scheduler_hints");
    if (hints && !json_is_object(hints))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute os:scheduler_hints. It must be an object.");
    json_object_foreach (hints, key, v) {
        if (strcmp(key, "same_host") == 0)
            TRY(read_ids(cx, key, v, &out->same_host));
        else if (strcmp(key, "different_host") == 0)
            TRY(read_ids(cx, key, v, &out->different_host));
        else if (strcmp(key, "group") == 0 && json_is_string(v) && nova_is_id(json_string_value(v)))
            out->group_id = json_string_value(v);
        else
            return fail(cx, KIND_INVALID, "Invalid input for field/attribute os:scheduler_hints: '%.64s' is not supported here, or "
                                          "its value is not an id.", key);
    }
    return 0;
}

static int read_create(struct cx *cx, struct req *rq, struct server_create *out)
{
    const struct create_in *in = req_body(rq);
    const struct group_name *g = in->groups.items;

    *out = (struct server_create){
        .name = in->name, .hostname = in->hostname, .description = in->description, .image_id = in->image,
        .flavor_id = in->flavor, .key_name = in->key_name, .user_data = in->user_data, .config_drive = in->config_drive,
        .metadata = in->metadata, .tags = in->tags, .az = in->az, .host_name = in->host, .nic_mode = in->nic_mode,
        .nics = in->nics, .disk_config = in->disk_config, .access_ip_v4 = in->access_ip_v4, .access_ip_v6 = in->access_ip_v6,
        .min_count = in->min_count ? in->min_count : 1,
        .max_count = in->max_count ? in->max_count : in->min_count ? in->min_count : 1,
    };
    for (size_t i = 0; i < in->groups.n; i++)
        *arena_push(cx->arena, &out->groups.items, &out->groups.n) = g[i].name;
    if (out->min_count > out->max_count)
        return fail(cx, KIND_INVALID, "min_count must be <= max_count");
    const struct nic_request *nic = in->nics.items;
    for (size_t i = 0; i < in->nics.n && out->max_count > 1; i++)
        if (nic[i].port_id || nic[i].fixed_ip)
            return fail(cx, KIND_INVALID, "Unable to launch multiple instances with a single configured port ID or fixed IP address.");
    TRY(read_disks(cx, in, out));
    TRY(read_hints(cx, rq, out));
    if (!out->image_id)
        return fail(cx, KIND_INVALID, "Invalid imageRef provided: " NO_VOLUMES ".");
    return 0;
}

static int reply_created(struct cx *cx, struct req *rq, const struct server *s, const struct create_in *in)
{
    const struct group_name *g = in->groups.items;
    struct jwriter *w = reply_writer(rq);

    reply_header(rq, "Location", nova_url(rq, cx->arena, cx_printf(cx, "/servers/%s", s->id)));
    jw_object(w);
    jw_key(w, "server");
    jw_object(w);
    jw_kv(w, "id", s->id);
    jw_key(w, "links");
    nova_links(w, rq, "servers", s->id);
    jw_kv(w, "OS-DCF:diskConfig", s->disk_config);
    jw_key(w, "security_groups");
    jw_array(w);
    for (size_t i = 0; i < (in->groups.n ? in->groups.n : 1); i++) {
        jw_object(w);
        jw_kv(w, "name", in->groups.n ? g[i].name : "default");
        jw_end(w);
    }
    jw_end(w);
    jw_kv(w, "adminPass", in->admin_pass ? in->admin_pass : secret_new(cx->arena, NOVA_ADMIN_PASS_CHARACTERS));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int servers_create(struct cx *cx, struct req *rq)
{
    const struct create_in *in = req_body(rq);
    struct server_create create;
    struct list servers;

    TRY(read_create(cx, rq, &create));
    TRY(server_create(cx, &create, &servers));
    const struct server *first = servers.items;
    if (!in->return_reservation_id)
        return reply_created(cx, rq, first, in);
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_kv(w, "reservation_id", first->reservation_id);
    jw_end(w);
    return reply_written(rq);
}

/* clang-format off */
const struct route nova_create_routes[] = {
    { "POST", "/servers", servers_create, "os_compute_api:servers:create", MAY_MEMBER, &create_body, OK(202) },
    { 0 },
};
/* clang-format on */
