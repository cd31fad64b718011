#include "agent/reconcile.h"

const char *const guest_power_names[GUEST_POWER_N] = { "absent", "off", "on", "paused", "suspended" };

/* clang-format off */
const char *const step_names[STEP_KIND_N] = {
    [STEP_NONE] = "none", [STEP_WAIT] = "wait", [STEP_RENEW] = "renew", [STEP_MAKE] = "make disks",
    [STEP_GROW] = "grow disks", [STEP_START] = "start",
    [STEP_ADOPT] = "adopt", [STEP_NOTE_OFF] = "note off", [STEP_NOTE_STOPPED] = "note stopped",
    [STEP_ASK_OFF] = "shut down", [STEP_STOP] = "stop", [STEP_PAUSE] = "pause", [STEP_RESUME] = "resume",
    [STEP_SAVE] = "suspend", [STEP_DROP_SAVE] = "drop saved memory", [STEP_ATTACH] = "attach port",
    [STEP_DETACH] = "detach port", [STEP_MERGE] = "merge snapshot", [STEP_MERGE_OFF] = "merge snapshot offline",
    [STEP_DROP_OVERLAY] = "drop overlay", [STEP_TASK] = "task", [STEP_FAIL] = "fail", [STEP_FORGET] = "undefine",
    [STEP_REMOVE] = "remove disks", [STEP_GONE] = "gone",
};
/* clang-format on */

struct look { /* all that a decision is made from */
    const struct wire_guest *wanted;
    const struct guest_record *record;
    const struct guest_seen *seen;
    const struct surroundings *around;
};

static struct step just(enum step_kind kind)
{
    return (struct step){ .kind = kind };
}

static bool is_live(const struct guest_seen *seen)
{
    return seen->power == GUEST_ON || seen->power == GUEST_PAUSED;
}

static struct step removal(const struct guest_seen *seen)
{
    if (is_live(seen))
        return just(STEP_STOP);
    if (seen->power != GUEST_ABSENT)
        return just(STEP_FORGET);
    return just(seen->files ? STEP_REMOVE : STEP_GONE);
}

/* A rebuild: the old disks go with all that belonged to them, an interrupted snapshot's overlay too. */
static struct step renewal(const struct look *l)
{
    if (l->record->disk_n >= l->wanted->disk_n)
        return just(STEP_NONE);
    if (is_live(l->seen))
        return just(STEP_STOP);
    if (l->seen->power == GUEST_SUSPENDED)
        return just(STEP_DROP_SAVE);
    return just(l->seen->files ? STEP_REMOVE : STEP_RENEW);
}

/* The merge that a crash has interrupted comes before everything else.  Which file the guest is on is known
 * by its definition alone: an overlay's file beside a guest that has left it is old, and merging it would
 * undo writes. */
static struct step overlay(const struct guest_seen *seen)
{
    if (!seen->overlay_left || seen->power == GUEST_SUSPENDED)
        return just(STEP_NONE);
    if (!seen->on_overlay)
        return just(STEP_DROP_OVERLAY);
    return just(is_live(seen) ? STEP_MERGE : STEP_MERGE_OFF);
}

/* A guest that is still booting has nobody yet who hears its power button. */
enum { ASK_EVERY_US = 10 * 1000000 };

/* Asks, waits for the guest's own end, then pulls the plug. */
static struct step ending(const struct look *l, bool hard)
{
    int64_t asked_us = l->record->running ? 0 : l->record->stopping_us;
    if (hard || l->seen->power == GUEST_PAUSED)
        return just(STEP_STOP);
    if (!asked_us)
        return just(STEP_ASK_OFF);
    int64_t left_us = asked_us + l->around->grace_us - l->around->now_us;
    if (left_us <= 0)
        return just(STEP_STOP);
    int64_t next_us = l->around->asked_us ? l->around->asked_us + ASK_EVERY_US - l->around->now_us : 0;
    if (next_us <= 0)
        return just(STEP_ASK_OFF);
    return (struct step){ .kind = STEP_WAIT, .wait_us = left_us < next_us ? left_us : next_us };
}

static bool off_by_itself(const struct look *l)
{
    const char *cause = record_off_cause(l->record, l->wanted->gen);
    return cause && !str_eq(cause, "host");
}

/* It is off and we had left it running. */
static struct step surprise(const struct look *l)
{
    bool asked =
        l->record->stopping_us && l->around->now_us - l->record->stopping_us < 2 * l->around->grace_us;
    return just(asked ? STEP_NOTE_STOPPED : STEP_NOTE_OFF);
}

static struct step to_on(const struct look *l)
{
    switch (l->seen->power) {
    case GUEST_ON:
        if (l->record->boot_n < l->wanted->boot_n)
            return ending(l, l->wanted->boot_hard);
        return just(l->record->running ? STEP_NONE : STEP_ADOPT);
    case GUEST_PAUSED:
        return just(STEP_RESUME);
    case GUEST_SUSPENDED:
        return just(STEP_START);
    default:
        return just(off_by_itself(l) ? STEP_NONE : STEP_START);
    }
}

static struct step to_off(const struct look *l)
{
    if (is_live(l->seen))
        return ending(l, l->wanted->stop_hard);
    return just(l->seen->power == GUEST_SUSPENDED ? STEP_DROP_SAVE : STEP_NONE);
}

static struct step to_paused(const struct look *l)
{
    if (l->seen->power == GUEST_ON)
        return just(STEP_PAUSE);
    return just(l->seen->power == GUEST_PAUSED || off_by_itself(l) ? STEP_NONE : STEP_START);
}

static struct step to_suspended(const struct look *l)
{
    if (is_live(l->seen))
        return just(STEP_SAVE);
    return just(l->seen->power == GUEST_SUSPENDED || off_by_itself(l) ? STEP_NONE : STEP_START);
}

static const struct {
    const char *power;
    struct step (*next)(const struct look *l);
} powers[] = { { "on", to_on }, { "off", to_off }, { "paused", to_paused }, { "suspended", to_suspended } };

static struct step power(const struct look *l)
{
    if (l->seen->power == GUEST_OFF && l->record->running)
        return surprise(l);
    for (size_t i = 0; i < N_ELEMENTS(powers); i++)
        if (str_eq(powers[i].power, l->wanted->power))
            return powers[i].next(l);
    return (struct step){ .kind = STEP_FAIL,
                          .text = "This host does not know the power state that is wanted." };
}

static bool has_tap(const struct guest_seen *seen, const char *tap)
{
    for (size_t i = 0; i < seen->taps.n; i++)
        if (str_eq(seen->taps.items[i], tap))
            return true;
    return false;
}

static bool has_port(const struct wire_guest *g, const char *tap)
{
    const struct wire_port *ports = g->ports.items;
    char name[16];
    for (size_t i = 0; i < g->ports.n; i++) {
        wire_tap_name(ports[i].id, name);
        if (str_eq(name, tap))
            return true;
    }
    return false;
}

static struct step ports(const struct look *l)
{
    const struct wire_port *items = l->wanted->ports.items;
    char tap[16];
    if (!is_live(l->seen))
        return just(STEP_NONE);
    for (size_t i = 0; i < l->seen->taps.n; i++)
        if (!has_port(l->wanted, l->seen->taps.items[i]))
            return (struct step){ .kind = STEP_DETACH, .tap = l->seen->taps.items[i] };
    for (size_t i = 0; i < l->wanted->ports.n; i++) {
        wire_tap_name(items[i].id, tap);
        if (!has_tap(l->seen, tap))
            return (struct step){ .kind = STEP_ATTACH, .port = &items[i] };
    }
    return just(STEP_NONE);
}

static struct step tasks(const struct look *l)
{
    const struct wire_task *items = l->wanted->tasks.items;
    for (size_t i = 0; i < l->wanted->tasks.n; i++) {
        const struct task_record *r = record_task(l->record, items[i].id);
        if (!r || !r->done)
            return (struct step){ .kind = STEP_TASK, .task = &items[i] };
    }
    return just(STEP_NONE);
}

static struct step disks(const struct look *l)
{
    if (l->seen->disks || is_live(l->seen))
        return just(STEP_NONE);
    if (l->record->built)
        return (struct step){
            .kind = STEP_FAIL,
            .text = "The server's disk is gone from this host; restore it or rebuild the server."
        };
    return just(STEP_MAKE);
}

/* Larger disks wait until nobody writes into them: the restart that a resize asks for comes first. */
static struct step growth(const struct guest_seen *seen)
{
    return just(seen->small && !is_live(seen) && seen->power != GUEST_SUSPENDED ? STEP_GROW : STEP_NONE);
}

struct step reconcile_guest(const struct wire_guest *wanted, const struct guest_record *record,
                            const struct guest_seen *seen, const struct surroundings *around)
{
    const struct look l = { wanted, record, seen, around };
    if (!wanted)
        return removal(seen);
    if (record->failed && record->failed_gen == wanted->gen) {
        struct step s = record->built ? just(STEP_NONE) : removal(seen);
        return s.kind == STEP_GONE ? just(STEP_NONE) : s;
    }
    struct step s = renewal(&l);
    if (s.kind == STEP_NONE)
        s = overlay(seen);
    if (s.kind == STEP_NONE)
        s = disks(&l);
    if (s.kind == STEP_NONE)
        s = growth(seen);
    if (s.kind == STEP_NONE)
        s = power(&l);
    if (s.kind == STEP_NONE)
        s = ports(&l);
    if (s.kind == STEP_NONE)
        s = tasks(&l);
    return s;
}
