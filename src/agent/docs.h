/* docs.h - the documents that the agent holds: durable, immutable, counted.
 *
 * A document that is in use stays as it is; a new version takes its place in the set.  Not thread-safe by
 * itself: the owner's lock guards the set; a reference may be read without it. */
#pragma once
#include "wire/plan.h"

enum doc_kind { DOC_GUEST, DOC_NETWORK, DOC_GROUP, DOC_ROUTER, DOC_FLOATING, DOC_KIND_N };

struct doc {
    enum doc_kind kind;
    const char *id, *version;
    const void *value; /* struct wire_guest and so on, by kind */
    struct arena *arena;
    int refs;
};
struct doc *doc_ref(struct doc *d);
void doc_unref(struct doc *d); /* NULL is fine */

struct docs {
    const char *dir;
    struct doc **items;
    size_t n, cap;
};

/* Reads what is stored under 'dir' (which must live as long).  A damaged file is dropped with a log line: the
 * controller sends the document again. */
int docs_load(struct cx *cx, struct docs *docs, const char *dir) MUST_CHECK;
void docs_free(struct docs *docs);
/* NULL when there is none. */
struct doc *docs_find(const struct docs *docs, enum doc_kind kind, const char *id);
/* Takes over what an answer brings, durably; returns 1 when anything changed. */
int docs_apply(struct cx *cx, struct docs *docs, const struct wire_answer *answer) MUST_CHECK;
/* What is held, for the next call. */
struct list docs_have(struct arena *a, const struct docs *docs); /* struct wire_have */
