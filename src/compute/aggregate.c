#include "compute/aggregate.h"

#include <string.h>

#include "base/env.h"
#include "json/read.h"

/* clang-format off */
#define T struct aggregate
static const struct field aggregate_columns[] = {
    I64(T, id), STR(T, uuid), STR(T, name), JSON(T, metadata), TIME(T, created_at), TIME(T, updated_at), { 0 },
};
#undef T
static const struct table aggregate_table = { "aggregate", aggregate_columns, .n_key = 1, .size = sizeof(struct aggregate) };
static const struct field member_columns[] = {
    I64(struct aggregate_host, aggregate_id), STR(struct aggregate_host, host_id), { 0 },
};
static const struct table member_table = { "aggregate_host", member_columns, .n_key = 2, .size = sizeof(struct aggregate_host) };
/* clang-format on */

const char *aggregate_zone(struct cx *cx, const struct aggregate *aggregate)
{
    struct strmap map = json_to_map(cx, aggregate->metadata);
    for (size_t i = 0; i < map.n; i++)
        if (str_eq(map.items[i].key, "availability_zone"))
            return map.items[i].value;
    return NULL;
}

static int check_name(struct cx *cx, const struct aggregate *a)
{
    int64_t n;
    int r = store_int(cx, &n, "SELECT 1 FROM aggregate WHERE name=$1 AND id<>$2", ARGS(a->name, a->id));

    TRY(r);
    if (r)
        return fail(cx, KIND_CONFLICT, "Aggregate %s already exists.", a->name);
    const char *zone = aggregate_zone(cx, a);
    if (zone && (!*zone || strchr(zone, ':')))
        return fail(cx, KIND_INVALID, "Invalid availability_zone '%.255s': it must not be empty nor contain ':'.", zone);
    return 0;
}

int aggregate_add(struct cx *cx, struct aggregate *aggregate)
{
    int64_t last = 0;

    aggregate->id = 0;
    TRY(check_name(cx, aggregate));
    TRY(store_int(cx, &last, "SELECT max(id) FROM aggregate", NO_ARGS));
    aggregate->id = last + 1;
    aggregate->uuid = uuid_new(cx->arena);
    aggregate->created_at = cx->now_us;
    return store_insert(cx, &aggregate_table, aggregate);
}

int aggregate_get(struct cx *cx, const char *id, struct aggregate *ret_aggregate)
{
    int64_t n = -1;
    int r = 0;

    if (str_to_i64(id, &n) == 0)
        r = store_find(cx, &aggregate_table, ret_aggregate, "id=$1", ARGS(n));
    TRY(r);
    return r ? 0 : fail(cx, KIND_NOT_FOUND, "Aggregate %.64s could not be found.", id);
}

int aggregate_list(struct cx *cx, struct list *ret_aggregates)
{
    return store_list(cx, &aggregate_table, ret_aggregates, "1=1 ORDER BY id", NO_ARGS);
}

int aggregate_hosts(struct cx *cx, struct list *ret_hosts)
{
    return store_list(cx, &member_table, ret_hosts, "1=1 ORDER BY aggregate_id, host_id", NO_ARGS);
}

/* The zone of a host: of the first of its aggregates that names one. */
static int zone_of(struct cx *cx, const char *host_id, const char **ret_zone)
{
    struct list all;

    *ret_zone = HOST_DEFAULT_AZ;
    TRY(store_list(cx, &aggregate_table, &all,
                   "id IN (SELECT m.aggregate_id FROM aggregate_host m WHERE m.host_id=$1) ORDER BY id", ARGS(host_id)));
    const struct aggregate *a = all.items;
    const char *found = NULL;
    for (size_t i = 0; i < all.n; i++) {
        const char *zone = aggregate_zone(cx, &a[i]);
        if (zone && found && !str_eq(zone, found))
            return fail(cx, KIND_CONFLICT, "Host already in availability zone %s: it cannot be in %s too.", found, zone);
        found = zone ? zone : found;
    }
    *ret_zone = found ? found : *ret_zone;
    return 0;
}

static int update_zone(struct cx *cx, const char *host_id)
{
    struct host h;
    const char *zone;

    TRY(host_get(cx, host_id, &h));
    TRY(zone_of(cx, host_id, &zone));
    if (str_eq(zone, h.az))
        return 0;
    if (h.servers_n)
        return fail(cx, KIND_CONFLICT, "Host %s holds servers: its availability zone cannot change from %s to %s.", h.name, h.az, zone);
    return store_exec(cx, &host_table, "UPDATE host SET az=$2 WHERE id=$1", ARGS(host_id, zone));
}

int aggregate_save(struct cx *cx, struct aggregate *aggregate)
{
    struct list members;

    TRY(check_name(cx, aggregate));
    aggregate->updated_at = cx->now_us;
    TRY(store_update(cx, &aggregate_table, aggregate));
    TRY(store_list(cx, &member_table, &members, "aggregate_id=$1", ARGS(aggregate->id)));
    const struct aggregate_host *m = members.items;
    for (size_t i = 0; i < members.n; i++)
        TRY(update_zone(cx, m[i].host_id));
    return 0;
}

int aggregate_remove(struct cx *cx, const struct aggregate *aggregate)
{
    int64_t n = 0;

    TRY(store_int(cx, &n, "SELECT count(*) FROM aggregate_host WHERE aggregate_id=$1", ARGS(aggregate->id)));
    if (n)
        return fail(cx, KIND_CONFLICT, "Aggregate %lld: cannot be deleted while it has hosts. Remove them first.",
                    (long long)aggregate->id);
    return store_delete(cx, &aggregate_table, "id=$1", ARGS(aggregate->id));
}

int aggregate_add_host(struct cx *cx, const struct aggregate *aggregate, const char *host_name)
{
    struct host h;
    int64_t n;

    TRY(host_get_by_name(cx, host_name, &h));
    struct aggregate_host m = { aggregate->id, h.id };
    int r = store_int(cx, &n, "SELECT 1 FROM aggregate_host WHERE aggregate_id=$1 AND host_id=$2", ARGS(m.aggregate_id, m.host_id));
    TRY(r);
    if (r)
        return fail(cx, KIND_CONFLICT, "Aggregate %lld already has host %s.", (long long)aggregate->id, host_name);
    TRY(store_insert(cx, &member_table, &m));
    return update_zone(cx, h.id);
}

int aggregate_remove_host(struct cx *cx, const struct aggregate *aggregate, const char *host_name)
{
    struct host h;

    TRY(host_get_by_name(cx, host_name, &h));
    int n = store_delete(cx, &member_table, "aggregate_id=$1 AND host_id=$2", ARGS(aggregate->id, h.id));
    TRY(n);
    if (!n)
        return fail(cx, KIND_NOT_FOUND, "Aggregate %lld has no host %s.", (long long)aggregate->id, host_name);
    return update_zone(cx, h.id);
}
