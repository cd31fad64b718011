#include "agent/docs.h"

#include <stdlib.h>
#include <string.h>

#include "agent/file.h"
#include "base/env.h"
#include "base/log.h"
#include "json/read.h"
#include "json/writer.h"

LOG_MODULE("docs");

enum { DOC_MAX = 64 << 20 };

static const struct doc_row {
    const char *name;
    const struct field *fields;
    size_t size;
    size_t in_answer; /* offset of the list */
} kinds[DOC_KIND_N] = {
    [DOC_GUEST] = { "guest", wire_guest_fields, sizeof(struct wire_guest),
                    offsetof(struct wire_answer, guests) },
    [DOC_NETWORK] = { "network", wire_network_fields, sizeof(struct wire_network),
                      offsetof(struct wire_answer, networks) },
    [DOC_GROUP] = { "group", wire_group_fields, sizeof(struct wire_group),
                    offsetof(struct wire_answer, groups) },
    [DOC_ROUTER] = { "router", wire_router_fields, sizeof(struct wire_router),
                     offsetof(struct wire_answer, routers) },
    [DOC_FLOATING] = { "floating", wire_floating_fields, sizeof(struct wire_floating),
                       offsetof(struct wire_answer, floatings) },
};

/* How a document lies on disk: its name is in the file's. */
struct stored {
    const char *version, *value;
};
static const struct field stored_fields[] = { STR(struct stored, version, .required = true),
                                              JSON(struct stored, value, .max = DOC_MAX),
                                              { 0 } };

struct doc *doc_ref(struct doc *d)
{
    __atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
    return d;
}

void doc_unref(struct doc *d)
{
    if (d && __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0)
        arena_free(d->arena); /* 'd' is in it */
}

static int kind_of(const char *name)
{
    for (int i = 0; i < DOC_KIND_N; i++)
        if (str_eq(kinds[i].name, name))
            return i;
    return -EINVAL;
}

/* A document of its own arena out of its text. */
static int decode(struct cx *cx, enum doc_kind kind, const char *id, const char *version, const char *text,
                  struct doc **ret_doc)
{
    struct cx own = *cx;
    const struct json_t *json = NULL;
    own.arena = arena_new();
    struct doc *d = arena_alloc(own.arena, sizeof *d);
    void *value = arena_alloc(own.arena, kinds[kind].size);
    int r = json_parse(&own, text, strlen(text), &json);
    if (r >= 0)
        r = json_read(&own, kinds[kind].fields, json,
                      (struct json_rules){ .lenient = true, .where = kinds[kind].name }, value);
    if (r < 0) {
        cx->kind = own.kind;
        cx->text = cx_strdup(cx, own.text);
        arena_free(own.arena);
        return r;
    }
    *d = (struct doc){ kind, arena_strdup(own.arena, id), arena_strdup(own.arena, version), value, own.arena,
                       1 };
    *ret_doc = d;
    return 0;
}

static const char *path_of(struct cx *cx, const struct docs *docs, enum doc_kind kind, const char *id)
{
    return cx_printf(cx, "%s/%s.%s", docs->dir, kinds[kind].name, id);
}

static struct doc **slot_of(const struct docs *docs, enum doc_kind kind, const char *id)
{
    for (size_t i = 0; i < docs->n; i++)
        if (docs->items[i]->kind == kind && str_eq(docs->items[i]->id, id))
            return &docs->items[i];
    return NULL;
}

struct doc *docs_find(const struct docs *docs, enum doc_kind kind, const char *id)
{
    struct doc **slot = slot_of(docs, kind, id);
    return slot ? *slot : NULL;
}

/* The set takes the reference over. */
static void keep(struct docs *docs, struct doc *d)
{
    struct doc **slot = slot_of(docs, d->kind, d->id);
    if (slot) {
        doc_unref(*slot);
        *slot = d;
        return;
    }
    if (docs->n == docs->cap) {
        docs->cap = docs->cap ? docs->cap * 2 : 64;
        docs->items = realloc(docs->items, docs->cap * sizeof *docs->items);
        if (!docs->items)
            abort();
    }
    docs->items[docs->n++] = d;
}

static int load_one(struct cx *cx, struct docs *docs, const char *name)
{
    const char *dot = strchr(name, '.'), *text = NULL;
    struct stored s = { 0 };
    struct doc *d = NULL;
    const struct json_t *json = NULL;
    size_t n = 0;
    int kind = dot ? kind_of(arena_strndup(cx->arena, name, (size_t)(dot - name))) : -EINVAL;
    if (kind < 0 || !uuid_valid(dot + 1))
        return 0; /* none of ours */
    TRY(file_read(cx, cx_printf(cx, "%s/%s", docs->dir, name), DOC_MAX, &text, &n));
    TRY(json_parse(cx, text, n, &json));
    TRY(json_read(cx, stored_fields, json, (struct json_rules){ .lenient = true }, &s));
    TRY(decode(cx, (enum doc_kind)kind, dot + 1, s.version, s.value, &d));
    keep(docs, d);
    return 0;
}

int docs_load(struct cx *cx, struct docs *docs, const char *dir)
{
    struct strs names = { 0 };
    *docs = (struct docs){ .dir = dir };
    TRY(file_make_dir(cx, dir, 0700));
    TRY(file_remove_unfinished(cx, dir));
    TRY(file_list(cx, dir, &names));
    for (size_t i = 0; i < names.n; i++)
        if (load_one(cx, docs, names.items[i]) < 0) {
            log_warn("%s/%s is damaged and left out: %s", dir, names.items[i], cx->text);
            fail_clear(cx);
        }
    return 0;
}

void docs_free(struct docs *docs)
{
    for (size_t i = 0; i < docs->n; i++)
        doc_unref(docs->items[i]);
    free(docs->items);
    *docs = (struct docs){ 0 };
}

static const char *version_in(struct list versions, const char *kind, const char *id)
{
    const struct wire_have *items = versions.items;
    for (size_t i = 0; i < versions.n; i++)
        if (str_eq(items[i].kind, kind) && str_eq(items[i].id, id))
            return items[i].version;
    return NULL;
}

static int take(struct cx *cx, struct docs *docs, enum doc_kind kind, const char *version, const void *value)
{
    const char *id = *(const char *const *)value; /* every document begins with its id */
    const struct doc *held = docs_find(docs, kind, id);
    struct doc *d = NULL;
    if (!uuid_valid(id) || !version)
        return fail(cx, KIND_INVALID, "The controller sent a %s without a proper id and version",
                    kinds[kind].name);
    if (held && str_eq(held->version, version))
        return 0;

    struct jwriter inner = jwriter_new(cx->arena), outer = jwriter_new(cx->arena);
    jw_fields(&inner, kinds[kind].fields, value);
    struct stored s = { version, buf_text(&inner.out) };
    jw_fields(&outer, stored_fields, &s);
    TRY(decode(cx, kind, id, version, s.value, &d));
    int r = file_write_durably(cx, path_of(cx, docs, kind, id), buf_text(&outer.out), outer.out.len);
    if (r < 0) {
        doc_unref(d);
        return r;
    }
    keep(docs, d);
    return 1;
}

static int drop(struct cx *cx, struct docs *docs, const struct wire_have *gone)
{
    int kind = kind_of(gone->kind);
    struct doc **slot = kind < 0 ? NULL : slot_of(docs, (enum doc_kind)kind, gone->id);
    if (!slot)
        return 0;
    TRY(file_remove(cx, path_of(cx, docs, (enum doc_kind)kind, gone->id)));
    doc_unref(*slot);
    *slot = docs->items[--docs->n];
    return 1;
}

int docs_apply(struct cx *cx, struct docs *docs, const struct wire_answer *answer)
{
    int changed = 0, r;
    for (int kind = 0; kind < DOC_KIND_N; kind++) {
        const struct list *list =
            (const struct list *)(const void *)((const char *)answer + kinds[kind].in_answer);
        for (size_t i = 0; i < list->n; i++) {
            const void *value = (const char *)list->items + i * kinds[kind].size;
            const char *id = *(const char *const *)value;
            TRY(r = take(cx, docs, (enum doc_kind)kind, version_in(answer->versions, kinds[kind].name, id),
                         value));
            changed |= r;
        }
    }
    const struct wire_have *gone = answer->gone.items;
    for (size_t i = 0; i < answer->gone.n; i++) {
        TRY(r = drop(cx, docs, &gone[i]));
        changed |= r;
    }
    return changed;
}

struct list docs_have(struct arena *a, const struct docs *docs)
{
    struct wire_have *items = NULL;
    size_t n = 0;
    for (size_t i = 0; i < docs->n; i++)
        *arena_push(a, &items, &n) =
            (struct wire_have){ kinds[docs->items[i]->kind].name, arena_strdup(a, docs->items[i]->id),
                                arena_strdup(a, docs->items[i]->version) };
    return (struct list){ items, n };
}
