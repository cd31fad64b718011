/* Resize: another flavor is tried, then kept or given back. */
#include "test_nova.h"

#define RESIZE(flavor) "{\"resize\":{\"flavorRef\":\"" flavor "\"}}"
#define CONFIRM "{\"confirmResize\":null}"
#define REVERT "{\"revertResize\":null}"

/* Of m1.micro: 1 CPU, 256 MiB, no disks.  Flavors 1 and 20 are 512 MiB and 2 CPUs; 21 has a disk of 5 GiB. */
static const char *sized(void)
{
    expect(call("p:admin", "POST", "/flavors",
                "{\"flavor\":{\"id\":\"20\",\"name\":\"two\",\"ram\":300,\"vcpus\":2,\"disk\":0}}"), 200);
    expect(call("p:admin", "POST", "/flavors",
                "{\"flavor\":{\"id\":\"21\",\"name\":\"disk\",\"ram\":300,\"vcpus\":2,\"disk\":5}}"), 200);
    expect(call("p:admin", "POST", "/flavors",
                "{\"flavor\":{\"id\":\"22\",\"name\":\"huge\",\"ram\":50000,\"vcpus\":1,\"disk\":0}}"), 200);
    return boot_active("p", "a");
}

static const char *status(const char *id)
{
    return text(call("p", "GET", P("/servers/%s", id), NULL), "server/status");
}

/* Quota and claim are those of the row. */
static void expect_counts(int64_t vcpus, int64_t ram_mib, int64_t disk_gib)
{
    assert_int_equal(number("SELECT value FROM quota_use WHERE project_id='p' AND resource='cores'"), vcpus);
    assert_int_equal(number("SELECT value FROM quota_use WHERE project_id='p' AND resource='ram'"), ram_mib);
    assert_int_equal(number("SELECT used_vcpus FROM host"), vcpus);
    assert_int_equal(number("SELECT used_ram_mib FROM host"), ram_mib);
    assert_int_equal(number("SELECT used_disk_gib FROM host"), disk_gib);
    assert_int_equal(number("SELECT servers_n FROM host"), 1);
}

static void building(const char *id, const char *step)
{
    struct server s = row(id);
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "building", .power = "on", .step = step } } });
}

static void confirmed(void **state)
{
    const char *id = sized();
    struct reply r;

    expect(act("p", id, CONFIRM), 409);
    expect(act("p", id, REVERT), 409);
    expect(act("p", id, RESIZE("21")), 202);
    assert_string_equal(status(id), "RESIZE");
    struct server s = row(id);
    assert_string_equal(s.task_state, "resize_prep");
    assert_int_equal(s.boot_n, 1);
    assert_int_equal(s.vcpus, 2);
    assert_int_equal(s.root_gib, 5);
    building(id, "shut down");
    assert_string_equal(row(id).task_state, "resize_migrating");
    building(id, "grow disks");
    assert_string_equal(row(id).task_state, "resize_finish");
    settle("h1", id);
    assert_string_equal(status(id), "VERIFY_RESIZE");
    settle("h1", id); /* reports go on */
    expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/status"), "VERIFY_RESIZE");
    assert_string_equal(text(r, "server/OS-EXT-STS:vm_state"), "resized");
    assert_true(json_is_null(at(r, "server/OS-EXT-STS:task_state")));
    assert_string_equal(text(r, "server/flavor/id"), "21");
    expect(r = call("p", "GET", "/servers?status=VERIFY_RESIZE", NULL), 200);
    assert_int_equal(json_array_size(at(r, "servers")), 1);
    expect_counts(2, 300, 5);
    expect(act("p", id, RESIZE("20")), 409);
    expect(act("p", id, "{\"os-stop\":null}"), 409);
    expect(act("p", id, CONFIRM), 204);
    assert_string_equal(status(id), "ACTIVE");
    settle("h1", id);
    assert_string_equal(status(id), "ACTIVE");
    expect_counts(2, 300, 5);
    expect(act("p", id, REVERT), 409);
    assert_int_equal(number("SELECT count(*) FROM server_resize"), 0);
    assert_int_equal(number("SELECT count(*) FROM server_action WHERE action='resize' AND open=0 AND message IS NULL"), 1);
}

static void reverted(void **state)
{
    const char *id = sized();

    expect(act("p", id, RESIZE("21")), 202);
    settle("h1", id);
    expect(act("p", id, REVERT), 202);
    assert_string_equal(status(id), "REVERT_RESIZE");
    assert_int_equal(row(id).boot_n, 2);
    expect_counts(1, 256, 0);
    settle("h1", id);
    assert_string_equal(status(id), "ACTIVE");
    expect(act("p", id, CONFIRM), 409);
}

static void of_a_server_that_is_off(void **state)
{
    const char *id = sized();

    expect(act("p", id, "{\"os-stop\":null}"), 202);
    settle("h1", id);
    expect(act("p", id, RESIZE("20")), 202);
    assert_string_equal(row(id).want_power, "off");
    settle("h1", id);
    assert_string_equal(status(id), "VERIFY_RESIZE");
    expect(act("p", id, CONFIRM), 204);
    assert_string_equal(status(id), "SHUTOFF");
    expect(act("p", id, RESIZE("6")), 202);
    settle("h1", id);
    expect(act("p", id, REVERT), 202);
    settle("h1", id);
    assert_string_equal(status(id), "SHUTOFF");
    expect_counts(2, 300, 0);
}

static void what_a_resize_refuses(void **state)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        { RESIZE("6"), 400 }, { RESIZE("77"), 400 }, { RESIZE(""), 400 }, { "{\"resize\":{}}", 400 }, { "{\"resize\":null}", 400 },
        { "{\"resize\":{\"flavorRef\":\"20\",\"x\":1}}", 400 }, { RESIZE("22"), 400 }, /* no room */
    };
    const char *id = sized();
    struct reply r;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        r = act("p", id, cases[i].body);
        if (r.status != cases[i].status)
            fprintf(stderr, "case %zu: %d %s\n", i, r.status, r.answer.body);
        assert_int_equal(r.status, cases[i].status);
    }
    expect(call("boss:admin", "PUT", "/os-quota-sets/p", "{\"quota_set\":{\"cores\":1}}"), 200);
    expect(act("p", id, RESIZE("20")), 403);
    expect(call("boss:admin", "PUT", "/os-quota-sets/p", "{\"quota_set\":{\"cores\":2}}"), 200);
    expect_counts(1, 256, 0);
    assert_int_equal(number("SELECT count(*) FROM server_resize"), 0);
    expect(act("p", id, RESIZE("21")), 202);
    settle("h1", id);
    expect(act("p", id, CONFIRM), 204);
    expect(r = act("p", id, RESIZE("20")), 400); /* disks do not shrink */
    assert_non_null(strstr(text(r, "badRequest/message"), "disk"));
    expect(act("p", id, "{\"lock\":null}"), 202);
    expect(act("p", id, RESIZE("21")), 409);
    expect(act("p:reader", id, RESIZE("21")), 403);
    expect(act("q", id, RESIZE("21")), 404);
}

static void one_that_fails(void **state)
{
    const char *id = sized();
    struct server s;
    struct reply r;

    expect(act("p", id, RESIZE("21")), 202);
    s = row(id);
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "failed", .power = "off", .fault = "no memory" } } });
    expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/status"), "ERROR");
    assert_string_equal(text(r, "server/flavor/id"), "6");
    assert_string_equal(row(id).want_power, "on"); /* as before, with the size of before */
    expect_counts(1, 256, 0);
    assert_int_equal(number("SELECT count(*) FROM server_resize"), 0);
}

static void the_end_of_a_resized_server(void **state)
{
    const char *id = sized();
    struct server s;

    expect(act("p", id, RESIZE("21")), 202);
    settle("h1", id);
    s = row(id);
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "ready", .power = "off", .boot_n = 1, .off_cause = "guest" } } });
    assert_string_equal(status(id), "VERIFY_RESIZE"); /* it shut itself down: still to be confirmed */
    expect(call("p", "DELETE", P("/servers/%s", id), NULL), 204);
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .phase = "gone", .power = "absent" } } });
    assert_int_equal(number("SELECT sum(value) FROM quota_use WHERE project_id='p' AND resource IN ('instances','cores','ram')"), 0);
    assert_int_equal(number("SELECT used_vcpus+used_ram_mib+used_disk_gib+servers_n FROM host"), 0);
    assert_int_equal(number("SELECT count(*) FROM server_resize"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOVA_TEST(confirmed),      NOVA_TEST(reverted),       NOVA_TEST(of_a_server_that_is_off),
        NOVA_TEST(what_a_resize_refuses), NOVA_TEST(one_that_fails), NOVA_TEST(the_end_of_a_resized_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
