/* filter.h - lists that a client filters, sorts and pages. */
#pragma once
#include "base/filter.h"
#include "store/store.h"

/* Sets '*ret_rows' to the rows of 't' for which 'where' (text with $1..$n, or NULL) and 'f' (or NULL) hold, in f's
 * order.  The marker is a row for which 'where' holds, unless 'f' says that it was looked at.
 * Errors: INVALID (the marker is no such row; a value that is no number for a number column). */
int store_list_filtered(struct cx *cx, const struct table *t, struct list *ret_rows, const struct filter *f,
                        const char *where, struct args args) MUST_CHECK;
