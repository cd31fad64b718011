/* internal.h - what the files of the store share; not for others. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "store/backend.h"
#include "store/store.h"

/* ---- statements ---- */

enum op { OP_INSERT, OP_UPDATE, OP_PUT, OP_SELECT, OP_DELETE, OP_TEXT };

/* What a statement is made from; equal keys give equal statements. */
struct statement_key {
    const struct table *table; /* NULL for OP_TEXT */
    enum op op;
    const char *text; /* the tail, or for OP_TEXT the whole; may be NULL */
};

struct statement {
    struct statement_key key; /* with a copy of the text */
    uint64_t hash;
    struct statement *chain;         /* in the same bucket */
    struct statement *newer, *older; /* by last use */
    struct db_statement *prepared;
};

enum { STATEMENT_BUCKETS = 512, STATEMENTS_MAX = 512 };

/* The prepared statements of one connection; the one that was not used for longest makes room. */
struct statements {
    struct statement *buckets[STATEMENT_BUCKETS];
    struct statement *newest, *oldest;
    unsigned n;
};

/* ---- transactions ---- */

/* A transaction is the connection it runs on: it is lent out, never made. */
struct txn {
    struct store *store;
    const struct store_backend *backend;
    struct db *db;
    bool writes;
    struct txn *next_free; /* in the pool of readers */
    struct statements statements;
    /* Only the connection's thread adds; anyone may look. */
    _Atomic int64_t n_statements, n_prepares;
};

/* Finds the statement of 'key' or prepares it.  Errors: as the backend's. */
int statements_get(struct txn *t, const struct statement_key *key, struct db_statement **ret_st);
void statements_clear(struct txn *t);

/* Turns the backend's error 'r' on the connection of 't' into the failure of 'cx'; 'what' names the
 * statement. */
int fail_backend(struct cx *cx, struct txn *t, int r, const char *what);

/* ---- the writer ---- */

struct listener {
    store_listener *f;
    void *arg;
};

struct writer {
    pthread_t thread;
    bool started;
    struct txn *txn;
    int64_t group_us;
    unsigned group_max, queue_max;

    pthread_mutex_t lock; /* of the queue */
    pthread_cond_t queued;
    struct write *first, **last;
    unsigned n_queued;
    bool closing;

    /* Of the writer's thread alone. */
    struct write **group; /* calls that ran and were not answered: 'n_answered' up to 'n_group' */
    int *results;
    unsigned n_group, n_answered;
    const struct table **touched; /* since the last commit */
    size_t n_touched, max_touched;

    struct listener *listeners;
    size_t n_listeners;
    _Atomic int64_t n_commits, n_writes;
    _Atomic uint64_t generation;
};

int writer_start(struct store *s);
void writer_stop(struct store *s);
/* Notes for the change feed that the transaction under way writes to 't'. */
void writer_touch(struct store *s, const struct table *t);

/* ---- the store ---- */

struct store {
    const struct store_backend *backend;
    char *path;
    bool in_memory;
    int64_t cache_kib; /* of one connection */
    struct writer writer;

    struct txn **readers;
    unsigned n_readers;
    pthread_mutex_t readers_lock;
    pthread_cond_t reader_freed;
    struct txn *free_readers; /* the last one used first: its pages are the warmest */
};

/* Opens a connection.  Errors: as the backend's; the text is logged. */
int txn_new(struct store *s, bool writes, struct txn **ret_txn);
void txn_free(struct txn *t);

/* Runs the migrations that the store lacks.  Errors: as store_open's. */
int store_migrate(struct txn *t, const struct migration *migrations, size_t n);
