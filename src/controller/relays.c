#include "controller/relays.h"

#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "http/websocket.h"

LOG_MODULE("relays");

enum { TICKET_CHARACTERS = 43, TELL_AGAIN_S = 3, IDLE_S = 1800 };

static const char path_prefix[] = "/agent/v1/relay/";

/* One browser's screen.  Held by the browser's thread, and by the request of the host that calls back. */
struct relay {
    struct relays *relays;
    char *host_name, *guest_id;
    char ticket[TICKET_CHARACTERS + 1]; /* "" once it was used */
    int64_t told_us;                    /* 0: the host does not know yet */
    int event_fd;                       /* readable when host_fd is there */
    int host_fd;                        /* -1: not called back yet */
    bool ended;                         /* the browser's thread is done with host_fd */
    unsigned refs;
    struct relay *next;
};

struct relays {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct relay *all;
    int64_t wait_us;
    void (*opened)(void *arg);
    void *opened_arg;
};

struct relays *relays_new(unsigned wait_s)
{
    struct relays *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->wait_us = (int64_t)(wait_s ? wait_s : RELAYS_WAIT_S) * 1000000 * slow_factor();
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->ended, NULL);
    return r;
}

void relays_free(struct relays *r)
{
    if (!r)
        return;
    pthread_cond_destroy(&r->ended);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void relays_listen(struct relays *r, void (*opened)(void *arg), void *arg)
{
    r->opened = opened;
    r->opened_arg = arg;
}

static void unref(void *p)
{
    struct relay *y = p;
    struct relays *r = y->relays;

    pthread_mutex_lock(&r->lock);
    bool last = --y->refs == 0;
    pthread_mutex_unlock(&r->lock);
    if (!last)
        return;
    close(y->event_fd);
    OPENSSL_cleanse(y->ticket, sizeof y->ticket);
    free(y->host_name);
    free(y->guest_id);
    free(y);
}

/* ---- the browser's side ---- */

static bool has_place(const struct relays *r, const char *host_name)
{
    unsigned n = 0, n_host = 0;

    for (const struct relay *y = r->all; y; y = y->next) {
        n++;
        n_host += str_eq(y->host_name, host_name);
    }
    return n < RELAYS_MAX && n_host < RELAYS_PER_HOST;
}

static struct relay *new_relay(struct relays *r, const char *host_name, const char *guest_id)
{
    CLEAN_ARENA *a = arena_new();
    struct relay *y = calloc(1, sizeof *y);

    if (!y || !(y->host_name = strdup(host_name)) || !(y->guest_id = strdup(guest_id)))
        abort();
    y->relays = r;
    y->refs = 1;
    y->host_fd = -1;
    memcpy(y->ticket, secret_new(a, TICKET_CHARACTERS), TICKET_CHARACTERS);
    y->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return y;
}

/* Returns NULL when there are too many. */
static struct relay *open_relay(struct relays *r, const char *host_name, const char *guest_id)
{
    struct relay *y = new_relay(r, host_name, guest_id);

    pthread_mutex_lock(&r->lock);
    bool fits = y->event_fd >= 0 && has_place(r, host_name);
    if (fits) {
        y->next = r->all;
        r->all = y;
    }
    pthread_mutex_unlock(&r->lock);
    if (fits)
        return y;
    unref(y);
    return NULL;
}

/* Afterwards its ticket opens nothing, and the host's thread lets go of its socket. */
static void close_relay(struct relay *y)
{
    struct relays *r = y->relays;

    pthread_mutex_lock(&r->lock);
    struct relay **at = &r->all;
    while (*at != y)
        at = &(*at)->next;
    *at = y->next;
    y->ended = true;
    pthread_cond_broadcast(&r->ended);
    pthread_mutex_unlock(&r->lock);
    unref(y);
}

/* Waits until the host has called back.  Returns false when it does not, or the browser leaves. */
static bool wait_for_host(const struct relay *y, int browser_fd, bool *ret_left)
{
    int64_t until_us = monotonic_us() + y->relays->wait_us;
    struct pollfd fds[] = { { .fd = browser_fd, .events = POLLRDHUP },
                            { .fd = y->event_fd, .events = POLLIN } };

    *ret_left = false;
    for (int64_t left_us; (left_us = until_us - monotonic_us()) > 0;) {
        if (poll(fds, N_ELEMENTS(fds), (int)(left_us / 1000) + 1) < 0 && errno != EINTR)
            return false;
        *ret_left = fds[0].revents != 0;
        if (*ret_left || fds[1].revents)
            return !*ret_left;
    }
    return false;
}

void relays_show(void *relays, const char *host_name, const char *guest_id, int fd, const void *extra,
                 size_t n_extra)
{
    struct relays *r = relays;
    struct relay *y = open_relay(r, host_name, guest_id);
    bool left;

    if (!y) {
        log_warn("host=%s server=%s screen refused: too many are shown", host_name, guest_id);
        websocket_close(fd, WEBSOCKET_TRY_LATER);
        return;
    }
    if (r->opened)
        r->opened(r->opened_arg);
    if (wait_for_host(y, fd, &left)) {
        pthread_mutex_lock(&r->lock);
        int host_fd = y->host_fd;
        pthread_mutex_unlock(&r->lock);
        log_info("host=%s server=%s screen shown", host_name, guest_id);
        websocket_pump(fd, host_fd, extra, n_extra, IDLE_S);
    } else if (!left) {
        log_warn("host=%s server=%s screen not shown: the host did not call back in time", host_name,
                 guest_id);
        websocket_close(fd, WEBSOCKET_TRY_LATER);
    }
    close_relay(y);
}

/* ---- the host's side ---- */

static bool is_due(const struct relay *y, const char *host_name)
{
    return y->ticket[0] && str_eq(y->host_name, host_name) &&
           (!y->told_us || monotonic_us() - y->told_us > TELL_AGAIN_S * 1000000 * slow_factor());
}

bool relays_has(struct relays *r, const char *host_name)
{
    bool has = false;

    pthread_mutex_lock(&r->lock);
    for (const struct relay *y = r->all; y && !has; y = y->next)
        has = is_due(y, host_name);
    pthread_mutex_unlock(&r->lock);
    return has;
}

struct list relays_pending(struct relays *r, struct arena *a, const char *host_name)
{
    struct wire_relay *items = NULL;
    size_t n = 0;

    pthread_mutex_lock(&r->lock);
    for (struct relay *y = r->all; y; y = y->next)
        if (is_due(y, host_name)) {
            y->told_us = monotonic_us();
            *arena_push(a, &items, &n) =
                (struct wire_relay){ arena_strdup(a, y->ticket), arena_strdup(a, y->guest_id) };
        }
    pthread_mutex_unlock(&r->lock);
    return (struct list){ items, n };
}

/* Uses the ticket up.  Returns a reference, or NULL when it opens nothing for this host. */
static struct relay *redeem(struct relays *r, const char *host_name, const char *ticket)
{
    struct relay *found = NULL;

    if (strlen(ticket) != TICKET_CHARACTERS)
        return NULL;
    pthread_mutex_lock(&r->lock);
    for (struct relay *y = r->all; y && !found; y = y->next)
        if (y->ticket[0] && str_eq(y->host_name, host_name) &&
            CRYPTO_memcmp(y->ticket, ticket, TICKET_CHARACTERS) == 0)
            found = y;
    if (found) {
        OPENSSL_cleanse(found->ticket, sizeof found->ticket);
        found->refs++;
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

/* The socket is the host's: it stays open while the browser's thread uses it. */
static void host_is_there(void *arg, int fd, const void *extra, size_t n_extra)
{
    struct relay *y = arg;
    struct relays *r = y->relays;

    if (n_extra)
        return; /* no agent speaks before it was answered */
    pthread_mutex_lock(&r->lock);
    if (!y->ended) {
        y->host_fd = fd;
        eventfd_write(y->event_fd, 1);
    }
    while (!y->ended)
        pthread_cond_wait(&r->ended, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

bool relays_wants(const struct http_rq *http)
{
    return str_starts(http->path, path_prefix, NULL);
}

static void refuse(struct http_rq *http, int status, const char *text)
{
    static const char *const type[][2] = { { "Content-Type", "text/plain; charset=utf-8" } };
    log_warn("host=%s relay refused: %s", http->peer_cn ? http->peer_cn : "?", text);
    http_reply(http, status, (struct http_headers){ type, 1 }, text, strlen(text));
}

void relays_take(struct relays *r, struct http_rq *http)
{
    const char *ticket = "", *upgrade = http_header(http, "Upgrade");

    str_starts(http->path, path_prefix, &ticket);
    if (!http->peer_cn)
        refuse(http, 401, "a certificate of this cloud's own authority is needed");
    else if (strcmp(http->method, "GET") != 0 || !upgrade || strcasecmp(upgrade, WIRE_RELAY_PROTOCOL) != 0)
        refuse(http, 400, "a relay is an upgrade to " WIRE_RELAY_PROTOCOL);
    else {
        struct relay *y = redeem(r, http->peer_cn, ticket);
        if (!y) {
            refuse(http, 404, "nobody waits for this relay");
            return;
        }
        arena_defer(http->arena, unref, y);
        http_reply_upgrade(http, WIRE_RELAY_PROTOCOL, (struct http_headers){ 0 }, host_is_there, y);
    }
}
