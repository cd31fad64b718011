#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/core/internal.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

const char *percent_decode(struct arena *a, const char *s, size_t n, bool plus)
{
    char *out = arena_alloc(a, n + 1), *p = out;

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%') {
            if (i + 2 >= n)
                return NULL;
            int high = hex_digit(s[i + 1]), low = hex_digit(s[i + 2]);
            if (high < 0 || low < 0 || (high | low) == 0)
                return NULL;
            *p++ = (char)(high << 4 | low);
            i += 2;
        } else
            *p++ = plus && s[i] == '+' ? ' ' : s[i];
    }
    return out;
}

int req_parse_query(struct req *rq)
{
    const char *p = rq->http->query;

    while (p && *p) {
        size_t n = strcspn(p, "&");
        const char *eq = memchr(p, '=', n);
        size_t n_name = eq ? (size_t)(eq - p) : n;
        if (n) {
            const char *name = percent_decode(rq->cx.arena, p, n_name, true);
            const char *value = eq ? percent_decode(rq->cx.arena, eq + 1, n - n_name - 1, true) : "";
            if (!name || !value)
                return fail(&rq->cx, KIND_INVALID, "The query string is malformed.");
            if (rq->n_query >= 1000)
                return fail(&rq->cx, KIND_INVALID, "The query string has too many parameters.");
            *arena_push(rq->cx.arena, &rq->query, &rq->n_query) = (struct pair){ name, value };
        }
        p += n + (p[n] == '&');
    }
    return 0;
}

/* 'path' begins with the mount of 'f', and the next character ends a segment. */
static bool is_mounted(const struct face *f, const char *path, size_t n_path, const char **ret_rest)
{
    size_t n = strlen(f->mount);
    if (n_path < n || memcmp(path, f->mount, n) != 0 || (n_path > n && path[n] != '/'))
        return false;
    *ret_rest = path + n;
    return true;
}

static const struct face *find_face(struct req *rq, size_t n_path)
{
    const struct face *best = NULL;
    const char *rest;

    for (const struct face *const *f = rq->core->config.faces; *f; f++)
        if (is_mounted(*f, rq->http->path, n_path, &rest) && (!best || strlen((*f)->mount) > strlen(best->mount))) {
            best = *f;
            rq->path = rest;
        }
    return best;
}

/* Compares segment by segment; a {name} takes one non-empty segment, {name*} the rest. */
static bool path_matches(struct req *rq, const char *pattern, const char *path, size_t n)
{
    const char *end = path + n;

    rq->n_args = 0;
    while (*pattern) {
        if (*pattern == '{') {
            const char *close = strchr(pattern, '}');
            bool rest = close[-1] == '*';
            const char *stop = rest ? end : memchr(path, '/', (size_t)(end - path));
            stop = stop ? stop : end;
            const char *value = percent_decode(rq->cx.arena, path, (size_t)(stop - path), false);
            if (stop == path || !value || rq->n_args == N_ELEMENTS(rq->args))
                return false;
            rq->args[rq->n_args++] = (struct pair){ pattern + 1, value };
            pattern = close + 1;
            path = stop;
        } else if (path < end && *path == *pattern) {
            path++;
            pattern++;
        } else
            return false;
    }
    return path == end;
}

static bool method_matches(const struct route *r, const char *method)
{
    return strcmp(r->method, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

static void add_allowed(struct req *rq, struct buf *allow, const char *method)
{
    if (!strstr(buf_text(allow), method))
        buf_printf(allow, "%s%s", allow->len ? ", " : "", method);
}

static int no_route(struct req *rq, struct buf *allow)
{
    if (!allow->len)
        return fail(&rq->cx, KIND_NOT_FOUND, "The resource could not be found.");
    reply_header(rq, "Allow", buf_text(allow));
    int r = fail(&rq->cx, KIND_INVALID, "The method %.16s is not allowed for this resource.", rq->http->method);
    rq->status = 405;
    return r;
}

int req_match(struct req *rq)
{
    struct buf allow = buf_new(rq->cx.arena);
    size_t n_path = strlen(rq->http->path);

    rq->face = find_face(rq, n_path);
    if (!rq->face)
        return fail(&rq->cx, KIND_NOT_FOUND, "The resource could not be found.");
    while (!rq->face->slash_counts && n_path > strlen(rq->face->mount) && rq->http->path[n_path - 1] == '/')
        n_path--; /* clients end collection URLs with a slash or not */
    TRY(req_microversion(rq));
    size_t n = n_path - (size_t)(rq->path - rq->http->path);
    const char *rest = n ? rq->path : "/";
    n = n ? n : 1;
    for (const struct route *const *t = rq->face->tables; *t; t++)
        for (const struct route *r = *t; r->method; r++) {
            /* most rows differ within their first segment: look at it before anything is allocated */
            if ((r->path[1] != '{' && n > 1 && r->path[1] != rest[1]) || !path_matches(rq, r->path, rest, n))
                continue;
            if (rq->mv && (r->since > rq->mv || (r->until && r->until < rq->mv)))
                continue;
            if (!method_matches(r, rq->http->method)) {
                add_allowed(rq, &allow, r->method);
                continue;
            }
            rq->route = r; /* one of several actions: the body decides later */
            return 0;
        }
    return no_route(rq, &allow);
}

/* ---- microversions ---- */

static bool parse_mv(const char *s, unsigned *ret_mv)
{
    unsigned major, minor;
    int n = 0;
    if (sscanf(s, "%3u.%3u%n", &major, &minor, &n) != 2 || s[n] || minor > 999 || (minor && s[strcspn(s, ".") + 1] == '0'))
        return false;
    *ret_mv = MV(major, minor);
    return true;
}

int req_microversion(struct req *rq)
{
    const struct face *f = rq->face;
    const char *asked = NULL, *header;
    size_t n = f->mv_service ? strlen(f->mv_service) : 0;

    if (!f->mv_max)
        return 0;
    rq->mv = f->mv_default;
    if (f->mv_ignored)
        return 0;
    header = http_header(rq->http, "OpenStack-API-Version");
    for (const char *p = header; p && *p && !asked; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " ");
        if (strncmp(p, f->mv_service, n) == 0 && p[n] == ' ')
            asked = arena_strndup(rq->cx.arena, p + n + 1, strcspn(p + n + 1, ", "));
    }
    if (!asked && f->mv_legacy_header)
        asked = http_header(rq->http, f->mv_legacy_header);
    if (asked && strcmp(asked, "latest") == 0)
        rq->mv = f->mv_max;
    else if (asked && !parse_mv(asked, &rq->mv))
        return fail(&rq->cx, KIND_INVALID,
                    "API Version String %.32s is of invalid format. Must be of format MajorNum.MinorNum.", asked);
    if (rq->mv < f->mv_min || rq->mv > f->mv_max) {
        rq->mv = f->mv_default;
        int r = fail(&rq->cx, KIND_INVALID,
                     "Version %.32s is not supported by the API. Minimum is %u.%u and maximum is %u.%u.", asked,
                     f->mv_min / 1000, f->mv_min % 1000, f->mv_max / 1000, f->mv_max % 1000);
        rq->status = 406;
        return r;
    }
    const char *text = cx_printf(&rq->cx, "%u.%u", rq->mv / 1000, rq->mv % 1000);
    reply_header(rq, "OpenStack-API-Version", cx_printf(&rq->cx, "%s %s", f->mv_service, text));
    if (f->mv_legacy_header)
        reply_header(rq, f->mv_legacy_header, text);
    reply_header(rq, "Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version");
    return 0;
}
