#include "http/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "http/guard.h"
#include "http/upgrade.h"

LOG_MODULE("http");

/* libmicrohttpd cannot answer in the middle of a body: what is left of it is read and thrown away first, so
 * much. */
static const int64_t skip_max_bytes = INT64_C(1) << 30;
enum { FIRST_BODY_BYTES = 4096 };

void *http_must(void *p)
{
    if (p)
        return p;
    log_error("out of memory");
    abort();
}

static struct request *request_of(const struct http_rq *rq)
{
    return rq->server_;
}

/* --- The head --- */

/* The absolute form counts as its path: its host is not ours to judge (links come from the configuration). */
static const char *skip_origin(const char *target)
{
    size_t scheme_len = strncasecmp(target, "http://", 7) == 0    ? 7
                        : strncasecmp(target, "https://", 8) == 0 ? 8
                                                                  : 0;
    return scheme_len ? target + scheme_len + strcspn(target + scheme_len, "/?") : target;
}

void *request_begin(void *self, const char *target, struct MHD_Connection *c)
{
    struct arena *arena = arena_new();
    struct request *r = arena_alloc(arena, sizeof *r);

    r->target =
        arena_strdup(arena, target ? target : ""); /* libmicrohttpd cuts its own copy up after this call */
    r->server = self;
    r->c = c;
    r->connection = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    const char *path = skip_origin(r->target);
    size_t path_len = strcspn(path, "?");
    r->rq = (struct http_rq){
        .path = path_len ? arena_strndup(arena, path, path_len) : "/",
        .query = path[path_len] ? path + path_len + 1 : "",
        .peer = r->connection->peer,
        .content_length = -1,
        .arena = arena,
        .socket = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
        .server_ = r,
    };
    return r;
}

struct fields {
    struct http_field items[HTTP_GUARD_FIELDS];
    size_t n;
    bool too_many;
};

static enum MHD_Result add_field(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct fields *f = arg;
    f->too_many = f->n == N_ELEMENTS(f->items);
    if (f->too_many)
        return MHD_NO;
    f->items[f->n++] = (struct http_field){ name, value ? value : "", name_len, value ? value_len : 0 };
    return MHD_YES;
}

static void learn_peer_cn(struct request *r)
{
    struct connection *connection = r->connection;

    if (r->server->asks_clients && !connection->cn_known) {
        connection->cn =
            peer_cn(MHD_get_connection_info(r->c, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
        connection->cn_known =
            true; /* verifying costs far more than a request; nothing changes on a connection */
    }
    r->rq.peer_cn = connection->cn;
}

/* --- Replies --- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES && *value)
        log_error("header left out of a reply, it would break it: name=%s", name);
}

static void answered(struct http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->unanswered_n--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

/* Takes 'response' over. */
static void reply(struct request *r, int status, struct http_headers headers, struct MHD_Response *response)
{
    struct http_server *s = r->server;
    struct MHD_Connection *c = r->c;
    bool counted = r->counted;

    for (size_t i = 0; i < headers.n; i++)
        add_header(response, headers.v[i][0], headers.v[i][1]);
    if (s->server_name)
        add_header(response, "Server", s->server_name);
    r->status = (unsigned)status;
    r->response = response;
    int before = atomic_exchange(&r->turn, TURN_REPLIED);
    assert(before != TURN_REPLIED);
    /* From here on the connection's thread may free the request; only the server is certain to be there,
     * until it knows that this one is answered. */
    if (before == TURN_SUSPENDED)
        MHD_resume_connection(c);
    if (counted)
        answered(s);
}

/* libmicrohttpd never writes to a body, but its parameter is not const. */
static struct MHD_Response *response_of_bytes(const void *body, size_t n)
{
    union {
        const void *in;
        void *out;
    } p = { .in = body };
    return http_must(MHD_create_response_from_buffer(n, p.out, MHD_RESPMEM_PERSISTENT));
}

void http_reply(struct http_rq *rq, int status, struct http_headers headers, const void *body, size_t n)
{
    assert(body || n == 0 || str_eq(rq->method, "HEAD"));
    reply(request_of(rq), status, headers, response_of_bytes(body ? body : "", n));
}

void http_reply_file(struct http_rq *rq, int status, struct http_headers headers, int fd, int64_t offset,
                     int64_t size)
{
    assert(fd >= 0 && offset >= 0 && size >= 0);
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64((uint64_t)size, fd, (uint64_t)offset);
    reply(request_of(rq), status, headers, http_must(response));
}

void http_reply_upgrade(struct http_rq *rq, const char *protocol, struct http_headers headers,
                        void (*ready)(void *arg, int fd, const void *extra, size_t n_extra), void *arg)
{
    struct request *r = request_of(rq);
    struct MHD_Response *response = http_must(upgrade_response(r, ready, arg));

    add_header(response, "Upgrade", protocol);
    reply(r, MHD_HTTP_SWITCHING_PROTOCOLS, headers, response);
}

const char *http_header(const struct http_rq *rq, const char *name)
{
    return MHD_lookup_connection_value(request_of(rq)->c, MHD_HEADER_KIND, name);
}

static enum MHD_Result send_reply(struct request *r)
{
    struct MHD_Response *response = r->response;

    if (r->is_over)
        return MHD_NO;
    r->response = NULL;
    enum MHD_Result sent = r->upgrade && r->server->is_tls ? upgrade_tls(r, response)
                                                           : MHD_queue_response(r->c, r->status, response);
    MHD_destroy_response(response);
    r->is_over = true;
    if (sent != MHD_YES)
        log_warn("reply refused, connection closed: status=%u method=%s", r->status, r->rq.method);
    return sent;
}

/* An answer of the server itself, after which it closes. */
static void refuse(struct request *r, int status, const char *text)
{
    const struct http_handler *h = &r->server->handler;
    const char *type = "text/plain; charset=utf-8";
    const char *body = h->error_body ? h->error_body(h->self, r->rq.arena, r->rq.path, status, text, &type)
                                     : arena_printf(r->rq.arena, "%s\n", text);
    const char *const headers[][2] = { { "Content-Type", type }, { "Connection", "close" } };

    http_reply(&r->rq, status, (struct http_headers){ headers, N_ELEMENTS(headers) }, body, strlen(body));
}

/* Sends the reply although there is a body to come; libmicrohttpd closes after that. */
static enum MHD_Result send_early(struct request *r)
{
    r->connection->linger = true;
    return send_reply(r);
}

static enum MHD_Result refuse_early(struct request *r, int status, const char *text)
{
    refuse(r, status, text);
    return send_early(r);
}

/* --- The steps --- */

static const char stopping_text[] = "The server is stopping.";

static bool longer_than_taken(const struct request *r, size_t n)
{
    return !r->rq.sink && n > r->rq.body_max;
}

static enum MHD_Result take_head(struct request *r, const char *method, const char *version)
{
    const struct http_handler *h = &r->server->handler;
    struct fields fields = { .n = 0 };
    struct http_framing framing;

    r->stage = STAGE_BODY;
    r->rq.method = method;
    r->is_http_1_1 = strcmp(version, "HTTP/1.1") == 0;
    MHD_get_connection_values_n(r->c, MHD_HEADER_KIND, add_field, &fields);
    if (fields.too_many)
        return refuse_early(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "There are too many header fields.");
    struct http_head head = { method, r->target, version, fields.items, fields.n };
    const char *wrong = http_guard(&head, &framing);
    if (wrong)
        return refuse_early(r, MHD_HTTP_BAD_REQUEST, wrong);
    if (atomic_load(&r->server->stopping))
        return refuse_early(r, MHD_HTTP_SERVICE_UNAVAILABLE, stopping_text);

    r->rq.content_length = framing.content_length;
    learn_peer_cn(r);
    r->head_called = true;
    h->head(h->self, &r->rq);
    bool body_follows = framing.chunked || framing.content_length > 0;
    if (r->response && body_follows)
        return send_early(r);
    if (!r->response && framing.content_length > 0 && longer_than_taken(r, (size_t)framing.content_length))
        return refuse_early(r, MHD_HTTP_CONTENT_TOO_LARGE, "The body is too long.");
    return MHD_YES; /* a reply to a request without a body waits for its end: sent now, it would close */
}

static void keep(struct request *r, const char *data, size_t n)
{
    struct http_rq *rq = &r->rq;
    size_t longest = rq->content_length >= 0 ? (size_t)rq->content_length : rq->body_max;
    size_t needed = rq->body_len + n + 1;

    if (needed > r->body_cap) {
        size_t cap = r->body_cap ? r->body_cap * 2 : FIRST_BODY_BYTES;
        if (cap < needed)
            cap = needed;
        r->body_cap = cap > longest ? longest + 1 : cap;
        r->body = http_must(realloc(r->body, r->body_cap));
    }
    memcpy(r->body + rq->body_len, data, n);
    rq->body_len += n;
    r->body[rq->body_len] = 0;
    rq->body = r->body;
}

static enum MHD_Result take_body(struct request *r, const char *data, size_t n)
{
    const struct http_handler *h = &r->server->handler;

    if (r->response) {
        r->skipped_bytes += (int64_t)n;
        return r->skipped_bytes > skip_max_bytes ? MHD_NO : MHD_YES;
    }
    if (longer_than_taken(r, r->rq.body_len + n)) {
        refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "The body is too long.");
    } else if (!r->rq.sink) {
        keep(r, data, n);
    } else if (h->body(h->self, &r->rq, data, n) < 0) {
        assert(r->response);
    }
    return MHD_YES;
}

/* Returns false when the server stops and does not wait for one more. */
static bool count(struct request *r)
{
    struct http_server *s = r->server;

    pthread_mutex_lock(&s->mutex);
    r->counted = !s->closed;
    s->running_n += r->counted;
    s->unanswered_n += r->counted;
    pthread_mutex_unlock(&s->mutex);
    return r->counted;
}

static enum MHD_Result run(struct request *r)
{
    const struct http_handler *h = &r->server->handler;
    int still_running = TURN_RUN;

    r->stage = STAGE_RUN;
    if (!count(r))
        return refuse_early(r, MHD_HTTP_SERVICE_UNAVAILABLE, stopping_text);
    if (!r->rq.sink && !r->rq.body)
        r->rq.body = arena_alloc(r->rq.arena, 1);
    h->run(h->self, &r->rq);

    if (atomic_load(&r->turn) == TURN_REPLIED)
        return send_reply(r);
    MHD_suspend_connection(r->c);
    if (!atomic_compare_exchange_strong(&r->turn, &still_running, TURN_SUSPENDED))
        MHD_resume_connection(r->c); /* the reply came in between, and did not know that it had to */
    return MHD_YES;
}

enum MHD_Result request_step(void *self, struct MHD_Connection *c, const char *url, const char *method,
                             const char *version, const char *data, size_t *n, void **request)
{
    struct request *r = *request;
    size_t data_n = *n;

    *n = 0; /* all of the data is taken */
    if (r->is_over)
        return MHD_NO; /* libmicrohttpd is being stopped: it drops replies, says they are queued, and asks on */
    if (r->stage == STAGE_HEAD)
        return take_head(r, method, version);
    if (data_n > 0)
        return take_body(r, data, data_n);
    if (r->stage == STAGE_BODY && !r->response)
        return run(r);
    return send_reply(r);
}

void request_call_end(struct request *r)
{
    const struct http_handler *h = &r->server->handler;

    if (r->head_called)
        h->end(h->self, &r->rq);
    r->head_called = false;
}

void request_end(void *self, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode why)
{
    struct http_server *s = self;
    struct request *r = *request;

    *request = NULL;
    if (!r)
        return;
    if (why == MHD_REQUEST_TERMINATED_WITH_ERROR)
        r->connection->linger = true; /* libmicrohttpd answered 400 or 431 by itself */
    MHD_destroy_response(r->response);
    request_call_end(r);
    bool counted = r->counted;
    free(r->body);
    arena_free(r->rq.arena);
    if (counted) {
        pthread_mutex_lock(&s->mutex);
        s->running_n--;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->mutex);
    }
}
