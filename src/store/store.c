/* The store as a whole: connections, read transactions, backup. */
#include "store/store.h"

#include <assert.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/env.h"
#include "base/log.h"
#include "store/internal.h"

LOG_MODULE("store");

enum { READER_WAIT_US = 10 * 1000 * 1000 };

/* ---- connections ---- */

int txn_new(struct store *s, bool writes, struct txn **ret_txn)
{
    const struct db_config config = { s->path, writes, s->in_memory, s->cache_kib };
    struct txn *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    t->store = s;
    t->backend = s->backend;
    t->writes = writes;
    int r = s->backend->open(&t->db, &config);
    if (r < 0) {
        log_error("cannot open the store %s: %s", s->path,
                  t->db ? s->backend->error_text(t->db) : strerror(-r));
        txn_free(t);
        return r;
    }
    *ret_txn = t;
    return 0;
}

void txn_free(struct txn *t)
{
    if (!t)
        return;
    statements_clear(t);
    t->backend->close(t->db);
    free(t);
}

/* ---- open and close ---- */

/* A store in memory is a file whose name is removed: unlike SQLite's own it has many connections with a
 * snapshot each, as the real one has. */
static int make_memory_path(struct store *s)
{
    char fast[] = "/dev/shm/alamo-store-XXXXXX", slow[] = "/tmp/alamo-store-XXXXXX";
    const char *directory = mkdtemp(fast);

    if (!directory)
        directory = mkdtemp(slow);
    if (!directory)
        return -errno;
    return asprintf(&s->path, "%s/db", directory) < 0 ? -ENOMEM : 0;
}

static void drop_memory_path(struct store *s)
{
    s->backend->unname(s->path);
    rmdir(dirname(s->path)); /* cuts the path, which nobody needs any more */
}

static struct store *store_new(const struct store_config *config)
{
    struct store *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->backend = &store_backend_sqlite;
    s->in_memory = str_eq(config->path, ":memory:");
    s->n_readers = config->readers ? config->readers : 4;
    s->cache_kib = (config->cache_kib ? config->cache_kib : 8192) / (s->n_readers + 1);
    s->writer.group_us = config->group_us ? config->group_us : 5000;
    s->writer.group_max = config->group_max ? config->group_max : 64;
    s->writer.queue_max = config->queue_max ? config->queue_max : 1024;
    pthread_mutex_init(&s->writer.lock, NULL);
    pthread_cond_init(&s->writer.queued, NULL);
    pthread_mutex_init(&s->readers_lock, NULL);
    pthread_cond_init(&s->reader_freed, NULL);
    return s;
}

static int set_path(struct store *s, const char *path)
{
    if (s->in_memory)
        return make_memory_path(s);
    s->path = strdup(path);
    return s->path ? 0 : -ENOMEM;
}

static int open_readers(struct store *s)
{
    s->readers = calloc(s->n_readers, sizeof(*s->readers));
    if (!s->readers)
        return -ENOMEM;
    for (unsigned i = 0; i < s->n_readers; i++) {
        struct txn *t;
        TRY(txn_new(s, false, &t));
        s->readers[i] = t;
        t->next_free = s->free_readers;
        s->free_readers = t;
    }
    return 0;
}

static int open_connections(struct store *s, const struct migration *migrations, size_t n)
{
    TRY(txn_new(s, true, &s->writer.txn));
    TRY(store_migrate(s->writer.txn, migrations, n));
    return open_readers(s);
}

int store_open(struct store **ret_store, const struct store_config *config,
               const struct migration *migrations, size_t n)
{
    struct store *s = store_new(config);

    if (!s)
        return -ENOMEM;
    int r = set_path(s, config->path);
    if (r >= 0) {
        r = open_connections(s, migrations, n);
        if (s->in_memory)
            drop_memory_path(s);
    }
    if (r >= 0)
        r = writer_start(s);
    if (r < 0) {
        store_close(s);
        return r;
    }
    *ret_store = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    writer_stop(s);
    for (unsigned i = 0; s->readers && i < s->n_readers; i++)
        txn_free(s->readers[i]);
    txn_free(s->writer.txn); /* last: whoever closes last moves the log into the file */
    pthread_mutex_destroy(&s->writer.lock);
    pthread_cond_destroy(&s->writer.queued);
    pthread_mutex_destroy(&s->readers_lock);
    pthread_cond_destroy(&s->reader_freed);
    free(s->readers);
    free(s->path);
    free(s);
}

/* ---- reading ---- */

static struct timespec to_timespec(int64_t us)
{
    return (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
}

/* Waits for a free reader; NULL: there was none for too long. */
static struct txn *take_reader(struct store *s)
{
    pthread_mutex_lock(&s->readers_lock);
    if (!s->free_readers) {
        const struct timespec until = to_timespec(monotonic_us() + READER_WAIT_US * slow_factor());
        int r = 0;
        while (!s->free_readers && r != ETIMEDOUT)
            r = pthread_cond_clockwait(&s->reader_freed, &s->readers_lock, CLOCK_MONOTONIC, &until);
    }
    struct txn *t = s->free_readers;
    if (t)
        s->free_readers = t->next_free;
    pthread_mutex_unlock(&s->readers_lock);
    return t;
}

static void give_reader(struct store *s, struct txn *t)
{
    pthread_mutex_lock(&s->readers_lock);
    t->next_free = s->free_readers;
    s->free_readers = t;
    pthread_cond_signal(&s->reader_freed);
    pthread_mutex_unlock(&s->readers_lock);
}

int store_read_begin(struct store *s, struct cx *cx)
{
    assert(!cx->txn);
    struct txn *t = take_reader(s);
    if (!t)
        return fail(cx, KIND_UNAVAILABLE, "All readers of the store are busy. Try again in a moment.");
    int r = t->backend->control(t->db, DB_BEGIN_READ);
    if (r < 0) {
        r = fail_backend(cx, t, r, "BEGIN");
        give_reader(s, t);
        return r;
    }
    cx->txn = t;
    return 0;
}

void store_read_end(struct cx *cx)
{
    struct txn *t = cx->txn;

    if (!t)
        return;
    assert(!t->writes);
    /* A read that failed may have ended the transaction. */
    if (t->backend->in_transaction(t->db))
        t->backend->control(t->db, DB_ROLLBACK);
    cx->txn = NULL;
    give_reader(t->store, t);
}

bool store_is_writing(const struct cx *cx)
{
    return cx->txn && cx->txn->writes;
}

/* ---- backup ---- */

static int sync_path(const char *path, int flags)
{
    CLEAN_FD fd = open(path, flags | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

/* A new, empty file that only its owner may read; one left by a backup that was cut short makes room. */
static int make_empty(const char *path)
{
    unlink(path);
    CLEAN_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : 0;
}

/* On a connection of its own: a long copy must not cost a reader. */
static int copy_into(struct store *s, const char *path)
{
    struct txn *t;

    TRY(txn_new(s, true, &t));
    int r = s->backend->backup(t->db, path);
    if (r < 0)
        log_error("backup into %s: %s", path, s->backend->error_text(t->db));
    txn_free(t);
    return r;
}

/* Gives the finished file its name; link() fails where rename() would overwrite. */
static int publish(struct arena *a, const char *part, const char *path)
{
    TRY(sync_path(part, O_RDONLY));
    crash_point("store-backup-before-name");
    if (link(part, path) < 0)
        return -errno;
    unlink(part);
    crash_point("store-backup-after-name");
    return sync_path(dirname(arena_strdup(a, path)), O_RDONLY | O_DIRECTORY);
}

int store_backup(struct store *s, const char *path)
{
    CLEAN_ARENA *a = arena_new();
    const char *part = arena_printf(a, "%s.part", path);

    if (s->in_memory)
        return -ENOTSUP;
    if (access(path, F_OK) == 0)
        return -EEXIST;
    int r = make_empty(part);
    if (r >= 0)
        r = copy_into(s, part);
    if (r >= 0)
        r = publish(a, part, path);
    if (r < 0) {
        log_error("backup into %s: %s", path, strerror(-r));
        unlink(part);
    }
    return r;
}

/* ---- statistics ---- */

static void add_stats(const struct txn *t, struct store_stats *stats)
{
    stats->statements += atomic_load_explicit(&t->n_statements, memory_order_relaxed);
    stats->prepares += atomic_load_explicit(&t->n_prepares, memory_order_relaxed);
}

void store_stats(struct store *s, struct store_stats *ret_stats)
{
    *ret_stats = (struct store_stats){
        .commits = atomic_load_explicit(&s->writer.n_commits, memory_order_relaxed),
        .writes = atomic_load_explicit(&s->writer.n_writes, memory_order_relaxed),
    };
    add_stats(s->writer.txn, ret_stats);
    for (unsigned i = 0; i < s->n_readers; i++)
        add_stats(s->readers[i], ret_stats);
}
