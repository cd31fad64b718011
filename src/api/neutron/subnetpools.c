#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/network.h"

/* clang-format off */
static const struct field create_fields[] = {
    STANDARD_BODY(struct subnetpool),
    BOOL(struct subnetpool, shared, .coerce = true, .write_once = true),
    BOOL(struct subnetpool, is_default, .coerce = true),
    STRS(struct subnetpool, prefixes, .required = true),
    I64(struct subnetpool, default_prefixlen, .coerce = true, .min = 1, .max = 128),
    I64(struct subnetpool, min_prefixlen, .coerce = true, .min = 1, .max = 128),
    I64(struct subnetpool, max_prefixlen, .coerce = true, .min = 1, .max = 128),
    I64(struct subnetpool, default_quota, .coerce = true, .nullable = true, .preset = "-1", .bounded = true, .min = -1, .max = INT64_MAX),
    { 0 },
};
static const struct body create_body = { "subnetpool", create_fields, sizeof(struct subnetpool), .plural = "subnetpools", .max = 1 << 20 };
static const struct body update_body = { "subnetpool", create_fields, sizeof(struct subnetpool), .overlay = true };

static void emit_quota(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct subnetpool *p = obj;
    if (p->default_quota < 0)
        jw_null(w);
    else
        jw_int(w, p->default_quota);
}
static const struct field view[] = {
    STANDARD_VIEW(struct subnetpool),
    BOOL(struct subnetpool, shared),           BOOL(struct subnetpool, is_default),
    INT(struct subnetpool, ip_version),        STRS(struct subnetpool, prefixes),
    I64(struct subnetpool, default_prefixlen), I64(struct subnetpool, min_prefixlen),
    I64(struct subnetpool, max_prefixlen),     I64(struct subnetpool, default_quota, .emit = emit_quota),
    { 0 },
};
static const char *const filters[] = {
    STANDARD_FILTERS, "shared", "is_default", "ip_version", "default_prefixlen", "min_prefixlen", "max_prefixlen", "default_quota", NULL,
};
/* clang-format on */

static int pools_list(struct cx *cx, struct req *rq)
{
    const struct paging paging = { .columns = subnetpool_table.columns, .filters = filters, .sorts = filters, .also = neutron_tag_filters,
                                   .strict = true, .neutron = true };
    struct query q;
    struct list pools;

    TRY(neutron_query(rq, &paging, &q));
    TRY(subnetpool_list(cx, &q, &pools));
    return neutron_reply_list(rq, "subnetpools", view, pools, sizeof(struct subnetpool), &q);
}

static int pools_create(struct cx *cx, struct req *rq)
{
    struct list in = req_bodies(rq, NULL);
    struct subnetpool *p = arena_new_array(cx->arena, struct subnetpool, in.n);

    for (size_t i = 0; i < in.n; i++) {
        p[i] = ((const struct subnetpool *)in.items)[i];
        TRY(neutron_check_project(cx, p[i].project_id));
        if (!p[i].default_quota && req_has_at(rq, i, "default_quota")) /* null */
            p[i].default_quota = -1;
        TRY(subnetpool_add(cx, &p[i]));
    }
    return neutron_reply_created(rq, "subnetpool", "subnetpools", view, (struct list){ p, in.n }, sizeof *p);
}

static int pools_show(struct cx *cx, struct req *rq)
{
    struct subnetpool p;

    TRY(subnetpool_get(cx, req_path(rq, "id"), &p));
    return reply(rq, "subnetpool", view, &p);
}

static int pools_update(struct cx *cx, struct req *rq)
{
    struct subnetpool p;

    TRY(neutron_check_revision(rq, "subnetpools"));
    TRY(subnetpool_get_own(cx, req_path(rq, "id"), "update_subnetpool", &p));
    TRY(req_overlay(rq, &p));
    TRY(subnetpool_change(cx, &p));
    return reply(rq, "subnetpool", view, &p);
}

static int pools_delete(struct cx *cx, struct req *rq)
{
    TRY(neutron_check_revision(rq, "subnetpools"));
    TRY(subnetpool_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route neutron_subnetpool_routes[] = {
    { "GET",    "/subnetpools",      pools_list,   "get_subnetpool",    MAY_READER, NULL,         OK(200) },
    { "POST",   "/subnetpools",      pools_create, "create_subnetpool", MAY_MEMBER, &create_body, OK(201) },
    { "GET",    "/subnetpools/{id}", pools_show,   "get_subnetpool",    MAY_READER, NULL,         OK(200) },
    { "PUT",    "/subnetpools/{id}", pools_update, "update_subnetpool", MAY_MEMBER, &update_body, OK(200) },
    { "DELETE", "/subnetpools/{id}", pools_delete, "delete_subnetpool", MAY_MEMBER, NULL,         OK(204) },
    { 0 },
};
