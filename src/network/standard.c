#include "network/standard.h"

#include <string.h>

#include "auth/who.h"
#include "base/buf.h"
#include "base/env.h"
#include "identity/quota.h"

enum { TAG_MAX = 255, TAGS_MAX = 50 };

void standard_begin(struct cx *cx, struct standard *s)
{
    s->id = uuid_new(cx->arena);
    if (!s->project_id)
        s->project_id = own_project(cx);
    s->name = s->name ? s->name : "";
    s->description = s->description ? s->description : "";
    s->tags = s->tags ? s->tags : "";
    s->created_at = s->updated_at = cx->now_us;
    s->revision_number = 0;
}

void standard_touch(struct cx *cx, struct standard *s)
{
    s->updated_at = cx->now_us;
    s->revision_number++;
}

bool sees_all(const struct cx *cx)
{
    return cx->who && cx->who->is_admin;
}

const char *own_project(const struct cx *cx)
{
    return cx->who && cx->who->project_id ? cx->who->project_id : "";
}

bool owns(const struct cx *cx, const char *project_id)
{
    return sees_all(cx) || (*own_project(cx) && str_eq(own_project(cx), project_id));
}

int fail_policy(struct cx *cx, const char *rule)
{
    return fail_type(cx, KIND_FORBIDDEN, "PolicyNotAuthorized", "(rule:%s) is disallowed by policy", rule);
}

int quota_take_named(struct cx *cx, const char *project_id, const char *resource, int64_t n)
{
    int r = quota_take(cx, project_id, resource, n);
    const char *why = cx->text;

    if (r >= 0 || cx->kind != KIND_QUOTA)
        return r;
    fail_clear(cx);
    return fail_type(cx, KIND_QUOTA, "OverQuota", "Quota exceeded for resources: ['%s']. %s", resource, why);
}

struct where where_new(struct cx *cx)
{
    struct where w = { .cx = cx, .text = cx_alloc(cx, sizeof *w.text) };
    *w.text = buf_new(cx->arena);
    buf_puts(w.text, "1=1");
    return w;
}

static void put_arg(struct where *w, struct arg a)
{
    *arena_push(w->cx->arena, &w->args, &w->n_args) = a;
    buf_printf(w->text, "$%zu", w->n_args);
}

void where_add(struct where *w, const char *text, struct args args)
{
    unsigned n = 0;

    for (; *text; text++)
        if (*text == '?' && n < args.n)
            put_arg(w, args.v[n++]);
        else
            buf_putc(w->text, *text);
}

void where_add_list(struct where *w, struct strs values)
{
    buf_puts(w->text, "(SELECT value FROM list(");
    put_arg(w, arg_list(values));
    buf_puts(w->text, "))");
}

const char *where_text(const struct where *w)
{
    return buf_text(w->text);
}

struct args where_args(const struct where *w)
{
    return (struct args){ w->args, (unsigned)w->n_args };
}

/* A pattern that finds one whole line. */
static const char *tag_pattern(struct cx *cx, const char *tag)
{
    struct buf b = buf_new(cx->arena);
    buf_puts(&b, "%\n");
    for (; *tag; tag++) {
        if (strchr("%_\\", *tag))
            buf_putc(&b, '\\');
        buf_putc(&b, *tag);
    }
    buf_puts(&b, "\n%");
    return buf_text(&b);
}

static struct strs split_all(struct cx *cx, struct strs values)
{
    struct strs out = { 0 };
    for (size_t i = 0; i < values.n; i++)
        for (const char *p = values.items[i]; *p;) {
            size_t n = strcspn(p, ",");
            if (n)
                *arena_push(cx->arena, &out.items, &out.n) = arena_strndup(cx->arena, p, n);
            p += n + (p[n] == ',');
        }
    return out;
}

static void add_tags(struct where *w, struct strs values, const char *before, const char *between)
{
    struct strs tags = split_all(w->cx, values);

    if (!tags.n)
        return;
    where_add(w, before, NO_ARGS);
    for (size_t i = 0; i < tags.n; i++) {
        where_add(w, i ? between : "", NO_ARGS);
        where_add(w, "tags LIKE ? ESCAPE '\\'", ARGS(tag_pattern(w->cx, tags.items[i])));
    }
    where_add(w, ")", NO_ARGS);
}

void where_add_tags(struct where *w, const struct query *q)
{
    add_tags(w, q->tags, " AND (", " AND ");
    add_tags(w, q->tags_any, " AND (", " OR ");
    add_tags(w, q->not_tags, " AND NOT (", " AND ");
    add_tags(w, q->not_tags_any, " AND NOT (", " OR ");
}

/* ---- children in bulk ---- */

struct strs ids_of(struct cx *cx, struct list parents, size_t size)
{
    struct strs ids = { arena_new_array(cx->arena, const char *, parents.n + 1), parents.n };
    for (size_t i = 0; i < parents.n; i++)
        ids.items[i] = *(const char **)(void *)((char *)parents.items + i * size);
    return ids;
}

int rows_in(struct cx *cx, const struct table *t, struct list *ret_rows, const char *column, struct strs keys,
            const char *order)
{
    if (!keys.n) {
        *ret_rows = (struct list){ 0 };
        return 0;
    }
    return store_list(cx, t, ret_rows, cx_printf(cx, "%s IN (SELECT value FROM list($1)) ORDER BY %s", column, order), ARGS(keys));
}

static const char *key_at(struct list l, size_t size, size_t offset, size_t i)
{
    return *(const char **)(void *)((char *)l.items + i * size + offset);
}

struct list children_of(struct list children, size_t size, size_t key_offset, const char *key)
{
    size_t low = 0, high = children.n, n = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(key_at(children, size, key_offset, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n < children.n && strcmp(key_at(children, size, key_offset, low + n), key) == 0)
        n++;
    return (struct list){ (char *)children.items + low * size, n };
}

/* ---- tags ---- */

struct strs tags_of(struct cx *cx, const char *tags)
{
    struct strs out = { 0 };

    for (const char *p = tags && *tags ? tags + 1 : ""; *p;) {
        size_t n = strcspn(p, "\n");
        *arena_push(cx->arena, &out.items, &out.n) = arena_strndup(cx->arena, p, n);
        p += n + (p[n] == '\n');
    }
    return out;
}

static int check_tag(struct cx *cx, const char *tag)
{
    if (!*tag || strlen(tag) > TAG_MAX)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for operation: a tag has 1 to %d bytes.", TAG_MAX);
    for (const unsigned char *p = (const unsigned char *)tag; *p; p++)
        if (*p < ' ' || *p == ',')
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest",
                             "Invalid input for operation: '%.64s' is no tag: commas and control characters can't be in it.", tag);
    return 0;
}

int tags_make(struct cx *cx, struct strs tags, const char **ret_tags)
{
    struct buf b = buf_new(cx->arena);
    size_t n = 0;

    for (size_t i = 0; i < tags.n; i++) {
        size_t before = 0;
        TRY(check_tag(cx, tags.items[i]));
        while (before < i && strcmp(tags.items[before], tags.items[i]) != 0)
            before++;
        if (before < i)
            continue;
        buf_printf(&b, "%s%s\n", n++ ? "" : "\n", tags.items[i]);
    }
    if (n > TAGS_MAX)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for operation: more than %d tags.", TAGS_MAX);
    *ret_tags = buf_text(&b);
    return 0;
}
