/* test_keystone.h - Identity v3 behind a real HTTP server, for the tests of its face. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api/core/contexts.h"
#include "api/core/core.h"
#include "api/keystone/face.h"
#include "auth/password.h"
#include "auth/seal.h"
#include "http/client.h"
#include "http/server.h"
#include "identity/auth.h"
#include "identity/cache.h"
#include "identity/setup.h"
#include "store/migrations.h"

struct cloud {
    struct arena *arena;
    struct store *store;
    struct seal_ring *ring;
    struct hash_pool *pool;
    struct identity_context identity;
    struct face_contexts contexts;
    struct core *core;
    struct http_server *server;
    struct http_client *client;
    const char *base_url;
    const char *admin; /* a token of the admin in its project */
};
static struct cloud cloud;

static inline int cloud_setup(struct cx *cx, void *arg)
{
    return identity_setup(cx, &(struct identity_setup_params){ .admin_password = "adminpw", .demo_password = "demopw" });
}

static inline int cloud_start(void **state)
{
    static const struct face *const faces[] = { &keystone_versions_face, &keystone_face, NULL };
    const struct store_config store = { .path = ":memory:" };
    struct http_config http = { .port = 0 };
    CLEAN_CX cx;

    cx_begin(&cx);
    cloud.arena = arena_new();
    cloud.ring = seal_ring_new();
    assert_int_equal(store_open(&cloud.store, &store, store_migrations, n_store_migrations), 0);
    cloud.identity = (struct identity_context){ .ring = cloud.ring, .secrets = cloud.ring, .cache = identity_cache_new() };
    cloud.contexts.identity = &cloud.identity;
    identity_cache_listen(cloud.identity.cache, cloud.store);
    assert_int_equal(hash_pool_new(&cloud.pool, 2, 0), 0);
    assert_int_equal(store_write_wait(cloud.store, &cx, cloud_setup, NULL), 0);
    cloud.core = core_new(&(struct core_config){ .store = cloud.store, .pool = cloud.pool, .base_url = "https://cloud.example",
                                                 .faces = faces, .authenticate = identity_authenticate,
                                                 .authenticate_arg = &cloud.identity, .user = &cloud.contexts,
                                                 .realm_url = "https://cloud.example/identity" });
    struct http_handler handler = core_http_handler(cloud.core);
    assert_int_equal(http_server_start(&cloud.server, &http, &handler), 0);
    cloud.base_url = arena_printf(cloud.arena, "http://127.0.0.1:%u", http_server_port(cloud.server));
    cloud.client = http_client_new(&(struct http_client_config){ 0 });
    return 0;
}

static inline int cloud_stop(void **state)
{
    http_client_free(cloud.client);
    http_server_stop(cloud.server);
    hash_pool_free(cloud.pool);
    store_close(cloud.store);
    core_free(cloud.core);
    identity_cache_free(cloud.identity.cache);
    seal_ring_free(cloud.ring);
    arena_free(cloud.arena);
    return 0;
}

struct reply {
    int status;
    json_t *json; /* NULL: none */
    const char *text, *subject_token, *www_authenticate;
};

/* One call; 'path' begins with /identity; the body is a format. */
static inline struct reply call(const char *token, const char *subject, const char *method, const char *path, const char *fmt, ...)
    PRINTF(5, 6);
static inline struct reply call(const char *token, const char *subject, const char *method, const char *path, const char *fmt, ...)
{
    const char *headers[3][2] = { { "Content-Type", "application/json" } };
    struct http_answer answer;
    char body[4096] = "";
    size_t n = 1;

    if (token)
        memcpy(headers[n++], (const char *[2]){ "X-Auth-Token", token }, sizeof headers[0]);
    if (subject)
        memcpy(headers[n++], (const char *[2]){ "X-Subject-Token", subject }, sizeof headers[0]);
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(body, sizeof body, fmt, ap);
        va_end(ap);
    }
    struct http_call c = { .method = method, .url = arena_printf(cloud.arena, "%s%s", cloud.base_url, path),
                           .headers = (const char *const(*)[2])headers, .n_headers = n, .body = fmt ? body : NULL,
                           .body_len = strlen(body) };
    assert_int_equal(http_client_call(cloud.client, cloud.arena, &c, &answer), 0);
    struct reply r = { answer.status, answer.body_len ? json_loads(answer.body, 0, NULL) : NULL, answer.body,
                       http_answer_header(&answer, "x-subject-token"), http_answer_header(&answer, "www-authenticate") };
    if (r.json)
        arena_defer(cloud.arena, (void (*)(void *))json_decref, r.json);
    return r;
}

/* Member "a.b.0.c" of a reply, or NULL. */
static inline json_t *at(struct reply r, const char *path)
{
    json_t *v = r.json;
    char copy[128], *rest = copy;

    snprintf(copy, sizeof copy, "%s", path);
    for (char *key; v && (key = strsep(&rest, "."));)
        v = json_is_array(v) ? json_array_get(v, (size_t)strtoul(key, NULL, 10)) : json_object_get(v, key);
    return v;
}

static inline const char *text_at(struct reply r, const char *path)
{
    return json_string_value(at(r, path));
}

#define GET(token, path) call(token, NULL, "GET", path, NULL)
#define DELETE(token, path) call(token, NULL, "DELETE", path, NULL)
#define PUT(token, path) call(token, NULL, "PUT", path, NULL)
#define POST(token, path, ...) call(token, NULL, "POST", path, __VA_ARGS__)
#define PATCH(token, path, ...) call(token, NULL, "PATCH", path, __VA_ARGS__)
#define V3 "/identity/v3"
#define PATH(...) arena_printf(cloud.arena, V3 __VA_ARGS__)

/* Logs in with a password; 'scope' is JSON, or NULL for none. */
static inline struct reply login(const char *user, const char *password, const char *scope)
{
    return POST(NULL, V3 "/auth/tokens",
                "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"%s\",\"domain\":{\"id\":"
                "\"default\"},\"password\":\"%s\"}}}%s%s}}",
                user, password, scope ? ",\"scope\":" : "", scope ? scope : "");
}

static inline const char *project_scope(const char *name)
{
    return arena_printf(cloud.arena, "{\"project\":{\"name\":\"%s\",\"domain\":{\"name\":\"Default\"}}}", name);
}

static inline const char *token_of(const char *user, const char *password, const char *project)
{
    struct reply r = login(user, password, project ? project_scope(project) : NULL);
    assert_int_equal(r.status, 201);
    return r.subject_token;
}

static inline const char *admin(void)
{
    cloud.admin = cloud.admin ? cloud.admin : token_of("admin", "adminpw", "admin");
    return cloud.admin;
}

/* Makes something as admin and returns its id. */
#define MAKE(what, path, ...)                                                                                \
    ({                                                                                                       \
        struct reply made_ = POST(admin(), path, __VA_ARGS__);                                               \
        assert_int_equal(made_.status, 201);                                                                 \
        text_at(made_, what ".id");                                                                          \
    })

/* The id of the only thing in a list that has this name. */
static inline const char *id_of(const char *collection, const char *name)
{
    struct reply r = GET(admin(), PATH("/%s?name=%s", collection, name));
    assert_int_equal(r.status, 200);
    assert_int_equal(json_array_size(at(r, collection)), 1);
    return text_at(r, arena_printf(cloud.arena, "%s.0.id", collection));
}

#define assert_text(r, path, expected) assert_string_equal(text_at(r, path), expected)
