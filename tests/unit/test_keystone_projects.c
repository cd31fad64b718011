/* The face of Identity v3: inexact filters, families of projects, projects that are domains, implied roles of
 * application credentials; what clients other than `openstack` ask for. */
#include "test_keystone.h"

static size_t count(const char *collection, const char *query)
{
    struct reply r = GET(admin(), PATH("/%s?%s", collection, query));
    assert_int_equal(r.status, 200);
    return json_array_size(at(r, collection));
}

static void test_inexact_filters(void **state)
{
    MAKE("user", V3 "/users", "{\"user\":{\"name\":\"Inexact-One\"}}");
    MAKE("user", V3 "/users", "{\"user\":{\"name\":\"inexact-two\"}}");
    MAKE("user", V3 "/users", "{\"user\":{\"name\":\"100%%\"}}");
    assert_int_equal(count("users", "name__contains=nexact"), 2);
    assert_int_equal(count("users", "name__contains=%25"), 1); /* no wildcard */
    assert_int_equal(count("users", "name__startswith=Inexact"), 1);
    assert_int_equal(count("users", "name__istartswith=Inexact"), 2);
    assert_int_equal(count("users", "name__endswith=TWO"), 0);
    assert_int_equal(count("users", "name__iendswith=TWO"), 1);
    assert_int_equal(count("users", "name__icontains=EXACT&name__endswith=One"), 1);
    assert_int_equal(count("users", "name__contains=nexact&enabled=false"), 0);
    struct reply r = GET(admin(), V3 "/users?name__contains=nexact&limit=1"); /* the limit counts what is left */
    assert_int_equal(json_array_size(at(r, "users")), 1);
    assert_non_null(text_at(r, "links.next"));
    assert_int_equal(GET(admin(), V3 "/users?name__like=a").status, 400);
    assert_int_equal(count("roles", "name__startswith=mem"), 1);
    assert_int_equal(count("domains", "name__contains=nothing"), 0);
    assert_int_equal(count("services", "type__startswith=comp"), 1);
    assert_int_equal(count("projects", "name__icontains=DEM"), 1);
    MAKE("policy", V3 "/policies", "{\"policy\":{\"type\":\"application/json\",\"blob\":\"b\"}}");
    assert_int_equal(count("policies", "type__contains=json"), 1);
    assert_int_equal(count("policies", "type__contains=foobar"), 0);
}

static void test_families(void **state)
{
    const char *top = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"top\"}}");
    const char *mid = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"mid\",\"parent_id\":\"%s\"}}", top);
    const char *low = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"low\",\"parent_id\":\"%s\"}}", mid);
    struct reply r = GET(admin(), PATH("/projects/%s?parents_as_ids", low));
    assert_true(json_is_null(at(r, arena_printf(cloud.arena, "project.parents.%s.%s.default", mid, top))));
    assert_non_null(at(r, arena_printf(cloud.arena, "project.parents.%s.%s.default", mid, top)));
    assert_null(at(r, "project.subtree"));
    r = GET(admin(), PATH("/projects/%s?subtree_as_ids", top));
    assert_true(json_is_null(at(r, arena_printf(cloud.arena, "project.subtree.%s.%s", mid, low))));
    r = GET(admin(), PATH("/projects/%s?subtree_as_ids", low));
    assert_true(json_is_null(at(r, "project.subtree")));
    /* the lists have only what the caller may enter */
    r = GET(admin(), PATH("/projects/%s?parents_as_list&subtree_as_list", mid));
    assert_int_equal(json_array_size(at(r, "project.parents")), 0);
    assert_int_equal(json_array_size(at(r, "project.subtree")), 0);
    const char *me = id_of("users", "admin"), *role = id_of("roles", "reader");
    assert_int_equal(PUT(admin(), PATH("/projects/%s/users/%s/roles/%s", top, me, role)).status, 204);
    assert_int_equal(PUT(admin(), PATH("/projects/%s/users/%s/roles/%s", low, me, role)).status, 204);
    r = GET(admin(), PATH("/projects/%s?parents_as_list&subtree_as_list", mid));
    assert_int_equal(json_array_size(at(r, "project.parents")), 1);
    assert_text(r, "project.parents.0.project.id", top);
    assert_int_equal(json_array_size(at(r, "project.subtree")), 1);
    assert_text(r, "project.subtree.0.project.name", "low");
    assert_int_equal(GET(admin(), PATH("/projects/%s?parents_as_list&parents_as_ids", mid)).status, 400);
    assert_int_equal(GET(admin(), PATH("/projects/%s?subtree_as_list&subtree_as_ids", mid)).status, 400);
}

static void test_domains_as_projects(void **state)
{
    struct reply r = POST(admin(), V3 "/projects", "{\"project\":{\"name\":\"acts\",\"is_domain\":true,\"description\":\"d\"}}");
    assert_int_equal(r.status, 201);
    assert_true(json_is_true(at(r, "project.is_domain")));
    assert_true(json_is_null(at(r, "project.domain_id")));
    assert_true(json_is_null(at(r, "project.parent_id")));
    const char *id = text_at(r, "project.id");
    r = GET(admin(), PATH("/domains/%s", id));
    assert_text(r, "domain.name", "acts");
    assert_text(r, "domain.description", "d");
    r = GET(admin(), PATH("/projects/%s", id));
    assert_true(json_is_true(at(r, "project.is_domain")));
    assert_int_equal(count("projects", "is_domain=true&name=acts"), 1);
    assert_int_equal(count("projects", "is_domain=false&name=acts"), 0);
    assert_int_equal(count("projects", "name=acts"), 0);
    assert_true(count("projects", "is_domain=true") >= 2); /* the default domain is one, too */
    assert_int_equal(POST(admin(), V3 "/projects", "{\"project\":{\"name\":\"acts\",\"is_domain\":true}}").status, 409);
    assert_int_equal(POST(admin(), V3 "/projects", "{\"project\":{\"name\":\"x\",\"is_domain\":true,\"domain_id\":\"default\"}}").status, 400);
    assert_int_equal(PATCH(admin(), PATH("/projects/%s", id), "{\"project\":{\"is_domain\":false}}").status, 400);
    r = PATCH(admin(), PATH("/projects/%s", id), "{\"project\":{\"enabled\":false,\"name\":\"acted\"}}");
    assert_int_equal(r.status, 200);
    assert_text(GET(admin(), PATH("/domains/%s", id)), "domain.name", "acted");
    assert_int_equal(DELETE(admin(), PATH("/projects/%s", id)).status, 204);
    assert_int_equal(GET(admin(), PATH("/domains/%s", id)).status, 404);
    assert_int_equal(GET(admin(), PATH("/projects/%s", id)).status, 404);
    /* an ordinary project cannot become one */
    const char *plain = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"plain\",\"is_domain\":false}}");
    assert_int_equal(PATCH(admin(), PATH("/projects/%s", plain), "{\"project\":{\"is_domain\":true}}").status, 400);
    assert_int_equal(PATCH(admin(), PATH("/projects/%s", plain), "{\"project\":{\"is_domain\":false}}").status, 200);
}

/* Who is given the role of a member has what that implies, by a credential as by a password. */
static void test_implied_roles_of_credentials(void **state)
{
    const char *project = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"ac\"}}");
    const char *user = MAKE("user", V3 "/users", "{\"user\":{\"name\":\"ac\",\"password\":\"pw\"}}");
    const char *role = id_of("roles", "manager");
    assert_int_equal(PUT(admin(), PATH("/projects/%s/users/%s/roles/%s", project, user, role)).status, 204);
    const char *token = token_of("ac", "pw", "ac");
    struct reply made = POST(token, PATH("/users/%s/application_credentials", user),
                             "{\"application_credential\":{\"name\":\"r\",\"roles\":[{\"name\":\"member\"}]}}");
    assert_int_equal(json_array_size(at(made, "application_credential.roles")), 1);
    struct reply in = POST(NULL, V3 "/auth/tokens",
                           "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],\"application_credential\":{"
                           "\"id\":\"%s\",\"secret\":\"%s\"}}}}",
                           text_at(made, "application_credential.id"), text_at(made, "application_credential.secret"));
    assert_int_equal(in.status, 201);
    assert_int_equal(json_array_size(at(in, "token.roles")), 2); /* member and reader, not manager */
    assert_text(in, "token.roles.0.name", "member");
    assert_text(in, "token.roles.1.name", "reader");
}

static void test_user_options(void **state)
{
    const char *user = MAKE("user", V3 "/users", "{\"user\":{\"name\":\"opt\",\"password\":\"pw\",\"options\":{\"ignore_password_expiry\":true,\"lock_password\":true}}}");
    const char *path = PATH("/users/%s", user), *change = "{\"user\":{\"password\":\"new\",\"original_password\":\"pw\"}}";
    assert_true(json_is_true(at(GET(admin(), path), "user.options.ignore_password_expiry")));
    assert_int_equal(POST(NULL, PATH("/users/%s/password", user), "%s", change).status, 400);
    struct reply r = PATCH(admin(), path, "{\"user\":{\"options\":{\"lock_password\":null,\"ignore_lockout_failure_attempts\":false}}}");
    assert_int_equal(json_object_size(at(r, "user.options")), 2); /* the one that was not named is still there */
    assert_true(json_is_true(at(r, "user.options.ignore_password_expiry")));
    assert_true(json_is_false(at(r, "user.options.ignore_lockout_failure_attempts")));
    assert_int_equal(POST(NULL, PATH("/users/%s/password", user), "%s", change).status, 204);
    assert_int_equal(PATCH(admin(), path, "{\"user\":{\"options\":{\"multi_factor_auth_enabled\":true}}}").status, 400);
    assert_int_equal(PATCH(admin(), path, "{\"user\":{\"options\":{\"lock_password\":\"yes\"}}}").status, 400);
}

/* Scripts write "default"; so they may as long as no other domain is meant. */
static void test_domain_names_in_any_case(void **state)
{
#define LOGIN(domain) POST(NULL, V3 "/auth/tokens", "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"demo\",\"domain\":{\"name\":\"%s\"},\"password\":\"demopw\"}}}}}", domain).status
    assert_int_equal(LOGIN("Default"), 201);
    assert_int_equal(LOGIN("default"), 201);
    assert_int_equal(LOGIN("defaul"), 401);
    MAKE("domain", V3 "/domains", "{\"domain\":{\"name\":\"default\"}}");
    assert_int_equal(LOGIN("default"), 401); /* exactly that one */
    assert_int_equal(LOGIN("DEFAULT"), 401); /* which of them? */
    assert_int_equal(LOGIN("Default"), 201);
}

/* What can never be is told, not answered with an empty list or "wrong password". */
static void test_contradictions(void **state)
{
    static const char *const queries[] = {
        "user.id=a&group.id=b", "scope.project.id=a&scope.domain.id=default", "scope.project.id=a&scope.system=all",
        "scope.domain.id=default&scope.system", "effective&group.id=a", "include_subtree=true",
    };
    for (size_t i = 0; i < N_ELEMENTS(queries); i++)
        assert_int_equal(GET(admin(), PATH("/role_assignments?%s", queries[i])).status, 400);
    assert_int_equal(GET(admin(), PATH("/role_assignments?scope.system=all&user.id=a")).status, 200);
#define BY_PASSWORD(user) "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{" user "\"password\":\"x\"}}}}}"
    struct reply r = POST(NULL, V3 "/auth/tokens", BY_PASSWORD("\"name\":\"admin\","));
    assert_int_equal(r.status, 400);
    assert_non_null(strstr(text_at(r, "error.message"), "Expecting to find domain in user"));
    assert_int_equal(POST(NULL, V3 "/auth/tokens", BY_PASSWORD("")).status, 400);
    assert_int_equal(POST(NULL, V3 "/auth/tokens", BY_PASSWORD("\"id\":\"nobody\",")).status, 401);
    assert_int_equal(login("demo", "demopw", "{\"project\":{\"name\":\"demo\"}}").status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inexact_filters),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_domains_as_projects),
        cmocka_unit_test(test_implied_roles_of_credentials),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_user_options),
        cmocka_unit_test(test_domain_names_in_any_case),
    };
    return cmocka_run_group_tests(tests, cloud_start, cloud_stop);
}
