/* list.h - list($1): the elements of an argument that is a list, as rows (value, n); see store.h. */
#pragma once
#include <sqlite3.h>

/* What sqlite3_bind_pointer() calls a 'struct strs'. */
extern const char list_pointer_type[];

/* Makes list() known to a connection.  Returns SQLite's code. */
int list_register(sqlite3 *handle);
