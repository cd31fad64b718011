/* image.h - images: the rows and the rules; the bytes are image/files.h's.
 *
 * An image is queued (no bytes), saving (bytes are coming), active, or deactivated (bytes kept from tenants).
 * Getters are scoped by cx->who: an image that the caller may not see is not there. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"
#include "store/store.h"

struct image {
    const char *id, *owner; /* a project */
    const char *name;       /* or NULL */
    const char *status, *visibility;
    const char *disk_format, *container_format; /* NULL: not said yet */
    int64_t size, virtual_size;                 /* bytes; -1: not known */
    const char *checksum;                       /* MD5, hex; NULL before there are bytes */
    const char *os_hash_algo, *os_hash_value;   /* "sha512" */
    int64_t min_disk, min_ram;                  /* GiB, MiB */
    bool protected, os_hidden;
    const char *properties; /* JSON map: what the owner says of it (kernel_id, login_user, ...) */
    const char *tags;       /* JSON list */
    const char *defect; /* why no server can be made of it though its bytes are kept, or NULL */
    int64_t created_at, updated_at;
};
extern const struct table image_table;

struct image_member {
    const char *image_id, *member_id, *status;
    int64_t created_at, updated_at;
};

enum { IMAGE_PROPERTIES_MAX = 128, IMAGE_TAGS_MAX = 128, IMAGE_MEMBERS_MAX = 128 };

/* Makes a queued image of 'image', after filling in id (when NULL), owner, times and the fields that follow
 * from them. Errors: CONFLICT (the id was used before), FORBIDDEN (public, or another's owner, by a tenant),
 * INVALID (a property that is called like a member among them). */
int image_create(struct cx *cx, struct image *image) MUST_CHECK;
/* Fills '*ret_image'.  Errors: NOT_FOUND, as of an id that never was. */
int image_get_visible(struct cx *cx, const char *id, struct image *ret_image) MUST_CHECK;
/* The same, for a caller who wants to change it.  Errors: NOT_FOUND, FORBIDDEN (seen, but another's). */
int image_get_own(struct cx *cx, const char *id, struct image *ret_image) MUST_CHECK;
/* Images that the caller may see.  'visibility' and 'member_status' narrow it (NULL: as Image v2 has it: own,
 * public, and shared ones that were accepted; community only when asked for, or with "all"); 'properties'
 * must all be there; 'tags' too. */
struct image_moment {
    bool updated; /* else created */
    int64_t first_us, last_us;
};
struct image_query {
    struct filter filter;
    const char *visibility, *member_status;
    struct strmap properties;
    struct strs tags;
    struct list not_at; /* of struct image_moment: not made, not changed then */
};
int image_list(struct cx *cx, const struct image_query *query, struct list *ret_images) MUST_CHECK;
/* Stores a change of the caller's own image 'old' to 'image'.  Errors: FORBIDDEN (public or owner by a
 * tenant; a format changed after the bytes came), QUOTA (properties, tags). */
int image_change(struct cx *cx, const struct image *old, struct image *image) MUST_CHECK;
/* Errors: NOT_FOUND, FORBIDDEN (protected, another's). */
int image_delete(struct cx *cx, const char *id) MUST_CHECK;
/* Errors: NOT_FOUND, FORBIDDEN (another's; neither active nor deactivated). */
int image_set_active(struct cx *cx, const char *id, bool active) MUST_CHECK;
int image_add_tag(struct cx *cx, const char *id, const char *tag) MUST_CHECK;
int image_remove_tag(struct cx *cx, const char *id,
                     const char *tag) MUST_CHECK; /* NOT_FOUND too when it has no such tag */

/* ---- bytes ---- */

/* Bytes are about to come: queued becomes saving.  Errors: NOT_FOUND, FORBIDDEN, CONFLICT (it has bytes, or
 * they are coming), INVALID (no formats set). */
int image_begin_upload(struct cx *cx, const char *id, struct image *ret_image) MUST_CHECK;
struct image_received {
    int64_t size, virtual_size;
    const char *md5, *sha512;
    const char *defect; /* as in struct image */
};
/* The bytes are there: saving becomes active.  Errors: NOT_FOUND (deleted meanwhile), CONFLICT (not saving).
 */
int image_finish_upload(struct cx *cx, const char *id, const struct image_received *received) MUST_CHECK;
/* They did not come: saving becomes queued again. */
int image_abandon_upload(struct cx *cx, const char *id) MUST_CHECK;
/* At start: uploads that the last run left in the middle become queued. */
int image_recover(struct cx *cx) MUST_CHECK;
/* The caller may have the bytes.  Errors: NOT_FOUND, FORBIDDEN (deactivated). */
int image_for_download(struct cx *cx, const char *id, struct image *ret_image) MUST_CHECK;
/* Ids of deleted images whose files may go, because no server's disk is based on them. */
int image_list_sweepable(struct cx *cx, struct strs *ret_ids) MUST_CHECK;
int image_swept(struct cx *cx, const char *id) MUST_CHECK;

/* The image that the machinery still needs, unscoped; of a deleted one: format, size, hash and properties.
 * Errors: NOT_FOUND. */
int image_find_any(struct cx *cx, const char *id, struct image *ret_image) MUST_CHECK;

/* ---- for compute ---- */

/* An image that a server can be made of.  Errors: INVALID (not there, not active, defect; the texts are Compute's).
 */
int image_for_boot(struct cx *cx, const char *id, struct image *ret_image) MUST_CHECK;
/* A queued image that a snapshot will fill; properties are the base's and then 'properties'.  'base' may be
 * NULL.  Errors: INVALID (a property that is called like a member of an image, or too many). */
int image_make_for_snapshot(struct cx *cx, const char *name, const char *project_id, const struct image *base,
                            struct strmap properties, const char **ret_id) MUST_CHECK;
/* It will not come: the image goes. */
int image_snapshot_failed(struct cx *cx, const char *id, const char *why) MUST_CHECK;

/* ---- members ---- */

int image_member_list(struct cx *cx, const char *image_id, struct list *ret_members) MUST_CHECK;
int image_member_get(struct cx *cx, const char *image_id, const char *member_id,
                     struct image_member *ret) MUST_CHECK;
/* Errors: NOT_FOUND, FORBIDDEN (not the owner, or not a shared image), CONFLICT (is one), QUOTA. */
int image_member_add(struct cx *cx, const char *image_id, const char *member_id,
                     struct image_member *ret) MUST_CHECK;
int image_member_remove(struct cx *cx, const char *image_id, const char *member_id) MUST_CHECK;
/* Only the member itself.  Errors: NOT_FOUND, FORBIDDEN. */
int image_member_set_status(struct cx *cx, const char *image_id, const char *member_id, const char *status,
                            struct image_member *ret) MUST_CHECK;
