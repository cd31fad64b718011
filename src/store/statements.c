/* The statements of a connection: their text is made from tables once, then they are found by key. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/internal.h"

/* ---- text ---- */

static unsigned count_columns(const struct table *t)
{
    unsigned n = 0;
    while (t->columns[n].type != FIELD_END)
        n++;
    return n;
}

/* "a<separator>b": the columns from 'from' up to, and without, 'to'. */
static void put_columns(struct buf *b, const struct table *t, unsigned from, unsigned to,
                        const char *separator)
{
    for (unsigned i = from; i < to; i++) {
        buf_puts(b, i > from ? separator : "");
        buf_puts(b, t->columns[i].name);
    }
}

/* "a=$1<separator>b=$2": column i is always argument i + 1, whatever the statement. */
static void put_assignments(struct buf *b, const struct table *t, unsigned from, unsigned to,
                            const char *separator)
{
    for (unsigned i = from; i < to; i++)
        buf_printf(b, "%s%s=$%u", i > from ? separator : "", t->columns[i].name, i + 1);
}

static void put_insert(struct buf *b, const struct table *t, unsigned n)
{
    buf_printf(b, "INSERT INTO %s (", t->name);
    put_columns(b, t, 0, n, ", ");
    buf_puts(b, ") VALUES (");
    for (unsigned i = 0; i < n; i++)
        buf_printf(b, i ? ", $%u" : "$%u", i + 1);
    buf_puts(b, ")");
}

static void put_on_conflict(struct buf *b, const struct table *t, unsigned n)
{
    buf_puts(b, " ON CONFLICT (");
    put_columns(b, t, 0, t->n_key, ", ");
    if (t->n_key == n) {
        buf_puts(b, ") DO NOTHING");
        return;
    }
    buf_puts(b, ") DO UPDATE SET ");
    for (unsigned i = t->n_key; i < n; i++)
        buf_printf(b, "%s%s=excluded.%s", i > t->n_key ? ", " : "", t->columns[i].name, t->columns[i].name);
}

static void put_update(struct buf *b, const struct table *t, unsigned n)
{
    buf_printf(b, "UPDATE %s SET ", t->name);
    put_assignments(b, t, t->n_key, n, ", ");
    buf_puts(b, " WHERE ");
    put_assignments(b, t, 0, t->n_key, " AND ");
}

static void put_tail(struct buf *b, const char *tail)
{
    if (!tail)
        return;
    buf_puts(b, str_starts(tail, "ORDER BY ", NULL) ? " " : " WHERE ");
    buf_puts(b, tail);
}

static const char *make_text(struct arena *a, const struct statement_key *key)
{
    struct buf b = buf_new(a);
    const struct table *t = key->table;
    unsigned n = t ? count_columns(t) : 0;

    switch (key->op) {
    case OP_INSERT:
        put_insert(&b, t, n);
        break;
    case OP_UPDATE:
        put_update(&b, t, n);
        break;
    case OP_PUT:
        put_insert(&b, t, n);
        put_on_conflict(&b, t, n);
        break;
    case OP_SELECT:
        buf_puts(&b, "SELECT ");
        put_columns(&b, t, 0, n, ", ");
        buf_printf(&b, " FROM %s", t->name);
        put_tail(&b, key->text);
        break;
    case OP_DELETE:
        buf_printf(&b, "DELETE FROM %s", t->name);
        put_tail(&b, key->text);
        break;
    case OP_TEXT:
        return key->text;
    }
    return buf_text(&b);
}

/* ---- cache ---- */

/* FNV-1a */
static uint64_t hash_of(const struct statement_key *key)
{
    const uint64_t prime = 0x100000001b3;
    uint64_t h = 0xcbf29ce484222325;

    h = (h ^ (uintptr_t)key->table ^ key->op) * prime;
    for (const char *p = key->text; p && *p; p++)
        h = (h ^ (unsigned char)*p) * prime;
    return h ^ h >> 32; /* a pointer's lowest bits are always zero, the bucket is cut from the low end */
}

static bool same_key(const struct statement_key *a, const struct statement_key *b)
{
    return a->table == b->table && a->op == b->op && str_eq(a->text, b->text);
}

static void unlink_use(struct statements *c, struct statement *st)
{
    *(st->newer ? &st->newer->older : &c->newest) = st->older;
    *(st->older ? &st->older->newer : &c->oldest) = st->newer;
}

static void link_newest(struct statements *c, struct statement *st)
{
    st->newer = NULL;
    st->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = st;
    c->newest = st;
}

static void forget_oldest(struct txn *t)
{
    struct statements *c = &t->statements;
    struct statement *st = c->oldest, **at = &c->buckets[st->hash % STATEMENT_BUCKETS];

    while (*at != st)
        at = &(*at)->chain;
    *at = st->chain;
    unlink_use(c, st);
    c->n--;
    t->backend->finalize(st->prepared);
    free(st);
}

/* The statement and its copy of the key's text are one piece of memory. */
static struct statement *statement_new(const struct statement_key *key, uint64_t hash)
{
    size_t text_size = key->text ? strlen(key->text) + 1 : 0;
    struct statement *st = calloc(1, sizeof *st + text_size);

    if (!st)
        return NULL;
    st->key = *key;
    st->hash = hash;
    if (key->text)
        st->key.text = memcpy(st + 1, key->text, text_size);
    return st;
}

static int prepare(struct txn *t, const struct statement_key *key, uint64_t hash, struct statement **ret_st)
{
    struct statements *c = &t->statements;
    CLEAN_ARENA *a = arena_new();
    struct statement *st = statement_new(key, hash);

    if (!st)
        return -ENOMEM;
    int r = t->backend->prepare(t->db, make_text(a, key), &st->prepared);
    if (r < 0) {
        free(st);
        return r;
    }
    if (c->n == STATEMENTS_MAX)
        forget_oldest(t);
    c->n++;
    st->chain = c->buckets[hash % STATEMENT_BUCKETS];
    c->buckets[hash % STATEMENT_BUCKETS] = st;
    link_newest(c, st);
    atomic_fetch_add_explicit(&t->n_prepares, 1, memory_order_relaxed);
    *ret_st = st;
    return 0;
}

int statements_get(struct txn *t, const struct statement_key *key, struct db_statement **ret_st)
{
    struct statements *c = &t->statements;
    uint64_t hash = hash_of(key);
    struct statement *st = c->buckets[hash % STATEMENT_BUCKETS];

    while (st && (st->hash != hash || !same_key(&st->key, key)))
        st = st->chain;
    if (!st)
        TRY(prepare(t, key, hash, &st));
    else if (c->newest != st) {
        unlink_use(c, st);
        link_newest(c, st);
    }
    *ret_st = st->prepared;
    return 0;
}

void statements_clear(struct txn *t)
{
    while (t->statements.n)
        forget_oldest(t);
}
