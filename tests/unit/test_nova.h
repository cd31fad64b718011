/* test_nova.h - a cloud with one image, two networks and hosts that say what a test lets them say; Compute over a real
 * socket. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours, of base/cx.h */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/core/contexts.h"
#include "api/core/core.h"
#include "api/nova/face.h"
#include "auth/password.h"
#include "base/env.h"
#include "base/log.h"
#include "compute/console.h"
#include "compute/report.h"
#include "http/client.h"
#include "image/image.h"
#include "network/setup.h"
#include "store/migrations.h"

/* Not every program that tests Compute needs all of this. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define IMAGE "11111111-1111-4111-8111-111111111111"

static struct world {
    struct store *store;
    struct hash_pool *pool;
    struct face_contexts contexts;
    struct consoles consoles;
    struct core *core;
    struct http_server *server;
    struct http_client *client;
    char url[64];
} world;
static struct arena *arena; /* of the test that runs */
static int64_t time_shift_us;

#define P(...) arena_printf(arena, __VA_ARGS__)

/* A token is "PROJECT" or "PROJECT:ROLE". */
static int authenticate(struct cx *cx, void *arg, const char *token, const struct who **ret_who)
{
    struct who *who = cx_alloc(cx, sizeof *who);
    const char *colon = strchr(token, ':'), *role = colon ? colon + 1 : "member";

    who->project_id = arena_strndup(cx->arena, token, colon ? (size_t)(colon - token) : strlen(token));
    who->user_id = cx_printf(cx, "user-of-%s", who->project_id);
    who->user_name = "ann";
    who->is_admin = str_eq(role, "admin");
    who->is_member = who->is_admin || str_eq(role, "member");
    who->is_reader = who->is_member || str_eq(role, "reader");
    *ret_who = who;
    return 0;
}

static int read_console(struct cx *cx, void *self, const char *server_id, int64_t lines, const char **ret_text)
{
    *ret_text = cx_printf(cx, "log of %s, %lld lines", server_id, (long long)lines);
    return 0;
}

static int fill(struct cx *cx, void *arg)
{
    const struct network_setup setup = { .fixed_cidr = "172.31.0.0/24", .floating_cidr = "198.51.100.0/29", .project_id = "boss" };
    struct image image = { .id = IMAGE, .owner = "boss", .name = "micro", .status = "active", .visibility = "public",
                           .disk_format = "qcow2", .container_format = "bare", .size = 1000, .virtual_size = 1000,
                           .properties = "{}", .tags = "[]", .created_at = 1, .updated_at = 1 };
    TRY(network_setup(cx, &setup));
    TRY(compute_setup(cx));
    return store_insert(cx, &image_table, &image);
}

static int write_as(const struct who *who, int (*run)(struct cx *, void *), void *arg)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    cx.who = who;
    cx.now_us += time_shift_us;
    int r = store_write_wait(world.store, &cx, run, arg);
    if (r < 0)
        fprintf(stderr, "%s\n", cx.text);
    return r;
}

static int set_up(void **state)
{
    static const struct face *const faces[] = { &nova_root_face, &nova_face, NULL };
    const struct store_config config = { .path = ":memory:" };
    const struct http_config http = { .threads = 2 };

    log_level_set(LOG_ERROR);
    arena = arena_new();
    time_shift_us = 0;
    assert_int_equal(store_open(&world.store, &config, store_migrations, n_store_migrations), 0);
    assert_int_equal(hash_pool_new(&world.pool, 1, 0), 0);
    assert_true(write_as(who_system(), fill, NULL) >= 0);
    world.consoles = (struct consoles){ NULL, read_console };
    world.contexts = (struct face_contexts){ .consoles = &world.consoles };
    world.client = http_client_new(&(struct http_client_config){ 0 });
    world.core = core_new(&(struct core_config){ .store = world.store, .pool = world.pool, .base_url = "https://cloud",
                                                 .faces = faces, .authenticate = authenticate, .user = &world.contexts,
                                                 .realm_url = "https://cloud/identity" });
    const struct http_handler handler = core_http_handler(world.core);
    assert_int_equal(http_server_start(&world.server, &http, &handler), 0);
    snprintf(world.url, sizeof world.url, "http://127.0.0.1:%u/compute", http_server_port(world.server));
    return 0;
}

static int tear_down(void **state)
{
    http_client_free(world.client);
    http_server_stop(world.server);
    core_free(world.core);
    hash_pool_free(world.pool);
    store_close(world.store);
    arena_free(arena);
    return 0;
}

/* ---- calls ---- */

struct reply {
    int status;
    json_t *json; /* NULL when the body is none */
    struct http_answer answer;
};

static void drop_json(void *p)
{
    json_decref(p);
}

/* 'mv' is "2.37"; NULL: none is sent. */
static struct reply call_mv(const char *mv, const char *token, const char *method, const char *path, const char *body)
{
    const char *headers[4][2] = { { "X-Auth-Token", token ? token : "" }, { "Content-Type", "application/json" } };
    size_t n = 2;
    struct reply r;

    if (mv) {
        headers[n][0] = "X-OpenStack-Nova-API-Version";
        headers[n++][1] = mv;
    }
    const struct http_call http = { .method = method, .url = P("%s%s", world.url, path), .n_headers = n,
                                    .headers = (const char *const(*)[2])headers, .body = body,
                                    .body_len = body ? strlen(body) : 0 };
    assert_int_equal(http_client_call(world.client, arena, &http, &r.answer), 0);
    r.status = r.answer.status;
    r.json = json_loadb(r.answer.body, r.answer.body_len, 0, NULL);
    if (r.json)
        arena_defer(arena, drop_json, r.json);
    return r;
}

static struct reply call(const char *token, const char *method, const char *path, const char *body)
{
    return call_mv(NULL, token, method, P("/v2.1%s", path), body);
}

/* Walks "server.addresses.private"; numbers are indexes. */
static json_t *at(struct reply r, const char *path)
{
    json_t *v = r.json;
    while (v && *path) {
        size_t n = strcspn(path, "/");
        char *key = arena_strndup(arena, path, n);
        v = json_is_array(v) ? json_array_get(v, (size_t)strtoul(key, NULL, 10)) : json_object_get(v, key);
        path += n + (path[n] == '/');
    }
    return v;
}

static const char *text(struct reply r, const char *path)
{
    return json_string_value(at(r, path));
}

static void expect_(struct reply r, int status, int line)
{
    if (r.status != status)
        fprintf(stderr, "line %d: %d instead of %d: %s\n", line, r.status, status, r.answer.body);
    assert_int_equal(r.status, status);
}
#define expect(r, status) expect_((r), (status), __LINE__)

/* ---- hosts ---- */

struct says { /* what a host reports of its guests */
    const char *host;
    struct wire_guest_report guests[8];
    size_t n_guests;
    struct wire_task_report task;
    struct wire_event event;
    const char *holds[8]; /* ids of documents */
    size_t n_holds;
};

static int run_report(struct cx *cx, void *arg)
{
    const struct says *s = arg;
    struct wire_have have[8];
    const char *host_id;
    struct wire_sync sync = { .version = WIRE_VERSION, .host_name = s->host, .boot_id = "b", .cpus = 4, .ram_mib = 8192,
                              .disk_gib = 100, .hypervisor = "QEMU", .hypervisor_version_n = 7002000, .arch = "x86_64",
                              .public_ip = "192.0.2.1", .uptime = " 17:37:14 up 2:33,  3 users,  load average: 0.33, 0.36, 0.34" };

    for (size_t i = 0; i < s->n_holds; i++)
        have[i] = (struct wire_have){ "guest", s->holds[i], "v" };
    sync.have = (struct list){ have, s->n_holds };
    sync.guests = (struct list){ (void *)(uintptr_t)s->guests, s->n_guests };
    sync.events = (struct list){ (void *)(uintptr_t)&s->event, s->event.guest_id ? 1 : 0 };
    sync.tasks = (struct list){ (void *)(uintptr_t)&s->task, s->task.id ? 1 : 0 };
    return compute_report(cx, &sync, &host_id);
}

static void report(struct says says)
{
    assert_true(write_as(who_system(), run_report, &says) >= 0);
}

static void host(const char *name)
{
    report((struct says){ .host = name });
}

struct found {
    const char *id;
    struct server server;
};
static int run_find(struct cx *cx, void *arg)
{
    struct found *f = arg;
    return server_find(cx, f->id, &f->server);
}

/* The row; only its numbers and those strings that are compared before the next call may be used. */
static struct server row(const char *id)
{
    CLEAN_CX cx;
    struct found f = { .id = id };
    cx_begin(&cx);
    assert_int_equal(store_read_begin(world.store, &cx), 0);
    assert_int_equal(run_find(&cx, &f), 1);
    store_read_end(&cx);
    f.server.want_power = arena_strdup(arena, f.server.want_power);
    f.server.vm_state = arena_strdup(arena, f.server.vm_state);
    f.server.task_state = arena_strdup(arena, f.server.task_state);
    f.server.host_id = arena_strdup(arena, f.server.host_id);
    f.server.fault_message = arena_strdup(arena, f.server.fault_message);
    return f.server;
}

static int64_t number(const char *sql)
{
    CLEAN_CX cx;
    int64_t n = -1;
    cx_begin(&cx);
    assert_int_equal(store_read_begin(world.store, &cx), 0);
    assert_true(store_int(&cx, &n, sql, NO_ARGS) >= 0);
    store_read_end(&cx);
    return n;
}

/* The host has done what the row wants now. */
static void settle(const char *host_name, const char *id)
{
    struct server s = row(id);
    report((struct says){ .host = host_name, .n_guests = 1, .n_holds = 1, .holds = { id },
                          .guests = { { .id = id, .gen = s.gen, .phase = "ready", .power = s.want_power, .boot_n = s.boot_n } } });
}

static const char *boot(const char *token, const char *name)
{
    struct reply r = call(token, "POST", "/servers",
                          P("{\"server\":{\"name\":\"%s\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE "\"}}", name));
    expect(r, 202);
    return text(r, "server/id");
}

/* One that runs on host h1. */
static const char *boot_active(const char *token, const char *name)
{
    host("h1");
    const char *id = boot(token, name);
    settle("h1", id);
    assert_string_equal(row(id).vm_state, "active");
    return id;
}

static struct reply act(const char *token, const char *id, const char *body)
{
    return call(token, "POST", P("/servers/%s/action", id), body);
}

#define NOVA_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
