/* reconcile.h - the next step that brings a guest from what is seen to what is wanted.  Pure.
 *
 * One step at a time: whatever was done, and wherever a crash fell, the next look decides anew. */
#pragma once
#include "agent/driver.h"
#include "agent/record.h"

enum step_kind {
    STEP_NONE, /* it is as wanted */
    STEP_WAIT, /* something is under way; look again after wait_us or an event */
    STEP_RENEW, /* nothing is left of its old disks: note that new ones are to be made */
    STEP_MAKE, /* its disks */
    STEP_GROW, /* its disks, after a resize */
    STEP_START,
    STEP_ADOPT,        /* it runs: note that */
    STEP_NOTE_OFF,     /* it went off by itself: note why */
    STEP_NOTE_STOPPED, /* it went off because we had asked: note that */
    STEP_ASK_OFF,
    STEP_STOP,
    STEP_PAUSE,
    STEP_RESUME,
    STEP_SAVE,
    STEP_DROP_SAVE,
    STEP_ATTACH,       /* 'port' */
    STEP_DETACH,       /* 'tap' */
    STEP_MERGE,        /* the overlay that a snapshot has left, while it runs */
    STEP_MERGE_OFF,    /* the same while it is off */
    STEP_DROP_OVERLAY, /* the overlay's file is of no use any more */
    STEP_TASK,         /* 'task' */
    STEP_FAIL,         /* 'text': what is wanted can't be had */
    STEP_FORGET,       /* by the hypervisor */
    STEP_REMOVE,       /* its files */
    STEP_GONE,         /* nothing is left of it */
    STEP_KIND_N
};
extern const char *const step_names[STEP_KIND_N];

struct step {
    enum step_kind kind;
    int64_t wait_us;
    const struct wire_port *port;
    const char *tap;
    const struct wire_task *task;
    const char *text;
};

struct surroundings {    /* of the decision */
    const char *boot_id; /* the host's */
    int64_t now_us;
    int64_t grace_us; /* that a guest has for shutting down */
    int64_t asked_us; /* when this process last asked it to shut down, 0: never: who noted it may have died before it asked */
};

/* 'wanted' NULL: nothing of the guest is. */
struct step reconcile_guest(const struct wire_guest *wanted, const struct guest_record *record,
                            const struct guest_seen *seen, const struct surroundings *around);
