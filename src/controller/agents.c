#include "controller/agents.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/who.h"
#include "base/crash.h"
#include "base/env.h"
#include "base/log.h"
#include "compute/report.h"
#include "controller/plan_load.h"
#include "controller/relays.h"
#include "controller/transfers.h"
#include "json/read.h"
#include "json/writer.h"
#include "network/floating.h"
#include "plan/plan.h"

LOG_MODULE("agents");

enum { HOLD_S = 25, SYNC_MAX = 32 << 20 };

/* One call of an agent. */
struct call {
    struct agents *agents;
    struct http_rq *http;
    struct cx cx;
    struct wire_sync sync;
    const char *host_id;
    int64_t hold_until_us; /* monotonic; 0: answer at once */
    struct write write;
    struct call *next;
};

struct agents {
    struct agents_config config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct call *fresh;   /* reported, to be planned for the first time */
    bool dirty, stopping; /* rows changed since the last pass */
    bool woken;           /* there is a relay to tell of */
    struct call *held;    /* the thread's own */
};

static void send_json(struct call *c, int status, const char *text)
{
    static const char *const type[][2] = { { "Content-Type", "application/json" } };
    crash_point("before-agent-answer");
    http_reply(c->http, status, (struct http_headers){ type, 1 }, text, strlen(text));
}

static void send_failure(struct call *c, int status)
{
    struct jwriter w = jwriter_new(c->http->arena);
    jw_object(&w);
    jw_kv(&w, "error", c->cx.text ? c->cx.text : "unknown");
    jw_end(&w);
    log_warn("host=%s request refused: %s", c->http->peer_cn ? c->http->peer_cn : "?", c->cx.text ? c->cx.text : "?");
    send_json(c, status, buf_text(&w.out));
}

/* ---- planning ---- */

/* Answers 'c' if its plan differs from what it has.  Returns whether it is done with. */
static bool plan_for(struct agents *a, struct call *c)
{
    struct plan_input input = { 0 };
    CLEAN_CX cx;

    cx_begin(&cx);
    int r = store_read_begin(a->config.store, &cx);
    if (r == 0) {
        cx.who = who_system();
        r = plan_load(&cx, c->host_id, &input);
        store_read_end(&cx);
    }
    if (r < 0) {
        log_error("host=%s no plan: %s", c->sync.host_name, cx.text);
        c->cx.text = arena_strdup(c->http->arena, "the plan could not be made; the log of alamod says why");
        send_failure(c, 503);
        return true;
    }
    struct plan plan = plan_render(cx.arena, &input);
    struct list relays = relays_pending(a->config.relays, cx.arena, c->sync.host_name);
    const char *delta = plan_delta(cx.arena, &plan, c->sync.have, relays);
    if (!delta && monotonic_us() < c->hold_until_us)
        return false;
    send_json(c, 200, delta ? arena_strdup(c->http->arena, delta) : "{}");
    return true;
}

static struct call *take_fresh(struct agents *a, bool *ret_all, bool *ret_stop)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); /* whoever sets the clock does not stop us */
    until.tv_sec += 1; /* held calls whose time is up are noticed within a second */

    pthread_mutex_lock(&a->lock);
    if (!a->fresh && !a->dirty && !a->woken && !a->stopping)
        pthread_cond_timedwait(&a->wake, &a->lock, &until);
    struct call *fresh = a->fresh;
    a->fresh = NULL;
    *ret_all = a->dirty;
    a->dirty = a->woken = false;
    *ret_stop = a->stopping;
    pthread_mutex_unlock(&a->lock);
    return fresh;
}

static void plan_held(struct agents *a, bool all, bool stop)
{
    for (struct call **p = &a->held; *p;) {
        struct call *c = *p, *next = c->next;
        if (stop)
            c->hold_until_us = 0;
        bool look = all || monotonic_us() >= c->hold_until_us || relays_has(a->config.relays, c->sync.host_name);
        if (look && plan_for(a, c))
            *p = next;
        else
            p = &c->next;
    }
}

static void *plan_thread(void *arg)
{
    struct agents *a = arg;
    bool all, stop = false;

    while (!stop) {
        struct call *fresh = take_fresh(a, &all, &stop), *next;
        plan_held(a, all, stop);
        for (struct call *c = fresh; c; c = next) {
            next = c->next;
            if (stop)
                c->hold_until_us = 0;
            if (!plan_for(a, c)) {
                c->next = a->held;
                a->held = c;
            }
        }
    }
    return NULL;
}

static void rows_changed(void *arg, const struct table *const *tables, size_t n)
{
    struct agents *a = arg;
    pthread_mutex_lock(&a->lock);
    a->dirty = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

/* The thread finds out by itself which host it is about. */
static void relay_opened(void *arg)
{
    struct agents *a = arg;
    pthread_mutex_lock(&a->lock);
    a->woken = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

/* ---- sync ---- */

static int apply_sync(struct cx *cx, void *arg)
{
    struct call *c = arg;
    const struct wire_floating_report *f = c->sync.floatings.items;

    cx->who = who_system();
    TRY(compute_report(cx, &c->sync, &c->host_id));
    for (size_t i = 0; i < c->sync.floatings.n; i++)
        TRY(network_report_floating(cx, c->host_id, f[i].id, f[i].up, f[i].fault));
    return 0;
}

/* Returns false when the planning thread takes no more: it is about to end, or has. */
static bool hand_to_planner(struct agents *a, struct call *c)
{
    pthread_mutex_lock(&a->lock);
    bool open = !a->stopping;
    if (open) {
        c->next = a->fresh;
        a->fresh = c;
        pthread_cond_signal(&a->wake);
    }
    pthread_mutex_unlock(&a->lock);
    return open;
}

static void sync_applied(void *arg, int result)
{
    struct call *c = arg;
    struct agents *a = c->agents;

    if (result < 0) {
        send_failure(c, c->cx.kind == KIND_INVALID ? 400 : 503);
        return;
    }
    c->hold_until_us = c->sync.wait ? monotonic_us() + HOLD_S * 1000000LL : 0;
    if (!hand_to_planner(a, c)) {
        (void)!fail(&c->cx, KIND_UNAVAILABLE, "the controller is stopping");
        send_failure(c, 503);
    }
}

static int read_sync(struct call *c)
{
    const struct json_t *doc;
    const struct json_rules rules = { .lenient = true, .where = "sync" };

    TRY(json_parse(&c->cx, c->http->body, c->http->body_len, &doc));
    TRY(json_read(&c->cx, wire_sync_fields, doc, rules, &c->sync));
    if (c->sync.version != WIRE_VERSION)
        return fail(&c->cx, KIND_INVALID, "the agent speaks version %d, this controller %d: install the same release on both",
                    c->sync.version, WIRE_VERSION);
    if (!str_eq(c->sync.host_name, c->http->peer_cn))
        return fail(&c->cx, KIND_INVALID, "the agent says it is %s, its certificate says %s",
                    c->sync.host_name ? c->sync.host_name : "nobody", c->http->peer_cn);
    return 0;
}

static void run_sync(struct call *c)
{
    if (read_sync(c) < 0) {
        send_failure(c, 400);
        return;
    }
    c->write = (struct write){ .run = apply_sync, .done = sync_applied, .arg = c, .cx = &c->cx };
    if (store_write(c->agents->config.store, &c->write) < 0) {
        (void)!fail(&c->cx, KIND_UNAVAILABLE, "too many changes are waiting");
        send_failure(c, 503);
    }
}

/* ---- the HTTP server's calls ---- */

/* What rq->user is: one of these. */
struct visit {
    bool relay;
    struct call *call;
    struct transfer *transfer;
};

static void begin_call(struct agents *a, struct http_rq *http, struct visit *v)
{
    struct call *c = v->call = arena_alloc(http->arena, sizeof *c);

    c->agents = a;
    c->http = http;
    cx_begin_in(&c->cx, http->arena);
    if (!http->peer_cn) {
        (void)!fail(&c->cx, KIND_UNAUTHENTICATED, "a certificate of this cloud's own authority is needed");
        send_failure(c, 401);
    } else if (strcmp(http->path, "/agent/v1/sync") == 0 && strcmp(http->method, "POST") == 0)
        http->body_max = SYNC_MAX;
    else {
        (void)!fail(&c->cx, KIND_NOT_FOUND, "no such path");
        send_failure(c, 404);
    }
}

static void on_head(void *self, struct http_rq *http)
{
    struct agents *a = self;
    struct visit *v = arena_alloc(http->arena, sizeof *v);

    http->user = v;
    v->relay = http->peer_cn && relays_wants(http);
    v->transfer = http->peer_cn ? transfer_begin(a->config.transfers, http) : NULL;
    if (!v->relay && !v->transfer)
        begin_call(a, http, v);
}

static int on_body(void *self, struct http_rq *http, const void *data, size_t n)
{
    const struct visit *v = http->user;
    return transfer_body(v->transfer, data, n);
}

static void on_run(void *self, struct http_rq *http)
{
    const struct visit *v = http->user;
    if (v->relay)
        relays_take(((struct agents *)self)->config.relays, http);
    else if (v->transfer)
        transfer_run(v->transfer);
    else
        run_sync(v->call);
}

static void on_end(void *self, struct http_rq *http)
{
    const struct visit *v = http->user;
    if (v && v->transfer)
        transfer_end(v->transfer);
}

struct http_handler agents_http_handler(struct agents *a)
{
    return (struct http_handler){ .self = a, .head = on_head, .body = on_body, .run = on_run, .end = on_end };
}

struct agents *agents_new(const struct agents_config *config)
{
    struct agents *a = calloc(1, sizeof *a);
    pthread_condattr_t monotonic;

    if (!a)
        abort();
    a->config = *config;
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    store_listen(config->store, rows_changed, a);
    relays_listen(config->relays, relay_opened, a);
    if (pthread_create(&a->thread, NULL, plan_thread, a) != 0)
        abort();
    return a;
}

void agents_stop(struct agents *a)
{
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
}

void agents_free(struct agents *a)
{
    free(a);
}
