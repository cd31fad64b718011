#include <ctype.h>
#include <string.h>

#include "api/core/contexts.h"
#include "api/keystone/internal.h"

const struct identity_context *keystone_identity(const struct req *rq)
{
    const struct face_contexts *contexts = req_user(rq);
    return contexts->identity;
}

/* ---- output ---- */

const char *keystone_url(struct req *rq, const char *path)
{
    return cx_printf(req_cx(rq), "%s/identity/v3%s", req_base_url(rq), path);
}

#define MEMBER(T, obj, offset) (*(T const *)(const void *)((const char *)(obj) + (offset)))

/* The free members, which the store has as the text of an object. */
static void write_extra(struct req *rq, struct jwriter *w, const char *extra)
{
    size_t n = extra ? strlen(extra) : 0;
    if (n > 2)
        jw_raw(w, arena_strndup(req_cx(rq)->arena, extra + 1, n - 2));
}

void keystone_write(struct req *rq, struct jwriter *w, const struct resource *r, const char *path, const void *obj)
{
    const char *at = path ? path : cx_printf(req_cx(rq), "/%s", r->collection);

    jw_object(w);
    jw_members(w, r->view, obj);
    if (r->extra)
        write_extra(rq, w, MEMBER(char *, obj, r->extra));
    jw_key(w, "links");
    jw_object(w);
    jw_kv(w, "self", keystone_url(rq, cx_printf(req_cx(rq), "%s/%s", at, MEMBER(char *, obj, r->id))));
    jw_end(w);
    jw_end(w);
}

int keystone_reply(struct req *rq, const struct resource *r, const char *path, const void *obj)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, r->name);
    keystone_write(rq, w, r, path, obj);
    jw_end(w);
    return reply_written(rq);
}

void keystone_write_list_links(struct req *rq, struct jwriter *w, const char *last_id, size_t n)
{
    const char *limit = req_query(rq, "limit"), *query = req_http(rq)->query;
    int64_t max = 0;
    bool full = limit && last_id && str_to_i64(limit, &max) == 0 && max > 0 && n == (size_t)max;

    jw_key(w, "links");
    jw_object(w);
    jw_kv(w, "next", full ? req_next_url(rq, last_id) : NULL);
    jw_kv(w, "self", *query ? cx_printf(req_cx(rq), "%s?%s", req_self_url(rq), query) : req_self_url(rq));
    jw_kv(w, "previous", NULL);
    jw_end(w);
}

int keystone_reply_list(struct req *rq, const struct resource *r, const char *path, struct list objs)
{
    struct jwriter *w = reply_writer(rq);
    const char *obj = objs.items, *last_id = NULL;

    jw_object(w);
    jw_key(w, r->collection);
    jw_array(w);
    for (size_t i = 0; i < objs.n; i++, obj += r->size) {
        keystone_write(rq, w, r, path, obj);
        last_id = MEMBER(char *, obj, r->id);
    }
    jw_end(w);
    keystone_write_list_links(rq, w, last_id, objs.n);
    jw_end(w);
    return reply_written(rq);
}

/* ---- input ---- */

bool keystone_is_name(const char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    return *s;
}

bool keystone_is_tag(const char *s)
{
    return *s && !strpbrk(s, ",/");
}

int keystone_parse_id(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    const char **id = (const char **)(void *)((char *)obj + f->offset), *known = *id;
    struct field row = *f;

    row.parse = NULL;
    TRY(json_read_member(cx, &row, value, (struct json_rules){ 0 }, obj));
    return !known || str_eq(known, *id) ? 0 : fail(cx, KIND_INVALID, "The %s cannot be changed.", f->name);
}

int keystone_parse_nothing(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    return 0;
}

int keystone_check_new(struct cx *cx, const char *id)
{
    return id ? fail(cx, KIND_INVALID, "Attribute id is read-only: it is chosen here.") : 0;
}

struct options {
    bool immutable;
};

static void set_text(const struct field *f, void *obj, const char *text)
{
    *(const char **)(void *)((char *)obj + f->offset) = text;
}

int keystone_parse_options(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    static const struct field fields[] = { BOOL(struct options, immutable, .nullable = true), { 0 } };
    struct options o = { 0 };

    TRY(json_read(cx, fields, value, (struct json_rules){ .where = f->name }, &o));
    set_text(f, obj, o.immutable ? "{\"immutable\":true}" : json_has(value, "immutable") ? "{\"immutable\":false}" : "{}");
    return 0;
}

int keystone_parse_no_options(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    static const struct field fields[] = { { 0 } };

    TRY(json_read(cx, fields, value, (struct json_rules){ .where = f->name }, obj));
    set_text(f, obj, "{}");
    return 0;
}

struct tags {
    struct strs tags;
};

int keystone_parse_tags(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    static const struct field row =
        STRS(struct tags, tags, .max = 80, .check = keystone_is_tag, .expected = "A tag has no comma and no slash.");
    struct tags t;

    TRY(json_read_member(cx, &row, value, (struct json_rules){ 0 }, &t));
    set_text(f, obj, json_of_strs(cx->arena, t.tags));
    return 0;
}
