#include "image/image.h"

#include <string.h>

#include "auth/who.h"
#include "base/env.h"
#include "json/read.h"
#include "json/writer.h"
#include "store/filter.h"

#define UPLOAD_LONGEST_US (INT64_C(7) * 24 * 3600 * 1000000)

/* clang-format off */
static const struct field columns[] = {
    STR(struct image, id), STR(struct image, owner), STR(struct image, name), STR(struct image, status),
    STR(struct image, visibility), STR(struct image, disk_format), STR(struct image, container_format),
    I64(struct image, size), I64(struct image, virtual_size), STR(struct image, checksum),
    STR(struct image, os_hash_algo), STR(struct image, os_hash_value), I64(struct image, min_disk),
    I64(struct image, min_ram), BOOL(struct image, protected), BOOL(struct image, os_hidden),
    JSON(struct image, properties), JSON(struct image, tags), STR(struct image, defect), TIME(struct image, created_at),
    TIME(struct image, updated_at), { 0 },
};
const struct table image_table = { "image", columns, .n_key = 1, .size = sizeof(struct image) };

struct gone {
    const char *id;
    int64_t gone_at;
    bool swept;
    const char *disk_format;
    int64_t size;
    const char *os_hash_value, *properties;
};
static const struct field gone_columns[] = {
    STR(struct gone, id), TIME(struct gone, gone_at), BOOL(struct gone, swept),
    STR(struct gone, disk_format), I64(struct gone, size), STR(struct gone, os_hash_value), JSON(struct gone, properties),
    { 0 },
};
static const struct table gone_table = { "image_gone", gone_columns, .n_key = 1, .size = sizeof(struct gone) };
/* clang-format on */

static int not_found(struct cx *cx, const char *id)
{
    return fail(cx, KIND_NOT_FOUND, "No image found with ID %.64s", id);
}

static const char *project_of(const struct cx *cx)
{
    return cx->who && cx->who->project_id ? cx->who->project_id : "";
}

static bool is_admin(const struct cx *cx)
{
    return cx->who && cx->who->is_admin;
}

/* ---- seeing ---- */

static int is_member(struct cx *cx, const char *image_id)
{
    int64_t n = 0;
    TRY(store_int(cx, &n, "SELECT COUNT(*) FROM image_member WHERE image_id=$1 AND member_id=$2",
                  ARGS(image_id, project_of(cx))));
    return n > 0;
}

static int is_visible(struct cx *cx, const struct image *image)
{
    if (is_admin(cx) || str_eq(image->owner, project_of(cx)) || str_eq(image->visibility, "public") ||
        str_eq(image->visibility, "community"))
        return 1;
    return str_eq(image->visibility, "shared") ? is_member(cx, image->id) : 0;
}

int image_get_visible(struct cx *cx, const char *id, struct image *ret_image)
{
    int r = store_find(cx, &image_table, ret_image, "id=$1", ARGS(id));
    TRY(r);
    if (r)
        r = is_visible(cx, ret_image);
    TRY(r);
    return r ? 0 : not_found(cx, id);
}

int image_get_own(struct cx *cx, const char *id, struct image *ret_image)
{
    TRY(image_get_visible(cx, id, ret_image));
    if (!is_admin(cx) && !str_eq(ret_image->owner, project_of(cx)))
        return fail(cx, KIND_FORBIDDEN,
                    "You are not permitted to modify image %.64s: it belongs to another project.", id);
    return 0;
}

/* ---- listing ---- */

/* The condition on whose images; $1 is the caller's project, $2 the status a membership must have, or "all".
 */
static const char *scope_of(struct cx *cx, const struct image_query *q)
{
    const char *member =
        "id IN (SELECT image_id FROM image_member WHERE member_id=$1 AND (status=$2 OR $2='all'))";
    const char *rest = "($1=$1 AND $2=$2)";
    bool all = str_eq(q->visibility, "all");

    if (all && is_admin(cx))
        return rest;
    if (str_eq(q->visibility, "public") || str_eq(q->visibility, "community"))
        return cx_printf(cx, "visibility='%s' AND %s",
                         str_eq(q->visibility, "public") ? "public" : "community", rest);
    if (str_eq(q->visibility, "private"))
        return cx_printf(cx, "visibility='private' AND %s AND %s", is_admin(cx) ? "1=1" : "owner=$1", rest);
    if (str_eq(q->visibility, "shared"))
        return is_admin(cx) ? cx_printf(cx, "visibility='shared' AND %s", rest)
                            : cx_printf(cx, "visibility='shared' AND (owner=$1 OR %s)", member);
    if (is_admin(cx))
        return cx_printf(cx, "(visibility<>'community' OR owner=$1) AND %s", rest);
    return cx_printf(cx, "owner=$1 OR visibility='public'%s OR (visibility='shared' AND %s)",
                     all ? " OR visibility='community'" : "", member);
}

static bool has_properties(struct cx *cx, const struct image *image, struct strmap wanted)
{
    struct strmap have = wanted.n ? json_to_map(cx, image->properties) : (struct strmap){ 0 };

    for (size_t i = 0; i < wanted.n; i++) {
        bool found = false;
        for (size_t k = 0; k < have.n && !found; k++)
            found = str_eq(have.items[k].key, wanted.items[i].key) &&
                    str_eq(have.items[k].value, wanted.items[i].value);
        if (!found)
            return false;
    }
    return true;
}

static bool has_string(struct strs list, const char *s)
{
    for (size_t i = 0; i < list.n; i++)
        if (str_eq(list.items[i], s))
            return true;
    return false;
}

static bool has_tags(struct cx *cx, const struct image *image, struct strs wanted)
{
    struct strs have = wanted.n ? json_to_strs(cx, image->tags) : (struct strs){ 0 };
    for (size_t i = 0; i < wanted.n; i++)
        if (!has_string(have, wanted.items[i]))
            return false;
    return true;
}

static bool is_at_none(const struct image *image, struct list moments)
{
    const struct image_moment *m = moments.items;

    for (size_t i = 0; i < moments.n; i++) {
        int64_t us = m[i].updated ? image->updated_at : image->created_at;
        if (us >= m[i].first_us && us <= m[i].last_us)
            return false;
    }
    return true;
}

static bool selects(struct cx *cx, const struct image_query *q, const struct image *image)
{
    return has_properties(cx, image, q->properties) && has_tags(cx, image, q->tags) && is_at_none(image, q->not_at);
}

/* A marker that the caller may not see is none: it would tell that the image is there, and since when. */
static int check_marker(struct cx *cx, const char *marker)
{
    struct image image;
    int r = marker ? image_get_visible(cx, marker, &image) : 0;
    return r < 0 && cx->kind == KIND_NOT_FOUND ? fail(cx, KIND_INVALID, "marker [%.64s] not found", marker)
                                               : r;
}

/* Properties, tags and excluded times are looked at row by row, so the limit is applied here when they are asked for. */
int image_list(struct cx *cx, const struct image_query *query, struct list *ret_images)
{
    bool by_row = query->properties.n || query->tags.n || query->not_at.n;
    struct filter filter = query->filter;
    struct list rows;
    size_t n = 0;

    TRY(check_marker(cx, filter.marker));
    filter.marker_seen = true;
    if (by_row)
        filter.limit = 0;
    TRY(store_list_filtered(cx, &image_table, &rows, &filter, scope_of(cx, query),
                            ARGS(project_of(cx), query->member_status ? query->member_status : "accepted")));
    struct image *images = rows.items;
    for (size_t i = 0; i < rows.n && (!query->filter.limit || n < (size_t)query->filter.limit); i++)
        if (!by_row || selects(cx, query, &images[i]))
            images[n++] = images[i];
    *ret_images = (struct list){ images, n };
    return 0;
}

/* ---- changing ---- */

/* A property stands beside the members of an image: one of the same name would be read in their place, and could say that
 * an image is another's. */
static bool is_member_name(const char *name)
{
    static const char *const more[] = { "self", "file", "schema", "direct_url", "deleted", "deleted_at", "location", "locations",
                                        "members", "stores" };
    for (size_t i = 0; i < N_ELEMENTS(more); i++)
        if (str_eq(more[i], name))
            return true;
    return field_find(columns, name, 0) || str_starts(name, "os_glance", NULL);
}

static int check_properties(struct cx *cx, const char *before, const char *properties)
{
    struct strmap old = json_to_map(cx, before), map = json_to_map(cx, properties);

    if (map.n > IMAGE_PROPERTIES_MAX)
        return fail(cx, KIND_QUOTA, "The limit of %d properties of an image has been exceeded.",
                    IMAGE_PROPERTIES_MAX);
    for (size_t i = 0; i < map.n; i++) {
        bool known = false;
        for (size_t k = 0; k < old.n && !known; k++)
            known = str_eq(old.items[k].key, map.items[i].key);
        if (!known && is_member_name(map.items[i].key))
            return fail(cx, KIND_INVALID, "Attribute '%.64s' of an image is not to be set as a property.", map.items[i].key);
    }
    return 0;
}

/* 'old' is what the image was, or NULL. */
static int check_rules(struct cx *cx, const struct image *old, const struct image *image)
{
    if (str_eq(image->visibility, "public") && !is_admin(cx) && !(old && str_eq(old->visibility, "public")))
        return fail(cx, KIND_FORBIDDEN, "You are not permitted to make an image public: only an admin may.");
    if (str_empty(image->owner))
        return fail(cx, KIND_INVALID, "An image belongs to a project: use a token of one, or name an owner.");
    if (!is_admin(cx) && !str_eq(image->owner, project_of(cx)))
        return fail(cx, KIND_FORBIDDEN, "You are not permitted to create images owned by '%.64s'.",
                    image->owner);
    TRY(check_properties(cx, old ? old->properties : NULL, image->properties));
    if (json_to_strs(cx, image->tags).n > IMAGE_TAGS_MAX)
        return fail(cx, KIND_QUOTA, "The limit of %d tags of an image has been exceeded.", IMAGE_TAGS_MAX);
    return 0;
}

int image_create(struct cx *cx, struct image *image)
{
    int64_t used = 0;

    image->id = image->id ? image->id : uuid_new(cx->arena);
    image->owner = str_empty(image->owner) ? project_of(cx) : image->owner;
    image->status = "queued";
    image->visibility = image->visibility ? image->visibility : "shared";
    image->size = image->virtual_size = -1;
    image->properties = image->properties ? image->properties : "{}";
    image->tags = image->tags ? image->tags : "[]";
    image->created_at = image->updated_at = cx->now_us;
    TRY(check_rules(cx, NULL, image));
    TRY(store_int(cx, &used, "SELECT COUNT(*) FROM image_gone WHERE id=$1", ARGS(image->id)));
    if (used)
        return fail(cx, KIND_CONFLICT, "Image ID %s already exists!", image->id);
    int r = store_insert(cx, &image_table, image);
    return r < 0 && cx->kind == KIND_CONFLICT
               ? fail(cx, KIND_CONFLICT, "Image ID %s already exists!", image->id)
               : r;
}

int image_change(struct cx *cx, const struct image *old, struct image *image)
{
    bool formats = !str_eq(old->disk_format, image->disk_format) ||
                   !str_eq(old->container_format, image->container_format);

    if (formats && !str_eq(old->status, "queued"))
        return fail(cx, KIND_FORBIDDEN,
                    "The formats of an image cannot be changed once its bytes are there.");
    TRY(check_rules(cx, old, image));
    image->updated_at = cx->now_us;
    return store_update(cx, &image_table, image);
}

static int remove_row(struct cx *cx, const struct image *image)
{
    const struct gone gone = { image->id,          cx->now_us,  false,
                               image->disk_format, image->size, image->os_hash_value,
                               image->properties };

    TRY(store_insert(cx, &gone_table, &gone));
    TRY(store_delete(cx, &image_table, "id=$1", ARGS(image->id)));
    return 0;
}

int image_delete(struct cx *cx, const char *id)
{
    struct image image;

    TRY(image_get_own(cx, id, &image));
    if (image.protected)
        return fail(cx, KIND_FORBIDDEN,
                    "Image %s is protected and cannot be deleted. Unset 'protected' first.", id);
    return remove_row(cx, &image);
}

int image_set_active(struct cx *cx, const char *id, bool active)
{
    struct image image;

    TRY(image_get_own(cx, id, &image));
    if (!str_eq(image.status, "active") && !str_eq(image.status, "deactivated"))
        return fail(cx, KIND_FORBIDDEN, "Not allowed to %s image in status '%s'",
                    active ? "reactivate" : "deactivate", image.status);
    image.status = active ? "active" : "deactivated";
    image.updated_at = cx->now_us;
    return store_update(cx, &image_table, &image);
}

static int set_tags(struct cx *cx, struct image *image, struct strs tags)
{
    struct image old = *image;
    image->tags = json_of_strs(cx->arena, tags);
    return image_change(cx, &old, image);
}

int image_add_tag(struct cx *cx, const char *id, const char *tag)
{
    struct image image;

    TRY(image_get_own(cx, id, &image));
    if (str_empty(tag) || strlen(tag) > 255)
        return fail(cx, KIND_INVALID, "A tag has 1 to 255 characters.");
    struct strs tags = json_to_strs(cx, image.tags), more = { 0 };
    if (has_string(tags, tag))
        return 0;
    for (size_t i = 0; i < tags.n; i++)
        *arena_push(cx->arena, &more.items, &more.n) = tags.items[i];
    *arena_push(cx->arena, &more.items, &more.n) = tag;
    return set_tags(cx, &image, more);
}

int image_remove_tag(struct cx *cx, const char *id, const char *tag)
{
    struct image image;
    size_t n = 0;

    TRY(image_get_own(cx, id, &image));
    struct strs tags = json_to_strs(cx, image.tags);
    if (!has_string(tags, tag))
        return fail(cx, KIND_NOT_FOUND, "Image %s has no tag '%.64s'.", id, tag);
    for (size_t i = 0; i < tags.n; i++)
        if (!str_eq(tags.items[i], tag))
            tags.items[n++] = tags.items[i];
    tags.n = n;
    return set_tags(cx, &image, tags);
}

/* ---- bytes ---- */

int image_begin_upload(struct cx *cx, const char *id, struct image *ret_image)
{
    TRY(image_get_own(cx, id, ret_image));
    if (!str_eq(ret_image->status, "queued"))
        return fail(cx, KIND_CONFLICT, "Image status transition from %s to saving is not allowed",
                    ret_image->status);
    if (!ret_image->disk_format || !ret_image->container_format)
        return fail(cx, KIND_INVALID,
                    "Properties disk_format, container_format must be set prior to saving data.");
    ret_image->status = "saving";
    ret_image->updated_at = cx->now_us;
    return store_update(cx, &image_table, ret_image);
}

int image_finish_upload(struct cx *cx, const char *id, const struct image_received *received)
{
    struct image image;
    int r = store_find(cx, &image_table, &image, "id=$1", ARGS(id));

    TRY(r);
    if (!r)
        return fail(cx, KIND_NOT_FOUND, "Image %.64s was deleted while its bytes were coming.", id);
    if (!str_eq(image.status, "saving"))
        return fail(cx, KIND_CONFLICT, "Image status transition from %s to active is not allowed",
                    image.status);
    image.status = "active";
    image.size = received->size;
    image.virtual_size = received->virtual_size;
    image.checksum = received->md5;
    image.os_hash_algo = "sha512";
    image.os_hash_value = received->sha512;
    image.defect = received->defect;
    image.updated_at = cx->now_us;
    return store_update(cx, &image_table, &image);
}

int image_abandon_upload(struct cx *cx, const char *id)
{
    TRY(store_exec(cx, &image_table,
                   "UPDATE image SET status='queued', updated_at=$2 WHERE id=$1 AND status='saving'",
                   ARGS(id, cx->now_us)));
    return 0;
}

int image_recover(struct cx *cx)
{
    TRY(store_exec(cx, &image_table, "UPDATE image SET status='queued' WHERE status='saving'", NO_ARGS));
    /* an image that was deleted in the middle of its upload may have been swept before its file got its name
     */
    TRY(store_exec(cx, &gone_table, "UPDATE image_gone SET swept=0 WHERE swept=1 AND gone_at>$1",
                   ARGS(cx->now_us - UPLOAD_LONGEST_US)));
    return 0;
}

int image_for_download(struct cx *cx, const char *id, struct image *ret_image)
{
    TRY(image_get_visible(cx, id, ret_image));
    if (str_eq(ret_image->status, "deactivated") && !is_admin(cx))
        return fail(cx, KIND_FORBIDDEN,
                    "The requested image has been deactivated. Image data download is forbidden.");
    return 0;
}

/* A server that names the image may have a disk that is based on it. */
int image_list_sweepable(struct cx *cx, struct strs *ret_ids)
{
    struct list rows;

    TRY(store_list(
        cx, &gone_table, &rows,
        "swept=0 AND id NOT IN (SELECT image_id FROM server WHERE image_id IS NOT NULL "
        "UNION SELECT kernel_id FROM server WHERE kernel_id IS NOT NULL "
        "UNION SELECT ramdisk_id FROM server WHERE ramdisk_id IS NOT NULL) ORDER BY gone_at LIMIT 100",
        NO_ARGS));
    const struct gone *g = rows.items;
    *ret_ids = (struct strs){ 0 };
    for (size_t i = 0; i < rows.n; i++)
        *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = g[i].id;
    return 0;
}

int image_swept(struct cx *cx, const char *id)
{
    TRY(store_exec(cx, &gone_table, "UPDATE image_gone SET swept=1 WHERE id=$1", ARGS(id)));
    return 0;
}

int image_find_any(struct cx *cx, const char *id, struct image *ret_image)
{
    struct gone gone;
    int r = store_find(cx, &image_table, ret_image, "id=$1", ARGS(id));

    if (r)
        return r < 0 ? r : 0;
    r = store_find(cx, &gone_table, &gone, "id=$1", ARGS(id));
    TRY(r);
    if (!r)
        return not_found(cx, id);
    *ret_image = (struct image){ .id = gone.id,
                                 .status = "deleted",
                                 .disk_format = gone.disk_format,
                                 .size = gone.size,
                                 .os_hash_value = gone.os_hash_value,
                                 .properties = gone.properties,
                                 .tags = "[]" };
    return 0;
}

/* ---- for compute ---- */

int image_for_boot(struct cx *cx, const char *id, struct image *ret_image)
{
    int r = image_get_visible(cx, id, ret_image);

    if (r < 0 && cx->kind == KIND_NOT_FOUND)
        return fail(cx, KIND_INVALID, "Image %.64s could not be found.", id);
    TRY(r);
    if (!str_eq(ret_image->status, "active"))
        return fail(cx, KIND_INVALID, "Image %s is not active.", id);
    if (ret_image->defect)
        return fail(cx, KIND_INVALID, "Image %s cannot be booted. %s", id, ret_image->defect);
    return 0;
}

static bool is_inherited(const char *key)
{
    return !str_starts(key, "owner_specified.", NULL) && !is_member_name(key) && !str_starts(key, "os_hash", NULL);
}

static void put_property(struct cx *cx, struct strmap *map, const char *key, const char *value)
{
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->items[i].key, key)) {
            map->items[i].value = value;
            return;
        }
    *arena_push(cx->arena, &map->items, &map->n) = (struct strpair){ key, value };
}

int image_make_for_snapshot(struct cx *cx, const char *name, const char *project_id, const struct image *base,
                            struct strmap properties, const char **ret_id)
{
    struct strmap all = { 0 }, inherited = json_to_map(cx, base ? base->properties : NULL);

    for (size_t i = 0; i < inherited.n; i++)
        if (is_inherited(inherited.items[i].key))
            put_property(cx, &all, inherited.items[i].key, inherited.items[i].value);
    for (size_t i = 0; i < properties.n; i++)
        put_property(cx, &all, properties.items[i].key, properties.items[i].value);
    struct image image = {
        .id = uuid_new(cx->arena),
        .owner = project_id,
        .name = name,
        .status = "queued",
        .visibility = "private",
        .disk_format = "qcow2",
        .container_format = "bare",
        .size = -1,
        .virtual_size = -1,
        .min_disk = base ? base->min_disk : 0,
        .min_ram = base ? base->min_ram : 0,
        .properties = json_of_map(cx->arena, all),
        .tags = "[]",
        .created_at = cx->now_us,
        .updated_at = cx->now_us,
    };
    TRY(check_properties(cx, NULL, image.properties));
    *ret_id = image.id;
    return store_insert(cx, &image_table, &image);
}

int image_snapshot_failed(struct cx *cx, const char *id, const char *why)
{
    struct image image;
    int r = store_find(cx, &image_table, &image, "id=$1 AND status IN ('queued','saving')", ARGS(id));

    TRY(r);
    return r ? remove_row(cx, &image) : 0;
}
