#include "agent/agent.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/host.h"
#include "agent/relay.h"
#include "base/env.h"
#include "base/log.h"
#include "http/client.h"
#include "json/read.h"
#include "json/writer.h"

LOG_MODULE("sync");

enum {
    POLL_MS = 90 * 1000,
    CALL_MS = 30 * 1000,
    BULK_MS = 3600 * 1000,
    RETRY_US = 100000,
    RETRY_MAX_US = 15000000,
    ANSWER_MAX = 256 << 20,
    GATHER_US = 20000
};

/* What one call carried, so that its answer acknowledges just that, and is about the documents held then. */
struct sent {
    int64_t seq, event_seq, docs_seq;
    size_t n_events;
};

/* ---- the message ---- */

static void put_guest(struct list *list, struct arena *arena, const struct guest *g)
{
    struct wire_guest_report *items = list->items;
    bool failed = str_eq(g->phase, "failed");
    *arena_push(arena, &items, &list->n) = (struct wire_guest_report){
        .id = arena_strdup(arena, g->id),
        .gen = g->gen,
        .phase = g->phase,
        .power = guest_power_names[g->power],
        .boot_n = g->record.boot_n,
        .off_cause = g->power == GUEST_ON ? NULL : arena_strdup(arena, record_off_cause(&g->record, g->gen)),
        .fault = failed ? arena_strdup(arena, g->record.fault) : NULL,
        .step = arena_strdup(arena, g->step),
    };
    list->items = items;
}

static void put_tasks(struct list *list, struct arena *arena, const struct guest *g)
{
    const struct task_record *tasks = g->record.tasks.items;
    struct wire_task_report *items = list->items;
    for (size_t i = 0; i < g->record.tasks.n; i++)
        *arena_push(arena, &items, &list->n) =
            (struct wire_task_report){ arena_strdup(arena, tasks[i].id), arena_strdup(arena, g->id),
                                       tasks[i].done, tasks[i].size_bytes,
                                       arena_strdup(arena, tasks[i].fault) };
    list->items = items;
}

static void put_guests(struct wire_sync *m, struct arena *arena, const struct agent *a)
{
    for (size_t i = 0; i < a->n_guests; i++) {
        const struct guest *g = a->guests[i];
        if (g->seen && (g->doc || g->gone) && g->seq > g->acked) {
            put_guest(&m->guests, arena, g);
            put_tasks(&m->tasks, arena, g);
        }
        if (g->seen && g->power == GUEST_ON && g->doc) {
            const struct wire_guest *w = g->doc->value;
            m->ram_used_mib += w->ram_mib;
            m->running++;
        }
        if (g->doc)
            m->disk_used_gib += ((const struct wire_guest *)g->doc->value)->root_gib;
    }
}

static const char *net_fault_of(const struct agent *a, const char *id)
{
    const struct net_fault *faults = a->net_faults.items;
    for (size_t i = 0; i < a->net_faults.n; i++)
        if (str_eq(faults[i].id, id))
            return faults[i].text;
    return a->net_error;
}

static void put_floatings(struct wire_sync *m, struct arena *arena, const struct agent *a)
{
    struct wire_floating_report *items = NULL;
    for (size_t i = 0; i < a->docs.n; i++) {
        const struct doc *d = a->docs.items[i];
        if (d->kind != DOC_FLOATING || a->net_applied < a->net_seq)
            continue; /* not tried yet: nothing to say */
        const char *fault = net_fault_of(a, d->id);
        *arena_push(arena, &items, &m->floatings.n) =
            (struct wire_floating_report){ arena_strdup(arena, d->id), !fault, arena_strdup(arena, fault) };
    }
    m->floatings.items = items;
}

static void put_host(struct wire_sync *m, const struct agent *a)
{
    m->version = WIRE_VERSION;
    m->host_name = a->settings.host_name;
    m->boot_id = a->boot_id;
    m->cpus = a->cpus;
    m->ram_mib = a->ram_mib;
    m->disk_gib = a->disk_gib;
    m->hypervisor = a->facts.name;
    m->hypervisor_version = a->facts.version;
    m->hypervisor_version_n = a->facts.version_n;
    m->cpu_model = a->cpu_model;
    m->arch = "x86_64";
    m->public_ip = a->public_ip;
}

static const char *compose(struct agent *a, struct arena *arena, bool wait, struct sent *ret_sent,
                           size_t *ret_n)
{
    struct wire_sync m = { .wait = wait, .uptime = host_uptime(arena) };
    struct jwriter w = jwriter_new(arena);
    pthread_mutex_lock(&a->lock);
    put_host(&m, a);
    put_guests(&m, arena, a);
    put_floatings(&m, arena, a);
    m.have = docs_have(arena, &a->docs);
    struct wire_event *events = arena_new_array(arena, struct wire_event, a->events.n);
    if (a->events.n)
        memcpy(events, a->events.items, a->events.n * sizeof *events);
    m.events = (struct list){ events, a->events.n };
    *ret_sent = (struct sent){ a->seq, a->event_seq, a->docs_seq, a->events.n };
    jw_fields(&w, wire_sync_fields, &m); /* under the lock: events and host facts are not copied */
    pthread_mutex_unlock(&a->lock);
    *ret_n = w.out.len;
    return buf_text(&w.out);
}

/* ---- the answer ---- */

/* Drops the events that an answer has acknowledged; those that came since stay. */
static void drop_events(struct agent *a, size_t n)
{
    struct arena *arena = arena_new();
    const struct wire_event *old = a->events.items;
    struct wire_event *items = NULL;
    size_t kept = 0;
    for (size_t i = n; i < a->events.n; i++) {
        struct wire_event *e = arena_push(arena, &items, &kept);
        *e = old[i];
        e->guest_id = arena_strdup(arena, e->guest_id);
        e->text = arena_strdup(arena, e->text);
    }
    arena_free(a->event_arena);
    a->event_arena = arena;
    a->events = (struct list){ items, kept };
    a->events_dropped += (int64_t)n;
}

/* The controller has heard that nothing is left of the guest: now it can be forgotten. */
static void forget(struct agent *a, struct cx *cx, struct guest *g)
{
    if (record_remove(cx, a->settings.state_dir, g->id) < 0) {
        log_warn("%s", cx->text);
        fail_clear(cx);
        return;
    }
    agent_guest_drop(a, g);
}

static void acknowledge(struct agent *a, struct cx *cx, const struct sent *sent)
{
    for (size_t i = a->n_guests; i > 0; i--) {
        struct guest *g = a->guests[i - 1];
        if (g->acked < sent->seq)
            g->acked = sent->seq;
        if (g->gone && !g->doc && !g->busy && g->seq <= g->acked)
            forget(a, cx, g);
    }
    int64_t fresh = sent->event_seq - a->events_dropped;
    if (fresh > 0)
        drop_events(a, (size_t)fresh);
}

static void take_doc(struct agent *a, struct guest *g, struct doc *d)
{
    doc_unref(g->doc);
    g->doc = d ? doc_ref(d) : NULL;
    g->dirty = true;
    g->next_us = 0;
    g->retries = 0;
    g->gone = false;
    g->net_seq = a->net_seq;
}

static void take_guests(struct agent *a)
{
    for (size_t i = 0; i < a->docs.n; i++) {
        struct doc *d = a->docs.items[i];
        if (d->kind != DOC_GUEST)
            continue;
        struct guest *g = agent_guest_make(a, d->id);
        if (g->doc != d)
            take_doc(a, g, d);
    }
    for (size_t i = 0; i < a->n_guests; i++)
        if (a->guests[i]->doc && !docs_find(&a->docs, DOC_GUEST, a->guests[i]->id))
            take_doc(a, a->guests[i], NULL);
}

/* A guest's record is there before its document, so that whatever happens to the document, its end is told.
 */
static int begin_records(struct agent *a, struct cx *cx, struct list guests)
{
    const struct wire_guest *items = guests.items;
    const struct guest_record empty = { 0 };
    for (size_t i = 0; i < guests.n; i++)
        if (uuid_valid(items[i].id) && !agent_guest(a, items[i].id))
            TRY(record_save(cx, a->settings.state_dir, items[i].id, &empty));
    return 0;
}

int sync_apply(struct agent *a, struct cx *cx, const struct wire_answer *answer, int64_t docs_seq)
{
    pthread_mutex_lock(&a->lock);
    int r = 0;
    if (docs_seq == a->docs_seq) {
        r = begin_records(a, cx, answer->guests);
        if (r >= 0)
            r = docs_apply(cx, &a->docs, answer);
    }
    if (r != 0) {
        a->docs_seq++;
        a->net_seq++;
        take_guests(a);
    }
    if (r >= 0 && !a->synced) {
        a->synced = true;
        for (size_t i = 0; i < a->n_guests; i++)
            a->guests[i]->dirty = true;
    }
    agent_wake(a);
    pthread_mutex_unlock(&a->lock);
    return r;
}

/* ---- calls ---- */

static struct http_client *client_new(const struct agent *a)
{
    return http_client_new(&(struct http_client_config){ a->settings.ca_file, a->settings.cert_file,
                                                         a->settings.key_file, "alamo-agent" });
}

static void client_freep(struct http_client **c)
{
    http_client_free(*c);
}
#define CLEAN_CLIENT CLEANUP(client_freep) struct http_client

static int call_failed(struct cx *cx, const char *what, int r, const struct http_answer *answer)
{
    if (r < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't %s: %s", what, answer->error ? answer->error : strerror(-r));
    bool passes =
        answer->status >= 500 || answer->status == 429 || answer->status == 401 || answer->status == 403;
    const char *words = answer->body ? answer->body : "";
    return fail(cx, passes ? KIND_UNAVAILABLE : KIND_CONFLICT, "Can't %s: the controller answers %d: %.*s", what,
                answer->status, (int)strcspn(words, "\r\n"), words);
}

/* Somebody waits to see a guest's screen. */
static void show_screens(struct agent *a, struct cx *cx, struct list relays)
{
    const struct wire_relay *r = relays.items;
    const struct storage *storage = &a->drivers.storage;
    const struct relay_config config = {
        a->settings.controller_url, { a->settings.ca_file, a->settings.cert_file, a->settings.key_file, "alamo-agent" }
    };
    for (size_t i = 0; i < relays.n; i++) {
        const char *vnc = uuid_valid(r[i].guest_id) ? storage->files(storage->self, cx, NULL, r[i].guest_id).vnc : NULL;
        int result = vnc ? relay_start(&config, r[i].ticket, vnc) : -EINVAL;
        if (result < 0)
            log_warn("guest=%s its screen is not shown: %s", r[i].guest_id, strerror(-result));
    }
}

static int sync_once(struct agent *a, struct cx *cx, struct http_client *c, bool wait)
{
    static const char *const headers[][2] = { { "Content-Type", "application/json" } };
    struct sent sent;
    struct http_answer http = { 0 };
    struct wire_answer answer = { 0 };
    const struct json_t *json = NULL;
    size_t n = 0;
    const char *body = compose(a, cx->arena, wait, &sent, &n);
    struct http_call call = { .method = "POST",
                              .url = cx_printf(cx, "%s/agent/v1/sync", a->settings.controller_url),
                              .headers = headers,
                              .n_headers = 1,
                              .body = body,
                              .body_len = n,
                              .timeout_ms = wait ? POLL_MS : CALL_MS,
                              .max = ANSWER_MAX };
    int r = http_client_call(c, cx->arena, &call, &http);
    if (r < 0 || http.status != 200)
        return call_failed(cx, "talk with the controller", r, &http);
    TRY(json_parse(cx, http.body, http.body_len, &json));
    TRY(json_read(cx, wire_answer_fields, json, (struct json_rules){ .lenient = true, .where = "answer" },
                  &answer));
    pthread_mutex_lock(&a->lock);
    acknowledge(a, cx, &sent);
    pthread_mutex_unlock(&a->lock);
    show_screens(a, cx, answer.relays);
    return sync_apply(a, cx, &answer, sent.docs_seq);
}

/* Learns what the hypervisor is, once it answers. */
static void find_facts(struct agent *a)
{
    CLEAN_CX cx;
    struct hypervisor_facts facts;
    if (a->facts_known)
        return;
    cx_begin(&cx);
    if (a->drivers.hypervisor.facts(a->drivers.hypervisor.self, &cx, &facts) < 0)
        return;
    pthread_mutex_lock(&a->lock);
    memcpy(a->facts_version, facts.version, strnlen(facts.version, sizeof a->facts_version - 1));
    a->facts = facts;
    a->facts.version = a->facts_version;
    a->facts_known = true;
    pthread_mutex_unlock(&a->lock);
}

/* One call; afterwards waits longer with every failure in a row. */
static int turn(struct agent *a, struct http_client *c, bool wait, int64_t *failures)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    find_facts(a);
    int r = sync_once(a, &cx, c, wait);
    if (r >= 0) {
        *failures = 0;
        return r;
    }
    if (*failures == 0)
        log_warn("%s", cx.text);
    int64_t wait_us = (int64_t)RETRY_US << (*failures < 8 ? *failures : 8);
    ++*failures;
    pthread_mutex_lock(&a->lock);
    int64_t until = monotonic_us() + (wait_us < RETRY_MAX_US ? wait_us : RETRY_MAX_US);
    while (!a->stop && monotonic_us() < until)
        agent_wait(a, until);
    pthread_mutex_unlock(&a->lock);
    return r;
}

static bool stopped(struct agent *a)
{
    pthread_mutex_lock(&a->lock);
    bool stop = a->stop;
    pthread_mutex_unlock(&a->lock);
    return stop;
}

/* Waits for news at the controller.  The first call does not wait: its answer, even an empty one, says that
 * the documents held are those wanted. */
void *sync_poll_thread(void *agent)
{
    struct agent *a = agent;
    CLEAN_CLIENT *c = client_new(a);
    int64_t failures = 0;
    bool heard = false;
    while (!stopped(a))
        heard = turn(a, c, heard, &failures) >= 0;
    return NULL;
}

/* Brings news of ours at once, while the other call is waiting. */
void *sync_report_thread(void *agent)
{
    struct agent *a = agent;
    CLEAN_CLIENT *c = client_new(a);
    int64_t told = 0, failures = 0;
    pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        if (a->seq == told || !a->synced) {
            agent_wait(a, monotonic_us() + RETRY_MAX_US);
            continue;
        }
        pthread_mutex_unlock(&a->lock);
        usleep(GATHER_US); /* several steps often end together */
        pthread_mutex_lock(&a->lock);
        int64_t telling = a->seq;
        pthread_mutex_unlock(&a->lock);
        int r = turn(a, c, false, &failures);
        pthread_mutex_lock(&a->lock);
        if (r >= 0)
            told = telling;
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- image bytes ---- */

int sync_fetch(void *agent, struct cx *cx, const char *image_id, int fd)
{
    struct agent *a = agent;
    CLEAN_CLIENT *c = client_new(a);
    struct http_answer answer = { 0 };
    struct http_call call = { .method = "GET",
                              .url = cx_printf(cx, "%s/agent/v1/images/%s", a->settings.controller_url,
                                               image_id),
                              .download_fd = fd,
                              .timeout_ms = BULK_MS };
    int r = http_client_call(c, cx->arena, &call, &answer);
    return r < 0 || answer.status != 200 ? call_failed(cx, "fetch the image", r, &answer) : 0;
}

int sync_upload(struct agent *a, struct cx *cx, const char *image_id, const char *path)
{
    CLEAN_CLIENT *c = client_new(a);
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    struct http_answer answer = { 0 };
    struct http_call call = { .method = "PUT",
                              .url = cx_printf(cx, "%s/agent/v1/images/%s/file", a->settings.controller_url,
                                               image_id),
                              .upload_fd = fd,
                              .timeout_ms = BULK_MS };
    if (fd < 0)
        return fail(cx, KIND_CONFLICT, "The snapshot's file can't be read: %s", strerror(errno));
    int r = http_client_call(c, cx->arena, &call, &answer);
    if (r >= 0 && answer.status == 409) /* it is there: of a call before this one, whose answer was lost */
        return 0;
    return r < 0 || answer.status / 100 != 2 ? call_failed(cx, "send the snapshot", r, &answer) : 0;
}

static int put(struct agent *a, struct cx *cx, const char *url, const char *text, size_t n, struct http_answer *ret)
{
    CLEAN_CLIENT *c = client_new(a);
    struct http_call call = { .method = "PUT", .url = url, .body = text, .body_len = n, .timeout_ms = CALL_MS };
    return http_client_call(c, cx->arena, &call, ret);
}

int sync_console(struct agent *a, struct cx *cx, const char *guest_id, const char *text, size_t n)
{
    struct http_answer answer = { 0 };
    const char *url = cx_printf(cx, "%s/agent/v1/consoles/%s", a->settings.controller_url, guest_id);
    int r = put(a, cx, url, text, n, &answer);
    return r < 0 || answer.status / 100 != 2 ? call_failed(cx, "send the console log", r, &answer) : 0;
}

int sync_password(struct agent *a, struct cx *cx, const char *guest_id, const char *text, size_t n)
{
    struct http_answer answer = { 0 };
    const char *url = cx_printf(cx, "%s/agent/v1/passwords/%s", a->settings.controller_url, guest_id);
    int r = put(a, cx, url, text, n, &answer);
    return r < 0 ? call_failed(cx, "send the password", r, &answer) : answer.status;
}
