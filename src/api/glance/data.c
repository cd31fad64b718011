/* Images: their bytes, up and down. */
#include <string.h>
#include <strings.h>

#include "api/glance/glance.h"
#include "base/log.h"
#include "image/files.h"

LOG_MODULE("glance");

static struct images *images_of(const struct req *rq)
{
    const struct face_contexts *contexts = req_user(rq);
    return contexts->images;
}

/* ---- down ---- */

/* "bytes=a-b", "bytes=a-" or "bytes=-n" of 'size' bytes.  Anything else, and several ranges, are as if
 * nothing had been asked for (RFC 9110 allows it).  Returns 1 for a part, 0 for the whole, -1 when no byte of
 * the range is there. */
static int read_range(struct cx *cx, const char *header, int64_t size, int64_t *ret_from, int64_t *ret_n)
{
    const char *spec, *dash;
    int64_t first = 0, last = 0;

    *ret_from = 0;
    *ret_n = size;
    if (!header || !str_starts(header, "bytes=", &spec) || !(dash = strchr(spec, '-')))
        return 0;
    bool has_first = dash > spec, has_last = dash[1];
    if (has_first &&
        (str_to_i64(arena_strndup(cx->arena, spec, (size_t)(dash - spec)), &first) < 0 || first < 0))
        return 0;
    if ((has_last && (str_to_i64(dash + 1, &last) < 0 || last < 0)) || (!has_first && !has_last) ||
        (has_first && has_last && last < first))
        return 0;
    if (!has_first) { /* the last n bytes */
        first = last < size ? size - last : 0;
        last = last ? size - 1 : -1;
    } else if (!has_last || last >= size)
        last = size - 1;
    if (first >= size || last < first)
        return -1;
    *ret_from = first;
    *ret_n = last - first + 1;
    return 1;
}

static int data_download(struct cx *cx, struct req *rq)
{
    struct image image;
    int64_t size, from, n;

    TRY(image_for_download(cx, req_path(rq, "id"), &image));
    if (!image.checksum) { /* nothing was uploaded yet */
        reply_status(rq, 204);
        return reply_empty(rq);
    }
    CLEAN_FD fd = images_read(cx, images_of(rq), image.id, &size);
    TRY(fd);
    reply_header(rq, "Accept-Ranges", "bytes");
    int part = read_range(cx, req_header(rq, "Range"), size, &from, &n);
    if (part < 0) {
        reply_header(rq, "Content-Range", cx_printf(cx, "bytes */%lld", (long long)size));
        reply_status(rq, 416);
        return fail(cx, KIND_INVALID, "The image has %lld bytes; the range is beyond them.", (long long)size);
    }
    if (part) {
        reply_header(rq, "Content-Range",
                     cx_printf(cx, "bytes %lld-%lld/%lld", (long long)from, (long long)(from + n - 1),
                               (long long)size));
        reply_status(rq, 206);
    } else
        reply_header(rq, "Content-MD5", image.checksum);
    int taken = fd;
    fd = -1;
    return reply_file(rq, taken, from, n, "application/octet-stream");
}

/* ---- up ---- */

struct upload {
    struct store *store;
    struct images *images;
    const char *id, *disk_format;
    struct image_upload *file;      /* from the first byte on */
    struct image_received received; /* once it is complete */
};

static void forget_upload(void *p)
{
    struct upload *u = p;
    image_upload_free(u->file);
    u->file = NULL;
}

/* Runs in a transaction, perhaps twice: so it touches no file. */
static int upload_open(struct cx *cx, struct req *rq)
{
    const char *type = req_header(rq, "Content-Type");
    struct upload *u = cx_alloc(cx, sizeof *u);
    struct image image;

    if (type && strcasecmp(type, "application/octet-stream") != 0) {
        reply_status(rq, 415);
        return fail(cx, KIND_INVALID,
                    "The bytes of an image are sent as application/octet-stream, not %.64s.", type);
    }
    TRY(image_begin_upload(cx, req_path(rq, "id"), &image));
    *u = (struct upload){
        .store = req_store(rq), .images = images_of(rq), .id = image.id, .disk_format = image.disk_format
    };
    arena_defer(cx->arena, forget_upload, u);
    req_keep(rq, u);
    return 0;
}

static int upload_file(struct cx *cx, struct upload *u)
{
    return u->file ? 0 : image_upload_begin(cx, u->images, u->id, u->disk_format, &u->file);
}

static int upload_chunk(struct req *rq, const void *data, size_t n)
{
    struct upload *u = req_kept(rq);

    TRY(upload_file(req_cx(rq), u));
    return image_upload_write(req_cx(rq), u->file, data, n);
}

/* Inspecting and syncing take their time, so they come before the transaction. */
static int upload_prepare(struct cx *cx, struct req *rq)
{
    struct upload *u = req_kept(rq);

    TRY(upload_file(cx, u)); /* an image of no bytes had no chunk */
    return image_upload_finish(cx, u->file, &u->received);
}

static int upload_handle(struct cx *cx, struct req *rq)
{
    const struct upload *u = req_kept(rq);

    TRY(image_finish_upload(cx, u->id, &u->received));
    return reply_empty(rq);
}

static int abandon_row(struct cx *cx, void *arg)
{
    const struct upload *u = arg;
    return image_abandon_upload(cx, u->id);
}

/* The file goes before the row is queued again, so that the next upload finds none. */
static void upload_abandon(struct req *rq)
{
    struct upload *u = req_kept(rq);
    CLEAN_CX cx;

    image_upload_abandon(u->file);
    u->file = NULL;
    cx_begin(&cx);
    if (store_write_wait(u->store, &cx, abandon_row, u) < 0)
        log_error("request=%s image=%s stays 'saving' until the next start: %s", req_cx(rq)->request_id,
                  u->id, cx.text);
}

/* clang-format off */
const struct route glance_data_routes[] = {
    { "GET", "/v2/images/{id}/file", data_download, "download_image", MAY_READER, .ok = OK(200) },
    { "PUT", "/v2/images/{id}/file", upload_handle, "upload_image",   MAY_MEMBER, .ok = OK(204), .mode = MODE_UPLOAD,
      .prepare = upload_prepare, .open = upload_open, .chunk = upload_chunk, .abandon = upload_abandon },
    { 0 },
};
/* clang-format on */
