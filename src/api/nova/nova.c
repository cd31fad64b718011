#include "api/nova/nova.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "base/digest.h"
#include "base/env.h"
#include "base/text.h"

const char *nova_url(const struct req *rq, struct arena *a, const char *path)
{
    return arena_printf(a, "%s" NOVA_MOUNT "%s", req_base_url(rq), path);
}

/* {"rel": rel, "href": the URL of an object below 'mount'} */
static void put_link(struct jwriter *w, const struct req *rq, const char *rel, const char *mount, const char *collection,
                     const char *id)
{
    jw_object(w);
    jw_kv(w, "rel", rel);
    jw_key(w, "href");
    JW_PIECES(w, req_base_url(rq), mount, collection, "/", id);
    jw_end(w);
}

static void put_bookmark(struct jwriter *w, const struct req *rq, const char *collection, const char *id)
{
    put_link(w, rq, "bookmark", "/compute/", collection, id);
}

void nova_links(struct jwriter *w, const struct req *rq, const char *collection, const char *id)
{
    jw_array(w);
    put_link(w, rq, "self", NOVA_MOUNT "/", collection, id);
    put_bookmark(w, rq, collection, id);
    jw_end(w);
}

void nova_bookmark_link(struct jwriter *w, const struct req *rq, const char *collection, const char *id)
{
    jw_array(w);
    put_bookmark(w, rq, collection, id);
    jw_end(w);
}

void nova_next_link(struct jwriter *w, struct req *rq, const char *name, size_t n, int64_t limit, const char *last_id)
{
    if (!limit || n < (size_t)limit || !n)
        return;
    jw_key(w, name);
    jw_array(w);
    jw_object(w);
    jw_kv(w, "rel", "next");
    jw_kv(w, "href", req_next_url(rq, last_id));
    jw_end(w);
    jw_end(w);
}

static bool is_known(const char *const *known, const char *name)
{
    for (; *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

int nova_check_query(struct req *rq, const char *const *known)
{
    struct cx *cx = req_cx(rq);

    if (req_mv(rq) < MV(2, 75))
        return 0;
    for (const char *p = req_http(rq)->query; p && *p;) {
        size_t n = strcspn(p, "&"), n_name = strcspn(p, "=&");
        const char *name = arena_strndup(cx->arena, p, n_name);
        if (n_name && !is_known(known, name))
            return fail(cx, KIND_INVALID,
                        "Invalid input for query parameters %.64s. Additional properties are not allowed ('%.64s' was unexpected)",
                        name, name);
        p += n + (p[n] == '&');
    }
    return 0;
}

int nova_check_sort_keys(struct req *rq, const char *const *known)
{
    struct strs keys = req_query_all(rq, "sort_key");
    for (size_t i = 0; i < keys.n; i++)
        if (!is_known(known, keys.items[i]))
            return fail(req_cx(rq), KIND_INVALID, "Invalid input for query parameters sort_key. Value: %.64s.", keys.items[i]);
    return 0;
}

int nova_limit(struct req *rq, int64_t *ret_limit)
{
    const char *s = req_query(rq, "limit");
    int64_t n = NOVA_PAGE_MAX;

    if (s && (str_to_i64(s, &n) < 0 || n < 0))
        return fail(req_cx(rq), KIND_INVALID, "Invalid input for query parameters limit. Value: %.32s. It must be 0 or more.", s);
    *ret_limit = n && n < NOVA_PAGE_MAX ? n : NOVA_PAGE_MAX;
    return 0;
}

int nova_query_time(struct req *rq, const char *name, int64_t *ret_us)
{
    const char *s = req_query(rq, name);

    if (s && !text_to_time(s, ret_us))
        return fail(req_cx(rq), KIND_INVALID, "Invalid input for query parameters %s. Value: %.64s. '%.64s' is not a 'date-time'",
                    name, s, s);
    return 0;
}

int nova_server(struct cx *cx, struct req *rq, struct server *ret_server)
{
    return server_get(cx, req_path(rq, "id"), ret_server);
}

const char *nova_host_id(struct arena *a, const char *project_id, const char *host_name)
{
    unsigned char digest[DIGEST_MAX_BYTES];

    if (!host_name)
        return "";
    const char *text = arena_printf(a, "%s%s", project_id, host_name);
    size_t n = digest_of(DIGEST_SHA224, text, strlen(text), digest);
    char *hex = arena_alloc(a, 2 * n + 1);
    hex_write(hex, digest, n);
    return hex;
}

struct map_in {
    struct strmap map;
};
/* clang-format off */
static const struct field map_row = MAP(struct map_in, map, AS("metadata"), .check = nova_is_key);
/* clang-format on */
int nova_read_metadata(struct cx *cx, struct req *rq, struct strmap *ret_map)
{
    struct map_in in = { 0 };
    TRY(json_read_member(cx, &map_row, req_json(rq), (struct json_rules){ 0 }, &in));
    *ret_map = in.map;
    return 0;
}

struct strmap nova_merge(struct cx *cx, struct strmap old, struct strmap new)
{
    struct strmap out = { 0 };

    for (size_t i = 0; i < old.n; i++) {
        bool replaced = false;
        for (size_t k = 0; k < new.n; k++)
            replaced |= str_eq(new.items[k].key, old.items[i].key);
        if (!replaced)
            *arena_push(cx->arena, &out.items, &out.n) = old.items[i];
    }
    for (size_t k = 0; k < new.n; k++)
        *arena_push(cx->arena, &out.items, &out.n) = new.items[k];
    return out;
}

int nova_parse_refused(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    if (json_is_null(value) || (json_is_array(value) && !json_array_size(value)))
        return 0;
    return fail(cx, KIND_INVALID, "%s is not supported here: %s", f->name, f->expected);
}

int nova_read_flavor_reference(struct cx *cx, const struct json_t *value, const char **ret_id)
{
    const char *s = json_string_value(value);
    const char *slash = s ? strrchr(s, '/') : NULL;

    if (json_is_integer(value))
        s = cx_printf(cx, "%lld", (long long)json_integer_value(value));
    s = slash ? slash + 1 : s;
    if (str_empty(s) || strlen(s) > 255)
        return fail(cx, KIND_INVALID, "Invalid flavorRef provided.");
    *ret_id = s;
    return 0;
}

bool nova_is_name(const char *s)
{
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (*p < ' ' || *p == 0x7f)
            return false;
    return *s && *s != ' ' && s[strlen(s) - 1] != ' ';
}

bool nova_is_key(const char *s)
{
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:. ")] == 0;
}

bool nova_is_base64(const char *s)
{
    size_t n = 0, pad = 0;

    for (; *s; s++) {
        if (*s == '\n' || *s == '\r')
            continue;
        if (*s == '=')
            pad++;
        else if (pad || !(isalnum((unsigned char)*s) || *s == '+' || *s == '/'))
            return false;
        n++;
    }
    return n % 4 == 0 && pad <= 2;
}

bool nova_is_id(const char *s)
{
    return uuid_valid(s) || (strlen(s) == 32 && strspn(s, "0123456789abcdefABCDEF") == 32);
}

bool nova_is_ipv4(const char *s)
{
    struct in_addr a;
    return inet_pton(AF_INET, s, &a) == 1;
}

bool nova_is_ipv6(const char *s)
{
    struct in6_addr a;
    return inet_pton(AF_INET6, s, &a) == 1;
}
