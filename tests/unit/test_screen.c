/* A server's screen end to end in one process: a browser's WebSocket, the controller with its store, the
 * agents' port with its certificates, the agent's relay, and a guest's VNC socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */

#include <curl/curl.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/relay.h"
#include "api/alamo/screen.h"
#include "api/core/contexts.h"
#include "api/core/core.h"
#include "auth/pki.h"
#include "base/env.h"
#include "base/log.h"
#include "compute/console.h"
#include "compute/host.h"
#include "controller/relays.h"
#include "store/migrations.h"

enum { TEXT = 4096, WAIT_S = 2 };

static const char host_name[] = "host-1", server_id[] = "6a0f8a53-41a5-4b8a-9f0c-b1c7ab9e63a5";

static struct {
    char folder[64], novnc[80], vnc_path[96], base_url[96], agent_url[96];
    char ca[96], server_cert[96], server_key[96], cert[96], key[96], other_cert[96], other_key[96];
    struct store *store;
    struct core *core;
    struct relays *relays;
    struct screens screens;
    struct face_contexts contexts;
    struct http_server *https, *agent_port;
    int vnc_fd; /* listens */
    pthread_t vnc_thread, agent_thread;
    atomic_bool agent_works, stop;
    atomic_uint guests_left_n; /* connections to the guest that ended */
    int log_fd, stderr_fd;
    char tickets[32][64];
    size_t n_tickets;
} world;

/* --- Time that a test can put forward --- */

static atomic_llong later_us;

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int64_t wall_us(void)
{
    return clock_us(CLOCK_REALTIME) + later_us;
}

static int64_t steady_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static void random_of_kernel(void *ret, size_t n)
{
    assert_int_equal(getrandom(ret, n, 0), n);
}

/* --- The guest: says what a VNC server says, then repeats what it hears --- */

static void *serve_guest(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char data[TEXT];
    ssize_t n = write(fd, "RFB 003.008\n", 12);

    while (n > 0 && (n = read(fd, data, sizeof data)) > 0)
        n = write(fd, data, (size_t)n);
    close(fd);
    world.guests_left_n++;
    return NULL;
}

static void *serve_guests(void *arg)
{
    pthread_t thread;
    int fd;

    while ((fd = accept4(world.vnc_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        assert_int_equal(pthread_create(&thread, NULL, serve_guest, (void *)(intptr_t)fd), 0);
        pthread_detach(thread);
    }
    return NULL;
}

static void begin_guest(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    snprintf(world.vnc_path, sizeof world.vnc_path, "%s/vnc", world.folder);
    memcpy(a.sun_path, world.vnc_path, strlen(world.vnc_path) + 1);
    world.vnc_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(world.vnc_fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(world.vnc_fd, 5), 0);
    assert_int_equal(pthread_create(&world.vnc_thread, NULL, serve_guests, NULL), 0);
}

/* --- The agent: what its sync would be told, it does --- */

static struct relay_config agent_config(void)
{
    return (struct relay_config){ world.agent_url, { world.ca, world.cert, world.key, "test" } };
}

static void *run_agent(void *arg)
{
    const struct relay_config config = agent_config();

    for (; !world.stop; usleep(5000)) {
        CLEAN_ARENA *a = arena_new();
        if (!world.agent_works || !relays_has(world.relays, host_name))
            continue;
        struct list list = relays_pending(world.relays, a, host_name);
        const struct wire_relay *items = list.items;
        for (size_t i = 0; i < list.n; i++) {
            assert_string_equal(items[i].guest_id, server_id);
            assert_int_equal(relay_start(&config, items[i].ticket, world.vnc_path), 0);
        }
    }
    return NULL;
}

/* --- The controller --- */

static int make_rows(struct cx *cx, void *arg)
{
    struct wire_sync sync = { .version = WIRE_VERSION,
                              .host_name = host_name,
                              .boot_id = "b",
                              .cpus = 4,
                              .ram_mib = 4096,
                              .disk_gib = 40,
                              .hypervisor = "QEMU",
                              .hypervisor_version = "7",
                              .arch = "x86_64" };
    struct server s = { .id = server_id,
                        .project_id = "p",
                        .user_id = "u",
                        .name = "n",
                        .hostname = "n",
                        .vm_state = "active",
                        .power_state = POWER_RUNNING,
                        .want_power = "on",
                        .flavor_id = "f",
                        .flavor_name = "f",
                        .extra_specs = "{}",
                        .metadata = "{}",
                        .tags = "[]",
                        .reservation_id = "r",
                        .disk_config = "AUTO",
                        .access_ip_v4 = "",
                        .access_ip_v6 = "",
                        .root_device = "/dev/vda" };

    TRY(host_seen(cx, &sync, &s.host_id));
    return store_insert(cx, &server_table, &s);
}

static int make_ticket(struct cx *cx, void *arg)
{
    struct server s;
    assert_int_equal(server_find(cx, server_id, &s), 1);
    return console_ticket(cx, &s, "novnc", arg);
}

static const char *ticket(void)
{
    CLEAN_CX cx;
    const char *text;
    char *kept = world.tickets[world.n_tickets++];

    cx_begin(&cx);
    assert_int_equal(store_write_wait(world.store, &cx, make_ticket, &text), 0);
    snprintf(kept, sizeof world.tickets[0], "%s", text);
    return kept;
}

static void agents_head(void *self, struct http_rq *rq)
{
    assert_true(relays_wants(rq));
}

static void agents_run(void *self, struct http_rq *rq)
{
    relays_take(world.relays, rq);
}

static void nothing_to_end(void *self, struct http_rq *rq)
{
}

static void begin_servers(void)
{
    static const struct face *const faces[] = { &screen_face, &novnc_face, NULL };
    const struct http_handler agents = { .head = agents_head, .run = agents_run, .end = nothing_to_end };
    struct http_config config = { .cert_file = world.server_cert, .key_file = world.server_key };

    world.relays = relays_new(WAIT_S);
    world.screens = (struct screens){ world.relays, relays_show, world.novnc };
    world.contexts.screens = &world.screens;
    world.core = core_new(&(struct core_config){ .store = world.store,
                                                 .base_url = world.base_url,
                                                 .faces = faces,
                                                 .user = &world.contexts,
                                                 .realm_url = "" });
    const struct http_handler handler = core_http_handler(world.core);
    assert_int_equal(http_server_start(&world.https, &config, &handler), 0);
    snprintf(world.base_url, sizeof world.base_url, "https://127.0.0.1:%u", http_server_port(world.https));
    config.client_ca_file = world.ca;
    assert_int_equal(http_server_start(&world.agent_port, &config, &agents), 0);
    snprintf(world.agent_url, sizeof world.agent_url, "https://127.0.0.1:%u",
             http_server_port(world.agent_port));
}

static void begin_certificates(void)
{
    const char *name = "127.0.0.1";
    struct pki_ca *authority;

#define FILE_(member, file) snprintf(world.member, sizeof world.member, "%s/" file, world.folder)
    FILE_(ca, "ca.pem");
    FILE_(server_cert, "server.pem");
    FILE_(server_key, "server-key.pem");
    FILE_(cert, "host.pem");
    FILE_(key, "host-key.pem");
    FILE_(other_cert, "other.pem");
    FILE_(other_key, "other-key.pem");
    FILE_(novnc, "novnc");
#undef FILE_
    assert_int_equal(pki_ca_ensure(&authority, world.folder, "test"), 0);
    assert_int_equal(
        pki_server_ensure(authority, world.server_cert, world.server_key, (struct strs){ &name, 1 }), 1);
    assert_int_equal(pki_client_ensure(authority, world.cert, world.key, host_name), 1);
    assert_int_equal(pki_client_ensure(authority, world.other_cert, world.other_key, "host-2"), 1);
    pki_ca_free(authority);
}

/* The log goes to a file, so that it can be searched for secrets. */
static void begin_log(void)
{
    world.stderr_fd = dup(2);
    world.log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_int_equal(dup2(world.log_fd, 2), 2);
    log_level_set(LOG_DEBUG);
}

static void refuse_to_start(const char *why)
{
    print_error("%s\n", why);
    abort();
}

static int begin(void **state)
{
    static const struct env env = { wall_us, steady_us, random_of_kernel };
    CLEAN_CX cx;

    env_set(&env);
    snprintf(world.folder, sizeof world.folder, "/tmp/alamo-screen-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    begin_log();
    begin_certificates();
    assert_int_equal(store_open(&world.store, &(struct store_config){ .path = ":memory:" }, store_migrations,
                                n_store_migrations),
                     0);
    cx_begin(&cx);
    if (store_write_wait(world.store, &cx, make_rows, NULL) < 0)
        refuse_to_start(cx.text);
    begin_servers();
    begin_guest();
    world.agent_works = true;
    assert_int_equal(pthread_create(&world.agent_thread, NULL, run_agent, NULL), 0);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static int end(void **state)
{
    char data[TEXT];

    world.stop = true;
    pthread_join(world.agent_thread, NULL);
    http_server_stop(world.https);
    http_server_stop(world.agent_port);
    while (relay_count() > 0)
        usleep(1000);
    relays_free(world.relays);
    core_free(world.core);
    store_close(world.store);
    shutdown(world.vnc_fd, SHUT_RDWR);
    pthread_join(world.vnc_thread, NULL);
    close(world.vnc_fd);
    dup2(world.stderr_fd, 2);
    lseek(world.log_fd, 0, SEEK_SET);
    for (ssize_t n; (n = read(world.log_fd, data, sizeof data)) > 0;)
        if (write(2, data, (size_t)n) != n)
            break;
    close(world.log_fd);
    return nftw(world.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- The browser --- */

struct browser {
    CURL *curl;
    curl_socket_t fd;
    char head[TEXT];
};

static size_t browser_read(struct browser *b, void *ret, size_t n)
{
    size_t done = 0, got;

    while (done < n) {
        CURLcode r = curl_easy_recv(b->curl, (char *)ret + done, n - done, &got);
        if (r == CURLE_AGAIN) {
            struct pollfd polled = { .fd = b->fd, .events = POLLIN };
            assert_int_not_equal(poll(&polled, 1, 20000), 0);
        } else if (r != CURLE_OK || !got)
            break;
        else
            done += got;
    }
    return done;
}

static void browser_write(struct browser *b, const void *data, size_t n)
{
    size_t sent;
    assert_int_equal(curl_easy_send(b->curl, data, n, &sent), CURLE_OK);
    assert_int_equal(sent, n);
}

static void browser_leave(struct browser *b)
{
    curl_easy_cleanup(b->curl);
    b->curl = NULL;
}

static const char usual[] =
    "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/* Sends a request and reads the head of the answer; returns its status. */
static int browser_ask(struct browser *b, const char *target, const char *headers)
{
    char text[TEXT];
    int status = 0;
    size_t n = 0;

    b->curl = curl_easy_init();
    curl_easy_setopt(b->curl, CURLOPT_URL, world.base_url);
    curl_easy_setopt(b->curl, CURLOPT_CAINFO, world.ca);
    curl_easy_setopt(b->curl, CURLOPT_CONNECT_ONLY, 1L);
    assert_int_equal(curl_easy_perform(b->curl), CURLE_OK);
    curl_easy_getinfo(b->curl, CURLINFO_ACTIVESOCKET, &b->fd);
    browser_write(
        b, text,
        (size_t)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, headers));
    while (n < 4 || memcmp(b->head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_int_equal(browser_read(b, b->head + n, 1), 1);
        assert_true(++n < sizeof b->head - 1);
    }
    b->head[n] = 0;
    assert_int_equal(sscanf(b->head, "HTTP/1.1 %d", &status), 1);
    return status;
}

static int browser_open(struct browser *b, const char *token, const char *more)
{
    char target[TEXT], headers[TEXT];

    snprintf(target, sizeof target, "/vnc?token=%s", token);
    snprintf(headers, sizeof headers, "%s%s", usual, more);
    return browser_ask(b, target, headers);
}

/* A refused handshake has no body, and its connection ends. */
static void refused(const char *token, const char *more, int status)
{
    struct browser b;
    char c;

    assert_int_equal(browser_open(&b, token, more), status);
    assert_int_equal(browser_read(&b, &c, 1), 0);
    browser_leave(&b);
}

static const char *browser_body(struct browser *b, char ret_text[TEXT])
{
    const char *line = strstr(b->head, "Content-Length: ");
    size_t n;

    assert_non_null(line);
    assert_int_equal(sscanf(line, "Content-Length: %zu", &n), 1);
    assert_true(n < TEXT);
    assert_int_equal(browser_read(b, ret_text, n), n);
    ret_text[n] = 0;
    return ret_text;
}

/* Bytes may come in any number of frames. */
static void sees(struct browser *b, const char *text)
{
    unsigned char head[2];
    char data[128];

    for (size_t n; *text; text += n) {
        assert_int_equal(browser_read(b, head, 2), 2);
        assert_int_equal(head[0], 0x82);
        n = head[1];
        assert_true(n <= strlen(text) && n <= sizeof data);
        assert_int_equal(browser_read(b, data, n), n);
        assert_memory_equal(data, text, n);
    }
}

/* The greeting in one frame and one TLS record: there are clients that rely on it. */
static void sees_screen(struct browser *b)
{
    char data[64];
    size_t n = 0;
    CURLcode r;
    struct pollfd polled = { .fd = b->fd, .events = POLLIN };

    while ((r = curl_easy_recv(b->curl, data, sizeof data, &n)) == CURLE_AGAIN)
        assert_int_not_equal(poll(&polled, 1, 20000), 0);
    assert_int_equal(r, CURLE_OK);
    assert_int_equal(n, 14);
    assert_memory_equal(data, "\x82\x0cRFB 003.008\n", 14);
}

static void wait_until(bool (*holds)(void))
{
    for (int i = 0; !holds(); i++) {
        assert_true(i < 10000);
        usleep(1000);
    }
}

/* --- Tests --- */

static bool nothing_runs(void)
{
    return relay_count() == 0;
}

static unsigned guests_left_before_n;

static bool guest_was_left(void)
{
    return world.guests_left_n == guests_left_before_n + 1;
}

static void test_screen(void **state)
{
    struct browser b;
    const char *t = ticket();
    char data[8];

    guests_left_before_n = world.guests_left_n;
    assert_int_equal(browser_open(&b, t, "Sec-WebSocket-Protocol: base64, binary\r\n"), 101);
    assert_non_null(strstr(b.head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(b.head, "Sec-WebSocket-Protocol: binary\r\n"));
    assert_non_null(strcasestr(b.head, "Upgrade: websocket\r\n"));
    sees_screen(&b);
    browser_write(&b, "\x82\x84\0\0\0\0abcd", 10);
    sees(&b, "abcd");
    refused(t, "", 401); /* used up, while it is shown */
    browser_write(&b, "\x88\x82\0\0\0\0\x03\xe8", 8);
    assert_int_equal(browser_read(&b, data, sizeof data), 4);
    assert_memory_equal(data, "\x88\x02\x03\xe8", 4);
    browser_leave(&b);
    wait_until(nothing_runs);
    wait_until(guest_was_left);
    refused(t, "", 401);
}

static void test_browser_leaves(void **state)
{
    struct browser b;

    assert_int_equal(browser_open(&b, ticket(), ""), 101);
    assert_null(strstr(b.head, "Sec-WebSocket-Protocol"));
    sees_screen(&b);
    browser_leave(&b);
    wait_until(nothing_runs);
}

static void test_tickets(void **state)
{
    const char *t = ticket();
    struct browser b;

    refused("", "", 401);
    refused("bad", "", 401);
    assert_int_equal(browser_open(&b, "%00", ""), 400);
    browser_leave(&b);
    later_us = (CONSOLE_TICKET_S + 1) * 1000000LL;
    refused(t, "", 401);
    later_us = 0;
}

static void test_origin(void **state)
{
    const char *t = ticket();
    char ours[160];
    struct browser b;

    refused(t, "Origin: https://evil.example\r\n", 403);
    refused(t, "Origin: null\r\n", 403);
    refused(t, "Origin: https://127.0.0.1\r\n", 403);
    snprintf(ours, sizeof ours, "Origin: http%s\r\n", world.base_url + 5);
    refused(t, ours, 403);
    snprintf(ours, sizeof ours, "Origin: %s.evil.example\r\n", world.base_url);
    refused(t, ours, 403);
    snprintf(ours, sizeof ours, "Origin: %s\r\n", world.base_url);
    assert_int_equal(browser_open(&b, t, ours), 101); /* and the ticket was not used up by the others */
    sees_screen(&b);
    browser_leave(&b);
}

static void test_handshake(void **state)
{
    static const char *const wrong[] = {
        "",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "short==\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Connection: close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n",
    };
    char target[128];
    struct browser b;

    snprintf(target, sizeof target, "/vnc?token=%s", ticket());
    for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
        assert_int_equal(browser_ask(&b, target, wrong[i]), 400);
        assert_non_null(strstr(b.head, "Sec-WebSocket-Version: 13\r\n"));
        browser_leave(&b);
    }
    assert_int_equal(browser_ask(&b, target, usual), 101);
    browser_leave(&b);
    wait_until(nothing_runs);
}

static void test_no_agent(void **state)
{
    struct browser b;
    char data[8];

    world.agent_works = false;
    assert_int_equal(browser_open(&b, ticket(), ""), 101);
    int64_t since_us = steady_us();
    assert_int_equal(browser_read(&b, data, sizeof data), 4);
    assert_in_range(steady_us() - since_us, WAIT_S * 900000, (WAIT_S + 5) * 1000000 * slow_factor());
    assert_memory_equal(data, "\x88\x02\x03\xf5", 4);
    browser_leave(&b);
    assert_false(relays_has(world.relays, host_name));
    world.agent_works = true;
}

static bool is_offered(void)
{
    return relays_has(world.relays, host_name);
}

static int call_back(const char *ticket_text, const char *cert, const char *key, const char *protocol,
                     struct http_stream **ret_stream)
{
    CLEAN_ARENA *a = arena_new();
    const char *error, *url = arena_printf(a, "%s/agent/v1/relay/%s", world.agent_url, ticket_text);
    struct http_client *c = http_client_new(&(struct http_client_config){ world.ca, cert, key, "test" });
    int r = http_client_upgrade(c, a, url, protocol, 0, ret_stream, &error);
    http_client_free(c);
    return r;
}

/* What a host gets opens one screen, once, for that host. */
static void test_host_tickets(void **state)
{
    CLEAN_ARENA *a = arena_new();
    struct http_stream *stream, *second;
    struct browser b;

    world.agent_works = false;
    assert_int_equal(browser_open(&b, ticket(), ""), 101);
    wait_until(is_offered);
    assert_int_equal(relays_pending(world.relays, a, "host-2").n, 0);
    struct list list = relays_pending(world.relays, a, host_name);
    assert_int_equal(list.n, 1);
    const struct wire_relay *offer = list.items;
    assert_false(relays_has(world.relays, host_name)); /* told */
    assert_int_equal(call_back(offer->ticket, world.other_cert, world.other_key, "alamo-relay", &stream),
                     -ECONNABORTED);
    assert_int_equal(call_back(offer->ticket, NULL, NULL, "alamo-relay", &stream), -ECONNABORTED);
    assert_int_equal(call_back(offer->ticket, world.cert, world.key, "websocket", &stream), -ECONNABORTED);
    assert_int_equal(call_back("x", world.cert, world.key, "alamo-relay", &stream), -ECONNABORTED);
    assert_int_equal(call_back(offer->ticket, world.cert, world.key, "alamo-relay", &stream), 0);
    assert_int_equal(call_back(offer->ticket, world.cert, world.key, "alamo-relay", &second), -ECONNABORTED);
    http_stream_free(stream); /* the host goes: so does the screen */
    char data[8];
    assert_int_equal(browser_read(&b, data, sizeof data), 4);
    assert_memory_equal(data, "\x88\x02\x03\xe8", 4);
    browser_leave(&b);
    world.agent_works = true;
}

static void test_agent_limits(void **state)
{
    const struct relay_config config = agent_config();
    const char *long_path = "/tmp/"
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                            "aaaaaaaaaaaaaaaaaaaaaaaaa";

    assert_int_equal(relay_start(&config, "", world.vnc_path), -EINVAL);
    assert_int_equal(relay_start(&config, "a/../b", world.vnc_path), -EINVAL);
    assert_int_equal(relay_start(&config, "a", long_path), -EINVAL);
    assert_int_equal(relay_start(&config, "a", "/nowhere"), 0); /* logged */
    wait_until(nothing_runs);
}

/* --- noVNC's files --- */

static void put_file(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", world.novnc, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int get_file(struct browser *b, const char *path)
{
    char target[TEXT];
    snprintf(target, sizeof target, "/novnc/%s", path);
    return browser_ask(b, target, "");
}

static void test_novnc(void **state)
{
    static const char *const absent[] = { "",
                                          "none.html",
                                          "core",
                                          "core/",
                                          "../host-key.pem",
                                          "%2e%2e/host-key.pem",
                                          "core/../vnc_lite.html",
                                          "core//rfb.js",
                                          ".hidden.js",
                                          "link.js",
                                          "run.sh",
                                          "core%2f..%2fvnc_lite.html",
                                          "x%00.js" };
    char path[160], link[160], text[TEXT];
    struct browser b;

    assert_int_equal(get_file(&b, "vnc_lite.html"), 404);
    assert_non_null(strstr(browser_body(&b, text), "noVNC is not installed"));
    browser_leave(&b);

    assert_int_equal(mkdir(world.novnc, 0700), 0);
    snprintf(path, sizeof path, "%s/core", world.novnc);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file("vnc_lite.html", "<html><script type=\"module\">alert('Hello, world.');</script></html>");
    put_file("core/rfb.js", "export default 1;\n");
    put_file(".hidden.js", "");
    put_file("run.sh", "");
    snprintf(path, sizeof path, "%s/host-key.pem", world.folder);
    snprintf(link, sizeof link, "%s/link.js", world.novnc);
    assert_int_equal(symlink(path, link), 0);

    assert_int_equal(get_file(&b, "vnc_lite.html?path=vnc%3Ftoken%3Dx"), 200);
    assert_non_null(strstr(b.head, "Content-Type: text/html; charset=utf-8\r\n"));
    /* the hash is the example of the Content Security Policy's own text */
    assert_non_null(
        strstr(b.head, "script-src 'self' 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=';"));
    snprintf(text, sizeof text, "connect-src 'self' wss%s;", world.base_url + 5);
    assert_non_null(strstr(b.head, text));
    assert_non_null(strstr(b.head, "Referrer-Policy: no-referrer\r\n"));
    browser_leave(&b);
    assert_int_equal(get_file(&b, "core/rfb.js"), 200);
    assert_non_null(strstr(b.head, "Content-Type: text/javascript; charset=utf-8\r\n"));
    assert_string_equal(browser_body(&b, text), "export default 1;\n");
    browser_leave(&b);
    for (size_t i = 0; i < N_ELEMENTS(absent); i++) {
        int status = get_file(&b, absent[i]);
        if (status != 404)
            print_error("%s: %d\n", absent[i], status);
        assert_int_equal(status, 404);
        browser_leave(&b);
    }
}

/* --- Secrets --- */

static void test_log_has_no_ticket(void **state)
{
    struct stat st;

    assert_int_equal(fstat(world.log_fd, &st), 0);
    char *log = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, world.log_fd, 0);
    assert_ptr_not_equal(log, MAP_FAILED);
    assert_non_null(memmem(log, (size_t)st.st_size, "path=/vnc", 9)); /* it is the log */
    for (size_t i = 0; i < world.n_tickets; i++)
        assert_null(memmem(log, (size_t)st.st_size, world.tickets[i], strlen(world.tickets[i])));
    munmap(log, (size_t)st.st_size);
}

/* Screens that are shown do not hold the program up. */
static void test_stop(void **state)
{
    struct browser shown, waiting;

    assert_int_equal(browser_open(&shown, ticket(), ""), 101);
    sees_screen(&shown);
    world.agent_works = false;
    assert_int_equal(browser_open(&waiting, ticket(), ""), 101);
    wait_until(is_offered);
    int64_t since_us = steady_us();
    http_server_stop(world.https);
    http_server_stop(world.agent_port);
    world.https = world.agent_port = NULL;
    assert_in_range(steady_us() - since_us, 0, 1500000 * slow_factor());
    browser_leave(&shown);
    browser_leave(&waiting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screen),       cmocka_unit_test(test_browser_leaves),
        cmocka_unit_test(test_tickets),      cmocka_unit_test(test_origin),
        cmocka_unit_test(test_handshake),    cmocka_unit_test(test_no_agent),
        cmocka_unit_test(test_host_tickets), cmocka_unit_test(test_agent_limits),
        cmocka_unit_test(test_novnc),        cmocka_unit_test(test_log_has_no_ticket),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests_name("screen", tests, begin, end);
}
