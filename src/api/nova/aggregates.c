/* /os-aggregates */
#include "compute/aggregate.h"

#include <jansson.h>
#include <string.h>

#include "api/nova/nova.h"

struct seen { /* an aggregate with the names of its hosts */
    struct aggregate aggregate;
    struct strs hosts;
};

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
EMIT(emit_zone)
{
    const struct seen *s = obj;
    struct cx *cx = req_cx((struct req *)(uintptr_t)ctx);
    jw_string(w, aggregate_zone(cx, &s->aggregate));
}
EMIT(emit_false)
{
    jw_bool(w, false);
}
EMIT(emit_null)
{
    jw_null(w);
}

/* clang-format off */
#define T struct aggregate
#define COMMON                                                                                          \
    I64(T, id), STR(T, uuid, .since = MV(2, 41)), STR(T, name), HOOK("availability_zone", .emit = emit_zone), \
    TIME(T, created_at, .emit = emit_created), TIME(T, updated_at, .emit = emit_updated),                   \
    HOOK("deleted", .emit = emit_false), HOOK("deleted_at", .emit = emit_null)
EMIT(emit_created)
{
    const struct aggregate *a = obj;
    jw_time(w, a->created_at, ".000000");
}
EMIT(emit_updated)
{
    const struct aggregate *a = obj;
    jw_time(w, a->updated_at, ".000000");
}
static const struct field created_view[] = { COMMON, { 0 } };
static const struct field detail_view[] = { COMMON, JSON(T, metadata), STRS(struct seen, hosts), { 0 } };
#undef T

struct aggregate_in {
    const char *name, *availability_zone;
    struct strmap metadata;
};
#define T struct aggregate_in
static const struct field create_fields[] = {
    STR(T, name, .required = true, .min = 1, .max = 255, .check = nova_is_name),
    STR(T, availability_zone, .nullable = true, .min = 1, .max = 255), { 0 },
};
static const struct field change_fields[] = {
    STR(T, name, .min = 1, .max = 255, .check = nova_is_name), STR(T, availability_zone, .nullable = true, .min = 1, .max = 255),
    { 0 },
};
static const struct field host_fields[] = { STR(T, name, AS("host"), .required = true, .min = 1, .max = 255), { 0 } };
/* null takes a key away: kept as a pair without a value. */
static int parse_metadata(struct cx *cx, const struct field *f, const struct json_t *v, void *obj)
{
    struct aggregate_in *in = obj;
    const char *key;
    json_t *value;

    if (!json_is_object(v))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute metadata. It must be an object.");
    json_object_foreach ((json_t *)(uintptr_t)v, key, value) {
        if ((!json_is_string(value) && !json_is_null(value)) || !*key || strlen(key) > 255 ||
            (json_is_string(value) && strlen(json_string_value(value)) > 255))
            return fail(cx, KIND_INVALID, "Invalid input for field/attribute metadata: keys and values are strings of at most 255 bytes.");
        *arena_push(cx->arena, &in->metadata.items, &in->metadata.n) = (struct strpair){ key, json_string_value(value) };
    }
    return 0;
}
static const struct field metadata_fields[] = { HOOK("metadata", .required = true, .parse = parse_metadata), { 0 } };
#undef T
/* clang-format on */

static const struct body create_body = { "aggregate", create_fields, sizeof(struct aggregate_in) };
static const struct body change_body = { "aggregate", change_fields, sizeof(struct aggregate_in) };
static const struct body metadata_body = { "set_metadata", metadata_fields, sizeof(struct aggregate_in) };
static const struct body add_body = { "add_host", host_fields, sizeof(struct aggregate_in) };
static const struct body remove_body = { "remove_host", host_fields, sizeof(struct aggregate_in) };

/* Three queries for any number of aggregates. */
static int gather(struct cx *cx, struct list aggregates, struct list *ret_seen)
{
    struct seen *seen = arena_new_array(cx->arena, struct seen, aggregates.n + 1);
    const struct aggregate *a = aggregates.items;
    struct list members, hosts;

    TRY(aggregate_hosts(cx, &members));
    TRY(host_list(cx, &hosts));
    const struct aggregate_host *m = members.items;
    const struct host *h = hosts.items;
    for (size_t i = 0; i < aggregates.n; i++) {
        seen[i].aggregate = a[i];
        for (size_t k = 0; k < members.n; k++)
            for (size_t j = 0; j < hosts.n && m[k].aggregate_id == a[i].id; j++)
                if (str_eq(m[k].host_id, h[j].id))
                    *arena_push(cx->arena, &seen[i].hosts.items, &seen[i].hosts.n) = h[j].name;
    }
    *ret_seen = (struct list){ seen, aggregates.n };
    return 0;
}

static int reply_aggregate(struct cx *cx, struct req *rq, const struct aggregate *aggregate)
{
    struct aggregate copy = *aggregate;
    struct list seen;

    TRY(gather(cx, (struct list){ &copy, 1 }, &seen));
    return reply(rq, "aggregate", detail_view, seen.items);
}

static int aggregates_list(struct cx *cx, struct req *rq)
{
    struct list aggregates, seen;

    TRY(aggregate_list(cx, &aggregates));
    TRY(gather(cx, aggregates, &seen));
    return reply_list(rq, "aggregates", NULL, detail_view, seen, sizeof(struct seen));
}

static int aggregates_show(struct cx *cx, struct req *rq)
{
    struct aggregate a;

    TRY(aggregate_get(cx, req_path(rq, "id"), &a));
    return reply_aggregate(cx, rq, &a);
}

static void set_pair(struct cx *cx, struct aggregate *a, const char *key, const char *value)
{
    struct strmap old = json_to_map(cx, a->metadata), kept = { 0 };

    for (size_t i = 0; i < old.n; i++)
        if (!str_eq(old.items[i].key, key))
            *arena_push(cx->arena, &kept.items, &kept.n) = old.items[i];
    if (value)
        *arena_push(cx->arena, &kept.items, &kept.n) = (struct strpair){ key, value };
    a->metadata = json_of_map(cx->arena, kept);
}

static int aggregates_create(struct cx *cx, struct req *rq)
{
    const struct aggregate_in *in = req_body(rq);
    struct seen s = { .aggregate = { .name = in->name, .metadata = "{}" } };

    if (in->availability_zone)
        set_pair(cx, &s.aggregate, "availability_zone", in->availability_zone);
    TRY(aggregate_add(cx, &s.aggregate));
    return reply(rq, "aggregate", created_view, &s);
}

static int aggregates_change(struct cx *cx, struct req *rq)
{
    const struct aggregate_in *in = req_body(rq);
    struct aggregate a;

    TRY(aggregate_get(cx, req_path(rq, "id"), &a));
    if (!in->name && !req_has(rq, "availability_zone"))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute aggregate. {} does not have enough properties");
    a.name = in->name ? in->name : a.name;
    if (req_has(rq, "availability_zone"))
        set_pair(cx, &a, "availability_zone", in->availability_zone);
    TRY(aggregate_save(cx, &a));
    return reply_aggregate(cx, rq, &a);
}

static int aggregates_delete(struct cx *cx, struct req *rq)
{
    struct aggregate a;

    TRY(aggregate_get(cx, req_path(rq, "id"), &a));
    TRY(aggregate_remove(cx, &a));
    return reply_empty(rq);
}

static int metadata_set(struct cx *cx, struct req *rq)
{
    const struct aggregate_in *in = req_body(rq);
    struct aggregate a;

    TRY(aggregate_get(cx, req_path(rq, "id"), &a));
    for (size_t i = 0; i < in->metadata.n; i++)
        set_pair(cx, &a, in->metadata.items[i].key, in->metadata.items[i].value);
    TRY(aggregate_save(cx, &a));
    return reply_aggregate(cx, rq, &a);
}

static int host_add(struct cx *cx, struct req *rq)
{
    const struct aggregate_in *in = req_body(rq);
    struct aggregate a;

    TRY(aggregate_get(cx, req_path(rq, "id"), &a));
    TRY(aggregate_add_host(cx, &a, in->name));
    return reply_aggregate(cx, rq, &a);
}

static int host_take_out(struct cx *cx, struct req *rq)
{
    const struct aggregate_in *in = req_body(rq);
    struct aggregate a;

    TRY(aggregate_get(cx, req_path(rq, "id"), &a));
    TRY(aggregate_remove_host(cx, &a, in->name));
    return reply_aggregate(cx, rq, &a);
}

#define P "os_compute_api:os-aggregates:"
#define ACTION "POST", "/os-aggregates/{id}/action"
/* clang-format off */
const struct route nova_aggregate_routes[] = {
    { "GET",    "/os-aggregates",      aggregates_list,   P "index",  MAY_ADMIN, NULL, OK(200) },
    { "POST",   "/os-aggregates",      aggregates_create, P "create", MAY_ADMIN, &create_body, OK(200) },
    { "GET",    "/os-aggregates/{id}", aggregates_show,   P "show",   MAY_ADMIN, NULL, OK(200) },
    { "PUT",    "/os-aggregates/{id}", aggregates_change, P "update", MAY_ADMIN, &change_body, OK(200) },
    { "DELETE", "/os-aggregates/{id}", aggregates_delete, P "delete", MAY_ADMIN, NULL, OK(200) },
    { ACTION, metadata_set, P "set_metadata", MAY_ADMIN, &metadata_body, OK(200), .action = "set_metadata" },
    { ACTION, host_add,     P "add_host",     MAY_ADMIN, &add_body,      OK(200), .action = "add_host" },
    { ACTION, host_take_out, P "remove_host",  MAY_ADMIN, &remove_body,   OK(200), .action = "remove_host" },
    { 0 },
};
/* clang-format on */
