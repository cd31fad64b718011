/* store.h - rows, transactions, and what follows a commit.
 *
 * A store has ONE writer thread that groups calls into transactions (each call in a savepoint of its own, replies
 * after the covering fsync) and many readers, each with a snapshot.  Backends (store/sqlite, later store/postgres)
 * sit behind 'struct store_backend'; SQL is written once, with $1..$n, in the subset that both engines share: TEXT
 * and BIGINT columns, no FOR UPDATE, ILIKE, now(), SERIAL; times are BIGINT microseconds, booleans BIGINT 0 or 1.
 * A list of strings is one argument too: list($1) in FROM gives its elements as rows (value, n), n counted from 0.
 *
 *     static const struct field keypair_columns[] = { STR(struct keypair, user_id), STR(struct keypair, name), ..., { 0 } };
 *     const struct table keypair_table = { "keypair", keypair_columns, .n_key = 2, .size = sizeof(struct keypair) };
 *     TRY(store_insert(cx, &keypair_table, &kp));
 *     TRY(store_find(cx, &keypair_table, &kp, "user_id=$1 AND name=$2", ARGS(user_id, name)));
 */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct store;
struct txn;

/* A table is its columns; key columns come first.  Column rows may be STR, I64, INT, BOOL, TIME and JSON.  NULL
 * strings are SQL NULL; numbers are never stored as NULL (a TIME of 0 is 0), and a NULL reads as 0. */
struct table {
    const char *name;
    const struct field *columns;
    unsigned n_key;
    size_t size; /* of the row struct */
};

/* An argument of a statement. */
struct arg {
    enum { ARG_TEXT, ARG_INT, ARG_LIST } type;
    const char *text; /* NULL is SQL NULL */
    int64_t number;
    struct strs list; /* for list($n) alone */
};
struct args {
    const struct arg *v;
    unsigned n;
};
static inline struct arg arg_text(const char *s)
{
    return (struct arg){ .type = ARG_TEXT, .text = s };
}
static inline struct arg arg_int(int64_t i)
{
    return (struct arg){ .type = ARG_INT, .number = i };
}
static inline struct arg arg_list(struct strs l)
{
    return (struct arg){ .type = ARG_LIST, .list = l };
}
#define ARG_(x) _Generic((x), char *: arg_text, const char *: arg_text, struct strs: arg_list, default: arg_int)(x)
#define ARGS_PICK_(a1, a2, a3, a4, a5, a6, a7, a8, a9, pick, ...) pick
#define ARGS1_(a) ARG_(a)
#define ARGS2_(a, ...) ARG_(a), ARGS1_(__VA_ARGS__)
#define ARGS3_(a, ...) ARG_(a), ARGS2_(__VA_ARGS__)
#define ARGS4_(a, ...) ARG_(a), ARGS3_(__VA_ARGS__)
#define ARGS5_(a, ...) ARG_(a), ARGS4_(__VA_ARGS__)
#define ARGS6_(a, ...) ARG_(a), ARGS5_(__VA_ARGS__)
#define ARGS7_(a, ...) ARG_(a), ARGS6_(__VA_ARGS__)
#define ARGS8_(a, ...) ARG_(a), ARGS7_(__VA_ARGS__)
#define ARGS9_(a, ...) ARG_(a), ARGS8_(__VA_ARGS__)
#define ARGS_LIST_(...)                                                                                      \
    ARGS_PICK_(__VA_ARGS__, ARGS9_, ARGS8_, ARGS7_, ARGS6_, ARGS5_, ARGS4_, ARGS3_, ARGS2_, ARGS1_, 0)       \
    (__VA_ARGS__)
/* ARGS(project_id, 5, name): one to nine strings, integers and lists, in the order of $1, $2, ... */
#define ARGS(...)                                                                                            \
    ((struct args){ (const struct arg[]){ ARGS_LIST_(__VA_ARGS__) },                                         \
                    sizeof((const struct arg[]){ ARGS_LIST_(__VA_ARGS__) }) / sizeof(struct arg) })
#define NO_ARGS ((struct args){ NULL, 0 })

/* ---- rows; every function needs cx->txn ----
 * Strings that come out live in cx->arena; members that are no columns come out as zero.  Writes need a write
 * transaction.  All return < 0 after fail(): CONFLICT as said below, UNAVAILABLE when the disk is full or fails,
 * INTERNAL with the engine's text for the rest.
 *
 * Statements stay prepared per connection, found again by table, operation and text: write texts that vary little
 * (arguments go into ARGS, never into the text). */

/* Errors: CONFLICT (a row with that key, or another unique value, is there). */
int store_insert(struct cx *cx, const struct table *t, const void *row) MUST_CHECK;
/* Sets every column that is not key in the row with the key of 'row'.  Errors: NOT_FOUND, CONFLICT. */
int store_update(struct cx *cx, const struct table *t, const void *row) MUST_CHECK;
/* Inserts, or updates when the key is there. */
int store_put(struct cx *cx, const struct table *t, const void *row) MUST_CHECK;
/* Returns 1 and fills '*ret_row' with the first row for which 'tail' holds (text after WHERE, which may go on with
 * ORDER BY and LIMIT), or 0 (and '*ret_row' as it was) when there is none. */
int store_find(struct cx *cx, const struct table *t, void *ret_row, const char *tail, struct args args) MUST_CHECK;
/* Sets '*ret_rows' to an array of all rows for which 'tail' holds (NULL: all; may go on with ORDER BY, LIMIT, or
 * be nothing but "ORDER BY ..."). */
int store_list(struct cx *cx, const struct table *t, struct list *ret_rows, const char *tail, struct args args)
    MUST_CHECK;
/* Deletes the rows for which 'tail' holds; returns their number. */
int store_delete(struct cx *cx, const struct table *t, const char *tail, struct args args) MUST_CHECK;
/* Runs "UPDATE <t> SET ..." and the like written by hand; returns the number of rows changed.  't' names the table
 * for the change feed (which hears nothing of the rows that ON DELETE CASCADE takes along). */
int store_exec(struct cx *cx, const struct table *t, const char *sql, struct args args) MUST_CHECK;
/* Sets '*ret' to the first column of the first row of a SELECT; returns 1, or 0 when there is no row or it is NULL. */
int store_int(struct cx *cx, int64_t *ret, const char *sql, struct args args) MUST_CHECK;
int store_text(struct cx *cx, const char **ret, const char *sql, struct args args) MUST_CHECK;
/* Runs any SELECT; 'columns' says what comes out, in order, into structs of 'size' bytes. */
int store_select(struct cx *cx, const struct field *columns, size_t size, struct list *ret_rows, const char *sql,
                 struct args args) MUST_CHECK;

/* ---- the store itself ---- */

struct store_config {
    const char *path;       /* SQLite: the file; ":memory:" is for tests: a file without a name, never synced */
    unsigned readers;       /* connections for reading; 0: 4 */
    int64_t group_us;       /* a group closes after this long (default 5000) ... */
    unsigned group_max;     /* ... or this many calls (default 64); earlier when nothing is queued */
    unsigned queue_max;     /* calls that may wait (default 1024) */
    int64_t cache_kib;      /* page cache of all connections together (default 8192) */
};
/* One numbered migration; 'sql' is the text of sql/NNNN-name.sql. */
struct migration {
    unsigned number;
    const char *name, *sql;
};
/* Opens (makes) the store, runs the migrations it lacks, each in one transaction, and starts the writer.
 * Errors: -EINVAL (a migration that ran here has another text now; or the store is newer than 'migrations'),
 * other negative errno; the text is logged. */
int store_open(struct store **ret_store, const struct store_config *config, const struct migration *migrations,
               size_t n) MUST_CHECK;
/* Ends the writer after the queued calls, closes everything.  NULL is fine. */
void store_close(struct store *s);

/* Begins a read transaction on a free connection (waits for one) and puts it into cx->txn.  The first statement takes
 * the snapshot that all others then see.  Errors: UNAVAILABLE. */
int store_read_begin(struct store *s, struct cx *cx) MUST_CHECK;
/* Gives the connection back; cx->txn is NULL.  Outside a transaction it does nothing. */
void store_read_end(struct cx *cx);
/* The transaction writes: what it reads may be uncommitted work of other calls of its group. */
bool store_is_writing(const struct cx *cx);

/* A write call.  'run' may be called more than once (each time with a fresh savepoint), so it must depend on nothing
 * it did before; < 0 rolls this call back and leaves the others of its group alone.  'done' is called once, after
 * the COMMIT that covers it (or after the rollback), on the writer's thread; 'result' is what 'run' returned, or
 * what fail() gave when the engine could not commit it, or -EIO when the disk failed: then the process is about to
 * end with status 70, because nobody can know what a failed fsync has kept.  Before a run the failure in 'cx' is
 * forgotten; after a result below 0 it says what was wrong. */
struct write {
    int (*run)(struct cx *cx, void *arg);
    void (*done)(void *arg, int result);
    void *arg;
    struct cx *cx; /* its txn is set while 'run' runs */
    struct write *next; /* the store's */
};
/* Queues 'w', which the caller keeps alive until done().  Errors: -EAGAIN (the queue is full: answer 503). */
int store_write(struct store *s, struct write *w) MUST_CHECK;
/* The same and waits; for timers, start-up and tests, not from the writer's thread.  Returns what 'run' returned.
 * Errors: UNAVAILABLE (the queue is full). */
int store_write_wait(struct store *s, struct cx *cx, int (*run)(struct cx *cx, void *arg), void *arg) MUST_CHECK;

/* ---- change feed ----
 * After each commit the store calls every listener with the tables that the group wrote to, on the writer's thread
 * and before any done() of the group: whoever caches rows forgets them before a client can see the reply.
 * A listener must be quick and must not use the store. */
typedef void store_listener(void *arg, const struct table *const *tables, size_t n);
/* Before the first write only. */
void store_listen(struct store *s, store_listener *f, void *arg);
/* Counts the commits that changed rows, each before any done() of its group: a snapshot taken after this is not older
 * than what it says, and as long as it says the same no client can know of anything newer. */
uint64_t store_generation(const struct store *s);

/* Copies the store online into the new file 'path', consistent, complete and synced; the name appears when all that
 * is true.  Errors: -EEXIST; -ENOTSUP (":memory:"); other negative errno; the text is logged. */
int store_backup(struct store *s, const char *path) MUST_CHECK;
/* Commits, write calls done, statements run and statements prepared so far, on all connections; for the metrics and for tests that count statements. */
struct store_stats {
    int64_t commits, writes, statements, prepares;
};
void store_stats(struct store *s, struct store_stats *ret_stats);
