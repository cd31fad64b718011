#include "cli/api.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/confs.h"
#include "cli/daemons.h"
#include "cli/files.h"
#include "cli/process.h"
#include "http/client.h"
#include "json/read.h"
#include "json/writer.h"

enum { WAIT_S = 30, UPLOAD_MS = 600000, ERROR_SHOWN = 300 };

struct api {
    struct cli *cli;
    struct http_client *http;
    const char *token;
};

static void drop(void *http)
{
    http_client_free(http);
}

static struct api *api_new(struct cli *cli)
{
    struct api *api = cx_alloc(cli->cx, sizeof *api);
    const struct http_client_config config = { .ca_file = cli_config_file(cli, "ca.pem"),
                                               .user_agent = "alamo" };

    api->cli = cli;
    api->http = http_client_new(&config);
    arena_defer(cli->cx->arena, drop, api->http);
    return api;
}

/* What the server says in its error body, on one line. */
static const char *said(struct cli *cli, const struct http_answer *answer)
{
    char *text = arena_strndup(cli->cx->arena, answer->body ? answer->body : "", ERROR_SHOWN);

    for (char *c = text; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    return text;
}

static int call_failed(struct api *api, const struct http_call *call, const struct http_answer *answer, int r)
{
    struct cx *cx = api->cli->cx;

    if (r < 0)
        return fail(cx, KIND_UNAVAILABLE, "%s %s: %s", call->method, call->url,
                    answer->error ? answer->error : strerror(-r));
    enum kind kind = answer->status == 404   ? KIND_NOT_FOUND
                     : answer->status == 401 ? KIND_UNAUTHENTICATED
                     : answer->status == 409 ? KIND_CONFLICT
                                             : KIND_INTERNAL;
    return fail(cx, kind, "%s %s: %d %s", call->method, call->url, answer->status, said(api->cli, answer));
}

static int call(struct api *api, struct http_call *call, struct http_answer *ret_answer)
{
    const char *headers[][2] = { { "Accept", "application/json" },
                                 { "Content-Type",
                                   call->upload_fd > 0 ? "application/octet-stream" : "application/json" },
                                 { "X-Auth-Token", api->token } };

    call->headers = (const char *const(*)[2])headers;
    call->n_headers = api->token ? 3 : 2;
    memset(ret_answer, 0, sizeof *ret_answer);
    int r = http_client_call(api->http, api->cli->cx->arena, call, ret_answer);
    return r < 0 || ret_answer->status / 100 != 2 ? call_failed(api, call, ret_answer, r) : 0;
}

static int read_answer(struct api *api, const struct http_answer *answer, const struct field *table,
                       void *obj)
{
    const struct json_t *doc;

    if (!table)
        return 0;
    TRY(json_parse(api->cli->cx, answer->body ? answer->body : "", answer->body_len, &doc));
    return json_read(api->cli->cx, table, doc, (struct json_rules){ .lenient = true, .admin = true }, obj);
}

static const char *url_of(struct api *api, const char *path)
{
    return cx_printf(api->cli->cx, "%s%s", confs_url(api->cli), path);
}

const char *api_path(struct api *api, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return cx_strdup(api->cli->cx, text);
}

int api_send(struct api *api, const char *method, const char *path, const char *body,
             const struct field *table, void *obj)
{
    struct http_answer answer;
    struct http_call c = {
        .method = method, .url = url_of(api, path), .body = body, .body_len = body ? strlen(body) : 0
    };

    TRY(call(api, &c, &answer));
    return read_answer(api, &answer, table, obj);
}

int api_get(struct api *api, const char *path, const struct field *table, void *obj)
{
    return api_send(api, "GET", path, NULL, table, obj);
}

int api_upload(struct api *api, const char *path, const char *file)
{
    struct http_answer answer;
    CLEAN_FD fd = open(file, O_RDONLY | O_CLOEXEC);
    struct http_call c = {
        .method = "PUT", .url = url_of(api, path), .upload_fd = fd, .timeout_ms = UPLOAD_MS
    };

    if (fd < 0)
        return fail(api->cli->cx, KIND_NOT_FOUND, "%s: %s", file, strerror(errno));
    return call(api, &c, &answer);
}

int api_plain_get(struct cli *cli, const char *url, int *ret_status)
{
    struct http_answer answer = { 0 };
    const struct http_client_config config = { .user_agent = "alamo" };
    struct http_client *http = http_client_new(&config);
    const struct http_call c = {
        .method = "GET", .url = url, .timeout_ms = 3000, .connect_timeout_ms = 2000
    };

    int r = http_client_call(http, cli->cx->arena, &c, &answer);
    http_client_free(http);
    *ret_status = answer.status;
    return r;
}

/* ---- waiting ---- */

bool api_answers(struct cli *cli)
{
    int r = api_get(api_new(cli), "/healthcheck", NULL, NULL);
    fail_clear(cli->cx);
    return r == 0;
}

int api_wait(struct cli *cli)
{
    int64_t deadline_us = monotonic_us() + WAIT_S * 1000000 * slow_factor();
    struct api *api = api_new(cli);

    while (api_get(api, "/healthcheck", NULL, NULL) < 0) {
        if (monotonic_us() > deadline_us)
            return fail(cli->cx, KIND_UNAVAILABLE, "the API does not answer (%s); %s",
                        cx_strdup(cli->cx, cli->cx->text), daemons_last_words(cli, DAEMON_ALAMOD));
        fail_clear(cli->cx);
        sleep_ms(20);
    }
    return 0;
}

/* ---- logging in ---- */

static const char *login_body(struct cli *cli, const char *user, const char *project, const char *password)
{
    struct jwriter w = jwriter_new(cli->cx->arena);

    jw_object(&w), jw_key(&w, "auth"), jw_object(&w);
    jw_key(&w, "identity"), jw_object(&w);
    jw_key(&w, "methods"), jw_array(&w), jw_string(&w, "password"), jw_end(&w);
    jw_key(&w, "password"), jw_object(&w), jw_key(&w, "user"), jw_object(&w);
    jw_kv(&w, "name", user), jw_kv(&w, "password", password);
    jw_key(&w, "domain"), jw_object(&w), jw_kv(&w, "id", "default"), jw_end(&w);
    jw_end(&w), jw_end(&w), jw_end(&w);
    jw_key(&w, "scope"), jw_object(&w), jw_key(&w, "project"), jw_object(&w);
    jw_kv(&w, "name", project);
    jw_key(&w, "domain"), jw_object(&w), jw_kv(&w, "id", "default"), jw_end(&w);
    jw_end(&w), jw_end(&w);
    jw_end(&w), jw_end(&w);
    return buf_text(&w.out);
}

static int login(struct api *api, const char *user, const char *password)
{
    struct http_answer answer;
    const char *body = login_body(api->cli, user, user, password);
    struct http_call c = { .method = "POST",
                           .url = url_of(api, "/identity/v3/auth/tokens"),
                           .body = body,
                           .body_len = strlen(body) };

    TRY(call(api, &c, &answer));
    api->token = http_answer_header(&answer, "x-subject-token");
    return api->token ? 0 : fail(api->cli->cx, KIND_INTERNAL, "the answer to the login holds no token");
}

static int login_as(struct cli *cli, const char *user, const char *file, struct api **ret_api)
{
    const char *path = cli_config_file(cli, file), *password;

    TRY(files_read(cli, path, &password));
    if (!password)
        return fail(cli->cx, KIND_UNAVAILABLE, "there is no %s: run alamo up", path);
    char *line = cx_strdup(cli->cx, password);
    line[strcspn(line, "\r\n")] = 0;
    struct api *api = api_new(cli);
    int r = login(api, user, line);
    const char *other = getenv("OS_PASSWORD"), *other_user = getenv("OS_USERNAME");
    if (r < 0 && cli->cx->kind == KIND_UNAUTHENTICATED && other && str_eq(other_user, user)) {
        fail_clear(cli->cx);
        r = login(api, user, other);
    }
    if (r < 0 && cli->cx->kind == KIND_UNAUTHENTICATED)
        return fail(cli->cx, KIND_UNAUTHENTICATED,
                    "%s's password is not the one in %s any more: write the new one there, or set "
                    "OS_USERNAME and OS_PASSWORD",
                    user, path);
    TRY(r);
    *ret_api = api;
    return 0;
}

int api_login_admin(struct cli *cli, struct api **ret_api)
{
    if (!cli->admin)
        TRY(login_as(cli, "admin", "admin.password", &cli->admin));
    *ret_api = cli->admin;
    return 0;
}

int api_login_demo(struct cli *cli, struct api **ret_api)
{
    if (!cli->demo)
        TRY(login_as(cli, cli->settings.demo_user, "demo.password", &cli->demo));
    *ret_api = cli->demo;
    return 0;
}
