#include "identity/rows.h"

#include <string.h>

static int no_such(struct cx *cx, const char *what, const char *id)
{
    return fail(cx, KIND_NOT_FOUND, "Could not find %s: %.128s.", what, id);
}

int identity_row_get(struct cx *cx, const struct table *t, const char *what, const char *id, void *ret_row)
{
    int found = store_find(cx, t, ret_row, "id=$1", ARGS(id));
    TRY(found);
    return found ? 0 : no_such(cx, what, id);
}

static int name_conflict(struct cx *cx, int r, const char *what, const char *name)
{
    if (r >= 0 || cx->kind != KIND_CONFLICT)
        return r;
    fail_clear(cx);
    return fail(cx, KIND_CONFLICT, "Conflict occurred attempting to store %s - Duplicate entry found with name %.255s.",
                what, name);
}

int identity_row_insert(struct cx *cx, const struct table *t, const char *what, const char *name, const void *row)
{
    return name_conflict(cx, store_insert(cx, t, row), what, name);
}

int identity_row_update(struct cx *cx, const struct table *t, const char *what, const char *name, const void *row)
{
    return name_conflict(cx, store_update(cx, t, row), what, name);
}

int identity_row_delete(struct cx *cx, const struct table *t, const char *what, const char *id)
{
    int n = store_delete(cx, t, "id=$1", ARGS(id));
    TRY(n);
    return n ? 0 : no_such(cx, what, id);
}

bool identity_is_immutable(const char *options)
{
    /* our own writer's text: quotes within strings are escaped, so this can only be the member */
    return options && strstr(options, "\"immutable\":true");
}

int identity_check_mutable(struct cx *cx, const char *what, const char *id, const char *before, const char *after)
{
    if (!identity_is_immutable(before) || (after && !identity_is_immutable(after)))
        return 0;
    return fail(cx, KIND_FORBIDDEN,
                "The %s %.128s is marked immutable and cannot be changed or deleted. Set its option immutable to false first.",
                what, id);
}
