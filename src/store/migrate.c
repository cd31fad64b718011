/* Migrations: what ran here is on record with the hash of its text, so that an edited file is noticed. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/crash.h"
#include "base/env.h"
#include "base/log.h"
#include "store/internal.h"

LOG_MODULE("store");

struct version {
    int64_t number;
    const char *name, *sha256;
    int64_t applied_us;
};
static const struct field version_columns[] = { I64(struct version, number),
                                                STR(struct version, name),
                                                STR(struct version, sha256),
                                                TIME(struct version, applied_us),
                                                { 0 } };
static const struct table version_table = { "schema_version", version_columns, .n_key = 1,
                                            .size = sizeof(struct version) };
static const char version_sql[] = "CREATE TABLE IF NOT EXISTS schema_version ("
                                  "number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
                                  "sha256 TEXT NOT NULL, applied_us BIGINT NOT NULL)";

static int hash_text(struct arena *a, const char *text, const char **ret_hex)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t n;

    if (!EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), hash, &n))
        return -EPROTO;
    char *hex = arena_alloc(a, n * 2 + 1);
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    *ret_hex = hex;
    return 0;
}

static int refuse(int r, const char *text, const struct migration *m)
{
    log_error("migration %u (%s): %s", m->number, m->name, text);
    return r;
}

/* Returns 1 when it was run, 0 when it had been before. */
static int run_one(struct cx *cx, struct txn *t, const struct migration *m)
{
    struct version v, ran;

    v = (struct version){ .number = m->number, .name = m->name, .applied_us = now_us() };
    if (hash_text(cx->arena, m->sql, &v.sha256) < 0)
        return refuse(-EPROTO, "cannot be hashed", m);
    int found = store_find(cx, &version_table, &ran, "number=$1", ARGS(m->number));
    if (found < 0)
        return refuse(found, cx->text, m);
    if (found)
        return str_eq(v.sha256, ran.sha256)
                   ? 0
                   : refuse(-EINVAL,
                            "has another text than when it ran here; bring back the old text and add a new "
                            "migration",
                            m);
    int r = t->backend->script(t->db, m->sql);
    if (r < 0)
        return refuse(r, t->backend->error_text(t->db), m);
    if (!t->backend->in_transaction(t->db))
        return refuse(-EPROTO, "may not end the transaction that it runs in", m);
    r = store_insert(cx, &version_table, &v);
    return r < 0 ? refuse(r, cx->text, m) : 1;
}

/* One transaction around 'run_one', so that two processes that start at once run each migration once. */
static int run_in_transaction(struct cx *cx, struct txn *t, const struct migration *m)
{
    int r = t->backend->control(t->db, DB_BEGIN_WRITE);

    if (r < 0)
        return refuse(r, t->backend->error_text(t->db), m);
    int ran = run_one(cx, t, m);
    if (ran > 0) {
        crash_point("store-before-commit");
        r = t->backend->control(t->db, DB_COMMIT);
        crash_point("store-after-commit");
        if (r < 0)
            ran = refuse(r, t->backend->error_text(t->db), m);
        else
            log_info("migration %u (%s) done", m->number, m->name);
    }
    if (t->backend->in_transaction(t->db))
        t->backend->control(t->db, DB_ROLLBACK);
    return ran;
}

static bool is_known(const struct migration *migrations, size_t n, int64_t number)
{
    for (size_t i = 0; i < n; i++)
        if (migrations[i].number == number)
            return true;
    return false;
}

static int list_versions(struct cx *cx, struct txn *t, struct list *ret_versions)
{
    int r = t->backend->script(t->db, version_sql);

    if (r < 0) {
        log_error("cannot make the table of versions: %s", t->backend->error_text(t->db));
        return r;
    }
    r = t->backend->control(t->db, DB_BEGIN_READ);
    if (r >= 0)
        r = store_list(cx, &version_table, ret_versions, NULL, NO_ARGS);
    if (r < 0)
        log_error("cannot read the table of versions: %s", t->backend->error_text(t->db));
    if (t->backend->in_transaction(t->db))
        t->backend->control(t->db, DB_ROLLBACK);
    return r;
}

/* An older program would read and write what it does not understand. */
static int refuse_newer(const struct list *versions, const struct migration *migrations, size_t n)
{
    const struct version *v = versions->items;

    for (size_t i = 0; i < versions->n; i++)
        if (!is_known(migrations, n, v[i].number)) {
            log_error(
                "the store has migration %lld (%s), which this program does not know; use a newer program",
                (long long)v[i].number, v[i].name);
            return -EINVAL;
        }
    return 0;
}

int store_migrate(struct txn *t, const struct migration *migrations, size_t n)
{
    CLEAN_CX cx;
    struct list versions;

    cx_begin(&cx);
    cx.txn = t;
    TRY(list_versions(&cx, t, &versions));
    TRY(refuse_newer(&versions, migrations, n));
    for (size_t i = 0; i < n; i++) {
        assert(i == 0 || migrations[i].number > migrations[i - 1].number);
        TRY(run_in_transaction(&cx, t, &migrations[i]));
    }
    return 0;
}
