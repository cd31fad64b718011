/* arena.h - memory that is freed at once.
 *
 * Everything made for one call lives in the call's arena and dies with it: nobody frees a piece, so no error
 * path can leak.  Allocation never fails: out of memory ends the process with a log line (sizes that a client
 * picks are bounded and refused before they get here).  An arena belongs to one thread at a time. */
#pragma once
#include "base/base.h"

struct arena;

struct arena *arena_new(void);
/* Frees all memory of 'a', after running its deferred calls, last first.  NULL is fine. */
void arena_free(struct arena *a);
void arena_freep(struct arena **a); /* for CLEANUP() */
#define CLEAN_ARENA CLEANUP(arena_freep) struct arena

/* 'size' zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
/* The same, but not zeroed: for bytes that are all written at once. */
void *arena_alloc_raw(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
#define arena_new_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (n)))
/* Copies; NULL stays NULL. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
/* Calls 'f(p)' when the arena is freed: ties a foreign object's life to the arena's. */
void arena_defer(struct arena *a, void (*f)(void *p), void *p);

/* Grows '*items' (an array of 'T' in 'a' that holds '*n' elements) by one zeroed element and returns it. */
#define arena_push(a, items, n) ((__typeof__(*(items)))arena_push_((a), (void *)(items), (n), sizeof **(items)))
void *arena_push_(struct arena *a, void *items, size_t *n, size_t item_size);
