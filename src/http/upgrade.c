#include "http/upgrade.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

LOG_MODULE("http");

/* A socket that is handed over; in the request's arena. */
struct upgrade {
    struct request *request;
    void (*ready)(void *arg, int fd, const void *extra, size_t n_extra);
    void *arg;
    struct MHD_UpgradeResponseHandle *handle;
    int fd;
    const char *extra;
    size_t extra_n;
    struct upgrade *next;
};

static void enter(struct http_server *s, struct upgrade *u)
{
    pthread_mutex_lock(&s->mutex);
    u->next = s->upgrades;
    s->upgrades = u;
    s->threads_n++;
    if (atomic_load(&s->stopping))
        shutdown(u->fd, SHUT_RDWR); /* upgrade_abort_all() may have been here before */
    pthread_mutex_unlock(&s->mutex);
}

/* Gives the socket back.  The order matters: nobody may break a socket that is closed and whose number is
 * used again; libmicrohttpd frees the request once it has the socket; and the server goes when the last
 * thread was counted out. */
static void leave(struct upgrade *u)
{
    struct http_server *s = u->request->server;
    struct MHD_UpgradeResponseHandle *handle = u->handle;

    request_call_end(u->request);
    pthread_mutex_lock(&s->mutex);
    struct upgrade **at = &s->upgrades;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    pthread_mutex_unlock(&s->mutex);

    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);

    pthread_mutex_lock(&s->mutex);
    s->threads_n--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static void *serve_plain(void *arg)
{
    struct upgrade *u = arg;

    u->ready(u->arg, u->fd, u->extra, u->extra_n);
    leave(u);
    return NULL;
}

/* --- TLS ---
 *
 * Under TLS the handler has one end of a socket pair, and libmicrohttpd carries the bytes between the other
 * end and the client.  Version 0.9.75 does not tell the handler that the client closed, and may fail to see
 * that the handler did: it looks only when a socket wakes it, and "closed" may come too late for that.  A
 * thread beside the handler's makes up for the one, a last knock on the client's socket for the other. */

enum { QUIET_MS = 1000, QUIET_N = 2 };

struct watch {
    int client_fd; /* our own number for the TCP socket, as libmicrohttpd may close its own at any time */
    int pair_fd;   /* the handler's end */
};

static bool is_empty(int fd)
{
    int n = 0;
    return ioctl(fd, FIONREAD, &n) < 0 || n == 0;
}

/* Waits for the client to close, then breaks the pair, but not before the handler has read what the client
 * sent. */
static void *watch(void *arg)
{
    struct watch *w = arg;
    struct pollfd polled[] = { { .fd = w->client_fd, .events = POLLRDHUP }, { .fd = w->pair_fd } };

    while (!polled[0].revents && !polled[1].revents)
        poll(polled, N_ELEMENTS(polled), -1);
    if (polled[1].revents)
        return NULL; /* the handler is done */
    /* Now libmicrohttpd knows that the handler sends no more; it delivers the client's last bytes and breaks
     * the pair. Should it have missed that as well, it is done for it once nothing moves any more. */
    shutdown(w->pair_fd, SHUT_WR);
    for (int quiet_n = 0; quiet_n < QUIET_N && poll(&polled[1], 1, QUIET_MS) <= 0;)
        quiet_n = is_empty(w->client_fd) && is_empty(w->pair_fd) ? quiet_n + 1 : 0;
    shutdown(w->pair_fd, SHUT_RDWR);
    return NULL;
}

static void *serve_tls(void *arg)
{
    struct upgrade *u = arg;
    struct watch w = { fcntl(u->request->rq.socket, F_DUPFD_CLOEXEC, 0), u->fd };
    pthread_t watcher;

    int r = w.client_fd < 0 ? errno : pthread_create(&watcher, NULL, watch, &w);
    if (r == 0) {
        u->ready(u->arg, u->fd, u->extra, u->extra_n);
        shutdown(u->fd, SHUT_RDWR); /* ends the watcher; what was written is still delivered */
        pthread_join(watcher, NULL);
    } else {
        log_error("an upgraded connection cannot be watched: %s", strerror(r));
    }
    leave(u);
    shutdown(w.client_fd, SHUT_RD); /* the knock */
    fd_close(&w.client_fd);
    return NULL;
}

static void make_blocking(int fd)
{
    int one = 1;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
               sizeof one); /* fails on the socket pair of TLS, which has none */
}

static void on_upgrade(void *arg, struct MHD_Connection *c, void *request, const char *extra, size_t extra_n,
                       MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct upgrade *u = arg;
    pthread_attr_t detached;
    pthread_t thread;

    u->handle = handle;
    u->fd = fd;
    u->extra = arena_strndup(u->request->rq.arena, extra_n ? extra : "", extra_n);
    u->extra_n = extra_n;
    make_blocking(fd);
    enter(u->request->server, u);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&thread, &detached, u->request->server->is_tls ? serve_tls : serve_plain, u);
    pthread_attr_destroy(&detached);
    if (r != 0) {
        log_error("no thread for an upgraded connection: %s", strerror(r));
        leave(u);
    }
}

struct MHD_Response *upgrade_response(struct request *r,
                                      void (*ready)(void *arg, int fd, const void *extra, size_t n_extra),
                                      void *arg)
{
    struct upgrade *u = arena_alloc(r->rq.arena, sizeof *u);

    u->request = r;
    u->ready = ready;
    u->arg = arg;
    return MHD_create_response_for_upgrade(on_upgrade, u);
}

void upgrade_abort_all(struct http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    for (struct upgrade *u = s->upgrades; u; u = u->next)
        shutdown(u->fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->mutex);
}
