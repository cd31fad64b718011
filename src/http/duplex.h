/* duplex.h - private to http/: carries bytes both ways between a stream of any kind (TLS) and a stream
 * socket. */
#pragma once
#include <sys/types.h>

#include "base/base.h"

struct duplex_stream {
    void *self;
    int socket; /* what to poll; the stream may hold more than poll() tells of */
    /* None waits.  Bytes moved; 0 at the end (of reading); -EAGAIN; any other negative errno.  After -EAGAIN
     * the same bytes are written again, from the same place. */
    ssize_t (*read)(void *self, void *ret_data, size_t max);
    ssize_t (*write)(void *self, const void *data, size_t n);
};

enum { DUPLEX_LEAVE_S = 5 };
/* Carries until either end ends or nothing moved for 'idle_ms' (-1: without limit).  'head' goes to the
 * stream first. What one side had sent when it ended is still delivered, if the other takes it within
 * DUPLEX_LEAVE_S (times slow_factor()).  Neither direction waits for the other.  Blocks; closes nothing. */
void duplex_pump(const struct duplex_stream *stream, int fd, const void *head, size_t n_head, int idle_ms);
