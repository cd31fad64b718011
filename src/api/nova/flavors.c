/* /flavors, their extra specs and who may use them. */
#include "compute/flavor.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api/nova/nova.h"
#include "base/text.h"

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)

EMIT(emit_links)
{
    const struct flavor *flavor = obj;
    nova_links(w, ctx, "flavors", flavor->id);
}
/* "" means none before 2.75. */
EMIT(emit_swap)
{
    const struct flavor *flavor = obj;
    if (flavor->swap_mib || w->mv >= MV(2, 75))
        jw_int(w, flavor->swap_mib);
    else
        jw_string(w, "");
}
EMIT(emit_factor)
{
    const struct flavor *flavor = obj;
    jw_raw(w, flavor->rxtx_factor);
}

/* clang-format off */
#define T struct flavor
static const struct field brief_view[] = {
    STR(T, id), STR(T, name), HOOK("links", .emit = emit_links), STR(T, description, .since = MV(2, 55)), { 0 },
};
static const struct field detail_view[] = {
    STR(T, id), STR(T, name), I64(T, ram_mib, AS("ram")), I64(T, root_gib, AS("disk")), HOOK("swap", .emit = emit_swap),
    I64(T, ephemeral_gib, AS("OS-FLV-EXT-DATA:ephemeral")), BOOL(T, disabled, AS("OS-FLV-DISABLED:disabled")), I64(T, vcpus),
    BOOL(T, is_public, AS("os-flavor-access:is_public")), HOOK("rxtx_factor", .emit = emit_factor),
    HOOK("links", .emit = emit_links), STR(T, description, .since = MV(2, 55)), JSON(T, extra_specs, .since = MV(2, 61)), { 0 },
};
#undef T
static const char *const known_query[] = { "limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir", NULL };
static const char *const sorts[] = {
    "created_at", "description", "disabled", "ephemeral_gb=ephemeral_gib", "flavorid=id", "id", "is_public", "memory_mb=ram_mib",
    "name", "root_gb=root_gib", "rxtx_factor", "swap=swap_mib", "updated_at", "vcpus", NULL,
};
static const char *const sort_keys[] = {
    "created_at", "description", "disabled", "ephemeral_gb", "flavorid", "id", "is_public", "memory_mb", "name", "root_gb",
    "rxtx_factor", "swap", "updated_at", "vcpu_weight", "vcpus", NULL,
};
static const char *const no_filters[] = { NULL };
/* clang-format on */

static int add_minimum(struct cx *cx, struct req *rq, struct filter *f, const char *name, const char *column)
{
    const char *s = req_query(rq, name);
    int64_t n;

    if (!s)
        return 0;
    if (str_to_i64(s, &n) < 0)
        return fail(cx, KIND_INVALID, "Invalid %s filter [%.32s]", name, s);
    const char **v = cx_alloc(cx, sizeof *v);
    *v = s;
    *arena_push(cx->arena, &f->conds, &f->n_conds) = (struct filter_cond){ column, FILTER_GE, { v, 1 } };
    return 0;
}

static int read_scope(struct cx *cx, struct req *rq, enum flavor_scope *ret_scope)
{
    const char *s = req_query(rq, "is_public");
    bool is_public = true;

    *ret_scope = FLAVORS_VISIBLE;
    if (!cx->who->is_admin || !s) {
        *ret_scope = cx->who->is_admin ? FLAVORS_PUBLIC : FLAVORS_VISIBLE;
        return 0;
    }
    if (strcasecmp(s, "none") == 0)
        *ret_scope = FLAVORS_ALL;
    else if (text_to_bool(s, &is_public))
        *ret_scope = is_public ? FLAVORS_PUBLIC : FLAVORS_PRIVATE;
    else
        return fail(cx, KIND_INVALID, "Invalid is_public filter [%.32s]", s);
    return 0;
}

static int list_flavors(struct cx *cx, struct req *rq, const struct field *view)
{
    static const struct paging paging = { .filters = no_filters, .sorts = sorts, .default_sort = "id:asc", .max = NOVA_PAGE_MAX,
                                          .fallback = NOVA_PAGE_MAX };
    struct paging p = paging;
    struct filter f;
    enum flavor_scope scope;
    struct list flavors;

    p.columns = flavor_table.columns;
    TRY(nova_check_query(rq, known_query));
    TRY(nova_check_sort_keys(rq, sort_keys));
    TRY(req_filter(rq, &p, &f));
    for (size_t i = 0; i < f.n_sorts && !req_query(rq, "sort_dir"); i++)
        f.sorts[i].descending = false; /* ascending is this list's default, unlike the servers' */
    TRY(add_minimum(cx, rq, &f, "minRam", "ram_mib"));
    TRY(add_minimum(cx, rq, &f, "minDisk", "root_gib"));
    TRY(read_scope(cx, rq, &scope));
    struct flavor at;
    if (f.marker && flavor_get(cx, f.marker, &at) < 0)
        return fail(cx, KIND_INVALID, "marker [%.255s] not found", f.marker);
    TRY(flavor_list(cx, scope, &f, &flavors));
    const struct flavor *items = flavors.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "flavors");
    jw_array(w);
    for (size_t i = 0; i < flavors.n; i++)
        jw_fields(w, view, &items[i]);
    jw_end(w);
    nova_next_link(w, rq, "flavors_links", flavors.n, f.limit, flavors.n ? items[flavors.n - 1].id : NULL);
    jw_end(w);
    return reply_written(rq);
}

static int flavors_list(struct cx *cx, struct req *rq)
{
    return list_flavors(cx, rq, brief_view);
}

static int flavors_detail(struct cx *cx, struct req *rq)
{
    return list_flavors(cx, rq, detail_view);
}

static int flavors_show(struct cx *cx, struct req *rq)
{
    struct flavor f;

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    return reply(rq, "flavor", detail_view, &f);
}

/* ---- admins ---- */

static bool is_flavor_id(const char *s)
{
    return nova_is_name(s) && !strchr(s, '/');
}

/* "auto" and null ask for an id; a number is taken as text. */
static int parse_id(struct cx *cx, const struct field *f, const struct json_t *v, void *obj)
{
    const char *s = json_is_integer(v) ? cx_printf(cx, "%lld", (long long)json_integer_value(v)) : json_string_value(v);

    if (!json_is_null(v) && (!s || !is_flavor_id(s) || strlen(s) > 255))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute flavorid: it must be 1 to 255 printable characters.");
    ((struct flavor *)obj)->id = json_is_null(v) || str_eq(s, "auto") ? NULL : s;
    return 0;
}

static int parse_factor(struct cx *cx, const struct field *f, const struct json_t *v, void *obj)
{
    double d = json_number_value(v);
    char *end;

    if (json_is_string(v))
        d = strtod(json_string_value(v), &end);
    if ((json_is_string(v) && *end) || !(d > 0 && d < 1e9))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute rxtx_factor: it must be a number above 0.");
    ((struct flavor *)obj)->rxtx_factor = cx_printf(cx, d == (double)(int64_t)d ? "%.1f" : "%.6g", d);
    return 0;
}

/* clang-format off */
#define SIZE_MAX_GIB 1048576
#define T struct flavor
static const struct field create_fields[] = {
    STR(T, name, .required = true, .min = 1, .max = 255, .check = nova_is_name),
    HOOK("id", .parse = parse_id), HOOK("flavorid", .parse = parse_id),
    I64(T, ram_mib, AS("ram"), .required = true, .coerce = true, .min = 1, .max = INT32_MAX),
    I64(T, vcpus, .required = true, .coerce = true, .min = 1, .max = 1024),
    I64(T, root_gib, AS("disk"), .required = true, .coerce = true, .bounded = true, .min = 0, .max = SIZE_MAX_GIB),
    I64(T, ephemeral_gib, AS("OS-FLV-EXT-DATA:ephemeral"), .coerce = true, .bounded = true, .min = 0, .max = SIZE_MAX_GIB),
    I64(T, swap_mib, AS("swap"), .coerce = true, .bounded = true, .min = 0, .max = INT32_MAX),
    HOOK("rxtx_factor", .parse = parse_factor),
    BOOL(T, is_public, AS("os-flavor-access:is_public"), .coerce = true, .preset = "true"),
    STR(T, description, .nullable = true, .max = 65535, .since = MV(2, 55)), { 0 },
};
static const struct field change_fields[] = {
    STR(T, description, .required = true, .nullable = true, .max = 65535, .since = MV(2, 55)), { 0 },
};
#undef T
/* clang-format on */
static const struct body create_body = { "flavor", create_fields, sizeof(struct flavor), .max = 128 * 1024 };
static const struct body change_body = { "flavor", change_fields, sizeof(struct flavor), .max = 128 * 1024 };

static int flavors_create(struct cx *cx, struct req *rq)
{
    struct flavor f = *(const struct flavor *)req_body(rq);

    TRY(flavor_add(cx, &f));
    return reply(rq, "flavor", detail_view, &f);
}

static int flavors_change(struct cx *cx, struct req *rq)
{
    const struct flavor *in = req_body(rq);
    struct flavor f;

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    f.description = in->description;
    TRY(flavor_save(cx, &f));
    return reply(rq, "flavor", detail_view, &f);
}

static int flavors_delete(struct cx *cx, struct req *rq)
{
    TRY(flavor_remove(cx, req_path(rq, "id")));
    return reply_empty(rq);
}

/* ---- extra specs ---- */

static bool is_spec_key(const char *s)
{
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:. ")] == 0;
}

/* Nova takes numbers too, and keeps them as text. */
static int read_specs(struct cx *cx, const json_t *object, struct strmap *ret_specs)
{
    const char *key;
    json_t *v;

    if (!json_is_object(object))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute extra_specs. It must be an object.");
    json_object_foreach ((json_t *)(uintptr_t)object, key, v) {
        const char *value = json_is_string(v) ? json_string_value(v) : json_is_number(v) ? json_text(cx, v) : NULL;
        if (!*key || strlen(key) > 255 || !is_spec_key(key) || !value || strlen(value) > 255)
            return fail(cx, KIND_INVALID, "Invalid input for field/attribute extra_specs: keys are 1 to 255 characters of letters, "
                                          "digits, '-_:. ', values strings of at most 255 bytes.");
        *arena_push(cx->arena, &ret_specs->items, &ret_specs->n) = (struct strpair){ key, value };
    }
    return 0;
}

static void put_spec(struct cx *cx, struct strmap *map, struct strpair pair)
{
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->items[i].key, pair.key)) {
            map->items[i].value = pair.value;
            return;
        }
    *arena_push(cx->arena, &map->items, &map->n) = pair;
}

static int merge_specs(struct cx *cx, struct flavor *f, struct strmap specs)
{
    struct strmap old = json_to_map(cx, f->extra_specs), all = { 0 };

    for (size_t i = 0; i < old.n; i++)
        put_spec(cx, &all, old.items[i]);
    for (size_t i = 0; i < specs.n; i++)
        put_spec(cx, &all, specs.items[i]);
    f->extra_specs = json_of_map(cx->arena, all);
    return flavor_save(cx, f);
}

static int reply_specs(struct req *rq, const char *specs)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "extra_specs");
    jw_raw(w, specs);
    jw_end(w);
    return reply_written(rq);
}

static int specs_list(struct cx *cx, struct req *rq)
{
    struct flavor f;

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    return reply_specs(rq, f.extra_specs);
}

static int specs_create(struct cx *cx, struct req *rq)
{
    struct flavor f;
    struct strmap specs = { 0 };

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    TRY(read_specs(cx, req_json(rq), &specs));
    TRY(merge_specs(cx, &f, specs));
    return reply_specs(rq, json_of_map(cx->arena, specs));
}

static int find_spec(struct cx *cx, struct req *rq, struct flavor *ret_flavor, const char **ret_value)
{
    const char *key = req_path(rq, "key");

    TRY(flavor_get(cx, req_path(rq, "id"), ret_flavor));
    struct strmap specs = json_to_map(cx, ret_flavor->extra_specs);
    for (size_t i = 0; i < specs.n; i++)
        if (str_eq(specs.items[i].key, key)) {
            *ret_value = specs.items[i].value;
            return 0;
        }
    return fail(cx, KIND_NOT_FOUND, "Flavor %s has no extra specs with key %.255s.", ret_flavor->id, key);
}

static int reply_spec(struct req *rq, const char *key, const char *value)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_kv(w, key, value);
    jw_end(w);
    return reply_written(rq);
}

static int specs_show(struct cx *cx, struct req *rq)
{
    struct flavor f;
    const char *value;

    TRY(find_spec(cx, rq, &f, &value));
    return reply_spec(rq, req_path(rq, "key"), value);
}

static int specs_change(struct cx *cx, struct req *rq)
{
    struct flavor f;
    struct strmap specs = { 0 };

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    TRY(read_specs(cx, req_json(rq), &specs));
    if (specs.n != 1 || !str_eq(specs.items[0].key, req_path(rq, "key")))
        return fail(cx, KIND_INVALID, "Request body contains too many items, or its key is not the one of the URL.");
    TRY(merge_specs(cx, &f, specs));
    return reply_spec(rq, specs.items[0].key, specs.items[0].value);
}

static int specs_delete(struct cx *cx, struct req *rq)
{
    struct flavor f;
    const char *value;
    struct strmap kept = { 0 };

    TRY(find_spec(cx, rq, &f, &value));
    struct strmap specs = json_to_map(cx, f.extra_specs);
    for (size_t i = 0; i < specs.n; i++)
        if (!str_eq(specs.items[i].key, req_path(rq, "key")))
            put_spec(cx, &kept, specs.items[i]);
    f.extra_specs = json_of_map(cx->arena, kept);
    TRY(flavor_save(cx, &f));
    return reply_empty(rq);
}

static const struct body specs_body = { "extra_specs", .any = true };
static const struct body spec_body = { .any = true };

/* ---- access ---- */

/* clang-format off */
static const struct field access_view[] = {
    STR(struct flavor_access, flavor_id), STR(struct flavor_access, project_id, AS("tenant_id")), { 0 },
};
static const struct field access_fields[] = {
    STR(struct flavor_access, project_id, AS("tenant"), .required = true, .min = 1, .max = 255), { 0 },
};
/* clang-format on */
static const struct body add_body = { "addTenantAccess", access_fields, sizeof(struct flavor_access) };
static const struct body remove_body = { "removeTenantAccess", access_fields, sizeof(struct flavor_access) };

static int reply_access(struct cx *cx, struct req *rq, const struct flavor *f)
{
    struct list access;

    TRY(flavor_access_list(cx, f->id, &access));
    return reply_list(rq, "flavor_access", NULL, access_view, access, sizeof(struct flavor_access));
}

static int access_list(struct cx *cx, struct req *rq)
{
    struct flavor f;

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    if (f.is_public)
        return fail(cx, KIND_NOT_FOUND, "Access list not available for public flavors.");
    return reply_access(cx, rq, &f);
}

static int access_add(struct cx *cx, struct req *rq)
{
    const struct flavor_access *in = req_body(rq);
    struct flavor f;

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    TRY(flavor_access_add(cx, &f, in->project_id));
    return reply_access(cx, rq, &f);
}

static int access_remove(struct cx *cx, struct req *rq)
{
    const struct flavor_access *in = req_body(rq);
    struct flavor f;

    TRY(flavor_get(cx, req_path(rq, "id"), &f));
    TRY(flavor_access_remove(cx, &f, in->project_id));
    return reply_access(cx, rq, &f);
}

#define P "os_compute_api:"
/* clang-format off */
const struct route nova_flavor_routes[] = {
    { "GET",    "/flavors",        flavors_list,   P "flavors",                 MAY_READER, NULL, OK(200) },
    { "GET",    "/flavors/detail", flavors_detail, P "flavors",                 MAY_READER, NULL, OK(200) },
    { "POST",   "/flavors",        flavors_create, P "os-flavor-manage:create", MAY_ADMIN,  &create_body, OK(200) },
    { "GET",    "/flavors/{id}",   flavors_show,   P "flavors",                 MAY_READER, NULL, OK(200) },
    { "PUT",    "/flavors/{id}",   flavors_change, P "os-flavor-manage:update", MAY_ADMIN,  &change_body, OK(200), .since = MV(2, 55) },
    { "DELETE", "/flavors/{id}",   flavors_delete, P "os-flavor-manage:delete", MAY_ADMIN,  NULL, OK(202) },
    { "GET",    "/flavors/{id}/os-extra_specs",       specs_list,   P "os-flavor-extra-specs:index",  MAY_READER, NULL, OK(200) },
    { "POST",   "/flavors/{id}/os-extra_specs",       specs_create, P "os-flavor-extra-specs:create", MAY_ADMIN,  &specs_body, OK(200) },
    { "GET",    "/flavors/{id}/os-extra_specs/{key}", specs_show,   P "os-flavor-extra-specs:show",   MAY_READER, NULL, OK(200) },
    { "PUT",    "/flavors/{id}/os-extra_specs/{key}", specs_change, P "os-flavor-extra-specs:update", MAY_ADMIN,  &spec_body, OK(200) },
    { "DELETE", "/flavors/{id}/os-extra_specs/{key}", specs_delete, P "os-flavor-extra-specs:delete", MAY_ADMIN,  NULL, OK(200) },
    { "GET",    "/flavors/{id}/os-flavor-access",     access_list,  P "os-flavor-access",             MAY_ADMIN,  NULL, OK(200) },
    { "POST",   "/flavors/{id}/action", access_add,    P "os-flavor-access:add_tenant_access",    MAY_ADMIN, &add_body, OK(200), .action = "addTenantAccess" },
    { "POST",   "/flavors/{id}/action", access_remove, P "os-flavor-access:remove_tenant_access", MAY_ADMIN, &remove_body, OK(200), .action = "removeTenantAccess" },
    { 0 },
};
/* clang-format on */
