/* WebSocket framing and the pump, against RFC 6455. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "http/websocket.h"

#include "../fuzz/corpus.h"
#include "../fuzz/fuzz_websocket.c" /* the target itself, to run its seeds */

/* --- Framing --- */

static void test_accept(void **state)
{
    CLEAN_ARENA *a = arena_new();
    assert_string_equal(websocket_accept(a, "dGhlIHNhbXBsZSBub25jZQ=="),
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* 1.3 */
}

/* The examples of RFC 6455, 5.7, as far as a client sends them. */
static void test_examples(void **state)
{
    uint8_t hello[] = { 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };
    static const uint8_t pong[] = { 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };
    static const uint8_t wide[] = { 0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4 };
    struct websocket_frame f;

    assert_int_equal(websocket_read_header(hello, sizeof hello, &f), 1);
    assert_true(f.final && f.op == WEBSOCKET_TEXT && f.header_n == 6 && f.payload_n == 5);
    websocket_unmask(f.mask, 0, hello + 6, 2);
    websocket_unmask(f.mask, 2, hello + 8, 3);
    assert_memory_equal(hello + 6, "Hello", 5);
    assert_int_equal(websocket_read_header(pong, sizeof pong, &f), 1);
    assert_true(f.final && f.op == WEBSOCKET_PONG && f.payload_n == 5);
    for (size_t n = 0; n < sizeof wide; n++)
        assert_int_equal(websocket_read_header(wide, n, &f), 0);
    assert_int_equal(websocket_read_header(wide, sizeof wide, &f), 1);
    assert_true(f.header_n == 14 && f.payload_n == 65536);
}

static void test_refused(void **state)
{
    static const struct {
        uint8_t data[14];
        int result;
    } probes[] = {
        { { 0x82, 0x05, 1, 2, 3, 4 }, -EPROTO }, /* no mask */
        { { 0xc2, 0x85, 1, 2, 3, 4 }, -EPROTO }, /* reserved bits */
        { { 0xa2, 0x85, 1, 2, 3, 4 }, -EPROTO },
        { { 0x92, 0x85, 1, 2, 3, 4 }, -EPROTO },
        { { 0x83, 0x85, 1, 2, 3, 4 }, -EPROTO }, /* unknown */
        { { 0x87, 0x85, 1, 2, 3, 4 }, -EPROTO },
        { { 0x8b, 0x85, 1, 2, 3, 4 }, -EPROTO },
        { { 0x8f, 0x85, 1, 2, 3, 4 }, -EPROTO },
        { { 0x09, 0x85, 1, 2, 3, 4 }, -EPROTO },         /* a control frame in pieces */
        { { 0x89, 0xfe, 0, 126, 1, 2, 3, 4 }, -EPROTO }, /* a long one */
        { { 0x82, 0xfe, 0, 125, 1, 2, 3, 4 }, -EPROTO }, /* lengths in too many bytes */
        { { 0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4 }, -EPROTO },
        { { 0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 }, -EPROTO },
        { { 0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 }, -EMSGSIZE },
        { { 0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 1, 2, 3, 4 }, -EMSGSIZE },
        { { 0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4 }, 1 }, /* the longest */
        { { 0x89, 0xfd, 1, 2, 3, 4 }, 1 },
    };
    struct websocket_frame f;

    for (size_t i = 0; i < N_ELEMENTS(probes); i++)
        if (websocket_read_header(probes[i].data, sizeof probes[i].data, &f) != probes[i].result)
            fail_msg("probe %zu", i);
}

static void test_written(void **state)
{
    uint8_t h[WEBSOCKET_HEADER_MAX];

    assert_int_equal(websocket_write_header(WEBSOCKET_PONG, 125, h), 2);
    assert_memory_equal(h, "\x8a\x7d", 2);
    assert_int_equal(websocket_write_header(WEBSOCKET_BINARY, 126, h), 4);
    assert_memory_equal(h, "\x82\x7e\x00\x7e", 4);
    assert_int_equal(websocket_write_header(WEBSOCKET_BINARY, 65535, h), 4);
    assert_memory_equal(h, "\x82\x7e\xff\xff", 4);
    assert_int_equal(websocket_write_header(WEBSOCKET_BINARY, 65536, h), 10);
    assert_memory_equal(h, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
}

/* --- The pump --- */

struct joint {
    int client, client_end, stream, stream_end; /* the test's ends and the pump's */
    int idle_s;
    pthread_t thread;
};

static void *pump(void *arg)
{
    struct joint *j = arg;
    websocket_pump(j->client_end, j->stream_end, NULL, 0, j->idle_s);
    close(j->client_end);
    close(j->stream_end);
    return NULL;
}

static struct joint *begin(int idle_s)
{
    static struct joint j;
    int client[2], stream[2];
    struct timeval patience = { .tv_sec = 10 };

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
    setsockopt(client[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(stream[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    j = (struct joint){ client[0], client[1], stream[0], stream[1], idle_s, 0 };
    assert_int_equal(pthread_create(&j.thread, NULL, pump, &j), 0);
    return &j;
}

static void finish(struct joint *j)
{
    close(j->client);
    close(j->stream);
    pthread_join(j->thread, NULL);
}

static void send_bytes(int fd, const void *data, size_t n)
{
    assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), n);
}

static void send_frame(int fd, unsigned first, const void *payload, size_t n)
{
    uint8_t head[WEBSOCKET_HEADER_MAX], mask[4] = { 1, 2, 3, 4 }, *data = malloc(n + 1);
    size_t head_n = websocket_write_header((enum websocket_op)(first & 0x0f), n, head);

    head[0] = (uint8_t)first;
    head[1] |= 0x80;
    memcpy(data, payload, n);
    websocket_unmask(mask, 0, data, n);
    send_bytes(fd, head, head_n);
    send_bytes(fd, mask, 4);
    send_bytes(fd, data, n);
    free(data);
}

static void expect(int fd, const void *data, size_t n)
{
    char *got = malloc(n + 1);
    ssize_t r = recv(fd, got, n, MSG_WAITALL);

    assert_int_equal(r, n);
    assert_memory_equal(got, data, n);
    free(got);
}

static void expect_end(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, 0);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET)); /* the latter when something was left unread */
}

static void expect_close(struct joint *j, unsigned code)
{
    const uint8_t frame[] = { 0x88, 2, (uint8_t)(code >> 8), (uint8_t)code };
    expect(j->client, frame, sizeof frame);
    expect_end(j->client);
}

static void test_carries(void **state)
{
    static const char pieces[] = "\x82\x83\0\0\0\0abc\x8a\x80\0\0\0\0\x82\x80\0\0\0\0\x82\x81\0\0\0\0d";
    struct joint *j = begin(10);
    send_bytes(j->stream, "RFB 003.008\n", 12);
    expect(j->client, "\x82\x0cRFB 003.008\n", 14);
    send_frame(j->client, 0x82, "RFB 003.008\n", 12);
    expect(j->stream, "RFB 003.008\n", 12);
    /* pieces with a ping inside; then byte by byte */
    send_frame(j->client, 0x02, "Hel", 3);
    send_frame(j->client, 0x89, "ping", 4);
    send_frame(j->client, 0x80, "lo", 2);
    expect(j->client, "\x8a\x04ping", 6);
    expect(j->stream, "Hello", 5);
    for (size_t i = 0; i < sizeof pieces - 1; i++)
        send_bytes(j->client, pieces + i, 1);
    expect(j->stream, "abcd", 4);
    /* what comes with the close frame still arrives; what comes after it does not */
    send_bytes(j->client,
               "\x82\x84\0\0\0\0last"
               "\x88\x82\0\0\0\0\x03\xe9"
               "\x82\x84\0\0\0\0late",
               10 + 8 + 10);
    expect(j->stream, "last", 4);
    expect_close(j, WEBSOCKET_NORMAL);
    close(j->client);
    j->client = -1;
    expect_end(j->stream);
    finish(j);
}

static void test_stream_ends(void **state)
{
    struct joint *j = begin(10);

    send_bytes(j->stream, "bye", 3);
    shutdown(j->stream, SHUT_WR);
    expect(j->client,
           "\x82\x03"
           "bye\x88\x02\x03\xe8",
           9);
    send_frame(j->client, 0x88, "\x03\xe8", 2);
    expect_end(j->client);
    finish(j);
}

static void test_broken(void **state)
{
    static const struct {
        const char *data;
        size_t n;
        unsigned code;
    } probes[] = {
        { "\x81\x81\0\0\0\0a", 7, WEBSOCKET_UNSUPPORTED },
        { "\x82\x01x", 3, WEBSOCKET_PROTOCOL },
        { "\x80\x81\0\0\0\0a", 7, WEBSOCKET_PROTOCOL },                   /* goes on with nothing */
        { "\x02\x81\0\0\0\0a\x82\x81\0\0\0\0a", 14, WEBSOCKET_PROTOCOL }, /* begins anew inside */
        { "\x82\xff\0\0\0\0\x01\0\0\0\0\0\0\0", 14, WEBSOCKET_TOO_BIG },
        { "\x88\x81\0\0\0\0a", 7, WEBSOCKET_PROTOCOL },        /* half a code */
        { "\x88\x82\0\0\0\0\x03\xed", 8, WEBSOCKET_PROTOCOL }, /* 1005 is never sent */
        { "\x88\x80\0\0\0\0", 6, WEBSOCKET_NORMAL },
    };
    for (size_t i = 0; i < N_ELEMENTS(probes); i++) {
        struct joint *j = begin(10);
        send_bytes(j->client, probes[i].data, probes[i].n);
        expect_close(j, probes[i].code);
        finish(j);
    }
}

struct flood {
    int fd;
    bool framed;
};

enum { FLOOD_N = 400, FLOOD_BYTES = 10000 };

static void *flood(void *arg)
{
    const struct flood *f = arg;
    static const char data[FLOOD_BYTES];

    for (int i = 0; i < FLOOD_N; i++)
        if (f->framed)
            send_frame(f->fd, 0x82, data, sizeof data);
        else
            send_bytes(f->fd, data, sizeof data);
    return NULL;
}

static size_t payload_of_next(int fd)
{
    uint8_t h[4], data[65536];
    size_t n;

    assert_int_equal(recv(fd, h, 2, MSG_WAITALL), 2);
    assert_int_equal(h[0], 0x82);
    n = h[1];
    if (n == 126) {
        assert_int_equal(recv(fd, h, 2, MSG_WAITALL), 2);
        n = (size_t)h[0] << 8 | h[1];
    }
    assert_int_equal(recv(fd, data, n, MSG_WAITALL), n);
    return n;
}

/* Both sides send much and read nothing until they are done: a pump that waits for one of them hangs. */
static void test_floods(void **state)
{
    struct joint *j = begin(10);
    struct flood up = { j->client, true }, down = { j->stream, false };
    pthread_t up_thread, down_thread;
    char *data = malloc(FLOOD_BYTES);

    assert_int_equal(pthread_create(&up_thread, NULL, flood, &up), 0);
    usleep(50000); /* this direction is full now: the other must go on */
    assert_int_equal(pthread_create(&down_thread, NULL, flood, &down), 0);
    for (size_t got = 0; got < FLOOD_N * FLOOD_BYTES;)
        got += payload_of_next(j->client);
    pthread_join(down_thread, NULL);
    for (int i = 0; i < FLOOD_N; i++)
        assert_int_equal(recv(j->stream, data, FLOOD_BYTES, MSG_WAITALL), FLOOD_BYTES);
    pthread_join(up_thread, NULL);
    free(data);
    finish(j);
}

static void test_idle(void **state)
{
    struct joint *j = begin(1);
    int64_t since_us = monotonic_us();

    expect_end(j->client);
    assert_in_range(monotonic_us() - since_us, 900000, 8000000);
    finish(j);
}

static void run_seed(const char *name, const uint8_t *data, size_t size)
{
    LLVMFuzzerTestOneInput(data, size);
}

static void test_corpus(void **state)
{
    assert_true(corpus_each("websocket", run_seed) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),  cmocka_unit_test(test_examples), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_written), cmocka_unit_test(test_carries),  cmocka_unit_test(test_stream_ends),
        cmocka_unit_test(test_broken),  cmocka_unit_test(test_floods),   cmocka_unit_test(test_idle),
        cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests_name("websocket", tests, NULL, NULL);
}
