/* websocket.h - WebSocket framing (RFC 6455), the server's side: pure functions over bytes, and a pump that
 * joins a WebSocket with a plain stream. */
#pragma once
#include "base/arena.h"

/* The value of Sec-WebSocket-Accept for the client's Sec-WebSocket-Key (RFC 6455, 4.2.2). */
const char *websocket_accept(struct arena *a, const char *key);

enum { WEBSOCKET_HEADER_MAX = 14, WEBSOCKET_FRAME_MAX = 1 << 20 };
enum websocket_op {
    WEBSOCKET_MORE = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10
};

enum websocket_code {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_PROTOCOL = 1002,
    WEBSOCKET_UNSUPPORTED = 1003, /* text, where bytes are carried */
    WEBSOCKET_TOO_BIG = 1009,
    WEBSOCKET_TRY_LATER = 1013,
};

struct websocket_frame {
    bool final;
    enum websocket_op op;
    size_t header_n, payload_n; /* bytes */
    uint8_t mask[4];
};
/* Reads the header of a frame that a client sent.  Returns 1 when 'n' bytes hold it whole (not the payload),
 * 0 when more is needed.  Errors: -EPROTO (not masked, reserved bits or opcodes, a long or cut control frame,
 * a length written in more bytes than it needs), -EMSGSIZE (above WEBSOCKET_FRAME_MAX). */
int websocket_read_header(const uint8_t *data, size_t n, struct websocket_frame *ret_frame) MUST_CHECK;
/* Takes the mask off (or puts it on) in place; 'at' is the offset in the payload. */
void websocket_unmask(const uint8_t mask[4], size_t at, uint8_t *data, size_t n);
/* Writes the header of an unmasked final frame; returns its length. */
size_t websocket_write_header(enum websocket_op op, size_t payload_n,
                              uint8_t ret_header[WEBSOCKET_HEADER_MAX]);

/* Carries bytes between the WebSocket on the socket 'ws_fd' and the stream socket 'fd' until either ends, the
 * client breaks the protocol, or nothing moved for 'idle_s' seconds.  Neither side waits for the other: a
 * full direction stops being read, the other one goes on.  The client is told the reason by a close frame.
 * 'extra' are bytes that the client sent already.  Blocks; closes nothing. */
void websocket_pump(int ws_fd, int fd, const void *extra, size_t n_extra, int idle_s);
/* Closes a WebSocket that was not pumped: sends a close frame and waits, for a short time, for the client's. */
void websocket_close(int ws_fd, enum websocket_code code);
