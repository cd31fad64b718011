/* files.h - the bytes of images: one directory, one file an image, named by its id and nothing else.
 *
 * An upload goes to a .part file of its own, its hashes computed on the way in constant memory; when it is
 * complete its header is inspected in an unprivileged process (image/inspector.h), it is synced, and only
 * then renamed to ID.  A crash leaves at most a .part, which the next start removes. */
#pragma once
#include "image/image.h"
#include "image/inspector.h"

struct images;
struct image_upload;

/* The directory is made if it is not there; leftovers of the last run are removed.  Errors: negative errno.
 */
int images_open(struct images **ret_images, const char *directory, struct inspector *inspector) MUST_CHECK;
void images_close(struct images *images); /* NULL is fine */

/* Begins the upload of the image 'id', declared as 'disk_format'.  Errors: UNAVAILABLE (no file to be had).
 */
int image_upload_begin(struct cx *cx, struct images *images, const char *id, const char *disk_format,
                       struct image_upload **ret_upload) MUST_CHECK;
/* Takes a piece.  Errors: TOO_LARGE (the limit of one image), UNAVAILABLE (the disk is full). */
int image_upload_write(struct cx *cx, struct image_upload *upload, const void *data, size_t n) MUST_CHECK;
/* The bytes are complete: inspects, syncs, renames.  Call it outside of transactions: it takes its time.
 * Called again it says the same.  '*ret_received' is for image_finish_upload() and lives as long as the
 * upload.  Errors: INVALID, TOO_LARGE (what image_check() refuses), UNAVAILABLE. */
int image_upload_finish(struct cx *cx, struct image_upload *upload,
                        struct image_received *ret_received) MUST_CHECK;
/* Forgets the upload; unless it was finished, its bytes go.  NULL is fine. */
void image_upload_free(struct image_upload *upload);
/* The same, and its bytes go in any case: the row did not become active, and nobody else may have filled it: as long as
 * this upload was there it was "saving". */
void image_upload_abandon(struct image_upload *upload);

/* Opens the bytes of an image for reading and returns the descriptor; '*ret_size' is their number.
 * Errors: INTERNAL (they are gone). */
int images_read(struct cx *cx, struct images *images, const char *id, int64_t *ret_size) MUST_CHECK;
/* Removes the bytes; none there is fine.  Errors: negative errno. */
int images_remove(struct images *images, const char *id) MUST_CHECK;
