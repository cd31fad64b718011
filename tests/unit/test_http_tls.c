/* The HTTP client against the server, plain and over TLS, with certificates made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "http/client.h"
#include "http/server.h"

enum { LONG_BYTES = 3 << 20, HEADERS_MAX = 4 };

/* --- Certificates --- */

struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char key_file[64], cert_file[64];
};

static char folder[] = "/tmp/alamo-http-XXXXXX";
static struct identity ca, other_ca, server_id, agent_id, foreign_id, expired_id, two_names_id,
    server_only_id;

struct wanted {
    const char *name;
    const char *common_name, *second_name;
    struct identity *issuer; /* NULL: itself */
    const char *usage;       /* extended, or NULL */
    long valid_s;            /* from an hour ago */
};

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void add_name(X509_NAME *name, const char *common_name)
{
    if (common_name)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                    (const unsigned char *)common_name, -1, -1, 0),
                         1);
}

static void write_files(struct identity *id, const char *name)
{
    snprintf(id->key_file, sizeof id->key_file, "%s/%s.key", folder, name);
    snprintf(id->cert_file, sizeof id->cert_file, "%s/%s.crt", folder, name);
    FILE *f = fopen(id->key_file, "we");
    assert_int_equal(PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    f = fopen(id->cert_file, "we");
    assert_int_equal(PEM_write_X509(f, id->cert), 1);
    fclose(f);
}

static void make(struct identity *id, const struct wanted *wanted)
{
    static long serial = 1;
    struct identity *issuer = wanted->issuer ? wanted->issuer : id;

    id->key = EVP_EC_gen("P-256");
    id->cert = X509_new();
    X509_set_version(id->cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(id->cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id->cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id->cert), wanted->valid_s - 3600);
    X509_set_pubkey(id->cert, id->key);
    add_name(X509_get_subject_name(id->cert), wanted->common_name);
    add_name(X509_get_subject_name(id->cert), wanted->second_name);
    X509_set_issuer_name(id->cert, X509_get_subject_name(issuer->cert));
    add_extension(id->cert, NID_basic_constraints, wanted->issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (wanted->issuer)
        add_extension(id->cert, NID_subject_alt_name, "IP:127.0.0.1");
    if (wanted->usage)
        add_extension(id->cert, NID_ext_key_usage, wanted->usage);
    assert_true(X509_sign(id->cert, issuer->key, EVP_sha256()) > 0);
    write_files(id, wanted->name);
}

static void drop(struct identity *id)
{
    unlink(id->key_file);
    unlink(id->cert_file);
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
}

static const struct {
    struct identity *id;
    struct wanted wanted;
} identities[] = {
    { &ca, { "ca", "ca", NULL, NULL, NULL, 86400 } },
    { &other_ca, { "other-ca", "ca", NULL, NULL, NULL, 86400 } },
    { &server_id, { "server", "server", NULL, &ca, "serverAuth", 86400 } },
    { &agent_id, { "agent", "host-1", NULL, &ca, "clientAuth,serverAuth", 86400 } },
    { &foreign_id, { "foreign", "host-1", NULL, &other_ca, "clientAuth", 86400 } },
    { &expired_id, { "expired", "host-1", NULL, &ca, "clientAuth", 60 } },
    { &two_names_id, { "two-names", "host-1", "host-2", &ca, "clientAuth", 86400 } },
    { &server_only_id, { "server-only", "host-1", NULL, &ca, "serverAuth", 86400 } },
};

static int make_identities(void **state)
{
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < N_ELEMENTS(identities); i++)
        make(identities[i].id, &identities[i].wanted);
    return 0;
}

static int drop_identities(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(identities); i++)
        drop(identities[i].id);
    rmdir(folder);
    return 0;
}

/* --- The server --- */

static struct http_server *server;
static struct arena *arena;
static char url_text[128];
static const struct http_headers none = { NULL, 0 };

static void on_head(void *self, struct http_rq *rq)
{
    rq->body_max = str_eq(rq->path, "/small") ? 10 : LONG_BYTES;
}

static void echo(void *arg, int fd, const void *extra, size_t n_extra)
{
    char text[4096];
    ssize_t n;

    while ((n = read(fd, text, sizeof text)) > 0)
        if (write(fd, text, (size_t)n) != n || text[n - 1] == '.')
            break;
}

/* What "/count" read until the end of its socket. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t bytes;
    unsigned ended_n;
} counted = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };

static void count_bytes(void *arg, int fd, const void *extra, size_t n_extra)
{
    char text[4096];
    ssize_t n = (ssize_t)n_extra;

    do {
        pthread_mutex_lock(&counted.mutex);
        counted.bytes += (size_t)n;
        pthread_mutex_unlock(&counted.mutex);
        n = read(fd, text, sizeof text);
    } while (n > 0);
    pthread_mutex_lock(&counted.mutex);
    counted.ended_n++;
    pthread_cond_broadcast(&counted.changed);
    pthread_mutex_unlock(&counted.mutex);
}

static void reply_facts(struct http_rq *rq)
{
    static const char *const headers[][2] = { { "X-Fact", " padded " }, { "Location", "/elsewhere" } };
    const char *type = http_header(rq, "content-type");
    char *text =
        arena_printf(rq->arena, "%s cn=%s type=%s test=%s n=%lld", rq->method,
                     rq->peer_cn ? rq->peer_cn : "-", type ? type : "-",
                     http_header(rq, "X-Test") ? http_header(rq, "X-Test") : "-", (long long)rq->body_len);

    http_reply(rq, str_eq(rq->path, "/moved") ? 302 : 200, (struct http_headers){ headers, 2 }, text,
               strlen(text));
}

static void on_run(void *self, struct http_rq *rq)
{
    if (str_eq(rq->path, "/echo"))
        http_reply(rq, 200, none, rq->body, rq->body_len);
    else if (str_eq(rq->path, "/upgrade"))
        http_reply_upgrade(rq, "echo", none, echo, NULL);
    else if (str_eq(rq->path, "/count"))
        http_reply_upgrade(rq, "count", none, count_bytes, NULL);
    else
        reply_facts(rq);
}

static void on_end(void *self, struct http_rq *rq)
{
}

static void start(const struct http_config *config)
{
    struct http_handler handler = { NULL, on_head, NULL, on_run, on_end, NULL };

    arena = arena_new();
    assert_int_equal(http_server_start(&server, config, &handler), 0);
}

static int tear_down(void **state)
{
    http_server_stop(server);
    server = NULL;
    arena_free(arena);
    return 0;
}

static int set_up_plain(void **state)
{
    start(&(struct http_config){ .threads = 1 });
    return 0;
}

static int set_up_tls(void **state)
{
    start(&(struct http_config){ .cert_file = server_id.cert_file, .key_file = server_id.key_file });
    return 0;
}

static int set_up_mutual(void **state)
{
    start(&(struct http_config){
        .cert_file = server_id.cert_file, .key_file = server_id.key_file, .client_ca_file = ca.cert_file });
    return 0;
}

static const char *url(const char *scheme, const char *path)
{
    snprintf(url_text, sizeof url_text, "%s://127.0.0.1:%u%s", scheme, http_server_port(server), path);
    return url_text;
}

static const char *get(struct http_client *c, const char *scheme, const char *path)
{
    struct http_answer answer;
    int r =
        http_client_call(c, arena, &(struct http_call){ .method = "GET", .url = url(scheme, path) }, &answer);

    if (r < 0)
        fail_msg("%s: %s", path, answer.error);
    assert_int_equal(answer.status, 200);
    return answer.body;
}

/* --- Tests --- */

static void test_client(void **state)
{
    static const char *const headers[][2] = { { "X-Test", "one" }, { "Content-Type", "text/x" } };
    struct http_client *c = http_client_new(&(struct http_client_config){ .user_agent = "test" });
    struct http_answer answer;
    struct http_call call = {
        .method = "GET", .url = url("http", "/facts"), .headers = headers, .n_headers = 1
    };

    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_string_equal(answer.body, "GET cn=- type=- test=one n=0");
    assert_string_equal(http_answer_header(&answer, "x-fact"), "padded");
    assert_null(http_answer_header(&answer, "x-none"));
    call = (struct http_call){
        .method = "POST", .url = call.url, .body = "abc", .body_len = 3, .headers = headers, .n_headers = 2
    };
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_string_equal(answer.body, "POST cn=- type=text/x test=one n=3");
    call = (struct http_call){ .method = "PUT", .url = call.url };
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_string_equal(answer.body, "PUT cn=- type=- test=- n=0");
    call.method = "DELETE";
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_string_equal(answer.body, "DELETE cn=- type=- test=- n=0");
    call.method = "HEAD";
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_int_equal(answer.body_len, 0);
    assert_string_equal(http_answer_header(&answer, "content-length"), "27");
    call = (struct http_call){ .method = "GET", .url = url("http", "/moved") };
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_int_equal(answer.status, 302); /* not followed */
    http_client_free(c);
}

static void test_client_errors(void **state)
{
    static const char *const split[][2] = { { "X-Test", "a\r\nX-Evil: b" } };
    struct http_client *c = http_client_new(&(struct http_client_config){ 0 });
    struct http_answer answer;
    struct http_call call = { .method = "GET", .url = url("http", "/facts"), .max = 5 };
    CLEAN_FD silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(http_client_call(c, arena, &call, &answer), -E2BIG);
    assert_non_null(answer.error);
    call = (struct http_call){ .method = "GET", .url = call.url, .headers = split, .n_headers = 1 };
    assert_int_equal(http_client_call(c, arena, &call, &answer), -EINVAL);
    call = (struct http_call){ .method = "GET", .url = "file:///etc/passwd" };
    assert_int_equal(http_client_call(c, arena, &call, &answer), -EPROTO);
    call.url = url("https", "/facts");
    assert_int_equal(http_client_call(c, arena, &call, &answer), -EPROTO);
    call.url = "http://127.0.0.1:1/";
    assert_int_equal(http_client_call(c, arena, &call, &answer), -ECONNREFUSED);
    /* A socket that listens, but whose owner never answers. */
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    assert_int_equal(listen(silent, 1), 0);
    getsockname(silent, (struct sockaddr *)&a, &n);
    call.url = arena_printf(arena, "http://127.0.0.1:%u/", ntohs(((struct sockaddr_in *)&a)->sin_port));
    call.timeout_ms = 50;
    assert_int_equal(http_client_call(c, arena, &call, &answer), -ETIMEDOUT);
    http_client_free(c);
}

static void test_client_files(void **state)
{
    struct http_client *c = http_client_new(&(struct http_client_config){ 0 });
    CLEAN_FD up = memfd_create("up", MFD_CLOEXEC);
    CLEAN_FD down = memfd_create("down", MFD_CLOEXEC);
    struct http_answer answer;
    struct http_call call = {
        .method = "PUT", .url = url("http", "/echo"), .upload_fd = up, .download_fd = down
    };
    char *sent = arena_alloc(arena, LONG_BYTES), *got = arena_alloc(arena, LONG_BYTES + 1);

    for (size_t i = 0; i < LONG_BYTES; i++)
        sent[i] = (char)(i * 31 >> 3);
    assert_int_equal(write(up, sent, LONG_BYTES),
                     LONG_BYTES); /* leaves the position at the end: it must not matter */
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_len, 0);
    assert_int_equal(pread(down, got, LONG_BYTES + 1, 0), LONG_BYTES);
    assert_memory_equal(sent, got, LONG_BYTES);

    /* An answer that is no success is kept, and the file left alone; it arrives although much is still
     * unsent. */
    call.url = url("http", "/small");
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_int_equal(answer.status, 413);
    assert_true(answer.body_len > 0);
    assert_int_equal(lseek(down, 0, SEEK_END), LONG_BYTES);
    call = (struct http_call){ .method = "POST", .url = call.url, .body = sent, .body_len = LONG_BYTES };
    assert_int_equal(http_client_call(c, arena, &call, &answer), 0);
    assert_int_equal(answer.status, 413);
    http_client_free(c);
}

static void test_tls(void **state)
{
    struct http_client *trusting = http_client_new(&(struct http_client_config){ .ca_file = ca.cert_file });
    struct http_client *wary = http_client_new(&(struct http_client_config){ .ca_file = other_ca.cert_file });
    struct http_client *system = http_client_new(&(struct http_client_config){ 0 });
    struct http_answer answer;

    for (int i = 0; i < 3; i++)
        assert_string_equal(get(trusting, "https", "/facts"), "GET cn=- type=- test=- n=0");
    struct http_call call = { .method = "GET", .url = url("https", "/facts") };
    assert_int_equal(http_client_call(wary, arena, &call, &answer), -EPROTO);
    assert_int_equal(http_client_call(system, arena, &call, &answer), -EPROTO);
    call.url = url("http", "/facts"); /* plain bytes to a TLS port */
    assert_true(http_client_call(trusting, arena, &call, &answer) < 0);
    char *sent = arena_alloc(arena, LONG_BYTES);
    call = (struct http_call){
        .method = "POST", .url = url("https", "/small"), .body = sent, .body_len = LONG_BYTES
    };
    assert_int_equal(http_client_call(trusting, arena, &call, &answer), 0);
    assert_int_equal(answer.status, 413);
    call.url = url("https", "/echo");
    assert_int_equal(http_client_call(trusting, arena, &call, &answer), 0);
    assert_int_equal(answer.body_len, LONG_BYTES);
    http_client_free(trusting);
    http_client_free(wary);
    http_client_free(system);
}

static void test_client_certificates(void **state)
{
    static const struct {
        const struct identity *id;
        const char *cn;
    } cases[] = {
        { &agent_id, "host-1" }, { NULL, "-" },          { &foreign_id, "-" },
        { &expired_id, "-" },    { &two_names_id, "-" }, { &server_only_id, "-" },
    };
    char expected[128];

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct http_client_config config = { .ca_file = ca.cert_file };
        if (cases[i].id) {
            config.cert_file = cases[i].id->cert_file;
            config.key_file = cases[i].id->key_file;
        }
        struct http_client *c = http_client_new(&config);
        snprintf(expected, sizeof expected, "GET cn=%s type=- test=- n=0", cases[i].cn);
        assert_string_equal(get(c, "https", "/facts"), expected);
        assert_string_equal(get(c, "https", "/facts"), expected); /* the same connection again */
        http_client_free(c);
    }
}

/* Without a CA for clients no certificate is asked for, and none believed. */
static void test_certificate_that_nobody_asked_for(void **state)
{
    struct http_client *c = http_client_new(&(struct http_client_config){
        .ca_file = ca.cert_file, .cert_file = agent_id.cert_file, .key_file = agent_id.key_file });

    assert_string_equal(get(c, "https", "/facts"), "GET cn=- type=- test=- n=0");
    http_client_free(c);
}

/* --- Bytes over TLS --- */

static CURL *tls_open(void)
{
    CURL *curl = curl_easy_init();

    curl_easy_setopt(curl, CURLOPT_URL, url("https", "/"));
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca.cert_file);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    return curl;
}

static void tls_say(CURL *curl, const char *text)
{
    size_t n = 0;

    assert_int_equal(curl_easy_send(curl, text, strlen(text), &n), CURLE_OK);
    assert_int_equal(n, strlen(text));
}

/* Appends what comes to 'ret_text'; false at the end. */
static bool tls_more(CURL *curl, char *ret_text, size_t size)
{
    size_t used = strlen(ret_text), n = 0;
    curl_socket_t fd;
    CURLcode code;

    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
    while ((code = curl_easy_recv(curl, ret_text + used, size - used - 1, &n)) == CURLE_AGAIN)
        assert_int_equal(
            poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, (int)(10000 * slow_factor())), 1);
    assert_int_equal(code, CURLE_OK);
    ret_text[used + n] = 0;
    return n > 0;
}

static CURL *tls_upgrade(const char *path)
{
    char text[4096] = "";
    CURL *curl = tls_open();

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
             path);
    tls_say(curl, text);
    text[0] = 0;
    while (!strstr(text, "\r\n\r\n"))
        assert_true(tls_more(curl, text, sizeof text));
    assert_non_null(strstr(text, "HTTP/1.1 101 "));
    return curl;
}

static void test_tls_upgrade(void **state)
{
    char text[4096] = "";
    CURL *curl = tls_upgrade("/upgrade");

    tls_say(curl, "one");
    while (strlen(text) < 3)
        assert_true(tls_more(curl, text, sizeof text));
    tls_say(curl, "two."); /* the dot makes the server close right after its echo */
    while (tls_more(curl, text, sizeof text))
        ;
    assert_string_equal(text, "onetwo.");
    curl_easy_cleanup(curl);
}

/* The handler reads all that was sent, and then the end. */
/* What is written at once travels at once. */
static void test_tls_upgrade_records(void **state)
{
    char line[1001], text[4096];
    size_t n = 0;
    CURLcode r;

    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    CURL *curl = tls_upgrade("/upgrade");
    for (int i = 0; i < 3; i++) {
        tls_say(curl, line);
        while ((r = curl_easy_recv(curl, text, sizeof text, &n)) == CURLE_AGAIN)
            usleep(1000);
        assert_int_equal(r, CURLE_OK);
        assert_int_equal(n, sizeof line - 1);
    }
    curl_easy_cleanup(curl);
}

static void test_tls_upgrade_whose_client_leaves(void **state)
{
    enum { CLIENTS_N = 5, LINES_N = 200 };
    char line[1001];

    memset(line, 'x', 1000);
    line[1000] = 0;
    for (int i = 0; i < CLIENTS_N; i++) {
        CURL *curl = tls_upgrade("/count");
        for (int j = 0; j < LINES_N; j++)
            tls_say(curl, line);
        curl_easy_cleanup(curl);
    }
    pthread_mutex_lock(&counted.mutex);
    while (counted.ended_n < CLIENTS_N)
        pthread_cond_wait(&counted.changed, &counted.mutex);
    assert_int_equal(counted.bytes, CLIENTS_N * LINES_N * 1000);
    pthread_mutex_unlock(&counted.mutex);
}

static void test_stop_breaks_tls_upgrades(void **state)
{
    char text[4096] = "";
    CURL *curl = tls_upgrade("/upgrade"), *left = tls_upgrade("/upgrade");
    int64_t before_us = monotonic_us();

    curl_easy_cleanup(left);
    http_server_stop(server);
    server = NULL;
    assert_true(monotonic_us() - before_us <
                4000000 * slow_factor()); /* it did not have to cut anything off */
    assert_false(tls_more(curl, text, sizeof text));
    curl_easy_cleanup(curl);
}

/* --- The client's side of an upgrade --- */

struct pumping {
    struct http_stream *stream;
    int fd; /* its end */
};

static void *pump_stream(void *arg)
{
    struct pumping *p = arg;
    http_stream_pump(p->stream, p->fd, 10);
    http_stream_free(p->stream);
    close(p->fd);
    return NULL;
}

static void *send_long(void *arg)
{
    const int *fd = arg;
    static const char data[1000];

    for (size_t sent = 0; sent < LONG_BYTES; sent += sizeof data)
        assert_int_equal(send(*fd, data, sizeof data, MSG_NOSIGNAL), sizeof data);
    assert_int_equal(send(*fd, ".", 1, MSG_NOSIGNAL), 1);
    return NULL;
}

static void pump_echo(struct http_client *c, const char *scheme)
{
    struct pumping p;
    const char *error;
    int pair[2];
    pthread_t pumping, sending;
    size_t got = 0;
    char data[4096];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    p.fd = pair[1];
    assert_int_equal(http_client_upgrade(c, arena, url(scheme, "/upgrade"), "echo", 0, &p.stream, &error), 0);
    assert_int_equal(pthread_create(&pumping, NULL, pump_stream, &p), 0);
    assert_int_equal(pthread_create(&sending, NULL, send_long, &pair[0]), 0);
    for (ssize_t n; (n = recv(pair[0], data, sizeof data, 0)) > 0;) /* until the server, then the pump, has ended */
        got += (size_t)n;
    assert_in_range(got, LONG_BYTES + 1, LONG_BYTES + 1001);
    pthread_join(sending, NULL);
    pthread_join(pumping, NULL);
    close(pair[0]);
}

static void test_client_upgrade(void **state)
{
    struct http_client *c = http_client_new(&(struct http_client_config){ 0 });
    struct http_stream *stream;
    const char *error;

    pump_echo(c, "http");
    assert_int_equal(http_client_upgrade(c, arena, url("http", "/facts"), "echo", 0, &stream, &error), -ECONNABORTED);
    assert_string_equal(error, "the server answered 200");
    assert_int_equal(http_client_upgrade(c, arena, url("http", "/upgrade"), "other", 0, &stream, &error), -EPROTO);
    assert_int_equal(http_client_upgrade(c, arena, url("http", "/upgrade"), "ech", 0, &stream, &error), -EPROTO);
    assert_int_equal(http_client_upgrade(c, arena, url("https", "/upgrade"), "echo", 0, &stream, &error), -EPROTO);
    assert_int_equal(http_client_upgrade(c, arena, url("http", "/a\r\nX:1"), "echo", 0, &stream, &error), -EINVAL);
    assert_int_equal(http_client_upgrade(c, arena, "http://127.0.0.1:1/", "echo", 0, &stream, &error), -ECONNREFUSED);
    assert_non_null(error);
    http_client_free(c);
}

static void test_client_upgrade_tls(void **state)
{
    struct http_client *c = http_client_new(&(struct http_client_config){
        .ca_file = ca.cert_file, .cert_file = agent_id.cert_file, .key_file = agent_id.key_file });
    struct http_client *wary = http_client_new(&(struct http_client_config){ .ca_file = other_ca.cert_file });
    struct http_stream *stream;
    const char *error;

    pump_echo(c, "https");
    assert_int_equal(http_client_upgrade(wary, arena, url("https", "/upgrade"), "echo", 0, &stream, &error), -EPROTO);
    http_client_free(c);
    http_client_free(wary);
}

/* The one who hears our fd end closes the stream too. */
static void test_client_upgrade_left(void **state)
{
    struct http_client *c = http_client_new(&(struct http_client_config){ .ca_file = ca.cert_file });
    struct pumping p;
    const char *error;
    int pair[2];
    pthread_t pumping;

    pthread_mutex_lock(&counted.mutex);
    unsigned before_n = counted.ended_n;
    pthread_mutex_unlock(&counted.mutex);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    p.fd = pair[1];
    assert_int_equal(http_client_upgrade(c, arena, url("https", "/count"), "count", 0, &p.stream, &error), 0);
    assert_int_equal(pthread_create(&pumping, NULL, pump_stream, &p), 0);
    close(pair[0]);
    pthread_join(pumping, NULL);
    pthread_mutex_lock(&counted.mutex);
    while (counted.ended_n == before_n)
        pthread_cond_wait(&counted.changed, &counted.mutex);
    pthread_mutex_unlock(&counted.mutex);
    http_client_free(c);
}

static void test_start_refuses_nonsense(void **state)
{
    struct http_handler handler = { NULL, on_head, NULL, on_run, on_end, NULL };
    struct http_server *s = NULL;

    assert_int_equal(http_server_start(&s, &(struct http_config){ .client_ca_file = ca.cert_file }, &handler),
                     -EINVAL);
    assert_int_equal(http_server_start(&s,
                                       &(struct http_config){ .cert_file = server_id.key_file,
                                                              .key_file = server_id.cert_file },
                                       &handler),
                     -EINVAL);
    assert_null(s);
}

#define CASE(f, set_up) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_client, set_up_plain),
        CASE(test_client_errors, set_up_plain),
        CASE(test_client_files, set_up_plain),
        CASE(test_tls, set_up_tls),
        CASE(test_client_certificates, set_up_mutual),
        CASE(test_certificate_that_nobody_asked_for, set_up_tls),
        CASE(test_tls_upgrade, set_up_tls),
        CASE(test_tls_upgrade_records, set_up_tls),
        CASE(test_tls_upgrade_whose_client_leaves, set_up_tls),
        CASE(test_stop_breaks_tls_upgrades, set_up_tls),
        CASE(test_client_upgrade, set_up_plain),
        CASE(test_client_upgrade_tls, set_up_mutual),
        CASE(test_client_upgrade_left, set_up_tls),
        cmocka_unit_test(test_start_refuses_nonsense),
    };
    log_level_set(LOG_ERROR + 1); /* the refusals are meant */
    return cmocka_run_group_tests_name("http tls", tests, make_identities, drop_identities);
}
