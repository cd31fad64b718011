/* client.h - HTTP/1.1 client behind a seam (over libcurl). */
#pragma once
#include "base/arena.h"

struct http_client; /* keeps connections alive; one thread at a time */

struct http_client_config {
    const char *ca_file;              /* PEM; NULL: the system's */
    const char *cert_file, *key_file; /* the client's own certificate, or NULL */
    const char *user_agent;
};
struct http_client *http_client_new(const struct http_client_config *config);
void http_client_free(struct http_client *c); /* NULL is fine */

struct http_call {
    const char *method, *url;
    const char *const (*headers)[2]; /* pairs; may be NULL */
    size_t n_headers;
    const void *body; /* or NULL */
    size_t body_len;
    int upload_fd;    /* with body NULL: > 0 is sent as the body, from its start */
    int download_fd;  /* > 0: a 2xx answer's body is written there instead of kept */
    int64_t timeout_ms, connect_timeout_ms; /* 0: 30 s, 5 s; times slow_factor() */
    size_t max;       /* longest answer that is kept; 0: 16 MiB */
};
struct http_answer {
    int status;
    const char *body; /* NUL-terminated, in the arena */
    size_t body_len;
    struct { const char *name, *value; } *headers; /* names in lower case */
    size_t n_headers;
    const char *error; /* for people; set when the call fails */
};
/* Makes one call.  Returns 0 with any status of the server.  Errors: -ECONNREFUSED, -ETIMEDOUT, -EPROTO (TLS or
 * HTTP), -E2BIG, -EINVAL (the URL or a header is malformed), -EIO.  Redirects are not followed, proxies not used. */
int http_client_call(struct http_client *c, struct arena *a, const struct http_call *call,
                     struct http_answer *ret_answer) MUST_CHECK;
/* A connection that left HTTP.  Like the client it belongs to one thread at a time. */
struct http_stream;
/* Asks 'url' to change to 'protocol'; within 'timeout_ms' (0: 30 s; times slow_factor()) the answer is 101 and
 * '*ret_stream' the connection, or this fails.  Only who it is and whom it trusts are taken from 'c'.
 * Errors: as http_client_call(), which also tells what '*ret_error' (for people, in 'a') is; -ECONNABORTED: the server
 * answered another status. */
int http_client_upgrade(const struct http_client *c, struct arena *a, const char *url, const char *protocol,
                        int64_t timeout_ms, struct http_stream **ret_stream, const char **ret_error) MUST_CHECK;
/* Carries bytes between the stream and the stream socket 'fd' until either ends or nothing moved for 'idle_s' seconds.
 * Neither direction waits for the other.  Blocks; closes nothing. */
void http_stream_pump(struct http_stream *s, int fd, int idle_s);
void http_stream_free(struct http_stream *s); /* closes it; NULL is fine */

const char *http_answer_header(const struct http_answer *a, const char *lower_name);
