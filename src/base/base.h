/* base.h - the few macros that every file may use. */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NORETURN __attribute__((noreturn))
#define CLEANUP(f) __attribute__((cleanup(f)))
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Propagates a failure and nothing else; everything a function holds must free itself. */
#define TRY(expr)                                                                                            \
    do {                                                                                                     \
        int try_r_ = (expr);                                                                                 \
        if (try_r_ < 0)                                                                                      \
            return try_r_;                                                                                   \
    } while (0)

/* Both NULL, or both there and equal. */
bool str_eq(const char *a, const char *b);
/* 's' is NULL or "". */
bool str_empty(const char *s);
/* 's' starts with 'prefix'; then '*ret_rest' (if not NULL) is what follows. */
bool str_starts(const char *s, const char *prefix, const char **ret_rest);
/* Parses the whole of 's' as a decimal number of at most 18 digits with an optional '-'.
 * Errors: -EINVAL. */
int str_to_i64(const char *s, int64_t *ret_value) MUST_CHECK;

/* Closes '*fd' unless it is negative; for CLEANUP(). */
void fd_close(int *fd);
#define CLEAN_FD CLEANUP(fd_close) int
