#include "compute/snapshot.h"

#include "auth/who.h"
#include "base/env.h"
#include "base/text.h"
#include "compute/history.h"
#include "compute/power.h"
#include "image/image.h"
#include "json/read.h"

struct backup {
    const char *image_id, *server_id, *backup_type;
    int64_t created_at;
};
/* clang-format off */
static const struct field backup_columns[] = {
    STR(struct backup, image_id), STR(struct backup, server_id), STR(struct backup, backup_type),
    TIME(struct backup, created_at), { 0 },
};
static const struct table backup_table = { "server_backup", backup_columns, .n_key = 1, .size = sizeof(struct backup) };
/* clang-format on */

static void put(struct cx *cx, struct strmap *map, const char *key, const char *value)
{
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->items[i].key, key)) {
            map->items[i].value = value;
            return;
        }
    *arena_push(cx->arena, &map->items, &map->n) = (struct strpair){ key, value };
}

static struct strmap properties_of(struct cx *cx, const struct server *s, const struct snapshot_request *rq)
{
    struct strmap map = { 0 };

    put(cx, &map, "image_type", rq->backup_type ? "backup" : "snapshot");
    put(cx, &map, "instance_uuid", s->id);
    put(cx, &map, "user_id", s->user_id);
    put(cx, &map, "base_image_ref", s->image_id ? s->image_id : "");
    if (rq->backup_type)
        put(cx, &map, "backup_type", rq->backup_type);
    for (size_t i = 0; i < rq->metadata.n; i++) /* what the caller says goes before */
        put(cx, &map, rq->metadata.items[i].key, rq->metadata.items[i].value);
    return map;
}

/* What the server was made of, if that is still there. */
static int base_image(struct cx *cx, const struct server *s, struct image *ret_image, const struct image **ret_base)
{
    *ret_base = NULL;
    if (!s->image_id)
        return 0;
    if (image_get_visible(cx, s->image_id, ret_image) == 0)
        *ret_base = ret_image;
    else if (cx->kind != KIND_NOT_FOUND)
        return -EIO;
    fail_clear(cx);
    return 0;
}

int server_snapshot(struct cx *cx, struct server *server, const struct snapshot_request *rq, const char **ret_image_id)
{
    static const char *const states[] = { "active", "stopped", "paused", "suspended", NULL };
    const char *verb = rq->backup_type ? "createBackup" : "createImage";
    struct image image;
    const struct image *base;
    struct server_task task = { .id = uuid_new(cx->arena), .server_id = server->id, .kind = "snapshot",
                                .request_id = cx->request_id, .backup_type = rq->backup_type, .rotation = rq->rotation,
                                .created_at = cx->now_us };

    TRY(server_check_lock(cx, server));
    TRY(server_check_state(cx, server, verb, states));
    TRY(base_image(cx, server, &image, &base));
    TRY(image_make_for_snapshot(cx, rq->name, server->project_id, base, properties_of(cx, server, rq), &task.image_id));
    TRY(history_begin(cx, server, verb, rq->backup_type ? "compute_backup_instance" : "compute_snapshot_instance"));
    task.deadline_us = power_deadline(cx, POWER_SNAPSHOT_S);
    TRY(store_insert(cx, &server_task_table, &task));
    server->task_state = rq->backup_type ? "image_backup" : "image_snapshot";
    server->gen++;
    *ret_image_id = task.image_id;
    return server_save(cx, server);
}

/* The newest 'rotation' backups stay. */
static int rotate(struct cx *cx, const struct server_task *task)
{
    struct backup b = { task->image_id, task->server_id, task->backup_type, cx->now_us };
    struct list all;

    TRY(store_insert(cx, &backup_table, &b));
    if (task->rotation < 0)
        return 0;
    TRY(store_list(cx, &backup_table, &all, "server_id=$1 AND backup_type=$2 ORDER BY created_at DESC, image_id",
                   ARGS(task->server_id, task->backup_type)));
    const struct backup *old = all.items;
    for (size_t i = (size_t)task->rotation; i < all.n; i++) {
        if (image_delete(cx, old[i].image_id) < 0) /* gone already, protected, in use: not this backup's failure */
            fail_clear(cx);
        TRY(store_delete(cx, &backup_table, "image_id=$1", ARGS(old[i].image_id)));
    }
    return 0;
}

static int end_task(struct cx *cx, const struct server_task *task, const char *fault)
{
    struct server s;

    if (fault)
        TRY(image_snapshot_failed(cx, task->image_id, fault));
    TRY(history_end(cx, task->server_id, task->request_id, fault));
    TRY(store_delete(cx, &server_task_table, "id=$1", ARGS(task->id)));
    if (!fault && task->backup_type)
        TRY(rotate(cx, task));
    int r = server_find(cx, task->server_id, &s);
    TRY(r);
    if (!r || !str_starts(s.task_state, "image_", NULL))
        return 0;
    s.task_state = NULL;
    return server_save(cx, &s);
}

int snapshot_done(struct cx *cx, const char *task_id, const char *fault)
{
    struct server_task task;
    int r = store_find(cx, &server_task_table, &task, "id=$1", ARGS(task_id));

    TRY(r);
    return r ? end_task(cx, &task, fault) : 0;
}

static int end_all(struct cx *cx, struct list tasks, const char *why)
{
    const struct server_task *t = tasks.items;
    for (size_t i = 0; i < tasks.n; i++)
        TRY(end_task(cx, &t[i], why));
    return (int)tasks.n;
}

int snapshot_fail_all(struct cx *cx, const struct server *server, const char *why)
{
    struct list tasks;

    TRY(store_list(cx, &server_task_table, &tasks, "server_id=$1 ORDER BY id", ARGS(server->id)));
    return end_all(cx, tasks, why);
}

int snapshot_expire(struct cx *cx)
{
    struct list tasks;

    TRY(store_list(cx, &server_task_table, &tasks, "deadline_us<$1 ORDER BY id", ARGS(cx->now_us)));
    return end_all(cx, tasks, "The host did not finish the image in its time. " TEXT_NEXT "look into the log of alamo-agent there, then ask for the image again.");
}
