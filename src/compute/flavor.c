#include "compute/flavor.h"

#include "auth/who.h"
#include "base/env.h"
#include "store/filter.h"

/* clang-format off */
#define T struct flavor
static const struct field flavor_columns[] = {
    STR(T, id), STR(T, name), STR(T, description), I64(T, vcpus), I64(T, ram_mib), I64(T, root_gib),
    I64(T, ephemeral_gib), I64(T, swap_mib), STR(T, rxtx_factor), BOOL(T, is_public), BOOL(T, disabled),
    JSON(T, extra_specs), TIME(T, created_at), TIME(T, updated_at), { 0 },
};
#undef T
const struct table flavor_table = { "flavor", flavor_columns, .n_key = 1, .size = sizeof(struct flavor) };
static const struct field access_columns[] = {
    STR(struct flavor_access, flavor_id), STR(struct flavor_access, project_id), { 0 },
};
static const struct table access_table = { "flavor_access", access_columns, .n_key = 2, .size = sizeof(struct flavor_access) };

/* What Essex shipped, and a small one for images that need no more; the last two numbers are root and ephemeral GiB. */
static const struct flavor defaults[] = {
    { .id = "1", .name = "m1.tiny",   .vcpus = 1, .ram_mib = 512,   .root_gib = 0 },
    { .id = "2", .name = "m1.small",  .vcpus = 1, .ram_mib = 2048,  .root_gib = 10, .ephemeral_gib = 20 },
    { .id = "3", .name = "m1.medium", .vcpus = 2, .ram_mib = 4096,  .root_gib = 10, .ephemeral_gib = 40 },
    { .id = "4", .name = "m1.large",  .vcpus = 4, .ram_mib = 8192,  .root_gib = 10, .ephemeral_gib = 80 },
    { .id = "5", .name = "m1.xlarge", .vcpus = 8, .ram_mib = 16384, .root_gib = 10, .ephemeral_gib = 160 },
    { .id = "6", .name = "m1.micro",  .vcpus = 1, .ram_mib = 256,   .root_gib = 0 },
};
/* clang-format on */

#define HAS_ACCESS "id IN (SELECT flavor_id FROM flavor_access WHERE project_id=$1)"

int flavor_list(struct cx *cx, enum flavor_scope scope, const struct filter *filter, struct list *ret_flavors)
{
    static const char *const wheres[] = {
        [FLAVORS_VISIBLE] = "is_public=1 OR " HAS_ACCESS,
        [FLAVORS_PUBLIC] = "is_public=1 AND $1=$1",
        [FLAVORS_PRIVATE] = "is_public=0 AND $1=$1",
        [FLAVORS_ALL] = "$1=$1",
    };
    if (!cx->who->is_admin)
        scope = FLAVORS_VISIBLE;
    const char *project = cx->who->project_id ? cx->who->project_id : "";
    return store_list_filtered(cx, &flavor_table, ret_flavors, filter, wheres[scope], ARGS(project));
}

int flavor_get(struct cx *cx, const char *id, struct flavor *ret_flavor)
{
    struct flavor f;
    const char *project = cx->who->project_id ? cx->who->project_id : "";
    int r = store_find(cx, &flavor_table, &f, "id=$2 AND (is_public=1 OR $3=1 OR " HAS_ACCESS ")",
                       ARGS(project, id, (int)cx->who->is_admin));
    TRY(r);
    if (!r)
        return fail(cx, KIND_NOT_FOUND, "Flavor %.255s could not be found.", id);
    *ret_flavor = f;
    return 0;
}

int flavor_add(struct cx *cx, struct flavor *flavor)
{
    int64_t n;

    if (!flavor->id)
        flavor->id = uuid_new(cx->arena);
    int r = store_int(cx, &n, "SELECT 1 FROM flavor WHERE id=$1", ARGS(flavor->id));
    TRY(r);
    if (r)
        return fail(cx, KIND_CONFLICT, "Flavor with ID %s already exists.", flavor->id);
    r = store_int(cx, &n, "SELECT 1 FROM flavor WHERE name=$1", ARGS(flavor->name));
    TRY(r);
    if (r)
        return fail(cx, KIND_CONFLICT, "Flavor with name %s already exists.", flavor->name);
    flavor->extra_specs = flavor->extra_specs ? flavor->extra_specs : "{}";
    flavor->rxtx_factor = flavor->rxtx_factor ? flavor->rxtx_factor : "1.0";
    flavor->created_at = cx->now_us;
    return store_insert(cx, &flavor_table, flavor);
}

int flavor_save(struct cx *cx, struct flavor *flavor)
{
    flavor->updated_at = cx->now_us;
    return store_update(cx, &flavor_table, flavor);
}

int flavor_remove(struct cx *cx, const char *id)
{
    struct flavor f;

    TRY(flavor_get(cx, id, &f));
    TRY(store_delete(cx, &access_table, "flavor_id=$1", ARGS(id)));
    return store_delete(cx, &flavor_table, "id=$1", ARGS(id));
}

int flavor_access_list(struct cx *cx, const char *flavor_id, struct list *ret_access)
{
    return store_list(cx, &access_table, ret_access, "flavor_id=$1 ORDER BY project_id", ARGS(flavor_id));
}

int flavor_access_add(struct cx *cx, const struct flavor *flavor, const char *project_id)
{
    struct flavor_access a = { flavor->id, project_id };
    int64_t n;

    if (flavor->is_public)
        return fail(cx, KIND_CONFLICT, "Can not add access to a public flavor.");
    int r = store_int(cx, &n, "SELECT 1 FROM flavor_access WHERE flavor_id=$1 AND project_id=$2", ARGS(a.flavor_id, project_id));
    TRY(r);
    if (r)
        return fail(cx, KIND_CONFLICT, "Flavor access already exists for flavor %s and project %s combination.",
                    flavor->id, project_id);
    return store_insert(cx, &access_table, &a);
}

int flavor_access_remove(struct cx *cx, const struct flavor *flavor, const char *project_id)
{
    int n = store_delete(cx, &access_table, "flavor_id=$1 AND project_id=$2", ARGS(flavor->id, project_id));
    TRY(n);
    if (!n)
        return fail(cx, KIND_NOT_FOUND, "Flavor access not found for %s / %s combination.", flavor->id, project_id);
    return 0;
}

int flavor_setup(struct cx *cx)
{
    int64_t n = 0;

    TRY(store_int(cx, &n, "SELECT count(*) FROM flavor", NO_ARGS));
    for (size_t i = 0; !n && i < N_ELEMENTS(defaults); i++) {
        struct flavor f = defaults[i];
        f.is_public = true;
        TRY(flavor_add(cx, &f));
    }
    return 0;
}
