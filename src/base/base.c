#include "base/base.h"

#include <string.h>
#include <unistd.h>

bool str_eq(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_empty(const char *s)
{
    return !s || !*s;
}

bool str_starts(const char *s, const char *prefix, const char **ret_rest)
{
    size_t n = strlen(prefix);
    if (!s || strncmp(s, prefix, n) != 0)
        return false;
    if (ret_rest)
        *ret_rest = s + n;
    return true;
}

int str_to_i64(const char *s, int64_t *ret_value)
{
    bool negative = s && *s == '-';
    const char *p = s ? s + negative : "";
    int64_t v = 0;

    if (!*p || strlen(p) > 18)
        return -EINVAL;
    for (; *p; p++) {
        if (*p < '0' || *p > '9')
            return -EINVAL;
        v = v * 10 + (*p - '0');
    }
    *ret_value = negative ? -v : v;
    return 0;
}

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
