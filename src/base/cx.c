#include "base/cx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/env.h"

void cx_begin(struct cx *ret_cx)
{
    cx_begin_in(ret_cx, arena_new());
}

void cx_begin_in(struct cx *ret_cx, struct arena *arena)
{
    memset(ret_cx, 0, sizeof *ret_cx);
    ret_cx->arena = arena;
    ret_cx->now_us = now_us();
    char *id = arena_strdup(arena, "req-00000000-0000-0000-0000-000000000000");
    uuid_make(id + strlen("req-"));
    ret_cx->request_id = id;
}

void cx_end(struct cx *cx)
{
    arena_free(cx->arena);
    cx->arena = NULL;
}

__attribute__((format(printf, 4, 0))) static int vfail(struct cx *cx, enum kind kind, const char *type, const char *fmt,
                                                       va_list ap)
{
    static const int errnos[KIND_N] = {
        [KIND_INVALID] = EINVAL,      [KIND_UNAUTHENTICATED] = EACCES, [KIND_FORBIDDEN] = EPERM,
        [KIND_NOT_FOUND] = ENOENT,    [KIND_CONFLICT] = EEXIST,        [KIND_QUOTA] = EDQUOT,
        [KIND_TOO_LARGE] = E2BIG,     [KIND_BUSY] = EAGAIN,            [KIND_UNAVAILABLE] = EHOSTDOWN,
        [KIND_UNSUPPORTED] = ENOTSUP, [KIND_INTERNAL] = EIO,
    };
    char text[1024];

    vsnprintf(text, sizeof text, fmt, ap);
    cx->kind = kind;
    cx->type = type;
    cx->text = arena_strdup(cx->arena, text);
    return -errnos[kind];
}

int fail(struct cx *cx, enum kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = vfail(cx, kind, NULL, fmt, ap);
    va_end(ap);
    return r;
}

int fail_type(struct cx *cx, enum kind kind, const char *type, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = vfail(cx, kind, type, fmt, ap);
    va_end(ap);
    return r;
}

void fail_clear(struct cx *cx)
{
    cx->kind = KIND_NONE;
    cx->type = cx->text = NULL;
}
