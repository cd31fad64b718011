/* filter.h - what a list call asks for, in the terms of a table: made by a face from the query string, carried out by
 * the store (store/filter.h).  Column names in it come from tables of the program, values from the client. */
#pragma once
#include "base/field.h"

enum filter_op { FILTER_IN, FILTER_NOT_IN, FILTER_CONTAINS, FILTER_PREFIX, FILTER_GE, FILTER_LE, FILTER_IS_NULL };

struct filter_cond {
    const char *column;
    enum filter_op op;
    struct strs values; /* one at least, but for IS_NULL; compared as the column's type */
};
struct filter_sort {
    const char *column;
    bool descending;
};
struct filter {
    struct filter_cond *conds;
    size_t n_conds;
    struct filter_sort *sorts; /* the id column is appended, so that the order is total */
    size_t n_sorts;
    const char *id_column;     /* NULL: "id" */
    const char *marker;        /* id of the row after which the list begins, or NULL */
    bool marker_seen;   /* the caller has found that it may be seen: it may lie outside of the list */
    int64_t limit;             /* rows at most; 0: all */
    bool reverse;              /* the rows before the marker, nearest last (Neutron's page_reverse) */
};
