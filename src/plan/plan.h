/* plan.h - from rows to the documents that a host should follow.  Pure: no I/O, no clock, no state.
 *
 * The controller loads the rows of one host into 'struct plan_input' (controller/plan_load.c); plan_render() makes
 * the documents of wire/plan.h of it.  Computing all of them anew is always right, and is what happens: a document's
 * version is a hash of its text, so that only what differs travels. */
#pragma once
#include "base/arena.h"
#include "base/field.h"
#include "wire/plan.h"

struct plan_input {
    struct list guests;    /* struct wire_guest */
    struct list networks;  /* struct wire_network */
    struct list groups;    /* struct wire_group */
    struct list routers;   /* struct wire_router */
    struct list floatings; /* struct wire_floating */
};

enum { PLAN_VERSION_SIZE = 33 };

/* A document as it is sent. */
struct plan_doc {
    const char *kind, *id;
    const char *text;                /* JSON */
    char version[PLAN_VERSION_SIZE]; /* hex of the first half of the text's SHA-256 */
};
struct plan {
    struct plan_doc *docs;
    size_t n;
};

/* Writes every document of 'input'. */
struct plan plan_render(struct arena *a, const struct plan_input *input);

/* The answer (wire_answer) that takes a host from what it has (struct wire_have) to 'plan' and tells it of 'relays'
 * (struct wire_relay), as JSON; NULL when there is nothing to tell. */
const char *plan_delta(struct arena *a, const struct plan *plan, struct list have, struct list relays);
