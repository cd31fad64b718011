#include "http/client_internal.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"

enum { TIMEOUT_MS = 30 * 1000, CONNECT_TIMEOUT_MS = 5 * 1000, KEPT_MAX_BYTES = 16 << 20, HEADERS_MAX = 256 };

/* One call under way; libcurl's callbacks get it. */
struct call {
    CURL *curl;
    struct arena *arena;
    const struct http_call *in;
    struct http_answer *out;
    struct buf body;
    size_t max;
    off_t sent; /* of upload_fd */
    int error;  /* why we, not libcurl, ended the call */
};

static void init_library(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        abort();
}

static void *must(void *p)
{
    if (!p)
        abort(); /* out of memory, as in the arena */
    return p;
}

static char *copy(const char *s)
{
    return s ? must(strdup(s)) : NULL;
}

struct http_client *http_client_new(const struct http_client_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_client *c = must(calloc(1, sizeof *c));

    pthread_once(&once, init_library);
    c->curl = must(curl_easy_init());
    c->ca_file = copy(config->ca_file);
    c->cert_file = copy(config->cert_file);
    c->key_file = copy(config->key_file);
    c->user_agent = copy(config->user_agent);
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    free(c->ca_file);
    free(c->cert_file);
    free(c->key_file);
    free(c->user_agent);
    free(c);
}

const char *http_answer_header(const struct http_answer *a, const char *lower_name)
{
    for (size_t i = 0; i < a->n_headers; i++)
        if (str_eq(a->headers[i].name, lower_name))
            return a->headers[i].value;
    return NULL;
}

/* --- The answer --- */

static void add_header(struct call *call, const char *line, size_t n)
{
    const char *colon = memchr(line, ':', n), *end = line + n;
    struct http_answer *out = call->out;

    if (!colon || out->n_headers == HEADERS_MAX)
        return;
    __typeof__(out->headers) header = arena_push(call->arena, &out->headers, &out->n_headers);
    char *name = arena_strndup(call->arena, line, (size_t)(colon - line));
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    const char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    header->name = name;
    header->value = arena_strndup(call->arena, value, (size_t)(end - value));
}

/* Called with one line at a time.  An interim answer (100 Continue) has a block of its own: the last one
 * counts. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct call *call = arg;

    n *= size;
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
        call->out->headers = NULL;
        call->out->n_headers = 0;
    } else {
        add_header(call, line, n);
    }
    return n;
}

static bool goes_to_file(const struct call *call)
{
    long status = 0;

    curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
    return call->in->download_fd > 0 && status >= 200 && status < 300;
}

static int write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, data, n);
        if (w < 0 && errno != EINTR)
            return -EIO;
        if (w > 0) {
            data += w;
            n -= (size_t)w;
        }
    }
    return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct call *call = arg;

    n *= size;
    if (goes_to_file(call))
        call->error = write_all(call->in->download_fd, data, n);
    else if (n > call->max - call->body.len)
        call->error = -E2BIG;
    else
        buf_put(&call->body, data, n);
    return call->error < 0 ? CURL_WRITEFUNC_ERROR : n;
}

/* --- The request --- */

static size_t on_upload(char *ret_data, size_t size, size_t n, void *arg)
{
    struct call *call = arg;
    ssize_t r;

    do
        r = pread(call->in->upload_fd, ret_data, size * n, call->sent);
    while (r < 0 && errno == EINTR);
    if (r < 0) {
        call->error = -EIO;
        return CURL_READFUNC_ABORT;
    }
    call->sent += r;
    return (size_t)r;
}

/* libcurl starts again when a kept connection turns out to be dead. */
static int on_rewind(void *arg, curl_off_t offset, int origin)
{
    struct call *call = arg;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    call->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static bool has_control(const char *s)
{
    for (; *s; s++)
        if (((unsigned char)*s < ' ' && *s != '\t') || *s == 127)
            return true;
    return false;
}

static void free_list(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static void append(struct curl_slist **list, const char *line)
{
    *list = must(curl_slist_append(*list, line));
}

/* Errors: -EINVAL when a header would break the request. */
static int make_headers(struct call *call, struct curl_slist **ret_list)
{
    const struct http_call *in = call->in;

    append(ret_list,
           "Content-Type:"); /* libcurl's own guess is left away; one that is given comes after it */
    for (size_t i = 0; i < in->n_headers; i++) {
        const char *name = in->headers[i][0], *value = in->headers[i][1];
        if (has_control(name) || has_control(value) || strpbrk(name, ": \t"))
            return -EINVAL;
        /* "Name;" is libcurl's way to say that the value is empty; "Name:" would remove the header. */
        append(ret_list, arena_printf(call->arena, *value ? "%s: %s" : "%s;%s", name, value));
    }
    return 0;
}

void client_set_tls(const struct http_client *c, CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (c->ca_file) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* else the system's would be trusted as well */
    }
    if (c->cert_file) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, c->cert_file);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, c->key_file);
    }
}

static int set_upload(struct call *call)
{
    struct stat st;

    if (fstat(call->in->upload_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -EIO;
    curl_easy_setopt(call->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(call->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
    curl_easy_setopt(call->curl, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(call->curl, CURLOPT_READDATA, call);
    curl_easy_setopt(call->curl, CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(call->curl, CURLOPT_SEEKDATA, call);
    return 0;
}

static int set_request(struct call *call, const struct http_client *c)
{
    const struct http_call *in = call->in;
    CURL *curl = call->curl;

    curl_easy_setopt(curl, CURLOPT_URL, in->url);
    if (in->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)in->body_len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, in->body);
    } else if (in->upload_fd > 0) {
        TRY(set_upload(call));
    } else if (str_eq(in->method, "POST") || str_eq(in->method, "PUT")) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE,
                         0L); /* says "Content-Length: 0", which some servers insist on */
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    } else if (str_eq(in->method, "HEAD")) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, in->method);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, c->user_agent);
    return 0;
}

void client_set_transport(CURL *curl, int64_t timeout_ms)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* nothing from the environment */
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
}

static void set_transport(struct call *call)
{
    const struct http_call *in = call->in;
    int64_t timeout_ms = (in->timeout_ms ? in->timeout_ms : TIMEOUT_MS) * slow_factor();
    int64_t connect_ms =
        (in->connect_timeout_ms ? in->connect_timeout_ms : CONNECT_TIMEOUT_MS) * slow_factor();

    client_set_transport(call->curl, timeout_ms);
    curl_easy_setopt(call->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(call->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(call->curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(call->curl, CURLOPT_HEADERDATA, call);
}

/* --- The call --- */

int client_errno_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_CONNECT:
        return -ECONNREFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return -EPROTO;
    case CURLE_URL_MALFORMAT:
        return -EINVAL;
    default:
        return -EIO;
    }
}

static int perform(struct call *call)
{
    char text[CURL_ERROR_SIZE] = "";
    long status = 0;

    curl_easy_setopt(call->curl, CURLOPT_ERRORBUFFER, text);
    CURLcode code = curl_easy_perform(call->curl);
    curl_easy_setopt(call->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
    call->out->status = (int)status;
    call->out->body = buf_text(&call->body);
    call->out->body_len = call->body.len;
    if (call->error == -E2BIG)
        call->out->error = arena_printf(call->arena, "the answer is longer than %zu bytes", call->max);
    else if (call->error < 0)
        call->out->error = "the local file cannot be read or written";
    else if (code != CURLE_OK)
        call->out->error = arena_strdup(call->arena, *text ? text : curl_easy_strerror(code));
    return call->error < 0 ? call->error : client_errno_of(code);
}

int http_client_call(struct http_client *c, struct arena *a, const struct http_call *in,
                     struct http_answer *ret_answer)
{
    struct call call = { .curl = c->curl, .arena = a, .in = in, .out = ret_answer, .body = buf_new(a) };
    CLEANUP(free_list) struct curl_slist *headers = NULL;

    *ret_answer = (struct http_answer){ .body = "" };
    call.max = in->max ? in->max : KEPT_MAX_BYTES;
    curl_easy_reset(c->curl); /* keeps the connections */
    set_transport(&call);
    client_set_tls(c, c->curl);
    int r = make_headers(&call, &headers);
    if (r < 0)
        ret_answer->error = "a header holds a control character";
    else if ((r = set_request(&call, c)) < 0)
        ret_answer->error = "the file to send is not a regular file";
    if (r == 0) {
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
        r = perform(&call);
    }
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL); /* freed on return */
    return r;
}
