#include "http/websocket.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *websocket_accept(struct arena *a, const char *key)
{
    const char *text = arena_printf(a, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char *out = arena_alloc(a, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1);

    if (!EVP_Digest(text, strlen(text), digest, &n, EVP_sha1(), NULL))
        abort(); /* only without memory */
    EVP_EncodeBlock((unsigned char *)out, digest, (int)n);
    return out;
}

int websocket_read_header(const uint8_t *p, size_t n, struct websocket_frame *ret_frame)
{
    if (n < 2)
        return 0;
    struct websocket_frame f = { .final = p[0] & 0x80, .op = p[0] & 0x0f, .header_n = 2 + 4 };
    uint64_t length = p[1] & 0x7f;
    bool control = f.op >= WEBSOCKET_CLOSE, known = f.op <= WEBSOCKET_BINARY || (control && f.op <= WEBSOCKET_PONG);

    if (p[0] & 0x70 || !known || !(p[1] & 0x80) || (control && (length > 125 || !f.final)))
        return -EPROTO;
    size_t wide = length == 126 ? 2 : length == 127 ? 8 : 0;
    f.header_n += wide;
    if (n < f.header_n)
        return 0;
    if (wide)
        length = 0;
    for (size_t i = 0; i < wide; i++)
        length = length << 8 | p[2 + i];
    if (length > WEBSOCKET_FRAME_MAX)
        return -EMSGSIZE;
    f.payload_n = (size_t)length;
    memcpy(f.mask, p + 2 + wide, sizeof f.mask);
    *ret_frame = f;
    return 1;
}

void websocket_unmask(const uint8_t mask[4], size_t at, uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data[i] ^= mask[(at + i) & 3];
}

size_t websocket_write_header(enum websocket_op op, size_t n, uint8_t h[WEBSOCKET_HEADER_MAX])
{
    size_t wide = n < 126 ? 0 : n < 65536 ? 2 : 8;

    h[0] = (uint8_t)(0x80 | op);
    h[1] = wide == 0 ? (uint8_t)n : wide == 2 ? 126 : 127;
    for (size_t i = 0; i < wide; i++)
        h[2 + i] = (uint8_t)(n >> 8 * (wide - 1 - i));
    return 2 + wide;
}

/* ---- the pump ---- */

enum { CHUNK = 32 * 1024, KEPT = CHUNK + WEBSOCKET_HEADER_MAX };

struct pump {
    int ws_fd, fd;
    uint8_t in[KEPT]; /* from the client: begins with a frame's header, or with the rest of its payload */
    size_t in_n;
    struct websocket_frame frame;
    size_t frame_left; /* of the payload */
    size_t frame_at;
    bool in_frame, closed;
    uint8_t control[125]; /* payload of a control frame */
};

static bool send_all(int fd, const void *data, size_t n)
{
    for (const char *p = data; n;) {
        ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
        if (w < 0 && (errno == EINTR || errno == EAGAIN)) {
            struct pollfd out = { .fd = fd, .events = POLLOUT };
            if (poll(&out, 1, 30000) <= 0)
                return false; /* who takes nothing for so long is gone */
            continue;
        }
        if (w <= 0)
            return false;
        p += w;
        n -= (size_t)w;
    }
    return true;
}

static bool send_frame(int fd, enum websocket_op op, const void *data, size_t n)
{
    uint8_t header[WEBSOCKET_HEADER_MAX];
    size_t n_header = websocket_write_header(op, n, header);
    return send_all(fd, header, n_header) && send_all(fd, data, n);
}

static bool control_done(struct pump *p)
{
    switch ((int)p->frame.op) {
    case WEBSOCKET_PING:
        return send_frame(p->ws_fd, WEBSOCKET_PONG, p->control, p->frame.payload_n);
    case WEBSOCKET_CLOSE:
        p->closed = true;
        return send_frame(p->ws_fd, WEBSOCKET_CLOSE, p->control, p->frame.payload_n < 2 ? 0 : 2);
    default:
        return true;
    }
}

static bool take_payload(struct pump *p, uint8_t *data, size_t n)
{
    websocket_unmask(p->frame.mask, p->frame_at, data, n);
    if (p->frame.op >= WEBSOCKET_CLOSE)
        memcpy(p->control + p->frame_at, data, n);
    else if (!send_all(p->fd, data, n))
        return false;
    p->frame_at += n;
    p->frame_left -= n;
    if (p->frame_left)
        return true;
    p->in_frame = false;
    return p->frame.op < WEBSOCKET_CLOSE || control_done(p);
}

/* Consumes what 'in' holds.  Returns false when it is over. */
static bool take_input(struct pump *p)
{
    size_t at = 0;

    while (!p->closed) {
        if (!p->in_frame) {
            int r = websocket_read_header(p->in + at, p->in_n - at, &p->frame);
            if (r < 0)
                return false;
            if (r == 0)
                break;
            at += p->frame.header_n;
            p->in_frame = true;
            p->frame_left = p->frame.payload_n;
            p->frame_at = 0;
        }
        size_t n = p->in_n - at < p->frame_left ? p->in_n - at : p->frame_left;
        if (!n && p->frame_left)
            break;
        if (!take_payload(p, p->in + at, n))
            return false;
        at += n;
    }
    memmove(p->in, p->in + at, p->in_n - at);
    p->in_n -= at;
    return !p->closed;
}

static bool from_client(struct pump *p)
{
    ssize_t n = recv(p->ws_fd, p->in + p->in_n, sizeof p->in - p->in_n, 0);
    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    p->in_n += (size_t)n;
    return take_input(p);
}

static bool from_stream(struct pump *p)
{
    uint8_t data[CHUNK];
    ssize_t n = recv(p->fd, data, sizeof data, 0);
    if (n <= 0) {
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            return true;
        send_frame(p->ws_fd, WEBSOCKET_CLOSE, "\x03\xe8", 2); /* 1000: normal closure */
        return false;
    }
    return send_frame(p->ws_fd, WEBSOCKET_BINARY, data, (size_t)n);
}

void websocket_pump(int ws_fd, int fd, const void *extra, size_t n_extra, int idle_s)
{
    struct pump *p = calloc(1, sizeof *p);
    bool go_on = p && n_extra <= sizeof p->in;

    if (!p)
        return;
    p->ws_fd = ws_fd;
    p->fd = fd;
    if (go_on && n_extra) {
        memcpy(p->in, extra, n_extra);
        p->in_n = n_extra;
        go_on = take_input(p);
    }
    while (go_on) {
        struct pollfd fds[] = { { .fd = ws_fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
        int r = poll(fds, 2, idle_s * 1000);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        if (fds[0].revents)
            go_on = from_client(p);
        if (go_on && fds[1].revents)
            go_on = from_stream(p);
    }
    free(p);
}
