#include "agent/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"

static int failed(struct cx *cx, const char *verb, const char *path)
{
    int e = errno;
    const char *next = e == ENOSPC ? "; free some space on that file system" : "";
    return fail(cx, e == ENOENT ? KIND_NOT_FOUND : KIND_UNAVAILABLE, "Can't %s %s: %s%s", verb, path,
                strerror(e), next);
}

int file_make_dir(struct cx *cx, const char *path, unsigned mode)
{
    char *p = cx_strdup(cx, path);
    for (char *slash = strchr(p + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(p, 0755) < 0 && errno != EEXIST)
            return failed(cx, "make the folder", p);
        *slash = '/';
    }
    if (mkdir(p, mode) < 0 && errno != EEXIST)
        return failed(cx, "make the folder", p);
    return 0;
}

int file_read(struct cx *cx, const char *path, size_t max, const char **ret_text, size_t *ret_n)
{
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(cx, "read", path);
    size_t cap = 4096, n = 0;
    char *text = cx_alloc(cx, cap);
    for (;;) {
        ssize_t got = read(fd, text + n, cap - n - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed(cx, "read", path);
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max)
            return fail(cx, KIND_TOO_LARGE, "%s is longer than %zu bytes", path, max);
        if (n == cap - 1) {
            char *grown = cx_alloc(cx, cap * 2);
            memcpy(grown, text, n);
            text = grown;
            cap *= 2;
        }
    }
    text[n] = 0;
    *ret_text = text;
    if (ret_n)
        *ret_n = n;
    return 0;
}

static int write_all(int fd, const char *data, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = write(fd, data + at, n - at);
        if (put < 0 && errno != EINTR)
            return -errno;
        at += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Makes a rename or removal in the folder of 'path' last. */
static int sync_dir_of(struct cx *cx, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash ? arena_strndup(cx->arena, path, (size_t)(slash - path)) : ".";
    CLEAN_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return failed(cx, "fsync", dir);
    crash_point("dir fsync");
    return 0;
}

int file_write_durably(struct cx *cx, const char *path, const void *data, size_t n)
{
    const char *tmp = cx_printf(cx, "%s.tmp", path);
    CLEAN_FD fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    crash_point("before journal write");
    if (fd < 0 || (errno = -write_all(fd, data, n)) != 0)
        return failed(cx, "write", tmp);
    crash_point("after journal write");
    return file_publish(cx, tmp, path);
}

int file_publish(struct cx *cx, const char *part, const char *path)
{
    CLEAN_FD fd = open(part, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return failed(cx, "fsync", part);
    crash_point("before rename");
    if (rename(part, path) < 0)
        return failed(cx, "rename", part);
    crash_point("after rename");
    return sync_dir_of(cx, path);
}

int file_write_if_differs(struct cx *cx, const char *path, const char *text)
{
    const char *old = NULL;
    size_t n = 0;
    if (file_read(cx, path, 64 << 20, &old, &n) == 0 && n == strlen(text) && memcmp(old, text, n) == 0)
        return 0;
    fail_clear(cx);
    const char *tmp = cx_printf(cx, "%s.tmp", path);
    CLEAN_FD fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || (errno = -write_all(fd, text, strlen(text))) != 0)
        return failed(cx, "write", tmp);
    if (rename(tmp, path) < 0)
        return failed(cx, "rename", tmp);
    return 1;
}

int file_remove(struct cx *cx, const char *path)
{
    crash_point("before removal");
    if (unlink(path) < 0)
        return errno == ENOENT ? 0 : failed(cx, "remove", path);
    return sync_dir_of(cx, path);
}

int file_remove_unfinished(struct cx *cx, const char *path)
{
    struct strs names = { 0 };
    TRY(file_list(cx, path, &names));
    for (size_t i = 0; i < names.n; i++) {
        size_t n = strlen(names.items[i]);
        if (n > 4 && str_eq(names.items[i] + n - 4, ".tmp"))
            TRY(file_remove(cx, cx_printf(cx, "%s/%s", path, names.items[i])));
    }
    return 0;
}

int file_remove_dir(struct cx *cx, const char *path)
{
    struct strs names = { 0 };
    TRY(file_list(cx, path, &names));
    for (size_t i = 0; i < names.n; i++) {
        const char *file = cx_printf(cx, "%s/%s", path, names.items[i]);
        if (unlink(file) < 0 && errno != ENOENT)
            return failed(cx, "remove", file);
    }
    if (rmdir(path) < 0)
        return errno == ENOENT ? 0 : failed(cx, "remove", path);
    return sync_dir_of(cx, path);
}

int file_list(struct cx *cx, const char *path, struct strs *ret_names)
{
    *ret_names = (struct strs){ 0 };
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? 0 : failed(cx, "read", path);
    for (struct dirent *e; (e = readdir(dir));)
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            *arena_push(cx->arena, &ret_names->items, &ret_names->n) = cx_strdup(cx, e->d_name);
    closedir(dir);
    return 0;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

int file_set(struct cx *cx, const char *path, const char *text)
{
    CLEAN_FD fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return failed(cx, "set", path);
    return 0;
}
