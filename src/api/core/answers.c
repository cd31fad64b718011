#include "api/core/answers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { N_SLOTS = 512, MAX_BYTES = 4 << 20, MAX_EACH_BYTES = 2 << 20 };

/* Those who send it hold it, too: it may be dropped from its slot meanwhile. */
struct kept {
    atomic_uint holders;
    struct answer answer;
    size_t size;  /* of all this */
    char *key;    /* the body stands behind it */
    char bytes[];
};

struct answers {
    pthread_mutex_t lock;
    uint64_t generation; /* of all that is kept */
    size_t bytes;
    struct kept *slots[N_SLOTS];
};

static void let_go(void *p)
{
    struct kept *k = p;
    if (k && atomic_fetch_sub(&k->holders, 1) == 1)
        free(k);
}

struct answers *answers_new(void)
{
    struct answers *answers = calloc(1, sizeof *answers);
    if (!answers)
        abort();
    pthread_mutex_init(&answers->lock, NULL);
    return answers;
}

static void empty(struct answers *answers)
{
    for (size_t i = 0; i < N_SLOTS && answers->bytes; i++)
        if (answers->slots[i]) {
            answers->bytes -= answers->slots[i]->size;
            let_go(answers->slots[i]);
            answers->slots[i] = NULL;
        }
}

void answers_free(struct answers *answers)
{
    if (!answers)
        return;
    empty(answers);
    pthread_mutex_destroy(&answers->lock);
    free(answers);
}

/* FNV-1a */
static struct kept **slot_of(struct answers *answers, const char *key)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 0x100000001b3;
    return &answers->slots[(h ^ h >> 32) % N_SLOTS];
}

bool answers_get(struct answers *answers, uint64_t generation, const char *key, struct arena *a, struct answer *ret_answer)
{
    struct kept *k = NULL;

    pthread_mutex_lock(&answers->lock);
    if (answers->generation == generation)
        k = *slot_of(answers, key);
    if (k && str_eq(k->key, key))
        atomic_fetch_add(&k->holders, 1);
    else
        k = NULL;
    pthread_mutex_unlock(&answers->lock);
    if (!k)
        return false;
    arena_defer(a, let_go, k);
    *ret_answer = k->answer;
    return true;
}

static struct kept *kept_new(const char *key, const struct answer *answer)
{
    size_t n_key = strlen(key) + 1, size = sizeof(struct kept) + n_key + answer->n;
    struct kept *k = size <= MAX_EACH_BYTES ? malloc(size) : NULL;

    if (!k)
        return NULL;
    *k = (struct kept){ .holders = 1, .answer = *answer, .size = size, .key = k->bytes };
    k->answer.body = k->bytes + n_key;
    memcpy(k->bytes, key, n_key);
    if (answer->n)
        memcpy(k->bytes + n_key, answer->body, answer->n);
    return k;
}

/* Puts 'k' into its slot; returns what has to go instead, which may be 'k'. */
static struct kept *place(struct answers *answers, uint64_t generation, struct kept *k)
{
    if (generation < answers->generation)
        return k;
    if (generation > answers->generation) {
        empty(answers);
        answers->generation = generation;
    }
    struct kept **slot = slot_of(answers, k->key), *old = *slot;
    size_t old_size = old ? old->size : 0;
    if (answers->bytes - old_size + k->size > MAX_BYTES)
        return k;
    answers->bytes += k->size - old_size;
    *slot = k;
    return old;
}

void answers_put(struct answers *answers, uint64_t generation, const char *key, const struct answer *answer)
{
    struct kept *k = kept_new(key, answer);

    if (!k)
        return;
    pthread_mutex_lock(&answers->lock);
    k = place(answers, generation, k);
    pthread_mutex_unlock(&answers->lock);
    let_go(k);
}
