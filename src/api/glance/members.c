/* Members: the projects with which an image is shared. */
#include "api/glance/glance.h"

struct member_body {
    const char *member, *status;
};

static void emit_schema(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_string(w, "/v2/schemas/member");
}

/* clang-format off */
static const char *const statuses[] = { "pending", "accepted", "rejected", NULL };
static const struct field create_fields[] = { STR(struct member_body, member, .required = true, .min = 1), { 0 } };
static const struct field update_fields[] = {
    STR(struct member_body, status, .required = true, .one_of = statuses),
    STR(struct member_body, member), { 0 }, /* openstacksdk repeats the path's */
};
static const struct body create_body = { .fields = create_fields, .size = sizeof(struct member_body) };
static const struct body update_body = { .fields = update_fields, .size = sizeof(struct member_body) };
static const struct field view[] = {
    STR(struct image_member, image_id), STR(struct image_member, member_id), STR(struct image_member, status),
    TIME(struct image_member, created_at), TIME(struct image_member, updated_at),
    HOOK("schema", .emit = emit_schema), { 0 },
};
/* clang-format on */

static int members_list(struct cx *cx, struct req *rq)
{
    struct list list;

    TRY(image_member_list(cx, req_path(rq, "id"), &list));
    const struct image_member *members = list.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "members");
    jw_array(w);
    for (size_t i = 0; i < list.n; i++)
        jw_fields(w, view, &members[i]);
    jw_end(w);
    jw_kv(w, "schema", "/v2/schemas/members");
    jw_end(w);
    return reply_written(rq);
}

static int members_show(struct cx *cx, struct req *rq)
{
    struct image_member member;

    TRY(image_member_get(cx, req_path(rq, "id"), req_path(rq, "member"), &member));
    return reply(rq, NULL, view, &member);
}

static int members_create(struct cx *cx, struct req *rq)
{
    const struct member_body *in = req_body(rq);
    struct image_member member;

    TRY(image_member_add(cx, req_path(rq, "id"), in->member, &member));
    return reply(rq, NULL, view, &member);
}

static int members_update(struct cx *cx, struct req *rq)
{
    const struct member_body *in = req_body(rq);
    struct image_member member;

    if (in->member && !str_eq(in->member, req_path(rq, "member")))
        return fail(cx, KIND_INVALID, "The member of the body is not that of the path.");
    TRY(image_member_set_status(cx, req_path(rq, "id"), req_path(rq, "member"), in->status, &member));
    return reply(rq, NULL, view, &member);
}

static int members_delete(struct cx *cx, struct req *rq)
{
    TRY(image_member_remove(cx, req_path(rq, "id"), req_path(rq, "member")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route glance_member_routes[] = {
    { "GET",    "/v2/images/{id}/members",          members_list,   "get_members",   MAY_READER, .ok = OK(200) },
    { "POST",   "/v2/images/{id}/members",          members_create, "add_member",    MAY_MEMBER, &create_body, OK(200) },
    { "GET",    "/v2/images/{id}/members/{member}", members_show,   "get_member",    MAY_READER, .ok = OK(200) },
    { "PUT",    "/v2/images/{id}/members/{member}", members_update, "modify_member", MAY_MEMBER, &update_body, OK(200) },
    { "DELETE", "/v2/images/{id}/members/{member}", members_delete, "delete_member", MAY_MEMBER, .ok = OK(204) },
    { 0 },
};
/* clang-format on */
