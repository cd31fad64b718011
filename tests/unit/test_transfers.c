/* Snapshots on their way from a host: a try that comes while the one before is not over, or after it has done all. */
#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/transfers.h"
#include "image/inspector.h"
#include "test_nova.h"

static struct controller {
    struct inspector *inspector;
    char directory[64];
    struct transfers transfers;
    struct http_server *server;
} c;

/* As controller/agents.c, for a host whose certificate says h1. */
static void on_head(void *self, struct http_rq *rq)
{
    rq->peer_cn = "h1";
    rq->user = transfer_begin(&c.transfers, rq);
    assert_non_null(rq->user);
}
static int on_body(void *self, struct http_rq *rq, const void *data, size_t n)
{
    return transfer_body(rq->user, data, n);
}
static void on_run(void *self, struct http_rq *rq)
{
    transfer_run(rq->user);
}
static void on_end(void *self, struct http_rq *rq)
{
    transfer_end(rq->user);
}

static int open_all(void **state)
{
    const struct http_handler handler = { .head = on_head, .body = on_body, .run = on_run, .end = on_end };
    const struct http_config http = { .threads = 2 };

    assert_int_equal(inspector_start(&c.inspector, NULL), 0); /* before there are threads */
    set_up(state);
    snprintf(c.directory, sizeof c.directory, "/tmp/alamo-test-XXXXXX");
    assert_non_null(mkdtemp(c.directory));
    c.transfers = (struct transfers){ .store = world.store, .console_fd = -1 };
    assert_int_equal(images_open(&c.transfers.images, c.directory, c.inspector), 0);
    return http_server_start(&c.server, &http, &handler);
}

static int close_all(void **state)
{
    http_server_stop(c.server);
    images_close(c.transfers.images);
    tear_down(state);
    inspector_stop(c.inspector);
    return 0;
}

/* The image that a snapshot of a new server is to fill. */
static const char *ask_for_snapshot(void)
{
    const char *id = boot_active("p", "a"), *image = NULL;
    CLEAN_CX cx;

    expect(act("p", id, "{\"createImage\":{\"name\":\"i\"}}"), 202);
    cx_begin(&cx);
    assert_int_equal(store_read_begin(world.store, &cx), 0);
    assert_int_equal(store_text(&cx, &image, "SELECT image_id FROM server_task", NO_ARGS), 1);
    store_read_end(&cx);
    return arena_strdup(arena, image);
}

static int send_all(const char *image, const char *bytes)
{
    struct http_answer answer;
    const struct http_call call_up = { .method = "PUT", .body = bytes, .body_len = strlen(bytes),
                                       .url = P("http://127.0.0.1:%u/agent/v1/images/%s/file", http_server_port(c.server), image) };
    assert_int_equal(http_client_call(world.client, arena, &call_up, &answer), 0);
    return answer.status;
}

/* Sends a head that promises 10 bytes, and 4 of them. */
static int begin_sending(const char *image)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(http_server_port(c.server)) };
    const struct timeval patience = { .tv_sec = 20 * slow_factor() };
    const char *head = P("PUT /agent/v1/images/%s/file HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfrom", image);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    return fd;
}

static const char *status_of(const char *image)
{
    CLEAN_CX cx;
    const char *status = NULL;
    cx_begin(&cx);
    assert_int_equal(store_read_begin(world.store, &cx), 0);
    assert_true(store_text(&cx, &status, "SELECT status FROM image WHERE id=$1", ARGS(image)) >= 0);
    store_read_end(&cx);
    return arena_strdup(arena, status);
}

static bool becomes(const char *image, const char *status)
{
    for (int64_t until_us = monotonic_us() + 20000000 * slow_factor(); monotonic_us() < until_us; usleep(10000))
        if (str_eq(status_of(image), status))
            return true;
    return false;
}

static int64_t stored_bytes(const char *image)
{
    struct stat st;
    return stat(P("%s/%s", c.directory, image), &st) == 0 ? (int64_t)st.st_size : -1;
}

/* Else the end of the first would take the bytes of the second along, which are an active image's by then. */
static void a_second_try_waits_for_the_first(void **state)
{
    const char *image = ask_for_snapshot();
    char answer[512] = "";
    int first = begin_sending(image);

    assert_true(becomes(image, "saving"));
    assert_int_equal(send_all(image, "0123456789"), 503);
    assert_int_equal(send(first, " first", 6, MSG_NOSIGNAL), 6);
    assert_true(recv(first, answer, sizeof answer - 1, 0) > 0);
    assert_non_null(strstr(answer, " 200 "));
    close(first);
    assert_string_equal(status_of(image), "active");
    assert_int_equal(stored_bytes(image), 10);
}

static void a_broken_try_can_be_repeated(void **state)
{
    const char *image = ask_for_snapshot();
    int first = begin_sending(image);

    assert_true(becomes(image, "saving"));
    close(first);
    assert_true(becomes(image, "queued"));
    assert_int_equal(send_all(image, "0123456789"), 200);
    assert_string_equal(status_of(image), "active");
}

/* The answer to the first was lost: the second learns that all is there, and harms nothing. */
static void a_try_too_many_changes_nothing(void **state)
{
    const char *image = ask_for_snapshot();

    assert_int_equal(send_all(image, "0123456789"), 200);
    assert_int_equal(send_all(image, "012345678"), 409);
    assert_string_equal(status_of(image), "active");
    assert_int_equal(stored_bytes(image), 10);
}

int main(void)
{
#define WITH_ALL(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
    const struct CMUnitTest tests[] = {
        WITH_ALL(a_second_try_waits_for_the_first),
        WITH_ALL(a_broken_try_can_be_repeated),
        WITH_ALL(a_try_too_many_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
