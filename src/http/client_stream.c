/* Connections that leave HTTP, the client's side: libcurl connects, the few bytes of the handshake are ours.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "http/client_internal.h"
#include "http/duplex.h"

enum { HEAD_MAX = 8 * 1024, UPGRADE_MS = 30 * 1000 };

struct http_stream {
    CURL *curl;
    int socket;
};

void http_stream_free(struct http_stream *s)
{
    if (!s)
        return;
    curl_easy_cleanup(s->curl);
    free(s);
}

/* Both: bytes moved, 0 at the end of the stream, -EAGAIN, or -EIO. */
static ssize_t stream_read(void *self, void *ret_data, size_t max)
{
    struct http_stream *s = self;
    size_t n = 0;
    CURLcode r = curl_easy_recv(s->curl, ret_data, max, &n);
    return r == CURLE_OK ? (ssize_t)n : r == CURLE_AGAIN ? -EAGAIN : -EIO;
}

static ssize_t stream_write(void *self, const void *data, size_t size)
{
    struct http_stream *s = self;
    size_t n = 0;
    CURLcode r = curl_easy_send(s->curl, data, size, &n);
    return r == CURLE_OK ? (ssize_t)n : r == CURLE_AGAIN ? -EAGAIN : -EIO;
}

/* --- The handshake --- */

/* Errors: -ETIMEDOUT. */
static int wait_for(struct http_stream *s, short events, int64_t until_us)
{
    struct pollfd polled = { .fd = s->socket, .events = events };
    int64_t left_us = until_us - monotonic_us();
    return left_us > 0 && poll(&polled, 1, (int)(left_us / 1000) + 1) != 0 ? 0 : -ETIMEDOUT;
}

static int send_request(struct http_stream *s, const char *text, int64_t until_us)
{
    for (size_t at = 0, n = strlen(text); at < n;) {
        ssize_t w = stream_write(s, text + at, n - at);
        if (w > 0)
            at += (size_t)w;
        else if (w != -EAGAIN)
            return -EIO;
        else
            TRY(wait_for(s, POLLOUT, until_us));
    }
    return 0;
}

/* Reads up to the empty line, a byte at a time: what follows is not HTTP any more. */
static int read_head(struct http_stream *s, char ret_head[HEAD_MAX], int64_t until_us)
{
    size_t n = 0;

    while (n < 4 || memcmp(ret_head + n - 4, "\r\n\r\n", 4) != 0) {
        if (n == HEAD_MAX - 1)
            return -EPROTO;
        ssize_t r = stream_read(s, ret_head + n, 1);
        if (r > 0)
            n++;
        else if (r != -EAGAIN)
            return -EPROTO;
        else
            TRY(wait_for(s, POLLIN, until_us));
    }
    ret_head[n] = 0;
    return strlen(ret_head) == n ? 0 : -EPROTO;
}

/* 'head' says: changed to 'protocol'. */
static bool is_changed(const char *head, const char *protocol)
{
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, "upgrade:", 8) == 0) {
            const char *value = line + 8 + strspn(line + 8, " \t");
            size_t n = strlen(protocol);
            return strncasecmp(value, protocol, n) == 0 && value[n + strspn(value + n, " \t")] == '\r';
        }
    }
    return false;
}

static int handshake(struct http_stream *s, struct arena *a, const char *url, const char *protocol,
                     int64_t until_us, const char **ret_error)
{
    char *head = arena_alloc(a, HEAD_MAX);
    int status = 0;
    const char *authority = strstr(url, "://");
    if (!authority)
        return -EINVAL;
    authority += 3;
    size_t n = strcspn(authority, "/");

    TRY(send_request(
        s,
        arena_printf(a, "GET %s HTTP/1.1\r\nHost: %.*s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
                     authority[n] ? authority + n : "/", (int)n, authority, protocol),
        until_us));
    TRY(read_head(s, head, until_us));
    if (sscanf(head, "HTTP/1.1 %3d", &status) != 1)
        return -EPROTO;
    if (status != 101) {
        *ret_error = arena_printf(a, "the server answered %d", status);
        return -ECONNABORTED;
    }
    return is_changed(head, protocol) ? 0 : -EPROTO;
}

static int dial(struct http_stream *s, const struct http_client *c, struct arena *a, const char *url,
                int64_t timeout_ms, const char **ret_error)
{
    char text[CURL_ERROR_SIZE] = "";
    curl_socket_t socket = CURL_SOCKET_BAD;

    client_set_transport(s->curl, timeout_ms);
    client_set_tls(c, s->curl);
    curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(s->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, text);
    CURLcode code = curl_easy_perform(s->curl);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, NULL);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(s->curl, CURLINFO_ACTIVESOCKET, &socket);
    s->socket = socket;
    if (code != CURLE_OK)
        *ret_error = arena_strdup(a, *text ? text : curl_easy_strerror(code));
    return client_errno_of(code);
}

/* 'url' is ours, but a part of it came over the wire. */
static bool is_plain(const char *url)
{
    for (; *url; url++)
        if (*url <= ' ' || *url > '~')
            return false;
    return true;
}

int http_client_upgrade(const struct http_client *c, struct arena *a, const char *url, const char *protocol,
                        int64_t timeout_ms, struct http_stream **ret_stream, const char **ret_error)
{
    int64_t limit_ms = (timeout_ms ? timeout_ms : UPGRADE_MS) * slow_factor();
    int64_t until_us = monotonic_us() + limit_ms * 1000;

    *ret_error = NULL;
    if (!is_plain(url)) {
        *ret_error = "the URL holds a character that none may";
        return -EINVAL;
    }
    struct http_stream *s = calloc(1, sizeof *s);
    CURL *curl = curl_easy_init();
    if (!s || !curl)
        abort(); /* out of memory, as in the arena */
    s->curl = curl;
    int r = dial(s, c, a, url, limit_ms, ret_error);
    if (r == 0)
        r = handshake(s, a, url, protocol, until_us, ret_error);
    if (r < 0) {
        if (!*ret_error)
            *ret_error =
                r == -ETIMEDOUT ? "the server did not answer in time" : "the server did not change protocols";
        http_stream_free(s);
        return r;
    }
    *ret_stream = s;
    return 0;
}

void http_stream_pump(struct http_stream *s, int fd, int idle_s)
{
    const struct duplex_stream stream = { s, s->socket, stream_read, stream_write };
    duplex_pump(&stream, fd, NULL, 0, idle_s * 1000);
}
