/* Rows: structs into statements and back. */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/log.h"
#include "store/internal.h"

LOG_MODULE("store");

int fail_backend(struct cx *cx, struct txn *t, int r, const char *what)
{
    const char *text = t->backend->error_text(t->db);

    switch (r) {
    case -EEXIST:
        log_debug("conflict: %s", text);
        return fail(cx, KIND_CONFLICT, "One like this is there already (%s).", what);
    case -ENOSPC:
        return fail(cx, KIND_UNAVAILABLE, "The disk of the store is full. Make room on it, then try again.");
    case -EIO:
        return fail(cx, KIND_UNAVAILABLE, "The disk of the store fails (%s). Look at the kernel's log.",
                    text);
    case -EBUSY:
        return fail(cx, KIND_UNAVAILABLE, "The store is held by another program. Try again in a moment.");
    default:
        return fail(cx, KIND_INTERNAL, "store: %s: %s", what, text);
    }
}

/* A statement under way. */
struct run {
    struct cx *cx;
    struct txn *txn;
    const struct store_backend *backend;
    struct db_statement *st;
    const char *what; /* for the failure's text */
};

static int run_fail(struct run *run, int r)
{
    r = fail_backend(run->cx, run->txn, r, run->what);
    if (run->st)
        run->backend->reset(run->st);
    return r;
}

static int run_begin(struct run *run, struct cx *cx, const struct statement_key *key, bool writes)
{
    struct txn *t = cx->txn;

    assert(t);
    assert(!writes || t->writes);
    *run = (struct run){ cx, t, t->backend, NULL, key->table ? key->table->name : key->text };
    /* The engine may have ended the transaction on its own (disk full) while the call went on: each further
     * statement would be committed by itself. */
    if (!t->backend->in_transaction(t->db))
        return fail(cx, KIND_UNAVAILABLE, "The store has dropped the transaction. Try again in a moment.");
    atomic_fetch_add_explicit(&t->n_statements, 1, memory_order_relaxed);
    int r = statements_get(t, key, &run->st);
    if (r < 0)
        return run_fail(run, r);
    assert(writes || t->backend->reads_only(run->st)); /* else the change feed would miss it */
    return 0;
}

static int run_step(struct run *run)
{
    int r = run->backend->step(run->st);
    return r < 0 ? run_fail(run, r) : r;
}

static void run_end(struct run *run)
{
    run->backend->reset(run->st);
}

static int clamp_to_int(int64_t n)
{
    return n > INT_MAX ? INT_MAX : n < INT_MIN ? INT_MIN : (int)n;
}

/* Runs a statement that writes to its end; returns the number of rows changed. */
static int run_write(struct run *run, const struct table *t)
{
    int r;

    while ((r = run_step(run)) > 0)
        ; /* rows of RETURNING that nobody asked for */
    if (r < 0)
        return r;
    int n = clamp_to_int(run->backend->n_changed(run->st));
    if (n > 0)
        writer_touch(run->txn->store, t);
    run_end(run);
    return n;
}

/* ---- arguments ---- */

static int bind_arg(struct run *run, unsigned n, const struct arg *a)
{
    switch (a->type) {
    case ARG_TEXT:
        return run->backend->bind_text(run->st, n, a->text);
    case ARG_INT:
        return run->backend->bind_int(run->st, n, a->number);
    case ARG_LIST:
        return run->backend->bind_list(run->st, n, &a->list);
    }
    return -EPROTO;
}

static int bind_args(struct run *run, struct args args)
{
    unsigned wanted = run->backend->n_args(run->st);

    if (wanted != args.n)
        return fail(run->cx, KIND_INTERNAL, "store: %s: wants %u arguments and got %u", run->what, wanted,
                    args.n);
    for (unsigned i = 0; i < args.n; i++) {
        int r = bind_arg(run, i + 1, &args.v[i]);
        if (r < 0)
            return run_fail(run, r);
    }
    return 0;
}

static int bind_member(struct run *run, unsigned n, const struct field *f, const void *row)
{
    const char *member = (const char *)row + f->offset;

    switch (f->type) {
    case FIELD_STR:
    case FIELD_JSON:
        return run->backend->bind_text(run->st, n, *(const char *const *)member);
    case FIELD_I64:
    case FIELD_TIME:
        return run->backend->bind_int(run->st, n, *(const int64_t *)member);
    case FIELD_INT:
        return run->backend->bind_int(run->st, n, *(const int *)member);
    case FIELD_BOOL:
        return run->backend->bind_int(run->st, n, *(const bool *)member);
    default:
        assert(!"a column of a type that no column can have");
        return -EPROTO;
    }
}

static int bind_row(struct run *run, const struct table *t, const void *row)
{
    for (unsigned i = 0; t->columns[i].type != FIELD_END; i++) {
        int r = bind_member(run, i + 1, &t->columns[i], row);
        if (r < 0)
            return run_fail(run, r);
    }
    return 0;
}

/* ---- results ---- */

static const char *read_text(struct run *run, unsigned column)
{
    size_t len;
    const char *text = run->backend->column_text(run->st, column, &len);
    return text ? arena_strndup(run->cx->arena, text, len) : NULL;
}

static void read_member(struct run *run, unsigned column, const struct field *f, void *row)
{
    char *member = (char *)row + f->offset;

    switch (f->type) {
    case FIELD_STR:
    case FIELD_JSON:
        *(const char **)member = read_text(run, column);
        break;
    case FIELD_I64:
    case FIELD_TIME:
        *(int64_t *)member = run->backend->column_int(run->st, column);
        break;
    case FIELD_INT:
        *(int *)member = clamp_to_int(run->backend->column_int(run->st, column));
        break;
    case FIELD_BOOL:
        *(bool *)member = run->backend->column_int(run->st, column) != 0;
        break;
    default:
        assert(!"a column of a type that no column can have");
    }
}

static void read_row(struct run *run, const struct field *columns, void *row)
{
    for (unsigned i = 0; columns[i].type != FIELD_END; i++)
        read_member(run, i, &columns[i], row);
}

static int read_rows(struct run *run, const struct field *columns, size_t size, struct list *ret_rows)
{
    int r;

    *ret_rows = (struct list){ NULL, 0 };
    while ((r = run_step(run)) > 0)
        read_row(run, columns, arena_push_(run->cx->arena, &ret_rows->items, &ret_rows->n, size));
    if (r == 0)
        run_end(run);
    return r;
}

/* ---- what the header promises ---- */

/* Runs 'op' with the members of 'row' as arguments; returns the number of rows changed. */
static int write_row(struct cx *cx, const struct table *t, enum op op, const void *row)
{
    const struct statement_key key = { t, op, NULL };
    struct run run;

    TRY(run_begin(&run, cx, &key, true));
    TRY(bind_row(&run, t, row));
    return run_write(&run, t);
}

int store_insert(struct cx *cx, const struct table *t, const void *row)
{
    TRY(write_row(cx, t, OP_INSERT, row));
    return 0;
}

int store_put(struct cx *cx, const struct table *t, const void *row)
{
    assert(t->n_key);
    TRY(write_row(cx, t, OP_PUT, row));
    return 0;
}

int store_update(struct cx *cx, const struct table *t, const void *row)
{
    assert(t->n_key);
    int n = write_row(cx, t, OP_UPDATE, row);
    if (n == 0)
        return fail(cx, KIND_NOT_FOUND, "That is not there (%s).", t->name);
    return n < 0 ? n : 0;
}

/* Begins any statement with 'args'. */
static int begin_with(struct run *run, struct cx *cx, const struct statement_key *key, bool writes,
                      struct args args)
{
    TRY(run_begin(run, cx, key, writes));
    return bind_args(run, args);
}

int store_find(struct cx *cx, const struct table *t, void *ret_row, const char *tail, struct args args)
{
    const struct statement_key key = { t, OP_SELECT, tail };
    struct run run;

    TRY(begin_with(&run, cx, &key, false, args));
    int r = run_step(&run);
    if (r < 0)
        return r;
    if (r > 0) {
        memset(ret_row, 0, t->size);
        read_row(&run, t->columns, ret_row);
    }
    run_end(&run);
    return r;
}

int store_list(struct cx *cx, const struct table *t, struct list *ret_rows, const char *tail,
               struct args args)
{
    const struct statement_key key = { t, OP_SELECT, tail };
    struct run run;

    TRY(begin_with(&run, cx, &key, false, args));
    return read_rows(&run, t->columns, t->size, ret_rows);
}

int store_delete(struct cx *cx, const struct table *t, const char *tail, struct args args)
{
    const struct statement_key key = { t, OP_DELETE, tail };
    struct run run;

    TRY(begin_with(&run, cx, &key, true, args));
    return run_write(&run, t);
}

int store_exec(struct cx *cx, const struct table *t, const char *sql, struct args args)
{
    const struct statement_key key = { NULL, OP_TEXT, sql };
    struct run run;

    assert(t);
    TRY(begin_with(&run, cx, &key, true, args));
    return run_write(&run, t);
}

static bool first_is_null(struct run *run)
{
    return run->backend->column_null(run->st, 0);
}

int store_int(struct cx *cx, int64_t *ret, const char *sql, struct args args)
{
    const struct statement_key key = { NULL, OP_TEXT, sql };
    struct run run;

    TRY(begin_with(&run, cx, &key, false, args));
    int r = run_step(&run);
    if (r < 0)
        return r;
    r = r > 0 && !first_is_null(&run);
    if (r > 0)
        *ret = run.backend->column_int(run.st, 0);
    run_end(&run);
    return r;
}

int store_text(struct cx *cx, const char **ret, const char *sql, struct args args)
{
    const struct statement_key key = { NULL, OP_TEXT, sql };
    struct run run;

    TRY(begin_with(&run, cx, &key, false, args));
    int r = run_step(&run);
    if (r < 0)
        return r;
    r = r > 0 && !first_is_null(&run);
    if (r > 0)
        *ret = read_text(&run, 0);
    run_end(&run);
    return r;
}

int store_select(struct cx *cx, const struct field *columns, size_t size, struct list *ret_rows,
                 const char *sql, struct args args)
{
    const struct statement_key key = { NULL, OP_TEXT, sql };
    struct run run;
    unsigned n = 0;

    TRY(begin_with(&run, cx, &key, false, args));
    while (columns[n].type != FIELD_END)
        n++;
    if (run.backend->n_columns(run.st) != n)
        return fail(cx, KIND_INTERNAL, "store: %s: has %u columns, %u were described", sql,
                    run.backend->n_columns(run.st), n);
    return read_rows(&run, columns, size, ret_rows);
}
