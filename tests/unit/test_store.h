/* test_store.h - a store in a temporary directory, for the tests of the store. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

struct thing {
    const char *owner, *name; /* the key */
    int64_t size;
    int count;
    bool shiny;
    int64_t seen_at;
    const char *meta, *label;
};
static const struct field thing_columns[] = {
    STR(struct thing, owner), STR(struct thing, name),   I64(struct thing, size),
    INT(struct thing, count), BOOL(struct thing, shiny), TIME(struct thing, seen_at),
    JSON(struct thing, meta), STR(struct thing, label),  { 0 },
};
static const struct table thing_table = { "thing", thing_columns, .n_key = 2, .size = sizeof(struct thing) };

struct mark {
    int64_t id;
};
static const struct field mark_columns[] = { I64(struct mark, id), { 0 } };
static const struct table mark_table = { "mark", mark_columns, .n_key = 1, .size = sizeof(struct mark) };

static const struct migration test_migrations[] = {
    { 1, "things",
      "CREATE TABLE thing (owner TEXT NOT NULL, name TEXT NOT NULL, size BIGINT NOT NULL, count BIGINT NOT "
      "NULL,\n"
      " shiny BIGINT NOT NULL, seen_at BIGINT NOT NULL, meta TEXT, label TEXT UNIQUE, PRIMARY KEY (owner, "
      "name));\n" },
    { 2, "marks",
      "CREATE TABLE mark (id BIGINT NOT NULL PRIMARY KEY);\n"
      "CREATE TABLE child (id BIGINT NOT NULL PRIMARY KEY, mark BIGINT NOT NULL REFERENCES mark(id)\n"
      " DEFERRABLE INITIALLY DEFERRED);\n" },
};

struct fixture {
    char directory[64], path[96];
    struct store_config config;
    struct store *store;
};

static inline void fixture_open(struct fixture *f)
{
    assert_int_equal(store_open(&f->store, &f->config, test_migrations, N_ELEMENTS(test_migrations)), 0);
}

static inline void fixture_close(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

static inline int fixture_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->directory, sizeof f->directory, "/tmp/alamo-test-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof f->path, "%s/store.db", f->directory);
    f->config = (struct store_config){ .path = f->path };
    fixture_open(f);
    *state = f;
    return 0;
}

static inline void fixture_empty(struct fixture *f)
{
    static const char *const names[] = { "store.db",    "store.db-wal", "store.db-shm", "copy.db",
                                         "copy.db-wal", "copy.db-shm",  "acknowledged" };
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
        unlink(path);
    }
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_empty(f);
    int r = rmdir(f->directory); /* fails when a test or the store left something */
    free(f);
    return r;
}

/* Runs 'run' as a write call; returns what it returned and forgets its failure. */
static inline int fixture_write(struct fixture *f, int (*run)(struct cx *cx, void *arg), void *arg,
                                enum kind *ret_kind)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    int r = store_write_wait(f->store, &cx, run, arg);
    if (ret_kind)
        *ret_kind = cx.kind;
    return r;
}

static inline int64_t fixture_count(struct fixture *f, const char *sql)
{
    CLEAN_CX cx;
    int64_t n = -1;
    cx_begin(&cx);
    assert_int_equal(store_read_begin(f->store, &cx), 0);
    assert_int_equal(store_int(&cx, &n, sql, NO_ARGS), 1);
    store_read_end(&cx);
    return n;
}

static inline int insert_mark(struct cx *cx, void *arg)
{
    return store_insert(cx, &mark_table, arg);
}
/* Each call writes one row into each of two tables: a torn copy has unequal numbers.  The rows are large, so
 * that the log is moved into the file now and then. */
static inline int write_pair(struct cx *cx, void *arg)
{
    char name[32], *filler = cx_alloc(cx, 60001);
    int64_t *n = arg;

    snprintf(name, sizeof name, "%lld", (long long)*n);
    memset(filler, 'x', 60000);
    const struct thing thing = { "pair", name, .meta = filler };
    const struct mark mark = { *n };
    TRY(store_insert(cx, &thing_table, &thing));
    return store_insert(cx, &mark_table, &mark);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
