#include "identity/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "auth/who.h"
#include "base/buf.h"
#include "base/env.h"
#include "identity/rows.h"

/* clang-format off */
const struct field catalog_region_columns[] = {
    STR(struct catalog_region, id), STR(struct catalog_region, description), STR(struct catalog_region, parent_region_id),
    JSON(struct catalog_region, extra), { 0 },
};
const struct field catalog_service_columns[] = {
    STR(struct catalog_service, id), STR(struct catalog_service, type), STR(struct catalog_service, name),
    STR(struct catalog_service, description), BOOL(struct catalog_service, enabled), JSON(struct catalog_service, extra), { 0 },
};
const struct field catalog_endpoint_columns[] = {
    STR(struct catalog_endpoint, id), STR(struct catalog_endpoint, service_id), STR(struct catalog_endpoint, region_id),
    STR(struct catalog_endpoint, interface), STR(struct catalog_endpoint, url), BOOL(struct catalog_endpoint, enabled),
    JSON(struct catalog_endpoint, extra), { 0 },
};
static const struct table region_table = { "identity_region", catalog_region_columns, .n_key = 1, .size = sizeof(struct catalog_region) };
static const struct table service_table = { "identity_service", catalog_service_columns, .n_key = 1, .size = sizeof(struct catalog_service) };
static const struct table endpoint_table = { "identity_endpoint", catalog_endpoint_columns, .n_key = 1, .size = sizeof(struct catalog_endpoint) };
/* clang-format on */

enum { REGION_DEPTH_MAX = 64 };

/* ---- regions ---- */

/* No region is above itself. */
static int check_parents(struct cx *cx, const struct catalog_region *r)
{
    struct catalog_region parent = { .parent_region_id = r->parent_region_id };

    for (int depth = 0; parent.parent_region_id; depth++) {
        if (depth == REGION_DEPTH_MAX || str_eq(parent.parent_region_id, r->id))
            return fail(cx, KIND_INVALID, "Region %.64s cannot be below itself.", r->id);
        TRY(catalog_region_get(cx, parent.parent_region_id, &parent));
    }
    return 0;
}

int catalog_region_create(struct cx *cx, struct catalog_region *r)
{
    r->id = str_empty(r->id) ? uuid_new_hex(cx->arena) : r->id;
    TRY(check_parents(cx, r));
    return identity_row_insert(cx, &region_table, "region", r->id, r);
}

int catalog_region_get(struct cx *cx, const char *id, struct catalog_region *ret_region)
{
    return identity_row_get(cx, &region_table, "region", id, ret_region);
}

int catalog_region_list(struct cx *cx, const struct filter *f, struct list *ret_regions)
{
    return store_list_filtered(cx, &region_table, ret_regions, f, NULL, NO_ARGS);
}

int catalog_region_update(struct cx *cx, const struct catalog_region *r)
{
    TRY(check_parents(cx, r));
    return identity_row_update(cx, &region_table, "region", r->id, r);
}

int catalog_region_delete(struct cx *cx, const char *id)
{
    int64_t one;
    int used = store_int(cx, &one,
                         "SELECT 1 FROM identity_endpoint WHERE region_id=$1"
                         " UNION ALL SELECT 1 FROM identity_region WHERE parent_region_id=$1",
                         ARGS(id));
    TRY(used);
    if (used)
        return fail(cx, KIND_CONFLICT, "Unable to delete region %.64s because it or its child regions have associated endpoints.",
                    id);
    return identity_row_delete(cx, &region_table, "region", id);
}

/* ---- services ---- */

int catalog_service_create(struct cx *cx, struct catalog_service *s)
{
    s->id = uuid_new_hex(cx->arena);
    return store_insert(cx, &service_table, s);
}

int catalog_service_get(struct cx *cx, const char *id, struct catalog_service *ret_service)
{
    return identity_row_get(cx, &service_table, "service", id, ret_service);
}

int catalog_service_list(struct cx *cx, const struct filter *f, struct list *ret_services)
{
    return store_list_filtered(cx, &service_table, ret_services, f, NULL, NO_ARGS);
}

int catalog_service_update(struct cx *cx, const struct catalog_service *s)
{
    return store_update(cx, &service_table, s);
}

int catalog_service_delete(struct cx *cx, const char *id)
{
    TRY(store_delete(cx, &endpoint_table, "service_id=$1", ARGS(id)));
    return identity_row_delete(cx, &service_table, "service", id);
}

/* ---- endpoints ---- */

static int check_endpoint(struct cx *cx, struct catalog_endpoint *e)
{
    struct catalog_service s;
    struct catalog_region r;

    TRY(catalog_service_get(cx, e->service_id, &s));
    if (e->region) {
        int found = store_find(cx, &region_table, &r, "id=$1", ARGS(e->region));
        TRY(found);
        e->region_id = e->region;
        if (!found)
            return catalog_region_create(cx, &(struct catalog_region){ .id = e->region, .description = "", .extra = "{}" });
    }
    return e->region_id ? catalog_region_get(cx, e->region_id, &r) : 0;
}

int catalog_endpoint_create(struct cx *cx, struct catalog_endpoint *e)
{
    e->id = uuid_new_hex(cx->arena);
    TRY(check_endpoint(cx, e));
    return store_insert(cx, &endpoint_table, e);
}

int catalog_endpoint_get(struct cx *cx, const char *id, struct catalog_endpoint *ret_endpoint)
{
    return identity_row_get(cx, &endpoint_table, "endpoint", id, ret_endpoint);
}

int catalog_endpoint_list(struct cx *cx, const struct filter *f, struct list *ret_endpoints)
{
    return store_list_filtered(cx, &endpoint_table, ret_endpoints, f, NULL, NO_ARGS);
}

int catalog_endpoint_update(struct cx *cx, struct catalog_endpoint *e)
{
    TRY(check_endpoint(cx, e));
    return store_update(cx, &endpoint_table, e);
}

int catalog_endpoint_delete(struct cx *cx, const char *id)
{
    return identity_row_delete(cx, &endpoint_table, "endpoint", id);
}

/* ---- the catalog of a token ---- */

const char *catalog_url(struct cx *cx, const char *base_url, const char *url)
{
    return *url == '/' ? cx_printf(cx, "%s%s", base_url, url) : url;
}

/* The whole URL, in which "$(project_id)s", "%(tenant_id)s" and "..user_id.." have become ids; NULL when 'who' has none,
 * or for another name. */
static const char *fill_in(struct cx *cx, const char *base_url, const char *url, const struct who *who)
{
    struct buf b = buf_new(cx->arena);

    buf_puts(&b, *url == '/' ? base_url : "");
    while (*url) {
        size_t plain = strcspn(url, "$%");
        if (!plain && url[1] != '(')
            plain = 1;
        if (plain) {
            buf_put(&b, url, plain);
            url += plain;
            continue;
        }
        const char *end = strstr(url, ")s");
        if (!end)
            return NULL;
        const char *name = arena_strndup(cx->arena, url + 2, (size_t)(end - url - 2));
        bool project = str_eq(name, "project_id") || str_eq(name, "tenant_id");
        const char *value = project ? who->project_id : str_eq(name, "user_id") ? who->user_id : NULL;
        if (!value)
            return NULL;
        buf_puts(&b, value);
        url = end + 2;
    }
    return buf_text(&b);
}

static int compare_entries(const void *a, const void *b)
{
    const struct catalog_entry *x = a, *y = b;
    int c = strcmp(x->service_type, y->service_type);

    c = c ? c : strcmp(x->service_id, y->service_id);
    c = c ? c : strcmp(x->interface, y->interface);
    return c ? c : strcmp(x->id, y->id);
}

int catalog_entries(struct cx *cx, const char *base_url, const struct who *who, struct list *ret_entries)
{
    static const struct field columns[] = {
        STR(struct catalog_entry, service_id), STR(struct catalog_entry, service_type), STR(struct catalog_entry, service_name),
        STR(struct catalog_entry, id), STR(struct catalog_entry, interface), STR(struct catalog_entry, region_id),
        STR(struct catalog_entry, url), { 0 },
    };
    static const char sql[] = "SELECT s.id, s.type, s.name, e.id, e.interface, e.region_id, e.url FROM identity_service s"
                              " JOIN identity_endpoint e ON e.service_id=s.id WHERE s.enabled=1 AND e.enabled=1";
    struct list rows;
    size_t n = 0;

    TRY(store_select(cx, columns, sizeof(struct catalog_entry), &rows, sql, NO_ARGS));
    struct catalog_entry *e = rows.items;
    if (rows.n)
        qsort(e, rows.n, sizeof *e, compare_entries);
    for (size_t i = 0; i < rows.n; i++) {
        const char *url = fill_in(cx, base_url, e[i].url, who);
        if (!url)
            continue;
        e[i].url = url;
        e[n++] = e[i];
    }
    *ret_entries = (struct list){ e, n };
    return 0;
}
