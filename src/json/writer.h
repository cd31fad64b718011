/* writer.h - writes JSON as a stream into a buffer; the only place that escapes.
 *
 *     struct jwriter w = jwriter_new(arena);
 *     jw_object(&w); jw_key(&w, "name"); jw_string(&w, name); jw_end(&w);
 * Commas are its business, nesting is the caller's. */
#pragma once
#include "base/buf.h"
#include "base/field.h"

struct jwriter {
    struct buf out;
    bool comma;
    unsigned depth;
    uint64_t is_array; /* a bit per level */
    unsigned mv;       /* microversion: rows of other versions are left away; 0: all */
    bool admin;        /* rows marked .admin are shown */
    const void *ctx;   /* given to emit hooks */
    const struct strs *only; /* the names wanted of the outermost object written by jw_fields, or NULL */
};

struct jwriter jwriter_new(struct arena *a);
void jw_object(struct jwriter *w);
void jw_array(struct jwriter *w);
void jw_end(struct jwriter *w); /* of the object or array */
void jw_key(struct jwriter *w, const char *name);
void jw_string(struct jwriter *w, const char *s); /* NULL is null; bytes that are not UTF-8 become U+FFFD */
/* One string of several pieces, ended by NULL, each of whole characters: JW_PIECES(w, base, "/servers/", id). */
void jw_pieces(struct jwriter *w, const char *const *pieces);
#define JW_PIECES(w, ...) jw_pieces((w), (const char *const[]){ __VA_ARGS__, NULL })
void jw_int(struct jwriter *w, int64_t v);
void jw_bool(struct jwriter *w, bool v);
void jw_null(struct jwriter *w);
void jw_double(struct jwriter *w, double v);
void jw_raw(struct jwriter *w, const char *json);              /* text that is JSON already; NULL is null */
void jw_time(struct jwriter *w, int64_t us, const char *tail); /* "2026-11-22T07:00:00" + tail; 0 is null */
/* Shorthands: a key and its value. */
void jw_kv(struct jwriter *w, const char *name, const char *s);
void jw_kv_int(struct jwriter *w, const char *name, int64_t v);
void jw_kv_bool(struct jwriter *w, const char *name, bool v);

/* The members of 'obj' that 'table' describes, without the braces, so that more can follow. */
void jw_members(struct jwriter *w, const struct field *table, const void *obj);
/* The same with braces. */
void jw_fields(struct jwriter *w, const struct field *table, const void *obj);
