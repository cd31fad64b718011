#include "agent/record.h"

#include <string.h>

#include "agent/file.h"
#include "base/env.h"
#include "json/read.h"
#include "json/writer.h"

enum { RECORD_MAX = 1 << 20, FAULT_MAX = 4096 };

/* clang-format off */
static const struct field task_fields[] = {
    STR(struct task_record, id, .required = true),
    BOOL(struct task_record, done),
    I64(struct task_record, size_bytes),
    STR(struct task_record, fault, .nullable = true, .max = FAULT_MAX),
    { 0 }
};
const struct field guest_record_fields[] = {
    I64(struct guest_record, boot_n),
    I64(struct guest_record, disk_n),
    BOOL(struct guest_record, built),
    BOOL(struct guest_record, running),
    STR(struct guest_record, boot_id, .nullable = true),
    I64(struct guest_record, stopping_us),
    STR(struct guest_record, off_cause, .nullable = true),
    I64(struct guest_record, off_gen),
    BOOL(struct guest_record, failed),
    I64(struct guest_record, failed_gen),
    STR(struct guest_record, fault, .nullable = true, .max = FAULT_MAX),
    STR(struct guest_record, failed_step, .nullable = true),
    LIST(struct guest_record, tasks, struct task_record, task_fields),
    { 0 }
};
/* clang-format on */

static const char *path_of(struct cx *cx, const char *state_dir, const char *guest_id)
{
    return cx_printf(cx, "%s/records/%s", state_dir, guest_id);
}

int record_load(struct cx *cx, const char *state_dir, const char *guest_id, struct guest_record *ret_record)
{
    const char *text = NULL, *path = path_of(cx, state_dir, guest_id);
    const struct json_t *json = NULL;
    size_t n = 0;
    *ret_record = (struct guest_record){ 0 };
    if (!file_exists(path))
        return 0;
    TRY(file_read(cx, path, RECORD_MAX, &text, &n));
    TRY(json_parse(cx, text, n, &json));
    return json_read(cx, guest_record_fields, json, (struct json_rules){ .lenient = true, .where = path },
                     ret_record);
}

int record_save(struct cx *cx, const char *state_dir, const char *guest_id, const struct guest_record *record)
{
    struct jwriter w = jwriter_new(cx->arena);
    jw_fields(&w, guest_record_fields, record);
    return file_write_durably(cx, path_of(cx, state_dir, guest_id), buf_text(&w.out), w.out.len);
}

int record_remove(struct cx *cx, const char *state_dir, const char *guest_id)
{
    return file_remove(cx, path_of(cx, state_dir, guest_id));
}

int record_list(struct cx *cx, const char *state_dir, struct strs *ret_ids)
{
    struct strs names = { 0 };
    TRY(file_list(cx, cx_printf(cx, "%s/records", state_dir), &names));
    *ret_ids = (struct strs){ 0 };
    for (size_t i = 0; i < names.n; i++)
        if (uuid_valid(names.items[i]))
            *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = names.items[i];
    return 0;
}

struct guest_record record_copy(struct arena *a, const struct guest_record *record)
{
    struct guest_record copy = *record;
    const struct task_record *tasks = record->tasks.items;
    struct task_record *copies = arena_new_array(a, struct task_record, record->tasks.n);
    copy.boot_id = arena_strdup(a, record->boot_id);
    copy.off_cause = arena_strdup(a, record->off_cause);
    copy.fault = arena_strdup(a, record->fault);
    copy.failed_step = arena_strdup(a, record->failed_step);
    for (size_t i = 0; i < record->tasks.n; i++)
        copies[i] = (struct task_record){ arena_strdup(a, tasks[i].id), tasks[i].done, tasks[i].size_bytes,
                                          arena_strdup(a, tasks[i].fault) };
    copy.tasks.items = copies;
    return copy;
}

struct task_record *record_task(const struct guest_record *record, const char *task_id)
{
    struct task_record *tasks = record->tasks.items;
    for (size_t i = 0; i < record->tasks.n; i++)
        if (str_eq(tasks[i].id, task_id))
            return &tasks[i];
    return NULL;
}

const char *record_off_cause(const struct guest_record *record, int64_t gen)
{
    return record->off_gen == gen ? record->off_cause : NULL;
}
