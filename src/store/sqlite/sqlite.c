/* sqlite.c - the store on SQLite: one file, WAL, one writer, many readers. */
#include "store/backend.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/env.h"
#include "store/sqlite/list.h"
#include "store/sqlite/vfs_lossy.h"

struct db {
    sqlite3 *handle;
    sqlite3_stmt *controls[DB_CONTROL_N];
    int wal_pages; /* in the log after the last commit of this connection */
};

struct db_statement {
    struct db *db;
    sqlite3_stmt *stmt;
    unsigned n_args;
    int indexes[]; /* SQLite's own number of $1, $2, ...; 0: the text does not have it */
};

enum {
    BUSY_MS = 5000,    /* another process (a backup, a shell) may hold the file that long */
    TIDY_PAGES = 1000, /* log pages that make a checkpoint worth its fsync */
    MAX_ARGS = 999,    /* as SQLite's own default was for long; catches a runaway text */
    LOG_KEPT_MIB = 32, /* what a burst leaves of the log file */
};

static int error_of(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return -EEXIST;
    case SQLITE_IOERR_NOMEM:
        return -ENOMEM;
    }
    switch (rc & 0xff) {
    case SQLITE_OK:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_IOERR:
        return -EIO;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_CANTOPEN:
        return -ENOENT;
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return -EACCES;
    default:
        return -EPROTO;
    }
}

static const char *sqlite_error_text(struct db *db)
{
    return db ? sqlite3_errmsg(db->handle) : "out of memory";
}

/* ---- connections ---- */

static const char *vfs_name; /* NULL: the default one */

static void initialize_library(void)
{
    /* Memory statistics put one global lock around every allocation of every reader. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (str_eq(getenv("ALAMO_STORE_VFS"), "lossy"))
        vfs_name = vfs_lossy_register();
}

static int count_log_pages(void *arg, sqlite3 *handle, const char *schema, int pages)
{
    struct db *db = arg;
    db->wal_pages = pages;
    return SQLITE_OK;
}

static int sqlite_script(struct db *db, const char *sql)
{
    return error_of(sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

/* Not every file system can have a log; without one every reader would stop the writer. */
static int use_log(struct db *db)
{
    sqlite3_stmt *stmt;

    TRY(error_of(sqlite3_prepare_v2(db->handle, "PRAGMA journal_mode=WAL", -1, &stmt, NULL)));
    int rc = sqlite3_step(stmt);
    bool is_log = rc == SQLITE_ROW && str_eq((const char *)sqlite3_column_text(stmt, 0), "wal");
    sqlite3_finalize(stmt);
    return is_log ? 0 : rc == SQLITE_ROW ? -EOPNOTSUPP : error_of(rc);
}

static int set_pragmas(struct db *db, const struct db_config *config)
{
    char sql[512];

    TRY(use_log(db));
    snprintf(sql, sizeof sql,
             "PRAGMA synchronous=%s; PRAGMA foreign_keys=ON;"
             "PRAGMA case_sensitive_like=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-%lld;"
             "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%lld; PRAGMA query_only=%s;",
             config->in_memory ? "OFF" : "FULL", (long long)config->cache_kib, LOG_KEPT_MIB * 1048576LL,
             config->writes ? "OFF" : "ON");
    TRY(sqlite_script(db, sql));
    /* Opens the log now, while it has a name (see unname). */
    TRY(sqlite_script(db, "SELECT count(*) FROM sqlite_schema;"));
    if (config->writes)
        sqlite3_wal_hook(db->handle, count_log_pages, db);
    return 0;
}

static int prepare_controls(struct db *db)
{
    static const char *const texts[DB_CONTROL_N] = {
        [DB_BEGIN_READ] = "BEGIN DEFERRED",
        [DB_BEGIN_WRITE] = "BEGIN IMMEDIATE",
        [DB_COMMIT] = "COMMIT",
        [DB_ROLLBACK] = "ROLLBACK",
        [DB_SAVEPOINT] = "SAVEPOINT call",
        [DB_RELEASE] = "RELEASE call",
        [DB_ROLLBACK_TO] = "ROLLBACK TO call",
    };
    for (int i = 0; i < DB_CONTROL_N; i++)
        TRY(error_of(
            sqlite3_prepare_v3(db->handle, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &db->controls[i], NULL)));
    return 0;
}

/* SQLite would make the file readable for all (the log takes over its mode).  A file that is there is not
 * touched: to close any descriptor of it drops the locks that this process has on it. */
static int make_file(const char *path)
{
    CLEAN_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 && errno != EEXIST ? -errno : 0;
}

static int sqlite_open(struct db **ret_db, const struct db_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

    pthread_once(&once, initialize_library);
    *ret_db = NULL;
    TRY(make_file(config->path));
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return -ENOMEM;
    *ret_db = db;
    TRY(error_of(sqlite3_open_v2(config->path, &db->handle, flags, vfs_name)));
    TRY(error_of(sqlite3_busy_timeout(db->handle, (int)(BUSY_MS * slow_factor()))));
    TRY(set_pragmas(db, config));
    TRY(error_of(list_register(db->handle)));
    return prepare_controls(db);
}

static void sqlite_close(struct db *db)
{
    if (!db)
        return;
    for (int i = 0; i < DB_CONTROL_N; i++)
        sqlite3_finalize(db->controls[i]);
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK); /* else a statement was forgotten */
    (void)rc;
    free(db);
}

static void sqlite_unname(const char *path)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    char name[4096];

    for (size_t i = 0; i < N_ELEMENTS(endings); i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
}

/* ---- transactions ---- */

static int sqlite_control(struct db *db, enum db_control what)
{
    int rc = sqlite3_step(db->controls[what]);
    sqlite3_reset(db->controls[what]);
    return rc == SQLITE_DONE ? 0 : error_of(rc);
}

static bool sqlite_in_transaction(struct db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

/* Moves the log into the file.  SQLite's automatic checkpoint does the same inside COMMIT, before any reply
 * can go out, and drops its errors.  Passive: waits for nobody; what a reader still needs stays for the next
 * time. */
static int sqlite_tidy(struct db *db)
{
    if (db->wal_pages < TIDY_PAGES)
        return 0;
    crash_point("store-before-checkpoint");
    int r = error_of(sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
    crash_point("store-after-checkpoint");
    db->wal_pages = 0; /* the next commit counts again */
    return r == -EBUSY ? 0 : r;
}

/* ---- statements ---- */

/* SQLite takes $2 as a name and numbers names by first appearance: "SELECT $2, $1" binds them the other way
 * round. */
static unsigned highest_arg(sqlite3_stmt *stmt)
{
    unsigned highest = 0;

    for (int i = sqlite3_bind_parameter_count(stmt); i > 0; i--) {
        int64_t n;
        const char *name = sqlite3_bind_parameter_name(stmt, i);
        bool numbered = name && name[0] == '$' && str_to_i64(name + 1, &n) == 0 && n > 0 && n <= MAX_ARGS;
        assert(numbered); /* placeholders are $1 to $999 */
        if (numbered && (unsigned)n > highest)
            highest = (unsigned)n;
    }
    return highest;
}

static int sqlite_prepare(struct db *db, const char *sql, struct db_statement **ret_st)
{
    sqlite3_stmt *stmt;
    const char *rest;

    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &rest);
    if (rc != SQLITE_OK)
        return error_of(rc);
    assert(stmt && rest[strspn(rest, "; \n")] == 0); /* one statement; a second one would never run */

    unsigned n_args = highest_arg(stmt);
    struct db_statement *st = calloc(1, sizeof *st + n_args * sizeof st->indexes[0]);
    if (!st) {
        sqlite3_finalize(stmt);
        return -ENOMEM;
    }
    *st = (struct db_statement){ .db = db, .stmt = stmt, .n_args = n_args };
    for (unsigned i = 0; i < n_args; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%u", i + 1);
        st->indexes[i] = sqlite3_bind_parameter_index(stmt, name);
    }
    *ret_st = st;
    return 0;
}

static void sqlite_finalize(struct db_statement *st)
{
    sqlite3_finalize(st->stmt);
    free(st);
}

static bool sqlite_reads_only(const struct db_statement *st)
{
    return sqlite3_stmt_readonly(st->stmt);
}

static unsigned sqlite_n_args(const struct db_statement *st)
{
    return st->n_args;
}

static int sqlite_bind_text(struct db_statement *st, unsigned n, const char *text)
{
    int index = st->indexes[n - 1];
    if (!index)
        return 0;
    if (!text)
        return error_of(sqlite3_bind_null(st->stmt, index));
    return error_of(sqlite3_bind_text(st->stmt, index, text, -1, SQLITE_STATIC));
}

static int sqlite_bind_int(struct db_statement *st, unsigned n, int64_t value)
{
    int index = st->indexes[n - 1];
    return index ? error_of(sqlite3_bind_int64(st->stmt, index, value)) : 0;
}

static int sqlite_bind_list(struct db_statement *st, unsigned n, const struct strs *list)
{
    int index = st->indexes[n - 1];
    if (!index)
        return 0;
    /* The pointer is not const because SQLite could be told to free it. */
    union {
        const struct strs *in;
        void *out;
    } p = { .in = list };
    return error_of(sqlite3_bind_pointer(st->stmt, index, p.out, list_pointer_type, NULL));
}

static int sqlite_step(struct db_statement *st)
{
    int rc = sqlite3_step(st->stmt);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : error_of(rc);
}

static unsigned sqlite_n_columns(const struct db_statement *st)
{
    return (unsigned)sqlite3_column_count(st->stmt);
}

static const char *sqlite_column_text(struct db_statement *st, unsigned column, size_t *ret_len)
{
    const char *text = (const char *)sqlite3_column_text(st->stmt, (int)column);
    *ret_len = text ? strlen(text) : 0; /* faster than to ask: it came in as a C string */
    return text;
}

static int64_t sqlite_column_int(struct db_statement *st, unsigned column)
{
    return sqlite3_column_int64(st->stmt, (int)column);
}

static bool sqlite_column_null(struct db_statement *st, unsigned column)
{
    return sqlite3_column_type(st->stmt, (int)column) == SQLITE_NULL;
}

static int64_t sqlite_n_changed(struct db_statement *st)
{
    return sqlite3_changes64(st->db->handle);
}

static void sqlite_reset(struct db_statement *st)
{
    sqlite3_reset(st->stmt);
}

/* ---- backup ---- */

/* VACUUM INTO reads in one transaction, which stops no writer, and rebuilds: the copy is compact, its indexes
 * are sound, and it needs no log beside it. */
static int sqlite_backup(struct db *db, const char *path)
{
    sqlite3_stmt *stmt;

    TRY(error_of(sqlite3_prepare_v2(db->handle, "VACUUM INTO ?", -1, &stmt, NULL)));
    sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
    int rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : error_of(rc);
}

const struct store_backend store_backend_sqlite = {
    .open = sqlite_open,
    .close = sqlite_close,
    .error_text = sqlite_error_text,
    .control = sqlite_control,
    .in_transaction = sqlite_in_transaction,
    .script = sqlite_script,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .reads_only = sqlite_reads_only,
    .n_args = sqlite_n_args,
    .bind_text = sqlite_bind_text,
    .bind_int = sqlite_bind_int,
    .bind_list = sqlite_bind_list,
    .step = sqlite_step,
    .n_columns = sqlite_n_columns,
    .column_text = sqlite_column_text,
    .column_int = sqlite_column_int,
    .column_null = sqlite_column_null,
    .n_changed = sqlite_n_changed,
    .reset = sqlite_reset,
    .tidy = sqlite_tidy,
    .unname = sqlite_unname,
    .backup = sqlite_backup,
};
