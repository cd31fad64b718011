/* cx.h - the context of one call: its arena owns the memory, its transaction the writes, its error slot the failure.
 *
 * One call of the API, one report of an agent, one pass of a timer: each has one 'struct cx', which it hands down
 * to everything it calls.  A context belongs to one thread at a time. */
#pragma once
#include "base/arena.h"

/* What went wrong, in the terms of no API in particular; each face renders it its own way. */
enum kind {
    KIND_NONE,
    KIND_INVALID,         /* the request makes no sense: 400 */
    KIND_UNAUTHENTICATED, /* nobody known: 401 */
    KIND_FORBIDDEN,       /* known, but may not: 403 */
    KIND_NOT_FOUND,       /* not there, or not for the caller to see: 404 */
    KIND_CONFLICT,        /* clashes with the state of things: 409 */
    KIND_QUOTA,           /* a limit of the project: 403, 409 or 413 by face */
    KIND_TOO_LARGE,       /* more than is taken: 413 */
    KIND_BUSY,            /* not now; try again: 409 or 503 by face */
    KIND_UNAVAILABLE,     /* a part that is needed is not there: 503 */
    KIND_UNSUPPORTED,     /* known, but not built: 501 or 400 by face */
    KIND_INTERNAL,        /* our fault: 500; the text goes to the log, never to the caller */
    KIND_N
};

struct who; /* auth/who.h: the caller */
struct txn; /* store/store.h: the transaction */

struct cx {
    struct arena *arena;
    struct txn *txn;        /* NULL outside a transaction */
    const struct who *who;  /* NULL before authentication; the domain asks it for scope */
    const char *request_id; /* "req-" and a UUID; in every log line and reply */
    int64_t now_us;         /* wall clock, frozen for the call */
    enum kind kind;         /* of the failure */
    const char *type;       /* the field's name of the failure where it has one ("IpAddressInUse"), or NULL */
    const char *text;       /* for people; names the cause and, where there is one, the next step */
};

/* Fills '*ret_cx' for a new call with its own arena; cx_end() frees it. */
void cx_begin(struct cx *ret_cx);
void cx_end(struct cx *cx);
/* The same in an arena that somebody else frees; no cx_end(). */
void cx_begin_in(struct cx *ret_cx, struct arena *arena);
#define CLEAN_CX CLEANUP(cx_end) struct cx

/* Records a failure and returns the negative errno that goes with 'kind'.  The text is set once, where it is known. */
int fail(struct cx *cx, enum kind kind, const char *fmt, ...) PRINTF(3, 4);
/* The same with the field's own name for it, as Neutron's clients look at ("IpAddressInUse"). */
int fail_type(struct cx *cx, enum kind kind, const char *type, const char *fmt, ...) PRINTF(4, 5);
/* Forgets a failure that the caller has dealt with. */
void fail_clear(struct cx *cx);

/* Short forms for the call's memory. */
#define cx_alloc(cx, size) arena_alloc((cx)->arena, (size))
#define cx_strdup(cx, s) arena_strdup((cx)->arena, (s))
#define cx_printf(cx, ...) arena_printf((cx)->arena, __VA_ARGS__)
