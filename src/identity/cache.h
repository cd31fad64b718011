/* cache.h - who the tokens of the last moments stand for.
 *
 * Asking the store costs five statements a call.  What is kept here holds only while no commit has touched a table of
 * identity: the store tells (identity_cache_listen()), before the commit's reply can be seen by anybody, and everything
 * is forgotten at once.  Bounded; the one object of identity with a lock, so that the domain itself has none. */
#pragma once
#include "auth/who.h"
#include "base/cx.h"

struct identity_cache;
struct store;

struct identity_cache *identity_cache_new(void);
void identity_cache_free(struct identity_cache *cache);
/* Before the first write to the store. */
void identity_cache_listen(struct identity_cache *cache, struct store *store);

/* What a look-up leaves for the entry that follows it. */
struct identity_cache_key {
    unsigned char digest[32]; /* of the token */
    uint64_t generation;      /* of the tables, before the transaction read anything */
};
/* Sets '*ret_who' in cx's memory and returns true when the token's caller is known and its time is not over.
 * Must come before the first statement of cx's transaction, which takes the snapshot: so the snapshot is never older
 * than the key. */
bool identity_cache_get(struct identity_cache *cache, struct cx *cx, const char *token, struct identity_cache_key *ret_key,
                        const struct who **ret_who);
/* Keeps a copy of 'who' until 'until_us', unless the tables have changed since the key was made. */
void identity_cache_put(struct identity_cache *cache, const struct identity_cache_key *key, const struct who *who,
                        int64_t until_us);
