/* faces.h - which faces are mounted, and what they need beyond the store: the cache of tokens, the image inspector,
 * the image files. */
#pragma once
#include "api/core/core.h"
#include "auth/seal.h"
#include "controller/settings.h"
#include "controller/relays.h"
#include "controller/transfers.h"

struct faces;

/* What must be forked before any thread is there. */
int faces_before_threads(struct cx *cx, const struct settings *s, struct faces **ret_faces) MUST_CHECK;
/* The rest; before the store's first write, because caches listen to its change feed. */
int faces_open(struct cx *cx, struct faces *f, const struct settings *s, struct store *store,
               const struct seal_ring *ring, const struct seal_ring *secrets) MUST_CHECK;
void faces_free(struct faces *f); /* NULL is fine */

const struct face *const *faces_all(void);
/* What req_user() gives to handlers. */
struct face_contexts *faces_contexts(struct faces *f);
/* From now on console logs are read where the agents leave them. */
void faces_set_consoles(struct faces *f, struct transfers *transfers);
/* Who carries servers' screens; before the first request. */
void faces_set_relays(struct faces *f, struct relays *relays);
