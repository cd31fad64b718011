#include "http/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "http/request.h"
#include "http/upgrade.h"

LOG_MODULE("http");

enum { PEM_MAX_BYTES = 1 << 20, BACKLOG = 1024, OPTIONS_MAX = 24, DRAIN_S = 5 };

static const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

/* --- Files --- */

/* The texts of the PEM files; freed, and the key wiped, as soon as libmicrohttpd has read them. */
struct pem {
    char *cert, *key, *client_ca;
};

static int read_pem(const char *path, char **ret_text)
{
    struct stat st;
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > PEM_MAX_BYTES)
        return -EINVAL;
    char *text = http_must(calloc(1, (size_t)st.st_size + 1));
    ssize_t n = read(fd, text, (size_t)st.st_size);
    *ret_text = text;
    return n == st.st_size ? 0 : -EIO;
}

static void pem_free(struct pem *pem)
{
    if (pem->key)
        explicit_bzero(pem->key, strlen(pem->key));
    free(pem->key);
    free(pem->cert);
    free(pem->client_ca);
}

static int pem_read(struct pem *pem, const struct http_config *config)
{
    TRY(read_pem(config->cert_file, &pem->cert));
    TRY(read_pem(config->key_file, &pem->key));
    if (config->client_ca_file)
        TRY(read_pem(config->client_ca_file, &pem->client_ca));
    return 0;
}

/* --- The socket --- */

/* Ours rather than libmicrohttpd's, which does not tell why it could not listen. */
static int listen_on(const char *address, uint16_t port, int *ret_fd)
{
    char service[8];
    struct addrinfo *found,
        hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    int one = 1;

    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &found) != 0)
        return -EINVAL;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
                    bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0
                ? -errno
                : 0;
    freeaddrinfo(found);
    if (r < 0)
        fd_close(&fd);
    else
        *ret_fd = fd;
    return r;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;

    getsockname(fd, (struct sockaddr *)&a, &n);
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

/* --- Callbacks of libmicrohttpd --- */

/* Paths and queries are handed on as they were sent. */
static size_t leave_escaped(void *self, struct MHD_Connection *c, char *s)
{
    return strlen(s);
}

/* What it has to say is mostly about clients that went away; only why it does not start matters. */
PRINTF(2, 0) static void log_for_library(void *self, const char *format, va_list ap)
{
    struct http_server *s = self;
    char text[512];

    vsnprintf(text, sizeof text, format, ap);
    text[strcspn(text, "\n")] = 0;
    log_line(atomic_load(&s->started) ? LOG_DEBUG : LOG_ERROR, log_module_, "libmicrohttpd: %s", text);
}

static bool has_unread(int fd)
{
    int n = 0;
    return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

/* False: its sharer has all that it may have. */
static bool take_share(struct http_server *s, struct connection *connection, int fd)
{
    unsigned n = 0;

    connection->sharer = s->handler.sharer(s->handler.self, fd);
    pthread_mutex_lock(&s->mutex);
    for (const struct connection *i = s->shared; i; i = i->next)
        n += i->sharer == connection->sharer;
    connection->shares = n < s->sharer_max;
    if (connection->shares) {
        connection->next = s->shared;
        if (s->shared)
            s->shared->prev = connection;
        s->shared = connection;
    }
    pthread_mutex_unlock(&s->mutex);
    return connection->shares;
}

static void give_share(struct http_server *s, struct connection *connection)
{
    pthread_mutex_lock(&s->mutex);
    if (connection->next)
        connection->next->prev = connection->prev;
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        s->shared = connection->next;
    pthread_mutex_unlock(&s->mutex);
}

unsigned http_sharer_by_address(void *self, int socket)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof a;
    const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a;
    const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&a;
    uint32_t words[4];

    if (getpeername(socket, (struct sockaddr *)&a, &n) < 0)
        return 0;
    if (a.ss_family == AF_INET)
        return a4->sin_addr.s_addr;
    memcpy(words, &a6->sin6_addr, sizeof words);
    return IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr) ? words[3] : words[0] * 31 + words[1];
}

void http_open_files(void)
{
    enum { FILES = 65536 };
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES)
        return;
    limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int socket_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static void connection_opened(struct http_server *s, struct MHD_Connection *c, void **ret_connection)
{
    struct connection *connection = http_must(calloc(1, sizeof *connection));

    if (s->sharer_max && s->handler.sharer && !take_share(s, connection, socket_of(c)))
        shutdown(socket_of(c), SHUT_RDWR); /* the library closes what has ended */
    peer_text(MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, connection->peer);
    *ret_connection = connection;
}

/* The socket is still open, and closed right after this. */
static void connection_closed(struct http_server *s, struct MHD_Connection *c, struct connection *connection)
{
    int fd = socket_of(c);

    if (connection->shares)
        give_share(s, connection);
    if (!atomic_load(&s->stopping) && (connection->linger || has_unread(fd))) {
        int kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (kept >= 0)
            drain_take(s->drain, kept);
    }
    free(connection->cn);
    free(connection);
}

static void on_connection(void *self, struct MHD_Connection *c, void **connection,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        connection_opened(self, c, connection);
    else if (*connection)
        connection_closed(self, c, *connection);
}

/* --- Start --- */

struct options {
    struct MHD_OptionItem items[OPTIONS_MAX];
    size_t n;
};

static void option(struct options *o, enum MHD_OPTION name, intptr_t value, void *pointer)
{
    assert(o->n < N_ELEMENTS(o->items));
    o->items[o->n++] = (struct MHD_OptionItem){ name, value, pointer };
}

static void set_options(struct options *o, struct http_server *s, const struct http_config *config,
                        const struct pem *pem)
{
    unsigned threads = config->threads ? config->threads : 2;
    int64_t idle_s = (config->idle_s ? config->idle_s : 60) * slow_factor();

    option(o, MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL);
    option(o, MHD_OPTION_LISTEN_SOCKET, s->listen_fd, NULL);
    option(o, MHD_OPTION_CONNECTION_LIMIT, config->connections ? config->connections : 2000, NULL);
    option(o, MHD_OPTION_CONNECTION_MEMORY_LIMIT, config->memory ? config->memory : 32 * 1024, NULL);
    option(o, MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)idle_s, NULL);
    if (threads > 1)
        option(o, MHD_OPTION_THREAD_POOL_SIZE, threads, NULL);
    option(o, MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s);
    option(o, MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_end, s);
    option(o, MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_begin, s);
    option(o, MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, NULL);
    if (pem->cert) {
        option(o, MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(intptr_t)tls_priorities);
        option(o, MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key);
        option(o, MHD_OPTION_HTTPS_MEM_CERT, 0, pem->cert);
    }
    if (pem->client_ca)
        option(o, MHD_OPTION_HTTPS_MEM_TRUST, 0, pem->client_ca);
    option(o, MHD_OPTION_END, 0, NULL);
}

static int start_daemon(struct http_server *s, const struct http_config *config)
{
    CLEANUP(pem_free) struct pem pem = { 0 };
    struct options options = { .n = 0 };
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;

    s->is_tls = config->cert_file != NULL;
    s->asks_clients = config->client_ca_file != NULL;
    if (s->asks_clients && (!s->is_tls || !peer_cn_works()))
        return -EINVAL;
    if (s->is_tls) {
        TRY(pem_read(&pem, config));
        flags |= MHD_USE_TLS;
    }
    set_options(&options, s, config, &pem);
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_step, s, MHD_OPTION_EXTERNAL_LOGGER,
                                 log_for_library, s, MHD_OPTION_ARRAY, options.items, MHD_OPTION_END);
    if (s->daemon)
        return 0;
    s->listen_fd = -1; /* closed already by some of its failures: closing it again might hit another's */
    return -EINVAL;
}

static void server_free(struct http_server *s)
{
    drain_free(s->drain);
    fd_close(&s->listen_fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    free(s->server_name);
    free(s);
}

static struct http_server *server_new(const struct http_config *config, const struct http_handler *handler)
{
    struct http_server *s = http_must(calloc(1, sizeof *s));
    pthread_condattr_t monotonic;

    s->handler = *handler;
    s->listen_fd = -1;
    s->sharer_max = config->sharer_max;
    if (config->server_name)
        s->server_name = http_must(strdup(config->server_name));
    pthread_mutex_init(&s->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return s;
}

int http_server_start(struct http_server **ret_server, const struct http_config *config,
                      const struct http_handler *handler)
{
    struct http_server *s = server_new(config, handler);
    int r = listen_on(config->address ? config->address : "127.0.0.1", config->port, &s->listen_fd);

    if (r == 0) {
        s->port = port_of(s->listen_fd);
        r = drain_new(&s->drain);
    }
    if (r == 0)
        r = start_daemon(s, config);
    if (r < 0) {
        server_free(s);
        return r;
    }
    atomic_store(&s->started, true);
    *ret_server = s;
    return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

/* --- Stop --- */

static void wait_for_replies(struct http_server *s)
{
    pthread_mutex_lock(&s->mutex);
    while (s->unanswered_n > 0 || s->threads_n > 0)
        pthread_cond_wait(&s->changed, &s->mutex);
    s->closed = true;
    pthread_mutex_unlock(&s->mutex);
}

/* A client that reads slowly does not hold the server up for ever. */
static void wait_for_delivery(struct http_server *s)
{
    int64_t until_us = monotonic_us() + DRAIN_S * 1000000 * slow_factor();
    struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };
    int r = 0;

    pthread_mutex_lock(&s->mutex);
    while (s->running_n > 0 && r == 0)
        r = pthread_cond_timedwait(&s->changed, &s->mutex, &until);
    pthread_mutex_unlock(&s->mutex);
}

void http_server_stop(struct http_server *s)
{
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    /* New requests get 503 from here on.  Not MHD_quiesce_daemon(): in 0.9.75 it and a worker may both take the listening
     * socket out of the worker's epoll set, and the second ends the process. */
    upgrade_abort_all(s);
    wait_for_replies(s);
    wait_for_delivery(s);
    MHD_stop_daemon(s->daemon);
    s->listen_fd = -1; /* it has closed it */
    server_free(s);
}
