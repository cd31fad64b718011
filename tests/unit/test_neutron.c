/* Network v2.0 end to end: what clients send and what they get. */
#include "test_keystone.h"

#include "api/neutron/face.h"
#include "network/setup.h"

#define V2 "/network/v2.0"
#define NET(...) arena_printf(cloud.arena, V2 __VA_ARGS__)

static int set_up_networks(struct cx *cx, void *arg)
{
    return network_setup(cx, &(struct network_setup){ .fixed_cidr = "172.31.0.0/24", .floating_cidr = "198.51.100.0/28", .project_id = arg });
}

/* The same server with this face beside Identity. */
static int start(void **state)
{
    static const struct face *const faces[] = { &keystone_versions_face, &keystone_face, &neutron_versions_face, &neutron_face, NULL };
    struct http_config http = { .port = 0 };
    CLEAN_CX cx;
    int r = cloud_start(state);

    http_server_stop(cloud.server);
    core_free(cloud.core);
    cloud.core = core_new(&(struct core_config){ .store = cloud.store, .pool = cloud.pool, .base_url = "https://cloud.example",
                                                 .faces = faces, .authenticate = identity_authenticate,
                                                 .authenticate_arg = &cloud.identity, .user = &cloud.contexts,
                                                 .realm_url = "https://cloud.example/identity" });
    struct http_handler handler = core_http_handler(cloud.core);
    assert_int_equal(http_server_start(&cloud.server, &http, &handler), 0);
    cloud.base_url = arena_printf(cloud.arena, "http://127.0.0.1:%u", http_server_port(cloud.server));
    char project[64];
    snprintf(project, sizeof project, "%s", id_of("projects", "admin"));
    cx_begin(&cx);
    assert_int_equal(store_write_wait(cloud.store, &cx, set_up_networks, project), 0);
    return r;
}

static const char *demo(void)
{
    static const char *token;
    token = token ? token : token_of("demo", "demopw", "demo");
    return token;
}

#define PUT_BODY(token, path, ...) call(token, NULL, "PUT", path, __VA_ARGS__)
#define assert_error(r, expected_status, expected_type)                                                      \
    do {                                                                                                     \
        struct reply e_ = (r);                                                                               \
        assert_int_equal(e_.status, expected_status);                                                        \
        assert_text(e_, "NeutronError.type", expected_type);                                                 \
    } while (0)

static void versions_are_told_to_anybody(void **state)
{
    struct reply r = GET(NULL, "/network");
    assert_int_equal(r.status, 200);
    assert_text(r, "versions.0.id", "v2.0");
    assert_text(r, "versions.0.links.0.href", "https://cloud.example/network/v2.0/");
    r = GET(NULL, V2 "/");
    assert_int_equal(r.status, 200);
    assert_text(r, "resources.0.name", "network");
    assert_error(GET(NULL, V2 "/networks"), 401, "HTTPUnauthorized");
}

static void networks_come_one_or_many(void **state)
{
    struct reply r = POST(demo(), V2 "/networks", "{\"networks\":[{\"name\":\"bulk\"},{\"name\":\"bulk\"},{\"name\":\"bulk\"}]}");
    assert_int_equal(r.status, 201);
    assert_int_equal(json_array_size(at(r, "networks")), 3);
    assert_error(POST(demo(), V2 "/networks", "{\"networks\":[{\"name\":\"half\"},{\"name\":\"half\",\"shared\":true}]}"), 403, "PolicyNotAuthorized");
    r = GET(demo(), V2 "/networks?name=half");
    assert_int_equal(json_array_size(at(r, "networks")), 0);
    r = GET(demo(), V2 "/networks?name=bulk&limit=2&sort_key=id&fields=id&fields=name");
    assert_int_equal(json_array_size(at(r, "networks")), 2);
    assert_int_equal(json_object_size(at(r, "networks.0")), 2);
    assert_text(r, "networks_links.0.rel", "next");
    const char *next = strstr(text_at(r, "networks_links.0.href"), V2);
    r = GET(demo(), next);
    assert_int_equal(json_array_size(at(r, "networks")), 1);
    assert_text(r, "networks_links.0.rel", "previous");
    r = GET(demo(), strstr(text_at(r, "networks_links.0.href"), V2));
    assert_int_equal(json_array_size(at(r, "networks")), 2);
    /* also from behind the end there is a way back */
    r = GET(demo(), V2 "/networks?name=bulk&limit=3&sort_key=id");
    assert_text(r, "networks_links.0.rel", "next");
    r = GET(demo(), strstr(text_at(r, "networks_links.0.href"), V2));
    assert_int_equal(json_array_size(at(r, "networks")), 0);
    assert_int_equal(json_array_size(at(r, "networks_links")), 1);
    assert_text(r, "networks_links.0.rel", "previous");
    r = GET(demo(), strstr(text_at(r, "networks_links.0.href"), V2));
    assert_int_equal(json_array_size(at(r, "networks")), 3);
    assert_null(at(GET(demo(), V2 "/networks?name=bulk"), "networks_links"));
    assert_error(GET(demo(), V2 "/networks?colour=red"), 400, "HTTPBadRequest");
    assert_error(POST(demo(), V2 "/networks", "{\"network\":{\"colour\":\"red\"}}"), 400, "HTTPBadRequest");
}

static void what_is_for_admins_only_admins_see(void **state)
{
    struct reply mine = GET(demo(), V2 "/networks?name=private"), theirs = GET(admin(), V2 "/networks?name=private");
    assert_null(at(mine, "networks.0.provider:network_type"));
    assert_text(theirs, "networks.0.provider:network_type", "flat");
    assert_int_equal(json_array_size(at(GET(demo(), V2 "/networks?router:external=True"), "networks")), 1);
    assert_int_equal(json_array_size(at(GET(demo(), NET("/subnets?network_id=%s", text_at(GET(demo(), V2 "/networks?name=public"), "networks.0.id"))), "subnets")), 0);
}

static void tags_are_set_and_found(void **state)
{
    struct reply r = POST(demo(), V2 "/networks", "{\"network\":{\"name\":\"tagged\"}}");
    const char *id = text_at(r, "network.id");

    assert_int_equal(PUT(demo(), NET("/networks/%s/tags/red", id)).status, 201);
    assert_int_equal(PUT_BODY(demo(), NET("/networks/%s/tags", id), "{\"tags\":[\"red\",\"blue%%\"]}").status, 200);
    assert_int_equal(GET(demo(), NET("/networks/%s/tags/red", id)).status, 204);
    assert_error(GET(demo(), NET("/networks/%s/tags/re", id)), 404, "TagNotFound");
    assert_int_equal(json_array_size(at(GET(demo(), V2 "/networks?tags=red"), "networks")), 1);
    assert_int_equal(json_array_size(at(GET(demo(), V2 "/networks?tags=re"), "networks")), 0);
    assert_int_equal(json_array_size(at(GET(demo(), V2 "/networks?tags=red,green"), "networks")), 0);
    assert_int_equal(json_array_size(at(GET(demo(), V2 "/networks?tags-any=red,green"), "networks")), 1);
    assert_int_equal(json_array_size(at(GET(demo(), V2 "/networks?name=tagged&not-tags=red"), "networks")), 0);
    assert_int_equal(DELETE(demo(), NET("/networks/%s/tags", id)).status, 204);
}

static void ports_are_changed_and_found_by_address(void **state)
{
    const char *net = text_at(POST(demo(), V2 "/networks", "{\"network\":{}}"), "network.id");
    struct reply s = POST(demo(), V2 "/subnets", "{\"subnet\":{\"network_id\":\"%s\",\"ip_version\":4,\"cidr\":\"10.7.0.0/24\"}}", net);
    struct reply p = POST(demo(), V2 "/ports", "{\"port\":{\"network_id\":\"%s\",\"fixed_ips\":[{\"ip_address\":\"10.7.0.40\"}]}}", net);

    assert_text(s, "subnet.gateway_ip", "10.7.0.1");
    assert_int_equal(p.status, 201);
    assert_int_equal(json_array_size(at(p, "port.security_groups")), 1);
    assert_int_equal(json_array_size(at(GET(demo(), V2 "/ports?fixed_ips=ip_address=10.7.0.40"), "ports")), 1);
    struct reply u = PUT_BODY(demo(), NET("/ports/%s", text_at(p, "port.id")), "{\"port\":{\"name\":\"n\",\"fixed_ips\":[{\"subnet_id\":\"%s\"},{\"ip_address\":\"10.7.0.50\"}],\"security_groups\":[]}}", text_at(s, "subnet.id"));
    assert_int_equal(u.status, 200);
    assert_int_equal(json_array_size(at(u, "port.fixed_ips")), 2);
    assert_text(u, "port.fixed_ips.0.ip_address", "10.7.0.40");
    assert_int_equal(json_array_size(at(u, "port.security_groups")), 0);
    assert_error(POST(demo(), V2 "/ports", "{\"port\":{\"network_id\":\"%s\",\"binding:host_id\":\"h\"}}", net), 403, "PolicyNotAuthorized");
    assert_error(POST(demo(), V2 "/ports", "{\"port\":{\"network_id\":\"%s\",\"binding:profile\":{}}}", net), 403, "PolicyNotAuthorized");
    assert_error(POST(admin(), V2 "/ports", "{\"port\":{\"network_id\":\"%s\",\"binding:profile\":[]}}", net), 400, "HTTPBadRequest");
    u = PUT_BODY(admin(), NET("/ports/%s", text_at(p, "port.id")), "{\"port\":{\"binding:profile\":{\"rack\":{\"row\":7}}}}");
    assert_int_equal(json_integer_value(at(u, "port.binding:profile.rack.row")), 7);
    u = PUT_BODY(admin(), NET("/ports/%s", text_at(p, "port.id")), "{\"port\":{\"binding:profile\":null}}");
    assert_int_equal(json_object_size(at(u, "port.binding:profile")), 0);
    assert_error(DELETE(demo(), NET("/networks/%s", net)), 409, "NetworkInUse");
}

static void the_first_list_of_groups_has_the_default_one(void **state)
{
    struct reply r = GET(demo(), V2 "/security-groups?name=default");
    assert_int_equal(json_array_size(at(r, "security_groups")), 1);
    /* what would not be carried out is refused, and not advertised */
    assert_int_equal(POST(demo(), V2 "/security-groups", "{\"security_group\":{\"name\":\"s\",\"stateful\":false}}").status, 400);
    assert_int_equal(PUT_BODY(demo(), NET("/security-groups/%s", text_at(r, "security_groups.0.id")), "{\"security_group\":{\"stateful\":false}}").status, 400);
    assert_int_equal(GET(demo(), V2 "/extensions/stateful-security-group").status, 404);
    assert_int_equal(json_array_size(at(r, "security_groups.0.security_group_rules")), 4);
    assert_true(json_is_null(at(r, "security_groups.0.security_group_rules.0.port_range_min")));
    assert_error(POST(demo(), V2 "/security-group-rules", "{\"security_group_rule\":{\"security_group_id\":\"%s\",\"direction\":\"ingress\",\"protocol\":\"tcp\",\"port_range_min\":-1}}",
                      text_at(r, "security_groups.0.id")), 400, "SecurityGroupInvalidPortValue");
}

static void quotas_stop_and_tell(void **state)
{
    const char *project = id_of("projects", "demo");

    assert_int_equal(PUT_BODY(admin(), NET("/quotas/%s", project), "{\"quota\":{\"router\":0}}").status, 200);
    assert_error(POST(demo(), V2 "/routers", "{\"router\":{}}"), 409, "OverQuota");
    assert_int_equal(PUT_BODY(demo(), NET("/quotas/%s", project), "{\"quota\":{\"router\":5}}").status, 403);
    assert_int_equal(json_integer_value(at(GET(demo(), NET("/quotas/%s/details", project)), "quota.router.limit")), 0);
    assert_int_equal(DELETE(admin(), NET("/quotas/%s", project)).status, 204);
    assert_int_equal(json_integer_value(at(GET(demo(), NET("/quotas/%s", project)), "quota.router")), 10);
}

static struct reply change_if(const char *method, const char *path, const char *revision, const char *body)
{
    const char *headers[][2] = { { "Content-Type", "application/json" }, { "X-Auth-Token", demo() }, { "If-Match", revision } };
    struct http_answer answer;
    struct http_call c = { .method = method, .url = arena_printf(cloud.arena, "%s%s", cloud.base_url, path),
                           .headers = (const char *const(*)[2])headers, .n_headers = 3, .body = body, .body_len = strlen(body) };
    assert_int_equal(http_client_call(cloud.client, cloud.arena, &c, &answer), 0);
    struct reply r = { .status = answer.status, .json = answer.body_len ? json_loads(answer.body, 0, NULL) : NULL };
    if (r.json)
        arena_defer(cloud.arena, (void (*)(void *))json_decref, r.json);
    return r;
}

/* Who names a revision changes that one or nothing. */
static void changes_hold_for_a_revision(void **state)
{
    static const char *const things[][3] = {
        { "networks", "network", "{\"network\":{\"name\":\"r\"}}" },
        { "routers", "router", "{\"router\":{\"name\":\"r\"}}" },
        { "security-groups", "security_group", "{\"security_group\":{\"name\":\"r\"}}" },
        { "subnetpools", "subnetpool", "{\"subnetpool\":{\"name\":\"r\",\"prefixes\":[\"10.30.0.0/16\"]}}" },
    };
    for (size_t i = 0; i < N_ELEMENTS(things); i++) {
        struct reply r = POST(demo(), NET("/%s", things[i][0]), "%s", things[i][2]);
        assert_int_equal(r.status, 201);
        json_t *made = at(r, things[i][1]);
        const char *path = NET("/%s/%s", things[i][0], json_string_value(json_object_get(made, "id")));
        const char *body = arena_printf(cloud.arena, "{\"%s\":{\"description\":\"new\"}}", things[i][1]);
        json_int_t revision = json_integer_value(json_object_get(made, "revision_number"));
        const char *now = arena_printf(cloud.arena, "revision_number=%lld", (long long)revision);
        assert_error(change_if("PUT", path, arena_printf(cloud.arena, "revision_number=%lld", (long long)revision + 1), body), 412,
                     "RevisionNumberConstraintFailed");
        assert_error(change_if("PUT", path, "\"etag\"", body), 400, "HTTPBadRequest");
        assert_int_equal(change_if("PUT", path, now, body).status, 200);
        assert_error(change_if("DELETE", path, now, ""), 412, "RevisionNumberConstraintFailed");
        assert_int_equal(DELETE(demo(), path).status, 204);
    }
}

static void anything_comes_in_bulk(void **state)
{
    struct reply r = POST(demo(), V2 "/security-groups", "{\"security_groups\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
    assert_int_equal(r.status, 201);
    assert_text(r, "security_groups.1.name", "b");
    r = POST(demo(), V2 "/security-groups", "{\"security_groups\":[{\"security_group\":{\"name\":\"c\"}},{\"name\":\"d\"}]}");
    assert_int_equal(r.status, 201);
    assert_text(r, "security_groups.0.name", "c");
    assert_error(POST(demo(), V2 "/security-groups", "{\"security_groups\":[{\"network\":{\"name\":\"c\"}}]}"), 400, "HTTPBadRequest");
    r = POST(demo(), V2 "/routers", "{\"routers\":[{\"name\":\"a\"},{\"name\":\"b\",\"admin_state_up\":false}]}");
    assert_int_equal(r.status, 201);
    assert_true(json_is_false(at(r, "routers.1.admin_state_up")));
    assert_int_equal(DELETE(demo(), NET("/routers/%s", text_at(r, "routers.0.id"))).status, 204);
    assert_int_equal(DELETE(demo(), NET("/routers/%s", text_at(r, "routers.1.id"))).status, 204);
    r = POST(demo(), V2 "/subnetpools", "{\"subnetpools\":[{\"name\":\"a\",\"prefixes\":[\"10.31.0.0/16\"]},{\"name\":\"b\",\"prefixes\":[\"10.32.0.0/16\"],\"default_quota\":null}]}");
    assert_int_equal(r.status, 201);
    assert_true(json_is_null(at(r, "subnetpools.1.default_quota")));
    const char *net = text_at(GET(demo(), V2 "/networks?router:external=True"), "networks.0.id");
    r = POST(demo(), V2 "/floatingips", "{\"floatingips\":[{\"floating_network_id\":\"%s\"},{\"floating_network_id\":\"%s\"}]}", net, net);
    assert_int_equal(r.status, 201);
    assert_int_equal(json_array_size(at(r, "floatingips")), 2);
}

static void subnets_come_from_the_default_pool(void **state)
{
    const char *net = text_at(POST(demo(), V2 "/networks", "{\"network\":{}}"), "network.id");
#define FROM_DEFAULT "{\"subnet\":{\"network_id\":\"%s\",\"ip_version\":4,\"use_default_subnetpool\":true%s}}"
    assert_error(POST(demo(), V2 "/subnets", FROM_DEFAULT, net, ""), 400, "HTTPBadRequest"); /* there is none */
    struct reply p = POST(admin(), V2 "/subnetpools", "{\"subnetpool\":{\"name\":\"d\",\"prefixes\":[\"10.40.0.0/16\"],\"default_prefixlen\":26,\"is_default\":true,\"shared\":true}}");
    assert_int_equal(p.status, 201);
    struct reply r = POST(demo(), V2 "/subnets", FROM_DEFAULT, net, "");
    assert_int_equal(r.status, 201);
    assert_text(r, "subnet.cidr", "10.40.0.0/26");
    assert_text(r, "subnet.subnetpool_id", text_at(p, "subnetpool.id"));
    r = POST(demo(), V2 "/subnets", FROM_DEFAULT, net, ",\"prefixlen\":28");
    assert_text(r, "subnet.cidr", "10.40.0.64/28");
    assert_error(POST(demo(), V2 "/subnets", FROM_DEFAULT, net, arena_printf(cloud.arena, ",\"subnetpool_id\":\"%s\"", text_at(p, "subnetpool.id"))), 400, "HTTPBadRequest");
    /* what hangs on one network comes from one pool */
    assert_error(POST(demo(), V2 "/subnets", "{\"subnet\":{\"network_id\":\"%s\",\"ip_version\":4,\"cidr\":\"10.41.0.0/24\"}}", net), 400, "NetworkSubnetPoolAffinityError");
    assert_int_equal(POST(demo(), V2 "/subnets", "{\"subnet\":{\"network_id\":\"%s\",\"ip_version\":6,\"cidr\":\"fd41::/64\"}}", net).status, 201);
    const char *named = text_at(POST(demo(), V2 "/networks", "{\"network\":{\"name\":\"named\"}}"), "network.id");
    r = GET(demo(), V2 "/networks?name="); /* without a name, not with any */
    for (size_t i = 0; i < json_array_size(at(r, "networks")); i++)
        assert_string_not_equal(text_at(r, arena_printf(cloud.arena, "networks.%zu.id", i)), named);
    assert_true(json_array_size(at(r, "networks")) > 0);
}

static void lists_tell_what_changed_since(void **state)
{
    static const char *const lists[][2] = {
        { "networks", "networks" }, { "subnets", "subnets" }, { "ports", "ports" }, { "security-groups", "security_groups" },
        { "security-group-rules", "security_group_rules" },
    };
    for (size_t i = 0; i < N_ELEMENTS(lists); i++) {
        size_t all = json_array_size(at(GET(demo(), NET("/%s", lists[i][0])), lists[i][1]));
        assert_int_equal(json_array_size(at(GET(demo(), NET("/%s?changed_since=2020-01-01T00:00:00", lists[i][0])), lists[i][1])), all);
        assert_int_equal(json_array_size(at(GET(demo(), NET("/%s?changed_since=2999-01-01T00:00:00Z", lists[i][0])), lists[i][1])), 0);
        assert_true(all > 0);
        assert_error(GET(demo(), NET("/%s?changed_since=yesterday", lists[i][0])), 400, "InvalidInput");
    }
}

static void any_protocol_has_two_more_names(void **state)
{
    const char *group = text_at(POST(demo(), V2 "/security-groups", "{\"security_group\":{\"name\":\"any\"}}"), "security_group.id");
#define RULE "{\"security_group_rule\":{\"security_group_id\":\"%s\",\"direction\":\"ingress\",\"protocol\":%s}}"
    struct reply r = POST(demo(), V2 "/security-group-rules", RULE, group, "\"any\"");
    assert_int_equal(r.status, 201);
    assert_true(json_is_null(at(r, "security_group_rule.protocol")));
    assert_error(POST(demo(), V2 "/security-group-rules", RULE, group, "0"), 409, "SecurityGroupRuleExists");
    assert_error(POST(demo(), V2 "/security-group-rules", RULE, group, "\"any\",\"port_range_min\":1,\"port_range_max\":2"), 400, "SecurityGroupProtocolRequiredWithPorts");
}

static void subnets_are_as_shared_as_their_networks(void **state)
{
    const char *shared = text_at(GET(demo(), V2 "/networks?name=private"), "networks.0.id"), *of;
    struct reply yes = GET(demo(), V2 "/subnets?shared=True"), no = GET(demo(), V2 "/subnets?shared=False");
    assert_int_equal(json_array_size(at(yes, "subnets")), 1);
    assert_text(yes, "subnets.0.network_id", shared);
    assert_true(json_array_size(at(no, "subnets")) > 0);
    for (size_t i = 0; (of = text_at(no, arena_printf(cloud.arena, "subnets.%zu.network_id", i))); i++)
        assert_string_not_equal(of, shared);
    assert_error(GET(demo(), V2 "/subnets?shared=perhaps"), 400, "HTTPBadRequest");
}

static void an_admin_finds_the_default_group_of_others(void **state)
{
    const char *project = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"fresh\"}}");
    assert_int_equal(json_array_size(at(GET(admin(), NET("/security-groups?tenant_id=%s", project)), "security_groups")), 1);
    assert_int_equal(json_array_size(at(GET(admin(), V2 "/security-groups?project_id=nosuch"), "security_groups")), 0);
    assert_int_equal(json_array_size(at(GET(demo(), NET("/security-groups?project_id=%s", project)), "security_groups")), 0);
}

static void a_client_may_ask_for_its_own_quota(void **state)
{
    const char *project = id_of("projects", "demo");
    assert_text(GET(demo(), V2 "/quotas/tenant"), "tenant.tenant_id", project);
    assert_text(GET(demo(), V2 "/quotas/project"), "project.project_id", project);
    assert_int_equal(json_integer_value(at(GET(demo(), NET("/quotas/%s", project)), "quota.rbac_policy")), 0);
    assert_int_equal(PUT_BODY(admin(), NET("/quotas/%s", project), "{\"quota\":{\"rbac_policy\":10,\"network\":7}}").status, 200);
    assert_int_equal(json_integer_value(at(GET(demo(), NET("/quotas/%s/details", project)), "quota.rbac_policy.used")), 0);
    assert_int_equal(DELETE(admin(), NET("/quotas/%s", project)).status, 204);
}

static void availability_counts_addresses(void **state)
{
    const char *net = text_at(POST(demo(), V2 "/networks", "{\"network\":{\"name\":\"counted\"}}"), "network.id");
    struct reply r = GET(admin(), NET("/network-ip-availabilities/%s", net));
    assert_int_equal(json_integer_value(at(r, "network_ip_availability.total_ips")), 0);
    assert_int_equal(POST(demo(), V2 "/subnets", "{\"subnet\":{\"network_id\":\"%s\",\"ip_version\":4,\"cidr\":\"10.8.0.0/28\",\"enable_dhcp\":false}}", net).status, 201);
    assert_int_equal(POST(demo(), V2 "/subnets", "{\"subnet\":{\"network_id\":\"%s\",\"ip_version\":6,\"cidr\":\"fd00::/64\",\"enable_dhcp\":false}}", net).status, 201);
    assert_int_equal(POST(demo(), V2 "/ports", "{\"port\":{\"network_id\":\"%s\",\"fixed_ips\":[{\"ip_address\":\"10.8.0.9\"}]}}", net).status, 201);
    r = GET(admin(), NET("/network-ip-availabilities?network_name=counted&ip_version=4"));
    assert_int_equal(json_array_size(at(r, "network_ip_availabilities")), 1);
    assert_int_equal(json_integer_value(at(r, "network_ip_availabilities.0.total_ips")), 13);
    assert_int_equal(json_integer_value(at(r, "network_ip_availabilities.0.used_ips")), 1);
    assert_text(r, "network_ip_availabilities.0.subnet_ip_availability.0.cidr", "10.8.0.0/28");
    r = GET(admin(), NET("/network-ip-availabilities?network_id=%s&ip_version=6", net));
    assert_non_null(strstr(r.text, "\"total_ips\":18446744073709551614,")); /* more than 64 bits with a sign hold */
    assert_int_equal(GET(demo(), V2 "/network-ip-availabilities").status, 403);
    assert_int_equal(GET(admin(), V2 "/network-ip-availabilities?ip_version=5").status, 400);
    assert_error(GET(admin(), V2 "/network-ip-availabilities/none"), 404, "NetworkNotFound");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_told_to_anybody),      cmocka_unit_test(networks_come_one_or_many),
        cmocka_unit_test(what_is_for_admins_only_admins_see), cmocka_unit_test(tags_are_set_and_found),
        cmocka_unit_test(ports_are_changed_and_found_by_address), cmocka_unit_test(the_first_list_of_groups_has_the_default_one),
        cmocka_unit_test(quotas_stop_and_tell),              cmocka_unit_test(changes_hold_for_a_revision),
        cmocka_unit_test(anything_comes_in_bulk),            cmocka_unit_test(subnets_come_from_the_default_pool),
        cmocka_unit_test(a_client_may_ask_for_its_own_quota), cmocka_unit_test(availability_counts_addresses),
        cmocka_unit_test(subnets_are_as_shared_as_their_networks), cmocka_unit_test(an_admin_finds_the_default_group_of_others),
        cmocka_unit_test(lists_tell_what_changed_since),     cmocka_unit_test(any_protocol_has_two_more_names),
    };
    return cmocka_run_group_tests(tests, start, cloud_stop);
}
