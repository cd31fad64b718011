#include "api/neutron/common.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "network/tag.h"

const char *const neutron_tag_filters[] = { "tags", "tags-any", "not-tags", "not-tags-any", "status", "changed_since", NULL };

void neutron_emit_tags(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct standard *s = obj;

    jw_array(w);
    for (const char *p = s->tags && *s->tags ? s->tags + 1 : ""; *p;) {
        size_t n = strcspn(p, "\n");
        jw_string(w, arena_strndup(w->out.arena, p, n));
        p += n + (p[n] == '\n');
    }
    jw_end(w);
}

void neutron_emit_active(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_string(w, "ACTIVE");
}

/* ?changed_since=2026-11-22T07:00:00 */
static int add_changed_since(struct req *rq, struct filter *f)
{
    const char *text = req_query(rq, "changed_since");
    struct cx *cx = req_cx(rq);
    int64_t us;

    if (!text)
        return 0;
    if (!text_to_time(text, &us))
        return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: The input changed_since must be in the following format: YYYY-MM-DDTHH:MM:SS.");
    struct filter_cond *c = arena_push(cx->arena, &f->conds, &f->n_conds);
    c->column = "updated_at";
    c->op = FILTER_GE;
    *arena_push(cx->arena, &c->values.items, &c->values.n) = cx_printf(cx, "%lld", (long long)us);
    return 0;
}

int neutron_query(struct req *rq, const struct paging *p, struct query *ret_query)
{
    *ret_query = (struct query){ .tags = req_query_all(rq, "tags"),
                                 .tags_any = req_query_all(rq, "tags-any"),
                                 .not_tags = req_query_all(rq, "not-tags"),
                                 .not_tags_any = req_query_all(rq, "not-tags-any") };
    TRY(req_filter(rq, p, &ret_query->filter));
    return add_changed_since(rq, &ret_query->filter);
}

bool neutron_never_active(struct req *rq)
{
    struct strs wanted = req_query_all(rq, "status");
    for (size_t i = 0; i < wanted.n; i++)
        if (strcmp(wanted.items[i], "ACTIVE") == 0)
            return false;
    return wanted.n != 0;
}

/* This list's URL from another marker (NULL: from its end), in one direction or the other. */
static const char *page_url(struct req *rq, const char *marker, bool reverse)
{
    struct buf b = buf_new(req_cx(rq)->arena);
    const char *p = req_http(rq)->query;

    buf_printf(&b, "%s?", req_self_url(rq));
    while (p && *p) {
        size_t n = strcspn(p, "&");
        if (n && !str_starts(p, "marker=", NULL) && !str_starts(p, "page_reverse=", NULL)) {
            buf_put(&b, p, n);
            buf_putc(&b, '&');
        }
        p += n + (p[n] == '&');
    }
    if (marker)
        buf_printf(&b, "marker=%s%s", marker, reverse ? "&" : "");
    buf_puts(&b, reverse ? "page_reverse=True" : "");
    return buf_text(&b);
}

static void write_link(struct jwriter *w, const char *rel, const char *href)
{
    jw_object(w);
    jw_kv(w, "rel", rel);
    jw_kv(w, "href", href);
    jw_end(w);
}

/* There is always a way back, from behind the last page too, and a way on as long as pages are full; as in Neutron. */
static void write_links(struct req *rq, struct jwriter *w, const char *wrap, struct strs ids, const struct query *q)
{
    bool full = (int64_t)ids.n == q->filter.limit, next = q->filter.reverse || full, previous = !q->filter.reverse || full;

    if (!q->filter.limit)
        return;
    jw_key(w, cx_printf(req_cx(rq), "%s_links", wrap));
    jw_array(w);
    if (next)
        write_link(w, "next", page_url(rq, ids.n ? ids.items[ids.n - 1] : NULL, false));
    if (previous)
        write_link(w, "previous", page_url(rq, ids.n ? ids.items[0] : NULL, true));
    jw_end(w);
}

static void write_objects(struct req *rq, struct jwriter *w, const struct field *view, struct list objs, size_t size)
{
    struct strs only = req_query_all(rq, "fields");

    jw_array(w);
    for (size_t i = 0; i < objs.n; i++) {
        w->only = only.n ? &only : NULL;
        jw_fields(w, view, (const char *)objs.items + i * size);
        w->only = NULL;
    }
    jw_end(w);
}

int neutron_reply_list(struct req *rq, const char *wrap, const struct field *view, struct list objs, size_t size,
                       const struct query *q)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, wrap);
    write_objects(rq, w, view, objs, size);
    write_links(rq, w, wrap, ids_of(req_cx(rq), objs, size), q);
    jw_end(w);
    return reply_written(rq);
}

int neutron_reply_created(struct req *rq, const char *one, const char *many, const struct field *view, struct list objs, size_t size)
{
    bool bulk;

    (void)req_bodies(rq, &bulk);
    return bulk ? reply_list(rq, many, NULL, view, objs, size) : reply(rq, one, view, objs.items);
}

int neutron_check_project(struct cx *cx, const char *project_id)
{
    if (!project_id || owns(cx, project_id))
        return 0;
    return fail_type(cx, KIND_INVALID, "HTTPBadRequest",
                     "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges");
}

int neutron_check_revision(struct req *rq, const char *collection)
{
    const char *header = req_header(rq, "If-Match"), *text;
    struct cx *cx = req_cx(rq);
    int64_t wanted, revision;

    if (!header)
        return 0;
    if (!str_starts(header, "revision_number=", &text) || str_to_i64(text, &wanted) < 0)
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for If-Match: it must be revision_number=N.");
    TRY(network_revision_get(cx, collection, req_path(rq, "id"), &revision));
    if (wanted == revision)
        return 0;
    reply_status(rq, 412);
    return fail_type(cx, KIND_INVALID, "RevisionNumberConstraintFailed", "Constrained to %lld, but current revision is %lld", (long long)wanted,
                     (long long)revision);
}
