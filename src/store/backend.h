/* backend.h - what the store needs of a database engine.
 *
 * The store knows transactions, rows and statements; an engine knows how to open a connection and run SQL on
 * it. One engine is one 'struct store_backend'; nothing outside its folder includes its headers.  A
 * connection is used by one thread at a time.
 *
 * Every function that returns int gives 0 or more, or:
 *     -EEXIST   a unique value is there already
 *     -ENOSPC   the disk is full
 *     -EIO      the disk fails: nothing that was not confirmed may be taken for durable
 *     -EBUSY    another process holds the database, or the transaction lost a race: running it again may help
 *     -ENOMEM, -EPROTO (the statement is wrong), -EBADMSG (the database is damaged), other errno of opening
 * and error_text() says more. */
#pragma once
#include "base/base.h"
#include "base/field.h"

struct db;           /* a connection */
struct db_statement; /* prepared on one connection */

struct db_config {
    const char *path;
    bool writes;       /* false: the engine refuses to change anything */
    bool in_memory;    /* the data need not outlive the process: no fsync */
    int64_t cache_kib; /* of this connection */
};

enum db_control {
    DB_BEGIN_READ, /* one snapshot, taken by the first statement */
    DB_BEGIN_WRITE,
    DB_COMMIT, /* durable when it returns 0 */
    DB_ROLLBACK,
    DB_SAVEPOINT, /* one level */
    DB_RELEASE,
    DB_ROLLBACK_TO, /* the savepoint stays */
    DB_CONTROL_N
};

struct store_backend {
    /* '*ret_db' is set on failure too when there is a text to ask it for; close it in any case. */
    int (*open)(struct db **ret_db, const struct db_config *config);
    void (*close)(struct db *db);             /* statements are finalized before; NULL is fine */
    const char *(*error_text)(struct db *db); /* of the last failure */

    int (*control)(struct db *db, enum db_control what);
    /* Engines end a transaction by themselves on some errors (disk full); then this turns false. */
    bool (*in_transaction)(struct db *db);
    /* Runs a script of many statements without arguments. */
    int (*script)(struct db *db, const char *sql);

    int (*prepare)(struct db *db, const char *sql, struct db_statement **ret_st);
    void (*finalize)(struct db_statement *st);
    /* For assertions; an engine that cannot tell says true. */
    bool (*reads_only)(const struct db_statement *st);
    /* The highest n of the $n in the text. */
    unsigned (*n_args)(const struct db_statement *st);
    /* 'n' is that of $n; the text must stay until reset(); NULL is SQL NULL. */
    int (*bind_text)(struct db_statement *st, unsigned n, const char *text);
    int (*bind_int)(struct db_statement *st, unsigned n, int64_t value);
    int (*bind_list)(struct db_statement *st, unsigned n, const struct strs *list); /* it must stay, too */
    int (*step)(struct db_statement *st); /* 1: a row; 0: the end */
    unsigned (*n_columns)(const struct db_statement *st);
    /* Of the row, counted from 0; the text lasts until the next step; NULL is NULL or 0. */
    const char *(*column_text)(struct db_statement *st, unsigned column, size_t *ret_len);
    int64_t (*column_int)(struct db_statement *st, unsigned column);
    bool (*column_null)(struct db_statement *st, unsigned column);
    int64_t (*n_changed)(struct db_statement *st); /* rows, by the statement that has just reached its end */
    void (*reset)(struct db_statement *st);

    /* Work that should not delay a reply; the writer calls it between groups.  -EIO as at a commit. */
    int (*tidy)(struct db *db);
    /* Removes the names of a store in memory once all connections are open, so that a crash leaves nothing.
     */
    void (*unname)(const char *path);
    /* Writes one consistent snapshot into 'path', an empty file; syncing it is the caller's. */
    int (*backup)(struct db *db, const char *path);
};

extern const struct store_backend store_backend_sqlite;
