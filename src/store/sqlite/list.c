/* list($1) as a virtual table: one statement, prepared once, serves lists of any length. */
#include "store/sqlite/list.h"

#include <stdlib.h>

#include "base/field.h"

const char list_pointer_type[] = "strs";

enum { COLUMN_VALUE, COLUMN_N, COLUMN_LIST };

struct cursor {
    sqlite3_vtab_cursor base; /* first */
    const struct strs *list;
    size_t at;
};

static int list_connect(sqlite3 *handle, void *arg, int argc, const char *const *argv, sqlite3_vtab **ret_table, char **ret_error)
{
    int rc = sqlite3_declare_vtab(handle, "CREATE TABLE list(value TEXT, n INTEGER, list HIDDEN)");
    if (rc != SQLITE_OK)
        return rc;
    *ret_table = sqlite3_malloc(sizeof **ret_table);
    if (!*ret_table)
        return SQLITE_NOMEM;
    **ret_table = (sqlite3_vtab){ 0 };
    return SQLITE_OK;
}

static int list_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

/* There is one way to read it: from the first to the last, with the list known. */
static int list_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != COLUMN_LIST || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable)
            return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->estimatedCost = 10;
        info->estimatedRows = 10;
        return SQLITE_OK;
    }
    return SQLITE_CONSTRAINT;
}

static int list_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret_cursor)
{
    struct cursor *c = sqlite3_malloc(sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    *c = (struct cursor){ 0 };
    *ret_cursor = &c->base;
    return SQLITE_OK;
}

static int list_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static struct cursor *of(sqlite3_vtab_cursor *cursor)
{
    return (struct cursor *)cursor;
}

static int list_filter(sqlite3_vtab_cursor *cursor, int plan, const char *plan_text, int argc, sqlite3_value **argv)
{
    of(cursor)->list = sqlite3_value_pointer(argv[0], list_pointer_type);
    of(cursor)->at = 0;
    return SQLITE_OK;
}

static int list_next(sqlite3_vtab_cursor *cursor)
{
    of(cursor)->at++;
    return SQLITE_OK;
}

static int list_at_end(sqlite3_vtab_cursor *cursor)
{
    const struct cursor *c = of(cursor);
    return !c->list || c->at >= c->list->n;
}

static int list_column(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
    const struct cursor *c = of(cursor);

    if (column == COLUMN_VALUE)
        sqlite3_result_text(out, c->list->items[c->at], -1, SQLITE_STATIC);
    else if (column == COLUMN_N)
        sqlite3_result_int64(out, (sqlite3_int64)c->at);
    return SQLITE_OK;
}

static int list_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret_id)
{
    *ret_id = (sqlite3_int64)of(cursor)->at;
    return SQLITE_OK;
}

int list_register(sqlite3 *handle)
{
    static const sqlite3_module module = {
        .xConnect = list_connect, .xBestIndex = list_plan, .xDisconnect = list_disconnect, .xOpen = list_open,
        .xClose = list_close, .xFilter = list_filter, .xNext = list_next, .xEof = list_at_end, .xColumn = list_column,
        .xRowid = list_rowid,
    };
    return sqlite3_create_module(handle, "list", &module, NULL);
}
