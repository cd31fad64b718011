/* The writer: one thread that runs write calls in groups, each group in one transaction.
 *
 * A group is whatever has queued up while the one before was synced, so that an idle store answers after one
 * fsync and a busy one shares each fsync among many calls. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/env.h"
#include "base/log.h"
#include "store/internal.h"

LOG_MODULE("store");

enum { EXIT_DISK_FAILED = 70 };

/* ---- the queue ---- */

static struct write *queue_pop(struct writer *w)
{
    struct write *call = w->first;
    if (!call)
        return NULL;
    w->first = call->next;
    if (!w->first)
        w->last = &w->first;
    w->n_queued--;
    return call;
}

static struct write *queue_take(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    struct write *call = queue_pop(w);
    pthread_mutex_unlock(&w->lock);
    return call;
}

/* Waits for a call; NULL: the store closes and all calls are done. */
static struct write *queue_wait(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->closing)
        pthread_cond_wait(&w->queued, &w->lock);
    struct write *call = queue_pop(w);
    pthread_mutex_unlock(&w->lock);
    return call;
}

int store_write(struct store *s, struct write *call)
{
    struct writer *w = &s->writer;
    int r = -EAGAIN;

    assert(call->run && call->cx);
    pthread_mutex_lock(&w->lock);
    if (w->n_queued < w->queue_max && !w->closing) {
        call->next = NULL;
        *w->last = call;
        w->last = &call->next;
        w->n_queued++;
        pthread_cond_signal(&w->queued);
        r = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return r;
}

/* ---- change feed ---- */

void store_listen(struct store *s, store_listener *f, void *arg)
{
    struct writer *w = &s->writer;
    struct listener *grown = realloc(w->listeners, (w->n_listeners + 1) * sizeof *grown);

    if (!grown)
        abort();
    w->listeners = grown;
    w->listeners[w->n_listeners++] = (struct listener){ f, arg };
}

/* A call that is rolled back leaves its tables noted: to forget too much costs a look-up, too little a wrong
 * answer. */
void writer_touch(struct store *s, const struct table *t)
{
    struct writer *w = &s->writer;

    for (size_t i = w->n_touched; i-- > 0;)
        if (w->touched[i] == t)
            return;
    if (w->n_touched == w->max_touched) {
        size_t max = w->max_touched ? w->max_touched * 2 : 32;
        const struct table **grown = realloc(w->touched, max * sizeof(*grown));
        if (!grown)
            abort();
        w->touched = grown;
        w->max_touched = max;
    }
    w->touched[w->n_touched++] = t;
}

static void tell_listeners(struct writer *w)
{
    if (!w->n_touched)
        return;
    for (size_t i = 0; i < w->n_listeners; i++)
        w->listeners[i].f(w->listeners[i].arg, w->touched, w->n_touched);
    w->n_touched = 0;
    atomic_fetch_add(&w->generation, 1); /* last: who sees the new one sees that the others have forgotten */
}

uint64_t store_generation(const struct store *s)
{
    return atomic_load(&s->writer.generation);
}

/* ---- groups ---- */

static int control(struct txn *t, enum db_control what)
{
    return t->backend->control(t->db, what);
}

static bool in_transaction(struct txn *t)
{
    return t->backend->in_transaction(t->db);
}

/* 'call' may be gone when this returns. */
static void answer(struct writer *w, struct write *call, int result)
{
    atomic_fetch_add_explicit(&w->n_writes, 1, memory_order_relaxed);
    if (call->done)
        call->done(call->arg, result);
}

static void answer_group(struct writer *w)
{
    while (w->n_answered < w->n_group) {
        unsigned i = w->n_answered++;
        answer(w, w->group[i], w->results[i]);
    }
}

static void answer_lost(struct writer *w, struct write *call)
{
    (void)fail(call->cx, KIND_UNAVAILABLE, "The disk of the store has failed. Look at the kernel's log.");
    answer(w, call, -EIO);
}

/* After a failed fsync the kernel may have dropped the pages and call them clean: to try again would report
 * success for data that is on no disk.  Only a start from what the disk really has is sound. */
static NORETURN void die_of_disk(struct store *s)
{
    struct writer *w = &s->writer;
    const struct timespec moment = { .tv_nsec = 200 * 1000 * 1000 };

    log_error(
        "the disk of the store has failed (%s); the process ends, start it again when the disk is sound",
        s->backend->error_text(w->txn->db));
    while (w->n_answered < w->n_group)
        answer_lost(w, w->group[w->n_answered++]);
    for (struct write *call; (call = queue_take(w));)
        answer_lost(w, call);
    nanosleep(&moment, NULL); /* the answers leave through other threads */
    _exit(EXIT_DISK_FAILED);
}

static int commit(struct store *s)
{
    struct writer *w = &s->writer;

    crash_point("store-before-commit");
    int r = control(w->txn, DB_COMMIT);
    if (r == -EIO)
        die_of_disk(s);
    if (r < 0)
        return r;
    crash_point("store-after-commit");
    atomic_fetch_add_explicit(&w->n_commits, 1, memory_order_relaxed);
    tell_listeners(w);
    return 0;
}

static int run_call(struct txn *t, struct write *call)
{
    fail_clear(call->cx);
    call->cx->txn = t;
    int r = call->run(call->cx, call->arg);
    call->cx->txn = NULL;
    return r;
}

/* Runs a call among others.  When the transaction cannot go on it is rolled back whole, which the caller
 * sees. */
static int run_in_savepoint(struct txn *t, struct write *call)
{
    int r = control(t, DB_SAVEPOINT);

    if (r < 0)
        goto out;
    int result = run_call(t, call);
    if (!in_transaction(t))
        return result;
    if (result < 0)
        r = control(t, DB_ROLLBACK_TO);
    if (r >= 0)
        r = control(t, DB_RELEASE);
    if (r >= 0)
        return result;
out:
    control(t, DB_ROLLBACK);
    return r;
}

/* Runs a call in a transaction of its own. */
static int run_alone(struct store *s, struct write *call)
{
    struct txn *t = s->writer.txn;
    int r = control(t, DB_BEGIN_WRITE);

    if (r < 0)
        return fail_backend(call->cx, t, r, "BEGIN");
    int result = run_call(t, call);
    if (result >= 0 && (r = commit(s)) < 0)
        result = fail_backend(call->cx, t, r, "COMMIT");
    if (in_transaction(t))
        control(t, DB_ROLLBACK);
    return result;
}

/* The engine has rolled back the whole group for the fault of one (the disk is full, a deferred constraint
 * fails): those that can go on their own shall. */
static void rerun_each_alone(struct store *s)
{
    struct writer *w = &s->writer;

    for (unsigned i = 0; i < w->n_group; i++) {
        w->results[i] = run_alone(s, w->group[i]);
        w->n_answered = i + 1;
        answer(w, w->group[i], w->results[i]);
    }
}

/* Runs 'first' and what is queued behind it, until nothing is or the group is full.
 * Returns false when the transaction has not survived. */
static bool fill_group(struct store *s, struct write *first)
{
    struct writer *w = &s->writer;
    int64_t deadline_us = monotonic_us() + w->group_us;

    w->n_group = w->n_answered = 0;
    for (struct write *call = first; call; call = queue_take(w)) {
        w->group[w->n_group] = call;
        w->results[w->n_group++] = run_in_savepoint(w->txn, call);
        if (!in_transaction(w->txn))
            return false;
        if (w->n_group == w->group_max || monotonic_us() >= deadline_us)
            break;
    }
    return true;
}

static void run_group(struct store *s, struct write *first)
{
    struct writer *w = &s->writer;
    int r = control(w->txn, DB_BEGIN_WRITE);

    if (r < 0) {
        answer(w, first, fail_backend(first->cx, w->txn, r, "BEGIN"));
        return;
    }
    if (fill_group(s, first) && commit(s) == 0) {
        answer_group(w);
        return;
    }
    log_warn("a group of %u calls was rolled back (%s); each is run again alone", w->n_group,
             s->backend->error_text(w->txn->db));
    if (in_transaction(w->txn))
        control(w->txn, DB_ROLLBACK);
    rerun_each_alone(s);
}

static void tidy(struct store *s)
{
    int r = s->backend->tidy(s->writer.txn->db);

    if (r == -EIO)
        die_of_disk(s);
    if (r < 0)
        log_warn("the store's log cannot be moved into its file: %s",
                 s->backend->error_text(s->writer.txn->db));
}

static void *writer_main(void *arg)
{
    struct store *s = arg;

    for (struct write *call; (call = queue_wait(&s->writer));) {
        run_group(s, call);
        tidy(s);
    }
    return NULL;
}

/* ---- start and end ---- */

int writer_start(struct store *s)
{
    struct writer *w = &s->writer;
    sigset_t all, before;

    w->last = &w->first;
    w->n_touched = 0; /* nobody heard the migrations, nobody had to */
    w->group = calloc(w->group_max, sizeof(*w->group));
    w->results = calloc(w->group_max, sizeof *w->results);
    if (!w->group || !w->results)
        return -ENOMEM;
    /* Signals are for the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = -pthread_create(&w->thread, NULL, writer_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0)
        return r;
    w->started = true;
    pthread_setname_np(w->thread, "store-writer");
    return 0;
}

void writer_stop(struct store *s)
{
    struct writer *w = &s->writer;

    if (w->started) {
        pthread_mutex_lock(&w->lock);
        w->closing = true;
        pthread_cond_signal(&w->queued);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    free(w->group);
    free(w->results);
    free(w->touched);
    free(w->listeners);
}

/* ---- waiting ---- */

struct waiter {
    int (*run)(struct cx *cx, void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    int result;
};

static int waiter_run(struct cx *cx, void *arg)
{
    struct waiter *waiter = arg;
    return waiter->run(cx, waiter->arg);
}

static void waiter_done(void *arg, int result)
{
    struct waiter *waiter = arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    waiter->result = result;
    pthread_cond_signal(
        &waiter->changed); /* inside the lock: the waiter's frame dies once it has seen 'is_done' */
    pthread_mutex_unlock(&waiter->lock);
}

int store_write_wait(struct store *s, struct cx *cx, int (*run)(struct cx *cx, void *arg), void *arg)
{
    struct waiter waiter = {
        .run = run, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER
    };
    struct write call = { .run = waiter_run, .done = waiter_done, .arg = &waiter, .cx = cx };

    assert(!pthread_equal(pthread_self(), s->writer.thread)); /* it would wait for itself */
    if (store_write(s, &call) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Too many changes are waiting. Try again in a moment.");
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.changed, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    return waiter.result;
}
