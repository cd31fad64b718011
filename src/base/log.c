#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"

static const char *const names[] = { "debug", "info", "warn", "error" };
static int level_now = -1;

void log_level_set(enum log_level level)
{
    level_now = (int)level;
}

static int level_from_environment(void)
{
    const char *s = getenv("ALAMO_LOG");
    for (int i = 0; i < (int)N_ELEMENTS(names); i++)
        if (str_eq(s, names[i]))
            return i;
    return LOG_INFO;
}

void log_line(enum log_level level, const char *module, const char *fmt, ...)
{
    char text[2048], line[4096];
    size_t at;
    va_list ap;

    if (level_now < 0)
        level_now = level_from_environment();
    if ((int)level < level_now)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);

    int64_t t = now_us();
    time_t s = (time_t)(t / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    at = (size_t)snprintf(line, sizeof line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s %s: ", tm.tm_year + 1900,
                          tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(t / 1000 % 1000),
                          names[level], module);
    for (const char *p = text; *p && at < sizeof line - 6; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < ' ' || c == 127)
            at += (size_t)snprintf(line + at, 5, "\\x%02x", c);
        else
            line[at++] = *p;
    }
    line[at++] = '\n';
    if (write(STDERR_FILENO, line, at) < 0)
        return; /* nowhere to complain */
}
