#include "http/drain.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"

enum { SOCKETS_MAX = 256, PATIENCE_S = 30, GULP_BYTES = 1 << 20, GULPS = 16 };

struct waiting {
    int fd;
    int64_t until_us;
};

struct drain {
    pthread_t thread;
    int wake_fd; /* an eventfd */
    pthread_mutex_t mutex;
    bool stop; /* guarded by the mutex, as all below */
    size_t n;  /* only the thread takes away; so an index stays good while it polls */
    struct waiting sockets[SOCKETS_MAX]; /* the oldest first */
};

/* Throws away what is there.  Returns whether more may come. */
static bool throw_away(int fd)
{
    for (int i = 0; i < GULPS; i++) {
        ssize_t n =
            recv(fd, NULL, GULP_BYTES, MSG_TRUNC | MSG_DONTWAIT); /* TCP: the kernel drops, copies nothing */
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0)
            return false;
    }
    return true;
}

static void wait_for_events(struct drain *d, struct pollfd *ret_polled, size_t *ret_n)
{
    int timeout_ms = -1;

    pthread_mutex_lock(&d->mutex);
    *ret_n = d->n;
    ret_polled[0] = (struct pollfd){ .fd = d->wake_fd, .events = POLLIN };
    for (size_t i = 0; i < d->n; i++)
        ret_polled[i + 1] = (struct pollfd){ .fd = d->sockets[i].fd, .events = POLLIN };
    if (d->n > 0) {
        int64_t left_us = d->sockets[0].until_us - monotonic_us();
        timeout_ms = left_us > 0 ? (int)(left_us / 1000) + 1 : 0;
    }
    pthread_mutex_unlock(&d->mutex);
    if (poll(ret_polled, *ret_n + 1, timeout_ms) < 0)
        *ret_n = 0; /* the events are not valid then */
}

static void serve(struct drain *d, const struct pollfd *polled, size_t n)
{
    int64_t now = monotonic_us();
    size_t kept = 0;

    for (size_t i = 0; i < d->n; i++) {
        struct waiting w = d->sockets[i];
        bool ready = i < n && polled[i + 1].revents;
        if (d->stop || now >= w.until_us || (ready && !throw_away(w.fd)))
            close(w.fd);
        else
            d->sockets[kept++] = w;
    }
    d->n = kept;
}

static void *run(void *arg)
{
    struct drain *d = arg;
    struct pollfd polled[SOCKETS_MAX + 1];
    uint64_t wakes;
    size_t n;
    bool stop;

    do {
        wait_for_events(d, polled, &n);
        if ((polled[0].revents & POLLIN) && read(d->wake_fd, &wakes, sizeof wakes) < 0)
            assert(errno == EAGAIN);
        pthread_mutex_lock(&d->mutex);
        serve(d, polled, n);
        stop = d->stop;
        pthread_mutex_unlock(&d->mutex);
    } while (!stop);
    return NULL;
}

static void wake(struct drain *d)
{
    uint64_t one = 1;
    if (write(d->wake_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN); /* it is awake already */
}

int drain_new(struct drain **ret_drain)
{
    struct drain *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&d->mutex, NULL);
    int r = d->wake_fd < 0 ? errno : pthread_create(&d->thread, NULL, run, d);
    if (r != 0) {
        fd_close(&d->wake_fd);
        free(d);
        return -r;
    }
    *ret_drain = d;
    return 0;
}

void drain_free(struct drain *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->mutex);
    d->stop = true;
    pthread_mutex_unlock(&d->mutex);
    wake(d);
    pthread_join(d->thread, NULL);
    pthread_mutex_destroy(&d->mutex);
    close(d->wake_fd);
    free(d);
}

void drain_take(struct drain *d, int fd)
{
    shutdown(fd, SHUT_WR);
    pthread_mutex_lock(&d->mutex);
    bool taken = d->n < SOCKETS_MAX;
    if (taken)
        d->sockets[d->n++] = (struct waiting){ fd, monotonic_us() + PATIENCE_S * 1000000 * slow_factor() };
    pthread_mutex_unlock(&d->mutex);
    if (taken)
        wake(d);
    else
        close(fd);
}
