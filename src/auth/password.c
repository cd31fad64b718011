#include "auth/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/env.h"

static const char new_prefix[] = "$y$j9T$";

/* What an unknown user's password is compared with: a hash as password_hash() makes them, of nothing in
 * particular. */
static const char dummy_hash[] = "$y$j9T$DUMMYDUMMYDUMMYDUMMYD1$0000000000000000000000000000000000000000000";

/* crypt_rn() with its 32 KiB of scratch memory, which is wiped.  Copies the hash to 'ret_hash'. */
static int compute(const char *password, const char *setting, char ret_hash[CRYPT_OUTPUT_SIZE])
{
    struct crypt_data *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return -ENOMEM;
    const char *hash = crypt_rn(password, setting, scratch, sizeof *scratch);
    int r = hash ? 0 : -EINVAL;
    if (hash)
        memcpy(ret_hash, hash, strlen(hash) + 1);
    OPENSSL_cleanse(scratch, sizeof *scratch);
    free(scratch);
    return r;
}

int password_hash(const char *password, struct arena *a, const char **ret_hash)
{
    char salt[16], setting[CRYPT_GENSALT_OUTPUT_SIZE], hash[CRYPT_OUTPUT_SIZE];

    if (strnlen(password, PASSWORD_MAX_BYTES + 1) > PASSWORD_MAX_BYTES)
        return -E2BIG;
    random_bytes(salt, sizeof salt);
    if (!crypt_gensalt_rn("$y$", 0, salt, sizeof salt, setting, sizeof setting))
        return -EINVAL;
    TRY(compute(password, setting, hash));
    *ret_hash = arena_strdup(a, hash);
    return 0;
}

/* The library knows more kinds; the older ones are too cheap to break. */
static bool is_accepted(const char *hash)
{
    static const char *const prefixes[] = { "$y$", "$2b$", "$2a$", "$2y$", "$6$" };
    for (size_t i = 0; i < N_ELEMENTS(prefixes); i++)
        if (str_starts(hash, prefixes[i], NULL))
            return true;
    return false;
}

bool password_check(const char *hash, const char *password)
{
    char computed[CRYPT_OUTPUT_SIZE];
    const char *wanted = hash;

    if (!is_accepted(hash) || compute(password, hash, computed) < 0) {
        wanted = dummy_hash;
        if (compute(password, wanted, computed) < 0)
            return false;
    }
    size_t n = strlen(computed);
    bool same = strlen(wanted) == n && CRYPTO_memcmp(wanted, computed, n) == 0;
    return same && wanted == hash;
}

bool password_is_dated(const char *hash)
{
    return !str_starts(hash, new_prefix, NULL);
}

/* ---- the pool ---- */

struct hash_pool {
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t changed;
    struct hash_job *first, **last;
    unsigned queued_n, queue_limit;
    bool ending;
    unsigned threads_n;
    pthread_t threads[];
};

enum { NICENESS = 10 };

/* The next job, waiting for it; NULL when the pool ends and none is left. */
static struct hash_job *next_job(struct hash_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->ending)
        pthread_cond_wait(&pool->changed, &pool->lock);
    struct hash_job *job = pool->first;
    if (job) {
        pool->first = job->next;
        pool->queued_n--;
        if (!pool->first)
            pool->last = &pool->first;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *arg)
{
    struct hash_pool *pool = arg;
    struct hash_job *job;

    /* On Linux "process 0" is the calling thread alone.  Niceness is a wish: failure is no harm. */
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    while ((job = next_job(pool))) {
        job->run(job->arg);
        job->done(job->arg);
    }
    return NULL;
}

int hash_pool_new(struct hash_pool **ret_pool, unsigned threads, unsigned queue_limit)
{
    if (!threads)
        threads = 1;
    struct hash_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    if (!pool)
        return -ENOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->last = &pool->first;
    pool->queue_limit = queue_limit ? queue_limit : HASH_POOL_QUEUE;
    for (; pool->threads_n < threads; pool->threads_n++) {
        int e = pthread_create(&pool->threads[pool->threads_n], NULL, work, pool);
        if (e) {
            hash_pool_free(pool);
            return -e;
        }
    }
    *ret_pool = pool;
    return 0;
}

void hash_pool_free(struct hash_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads_n; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int hash_pool_submit(struct hash_pool *pool, struct hash_job *job)
{
    int r = -EAGAIN;

    pthread_mutex_lock(&pool->lock);
    if (pool->queued_n < pool->queue_limit) {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->queued_n++;
        pthread_cond_signal(&pool->changed);
        r = 0;
    }
    pthread_mutex_unlock(&pool->lock);
    return r;
}
