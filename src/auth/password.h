/* password.h - hashes of passwords, and the threads that compute them.
 *
 * A hash costs some 20 ms and 16 MiB on purpose, so it is computed on a small pool of low priority with a
 * bounded queue, never on a thread that serves calls: a flood of logins slows down logins only. */
#pragma once
#include "base/arena.h"

enum { PASSWORD_MAX_BYTES = 512 };

/* Sets '*ret_hash' to a new salted hash (yescrypt, "$y$j9T$").  Slow; see above.
 * Errors: -E2BIG (longer than PASSWORD_MAX_BYTES), -EINVAL (the library refuses). */
int password_hash(const char *password, struct arena *a, const char **ret_hash) MUST_CHECK;

/* 'password' is the one that 'hash' was made of.  Hashes are yescrypt, or imports: bcrypt and SHA-512.  With
 * NULL (an unknown user) or anything else for a hash it works as hard as with a yescrypt hash, then says no.
 * Slow; see above. */
bool password_check(const char *hash, const char *password) MUST_CHECK;

/* 'hash' is of another make than password_hash() would give: after a login that succeeds, replace it. */
bool password_is_dated(const char *hash);

/* ---- the pool ---- */

/* One job; the caller keeps it alive until done() is called, which may free it. */
struct hash_job {
    void (*run)(void *arg);  /* on a thread of the pool */
    void (*done)(void *arg); /* after it, on the same thread: quick, resumes whoever waits */
    void *arg;
    struct hash_job *next; /* the pool's */
};

enum { HASH_POOL_QUEUE = 64 }; /* 1.3 s of work for one thread: who waits longer has given up */

struct hash_pool;

/* Starts 'threads' threads (0: 1) that take jobs in order; at most 'queue_limit' (0: HASH_POOL_QUEUE) wait.
 * Errors: negative errno (no threads to be had). */
int hash_pool_new(struct hash_pool **ret_pool, unsigned threads, unsigned queue_limit) MUST_CHECK;
/* Runs what is queued, then ends the threads.  Nobody may submit any more.  NULL is fine. */
void hash_pool_free(struct hash_pool *pool);
/* Queues 'job'.  Errors: -EAGAIN (the queue is full: answer 503; neither function will be called). */
int hash_pool_submit(struct hash_pool *pool, struct hash_job *job) MUST_CHECK;
