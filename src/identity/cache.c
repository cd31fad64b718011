#include "identity/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "identity/rows.h"

enum { N_SLOTS = 1024 }; /* a power of two; a slot holds one caller, some 700 bytes */

struct slot {
    struct who *who; /* with its strings, in one block; NULL: empty */
    unsigned char digest[32];
    uint64_t generation;
    int64_t until_us;
};

struct identity_cache {
    pthread_mutex_t lock;
    uint64_t generation;
    struct slot slots[N_SLOTS];
};

/* ---- a caller in one block of memory ---- */

/* Places a copy in 'block', or only counts when that is NULL. */
struct packer {
    char *block;
    size_t n;
};

static void *pack(struct packer *p, const void *data, size_t n)
{
    char *to = p->block ? p->block + p->n : NULL;
    if (to && n)
        memcpy(to, data, n);
    p->n += (n + 7) & ~(size_t)7;
    return to;
}

static const char *pack_string(struct packer *p, const char *s)
{
    return s ? pack(p, s, strlen(s) + 1) : NULL;
}

static struct strs pack_strs(struct packer *p, struct strs s)
{
    const char **items = pack(p, s.items, s.n * sizeof *s.items);
    for (size_t i = 0; i < s.n; i++) {
        const char *copy = pack_string(p, s.items[i]);
        if (items)
            items[i] = copy;
    }
    return (struct strs){ items, s.n };
}

static size_t pack_who(const struct who *who, void *block)
{
    static const size_t strings[] = {
        offsetof(struct who, user_id),           offsetof(struct who, user_name),    offsetof(struct who, user_domain_id),
        offsetof(struct who, user_domain_name),  offsetof(struct who, project_id),   offsetof(struct who, project_name),
        offsetof(struct who, project_domain_id), offsetof(struct who, project_domain_name),
        offsetof(struct who, domain_id),         offsetof(struct who, domain_name),  offsetof(struct who, audit_id),
        offsetof(struct who, parent_audit_id),   offsetof(struct who, app_cred_id),
    };
    struct packer p = { block, 0 };
    struct who copy = *who, *to = pack(&p, who, sizeof *who);

    for (size_t i = 0; i < N_ELEMENTS(strings); i++) {
        const char **member = (const char **)(void *)((char *)&copy + strings[i]);
        *member = pack_string(&p, *member);
    }
    copy.roles = pack_strs(&p, who->roles);
    copy.role_ids = pack_strs(&p, who->role_ids);
    copy.methods = pack_strs(&p, who->methods);
    if (to)
        *to = copy;
    return p.n;
}

/* ---- the cache ---- */

struct identity_cache *identity_cache_new(void)
{
    struct identity_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        abort();
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void identity_cache_free(struct identity_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < N_SLOTS; i++)
        free(cache->slots[i].who);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static void forget(void *arg, const struct table *const *tables, size_t n)
{
    static const struct table *const ours[] = {
        &identity_domain_table,     &identity_project_table, &identity_user_table,    &identity_group_table,
        &identity_membership_table, &identity_role_table,    &identity_implied_table, &identity_grant_table,
        &identity_revoked_table,    &identity_app_cred_table,
    };
    struct identity_cache *cache = arg;
    bool touched = false;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < N_ELEMENTS(ours); j++)
            touched |= tables[i] == ours[j];
    if (!touched)
        return;
    pthread_mutex_lock(&cache->lock);
    cache->generation++;
    pthread_mutex_unlock(&cache->lock);
}

void identity_cache_listen(struct identity_cache *cache, struct store *store)
{
    store_listen(store, forget, cache);
}

static struct slot *slot_of(struct identity_cache *cache, const unsigned char digest[32])
{
    return &cache->slots[(digest[0] | (unsigned)digest[1] << 8) & (N_SLOTS - 1)];
}

bool identity_cache_get(struct identity_cache *cache, struct cx *cx, const char *token, struct identity_cache_key *ret_key,
                        const struct who **ret_who)
{
    bool hit;

    digest_of(DIGEST_SHA256, token, strlen(token), ret_key->digest);
    struct slot *s = slot_of(cache, ret_key->digest);
    pthread_mutex_lock(&cache->lock);
    ret_key->generation = cache->generation;
    hit = s->who && s->generation == cache->generation && s->until_us > cx->now_us &&
          memcmp(s->digest, ret_key->digest, sizeof s->digest) == 0;
    if (hit) {
        void *block = cx_alloc(cx, pack_who(s->who, NULL));
        pack_who(s->who, block);
        *ret_who = block;
    }
    pthread_mutex_unlock(&cache->lock);
    return hit;
}

void identity_cache_put(struct identity_cache *cache, const struct identity_cache_key *key, const struct who *who,
                        int64_t until_us)
{
    struct slot *s = slot_of(cache, key->digest);
    struct who *block = malloc(pack_who(who, NULL)), *old = block;

    if (!block)
        return;
    pack_who(who, block);
    pthread_mutex_lock(&cache->lock);
    if (key->generation == cache->generation) {
        old = s->who;
        *s = (struct slot){ .who = block, .generation = key->generation, .until_us = until_us };
        memcpy(s->digest, key->digest, sizeof s->digest);
    }
    pthread_mutex_unlock(&cache->lock);
    free(old);
}
