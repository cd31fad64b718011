#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/file.h"
#include "base/env.h"
#include "base/log.h"
#include "http/server.h"

LOG_MODULE("agent");

/* ---- guests ---- */

struct guest *agent_guest(struct agent *a, const char *id)
{
    for (size_t i = 0; i < a->n_guests; i++)
        if (str_eq(a->guests[i]->id, id))
            return a->guests[i];
    return NULL;
}

struct guest *agent_guest_make(struct agent *a, const char *id)
{
    struct guest *g = agent_guest(a, id);
    if (g)
        return g;
    if (a->n_guests == a->cap_guests) {
        a->cap_guests = a->cap_guests ? a->cap_guests * 2 : 64;
        a->guests = realloc(a->guests, a->cap_guests * sizeof(struct guest *));
        if (!a->guests)
            abort();
    }
    g = calloc(1, sizeof *g);
    if (!g)
        abort();
    memcpy(g->id, id, strnlen(id, sizeof g->id - 1));
    g->arena = arena_new();
    g->phase = "building";
    g->dirty = true;
    a->guests[a->n_guests++] = g;
    return g;
}

static void guest_free(struct guest *g)
{
    doc_unref(g->doc);
    arena_free(g->arena);
    free(g);
}

void agent_guest_drop(struct agent *a, struct guest *g)
{
    for (size_t i = 0; i < a->n_guests; i++)
        if (a->guests[i] == g) {
            a->guests[i] = a->guests[--a->n_guests];
            guest_free(g);
            return;
        }
}

void agent_guest_changed(void *agent, const char *guest_id)
{
    struct agent *a = agent;
    pthread_mutex_lock(&a->lock);
    struct guest *g = agent_guest(a, guest_id);
    if (g) {
        g->dirty = true;
        g->next_us = 0;
        agent_wake(a);
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- waiting ---- */

void agent_lock_new(struct agent *a)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void agent_wake(struct agent *a)
{
    pthread_cond_broadcast(&a->changed);
}

/* With the lock held, although it gives it up meanwhile. */
void agent_wait(struct agent *a, int64_t until_us)
{
    struct timespec t = { until_us / 1000000, until_us % 1000000 * 1000 };
    pthread_cond_timedwait(&a->changed, &a->lock, &t);
}

void agent_stop(struct agent *a)
{
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    agent_wake(a);
    pthread_mutex_unlock(&a->lock);
}

/* ---- the network's plan ---- */

/* A guest that failed before it ever ran leaves no tap either. */
static bool has_ports(struct agent *a, const struct doc *d)
{
    const struct guest *g = agent_guest(a, d->id);
    const struct wire_guest *wanted = d->value;
    return !(g && g->record.failed && g->record.failed_gen == wanted->gen && !g->record.built);
}

static void add_ports(struct net_port **ports, size_t *n, struct arena *arena, const struct wire_guest *g)
{
    const struct wire_port *items = g->ports.items;
    for (size_t i = 0; i < g->ports.n; i++)
        *arena_push(arena, ports, n) = (struct net_port){ &items[i], g->id };
}

/* The order of documents is by id, so that the same documents always render to the same text. */
static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct doc *const *)a)->id, (*(struct doc *const *)b)->id);
}

struct plan_of agent_plan(struct agent *a, struct arena *arena)
{
    struct plan_of p = { .docs = arena_new_array(arena, struct doc *, a->docs.n), .n = a->docs.n };
    struct net_port *ports = NULL;
    size_t n_ports = 0;
    const struct wire_network **networks = arena_new_array(arena, const struct wire_network *, p.n);
    const struct wire_group **groups = arena_new_array(arena, const struct wire_group *, p.n);
    const struct wire_router **routers = arena_new_array(arena, const struct wire_router *, p.n);
    const struct wire_floating **floatings = arena_new_array(arena, const struct wire_floating *, p.n);

    p.plan = (struct net_plan){ .settings = &a->net,
                                .networks = networks,
                                .groups = groups,
                                .routers = routers,
                                .floatings = floatings };
    for (size_t i = 0; i < p.n; i++)
        p.docs[i] = doc_ref(a->docs.items[i]);
    if (p.n)
        qsort(p.docs, p.n, sizeof(struct doc *), by_id);
    for (size_t i = 0; i < p.n; i++) {
        const void *value = p.docs[i]->value;
        switch (p.docs[i]->kind) {
        case DOC_GUEST:
            if (has_ports(a, p.docs[i]))
                add_ports(&ports, &n_ports, arena, value);
            break;
        case DOC_NETWORK:
            networks[p.plan.n_networks++] = value;
            break;
        case DOC_GROUP:
            groups[p.plan.n_groups++] = value;
            break;
        case DOC_ROUTER:
            routers[p.plan.n_routers++] = value;
            break;
        case DOC_FLOATING:
            floatings[p.plan.n_floatings++] = value;
            break;
        case DOC_KIND_N:
            break;
        }
    }
    p.plan.ports = (struct list){ ports, n_ports };
    return p;
}

void agent_plan_free(struct plan_of *p)
{
    for (size_t i = 0; i < p->n; i++)
        doc_unref(p->docs[i]);
    p->n = 0;
}

/* ---- copies ---- */

/* The images that tasks, not done yet, of documents held are to become. */
static struct strs wanted_copies(struct agent *a, struct cx *cx)
{
    struct strs ids = { 0 };
    for (size_t i = 0; i < a->n_guests; i++) {
        const struct guest *g = a->guests[i];
        const struct wire_guest *wanted = g->doc ? g->doc->value : NULL;
        const struct wire_task *tasks = wanted ? wanted->tasks.items : NULL;
        for (size_t j = 0; wanted && j < wanted->tasks.n; j++)
            if (tasks[j].image_id && !record_task(&g->record, tasks[j].id))
                *arena_push(cx->arena, &ids.items, &ids.n) = cx_strdup(cx, tasks[j].image_id);
    }
    return ids;
}

void agent_sweep_copies(struct agent *a)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    pthread_mutex_lock(&a->lock);
    struct strs wanted = wanted_copies(a, &cx);
    pthread_mutex_unlock(&a->lock);
    if (a->drivers.storage.sweep_copies(a->drivers.storage.self, &cx, wanted) < 0)
        log_warn("%s", cx.text);
}

/* ---- images ---- */

static struct strs wanted_images(struct agent *a, struct cx *cx)
{
    struct strs ids = { 0 };
    for (size_t i = 0; i < a->n_guests; i++) {
        const struct wire_guest *w = a->guests[i]->doc ? a->guests[i]->doc->value : NULL;
        const struct wire_image *const images[] = { w ? w->image : NULL, w ? w->kernel : NULL, w ? w->ramdisk : NULL };
        for (size_t j = 0; j < N_ELEMENTS(images); j++)
            if (images[j])
                *arena_push(cx->arena, &ids.items, &ids.n) = cx_strdup(cx, images[j]->id);
    }
    return ids;
}

/* Not before the controller was heard: what it wants may be news. */
static void sweep_images(struct agent *a)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    pthread_mutex_lock(&a->lock);
    bool synced = a->synced;
    struct strs wanted = wanted_images(a, &cx);
    pthread_mutex_unlock(&a->lock);
    if (synced && a->drivers.storage.sweep_images(a->drivers.storage.self, &cx, wanted) < 0)
        log_warn("%s", cx.text);
}

/* ---- life ---- */

/* Every guest of which anything is known: a document, a record, files, a domain. */
static int load_guests(struct cx *cx, struct agent *a)
{
    struct strs ids = { 0 };
    for (size_t i = 0; i < a->docs.n; i++)
        if (a->docs.items[i]->kind == DOC_GUEST)
            agent_guest_make(a, a->docs.items[i]->id)->doc = doc_ref(a->docs.items[i]);
    TRY(record_list(cx, a->settings.state_dir, &ids));
    for (size_t i = 0; i < ids.n; i++)
        agent_guest_make(a, ids.items[i]);
    TRY(a->drivers.storage.list(a->drivers.storage.self, cx, &ids));
    for (size_t i = 0; i < ids.n; i++)
        agent_guest_make(a, ids.items[i]);
    if (a->drivers.hypervisor.list(a->drivers.hypervisor.self, cx, &ids) < 0)
        fail_clear(cx); /* not there yet; strangers among its guests are found by the next full look */
    for (size_t i = 0; i < ids.n; i++)
        agent_guest_make(a, ids.items[i]);
    for (size_t i = 0; i < a->n_guests; i++) {
        struct guest *g = a->guests[i];
        struct guest_record r;
        if (record_load(cx, a->settings.state_dir, g->id, &r) < 0) {
            log_warn("the record of %s is damaged: %s", g->id, cx->text);
            fail_clear(cx);
        }
        g->record = record_copy(g->arena, &r);
        g->net_seq = 1;
    }
    return 0;
}

enum { LOOK_US = 60 * 1000000, SERVE_AGAIN_US = 2000000 };

/* Metadata can be served once the network has its address. */
static void try_serve(struct agent *a, struct http_server **server)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    if (serve_start(a, &cx, server) < 0)
        log_warn("%s", cx.text);
}

/* Once a minute everything is looked at again: drift, what no event told, copies whose guest went in the middle. */
static void watch(struct agent *a, struct http_server **server)
{
    int64_t look = monotonic_us() + LOOK_US, serve = 0;
    pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        if (a->metadata_address && !*server && a->net_applied && monotonic_us() >= serve) {
            pthread_mutex_unlock(&a->lock);
            try_serve(a, server);
            pthread_mutex_lock(&a->lock);
            serve = monotonic_us() + SERVE_AGAIN_US;
        }
        agent_wait(a, a->metadata_address && !*server && a->net_applied ? serve : look);
        if (monotonic_us() < look)
            continue;
        look = monotonic_us() + LOOK_US;
        pthread_mutex_unlock(&a->lock);
        agent_sweep_copies(a);
        sweep_images(a);
        pthread_mutex_lock(&a->lock);
        for (size_t i = 0; i < a->n_guests; i++)
            a->guests[i]->dirty = true;
        a->net_next_us = 0;
        agent_wake(a);
    }
    pthread_mutex_unlock(&a->lock);
}

int agent_run(struct cx *cx, struct agent *a)
{
    static void *(*const lives[])(void *) = { net_thread, sync_poll_thread, sync_report_thread, console_thread };
    pthread_t threads[AGENT_WORKERS + N_ELEMENTS(lives)];
    struct http_server *server = NULL;
    size_t n = 0;

    a->net_arena = arena_new();
    a->event_arena = arena_new();
    TRY(file_make_dir(cx, cx_printf(cx, "%s/records", a->settings.state_dir), 0700));
    TRY(file_remove_unfinished(cx, cx_printf(cx, "%s/records", a->settings.state_dir)));
    TRY(docs_load(cx, &a->docs, cx_printf(cx, "%s/docs", a->settings.state_dir)));
    TRY(load_guests(cx, a));
    a->net_seq = 1;
    agent_sweep_copies(a);
    for (size_t i = 0; i < N_ELEMENTS(lives); i++)
        if (pthread_create(&threads[n], NULL, lives[i], a) == 0)
            n++;
    for (size_t i = 0; i < AGENT_WORKERS; i++)
        if (pthread_create(&threads[n], NULL, work_thread, a) == 0)
            n++;
    log_info("%s holds %zu documents, %zu guests", a->settings.host_name, a->docs.n, a->n_guests);
    watch(a, &server);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    http_server_stop(server);
    while (a->n_guests)
        agent_guest_drop(a, a->guests[0]);
    docs_free(&a->docs);
    arena_free(a->net_arena);
    arena_free(a->event_arena);
    free(a->guests);
    return 0;
}
