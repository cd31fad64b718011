/* Console logs: what guests print is sent to the controller when it changes, so that it can be read there even when this
 * host is dead; and a guest that prints for ever does not fill the disk. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("console");

enum {
    SENT_MAX = 120 * 1024, /* of the end; the controller takes 128 KiB */
    KEPT_MAX = 4 << 20,    /* a longer log loses its beginning */
    PERIOD_US = 500 * 1000,
};

/* What was sent of one guest's log. */
struct sent_log {
    char guest_id[40];
    off_t size;
    struct timespec changed;
};

struct sent_logs {
    struct sent_log *items;
    size_t n;
};

static struct sent_log *sent_find(struct sent_logs *sent, const char *guest_id)
{
    for (size_t i = 0; i < sent->n; i++)
        if (str_eq(sent->items[i].guest_id, guest_id))
            return &sent->items[i];
    sent->items = realloc(sent->items, (sent->n + 1) * sizeof *sent->items);
    if (!sent->items)
        abort();
    struct sent_log *s = memset(&sent->items[sent->n++], 0, sizeof *s);
    memcpy(s->guest_id, guest_id, strnlen(guest_id, sizeof s->guest_id - 1));
    return s;
}

/* Forgets guests that are gone. */
static void sent_keep(struct sent_logs *sent, struct strs guests)
{
    for (size_t i = sent->n; i > 0; i--) {
        bool there = false;
        for (size_t k = 0; k < guests.n && !there; k++)
            there = str_eq(guests.items[k], sent->items[i - 1].guest_id);
        if (!there)
            sent->items[i - 1] = sent->items[--sent->n];
    }
}

/* QEMU appends, so what it writes next comes after what is left. */
static void cut(int fd, const char *tail, size_t n)
{
    if (ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_END) >= 0 && write(fd, tail, n) < 0)
        log_warn("a console log lost its beginning and its end: %s", strerror(errno));
}

/* Cuts it when it is long, and sends it; but not to a controller that is '*down', on which to wait once in a look is enough:
 * that it is not there must not cost the disk. */
static int send_log(struct agent *a, struct cx *cx, const char *guest_id, const char *path, struct sent_log *s, bool *down)
{
    struct stat st;
    CLEAN_FD fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &st) < 0)
        return 0; /* no console yet */
    if (st.st_size == s->size && st.st_mtim.tv_sec == s->changed.tv_sec && st.st_mtim.tv_nsec == s->changed.tv_nsec)
        return 0;
    size_t want = st.st_size > SENT_MAX ? SENT_MAX : (size_t)st.st_size;
    char *text = cx_alloc(cx, want + 1);
    ssize_t n = pread(fd, text, want, st.st_size - (off_t)want);
    if (n < 0)
        return fail(cx, KIND_INTERNAL, "The console log of %s can't be read: %s", guest_id, strerror(errno));
    if (st.st_size > KEPT_MAX)
        cut(fd, text, (size_t)n);
    if (*down)
        return 0;
    int r = sync_console(a, cx, guest_id, text, (size_t)n);
    *down = r < 0 && cx->kind == KIND_UNAVAILABLE;
    TRY(r);
    s->size = st.st_size;
    s->changed = st.st_mtim;
    return 0;
}

static struct strs guests_wanted(struct agent *a, struct arena *arena)
{
    struct strs ids = { 0 };
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->n_guests; i++)
        if (a->guests[i]->doc)
            *arena_push(arena, &ids.items, &ids.n) = arena_strdup(arena, a->guests[i]->id);
    pthread_mutex_unlock(&a->lock);
    return ids;
}

static void look(struct agent *a, struct sent_logs *sent)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct strs ids = guests_wanted(a, cx.arena);
    bool down = false;

    sent_keep(sent, ids);
    for (size_t i = 0; i < ids.n; i++) {
        const struct storage *storage = &a->drivers.storage;
        const char *path = storage->files(storage->self, &cx, NULL, ids.items[i]).console;
        if (path && send_log(a, &cx, ids.items[i], path, sent_find(sent, ids.items[i]), &down) < 0) {
            log_debug("%s", cx.text);
            fail_clear(&cx); /* sent again at the next look */
        }
    }
}

void *console_thread(void *agent)
{
    struct agent *a = agent;
    struct sent_logs sent = { 0 };
    const struct timespec period = { 0, PERIOD_US * 1000L };

    while (!__atomic_load_n(&a->stop, __ATOMIC_RELAXED)) {
        look(a, &sent);
        nanosleep(&period, NULL);
    }
    free(sent.items);
    return NULL;
}
