#include "http/websocket.h"

#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/env.h"

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
    bool control = f.op >= WEBSOCKET_CLOSE,
         known = f.op <= WEBSOCKET_BINARY || (control && f.op <= WEBSOCKET_PONG);

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
    if ((wide == 2 && length < 126) || (wide == 8 && length < 65536) || length >> 63)
        return -EPROTO;
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

/* ---- the pump ----
 *
 * Two queues of bytes, 'up' to the stream and 'down' to the client, and a third of what the client sent but
 * nobody has looked at.  One thread that blocks in send() on one side would deadlock with a peer that does
 * the same: so nothing blocks but poll(), and a side is read only while there is room for what comes. */

enum { CHUNK = 32 * 1024, CONTROL_MAX = 125, FAREWELL_MS = 2000 };

struct queue {
    uint8_t data[CHUNK];
    size_t at, n; /* what is in it begins at 'at' */
};

struct pump {
    int ws_fd, fd;
    struct queue in, up, down;
    struct websocket_frame frame;
    bool in_frame;
    size_t frame_at;              /* of the payload */
    bool in_message;              /* the last data frame was not final */
    uint8_t control[CONTROL_MAX]; /* payload of a control frame */
    bool said_close, heard_close;
    int64_t leave_us; /* who has not heard our close frame by then never will */
};

static size_t room(const struct queue *q)
{
    return sizeof q->data - q->n;
}

static void put(struct queue *q, const void *data, size_t n)
{
    if (!n)
        return;
    if (n > sizeof q->data - q->at - q->n) {
        memmove(q->data, q->data + q->at, q->n);
        q->at = 0;
    }
    memcpy(q->data + q->at + q->n, data, n);
    q->n += n;
}

static void drop(struct queue *q, size_t n)
{
    q->n -= n;
    q->at = q->n ? q->at + n : 0;
}

static bool passes(ssize_t r)
{
    return r < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Sends what it can.  Returns false when the other side is gone. */
static bool flush_queue(struct queue *q, int fd)
{
    ssize_t n = q->n ? send(fd, q->data + q->at, q->n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n > 0)
        drop(q, (size_t)n);
    return n >= 0 || passes(n);
}

static void put_frame(struct pump *p, enum websocket_op op, const void *data, size_t n)
{
    uint8_t header[WEBSOCKET_HEADER_MAX];

    put(&p->down, header, websocket_write_header(op, n, header));
    put(&p->down, data, n);
}

/* Room for one control frame is always kept: reading stops before it is used. */
static void say_close(struct pump *p, enum websocket_code code)
{
    const uint8_t payload[2] = { (uint8_t)(code >> 8), (uint8_t)code };

    if (p->said_close)
        return;
    put_frame(p, WEBSOCKET_CLOSE, payload, sizeof payload);
    p->said_close = true;
    p->leave_us = monotonic_us() + FAREWELL_MS * 1000 * slow_factor();
}

/* The client may use what RFC 6455, 7.4, leaves it to use. */
static bool code_is_sent(unsigned code)
{
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code < 5000);
}

static void take_close(struct pump *p)
{
    size_t n = p->frame.payload_n;
    unsigned code = n >= 2 ? (unsigned)p->control[0] << 8 | p->control[1] : WEBSOCKET_NORMAL;

    p->heard_close = true;
    say_close(p, n == 1 || !code_is_sent(code) ? WEBSOCKET_PROTOCOL : WEBSOCKET_NORMAL);
}

static void control_done(struct pump *p)
{
    if (p->frame.op == WEBSOCKET_CLOSE)
        take_close(p);
    else if (p->frame.op == WEBSOCKET_PING && !p->said_close)
        put_frame(p, WEBSOCKET_PONG, p->control, p->frame.payload_n);
}

/* Returns what is wrong with a frame that begins now, or 0. */
static enum websocket_code judge(const struct pump *p, int r)
{
    if (r < 0)
        return r == -EMSGSIZE ? WEBSOCKET_TOO_BIG : WEBSOCKET_PROTOCOL;
    if (p->frame.op >= WEBSOCKET_CLOSE)
        return 0;
    if ((p->frame.op == WEBSOCKET_MORE) != p->in_message)
        return WEBSOCKET_PROTOCOL;
    return p->frame.op == WEBSOCKET_TEXT ? WEBSOCKET_UNSUPPORTED : 0;
}

/* Returns false when more bytes are needed, or none are wanted any more. */
static bool begin_frame(struct pump *p)
{
    int r = websocket_read_header(p->in.data + p->in.at, p->in.n, &p->frame);
    if (r == 0)
        return false;
    enum websocket_code wrong = judge(p, r);
    if (wrong) {
        say_close(p, wrong);
        p->heard_close = true; /* what follows can't be read */
        return false;
    }
    drop(&p->in, p->frame.header_n);
    if (p->frame.op < WEBSOCKET_CLOSE)
        p->in_message = !p->frame.final;
    p->in_frame = true;
    p->frame_at = 0;
    return true;
}

/* Takes what is there of the payload.  Returns false when nothing moves. */
static bool take_payload(struct pump *p)
{
    bool control = p->frame.op >= WEBSOCKET_CLOSE;
    size_t left = p->frame.payload_n - p->frame_at, n = left < p->in.n ? left : p->in.n;
    uint8_t *data = p->in.data + p->in.at;

    if (!control && !p->said_close && n > room(&p->up))
        n = room(&p->up);
    if (left && !n)
        return false;
    websocket_unmask(p->frame.mask, p->frame_at, data, n);
    if (control)
        memcpy(p->control + p->frame_at, data, n);
    else if (!p->said_close)
        put(&p->up, data, n);
    drop(&p->in, n);
    p->frame_at += n;
    p->in_frame = p->frame_at < p->frame.payload_n;
    if (!p->in_frame && control)
        control_done(p);
    return true;
}

enum { ANSWERS_MAX = 2 * (CONTROL_MAX + WEBSOCKET_HEADER_MAX) }; /* a pong and a close */

static void take_input(struct pump *p)
{
    while (!p->heard_close && room(&p->down) >= ANSWERS_MAX &&
           (p->in_frame ? take_payload(p) : begin_frame(p)))
        ;
}

/* Returns false when the client is gone. */
static bool from_client(struct pump *p)
{
    uint8_t data[CHUNK];
    ssize_t n = recv(p->ws_fd, data, room(&p->in), MSG_DONTWAIT);

    if (n > 0)
        put(&p->in, data, (size_t)n);
    return n > 0 || passes(n);
}

/* How much of the stream fits into a frame, with room left for answers to the client. */
static size_t room_for_stream(const struct pump *p)
{
    size_t kept = ANSWERS_MAX + WEBSOCKET_HEADER_MAX;
    return room(&p->down) > kept ? room(&p->down) - kept : 0;
}

static void from_stream(struct pump *p)
{
    uint8_t data[CHUNK];
    ssize_t n = recv(p->fd, data, room_for_stream(p), MSG_DONTWAIT);

    if (n > 0)
        put_frame(p, WEBSOCKET_BINARY, data, (size_t)n);
    else if (!passes(n))
        say_close(p, WEBSOCKET_NORMAL);
}

static short events(bool in, bool out)
{
    return (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}

/* One turn.  Returns false when it is over. */
static bool turn(struct pump *p, int timeout_ms)
{
    bool from_ws = !p->heard_close && room(&p->in) > 0, from_fd = !p->said_close && room_for_stream(p) > 0;
    struct pollfd fds[] = { { .fd = p->ws_fd, .events = events(from_ws, p->down.n) },
                            { .fd = p->fd, .events = events(from_fd, p->up.n) } };

    if (!fds[1].events)
        fds[1].fd = -1; /* else the end of a stream that is not looked at would wake us again and again */
    int r = poll(fds, N_ELEMENTS(fds), timeout_ms);
    if (r < 0)
        return errno == EINTR;
    if (r == 0 || (!from_ws && fds[0].revents & (POLLHUP | POLLERR)))
        return false;
    if (from_ws && fds[0].revents & ~POLLOUT && !from_client(p))
        return false;
    if (from_fd && fds[1].revents & ~POLLOUT)
        from_stream(p);
    take_input(p);
    if (!flush_queue(&p->up, p->fd)) {
        p->up.n = 0;
        say_close(p, WEBSOCKET_NORMAL);
    }
    if (!flush_queue(&p->down, p->ws_fd))
        return false;
    take_input(p); /* there may be room now for what was left */
    return true;
}

static int patience_ms(const struct pump *p, int idle_s)
{
    int64_t left_us = p->leave_us - monotonic_us();
    return !p->said_close ? idle_s * 1000 : left_us > 0 ? (int)(left_us / 1000) : 0;
}

static void run(struct pump *p, int idle_s)
{
    bool go_on = true;

    while (go_on && !(p->heard_close && !p->up.n && !p->down.n))
        go_on = turn(p, patience_ms(p, idle_s));
}

void websocket_pump(int ws_fd, int fd, const void *extra, size_t n_extra, int idle_s)
{
    struct pump *p = calloc(1, sizeof *p);

    if (!p)
        return;
    p->ws_fd = ws_fd;
    p->fd = fd;
    if (n_extra <= sizeof p->in.data) {
        put(&p->in, extra, n_extra);
        take_input(p);
    } else {
        say_close(p, WEBSOCKET_TOO_BIG); /* nobody says so much before the first answer */
    }
    run(p, idle_s);
    free(p);
}

void websocket_close(int ws_fd, enum websocket_code code)
{
    struct pump *p = calloc(1, sizeof *p);

    if (!p)
        return;
    p->ws_fd = ws_fd;
    p->fd = -1;
    say_close(p, code);
    run(p, 0);
    free(p);
}
