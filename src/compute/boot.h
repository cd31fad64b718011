/* boot.h - what a server boots from: an image that fits the server's size, and the kernel and ramdisk that it names. */
#pragma once
#include "image/image.h"

struct boot {
    struct image image;
    const char *kernel_id, *ramdisk_id; /* images too; NULL: the disk boots itself */
};
/* Fills '*ret_boot' for a server of this memory and root disk (0: the image's own size).
 * Errors: INVALID (not there for the caller, not bootable, too big for the server). */
int boot_find(struct cx *cx, const char *image_id, int64_t ram_mib, int64_t root_gib, struct boot *ret_boot) MUST_CHECK;
/* Something that a body names is not there: the request is wrong, not the URL.  Passes 'r' on. */
int boot_named(struct cx *cx, int r) MUST_CHECK;
