/* Images: their rows.  The bytes are in data.c. */
#include "api/glance/glance.h"

/* ---- out ---- */

static void emit_size(struct jwriter *w, int64_t bytes)
{
    if (bytes < 0)
        jw_null(w);
    else
        jw_int(w, bytes);
}

static void emit_bytes(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    emit_size(w, ((const struct image *)obj)->size);
}

static void emit_virtual(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    emit_size(w, ((const struct image *)obj)->virtual_size);
}

/* clang-format off */
static const struct field view[] = {
    STR(struct image, id), STR(struct image, name), STR(struct image, status), STR(struct image, visibility),
    STR(struct image, owner), STR(struct image, disk_format), STR(struct image, container_format),
    HOOK("size", .emit = emit_bytes), HOOK("virtual_size", .emit = emit_virtual), STR(struct image, checksum),
    STR(struct image, os_hash_algo), STR(struct image, os_hash_value), I64(struct image, min_disk),
    I64(struct image, min_ram), BOOL(struct image, protected), BOOL(struct image, os_hidden), JSON(struct image, tags),
    TIME(struct image, created_at), TIME(struct image, updated_at), { 0 },
};
/* clang-format on */

/* Properties stand beside the members, so no table can say it all. */
static void write_image(struct cx *cx, struct jwriter *w, const struct image *image)
{
    struct strmap properties = json_to_map(cx, image->properties);

    jw_object(w);
    jw_members(w, view, image);
    for (size_t i = 0; i < properties.n; i++)
        jw_kv(w, properties.items[i].key, properties.items[i].value);
    jw_kv(w, "self", cx_printf(cx, "/v2/images/%s", image->id));
    jw_kv(w, "file", cx_printf(cx, "/v2/images/%s/file", image->id));
    jw_kv(w, "schema", "/v2/schemas/image");
    jw_end(w);
}

static int reply_image(struct cx *cx, struct req *rq, const struct image *image)
{
    write_image(cx, reply_writer(rq), image);
    return reply_written(rq);
}

/* ---- calls ---- */

static int images_create(struct cx *cx, struct req *rq)
{
    struct image image = *(const struct image *)req_body(rq);

    TRY(glance_read_properties(cx, rq, &image.properties));
    TRY(image_create(cx, &image));
    reply_header(rq, "Location", cx_printf(cx, "%s/image/v2/images/%s", req_base_url(rq), image.id));
    return reply_image(cx, rq, &image);
}

static int images_show(struct cx *cx, struct req *rq)
{
    struct image image;

    TRY(image_get_visible(cx, req_path(rq, "id"), &image));
    return reply_image(cx, rq, &image);
}

static int images_list(struct cx *cx, struct req *rq)
{
    struct image_query query;
    struct list list;

    TRY(glance_query(cx, rq, &query));
    TRY(image_list(cx, &query, &list));
    const struct image *images = list.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "images");
    jw_array(w);
    for (size_t i = 0; i < list.n; i++)
        write_image(cx, w, &images[i]);
    jw_end(w);
    jw_kv(w, "first", glance_list_url(cx, rq, NULL));
    if (list.n && list.n == (size_t)query.filter.limit)
        jw_kv(w, "next", glance_list_url(cx, rq, images[list.n - 1].id));
    jw_kv(w, "schema", "/v2/schemas/images");
    jw_end(w);
    return reply_written(rq);
}

static int images_update(struct cx *cx, struct req *rq)
{
    struct image old, image;

    TRY(image_get_own(cx, req_path(rq, "id"), &old));
    image = old;
    TRY(glance_patch(cx, rq, &image));
    TRY(image_change(cx, &old, &image));
    return reply_image(cx, rq, &image);
}

static int images_delete(struct cx *cx, struct req *rq)
{
    TRY(image_delete(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

static int images_deactivate(struct cx *cx, struct req *rq)
{
    TRY(image_set_active(cx, req_path(rq, "id"), false));
    return reply_empty(rq);
}

static int images_reactivate(struct cx *cx, struct req *rq)
{
    TRY(image_set_active(cx, req_path(rq, "id"), true));
    return reply_empty(rq);
}

static int tags_add(struct cx *cx, struct req *rq)
{
    TRY(image_add_tag(cx, req_path(rq, "id"), req_path(rq, "tag")));
    return reply_empty(rq);
}

static int tags_remove(struct cx *cx, struct req *rq)
{
    TRY(image_remove_tag(cx, req_path(rq, "id"), req_path(rq, "tag")));
    return reply_empty(rq);
}

/* clang-format off */
static const struct body create_body = { .fields = glance_image_fields, .size = sizeof(struct image), .open = true,
                                         .max = GLANCE_BODY_MAX };
static const struct body patch_body = { .any = true, .max = GLANCE_BODY_MAX };

const struct route glance_image_routes[] = {
    { "GET",    "/v2/images",                          images_list,       "get_images",   MAY_READER, .ok = OK(200) },
    { "POST",   "/v2/images",                          images_create,     "add_image",    MAY_MEMBER, &create_body, OK(201) },
    { "GET",    "/v2/images/{id}",                     images_show,       "get_image",    MAY_READER, .ok = OK(200) },
    { "PATCH",  "/v2/images/{id}",                     images_update,     "modify_image", MAY_MEMBER, &patch_body, OK(200) },
    { "DELETE", "/v2/images/{id}",                     images_delete,     "delete_image", MAY_MEMBER, .ok = OK(204) },
    { "POST",   "/v2/images/{id}/actions/deactivate",  images_deactivate, "deactivate",   MAY_MEMBER, .ok = OK(204) },
    { "POST",   "/v2/images/{id}/actions/reactivate",  images_reactivate, "reactivate",   MAY_MEMBER, .ok = OK(204) },
    { "PUT",    "/v2/images/{id}/tags/{tag}",          tags_add,          "modify_image", MAY_MEMBER, .ok = OK(204) },
    { "DELETE", "/v2/images/{id}/tags/{tag}",          tags_remove,       "modify_image", MAY_MEMBER, .ok = OK(204) },
    { 0 },
};
/* clang-format on */
