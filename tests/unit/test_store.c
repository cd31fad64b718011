/* Rows, readers, migrations and backup of the store. */
#include "test_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

static const struct thing full = { "ann", "ring",           INT64_MAX,          -7,
                                   true,  1700000000000001, "{\"a\":[1,null]}", "it's \xc3\xa9" };

static void same_thing(const struct thing *a, const struct thing *b)
{
    assert_string_equal(a->owner, b->owner);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->shiny, b->shiny);
    assert_int_equal(a->seen_at, b->seen_at);
    assert_true(str_eq(a->meta, b->meta));
    assert_true(str_eq(a->label, b->label));
}

/* ---- rows ---- */

static int write_and_read_back(struct cx *cx, void *arg)
{
    const struct thing nulls = { "bob", "", INT64_MIN, 0, false, 0, NULL, NULL };
    struct thing got;
    struct list all;

    assert_int_equal(store_insert(cx, &thing_table, &full), 0);
    assert_int_equal(store_insert(cx, &thing_table, &nulls), 0);
    assert_int_equal(store_find(cx, &thing_table, &got, "owner=$1 AND name=$2", ARGS("ann", "ring")), 1);
    same_thing(&got, &full);
    assert_int_equal(store_find(cx, &thing_table, &got, "name=$2 AND owner=$1", ARGS("bob", "")), 1);
    same_thing(&got, &nulls);
    assert_int_equal(store_find(cx, &thing_table, &got, "owner=$1", ARGS("eve")), 0);
    same_thing(&got, &nulls); /* as it was */

    assert_int_equal(store_list(cx, &thing_table, &all, "ORDER BY owner DESC", NO_ARGS), 0);
    assert_int_equal(all.n, 2);
    same_thing(all.items, &nulls);
    assert_int_equal(store_list(cx, &thing_table, &all, NULL, NO_ARGS), 0);
    assert_int_equal(all.n, 2);
    assert_int_equal(store_list(cx, &thing_table, &all, "size>$1 ORDER BY name LIMIT 5", ARGS(0)), 0);
    assert_int_equal(all.n, 1);
    assert_int_equal(store_list(cx, &thing_table, &all, "label LIKE $1", ARGS("IT%")), 0);
    assert_int_equal(all.n, 0); /* LIKE minds the case, as in PostgreSQL */
    assert_null(all.items);
    return 0;
}

static void rows_come_back_as_they_went(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_write(f, write_and_read_back, NULL, NULL), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM thing WHERE meta IS NULL AND label IS NULL"), 1);
}

static int change_rows(struct cx *cx, void *arg)
{
    struct thing got, other = full, missing = { "eve", "x", .label = "l" };
    int64_t n;
    const char *text;

    assert_int_equal(store_put(cx, &thing_table, &full), 0);
    other.count = 5;
    other.meta = NULL;
    assert_int_equal(store_update(cx, &thing_table, &other), 0);
    assert_int_equal(store_find(cx, &thing_table, &got, NULL, NO_ARGS), 1);
    same_thing(&got, &other);
    other.count = 6;
    assert_int_equal(store_put(cx, &thing_table, &other), 0);
    assert_int_equal(store_int(cx, &n, "SELECT count FROM thing", NO_ARGS), 1);
    assert_int_equal(n, 6);
    assert_int_equal(store_text(cx, &text, "SELECT owner FROM thing WHERE count=$1", ARGS(n)), 1);
    assert_string_equal(text, "ann");
    assert_int_equal(store_text(cx, &text, "SELECT meta FROM thing", NO_ARGS), 0);
    assert_int_equal(store_int(cx, &n, "SELECT count FROM thing WHERE owner='eve'", NO_ARGS), 0);

    assert_true(store_update(cx, &thing_table, &missing) < 0);
    assert_int_equal(cx->kind, KIND_NOT_FOUND);
    assert_int_equal(store_put(cx, &thing_table, &missing), 0);
    assert_int_equal(
        store_exec(cx, &thing_table, "UPDATE thing SET count=count+$2 WHERE count<$1", ARGS(100, 1)), 2);
    assert_int_equal(store_delete(cx, &thing_table, "owner=$1", ARGS("eve")), 1);
    assert_int_equal(store_delete(cx, &thing_table, "owner=$1", ARGS("eve")), 0);
    assert_int_equal(store_delete(cx, &thing_table, NULL, NO_ARGS), 1);

    struct mark mark = { 9 };
    assert_int_equal(store_put(cx, &mark_table, &mark), 0); /* a table of nothing but key */
    assert_int_equal(store_put(cx, &mark_table, &mark), 0);
    return 0;
}

static void rows_change(void **state)
{
    assert_int_equal(fixture_write(*state, change_rows, NULL, NULL), 0);
}

static int run_into_conflicts(struct cx *cx, void *arg)
{
    struct thing same_label = { "bob", "hat", .label = full.label };
    struct thing other = { "bob", "hat", .label = "other" };

    assert_int_equal(store_insert(cx, &thing_table, &full), 0);
    assert_int_equal(store_insert(cx, &thing_table, &full), -EEXIST);
    assert_int_equal(cx->kind, KIND_CONFLICT);
    fail_clear(cx);
    assert_int_equal(store_insert(cx, &thing_table, &same_label), -EEXIST);
    assert_int_equal(cx->kind, KIND_CONFLICT);
    assert_int_equal(store_insert(cx, &thing_table, &other), 0);
    assert_int_equal(store_update(cx, &thing_table, &same_label), -EEXIST);
    assert_int_equal(store_put(cx, &thing_table, &same_label), -EEXIST);
    return 0;
}

static void unique_values_conflict(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_write(f, run_into_conflicts, NULL, NULL), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM thing"),
                     2); /* a failed statement takes nothing along */
}

static int run_nonsense(struct cx *cx, void *arg)
{
    struct thing t = { NULL, "x" };
    struct list l;

    assert_true(store_list(cx, &thing_table, &l, "no_such_column=1", NO_ARGS) < 0);
    assert_int_equal(cx->kind, KIND_INTERNAL);
    assert_non_null(strstr(cx->text, "no_such_column"));
    assert_true(store_insert(cx, &thing_table, &t) < 0); /* NOT NULL */
    assert_int_equal(cx->kind, KIND_INTERNAL);
    assert_true(store_list(cx, &thing_table, &l, "owner=$1", NO_ARGS) < 0);
    assert_non_null(strstr(cx->text, "wants 1 arguments and got 0"));
    return 0;
}

static void nonsense_is_internal(void **state)
{
    assert_int_equal(fixture_write(*state, run_nonsense, NULL, NULL), 0);
}

struct pair {
    const char *who;
    int64_t n;
};

static int select_pairs(struct cx *cx, void *arg)
{
    static const struct field columns[] = { STR(struct pair, who), I64(struct pair, n), { 0 } };
    struct list l;

    assert_int_equal(store_insert(cx, &thing_table, &full), 0);
    assert_int_equal(store_select(cx, columns, sizeof(struct pair), &l,
                                  "SELECT owner, count(*) FROM thing WHERE count<$1 GROUP BY owner", ARGS(0)),
                     0);
    assert_int_equal(l.n, 1);
    const struct pair *p = l.items;
    assert_string_equal(p->who, "ann");
    assert_int_equal(p->n, 1);
    assert_true(store_select(cx, columns, sizeof(struct pair), &l, "SELECT 1", NO_ARGS) < 0);
    return 0;
}

static void any_select(void **state)
{
    assert_int_equal(fixture_write(*state, select_pairs, NULL, NULL), 0);
}

/* list($1): any number of strings in one argument, with their places; the text is prepared once for all lengths. */
static int select_listed(struct cx *cx, void *arg)
{
    static const struct field columns[] = { STR(struct pair, who), I64(struct pair, n), { 0 } };
    static const char sql[] = "SELECT t.owner, l.n FROM list($1) l JOIN thing t ON t.owner=l.value ORDER BY l.n";
    static const char *names[2000];
    struct store_stats before, after;
    struct list l;

    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        names[i] = i % 1000 == 998 ? "ann" : "nobody";
    assert_int_equal(store_insert(cx, &thing_table, &full), 0);
    assert_int_equal(store_select(cx, columns, sizeof(struct pair), &l, sql, ARGS(((struct strs){ names, N_ELEMENTS(names) }))), 0);
    assert_int_equal(l.n, 2);
    const struct pair *p = l.items;
    assert_string_equal(p[1].who, "ann");
    assert_int_equal(p[0].n, 998);
    assert_int_equal(p[1].n, 1998);
    store_stats(arg, &before);
    assert_int_equal(store_select(cx, columns, sizeof(struct pair), &l, sql, ARGS(((struct strs){ names, 998 }))), 0);
    assert_int_equal(l.n, 0);
    assert_int_equal(store_select(cx, columns, sizeof(struct pair), &l, sql, ARGS(((struct strs){ 0 }))), 0);
    assert_int_equal(l.n, 0);
    store_stats(arg, &after);
    assert_int_equal(after.prepares, before.prepares);
    struct list things;
    assert_int_equal(store_list(cx, &thing_table, &things, "owner IN (SELECT value FROM list($1)) AND name=$2",
                                ARGS(((struct strs){ names, N_ELEMENTS(names) }), full.name)),
                     0);
    assert_int_equal(things.n, 1);
    assert_true(store_list(cx, &thing_table, &things, "owner IN (SELECT value FROM list)", NO_ARGS) < 0);
    return 0;
}

static void lists_are_one_argument(void **state)
{
    assert_int_equal(fixture_write(*state, select_listed, ((struct fixture *)*state)->store, NULL), 0);
}

static void statements_are_prepared_once(void **state)
{
    struct fixture *f = *state;
    struct store_stats before, after;

    fixture_count(f, "SELECT count(*) FROM thing");
    store_stats(f->store, &before);
    for (int i = 0; i < 10; i++)
        fixture_count(f, "SELECT count(*) FROM thing");
    store_stats(f->store, &after);
    assert_int_equal(after.prepares, before.prepares);
    assert_int_equal(after.statements, before.statements + 10);
}

/* More texts than a connection keeps: the oldest go, all still work. */
static void many_texts(void **state)
{
    struct fixture *f = *state;
    char sql[64];

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1200; i++) {
            snprintf(sql, sizeof sql, "SELECT %d", i);
            assert_int_equal(fixture_count(f, sql), i);
        }
}

/* ---- readers ---- */

static void readers_keep_their_snapshot(void **state)
{
    struct fixture *f = *state;
    CLEAN_CX cx;
    int64_t n;
    struct mark mark = { 1 };

    cx_begin(&cx);
    assert_int_equal(store_read_begin(f->store, &cx), 0);
    assert_int_equal(store_int(&cx, &n, "SELECT count(*) FROM mark", NO_ARGS), 1);
    assert_int_equal(n, 0);
    assert_int_equal(fixture_write(f, insert_mark, &mark, NULL), 0);
    assert_int_equal(store_int(&cx, &n, "SELECT count(*) FROM mark", NO_ARGS), 1);
    assert_int_equal(n, 0);
    store_read_end(&cx);
    assert_null(cx.txn);
    store_read_end(&cx); /* harmless */
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM mark"), 1);
}

static void *read_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        assert_int_equal(fixture_count(arg, "SELECT 7"), 7);
    return NULL;
}

static void more_threads_than_readers(void **state)
{
    pthread_t threads[12];
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, *state), 0);
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
}

/* ---- migrations ---- */

static int reopen(struct fixture *f, const struct migration *m, size_t n)
{
    fixture_close(f);
    return store_open(&f->store, &f->config, m, n);
}

static void migrations_run_once(void **state)
{
    struct fixture *f = *state;
    struct mark mark = { 1 };

    assert_int_equal(fixture_write(f, insert_mark, &mark, NULL), 0);
    assert_int_equal(reopen(f, test_migrations, 2), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM mark"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM schema_version WHERE length(sha256)=64"), 2);

    const struct migration more[] = { test_migrations[0],
                                      test_migrations[1],
                                      { 5, "more",
                                        "CREATE TABLE more (x TEXT); INSERT INTO more VALUES ('y');" } };
    assert_int_equal(reopen(f, more, 3), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM more"), 1);
    assert_int_equal(reopen(f, test_migrations, 2), -EINVAL); /* the store is newer */
    assert_null(f->store);
}

static void changed_migration_is_refused(void **state)
{
    const struct migration changed[] = { test_migrations[0], { 2, "marks", "CREATE TABLE mark (id TEXT);" } };
    assert_int_equal(reopen(*state, changed, 2), -EINVAL);
}

static void failed_migration_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct migration broken[] = { test_migrations[0],
                                        test_migrations[1],
                                        { 3, "broken", "CREATE TABLE half (x TEXT); CREATE NONSENSE;" } };
    const struct migration ends[] = { test_migrations[0], test_migrations[1], { 3, "ends", "COMMIT;" } };

    assert_true(reopen(f, broken, 3) < 0);
    assert_true(reopen(f, ends, 3) < 0);
    assert_int_equal(reopen(f, test_migrations, 2), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM sqlite_schema WHERE name='half'"), 0);
}

static void bad_places_are_refused(void **state)
{
    struct store *s = NULL;
    const struct store_config nowhere = { .path = "/nonexistent/store.db" },
                              wrong = { .path = "/proc/self/exe" };

    assert_int_equal(store_open(&s, &nowhere, NULL, 0), -ENOENT);
    assert_true(store_open(&s, &wrong, NULL, 0) < 0);
    assert_null(s);
    store_close(NULL);
}

static void store_in_memory(void **state)
{
    struct fixture f = { .config = { .path = ":memory:" } };
    struct mark mark = { 1 };

    fixture_open(&f);
    assert_int_equal(fixture_write(&f, insert_mark, &mark, NULL), 0);
    assert_int_equal(fixture_count(&f, "SELECT count(*) FROM mark"), 1);
    assert_int_equal(store_backup(f.store, "/tmp/never"), -ENOTSUP);
    store_close(f.store);
}

/* ---- backup ---- */

struct pairs_writer {
    struct fixture *f;
    atomic_bool stop;
};

static void *write_pairs(void *arg)
{
    struct pairs_writer *w = arg;
    for (int64_t n = 1; !w->stop; n++)
        assert_int_equal(fixture_write(w->f, write_pair, &n, NULL), 0);
    return NULL;
}

static void backup_under_writes(void **state)
{
    struct fixture *f = *state, copy = { 0 };
    struct pairs_writer writer = { .f = f };
    struct stat st;
    pthread_t thread;
    char path[128];

    snprintf(path, sizeof path, "%s/copy.db", f->directory);
    assert_int_equal(pthread_create(&thread, NULL, write_pairs, &writer), 0);
    while (fixture_count(f, "SELECT count(*) FROM mark") < 20)
        ;
    int64_t at_least = fixture_count(f, "SELECT count(*) FROM mark");
    assert_int_equal(store_backup(f->store, path), 0);
    writer.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(store_backup(f->store, path), -EEXIST);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    copy.config.path = path;
    fixture_open(&copy);
    int64_t n = fixture_count(&copy, "SELECT count(*) FROM mark");
    assert_true(n >= at_least);
    assert_int_equal(fixture_count(&copy, "SELECT count(*) FROM thing"), n);
    assert_int_equal(
        fixture_count(&copy, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
    store_close(copy.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(rows_come_back_as_they_went),
        WITH_STORE(rows_change),
        WITH_STORE(unique_values_conflict),
        WITH_STORE(nonsense_is_internal),
        WITH_STORE(any_select),
        WITH_STORE(lists_are_one_argument),
        WITH_STORE(statements_are_prepared_once),
        WITH_STORE(many_texts),
        WITH_STORE(readers_keep_their_snapshot),
        WITH_STORE(more_threads_than_readers),
        WITH_STORE(migrations_run_once),
        WITH_STORE(changed_migration_is_refused),
        WITH_STORE(failed_migration_leaves_nothing),
        cmocka_unit_test(bad_places_are_refused),
        cmocka_unit_test(store_in_memory),
        WITH_STORE(backup_under_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
