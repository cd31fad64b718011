/* PATCH of an image: operations on its top-level members, in the two forms that clients use: {"op": "add",
 * "path": "/name", "value": ...} and, older, {"add": "/name", "value": ...}. */
#include <string.h>
#include <strings.h>

#include "api/glance/glance.h"

struct op {
    const char *op, *path;              /* the newer form */
    const char *add, *replace, *remove; /* paths of the older */
    const struct json_t *value;         /* NULL: none was given */
};
struct patch {
    struct list ops;
};

static int parse_value(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    ((struct op *)obj)->value = value;
    return 0;
}

enum { PATH_MAX_BYTES = 1024 };

/* clang-format off */
static const char *const kinds[] = { "add", "replace", "remove", NULL };
static const struct field op_fields[] = {
    STR(struct op, op, .one_of = kinds), STR(struct op, path, .max = PATH_MAX_BYTES),
    STR(struct op, add, .max = PATH_MAX_BYTES), STR(struct op, replace, .max = PATH_MAX_BYTES),
    STR(struct op, remove, .max = PATH_MAX_BYTES), HOOK("value", .parse = parse_value), { 0 },
};
static const struct field patch_field = LIST(struct patch, ops, struct op, op_fields);

struct value {
    const char *value;
};
static const struct field value_field = STR(struct value, value, .max = GLANCE_PROPERTY_MAX);
/* clang-format on */

/* Brings 'op' into the newer form. */
static int normalize(struct cx *cx, struct op *op)
{
    int n = !!op->add + !!op->replace + !!op->remove;

    if (op->op ? n || !op->path : n != 1 || op->path)
        return fail(cx, KIND_INVALID, "Each operation must have an op and a path.");
    if (!op->op) {
        op->op = op->add ? "add" : op->replace ? "replace" : "remove";
        op->path = op->add ? op->add : op->replace ? op->replace : op->remove;
    }
    if (strcmp(op->op, "remove") != 0 && !op->value)
        return fail(cx, KIND_INVALID, "Operation \"%s\" requires a member named \"value\".", op->op);
    return 0;
}

/* The one reference token of a JSON pointer (RFC 6901). */
static int read_pointer(struct cx *cx, const char *path, const char **ret_name)
{
    char *out = cx_strdup(cx, path);

    *ret_name = out;
    if (*path != '/' || !path[1] || strchr(path + 1, '/'))
        return fail(cx, KIND_INVALID, "Invalid JSON pointer for this resource: '%.255s'", path);
    for (path++; *path; path++) {
        if (*path == '~' && path[1] != '0' && path[1] != '1')
            return fail(cx, KIND_INVALID, "Invalid JSON pointer: '~' is followed by 0 or 1.");
        *out++ = *path != '~' ? *path : *++path == '0' ? '~' : '/';
    }
    *out = 0;
    return strlen(*ret_name) <= 255 ? 0
                                    : fail(cx, KIND_INVALID, "The name of a property has 255 bytes at most.");
}

static int change_property(struct cx *cx, struct strmap *map, const struct op *op, const char *name)
{
    bool remove = strcmp(op->op, "remove") == 0;
    struct value v;
    size_t i = 0;

    while (i < map->n && strcmp(map->items[i].key, name) != 0)
        i++;
    if (i == map->n && strcmp(op->op, "add") != 0)
        return fail(cx, KIND_CONFLICT, "Property %s does not exist.", name);
    if (remove) {
        map->n--;
        memmove(&map->items[i], &map->items[i + 1], (map->n - i) * sizeof map->items[0]);
        return 0;
    }
    TRY(json_read_member(cx, &value_field, op->value, (struct json_rules){ 0 }, &v));
    if (i == map->n)
        arena_push(cx->arena, &map->items, &map->n);
    map->items[i] = (struct strpair){ name, v.value };
    return 0;
}

static int apply(struct cx *cx, struct op *op, struct image *image, struct strmap *properties)
{
    const char *name;

    TRY(normalize(cx, op));
    TRY(read_pointer(cx, op->path, &name));
    TRY(glance_check_name(cx, name));
    const struct field *f = field_find(glance_image_fields, name, 0);
    if (!f)
        return change_property(cx, properties, op, name);
    if (strcmp(op->op, "remove") == 0)
        return fail(cx, KIND_FORBIDDEN, "Property %s cannot be removed.", name);
    return json_read_member(cx, f, op->value, (struct json_rules){ 0 }, image);
}

static bool is_patch_type(const char *type)
{
    static const char *const types[] = { "application/openstack-images-v2.1-json-patch",
                                         "application/openstack-images-v2.0-json-patch", NULL };
    size_t n = type ? strcspn(type, "; ") : 0;

    for (const char *const *t = types; *t; t++)
        if (n == strlen(*t) && strncasecmp(type, *t, n) == 0)
            return true;
    return false;
}

int glance_patch(struct cx *cx, struct req *rq, struct image *image)
{
    struct strmap stored = json_to_map(cx, image->properties), properties = { 0 };
    struct patch patch;

    if (!is_patch_type(req_header(rq, "Content-Type"))) {
        reply_status(rq, 415);
        return fail(cx, KIND_INVALID,
                    "A change of an image is sent as application/openstack-images-v2.1-json-patch.");
    }
    for (size_t i = 0; i < stored.n; i++)
        *arena_push(cx->arena, &properties.items, &properties.n) = stored.items[i];
    TRY(json_read_member(cx, &patch_field, req_document(rq), (struct json_rules){ 0 }, &patch));
    struct op *ops = patch.ops.items;
    for (size_t i = 0; i < patch.ops.n; i++)
        TRY(apply(cx, &ops[i], image, &properties));
    image->properties = json_of_map(cx->arena, properties);
    return 0;
}
