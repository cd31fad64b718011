#include "image/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/env.h"

/* 1 TiB: more than any image, less than what fills a disk by a typing mistake in a chunked upload. */
#define IMAGE_FILE_MAX_BYTES ((int64_t)1 << 40)
/* The kernel begins to write this much before more comes, so that the fsync at the end has little left to do.
 */
#define WRITE_BEHIND_BYTES (INT64_C(8) << 20)

struct images {
    int dir_fd;
    struct inspector *inspector;
};

struct image_upload {
    struct images *images;
    char id[UUID_SIZE], part[2 * UUID_SIZE + 8], format[16];
    int fd;
    int64_t size, written_behind;
    EVP_MD_CTX *md5, *sha512;
    bool finished;
    char md5_hex[33], sha512_hex[129];
    int64_t virtual_size;
    char defect[512]; /* "": none */
};

static void remove_leftovers(int dir_fd)
{
    DIR *dir = fdopendir(fcntl(dir_fd, F_DUPFD_CLOEXEC, 0));
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n > 5 && strcmp(e->d_name + n - 5, ".part") == 0)
            unlinkat(dir_fd, e->d_name, 0);
    }
    closedir(dir);
}

int images_open(struct images **ret_images, const char *directory, struct inspector *inspector)
{
    if (mkdir(directory, 0750) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    remove_leftovers(fd);
    struct images *images = calloc(1, sizeof *images);
    if (!images)
        abort();
    *images = (struct images){ fd, inspector };
    *ret_images = images;
    return 0;
}

void images_close(struct images *images)
{
    if (!images)
        return;
    close(images->dir_fd);
    free(images);
}

static int no_room(struct cx *cx, const char *what, int error)
{
    return fail(cx, KIND_UNAVAILABLE,
                "The image could not be stored (%s: %s). Free room on the disk of the images, then "
                "upload it again.",
                what, strerror(error));
}

int image_upload_begin(struct cx *cx, struct images *images, const char *id, const char *disk_format,
                       struct image_upload **ret_upload)
{
    if (!uuid_valid(id))
        return fail(cx, KIND_INTERNAL, "an image id that is no UUID");
    const char *part = cx_printf(cx, "%s-%s.part", id, uuid_new(cx->arena));
    int fd = openat(images->dir_fd, part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return no_room(cx, "open", errno);
    struct image_upload *u = calloc(1, sizeof *u);
    if (!u)
        abort();
    *u = (struct image_upload){
        .images = images, .fd = fd, .md5 = EVP_MD_CTX_new(), .sha512 = EVP_MD_CTX_new()
    };
    snprintf(u->id, sizeof u->id, "%s", id);
    snprintf(u->part, sizeof u->part, "%s", part);
    snprintf(u->format, sizeof u->format, "%s", disk_format);
    *ret_upload = u;
    if (!u->md5 || !u->sha512 || !EVP_DigestInit_ex(u->md5, EVP_md5(), NULL) ||
        !EVP_DigestInit_ex(u->sha512, EVP_sha512(), NULL))
        abort();
    return 0;
}

static void write_behind(struct image_upload *u)
{
    if (u->size - u->written_behind < WRITE_BEHIND_BYTES)
        return;
    sync_file_range(u->fd, u->written_behind, u->size - u->written_behind, SYNC_FILE_RANGE_WRITE);
    u->written_behind = u->size;
}

int image_upload_write(struct cx *cx, struct image_upload *u, const void *data, size_t n)
{
    const char *p = data;

    if (u->size + (int64_t)n > IMAGE_FILE_MAX_BYTES)
        return fail(cx, KIND_TOO_LARGE, "An image may have 1 TiB at most.");
    EVP_DigestUpdate(u->md5, data, n);
    EVP_DigestUpdate(u->sha512, data, n);
    u->size += (int64_t)n;
    while (n) {
        ssize_t w = write(u->fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return no_room(cx, "write", errno);
        p += w;
        n -= (size_t)w;
    }
    write_behind(u);
    return 0;
}

static void hex_of(EVP_MD_CTX *md, char *ret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    EVP_DigestFinal_ex(md, digest, &n);
    for (unsigned i = 0; i < n; i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static int inspect(struct cx *cx, struct image_upload *u)
{
    struct image_facts facts;
    int r = inspector_check(u->images->inspector, u->fd, &facts);

    if (r == -EBADMSG)
        return fail(cx, KIND_INVALID,
                    "The image's header could not be read safely. Make the image anew with qemu-img.");
    if (r < 0)
        return fail(cx, KIND_UNAVAILABLE,
                    "The image could not be inspected: %s. Restart alamod, then upload it again.",
                    strerror(-r));
    r = image_check(cx, u->format, &facts, &(struct image_limits){ 0 });
    /* Bytes without any known sign can mislead no tool.  They are kept, as Image v2's clients expect of any bytes, but
     * no server is made of what is not what it says. */
    if (r < 0 && cx->kind == KIND_INVALID && !facts.signatures) {
        snprintf(u->defect, sizeof u->defect, "%s", cx->text);
        fail_clear(cx);
        r = 0;
    }
    u->virtual_size = facts.virtual_bytes;
    return r;
}

static int keep(struct cx *cx, struct image_upload *u)
{
    crash_point("image-before-fsync");
    if (fsync(u->fd) < 0)
        return no_room(cx, "fsync", errno);
    crash_point("image-before-rename");
    if (renameat(u->images->dir_fd, u->part, u->images->dir_fd, u->id) < 0)
        return no_room(cx, "rename", errno);
    crash_point("image-after-rename");
    if (fsync(u->images->dir_fd) < 0)
        return no_room(cx, "fsync of the directory", errno);
    return 0;
}

int image_upload_finish(struct cx *cx, struct image_upload *u, struct image_received *ret_received)
{
    if (!u->finished) {
        TRY(inspect(cx, u));
        TRY(keep(cx, u));
        u->finished = true;
        hex_of(u->md5, u->md5_hex);
        hex_of(u->sha512, u->sha512_hex);
    }
    *ret_received = (struct image_received){ u->size, u->virtual_size, u->md5_hex, u->sha512_hex,
                                              *u->defect ? u->defect : NULL };
    return 0;
}

void image_upload_abandon(struct image_upload *u)
{
    if (u)
        unlinkat(u->images->dir_fd, u->id, 0);
    image_upload_free(u);
}

void image_upload_free(struct image_upload *u)
{
    if (!u)
        return;
    if (!u->finished)
        unlinkat(u->images->dir_fd, u->part, 0);
    close(u->fd);
    EVP_MD_CTX_free(u->md5);
    EVP_MD_CTX_free(u->sha512);
    free(u);
}

int images_read(struct cx *cx, struct images *images, const char *id, int64_t *ret_size)
{
    struct stat st;
    int fd = uuid_valid(id) ? openat(images->dir_fd, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

    if (fd < 0 || fstat(fd, &st) < 0) {
        fd_close(&fd);
        return fail(cx, KIND_INTERNAL, "the bytes of image %s are gone from the image directory", id);
    }
    *ret_size = st.st_size;
    return fd;
}

int images_remove(struct images *images, const char *id)
{
    if (!uuid_valid(id))
        return -EINVAL;
    return unlinkat(images->dir_fd, id, 0) < 0 && errno != ENOENT ? -errno : 0;
}
