/* Reconcile: whatever is seen and whatever is wanted, doing one step after the other ends with what is
 * wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "agent/reconcile.h"
#include "base/env.h"

#include <cmocka.h>

enum { ROUNDS = 20000, STEPS_MAX = 40, PORTS = 3, GRACE_US = 60000000 };

static const char *const port_ids[PORTS] = { "bbbbbb01-0000-4000-8000-000000000001",
                                             "bbbbbb02-0000-4000-8000-000000000002",
                                             "bbbbbb03-0000-4000-8000-000000000003" };
static uint64_t seed = 1;

static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

struct model {
    struct guest_seen seen;
    struct guest_record record;
    struct wire_guest wanted;
    bool exists; /* a document */
    int64_t now_us, asked_us;
    bool deaf; /* does not hear the power button */
    struct wire_port ports[PORTS];
    struct wire_task task;
    struct task_record done;
    const char *taps[PORTS];
    char names[PORTS][16];
};

static bool live(const struct model *m)
{
    return m->seen.power == GUEST_ON || m->seen.power == GUEST_PAUSED;
}

static void plug_wanted(struct model *m)
{
    m->seen.taps.n = 0;
    for (size_t i = 0; i < m->wanted.ports.n; i++) {
        wire_tap_name(m->ports[i].id, m->names[i]);
        m->taps[m->seen.taps.n++] = m->names[i];
    }
}

/* What a start does to the record: work.c's start(). */
static void start(struct model *m)
{
    assert_true(m->seen.disks);
    assert_false(m->seen.overlay_left && m->seen.power != GUEST_SUSPENDED);
    assert_false(m->seen.small && m->seen.power != GUEST_SUSPENDED);
    if (m->seen.power != GUEST_SUSPENDED) {
        m->record.boot_n = m->wanted.boot_n;
        plug_wanted(m);
    }
    m->record.running = true;
    m->record.stopping_us = 0;
    m->record.boot_id = "boot";
    m->record.off_cause = NULL;
    m->seen.power = GUEST_ON;
}

static void stop(struct model *m)
{
    m->seen.power = GUEST_OFF;
    m->seen.taps.n = 0;
}

static void detach(struct model *m, const char *tap)
{
    size_t n = 0;
    for (size_t i = 0; i < m->seen.taps.n; i++)
        if (m->taps[i] != tap)
            m->taps[n++] = m->taps[i];
    assert_int_equal(n, m->seen.taps.n - 1);
    m->seen.taps.n = n;
}

static void attach(struct model *m, const struct wire_port *port)
{
    size_t i = (size_t)(port - m->ports);
    wire_tap_name(port->id, m->names[i]);
    m->taps[m->seen.taps.n++] = m->names[i];
}

static void apply(struct model *m, const struct step *s)
{
    switch (s->kind) {
    case STEP_WAIT:
        m->now_us += s->wait_us;
        break;
    case STEP_RENEW:
        assert_false(live(m) || m->seen.files || m->seen.power == GUEST_SUSPENDED);
        m->record.disk_n = m->wanted.disk_n;
        m->record.built = m->record.running = false;
        m->record.stopping_us = 0;
        m->record.off_cause = NULL;
        break;
    case STEP_MAKE:
        m->seen.disks = m->seen.files = true;
        break;
    case STEP_GROW:
        assert_true(m->seen.disks && !live(m) && !m->seen.overlay_left && m->seen.power != GUEST_SUSPENDED);
        m->seen.small = false;
        break;
    case STEP_START:
        start(m);
        break;
    case STEP_ADOPT:
        m->record.running = true;
        m->record.stopping_us = 0;
        m->record.boot_id = "boot";
        break;
    case STEP_NOTE_OFF:
        m->record.off_cause = str_eq(m->record.boot_id, "boot") ? "guest" : "host";
        m->record.off_gen = m->wanted.gen;
        m->record.running = false;
        break;
    case STEP_NOTE_STOPPED:
        m->record.running = false;
        m->record.stopping_us = 0;
        break;
    case STEP_ASK_OFF:
        if (m->record.running || !m->record.stopping_us)
            m->record.stopping_us = m->now_us;
        m->record.running = false;
        m->asked_us = m->now_us;
        if (!m->deaf)
            stop(m);
        break;
    case STEP_STOP:
        m->record.running = false;
        m->record.stopping_us = 0;
        stop(m);
        break;
    case STEP_PAUSE:
        m->seen.power = GUEST_PAUSED;
        break;
    case STEP_RESUME:
        m->seen.power = GUEST_ON;
        break;
    case STEP_SAVE:
        m->record.running = false;
        m->seen.power = GUEST_SUSPENDED;
        break;
    case STEP_DROP_SAVE:
        m->seen.power = GUEST_OFF;
        break;
    case STEP_ATTACH:
        attach(m, s->port);
        break;
    case STEP_DETACH:
        detach(m, s->tap);
        break;
    case STEP_MERGE:
        assert_true(live(m));
        m->seen.on_overlay = false;
        break;
    case STEP_MERGE_OFF:
        assert_false(live(m));
        m->seen.overlay_left = false;
        break;
    case STEP_DROP_OVERLAY:
        assert_false(m->seen.on_overlay);
        m->seen.overlay_left = false;
        break;
    case STEP_TASK:
        m->done = (struct task_record){ .id = s->task->id, .done = true };
        m->record.tasks = (struct list){ &m->done, 1 };
        break;
    case STEP_FORGET:
        assert_false(live(m));
        m->seen.power = GUEST_ABSENT;
        m->seen.on_overlay = false;
        break;
    case STEP_REMOVE:
        assert_true(m->seen.power == GUEST_ABSENT || (m->exists && m->seen.power == GUEST_OFF && m->record.disk_n < m->wanted.disk_n));
        m->seen.files = m->seen.disks = m->seen.overlay_left = m->seen.small = false;
        break;
    default:
        fail_msg("step %s", step_names[s->kind]);
    }
}

static void make_up(struct model *m)
{
    static const char *const powers[] = { "on", "off", "paused", "suspended" };
    *m = (struct model){ .now_us = 1000000000, .deaf = pick(2), .exists = pick(5) > 0 };
    for (int i = 0; i < PORTS; i++)
        m->ports[i] = (struct wire_port){ .id = port_ids[i] };
    m->task = (struct wire_task){ .id = "99999999-0000-4000-8000-000000000001", .kind = "snapshot" };
    m->wanted = (struct wire_guest){ .gen = 5,
                                     .power = powers[pick(4)],
                                     .stop_hard = pick(2),
                                     .boot_n = pick(3),
                                     .boot_hard = pick(2),
                                     .disk_n = pick(2),
                                     .ports = { m->ports, pick(PORTS + 1) },
                                     .tasks = { &m->task, pick(2) } };
    m->seen.power = (enum guest_power)pick(GUEST_POWER_N);
    m->seen.disks = m->seen.power != GUEST_ABSENT || pick(2);
    m->seen.files = m->seen.disks || pick(2);
    m->seen.small = m->seen.disks && pick(2);
    m->record = (struct guest_record){ .boot_n = pick(2),
                                       .disk_n = pick(2),
                                       .running = pick(2),
                                       .boot_id = pick(2) ? "boot" : "earlier",
                                       .stopping_us = pick(2) ? m->now_us - pick(200) * 1000000 : 0,
                                       .built = m->seen.disks && pick(2) };
    m->seen.taps.items = m->taps;
    if (live(m)) {
        m->seen.on_overlay = pick(4) == 0;
        m->seen.overlay_left = m->seen.on_overlay || pick(4) == 0;
        for (size_t i = 0; i < pick(PORTS + 1); i++)
            attach(m, &m->ports[i]);
    } else if (m->seen.power == GUEST_OFF) {
        m->seen.overlay_left = pick(4) == 0;
        m->seen.on_overlay = m->seen.overlay_left && pick(2);
    }
}

static void expect_end(const struct model *m)
{
    if (!m->exists) {
        assert_int_equal(m->seen.power, GUEST_ABSENT);
        assert_false(m->seen.files);
        return;
    }
    bool stays_off = m->record.off_cause && !str_eq(m->record.off_cause, "host");
    const char *power = guest_power_names[m->seen.power];
    if (!stays_off && !(str_eq(m->wanted.power, "off") && m->seen.power == GUEST_ABSENT))
        assert_string_equal(power, m->wanted.power);
    if (live(m))
        assert_int_equal(m->seen.taps.n, m->wanted.ports.n);
    if (m->seen.power == GUEST_ON)
        assert_true(m->record.boot_n >= m->wanted.boot_n && m->record.running);
    assert_true(m->seen.disks);
    assert_true(m->record.disk_n >= m->wanted.disk_n);
    if (m->seen.power != GUEST_SUSPENDED)
        assert_false(m->seen.overlay_left);
    assert_int_equal(m->record.tasks.n, m->wanted.tasks.n);
}

static void test_random(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct model m;
        int n = 0;
        seed = (uint64_t)round + 1;
        make_up(&m);
        for (;; n++) {
            const struct surroundings around = { "boot", m.now_us, GRACE_US, m.asked_us };
            struct step s = reconcile_guest(m.exists ? &m.wanted : NULL, &m.record, &m.seen, &around);
            if (s.kind == STEP_NONE || s.kind == STEP_GONE)
                break;
            if (n == STEPS_MAX)
                fail_msg("round %d never ends: %s", round, step_names[s.kind]);
            apply(&m, &s);
        }
        expect_end(&m);
    }
}

/* Single decisions that matter most. */
static void test_table(void **state)
{
    static const struct {
        const char *power;
        struct guest_seen seen;
        struct guest_record record;
        enum step_kind step;
    } rows[] = {
        /* a lost disk is never made anew */
        { "on", { .power = GUEST_OFF }, { .built = true }, STEP_FAIL },
        /* shut down inside: noted, and then it stays off for this generation */
        { "on",
          { .power = GUEST_OFF, .disks = true },
          { .running = true, .boot_id = "boot" },
          STEP_NOTE_OFF },
        { "on", { .power = GUEST_OFF, .disks = true }, { .off_cause = "guest", .off_gen = 5 }, STEP_NONE },
        { "on", { .power = GUEST_OFF, .disks = true }, { .off_cause = "guest", .off_gen = 4 }, STEP_START },
        { "on", { .power = GUEST_OFF, .disks = true }, { .off_cause = "host", .off_gen = 5 }, STEP_START },
        /* an old overlay's file is never merged into a disk that has gone on */
        { "on", { .power = GUEST_OFF, .disks = true, .overlay_left = true }, { 0 }, STEP_DROP_OVERLAY },
        { "on",
          { .power = GUEST_OFF, .disks = true, .overlay_left = true, .on_overlay = true },
          { 0 },
          STEP_MERGE_OFF },
        /* a failure is final for its generation, and takes nothing that ever ran */
        { "on",
          { .power = GUEST_OFF, .disks = true, .files = true },
          { .failed = true, .failed_gen = 5 },
          STEP_FORGET },
        { "on",
          { .power = GUEST_OFF, .disks = true },
          { .failed = true, .failed_gen = 5, .built = true },
          STEP_NONE },
        { "on", { .power = GUEST_OFF, .disks = true }, { .failed = true, .failed_gen = 4 }, STEP_START },
        /* disks grow when nobody writes into them, and before anybody does again */
        { "on", { .power = GUEST_ON, .disks = true, .small = true }, { .running = true }, STEP_NONE },
        { "on", { .power = GUEST_OFF, .disks = true, .small = true }, { .built = true }, STEP_GROW },
        { "off", { .power = GUEST_OFF, .disks = true, .small = true }, { .built = true }, STEP_GROW },
        { "suspended", { .power = GUEST_SUSPENDED, .disks = true, .small = true }, { .built = true }, STEP_NONE },
        /* a paused guest can't hear */
        { "off", { .power = GUEST_PAUSED, .disks = true }, { 0 }, STEP_STOP },
        { "hibernate", { .power = GUEST_OFF, .disks = true }, { 0 }, STEP_FAIL },
    };
    const struct surroundings around = { "boot", 1000000000, GRACE_US };
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct wire_guest g = { .gen = 5, .power = rows[i].power };
        struct step s = reconcile_guest(&g, &rows[i].record, &rows[i].seen, &around);
        if (s.kind != rows[i].step)
            fail_msg("row %zu: %s instead of %s", i, step_names[s.kind], step_names[rows[i].step]);
    }
}

/* A rebuild, from a server that runs, is off or was suspended: at each look the next step, wherever a crash fell. */
static void test_rebuild(void **state)
{
    static const struct {
        struct guest_seen seen;
        struct guest_record record;
        enum step_kind step;
    } rows[] = {
        { { .power = GUEST_ON, .disks = true, .files = true }, { .built = true, .running = true }, STEP_STOP },
        { { .power = GUEST_PAUSED, .disks = true, .files = true }, { .built = true }, STEP_STOP },
        { { .power = GUEST_SUSPENDED, .disks = true, .files = true }, { .built = true }, STEP_DROP_SAVE },
        { { .power = GUEST_OFF, .disks = true, .files = true, .overlay_left = true, .on_overlay = true }, { .built = true }, STEP_REMOVE },
        { { .power = GUEST_OFF, .disks = true, .files = true }, { .built = true, .running = true, .boot_id = "boot" }, STEP_REMOVE },
        /* half removed */
        { { .power = GUEST_OFF, .files = true }, { .built = true }, STEP_REMOVE },
        { { .power = GUEST_OFF }, { .built = true }, STEP_RENEW },
        /* the new ones are never removed */
        { { .power = GUEST_OFF }, { .disk_n = 1 }, STEP_MAKE },
        { { .power = GUEST_OFF, .files = true }, { .disk_n = 1 }, STEP_MAKE },
        { { .power = GUEST_OFF, .files = true, .disks = true }, { .disk_n = 1 }, STEP_START },
        { { .power = GUEST_OFF }, { .disk_n = 1, .built = true }, STEP_FAIL },
    };
    const struct surroundings around = { "boot", 1000000000, GRACE_US };
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct wire_guest g = { .gen = 5, .power = "on", .disk_n = 1 };
        struct step s = reconcile_guest(&g, &rows[i].record, &rows[i].seen, &around);
        if (s.kind != rows[i].step)
            fail_msg("row %zu: %s instead of %s", i, step_names[s.kind], step_names[rows[i].step]);
    }
}

/* The wish was noted, but who noted it may have died before the guest was asked: asked again, and not for ever. */
static void test_asked_by_the_dead(void **state)
{
    const struct wire_guest off = { .gen = 5, .power = "off" };
    const struct guest_seen on = { .power = GUEST_ON, .disks = true };
    const struct guest_record asked = { .stopping_us = 1000000000 };
    struct surroundings around = { "boot", 1000000000, GRACE_US };

    assert_int_equal(reconcile_guest(&off, &asked, &on, &around).kind, STEP_ASK_OFF);
    around.asked_us = 1000000000;
    assert_int_equal(reconcile_guest(&off, &asked, &on, &around).kind, STEP_WAIT);
    around = (struct surroundings){ "boot", 1000000000 + GRACE_US, GRACE_US };
    assert_int_equal(reconcile_guest(&off, &asked, &on, &around).kind, STEP_STOP);
}

/* A guest that was booting when its power button was pressed did not hear it: it is pressed each ten seconds. */
static void test_asked_again(void **state)
{
    const struct wire_guest off = { .gen = 5, .power = "off" };
    const struct guest_seen on = { .power = GUEST_ON, .disks = true };
    const struct guest_record asked = { .stopping_us = 1000000000 };
    struct surroundings around = { "boot", 1000000000, GRACE_US, .asked_us = 1000000000 };

    struct step s = reconcile_guest(&off, &asked, &on, &around);
    assert_int_equal(s.kind, STEP_WAIT);
    assert_int_equal(s.wait_us, 10000000);
    around.now_us += s.wait_us;
    assert_int_equal(reconcile_guest(&off, &asked, &on, &around).kind, STEP_ASK_OFF);
    around.asked_us = around.now_us = 1000000000 + GRACE_US - 1000000;
    s = reconcile_guest(&off, &asked, &on, &around);
    assert_int_equal(s.kind, STEP_WAIT);
    assert_int_equal(s.wait_us, 1000000);
}

/* A guest that went off by itself is started again: on the way up nobody is told that it went off, or the wish would
 * end as the guest had. */
static void test_a_later_wish(void **state)
{
    const struct guest_record r = { .off_cause = "guest", .off_gen = 4 };
    assert_string_equal(record_off_cause(&r, 4), "guest");
    assert_null(record_off_cause(&r, 5));
    assert_null(record_off_cause(&(struct guest_record){ .off_gen = 4 }, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_random),
                                        cmocka_unit_test(test_asked_by_the_dead),
                                        cmocka_unit_test(test_rebuild), cmocka_unit_test(test_asked_again),
                                        cmocka_unit_test(test_a_later_wish) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
