#include <string.h>

#include "api/core/internal.h"
#include "base/text.h"

/* 'name' stands in 'names' as itself or as "name=column"; sets the column. */
static const char *column_of(const struct paging *p, const char *const *names, const char *name)
{
    size_t n = strlen(name);

    for (const char *const *s = names; s && *s; s++) {
        if (strcmp(*s, "*") == 0 && field_find(p->columns, name, 0))
            return name;
        if (strncmp(*s, name, n) == 0 && (!(*s)[n] || (*s)[n] == '='))
            return (*s)[n] ? *s + n + 1 : *s;
    }
    return NULL;
}

static int read_limit(struct req *rq, const struct paging *p, int64_t *ret_limit)
{
    const char *s = req_query(rq, "limit");

    *ret_limit = p->fallback;
    if (s && (str_to_i64(s, ret_limit) < 0 || *ret_limit < 0))
        return fail(&rq->cx, KIND_INVALID, "Invalid input for query parameter limit: '%.32s' must be 0 or more.", s);
    if (p->max && (*ret_limit > p->max || (s && !*ret_limit)))
        *ret_limit = p->max;
    return 0;
}

static int add_sort(struct req *rq, const struct paging *p, struct filter *f, const char *key, const char *dir)
{
    const char *column = column_of(p, p->sorts, key);

    if (dir && strcasecmp(dir, "asc") != 0 && strcasecmp(dir, "desc") != 0)
        return fail(&rq->cx, KIND_INVALID, "Invalid sort direction '%.32s': it must be asc or desc.", dir);
    if (!column && p->strict)
        return fail(&rq->cx, KIND_INVALID, "Invalid sort key '%.64s'.", key);
    if (column)
        *arena_push(rq->cx.arena, &f->sorts, &f->n_sorts) =
            (struct filter_sort){ column, dir && strcasecmp(dir, "desc") == 0 };
    return 0;
}

/* "name:asc,created_at:desc" */
static int add_sort_list(struct req *rq, const struct paging *p, struct filter *f, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        char *key = arena_strndup(rq->cx.arena, text, n), *colon = strchr(key, ':');
        if (colon)
            *colon = 0;
        if (*key)
            TRY(add_sort(rq, p, f, key, colon ? colon + 1 : NULL));
        text += n + (text[n] == ',');
    }
    return 0;
}

static int read_sorts(struct req *rq, const struct paging *p, struct filter *f)
{
    struct strs keys = req_query_all(rq, "sort_key"), dirs = req_query_all(rq, "sort_dir");
    const char *both = req_query(rq, "sort");

    if (both)
        TRY(add_sort_list(rq, p, f, both));
    for (size_t i = 0; i < keys.n; i++)
        TRY(add_sort(rq, p, f, keys.items[i], i < dirs.n ? dirs.items[i] : dirs.n ? dirs.items[0] : p->neutron ? "asc" : "desc"));
    if (!f->n_sorts && p->default_sort) {
        if (dirs.n && !keys.n) { /* a direction alone turns the default order */
            const char *key = arena_strndup(rq->cx.arena, p->default_sort, strcspn(p->default_sort, ":"));
            return add_sort(rq, p, f, key, dirs.items[0]);
        }
        return add_sort_list(rq, p, f, p->default_sort);
    }
    return 0;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool is_paging_word(const char *name)
{
    static const char *const words[] = { "limit", "marker", "sort", "sort_key", "sort_dir", "page_reverse", "fields", NULL };
    return is_listed(words, name);
}

static struct filter_cond *cond_of(struct req *rq, struct filter *f, const char *column)
{
    for (size_t i = 0; i < f->n_conds; i++)
        if (f->conds[i].op == FILTER_IN && str_eq(f->conds[i].column, column))
            return &f->conds[i];
    struct filter_cond *c = arena_push(rq->cx.arena, &f->conds, &f->n_conds);
    c->column = column;
    return c;
}

static void add_values(struct req *rq, struct filter_cond *c, const char *value, bool csv)
{
    if (!csv || !str_starts(value, "in:", &value)) {
        *arena_push(rq->cx.arena, &c->values.items, &c->values.n) = value;
        return;
    }
    while (*value) { /* a value with a comma stands in double quotes */
        bool quoted = *value == '"' && strchr(value + 1, '"');
        value += quoted;
        size_t n = strcspn(value, quoted ? "\"" : ",");
        *arena_push(rq->cx.arena, &c->values.items, &c->values.n) = arena_strndup(rq->cx.arena, value, n);
        value += n + quoted;
        value += *value == ',';
    }
}

int req_filter(struct req *rq, const struct paging *p, struct filter *ret_filter)
{
    struct filter f = { .id_column = p->id_column, .marker = req_query(rq, "marker") };

    TRY(read_limit(rq, p, &f.limit));
    TRY(read_sorts(rq, p, &f));
    f.reverse = p->neutron && req_query_bool(rq, "page_reverse");
    for (size_t i = 0; i < rq->n_query; i++) {
        const char *name = rq->query[i].name, *column = column_of(p, p->filters, name);
        if (column)
            add_values(rq, cond_of(rq, &f, column), rq->query[i].value, p->csv_in);
        else if (p->strict && !p->open && !is_paging_word(name) && !is_listed(p->also, name))
            return fail(&rq->cx, KIND_INVALID, "Invalid filter '%.64s'.", name);
    }
    *ret_filter = f;
    return 0;
}

const char *req_next_url(struct req *rq, const char *marker)
{
    struct buf b = buf_new(rq->cx.arena);
    const char *p = rq->http->query;

    buf_printf(&b, "%s?", req_self_url(rq));
    while (p && *p) {
        size_t n = strcspn(p, "&");
        if (n && strncmp(p, "marker=", 7) != 0) {
            buf_put(&b, p, n);
            buf_putc(&b, '&');
        }
        p += n + (p[n] == '&');
    }
    buf_printf(&b, "marker=%s", marker);
    return buf_text(&b);
}
