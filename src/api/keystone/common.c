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

void keystone_write_open(struct req *rq, struct jwriter *w, const struct resource *r, const char *path, const void *obj)
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
}

void keystone_write(struct req *rq, struct jwriter *w, const struct resource *r, const char *path, const void *obj)
{
    keystone_write_open(rq, w, r, path, obj);
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

/* ---- inexact filters: LIKE means another thing on each engine, so they are looked at here ---- */

static bool holds_contains(const char *have, const char *wanted)
{
    return strstr(have, wanted);
}

static bool holds_startswith(const char *have, const char *wanted)
{
    return strncmp(have, wanted, strlen(wanted)) == 0;
}

static bool holds_endswith(const char *have, const char *wanted)
{
    size_t n = strlen(have), m = strlen(wanted);
    return n >= m && strcmp(have + n - m, wanted) == 0;
}

static const struct comparator {
    const char *name;
    bool (*holds)(const char *have, const char *wanted);
} comparators[] = {
    { "contains", holds_contains },
    { "startswith", holds_startswith },
    { "endswith", holds_endswith },
};

struct inexact {
    const struct field *column;
    const struct comparator *comparator;
    bool any_case;
    const char *wanted;
};
struct inexacts {
    struct inexact *items;
    size_t n;
};

static const struct comparator *find_comparator(const char *name)
{
    for (size_t i = 0; i < N_ELEMENTS(comparators); i++)
        if (strcmp(comparators[i].name, name) == 0)
            return &comparators[i];
    return NULL;
}

static const char *lower(struct cx *cx, const char *s)
{
    char *out = cx_strdup(cx, s);
    for (char *p = out; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return out;
}

/* The text column that "<column>__<comparator>" names, if the list filters by it; NULL otherwise. */
static const struct field *inexact_column(struct cx *cx, const struct paging *p, const char *name, const char **ret_comparator)
{
    const char *mark = strstr(name, "__");

    if (!p || !mark)
        return NULL;
    const char *column = arena_strndup(cx->arena, name, (size_t)(mark - name));
    for (const char *const *f = p->filters; *f; f++)
        if (strcmp(*f, column) == 0) {
            const struct field *found = field_find(p->columns, column, 0);
            *ret_comparator = mark + 2;
            return found && found->type == FIELD_STR ? found : NULL;
        }
    return NULL;
}

static int read_inexact(struct req *rq, const struct paging *p, struct inexacts *ret_inexacts)
{
    struct cx *cx = req_cx(rq);
    struct strmap pairs = req_query_pairs(rq);
    const char *name;

    *ret_inexacts = (struct inexacts){ 0 };
    for (size_t i = 0; i < pairs.n; i++) {
        const struct field *column = inexact_column(cx, p, pairs.items[i].key, &name);
        if (!column)
            continue;
        bool any_case = *name == 'i';
        const struct comparator *c = find_comparator(name + any_case);
        if (!c)
            return fail(cx, KIND_INVALID, "Invalid filter '%.64s': it ends in contains, startswith or endswith, or in one of these after an i.",
                        pairs.items[i].key);
        const char *wanted = pairs.items[i].value;
        *arena_push(cx->arena, &ret_inexacts->items, &ret_inexacts->n) =
            (struct inexact){ column, c, any_case, any_case ? lower(cx, wanted) : wanted };
    }
    return 0;
}

int keystone_filter(struct req *rq, const struct resource *r, struct filter *ret_filter)
{
    struct inexacts inexacts;

    TRY(req_filter(rq, r->paging, ret_filter));
    TRY(read_inexact(rq, r->paging, &inexacts));
    ret_filter->limit = inexacts.n ? 0 : ret_filter->limit;
    return 0;
}

static bool inexacts_hold(struct cx *cx, const struct inexacts *inexacts, const void *obj)
{
    for (size_t i = 0; i < inexacts->n; i++) {
        const struct inexact *x = &inexacts->items[i];
        const char *have = MEMBER(char *, obj, x->column->offset);
        if (!have || !x->comparator->holds(x->any_case ? lower(cx, have) : have, x->wanted))
            return false;
    }
    return true;
}

static int64_t limit_of(const struct req *rq)
{
    const char *text = req_query(rq, "limit");
    int64_t limit = 0;
    return text && str_to_i64(text, &limit) == 0 && limit > 0 ? limit : INT64_MAX;
}

/* ---- lists ---- */

void keystone_write_list_links(struct req *rq, struct jwriter *w, const char *last_id, size_t n)
{
    const char *query = req_http(rq)->query;
    bool full = last_id && (int64_t)n == limit_of(rq);

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
    struct inexacts inexacts;
    int64_t n = 0, limit;

    TRY(read_inexact(rq, r->paging, &inexacts));
    limit = inexacts.n ? limit_of(rq) : INT64_MAX;
    jw_object(w);
    jw_key(w, r->collection);
    jw_array(w);
    for (size_t i = 0; i < objs.n && n < limit; i++, obj += r->size) {
        if (!inexacts_hold(req_cx(rq), &inexacts, obj))
            continue;
        keystone_write(rq, w, r, path, obj);
        last_id = MEMBER(char *, obj, r->id);
        n++;
    }
    jw_end(w);
    keystone_write_list_links(rq, w, last_id, (size_t)n);
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
