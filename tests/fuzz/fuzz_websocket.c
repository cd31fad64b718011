/* Fuzzes the reader of WebSocket frames, and the pump: the input is what a client sends after the handshake.
 */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "http/websocket.h"

enum { TAKEN_MAX = 16 * 1024 }; /* what fits into a socket without a reader */

/* What was read must be what a header of that length can say. */
static void check_headers(const uint8_t *data, size_t size)
{
    struct websocket_frame f;

    for (size_t at = 0; at < size;) {
        int r = websocket_read_header(data + at, size - at, &f);
        if (r <= 0)
            return;
        assert(f.header_n >= 6 && f.header_n <= WEBSOCKET_HEADER_MAX && f.header_n <= size - at);
        assert(f.payload_n <= WEBSOCKET_FRAME_MAX);
        assert(f.op < WEBSOCKET_CLOSE || (f.final && f.payload_n <= 125));
        uint8_t again[WEBSOCKET_HEADER_MAX];
        assert(websocket_write_header(f.op, f.payload_n, again) + 4 == f.header_n);
        assert((again[0] & 0x0f) == (data[at] & 0x0f) && again[1] == (data[at + 1] & 0x7f));
        assert(memcmp(again + 2, data + at + 2, f.header_n - 6) == 0);
        at += f.header_n + (f.payload_n < size - at - f.header_n ? f.payload_n : size - at - f.header_n);
    }
}

/* What the client is sent must be whole frames without a mask, the last of them "close". */
static void check_answers(int fd)
{
    uint8_t data[2 * TAKEN_MAX + 256];
    size_t n = 0;
    ssize_t got;
    bool closed = false;

    while ((got = recv(fd, data + n, sizeof data - n, 0)) > 0)
        n += (size_t)got;
    for (size_t at = 0; at < n;) {
        assert(!closed && n - at >= 2 && (data[at] & 0xf0) == 0x80 && data[at + 1] <= 125);
        closed = (data[at] & 0x0f) == WEBSOCKET_CLOSE;
        assert(closed || (data[at] & 0x0f) == WEBSOCKET_PONG);
        at += 2u + data[at + 1];
        assert(at <= n);
    }
}

/* The client has closed and the stream takes all: so the pump ends by itself. */
static void check_pump(const uint8_t *data, size_t size)
{
    int client[2], stream[2];
    size_t sent = size < TAKEN_MAX ? size : TAKEN_MAX, extra = sent / 3;

    assert(socketpair(AF_UNIX, SOCK_STREAM, 0, client) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0);
    assert(send(client[0], data + extra, sent - extra, MSG_NOSIGNAL) == (ssize_t)(sent - extra));
    shutdown(client[0], SHUT_WR);
    websocket_pump(client[1], stream[1], data, extra, 5);
    close(client[1]);
    check_answers(client[0]);
    close(client[0]);
    close(stream[0]);
    close(stream[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_headers(data, size);
    check_pump(data, size);
    return 0;
}
