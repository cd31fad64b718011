#include "store/sqlite/vfs_lossy.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* A write, or with 'data' NULL a truncation to 'offset' bytes. */
struct change {
    sqlite3_int64 offset;
    int n;
    char *data;
};

/* What all handles of one path share: they must see each other's writes, synced or not. */
struct contents {
    struct contents *next;
    char *path;
    unsigned n_handles;
    sqlite3_int64 size;
    struct change *changes; /* since the last sync, oldest first */
    size_t n, max;
};

struct file {
    sqlite3_file base;
    struct contents *contents;
    sqlite3_file *real; /* in the memory behind this struct */
};

static sqlite3_vfs *real_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of everything: this is for tests */
static struct contents *all_contents;

/* ---- contents ---- */

static int contents_add(struct contents *c, sqlite3_int64 offset, const void *data, int n)
{
    char *copy = data ? malloc((size_t)n) : NULL;

    if (data && !copy)
        return SQLITE_NOMEM;
    if (c->n == c->max) {
        size_t max = c->max ? c->max * 2 : 64;
        struct change *grown = realloc(c->changes, max * sizeof *grown);
        if (!grown) {
            free(copy);
            return SQLITE_NOMEM;
        }
        c->changes = grown;
        c->max = max;
    }
    if (data)
        memcpy(copy, data, (size_t)n);
    c->changes[c->n++] = (struct change){ offset, n, copy };
    if (!data || offset + n > c->size)
        c->size = offset + n;
    return SQLITE_OK;
}

/* Brings 'buffer', read from the file at 'offset', up to date with one change. */
static void overlay(const struct change *change, char *buffer, sqlite3_int64 offset, int n)
{
    sqlite3_int64 from = change->offset > offset ? change->offset : offset;
    sqlite3_int64 to =
        change->data && change->offset + change->n < offset + n ? change->offset + change->n : offset + n;

    if (from >= to)
        return;
    if (change->data)
        memcpy(buffer + (from - offset), change->data + (from - change->offset), (size_t)(to - from));
    else
        memset(buffer + (from - offset), 0, (size_t)(to - from));
}

static void contents_forget(struct contents *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->changes[i].data);
    c->n = 0;
}

/* Hands the changes to the kernel, in order. */
static int contents_flush(struct contents *c, sqlite3_file *real)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < c->n && rc == SQLITE_OK; i++) {
        const struct change *change = &c->changes[i];
        rc = change->data ? real->pMethods->xWrite(real, change->data, change->n, change->offset)
                          : real->pMethods->xTruncate(real, change->offset);
    }
    if (rc == SQLITE_OK)
        contents_forget(c);
    return rc;
}

static struct contents *contents_get(const char *path, sqlite3_file *real)
{
    struct contents *c = all_contents;

    while (c && strcmp(c->path, path) != 0)
        c = c->next;
    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c || !(c->path = strdup(path)) || real->pMethods->xFileSize(real, &c->size) != SQLITE_OK)
            abort();
        c->next = all_contents;
        all_contents = c;
    }
    c->n_handles++;
    return c;
}

/* A file closed in good order belongs to the kernel, as after any close without a sync. */
static void contents_put(struct contents *c, sqlite3_file *real)
{
    if (--c->n_handles)
        return;
    contents_flush(c, real);
    struct contents **at = &all_contents;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    contents_forget(c);
    free(c->changes);
    free(c->path);
    free(c);
}

/* ---- files ---- */

static struct file *file_of(sqlite3_file *base)
{
    return (struct file *)base;
}

static int lossy_close(sqlite3_file *base)
{
    struct file *f = file_of(base);

    pthread_mutex_lock(&lock);
    contents_put(f->contents, f->real);
    pthread_mutex_unlock(&lock);
    return f->real->pMethods->xClose(f->real);
}

static int lossy_read(sqlite3_file *base, void *buffer, int n, sqlite3_int64 offset)
{
    struct file *f = file_of(base);
    struct contents *c = f->contents;

    pthread_mutex_lock(&lock);
    int rc = f->real->pMethods->xRead(f->real, buffer, n, offset);
    if (rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ) {
        for (size_t i = 0; i < c->n; i++)
            overlay(&c->changes[i], buffer, offset, n);
        rc = offset + n > c->size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

static int lossy_write(sqlite3_file *base, const void *data, int n, sqlite3_int64 offset)
{
    pthread_mutex_lock(&lock);
    int rc = contents_add(file_of(base)->contents, offset, data, n);
    pthread_mutex_unlock(&lock);
    return rc;
}

static int lossy_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    pthread_mutex_lock(&lock);
    int rc = contents_add(file_of(base)->contents, size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return rc;
}

static int lossy_sync(sqlite3_file *base, int flags)
{
    struct file *f = file_of(base);

    pthread_mutex_lock(&lock);
    int rc = contents_flush(f->contents, f->real);
    if (rc == SQLITE_OK)
        rc = f->real->pMethods->xSync(f->real, flags);
    pthread_mutex_unlock(&lock);
    return rc;
}

static int lossy_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    pthread_mutex_lock(&lock);
    *ret_size = file_of(base)->contents->size;
    pthread_mutex_unlock(&lock);
    return SQLITE_OK;
}

static int lossy_control(sqlite3_file *base, int op, void *arg)
{
    struct file *f = file_of(base);
    if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
        return SQLITE_NOTFOUND; /* they would change the file at once */
    return f->real->pMethods->xFileControl(f->real, op, arg);
}

/* The rest is the real file's: locks and the shared index of the log, which no power cut spares anyway
 * (whoever comes first makes it anew). */
static int lossy_lock(sqlite3_file *base, int level)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xLock(f->real, level);
}

static int lossy_unlock(sqlite3_file *base, int level)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xUnlock(f->real, level);
}

static int lossy_check_lock(sqlite3_file *base, int *ret_locked)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xCheckReservedLock(f->real, ret_locked);
}

static int lossy_sector_size(sqlite3_file *base)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xSectorSize(f->real);
}

static int lossy_characteristics(sqlite3_file *base)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xDeviceCharacteristics(f->real);
}

static int lossy_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xShmMap(f->real, region, size, extend, ret);
}

static int lossy_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xShmLock(f->real, offset, n, flags);
}

static void lossy_shm_barrier(sqlite3_file *base)
{
    struct file *f = file_of(base);
    f->real->pMethods->xShmBarrier(f->real);
}

static int lossy_shm_unmap(sqlite3_file *base, int remove)
{
    struct file *f = file_of(base);
    return f->real->pMethods->xShmUnmap(f->real, remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without xFetch: a mapped page would miss what is not synced */
    .xClose = lossy_close,
    .xRead = lossy_read,
    .xWrite = lossy_write,
    .xTruncate = lossy_truncate,
    .xSync = lossy_sync,
    .xFileSize = lossy_size,
    .xLock = lossy_lock,
    .xUnlock = lossy_unlock,
    .xCheckReservedLock = lossy_check_lock,
    .xFileControl = lossy_control,
    .xSectorSize = lossy_sector_size,
    .xDeviceCharacteristics = lossy_characteristics,
    .xShmMap = lossy_shm_map,
    .xShmLock = lossy_shm_lock,
    .xShmBarrier = lossy_shm_barrier,
    .xShmUnmap = lossy_shm_unmap,
};

static int lossy_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *ret_flags)
{
    struct file *f = file_of(base);

    if (!path || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
        return real_vfs->xOpen(real_vfs, path, base, flags, ret_flags);
    f->base.pMethods = NULL;
    f->real = (sqlite3_file *)(f + 1);
    int rc = real_vfs->xOpen(real_vfs, path, f->real, flags, ret_flags);
    if (rc != SQLITE_OK)
        return rc;
    pthread_mutex_lock(&lock);
    f->contents = contents_get(path, f->real);
    pthread_mutex_unlock(&lock);
    f->base.pMethods = &methods;
    return SQLITE_OK;
}

const char *vfs_lossy_register(void)
{
    static sqlite3_vfs vfs;

    if (!real_vfs) {
        real_vfs = sqlite3_vfs_find(NULL);
        vfs = *real_vfs; /* names, deletion and the like as they are */
        vfs.zName = "lossy";
        vfs.szOsFile += (int)sizeof(struct file);
        vfs.xOpen = lossy_open;
        vfs.pNext = NULL;
        if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
            abort();
    }
    return vfs.zName;
}
