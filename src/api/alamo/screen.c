#include "api/alamo/screen.h"

#include <string.h>
#include <strings.h>

#include "api/core/contexts.h"
#include "compute/console.h"
#include "compute/host.h"
#include "http/websocket.h"

/* ---- the handshake (RFC 6455, 4.2.1) ---- */

/* 'list' is a header of names with commas between them; any case. */
static bool has_name(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        size_t word = strcspn(p, ", \t");
        if (word == n && strncasecmp(p, name, n) == 0)
            return true;
    }
    return false;
}

/* base64 of 16 bytes */
static bool is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key && strlen(key) == 24 && strspn(key, digits) == 22 && strcmp(key + 22, "==") == 0;
}

static bool is_handshake(const struct req *rq)
{
    return has_name(req_header(rq, "Upgrade"), "websocket") &&
           has_name(req_header(rq, "Connection"), "upgrade") && is_key(req_header(rq, "Sec-WebSocket-Key")) &&
           str_eq(req_header(rq, "Sec-WebSocket-Version"), "13") && strcmp(req_http(rq)->method, "GET") == 0;
}

/* ---- the origin ---- */

/* Length of "scheme://host" or "scheme://host:port" in 'url', without a port that the scheme has anyway. */
static size_t origin_len(const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/") : strlen(url);
    const char *port = strncasecmp(url, "https:", 6) == 0 ? ":443" : ":80";
    size_t n_port = strlen(port);
    return n > n_port && memcmp(url + n - n_port, port, n_port) == 0 ? n - n_port : n;
}

/* A page of another site may not open a screen with a ticket that it got hold of.  Programs send no origin.
 */
static bool is_our_page(const struct req *rq)
{
    const char *origin = req_header(rq, "Origin"), *base = req_base_url(rq);
    size_t n = origin_len(base);
    return !origin ||
           (origin_len(origin) == n && strncasecmp(origin, base, n) == 0 && !strchr(origin + n, '/'));
}

/* ---- the call ---- */

struct visit {
    const struct screens *screens;
    const char *host_name, *server_id;
};

static void show(void *arg, int fd, const void *extra, size_t n_extra)
{
    const struct visit *v = arg;
    v->screens->show(v->screens->self, v->host_name, v->server_id, fd, extra, n_extra);
}

/* What is wrong with the request itself is told first: it uses no ticket up. */
static int admit(struct cx *cx, struct req *rq, struct visit *ret_visit)
{
    const struct face_contexts *contexts = req_user(rq);
    const char *ticket = req_query(rq, "token");
    struct server server;
    struct host host;

    if (!is_handshake(rq))
        return fail(cx, KIND_INVALID, "This is the address of WebSockets of version 13.");
    if (!is_our_page(rq))
        return fail(cx, KIND_FORBIDDEN, "The page that asks is not one of this cloud.");
    if (!contexts || !contexts->screens)
        return fail(cx, KIND_UNAVAILABLE, "This controller shows no screens.");
    cx->who = who_system(); /* the ticket stands for the caller */
    TRY(console_admit(cx, ticket ? ticket : "", &server));
    if (!server.host_id)
        return fail(cx, KIND_NOT_FOUND, "The server is on no host.");
    TRY(host_get(cx, server.host_id, &host));
    *ret_visit = (struct visit){ contexts->screens, host.name, server.id };
    return 0;
}

static int open_screen(struct cx *cx, struct req *rq)
{
    struct visit *v = cx_alloc(cx, sizeof *v);

    if (admit(cx, rq, v) < 0) {
        /* What follows a refused handshake is nothing, and some clients wait for it. */
        reply_header(rq, "Connection", "close");
        reply_header(rq, "Sec-WebSocket-Version", "13");
        return -EINVAL;
    }
    reply_header(rq, "Sec-WebSocket-Accept",
                 websocket_accept(cx->arena, req_header(rq, "Sec-WebSocket-Key")));
    if (has_name(req_header(rq, "Sec-WebSocket-Protocol"), "binary"))
        reply_header(rq, "Sec-WebSocket-Protocol",
                     "binary"); /* what older clients call what everybody does now */
    return reply_upgrade(rq, "websocket", show, v);
}

/* No body: a client that takes whatever follows the head for frames would take it for one. */
static void no_body(struct jwriter *w, int status, enum kind kind, const char *type, const char *text)
{
}

/* clang-format off */
static const struct route routes[] = {
    { "GET", "/", open_screen, NULL, MAY_ANYBODY, .mode = MODE_WRITE },
    { 0 },
};
/* clang-format on */
static const struct route *const tables[] = { routes, NULL };
const struct face screen_face = { .mount = "/vnc", .tables = tables, .error = no_body };
