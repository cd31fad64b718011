#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct buf buf_new(struct arena *a)
{
    return (struct buf){ .arena = a };
}

void buf_grow(struct buf *b, size_t n)
{
    size_t cap = b->cap ? b->cap * 2 : 256;

    while (cap < b->len + n + 1)
        cap *= 2;
    char *grown = arena_alloc_raw(b->arena, cap);
    if (b->len)
        memcpy(grown, b->data, b->len);
    b->data = grown;
    b->cap = cap;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    char small[512];

    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n < sizeof small) {
        buf_put(b, small, (size_t)n);
        return;
    }
    char *p = buf_room(b, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf_wrote(b, (size_t)n);
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}
