#include "agent/agent.h"

#include <string.h>

#include "agent/advice.h"
#include "agent/reconcile.h"
#include "agent/render/render.h"
#include "base/crash.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("work");

enum { STEPS_MAX = 64, AGAIN_US = 200000, RETRY_US = 500000, RETRY_MAX_US = 30000000, GRACE_S = 60, PATIENCE_S = 30 };

/* One worker's hold on one guest. */
struct work {
    struct agent *a;
    struct cx *cx;
    struct guest *g;
    struct doc *doc; /* NULL: nothing is wanted */
    const struct wire_guest *wanted;
    struct guest_seen seen;
    struct guest_files files;
};

/* ---- the record ---- */

/* Makes the record durable, then what others see. */
static int save(struct work *w, const struct guest_record *record)
{
    TRY(record_save(w->cx, w->a->settings.state_dir, w->g->id, record));
    struct arena *arena = arena_new();
    struct guest_record copy = record_copy(arena, record);
    pthread_mutex_lock(&w->a->lock);
    arena_free(w->g->arena);
    w->g->arena = arena;
    w->g->record = copy;
    pthread_mutex_unlock(&w->a->lock);
    return 0;
}

/* Running or not, by our own doing. */
static int note_running(struct work *w, bool running)
{
    struct guest_record r = w->g->record;
    r.running = running;
    r.stopping_us = 0;
    r.boot_id = running ? w->a->boot_id : NULL;
    if (running)
        r.off_cause = NULL;
    return save(w, &r);
}

/* ---- reports ---- */

static void report(struct work *w, const char *phase, const char *step)
{
    struct guest *g = w->g;
    int64_t gen = w->wanted ? w->wanted->gen : g->gen;
    pthread_mutex_lock(&w->a->lock);
    bool same = g->seen && str_eq(g->phase, phase) && str_eq(g->step, step) && g->power == w->seen.power &&
                g->gen == gen && g->told_boot_n == g->record.boot_n;
    g->phase = phase;
    g->step = step;
    g->power = w->seen.power;
    g->gen = gen;
    g->told_boot_n = g->record.boot_n;
    g->seen = true;
    if (!same) {
        g->seq = ++w->a->seq;
        agent_wake(w->a);
    }
    pthread_mutex_unlock(&w->a->lock);
}

static void add_event(struct work *w, const char *name, int64_t start_us, int r)
{
    struct agent *a = w->a;
    pthread_mutex_lock(&a->lock);
    if (a->events.n < EVENTS_MAX) {
        struct wire_event *items = a->events.items;
        *arena_push(a->event_arena, &items, &a->events.n) =
            (struct wire_event){ arena_strdup(a->event_arena, w->g->id),
                                 name,
                                 start_us,
                                 now_us(),
                                 r < 0 ? "Error" : "Success",
                                 r < 0 ? arena_strdup(a->event_arena, w->cx->text) : NULL };
        a->events.items = items;
        a->event_seq++;
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- steps ---- */

/* From here on it is a new server: what hinders it is told soon, and its old disks' past does not count. */
static int renew(struct work *w, const struct step *s)
{
    struct guest_record r = w->g->record;
    r.disk_n = w->wanted->disk_n;
    r.built = r.running = false;
    r.stopping_us = 0;
    r.off_cause = NULL;
    return save(w, &r);
}

/* The guest's taps stand, its rules and leases too; or why not.  1: not yet. */
static int network_ready(struct work *w)
{
    struct agent *a = w->a;
    int r = 0;
    pthread_mutex_lock(&a->lock);
    const struct net_fault *faults = a->net_faults.items;
    const struct wire_port *ports = w->wanted->ports.items;
    if (a->net_applied < w->g->net_seq)
        r = a->net_error
                ? fail(w->cx, KIND_UNAVAILABLE, "The host's network can't be set up: %s", a->net_error)
                : 1;
    for (size_t i = 0; r == 0 && i < w->wanted->ports.n; i++)
        for (size_t j = 0; r == 0 && j < a->net_faults.n; j++)
            if (str_eq(faults[j].id, ports[i].network_id))
                r = fail(w->cx, KIND_CONFLICT, "%s", faults[j].text);
    pthread_mutex_unlock(&a->lock);
    return r;
}

static int make(struct work *w, const struct step *s)
{
    struct storage *st = &w->a->drivers.storage;
    struct drive drive = { 0 };
    if (w->wanted->config_drive) {
        pthread_mutex_lock(&w->a->lock);
        struct plan_of p = agent_plan(w->a, w->cx->arena);
        pthread_mutex_unlock(&w->a->lock);
        drive = render_drive(w->cx, &(struct metadata_of){ w->wanted, &p.plan });
        agent_plan_free(&p);
    }
    return st->make(st->self, w->cx, w->wanted, drive);
}

/* A start satisfies every reboot asked for so far; that is noted before, so that a crash in between can't
 * cause one reboot more.  Waking up from saved memory is no boot. */
static int start(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    struct guest_record r = w->g->record;
    int ready = network_ready(w);
    if (ready)
        return ready;
    if (w->seen.power != GUEST_SUSPENDED)
        r.boot_n = w->wanted->boot_n;
    r.running = false;
    r.stopping_us = 0;
    r.off_cause = NULL;
    TRY(save(w, &r));
    TRY(hv->start(hv->self, w->cx, w->wanted, &w->files));
    return note_running(w, true);
}

static int adopt(struct work *w, const struct step *s)
{
    return note_running(w, true);
}

static int note_stopped(struct work *w, const struct step *s)
{
    return note_running(w, false);
}

static int note_off(struct work *w, const struct step *s)
{
    struct guest_record r = w->g->record;
    bool host = !str_eq(r.boot_id, w->a->boot_id);
    r.running = false;
    r.off_cause = host ? "host" : w->seen.crashed ? "crash" : "guest";
    r.off_gen = w->wanted->gen;
    log_info("%s went off: %s", w->g->id, r.off_cause);
    return save(w, &r);
}

static int ask_off(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    struct guest_record r = w->g->record;
    if (r.running || !r.stopping_us)
        r.stopping_us = now_us();
    r.running = false;
    TRY(save(w, &r));
    TRY(hv->ask_off(hv->self, w->cx, w->g->id));
    w->g->asked_us = now_us();
    return 0;
}

static int stop(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    TRY(note_running(w, false));
    return hv->stop(hv->self, w->cx, w->g->id);
}

static int pause_guest(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    return hv->pause(hv->self, w->cx, w->g->id);
}

static int resume(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    return hv->resume(hv->self, w->cx, w->g->id);
}

static int suspend(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    TRY(note_running(w, false));
    return hv->save(hv->self, w->cx, w->g->id);
}

static int drop_save(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    return hv->drop_save(hv->self, w->cx, w->g->id);
}

static int attach(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    int ready = network_ready(w);
    return ready ? ready : hv->attach(hv->self, w->cx, w->g->id, s->port);
}

/* A tap that waited for its guest to let it go can go now. */
static void look_at_network(struct work *w)
{
    pthread_mutex_lock(&w->a->lock);
    w->a->net_next_us = 0;
    agent_wake(w->a);
    pthread_mutex_unlock(&w->a->lock);
}

static int detach(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    int r = hv->detach(hv->self, w->cx, w->g->id, s->tap);
    if (r == 0)
        look_at_network(w);
    return r;
}

static int merge(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    return hv->merge(hv->self, w->cx, w->g->id, &w->files);
}

static int merge_off(struct work *w, const struct step *s)
{
    struct storage *st = &w->a->drivers.storage;
    return st->merge(st->self, w->cx, w->g->id);
}

static int drop_overlay(struct work *w, const struct step *s)
{
    struct storage *st = &w->a->drivers.storage;
    return st->drop_overlay(st->self, w->cx, w->g->id);
}

/* A snapshot: freeze, copy what keeps still, merge, send.  Each part may be found done already; the result is
 * noted before the copy on this host goes. */
static int snapshot(struct work *w, const struct wire_task *t, int64_t *ret_size)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    struct storage *st = &w->a->drivers.storage;
    const char *path = NULL;
    bool live = w->seen.power == GUEST_ON || w->seen.power == GUEST_PAUSED;
    if (live) {
        TRY(st->make_overlay(st->self, w->cx, w->g->id));
        TRY(hv->freeze(hv->self, w->cx, w->g->id, &w->files));
    }
    int r = st->copy(st->self, w->cx, w->g->id, t->image_id, &path, ret_size);
    const char *text = w->cx->text;
    if (live) {
        TRY(hv->merge(hv->self, w->cx, w->g->id, &w->files));
        TRY(st->drop_overlay(st->self, w->cx, w->g->id));
    }
    if (r < 0)
        return fail(w->cx, KIND_CONFLICT, "%s", text);
    return sync_upload(w->a, w->cx, t->image_id, path);
}

static int note_task(struct work *w, const struct task_record *result)
{
    struct guest_record r = record_copy(w->cx->arena, &w->g->record);
    struct task_record *items = r.tasks.items;
    *arena_push(w->cx->arena, &items, &r.tasks.n) = *result;
    r.tasks.items = items;
    TRY(save(w, &r));
    pthread_mutex_lock(&w->a->lock);
    w->g->seq = ++w->a->seq;
    agent_wake(w->a);
    pthread_mutex_unlock(&w->a->lock);
    return 0;
}

static bool passes(const struct cx *cx)
{
    return cx->kind == KIND_UNAVAILABLE || cx->kind == KIND_BUSY;
}

static int task(struct work *w, const struct step *s)
{
    struct storage *st = &w->a->drivers.storage;
    struct task_record result = { .id = s->task->id, .done = true };
    int r = str_eq(s->task->kind, "snapshot")
                ? snapshot(w, s->task, &result.size_bytes)
                : fail(w->cx, KIND_UNSUPPORTED, "This host does not know the task \"%s\"", s->task->kind);
    bool late = s->task->deadline_us && now_us() > s->task->deadline_us;
    if (r < 0 && passes(w->cx) && !late)
        return r;
    if (r < 0) {
        result.fault = advice(w->cx->arena, w->cx->text, ADVICE_SNAPSHOT);
        fail_clear(w->cx);
    }
    TRY(note_task(w, &result));
    return s->task->image_id ? st->drop_copy(st->self, w->cx, s->task->image_id) : 0;
}

static int refuse(struct work *w, const struct step *s)
{
    return fail(w->cx, KIND_CONFLICT, "%s", s->text);
}

static int forget(struct work *w, const struct step *s)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    return hv->forget(hv->self, w->cx, w->g->id);
}

static int grow(struct work *w, const struct step *s)
{
    struct storage *st = &w->a->drivers.storage;
    return st->grow(st->self, w->cx, w->wanted);
}

static int remove_files(struct work *w, const struct step *s)
{
    struct storage *st = &w->a->drivers.storage;
    return st->remove(st->self, w->cx, w->g->id);
}

static int (*const steps[STEP_KIND_N])(struct work *w, const struct step *s) = {
    [STEP_RENEW] = renew,
    [STEP_MAKE] = make,
    [STEP_GROW] = grow,
    [STEP_START] = start,
    [STEP_ADOPT] = adopt,
    [STEP_NOTE_OFF] = note_off,
    [STEP_NOTE_STOPPED] = note_stopped,
    [STEP_ASK_OFF] = ask_off,
    [STEP_STOP] = stop,
    [STEP_PAUSE] = pause_guest,
    [STEP_RESUME] = resume,
    [STEP_SAVE] = suspend,
    [STEP_DROP_SAVE] = drop_save,
    [STEP_ATTACH] = attach,
    [STEP_DETACH] = detach,
    [STEP_MERGE] = merge,
    [STEP_MERGE_OFF] = merge_off,
    [STEP_DROP_OVERLAY] = drop_overlay,
    [STEP_TASK] = task,
    [STEP_FAIL] = refuse,
    [STEP_FORGET] = forget,
    [STEP_REMOVE] = remove_files,
};

/* ---- ends of a look ---- */

static void again(struct work *w, int64_t after_us)
{
    pthread_mutex_lock(&w->a->lock);
    int64_t next = monotonic_us() + after_us;
    if (!w->g->dirty || w->g->next_us)
        w->g->next_us = next;
    w->g->dirty = true;
    pthread_mutex_unlock(&w->a->lock);
}

/* Results that the plan does not name any more were heard. */
static int forget_tasks(struct work *w)
{
    struct guest_record r = w->g->record;
    const struct task_record *old = r.tasks.items;
    const struct wire_task *tasks = w->wanted->tasks.items;
    struct task_record *kept = NULL;
    size_t n = 0;
    for (size_t i = 0; i < r.tasks.n; i++)
        for (size_t j = 0; j < w->wanted->tasks.n; j++)
            if (str_eq(old[i].id, tasks[j].id))
                *arena_push(w->cx->arena, &kept, &n) = old[i];
    if (n == r.tasks.n)
        return 0;
    r.tasks = (struct list){ kept, n };
    return save(w, &r);
}

/* What is wanted is there. */
static int settle(struct work *w)
{
    TRY(forget_tasks(w));
    bool failed = w->g->record.failed && w->g->record.failed_gen == w->wanted->gen;
    if (!failed && !w->g->record.built) {
        struct guest_record r = w->g->record;
        r.built = true;
        r.failed = false;
        r.fault = r.failed_step = NULL;
        TRY(save(w, &r));
    }
    report(w, failed ? "failed" : "ready", failed ? w->g->record.failed_step : NULL);
    w->g->retries = 0;
    return 0;
}

/* Nothing is left and nothing is wanted.  The record stays until the controller has heard of it: a crash must
 * not swallow the last report. */
static void vanish(struct work *w)
{
    pthread_mutex_lock(&w->a->lock);
    w->g->gone = true;
    pthread_mutex_unlock(&w->a->lock);
    look_at_network(w);
    agent_sweep_copies(w->a);
    report(w, "gone", NULL);
}

/* Whoever waits for a new guest learns of what is in its way while there is somebody waiting.  A guest that was there
 * before is brought back however long that takes.  Counted in time, not in tries: news of others bring tries, too. */
static bool loses_patience(const struct work *w)
{
    return !w->g->record.built && monotonic_us() - w->g->failing_us >= (int64_t)PATIENCE_S * 1000000 * slow_factor();
}

/* A failure passes, or is final for this generation. */
static int settle_failure(struct work *w, const struct step *s)
{
    bool late = w->wanted && w->wanted->deadline_us && now_us() > w->wanted->deadline_us;
    bool removing = !w->wanted || (w->g->record.failed && w->g->record.failed_gen == w->wanted->gen);
    if (!w->g->retries)
        w->g->failing_us = monotonic_us();
    int64_t wait_us = (int64_t)RETRY_US << (w->g->retries < 6 ? w->g->retries : 6);
    log_warn("%s: %s: %s", w->g->id, step_names[s->kind], w->cx->text);
    if (removing || (passes(w->cx) && !late && !loses_patience(w))) {
        w->g->retries++;
        again(w, wait_us < RETRY_MAX_US ? wait_us : RETRY_MAX_US);
        return 1;
    }
    struct guest_record r = w->g->record;
    r.failed = true;
    r.failed_gen = w->wanted->gen;
    r.fault = advice(w->cx->arena, w->cx->text, r.built ? ADVICE_SERVER : ADVICE_NEW_SERVER);
    r.failed_step = step_names[s->kind];
    TRY(save(w, &r));
    fail_clear(w->cx);
    w->g->retries = 0;
    pthread_mutex_lock(&w->a->lock);
    w->a->net_seq++; /* its taps go */
    agent_wake(w->a);
    pthread_mutex_unlock(&w->a->lock);
    return 0;
}

static bool is_note(enum step_kind kind)
{
    return kind == STEP_RENEW || kind == STEP_ADOPT || kind == STEP_NOTE_OFF || kind == STEP_NOTE_STOPPED || kind == STEP_FAIL;
}

static bool has_failed(const struct work *w)
{
    return w->wanted && w->g->record.failed && w->g->record.failed_gen == w->wanted->gen;
}

/* What there is cannot be seen: no libvirtd. */
static int settle_blindness(struct work *w)
{
    int over = settle_failure(w, &(struct step){ .kind = STEP_WAIT });
    if (has_failed(w)) /* nothing can be cleaned up before that ends, which is nothing to wait for */
        report(w, "failed", w->g->record.failed_step);
    return over;
}

/* One step; 1: the look is over for now. */
static int one_step(struct work *w)
{
    struct hypervisor *hv = &w->a->drivers.hypervisor;
    struct storage *st = &w->a->drivers.storage;
    struct surroundings around = { w->a->boot_id, now_us(), (int64_t)GRACE_S * 1000000 * slow_factor(),
                                   w->g->asked_us };
    struct step s;

    w->seen = (struct guest_seen){ 0 };
    int r = hv->see(hv->self, w->cx, w->g->id, &w->seen);
    if (r >= 0)
        r = st->see(st->self, w->cx, w->wanted, w->g->id, &w->seen);
    if (r < 0)
        return settle_blindness(w);
    w->files = st->files(st->self, w->cx, w->wanted, w->g->id);
    s = reconcile_guest(w->wanted, &w->g->record, &w->seen, &around);
    if (s.kind == STEP_GONE) {
        vanish(w);
        return 1;
    }
    if (s.kind == STEP_NONE)
        return settle(w) < 0 ? settle_failure(w, &s) : 1;
    if (!has_failed(w))
        report(w, s.kind == STEP_TASK ? "ready" : "building", step_names[s.kind]);
    if (s.kind == STEP_WAIT) {
        again(w, s.wait_us);
        return 1;
    }
    int64_t start_us = now_us();
    crash_point(step_names[s.kind]);
    r = steps[s.kind](w, &s);
    crash_point(step_names[s.kind]);
    if (r <= 0 && !is_note(s.kind))
        add_event(w, step_names[s.kind], start_us, r);
    if (r > 0) {
        again(w, AGAIN_US);
        return 1;
    }
    return r < 0 ? settle_failure(w, &s) : 0;
}

/* Brings one guest as far as it goes, in one go; a new document ends the look, the next begins with it. */
static void look(struct agent *a, struct guest *g, struct doc *doc)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct work w = { .a = a, .cx = &cx, .g = g, .doc = doc, .wanted = doc ? doc->value : NULL };
    for (int i = 0; i < STEPS_MAX; i++) {
        if (one_step(&w) != 0)
            return;
        pthread_mutex_lock(&a->lock);
        bool over = a->stop || g->doc != doc;
        pthread_mutex_unlock(&a->lock);
        if (over)
            break;
    }
    again(&w, 0);
}

/* Nothing is removed on the word of an agent that has not heard its controller yet. */
static bool is_due(const struct agent *a, const struct guest *g)
{
    return g->dirty && !g->busy && !(g->gone && !g->doc) && (g->doc || a->synced) &&
           monotonic_us() >= g->next_us;
}

static struct guest *next_guest(struct agent *a, int64_t *ret_wait_us)
{
    *ret_wait_us = 1000000;
    for (size_t i = 0; i < a->n_guests; i++) {
        struct guest *g = a->guests[i];
        if (is_due(a, g))
            return g;
        int64_t left = g->next_us - monotonic_us();
        if (g->dirty && !g->busy && left > 0 && left < *ret_wait_us)
            *ret_wait_us = left;
    }
    return NULL;
}

void *work_thread(void *agent)
{
    struct agent *a = agent;
    int64_t wait_us;
    pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        struct guest *g = next_guest(a, &wait_us);
        if (!g) {
            agent_wait(a, monotonic_us() + wait_us);
            continue;
        }
        struct doc *doc = g->doc ? doc_ref(g->doc) : NULL;
        g->busy = true;
        g->dirty = false;
        g->next_us = 0;
        pthread_mutex_unlock(&a->lock);
        look(a, g, doc);
        doc_unref(doc);
        pthread_mutex_lock(&a->lock);
        g->busy = false;
        agent_wake(a);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}
