#include "http/upgrade.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

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

static void *serve(void *arg)
{
    struct upgrade *u = arg;

    u->ready(u->arg, u->fd, u->extra, u->extra_n);
    leave(u);
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
    int r = pthread_create(&thread, &detached, serve, u);
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
