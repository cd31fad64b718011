#include "auth/who.h"
#include "image/image.h"

/* clang-format off */
static const struct field columns[] = {
    STR(struct image_member, image_id), STR(struct image_member, member_id), STR(struct image_member, status),
    TIME(struct image_member, created_at), TIME(struct image_member, updated_at), { 0 },
};
static const struct table member_table = { "image_member", columns, .n_key = 2, .size = sizeof(struct image_member) };
/* clang-format on */

static bool is_owner(struct cx *cx, const struct image *image)
{
    return cx->who->is_admin || str_eq(image->owner, cx->who->project_id);
}

static int get_shared(struct cx *cx, const char *image_id, struct image *ret_image)
{
    TRY(image_get_visible(cx, image_id, ret_image));
    if (!str_eq(ret_image->visibility, "shared"))
        return fail(cx, KIND_FORBIDDEN, "Only shared images have members; this one is %s.",
                    ret_image->visibility);
    return 0;
}

int image_member_list(struct cx *cx, const char *image_id, struct list *ret_members)
{
    struct image image;

    TRY(get_shared(cx, image_id, &image));
    if (is_owner(cx, &image))
        return store_list(cx, &member_table, ret_members, "image_id=$1 ORDER BY member_id", ARGS(image_id));
    return store_list(cx, &member_table, ret_members, "image_id=$1 AND member_id=$2",
                      ARGS(image_id, cx->who->project_id));
}

int image_member_get(struct cx *cx, const char *image_id, const char *member_id, struct image_member *ret)
{
    struct image image;
    int r;

    TRY(get_shared(cx, image_id, &image));
    r = is_owner(cx, &image) || str_eq(member_id, cx->who->project_id)
            ? store_find(cx, &member_table, ret, "image_id=$1 AND member_id=$2", ARGS(image_id, member_id))
            : 0;
    TRY(r);
    return r ? 0 : fail(cx, KIND_NOT_FOUND, "%.64s is no member of image %s.", member_id, image_id);
}

int image_member_add(struct cx *cx, const char *image_id, const char *member_id, struct image_member *ret)
{
    struct image image;
    int64_t n = 0;

    TRY(get_shared(cx, image_id, &image));
    if (!is_owner(cx, &image))
        return fail(cx, KIND_FORBIDDEN, "Only the owner of an image shares it.");
    TRY(store_int(cx, &n, "SELECT COUNT(*) FROM image_member WHERE image_id=$1", ARGS(image_id)));
    if (n >= IMAGE_MEMBERS_MAX)
        return fail(cx, KIND_QUOTA, "The limit of %d members of an image has been exceeded.",
                    IMAGE_MEMBERS_MAX);
    *ret = (struct image_member){ image_id, member_id, "pending", cx->now_us, cx->now_us };
    int r = store_insert(cx, &member_table, ret);
    if (r < 0 && cx->kind == KIND_CONFLICT)
        return fail(cx, KIND_CONFLICT, "Image %s is shared with %.64s already.", image_id, member_id);
    return r;
}

int image_member_remove(struct cx *cx, const char *image_id, const char *member_id)
{
    struct image image;

    TRY(get_shared(cx, image_id, &image));
    if (!is_owner(cx, &image))
        return fail(cx, KIND_FORBIDDEN, "Only the owner of an image ends its sharing.");
    int n = store_delete(cx, &member_table, "image_id=$1 AND member_id=$2", ARGS(image_id, member_id));
    TRY(n);
    return n ? 0 : fail(cx, KIND_NOT_FOUND, "%.64s is no member of image %s.", member_id, image_id);
}

int image_member_set_status(struct cx *cx, const char *image_id, const char *member_id, const char *status,
                            struct image_member *ret)
{
    TRY(image_member_get(cx, image_id, member_id, ret));
    if (!cx->who->is_admin && !str_eq(member_id, cx->who->project_id))
        return fail(cx, KIND_FORBIDDEN, "Only the member itself accepts or rejects an image.");
    ret->status = status;
    ret->updated_at = cx->now_us;
    return store_update(cx, &member_table, ret);
}
