#include "json/writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct jwriter jwriter_new(struct arena *a)
{
    return (struct jwriter){ .out = buf_new(a) };
}

static void before_value(struct jwriter *w)
{
    if (w->comma)
        buf_putc(&w->out, ',');
    w->comma = true;
}

static void open_level(struct jwriter *w, bool array)
{
    before_value(w);
    buf_putc(&w->out, array ? '[' : '{');
    w->depth++;
    w->is_array = w->is_array << 1 | array;
    w->comma = false;
}

void jw_object(struct jwriter *w)
{
    open_level(w, false);
}

void jw_array(struct jwriter *w)
{
    open_level(w, true);
}

void jw_end(struct jwriter *w)
{
    buf_putc(&w->out, w->is_array & 1 ? ']' : '}');
    w->is_array >>= 1;
    w->depth--;
    w->comma = true;
}

/* Length of the valid UTF-8 sequence at 's' (of 'n' bytes), or 0. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    unsigned char c = s[0];
    size_t len = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!len || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

/* Bytes that stand for themselves. */
static const bool is_plain[256] = { [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true };

/* The highest bit of each byte of 'word' that is_plain does not know (and, above such a one, perhaps of others).
 * Eight bytes at a time, because every byte of every answer is asked. */
static uint64_t not_plain(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, highs = ones << 7;
    const uint64_t quotes = word ^ ones * '"', slashes = word ^ ones * '\\', deletes = word ^ ones * 0x7f;

    return (word | (word - ones * ' ') | (quotes - ones) | (slashes - ones) | (deletes - ones)) & highs;
}

/* Copies from 's' to 'out' what is plain, of 'n' bytes at most, and says how much that was.  May write up to 'n' bytes. */
static size_t copy_plain(char *out, const unsigned char *s, size_t n)
{
    size_t i = 0;

    for (uint64_t word; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s + i, sizeof word);
        memcpy(out + i, &word, sizeof word);
        if (not_plain(word))
            break;
    }
    for (; i < n && is_plain[s[i]]; i++)
        out[i] = (char)s[i];
    return i;
}

/* What needs more than a copy: 's' up to 'end' begins with a byte that is not plain. */
static void put_special(struct buf *b, const unsigned char *s, const unsigned char *end)
{
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

    while (s < end) {
        size_t left = (size_t)(end - s), plain = copy_plain(buf_room(b, left), s, left);
        buf_wrote(b, plain);
        s += plain;
        if (s == end)
            break;
        size_t len = *s >= 0x80 ? utf8_length(s, (size_t)(end - s)) : 0;
        if (len) {
            buf_put(b, s, len);
            s += len;
            continue;
        }
        const char *p = strchr(named, *s);
        if (*s >= 0x80)
            buf_puts(b, "\xef\xbf\xbd");
        else if (p && *p)
            buf_printf(b, "\\%c", letters[p - named]);
        else
            buf_printf(b, "\\u%04x", *s);
        s++;
    }
}

/* A piece of a string, without quotes. */
static void put_piece(struct buf *b, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = strlen(text), plain = copy_plain(buf_room(b, n), s, n);

    buf_wrote(b, plain);
    if (plain < n)
        put_special(b, s + plain, s + n);
}

/* In quotes; 'tail' stands behind them if it is not 0. */
static void put_quoted(struct buf *b, const char *text, char tail)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = strlen(text);
    char *begin = buf_room(b, n + 3);

    begin[0] = '"';
    size_t plain = copy_plain(begin + 1, s, n);
    buf_wrote(b, 1 + plain);
    if (plain < n)
        put_special(b, s + plain, s + n);
    char *end = buf_room(b, 2);
    end[0] = '"';
    end[1] = tail;
    buf_wrote(b, tail ? 2 : 1);
}

/* 'n' digits of 'v', which has no more. */
static void put_digits(char *p, int v, int n)
{
    while (n-- > 0) {
        p[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

void jw_key(struct jwriter *w, const char *name)
{
    before_value(w);
    put_quoted(&w->out, name, ':');
    w->comma = false;
}

void jw_string(struct jwriter *w, const char *s)
{
    before_value(w);
    if (s)
        put_quoted(&w->out, s, 0);
    else
        buf_puts(&w->out, "null");
}

void jw_pieces(struct jwriter *w, const char *const *pieces)
{
    before_value(w);
    buf_putc(&w->out, '"');
    for (; *pieces; pieces++)
        put_piece(&w->out, *pieces);
    buf_putc(&w->out, '"');
}

void jw_int(struct jwriter *w, int64_t v)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    before_value(w);
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    buf_put(&w->out, p, (size_t)(digits + sizeof digits - p));
}

void jw_bool(struct jwriter *w, bool v)
{
    before_value(w);
    buf_puts(&w->out, v ? "true" : "false");
}

void jw_null(struct jwriter *w)
{
    jw_string(w, NULL);
}

void jw_double(struct jwriter *w, double v)
{
    before_value(w);
    if (isfinite(v))
        buf_printf(&w->out, "%.15g%s", v, v == floor(v) && fabs(v) < 1e15 ? ".0" : "");
    else
        buf_puts(&w->out, "null");
}

void jw_raw(struct jwriter *w, const char *json)
{
    before_value(w);
    buf_puts(&w->out, json ? json : "null");
}

void jw_time(struct jwriter *w, int64_t us, const char *tail)
{
    time_t s = (time_t)(us / 1000000);
    struct tm tm;

    if (!us) {
        jw_null(w);
        return;
    }
    before_value(w);
    gmtime_r(&s, &tm);
    char text[] = "\"yyyy-mm-ddThh:mm:ss"; /* by hand: a list has thousands of them */
    put_digits(text + 1, tm.tm_year + 1900, 4);
    put_digits(text + 6, tm.tm_mon + 1, 2);
    put_digits(text + 9, tm.tm_mday, 2);
    put_digits(text + 12, tm.tm_hour, 2);
    put_digits(text + 15, tm.tm_min, 2);
    put_digits(text + 18, tm.tm_sec, 2);
    buf_put(&w->out, text, sizeof text - 1);
    buf_puts(&w->out, tail);
    buf_putc(&w->out, '"');
}

void jw_kv(struct jwriter *w, const char *name, const char *s)
{
    jw_key(w, name);
    jw_string(w, s);
}

void jw_kv_int(struct jwriter *w, const char *name, int64_t v)
{
    jw_key(w, name);
    jw_int(w, v);
}

void jw_kv_bool(struct jwriter *w, const char *name, bool v)
{
    jw_key(w, name);
    jw_bool(w, v);
}

/* ---- by field tables ---- */

#define MEMBER(T, f, obj) (*(T const *)(const void *)((const char *)(obj) + (f)->offset))

static void write_strs(struct jwriter *w, struct strs v)
{
    jw_array(w);
    for (size_t i = 0; i < v.n; i++)
        jw_string(w, v.items[i]);
    jw_end(w);
}

static void write_map(struct jwriter *w, struct strmap v)
{
    jw_object(w);
    for (size_t i = 0; i < v.n; i++)
        jw_kv(w, v.items[i].key, v.items[i].value);
    jw_end(w);
}

static void write_list(struct jwriter *w, const struct field *f, struct list v)
{
    jw_array(w);
    for (size_t i = 0; i < v.n; i++)
        jw_fields(w, f->sub, (const char *)v.items + i * f->sub_size);
    jw_end(w);
}

static void write_value(struct jwriter *w, const struct field *f, const void *obj)
{
    switch (f->type) {
    case FIELD_STR:
        jw_string(w, MEMBER(char *, f, obj));
        break;
    case FIELD_I64:
        jw_int(w, MEMBER(int64_t, f, obj));
        break;
    case FIELD_INT:
        jw_int(w, MEMBER(int, f, obj));
        break;
    case FIELD_BOOL:
        jw_bool(w, MEMBER(bool, f, obj));
        break;
    case FIELD_TIME:
        jw_time(w, MEMBER(int64_t, f, obj), "Z");
        break;
    case FIELD_JSON:
        jw_raw(w, MEMBER(char *, f, obj));
        break;
    case FIELD_SUB:
        if (MEMBER(void *, f, obj))
            jw_fields(w, f->sub, MEMBER(void *, f, obj));
        else
            jw_null(w);
        break;
    case FIELD_LIST:
        write_list(w, f, MEMBER(struct list, f, obj));
        break;
    case FIELD_STRS:
        write_strs(w, MEMBER(struct strs, f, obj));
        break;
    case FIELD_MAP:
        write_map(w, MEMBER(struct strmap, f, obj));
        break;
    case FIELD_HOOK:
    case FIELD_END:
        jw_null(w); /* a hook row without 'emit': a mistake that the API dump shows */
        break;
    }
}

static bool is_empty(const struct field *f, const void *obj)
{
    switch (f->type) {
    case FIELD_STR:
    case FIELD_JSON:
    case FIELD_SUB:
        return !MEMBER(void *, f, obj);
    case FIELD_I64:
    case FIELD_TIME:
        return !MEMBER(int64_t, f, obj);
    case FIELD_INT:
        return !MEMBER(int, f, obj);
    case FIELD_BOOL:
        return !MEMBER(bool, f, obj);
    case FIELD_LIST:
        return !MEMBER(struct list, f, obj).n;
    case FIELD_STRS:
        return !MEMBER(struct strs, f, obj).n;
    case FIELD_MAP:
        return !MEMBER(struct strmap, f, obj).n;
    case FIELD_HOOK:
    case FIELD_END:
        break;
    }
    return false;
}

static bool is_wanted(const struct strs *only, const char *name)
{
    for (size_t i = 0; only && i < only->n; i++)
        if (str_eq(only->items[i], name))
            return true;
    return !only;
}

void jw_members(struct jwriter *w, const struct field *table, const void *obj)
{
    const struct strs *only = w->only;

    w->only = NULL; /* names only the outermost members */
    for (const struct field *f = table; f->name; f++) {
        if ((w->mv && (f->since > w->mv || (f->until && f->until < w->mv))) || (f->admin && !w->admin) ||
            !is_wanted(only, f->name) || (f->omit && is_empty(f, obj)))
            continue;
        jw_key(w, f->name);
        if (f->emit)
            f->emit(w, f, obj, w->ctx);
        else
            write_value(w, f, obj);
    }
    w->only = only;
}

void jw_fields(struct jwriter *w, const struct field *table, const void *obj)
{
    jw_object(w);
    jw_members(w, table, obj);
    jw_end(w);
}
