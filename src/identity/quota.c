#include "identity/quota.h"

#include <assert.h>

#include "base/text.h"
#include "store/store.h"

/* clang-format off */
static const struct {
    const char *name;
    int64_t limit;
} defaults[] = {
    { "instances", 10 },           { "cores", 20 },
    { "ram", 51200 },              { "key_pairs", 100 },
    { "metadata_items", 128 },     { "injected_files", 5 },
    { "injected_file_content_bytes", 10240 },
    { "injected_file_path_bytes", 255 },
    { "server_groups", 10 },       { "server_group_members", 10 },
    { "network", 100 },            { "subnet", 100 },
    { "port", 500 },               { "router", 10 },
    { "floatingip", 50 },          { "security_group", 10 },
    { "security_group_rule", 100 },{ "subnetpool", -1 },
    { "rbac_policy", 0 }, /* there are none */
};

/* Limits and uses are rows of one shape. */
struct counter {
    const char *project_id, *resource;
    int64_t value;
};
static const struct field counter_columns[] = {
    STR(struct counter, project_id), STR(struct counter, resource), I64(struct counter, value), { 0 },
};
static const struct table limit_table = { "quota_limit", counter_columns, .n_key = 2, .size = sizeof(struct counter) };
static const struct table use_table = { "quota_use", counter_columns, .n_key = 2, .size = sizeof(struct counter) };
/* clang-format on */

static bool is_known(const char *resource)
{
    for (size_t i = 0; i < N_ELEMENTS(defaults); i++)
        if (str_eq(defaults[i].name, resource))
            return true;
    return false;
}

#define ANY_PROJECT "" /* the default's row; no project has this id, and it sorts before all */

static int64_t preset(const char *resource)
{
    for (size_t i = 0; i < N_ELEMENTS(defaults); i++)
        if (str_eq(defaults[i].name, resource))
            return defaults[i].limit;
    assert(!"a resource that quota.c does not know");
    return 0;
}

/* Sets '*ret_value' to the counter, or to 'otherwise' when the project has none. */
static int get(struct cx *cx, const struct table *t, const char *project_id, const char *resource, int64_t otherwise,
               int64_t *ret_value)
{
    struct counter row;

    assert(is_known(resource));
    int found = store_find(cx, t, &row, "project_id=$1 AND resource=$2", ARGS(project_id, resource));
    TRY(found);
    *ret_value = found ? row.value : otherwise;
    return 0;
}

int quota_limit(struct cx *cx, const char *project_id, const char *resource, int64_t *ret_limit)
{
    struct counter row;
    int found = store_find(cx, &limit_table, &row, "project_id IN ($1, '" ANY_PROJECT "') AND resource=$2 ORDER BY project_id DESC LIMIT 1",
                           ARGS(project_id, resource));
    TRY(found);
    *ret_limit = found ? row.value : preset(resource);
    return 0;
}

int quota_default(struct cx *cx, const char *resource, int64_t *ret_limit)
{
    return quota_limit(cx, ANY_PROJECT, resource, ret_limit);
}

int quota_set_default(struct cx *cx, const char *resource, int64_t limit)
{
    return quota_set(cx, ANY_PROJECT, resource, limit);
}

int quota_used(struct cx *cx, const char *project_id, const char *resource, int64_t *ret_used)
{
    return get(cx, &use_table, project_id, resource, 0, ret_used);
}

int quota_correct(struct cx *cx, const char *project_id, const char *resource, int64_t used)
{
    assert(is_known(resource));
    return store_put(cx, &use_table, &(struct counter){ project_id, resource, used });
}

int quota_take(struct cx *cx, const char *project_id, const char *resource, int64_t n)
{
    int64_t limit, used;

    assert(n >= 0);
    TRY(quota_limit(cx, project_id, resource, &limit));
    TRY(quota_used(cx, project_id, resource, &used));
    if (limit >= 0 && n > 0 && (n > limit || used > limit - n))
        return fail_type(cx, KIND_QUOTA, "OverQuota",
                         "Quota exceeded for %s: Requested %lld, but already used %lld of %lld %s. " TEXT_NEXT
                         "delete what is not needed, or ask the cloud's operator for a larger quota.", resource,
                         (long long)n, (long long)used, (long long)limit, resource);
    return quota_correct(cx, project_id, resource, used + n);
}

int quota_give(struct cx *cx, const char *project_id, const char *resource, int64_t n)
{
    int64_t used;

    assert(n >= 0);
    TRY(quota_used(cx, project_id, resource, &used));
    if (n > used)
        return fail(cx, KIND_INTERNAL, "the counter of %s of project %s is %lld and %lld are given back", resource,
                    project_id, (long long)used, (long long)n);
    return quota_correct(cx, project_id, resource, used - n);
}

int quota_set(struct cx *cx, const char *project_id, const char *resource, int64_t limit)
{
    assert(is_known(resource));
    if (limit < -1)
        return fail(cx, KIND_INVALID, "Quota limit %lld for %s must be -1 (unlimited) or more.", (long long)limit,
                    resource);
    return store_put(cx, &limit_table, &(struct counter){ project_id, resource, limit });
}

int quota_reset(struct cx *cx, const char *project_id, const char *const *resources)
{
    if (!resources)
        return store_delete(cx, &limit_table, "project_id=$1", ARGS(project_id));
    for (; *resources; resources++)
        TRY(store_delete(cx, &limit_table, "project_id=$1 AND resource=$2", ARGS(project_id, *resources)));
    return 0;
}

int quota_each_use(struct cx *cx,
                   int (*f)(struct cx *cx, void *arg, const char *project_id, const char *resource, int64_t used),
                   void *arg)
{
    struct list rows;

    TRY(store_list(cx, &use_table, &rows, "1=1 ORDER BY project_id, resource", NO_ARGS));
    const struct counter *c = rows.items;
    for (size_t i = 0; i < rows.n; i++)
        TRY(f(cx, arg, c[i].project_id, c[i].resource, c[i].value));
    return 0;
}
