/* /images: the older view of the image service, until 2.35; its metadata until 2.38. */
#include "image/image.h"

#include <jansson.h>
#include <string.h>

#include "api/nova/nova.h"

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)

EMIT(emit_links)
{
    const struct image *image = obj;
    nova_links(w, ctx, "images", image->id);
}
EMIT(emit_status)
{
    const struct image *image = obj;
    jw_string(w, str_eq(image->status, "active") ? "ACTIVE" : str_eq(image->status, "deactivated") ? "UNKNOWN" : "SAVING");
}
EMIT(emit_progress)
{
    const struct image *image = obj;
    jw_int(w, str_eq(image->status, "active") ? 100 : str_eq(image->status, "saving") ? 50 : 25);
}
EMIT(emit_size)
{
    const struct image *image = obj;
    jw_int(w, image->size > 0 ? image->size : 0);
}

static const char *property(struct cx *cx, const struct image *image, const char *key)
{
    struct strmap map = json_to_map(cx, image->properties);
    for (size_t i = 0; i < map.n; i++)
        if (str_eq(map.items[i].key, key))
            return map.items[i].value;
    return NULL;
}

/* clang-format off */
#define T struct image
static const struct field brief_view[] = { STR(T, id), STR(T, name), HOOK("links", .emit = emit_links), { 0 } };
static const struct field detail_view[] = {
    STR(T, id), STR(T, name), I64(T, min_ram, AS("minRam")), I64(T, min_disk, AS("minDisk")), JSON(T, properties, AS("metadata")),
    TIME(T, created_at, AS("created")), TIME(T, updated_at, AS("updated")), HOOK("status", .emit = emit_status),
    HOOK("progress", .emit = emit_progress), HOOK("OS-EXT-IMG-SIZE:size", .emit = emit_size), HOOK("links", .emit = emit_links),
    { 0 },
};
#undef T
static const char *const filters[] = { "name", "minRam=min_ram", "minDisk=min_disk", NULL };
static const struct {
    const char *status;
    struct strs ours;
} statuses[] = {
    { "ACTIVE", { (const char *[]){ "active" }, 1 } }, { "SAVING", { (const char *[]){ "queued", "saving" }, 2 } },
    { "UNKNOWN", { (const char *[]){ "deactivated" }, 1 } },
};
static const char *const sorts[] = { NULL };
/* clang-format on */

static struct filter_cond *add_cond(struct cx *cx, struct filter *f, const char *column, enum filter_op op, const char *value)
{
    struct filter_cond *c = arena_push(cx->arena, &f->conds, &f->n_conds);

    *c = (struct filter_cond){ .column = column, .op = op };
    *arena_push(cx->arena, &c->values.items, &c->values.n) = value;
    return c;
}

static void add_status(struct cx *cx, struct filter *f, const char *status)
{
    struct filter_cond *c = add_cond(cx, f, "status", FILTER_IN, status); /* of another name: no image has it */

    for (size_t i = 0; i < N_ELEMENTS(statuses); i++)
        if (strcasecmp(statuses[i].status, status) == 0)
            c->values = statuses[i].ours;
}

static void must_have(struct cx *cx, struct image_query *q, const char *key, const char *value)
{
    *arena_push(cx->arena, &q->properties.items, &q->properties.n) = (struct strpair){ key, value };
}

/* What images are of a server is told by its id, or its URL, which ends in it. */
static const char *after_slash(const char *s)
{
    const char *slash = strrchr(s, '/');
    return slash ? slash + 1 : s;
}

static int read_query(struct cx *cx, struct req *rq, struct image_query *q)
{
    const char *status = req_query(rq, "status"), *type = req_query(rq, "type"), *server = req_query(rq, "server");
    int64_t since = 0;

    if (status)
        add_status(cx, &q->filter, status);
    if (type)
        must_have(cx, q, "image_type", type);
    if (server)
        must_have(cx, q, "instance_uuid", after_slash(server));
    TRY(nova_query_time(rq, "changes-since", &since));
    if (since)
        add_cond(cx, &q->filter, "updated_at", FILTER_GE, cx_printf(cx, "%lld", (long long)since));
    return 0;
}

/* The server that a snapshot is of. */
static void put_server(struct cx *cx, struct req *rq, struct jwriter *w, const struct image *image)
{
    const char *id = property(cx, image, "instance_uuid");

    if (!id)
        return;
    jw_key(w, "server");
    jw_object(w);
    jw_kv(w, "id", id);
    jw_key(w, "links");
    nova_links(w, rq, "servers", id);
    jw_end(w);
}

static int list_images(struct cx *cx, struct req *rq, const struct field *view)
{
    const struct paging paging = { .columns = image_table.columns, .filters = filters, .sorts = sorts,
                                   .default_sort = "created_at:desc", .max = NOVA_PAGE_MAX, .fallback = NOVA_PAGE_MAX };
    struct image_query q = { 0 };
    struct list images;

    TRY(req_filter(rq, &paging, &q.filter));
    TRY(read_query(cx, rq, &q));
    TRY(image_list(cx, &q, &images));
    const struct image *items = images.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "images");
    jw_array(w);
    for (size_t i = 0; i < images.n; i++) {
        jw_object(w);
        jw_members(w, view, &items[i]);
        if (view == detail_view)
            put_server(cx, rq, w, &items[i]);
        jw_end(w);
    }
    jw_end(w);
    nova_next_link(w, rq, "images_links", images.n, q.filter.limit, images.n ? items[images.n - 1].id : NULL);
    jw_end(w);
    return reply_written(rq);
}

static int images_list(struct cx *cx, struct req *rq)
{
    return list_images(cx, rq, brief_view);
}

static int images_detail(struct cx *cx, struct req *rq)
{
    return list_images(cx, rq, detail_view);
}

static int images_show(struct cx *cx, struct req *rq)
{
    struct image image;

    TRY(image_get_visible(cx, req_path(rq, "id"), &image));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "image");
    jw_object(w);
    jw_members(w, detail_view, &image);
    put_server(cx, rq, w, &image);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int images_delete(struct cx *cx, struct req *rq)
{
    TRY(image_delete(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* ---- metadata: what Image calls properties ---- */

static int reply_metadata(struct req *rq, const char *wrap, const char *text)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, wrap);
    jw_raw(w, text);
    jw_end(w);
    return reply_written(rq);
}

static int save_metadata(struct cx *cx, const struct image *old, struct strmap map)
{
    struct image image = *old;

    image.properties = json_of_map(cx->arena, map);
    return image_change(cx, old, &image);
}

static int metadata_list(struct cx *cx, struct req *rq)
{
    struct image image;

    TRY(image_get_visible(cx, req_path(rq, "id"), &image));
    return reply_metadata(rq, "metadata", image.properties);
}

/* 'replace': what is not named goes. */
static int change_metadata(struct cx *cx, struct req *rq, bool replace)
{
    struct strmap map = { 0 };
    struct image image;

    TRY(nova_read_metadata(cx, rq, &map));
    TRY(image_get_own(cx, req_path(rq, "id"), &image));
    if (!replace)
        map = nova_merge(cx, json_to_map(cx, image.properties), map);
    TRY(save_metadata(cx, &image, map));
    return reply_metadata(rq, "metadata", json_of_map(cx->arena, map));
}

static int metadata_update(struct cx *cx, struct req *rq)
{
    return change_metadata(cx, rq, false);
}

static int metadata_replace(struct cx *cx, struct req *rq)
{
    return change_metadata(cx, rq, true);
}

static int no_such_key(struct cx *cx, struct req *rq)
{
    return fail(cx, KIND_NOT_FOUND, "No metadata item of image %.64s is called %.64s.", req_path(rq, "id"), req_path(rq, "key"));
}

static int meta_show(struct cx *cx, struct req *rq)
{
    const char *key = req_path(rq, "key");
    struct image image;

    TRY(image_get_visible(cx, req_path(rq, "id"), &image));
    const char *value = property(cx, &image, key);
    if (!value)
        return no_such_key(cx, rq);
    return reply_metadata(rq, "meta", json_of_map(cx->arena, (struct strmap){ &(struct strpair){ key, value }, 1 }));
}

static int meta_put(struct cx *cx, struct req *rq)
{
    const char *key = req_path(rq, "key");
    struct strmap map = { 0 };
    struct image image;

    TRY(nova_read_metadata(cx, rq, &map));
    if (map.n != 1 || !str_eq(map.items[0].key, key))
        return fail(cx, KIND_INVALID, "The body must have the one item that the path names.");
    TRY(image_get_own(cx, req_path(rq, "id"), &image));
    TRY(save_metadata(cx, &image, nova_merge(cx, json_to_map(cx, image.properties), map)));
    return reply_metadata(rq, "meta", json_of_map(cx->arena, map));
}

static int meta_delete(struct cx *cx, struct req *rq)
{
    struct strmap kept = { 0 };
    struct image image;

    TRY(image_get_own(cx, req_path(rq, "id"), &image));
    struct strmap map = json_to_map(cx, image.properties);
    for (size_t i = 0; i < map.n; i++)
        if (!str_eq(map.items[i].key, req_path(rq, "key")))
            *arena_push(cx->arena, &kept.items, &kept.n) = map.items[i];
    if (kept.n == map.n)
        return no_such_key(cx, rq);
    TRY(save_metadata(cx, &image, kept));
    return reply_empty(rq);
}

static const struct body metadata_body = { "metadata", .any = true };
static const struct body meta_body = { "meta", .any = true };

#define P "os_compute_api:image:"
#define M "os_compute_api:image-metadata:"
/* clang-format off */
const struct route nova_image_routes[] = {
    { "GET",    "/images",        images_list,   P "index",  MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "GET",    "/images/detail", images_detail, P "detail", MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "GET",    "/images/{id}",   images_show,   P "show",   MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "DELETE", "/images/{id}",   images_delete, P "delete", MAY_MEMBER, NULL, OK(204), .until = MV(2, 35) },
    { "GET",    "/images/{id}/metadata",       metadata_list,    M "index",      MAY_READER, NULL,           OK(200), .until = MV(2, 38) },
    { "POST",   "/images/{id}/metadata",       metadata_update,  M "create",     MAY_MEMBER, &metadata_body, OK(200), .until = MV(2, 38) },
    { "PUT",    "/images/{id}/metadata",       metadata_replace, M "update_all", MAY_MEMBER, &metadata_body, OK(200), .until = MV(2, 38) },
    { "GET",    "/images/{id}/metadata/{key}", meta_show,        M "show",       MAY_READER, NULL,           OK(200), .until = MV(2, 38) },
    { "PUT",    "/images/{id}/metadata/{key}", meta_put,         M "update",     MAY_MEMBER, &meta_body,     OK(200), .until = MV(2, 38) },
    { "DELETE", "/images/{id}/metadata/{key}", meta_delete,      M "delete",     MAY_MEMBER, NULL,           OK(204), .until = MV(2, 38) },
    { 0 },
};
/* clang-format on */
