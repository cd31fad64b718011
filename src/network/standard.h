/* standard.h - what the resources of the network have in common: owner, times, tags; who sees and who may change what;
 * lists with children.  For the files of network/ and their faces. */
#pragma once
#include "base/buf.h"
#include "base/cx.h"
#include "base/filter.h"
#include "store/store.h"

/* The first members of each resource's struct, in this order. */
#define STANDARD_MEMBERS                                                                                     \
    const char *id, *project_id, *name, *description;                                                        \
    const char *tags; /* "\na\nb\n", or "" for none */                                                       \
    int64_t created_at, updated_at, revision_number
struct standard {
    STANDARD_MEMBERS;
};
#define STANDARD_COLUMNS(T)                                                                                  \
    STR(T, id), STR(T, project_id), STR(T, name), STR(T, description), STR(T, tags), TIME(T, created_at),    \
        TIME(T, updated_at), I64(T, revision_number)
#define STANDARD_OF(o)                                                                                       \
    ({                                                                                                       \
        _Static_assert(offsetof(__typeof__(*(o)), revision_number) == offsetof(struct standard, revision_number), \
                       "the members of struct standard come first");                                         \
        (struct standard *)(void *)(o);                                                                      \
    })

/* Fills id, times and what is NULL; the project is the caller's unless one is named already. */
void standard_begin(struct cx *cx, struct standard *s);
/* Notes a change. */
void standard_touch(struct cx *cx, struct standard *s);

/* The caller sees and may change everything. */
bool sees_all(const struct cx *cx);
/* The caller's project, "" without one. */
const char *own_project(const struct cx *cx);
/* The caller's project is 'project_id', or the caller may act for all. */
bool owns(const struct cx *cx, const char *project_id);
/* FORBIDDEN as Neutron says it, for what is visible but somebody else's. */
int fail_policy(struct cx *cx, const char *rule);

/* quota_take() of one thing, with the failure told as Neutron's clients know it. */
int quota_take_named(struct cx *cx, const char *project_id, const char *resource, int64_t n) MUST_CHECK;

/* ---- WHERE, piece by piece ---- */

struct where {
    struct cx *cx;
    struct buf *text;
    struct arg *args;
    size_t n_args;
};
/* Begins with "1=1". */
struct where where_new(struct cx *cx);
/* Adds text; each '?' in it becomes the next argument. */
void where_add(struct where *w, const char *text, struct args args);
/* Adds "(?,?,...)". */
void where_add_list(struct where *w, struct strs values);
const char *where_text(const struct where *w);
struct args where_args(const struct where *w);

/* How a list is asked for, beyond columns. */
struct query {
    struct filter filter;
    struct strs tags, tags_any, not_tags, not_tags_any; /* each value may be a list with commas */
    bool by_shared, shared; /* subnets: of networks that are shared, or that are not */
};
/* Adds the conditions on tags. */
void where_add_tags(struct where *w, const struct query *q);

/* ---- children in bulk ---- */

/* Sets '*ret_rows' to the rows of 't' whose 'column' is one of 'keys', ordered by 'order'; any number of keys. */
int rows_in(struct cx *cx, const struct table *t, struct list *ret_rows, const char *column, struct strs keys,
            const char *order) MUST_CHECK;
/* The first members of the elements of 'parents' (each an id). */
struct strs ids_of(struct cx *cx, struct list parents, size_t size);
/* The rows of 'children' (sorted by the string at 'key_offset', in the store's order) whose key is 'key'; none is NULL. */
struct list children_of(struct list children, size_t size, size_t key_offset, const char *key);

/* ---- tags ---- */

struct strs tags_of(struct cx *cx, const char *tags);
/* Sets '*ret_tags' to the column's form, each tag once.  Errors: INVALID. */
int tags_make(struct cx *cx, struct strs tags, const char **ret_tags) MUST_CHECK;
