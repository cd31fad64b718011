/* The Compute calls that later microversions dropped: older clients and libraries still use them. */
#include "test_nova.h"

static const char *allocate(const char *project)
{
    struct reply r = call(project, "POST", "/os-floating-ips", "{\"pool\":\"public\"}");
    expect(r, 200);
    assert_string_equal(text(r, "floating_ip/pool"), "public");
    assert_true(json_is_null(at(r, "floating_ip/instance_id")));
    assert_true(json_is_null(at(r, "floating_ip/fixed_ip")));
    return text(r, "floating_ip/id");
}

static void floating_addresses_by_project(void **state)
{
    struct reply r;

    expect(r = call("p", "GET", "/os-floating-ip-pools", NULL), 200);
    assert_string_equal(text(r, "floating_ip_pools/0/name"), "public");
    const char *id = allocate("p");
    expect(r = call("p", "GET", P("/os-floating-ips/%s", id), NULL), 200);
    assert_string_equal(text(r, "floating_ip/id"), id);
    expect(call("q", "GET", P("/os-floating-ips/%s", id), NULL), 404);
    expect(r = call("q:admin", "GET", "/os-floating-ips", NULL), 200); /* the project's, for admins too */
    assert_int_equal(json_array_size(at(r, "floating_ips")), 0);
    expect(call("p", "POST", "/os-floating-ips", NULL), 200); /* from any pool */
    expect(call("p", "POST", "/os-floating-ips", "{\"pool\":\"none\"}"), 404);
    expect(call("p:reader", "POST", "/os-floating-ips", "{\"pool\":\"public\"}"), 403);
    expect(r = call("p", "GET", "/os-floating-ips", NULL), 200);
    assert_int_equal(json_array_size(at(r, "floating_ips")), 2);
    expect(call("p", "DELETE", P("/os-floating-ips/%s", id), NULL), 202);
    expect(call("p", "DELETE", P("/os-floating-ips/%s", id), NULL), 404);
    expect(call_mv("2.36", "p", "GET", "/v2.1/os-floating-ips", NULL), 404);
}

static void floating_addresses_run_out(void **state)
{
    expect(call("boss:admin", "PUT", "/os-quota-sets/p", "{\"quota_set\":{\"floating_ips\":100}}"), 200);
    for (int n = 0; n < 100; n++) {
        struct reply r = call("p", "POST", "/os-floating-ips", NULL);
        if (r.status == 200)
            continue;
        expect(r, 404);
        assert_non_null(strstr(text(r, "itemNotFound/message"), "No more floating"));
        return;
    }
    assert_true(false);
}

static void floating_addresses_point_to_servers(void **state)
{
    const char *one = boot_active("p", "one"), *two = boot("p", "two");
    const char *id = allocate("p"), *other = allocate("p");
    struct reply r = call("p", "GET", P("/os-floating-ips/%s", id), NULL);
    const char *ip = text(r, "floating_ip/ip");
    const char *add = P("{\"addFloatingIp\":{\"address\":\"%s\"}}", ip), *remove = P("{\"removeFloatingIp\":{\"address\":\"%s\"}}", ip);

    expect(act("p", one, add), 202);
    expect(r = call("p", "GET", P("/os-floating-ips/%s", id), NULL), 200);
    assert_string_equal(text(r, "floating_ip/instance_id"), one);
    const char *fixed = text(r, "floating_ip/fixed_ip");
    expect(r = call("p", "GET", P("/servers/%s", one), NULL), 200);
    assert_string_equal(text(r, "server/addresses/private/1/addr"), ip);
    assert_string_equal(text(r, "server/addresses/private/0/addr"), fixed);
    /* its fixed address has one */
    r = call("p", "GET", P("/os-floating-ips/%s", other), NULL);
    expect(act("p", one, P("{\"addFloatingIp\":{\"address\":\"%s\"}}", text(r, "floating_ip/ip"))), 400);
    /* it moves */
    expect(act("p", two, add), 202);
    expect(act("p", one, remove), 409);
    expect(act("p", two, remove), 202);
    expect(act("p", two, remove), 409);
    expect(act("p", one, P("{\"addFloatingIp\":{\"address\":\"%s\",\"fixed_address\":\"%s\"}}", ip, fixed)), 202);
    expect(act("p", one, P("{\"addFloatingIp\":{\"address\":\"%s\",\"fixed_address\":\"9.9.9.9\"}}", ip)), 400);
    expect(act("p", one, "{\"addFloatingIp\":{\"address\":\"0.0.0.0\"}}"), 404);
    expect(act("p", one, "{\"removeFloatingIp\":{\"address\":\"0.0.0.0\"}}"), 404);
    expect(act("p", one, "{\"addFloatingIp\":{\"address\":\"\"}}"), 400);
    expect(act("q", one, add), 404);
    expect(call_mv("2.43", "p", "POST", P("/v2.1/servers/%s/action", one), remove), 202);
    expect(call_mv("2.44", "p", "POST", P("/v2.1/servers/%s/action", one), add), 400);
}

static int name_properties(struct cx *cx, void *arg)
{
    struct image old, image;

    TRY(image_find_any(cx, arg, &old));
    image = old;
    image.properties = "{\"image_type\":\"snapshot\",\"instance_uuid\":\"33333333-3333-4333-8333-333333333333\"}";
    return image_change(cx, &old, &image);
}

static void images_are_filtered(void **state)
{
    static const struct {
        const char *query;
        size_t n;
    } cases[] = {
        { "", 1 }, { "?type=snapshot", 1 }, { "?type=server", 0 }, { "?status=active", 1 }, { "?status=SAVING", 0 },
        { "?status=what", 0 }, { "?server=33333333-3333-4333-8333-333333333333", 1 },
        { "?server=http://x/servers/33333333-3333-4333-8333-333333333333", 1 }, { "?server=http://x/servers/3", 0 },
        { "?changes-since=2000-01-01T00:00:00Z", 1 }, { "?changes-since=2200-01-01T00:00:00Z", 0 }, { "?name=micro", 1 },
        { "?minDisk=7", 0 },
    };
    struct reply r;

    assert_true(write_as(who_system(), name_properties, (void *)(uintptr_t)IMAGE) >= 0);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        expect(r = call("p", "GET", P("/images/detail%s", cases[i].query), NULL), 200);
        if (json_array_size(at(r, "images")) != cases[i].n)
            fprintf(stderr, "%s: %s\n", cases[i].query, r.answer.body);
        assert_int_equal(json_array_size(at(r, "images")), cases[i].n);
    }
    expect(call("p", "GET", "/images?changes-since=yesterday", NULL), 400);
    expect(r = call("p", "GET", "/images/" IMAGE, NULL), 200);
    assert_string_equal(text(r, "image/server/id"), "33333333-3333-4333-8333-333333333333");
    expect(call("p", "DELETE", "/images/", NULL), 404); /* no id */
    expect(call("p", "DELETE", "/images", NULL), 405);
}

static void metadata_of_images(void **state)
{
    const char *path = "/images/" IMAGE "/metadata";
    struct reply r;

    expect(r = call("boss:admin", "POST", path, "{\"metadata\":{\"a\":\"1\",\"b\":\"2\"}}"), 200);
    expect(r = call("boss:admin", "POST", path, "{\"metadata\":{\"b\":\"3\",\"c\":\"4\"}}"), 200);
    assert_int_equal(json_object_size(at(r, "metadata")), 3);
    expect(r = call("p", "GET", path, NULL), 200);
    assert_string_equal(text(r, "metadata/b"), "3");
    expect(r = call("boss:admin", "PUT", path, "{\"metadata\":{\"x\":\"y\"}}"), 200);
    assert_int_equal(json_object_size(at(r, "metadata")), 1);
    expect(r = call("boss:admin", "PUT", P("%s/k", path), "{\"meta\":{\"k\":\"v\"}}"), 200);
    assert_string_equal(text(r, "meta/k"), "v");
    expect(call("boss:admin", "PUT", P("%s/k", path), "{\"meta\":{\"l\":\"v\"}}"), 400);
    expect(r = call("p", "GET", P("%s/k", path), NULL), 200);
    assert_string_equal(text(r, "meta/k"), "v");
    expect(call("p", "PUT", P("%s/k", path), "{\"meta\":{\"k\":\"w\"}}"), 403);
    expect(call("p", "GET", P("%s/none", path), NULL), 404);
    expect(call("boss:admin", "DELETE", P("%s/none", path), NULL), 404);
    expect(call("boss:admin", "DELETE", P("%s/k", path), NULL), 204);
    expect(call("p", "GET", P("%s/k", path), NULL), 404);
    expect(call("p", "GET", "/images/99999999-9999-4999-8999-999999999999/metadata", NULL), 404);
    expect(call("boss", "POST", path, "{\"metadata\":{\"owner\":\"q\"}}"), 400); /* it would be read as the image's */
    expect(call_mv("2.38", "p", "GET", P("/v2.1%s", path), NULL), 200);
    expect(call_mv("2.39", "p", "GET", P("/v2.1%s", path), NULL), 404);
}

static void hosts_of_old(void **state)
{
    struct reply r;

    boot_active("p", "a");
    host("other");
    expect(r = call("p:admin", "GET", "/os-hosts", NULL), 200);
    assert_int_equal(json_array_size(at(r, "hosts")), 2);
    assert_string_equal(text(r, "hosts/0/service"), "compute");
    expect(r = call("p:admin", "GET", "/os-hosts?zone=moon", NULL), 200);
    assert_int_equal(json_array_size(at(r, "hosts")), 0);
    expect(r = call("p:admin", "GET", "/os-hosts/h1", NULL), 200);
    assert_string_equal(text(r, "host/0/resource/project"), "(total)");
    assert_int_equal(json_integer_value(at(r, "host/0/resource/cpu")), 4);
    assert_string_equal(text(r, "host/3/resource/project"), "p");
    assert_int_equal(json_integer_value(at(r, "host/3/resource/cpu")), 1);
    expect(call("p:admin", "GET", "/os-hosts/none", NULL), 404);
    expect(call("p:admin", "PUT", "/os-hosts/h1", "{}"), 400);
    expect(call("p:admin", "PUT", "/os-hosts/h1", "{\"status\":\"what\"}"), 400);
    expect(call("p:admin", "PUT", "/os-hosts/h1", "{\"maintenance_mode\":\"enable\"}"), 501);
    expect(call("p:admin", "GET", "/os-hosts/h1/reboot", NULL), 501);
    expect(call("p:admin", "GET", "/os-hosts/none/reboot", NULL), 404);
    expect(r = call("p:admin", "PUT", "/os-hosts/h1", "{\"status\":\"disable\"}"), 200);
    assert_string_equal(text(r, "status"), "disabled");
    assert_int_equal(number("SELECT count(*) FROM host WHERE name='h1' AND disabled=1"), 1);
    expect(call("p", "GET", "/os-hosts", NULL), 403);
    expect(call_mv("2.43", "p:admin", "GET", "/v2.1/os-hosts", NULL), 404);
    expect(r = call("p:admin", "GET", "/os-hypervisors/h/search", NULL), 200);
    assert_int_equal(json_array_size(at(r, "hypervisors")), 2);
    expect(r = call("p:admin", "GET", "/os-hypervisors/h1/servers", NULL), 200);
    assert_string_equal(text(r, "hypervisors/0/servers/0/name"), "a");
    expect(call("p:admin", "GET", "/os-hypervisors/none/servers", NULL), 404);
    r = call_mv("2.53", "p:admin", "GET", "/v2.1/os-hypervisors", NULL);
    const char *id = text(r, "hypervisors/0/id");
    expect(r = call_mv("2.53", "p:admin", "GET", P("/v2.1/os-hypervisors/%s/uptime", id), NULL), 200);
    assert_non_null(strstr(text(r, "hypervisor/uptime"), "load average: 0.33"));
    expect(call_mv("2.53", "p", "GET", P("/v2.1/os-hypervisors/%s/uptime", id), NULL), 403);
    expect(call("p:admin", "GET", "/os-hypervisors/17/uptime", NULL), 404);
    expect(call_mv("2.53", "p:admin", "GET", "/v2.1/os-hypervisors/h1/servers", NULL), 404);
}

static void whose_servers_are_listed(void **state)
{
    static const struct {
        const char *query;
        size_t n;
    } cases[] = { { "", 1 }, { "?tenant_id=p", 1 }, { "?all_tenants=1&tenant_id=p", 1 }, { "?all_tenants=&project_id=p", 1 },
                  { "?all_tenants=1", 2 }, { "?all_tenants=0&tenant_id=p", 1 } };
    struct reply r;

    boot_active("p", "theirs");
    boot("q", "mine");
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        expect(r = call("q:admin", "GET", P("/servers%s", cases[i].query), NULL), 200);
        assert_int_equal(json_array_size(at(r, "servers")), cases[i].n);
    }
    r = call("q:admin", "GET", "/servers?tenant_id=p", NULL); /* ignored without all_tenants */
    assert_string_equal(text(r, "servers/0/name"), "mine");
}

static void security_groups_of_old(void **state)
{
    struct reply r;

    expect(r = call("p", "GET", "/os-security-groups", NULL), 200); /* makes the default one */
    assert_string_equal(text(r, "security_groups/0/name"), "default");
    expect(call("p", "DELETE", P("/os-security-groups/%s", text(r, "security_groups/0/id")), NULL), 400);
    expect(r = call("q", "POST", "/os-security-groups", "{\"security_group\":{\"name\":\" web \",\"description\":\"d\"}}"), 200);
    assert_string_equal(text(r, "security_group/name"), " web ");
    const char *rule = P("{\"security_group_rule\":{\"parent_group_id\":\"%s\",\"ip_protocol\":\"tcp\",\"from_port\":80,\"to_port\":80}}",
                         text(r, "security_group/id"));
    expect(call("q", "POST", "/os-security-group-rules", rule), 200);
    expect(call("q", "POST", "/os-security-group-rules", rule), 400);
    expect(call("q", "POST", "/os-security-groups", "{\"security_group\":{\"name\":\"  \",\"description\":\"d\"}}"), 400);
    expect(r = call("p", "GET", "/os-security-groups?all_tenants=true", NULL), 200);
    assert_int_equal(json_array_size(at(r, "security_groups")), 1);
    expect(r = call("p:admin", "GET", "/os-security-groups?all_tenants=true", NULL), 200);
    assert_true(json_array_size(at(r, "security_groups")) > 2);
    expect(call("p:reader", "GET", "/os-security-groups", NULL), 200);
}

static void lists_of_old(void **state)
{
    static const char *const yes[] = { "t", "true", "yes", "1" }, *const no[] = { "f", "false", "no", "0" };
    struct reply r;

    for (size_t i = 0; i < N_ELEMENTS(yes); i++) {
        expect(r = call("p:admin", "GET", P("/flavors?is_public=%s", yes[i]), NULL), 200);
        assert_true(json_array_size(at(r, "flavors")) > 0);
        expect(r = call("p:admin", "GET", P("/flavors?is_public=%s", no[i]), NULL), 200);
        assert_int_equal(json_array_size(at(r, "flavors")), 0);
    }
    expect(call("p:admin", "GET", "/flavors?is_public=perhaps", NULL), 400);
    boot_active("p", "a");
    expect(r = call("p", "GET", "/servers?limit=0", NULL), 200);
    assert_int_equal(json_array_size(at(r, "servers")), 0);
    expect(call("p:admin", "GET", "/os-simple-tenant-usage/", NULL), 404); /* of no project */
    expect(call("p", "GET", "/", NULL), 200);
    expect(r = call("p", "GET", "/extensions", NULL), 200);
    assert_true(json_array_size(at(r, "extensions")) > 10);
    expect(r = call("p", "GET", "/extensions/os-consoles", NULL), 200);
    assert_string_equal(text(r, "extension/alias"), "os-consoles");
    expect(call("p", "GET", "/extensions/os-volumes", NULL), 404);
    expect(r = call("p", "GET", "/os-networks", NULL), 200);
    const char *id = text(r, "networks/0/id");
    assert_non_null(text(r, "networks/0/label"));
    assert_true(text(r, "networks/0/cidr") || text(r, "networks/1/cidr")); /* of an external one tenants see none */
    expect(r = call("p", "GET", P("/os-networks/%s", id), NULL), 200);
    assert_string_equal(text(r, "network/id"), id);
    expect(r = call("p", "GET", P("/os-tenant-networks/%s", id), NULL), 200);
    assert_int_equal(json_object_size(at(r, "network")), 3);
    expect(call("p", "GET", "/os-tenant-networks", NULL), 200);
    expect(call("p", "GET", "/os-networks/99999999-9999-4999-8999-999999999999", NULL), 404);
    expect(call_mv("2.36", "p", "GET", "/v2.1/os-networks", NULL), 404);
}

static void limits_of_everybody(void **state)
{
    struct reply r;

    expect(r = call("boss:admin", "GET", "/os-quota-class-sets/default", NULL), 200);
    assert_string_equal(text(r, "quota_class_set/id"), "default");
    assert_int_equal(json_integer_value(at(r, "quota_class_set/cores")), 20);
    expect(call("boss:admin", "PUT", "/os-quota-sets/q", "{\"quota_set\":{\"cores\":7}}"), 200);
    expect(r = call("boss:admin", "PUT", "/os-quota-class-sets/default", "{\"quota_class_set\":{\"cores\":3,\"key_pairs\":1}}"), 200);
    assert_int_equal(json_integer_value(at(r, "quota_class_set/cores")), 3);
    assert_null(at(r, "quota_class_set/id"));
    expect(r = call("p", "GET", "/os-quota-sets/p", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "quota_set/cores")), 3);
    expect(r = call("p", "GET", "/os-quota-sets/p/defaults", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "quota_set/cores")), 3);
    expect(r = call("q", "GET", "/os-quota-sets/q", NULL), 200);
    assert_int_equal(json_integer_value(at(r, "quota_set/cores")), 7);
    host("h1");
    expect(call("p", "POST", "/servers", "{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE "\",\"min_count\":4}}"), 403);
    expect(call("p", "POST", "/servers", "{\"server\":{\"name\":\"a\",\"flavorRef\":\"6\",\"imageRef\":\"" IMAGE "\",\"min_count\":3}}"), 202);
    expect(call("p", "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"a\"}}"), 200);
    expect(call("p", "POST", "/os-keypairs", "{\"keypair\":{\"name\":\"b\"}}"), 403);
    expect(call("boss:admin", "GET", "/os-quota-class-sets/gold", NULL), 404);
    expect(call("boss:admin", "PUT", "/os-quota-class-sets/default", "{\"quota_class_set\":{\"what\":3}}"), 400);
    expect(call("boss:admin", "PUT", "/os-quota-class-sets/default", "{\"quota_class_set\":{\"cores\":-2}}"), 400);
    expect(call("boss:admin", "PUT", "/os-quota-class-sets/default", "{\"quota_class_set\":{\"fixed_ips\":5}}"), 400);
    expect(call("p", "GET", "/os-quota-class-sets/default", NULL), 403);
    expect(r = call_mv("2.57", "boss:admin", "GET", "/v2.1/os-quota-class-sets/default", NULL), 200);
    assert_null(at(r, "quota_class_set/injected_files"));
}

static void deleting_by_force(void **state)
{
    const char *id = boot_active("p", "a"), *none = "99999999-9999-4999-8999-999999999999";

    expect(act("p", none, "{\"forceDelete\":null}"), 404);
    expect(act("p", none, "{\"restore\":null}"), 404);
    expect(act("p", id, "{\"restore\":null}"), 409);
    expect(act("p:reader", id, "{\"forceDelete\":null}"), 403);
    expect(act("p", id, "{\"forceDelete\":null}"), 202);
    assert_true(row(id).deleting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOVA_TEST(floating_addresses_by_project),
        NOVA_TEST(floating_addresses_run_out),
        NOVA_TEST(floating_addresses_point_to_servers),
        NOVA_TEST(images_are_filtered),
        NOVA_TEST(metadata_of_images),
        NOVA_TEST(hosts_of_old),
        NOVA_TEST(whose_servers_are_listed),
        NOVA_TEST(security_groups_of_old),
        NOVA_TEST(lists_of_old),
        NOVA_TEST(limits_of_everybody),
        NOVA_TEST(deleting_by_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
