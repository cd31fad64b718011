/* guard.h - the door: refuses a request whose head could be read in two ways.
 *
 * Two programs that disagree on where a request ends are how requests are smuggled past a proxy; so whatever RFC 9112
 * leaves to taste is an error here.  Pure: no I/O, no memory, no library; fuzzed and unit-tested as such. */
#pragma once
#include "base/base.h"

enum { HTTP_GUARD_FIELDS = 128 }; /* header fields of a request, at most */

struct http_field {
    const char *name, *value; /* NUL-terminated or not */
    size_t name_len, value_len;
};

struct http_head {
    const char *method, *target, *version; /* of the request line; "HTTP/1.1" */
    const struct http_field *fields;
    size_t n;
};

struct http_framing {
    int64_t content_length; /* -1: none given */
    bool chunked;
};

/* Returns NULL and how the body is delimited, or why the request is refused with 400: static text. */
const char *http_guard(const struct http_head *head, struct http_framing *ret_framing) MUST_CHECK;
