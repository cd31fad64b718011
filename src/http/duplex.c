#include "http/duplex.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/env.h"

enum { CHUNK = 16 * 1024 }; /* as much as TLS puts into one record */

/* Bytes on their way: all of them are sent before more are read. */
struct way {
    char data[CHUNK];
    size_t at, n;
};

struct duplex {
    const struct duplex_stream *stream;
    int fd;
    struct way down, up; /* to fd, to the stream */
    bool fd_deaf,
        stream_deaf; /* takes no more: what is for it is thrown away, what it has said is still read */
    bool fd_left;    /* closed at its other end */
    int64_t leave_us;
};

/* Returns whether there may be more. */
static bool fill(struct way *w, ssize_t n)
{
    w->at = 0;
    w->n = n > 0 ? (size_t)n : 0;
    return n > 0 || n == -EAGAIN;
}

/* Returns whether more will be taken. */
static bool empty(struct way *w, ssize_t n)
{
    if (n > 0) {
        w->at += (size_t)n;
        w->n -= (size_t)n;
    }
    return n > 0 || n == -EAGAIN;
}

static ssize_t socket_result(ssize_t n)
{
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
}

/* Moves what can be moved at once.  Returns false when an end was reached. */
static bool move(struct duplex *d, bool *ret_moved)
{
    const struct duplex_stream *s = d->stream;
    struct way *down = &d->down, *up = &d->up;
    size_t before = down->n + up->n;
    bool filled = false;

    if (!down->n) {
        if (!fill(down, s->read(s->self, down->data, sizeof down->data)))
            return false;
        filled |= down->n > 0;
    }
    if (down->n && !d->fd_deaf)
        d->fd_deaf = !empty(
            down, socket_result(send(d->fd, down->data + down->at, down->n, MSG_NOSIGNAL | MSG_DONTWAIT)));
    if (!up->n) {
        if (!fill(up, socket_result(recv(d->fd, up->data, sizeof up->data, MSG_DONTWAIT))))
            return false;
        filled |= up->n > 0;
    }
    if (up->n && !d->stream_deaf)
        d->stream_deaf = !empty(up, s->write(s->self, up->data + up->at, up->n));
    if (d->fd_deaf)
        down->n = 0;
    if (d->stream_deaf)
        up->n = 0;
    *ret_moved = filled || down->n + up->n != before;
    return true;
}

static short events(bool in, bool out)
{
    return (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}

/* Returns false when it is over. */
static bool wait_for_either(struct duplex *d, int idle_ms)
{
    struct pollfd fds[] = { { .fd = d->stream->socket, .events = events(!d->down.n, d->up.n) },
                            { .fd = d->fd_left ? -1 : d->fd, .events = events(!d->up.n, d->down.n) } };
    int64_t left_us = d->leave_us - monotonic_us();

    if (!fds[0].events)
        fds[0].fd = -1; /* else its end, which nobody may hear now, would wake us again and again */
    if (d->fd_left && left_us <= 0)
        return false;
    int r = poll(fds, N_ELEMENTS(fds), d->fd_left ? (int)(left_us / 1000) + 1 : idle_ms);
    if (r < 0)
        return errno == EINTR;
    if (fds[1].revents & (POLLHUP | POLLERR) && !d->fd_left) {
        d->fd_left = true;
        d->leave_us = monotonic_us() + DUPLEX_LEAVE_S * 1000000 * slow_factor();
    }
    return r > 0 || d->fd_left;
}

void duplex_pump(const struct duplex_stream *stream, int fd, const void *head, size_t n_head, int idle_ms)
{
    struct duplex *d = calloc(1, sizeof *d);
    bool moved;

    assert(n_head <= CHUNK);
    if (!d)
        return;
    d->stream = stream;
    d->fd = fd;
    if (n_head)
        memcpy(d->up.data, head, n_head);
    d->up.n = n_head;
    while (move(d, &moved))
        if (!moved && !wait_for_either(d, idle_ms))
            break;
    free(d);
}
