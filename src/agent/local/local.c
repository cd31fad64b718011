#include "agent/local/local.h"

#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/file.h"
#include "agent/local/digest.h"
#include "base/crash.h"
#include "base/env.h"

enum { QCOW2_MAGIC = 0x514649fb, QCOW2_SIZE_OFFSET = 24, COPY_MS = 3600 * 1000, CREATE_MS = 60 * 1000, IMAGE_KEEP_S = 24 * 3600 };
static const int64_t GIB = (int64_t)1 << 30, MIB = 1 << 20;

struct local {
    struct local_config config;
    pthread_mutex_t images; /* an image is found and marked as used, or found unused and removed */
};

/* ---- names ---- */

static const char *guest_dir(struct local *l, struct cx *cx, const char *guest_id)
{
    return cx_printf(cx, "%s/guests/%s", l->config.state_dir, guest_id);
}

static const char *in_guest(struct local *l, struct cx *cx, const char *guest_id, const char *name)
{
    return cx_printf(cx, "%s/guests/%s/%s", l->config.state_dir, guest_id, name);
}

/* Where an image's bytes are, or will be. */
static const char *image_path(struct local *l, struct cx *cx, const struct wire_image *image)
{
    const char *shared = cx_printf(cx, "%s/%s", l->config.image_dir, image->id);
    if (access(shared, R_OK) == 0)
        return shared;
    return cx_printf(cx, "%s/images/%s", l->config.state_dir, image->id);
}

struct qcow2_head {
    uint32_t magic, version;
    uint64_t backing_offset;
    uint32_t backing_n, cluster_bits;
    uint64_t size;
} __attribute__((packed));

/* The name of the file that a disk of ours is based on; NULL: none, or no such disk. */
static const char *base_of(struct cx *cx, const char *disk)
{
    struct qcow2_head h;
    CLEAN_FD fd = open(disk, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, &h, sizeof h, 0) != sizeof h || be32toh(h.magic) != QCOW2_MAGIC)
        return NULL;
    size_t n = be32toh(h.backing_n);
    char *name = n && n < PATH_MAX ? cx_alloc(cx, n + 1) : NULL;
    return name && pread(fd, name, n, (off_t)be64toh(h.backing_offset)) == (ssize_t)n ? name : NULL;
}

static struct guest_files local_files(void *self, struct cx *cx, const struct wire_guest *g, const char *id)
{
    struct local *l = self;
    const char *root = in_guest(l, cx, id, "disk.qcow2");
    return (struct guest_files){
        .dir = guest_dir(l, cx, id),
        .root = root,
        .base = g && g->image ? base_of(cx, root) : NULL,
        .base_format = g && g->image && str_eq(g->image->format, "qcow2") ? "qcow2" : "raw",
        .ephemeral = !g || g->ephemeral_gib ? in_guest(l, cx, id, "disk.ephemeral") : NULL,
        .swap = !g || g->swap_mib ? in_guest(l, cx, id, "disk.swap") : NULL,
        .config_drive = !g || g->config_drive ? in_guest(l, cx, id, "config.iso") : NULL,
        .kernel = g && g->kernel ? image_path(l, cx, g->kernel) : NULL,
        .ramdisk = g && g->ramdisk ? image_path(l, cx, g->ramdisk) : NULL,
        .overlay = in_guest(l, cx, id, "qemu/overlay.qcow2"),
        .console = in_guest(l, cx, id, "console.log"),
        .vnc = in_guest(l, cx, id, "qemu/vnc.sock"),
    };
}

/* Where what is to be 'path' is made: a name that nothing else writes to, whatever else was left behind. */
static const char *part_of(struct cx *cx, const char *path)
{
    return cx_printf(cx, "%s.%s.part", path, uuid_new(cx->arena));
}

static bool is_part(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && str_eq(name + n - 5, ".part");
}

/* Removes the parts that died with their maker; of files whose name begins like this. */
static int remove_parts(struct cx *cx, const char *dir, const char *begin)
{
    struct strs names = { 0 };
    TRY(file_list(cx, dir, &names));
    for (size_t i = 0; i < names.n; i++)
        if (is_part(names.items[i]) && str_starts(names.items[i], begin, NULL))
            TRY(file_remove(cx, cx_printf(cx, "%s/%s", dir, names.items[i])));
    return 0;
}

/* To the guest's user, before anything can use it.  It was made by root in a folder of root's. */
static int hand_over(struct local *l, struct cx *cx, const char *path, mode_t mode)
{
    if (chown(path, l->config.user.uid, l->config.user.gid) < 0 || chmod(path, mode) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't give %s to the user of the guests: %s", path, strerror(errno));
    return 0;
}

static int publish_disk(struct local *l, struct cx *cx, const char *part, const char *path)
{
    TRY(hand_over(l, cx, part, 0600));
    return file_publish(cx, part, path);
}

/* ---- images ---- */

int local_qcow2_size(struct cx *cx, const char *path, int64_t *ret_bytes)
{
    struct qcow2_head h;
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, &h, sizeof h, 0) != sizeof h)
        return fail(cx, KIND_INVALID, "The image can't be read: %s",
                    fd < 0 ? strerror(errno) : "it is too short");
    int64_t size = (int64_t)be64toh(h.size);
    if (be32toh(h.magic) != QCOW2_MAGIC || h.backing_offset != 0 || size <= 0)
        return fail(cx, KIND_INVALID, "The image is no qcow2 file that stands alone; upload it again");
    *ret_bytes = size;
    return 0;
}

static int fetch_image(struct local *l, struct cx *cx, const struct wire_image *image, const char *path)
{
    if (!l->config.fetch)
        return fail(cx, KIND_NOT_FOUND, "The image %s is not on this host", image->id);
    const char *part = part_of(cx, path);
    CLEAN_FD fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't write %s: %s", part, strerror(errno));
    int r = l->config.fetch(l->config.arg, cx, image->id, fd);
    if (r >= 0)
        r = digest_check(cx, fd, image);
    if (r >= 0)
        r = hand_over(l, cx, part, 0400);
    if (r >= 0)
        r = file_publish(cx, part, path);
    if (r < 0)
        unlink(part);
    return r;
}

/* The image is here, and will be for IMAGE_KEEP_S. */
static bool use_image(struct local *l, const char *path)
{
    pthread_mutex_lock(&l->images);
    bool there = file_exists(path);
    if (there)
        utimensat(AT_FDCWD, path, NULL, 0);
    pthread_mutex_unlock(&l->images);
    return there;
}

/* Two guests may fetch the same image at once: both get a whole one, the later name wins. */
static int have_image(struct local *l, struct cx *cx, const struct wire_image *image, const char **ret_path)
{
    if (!image)
        return 0;
    if (!uuid_valid(image->id))
        return fail(cx, KIND_INVALID, "The image has no proper id");
    const char *path = image_path(l, cx, image);
    if (!use_image(l, path))
        TRY(fetch_image(l, cx, image, path));
    if (access(path, R_OK) < 0)
        return fail(cx, KIND_INVALID, "The image %s can't be read: %s", image->id, strerror(errno));
    if (ret_path)
        *ret_path = path;
    return 0;
}

/* What guests' disks are based on, whether wanted or not: the last piece of their paths. */
static int used_images(struct local *l, struct cx *cx, struct strs *ret_ids)
{
    const char *dir = cx_printf(cx, "%s/guests", l->config.state_dir);
    struct strs guests = { 0 };
    TRY(file_list(cx, dir, &guests));
    for (size_t i = 0; i < guests.n; i++) {
        const char *base = base_of(cx, cx_printf(cx, "%s/%s/disk.qcow2", dir, guests.items[i]));
        const char *slash = base ? strrchr(base, '/') : NULL;
        if (slash)
            *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = slash + 1;
    }
    return 0;
}

static bool is_in(struct strs list, const char *s)
{
    for (size_t i = 0; i < list.n; i++)
        if (str_eq(list.items[i], s))
            return true;
    return false;
}

static int remove_unused(struct local *l, struct cx *cx, const char *path)
{
    struct stat st;
    pthread_mutex_lock(&l->images);
    bool old = stat(path, &st) == 0 && now_us() / 1000000 - (int64_t)st.st_mtime > IMAGE_KEEP_S;
    int r = old ? file_remove(cx, path) : 0;
    pthread_mutex_unlock(&l->images);
    return r;
}

static int local_sweep_images(void *self, struct cx *cx, struct strs wanted_image_ids)
{
    struct local *l = self;
    const char *dir = cx_printf(cx, "%s/images", l->config.state_dir);
    struct strs names = { 0 }, used = { 0 };
    TRY(file_list(cx, dir, &names));
    if (names.n)
        TRY(used_images(l, cx, &used));
    for (size_t i = 0; i < names.n; i++)
        if (!is_in(wanted_image_ids, names.items[i]) && !is_in(used, names.items[i]))
            TRY(remove_unused(l, cx, cx_printf(cx, "%s/%s", dir, names.items[i])));
    return 0;
}

/* ---- disks ---- */

/* 4 KiB are the piece that is taken over from the image when the guest first writes into it, and thus nothing at
 * all for a write of whole blocks: with plain clusters of 64 KiB those came to a quarter of a raw file's speed.  The
 * map is made at once (16 bytes for each 128 KiB, 7 ms for each GiB), or it would be written while the guest waits. */
static const char layout[] = "extended_l2=on,cluster_size=128k,preallocation=metadata";

/* Makes the root disk: an overlay of the size asked for, and never smaller than the image.  "-u": the backing
 * file is ours and its format known, nobody has to open it. */
static int make_root(struct local *l, struct cx *cx, const struct wire_guest *g, const char *path)
{
    const char *part = part_of(cx, path), *base = NULL, *format = "raw";
    int64_t bytes = g->root_gib * GIB;

    TRY(have_image(l, cx, g->image, &base));
    if (base) {
        int64_t image_bytes = file_size(base);
        if (str_eq(g->image->format, "qcow2")) {
            format = "qcow2";
            TRY(local_qcow2_size(cx, base, &image_bytes));
        }
        bytes = image_bytes > bytes ? image_bytes : bytes;
    }
    if (bytes <= 0)
        return fail(cx, KIND_INVALID, "The server has neither an image nor a disk size");
    const char *size = cx_printf(cx, "%lld", (long long)((bytes + 511) / 512 * 512));
    const char *const overlay[] = { "qemu-img", "create", "-q", "-u", "-f", "qcow2", "-o", layout,
                                    "-F",       format,   "-b", base, part, size,    NULL };
    const char *const empty[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-o", layout, part, size, NULL };
    TRY(child_must(cx, base ? overlay : empty, NULL, CREATE_MS));
    return publish_disk(l, cx, part, path);
}

static int make_sparse(struct local *l, struct cx *cx, const char *path, int64_t bytes)
{
    const char *part = part_of(cx, path);
    CLEAN_FD fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, bytes) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't make the disk %s: %s", path, strerror(errno));
    return publish_disk(l, cx, part, path);
}

static int grow_sparse(struct local *l, struct cx *cx, const char *path, int64_t bytes)
{
    if (!file_exists(path))
        return make_sparse(l, cx, path, bytes);
    if (truncate(path, bytes) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't make the disk %s larger: %s", path, strerror(errno));
    return 0;
}

static int make_swap(struct local *l, struct cx *cx, const char *path, int64_t bytes)
{
    const char *part = part_of(cx, path);
    TRY(make_sparse(l, cx, part, bytes));
    const char *const argv[] = { "mkswap", "-q", part, NULL };
    TRY(child_must(cx, argv, NULL, CREATE_MS));
    return file_publish(cx, part, path);
}

static int put_drive_file(struct cx *cx, const char *dir, const struct drive_file *f)
{
    const char *path = cx_printf(cx, "%s/%s", dir, f->path);
    TRY(file_make_dir(cx, arena_strndup(cx->arena, path, (size_t)(strrchr(path, '/') - path)), 0700));
    CLEAN_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, f->data, f->n) != (ssize_t)f->n)
        return fail(cx, KIND_UNAVAILABLE, "Can't write %s: %s", path, strerror(errno));
    return 0;
}

static int make_config_drive(struct local *l, struct cx *cx, struct drive drive, const char *path)
{
    const char *dir = cx_printf(cx, "%s.d", path), *part = part_of(cx, path);
    for (size_t i = 0; i < drive.n; i++)
        TRY(put_drive_file(cx, dir, &drive.files[i]));
    const char *const make[] = {
        "genisoimage", "-quiet", "-V", "config-2", "-J", "-r", "-o", part, dir, NULL
    };
    TRY(child_must(cx, make, NULL, CREATE_MS));
    const char *const clean[] = { "rm", "-rf", dir, NULL };
    TRY(child_must(cx, clean, NULL, CREATE_MS));
    return publish_disk(l, cx, part, path);
}

static int make_folders(struct local *l, struct cx *cx, const char *dir)
{
    const char *own = cx_printf(cx, "%s/qemu", dir);
    TRY(file_make_dir(cx, dir, 0700));
    TRY(file_make_dir(cx, own, 0700));
    TRY(hand_over(l, cx, own, 0700));
    if (chown(dir, (uid_t)-1, l->config.user.gid) < 0 || chmod(dir, 0710) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't open %s to the user of the guests: %s", dir, strerror(errno));
    return 0;
}

/* The root disk comes last: where it is, everything is. */
static int local_make(void *self, struct cx *cx, const struct wire_guest *g, struct drive drive)
{
    struct local *l = self;
    struct guest_files f = local_files(l, cx, g, g->id);
    if (!uuid_valid(g->id))
        return fail(cx, KIND_INVALID, "The server has no proper id");
    TRY(make_folders(l, cx, f.dir));
    TRY(remove_parts(cx, f.dir, ""));
    TRY(have_image(l, cx, g->kernel, NULL));
    TRY(have_image(l, cx, g->ramdisk, NULL));
    if (f.ephemeral && !file_exists(f.ephemeral))
        TRY(make_sparse(l, cx, f.ephemeral, g->ephemeral_gib * GIB));
    if (f.swap && !file_exists(f.swap))
        TRY(make_swap(l, cx, f.swap, g->swap_mib * MIB));
    if (f.config_drive && !file_exists(f.config_drive))
        TRY(make_config_drive(l, cx, drive, f.config_drive));
    crash_point("before root disk");
    if (!file_exists(f.root))
        TRY(make_root(l, cx, g, f.root));
    crash_point("after root disk");
    return 0;
}

/* The virtual size in the head of a qcow2 file, whatever is behind it; 0: unreadable. */
static int64_t virtual_bytes(const char *path)
{
    uint64_t size = 0;
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, &size, sizeof size, QCOW2_SIZE_OFFSET) != sizeof size)
        return 0;
    return (int64_t)be64toh(size);
}

static bool is_small(const struct guest_files *f, const struct wire_guest *g)
{
    return virtual_bytes(f->root) < g->root_gib * GIB || (f->ephemeral && file_size(f->ephemeral) < g->ephemeral_gib * GIB) ||
           (f->swap && file_size(f->swap) < g->swap_mib * MIB);
}

/* Swap is nobody's data: it is made anew. */
static int local_grow(void *self, struct cx *cx, const struct wire_guest *g)
{
    struct local *l = self;
    struct guest_files f = local_files(l, cx, g, g->id);
    const char *size = cx_printf(cx, "%lld", (long long)(g->root_gib * GIB));
    const char *const argv[] = { "qemu-img", "resize", "-q", "-f", "qcow2", f.root, size, NULL };
    if (f.ephemeral && file_size(f.ephemeral) < g->ephemeral_gib * GIB)
        TRY(grow_sparse(l, cx, f.ephemeral, g->ephemeral_gib * GIB));
    if (f.swap && file_size(f.swap) < g->swap_mib * MIB)
        TRY(make_swap(l, cx, f.swap, g->swap_mib * MIB));
    crash_point("before disk grows");
    if (virtual_bytes(f.root) < g->root_gib * GIB)
        TRY(child_must(cx, argv, NULL, CREATE_MS));
    crash_point("after disk grows");
    return 0;
}

static int local_remove(void *self, struct cx *cx, const char *guest_id)
{
    const char *dir = guest_dir(self, cx, guest_id);
    if (!uuid_valid(guest_id))
        return fail(cx, KIND_INVALID, "The server has no proper id");
    const char *const clean[] = { "rm", "-rf", cx_printf(cx, "%s/config.iso.d", dir), NULL };
    TRY(child_must(cx, clean, NULL, CREATE_MS));
    TRY(file_remove_dir(cx, cx_printf(cx, "%s/qemu", dir)));
    return file_remove_dir(cx, dir);
}

static int local_see(void *self, struct cx *cx, const struct wire_guest *g, const char *id,
                     struct guest_seen *ret_seen)
{
    struct guest_files f = local_files(self, cx, g, id);
    ret_seen->files = file_exists(f.dir);
    ret_seen->disks =
        file_exists(f.root) &&
        (!g || ((!f.kernel || file_exists(f.kernel)) && (!f.ramdisk || file_exists(f.ramdisk))));
    ret_seen->overlay_left = file_exists(f.overlay);
    ret_seen->small = g && ret_seen->disks && is_small(&f, g);
    return 0;
}

static int local_list(void *self, struct cx *cx, struct strs *ret_ids)
{
    struct local *l = self;
    struct strs names = { 0 };
    TRY(file_list(cx, cx_printf(cx, "%s/guests", l->config.state_dir), &names));
    *ret_ids = (struct strs){ 0 };
    for (size_t i = 0; i < names.n; i++)
        if (uuid_valid(names.items[i]))
            *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = names.items[i];
    return 0;
}

/* ---- snapshots ---- */

static int local_copy(void *self, struct cx *cx, const char *guest_id, const char *image_id,
                      const char **ret_path, int64_t *ret_size_bytes)
{
    struct local *l = self;
    struct guest_files f = local_files(l, cx, NULL, guest_id);
    const char *path = cx_printf(cx, "%s/outbox/%s", l->config.state_dir, image_id);
    const char *part = part_of(cx, path);
    if (!uuid_valid(image_id))
        return fail(cx, KIND_INVALID, "The snapshot's image has no proper id");
    if (!file_exists(path)) {
        TRY(remove_parts(cx, cx_printf(cx, "%s/outbox", l->config.state_dir), image_id));
        const char *const argv[] = { "qemu-img", "convert", "-q",   "-f", "qcow2",
                                     "-O",       "qcow2",   f.root, part, NULL };
        crash_point("before snapshot copy");
        int r = child_must(cx, argv, NULL, COPY_MS);
        if (r < 0)
            unlink(part);
        TRY(r);
        TRY(file_publish(cx, part, path));
    }
    *ret_path = path;
    *ret_size_bytes = file_size(path);
    return 0;
}

static int local_drop_copy(void *self, struct cx *cx, const char *image_id)
{
    struct local *l = self;
    return file_remove(cx, cx_printf(cx, "%s/outbox/%s", l->config.state_dir, image_id));
}

static bool is_copy_of(const char *name, struct strs image_ids)
{
    for (size_t i = 0; i < image_ids.n; i++)
        if (str_starts(name, image_ids.items[i], NULL))
            return true;
    return false;
}

static int local_sweep_copies(void *self, struct cx *cx, struct strs wanted_image_ids)
{
    struct local *l = self;
    const char *dir = cx_printf(cx, "%s/outbox", l->config.state_dir);
    struct strs names = { 0 };
    TRY(file_list(cx, dir, &names));
    for (size_t i = 0; i < names.n; i++)
        if (!is_copy_of(names.items[i], wanted_image_ids))
            TRY(file_remove(cx, cx_printf(cx, "%s/%s", dir, names.items[i])));
    return 0;
}

/* It belongs to the guest's user before the guest has it, which libvirt would not see to. */
static int local_make_overlay(void *self, struct cx *cx, const char *guest_id)
{
    struct local *l = self;
    struct guest_files f = local_files(l, cx, NULL, guest_id);
    const char *part = cx_printf(cx, "%s/overlay.%s.part", f.dir, uuid_new(cx->arena));
    const char *const argv[] = { "qemu-img", "create", "-q",   "-u", "-f", "qcow2", "-F",
                                 "qcow2",    "-b",     f.root, part, cx_printf(cx, "%lld", (long long)virtual_bytes(f.root)), NULL };
    crash_point("before overlay");
    TRY(child_must(cx, argv, NULL, CREATE_MS));
    return publish_disk(l, cx, part, f.overlay);
}

static int local_merge(void *self, struct cx *cx, const char *guest_id)
{
    struct guest_files f = local_files(self, cx, NULL, guest_id);
    const char *const argv[] = { "qemu-img", "commit", "-q",   "-d",      "-f",
                                 "qcow2",    "-b",     f.root, f.overlay, NULL };
    crash_point("before overlay commit");
    TRY(child_must(cx, argv, NULL, COPY_MS));
    crash_point("after overlay commit");
    return file_remove(cx, f.overlay);
}

static int local_drop_overlay(void *self, struct cx *cx, const char *guest_id)
{
    return file_remove(cx, in_guest(self, cx, guest_id, "qemu/overlay.qcow2"));
}

static void local_free(void *self)
{
    struct local *l = self;
    pthread_mutex_destroy(&l->images);
    free(l);
}

int local_new(struct cx *cx, const struct local_config *config, struct storage *ret_storage)
{
    static const char *const folders[] = { "guests", "images", "outbox" };
    for (size_t i = 0; i < N_ELEMENTS(folders); i++)
        TRY(file_make_dir(cx, cx_printf(cx, "%s/%s", config->state_dir, folders[i]), 0711));
    struct local *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->config = *config;
    pthread_mutex_init(&l->images, NULL);
    *ret_storage = (struct storage){
        .self = l,
        .free = local_free,
        .see = local_see,
        .list = local_list,
        .files = local_files,
        .make = local_make,
        .grow = local_grow,
        .remove = local_remove,
        .make_overlay = local_make_overlay,
        .copy = local_copy,
        .drop_copy = local_drop_copy,
        .sweep_copies = local_sweep_copies,
        .sweep_images = local_sweep_images,
        .merge = local_merge,
        .drop_overlay = local_drop_overlay,
    };
    return 0;
}
