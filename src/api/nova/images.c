/* /images: the older view of the image service, until 2.35. */
#include "image/image.h"

#include "api/nova/nova.h"

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)

EMIT(emit_links)
{
    const struct image *image = obj;
    nova_links(w, ctx, arena_printf(w->out.arena, "/images/%s", image->id));
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
static const char *const filters[] = { "name", NULL };
static const char *const sorts[] = { NULL };
/* clang-format on */

static int list_images(struct cx *cx, struct req *rq, const struct field *view)
{
    const struct paging paging = { .columns = image_table.columns, .filters = filters, .sorts = sorts,
                                   .default_sort = "created_at:desc", .max = NOVA_PAGE_MAX, .fallback = NOVA_PAGE_MAX };
    struct image_query q = { 0 };
    struct list images;

    TRY(req_filter(rq, &paging, &q.filter));
    TRY(image_list(cx, &q, &images));
    const struct image *items = images.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "images");
    jw_array(w);
    for (size_t i = 0; i < images.n; i++)
        jw_fields(w, view, &items[i]);
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
    return reply(rq, "image", detail_view, &image);
}

static int images_delete(struct cx *cx, struct req *rq)
{
    TRY(image_delete(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

#define P "os_compute_api:image:"
/* clang-format off */
const struct route nova_image_routes[] = {
    { "GET",    "/images",        images_list,   P "index",  MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "GET",    "/images/detail", images_detail, P "detail", MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "GET",    "/images/{id}",   images_show,   P "show",   MAY_READER, NULL, OK(200), .until = MV(2, 35) },
    { "DELETE", "/images/{id}",   images_delete, P "delete", MAY_MEMBER, NULL, OK(204), .until = MV(2, 35) },
    { 0 },
};
/* clang-format on */
