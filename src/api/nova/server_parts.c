/* A server's metadata and tags. */
#include <jansson.h>
#include <string.h>

#include "api/nova/nova.h"

/* ---- metadata ---- */

static const struct body map_body = { "metadata", .any = true };
static const struct body meta_body = { "meta", .any = true };

static int reply_metadata(struct req *rq, const struct server *s)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "metadata");
    jw_raw(w, s->metadata);
    jw_end(w);
    return reply_written(rq);
}

static int metadata_list(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    return reply_metadata(rq, &s);
}

static int metadata_add(struct cx *cx, struct req *rq)
{
    struct server s;
    struct strmap map;

    TRY(nova_server(cx, rq, &s));
    TRY(nova_read_metadata(cx, rq, &map));
    TRY(server_set_metadata(cx, &s, nova_merge(cx, json_to_map(cx, s.metadata), map)));
    return reply_metadata(rq, &s);
}

static int metadata_replace(struct cx *cx, struct req *rq)
{
    struct server s;
    struct strmap map;

    TRY(nova_server(cx, rq, &s));
    TRY(nova_read_metadata(cx, rq, &map));
    TRY(server_set_metadata(cx, &s, map));
    return reply_metadata(rq, &s);
}

static int reply_meta(struct req *rq, const char *key, const char *value)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "meta");
    jw_object(w);
    jw_kv(w, key, value);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int find_meta(struct cx *cx, struct req *rq, struct server *ret_server, const char **ret_value)
{
    TRY(nova_server(cx, rq, ret_server));
    struct strmap map = json_to_map(cx, ret_server->metadata);
    for (size_t i = 0; i < map.n; i++)
        if (str_eq(map.items[i].key, req_path(rq, "key"))) {
            *ret_value = map.items[i].value;
            return 0;
        }
    return fail(cx, KIND_NOT_FOUND, "Metadata item was not found");
}

static int meta_show(struct cx *cx, struct req *rq)
{
    struct server s;
    const char *value;

    TRY(find_meta(cx, rq, &s, &value));
    return reply_meta(rq, req_path(rq, "key"), value);
}

static int meta_set(struct cx *cx, struct req *rq)
{
    struct server s;
    struct strmap map;

    TRY(nova_server(cx, rq, &s));
    TRY(nova_read_metadata(cx, rq, &map));
    if (map.n != 1 || !str_eq(map.items[0].key, req_path(rq, "key")))
        return fail(cx, KIND_INVALID, "Request body contains too many items, or its key is not the one of the URL.");
    TRY(server_set_metadata(cx, &s, nova_merge(cx, json_to_map(cx, s.metadata), map)));
    return reply_meta(rq, map.items[0].key, map.items[0].value);
}

static int meta_delete(struct cx *cx, struct req *rq)
{
    struct server s;
    const char *value;
    struct strmap kept = { 0 };

    TRY(find_meta(cx, rq, &s, &value));
    struct strmap map = json_to_map(cx, s.metadata);
    for (size_t i = 0; i < map.n; i++)
        if (!str_eq(map.items[i].key, req_path(rq, "key")))
            *arena_push(cx->arena, &kept.items, &kept.n) = map.items[i];
    TRY(server_set_metadata(cx, &s, kept));
    return reply_empty(rq);
}

/* ---- tags ---- */

static bool is_tag(const char *s)
{
    return *s && strlen(s) <= 60 && !strpbrk(s, "/,");
}

struct tags_in {
    struct strs tags;
};
/* clang-format off */
static const struct field tags_fields[] = {
    STRS(struct tags_in, tags, .required = true, .max = 50, .item_max = 60, .check = is_tag,
         .expected = "A tag is 1 to 60 characters without '/' and ','."), { 0 },
};
/* clang-format on */
static const struct body tags_body = { NULL, tags_fields, sizeof(struct tags_in) };

static int reply_tags(struct req *rq, const struct server *s)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "tags");
    jw_raw(w, s->tags);
    jw_end(w);
    return reply_written(rq);
}

static int tags_list(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    return reply_tags(rq, &s);
}

static int tags_replace(struct cx *cx, struct req *rq)
{
    const struct tags_in *in = req_body(rq);
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_set_tags(cx, &s, in->tags));
    return reply_tags(rq, &s);
}

static int tags_delete_all(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_set_tags(cx, &s, (struct strs){ 0 }));
    return reply_empty(rq);
}

static bool has_tag(struct strs tags, const char *tag)
{
    for (size_t i = 0; i < tags.n; i++)
        if (str_eq(tags.items[i], tag))
            return true;
    return false;
}

static int no_tag(struct cx *cx, const struct server *s, const char *tag)
{
    return fail(cx, KIND_NOT_FOUND, "Server %s has no tag '%.60s'", s->id, tag);
}

static int tag_check(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    return has_tag(json_to_strs(cx, s.tags), req_path(rq, "tag")) ? reply_empty(rq) : no_tag(cx, &s, req_path(rq, "tag"));
}

static int tag_add(struct cx *cx, struct req *rq)
{
    const char *tag = req_path(rq, "tag");
    struct server s;

    TRY(nova_server(cx, rq, &s));
    if (!is_tag(tag))
        return fail(cx, KIND_INVALID, "Tag '%.64s' is invalid. It must be 1 to 60 characters without '/' and ','.", tag);
    struct strs tags = json_to_strs(cx, s.tags);
    if (has_tag(tags, tag)) {
        reply_status(rq, 204);
        return reply_empty(rq);
    }
    struct strs more = { 0 };
    for (size_t i = 0; i < tags.n; i++)
        *arena_push(cx->arena, &more.items, &more.n) = tags.items[i];
    *arena_push(cx->arena, &more.items, &more.n) = tag;
    TRY(server_set_tags(cx, &s, more));
    reply_header(rq, "Location", nova_url(rq, cx->arena, cx_printf(cx, "/servers/%s/tags/%s", s.id, tag)));
    return reply_empty(rq);
}

static int tag_delete(struct cx *cx, struct req *rq)
{
    const char *tag = req_path(rq, "tag");
    struct server s;
    struct strs kept = { 0 };

    TRY(nova_server(cx, rq, &s));
    struct strs tags = json_to_strs(cx, s.tags);
    if (!has_tag(tags, tag))
        return no_tag(cx, &s, tag);
    for (size_t i = 0; i < tags.n; i++)
        if (!str_eq(tags.items[i], tag))
            *arena_push(cx->arena, &kept.items, &kept.n) = tags.items[i];
    TRY(server_set_tags(cx, &s, kept));
    return reply_empty(rq);
}

#define P "os_compute_api:"
/* clang-format off */
const struct route nova_metadata_routes[] = {
    { "GET",    "/servers/{id}/metadata",       metadata_list,    P "server-metadata:index",      MAY_READER, NULL, OK(200) },
    { "POST",   "/servers/{id}/metadata",       metadata_add,     P "server-metadata:create",     MAY_MEMBER, &map_body, OK(200) },
    { "PUT",    "/servers/{id}/metadata",       metadata_replace, P "server-metadata:update_all", MAY_MEMBER, &map_body, OK(200) },
    { "GET",    "/servers/{id}/metadata/{key}", meta_show,        P "server-metadata:show",       MAY_READER, NULL, OK(200) },
    { "PUT",    "/servers/{id}/metadata/{key}", meta_set,         P "server-metadata:update",     MAY_MEMBER, &meta_body, OK(200) },
    { "DELETE", "/servers/{id}/metadata/{key}", meta_delete,      P "server-metadata:delete",     MAY_MEMBER, NULL, OK(204) },
    { 0 },
};
const struct route nova_tag_routes[] = {
    { "GET",    "/servers/{id}/tags",       tags_list,       P "os-server-tags:index",      MAY_READER, NULL, OK(200), .since = MV(2, 26) },
    { "PUT",    "/servers/{id}/tags",       tags_replace,    P "os-server-tags:update_all", MAY_MEMBER, &tags_body, OK(200), .since = MV(2, 26) },
    { "DELETE", "/servers/{id}/tags",       tags_delete_all, P "os-server-tags:delete_all", MAY_MEMBER, NULL, OK(204), .since = MV(2, 26) },
    { "GET",    "/servers/{id}/tags/{tag}", tag_check,       P "os-server-tags:show",       MAY_READER, NULL, OK(204), .since = MV(2, 26) },
    { "PUT",    "/servers/{id}/tags/{tag}", tag_add,         P "os-server-tags:update",     MAY_MEMBER, NULL, OK(201), .since = MV(2, 26) },
    { "DELETE", "/servers/{id}/tags/{tag}", tag_delete,      P "os-server-tags:delete",     MAY_MEMBER, NULL, OK(204), .since = MV(2, 26) },
    { 0 },
};
/* clang-format on */
