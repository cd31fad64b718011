#include "http/upgrade.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "http/duplex.h"

LOG_MODULE("http");

enum { HEAD_MAX = 8 * 1024 };

/* A socket that is handed over; in the request's arena. */
struct upgrade {
    struct request *request;
    void (*ready)(void *arg, int fd, const void *extra, size_t n_extra);
    void *arg;
    int fd;
    struct MHD_UpgradeResponseHandle *handle; /* without TLS */
    struct gnutls_session_int *session;       /* with TLS */
    int pair_fd;                              /* the other end of fd */
    const char *head;                         /* of the answer */
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
 * used again; libmicrohttpd frees the request, and 'u' with it, once it has the connection; and the server
 * goes when the last thread was counted out. */
static void leave(struct upgrade *u)
{
    struct http_server *s = u->request->server;
    struct MHD_UpgradeResponseHandle *handle = u->handle;
    struct MHD_Connection *c = u->request->c;

    request_call_end(u->request);
    pthread_mutex_lock(&s->mutex);
    struct upgrade **at = &s->upgrades;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    pthread_mutex_unlock(&s->mutex);

    if (handle) {
        MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    } else {
        fd_close(&u->fd);
        fd_close(&u->pair_fd);
        MHD_resume_connection(c);
    }

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

static void start(struct upgrade *u, void *(*serve)(void *))
{
    pthread_attr_t detached;
    pthread_t thread;

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

    u->handle = handle;
    u->fd = fd;
    u->extra = arena_strndup(u->request->rq.arena, extra_n ? extra : "", extra_n);
    u->extra_n = extra_n;
    make_blocking(fd);
    start(u, serve_plain);
}

/* --- TLS ---
 *
 * Here libmicrohttpd would hand out one end of a socket pair and carry the bytes itself, but version 0.9.75
 * does so with what is left of the connection's memory after its answer, which is 8 bytes: a TLS record for
 * every four bytes of the stream, and clients that take a record for a message break.  It also does not tell
 * when the client closes.  So the connection is suspended instead, which leaves its session to us, and a
 * thread beside the handler's carries. */

#pragma weak gnutls_record_recv
#pragma weak gnutls_record_send

static ssize_t errno_of(ssize_t r)
{
    return r >= 0 ? r : r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED ? -EAGAIN : -EIO;
}

static ssize_t tls_read(void *session, void *ret_data, size_t max)
{
    return errno_of(gnutls_record_recv(session, ret_data, max));
}

static ssize_t tls_write(void *session, const void *data, size_t n)
{
    return errno_of(gnutls_record_send(session, data, n));
}

static void *carry(void *arg)
{
    struct upgrade *u = arg;
    const struct duplex_stream stream = { u->session, u->request->rq.socket, tls_read, tls_write };

    duplex_pump(&stream, u->pair_fd, u->head, strlen(u->head), -1);
    shutdown(u->pair_fd, SHUT_RDWR); /* what was delivered can still be read */
    return NULL;
}

static void *serve_tls(void *arg)
{
    struct upgrade *u = arg;
    pthread_t carrier;

    int r = pthread_create(&carrier, NULL, carry, u);
    if (r == 0) {
        u->ready(u->arg, u->fd, "", 0);
        shutdown(u->fd, SHUT_RDWR); /* ends the carrier; what was written is still delivered */
        pthread_join(carrier, NULL);
    } else {
        log_error("no thread for an upgraded connection: %s", strerror(r));
    }
    leave(u);
    return NULL;
}

static enum MHD_Result add_line(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    buf_printf(arg, "%s: %s\r\n", name, value);
    return MHD_YES;
}

enum MHD_Result upgrade_tls(struct request *r, struct MHD_Response *response)
{
    struct upgrade *u = r->upgrade;
    struct buf head = buf_new(r->rq.arena);
    int pair[2];

    if (!r->is_http_1_1 || !gnutls_record_recv || !gnutls_record_send)
        return MHD_NO;
    buf_puts(&head, "HTTP/1.1 101 Switching Protocols\r\n");
    MHD_get_response_headers(response, add_line, &head);
    buf_puts(&head, "\r\n");
    if (head.len > HEAD_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return MHD_NO;
    u->head = buf_text(&head);
    u->session = MHD_get_connection_info(r->c, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
    u->fd = pair[0];
    u->pair_fd = pair[1];
    MHD_suspend_connection(r->c);
    r->is_over = true; /* once it is resumed */
    start(u, serve_tls);
    return MHD_YES;
}

struct MHD_Response *upgrade_response(struct request *r,
                                      void (*ready)(void *arg, int fd, const void *extra, size_t n_extra),
                                      void *arg)
{
    struct upgrade *u = arena_alloc(r->rq.arena, sizeof *u);

    u->request = r;
    u->ready = ready;
    u->arg = arg;
    r->upgrade = u;
    return MHD_create_response_for_upgrade(on_upgrade, u);
}

void upgrade_abort_all(struct http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    for (struct upgrade *u = s->upgrades; u; u = u->next)
        shutdown(u->fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->mutex);
}
