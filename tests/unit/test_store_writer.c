/* The store's writer: groups, rollback, change feed, full queue, full disk, failing disk, crashes. */
#include "test_store.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/sqlite/vfs_lossy.h"

/* ---- calls that queue up behind one that waits ---- */

struct gate {
    sem_t entered, open;
};

static int wait_at_gate(struct cx *cx, void *arg)
{
    struct gate *gate = arg;
    sem_post(&gate->entered);
    sem_wait(&gate->open);
    return 0;
}

enum { N_CALLS = 40, N_FAIL_EVERY = 5 };

struct call {
    struct write write;
    struct cx cx;
    struct mark mark;
    size_t filler_bytes;
    int result;
    int64_t runs;
    atomic_bool done;
};

static int run_mark(struct cx *cx, void *arg)
{
    struct call *call = arg;

    call->runs++;
    TRY(store_insert(cx, &mark_table, &call->mark));
    if (call->mark.id % N_FAIL_EVERY == 0)
        return fail(cx, KIND_QUOTA, "no more");
    return (int)call->mark.id;
}

static void note_result(void *arg, int result)
{
    struct call *call = arg;
    call->result = result;
    call->done = true;
}

static void call_queue(struct fixture *f, struct call *call, int64_t id, int (*run)(struct cx *cx, void *arg))
{
    cx_begin(&call->cx);
    call->mark.id = id;
    call->write = (struct write){ .run = run, .done = note_result, .arg = call, .cx = &call->cx };
    assert_int_equal(store_write(f->store, &call->write), 0);
}

static void call_wait(struct call *call)
{
    while (!call->done)
        usleep(100);
}

/* Makes the writer wait inside its first call until gate_open(), so that what follows queues up. */
static void gate_close(struct fixture *f, struct gate *gate, struct call *call)
{
    sem_init(&gate->entered, 0, 0);
    sem_init(&gate->open, 0, 0);
    cx_begin(&call->cx);
    call->write = (struct write){ .run = wait_at_gate, .arg = gate, .cx = &call->cx };
    assert_int_equal(store_write(f->store, &call->write), 0);
    sem_wait(&gate->entered);
}

static void gate_open(struct gate *gate)
{
    sem_post(&gate->open);
}

static void reopen_with(struct fixture *f, int64_t group_us, unsigned group_max, unsigned queue_max)
{
    fixture_close(f);
    f->config.group_us = group_us;
    f->config.group_max = group_max;
    f->config.queue_max = queue_max;
    fixture_open(f);
}

static void queued_calls_share_a_commit(void **state)
{
    struct fixture *f = *state;
    struct call first = { 0 }, calls[N_CALLS] = { 0 };
    struct store_stats before, after;
    struct gate gate;

    reopen_with(f, 10 * 1000 * 1000, 64, 0);
    store_stats(f->store, &before);
    gate_close(f, &gate, &first);
    for (int i = 0; i < N_CALLS; i++)
        call_queue(f, &calls[i], i + 1, run_mark);
    gate_open(&gate);
    for (int i = 0; i < N_CALLS; i++) {
        call_wait(&calls[i]);
        bool fails = calls[i].mark.id % N_FAIL_EVERY == 0;
        assert_int_equal(calls[i].result, fails ? -EDQUOT : calls[i].mark.id);
        assert_int_equal(calls[i].cx.kind, fails ? KIND_QUOTA : KIND_NONE);
        assert_int_equal(calls[i].runs, 1);
        cx_end(&calls[i].cx);
    }
    cx_end(&first.cx);
    store_stats(f->store, &after);
    assert_int_equal(after.commits - before.commits, 1);
    assert_int_equal(after.writes - before.writes, N_CALLS + 1);
    /* Each fifth has failed after its insert and has taken nothing else along. */
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM mark"), N_CALLS - N_CALLS / N_FAIL_EVERY);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM mark WHERE id%5=0"), 0);
}

static void groups_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct call first = { 0 }, calls[N_CALLS] = { 0 };
    struct store_stats before, after;
    struct gate gate;

    reopen_with(f, 10 * 1000 * 1000, 8, 0);
    store_stats(f->store, &before);
    gate_close(f, &gate, &first);
    for (int i = 0; i < N_CALLS; i++)
        call_queue(f, &calls[i], i + 1, run_mark);
    gate_open(&gate);
    for (int i = 0; i < N_CALLS; i++) {
        call_wait(&calls[i]);
        cx_end(&calls[i].cx);
    }
    cx_end(&first.cx);
    store_stats(f->store, &after);
    assert_int_equal(after.commits - before.commits, (N_CALLS + 1 + 7) / 8);
}

static void full_queue_refuses(void **state)
{
    struct fixture *f = *state;
    struct call first = { 0 }, calls[2] = { 0 };
    struct mark mark = { 77 };
    enum kind kind;
    struct gate gate;

    reopen_with(f, 0, 0, 2);
    gate_close(f, &gate, &first);
    call_queue(f, &calls[0], 1, run_mark);
    call_queue(f, &calls[1], 2, run_mark);
    struct write one_more = calls[0].write;
    assert_int_equal(store_write(f->store, &one_more), -EAGAIN);
    assert_true(fixture_write(f, insert_mark, &mark, &kind) < 0);
    assert_int_equal(kind, KIND_UNAVAILABLE);
    gate_open(&gate);
    for (int i = 0; i < 2; i++) {
        call_wait(&calls[i]);
        cx_end(&calls[i].cx);
    }
    cx_end(&first.cx);
    assert_int_equal(fixture_write(f, insert_mark, &mark, NULL), 0);
}

static void close_runs_what_is_queued(void **state)
{
    struct fixture *f = *state;
    struct call calls[N_CALLS] = { 0 };

    for (int i = 0; i < N_CALLS; i++)
        call_queue(f, &calls[i], 1 + i * N_FAIL_EVERY, run_mark);
    fixture_close(f);
    for (int i = 0; i < N_CALLS; i++) {
        assert_true(calls[i].done);
        cx_end(&calls[i].cx);
    }
    fixture_open(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM mark"), N_CALLS);
}

/* ---- many threads ---- */

enum { N_THREADS = 16, N_EACH = 50 };
struct worker {
    struct fixture *f;
    int64_t from;
};

static void *insert_each(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < N_EACH; i++) {
        struct mark mark = { w->from + i };
        assert_int_equal(fixture_write(w->f, insert_mark, &mark, NULL), 0);
    }
    return NULL;
}

static void writers_share_commits(void **state)
{
    struct fixture *f = *state;
    struct worker workers[N_THREADS];
    pthread_t threads[N_THREADS];
    struct store_stats stats;

    for (int i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){ f, i * 1000 };
        assert_int_equal(pthread_create(&threads[i], NULL, insert_each, &workers[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    store_stats(f->store, &stats);
    assert_int_equal(stats.writes, N_THREADS * N_EACH);
    assert_true(stats.commits < stats.writes);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM mark"), N_THREADS * N_EACH);
}

/* ---- change feed ---- */

struct feed {
    unsigned calls;
    bool thing, mark;
    bool before_done;
};

static void hear(void *arg, const struct table *const *tables, size_t n)
{
    struct feed *feed = arg;
    feed->calls++;
    for (size_t i = 0; i < n; i++) {
        feed->thing |= tables[i] == &thing_table;
        feed->mark |= tables[i] == &mark_table;
    }
}

static int touch_both(struct cx *cx, void *arg)
{
    const struct thing t = { "ann", "ring" };
    struct mark mark = { 1 };
    TRY(store_insert(cx, &thing_table, &t));
    return store_insert(cx, &mark_table, &mark);
}

static void see_feed(void *arg, int result)
{
    struct call *call = arg;
    struct feed *feed = (void *)(uintptr_t)call->mark.id;
    feed->before_done = feed->calls == 1 && feed->thing && feed->mark;
    call->done = true;
}

static int touch_nothing(struct cx *cx, void *arg)
{
    return 3;
}

/* Statements that could have changed rows, and found none. */
static int touch_no_row(struct cx *cx, void *arg)
{
    TRY(store_delete(cx, &mark_table, "id=$1", ARGS(77)));
    return store_exec(cx, &mark_table, "UPDATE mark SET id=78 WHERE id=$1", ARGS(77));
}

static void listeners_hear_before_callers(void **state)
{
    struct fixture *f = *state;
    struct feed feed = { 0 };
    struct call call = { .mark.id = (int64_t)(uintptr_t)&feed };

    store_listen(f->store, hear, &feed);
    assert_int_equal(fixture_write(f, touch_nothing, NULL, NULL), 3);
    assert_int_equal(fixture_write(f, touch_no_row, NULL, NULL), 0);
    assert_int_equal(feed.calls, 0);
    cx_begin(&call.cx);
    call.write = (struct write){ .run = touch_both, .done = see_feed, .arg = &call, .cx = &call.cx };
    assert_int_equal(store_write(f->store, &call.write), 0);
    call_wait(&call);
    cx_end(&call.cx);
    assert_true(feed.before_done);
}

/* ---- a group that the engine drops ---- */

static int limit_pages(struct cx *cx, void *arg)
{
    int64_t pages;
    char sql[64];

    TRY(store_int(cx, &pages, "PRAGMA page_count", NO_ARGS));
    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%lld", (long long)pages + 2);
    return store_int(cx, &pages, sql, NO_ARGS);
}

static int insert_filler(struct cx *cx, void *arg)
{
    struct call *call = arg;
    char *filler = cx_alloc(cx, call->filler_bytes + 1);
    char name[32];

    call->runs++;
    memset(filler, 'x', call->filler_bytes);
    snprintf(name, sizeof name, "%lld", (long long)call->mark.id);
    const struct thing t = { "fill", name, .meta = filler };
    return store_insert(cx, &thing_table, &t);
}

static void full_disk_hits_only_who_needs_it(void **state)
{
    struct fixture *f = *state;
    struct call first = { 0 }, calls[5] = { 0 };
    struct gate gate;

    reopen_with(f, 10 * 1000 * 1000, 0, 0);
    assert_true(fixture_write(f, limit_pages, NULL, NULL) >= 0);
    gate_close(f, &gate, &first);
    for (int i = 0; i < 5; i++) {
        calls[i].filler_bytes = i == 2 ? 100000 : 10;
        call_queue(f, &calls[i], i, insert_filler);
    }
    gate_open(&gate);
    /* The engine drops the group when it meets the third; the first call, at the gate, is run again with it.
     */
    gate_open(&gate);
    for (int i = 0; i < 5; i++) {
        call_wait(&calls[i]);
        assert_int_equal(calls[i].result, i == 2 ? -EHOSTDOWN : 0);
        if (i == 2)
            assert_non_null(strstr(calls[i].cx.text, "disk of the store is full"));
        cx_end(&calls[i].cx);
    }
    cx_end(&first.cx);
    assert_int_equal(calls[0].runs, 2);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM thing"), 4);
}

static int insert_orphan(struct cx *cx, void *arg)
{
    return store_exec(cx, &mark_table, "INSERT INTO child VALUES ($1, 12345)", ARGS(1));
}

/* A constraint that is checked at COMMIT fails the group's; only its cause may suffer. */
static void failed_commit_hits_only_its_cause(void **state)
{
    struct fixture *f = *state;
    struct call first = { 0 }, orphan = { 0 }, good = { 0 };
    struct gate gate;

    reopen_with(f, 10 * 1000 * 1000, 0, 0);
    gate_close(f, &gate, &first);
    call_queue(f, &orphan, 1, insert_orphan);
    call_queue(f, &good, 2, run_mark);
    gate_open(&gate);
    gate_open(&gate);
    call_wait(&orphan);
    call_wait(&good);
    assert_true(orphan.result < 0);
    assert_int_equal(orphan.cx.kind, KIND_INTERNAL);
    assert_int_equal(good.result, 2);
    cx_end(&orphan.cx);
    cx_end(&good.cx);
    cx_end(&first.cx);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM child"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM mark"), 1);
}

/* ---- processes that die; each is this program run again ---- */

static pid_t spawn(const char *role, const char *directory, const char *crash_at)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (crash_at)
            setenv("ALAMO_CRASH_AT", crash_at, 1);
        setenv("ALAMO_LOG", "error", 1);
        execl("/proc/self/exe", "test-store-writer", role, directory, (char *)NULL);
        _exit(99);
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void child_open(struct fixture *f, const char *directory)
{
    snprintf(f->path, sizeof f->path, "%s/store.db", directory);
    f->config.path = f->path;
    if (store_open(&f->store, &f->config, test_migrations, N_ELEMENTS(test_migrations)) < 0)
        exit(98);
}

struct acknowledger {
    struct fixture *f;
    FILE *acknowledged;
    int64_t from;
};

static void *insert_and_acknowledge(void *arg)
{
    struct acknowledger *a = arg;
    for (int64_t i = 0; i < 20; i++) {
        int64_t n = a->from + i;
        if (fixture_write(a->f, write_pair, &n, NULL) < 0)
            exit(97);
        fprintf(a->acknowledged, "%lld\n", (long long)n);
        fflush(a->acknowledged);
    }
    return NULL;
}

static int child_writes(const char *directory)
{
    struct fixture f = { 0 };
    struct acknowledger a[4];
    pthread_t threads[N_ELEMENTS(a)];
    char path[128];

    child_open(&f, directory);
    snprintf(path, sizeof path, "%s/acknowledged", directory);
    FILE *acknowledged = fopen(path, "we");
    for (size_t i = 0; i < N_ELEMENTS(a); i++) {
        a[i] = (struct acknowledger){ &f, acknowledged, (int64_t)(i + 1) * 1000 };
        pthread_create(&threads[i], NULL, insert_and_acknowledge, &a[i]);
    }
    for (size_t i = 0; i < N_ELEMENTS(a); i++)
        pthread_join(threads[i], NULL);
    fclose(acknowledged);
    store_close(f.store);
    return 0;
}

/* Each acknowledged number must be in the store; returns how many there are. */
static int check_acknowledged(struct fixture *f)
{
    char path[128], sql[64];
    long long id;
    int n = 0;

    snprintf(path, sizeof path, "%s/acknowledged", f->directory);
    FILE *acknowledged = fopen(path, "re");
    if (!acknowledged)
        return 0; /* it died before it had opened it */
    for (; fscanf(acknowledged, "%lld", &id) == 1; n++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM mark WHERE id=%lld", id);
        assert_int_equal(fixture_count(f, sql), 1);
    }
    fclose(acknowledged);
    return n;
}

static void die_at_each_point(struct fixture *f)
{
    int n_crashes = 0, most = 0, status;

    do {
        char at[16];
        fixture_close(f);
        fixture_empty(f);
        snprintf(at, sizeof at, "%d", ++n_crashes);
        status = wait_for(spawn("write", f->directory, at));
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : status == 0);
        fixture_open(f);
        int n = check_acknowledged(f);
        most = n > most ? n : most;
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM thing"),
                         fixture_count(f, "SELECT count(*) FROM mark"));
        assert_int_equal(
            fixture_count(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
    } while (WIFSIGNALED(status));
    assert_true(n_crashes > 10); /* two migrations have four points, and there were several groups */
    assert_int_equal(most, 4 * 20);
}

static void crashes_lose_nothing_acknowledged(void **state)
{
    die_at_each_point(*state);
}

static void power_cuts_lose_nothing_acknowledged(void **state)
{
    setenv("ALAMO_STORE_VFS", "lossy", 1); /* this process has opened a store before and goes on without */
    die_at_each_point(*state);
    unsetenv("ALAMO_STORE_VFS");
}

/* That the test above can fail: what SQLite does not sync is lost with the process. */
static int child_trusts_the_kernel(const char *directory)
{
    sqlite3 *db;
    char path[128];

    snprintf(path, sizeof path, "%s/copy.db", directory);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_lossy_register()) !=
            SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE synced (x);", NULL, NULL, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA wal_checkpoint; PRAGMA synchronous=OFF; CREATE TABLE lost (x);", NULL, NULL,
                     NULL) != SQLITE_OK)
        return 93;
    kill(getpid(), SIGKILL);
    return 92;
}

static int count_table(void *arg, int n, char **values, char **names)
{
    int *count = arg;
    *count += strcmp(values[0], "synced") == 0 ? 1 : 100;
    return 0;
}

static void unsynced_writes_are_lost(void **state)
{
    struct fixture *f = *state;
    char path[128];
    int status = wait_for(spawn("trust", f->directory, NULL)), count = 0;
    sqlite3 *db;

    assert_true(WIFSIGNALED(status));
    snprintf(path, sizeof path, "%s/copy.db", f->directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT name FROM sqlite_schema", count_table, &count, NULL),
                     SQLITE_OK);
    assert_int_equal(count, 1);
    sqlite3_close(db);
}

static char eio_path[128]; /* one line for each call that got -EIO */

static void expect_eio(void *arg, int result)
{
    struct call *call = arg;
    if (result != -EIO || call->cx.kind != KIND_UNAVAILABLE)
        _exit(96);
    FILE *out = fopen(eio_path, "ae");
    fputs("EIO\n", out);
    fclose(out);
}

/* Files may not grow: the write of the log at COMMIT fails with an error that is not "full". */
static int child_loses_disk(const char *directory)
{
    struct fixture f = { 0 };
    static struct call calls[3];
    const struct rlimit limit = { 64 * 1024, 64 * 1024 };

    child_open(&f, directory);
    snprintf(eio_path, sizeof eio_path, "%s/acknowledged", directory);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (size_t i = 0; i < N_ELEMENTS(calls); i++) {
        struct call *call = &calls[i];
        cx_begin(&call->cx);
        call->mark.id = (int64_t)i;
        call->filler_bytes = 200 * 1024;
        call->write =
            (struct write){ .run = insert_filler, .done = expect_eio, .arg = call, .cx = &call->cx };
        if (store_write(f.store, &call->write) < 0)
            return 95;
    }
    pause();
    return 94;
}

static void failing_disk_ends_the_process(void **state)
{
    struct fixture *f = *state;
    char path[128], line[16];
    int n = 0;

    fixture_close(f);
    int status = wait_for(spawn("lose-disk", f->directory, NULL));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    snprintf(path, sizeof path, "%s/acknowledged", f->directory);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        n++;
    fclose(in);
    assert_int_equal(n, 3); /* every call was answered, also those of no group yet */
    fixture_open(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM thing"), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(queued_calls_share_a_commit),
        WITH_STORE(groups_are_bounded),
        WITH_STORE(full_queue_refuses),
        WITH_STORE(close_runs_what_is_queued),
        WITH_STORE(writers_share_commits),
        WITH_STORE(listeners_hear_before_callers),
        WITH_STORE(full_disk_hits_only_who_needs_it),
        WITH_STORE(failed_commit_hits_only_its_cause),
        WITH_STORE(crashes_lose_nothing_acknowledged),
        WITH_STORE(power_cuts_lose_nothing_acknowledged),
        WITH_STORE(unsynced_writes_are_lost),
        WITH_STORE(failing_disk_ends_the_process),
    };
    if (argc == 3)
        return str_eq(argv[1], "write")   ? child_writes(argv[2])
               : str_eq(argv[1], "trust") ? child_trusts_the_kernel(argv[2])
                                          : child_loses_disk(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
