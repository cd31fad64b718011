/* seal.h - text that only we can make and only we can read.
 *
 * AES-256-GCM under a key from a ring: the current key seals, it and the one before it open.  The text is
 * URL-safe base64 of
 *
 *     version (1) | key id (1) | nonce (12) | ciphertext | tag (16)
 *
 * and the first two bytes and the purpose are authenticated with it, so that a text sealed for one purpose
 * ("token") does not open as another ("credential").  Nonces are random: rotate well before 2^32 texts under
 * one key (500 days at 100 a second); seal_ring_made_us() is for the timer that does.  What is kept sealed
 * for longer than two rotations must be sealed anew in between (seal_is_current()). */
#pragma once
#include "base/arena.h"

struct seal_ring;

/* A ring with one random key that lives in memory only: for tests and for what need not survive a restart. */
struct seal_ring *seal_ring_new(void);
/* The ring kept in the file 'path' (mode 0600), which is made, with a random key, when it is not there; of
 * several processes that make it at once one wins and all get its keys. Errors: -EPERM (others may read the
 * file: chmod 600 it), -EBADMSG (not a key ring), other negative errno. */
int seal_ring_load(struct seal_ring **ret_ring, const char *path) MUST_CHECK;
void seal_ring_free(struct seal_ring *ring);
void seal_ring_freep(struct seal_ring **ring);

/* Makes a new current key; the current one becomes the previous one, and what the previous one sealed opens
 * no more. A ring from a file is on the disk before the new key is used.  Others may seal and open meanwhile.
 * Errors: negative errno (the ring is unchanged). */
int seal_ring_rotate(struct seal_ring *ring) MUST_CHECK;
/* The same when the current key is older than 'age_us'; returns 1 then, else 0. */
int seal_ring_rotate_if_older(struct seal_ring *ring, int64_t age_us) MUST_CHECK;
/* When the current key was made. */
int64_t seal_ring_made_us(const struct seal_ring *ring);

/* Characters of the sealed text of 'n' bytes, without the NUL. */
size_t seal_length(size_t n);
/* Seals 'n' bytes; any thread may call it. */
const char *seal(const struct seal_ring *ring, const char *purpose, const void *plain, size_t n,
                 struct arena *a) MUST_CHECK;
/* Opens a sealed text; the plain bytes are in 'a' with a NUL behind them.  Any thread may call it.
 * Errors: -EBADMSG (changed, cut, foreign, or sealed for another purpose or under a retired key: no telling
 * which). */
int seal_open(const struct seal_ring *ring, const char *purpose, const char *text, struct arena *a,
              const uint8_t **ret_plain, size_t *ret_n) MUST_CHECK;
/* 'text' was sealed under the current key, as far as its unauthenticated header says. */
bool seal_is_current(const struct seal_ring *ring, const char *text);
