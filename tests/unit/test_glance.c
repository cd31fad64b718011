/* The Image API over a real socket: bodies, statuses, and what uploads leave behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours, of base/cx.h */

#include <arpa/inet.h>
#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/core/contexts.h"
#include "api/core/core.h"
#include "api/glance/face.h"
#include "auth/password.h"
#include "base/log.h"
#include "http/client.h"
#include "image/sweep.h"
#include "store/migrations.h"

/* ---- a cloud with images only ---- */

static struct world {
    char directory[64], images_directory[80];
    struct inspector *inspector;
    struct store *store;
    struct images *images;
    struct hash_pool *pool;
    struct face_contexts contexts;
    struct core *core;
    struct http_server *server;
    struct http_client *client;
    char url[64];
} world;

/* A token is "PROJECT" or "PROJECT:ROLE". */
static int authenticate(struct cx *cx, void *arg, const char *token, const struct who **ret_who)
{
    struct who *who = cx_alloc(cx, sizeof *who);
    const char *colon = strchr(token, ':'), *role = colon ? colon + 1 : "member";

    who->project_id = arena_strndup(cx->arena, token, colon ? (size_t)(colon - token) : strlen(token));
    who->user_id = "user";
    who->is_admin = str_eq(role, "admin");
    who->is_member = who->is_admin || str_eq(role, "member");
    who->is_reader = who->is_member || str_eq(role, "reader");
    *ret_who = who;
    return 0;
}

static void start_core(void)
{
    static const struct face *const faces[] = { &glance_face, NULL };
    const struct http_config http = { .threads = 2 };

    world.contexts = (struct face_contexts){ .images = world.images };
    world.core = core_new(&(struct core_config){ .store = world.store,
                                                 .pool = world.pool,
                                                 .base_url = "https://cloud",
                                                 .faces = faces,
                                                 .authenticate = authenticate,
                                                 .user = &world.contexts,
                                                 .realm_url = "https://cloud/identity" });
    const struct http_handler handler = core_http_handler(world.core);
    assert_int_equal(http_server_start(&world.server, &http, &handler), 0);
    snprintf(world.url, sizeof world.url, "http://127.0.0.1:%u/image", http_server_port(world.server));
}

static int set_up(void **state)
{
    const struct store_config config = { .path = ":memory:" };

    log_level_set(LOG_ERROR);
    assert_int_equal(inspector_start(&world.inspector, NULL), 0); /* before there are threads */
    snprintf(world.directory, sizeof world.directory, "/tmp/alamo-test-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    snprintf(world.images_directory, sizeof world.images_directory, "%s/images", world.directory);
    assert_int_equal(images_open(&world.images, world.images_directory, world.inspector), 0);
    assert_int_equal(store_open(&world.store, &config, store_migrations, n_store_migrations), 0);
    assert_int_equal(hash_pool_new(&world.pool, 1, 0), 0);
    world.client = http_client_new(&(struct http_client_config){ 0 });
    start_core();
    return 0;
}

static int tear_down(void **state)
{
    http_client_free(world.client);
    http_server_stop(world.server);
    core_free(world.core);
    hash_pool_free(world.pool);
    store_close(world.store);
    images_close(world.images);
    inspector_stop(world.inspector);
    DIR *dir = opendir(world.images_directory);
    for (struct dirent *e; (e = readdir(dir));)
        unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(world.images_directory);
    return rmdir(world.directory);
}

static unsigned files_n(void)
{
    DIR *dir = opendir(world.images_directory);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* ---- calls ---- */

static struct arena *arena; /* of the test that runs */

static int new_arena(void **state)
{
    arena = arena_new();
    return 0;
}

static int drop_arena(void **state)
{
    arena_free(arena);
    return 0;
}

struct reply {
    int status;
    json_t *json; /* NULL when the body is none */
    struct http_answer answer;
};

static void drop_json(void *p)
{
    json_decref(p);
}

struct extra {
    const char *type, *range, *accept;
};

static struct reply call_with(const char *token, const char *method, const char *path, const void *body,
                              size_t n, struct extra extra)
{
    const char *headers[5][2] = { { "X-Auth-Token", token } };
    size_t n_headers = 1;
    struct reply r;

    if (extra.type) {
        headers[n_headers][0] = "Content-Type";
        headers[n_headers++][1] = extra.type;
    }
    headers[n_headers][0] = "Accept";
    headers[n_headers++][1] = extra.accept ? extra.accept : "application/json";
    if (extra.range) {
        headers[n_headers][0] = "Range";
        headers[n_headers++][1] = extra.range;
    }
    const struct http_call call = { .method = method,
                                    .url = arena_printf(arena, "%s%s", world.url, path),
                                    .headers = (const char *const(*)[2])headers,
                                    .n_headers = n_headers,
                                    .body = body,
                                    .body_len = n };
    assert_int_equal(http_client_call(world.client, arena, &call, &r.answer), 0);
    r.status = r.answer.status;
    r.json = json_loadb(r.answer.body, r.answer.body_len, 0, NULL);
    if (r.json)
        arena_defer(arena, drop_json, r.json);
    return r;
}

static struct reply call(const char *token, const char *method, const char *path, const char *body)
{
    return call_with(token, method, path, body, body ? strlen(body) : 0,
                     (struct extra){ .type = "application/json" });
}

#define P(...) arena_printf(arena, __VA_ARGS__)

static const char *text(struct reply r, const char *member)
{
    return json_string_value(json_object_get(r.json, member));
}

static const char *make(const char *token, const char *body)
{
    struct reply r = call(token, "POST", "/v2/images", body);
    assert_int_equal(r.status, 201);
    return text(r, "id");
}

static int upload(const char *token, const char *id, const void *data, size_t n)
{
    return call_with(token, "PUT", P("/v2/images/%s/file", id), data, n,
                     (struct extra){ .type = "application/octet-stream" })
        .status;
}

static struct reply patch(const char *token, const char *id, const char *ops)
{
    return call_with(token, "PATCH", P("/v2/images/%s", id), ops, strlen(ops),
                     (struct extra){ .type = "application/openstack-images-v2.1-json-patch" });
}

static struct reply show(const char *token, const char *id)
{
    return call(token, "GET", P("/v2/images/%s", id), NULL);
}

static struct reply download(const char *token, const char *id, const char *range)
{
    return call_with(token, "GET", P("/v2/images/%s/file", id), NULL, 0, (struct extra){ .range = range });
}

/* The names in a list of images, each followed by a space. */
static const char *names(const char *token, const char *query)
{
    struct reply r = call(token, "GET", P("/v2/images%s", query), NULL);
    const char *out = "";
    json_t *image;
    size_t i;

    if (r.status != 200)
        return P("%d", r.status);
    json_array_foreach(json_object_get(r.json, "images"), i, image) out =
        P("%s%s ", out, json_string_value(json_object_get(image, "name")));
    return out;
}

#define RAW "\"disk_format\":\"raw\",\"container_format\":\"bare\""
#define QCOW2 "\"disk_format\":\"qcow2\",\"container_format\":\"bare\""

/* ---- tests ---- */

static void test_versions(void **state)
{
    struct reply r = call("p", "GET", "/", NULL);
    assert_int_equal(r.status, 300);
    json_t *first = json_array_get(json_object_get(r.json, "versions"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "status")), "CURRENT");
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(json_object_get(first, "links"), 0), "href")),
        "https://cloud/image/v2/");
    assert_int_equal(call("p", "GET", "", NULL).status, 300);
    assert_int_equal(call("p", "GET", "/versions", NULL).status, 200);
    assert_int_equal(call("p", "GET", "/v2/", NULL).status, 200);
}

/* Image's own client takes anything and chokes on JSON that is flat; so it gets text, as from Image itself. */
static void test_errors(void **state)
{
    struct reply r = show("p", "nothing");
    assert_int_equal(r.status, 404);
    assert_string_equal(text(r, "code"), "404 Not Found");
    assert_string_equal(text(r, "message"), "No image found with ID nothing");
    r = call_with("p", "GET", "/v2/images/nothing", NULL, 0, (struct extra){ .accept = "*/*" });
    assert_int_equal(r.status, 404);
    assert_null(r.json);
    assert_string_equal(http_answer_header(&r.answer, "content-type"), "text/plain; charset=UTF-8");
    assert_string_equal(r.answer.body, "No image found with ID nothing");
}

static void test_life(void **state)
{
    struct reply r = call("p1", "POST", "/v2/images",
                          "{\"name\":\"one\"," RAW ",\"login_user\":\"alamo\",\"tags\":[\"b\",\"a\",\"b\"]}");
    char data[3000];

    memset(data, 'x', sizeof data);
    assert_int_equal(r.status, 201);
    const char *id = text(r, "id");
    assert_string_equal(http_answer_header(&r.answer, "location"), P("https://cloud/image/v2/images/%s", id));
    assert_string_equal(text(r, "status"), "queued");
    assert_string_equal(text(r, "visibility"), "shared");
    assert_string_equal(text(r, "owner"), "p1");
    assert_string_equal(text(r, "login_user"), "alamo");
    assert_string_equal(text(r, "file"), P("/v2/images/%s/file", id));
    assert_true(json_is_null(json_object_get(r.json, "size")));
    assert_true(json_is_null(json_object_get(r.json, "checksum")));
    assert_int_equal(json_array_size(json_object_get(r.json, "tags")), 2);
    assert_int_equal(download("p1", id, NULL).status, 204);
    assert_int_equal(upload("p1", id, data, sizeof data), 204);
    r = show("p1", id);
    assert_string_equal(text(r, "status"), "active");
    assert_int_equal(json_integer_value(json_object_get(r.json, "size")), 3000);
    assert_string_equal(text(r, "checksum"), "33d7ac42e3aa0f3146843833c23e4365");
    assert_int_equal(strlen(text(r, "os_hash_value")), 128);
    assert_int_equal(upload("p1", id, data, sizeof data), 409);
    r = download("p1", id, NULL);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.answer.body_len, 3000);
    assert_memory_equal(r.answer.body, data, sizeof data);
    assert_string_equal(http_answer_header(&r.answer, "content-md5"), text(show("p1", id), "checksum"));
    assert_int_equal(call("p1", "DELETE", P("/v2/images/%s", id), NULL).status, 204);
    assert_int_equal(show("p1", id).status, 404);
    assert_int_equal(call("p1", "DELETE", P("/v2/images/%s", id), NULL).status, 404);
    assert_int_equal(call("p1", "POST", "/v2/images", P("{\"id\":\"%s\"}", id)).status, 409);
    assert_int_equal(files_n(), 1); /* until it is swept */
    images_sweep(world.store, world.images);
    assert_int_equal(files_n(), 0);
}

static void test_ranges(void **state)
{
    const char *id = make("p1", "{\"name\":\"ranges\"," RAW "}");
    static const struct {
        const char *range;
        int status;
        const char *body, *content_range;
    } cases[] = {
        { "bytes=0-3", 206, "0123", "bytes 0-3/10" },
        { "bytes=7-", 206, "789", "bytes 7-9/10" },
        { "bytes=-2", 206, "89", "bytes 8-9/10" },
        { "bytes=-20", 206, "0123456789", "bytes 0-9/10" },
        { "bytes=5-99", 206, "56789", "bytes 5-9/10" },
        { "bytes=10-", 416, NULL, "bytes */10" },
        { "bytes=-0", 416, NULL, "bytes */10" },
        { "bytes=4-2", 200, "0123456789", NULL },
        { "bytes=0-1,4-5", 200, "0123456789", NULL },
        { "lines=1-2", 200, "0123456789", NULL },
        { "bytes=-", 200, "0123456789", NULL },
        { "bytes=99999999999999999999-", 200, "0123456789", NULL },
    };

    assert_int_equal(upload("p1", id, "0123456789", 10), 204);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct reply r = download("p1", id, cases[i].range);
        assert_int_equal(r.status, cases[i].status);
        if (cases[i].body)
            assert_string_equal(r.answer.body, cases[i].body);
        if (cases[i].content_range)
            assert_string_equal(http_answer_header(&r.answer, "content-range"), cases[i].content_range);
    }
}

/* An image that refers to a file of the host is refused, leaves no byte, and can be sent again. */
static void test_evil(void **state)
{
    const char *id = make("p1", "{\"name\":\"evil\"," QCOW2 "}");
    unsigned before = files_n();
    unsigned char qcow2[1024] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 2,  0, 0, 0, 0,
                                  0,   0,   2,   0,    0, 0, 0, 11, 0, 0, 0, 16 };
    memcpy(qcow2 + 512, "/etc/passwd", 11);

    struct reply r = call_with("p1", "PUT", P("/v2/images/%s/file", id), qcow2, sizeof qcow2,
                               (struct extra){ .type = "application/octet-stream" });
    assert_int_equal(r.status, 400);
    assert_string_equal(text(r, "title"), "Bad Request");
    assert_string_equal(text(show("p1", id), "status"), "queued");
    assert_int_equal(files_n(), before);
}

/* Bytes of no known kind are kept as they came, but no server is made of them. */
static void test_unknown_bytes(void **state)
{
    const char *id = make("p1", "{\"name\":\"odd\"," QCOW2 "}");
    const struct who who = { .project_id = "p1", .is_member = true, .is_reader = true };
    struct image image;
    CLEAN_CX cx;

    assert_int_equal(upload("p1", id, "not a qcow2 at all", 18), 204);
    assert_string_equal(text(show("p1", id), "status"), "active");
    cx_begin(&cx);
    assert_int_equal(store_read_begin(world.store, &cx), 0);
    cx.who = &who;
    assert_int_equal(image_for_boot(&cx, id, &image), -EINVAL);
    assert_non_null(strstr(cx.text, "declared as qcow2"));
    store_read_end(&cx);
}

static void test_upload_refusals(void **state)
{
    const char *id = make("p1", "{\"name\":\"refused\"}");

    assert_int_equal(upload("p1", id, "x", 1), 400); /* no formats */
    assert_int_equal(upload("p2", id, "x", 1), 404);
    assert_int_equal(upload("p1:reader", id, "x", 1), 403);
    id = make("p1", "{\"name\":\"refused\"," RAW "}");
    assert_int_equal(
        call_with("p1", "PUT", P("/v2/images/%s/file", id), "x", 1, (struct extra){ .type = "text/plain" })
            .status,
        415);
    assert_string_equal(text(show("p1", id), "status"), "queued");
    assert_int_equal(upload("p1", id, "x", 1), 204);
    assert_int_equal(call("p1", "POST", P("/v2/images/%s/actions/deactivate", id), NULL).status, 204);
    assert_string_equal(text(show("p1", id), "status"), "deactivated");
    assert_int_equal(download("p1", id, NULL).status, 403);
    assert_int_equal(download("p9:admin", id, NULL).status, 200);
    assert_int_equal(call("p1", "POST", P("/v2/images/%s/actions/reactivate", id), NULL).status, 204);
    assert_int_equal(download("p1", id, NULL).status, 200);
}

/* ---- uploads that break off ---- */

static int dial(void)
{
    unsigned port = (unsigned)atoi(strrchr(world.url, ':') + 1);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void begin_upload(int fd, const char *id)
{
    const char *head =
        P("PUT /image/v2/images/%s/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: p1\r\nContent-Type: "
          "application/octet-stream\r\nContent-Length: 100000\r\n\r\nthe beginning",
          id);
    assert_int_equal(write(fd, head, strlen(head)), strlen(head));
}

static void wait_for_status(const char *id, const char *status)
{
    for (int i = 0; i < 500 && !str_eq(text(show("p1", id), "status"), status); i++)
        usleep(10000);
    assert_string_equal(text(show("p1", id), "status"), status);
}

static void test_broken_off(void **state)
{
    const char *id = make("p1", "{\"name\":\"broken\"," RAW "}");
    unsigned before = files_n();
    int fd = dial();

    begin_upload(fd, id);
    wait_for_status(id, "saving");
    assert_int_equal(upload("p1", id, "x", 1), 409);
    assert_int_equal(
        patch("p1", id, "[{\"op\":\"replace\",\"path\":\"/disk_format\",\"value\":\"iso\"}]").status, 403);
    close(fd);
    wait_for_status(id, "queued");
    assert_int_equal(files_n(), before);
    assert_int_equal(upload("p1", id, "x", 1), 204);
}

static void test_deleted_while_saving(void **state)
{
    const char *id = make("p1", "{\"name\":\"deleted\"," RAW "}");
    unsigned before = files_n();
    char rest[100000], reply[256] = "";
    int fd = dial();

    begin_upload(fd, id);
    wait_for_status(id, "saving");
    assert_int_equal(call("p1", "DELETE", P("/v2/images/%s", id), NULL).status, 204);
    images_sweep(world.store, world.images);
    memset(rest, 'y', sizeof rest);
    size_t left = 100000 - strlen("the beginning");
    for (ssize_t n; left && (n = write(fd, rest, left)) > 0;)
        left -= (size_t)n;
    assert_true(read(fd, reply, sizeof reply - 1) > 0);
    assert_memory_equal(reply, "HTTP/1.1 404", 12);
    close(fd);
    for (int i = 0; i < 500 && files_n() != before; i++)
        usleep(10000);
    assert_int_equal(files_n(), before);
}

/* A limit on the size of files stands for a full disk. */
static void test_no_room(void **state)
{
    const char *id = make("p1", "{\"name\":\"big\"," RAW "}");
    const size_t n = 9u << 20;
    char *data = calloc(1, n);
    unsigned before = files_n();
    struct rlimit was, limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    limit = was;
    limit.rlim_cur = 8u << 20;
    setrlimit(RLIMIT_FSIZE, &limit);
    struct reply r = call_with("p1", "PUT", P("/v2/images/%s/file", id), data, n,
                               (struct extra){ .type = "application/octet-stream" });
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(text(r, "message"), "Free room"));
    assert_string_equal(text(show("p1", id), "status"), "queued");
    assert_int_equal(files_n(), before);
    setrlimit(RLIMIT_FSIZE, &was);
    assert_int_equal(upload("p1", id, data, n), 204);
    free(data);
}

/* ---- bodies ---- */

static void test_bodies(void **state)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        { "", 400 },
        { "[]", 400 },
        { "{\"disk_format\":\"wrong\"}", 400 },
        { "{\"container_format\":\"wrong\"}", 400 },
        { "{\"visibility\":\"secret\"}", 400 },
        { "{\"visibility\":\"public\"}", 403 },
        { "{\"owner\":\"p2\"}", 403 },
        { "{\"owner\":\"\"}", 400 },
        { "{\"min_disk\":-1}", 400 },
        { "{\"min_ram\":\"1\"}", 400 },
        { "{\"protected\":\"yes\"}", 400 },
        { "{\"tags\":[1]}", 400 },
        { "{\"tags\":[\"\"]}", 400 },
        { "{\"id\":\"../../etc/passwd\"}", 400 },
        { "{\"status\":\"active\"}", 403 },
        { "{\"size\":1}", 403 },
        { "{\"locations\":[]}", 403 },
        { "{\"locations\":\"x\"}", 403 },
        { "{\"os_glance_foo\":\"bar\"}", 403 },
        { "{\"speed\":5}", 400 },
        { "{\"\":\"x\"}", 400 },
        { "{\"name\":null}", 201 },
        { "{\"id\":\"4fbd3e7a-5a5c-4a4c-9d0e-9d1f3f6f5b11\"}", 201 },
        { "{\"id\":\"4fbd3e7a-5a5c-4a4c-9d0e-9d1f3f6f5b11\"}", 409 },
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct reply r = call("p1", "POST", "/v2/images", cases[i].body);
        if (r.status != cases[i].status)
            print_error("%s: %d %s\n", cases[i].body, r.status, r.answer.body);
        assert_int_equal(r.status, cases[i].status);
    }
    assert_int_equal(
        call("p9:admin", "POST", "/v2/images", "{\"visibility\":\"public\",\"owner\":\"p2\"}").status, 201);
    assert_int_equal(call("p1:reader", "POST", "/v2/images", "{}").status, 403);
    assert_int_equal(call("p1", "GET", "/v2/images/", NULL).status, 404); /* an image with an empty id */
    assert_int_equal(call("p1", "DELETE", "/v2/images/", NULL).status, 404);
}

static void test_patch(void **state)
{
    const char *id = make("p1", "{\"name\":\"before\"," RAW ",\"a\":\"1\"}");
    static const struct {
        const char *ops;
        int status;
        const char *member, *value; /* afterwards; value NULL: it is not there */
    } cases[] = {
        { "[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"after\"}]", 200, "name", "after" },
        { "[{\"replace\":\"/name\",\"value\":\"older\"}]", 200, "name", "older" },
        { "[{\"op\":\"add\",\"path\":\"/b\",\"value\":\"2\"},{\"op\":\"replace\",\"path\":\"/"
          "a\",\"value\":\"3\"}]",
          200, "a", "3" },
        { "[{\"op\":\"add\",\"path\":\"/b\",\"value\":\"4\"}]", 200, "b", "4" },
        { "[{\"op\":\"add\",\"path\":\"/x~1y~0z\",\"value\":\"5\"}]", 200, "x/y~z", "5" },
        { "[{\"op\":\"remove\",\"path\":\"/a\"}]", 200, "a", NULL },
        { "[]", 200, "b", "4" },
        { "[{\"op\":\"remove\",\"path\":\"/a\"}]", 409, "a", NULL },
        { "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":\"3\"}]", 409, "a", NULL },
        /* all or nothing */
        { "[{\"op\":\"add\",\"path\":\"/a\",\"value\":\"3\"},{\"op\":\"remove\",\"path\":\"/none\"}]", 409,
          "a", NULL },
        { "[{\"op\":\"remove\",\"path\":\"/name\"}]", 403, "name", "older" },
        { "[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"active\"}]", 403, "status", "queued" },
        { "[{\"op\":\"replace\",\"path\":\"/id\",\"value\":\"x\"}]", 403, "name", "older" },
        { "[{\"op\":\"replace\",\"path\":\"/owner\",\"value\":\"p2\"}]", 403, "owner", "p1" },
        { "[{\"op\":\"replace\",\"path\":\"/visibility\",\"value\":\"public\"}]", 403, "visibility",
          "shared" },
        { "[{\"op\":\"replace\",\"path\":\"/visibility\",\"value\":\"community\"}]", 200, "visibility",
          "community" },
        { "[{\"op\":\"add\",\"path\":\"/os_glance_x\",\"value\":\"1\"}]", 403, "os_glance_x", NULL },
        { "[{\"op\":\"add\",\"path\":\"/locations/-\",\"value\":\"1\"}]", 400, "locations", NULL },
        { "[{\"op\":\"add\",\"path\":\"/c\"}]", 400, "c", NULL },
        { "[{\"op\":\"add\",\"path\":\"/c\",\"value\":1}]", 400, "c", NULL },
        { "[{\"op\":\"add\",\"path\":\"c\",\"value\":\"1\"}]", 400, "c", NULL },
        { "[{\"op\":\"add\",\"path\":\"/\",\"value\":\"1\"}]", 400, "c", NULL },
        { "[{\"op\":\"add\",\"path\":\"/c~2\",\"value\":\"1\"}]", 400, "c~2", NULL },
        { "[{\"op\":\"add\",\"path\":\"/c~\",\"value\":\"1\"}]", 400, "c~", NULL },
        { "[{\"op\":\"move\",\"path\":\"/c\",\"value\":\"1\"}]", 400, "c", NULL },
        { "[{\"add\":\"/c\",\"remove\":\"/c\",\"value\":\"1\"}]", 400, "c", NULL },
        { "[{\"op\":\"add\",\"add\":\"/c\",\"value\":\"1\"}]", 400, "c", NULL },
        { "[{\"value\":\"1\"}]", 400, "c", NULL },
        { "[1]", 400, "c", NULL },
        { "{}", 400, "c", NULL },
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct reply r = patch("p1", id, cases[i].ops);
        if (r.status != cases[i].status)
            print_error("%s: %d %s\n", cases[i].ops, r.status, r.answer.body);
        assert_int_equal(r.status, cases[i].status);
        const char *now = text(show("p1", id), cases[i].member);
        if (cases[i].value)
            assert_string_equal(now, cases[i].value);
        else
            assert_null(now);
    }
    assert_int_equal(call("p1", "PATCH", P("/v2/images/%s", id), "[]").status, 415);
    assert_int_equal(patch("p2", id, "[]").status, 403); /* community: seen, but another's */
    assert_int_equal(
        patch("p9:admin", id, "[{\"op\":\"replace\",\"path\":\"/visibility\",\"value\":\"public\"}]").status,
        200);
    /* its owner may go on changing what an admin made public */
    assert_int_equal(patch("p1", id, "[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"mine\"}]").status,
                     200);
    call("p1", "DELETE", P("/v2/images/%s", id), NULL);
}

static void test_limits(void **state)
{
    const char *id = make("p1", "{\"name\":\"limits\"}"), *ops = "";

    for (int i = 0; i < 129; i++)
        ops = P("%s%s{\"op\":\"add\",\"path\":\"/p%d\",\"value\":\"v\"}", ops, i ? "," : "", i);
    assert_int_equal(patch("p1", id, P("[%s]", ops)).status, 413);
    for (int i = 0; i < 128; i++)
        assert_int_equal(call("p1", "PUT", P("/v2/images/%s/tags/t%d", id, i), NULL).status, 204);
    assert_int_equal(call("p1", "PUT", P("/v2/images/%s/tags/t", id), NULL).status, 413);
    assert_int_equal(call("p1", "PUT", P("/v2/images/%s/tags/t1", id), NULL).status, 204); /* it is there */
    assert_int_equal(call("p1", "DELETE", P("/v2/images/%s/tags/t1", id), NULL).status, 204);
    assert_int_equal(call("p1", "DELETE", P("/v2/images/%s/tags/t1", id), NULL).status, 404);
    assert_int_equal(call("p2", "PUT", P("/v2/images/%s/tags/t", id), NULL).status, 404);
    char *long_name = arena_alloc(arena, 258);
    memset(long_name, 'n', 256);
    assert_int_equal(
        patch("p1", id, P("[{\"op\":\"add\",\"path\":\"/%s\",\"value\":\"v\"}]", long_name)).status, 400);
    assert_int_equal(call("p1", "PUT", P("/v2/images/%s/tags/%s", id, long_name), NULL).status, 400);
}

/* ---- lists ---- */

static void test_list(void **state)
{
    make("l", "{\"name\":\"a\"," RAW ",\"os\":\"linux\",\"tags\":[\"x\",\"y\"]}");
    const char *b = make("l", "{\"name\":\"b\"," QCOW2 ",\"os\":\"linux\",\"min_ram\":5}");
    const char *c =
        make("l", "{\"name\":\"c\"," RAW ",\"os\":\"bsd\",\"tags\":[\"x\"],\"visibility\":\"private\"}");
    make("l", "{\"name\":\"d\",\"os_hidden\":true}");
    const char *e = make("l", "{\"name\":\"e\",\"visibility\":\"community\",\"protected\":true}");
    static const struct {
        const char *query, *names;
    } cases[] = {
        { "", "e c b a " },
        { "&os_hidden=true", "d " },
        { "&name=b", "b " },
        { "&name=in:a,c", "c a " },
        { "&name=none", "" },
        { "&os=linux", "b a " },
        { "&os=linux&limit=1", "b " },
        { "&os=linux&name=a", "a " },
        { "&os=none", "" },
        { "&tag=x", "c a " },
        { "&tag=x&tag=y", "a " },
        { "&disk_format=raw", "c a " },
        { "&container_format=bare&disk_format=in:qcow2,iso", "b " },
        { "&min_ram=5", "b " },
        { "&min_ram=five", "400" },
        { "&status=active", "c " },
        { "&size=4", "c " },
        { "&size_min=4", "c " },
        { "&size_min=5", "" },
        { "&size_max=4", "c " },
        { "&size_max=x", "400" },
        { "&protected=true", "e " },
        { "&protected=perhaps", "400" },
        { "&visibility=private", "c " },
        { "&visibility=community", "e " },
        { "&visibility=wrong", "400" },
        { "&member_status=wrong", "400" },
        { "&sort=name:asc", "a b c e " },
        { "&sort=status:asc,name:desc", "c e b a " },
        { "&sort_key=name&sort_dir=asc", "a b c e " },
        { "&sort_key=name&sort_dir=up", "400" },
        { "&sort_key=password", "400" },
        { "&limit=2", "e c " },
        { "&limit=x", "400" },
        { "&marker=none", "400" },
        { "&created_at=gt:2020-01-01T00:00:00Z", "e c b a " },
        { "&created_at=lt:2020-01-01T00:00:00Z", "" },
        { "&created_at=neq:2020-01-01T00:00:00Z", "e c b a " },
        { "&created_at=neq:2020-01-01T00:00:00Z&limit=2", "e c " },
        { "&created_at=yesterday", "400" },
        { "&name=in:a,c", "c a " },
        { "&name=in:%22a,b%22,c", "c " },
        { "&name=in:%22a%22,%22c%22", "c a " },
    };

    assert_int_equal(upload("l", c, "1234", 4), 204);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        const char *got = names("l", P("?owner=l%s", cases[i].query));
        if (!str_eq(got, cases[i].names))
            print_error("%s: \"%s\", not \"%s\"\n", cases[i].query, got, cases[i].names);
        assert_string_equal(got, cases[i].names);
    }
    const char *now = text(show("l", c), "updated_at");
    assert_string_equal(names("l", P("?owner=l&updated_at=eq:%s&name=c", now)), "c ");
    assert_string_equal(names("l", P("?owner=l&updated_at=gte:%s&name=c", now)), "c ");
    assert_string_equal(names("l", P("?owner=l&updated_at=lte:%s&name=c", now)), "c ");
    assert_string_equal(names("l", P("?owner=l&updated_at=gt:%s&name=c", now)), "");
    /* a marker that is another's tells nothing */
    assert_string_equal(names("p2", P("?marker=%s", b)), "400");
    assert_string_equal(names("p2", P("?marker=%s", e)),
                        names("p2", "")); /* newer than all: a community image is seen */
}

static void test_pages(void **state)
{
    const char *path = "?owner=pages&limit=2&sort=name:asc", *all = "";
    int pages = 0;

    for (int i = 0; i < 5; i++)
        make("pages", P("{\"name\":\"%c\"}", 'a' + i));
    struct reply r = call("pages", "GET", P("/v2/images%s", path), NULL);
    assert_string_equal(text(r, "first"), "/v2/images?owner=pages&limit=2&sort=name:asc");
    for (const char *next = P("/v2/images%s", path); next && pages < 9; pages++) {
        all = P("%s%s", all, names("pages", next + strlen("/v2/images")));
        next = text(call("pages", "GET", next, NULL), "next");
    }
    assert_string_equal(all, "a b c d e ");
    assert_int_equal(pages, 3);
}

/* ---- who sees what ---- */

static void test_strangers(void **state)
{
    const char *id = make("p1", "{\"name\":\"mine\"," RAW ",\"visibility\":\"private\"}");
    static const struct {
        const char *method, *path, *body;
    } calls[] = {
        { "GET", "", NULL },
        { "DELETE", "", NULL },
        { "GET", "/file", NULL },
        { "PUT", "/tags/x", NULL },
        { "DELETE", "/tags/x", NULL },
        { "GET", "/members", NULL },
        { "GET", "/members/p2", NULL },
        { "DELETE", "/members/p2", NULL },
        { "POST", "/actions/deactivate", NULL },
        { "POST", "/members", "{\"member\":\"p2\"}" },
        { "PUT", "/members/p2", "{\"status\":\"accepted\"}" },
    };
    const char *random = "00000000-0000-4000-8000-000000000000";

    for (size_t i = 0; i < N_ELEMENTS(calls); i++) {
        struct reply theirs =
            call("p2", calls[i].method, P("/v2/images/%s%s", id, calls[i].path), calls[i].body);
        struct reply none =
            call("p2", calls[i].method, P("/v2/images/%s%s", random, calls[i].path), calls[i].body);
        assert_int_equal(theirs.status, 404);
        assert_int_equal(none.status, 404);
        assert_string_equal(text(theirs, "message"), P("No image found with ID %s", id));
        assert_string_equal(text(none, "message"), P("No image found with ID %s", random));
    }
}

static void test_members(void **state)
{
    const char *id = make("p1", "{\"name\":\"shared\"," RAW "}"), *path = P("/v2/images/%s/members", id);
    const char *private = make("p1", "{\"name\":\"private\",\"visibility\":\"private\"}");

    assert_int_equal(show("p2", id).status, 404);
    assert_int_equal(call("p1", "POST", P("/v2/images/%s/members", private), "{\"member\":\"p2\"}").status,
                     403);
    struct reply r = call("p1", "POST", path, "{\"member\":\"p2\"}");
    assert_int_equal(r.status, 200);
    assert_string_equal(text(r, "status"), "pending");
    assert_string_equal(text(r, "member_id"), "p2");
    assert_int_equal(call("p1", "POST", path, "{\"member\":\"p2\"}").status, 409);
    assert_int_equal(call("p1", "POST", path, "{}").status, 400);
    assert_int_equal(call("p1", "POST", path, "{\"member\":\"p3\"}").status, 200);
    assert_int_equal(show("p2", id).status, 200);
    assert_string_equal(names("p2", "?name=shared"), "");
    assert_string_equal(names("p2", "?name=shared&visibility=shared"), "");
    assert_string_equal(names("p2", "?name=shared&visibility=shared&member_status=pending"), "shared ");
    assert_string_equal(names("p2", "?name=shared&visibility=shared&member_status=all"), "shared ");
    /* the owner cannot accept, nor a member for another; a stranger sees nothing */
    assert_int_equal(call("p1", "PUT", P("%s/p2", path), "{\"status\":\"accepted\"}").status, 403);
    assert_int_equal(call("p3", "PUT", P("%s/p2", path), "{\"status\":\"accepted\"}").status, 404);
    assert_int_equal(call("p2", "PUT", P("%s/p2", path), "{\"status\":\"wrong\"}").status, 400);
    assert_int_equal(call("p2", "PUT", P("%s/p2", path), "{\"status\":\"accepted\",\"member\":\"p3\"}").status, 400);
    assert_int_equal(call("p2", "PUT", P("%s/p2", path), "{\"status\":\"accepted\",\"member\":\"p2\"}").status, 200);
    assert_string_equal(names("p2", "?name=shared"), "shared ");
    assert_int_equal(json_array_size(json_object_get(call("p1", "GET", path, NULL).json, "members")), 2);
    assert_int_equal(json_array_size(json_object_get(call("p2", "GET", path, NULL).json, "members")), 1);
    assert_int_equal(call("p2", "GET", P("%s/p3", path), NULL).status, 404);
    assert_string_equal(text(call("p1", "GET", P("%s/p2", path), NULL), "status"), "accepted");
    /* a member changes nothing of the image */
    assert_int_equal(patch("p2", id, "[]").status, 403);
    assert_int_equal(call("p2", "DELETE", P("/v2/images/%s", id), NULL).status, 403);
    assert_int_equal(call("p2", "POST", P("/v2/images/%s/actions/deactivate", id), NULL).status, 403);
    assert_int_equal(call("p2", "DELETE", P("%s/p2", path), NULL).status, 403);
    assert_int_equal(call("p2", "PUT", P("%s/p2", path), "{\"status\":\"rejected\"}").status, 200);
    assert_string_equal(names("p2", "?name=shared"), "");
    assert_int_equal(call("p1", "DELETE", P("%s/p2", path), NULL).status, 204);
    assert_int_equal(show("p2", id).status, 404);
    assert_int_equal(call("p1", "DELETE", P("%s/p2", path), NULL).status, 404);
}

static void test_protected(void **state)
{
    const char *id = make("p1", "{\"protected\":true}");

    assert_int_equal(call("p1", "DELETE", P("/v2/images/%s", id), NULL).status, 403);
    assert_int_equal(patch("p1", id, "[{\"replace\":\"/protected\",\"value\":false}]").status, 200);
    assert_int_equal(call("p1", "DELETE", P("/v2/images/%s", id), NULL).status, 204);
}

static void test_schemas(void **state)
{
    static const char *const all[] = { "image", "images", "member", "members" };

    for (size_t i = 0; i < N_ELEMENTS(all); i++) {
        struct reply r = call("p1", "GET", P("/v2/schemas/%s", all[i]), NULL);
        assert_int_equal(r.status, 200);
        assert_string_equal(text(r, "name"), all[i]);
    }
    assert_int_equal(call("p1", "GET", "/v2/schemas/task", NULL).status, 404);
    struct reply r = call("p1", "GET", "/v2/info/import", NULL);
    json_t *methods = json_object_get(json_object_get(r.json, "import-methods"), "value");
    assert_true(json_is_array(methods) && json_array_size(methods) == 0);
    assert_int_equal(call("p1", "GET", "/v2/info/stores", NULL).status, 404);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, new_arena, drop_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_versions),
        TEST(test_errors),
        TEST(test_life),
        TEST(test_ranges),
        TEST(test_evil),
        TEST(test_unknown_bytes),
        TEST(test_upload_refusals),
        TEST(test_broken_off),
        TEST(test_deleted_while_saving),
        TEST(test_no_room),
        TEST(test_bodies),
        TEST(test_patch),
        TEST(test_limits),
        TEST(test_list),
        TEST(test_pages),
        TEST(test_strangers),
        TEST(test_members),
        TEST(test_protected),
        TEST(test_schemas),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
