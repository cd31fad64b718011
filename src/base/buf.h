/* buf.h - a byte string that grows, in an arena. */
#pragma once
#include <string.h>

#include "base/arena.h"

struct buf {
    struct arena *arena;
    char *data; /* NUL-terminated once anything was put */
    size_t len, cap;
};

/* An empty buffer whose memory comes from 'a'. */
struct buf buf_new(struct arena *a);
/* Makes room for 'n' bytes and the NUL behind them, for buf_room(). */
void buf_grow(struct buf *b, size_t n);
/* Where 'n' bytes may be written, and a NUL; buf_wrote() says how many were. */
static inline char *buf_room(struct buf *b, size_t n)
{
    if (b->len + n >= b->cap)
        buf_grow(b, n);
    return b->data + b->len;
}
static inline void buf_wrote(struct buf *b, size_t n)
{
    b->len += n;
    b->data[b->len] = 0;
}
static inline void buf_put(struct buf *b, const void *data, size_t n)
{
    char *p = buf_room(b, n);
    if (n)
        memcpy(p, data, n);
    buf_wrote(b, n);
}
static inline void buf_putc(struct buf *b, char c)
{
    *buf_room(b, 1) = c;
    buf_wrote(b, 1);
}
static inline void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* The text so far; "" when empty.  Owned by the arena; valid until the next put. */
const char *buf_text(const struct buf *b);
