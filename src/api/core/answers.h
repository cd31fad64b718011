/* answers.h - answers that are still true, because nothing was committed since they were made.
 *
 * Who may have an answer is decided anew at each request, before this is asked; the key names caller and request, the
 * generation (store_generation()) the state of all rows.  A commit makes everything here worthless at once, so nothing
 * has to know which rows an answer was made of.  Bounded. */
#pragma once
#include "base/arena.h"

struct answers;

struct answer {
    int status;
    const char *type; /* lives for ever */
    const void *body;
    size_t n;
};

struct answers *answers_new(void);
void answers_free(struct answers *answers);
/* Sets '*ret_answer', whose body lives as long as 'a', to what is kept under 'key' and made in this generation. */
bool answers_get(struct answers *answers, uint64_t generation, const char *key, struct arena *a, struct answer *ret_answer);
/* Keeps a copy, if there is room.  'generation' is that from before the answer's transaction read anything. */
void answers_put(struct answers *answers, uint64_t generation, const char *key, const struct answer *answer);
