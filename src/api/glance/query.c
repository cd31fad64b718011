/* What a list of images is asked for. */
#include <string.h>

#include "api/glance/glance.h"
#include "base/text.h"

#define SECOND_US INT64_C(1000000)

static void add_cond(struct cx *cx, struct image_query *q, const char *column, enum filter_op op,
                     const char *value)
{
    struct filter_cond *c = arena_push(cx->arena, &q->filter.conds, &q->filter.n_conds);

    c->column = column;
    c->op = op;
    *arena_push(cx->arena, &c->values.items, &c->values.n) = value;
}

/* ---- one function for each parameter that is more than "column is value" ---- */

static int one_of(struct cx *cx, const char *const *set, const char *name, const char *value)
{
    for (const char *const *s = set; *s; s++)
        if (strcmp(*s, value) == 0)
            return 0;
    return fail(cx, KIND_INVALID, "Invalid %s value: '%.64s'", name, value);
}

static int take_visibility(struct cx *cx, struct image_query *q, const char *name, const char *value)
{
    q->visibility = value;
    return strcmp(value, "all") == 0 ? 0 : one_of(cx, glance_visibilities, name, value);
}

static int take_member_status(struct cx *cx, struct image_query *q, const char *name, const char *value)
{
    static const char *const set[] = { "pending", "accepted", "rejected", "all", NULL };
    q->member_status = value;
    return one_of(cx, set, name, value);
}

static int take_tag(struct cx *cx, struct image_query *q, const char *name, const char *value)
{
    *arena_push(cx->arena, &q->tags.items, &q->tags.n) = value;
    return 0;
}

static int take_size(struct cx *cx, struct image_query *q, const char *name, const char *value)
{
    int64_t n;

    if (str_to_i64(value, &n) < 0 || n < 0)
        return fail(cx, KIND_INVALID, "Invalid %s value: '%.32s' must be a number of bytes.", name, value);
    add_cond(cx, q, "size", strcmp(name, "size_min") == 0 ? FILTER_GE : FILTER_LE, value);
    add_cond(cx, q, "size", FILTER_GE, "0"); /* an image without bytes has no size, not a small one */
    return 0;
}

/* "gt:2026-11-22T07:00:00Z" and the like.  Times are shown in seconds, so a second is what is compared. */
static void add_not_at(struct cx *cx, struct image_query *q, bool updated, int64_t second_us)
{
    struct image_moment *all = q->not_at.items;

    *arena_push(cx->arena, &all, &q->not_at.n) = (struct image_moment){ updated, second_us, second_us + SECOND_US - 1 };
    q->not_at.items = all;
}

static int take_time(struct cx *cx, struct image_query *q, const char *name, const char *value)
{
    static const struct {
        const char *prefix;
        bool from, to;         /* bounded below, above; neither: any other second */
        int64_t first, behind; /* which second, and up to which */
    } ops[] = {
        { "neq:", false, false, 0, 0 },
        { "gte:", true, false, 0, 0 }, { "gt:", true, false, 1, 0 }, { "lte:", false, true, 0, 1 },
        { "lt:", false, true, 0, 0 },  { "eq:", true, true, 0, 1 },  { "", true, true, 0, 1 },
    };
    const char *text = value;
    int64_t us;
    size_t i = 0;

    while (!str_starts(value, ops[i].prefix, &text))
        i++;
    if (!text_to_time(text, &us))
        return fail(cx, KIND_INVALID,
                    "Invalid %s value: '%.64s' must be an ISO 8601 time, after gt:, gte:, lt:, lte:, eq: or neq:.",
                    name, value);
    us -= us % SECOND_US;
    if (!ops[i].from && !ops[i].to)
        add_not_at(cx, q, strcmp(name, "updated_at") == 0, us);
    if (ops[i].from)
        add_cond(cx, q, name, FILTER_GE, cx_printf(cx, "%lld", (long long)(us + ops[i].first * SECOND_US)));
    if (ops[i].to)
        add_cond(cx, q, name, FILTER_LE,
                 cx_printf(cx, "%lld", (long long)(us + ops[i].behind * SECOND_US - 1)));
    return 0;
}

static int take_nothing(struct cx *cx, struct image_query *q, const char *name, const char *value)
{
    return 0; /* req_filter() has it */
}

/* A name that is no member of an image is a property. */
static int take_property(struct cx *cx, struct image_query *q, const char *name, const char *value)
{
    *arena_push(cx->arena, &q->properties.items, &q->properties.n) = (struct strpair){ name, value };
    return 0;
}

typedef int take(struct cx *cx, struct image_query *q, const char *name, const char *value);

/* clang-format off */
static const char *const filters[] = {
    "id", "name", "status", "owner", "container_format", "disk_format", "size", "virtual_size", "min_disk", "min_ram",
    "checksum", "os_hash_algo", "os_hash_value", "protected", "os_hidden", NULL,
};
static const char *const sorts[] = {
    "id", "name", "status", "owner", "container_format", "disk_format", "visibility", "size", "virtual_size", "min_disk",
    "min_ram", "created_at", "updated_at", NULL,
};
static const struct { const char *name; take *take; } takers[] = {
    { "visibility", take_visibility }, { "member_status", take_member_status }, { "tag", take_tag },
    { "size_min", take_size },         { "size_max", take_size },               { "created_at", take_time },
    { "updated_at", take_time },       { "limit", take_nothing },               { "marker", take_nothing },
    { "sort", take_nothing },          { "sort_key", take_nothing },            { "sort_dir", take_nothing },
};
/* clang-format on */

static take *taker_of(const char *name)
{
    for (size_t i = 0; i < N_ELEMENTS(takers); i++)
        if (strcmp(takers[i].name, name) == 0)
            return takers[i].take;
    for (const char *const *f = filters; *f; f++)
        if (strcmp(*f, name) == 0)
            return take_nothing;
    return take_property;
}

int glance_query(struct cx *cx, struct req *rq, struct image_query *ret_query)
{
    const struct paging paging = { .columns = image_table.columns,
                                   .filters = filters,
                                   .sorts = sorts,
                                   .strict = true,
                                   .open = true,
                                   .default_sort = "created_at:desc",
                                   .max = 1000,
                                   .fallback = 100,
                                   .csv_in = true };
    struct strmap pairs = req_query_pairs(rq);
    struct image_query q = { 0 };

    TRY(req_filter(rq, &paging, &q.filter));
    for (size_t i = 0; i < pairs.n; i++)
        TRY(taker_of(pairs.items[i].key)(cx, &q, pairs.items[i].key, pairs.items[i].value));
    if (!req_query(rq, "os_hidden"))
        add_cond(cx, &q, "os_hidden", FILTER_IN, "false");
    *ret_query = q;
    return 0;
}

const char *glance_list_url(struct cx *cx, struct req *rq, const char *marker)
{
    struct buf b = buf_new(cx->arena);
    const char *p = req_http(rq)->query;
    char join = '?';

    buf_puts(&b, "/v2/images");
    while (p && *p) {
        size_t n = strcspn(p, "&");
        if (n && !str_starts(p, "marker=", NULL)) {
            buf_putc(&b, join);
            buf_put(&b, p, n);
            join = '&';
        }
        p += n + (p[n] == '&');
    }
    if (marker)
        buf_printf(&b, "%cmarker=%s", join, marker);
    return buf_text(&b);
}
