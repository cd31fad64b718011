#include "api/alamo/face.h"

#include <string.h>

/* One page without scripts: nothing that a tenant named is on it, so nothing can be injected. */
static const char page[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width\"><title>Alamo</title><style>body{font:16px/1.6 system-ui,sans-serif;max-width:42rem;"
    "margin:4rem auto;padding:0 1rem;color:#1d2430;background:#fbfaf7}h1{font-weight:600;letter-spacing:-.02em}"
    "code{background:#efece3;padding:.1em .35em;border-radius:4px}dt{font-weight:600;margin-top:1rem}dd{margin:0}"
    "@media(prefers-color-scheme:dark){body{color:#e6e3da;background:#15181d}code{background:#262b33}}</style></head>"
    "<body><h1>Alamo is running</h1><p>This is the address of a private cloud. Any OpenStack client works with it.</p>"
    "<dl><dt>Identity</dt><dd><code>/identity/v3</code></dd><dt>Image</dt><dd><code>/image/v2</code></dd>"
    "<dt>Compute</dt><dd><code>/compute/v2.1</code></dd><dt>Network</dt><dd><code>/network/v2.0</code></dd></dl>"
    "<p>On the host, <code>alamo status</code> shows its servers and <code>alamo openrc</code> the way to log in.</p>"
    "</body></html>\n";

static int show_page(struct cx *cx, struct req *rq)
{
    reply_header(rq, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    reply_header(rq, "X-Content-Type-Options", "nosniff");
    return reply_text(rq, "text/html; charset=utf-8", page, strlen(page));
}

/* For load balancers and for `alamo up`: answers once the store does. */
static int show_health(struct cx *cx, struct req *rq)
{
    return reply_text(rq, "text/plain", "ok\n", 3);
}

/* clang-format off */
static const struct route routes[] = {
    { "GET", "/", show_page, NULL, MAY_ANYBODY, .mode = MODE_LOCAL },
    { "GET", "/healthcheck", show_health, NULL, MAY_ANYBODY, .mode = MODE_READ },
    { 0 },
};
/* clang-format on */
static const struct route *const tables[] = { routes, NULL };
const struct face alamo_face = { .mount = "", .tables = tables };
