/* The Compute API over a real socket. */
#include "compute/history.h"
#include "test_nova.h"

static void versions(void **state)
{
    struct reply r = call_mv(NULL, NULL, "GET", "/", NULL);
    expect(r, 200);
    assert_string_equal(text(r, "versions/0/id"), "v2.0");
    assert_string_equal(text(r, "versions/0/links/0/href"), "https://cloud/compute/v2/");
    assert_string_equal(text(r, "versions/1/id"), "v2.1");
    assert_string_equal(text(r, "versions/1/links/0/href"), "https://cloud/compute/v2.1/");
    expect(r = call_mv(NULL, NULL, "GET", "/v2.1/", NULL), 200);
    assert_string_equal(text(r, "version/min_version"), "2.1");
    expect(call_mv("2.999", "p", "GET", "/v2.1/servers", NULL), 406);
}

/* The same calls at different microversions: members come and go, bodies are judged by the version's own rules, the
 * answer names the version. */
static void microversions_change_what_is_taken_and_shown(void **state)
{
    static const struct {
        const char *mv, *member;
        bool there;
    } shown[] = {
        { "2.1", "server/locked", false },      { "2.8", "server/locked", false },       { "2.9", "server/locked", true },
        { "2.18", "server/description", false }, { "2.19", "server/description", true }, { "2.25", "server/tags", false },
        { "2.26", "server/tags", true },        { "2.46", "server/flavor/id", true },    { "2.47", "server/flavor/id", false },
        { "2.46", "server/flavor/vcpus", false }, { "2.47", "server/flavor/vcpus", true }, { "2.72", "server/locked_reason", false },
        { "2.73", "server/locked_reason", true }, { "latest", "server/locked_reason", true },
    };
    const char *id = boot_active("p", "a");
    struct reply r;

    for (size_t i = 0; i < N_ELEMENTS(shown); i++) {
        expect(r = call_mv(shown[i].mv, "p", "GET", P("/v2.1/servers/%s", id), NULL), 200);
        if ((at(r, shown[i].member) != NULL) != shown[i].there)
            fprintf(stderr, "%s at %s\n", shown[i].member, shown[i].mv);
        assert_int_equal(at(r, shown[i].member) != NULL, shown[i].there);
        const char *header = http_answer_header(&r.answer, "openstack-api-version");
        assert_string_equal(header, str_eq(shown[i].mv, "latest") ? "compute 2.79" : P("compute %s", shown[i].mv));
    }
    expect(call_mv("2.18", "p", "PUT", P("/v2.1/servers/%s", id), "{\"server\":{\"description\":\"d\"}}"), 400);
    expect(call_mv("2.19", "p", "PUT", P("/v2.1/servers/%s", id), "{\"server\":{\"description\":\"d\"}}"), 200);
    expect(call_mv("2.25", "p", "GET", P("/v2.1/servers/%s/tags", id), NULL), 404);
    expect(call_mv("2.26", "p", "GET", P("/v2.1/servers/%s/tags", id), NULL), 200);
    expect(call_mv("2.35", "p", "GET", "/v2.1/os-floating-ips", NULL), 200);
    expect(call_mv("2.36", "p", "GET", "/v2.1/os-floating-ips", NULL), 404); /* it ended there */
    expect(call_mv("2.999", "p", "GET", "/v2.1/flavors", NULL), 406);
    expect(call_mv("two", "p", "GET", "/v2.1/flavors", NULL), 400);
}

static void a_server_comes_and_goes(void **state)
{
    host("h1");
    struct reply r = call("p", "POST", "/servers",
                          "{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE "\",\"metadata\":{\"k\":\"v\"}}}");
    expect(r, 202);
    const char *id = text(r, "server/id");
    assert_non_null(text(r, "server/adminPass"));
    assert_string_equal(text(r, "server/security_groups/0/name"), "default");
    expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/status"), "BUILD");
    settle("h1", id);
    expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/status"), "ACTIVE");
    assert_int_equal(json_integer_value(at(r, "server/OS-EXT-STS:power_state")), 1);
    assert_true(json_is_null(at(r, "server/OS-EXT-STS:task_state")));
    assert_string_equal(text(r, "server/metadata/k"), "v");
    assert_string_equal(text(r, "server/flavor/id"), "6");
    assert_string_equal(text(r, "server/security_groups/0/name"), "default");
    assert_null(at(r, "server/OS-EXT-SRV-ATTR:host"));
    assert_string_equal(text(r, "server/addresses/private/0/OS-EXT-IPS:type"), "fixed");
    expect(r = call_mv("2.79", "p:admin", "GET", P("/v2.1/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/OS-EXT-SRV-ATTR:host"), "h1");
    assert_string_equal(text(r, "server/flavor/original_name"), "m1.micro");
    assert_string_equal(text(r, "server/host_status"), "UP");
    expect(call("p", "DELETE", P("/servers/%s", id), NULL), 204);
    expect(call("p", "GET", P("/servers/%s", id), NULL), 200);
    report((struct says){ .host = "h1", .n_holds = 1, .holds = { id } }); /* it has not heard of it yet */
    expect(call("p", "GET", P("/servers/%s", id), NULL), 200);
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .phase = "gone", .power = "absent" } } });
    expect(call("p", "GET", P("/servers/%s", id), NULL), 404);
    assert_int_equal(number("SELECT sum(value) FROM quota_use WHERE project_id='p' AND resource IN ('instances','cores','ram')"), 0);
    assert_int_equal(number("SELECT used_vcpus+used_ram_mib+used_disk_gib+servers_n FROM host"), 0);
    assert_int_equal(number("SELECT count(*) FROM port WHERE server_id IS NOT NULL"), 0);
    expect(r = call("p", "GET", P("/os-simple-tenant-usage/p"), NULL), 200);
    assert_string_equal(text(r, "tenant_usage/server_usages/0/instance_id"), id);
}

static void another_projects_server_is_not_there(void **state)
{
    const char *id = boot_active("p", "mine");
    static const char *const calls[][3] = {
        { "GET", "" }, { "PUT", "", "{\"server\":{\"name\":\"x\"}}" }, { "DELETE", "" }, { "GET", "/metadata" }, { "GET", "/ips" },
        { "GET", "/os-interface" }, { "GET", "/os-instance-actions" }, { "GET", "/os-security-groups" },
        { "POST", "/action", "{\"os-stop\":null}" }, { "POST", "/action", "{\"os-getConsoleOutput\":{}}" },
        { "POST", "/action", "{\"createImage\":{\"name\":\"i\"}}" }, { "PUT", "/metadata/a", "{\"meta\":{\"a\":\"b\"}}" },
    };
    for (size_t i = 0; i < N_ELEMENTS(calls); i++) {
        const char *none = "99999999-9999-4999-8999-999999999999";
        struct reply mine = call("q", calls[i][0], P("/servers/%s%s", id, calls[i][1]), calls[i][2]);
        struct reply never = call("q", calls[i][0], P("/servers/%s%s", none, calls[i][1]), calls[i][2]);
        expect(mine, 404);
        expect(never, 404);
        assert_int_equal(strlen(mine.answer.body), strlen(never.answer.body));
    }
    struct reply r = call("q", "GET", "/servers/detail", NULL);
    assert_int_equal(json_array_size(at(r, "servers")), 0);
    expect(call("q", "GET", "/servers?all_tenants=1", NULL), 403);
    expect(r = call("q:admin", "GET", "/servers?all_tenants=1", NULL), 200);
    assert_int_equal(json_array_size(at(r, "servers")), 1);
    expect(call("p:reader", "DELETE", P("/servers/%s", id), NULL), 403);
}

static void bodies_that_make_no_sense(void **state)
{
#define BODY(members) "{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE "\"" members "}}"
    static const struct {
        const char *mv, *body;
        int status;
    } cases[] = {
        { NULL, "{\"server\":{\"name\":\"\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE "\"}}", 400 },
        { NULL, "{\"server\":{\"name\":\"a\",\"flavorRef\":\"77\",\"imageRef\":\"" IMAGE "\"}}", 400 },
        { NULL, "{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"99999999-9999-4999-8999-999999999999\"}}", 400 },
        { NULL, "{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\"}}", 400 },
        { NULL, BODY(",\"what\":1"), 400 },
        { NULL, BODY(",\"key_name\":\"none\""), 400 },
        { NULL, BODY(",\"networks\":\"auto\""), 400 },
        { NULL, BODY(",\"networks\":[{\"uuid\":\"99999999-9999-4999-8999-999999999999\"}]"), 400 },
        { NULL, BODY(",\"networks\":[{\"tag\":\"t\"}]"), 400 },
        { NULL, BODY(",\"security_groups\":[{\"name\":\"none\"}]"), 400 },
        { NULL, BODY(",\"user_data\":\"not base64!\""), 400 },
        { NULL, BODY(",\"min_count\":3,\"max_count\":2"), 400 },
        { NULL, BODY(",\"min_count\":0"), 400 },
        { NULL, BODY(",\"metadata\":{\"a\":1}"), 400 },
        { NULL, BODY(",\"accessIPv4\":\"1.2.3\""), 400 },
        { NULL, BODY(",\"availability_zone\":\"moon\""), 400 },
        { NULL, BODY(",\"availability_zone\":\"nova:h1\""), 403 },
        { NULL, BODY(",\"description\":\"d\""), 400 },
        { NULL, BODY(",\"personality\":[{\"path\":\"/x\",\"contents\":\"\"}]"), 400 },
        { NULL, BODY(",\"block_device_mapping_v2\":[{\"source_type\":\"volume\",\"uuid\":\"" IMAGE "\",\"boot_index\":0}]"), 400 },
        { "2.37", BODY(""), 400 },
        { "2.74", BODY(",\"networks\":\"auto\",\"host\":\"h1\""), 403 },
        { "2.37", BODY(",\"networks\":\"none\""), 202 },
        { "2.52", BODY(",\"networks\":\"auto\",\"tags\":[\"b\",\"a\",\"b\"],\"description\":\"d\""), 202 },
        { NULL, BODY(",\"block_device_mapping_v2\":[{\"source_type\":\"image\",\"destination_type\":\"local\",\"uuid\":\"" IMAGE
                     "\",\"boot_index\":\"0\"}]"), 202 },
    };
    host("h1");
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct reply r = call_mv(cases[i].mv, "p", "POST", "/v2.1/servers", cases[i].body);
        if (r.status != cases[i].status)
            fprintf(stderr, "case %zu %s: %d %s\n", i, cases[i].body, r.status, r.answer.body);
        assert_int_equal(r.status, cases[i].status);
    }
    assert_int_equal(number("SELECT count(*) FROM server"), 3);
    assert_int_equal(number("SELECT value FROM quota_use WHERE project_id='p' AND resource='instances'"), 3);
    assert_int_equal(number("SELECT count(*) FROM server_tag"), 2);
}

static void quotas_are_exact(void **state)
{
    struct reply r;

    host("h1");
    expect(call("boss:admin", "PUT", "/os-quota-sets/p", "{\"quota_set\":{\"instances\":3,\"cores\":2}}"), 200);
    expect(r = call("p", "POST", "/servers", BODY(",\"min_count\":1,\"max_count\":5,\"return_reservation_id\":true")), 202);
    assert_non_null(text(r, "reservation_id"));
    assert_int_equal(number("SELECT count(*) FROM server"), 2);
    expect(r = call("p", "POST", "/servers", BODY("")), 403);
    assert_non_null(strstr(text(r, "forbidden/message"), "Quota exceeded"));
    expect(r = call("p", "GET", "/limits", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "limits/absolute/totalCoresUsed")), 2);
    assert_int_equal(json_integer_value(at(r, "limits/absolute/maxTotalInstances")), 3);
    expect(r = call("boss:admin", "PUT", "/os-quota-sets/p", "{\"quota_set\":{\"cores\":1}}"), 400);
    expect(r = call("p", "GET", "/os-quota-sets/p/detail", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "quota_set/instances/in_use")), 2);
    expect(call("boss:admin", "DELETE", "/os-quota-sets/p", NULL), 202);
    expect(r = call("p", "GET", "/os-quota-sets/p", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "quota_set/instances")), 10);
    expect(call("p", "GET", "/os-quota-sets/q", NULL), 403);
}

static void no_host_is_an_error_with_its_cause(void **state)
{
    const char *id = boot("p", "a"); /* nobody has joined */
    struct reply r = call("p", "GET", P("/servers/%s", id), NULL);
    assert_string_equal(text(r, "server/status"), "ERROR");
    assert_non_null(strstr(text(r, "server/fault/message"), "No valid host was found. No host has joined yet."));
    assert_int_equal(number("SELECT count(*) FROM port WHERE server_id IS NOT NULL"), 0);
    expect(call("p", "DELETE", P("/servers/%s", id), NULL), 204);
    expect(call("p", "GET", P("/servers/%s", id), NULL), 404);
    host("h1");
    expect(r = call("p", "POST", "/servers", "{\"server\":{\"name\":\"a\",\"flavorRef\":\"5\",\"imageRef\":\"" IMAGE "\"}}"), 202);
    expect(r = call("p", "GET", P("/servers/%s", text(r, "server/id")), NULL), 200);
    assert_non_null(strstr(text(r, "server/fault/message"), "1 without enough free RAM"));
}

static void lists_are_filtered_and_paged(void **state)
{
    static const struct {
        const char *query;
        size_t n;
    } cases[] = {
        { "", 5 }, { "?limit=2", 2 }, { "?name=web", 3 }, { "?name=^web-.$", 3 }, { "?name=^eb", 0 }, { "?status=ACTIVE", 0 },
        { "?status=BUILD", 5 }, { "?status=build", 5 }, { "?status=NONE", 0 }, { "?flavor=6", 5 }, { "?flavor=1", 0 },
        { "?image=" IMAGE, 5 }, { "?changes-since=2000-01-01T00:00:00Z", 5 }, { "?changes-since=2100-01-01T00:00:00Z", 0 },
        { "?host=h1", 5 }, { "?ip=172.31.", 5 }, { "?ip=10.9", 0 }, { "?name=web&limit=1", 1 }, { "?name=^w&limit=2", 2 },
    };
    static const char *const names[] = { "web-1", "web-2", "web-3", "db-1", "db-2" };
    struct reply r;

    host("h1");
    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        boot("p", names[i]);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        expect(r = call("p", "GET", P("/servers/detail%s", cases[i].query), NULL), 200);
        if (json_array_size(at(r, "servers")) != cases[i].n)
            fprintf(stderr, "%s\n", cases[i].query);
        assert_int_equal(json_array_size(at(r, "servers")), cases[i].n);
    }
    expect(call("p", "GET", "/servers?limit=-1", NULL), 400);
    expect(call("p", "GET", "/servers?limit=x", NULL), 400);
    expect(call("p", "GET", "/servers?marker=none", NULL), 400);
    expect(call("p", "GET", "/servers?changes-since=yesterday", NULL), 400);
    expect(call("p", "GET", "/servers?sort_key=secret", NULL), 400);
    expect(call("p", "GET", "/servers?name=(", NULL), 400);
    expect(call("p", "GET", "/servers?name=we%2Bb", NULL), 200);
    expect(call("p", "GET", "/servers?name=((((((((((((((((((((((a%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)%2B)", NULL), 400);
    expect(call("p", "GET", "/servers?what=1", NULL), 200);
    expect(call_mv("2.75", "p", "GET", "/v2.1/servers?what=1", NULL), 400);
    expect(call_mv("2.38", "p", "GET", "/v2.1/servers?status=NONE", NULL), 400);
    /* all pages, each server once */
    const char *path = "/servers?limit=2&sort_key=display_name&sort_dir=asc";
    size_t n = 0;
    const char *last = "";
    while (path) {
        expect(r = call("p", "GET", path, NULL), 200);
        for (size_t i = 0; i < json_array_size(at(r, "servers")); i++, n++) {
            const char *name = text(r, P("servers/%zu/name", i));
            assert_true(strcmp(name, last) > 0);
            last = name;
        }
        const char *next = text(r, "servers_links/0/href");
        path = next ? strstr(next, "/servers?") : NULL;
    }
    assert_int_equal(n, 5);
}

/* The number of statements of a list does not grow with the list. */
static void lists_run_a_constant_number_of_statements(void **state)
{
    struct store_stats before, after;
    int64_t n[2];

    host("h1");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++)
            boot("p", "a");
        store_stats(world.store, &before);
        expect(call_mv("2.79", "p", "GET", "/v2.1/servers/detail", NULL), 200);
        store_stats(world.store, &after);
        n[round] = after.statements - before.statements;
    }
    assert_int_equal(n[0], n[1]);
    assert_true(n[0] <= 10);
}

static void parts_of_a_server(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r;

    expect(r = call("p", "POST", P("/servers/%s/metadata", id), "{\"metadata\":{\"a\":\"1\",\"b\":\"2\"}}"), 200);
    expect(r = call("p", "PUT", P("/servers/%s/metadata/a", id), "{\"meta\":{\"a\":\"3\"}}"), 200);
    assert_string_equal(text(r, "meta/a"), "3");
    expect(call("p", "PUT", P("/servers/%s/metadata/a", id), "{\"meta\":{\"x\":\"3\"}}"), 400);
    expect(call("p", "DELETE", P("/servers/%s/metadata/b", id), NULL), 204);
    expect(call("p", "GET", P("/servers/%s/metadata/b", id), NULL), 404);
    expect(r = call("p", "PUT", P("/servers/%s/metadata", id), "{\"metadata\":{\"c\":\"4\"}}"), 200);
    assert_int_equal(json_object_size(at(r, "metadata")), 1);
    assert_string_equal(row(id).vm_state, "active");
    expect(call_mv("2.26", "p", "PUT", P("/v2.1/servers/%s/tags/x", id), NULL), 201);
    expect(call_mv("2.26", "p", "PUT", P("/v2.1/servers/%s/tags/x", id), NULL), 204);
    expect(call_mv("2.26", "p", "GET", P("/v2.1/servers/%s/tags/y", id), NULL), 404);
    expect(r = call_mv("2.26", "p", "GET", "/v2.1/servers?tags=x", NULL), 200);
    assert_int_equal(json_array_size(at(r, "servers")), 1);
    expect(r = call_mv("2.26", "p", "GET", "/v2.1/servers?not-tags=x", NULL), 200);
    assert_int_equal(json_array_size(at(r, "servers")), 0);
    expect(call("p", "GET", P("/servers/%s/tags", id), NULL), 404);
    expect(r = call("p", "GET", P("/servers/%s/ips/private", id), NULL), 200);
    assert_int_equal(json_array_size(at(r, "private")), 1);
    expect(call("p", "GET", P("/servers/%s/ips/none", id), NULL), 404);
    expect(r = call("p", "PUT", P("/servers/%s", id), "{\"server\":{\"accessIPv6\":\"0::BABE:220.12.22.2\"}}"), 200);
    assert_string_equal(text(r, "server/accessIPv6"), "::babe:dc0c:1602");
    expect(r = call("p", "PUT", P("/servers/%s", id), "{\"server\":{\"name\":\"b\",\"accessIPv4\":\"192.0.2.7\"}}"), 200);
    assert_string_equal(text(r, "server/name"), "b");
    assert_null(at(r, "server/OS-EXT-STS:vm_state"));
    expect(r = call("p", "GET", P("/servers/%s/os-volume_attachments", id), NULL), 200);
    expect(r = call("p", "GET", P("/servers/%s/os-security-groups", id), NULL), 200);
    assert_string_equal(text(r, "security_groups/0/name"), "default");
}

static void nics_are_plugged(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r;

    expect(r = call("p", "GET", P("/servers/%s/os-interface", id), NULL), 200);
    assert_string_equal(text(r, "interfaceAttachments/0/port_state"), "ACTIVE");
    const char *net = text(r, "interfaceAttachments/0/net_id");
    expect(r = call("p", "POST", P("/servers/%s/os-interface", id), P("{\"interfaceAttachment\":{\"net_id\":\"%s\"}}", net)), 200);
    const char *port = text(r, "interfaceAttachment/port_id");
    expect(r = call("p", "GET", P("/servers/%s/os-interface/%s", id, port), NULL), 200);
    expect(call("p", "DELETE", P("/servers/%s/os-interface/%s", id, port), NULL), 202);
    expect(call("p", "GET", P("/servers/%s/os-interface/%s", id, port), NULL), 404);
    expect(act("p", id, P("{\"addFixedIp\":{\"networkId\":\"%s\"}}", net)), 202);
    expect(r = call("p", "GET", P("/servers/%s/ips/private", id), NULL), 200);
    assert_int_equal(json_array_size(at(r, "private")), 2);
    expect(act("p", id, P("{\"removeFixedIp\":{\"address\":\"%s\"}}", text(r, "private/1/addr"))), 202);
    expect(r = call("p", "GET", P("/servers/%s/ips", id), NULL), 200);
    assert_int_equal(json_array_size(at(r, "addresses/private")), 1);
    expect(call_mv("2.44", "p", "POST", P("/v2.1/servers/%s/action", id), P("{\"addFixedIp\":{\"networkId\":\"%s\"}}", net)), 400);
}

/* Those of 2012, and one that is small enough for guests without KVM. */
static void the_flavors_of_essex(void **state)
{
    static const struct {
        const char *name;
        int ram, vcpus, disk, ephemeral;
    } essex[] = {
        { "m1.tiny", 512, 1, 0, 0 },        { "m1.small", 2048, 1, 10, 20 },    { "m1.medium", 4096, 2, 10, 40 },
        { "m1.large", 8192, 4, 10, 80 },    { "m1.xlarge", 16384, 8, 10, 160 },
    };
    struct reply r;
    bool small = false;

    expect(r = call("p", "GET", "/flavors/detail", NULL), 200);
    const json_t *all = at(r, "flavors");
    assert_int_equal(json_array_size(all), N_ELEMENTS(essex) + 1);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *f = json_array_get(all, i);
        const char *name = json_string_value(json_object_get(f, "name"));
        const int ram = (int)json_integer_value(json_object_get(f, "ram"));
        bool known = false;
        for (size_t k = 0; k < N_ELEMENTS(essex); k++)
            if (str_eq(name, essex[k].name)) {
                known = true;
                assert_int_equal(ram, essex[k].ram);
                assert_int_equal(json_integer_value(json_object_get(f, "vcpus")), essex[k].vcpus);
                assert_int_equal(json_integer_value(json_object_get(f, "disk")), essex[k].disk);
                assert_int_equal(json_integer_value(json_object_get(f, "OS-FLV-EXT-DATA:ephemeral")), essex[k].ephemeral);
            }
        assert_true(known || ram <= 256);
        small |= !known;
    }
    assert_true(small);
}

static void flavors(void **state)
{
    struct reply r;

    expect(r = call("p", "GET", "/flavors/detail?minRam=4096", NULL), 200);
    assert_int_equal(json_array_size(at(r, "flavors")), 3);
    assert_string_equal(text(r, "flavors/0/swap"), "");
    expect(r = call_mv("2.75", "p", "GET", "/v2.1/flavors/1", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "flavor/swap")), 0);
    expect(call("p", "GET", "/flavors/77", NULL), 404);
    expect(call("p", "POST", "/flavors", "{\"flavor\":{\"name\":\"f\",\"ram\":64,\"vcpus\":1,\"disk\":0}}"), 403);
    expect(r = call("b:admin", "POST", "/flavors", "{\"flavor\":{\"name\":\"f\",\"id\":\"auto\",\"ram\":\"64\",\"vcpus\":1,\"disk\":0,"
                                                   "\"os-flavor-access:is_public\":false,\"rxtx_factor\":2}}"), 200);
    const char *id = text(r, "flavor/id");
    assert_true(json_number_value(at(r, "flavor/rxtx_factor")) == 2.0);
    expect(call("b:admin", "POST", "/flavors", "{\"flavor\":{\"name\":\"f\",\"ram\":64,\"vcpus\":1,\"disk\":0}}"), 409);
    expect(call("p", "GET", P("/flavors/%s", id), NULL), 404);
    expect(r = call("b:admin", "POST", P("/flavors/%s/action", id), "{\"addTenantAccess\":{\"tenant\":\"p\"}}"), 200);
    assert_string_equal(text(r, "flavor_access/0/tenant_id"), "p");
    expect(call("p", "GET", P("/flavors/%s", id), NULL), 200);
    expect(call("b:admin", "POST", P("/flavors/%s/action", id), "{\"addTenantAccess\":{\"tenant\":\"p\"}}"), 409);
    expect(call("b:admin", "POST", P("/flavors/%s/os-extra_specs", id), "{\"extra_specs\":{\"a\":\"1\",\"b\":\"2\"}}"), 200);
    expect(call("b:admin", "PUT", P("/flavors/%s/os-extra_specs/a", id), "{\"a\":\"3\"}"), 200);
    expect(call("b:admin", "DELETE", P("/flavors/%s/os-extra_specs/b", id), NULL), 200);
    expect(r = call("p", "GET", P("/flavors/%s/os-extra_specs", id), NULL), 200);
    assert_string_equal(text(r, "extra_specs/a"), "3");
    assert_int_equal(json_object_size(at(r, "extra_specs")), 1);
    expect(r = call("b:admin", "GET", "/flavors?is_public=none", NULL), 200);
    assert_int_equal(json_array_size(at(r, "flavors")), 7);
    expect(r = call("b:admin", "GET", "/flavors", NULL), 200);
    assert_int_equal(json_array_size(at(r, "flavors")), 6);
    expect(call("b:admin", "DELETE", P("/flavors/%s", id), NULL), 202);
}

static void keypairs(void **state)
{
    struct reply r;

    expect(r = call("p", "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k\"}}"), 200);
    assert_true(strncmp(text(r, "keypair/private_key"), "-----BEGIN RSA PRIVATE KEY-----", 31) == 0);
    const char *line = text(r, "keypair/public_key");
    const char *fingerprint = text(r, "keypair/fingerprint");
    assert_int_equal(strlen(fingerprint), 47);
    char *trimmed = arena_strdup(arena, line);
    expect(r = call_mv("2.2", "p", "POST", "/v2.1/os-keypairs", P("{\"keypair\":{\"name\":\"l\",\"public_key\":\"%s\"}}", trimmed)), 201);
    assert_string_equal(text(r, "keypair/fingerprint"), fingerprint);
    assert_string_equal(text(r, "keypair/type"), "ssh");
    expect(call("p", "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k\"}}"), 409);
    expect(call("p", "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"m\",\"public_key\":\"ssh-rsa nonsense\"}}"), 400);
    expect(call("p", "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"a/b\"}}"), 400);
    expect(r = call_mv("2.2", "p", "POST", "/v2.1/os-keypairs", "{\"keypair\":{\"name\":\"w\",\"type\":\"x509\"}}"), 201);
    assert_string_equal(text(r, "keypair/type"), "x509");
    assert_int_equal(strlen(text(r, "keypair/fingerprint")), 59);
    assert_non_null(strstr(text(r, "keypair/public_key"), "-----BEGIN CERTIFICATE-----"));
    expect(call_mv("2.2", "p", "POST", "/v2.1/os-keypairs", "{\"keypair\":{\"name\":\"v\",\"type\":\"x509\",\"public_key\":\"x\"}}"), 400);
    expect(call_mv("2.2", "p", "DELETE", "/v2.1/os-keypairs/w", NULL), 204);
    expect(r = call("p", "GET", "/os-keypairs", NULL), 200);
    assert_int_equal(json_array_size(at(r, "keypairs")), 2);
    expect(call("q", "GET", "/os-keypairs/k", NULL), 404);
    host("h1");
    expect(call("p", "POST", "/servers", BODY(",\"key_name\":\"k\"")), 202);
    expect(call("p", "DELETE", "/os-keypairs/k", NULL), 202);
    expect(call("p", "DELETE", "/os-keypairs/k", NULL), 404);
}

static void what_operators_ask(void **state)
{
    struct reply r;

    host("h1");
    host("h2");
    expect(r = call("p", "GET", "/os-availability-zone", NULL), 200);
    assert_string_equal(text(r, "availabilityZoneInfo/0/zoneName"), "nova");
    expect(call("p", "GET", "/os-availability-zone/detail", NULL), 403);
    expect(call("b:admin", "GET", "/os-availability-zone/detail", NULL), 200);
    expect(r = call_mv("2.53", "b:admin", "GET", "/v2.1/os-services", NULL), 200);
    const char *id = text(r, "services/0/id");
    expect(r = call_mv("2.53", "b:admin", "PUT", P("/v2.1/os-services/%s", id), "{\"status\":\"disabled\",\"disabled_reason\":\"x\"}"), 200);
    assert_string_equal(text(r, "service/status"), "disabled");
    expect(r = call("b:admin", "PUT", "/os-services/enable", "{\"host\":\"h1\",\"binary\":\"nova-compute\"}"), 200);
    expect(r = call("b:admin", "GET", "/os-hypervisors/detail", NULL), 200);
    assert_int_equal(json_array_size(at(r, "hypervisors")), 2);
    expect(call("b:admin", "GET", P("/os-hypervisors/%lld", (long long)json_integer_value(at(r, "hypervisors/0/id"))), NULL), 200);
    expect(r = call("b:admin", "GET", "/os-hypervisors/statistics", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "hypervisor_statistics/vcpus")), 8);
    expect(r = call("b:admin", "POST", "/os-aggregates", "{\"aggregate\":{\"name\":\"g\",\"availability_zone\":\"east\"}}"), 200);
    expect(r = call("b:admin", "POST", "/os-aggregates/1/action", "{\"add_host\":{\"host\":\"h2\"}}"), 200);
    assert_string_equal(text(r, "aggregate/hosts/0"), "h2");
    assert_string_equal(text(r, "aggregate/metadata/availability_zone"), "east");
    expect(r = call("p", "POST", "/servers", BODY(",\"availability_zone\":\"east\"")), 202);
    expect(r = call("b:admin", "GET", P("/servers/%s", text(r, "server/id")), NULL), 200);
    assert_string_equal(text(r, "server/OS-EXT-SRV-ATTR:host"), "h2");
    assert_string_equal(text(r, "server/OS-EXT-AZ:availability_zone"), "east");
    expect(call("b:admin", "DELETE", "/os-aggregates/1", NULL), 409);
    expect(call("b:admin", "POST", "/os-aggregates/1/action", "{\"remove_host\":{\"host\":\"h2\"}}"), 409);
    expect(r = call("b:admin", "POST", "/servers", BODY(",\"availability_zone\":\"nova:h1\"")), 202);
    expect(call("p", "GET", "/extensions", NULL), 200);
}

static void groups_keep_servers_apart(void **state)
{
    struct reply r;

    host("h1");
    host("h2");
    expect(r = call("p", "POST", "/os-server-groups", "{\"server_group\":{\"name\":\"g\",\"policies\":[\"anti-affinity\"]}}"), 200);
    const char *group = text(r, "server_group/id");
    for (int i = 0; i < 3; i++)
        expect(call("p", "POST", "/servers",
                    P("{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE "\"},\"os:scheduler_hints\":{\"group\":\"%s\"}}", group)),
               202);
    assert_int_equal(number("SELECT count(DISTINCT host_id) FROM server WHERE host_id IS NOT NULL"), 2);
    assert_int_equal(number("SELECT count(*) FROM server WHERE vm_state='error'"), 1);
    expect(r = call("p", "GET", P("/os-server-groups/%s", group), NULL), 200);
    assert_int_equal(json_array_size(at(r, "server_group/members")), 3);
    expect(call("q", "GET", P("/os-server-groups/%s", group), NULL), 404);
    expect(call("p", "POST", "/servers", "{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE
                                         "\"},\"os:scheduler_hints\":{\"query\":\"[]\"}}"), 400);
    expect(call("p", "DELETE", P("/os-server-groups/%s", group), NULL), 204);
}

static void security_groups_the_old_way(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r;

    expect(r = call("p", "POST", "/os-security-groups", "{\"security_group\":{\"name\":\"web\",\"description\":\"d\"}}"), 200);
    const char *group = text(r, "security_group/id");
    assert_int_equal(json_array_size(at(r, "security_group/rules")), 0);
    expect(r = call("p", "POST", "/os-security-group-rules",
                    P("{\"security_group_rule\":{\"parent_group_id\":\"%s\",\"ip_protocol\":\"tcp\",\"from_port\":22,\"to_port\":22}}", group)),
           200);
    assert_string_equal(text(r, "security_group_rule/ip_range/cidr"), "0.0.0.0/0");
    const char *rule = text(r, "security_group_rule/id");
    expect(r = call("p", "POST", "/os-security-group-rules",
                    P("{\"security_group_rule\":{\"parent_group_id\":\"%s\",\"ip_protocol\":\"icmp\",\"from_port\":-1,\"to_port\":-1}}", group)),
           200);
    assert_int_equal(json_integer_value(at(r, "security_group_rule/from_port")), -1);
    expect(r = call("p", "GET", P("/os-security-groups/%s", group), NULL), 200);
    assert_int_equal(json_array_size(at(r, "security_group/rules")), 2);
    expect(call("p", "DELETE", P("/os-security-group-rules/%s", rule), NULL), 202);
    expect(act("p", id, "{\"addSecurityGroup\":{\"name\":\"web\"}}"), 202);
    expect(r = call("p", "GET", P("/servers/%s/os-security-groups", id), NULL), 200);
    assert_int_equal(json_array_size(at(r, "security_groups")), 2);
    expect(call("p", "DELETE", P("/os-security-groups/%s", group), NULL), 400);
    expect(act("p", id, "{\"removeSecurityGroup\":{\"name\":\"web\"}}"), 202);
    expect(act("p", id, "{\"removeSecurityGroup\":{\"name\":\"web\"}}"), 404);
    expect(call("p", "DELETE", P("/os-security-groups/%s", group), NULL), 202);
    expect(call_mv("2.36", "p", "GET", "/v2.1/os-security-groups", NULL), 404);
}

static void consoles(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r;

    expect(r = act("p", id, "{\"os-getConsoleOutput\":{\"length\":5}}"), 200);
    assert_non_null(strstr(text(r, "output"), "5 lines"));
    expect(r = act("p", id, "{\"os-getVNCConsole\":{\"type\":\"novnc\"}}"), 200);
    assert_non_null(strstr(text(r, "console/url"), "https://cloud/novnc/vnc_lite.html?path=vnc%3Ftoken%3D"));
    expect(r = call_mv("2.8", "p", "POST", P("/v2.1/servers/%s/remote-consoles", id), "{\"remote_console\":{\"protocol\":\"vnc\",\"type\":\"novnc\"}}"),
           200);
    assert_string_equal(text(r, "remote_console/type"), "novnc");
    expect(act("p", id, "{\"os-getVNCConsole\":{\"type\":\"xvpvnc\"}}"), 400);
    expect(act("p", id, "{\"rebuild\":{}}"), 400);
}

#define OTHER "22222222-2222-4222-8222-222222222222"

static int add_other_image(struct cx *cx, void *arg)
{
    struct image image = { .id = OTHER, .owner = "boss", .name = "other", .status = "active", .visibility = "public",
                           .disk_format = "raw", .container_format = "bare", .size = 1000, .virtual_size = 1000,
                           .min_ram = 64, .properties = "{}", .tags = "[]", .created_at = 1, .updated_at = 1 };
    return store_insert(cx, &image_table, &image);
}

static void a_server_is_rebuilt(void **state)
{
    const char *id = boot_active("p", "a");
    struct server s;
    struct reply r;

    assert_true(write_as(who_system(), add_other_image, NULL) >= 0);
    expect(r = act("p", id, "{\"rebuild\":{\"imageRef\":\"" OTHER "\",\"name\":\"b\",\"adminPass\":\"secret-9\",\"metadata\":{\"x\":\"y\"}}}"), 202);
    assert_string_equal(text(r, "server/status"), "REBUILD");
    assert_string_equal(text(r, "server/image/id"), OTHER);
    assert_string_equal(text(r, "server/name"), "b");
    assert_string_equal(text(r, "server/metadata/x"), "y");
    assert_string_equal(text(r, "server/adminPass"), "secret-9");
    assert_non_null(at(r, "server/addresses/private/0/addr"));
    assert_null(at(r, "server/addresses/private/0/OS-EXT-IPS:type")); /* GET alone tells it, before 2.75 */
    assert_null(at(r, "server/key_name"));
    assert_null(at(r, "server/OS-EXT-STS:vm_state"));
    s = row(id);
    assert_int_equal(s.disk_n, 1);
    assert_string_equal(s.task_state, "rebuilding");
    expect(act("p", id, "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 409); /* one after the other */
    expect(r = call("p", "GET", "/servers?status=REBUILD", NULL), 200);
    assert_int_equal(json_array_size(at(r, "servers")), 1);
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "building", .power = "on", .step = "stop" } } });
    assert_string_equal(row(id).task_state, "rebuilding");
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "building", .power = "off", .step = "make disks" } } });
    assert_string_equal(row(id).task_state, "rebuild_spawning");
    settle("h1", id);
    expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/status"), "ACTIVE");
    assert_string_equal(text(r, "server/image/id"), OTHER);
    assert_int_equal(number("SELECT count(*) FROM port WHERE server_id IS NOT NULL"), 1);
    assert_int_equal(number("SELECT value FROM quota_use WHERE project_id='p' AND resource='instances'"), 1);
    assert_int_equal(number("SELECT count(*) FROM server_action WHERE action='rebuild' AND open=0 AND message IS NULL"), 1);
}

static void a_rebuild_ends_as_it_began(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r;

    expect(act("p", id, "{\"os-stop\":null}"), 202);
    settle("h1", id);
    expect(act("p", id, "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 202);
    struct server s = row(id);
    assert_string_equal(s.want_power, "off");
    /* the hypervisor may not know it any more */
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "ready", .power = "absent" } } });
    assert_string_equal(row(id).vm_state, "stopped");
    expect(act("p", id, "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 202);
    s = row(id);
    report((struct says){ .host = "h1", .n_guests = 1, .guests = { { .id = id, .gen = s.gen, .phase = "failed", .power = "off", .fault = "no image" } } });
    expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/status"), "ERROR");
    assert_non_null(strstr(text(r, "server/fault/message"), "no image"));
    expect(r = act("p", id, "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 202);
    assert_string_equal(text(r, "server/status"), "REBUILD");
    assert_null(at(r, "server/fault"));
    settle("h1", id);
    assert_string_equal(row(id).vm_state, "active");
}

static void what_a_rebuild_refuses(void **state)
{
    static const struct {
        const char *mv, *members;
        int status;
    } cases[] = {
        { NULL, "\"imageRef\":\"\"", 400 },
        { NULL, "\"imageRef\":\"99999999-9999-4999-8999-999999999999\"", 400 },
        { NULL, "\"name\":\"b\"", 400 },
        { NULL, "\"imageRef\":\"" IMAGE "\",\"name\":\"\"", 400 },
        { NULL, "\"imageRef\":\"" IMAGE "\",\"what\":1", 400 },
        { NULL, "\"imageRef\":\"" IMAGE "\",\"description\":\"d\"", 400 },
        { NULL, "\"imageRef\":\"" IMAGE "\",\"key_name\":null", 400 },
        { "2.54", "\"imageRef\":\"" IMAGE "\",\"key_name\":\"none\"", 400 },
        { "2.57", "\"imageRef\":\"" IMAGE "\",\"user_data\":\"not base64!\"", 400 },
        { "2.57", "\"imageRef\":\"" IMAGE "\",\"personality\":[]", 400 },
        { NULL, "\"imageRef\":\"" IMAGE "\",\"personality\":[{\"path\":\"/x\",\"contents\":\"\"}]", 400 },
        { NULL, "\"imageRef\":\"" IMAGE "\",\"preserve_ephemeral\":true", 400 },
        { NULL, "\"imageRef\":\"" IMAGE "\",\"accessIPv4\":\"1.2.3\"", 400 },
    };
    const char *id = boot_active("p", "a");
    struct reply r;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        r = call_mv(cases[i].mv, "p", "POST", P("/v2.1/servers/%s/action", id), P("{\"rebuild\":{%s}}", cases[i].members));
        if (r.status != cases[i].status)
            fprintf(stderr, "case %zu %s: %d %s\n", i, cases[i].members, r.status, r.answer.body);
        assert_int_equal(r.status, cases[i].status);
    }
    assert_int_equal(row(id).disk_n, 0);
    expect(act("p", id, "{\"lock\":null}"), 202);
    expect(act("p", id, "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 409);
    expect(act("p", id, "{\"unlock\":null}"), 202);
    expect(act("p", id, "{\"pause\":null}"), 202);
    settle("h1", id);
    expect(act("p", id, "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 409);
    expect(r = call("q", "POST", P("/servers/%s/action", id), "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 404);
    expect(r = call("p:reader", "POST", P("/servers/%s/action", id), "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 403);
}

static void a_rebuild_by_microversion(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r;

    expect(call("p", "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"k\"}}"), 200);
    expect(r = call_mv("2.57", "p", "POST", P("/v2.1/servers/%s/action", id),
                       "{\"rebuild\":{\"imageRef\":\"" IMAGE "\",\"key_name\":\"k\",\"user_data\":\"YQ==\",\"description\":\"d\"}}"), 202);
    assert_string_equal(text(r, "server/key_name"), "k");
    assert_string_equal(text(r, "server/user_data"), "YQ==");
    assert_string_equal(text(r, "server/description"), "d");
    settle("h1", id);
    expect(r = call_mv("2.79", "p:admin", "POST", P("/v2.1/servers/%s/action", id), "{\"rebuild\":{\"imageRef\":\"" IMAGE "\"}}"), 202);
    assert_string_equal(text(r, "server/key_name"), "k"); /* what is not named stays */
    assert_string_equal(text(r, "server/user_data"), "YQ==");
    assert_string_equal(text(r, "server/OS-EXT-STS:task_state"), "rebuilding");
    assert_string_equal(text(r, "server/addresses/private/0/OS-EXT-IPS:type"), "fixed");
    assert_null(at(r, "server/OS-EXT-SRV-ATTR:user_data")); /* not a second time, for admins neither */
    settle("h1", id);
    expect(r = call_mv("2.57", "p", "POST", P("/v2.1/servers/%s/action", id),
                       "{\"rebuild\":{\"imageRef\":\"" IMAGE "\",\"key_name\":null,\"user_data\":null,\"description\":null}}"), 202);
    assert_true(json_is_null(at(r, "server/key_name")));
    assert_true(json_is_null(at(r, "server/user_data")));
    assert_true(json_is_null(at(r, "server/description")));
}

static void history(void **state)
{
    const char *id = boot_active("p", "a");
    struct reply r;

    expect(act("p", id, "{\"os-stop\":null}"), 202);
    settle("h1", id);
    expect(r = call("p", "GET", P("/servers/%s", id), NULL), 200);
    assert_string_equal(text(r, "server/status"), "SHUTOFF");
    assert_null(at(r, "server/progress"));
    expect(r = call_mv("2.79", "p", "GET", P("/v2.1/servers/%s/os-instance-actions?limit=1", id), NULL), 200);
    assert_int_equal(json_array_size(at(r, "instanceActions")), 1);
    assert_non_null(text(r, "links/0/href"));
    expect(r = call("p", "GET", P("/servers/%s/os-instance-actions", id), NULL), 200);
    assert_int_equal(json_array_size(at(r, "instanceActions")), 2);
    const char *request = text(r, "instanceActions/1/request_id");
    expect(r = call("p", "GET", P("/servers/%s/os-instance-actions/%s", id, request), NULL), 200);
    assert_string_equal(text(r, "instanceAction/action"), "create");
    assert_null(at(r, "instanceAction/events"));
    expect(r = call("p:admin", "GET", P("/servers/%s/os-instance-actions/%s", id, request), NULL), 200);
    assert_string_equal(text(r, "instanceAction/events/0/result"), "Success");
    expect(r = call_mv("2.62", "p", "GET", P("/v2.1/servers/%s/os-instance-actions/%s", id, request), NULL), 200);
    assert_null(at(r, "instanceAction/events/0/host"));
    assert_non_null(text(r, "instanceAction/events/0/hostId"));
    expect(call("p", "GET", P("/servers/%s/os-instance-actions/req-none", id), NULL), 404);
    expect(call("p", "DELETE", P("/servers/%s", id), NULL), 204);
    report((struct says){ .host = "h1" });
    expect(r = call("p", "GET", P("/servers/%s/os-instance-actions", id), NULL), 404);
    expect(r = call_mv("2.21", "p", "GET", P("/v2.1/servers/%s/os-instance-actions", id), NULL), 200);
    expect(call_mv("2.21", "q", "GET", P("/v2.1/servers/%s/os-instance-actions", id), NULL), 404);
}

static int add_large_image(struct cx *cx, void *arg)
{
    struct image image = { .id = arg, .owner = "p", .status = "active", .visibility = "private", .disk_format = "qcow2",
                           .container_format = "bare", .size = 1000, .virtual_size = INT64_C(30) << 30, .properties = "{}",
                           .tags = "[]", .created_at = 1, .updated_at = 1 };
    return store_insert(cx, &image_table, &image);
}

/* A kilobyte that says it is a disk of 30 GiB gets no flavor of 10. */
static void an_images_disk_fits_its_flavor(void **state)
{
    char id[] = "55555555-5555-4555-8555-555555555555";
    struct reply r;

    host("h1");
    assert_true(write_as(who_system(), add_large_image, id) >= 0);
    expect(r = call("p", "POST", "/servers", P("{\"server\":{\"name\":\"a\",\"flavorRef\":\"2\",\"imageRef\":\"%s\"}}", id)), 400);
    assert_non_null(strstr(text(r, "badRequest/message"), "Flavor's disk is too small"));
    expect(call("p", "POST", "/servers", P("{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"%s\"}}", id)), 202); /* whose disk is as large as the image */
}

/* What the host tried, and why it did not work, stands in the history of the call that wanted it; told twice it is there once,
 * told without end it has an end, and another host's word counts nothing. */
static void history_of_the_host(void **state)
{
    const char *id = boot_active("p", "a");
    struct wire_event e = { .guest_id = id, .name = "start", .start_us = 1000000, .finish_us = 2000000, .result = "Error", .text = "no tap" };
    struct reply r;

    expect(act("p", id, "{\"os-stop\":null}"), 202);
    expect(r = call("p", "GET", P("/servers/%s/os-instance-actions", id), NULL), 200);
    const char *path = P("/servers/%s/os-instance-actions/%s", id, text(r, "instanceActions/0/request_id"));
    host("h2");
    report((struct says){ .host = "h2", .event = e });
    for (int i = 0; i < 2; i++)
        report((struct says){ .host = "h1", .event = e, .holds = { id }, .n_holds = 1 });
    expect(r = call("p:admin", "GET", path, NULL), 200);
    assert_string_equal(text(r, "instanceAction/action"), "stop");
    assert_int_equal(json_array_size(at(r, "instanceAction/events")), 2);
    assert_string_equal(text(r, "instanceAction/events/1/event"), "start");
    assert_string_equal(text(r, "instanceAction/events/1/result"), "Error");
    assert_string_equal(text(r, "instanceAction/events/1/traceback"), "no tap");
    for (int i = 0; i < 2 * HISTORY_HOST_EVENTS_MAX; i++) {
        e.start_us++;
        report((struct says){ .host = "h1", .event = e, .holds = { id }, .n_holds = 1 });
    }
    settle("h1", id);
    expect(r = call("p:admin", "GET", path, NULL), 200);
    assert_int_equal(json_array_size(at(r, "instanceAction/events")), HISTORY_HOST_EVENTS_MAX + 1);
    assert_string_equal(row(id).vm_state, "stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOVA_TEST(versions),
        NOVA_TEST(history_of_the_host),
        NOVA_TEST(an_images_disk_fits_its_flavor),
        NOVA_TEST(microversions_change_what_is_taken_and_shown),
        NOVA_TEST(a_server_comes_and_goes),
        NOVA_TEST(another_projects_server_is_not_there),
        NOVA_TEST(bodies_that_make_no_sense),
        NOVA_TEST(quotas_are_exact),
        NOVA_TEST(no_host_is_an_error_with_its_cause),
        NOVA_TEST(lists_are_filtered_and_paged),
        NOVA_TEST(lists_run_a_constant_number_of_statements),
        NOVA_TEST(parts_of_a_server),
        NOVA_TEST(nics_are_plugged),
        NOVA_TEST(the_flavors_of_essex),
        NOVA_TEST(flavors),
        NOVA_TEST(keypairs),
        NOVA_TEST(what_operators_ask),
        NOVA_TEST(groups_keep_servers_apart),
        NOVA_TEST(security_groups_the_old_way),
        NOVA_TEST(consoles),
        NOVA_TEST(a_server_is_rebuilt),
        NOVA_TEST(a_rebuild_ends_as_it_began),
        NOVA_TEST(what_a_rebuild_refuses),
        NOVA_TEST(a_rebuild_by_microversion),
        NOVA_TEST(history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
