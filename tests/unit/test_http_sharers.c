/* One who takes all connections that there are takes them from nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "http/server.h"

enum { SHARE = 3 };

static struct http_server *server;

static void on_head(void *self, struct http_rq *rq)
{
}
static void on_run(void *self, struct http_rq *rq)
{
    http_reply(rq, 200, (struct http_headers){ 0 }, "hello", 5);
}
static void on_end(void *self, struct http_rq *rq)
{
}

/* A client of 127.0.0.N is sharer N. */
static unsigned sharer(void *self, int socket)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    assert_int_equal(getpeername(socket, (struct sockaddr *)&a, &n), 0);
    return ntohl(a.sin_addr.s_addr) & 0xff;
}

static int connect_as(unsigned who)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(http_server_port(server)) };
    struct timeval patience = { .tv_sec = 10 * slow_factor() };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) | who);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool is_answered(int fd)
{
    static const char question[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char text[1024];
    return send(fd, question, sizeof question - 1, MSG_NOSIGNAL) > 0 && recv(fd, text, sizeof text, 0) > 0;
}

static void a_share_is_all_that_one_gets(void **state)
{
    int greedy[SHARE + 1];
    char byte;

    for (int i = 0; i < SHARE; i++) {
        greedy[i] = connect_as(5);
        assert_true(is_answered(greedy[i]));
    }
    greedy[SHARE] = connect_as(5);
    assert_true(recv(greedy[SHARE], &byte, 1, 0) <= 0); /* closed, without a question */
    close(greedy[SHARE]);

    int other = connect_as(6);
    assert_true(is_answered(other));
    close(other);

    close(greedy[0]); /* what is given back can be had again; when the server has noticed */
    bool again = false;
    for (int64_t until_us = monotonic_us() + 10000000 * slow_factor(); !again && monotonic_us() < until_us;) {
        greedy[0] = connect_as(5);
        again = is_answered(greedy[0]);
        close(greedy[0]);
    }
    assert_true(again);
    close(greedy[1]);
    close(greedy[2]);
}

static int set_up(void **state)
{
    const struct http_handler handler = { .head = on_head, .run = on_run, .end = on_end, .sharer = sharer };
    const struct http_config config = { .sharer_max = SHARE };
    return http_server_start(&server, &config, &handler);
}

static int tear_down(void **state)
{
    http_server_stop(server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_share_is_all_that_one_gets) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
