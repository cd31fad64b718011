#include "auth/keyfile.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"

static int write_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t wrote = write(fd, data, n);
        if (wrote < 0 && errno != EINTR)
            return -errno;
        if (wrote > 0) {
            data += wrote;
            n -= (size_t)wrote;
        }
    }
    return 0;
}

/* A rename is durable only when its directory is. */
static int sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (slash)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path + 1), path);
    CLEAN_FD fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

static int fill(int fd, const void *data, size_t n, mode_t mode)
{
    if (fchmod(fd, mode) < 0)
        return -errno;
    TRY(write_all(fd, data, n));
    crash_point("keyfile fsync");
    return fsync(fd) < 0 ? -errno : 0;
}

static int write_beside(const char *path, const void *data, size_t n, mode_t mode, unsigned rename_flags)
{
    char temporary[PATH_MAX];

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
        return -ENAMETOOLONG;
    CLEAN_FD fd = mkostemp(temporary, O_CLOEXEC); /* born 0600: closed before anything is in it */
    if (fd < 0)
        return -errno;
    int r = fill(fd, data, n, mode);
    crash_point("keyfile before rename");
    if (r == 0 && renameat2(AT_FDCWD, temporary, AT_FDCWD, path, rename_flags) < 0)
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        return r;
    }
    crash_point("keyfile after rename");
    return sync_directory_of(path);
}

int keyfile_create(const char *path, const void *data, size_t n, mode_t mode)
{
    return write_beside(path, data, n, mode, RENAME_NOREPLACE);
}

int keyfile_replace(const char *path, const void *data, size_t n, mode_t mode)
{
    return write_beside(path, data, n, mode, 0);
}

static int check_private(const struct stat *st)
{
    /* root prepares the keys of those who run without its rights */
    bool ours = st->st_uid == geteuid() || st->st_uid == 0 || geteuid() == 0;
    return ours && !(st->st_mode & 077) ? 0 : -EPERM;
}

int keyfile_read(const char *path, bool private, struct arena *a, char **ret_data, size_t *ret_n)
{
    struct stat st;
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (private)
        TRY(check_private(&st));
    if (st.st_size > KEYFILE_MAX_BYTES)
        return -EFBIG;
    char *data = arena_alloc(a, (size_t)st.st_size + 1);
    size_t n = 0;
    while (n < (size_t)st.st_size) {
        ssize_t got = read(fd, data + n, (size_t)st.st_size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret_data = data;
    *ret_n = n;
    return 0;
}
