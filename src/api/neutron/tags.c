#include <string.h>

#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/tag.h"

struct tags_body {
    struct strs tags;
};
/* clang-format off */
static const struct field tags_fields[] = { STRS(struct tags_body, tags, .required = true), { 0 } };
static const struct body tags_body = { NULL, tags_fields, sizeof(struct tags_body) };
/* clang-format on */

static int get(struct cx *cx, struct req *rq, struct strs *ret_tags)
{
    return network_tags_get(cx, req_path(rq, "collection"), req_path(rq, "id"), ret_tags);
}

static int set(struct cx *cx, struct req *rq, struct strs tags)
{
    return network_tags_set(cx, req_path(rq, "collection"), req_path(rq, "id"), tags);
}

static int reply_tags(struct cx *cx, struct req *rq)
{
    struct tags_body out;

    TRY(get(cx, rq, &out.tags));
    return reply(rq, NULL, tags_fields, &out);
}

static int tags_replace(struct cx *cx, struct req *rq)
{
    const struct tags_body *in = req_body(rq);

    TRY(set(cx, rq, in->tags));
    return reply_tags(cx, rq);
}

static int tags_clear(struct cx *cx, struct req *rq)
{
    TRY(set(cx, rq, (struct strs){ 0 }));
    return reply_empty(rq);
}

/* The place of the path's tag among 'tags', or their number. */
static size_t place(struct req *rq, struct strs tags)
{
    size_t i = 0;
    while (i < tags.n && strcmp(tags.items[i], req_path(rq, "tag")) != 0)
        i++;
    return i;
}

static int missing(struct cx *cx, struct req *rq)
{
    return fail_type(cx, KIND_NOT_FOUND, "TagNotFound", "Tag %.64s could not be found.", req_path(rq, "tag"));
}

static int tags_check(struct cx *cx, struct req *rq)
{
    struct strs tags;

    TRY(get(cx, rq, &tags));
    return place(rq, tags) < tags.n ? reply_empty(rq) : missing(cx, rq);
}

static int tags_add(struct cx *cx, struct req *rq)
{
    struct strs tags;

    TRY(get(cx, rq, &tags));
    *arena_push(cx->arena, &tags.items, &tags.n) = req_path(rq, "tag");
    TRY(set(cx, rq, tags));
    return reply_empty(rq);
}

static int tags_remove(struct cx *cx, struct req *rq)
{
    struct strs tags;

    TRY(get(cx, rq, &tags));
    size_t i = place(rq, tags);
    if (i == tags.n)
        return missing(cx, rq);
    memmove(tags.items + i, tags.items + i + 1, (tags.n - i - 1) * sizeof *tags.items);
    tags.n--;
    TRY(set(cx, rq, tags));
    return reply_empty(rq);
}

/* clang-format off */
const struct route neutron_tag_routes[] = {
    { "GET",    "/{collection}/{id}/tags",       reply_tags,   "get_tags",    MAY_READER, NULL,       OK(200) },
    { "PUT",    "/{collection}/{id}/tags",       tags_replace, "update_tags", MAY_MEMBER, &tags_body, OK(200) },
    { "DELETE", "/{collection}/{id}/tags",       tags_clear,   "delete_tags", MAY_MEMBER, NULL,       OK(204) },
    { "GET",    "/{collection}/{id}/tags/{tag}", tags_check,   "get_tags",    MAY_READER, NULL,       OK(204) },
    { "PUT",    "/{collection}/{id}/tags/{tag}", tags_add,     "update_tags", MAY_MEMBER, NULL,       OK(201) },
    { "DELETE", "/{collection}/{id}/tags/{tag}", tags_remove,  "delete_tags", MAY_MEMBER, NULL,       OK(204) },
    { 0 },
};
