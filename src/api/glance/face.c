#include "api/glance/face.h"

#include "api/glance/glance.h"

/* A client picks features by these: 2.5 has community images, 2.6 tells its import methods (there are
 * none), 2.7 has SHA-512 sums and hidden images. */
static const char *const versions[] = {
    "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0", NULL
};

static int show_versions(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "versions");
    jw_array(w);
    for (const char *const *v = versions; *v; v++) {
        jw_object(w);
        jw_kv(w, "id", *v);
        jw_kv(w, "status", v == versions ? "CURRENT" : "SUPPORTED");
        jw_key(w, "links");
        jw_array(w);
        jw_object(w);
        jw_kv(w, "rel", "self");
        jw_kv(w, "href", cx_printf(cx, "%s/image/v2/", req_base_url(rq)));
        jw_end(w);
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static const char *title_of(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 413, "Request Entity Too Large" },
        { 415, "Unsupported Media Type" },
        { 416, "Requested Range Not Satisfiable" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
    };
    for (size_t i = 0; i < N_ELEMENTS(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Internal Server Error";
}

static void write_error(struct jwriter *w, int status, enum kind kind, const char *type, const char *text)
{
    const char *title = title_of(status);

    jw_object(w);
    jw_kv(w, "message", text);
    jw_kv(w, "code", arena_printf(w->out.arena, "%d %s", status, title));
    jw_kv(w, "title", title);
    jw_end(w);
}

/* clang-format off */
static const struct route version_routes[] = {
    { "GET", "/",         show_versions, NULL, MAY_ANYBODY, .ok = OK(300), .mode = MODE_LOCAL },
    { "GET", "/versions", show_versions, NULL, MAY_ANYBODY, .ok = OK(200), .mode = MODE_LOCAL },
    { "GET", "/v2",       show_versions, NULL, MAY_ANYBODY, .ok = OK(200), .mode = MODE_LOCAL }, /* clients that were given */
    { "GET", "/v2/",      show_versions, NULL, MAY_ANYBODY, .ok = OK(200), .mode = MODE_LOCAL }, /* this URL look here */
    { 0 },
};
/* clang-format on */
static const struct route *const tables[] = { version_routes,       glance_image_routes,  glance_data_routes,
                                              glance_member_routes, glance_schema_routes, NULL };
const struct face glance_face = {
    .mount = "/image",
    .tables = tables,
    .slash_counts = true,
    .text_errors = true,
    .statuses = { [KIND_QUOTA] = 413 },
    .error = write_error,
};
