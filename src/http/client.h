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
const char *http_answer_header(const struct http_answer *a, const char *lower_name);
