/* load [-c CONNECTIONS] [-n REQUESTS] [-m METHOD] [-H HEADER]... [-b BODY_FILE] [--ca FILE] URL...
 *
 * Sends a fixed number of requests over kept-alive connections, one thread each, to the URLs in turn, and prints one
 * line of JSON: counts by status, seconds, latencies.  '%d' in the body or a URL becomes the number of the request. */
#include <getopt.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16 * 1024, BUFFER = 256 * 1024, TIMEOUT_S = 60, STATUS_N = 600, PATHS_MAX = 4096 };

static struct {
    const char *method, *body, *ca;
    char headers[HEAD_MAX];
    char host[256], port[16];
    bool is_tls;
    const char *paths[PATHS_MAX];
    size_t n_paths;
    long n, connections;
    SSL_CTX *tls;
    atomic_long next;
    atomic_long statuses[STATUS_N], broken, bytes;
    double *latency_us;
} load = { .method = "GET", .n = 1000, .connections = 1 };

struct connection {
    int fd;
    SSL *ssl;
    char *buffer;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM };
    const struct timeval limit = { .tv_sec = TIMEOUT_S };

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static bool open_connection(struct connection *c)
{
    c->fd = connect_to(load.host, load.port);
    if (c->fd < 0 || !load.is_tls)
        return c->fd >= 0;
    c->ssl = SSL_new(load.tls);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_connect(c->ssl) == 1;
}

static void close_connection(struct connection *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static ssize_t get(struct connection *c, void *to, size_t n)
{
    return c->ssl ? SSL_read(c->ssl, to, (int)n) : recv(c->fd, to, n, 0);
}

static bool put(struct connection *c, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = c->ssl ? SSL_write(c->ssl, data, (int)n) : send(c->fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Returns the status of one answer, or -1.  Sets '*ret_close' when the server ends the connection. */
static int read_answer(struct connection *c, bool *ret_close)
{
    size_t n = 0;
    char *end = NULL;

    while (!end) {
        ssize_t got = n < HEAD_MAX ? get(c, c->buffer + n, HEAD_MAX - n) : 0;
        if (got <= 0)
            return -1;
        n += (size_t)got;
        c->buffer[n] = 0;
        end = strstr(c->buffer, "\r\n\r\n");
    }
    *end = 0;
    int status = (int)strtol(c->buffer + strlen("HTTP/1.1 "), NULL, 10);
    const char *length = strcasestr(c->buffer, "\r\ncontent-length:");
    long rest = length && strcmp(load.method, "HEAD") != 0 ? strtol(length + 17, NULL, 10) : 0;

    *ret_close = strcasestr(c->buffer, "\r\nconnection: close") != NULL;
    rest -= (long)(n - (size_t)(end + 4 - c->buffer));
    while (rest > 0) {
        ssize_t got = get(c, c->buffer, BUFFER);
        if (got <= 0)
            return -1;
        rest -= got;
        atomic_fetch_add(&load.bytes, got);
    }
    return status > 0 && status < STATUS_N ? status : -1;
}

static void put_number(char *out, size_t size, const char *text, long i)
{
    const char *mark = strstr(text, "%d");
    if (mark)
        snprintf(out, size, "%.*s%ld%s", (int)(mark - text), text, i, mark + 2);
    else
        snprintf(out, size, "%s", text);
}

static size_t compose(char *out, long i)
{
    char body[HEAD_MAX] = "", path[HEAD_MAX];

    if (load.body)
        put_number(body, sizeof body, load.body, i);
    put_number(path, sizeof path, load.paths[(size_t)i % load.n_paths], i);
    int n = snprintf(out, BUFFER, "%s %s HTTP/1.1\r\nHost: %s:%s\r\n%s", load.method, path, load.host, load.port, load.headers);
    if (load.body)
        n += snprintf(out + n, BUFFER - (size_t)n, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    n += snprintf(out + n, BUFFER - (size_t)n, "\r\n%s", body);
    return (size_t)n;
}

static int one_request(struct connection *c, long i)
{
    bool ends = false;

    if (c->fd < 0 && !open_connection(c))
        return -1;
    size_t n = compose(c->buffer, i);
    int status = put(c, c->buffer, n) ? read_answer(c, &ends) : -1;
    if (status < 0 || ends)
        close_connection(c);
    return status;
}

static void *work(void *arg)
{
    struct connection c = { .fd = -1, .buffer = malloc(BUFFER) };
    long i;

    if (!c.buffer)
        abort();
    while ((i = atomic_fetch_add(&load.next, 1)) < load.n) {
        double start = seconds();
        int status = one_request(&c, i);
        load.latency_us[i] = (seconds() - start) * 1e6;
        atomic_fetch_add(status < 0 ? &load.broken : &load.statuses[status], 1);
    }
    close_connection(&c);
    free(c.buffer);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_result(double wall_s)
{
    const double *l = load.latency_us;
    const char *comma = "";

    qsort(load.latency_us, (size_t)load.n, sizeof *load.latency_us, by_value);
    printf("{\"n\": %ld, \"wall_s\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, \"bytes\": %ld, "
           "\"broken\": %ld, \"statuses\": {",
           load.n, wall_s, l[load.n / 2], l[load.n * 99 / 100], l[load.n - 1], load.bytes, load.broken);
    for (int s = 0; s < STATUS_N; s++)
        if (load.statuses[s]) {
            printf("%s\"%d\": %ld", comma, s, load.statuses[s]);
            comma = ", ";
        }
    printf("}}\n");
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = calloc(1, HEAD_MAX);

    if (!f || !text || fread(text, 1, HEAD_MAX / 2, f) == 0) {
        fprintf(stderr, "load: %s cannot be read\n", path);
        exit(2);
    }
    fclose(f);
    return text;
}

/* All URLs name the same server. */
static void take_url(const char *url)
{
    char scheme[8];
    int at = 0;

    if (sscanf(url, "%7[a-z]://%255[^:]:%15[0-9]%n", scheme, load.host, load.port, &at) != 3 || load.n_paths == PATHS_MAX) {
        fprintf(stderr, "load: %s is not http[s]://HOST:PORT/PATH\n", url);
        exit(2);
    }
    load.is_tls = strcmp(scheme, "https") == 0;
    load.paths[load.n_paths++] = url[at] ? url + at : "/";
}

static void take_option(int o, const char *value)
{
    size_t used = strlen(load.headers);

    switch (o) {
    case 'c': load.connections = strtol(value, NULL, 10); break;
    case 'n': load.n = strtol(value, NULL, 10); break;
    case 'm': load.method = value; break;
    case 'H': snprintf(load.headers + used, sizeof load.headers - used, "%s\r\n", value); break;
    case 'b': load.body = read_file(value); break;
    case 'a': load.ca = value; break;
    default: exit(2);
    }
}

static void open_tls(void)
{
    load.tls = SSL_CTX_new(TLS_client_method());
    if (load.ca && SSL_CTX_load_verify_locations(load.tls, load.ca, NULL) != 1) {
        fprintf(stderr, "load: %s is no certificate\n", load.ca);
        exit(2);
    }
    SSL_CTX_set_verify(load.tls, load.ca ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
}

int main(int argc, char **argv)
{
    static const struct option longs[] = { { "ca", required_argument, NULL, 'a' }, { 0 } };
    int o;

    signal(SIGPIPE, SIG_IGN);
    while ((o = getopt_long(argc, argv, "c:n:m:H:b:", longs, NULL)) != -1)
        take_option(o, optarg);
    for (int i = optind; i < argc; i++)
        take_url(argv[i]);
    if (!load.n_paths || load.n < 1 || load.connections < 1) {
        fprintf(stderr, "usage: load [-c CONNECTIONS] [-n REQUESTS] [-m METHOD] [-H HEADER] [-b BODY] [--ca FILE] URL...\n");
        return 2;
    }
    open_tls();
    load.latency_us = calloc((size_t)load.n, sizeof *load.latency_us);
    pthread_t *threads = calloc((size_t)load.connections, sizeof *threads);
    if (!load.latency_us || !threads)
        abort();
    double start = seconds();
    for (long i = 0; i < load.connections; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            abort();
    for (long i = 0; i < load.connections; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    print_result(seconds() - start);
    return load.broken > 0;
}
