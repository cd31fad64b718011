#include "agent/libvirt/link.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/env.h"

enum { PIECE = 64 * 1024, DIAL_MS = 50 };

struct link {
    pthread_t thread;
    int listener, far, cut; /* far: to the server; cut: an eventfd that stays readable */
    struct sockaddr_un own, server;
};

/* One direction: what was read from 'from' and not yet written to 'to'. */
struct way {
    int from, to;
    size_t at, n;
    char bytes[PIECE];
};

/* Waits for 'events' on 'fd', at most 'ms' (-1: for ever); false: the link was cut. */
static bool wait_for(const struct link *l, int fd, short events, int ms)
{
    struct pollfd fds[2] = { { l->cut, POLLIN, 0 }, { fd, events, 0 } };
    while (poll(fds, 2, ms) < 0 && errno == EINTR)
        ;
    return !fds[0].revents;
}

static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.pid == getpid();
}

static int take_client(const struct link *l)
{
    while (wait_for(l, l->listener, POLLIN, -1)) {
        int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0 && is_ours(fd))
            return fd;
        fd_close(&fd);
    }
    return -1;
}

/* Returns 0 when connected, -EAGAIN when the server's queue is full. */
static int dial(struct link *l)
{
    return connect(l->far, (const struct sockaddr *)&l->server, sizeof l->server) < 0 ? -errno : 0;
}

/* A libvirtd whose queue is full is waited for: whoever waits for us has a deadline and cuts. */
static bool dial_on(struct link *l)
{
    int r;
    while ((r = dial(l)) == -EAGAIN)
        if (!wait_for(l, -1, 0, DIAL_MS))
            return false;
    return r == 0 || r == -EISCONN;
}

/* Reads when there is nothing left to write, else writes.  False: the way has ended. */
static bool step(struct way *w)
{
    ssize_t n = w->n ? send(w->to, w->bytes + w->at, w->n, MSG_NOSIGNAL) : read(w->from, w->bytes, PIECE);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    if (w->n) {
        w->at += (size_t)n;
        w->n -= (size_t)n;
    } else {
        w->at = 0;
        w->n = (size_t)n;
    }
    return true;
}

static void carry(const struct link *l, int client, int server)
{
    struct way ways[2] = { { .from = client, .to = server }, { .from = server, .to = client } };
    bool go_on = true;

    while (go_on) {
        struct pollfd fds[3] = { { l->cut, POLLIN, 0 } };
        for (int i = 0; i < 2; i++)
            fds[i + 1] = (struct pollfd){ ways[i].n ? ways[i].to : ways[i].from, ways[i].n ? POLLOUT : POLLIN, 0 };
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return;
        go_on = !fds[0].revents;
        for (int i = 0; i < 2 && go_on; i++)
            if (fds[i + 1].revents)
                go_on = step(&ways[i]);
    }
}

static void *run(void *arg)
{
    struct link *l = arg;
    CLEAN_FD client = take_client(l);
    unlink(l->own.sun_path);
    if (client >= 0 && dial_on(l))
        carry(l, client, l->far);
    shutdown(l->far, SHUT_RDWR);
    return NULL;
}

static int set_path(struct sockaddr_un *a, const char *path)
{
    a->sun_family = AF_UNIX;
    return (size_t)snprintf(a->sun_path, sizeof a->sun_path, "%s", path) < sizeof a->sun_path ? 0 : -ENAMETOOLONG;
}

static int reach(struct link *l)
{
    l->far = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = l->far < 0 ? -errno : dial(l);
    return r == -EAGAIN ? 0 : r;
}

/* Closed to others before anybody can connect. */
static int listen_on(struct link *l)
{
    l->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    l->cut = eventfd(0, EFD_CLOEXEC);
    if (l->listener < 0 || l->cut < 0 || bind(l->listener, (const struct sockaddr *)&l->own, sizeof l->own) < 0 ||
        chmod(l->own.sun_path, 0600) < 0 || listen(l->listener, 1) < 0)
        return -errno;
    return -pthread_create(&l->thread, NULL, run, l);
}

static void let_go(struct link *l)
{
    fd_close(&l->listener);
    fd_close(&l->far);
    fd_close(&l->cut);
    free(l);
}

int link_open(struct link **ret_link, const char *dir, const char *server)
{
    char path[sizeof ((struct sockaddr_un *)0)->sun_path + 1], id[UUID_SIZE];
    struct link *l = calloc(1, sizeof *l);

    if (!l)
        abort();
    l->listener = l->far = l->cut = -1;
    uuid_make(id);
    snprintf(path, sizeof path, "%s/libvirt-%.8s", dir, id);
    int r = set_path(&l->own, path);
    if (r == 0)
        r = set_path(&l->server, server);
    if (r == 0)
        r = reach(l);
    if (r == 0)
        r = listen_on(l);
    if (r < 0) {
        unlink(path);
        let_go(l);
        return r;
    }
    *ret_link = l;
    return 0;
}

const char *link_path(const struct link *l)
{
    return l->own.sun_path;
}

void link_cut(struct link *l)
{
    if (eventfd_write(l->cut, 1) < 0)
        abort(); /* a counter that nobody reads takes 2^64 - 2 cuts */
}

void link_close(struct link *l)
{
    if (!l)
        return;
    link_cut(l);
    pthread_join(l->thread, NULL);
    let_go(l);
}
