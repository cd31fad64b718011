/* buf.h - a byte string that grows, in an arena. */
#pragma once
#include "base/arena.h"

struct buf {
    struct arena *arena;
    char *data; /* NUL-terminated once anything was put */
    size_t len, cap;
};

/* An empty buffer whose memory comes from 'a'. */
struct buf buf_new(struct arena *a);
void buf_put(struct buf *b, const void *data, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* The text so far; "" when empty.  Owned by the arena; valid until the next put. */
const char *buf_text(const struct buf *b);
