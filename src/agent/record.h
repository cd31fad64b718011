/* record.h - what the agent must remember of a guest beyond what can be seen; durable. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct task_record {
    const char *id;
    bool done;
    int64_t size_bytes;
    const char *fault; /* NULL: it went well */
};

struct guest_record {
    int64_t boot_n;        /* of the last start */
    int64_t disk_n;        /* what its disks were made for; of older ones nothing is there any more */
    bool built;            /* it was ready once: its disks are precious */
    bool running;          /* we left it running: if it is off now that was not us */
    const char *boot_id;   /* the host's, when we left it running */
    int64_t stopping_us;   /* when it was last asked to shut down */
    const char *off_cause; /* "guest", "crash", "host", or NULL */
    int64_t off_gen;       /* the generation that was wanted then */
    bool failed;           /* 'failed_gen' can't be had: 'fault' says why */
    int64_t failed_gen;
    const char *fault, *failed_step;
    struct list tasks; /* struct task_record */
};
extern const struct field guest_record_fields[];

/* Reads state_dir/records/ID; a guest without one gets an empty record.  Strings are in cx's arena. */
int record_load(struct cx *cx, const char *state_dir, const char *guest_id,
                struct guest_record *ret_record) MUST_CHECK;
int record_save(struct cx *cx, const char *state_dir, const char *guest_id,
                const struct guest_record *record) MUST_CHECK;
int record_remove(struct cx *cx, const char *state_dir, const char *guest_id) MUST_CHECK;
/* Ids of all guests with a record. */
int record_list(struct cx *cx, const char *state_dir, struct strs *ret_ids) MUST_CHECK;
/* A copy whose strings and lists are in 'a'. */
struct guest_record record_copy(struct arena *a, const struct guest_record *record);
/* The record of a task, or NULL. */
struct task_record *record_task(const struct guest_record *record, const char *task_id);
/* Why the guest is off while generation 'gen' wants it on: "guest", "crash" or "host".  NULL: it is not known to be, or
 * that was in another generation, and a later wish is not to be answered by what came before it. */
const char *record_off_cause(const struct guest_record *record, int64_t gen);
