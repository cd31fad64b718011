/* The JSON schemas that clients validate with, and what they ask about imports. */
#include <string.h>

#include "api/glance/glance.h"

struct member {
    const char *name, *type, *description;
    bool nullable, readonly;
    const char *const *one_of;
    int64_t max; /* bytes of a string */
};

/* clang-format off */
static const char *const image_statuses[] = { "queued", "saving", "active", "deactivated", NULL };
static const char *const member_statuses[] = { "pending", "accepted", "rejected", NULL };

static const struct member image_members[] = {
    { "id", "string", "A UUID that names the image" },
    { "name", "string", "What its owner calls it", .nullable = true, .max = 255 },
    { "status", "string", "Where it is in its life", .readonly = true, .one_of = image_statuses },
    { "visibility", "string", "Who sees it", .one_of = glance_visibilities },
    { "owner", "string", "The project it belongs to", .max = 255 },
    { "disk_format", "string", "Format of the bytes", .nullable = true, .one_of = glance_disk_formats },
    { "container_format", "string", "What is around them", .nullable = true, .one_of = glance_container_formats },
    { "size", "integer", "Number of bytes", .nullable = true, .readonly = true },
    { "virtual_size", "integer", "Bytes of the disk that a server sees", .nullable = true, .readonly = true },
    { "checksum", "string", "MD5 of the bytes", .nullable = true, .readonly = true, .max = 32 },
    { "os_hash_algo", "string", "Algorithm of os_hash_value", .nullable = true, .readonly = true, .max = 64 },
    { "os_hash_value", "string", "Hash of the bytes, hexadecimal", .nullable = true, .readonly = true, .max = 128 },
    { "min_disk", "integer", "GiB of disk that a server of it needs" },
    { "min_ram", "integer", "MiB of memory that a server of it needs" },
    { "protected", "boolean", "It cannot be deleted" },
    { "os_hidden", "boolean", "It is not listed unless asked for" },
    { "tags", "array", "Words to find it by" },
    { "created_at", "string", "When it was made", .readonly = true },
    { "updated_at", "string", "When it was changed last", .readonly = true },
    { "self", "string", "Its path", .readonly = true },
    { "file", "string", "The path of its bytes", .readonly = true },
    { "schema", "string", "The path of this schema", .readonly = true },
    { 0 },
};
static const struct member member_members[] = {
    { "image_id", "string", "The image that is shared" },
    { "member_id", "string", "The project it is shared with" },
    { "status", "string", "What the project thinks of it", .one_of = member_statuses },
    { "created_at", "string", "When it was shared" },
    { "updated_at", "string", "When that was changed last" },
    { "schema", "string", "The path of this schema", .readonly = true },
    { 0 },
};
/* clang-format on */

static void write_type(struct jwriter *w, const struct member *m)
{
    jw_key(w, "type");
    if (m->nullable) {
        jw_array(w);
        jw_string(w, "null");
        jw_string(w, m->type);
        jw_end(w);
    } else
        jw_string(w, m->type);
    if (strcmp(m->type, "array") == 0) {
        jw_key(w, "items");
        jw_raw(w, "{\"type\":\"string\",\"maxLength\":255}");
    }
}

static void write_member(struct jwriter *w, const struct member *m)
{
    jw_key(w, m->name);
    jw_object(w);
    write_type(w, m);
    jw_kv(w, "description", m->description);
    if (m->readonly)
        jw_kv_bool(w, "readOnly", true);
    if (m->max)
        jw_kv_int(w, "maxLength", m->max);
    if (m->one_of) {
        jw_key(w, "enum");
        jw_array(w);
        if (m->nullable)
            jw_null(w);
        for (const char *const *s = m->one_of; *s; s++)
            jw_string(w, *s);
        jw_end(w);
    }
    jw_end(w);
}

static void write_one(struct jwriter *w, const char *name, const struct member *members)
{
    bool image = members == image_members;

    jw_object(w);
    jw_kv(w, "name", name);
    jw_key(w, "properties");
    jw_object(w);
    for (const struct member *m = members; m->name; m++)
        write_member(w, m);
    jw_end(w);
    if (image) { /* an image has properties that its owner names */
        jw_key(w, "additionalProperties");
        jw_raw(w, "{\"type\":\"string\"}");
        jw_key(w, "links");
        jw_raw(w, "[{\"rel\":\"self\",\"href\":\"{self}\"},{\"rel\":\"enclosure\",\"href\":\"{file}\"},"
                  "{\"rel\":\"describedby\",\"href\":\"{schema}\"}]");
    }
    jw_end(w);
}

static void write_many(struct jwriter *w, const char *name, const char *one, const struct member *members)
{
    jw_object(w);
    jw_kv(w, "name", name);
    jw_key(w, "properties");
    jw_object(w);
    jw_key(w, name);
    jw_object(w);
    jw_kv(w, "type", "array");
    jw_key(w, "items");
    write_one(w, one, members);
    jw_end(w);
    write_member(w, &(struct member){ "schema", "string", "The path of this schema" });
    if (members == image_members) {
        write_member(w, &(struct member){ "first", "string", "The path of the first page" });
        write_member(w, &(struct member){ "next", "string", "The path of the next page, if there is one" });
    }
    jw_end(w);
    jw_key(w, "links");
    jw_raw(w, members == image_members
                  ? "[{\"rel\":\"first\",\"href\":\"{first}\"},{\"rel\":\"next\",\"href\":\"{next}\"},"
                    "{\"rel\":\"describedby\",\"href\":\"{schema}\"}]"
                  : "[{\"rel\":\"describedby\",\"href\":\"{schema}\"}]");
    jw_end(w);
}

static int schemas_show(struct cx *cx, struct req *rq)
{
    static const struct {
        const char *name, *one; /* 'one': it is a list of these */
        const struct member *members;
    } schemas[] = { { "image", NULL, image_members },
                    { "images", "image", image_members },
                    { "member", NULL, member_members },
                    { "members", "member", member_members } };
    const char *name = req_path(rq, "name");
    size_t i = 0;

    while (i < N_ELEMENTS(schemas) && strcmp(schemas[i].name, name) != 0)
        i++;
    if (i == N_ELEMENTS(schemas))
        return fail(cx, KIND_NOT_FOUND, "There is no schema %.64s.", name);
    struct jwriter *w = reply_writer(rq);
    if (schemas[i].one)
        write_many(w, name, schemas[i].one, schemas[i].members);
    else
        write_one(w, name, schemas[i].members);
    return reply_written(rq);
}

/* Bytes come by PUT .../file only; clients that can import ask here first. */
static int import_info(struct cx *cx, struct req *rq)
{
    static const char none[] =
        "{\"import-methods\":{\"description\":\"Import methods available.\",\"type\":\"array\","
        "\"value\":[]}}";
    return reply_text(rq, "application/json", none, sizeof none - 1);
}

/* clang-format off */
const struct route glance_schema_routes[] = {
    { "GET", "/v2/schemas/{name}", schemas_show, "get_schema",  MAY_READER, .ok = OK(200) },
    { "GET", "/v2/info/import",    import_info,  "get_imports", MAY_READER, .ok = OK(200) },
    { 0 },
};
/* clang-format on */
