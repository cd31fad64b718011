#include "base/text.h"

#include <string.h>
#include <time.h>

bool text_to_bool(const char *s, bool *ret_value)
{
    static const char *const yes[] = { "true", "True", "TRUE", "1", "yes", "Yes", "YES", "on", "On", "ON", "t", "y" };
    static const char *const no[] = { "false", "False", "FALSE", "0", "no", "No", "NO", "off", "Off", "OFF", "f", "n" };

    for (size_t i = 0; i < N_ELEMENTS(yes); i++)
        if (str_eq(s, yes[i]) || str_eq(s, no[i])) {
            *ret_value = str_eq(s, yes[i]);
            return true;
        }
    return false;
}

bool text_to_time(const char *s, int64_t *ret_us)
{
    struct tm tm = { 0 };
    const char *p = strptime(s, "%Y-%m-%d", &tm);
    int64_t us = 0, scale = 100000, offset_s = 0;

    if (!p)
        return false;
    if (*p == 'T' || *p == ' ') {
        p = strptime(p + 1, "%H:%M:%S", &tm);
        if (!p)
            return false;
        if (*p == '.')
            for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
                us += (*p - '0') * scale;
        if (*p == '+' || *p == '-') {
            int h = 0, m = 0;
            if (strlen(p) == 6 && p[3] == ':') {
                h = (p[1] - '0') * 10 + p[2] - '0';
                m = (p[4] - '0') * 10 + p[5] - '0';
                offset_s = (h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
                p += 6;
            }
        } else if (*p == 'Z')
            p++;
    }
    if (*p)
        return false;
    *ret_us = ((int64_t)timegm(&tm) - offset_s) * 1000000 + us;
    return true;
}

const char *text_of_time(struct arena *a, int64_t us, const char *tail)
{
    time_t s = (time_t)(us / 1000000);
    struct tm tm;

    gmtime_r(&s, &tm);
    return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d%s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                        tm.tm_min, tm.tm_sec, tail);
}

const char *text_with_next(struct arena *a, const char *cause, const char *next)
{
    size_t n = strlen(cause);

    while (n && (cause[n - 1] == ' ' || cause[n - 1] == '\n' || cause[n - 1] == '.'))
        n--;
    return strstr(cause, TEXT_NEXT) ? cause : arena_printf(a, "%.*s. " TEXT_NEXT "%s", (int)n, cause, next);
}
