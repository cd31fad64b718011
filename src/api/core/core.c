/* The life of one request; ARCHITECTURE.md tells it with file names. */
#include "api/core/core.h"

#include <stdlib.h>
#include <string.h>

#include "api/core/internal.h"
#include "base/crash.h"

enum { BODY_MAX_DEFAULT = 64 * 1024, BODY_IGNORED_MAX = 4096 };

struct core *core_new(const struct core_config *config)
{
    struct core *core = calloc(1, sizeof *core);
    if (!core)
        abort();
    core->config = *config;
    core->answers = answers_new();
    return core;
}

void core_free(struct core *core)
{
    if (core)
        answers_free(core->answers);
    free(core);
}

static enum mode mode_of(const struct req *rq)
{
    if (rq->route->mode)
        return rq->route->mode;
    const char *m = rq->route->method;
    return strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0 ? MODE_READ : MODE_WRITE;
}

/* ---- who and may they: inside the transaction, so that a revocation counts from its commit on ---- */

static bool role_allows(const struct who *who, enum may may)
{
    switch (may) {
    case MAY_NOBODY:
        return false;
    case MAY_ANYBODY:
        return true;
    case MAY_KNOWN:
        return who != NULL;
    case MAY_READER:
        return who->is_reader;
    case MAY_MEMBER:
        return who->is_member;
    case MAY_MANAGER:
        return who->is_manager;
    case MAY_ADMIN:
        return who->is_admin;
    }
    return false;
}

static int authorize(struct req *rq)
{
    const char *token = http_header(rq->http, "X-Auth-Token");
    struct cx *cx = &rq->cx;

    cx->who = NULL;
    if (rq->route->may == MAY_ANYBODY)
        return 0;
    if (!token)
        return fail(cx, KIND_UNAUTHENTICATED, "The request you have made requires authentication.");
    TRY(rq->core->config.authenticate(cx, rq->core->config.authenticate_arg, token, &cx->who));
    if (!role_allows(cx->who, rq->route->may))
        return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow %s to be performed.", rq->route->policy);
    if (rq->admin_member && !cx->who->is_admin)
        return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow %s to be performed: only an admin may set %s.",
                    rq->route->policy, rq->admin_member);
    return 0;
}

/* ---- answers that are still true ---- */

/* What an answer is kept under: who asks and what; NULL when it is not kept. */
static const char *answer_key(struct req *rq)
{
    const struct who *who = rq->cx.who;

    if (!rq->route->steady || !who || who->is_admin || !who->audit_id)
        return NULL;
    return cx_printf(&rq->cx, "%s %u %s %s?%s", who->audit_id, rq->mv, rq->http->method, rq->http->path, rq->http->query);
}

static bool reply_kept(struct req *rq, uint64_t generation, const char *key)
{
    struct answer kept;

    if (!answers_get(rq->core->answers, generation, key, rq->cx.arena, &kept))
        return false;
    rq->status = kept.status;
    rq->type = kept.type;
    rq->out = kept.body;
    rq->out_len = kept.n;
    return true;
}

static void keep_reply(struct req *rq, uint64_t generation, const char *key)
{
    bool plain = rq->file < 0 && !rq->protocol && rq->n_headers == rq->n_early_headers && rq->out;
    if (plain)
        answers_put(rq->core->answers, generation, key, &(struct answer){ rq->status, rq->type, rq->out, rq->out_len });
}

/* Authenticates, then tells what was wrong with the body, then handles. */
static int run_route(struct cx *cx, void *arg)
{
    struct req *rq = arg;
    uint64_t generation = store_generation(rq->core->config.store); /* before anything is read */

    reply_reset(rq);
    rq->n_headers = rq->n_early_headers;
    TRY(authorize(rq));
    if (rq->pending) {
        cx->kind = rq->pending;
        cx->text = rq->pending_text;
        cx->type = rq->pending_type;
        return -EINVAL;
    }
    const char *key = answer_key(rq);
    if (key && reply_kept(rq, generation, key))
        return 0;
    TRY(rq->route->handle(cx, rq));
    if (!rq->status)
        return fail(cx, KIND_INTERNAL, "the handler of %s %s replied nothing", rq->route->method, rq->route->path);
    if (key)
        keep_reply(rq, generation, key);
    return 0;
}

static void answer(struct req *rq, int result)
{
    if (result < 0)
        reply_failure(rq);
    crash_point("before-reply");
    reply_send(rq);
}

/* The upload will come to nothing.  Before the reply, so that its client sees the object as it was. */
static void give_up(struct req *rq)
{
    if (rq->opened && !rq->finished && rq->route->abandon)
        rq->route->abandon(rq);
    rq->finished = true;
}

static void write_done(void *arg, int result)
{
    struct req *rq = arg;
    if (result < 0 && !rq->cx.kind)
        (void)!fail(&rq->cx, KIND_UNAVAILABLE, "The store could not commit. The log of alamod names the cause.");
    rq->finished = result >= 0; /* else on_end() gives up: the writer's thread cannot wait for itself */
    answer(rq, result);
}

static void run_now(struct req *rq)
{
    enum mode mode = mode_of(rq);
    int r;

    rq->n_early_headers = rq->n_headers;
    if (mode == MODE_WRITE || mode == MODE_UPLOAD) {
        rq->write = (struct write){ .run = run_route, .done = write_done, .arg = rq, .cx = &rq->cx };
        r = store_write(rq->core->config.store, &rq->write);
        if (r == 0)
            return;
        answer(rq, fail(&rq->cx, KIND_UNAVAILABLE, "Too many changes are waiting. Try again in a moment."));
        return;
    }
    if (mode == MODE_READ) {
        r = store_read_begin(rq->core->config.store, &rq->cx);
        if (r == 0) {
            r = run_route(&rq->cx, rq);
            store_read_end(&rq->cx);
        }
    } else
        r = run_route(&rq->cx, rq);
    answer(rq, r);
}

/* ---- prepare: on the bounded pool ---- */

static void prepare(void *arg)
{
    struct req *rq = arg;
    if (!rq->pending && rq->route->prepare(&rq->cx, rq) < 0) {
        rq->pending = rq->cx.kind;
        rq->pending_type = rq->cx.type;
        rq->pending_text = rq->cx.text;
        fail_clear(&rq->cx);
    }
}

static void prepared(void *arg)
{
    struct req *rq = arg;

    if (!rq->opened || !rq->pending) {
        run_now(rq);
        return;
    }
    give_up(rq);
    rq->cx.kind = rq->pending;
    rq->cx.type = rq->pending_type;
    rq->cx.text = rq->pending_text;
    answer(rq, -EINVAL);
}

/* Strangers must not spend the pool's time: who may not call is refused before it, and once more in the transaction. */
static int may_prepare(struct req *rq)
{
    if (rq->route->may == MAY_ANYBODY)
        return 0;
    TRY(store_read_begin(rq->core->config.store, &rq->cx));
    int r = authorize(rq);
    store_read_end(&rq->cx);
    return r;
}

static void run_body_complete(struct req *rq)
{
    if (!rq->route->prepare) {
        run_now(rq);
        return;
    }
    if (may_prepare(rq) < 0) {
        answer(rq, -EACCES);
        return;
    }
    rq->job = (struct hash_job){ .run = prepare, .done = prepared, .arg = rq };
    if (hash_pool_submit(rq->core->config.pool, &rq->job) < 0) {
        give_up(rq);
        answer(rq, fail(&rq->cx, KIND_UNAVAILABLE, "Too many logins are waiting. Try again in a moment."));
    }
}

/* ---- the HTTP server's calls ---- */

static int open_upload(struct cx *cx, void *arg)
{
    struct req *rq = arg;
    reply_reset(rq);
    TRY(authorize(rq));
    return rq->route->open(cx, rq);
}

static void set_body_limit(struct req *rq)
{
    const struct body *b = rq->route->body;
    if (rq->route->mode == MODE_UPLOAD)
        rq->http->sink = true;
    else if (b || rq->route->action)
        rq->http->body_max = b && b->max ? b->max : rq->route->action ? 4 * BODY_MAX_DEFAULT : BODY_MAX_DEFAULT;
    else
        rq->http->body_max = BODY_IGNORED_MAX; /* some clients send "{}" or "null" where nothing is asked */
}

static int begin(struct req *rq)
{
    TRY(req_match(rq));
    TRY(req_parse_query(rq));
    set_body_limit(rq);
    if (rq->route->mode == MODE_UPLOAD) {
        TRY(store_write_wait(rq->core->config.store, &rq->cx, open_upload, rq));
        rq->opened = true;
    }
    return 0;
}

static void on_head(void *self, struct http_rq *http)
{
    struct req *rq = arena_alloc(http->arena, sizeof *rq);

    rq->core = self;
    rq->http = http;
    rq->file = -1;
    cx_begin_in(&rq->cx, http->arena);
    http->user = rq;
    if (begin(rq) < 0) {
        reply_failure(rq);
        reply_send(rq);
    }
}

static int on_body(void *self, struct http_rq *http, const void *data, size_t n)
{
    struct req *rq = http->user;
    int r = rq->route->chunk(rq, data, n);
    if (r < 0) {
        give_up(rq);
        reply_failure(rq);
        reply_send(rq);
    }
    return r;
}

static void on_run(void *self, struct http_rq *http)
{
    struct req *rq = http->user;

    if (rq->route->mode != MODE_UPLOAD)
        req_read_body(rq);
    run_body_complete(rq);
}

static void on_end(void *self, struct http_rq *http)
{
    struct req *rq = http->user;
    if (!rq)
        return;
    give_up(rq);
    if (rq->file >= 0)
        reply_reset(rq);
}

static const char *server_error(void *self, struct arena *a, const char *path, int status, const char *text,
                                const char **ret_content_type)
{
    const struct core *core = self;
    struct jwriter w = jwriter_new(a);
    const struct face *face = NULL;

    for (const struct face *const *f = core->config.faces; path && *f; f++)
        if (strncmp(path, (*f)->mount, strlen((*f)->mount)) == 0 && (!face || strlen((*f)->mount) > strlen(face->mount)))
            face = *f;
    *ret_content_type = "application/json";
    if (face && face->error)
        face->error(&w, status, status == 413 ? KIND_TOO_LARGE : KIND_INVALID, NULL, text);
    else {
        jw_object(&w);
        jw_kv(&w, "error", text);
        jw_end(&w);
    }
    return buf_text(&w.out);
}

struct http_handler core_http_handler(struct core *core)
{
    return (struct http_handler){ core, on_head, on_body, on_run, on_end, server_error };
}
