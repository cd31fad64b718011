#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    size_t used, size; /* bytes of 'data' */
    max_align_t data[];
};

struct deferred {
    struct deferred *next;
    void (*f)(void *p);
    void *p;
};

struct arena {
    struct block *blocks; /* the newest first; it is the one that is filled */
    struct deferred *deferred;
};

enum { FIRST_BLOCK = 4096 - 64, MAX_BLOCK = 256 * 1024 };

static NORETURN void out_of_memory(size_t size)
{
    fprintf(stderr, "alamo: out of memory (%zu bytes wanted)\n", size);
    abort();
}

static struct block *block_new(struct arena *a, size_t size)
{
    struct block *b = malloc(sizeof *b + size);
    if (!b)
        out_of_memory(size);
    b->used = 0;
    b->size = size;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

struct arena *arena_new(void)
{
    struct arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory(sizeof *a);
    block_new(a, FIRST_BLOCK);
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct deferred *d = a->deferred; d; d = d->next)
        d->f(d->p);
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
}

void *arena_alloc_raw(struct arena *a, size_t size)
{
    struct block *b = a->blocks;
    const size_t align = _Alignof(max_align_t);

    size = size ? (size + align - 1) & ~(align - 1) : align;
    if (b->size - b->used < size) {
        size_t want = b->size * 2 > MAX_BLOCK ? MAX_BLOCK : b->size * 2;
        b = block_new(a, want > size ? want : size);
    }
    void *p = (char *)b->data + b->used;
    b->used += size;
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(arena_alloc_raw(a, size), 0, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc_raw(a, n + 1);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char small[256];

    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0)
        return arena_strdup(a, "");
    if ((size_t)n < sizeof small)
        return arena_strndup(a, small, (size_t)n);
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

void arena_defer(struct arena *a, void (*f)(void *p), void *p)
{
    struct deferred *d = arena_alloc(a, sizeof *d);
    *d = (struct deferred){ a->deferred, f, p };
    a->deferred = d;
}

/* The capacity is the next power of two above 'n', from 4 on: it needs no field of its own. */
void *arena_push_(struct arena *a, void *items, size_t *n, size_t item_size)
{
    char *old, *grown;
    memcpy(&old, items, sizeof old);
    bool full = *n == 0 || (*n >= 4 && (*n & (*n - 1)) == 0);
    if (full) {
        grown = arena_alloc_raw(a, item_size * (*n ? *n * 2 : 4)); /* each element is zeroed when it is handed out */
        if (*n)
            memcpy(grown, old, item_size * *n);
        memcpy(items, &grown, sizeof grown);
        old = grown;
    }
    return memset(old + item_size * (*n)++, 0, item_size);
}
