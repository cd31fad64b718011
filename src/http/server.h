/* server.h - the HTTP/1.1 server behind a seam (over libmicrohttpd): connections, TLS, limits; knows no API.
 *
 * Life of a request, all on the connection's thread unless said otherwise:
 *   head()  headers are there, no byte of body read.  Sets rq->body_max or rq->sink, or replies at once (then the
 *           body is not read and the connection closes if there is one).
 *   body()  only with rq->sink: a piece of the body, in order.
 *   run()   the body is complete.  Must lead to exactly one http_reply*(), now or later, from any thread.
 *   end()   the reply is out or the client is gone; the last call for this request.  Frees rq->user.  It may be called
 *           before a late http_reply*() has returned: who replies lets go of 'rq' with the call.
 * From run() until the reply nobody notices that a client left.
 * Requests that could be read two ways (double Content-Length, CL with TE, two Hosts, space before a colon, ...) are
 * refused with 400 before head(). */
#pragma once
#include "base/arena.h"

struct http_server;

struct http_rq {
    const char *method, *path, *query; /* path and query as sent, still percent-encoded; query without '?', or "" */
    const char *peer;                  /* address of the client, for the log */
    const char *peer_cn;               /* common name of the client's verified certificate, or NULL */
    int64_t content_length;            /* -1: none given (chunked, or no body) */
    struct arena *arena;               /* of this request; freed after end() */
    void *user;                        /* the handler's */

    size_t body_max;        /* set by head(): a longer body is 413; 0 means none is taken */
    bool sink;              /* set by head(): hand the body to body() instead of keeping it */
    char *body;             /* with body_max: the body, NUL-terminated; valid until end() */
    size_t body_len;
    int socket;             /* of the connection; for SO_MARK; owned by the server */
    void *server_;          /* private */
};

struct http_handler {
    void *self;
    void (*head)(void *self, struct http_rq *rq);
    int (*body)(void *self, struct http_rq *rq, const void *data, size_t n); /* < 0: it has replied; skip the rest */
    void (*run)(void *self, struct http_rq *rq);
    void (*end)(void *self, struct http_rq *rq);
    /* Text for the errors that the server itself answers (400, 413, 431...), as a body; NULL: plain text. */
    const char *(*error_body)(void *self, struct arena *a, const char *path, int status, const char *text,
                              const char **ret_content_type);
    /* Who has a new connection (its socket), for http_config.sharer_max; NULL: nobody in particular. */
    unsigned (*sharer)(void *self, int socket);
};

struct http_config {
    const char *address;  /* numeric; default "127.0.0.1" */
    uint16_t port;        /* 0: the kernel picks */
    const char *cert_file, *key_file; /* PEM; NULL: no TLS */
    const char *client_ca_file;       /* PEM; asks clients for a certificate; peer_cn is set only when it verifies */
    unsigned threads;     /* default 2 */
    unsigned connections; /* at most; default 2000 */
    unsigned sharer_max;  /* connections of one sharer (http_handler.sharer): more are closed at once; 0: any number */
    unsigned memory;      /* bytes of pool per connection; default 32 KiB */
    unsigned idle_s;      /* default 60, times slow_factor() */
    const char *server_name; /* "Server" header; NULL: none */
};

/* A http_handler.sharer by the client's address; of IPv6 by its /64, of which one client may have all. */
unsigned http_sharer_by_address(void *self, int socket);
/* Lets this process open as many files as it is allowed to, 65536 at most: connections are files, and a shell's limit
 * of 1024 is less than 'connections'.  Before threads. */
void http_open_files(void);

/* Starts listening.  'handler' is copied, 'config' is not kept.  Errors: negative errno (-EADDRINUSE ...; -EINVAL
 * when a value or a PEM file makes no sense). */
int http_server_start(struct http_server **ret_server, const struct http_config *config,
                      const struct http_handler *handler) MUST_CHECK;
/* The port that it listens on. */
uint16_t http_server_port(const struct http_server *s);
/* Answers new requests with 503, breaks upgraded sockets, waits until every run() has been replied to (without limit: who
 * owes a reply must give it) and the replies are out (for 5 s at most, times slow_factor()), cuts off what is left,
 * bodies on their way among it, frees.  Every end() has been called when this returns.  New requests on open
 * connections get 503 in the meantime.  NULL is fine. */
void http_server_stop(struct http_server *s);

/* A header of the request by its name in any case, or NULL. */
const char *http_header(const struct http_rq *rq, const char *name);

struct http_headers { /* of a reply */
    const char *const (*v)[2];
    size_t n;
};
/* Replies.  'body' must live until end() (rq->arena, or static).  HEAD gets the headers only; there 'body' may be NULL
 * and 'n' the length to announce.  Content-Length and Date are added; a header that would break the reply (a line feed
 * in it) or is empty is left out. */
void http_reply(struct http_rq *rq, int status, struct http_headers headers, const void *body, size_t n);
/* Replies with 'size' bytes of 'fd' from 'offset'; takes the fd over. */
void http_reply_file(struct http_rq *rq, int status, struct http_headers headers, int fd, int64_t offset,
                     int64_t size);
/* Answers 101 and hands the raw socket over: 'ready' is called on a thread of its own with a connected stream
 * socket (plain bytes even under TLS) that it may read and write, blocking, until it returns; then end() is called, on
 * that thread, and the socket closed.  'extra' are bytes that the client had sent already.  'ready' is not called when
 * the client is gone or speaks HTTP/1.0; end() is, always.  Under TLS a client that closes its side closes both. */
void http_reply_upgrade(struct http_rq *rq, const char *protocol, struct http_headers headers,
                        void (*ready)(void *arg, int fd, const void *extra, size_t n_extra), void *arg);
