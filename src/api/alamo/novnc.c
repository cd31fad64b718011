/* The files of noVNC, read-only, as its Debian package has them. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/alamo/screen.h"
#include "api/core/contexts.h"
#include "base/buf.h"

enum { PAGE_MAX_BYTES = 256 * 1024 };

static const char package_dir[] = "/usr/share/novnc";

/* clang-format off */
static const struct {
    const char *ending, *type;
} types[] = { /* what has another ending is no part of the page */
    { ".html", "text/html; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" }, { ".json", "application/json" }, { ".svg", "image/svg+xml" },
    { ".png", "image/png" }, { ".ico", "image/x-icon" }, { ".woff", "font/woff" }, { ".ttf", "font/ttf" },
    { ".mp3", "audio/mpeg" }, { ".oga", "audio/ogg" },
};
/* clang-format on */

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < N_ELEMENTS(types); i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return NULL;
}

/* Names of ordinary characters that do not begin with a dot, with single slashes between them. */
static bool is_plain(const char *path)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    for (;; path++) {
        size_t n = strspn(path, characters);
        if (n == 0 || path[0] == '.')
            return false;
        path += n;
        if (*path != '/')
            return *path == 0;
    }
}

/* ---- the page's policy ---- */

static const char *hash_of(struct cx *cx, const char *text, size_t n)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;
    char *out = cx_alloc(cx, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1);

    if (!EVP_Digest(text, n, digest, &n_digest, EVP_sha256(), NULL))
        abort(); /* only without memory */
    EVP_EncodeBlock((unsigned char *)out, digest, (int)n_digest);
    return out;
}

/* Writes the hash of each script that stands in the page itself: these may run, and no other that somebody
 * puts in. */
static void allow_scripts(struct cx *cx, struct buf *b, const char *page)
{
    for (const char *p = page; (p = strcasestr(p, "<script"));) {
        const char *text = strchr(p, '>'), *end = text ? strcasestr(text, "</script") : NULL;
        if (!end)
            return;
        text++;
        if (end > text)
            buf_printf(b, " 'sha256-%s'", hash_of(cx, text, (size_t)(end - text)));
        p = end;
    }
}

/* Browsers do not agree whether 'self' is the WebSocket's origin too. */
static const char *our_websocket(struct req *rq)
{
    const char *rest, *base = req_base_url(rq);
    size_t n = strcspn(base, ":") + 3;
    bool secure = str_starts(base, "https://", &rest);
    return cx_printf(req_cx(rq), "%s://%.*s", secure ? "wss" : "ws", (int)strcspn(base + n, "/"), base + n);
}

static int add_policy(struct req *rq, int fd, int64_t size)
{
    struct cx *cx = req_cx(rq);
    struct buf b = buf_new(cx->arena);
    char *page = cx_alloc(cx, (size_t)size + 1);

    if (pread(fd, page, (size_t)size, 0) != size)
        return fail(cx, KIND_INTERNAL, "a page of noVNC cannot be read");
    buf_puts(&b, "default-src 'none'; script-src 'self'");
    allow_scripts(cx, &b, page);
    buf_printf(&b,
               "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; media-src 'self'; "
               "connect-src 'self' %s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
               our_websocket(rq));
    reply_header(rq, "Content-Security-Policy", buf_text(&b));
    reply_header(rq, "Cache-Control", "no-cache"); /* its policy and its files belong together */
    return 0;
}

/* ---- the files ---- */

static int open_file(struct cx *cx, const char *dir, const char *path, int64_t *ret_size)
{
    struct stat st;
    CLEAN_FD top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (top < 0)
        return fail(cx, KIND_NOT_FOUND, "noVNC is not installed on the controller: apt-get install novnc");
    fd = is_plain(path) ? openat(top, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
        fd_close(&fd);
    if (fd < 0)
        return fail(cx, KIND_NOT_FOUND, "noVNC has no such file.");
    *ret_size = st.st_size;
    return fd;
}

static int show_file(struct cx *cx, struct req *rq)
{
    const struct face_contexts *contexts = req_user(rq);
    const char *dir = contexts && contexts->screens ? contexts->screens->novnc_dir : NULL;
    const char *path = req_path(rq, "path"), *type = type_of(path);
    int64_t size = 0;

    int r = type ? open_file(cx, dir ? dir : package_dir, path, &size)
                 : fail(cx, KIND_NOT_FOUND, "noVNC has no such file.");
    TRY(r);
    int fd = r;
    if (type == types[0].type) {
        r = size <= PAGE_MAX_BYTES ? add_policy(rq, fd, size)
                                   : fail(cx, KIND_INTERNAL, "a page of noVNC is too long");
        if (r < 0) {
            fd_close(&fd);
            return r;
        }
    }
    reply_header(rq, "X-Content-Type-Options", "nosniff");
    reply_header(rq, "Referrer-Policy", "no-referrer"); /* the page's URL holds the ticket */
    return reply_file(rq, fd, 0, size, type);
}

/* clang-format off */
static const struct route routes[] = {
    { "GET", "/{path*}", show_file, NULL, MAY_ANYBODY, .mode = MODE_LOCAL },
    { 0 },
};
/* clang-format on */
static const struct route *const tables[] = { routes, NULL };
const struct face novnc_face = { .mount = "/novnc", .tables = tables };
