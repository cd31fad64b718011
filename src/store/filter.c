#include "store/filter.h"

#include <string.h>

#include "base/buf.h"

enum { MAX_ARGS = 900 };

struct sql {
    struct cx *cx;
    const struct table *t;
    struct buf text;
    struct arg *args;
    size_t n_args;
};

static const struct field *column(const struct sql *q, const char *name)
{
    const struct field *f = field_find(q->t->columns, name, 0);
    return f;
}

static bool is_text(const struct field *f)
{
    return f->type == FIELD_STR || f->type == FIELD_JSON;
}

static void put_arg(struct sql *q, struct arg a)
{
    *arena_push(q->cx->arena, &q->args, &q->n_args) = a;
    buf_printf(&q->text, "$%zu", q->n_args);
}

static int put_value(struct sql *q, const struct field *f, const char *value)
{
    int64_t n;

    if (q->n_args >= MAX_ARGS)
        return fail(q->cx, KIND_INVALID, "Too many values in the filters.");
    if (is_text(f)) {
        put_arg(q, arg_text(value));
        return 0;
    }
    if (str_eq(value, "True") || str_eq(value, "true") || str_eq(value, "False") || str_eq(value, "false"))
        n = *value == 'T' || *value == 't';
    else if (str_to_i64(value, &n) < 0)
        return fail(q->cx, KIND_INVALID, "Invalid input for filter %s: '%.64s' is not a number.", f->name, value);
    put_arg(q, arg_int(n));
    return 0;
}

/* A LIKE pattern in which the client's own wildcards stand for themselves. */
static const char *like_pattern(struct cx *cx, const char *value, bool contains)
{
    struct buf b = buf_new(cx->arena);
    buf_puts(&b, contains ? "%" : "");
    for (const char *p = value; *p; p++) {
        if (strchr("%_\\", *p))
            buf_putc(&b, '\\');
        buf_putc(&b, *p);
    }
    buf_putc(&b, '%');
    return buf_text(&b);
}

static int put_cond(struct sql *q, const struct filter_cond *c)
{
    const struct field *f = column(q, c->column);

    if (!f)
        return fail(q->cx, KIND_INTERNAL, "filter on unknown column %s of %s", c->column, q->t->name);
    buf_printf(&q->text, " AND %s ", f->name);
    switch (c->op) {
    case FILTER_IS_NULL:
        buf_puts(&q->text, "IS NULL");
        return 0;
    case FILTER_CONTAINS:
    case FILTER_PREFIX:
        buf_puts(&q->text, "LIKE ");
        put_arg(q, arg_text(like_pattern(q->cx, c->values.items[0], c->op == FILTER_CONTAINS)));
        buf_puts(&q->text, " ESCAPE '\\'");
        return 0;
    case FILTER_GE:
    case FILTER_LE:
        buf_puts(&q->text, c->op == FILTER_GE ? ">= " : "<= ");
        return put_value(q, f, c->values.items[0]);
    case FILTER_IN:
    case FILTER_NOT_IN:
        break;
    }
    buf_puts(&q->text, c->op == FILTER_IN ? "IN (" : "NOT IN (");
    for (size_t i = 0; i < c->values.n; i++) {
        if (i)
            buf_putc(&q->text, ',');
        TRY(put_value(q, f, c->values.items[i]));
    }
    buf_putc(&q->text, ')');
    return 0;
}

/* NULL sorts as the lowest value, on every engine.  What is never null, numbers and keys, stands bare, so that an index
 * can give the order. */
static void put_sort_value(struct sql *q, const struct field *f, const char *of)
{
    bool never_null = !is_text(f) || f < q->t->columns + q->t->n_key;
    buf_printf(&q->text, never_null ? "%s%s" : "COALESCE(%s%s,'')", of, f->name);
}

/* The marker is a row that the list could show: another's is as unknown as none. */
static int find_marker(struct sql *q, const struct filter *f, const char *id, const char *scope, struct args args)
{
    struct arg *all = arena_new_array(q->cx->arena, struct arg, args.n + 1);
    const char *found;

    if (args.n)
        memcpy(all, args.v, args.n * sizeof *all);
    all[args.n] = arg_text(f->marker);
    int r = store_text(q->cx, &found,
                       cx_printf(q->cx, "SELECT %s FROM %s WHERE (%s) AND %s=$%u", id, q->t->name, scope, id, args.n + 1),
                       (struct args){ all, args.n + 1 });
    TRY(r);
    return r ? 0 : fail_type(q->cx, KIND_INVALID, "InvalidInput", "marker [%.64s] not found", f->marker);
}

/* "after the marker" for keys k1..kn: k1 > m1 OR (k1 = m1 AND (k2 > m2 OR ...)), each in its own direction. */
static void put_marker(struct sql *q, const struct filter *f, const char *id, const char *scope, const struct filter_sort *keys,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct field *c = column(q, keys[i].column);
        for (int part = 0; part < 2; part++) {
            if (part && i + 1 == n)
                break;
            buf_puts(&q->text, part ? " OR (" : i ? " AND (" : " AND (");
            put_sort_value(q, c, "");
            buf_puts(&q->text, part ? "=" : keys[i].descending != f->reverse ? "<" : ">");
            buf_puts(&q->text, "(SELECT ");
            put_sort_value(q, c, "");
            buf_printf(&q->text, " FROM %s WHERE (%s) AND %s=", q->t->name, scope, id);
            put_arg(q, arg_text(f->marker));
            buf_putc(&q->text, ')');
        }
    }
    for (size_t i = 0; i < 2 * n - 1; i++)
        buf_putc(&q->text, ')');
}

/* A key that stands before decides already. */
static bool has_key(const struct filter_sort *keys, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(keys[i].column, name))
            return true;
    return false;
}

static void turn_round(struct list *rows, size_t size)
{
    char *a = rows->items, *b = a + size * (rows->n ? rows->n - 1 : 0);
    for (; a < b; a += size, b -= size)
        for (size_t i = 0; i < size; i++) {
            char c = a[i];
            a[i] = b[i];
            b[i] = c;
        }
}

int store_list_filtered(struct cx *cx, const struct table *t, struct list *ret_rows, const struct filter *f,
                        const char *where, struct args args)
{
    static const struct filter none;
    struct sql q = { .cx = cx, .t = t, .text = buf_new(cx->arena) };
    struct filter_sort *keys = NULL;
    size_t n_keys = 0;

    f = f ? f : &none;
    if (!column(&q, f->id_column ? f->id_column : "id"))
        return fail(cx, KIND_INTERNAL, "a list of %s needs the name of its id column", t->name);
    for (unsigned i = 0; i < args.n; i++)
        *arena_push(cx->arena, &q.args, &q.n_args) = args.v[i];
    buf_printf(&q.text, "(%s)", where ? where : "1=1");
    for (size_t i = 0; i < f->n_conds; i++)
        TRY(put_cond(&q, &f->conds[i]));
    for (size_t i = 0; i < f->n_sorts; i++) {
        if (!column(&q, f->sorts[i].column))
            return fail(cx, KIND_INTERNAL, "sort by unknown column %s of %s", f->sorts[i].column, t->name);
        if (!has_key(keys, n_keys, f->sorts[i].column))
            *arena_push(cx->arena, &keys, &n_keys) = f->sorts[i];
    }
    bool last_down = n_keys && keys[n_keys - 1].descending;
    const char *id = f->id_column ? f->id_column : "id";
    if (!column(&q, id))
        return fail(cx, KIND_INTERNAL, "%s has no column %s to order by: the filter must name one", t->name, id);
    if (!has_key(keys, n_keys, id))
        *arena_push(cx->arena, &keys, &n_keys) = (struct filter_sort){ id, last_down };
    if (f->marker) {
        bool scoped = where && !f->marker_seen;
        TRY(find_marker(&q, f, id, scoped ? where : "1=1", scoped ? args : (struct args){ 0 }));
        put_marker(&q, f, id, scoped ? where : "1=1", keys, n_keys);
    }
    buf_puts(&q.text, " ORDER BY ");
    for (size_t i = 0; i < n_keys; i++) {
        buf_puts(&q.text, i ? "," : "");
        put_sort_value(&q, column(&q, keys[i].column), "");
        buf_puts(&q.text, keys[i].descending != f->reverse ? " DESC" : "");
    }
    if (f->limit) {
        buf_puts(&q.text, " LIMIT ");
        put_arg(&q, arg_int(f->limit));
    }
    TRY(store_list(cx, t, ret_rows, buf_text(&q.text), (struct args){ q.args, (unsigned)q.n_args }));
    if (f->reverse)
        turn_round(ret_rows, t->size);
    return 0;
}
