/* local.h - guests' disks as files of this host: qcow2 overlays over images that are never written.
 *
 * state_dir/guests/ID/       disk.qcow2, disk.ephemeral, disk.swap, config.iso, console.log
 * state_dir/guests/ID/qemu/  what QEMU itself makes: vnc.sock, overlay.qcow2 (during a snapshot)
 * state_dir/images/ID        images fetched from the controller; those in image_dir are used where they are
 * state_dir/outbox/ID        finished snapshots on their way to the controller
 *
 * A guest's user owns its disks and the folder qemu/, and can only pass through the folder around them: a
 * QEMU that was taken over finds no place for a link that root would follow.
 *
 * A file appears under its name only when it is finished.  No tool ever opens a tenant's bytes to find out
 * what they are: formats are always given, the one size that must be known is read here from the qcow2
 * header. */
#pragma once
#include "agent/driver.h"

struct local_config {
    const char *state_dir, *image_dir;
    struct guest_user user; /* reads and writes the disks */
    /* Fetches the image's bytes into 'fd'; NULL: only image_dir is looked at. */
    int (*fetch)(void *arg, struct cx *cx, const char *image_id, int fd);
    void *arg;
};

/* An image that was fetched here goes when no guest's disk is based on it and nobody asked for it for a day.
 * Fills 'ret_storage'; the strings of 'config' must live as long. */
int local_new(struct cx *cx, const struct local_config *config, struct storage *ret_storage) MUST_CHECK;
/* The virtual size of a qcow2 file without a backing file.  Errors: INVALID. */
int local_qcow2_size(struct cx *cx, const char *path, int64_t *ret_bytes) MUST_CHECK;
