#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/render/render.h"
#include "base/log.h"
#include "http/server.h"

LOG_MODULE("metadata");

/* A guest's share of the connections leaves room for all others, whatever it does with them. */
enum { PASSWORD_MAX = 255, POSTING_MAX = 8, CONNECTIONS = 1000, GUEST_CONNECTIONS = 16 };

static unsigned mark_of(int socket)
{
    unsigned mark = 0;
    socklen_t n = sizeof mark;
    return getsockopt(socket, SOL_SOCKET, SO_MARK, &mark, &n) == 0 ? mark : 0;
}

static unsigned sharer(void *self, int socket)
{
    return mark_of(socket);
}

/* Which guest asks is known by the mark that its tap's packets carry; nothing that it sends counts. */
static struct doc *caller(struct agent *a, unsigned mark)
{
    for (size_t i = 0; mark && i < a->docs.n; i++) {
        struct doc *d = a->docs.items[i];
        if (d->kind != DOC_GUEST)
            continue;
        const struct wire_guest *g = d->value;
        const struct wire_port *ports = g->ports.items;
        for (size_t j = 0; j < g->ports.n; j++)
            if (ports[j].mark == (int64_t)mark)
                return doc_ref(d);
    }
    return NULL;
}

static void reply_text(struct http_rq *rq, int status, const char *type, const char *body, size_t n)
{
    const char *const headers[][2] = { { "Content-Type", type } };
    http_reply(rq, status, (struct http_headers){ headers, 1 }, body, n);
}

static void not_found(struct http_rq *rq)
{
    static const char text[] = "404 Not Found\n";
    reply_text(rq, 404, "text/plain", text, sizeof text - 1);
}

/* Nothing is taken but questions, and a password that the guest made for itself. */
static void head(void *self, struct http_rq *rq)
{
    if (str_eq(rq->method, "POST"))
        rq->body_max = PASSWORD_MAX;
}
static void end(void *self, struct http_rq *rq)
{
}

/* "/openstack/VERSION/password", of the versions that have it. */
static bool is_password_path(const char *path)
{
    const char *rest;
    if (!str_starts(path, "/openstack/", &rest))
        return false;
    size_t n = strcspn(rest, "/");
    return str_eq(rest + n, "/password") && (strncmp(rest, "latest", n) == 0 || strncmp(rest, "2013-04-04", n) >= 0);
}

/* ---- passwords ----
 * They are told to the controller, which may take its time: on a thread of their own, one of a guest at a time, few at
 * all, and nobody else's question waits for them. */

struct post {
    struct agent *a;
    struct http_rq *rq;
    struct doc *doc;
};

/* With the lock held. */
static bool may_post(struct agent *a, const struct doc *d)
{
    struct guest *g = agent_guest(a, d->id);
    if (!g || g->posting || a->posting_n >= POSTING_MAX)
        return false;
    g->posting = true;
    a->posting_n++;
    return true;
}

static void has_posted(struct agent *a, const struct doc *d)
{
    pthread_mutex_lock(&a->lock);
    struct guest *g = agent_guest(a, d->id);
    if (g)
        g->posting = false;
    a->posting_n--;
    pthread_mutex_unlock(&a->lock);
}

static void *post(void *arg)
{
    struct post p = *(struct post *)arg;
    CLEAN_CX cx;
    cx_begin(&cx);
    free(arg);
    int status = sync_password(p.a, &cx, p.doc->id, p.rq->body, p.rq->body_len);
    if (status < 0)
        log_warn("%s", cx.text);
    has_posted(p.a, p.doc);
    doc_unref(p.doc);
    if (status / 100 == 2)
        reply_text(p.rq, 200, "text/plain", "", 0);
    else if (status == 404)
        not_found(p.rq);
    else
        reply_text(p.rq, status == 409 || status == 400 ? status : 503, "text/plain", "", 0);
    return NULL;
}

static void take_password(struct agent *a, struct http_rq *rq)
{
    pthread_mutex_lock(&a->lock);
    struct doc *d = is_password_path(rq->path) ? caller(a, mark_of(rq->socket)) : NULL;
    bool may = d && may_post(a, d);
    pthread_mutex_unlock(&a->lock);
    struct post *p = may ? malloc(sizeof *p) : NULL;
    pthread_t thread;
    if (p) {
        *p = (struct post){ a, rq, d };
        if (pthread_create(&thread, NULL, post, p) == 0) {
            pthread_detach(thread);
            return;
        }
        free(p);
    }
    if (may)
        has_posted(a, d);
    if (d)
        reply_text(rq, 503, "text/plain", "", 0);
    else
        not_found(rq);
    doc_unref(d);
}

static void run(void *self, struct http_rq *rq)
{
    struct agent *a = self;
    const char *type = NULL;
    size_t n = 0;
    CLEAN_CX cx;

    if (str_eq(rq->method, "POST")) {
        take_password(a, rq);
        return;
    }
    if (!str_eq(rq->method, "GET") && !str_eq(rq->method, "HEAD")) {
        not_found(rq);
        return;
    }
    cx_begin(&cx);
    pthread_mutex_lock(&a->lock);
    struct doc *d = caller(a, mark_of(rq->socket));
    struct plan_of p = agent_plan(a, cx.arena);
    pthread_mutex_unlock(&a->lock);
    const char *body =
        d ? render_metadata(&cx, &(struct metadata_of){ d->value, &p.plan }, rq->path, &type, &n) : NULL;
    if (body)
        reply_text(rq, 200, type, arena_strndup(rq->arena, body, n), n);
    else
        not_found(rq);
    agent_plan_free(&p);
    doc_unref(d);
}

int serve_start(struct agent *a, struct cx *cx, struct http_server **ret_server)
{
    const struct http_config config = { .address = a->metadata_address,
                                        .port = (uint16_t)a->settings.metadata_port,
                                        .threads = 1,
                                        .connections = CONNECTIONS,
                                        .sharer_max = GUEST_CONNECTIONS,
                                        .idle_s = 15 };
    const struct http_handler handler = { .self = a, .head = head, .run = run, .end = end, .sharer = sharer };
    int r = http_server_start(ret_server, &config, &handler);
    if (r < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't serve metadata on %s:%d: %s", a->metadata_address,
                    (int)a->settings.metadata_port, strerror(-r));
    log_info("serving on %s:%d", a->metadata_address, (int)a->settings.metadata_port);
    return 0;
}
