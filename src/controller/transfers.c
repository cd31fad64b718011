#include "controller/transfers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/who.h"
#include "base/env.h"
#include "base/log.h"
#include "compute/host.h"
#include "compute/password.h"
#include "compute/server.h"

LOG_MODULE("transfers");

static void answer(struct transfer *t, int status, const char *text)
{
    static const char *const type[][2] = { { "Content-Type", "text/plain; charset=utf-8" } };
    if (status >= 400)
        log_warn("host=%s id=%s transfer refused: %s", t->host_name, t->id, text);
    http_reply(t->http, status, (struct http_headers){ type, 1 }, text, strlen(text));
}

static int refuse(struct transfer *t)
{
    static const int statuses[KIND_N] = { [KIND_INVALID] = 400, [KIND_NOT_FOUND] = 404, [KIND_CONFLICT] = 409,
                                          [KIND_TOO_LARGE] = 413, [KIND_UNAVAILABLE] = 503 };
    int status = statuses[t->cx.kind];
    answer(t, status ? status : 500, t->cx.text ? t->cx.text : "unknown");
    return -EINVAL;
}

/* ---- which host may have what ---- */

static int servers_here(struct transfer *t, struct list *ret_servers, const char **ret_host_id)
{
    struct host host;
    t->cx.who = who_system();
    TRY(host_get_by_name(&t->cx, t->host_name, &host));
    *ret_host_id = host.id;
    return server_list_of_host(&t->cx, host.id, ret_servers);
}

static int check_image_used(struct transfer *t)
{
    struct list servers;
    const char *host_id;

    TRY(servers_here(t, &servers, &host_id));
    const struct server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++)
        if (str_eq(s[i].image_id, t->id) || str_eq(s[i].kernel_id, t->id) || str_eq(s[i].ramdisk_id, t->id))
            return 0;
    return fail(&t->cx, KIND_NOT_FOUND, "no server on this host uses image %.64s", t->id);
}

static int check_server_here(struct transfer *t)
{
    struct list servers;
    const char *host_id;

    TRY(servers_here(t, &servers, &host_id));
    const struct server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++)
        if (str_eq(s[i].id, t->id))
            return 0;
    return fail(&t->cx, KIND_NOT_FOUND, "server %.64s is not on this host", t->id);
}

static int check_snapshot_asked(struct transfer *t)
{
    struct list servers, tasks;
    const char *host_id;

    TRY(servers_here(t, &servers, &host_id));
    TRY(server_tasks_of_host(&t->cx, host_id, &tasks));
    const struct server_task *task = tasks.items;
    for (size_t i = 0; i < tasks.n; i++)
        if (str_eq(task[i].image_id, t->id))
            return 0;
    return fail(&t->cx, KIND_NOT_FOUND, "this host was not asked for image %.64s", t->id);
}

static int in_snapshot(struct transfer *t, int (*check)(struct transfer *t))
{
    TRY(store_read_begin(t->transfers->store, &t->cx));
    int r = check(t);
    store_read_end(&t->cx);
    return r;
}

/* ---- images down ---- */

static void send_image(struct transfer *t)
{
    int64_t size;
    int fd = in_snapshot(t, check_image_used);

    if (fd == 0)
        fd = images_read(&t->cx, t->transfers->images, t->id, &size);
    if (fd < 0)
        refuse(t);
    else
        http_reply_file(t->http, 200, (struct http_headers){ 0 }, fd, 0, size);
}

/* ---- snapshots up ---- */

static int open_snapshot(struct cx *cx, void *arg)
{
    struct transfer *t = arg;
    struct image image;

    TRY(check_snapshot_asked(t));
    TRY(image_get_visible(cx, t->id, &image));
    /* The agent may have given up a call that is not over here.  Its end would take along what another had brought. */
    if (str_eq(image.status, "saving"))
        return fail(cx, KIND_UNAVAILABLE, "bytes of image %.64s are coming already: try again when that is over", t->id);
    return image_begin_upload(cx, t->id, &image);
}

static int abandon_snapshot(struct cx *cx, void *arg)
{
    struct transfer *t = arg;
    return image_abandon_upload(cx, t->id);
}

static void give_back(struct transfer *t)
{
    CLEAN_CX cx;

    cx_begin(&cx);
    cx.who = who_system();
    if (store_write_wait(t->transfers->store, &cx, abandon_snapshot, t) < 0)
        log_warn("image=%s stays in saving until the next start", t->id);
}

static int begin_snapshot(struct transfer *t)
{
    TRY(store_write_wait(t->transfers->store, &t->cx, open_snapshot, t));
    int r = image_upload_begin(&t->cx, t->transfers->images, t->id, "qcow2", &t->upload);
    if (r < 0)
        give_back(t);
    return r;
}

static int finish_snapshot(struct cx *cx, void *arg)
{
    struct transfer *t = arg;
    cx->who = who_system();
    return image_finish_upload(cx, t->id, &t->received);
}

static void snapshot_finished(void *arg, int result)
{
    struct transfer *t = arg;
    t->finished = result == 0;
    if (result < 0)
        refuse(t);
    else
        answer(t, 200, "stored\n");
}

/* ---- console logs ---- */

int consoles_open(const char *directory)
{
    if (mkdir(directory, 0750) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Not synced: after a power cut the agent sends it again. */
static int store_console(struct transfer *t)
{
    char part[UUID_SIZE + 8];
    const int dir = t->transfers->console_fd;

    snprintf(part, sizeof part, "%s.part", t->id);
    CLEAN_FD fd = openat(dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 || write(fd, t->http->body, t->http->body_len) != (ssize_t)t->http->body_len ||
        renameat(dir, part, dir, t->id) < 0)
        return fail(&t->cx, KIND_UNAVAILABLE, "the console log cannot be written: %s", strerror(errno));
    return 0;
}

static void take_console(struct transfer *t)
{
    int r = in_snapshot(t, check_server_here);
    if (r == 0)
        r = store_console(t);
    if (r < 0)
        refuse(t);
    else
        answer(t, 200, "stored\n");
}

/* ---- passwords that guests post ---- */

static int keep_password(struct cx *cx, void *arg)
{
    struct transfer *t = arg;
    TRY(check_server_here(t));
    return server_password_keep(cx, t->id, t->http->body);
}

static void password_kept(void *arg, int result)
{
    if (result < 0)
        refuse(arg);
    else
        answer(arg, 200, "stored\n");
}

static void queue_write(struct transfer *t, int (*run)(struct cx *cx, void *arg), void (*done)(void *arg, int result))
{
    t->write = (struct write){ .run = run, .done = done, .arg = t, .cx = &t->cx };
    if (store_write(t->transfers->store, &t->write) < 0)
        answer(t, 503, "too many changes are waiting\n");
}

static const char *last_lines(const char *text, size_t n, int64_t lines)
{
    const char *p = text + n;

    if (lines <= 0)
        return text;
    if (p > text && p[-1] == '\n')
        p--; /* the end of the last line begins none */
    for (; p > text; p--)
        if (p[-1] == '\n' && --lines == 0)
            break;
    return p;
}

int consoles_read(struct cx *cx, void *transfers, const char *server_id, int64_t lines, const char **ret_text)
{
    const struct transfers *t = transfers;

    *ret_text = "";
    CLEAN_FD fd = uuid_valid(server_id) ? openat(t->console_fd, server_id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
        return 0;
    char *text = cx_alloc(cx, CONSOLE_MAX_BYTES + 1);
    ssize_t n = read(fd, text, CONSOLE_MAX_BYTES);
    if (n < 0)
        return fail(cx, KIND_INTERNAL, "the console log cannot be read: %s", strerror(errno));
    for (ssize_t i = 0; i < n; i++)
        if (!text[i])
            text[i] = ' '; /* a guest's NUL would hide what follows it */
    *ret_text = last_lines(text, (size_t)n, lines);
    return 0;
}

static int sweep_consoles(struct cx *cx, int fd, DIR *directory)
{
    const struct dirent *entry;

    while ((entry = readdir(directory))) {
        struct server server;
        char id[UUID_SIZE];
        snprintf(id, sizeof id, "%s", entry->d_name); /* also of an ID.part that a crash has left */
        int found = uuid_valid(id) ? server_find(cx, id, &server) : 1;
        if (found < 0)
            return found;
        if (!found)
            unlinkat(fd, entry->d_name, 0);
    }
    return 0;
}

void consoles_sweep(const struct transfers *t)
{
    CLEAN_CX cx;
    int fd = openat(t->console_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    cx_begin(&cx);
    cx.who = who_system();
    int r = directory ? store_read_begin(t->store, &cx) : fail(&cx, KIND_INTERNAL, "%s", strerror(errno));
    if (r == 0) {
        r = sweep_consoles(&cx, fd, directory);
        store_read_end(&cx);
    }
    if (r < 0)
        log_error("console logs of deleted servers stay: %s", cx.text);
    if (directory)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
}

/* ---- the server's calls ---- */

struct transfer *transfer_begin(const struct transfers *ts, struct http_rq *http)
{
    const char *id;
    struct transfer *t = arena_alloc(http->arena, sizeof *t);
    bool get = strcmp(http->method, "GET") == 0, put = strcmp(http->method, "PUT") == 0;

    *t = (struct transfer){ .transfers = ts, .http = http, .host_name = http->peer_cn };
    cx_begin_in(&t->cx, http->arena);
    if (str_starts(http->path, "/agent/v1/images/", &id) && (get || put))
        t->kind = get ? TRANSFER_IMAGE_DOWN : TRANSFER_IMAGE_UP;
    else if (str_starts(http->path, "/agent/v1/consoles/", &id) && put)
        t->kind = TRANSFER_CONSOLE_UP;
    else if (str_starts(http->path, "/agent/v1/passwords/", &id) && put)
        t->kind = TRANSFER_PASSWORD_UP;
    else
        return NULL;
    t->id = arena_strndup(http->arena, id, strcspn(id, "/"));
    if (!uuid_valid(t->id))
        return NULL;
    if (t->kind == TRANSFER_CONSOLE_UP)
        http->body_max = CONSOLE_MAX_BYTES;
    else if (t->kind == TRANSFER_PASSWORD_UP)
        http->body_max = SERVER_PASSWORD_MAX;
    else if (t->kind == TRANSFER_IMAGE_UP) {
        http->sink = true;
        if (begin_snapshot(t) < 0)
            refuse(t);
    }
    return t;
}

int transfer_body(struct transfer *t, const void *data, size_t n)
{
    return image_upload_write(&t->cx, t->upload, data, n) < 0 ? refuse(t) : 0;
}

void transfer_run(struct transfer *t)
{
    if (t->kind == TRANSFER_IMAGE_DOWN)
        send_image(t);
    else if (t->kind == TRANSFER_CONSOLE_UP)
        take_console(t);
    else if (t->kind == TRANSFER_PASSWORD_UP)
        queue_write(t, keep_password, password_kept);
    else if (image_upload_finish(&t->cx, t->upload, &t->received) < 0) /* syncs: not on the writer's time */
        refuse(t);
    else
        queue_write(t, finish_snapshot, snapshot_finished);
}

void transfer_end(struct transfer *t)
{
    if (t->upload && !t->finished) {
        image_upload_abandon(t->upload); /* before the row says that it may be sent again */
        t->upload = NULL;
        give_back(t);
    }
    image_upload_free(t->upload);
}
