#include <string.h>
#include <unistd.h>

#include "api/core/internal.h"
#include "base/log.h"

LOG_MODULE("api");

static int status_of(const struct req *rq)
{
    const struct status *s = &rq->route->ok;
    return s->since && rq->mv >= s->since ? s->then : s->status ? s->status : 200;
}

struct jwriter *reply_writer(struct req *rq)
{
    rq->writer = jwriter_new(rq->cx.arena);
    rq->writer.mv = rq->mv;
    rq->writer.admin = rq->cx.who && rq->cx.who->is_admin;
    rq->writer.ctx = rq->view_context ? rq->view_context : rq;
    return &rq->writer;
}

void reply_context(struct req *rq, const void *ctx)
{
    rq->view_context = ctx;
}

int reply_written(struct req *rq)
{
    return reply_text(rq, "application/json", buf_text(&rq->writer.out), rq->writer.out.len);
}

int reply_text(struct req *rq, const char *type, const char *text, size_t n)
{
    rq->out = text;
    rq->out_len = n;
    rq->type = type;
    rq->status = rq->status ? rq->status : status_of(rq);
    return 0;
}

/* The names that the client wants of each object (?fields=id&fields=name), or NULL. */
static const struct strs *wanted_fields(struct req *rq)
{
    struct strs names = req_query_all(rq, "fields");
    if (!names.n)
        return NULL;
    struct strs *kept = cx_alloc(&rq->cx, sizeof *kept);
    *kept = names;
    return kept;
}

int reply(struct req *rq, const char *wrap, const struct field *view, const void *obj)
{
    struct jwriter *w = reply_writer(rq);

    if (wrap) {
        jw_object(w);
        jw_key(w, wrap);
    }
    w->only = strcmp(rq->http->method, "GET") == 0 ? wanted_fields(rq) : NULL;
    jw_fields(w, view, obj);
    w->only = NULL;
    if (wrap)
        jw_end(w);
    return reply_written(rq);
}

int reply_list(struct req *rq, const char *wrap, const char *each, const struct field *view, struct list objs, size_t size)
{
    struct jwriter *w = reply_writer(rq);
    const struct strs *only = strcmp(rq->http->method, "GET") == 0 ? wanted_fields(rq) : NULL;

    jw_object(w);
    jw_key(w, wrap);
    jw_array(w);
    for (size_t i = 0; i < objs.n; i++) {
        if (each) {
            jw_object(w);
            jw_key(w, each);
        }
        w->only = only;
        jw_fields(w, view, (const char *)objs.items + i * size);
        w->only = NULL;
        if (each)
            jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

int reply_empty(struct req *rq)
{
    rq->out = "";
    rq->out_len = 0;
    rq->type = NULL;
    rq->status = rq->status ? rq->status : status_of(rq);
    return 0;
}

int reply_file(struct req *rq, int fd, int64_t offset, int64_t size, const char *type)
{
    rq->file = fd;
    rq->file_offset = offset;
    rq->file_size = size;
    rq->type = type;
    rq->status = rq->status ? rq->status : status_of(rq);
    return 0;
}

int reply_upgrade(struct req *rq, const char *protocol,
                  void (*ready)(void *arg, int fd, const void *extra, size_t n_extra), void *arg)
{
    rq->protocol = protocol;
    rq->ready = ready;
    rq->ready_arg = arg;
    rq->status = 101;
    return 0;
}

void reply_header(struct req *rq, const char *name, const char *value)
{
    const char *(*h)[2] = arena_push(rq->cx.arena, &rq->headers, &rq->n_headers);
    (*h)[0] = name;
    (*h)[1] = value;
}

void reply_status(struct req *rq, int status)
{
    rq->status = status;
}

void reply_reset(struct req *rq)
{
    if (rq->file >= 0)
        close(rq->file);
    rq->file = -1;
    rq->status = 0;
    rq->out = NULL;
    rq->out_len = 0;
    rq->type = NULL;
    rq->protocol = NULL;
}

/* ---- failures ---- */

static const int usual_status[KIND_N] = {
    [KIND_INVALID] = 400,  [KIND_UNAUTHENTICATED] = 401, [KIND_FORBIDDEN] = 403, [KIND_NOT_FOUND] = 404,
    [KIND_CONFLICT] = 409, [KIND_QUOTA] = 403,           [KIND_TOO_LARGE] = 413, [KIND_BUSY] = 409,
    [KIND_UNAVAILABLE] = 503, [KIND_UNSUPPORTED] = 501,  [KIND_INTERNAL] = 500,
};

static void plain_error(struct jwriter *w, int status, enum kind kind, const char *type, const char *text)
{
    jw_object(w);
    jw_key(w, "error");
    jw_object(w);
    jw_kv_int(w, "code", status);
    jw_kv(w, "message", text);
    jw_end(w);
    jw_end(w);
}

/* Image's own client asks for anything and cannot read Image's JSON; what is sent to it then is text. */
static bool wants_text(const struct req *rq)
{
    const char *accept = rq->face && rq->face->text_errors ? http_header(rq->http, "Accept") : NULL;
    return accept && !strstr(accept, "json");
}

void reply_failure(struct req *rq)
{
    struct cx *cx = &rq->cx;
    int forced = rq->status >= 400 ? rq->status : 0;
    const char *text = cx->text ? cx->text : "No reason was recorded.";
    enum kind kind = cx->kind ? cx->kind : KIND_INTERNAL;

    reply_reset(rq);
    if (kind == KIND_INTERNAL) {
        log_error("request=%s method=%s path=%s failed: %s", cx->request_id, rq->http->method, rq->http->path, text);
        text = cx_printf(cx, "An unexpected error happened. The log of alamod names its cause under %s.", cx->request_id);
    }
    int status = forced ? forced : rq->face && rq->face->statuses[kind] ? rq->face->statuses[kind] : usual_status[kind];
    if (kind == KIND_UNAUTHENTICATED)
        reply_header(rq, "WWW-Authenticate", cx_printf(cx, "Keystone uri=\"%s\"", rq->core->config.realm_url));
    if (kind == KIND_UNAVAILABLE)
        reply_header(rq, "Retry-After", "5");
    rq->status = status;
    if (wants_text(rq)) {
        rq->out = text;
        rq->out_len = strlen(text);
        rq->type = "text/plain; charset=UTF-8";
        return;
    }
    struct jwriter *w = reply_writer(rq);
    (rq->face && rq->face->error ? rq->face->error : plain_error)(w, status, kind, cx->type, text);
    rq->out = buf_text(&w->out);
    rq->out_len = w->out.len;
    rq->type = "application/json";
}

void reply_send(struct req *rq)
{
    if (rq->type)
        reply_header(rq, "Content-Type", rq->type);
    reply_header(rq, "X-Openstack-Request-Id", rq->cx.request_id);
    if (rq->face && rq->face->request_id_header)
        reply_header(rq, rq->face->request_id_header, rq->cx.request_id);
    struct http_headers h = { (const char *const(*)[2])rq->headers, rq->n_headers };
    log_debug("request=%s method=%s path=%s status=%d", rq->cx.request_id, rq->http->method, rq->http->path, rq->status);
    if (rq->protocol)
        http_reply_upgrade(rq->http, rq->protocol, h, rq->ready, rq->ready_arg);
    else if (rq->file >= 0) {
        int fd = rq->file;
        rq->file = -1;
        http_reply_file(rq->http, rq->status, h, fd, rq->file_offset, rq->file_size);
    } else
        http_reply(rq->http, rq->status, h, rq->out, rq->out_len);
}
