/* What an image's members are called and which of them an owner may give. */
#include <string.h>

#include "api/glance/glance.h"
#include "base/env.h"

const char *const glance_disk_formats[] = { "raw", "qcow2", "iso", "aki", "ari", "ami", NULL };
const char *const glance_container_formats[] = { "bare", "aki", "ari", "ami", NULL };
const char *const glance_visibilities[] = { "public", "private", "shared", "community", NULL };

struct tags {
    struct strs tags;
};
static bool is_tag(const char *s)
{
    return *s;
}
static const struct field tags_field = STRS(struct tags, tags, .max = IMAGE_TAGS_MAX, .check = is_tag,
                                            .expected = "A tag has 1 to 255 characters.");

/* Tags are a set: a second one of the same name is left away. */
static int parse_tags(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct image *image = obj;
    struct strs once = { 0 };
    struct tags t;

    TRY(json_read_member(cx, &tags_field, value, (struct json_rules){ 0 }, &t));
    for (size_t i = 0; i < t.tags.n; i++) {
        bool again = false;
        for (size_t k = 0; k < once.n && !again; k++)
            again = str_eq(once.items[k], t.tags.items[i]);
        if (!again)
            *arena_push(cx->arena, &once.items, &once.n) = t.tags.items[i];
    }
    image->tags = json_of_strs(cx->arena, once);
    return 0;
}

/* clang-format off */
const struct field glance_image_fields[] = {
    STR(struct image, id, .check = uuid_valid, .expected = "It must be a UUID.", .write_once = true),
    STR(struct image, name, .nullable = true),
    STR(struct image, owner, .min = 1),
    STR(struct image, visibility, .one_of = glance_visibilities),
    STR(struct image, disk_format, .one_of = glance_disk_formats, .nullable = true),
    STR(struct image, container_format, .one_of = glance_container_formats, .nullable = true),
    I64(struct image, min_disk, .bounded = true, .max = INT32_MAX),
    I64(struct image, min_ram, .bounded = true, .max = INT32_MAX),
    BOOL(struct image, protected),
    BOOL(struct image, os_hidden),
    HOOK("tags", .parse = parse_tags),
    { 0 },
};
/* clang-format on */

static const char *const readonly[] = {
    "id",         "status",       "size",          "virtual_size", "checksum", "created_at", "updated_at",
    "direct_url", "os_hash_algo", "os_hash_value", "self",         "file",     "schema",     NULL
};
static const char *const reserved[] = { "deleted", "deleted_at", "location", "locations",
                                        "members", "stores",     NULL };

static bool is_in(const char *const *set, const char *name)
{
    while (*set && strcmp(*set, name) != 0)
        set++;
    return *set;
}

int glance_check_name(struct cx *cx, const char *name)
{
    if (is_in(readonly, name))
        return fail(cx, KIND_FORBIDDEN, "Attribute '%s' is read-only.", name);
    if (is_in(reserved, name) || str_starts(name, "os_glance", NULL))
        return fail(cx, KIND_FORBIDDEN, "Attribute '%.64s' is reserved.", name);
    return 0;
}

/* Looks for the fixed names first: what is wrong with "size": 1 is not that 1 is no string. */
static int check_fixed(struct cx *cx, const struct req *rq, const char *const *set)
{
    for (; *set; set++)
        if (req_has(rq, *set) && !field_find(glance_image_fields, *set, 0))
            return glance_check_name(cx, *set);
    return 0;
}

struct properties {
    struct strmap properties;
};
static const struct field properties_field =
    MAP(struct properties, properties, .item_max = GLANCE_PROPERTY_MAX);

int glance_read_properties(struct cx *cx, struct req *rq, const char **ret_properties)
{
    const char *rest = json_rest(cx, glance_image_fields, req_json(rq), NULL);
    const struct json_t *object;
    struct properties p;

    TRY(check_fixed(cx, rq, readonly));
    TRY(check_fixed(cx, rq, reserved));
    TRY(json_parse(cx, rest, strlen(rest), &object));
    TRY(json_read_member(cx, &properties_field, object, (struct json_rules){ 0 }, &p));
    for (size_t i = 0; i < p.properties.n; i++)
        TRY(glance_check_name(cx, p.properties.items[i].key));
    *ret_properties = rest;
    return 0;
}
