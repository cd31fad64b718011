#include "agent/relay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "wire/plan.h"

LOG_MODULE("relay");

enum {
    DIAL_MS = 10 * 1000,
    IDLE_S = 3600,
    TICKET_MAX = 64
}; /* the controller gives up idle ones before that */

struct relay {
    struct arena *arena; /* holds all of it */
    struct http_client_config tls;
    const char *url, *socket_path;
};

static atomic_uint running_n;

unsigned relay_count(void)
{
    return atomic_load(&running_n);
}

static int connect_guest(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    memcpy(a.sun_path, path, strlen(path) + 1);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
        int r = -errno;
        fd_close(&fd);
        return r;
    }
    return fd;
}

/* The guest first: without it there is no reason to bother the controller. */
static void carry(struct relay *y)
{
    struct http_stream *stream;
    const char *error;
    CLEAN_FD guest = connect_guest(y->socket_path);

    if (guest < 0) {
        log_warn("socket=%s the guest's screen cannot be reached: %s", y->socket_path, strerror(-guest));
        return;
    }
    struct http_client *c = http_client_new(&y->tls);
    if (http_client_upgrade(c, y->arena, y->url, WIRE_RELAY_PROTOCOL, DIAL_MS, &stream, &error) < 0) {
        log_warn("socket=%s the controller does not take the guest's screen: %s", y->socket_path, error);
    } else {
        http_stream_pump(stream, guest, IDLE_S);
        http_stream_free(stream);
    }
    http_client_free(c);
}

static void *run(void *arg)
{
    struct relay *y = arg;

    carry(y);
    arena_free(y->arena);
    atomic_fetch_sub(&running_n, 1);
    return NULL;
}

static int start_thread(struct relay *y)
{
    pthread_attr_t detached;
    pthread_t thread;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&thread, &detached, run, y);
    pthread_attr_destroy(&detached);
    return -r;
}

static bool is_ticket(const char *s)
{
    size_t n = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") : 0;
    return n > 0 && n <= TICKET_MAX && !s[n];
}

int relay_start(const struct relay_config *config, const char *ticket, const char *socket_path)
{
    if (!is_ticket(ticket) || !socket_path ||
        strlen(socket_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return -EINVAL;
    if (atomic_fetch_add(&running_n, 1) >= RELAY_MAX) {
        atomic_fetch_sub(&running_n, 1);
        return -EBUSY;
    }
    struct arena *a = arena_new();
    struct relay *y = arena_alloc(a, sizeof *y);
    *y = (struct relay){
        .arena = a,
        .tls = { arena_strdup(a, config->tls.ca_file), arena_strdup(a, config->tls.cert_file),
                 arena_strdup(a, config->tls.key_file), arena_strdup(a, config->tls.user_agent) },
        .url = arena_printf(a, "%s/agent/v1/relay/%s", config->controller_url, ticket),
        .socket_path = arena_strdup(a, socket_path),
    };
    int r = start_thread(y);
    if (r < 0) {
        arena_free(a);
        atomic_fetch_sub(&running_n, 1);
    }
    return r;
}
