/* env.h - the process's surroundings behind one seam: time and randomness.
 *
 * Nothing else in the tree asks the kernel for either, so that a whole cloud can run in one deterministic
 * process: the simulator sets its own table, everything above follows it. */
#pragma once
#include "base/arena.h"

struct env {
    int64_t (*now_us)(void);                   /* wall clock, UNIX time, microseconds */
    int64_t (*monotonic_us)(void);             /* never goes back; for deadlines */
    void (*random)(void *ret_bytes, size_t n); /* unpredictable bytes */
};

/* Replaces the surroundings for the whole process; call it before any thread is started.  NULL: the kernel's. */
void env_set(const struct env *env);

int64_t now_us(void);
int64_t monotonic_us(void);
void random_bytes(void *ret_bytes, size_t n);

enum { UUID_SIZE = 37 };
/* Writes a random (version 4) UUID with dashes, NUL-terminated. */
void uuid_make(char ret_uuid[UUID_SIZE]);
/* The same in an arena; with dashes, or 32 hex digits as Identity v3 has it. */
const char *uuid_new(struct arena *a);
const char *uuid_new_hex(struct arena *a);
/* 's' is a UUID with dashes. */
bool uuid_valid(const char *s);
/* 'n' random characters of [A-Za-z0-9], 5.95 bits of surprise each. */
const char *secret_new(struct arena *a, size_t n);

/* The slow-machine factor that scales every deadline: ALAMO_SLOW from the environment, 1 at least, default 1. */
int64_t slow_factor(void);
