#include <string.h>

#include <jansson.h>

#include "api/core/internal.h"
#include "base/text.h"

const char *req_path(const struct req *rq, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < rq->n_args; i++)
        if (strncmp(rq->args[i].name, name, n) == 0 && (rq->args[i].name[n] == '}' || rq->args[i].name[n] == '*'))
            return rq->args[i].value;
    return NULL;
}

const void *req_body(const struct req *rq)
{
    return rq->bodies.items;
}

struct list req_bodies(const struct req *rq, bool *ret_bulk)
{
    if (ret_bulk)
        *ret_bulk = rq->is_bulk;
    return rq->bodies;
}

bool req_has(const struct req *rq, const char *member)
{
    return json_has(rq->json, member);
}

bool req_has_at(const struct req *rq, size_t i, const char *member)
{
    return json_has(rq->is_bulk ? rq->bulk[i] : rq->json, member);
}

const struct json_t *req_json(const struct req *rq)
{
    return rq->json;
}

const struct json_t *req_document(const struct req *rq)
{
    return rq->doc;
}

int req_overlay(struct req *rq, void *obj)
{
    const struct body *b = rq->route->body;
    bool admin = rq->cx.who && rq->cx.who->is_admin;
    return json_read(&rq->cx, b->fields, rq->json,
                     (struct json_rules){ .mv = rq->mv, .overlay = true, .admin = admin, .open = b->open, .where = b->wrap },
                     obj);
}

const char *req_query(const struct req *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_query; i++)
        if (strcmp(rq->query[i].name, name) == 0)
            return rq->query[i].value;
    return NULL;
}

struct strs req_query_all(const struct req *rq, const char *name)
{
    struct strs out = { 0 };
    for (size_t i = 0; i < rq->n_query; i++)
        if (strcmp(rq->query[i].name, name) == 0)
            *arena_push(rq->cx.arena, &out.items, &out.n) = rq->query[i].value;
    return out;
}

struct strmap req_query_pairs(struct req *rq)
{
    struct strmap out = { 0 };
    for (size_t i = 0; i < rq->n_query; i++)
        *arena_push(rq->cx.arena, &out.items, &out.n) = (struct strpair){ rq->query[i].name, rq->query[i].value };
    return out;
}

bool req_query_bool(const struct req *rq, const char *name)
{
    const char *s = req_query(rq, name);
    bool b = false;
    return s && (!*s || (text_to_bool(s, &b) && b)); /* "?include_names" alone means yes */
}

const char *req_header(const struct req *rq, const char *name)
{
    return http_header(rq->http, name);
}

unsigned req_mv(const struct req *rq)
{
    return rq->mv;
}

const struct http_rq *req_http(const struct req *rq)
{
    return rq->http;
}

struct cx *req_cx(struct req *rq)
{
    return &rq->cx;
}

struct store *req_store(const struct req *rq)
{
    return rq->core->config.store;
}

void *req_user(const struct req *rq)
{
    return rq->core->config.user;
}

const char *req_base_url(const struct req *rq)
{
    return rq->core->config.base_url;
}

const char *req_self_url(const struct req *rq)
{
    return arena_printf(rq->cx.arena, "%s%s", rq->core->config.base_url, rq->http->path);
}

void req_keep(struct req *rq, void *p)
{
    rq->kept = p;
}

void *req_kept(const struct req *rq)
{
    return rq->kept;
}

/* ---- bodies ---- */

static int read_one(struct req *rq, const struct body *b, const json_t *value, void *obj)
{
    if (!b->fields || b->any)
        return 0;
    const struct json_rules rules = { .mv = rq->mv, .open = b->open, .ret_admin_member = &rq->admin_member, .where = b->wrap };
    return json_read(&rq->cx, b->fields, value, rules, obj);
}

/* An element may stand in its own wrap, as Neutron takes it: {"ports": [{"port": {...}}, ...]}. */
static const json_t *unwrap(const struct body *b, const json_t *item)
{
    const json_t *inner = b->wrap && json_object_size(item) == 1 ? json_object_get(item, b->wrap) : NULL;
    return inner ? inner : item;
}

static int read_bulk(struct req *rq, const struct body *b, const json_t *array)
{
    size_t n = json_array_size(array);

    if (!json_is_array(array) || !n)
        return fail(&rq->cx, KIND_INVALID, "Invalid input for %s: it must be a list with one element at least.", b->plural);
    rq->is_bulk = true;
    rq->bulk = arena_new_array(rq->cx.arena, const json_t *, n);
    rq->bodies = (struct list){ cx_alloc(&rq->cx, b->size * n), n };
    for (size_t i = 0; i < n; i++) {
        rq->bulk[i] = unwrap(b, json_array_get(array, i));
        TRY(read_one(rq, b, rq->bulk[i], (char *)rq->bodies.items + i * b->size));
    }
    rq->json = rq->bulk[0];
    return 0;
}

static bool is_sibling(const struct body *b, const char *key)
{
    const char *p = b->siblings ? strstr(b->siblings, key) : NULL;
    return p && (p[strlen(key)] == 0 || p[strlen(key)] == ' ');
}

static int find_wrapped(struct req *rq, const struct body *b)
{
    const char *key;
    json_t *value;
    json_t *doc = json_incref((json_t *)(uintptr_t)rq->doc);

    arena_defer(rq->cx.arena, (void (*)(void *))json_decref, doc);
    rq->json = b->wrap ? json_object_get(doc, b->wrap) : doc;
    if (!b->wrap)
        return 0;
    json_object_foreach (doc, key, value)
        if (strcmp(key, b->wrap) != 0 && !is_sibling(b, key) && !(b->plural && strcmp(key, b->plural) == 0))
            return fail(&rq->cx, KIND_INVALID, "Additional properties are not allowed ('%.64s' was unexpected)", key);
    if (!rq->json && !(b->plural && json_has(doc, b->plural)))
        return fail(&rq->cx, KIND_INVALID, "Invalid input for field/attribute body. '%s' is a required property.", b->wrap);
    return 0;
}

/* POST .../action: the row whose action the body names. */
static int pick_action(struct req *rq)
{
    const struct route *first = rq->route, *r;
    const char *key = NULL;

    if (!json_is_object(rq->doc))
        return fail(&rq->cx, KIND_INVALID, "Malformed request body: it must be an object that names one action.");
    for (const struct route *const *t = rq->face->tables; *t; t++)
        for (r = *t; r->method; r++)
            if (r->action && strcmp(r->path, first->path) == 0 && strcmp(r->method, first->method) == 0 &&
                (!rq->mv || (r->since <= rq->mv && (!r->until || rq->mv <= r->until))) && json_has(rq->doc, r->action)) {
                if (key && strcmp(key, r->action) != 0)
                    return fail(&rq->cx, KIND_INVALID, "The body names more than one action.");
                key = r->action;
                rq->route = r;
            }
    if (!key)
        return fail(&rq->cx, KIND_INVALID, "There is no such action: %.64s",
                    json_object_size(rq->doc) ? json_object_iter_key(json_object_iter((json_t *)(uintptr_t)rq->doc)) : "{}");
    return 0;
}

static int read_body(struct req *rq)
{
    const struct body *b = rq->route->body;

    if (!b && !rq->route->action)
        return 0;
    if (!rq->http->body_len) {
        if (b && b->optional)
            return 0;
        return fail(&rq->cx, KIND_INVALID, "Malformed request body: it is empty.");
    }
    TRY(json_parse(&rq->cx, rq->http->body, rq->http->body_len, &rq->doc));
    if (rq->route->action)
        TRY(pick_action(rq));
    b = rq->route->body;
    if (!b)
        return 0;
    if (b->any && !b->wrap) {
        rq->json = rq->doc;
        return 0;
    }
    if (!json_is_object(rq->doc))
        return fail(&rq->cx, KIND_INVALID, "Malformed request body: it must be an object.");
    TRY(find_wrapped(rq, b));
    if (b->plural && json_has(rq->doc, b->plural))
        return read_bulk(rq, b, json_object_get(rq->doc, b->plural));
    rq->bodies = (struct list){ cx_alloc(&rq->cx, b->size ? b->size : 1), 1 };
    if (!b->overlay)
        return json_is_null(rq->json) && b->optional ? 0 : read_one(rq, b, rq->json, rq->bodies.items);
    /* the members are read once onto nothing, so that nonsense is refused before any row is looked for */
    const struct json_rules rules = { .mv = rq->mv, .overlay = true, .open = b->open, .ret_admin_member = &rq->admin_member,
                                      .where = b->wrap };
    return b->fields ? json_read(&rq->cx, b->fields, rq->json, rules, rq->bodies.items) : 0;
}

void req_read_body(struct req *rq)
{
    if (read_body(rq) < 0) {
        rq->pending = rq->cx.kind;
        rq->pending_type = rq->cx.type;
        rq->pending_text = rq->cx.text;
        fail_clear(&rq->cx);
    }
}
