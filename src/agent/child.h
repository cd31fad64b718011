/* child.h - runs a program to its end: argv, never a shell; bounded output; a deadline.  It dies when the agent does. */
#pragma once
#include "base/cx.h"

struct child {
    const char *const *argv; /* argv[0] is looked up on PATH; NULL-terminated */
    const char *input;       /* text for standard input, or NULL: /dev/null */
    size_t output_max;       /* of what is kept; 0: 64 KiB */
    const char
        *until; /* text: once it was put out the program is stopped, which counts as status 0; or NULL */
    int64_t timeout_ms; /* then it is killed; 0: 30 s; times slow_factor() */
};

/* Runs it and waits.  '*ret_output' (may be NULL) is what it wrote to standard output and error, up to the
 * limit, in cx's arena, also after a failure.  Returns the exit status (0: success). Errors: UNAVAILABLE when
 * it can't be started, was killed by a signal or ran into the deadline. */
int child_run(struct cx *cx, const struct child *c, const char **ret_output) MUST_CHECK;

/* The same for the common case: a status other than 0 is a failure whose text holds the end of the output. */
int child_must(struct cx *cx, const char *const *argv, const char *input, int64_t timeout_ms) MUST_CHECK;
