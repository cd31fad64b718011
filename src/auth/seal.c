#include "auth/seal.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/keyfile.h"
#include "base/buf.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("auth");

enum {
    VERSION = 1,
    KEY_BYTES = 32,
    HEADER_BYTES = 2, /* version, key id */
    NONCE_BYTES = 12,
    TAG_BYTES = 16,
    OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES,
    MAX_TEXT = 1 << 20,
};

struct key {
    bool set;
    int64_t made_us;
    uint8_t bytes[KEY_BYTES];
};

/* A key's id is its slot.  Ids count up and wrap, so that a slot is written again only 256 rotations later:
 * readers need no lock, publishing 'current' is enough. */
struct seal_ring {
    struct key keys[256];
    _Atomic uint8_t current;
    pthread_mutex_t rotating;
    char *path; /* NULL: in memory only */
};

/* ---- the cipher ---- */

static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;
static pthread_key_t cipher_key; /* each thread's context */
static EVP_CIPHER *cipher;

/* The crypto library fails at these calls only for want of memory or of the algorithm itself; neither leaves
 * a way to go on safely. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    log_error("event=crypto_failed call=%s", what);
    abort();
}

static void free_context(void *ctx)
{
    EVP_CIPHER_CTX_free(ctx);
}

static void fetch_cipher(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    must(cipher, "EVP_CIPHER_fetch");
    must(pthread_key_create(&cipher_key, free_context) == 0, "pthread_key_create");
}

static EVP_CIPHER_CTX *thread_context(void)
{
    pthread_once(&cipher_once, fetch_cipher);
    EVP_CIPHER_CTX *ctx = pthread_getspecific(cipher_key);
    if (ctx)
        return ctx;
    ctx = EVP_CIPHER_CTX_new();
    must(ctx && EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, 1, NULL), "EVP_CipherInit_ex2");
    must(pthread_setspecific(cipher_key, ctx) == 0, "pthread_setspecific");
    return ctx;
}

/* Keys the thread's context for one text and feeds it what is authenticated but not hidden. */
static EVP_CIPHER_CTX *begin(const struct key *key, const uint8_t *sealed, const char *purpose, bool sealing)
{
    EVP_CIPHER_CTX *ctx = thread_context();
    int n;

    must(EVP_CipherInit_ex2(ctx, NULL, key->bytes, sealed + HEADER_BYTES, sealing, NULL),
         "EVP_CipherInit_ex2");
    must(EVP_CipherUpdate(ctx, NULL, &n, sealed, HEADER_BYTES), "EVP_CipherUpdate");
    must(EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)purpose, (int)strlen(purpose)), "EVP_CipherUpdate");
    return ctx;
}

/* ---- sealing and opening ---- */

size_t seal_length(size_t n)
{
    return BASE64_LENGTH(n + OVERHEAD_BYTES);
}

const char *seal(const struct seal_ring *ring, const char *purpose, const void *plain, size_t n,
                 struct arena *a)
{
    uint8_t *sealed = arena_alloc(a, n + OVERHEAD_BYTES);
    uint8_t *hidden = sealed + HEADER_BYTES + NONCE_BYTES;
    char *text = arena_alloc(a, seal_length(n) + 1);
    int done;

    must(seal_length(n) <= MAX_TEXT, "seal: text too long");
    sealed[0] = VERSION;
    sealed[1] = ring->current;
    random_bytes(sealed + HEADER_BYTES, NONCE_BYTES);
    EVP_CIPHER_CTX *ctx = begin(&ring->keys[sealed[1]], sealed, purpose, true);
    must(EVP_CipherUpdate(ctx, hidden, &done, plain, (int)n), "EVP_CipherUpdate");
    must(EVP_CipherFinal_ex(ctx, hidden + done, &done), "EVP_CipherFinal_ex");
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, hidden + n), "EVP_CTRL_AEAD_GET_TAG");
    base64_encode(sealed, n + OVERHEAD_BYTES, text);
    return text;
}

/* The key called 'id' when it still opens, or NULL. */
static const struct key *key_find(const struct seal_ring *ring, uint8_t id)
{
    uint8_t current = ring->current;
    if (id != current && id != (uint8_t)(current - 1))
        return NULL;
    return ring->keys[id].set ? &ring->keys[id] : NULL;
}

int seal_open(const struct seal_ring *ring, const char *purpose, const char *text, struct arena *a,
              const uint8_t **ret_plain, size_t *ret_n)
{
    size_t length = strnlen(text, MAX_TEXT + 1);
    int done;

    if (length > MAX_TEXT || length < BASE64_LENGTH(OVERHEAD_BYTES))
        return -EBADMSG;
    uint8_t *sealed = arena_alloc(a, length);
    int total = base64_decode(text, length, sealed);
    if (total < OVERHEAD_BYTES || sealed[0] != VERSION)
        return -EBADMSG;
    const struct key *key = key_find(ring, sealed[1]);
    if (!key)
        return -EBADMSG;

    const uint8_t *hidden = sealed + HEADER_BYTES + NONCE_BYTES;
    int n = total - OVERHEAD_BYTES;
    uint8_t *plain = arena_alloc(a, (size_t)n + 1);
    uint8_t tag[TAG_BYTES];
    memcpy(tag, hidden + n, TAG_BYTES);
    EVP_CIPHER_CTX *ctx = begin(key, sealed, purpose, false);
    must(EVP_CipherUpdate(ctx, plain, &done, hidden, n), "EVP_CipherUpdate");
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag), "EVP_CTRL_AEAD_SET_TAG");
    if (EVP_CipherFinal_ex(ctx, plain + done, &done) <= 0) { /* compares the tag in constant time */
        OPENSSL_cleanse(plain, (size_t)n);
        return -EBADMSG;
    }
    *ret_plain = plain;
    *ret_n = (size_t)n;
    return 0;
}

bool seal_is_current(const struct seal_ring *ring, const char *text)
{
    uint8_t head[3];
    return strnlen(text, 4) == 4 && base64_decode(text, 4, head) == 3 && head[0] == VERSION &&
           head[1] == ring->current;
}

/* ---- the ring and its file ---- */

static void key_make(struct key *ret_key)
{
    ret_key->set = true;
    ret_key->made_us = now_us();
    random_bytes(ret_key->bytes, KEY_BYTES);
}

static struct seal_ring *ring_empty(void)
{
    struct seal_ring *ring = calloc(1, sizeof *ring);
    must(ring, "calloc");
    pthread_mutex_init(&ring->rotating, NULL);
    return ring;
}

struct seal_ring *seal_ring_new(void)
{
    struct seal_ring *ring = ring_empty();
    key_make(&ring->keys[0]);
    return ring;
}

void seal_ring_free(struct seal_ring *ring)
{
    if (!ring)
        return;
    pthread_mutex_destroy(&ring->rotating);
    free(ring->path);
    OPENSSL_cleanse(ring->keys, sizeof ring->keys);
    free(ring);
}

void seal_ring_freep(struct seal_ring **ring)
{
    seal_ring_free(*ring);
}

/* The file is text: a title, then one key a line, the current one first:
 *     key ID MADE_US KEY-IN-BASE64 */
static const char file_title[] = "alamo key ring 1\n";

static void put_key(struct buf *b, unsigned id, const struct key *key)
{
    char text[BASE64_LENGTH(KEY_BYTES) + 1];
    base64_encode(key->bytes, KEY_BYTES, text);
    buf_printf(b, "key %u %" PRId64 " %s\n", id, key->made_us, text);
    OPENSSL_cleanse(text, sizeof text);
}

/* Writes the file for a ring whose current key is 'key', called 'id', and the previous one is 'previous'. */
static int ring_save(const char *path, unsigned id, const struct key *key, const struct key *previous,
                     bool create)
{
    CLEAN_ARENA *a = arena_new();
    struct buf b = buf_new(a);

    buf_puts(&b, file_title);
    put_key(&b, id, key);
    if (previous && previous->set)
        put_key(&b, (uint8_t)(id - 1), previous);
    int r = create ? keyfile_create(path, b.data, b.len, 0600) : keyfile_replace(path, b.data, b.len, 0600);
    OPENSSL_cleanse(b.data, b.len);
    return r;
}

/* Reads one line of the file into its slot; returns what follows it, or NULL.  '*ret_id' is the key's id. */
static const char *ring_parse_key(struct seal_ring *ring, const char *line, uint8_t *ret_id)
{
    char text[BASE64_LENGTH(KEY_BYTES) + 1];
    unsigned id;
    int64_t made_us;
    int used = 0;

    int n = sscanf(line, "key %3u %18" SCNd64 " %43[A-Za-z0-9_-]%n", &id, &made_us, text, &used);
    if (n != 3 || id > UINT8_MAX || used == 0 || line[used] != '\n' || strlen(text) != sizeof text - 1)
        return NULL;
    struct key *key = &ring->keys[id];
    if (base64_decode(text, sizeof text - 1, key->bytes) != KEY_BYTES)
        return NULL;
    OPENSSL_cleanse(text, sizeof text);
    key->set = true;
    key->made_us = made_us;
    *ret_id = (uint8_t)id;
    return line + used + 1;
}

static int ring_parse(struct seal_ring *ring, const char *text)
{
    const char *line;
    uint8_t current, previous;

    if (!str_starts(text, file_title, &line) || !(line = ring_parse_key(ring, line, &current)))
        return -EBADMSG;
    ring->current = current;
    if (*line == '\0')
        return 0;
    line = ring_parse_key(ring, line, &previous);
    return line && *line == '\0' && previous == (uint8_t)(current - 1) ? 0 : -EBADMSG;
}

static int ring_read(struct seal_ring *ring, const char *path)
{
    CLEAN_ARENA *a = arena_new();
    char *text;
    size_t n;

    TRY(keyfile_read(path, true, a, &text, &n));
    int r = ring_parse(ring, text);
    OPENSSL_cleanse(text, n);
    return r;
}

/* Makes the file unless somebody was faster. */
static int ring_create(const char *path)
{
    struct key key;

    key_make(&key);
    int r = ring_save(path, 0, &key, NULL, true);
    OPENSSL_cleanse(&key, sizeof key);
    return r == -EEXIST ? 0 : r;
}

int seal_ring_load(struct seal_ring **ret_ring, const char *path)
{
    struct seal_ring *ring = ring_empty();
    int r = ring_read(ring, path);

    if (r == -ENOENT) {
        r = ring_create(path);
        if (r == 0)
            r = ring_read(ring, path);
    }
    if (r < 0) {
        seal_ring_free(ring);
        return r;
    }
    ring->path = strdup(path);
    must(ring->path, "strdup");
    *ret_ring = ring;
    return 0;
}

int seal_ring_rotate(struct seal_ring *ring)
{
    pthread_mutex_lock(&ring->rotating);
    uint8_t current = ring->current, next = (uint8_t)(current + 1);
    struct key *key = &ring->keys[next];
    int r = 0;

    key_make(key);
    if (ring->path)
        r = ring_save(ring->path, next, key, &ring->keys[current], false);
    if (r == 0)
        ring->current = next;
    pthread_mutex_unlock(&ring->rotating);
    return r;
}

int seal_ring_rotate_if_older(struct seal_ring *ring, int64_t age_us)
{
    if (now_us() - seal_ring_made_us(ring) <= age_us)
        return 0;
    int r = seal_ring_rotate(ring);
    return r < 0 ? r : 1;
}

int64_t seal_ring_made_us(const struct seal_ring *ring)
{
    return ring->keys[ring->current].made_us;
}
