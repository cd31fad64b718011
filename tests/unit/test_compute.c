/* What tenants ask, what hosts report, and what comes of it, in any order. */
#include "test_nova.h"

#include "compute/create.h"
#include "compute/power.h"

/* ---- actions by state ---- */

enum { NO = 409, YES = 202 };

static int run_sql(struct cx *cx, void *arg)
{
    return store_exec(cx, &server_table, arg, NO_ARGS);
}
static void sql(const char *text)
{
    assert_true(write_as(who_system(), run_sql, (void *)(uintptr_t)text) >= 0);
}

/* Each action in each state: what it answers, what is wanted then, and what the server is when the host has done it. */
static void each_action_in_each_state(void **state)
{
    static const char *const states[] = { "active", "stopped", "paused", "suspended", "error" };
    static const struct {
        const char *body, *task, *want, *becomes;
        int answers[5];
    } actions[] = {
        { "{\"os-start\":null}", "powering-on", "on", "active", { NO, YES, NO, NO, NO } },
        { "{\"os-stop\":null}", "powering-off", "off", "stopped", { YES, NO, NO, NO, YES } },
        { "{\"reboot\":{\"type\":\"SOFT\"}}", "rebooting", "on", "active", { YES, NO, NO, NO, NO } },
        { "{\"reboot\":{\"type\":\"HARD\"}}", "rebooting_hard", "on", "active", { YES, YES, YES, YES, YES } },
        { "{\"pause\":null}", "pausing", "paused", "paused", { YES, NO, NO, NO, NO } },
        { "{\"unpause\":null}", "unpausing", "on", "active", { NO, NO, YES, NO, NO } },
        { "{\"suspend\":null}", "suspending", "suspended", "suspended", { YES, NO, NO, NO, NO } },
        { "{\"resume\":null}", "resuming", "on", "active", { NO, NO, NO, YES, NO } },
    };
    const char *id = boot_active("p", "a");

    for (size_t i = 0; i < N_ELEMENTS(actions); i++)
        for (size_t k = 0; k < N_ELEMENTS(states); k++) {
            sql(P("UPDATE server SET vm_state='%s', task_state=NULL, deadline_us=0", states[k]));
            struct server before = row(id);
            struct reply r = act("p", id, actions[i].body);
            expect(r, actions[i].answers[k]);
            struct server after = row(id);
            if (r.status == NO) {
                assert_non_null(strstr(text(r, "conflictingRequest/message"), "while it is in vm_state"));
                assert_int_equal(after.gen, before.gen);
                continue;
            }
            assert_string_equal(after.task_state, actions[i].task);
            assert_string_equal(after.want_power, actions[i].want);
            assert_true(after.gen > before.gen && after.deadline_us > 0);
            if (!strstr(actions[i].body, "HARD")) /* while one is under way there is no other */
                expect(act("p", id, "{\"pause\":null}"), NO);
            settle("h1", id);
            after = row(id);
            assert_string_equal(after.vm_state, actions[i].becomes);
            assert_null(after.task_state);
            assert_int_equal(after.deadline_us, 0);
        }
    assert_int_equal(number("SELECT count(*) FROM server_event WHERE finish_at=0"), 0);
}

/* ---- reports ---- */

static struct wire_guest_report ready(struct server s)
{
    return (struct wire_guest_report){ .id = s.id, .gen = s.gen, .phase = "ready", .power = s.want_power, .boot_n = s.boot_n };
}
static void say(const char *host_name, struct wire_guest_report g)
{
    report((struct says){ .host = host_name, .n_guests = 1, .guests = { g }, .n_holds = 1, .holds = { g.id } });
}

static void late_and_double_reports_change_nothing(void **state)
{
    const char *id = boot_active("p", "a");
    struct server s = row(id);
    s.id = id;
    struct wire_guest_report old = ready(s);

    say("h1", old); /* again */
    assert_int_equal(row(id).updated_at, s.updated_at);
    expect(act("p", id, "{\"os-stop\":null}"), 202);
    say("h1", old); /* ready with what was wanted before */
    assert_string_equal(row(id).task_state, "powering-off");
    old.phase = "failed";
    say("h1", old);
    assert_string_equal(row(id).vm_state, "active");
    struct wire_guest_report off = { .id = id, .gen = s.gen, .phase = "ready", .power = "off", .off_cause = "guest" };
    say("h1", off);
    assert_string_equal(row(id).task_state, "powering-off");
    s = row(id);
    s.id = id;
    struct wire_guest_report early = ready(s); /* the generation is right, the power is not there yet */
    early.power = "on";
    say("h1", early);
    assert_string_equal(row(id).task_state, "powering-off");
    say("h1", ready(s));
    assert_string_equal(row(id).vm_state, "stopped");
    say("h2", ready(s)); /* another host does not speak of it */
    assert_string_equal(row(id).vm_state, "stopped");
}

static void a_reboot_is_counted(void **state)
{
    const char *id = boot_active("p", "a");

    expect(act("p", id, "{\"reboot\":{\"type\":\"SOFT\"}}"), 202);
    struct server s = row(id);
    s.id = id;
    struct wire_guest_report g = ready(s);
    g.boot_n = s.boot_n - 1;
    say("h1", g);
    assert_string_equal(row(id).task_state, "rebooting");
    say("h1", ready(s));
    assert_null(row(id).task_state);
}

static void a_guest_may_go_off_by_itself(void **state)
{
    static const struct {
        const char *cause, *vm_state, *want;
        int power;
    } cases[] = {
        { "guest", "stopped", "off", POWER_OFF },
        { "crash", "stopped", "off", POWER_CRASHED },
        { "host", "active", "on", POWER_RUNNING },
    };
    const char *id = boot_active("p", "a");

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct server s = row(id);
        if (!str_eq(s.vm_state, "active")) {
            expect(act("p", id, "{\"os-start\":null}"), 202);
            settle("h1", id);
            s = row(id);
        }
        say("h1", (struct wire_guest_report){ .id = id, .gen = s.gen, .phase = "building", .power = "off", .off_cause = cases[i].cause });
        struct server after = row(id);
        assert_string_equal(after.vm_state, cases[i].vm_state);
        assert_string_equal(after.want_power, cases[i].want);
        assert_int_equal(after.power_state, cases[i].power);
    }
}

static void a_failed_build_gives_its_place_back(void **state)
{
    host("h1");
    const char *id = boot("p", "a");
    struct server s = row(id);

    say("h1", (struct wire_guest_report){ .id = id, .gen = s.gen, .phase = "failed", .power = "absent", .fault = "The image is broken." });
    struct server after = row(id);
    assert_string_equal(after.vm_state, "error");
    assert_non_null(strstr(after.fault_message, "The image is broken. Next: "));
    assert_true(after.gen > s.gen);
    assert_null(after.host_id);
    assert_int_equal(number("SELECT used_vcpus+used_ram_mib+servers_n FROM host"), 0);
    struct reply r = call("p", "GET", P("/servers/%s/os-instance-actions", id), NULL);
    expect(r, 200);
    assert_string_equal(text(r, "instanceActions/0/message"), "Error");
    expect(act("p", id, "{\"reboot\":{\"type\":\"HARD\"}}"), 409);
    expect(call("p", "DELETE", P("/servers/%s", id), NULL), 204);
    expect(call("p", "GET", P("/servers/%s", id), NULL), 404);
    assert_int_equal(number("SELECT value FROM quota_use WHERE project_id='p' AND resource='instances'"), 0);
}

static void a_failed_change_goes_back(void **state)
{
    const char *id = boot_active("p", "a");

    expect(act("p", id, "{\"pause\":null}"), 202);
    struct server s = row(id);
    say("h1", (struct wire_guest_report){ .id = id, .gen = s.gen, .phase = "failed", .power = "on", .fault = "No." });
    struct server after = row(id);
    assert_string_equal(after.vm_state, "error");
    assert_string_equal(after.want_power, "on"); /* a late success is undone */
    assert_true(after.gen > s.gen);
    settle("h1", id);
    assert_string_equal(row(id).vm_state, "error"); /* it stays until somebody asks for something */
    expect(act("p", id, "{\"reboot\":{\"type\":\"HARD\"}}"), 202);
    settle("h1", id);
    assert_string_equal(row(id).vm_state, "active");
}

/* ---- deadlines ---- */

static int run_expire(struct cx *cx, void *arg)
{
    return compute_expire(cx);
}

static void deadlines_end_in_an_error(void **state)
{
    const int64_t late = (POWER_BUILD_S + 1) * 1000000LL * slow_factor();
    host("h1");
    const char *id = boot("p", "a");
    struct server s = row(id);
    struct says busy = { .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "building", .step = "copy image" } } };

    assert_int_equal(write_as(who_system(), run_expire, NULL), 0);
    time_shift_us = late; /* the host is silent: the deadline waits for it */
    assert_int_equal(write_as(who_system(), run_expire, NULL), 0);
    assert_string_equal(row(id).vm_state, "building");
    time_shift_us = 2 * late;
    report(busy);
    assert_int_equal(write_as(who_system(), run_expire, NULL), 1);
    struct server after = row(id);
    assert_string_equal(after.vm_state, "error");
    assert_non_null(strstr(after.fault_message, "copy image"));
    assert_true(after.gen > s.gen);
    assert_int_equal(write_as(who_system(), run_expire, NULL), 0);
}

/* ---- faults ---- */

static void has_next(const char *id, const char *cause)
{
    const char *fault = row(id).fault_message, *next = strstr(fault, ". Next: ");
    if (!next || strlen(next) < 20 || !strstr(fault, cause))
        fprintf(stderr, "no cause or no next step in \"%s\"\n", fault);
    assert_true(next && strlen(next) >= 20 && strstr(fault, cause));
    assert_null(strstr(next + 3, "Next: ")); /* one is enough */
}

/* All that write a server's fault: a host that says why, one that does not, the scheduler, a deadline, a guest's crash. */
static void every_fault_names_cause_and_next_step(void **state)
{
    static const struct {
        const char *fault, *cause;
    } said[] = {
        { "The disk is full", "The disk is full" },
        { "The disk is full. Next: make room on the host.", "The disk is full" },
        { NULL, "gave up without a reason" },
    };
    struct reply r;

    has_next(boot("p", "a"), "No valid host was found"); /* none has joined */
    host("h1");
    for (size_t i = 0; i < N_ELEMENTS(said); i++) {
        const char *id = boot("p", "a");
        say("h1", (struct wire_guest_report){ .id = id, .gen = row(id).gen, .phase = "failed", .power = "absent", .fault = said[i].fault });
        has_next(id, said[i].cause);
        int64_t updated = row(id).updated_at;
        time_shift_us += 1000000;
        say("h1", (struct wire_guest_report){ .id = id, .gen = row(id).gen, .phase = "failed", .power = "absent", .fault = said[i].fault });
        assert_int_equal(row(id).updated_at, updated); /* told again, it is the same fault */
        expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
        assert_non_null(strstr(text(r, "server/fault/message"), "Next: "));
    }

    const char *id = boot("p", "a");
    struct says busy = { .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = row(id).gen, .phase = "building", .step = "start" } } };
    time_shift_us += (POWER_BUILD_S + 1) * 1000000LL * slow_factor();
    report(busy);
    assert_int_equal(write_as(who_system(), run_expire, NULL), 1);
    has_next(id, "did not finish");

    id = boot_active("p", "b");
    say("h1", (struct wire_guest_report){ .id = id, .gen = row(id).gen, .phase = "ready", .power = "off", .off_cause = "crash" });
    expect(r = call("boss:admin", "GET", P("/servers/%s/os-instance-actions", id), NULL), 200);
    assert_non_null(strstr(text(r, "instanceActions/0/message"), "Error"));
    time_shift_us = 0;
}

/* ---- overcommit ---- */

/* 4 CPUs and 8192 MiB hold 64 VCPUs and 12288 MiB of servers: not one more, not one less. */
static void overcommit_fills_a_host_exactly(void **state)
{
    static const struct {
        int vcpus, ram_mib, n;
        const char *lack;
    } cases[] = {
        { 4, 1, 16, "1 without enough free VCPUs" },
        { 1, 768, 16, "1 without enough free RAM" },
        { 4, 768, 16, "1 without enough free VCPUs" },
        { 2, 3072, 4, "1 without enough free RAM" },
    };
    const char *ids[16];

    host("h1");
    expect(call("boss:admin", "PUT", "/os-quota-sets/p", "{\"quota_set\":{\"instances\":99,\"cores\":999,\"ram\":99999}}"), 200);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        sql(P("UPDATE flavor SET vcpus=%d, ram_mib=%d, root_gib=1, ephemeral_gib=0", cases[i].vcpus, cases[i].ram_mib));
        for (int k = 0; k < cases[i].n; k++) {
            ids[k] = boot("p", "a");
            assert_string_equal(row(ids[k]).vm_state, "building");
        }
        struct server one_more = row(boot("p", "b"));
        assert_string_equal(one_more.vm_state, "error");
        assert_non_null(strstr(one_more.fault_message, cases[i].lack));
        for (int k = 0; k < cases[i].n; k++)
            expect(call("p", "DELETE", P("/servers/%s", ids[k]), NULL), 204);
        host("h1"); /* holds none of them any more */
        assert_int_equal(number("SELECT used_vcpus+used_ram_mib FROM host"), 0);
    }
}

/* ---- snapshots, locks ---- */

static void snapshots(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r = call_mv("2.45", "p", "POST", P("/v2.1/servers/%s/action", id), "{\"createImage\":{\"name\":\"i\",\"metadata\":{\"k\":\"v\"}}}");

    expect(r, 202);
    assert_string_equal(row(id).task_state, "image_snapshot");
    expect(act("p", id, "{\"os-stop\":null}"), 409);
    settle("h1", id); /* the task is still going on */
    assert_string_equal(row(id).task_state, "image_snapshot");
    CLEAN_CX cx;
    cx_begin(&cx);
    assert_int_equal(store_read_begin(world.store, &cx), 0);
    const char *task = NULL;
    assert_int_equal(store_text(&cx, &task, "SELECT id FROM server_task", NO_ARGS), 1);
    store_read_end(&cx);
    report((struct says){ .host = "h2", .task = { task, id, .done = true } });
    assert_string_equal(row(id).task_state, "image_snapshot"); /* not its host */
    report((struct says){ .host = "h1", .task = { task, id, .done = true, .fault = "disk full" } });
    assert_null(row(id).task_state);
    assert_string_equal(row(id).vm_state, "active");
    assert_int_equal(number("SELECT count(*) FROM image WHERE status='queued'"), 0);
    report((struct says){ .host = "h1", .task = { task, id, .done = true, .fault = "disk full" } });
    expect(act("p", id, "{\"createImage\":{\"name\":\"i\",\"metadata\":{\"owner\":\"q\"}}}"), 400); /* it would be read as the image's */
    expect(act("p", id, "{\"createImage\":{\"name\":\"i\",\"metadata\":{\"os_hash_value\":\"q\"}}}"), 400);
    expect(r = act("p", id, "{\"createImage\":{\"name\":\"i\"}}"), 202);
    assert_non_null(http_answer_header(&r.answer, "location"));
    expect(call("p", "DELETE", P("/servers/%s", id), NULL), 204);
    report((struct says){ .host = "h1" });
    assert_int_equal(number("SELECT count(*) FROM server_task"), 0);
    assert_int_equal(number("SELECT count(*) FROM image WHERE status='queued'"), 0);
}

static void backups_rotate(void **state)
{
    const char *id = boot_active("p", "a");

    for (int i = 0; i < 3; i++) {
        expect(act("p", id, P("{\"createBackup\":{\"name\":\"b%d\",\"backup_type\":\"daily\",\"rotation\":2}}", i)), 202);
        CLEAN_CX cx;
        const char *task = NULL;
        cx_begin(&cx);
        assert_int_equal(store_read_begin(world.store, &cx), 0);
        assert_int_equal(store_text(&cx, &task, "SELECT id FROM server_task", NO_ARGS), 1);
        store_read_end(&cx);
        report((struct says){ .host = "h1", .task = { task, id, .done = true } });
        time_shift_us += 1000000;
    }
    assert_int_equal(number("SELECT count(*) FROM image WHERE name LIKE 'b%'"), 2);
    assert_int_equal(number("SELECT count(*) FROM image WHERE name='b0'"), 0);
}

static void a_locked_server_is_left_alone(void **state)
{
    static const char *const actions[] = { "{\"os-stop\":null}", "{\"reboot\":{\"type\":\"HARD\"}}", "{\"createImage\":{\"name\":\"i\"}}" };
    const char *id = boot_active("p", "a");

    expect(act("p", id, "{\"lock\":null}"), 202);
    for (size_t i = 0; i < N_ELEMENTS(actions); i++)
        expect(act("p", id, actions[i]), 409);
    expect(call("p", "DELETE", P("/servers/%s", id), NULL), 409);
    expect(act("p", id, "{\"unlock\":null}"), 202);
    expect(act("boss:admin", id, "{\"lock\":null}"), 202);
    expect(act("p", id, "{\"unlock\":null}"), 403);
    expect(act("boss:admin", id, "{\"os-stop\":null}"), 202);
    expect(call_mv("2.73", "p", "POST", P("/v2.1/servers/%s/action", id), "{\"lock\":{\"locked_reason\":\"why\"}}"), 202);
    struct reply r = call_mv("2.73", "p", "GET", P("/v2.1/servers/%s", id), NULL);
    assert_string_equal(text(r, "server/locked_reason"), "why");
    expect(act("p", id, "{\"os-resetState\":{\"state\":\"error\"}}"), 403);
    expect(act("boss:admin", id, "{\"os-resetState\":{\"state\":\"error\"}}"), 202);
    assert_string_equal(row(id).vm_state, "error");
}

/* ---- tickets ---- */

struct ticket {
    const char *server_id, *ticket;
};
static int run_admit(struct cx *cx, void *arg)
{
    struct server s;
    struct ticket *t = arg;
    TRY(console_admit(cx, t->ticket, &s));
    return str_eq(s.id, t->server_id) ? 0 : -EINVAL;
}

static void a_console_ticket_opens_once(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r = act("p", id, "{\"os-getVNCConsole\":{\"type\":\"novnc\"}}");
    expect(r, 200);
    struct ticket t = { id, strstr(text(r, "console/url"), "%3D") + 3 };

    assert_int_equal(write_as(who_system(), run_admit, &t), 0);
    assert_true(write_as(who_system(), run_admit, &t) < 0);
    expect(r = act("p", id, "{\"os-getVNCConsole\":{\"type\":\"novnc\"}}"), 200);
    t.ticket = strstr(text(r, "console/url"), "%3D") + 3;
    time_shift_us = (CONSOLE_TICKET_S + 1) * 1000000LL;
    assert_true(write_as(who_system(), run_admit, &t) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOVA_TEST(each_action_in_each_state),
        NOVA_TEST(late_and_double_reports_change_nothing),
        NOVA_TEST(a_reboot_is_counted),
        NOVA_TEST(a_guest_may_go_off_by_itself),
        NOVA_TEST(a_failed_build_gives_its_place_back),
        NOVA_TEST(a_failed_change_goes_back),
        NOVA_TEST(deadlines_end_in_an_error),
        NOVA_TEST(every_fault_names_cause_and_next_step),
        NOVA_TEST(overcommit_fills_a_host_exactly),
        NOVA_TEST(snapshots),
        NOVA_TEST(backups_rotate),
        NOVA_TEST(a_locked_server_is_left_alone),
        NOVA_TEST(a_console_ticket_opens_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
