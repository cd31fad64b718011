/* The face of Identity v3, end to end: shapes of replies, who may, and what ends a token. */
#include "identity/credential.h"
#include "test_keystone.h"

static void test_versions(void **state)
{
    struct reply r = GET(NULL, "/identity");
    assert_int_equal(r.status, 300);
    assert_text(r, "versions.values.0.status", "stable");
    assert_text(r, "versions.values.0.links.0.href", "https://cloud.example/identity/v3/");
    r = GET(NULL, "/identity/v3");
    assert_int_equal(r.status, 200);
    assert_text(r, "version.media-types.0.type", "application/vnd.openstack.identity-v3+json");
    r = GET(NULL, "/identity/v3/nothing");
    assert_int_equal(r.status, 404);
    assert_text(r, "error.title", "Not Found");
}

static void test_token_body(void **state)
{
    struct reply r = login("admin", "adminpw", project_scope("admin"));
    assert_int_equal(r.status, 201);
    assert_non_null(r.subject_token);
    assert_text(r, "token.methods.0", "password");
    assert_text(r, "token.user.domain.name", "Default");
    assert_text(r, "token.project.name", "admin");
    assert_true(json_is_false(at(r, "token.is_domain")));
    assert_int_equal(json_array_size(at(r, "token.roles")), 4);
    assert_int_equal(json_array_size(at(r, "token.catalog")), 4);
    assert_int_equal(json_array_size(at(r, "token.catalog.0.endpoints")), 3);
    assert_text(r, "token.catalog.0.type", "compute");
    assert_text(r, "token.catalog.0.endpoints.0.url", "https://cloud.example/compute/v2.1");
    assert_int_equal(json_array_size(at(r, "token.audit_ids")), 1);
    assert_non_null(strstr(text_at(r, "token.expires_at"), ".000000Z"));

    struct reply shown = call(r.subject_token, r.subject_token, "GET", V3 "/auth/tokens?nocatalog", NULL);
    assert_int_equal(shown.status, 200);
    assert_string_equal(shown.subject_token, r.subject_token);
    assert_null(at(shown, "token.catalog"));
    assert_text(shown, "token.expires_at", text_at(r, "token.expires_at"));

    r = login("admin", "adminpw", "\"unscoped\"");
    assert_int_equal(r.status, 201);
    assert_null(at(r, "token.project"));
    assert_null(at(r, "token.catalog"));
    assert_null(at(r, "token.roles"));
    r = login("admin", "adminpw", "{\"system\":{\"all\":true}}");
    assert_int_equal(r.status, 201);
    assert_true(json_is_true(at(r, "token.system.all")));
    r = login("admin", "adminpw", NULL); /* the default project */
    assert_text(r, "token.project.name", "admin");
}

/* Nobody can tell a user that is not there from a wrong password or a scope without a role. */
static void test_no_enumeration(void **state)
{
    struct reply wrong = login("demo", "nonsense", NULL), absent = login("nobody", "nonsense", NULL),
                 scope = login("demo", "demopw", project_scope("admin")), gone = login("demo", "demopw", project_scope("x"));
    assert_int_equal(wrong.status, 401);
    assert_non_null(wrong.www_authenticate);
    assert_string_equal(wrong.text, absent.text);
    assert_string_equal(wrong.text, scope.text);
    assert_string_equal(wrong.text, gone.text);
    assert_text(wrong, "error.title", "Unauthorized");
    assert_int_equal(GET("garbage", V3 "/auth/projects").status, 401);
    assert_int_equal(GET(NULL, V3 "/auth/projects").status, 401);
    assert_int_equal(POST(NULL, V3 "/auth/tokens", "{\"auth\":{\"identity\":{\"methods\":[\"password\"]}}}").status, 400);
    assert_int_equal(POST(NULL, V3 "/auth/tokens", "{\"auth\":{\"identity\":{\"methods\":[\"totp\"]}}}").status, 401);
    /* pkgcloud names the project twice; what nobody sends is refused still */
#define BOTH                                                                                                                                 \
    "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"demo\",\"domain\":{\"id\":\"default\"},"       \
    "\"password\":\"demopw\"}}},\"%s\":\"demo\"}}"
    assert_int_equal(POST(NULL, V3 "/auth/tokens", BOTH, "tenantName").status, 201);
    assert_int_equal(POST(NULL, V3 "/auth/tokens", BOTH, "tenantColour").status, 400);
}

static struct reply rescope(const char *token, const char *scope)
{
    return POST(NULL, V3 "/auth/tokens",
                "{\"auth\":{\"identity\":{\"methods\":[\"token\"],\"token\":{\"id\":\"%s\"}}%s%s}}", token,
                scope ? ",\"scope\":" : "", scope ? scope : "");
}

static void test_rescoping(void **state)
{
    struct reply first = login("demo", "demopw", "\"unscoped\"");
    struct reply second = rescope(first.subject_token, project_scope("demo"));
    assert_int_equal(second.status, 201);
    assert_text(second, "token.expires_at", text_at(first, "token.expires_at"));
    assert_int_equal(json_array_size(at(second, "token.methods")), 2);
    assert_text(second, "token.audit_ids.1", text_at(first, "token.audit_ids.0"));
    assert_int_equal(rescope(first.subject_token, project_scope("admin")).status, 401);
    /* giving the second back leaves the first; giving the first back ends what was made from it */
    struct reply third = rescope(first.subject_token, project_scope("demo"));
    assert_int_equal(call(second.subject_token, second.subject_token, "DELETE", V3 "/auth/tokens", NULL).status, 204);
    assert_int_equal(GET(second.subject_token, V3 "/auth/projects").status, 401);
    assert_int_equal(call(admin(), second.subject_token, "GET", V3 "/auth/tokens", NULL).status, 404);
    assert_int_equal(GET(third.subject_token, V3 "/auth/projects").status, 200);
    assert_int_equal(call(first.subject_token, first.subject_token, "DELETE", V3 "/auth/tokens", NULL).status, 204);
    assert_int_equal(GET(third.subject_token, V3 "/auth/projects").status, 401);
}

struct tenant {
    const char *project, *project_name, *user, *user_name;
};

/* A project with a member, each time new. */
static struct tenant make_tenant(void)
{
    static int n;
    struct tenant t = { .project_name = arena_printf(cloud.arena, "p%d", ++n), .user_name = arena_printf(cloud.arena, "u%d", n) };
    t.project = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"%s\"}}", t.project_name);
    t.user = MAKE("user", V3 "/users", "{\"user\":{\"name\":\"%s\",\"password\":\"pw\",\"email\":\"a@b\"}}", t.user_name);
    return t;
}

static void grant(struct tenant t, const char *role)
{
    const char *path = PATH("/projects/%s/users/%s/roles/%s", t.project, t.user, id_of("roles", role));
    assert_int_equal(PUT(admin(), path).status, 204);
    assert_int_equal(call(admin(), NULL, "HEAD", path, NULL).status, 204);
}

static int status_of(const char *token)
{
    return GET(token, V3 "/auth/projects").status;
}

/* Each of these refuses the very next call. */
static void test_revocations(void **state)
{
    struct tenant t = make_tenant();
    grant(t, "member");
    const char *token = token_of(t.user_name, "pw", t.project_name);
    const char *grant_path = PATH("/projects/%s/users/%s/roles/%s", t.project, t.user, id_of("roles", "member"));

    assert_int_equal(status_of(token), 200);
    assert_int_equal(status_of(token), 200); /* from the cache */
    assert_int_equal(PATCH(admin(), PATH("/projects/%s", t.project), "{\"project\":{\"enabled\":false}}").status, 200);
    assert_int_equal(status_of(token), 401);
    assert_int_equal(PATCH(admin(), PATH("/projects/%s", t.project), "{\"project\":{\"enabled\":true}}").status, 200);
    assert_int_equal(status_of(token), 200);

    assert_int_equal(DELETE(admin(), grant_path).status, 204);
    assert_int_equal(status_of(token), 401);
    grant(t, "member");
    assert_int_equal(status_of(token), 200);

    assert_int_equal(PATCH(admin(), PATH("/users/%s", t.user), "{\"user\":{\"enabled\":false}}").status, 200);
    assert_int_equal(status_of(token), 401);
    assert_int_equal(login(t.user_name, "pw", NULL).status, 401);
    assert_int_equal(PATCH(admin(), PATH("/users/%s", t.user), "{\"user\":{\"enabled\":true}}").status, 200);
    assert_int_equal(status_of(token), 401); /* disabling ended it for good */

    token = token_of(t.user_name, "pw", t.project_name);
    assert_int_equal(POST(NULL, PATH("/users/%s/password", t.user),
                          "{\"user\":{\"password\":\"new\",\"original_password\":\"wrong\"}}").status, 401);
    assert_int_equal(status_of(token), 200);
    assert_int_equal(POST(NULL, PATH("/users/%s/password", t.user),
                          "{\"user\":{\"password\":\"new\",\"original_password\":\"pw\"}}").status, 204);
    assert_int_equal(status_of(token), 401);
    assert_int_equal(login(t.user_name, "pw", NULL).status, 401);
    token = token_of(t.user_name, "new", t.project_name);
    assert_int_equal(PATCH(admin(), PATH("/users/%s", t.user), "{\"user\":{\"password\":\"pw\"}}").status, 200);
    assert_int_equal(status_of(token), 401);

    token = token_of(t.user_name, "pw", t.project_name);
    assert_int_equal(DELETE(admin(), PATH("/projects/%s", t.project)).status, 204);
    assert_int_equal(status_of(token), 401);
    token = token_of(t.user_name, "pw", NULL);
    assert_int_equal(DELETE(admin(), PATH("/users/%s", t.user)).status, 204);
    assert_int_equal(status_of(token), 401);
}

static void test_group_roles(void **state)
{
    struct tenant t = make_tenant();
    const char *group = MAKE("group", V3 "/groups", "{\"group\":{\"name\":\"%s\"}}", t.user_name);
    const char *member = PATH("/groups/%s/users/%s", group, t.user);
    const char *role = id_of("roles", "reader");

    assert_int_equal(PUT(admin(), PATH("/projects/%s/groups/%s/roles/%s", t.project, group, role)).status, 204);
    assert_int_equal(login(t.user_name, "pw", project_scope(t.project_name)).status, 401);
    assert_int_equal(PUT(admin(), member).status, 204);
    struct reply r = login(t.user_name, "pw", project_scope(t.project_name));
    assert_int_equal(r.status, 201);
    assert_int_equal(json_array_size(at(r, "token.roles")), 1);
    r = GET(r.subject_token, PATH("/users/%s/projects", t.user));
    assert_int_equal(json_array_size(at(r, "projects")), 1);
    const char *token = token_of(t.user_name, "pw", t.project_name);
    assert_int_equal(DELETE(admin(), member).status, 204);
    assert_int_equal(status_of(token), 401);
    assert_int_equal(DELETE(admin(), member).status, 404);
}

static void test_inherited_roles(void **state)
{
    struct tenant t = make_tenant();
    const char *role = id_of("roles", "member");
    const char *leaf = MAKE("project", V3 "/projects", "{\"project\":{\"name\":\"leaf\",\"parent_id\":\"%s\"}}", t.project);
    const char *path = PATH("/OS-INHERIT/projects/%s/users/%s/roles/%s/inherited_to_projects", t.project, t.user, role);

    assert_int_equal(PUT(admin(), path).status, 204);
    assert_int_equal(login(t.user_name, "pw", project_scope(t.project_name)).status, 401);
    struct reply r = login(t.user_name, "pw", project_scope("leaf"));
    assert_int_equal(r.status, 201);
    assert_int_equal(json_array_size(at(r, "token.roles")), 2); /* member implies reader */
    r = GET(admin(), PATH("/role_assignments?effective&user.id=%s&scope.project.id=%s&include_names", t.user, leaf));
    assert_int_equal(json_array_size(at(r, "role_assignments")), 2);
    assert_text(r, "role_assignments.0.role.name", "member");
    assert_text(r, "role_assignments.0.scope.project.name", "leaf");
    assert_text(r, "role_assignments.0.scope.OS-INHERIT:inherited_to", "projects");
    assert_int_equal(DELETE(admin(), path).status, 204);
    r = GET(admin(), PATH("/role_assignments?effective&user.id=%s", t.user));
    assert_int_equal(json_array_size(at(r, "role_assignments")), 0);

    const char *domain_path = PATH("/OS-INHERIT/domains/default/users/%s/roles/%s/inherited_to_projects", t.user, role);
    assert_int_equal(PUT(admin(), domain_path).status, 204);
    assert_int_equal(login(t.user_name, "pw", project_scope(t.project_name)).status, 201);
    assert_int_equal(login(t.user_name, "pw", project_scope("leaf")).status, 201);
    assert_int_equal(login(t.user_name, "pw", "{\"domain\":{\"id\":\"default\"}}").status, 401);
    assert_int_equal(DELETE(admin(), domain_path).status, 204);
    assert_int_equal(DELETE(admin(), PATH("/projects/%s", t.project)).status, 403); /* not a leaf */
}

static struct reply login_app_cred(const char *id, const char *secret)
{
    return POST(NULL, V3 "/auth/tokens",
                "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],\"application_credential\":{\"id\":\"%s\","
                "\"secret\":\"%s\"}}}}",
                id, secret);
}

static void test_application_credentials(void **state)
{
    struct tenant t = make_tenant();
    grant(t, "member");
    const char *token = token_of(t.user_name, "pw", t.project_name);
    const char *collection = PATH("/users/%s/application_credentials", t.user);
    struct reply made = POST(token, collection, "{\"application_credential\":{\"name\":\"robot\",\"roles\":[{\"name\":\"reader\"}]}}");
    assert_int_equal(made.status, 201);
    assert_non_null(at(made, "application_credential.secret"));
    assert_int_equal(POST(token, collection, "{\"application_credential\":{\"name\":\"robot\"}}").status, 409);
    assert_int_equal(POST(token, collection, "{\"application_credential\":{\"name\":\"x\",\"roles\":[{\"name\":\"admin\"}]}}").status, 400);
    assert_int_equal(POST(admin(), collection, "{\"application_credential\":{\"name\":\"x\"}}").status, 403);
    const char *id = text_at(made, "application_credential.id");
    struct reply shown = GET(token, PATH("/users/%s/application_credentials/%s", t.user, id));
    assert_null(at(shown, "application_credential.secret"));
    assert_text(shown, "application_credential.roles.0.name", "reader");

    assert_int_equal(login_app_cred(id, "wrong").status, 401);
    struct reply in = login_app_cred(id, text_at(made, "application_credential.secret"));
    assert_int_equal(in.status, 201);
    assert_text(in, "token.project.id", t.project);
    assert_int_equal(json_array_size(at(in, "token.roles")), 1);
    assert_text(in, "token.application_credential.name", "robot");
    const char *robot = in.subject_token;
    assert_int_equal(rescope(robot, "\"unscoped\"").status, 401);
    assert_int_equal(rescope(robot, NULL).status, 201);
    assert_int_equal(POST(robot, collection, "{\"application_credential\":{\"name\":\"child\"}}").status, 403);
    assert_int_equal(status_of(robot), 200);
    assert_int_equal(DELETE(token, PATH("/users/%s/application_credentials/%s", t.user, id)).status, 204);
    assert_int_equal(status_of(robot), 401);
}

static void test_users_and_paging(void **state)
{
    struct tenant t = make_tenant();
    grant(t, "member");
    const char *token = token_of(t.user_name, "pw", t.project_name);
    struct reply r = GET(token, PATH("/users/%s", t.user));
    assert_text(r, "user.email", "a@b");
    assert_null(at(r, "user.password"));
    assert_null(at(r, "user.password_hash"));
    assert_text(r, "user.links.self", arena_printf(cloud.arena, "https://cloud.example/identity/v3/users/%s", t.user));
    r = PATCH(admin(), PATH("/users/%s", t.user), "{\"user\":{\"email\":\"c@d\",\"phone\":7}}");
    assert_text(r, "user.email", "c@d");
    assert_int_equal(json_integer_value(at(r, "user.phone")), 7);
    assert_int_equal(GET(token, PATH("/users/%s", id_of("users", "admin"))).status, 403);
    assert_int_equal(GET(token, V3 "/users").status, 403);
    assert_int_equal(GET(admin(), V3 "/users/admin").status, 404);
    assert_int_equal(POST(admin(), V3 "/users", "{\"user\":{\"name\":\"admin\"}}").status, 409);
    assert_int_equal(POST(admin(), V3 "/users", "{\"user\":{\"name\":\"  \"}}").status, 400);
    assert_int_equal(POST(token, V3 "/users", "{\"user\":{\"name\":\"y\"}}").status, 403);

    r = GET(admin(), V3 "/users?limit=2");
    assert_int_equal(json_array_size(at(r, "users")), 2);
    const char *next = text_at(r, "links.next"), *rest;
    assert_true(str_starts(next, "https://cloud.example", &rest));
    struct reply second = GET(admin(), rest);
    assert_int_equal(second.status, 200);
    assert_string_not_equal(text_at(second, "users.0.id"), text_at(r, "users.0.id"));
}

static void test_roles_and_domains(void **state)
{
    assert_int_equal(DELETE(admin(), PATH("/roles/%s", id_of("roles", "admin"))).status, 403);
    assert_int_equal(POST(admin(), V3 "/roles", "{\"role\":{\"name\":\"Admin\"}}").status, 409);
    const char *role = MAKE("role", V3 "/roles", "{\"role\":{\"name\":\"own\"}}");
    struct reply r = PATCH(admin(), PATH("/roles/%s", role), "{\"role\":{\"name\":\"owner\"}}");
    assert_text(r, "role.name", "owner");
    assert_true(json_is_null(at(r, "role.domain_id")));
    r = GET(admin(), V3 "/role_inferences");
    assert_int_equal(json_array_size(at(r, "role_inferences")), 3);

    const char *domain = MAKE("domain", V3 "/domains", "{\"domain\":{\"name\":\"d1\"}}");
    const char *user = MAKE("user", V3 "/users", "{\"user\":{\"name\":\"u\",\"domain_id\":\"%s\"}}", domain);
    assert_int_equal(DELETE(admin(), PATH("/domains/%s", domain)).status, 403);
    assert_int_equal(PATCH(admin(), PATH("/domains/%s", domain), "{\"domain\":{\"enabled\":false}}").status, 200);
    assert_int_equal(DELETE(admin(), PATH("/domains/%s", domain)).status, 204);
    assert_int_equal(GET(admin(), PATH("/users/%s", user)).status, 404);
    const char *demo = token_of("demo", "demopw", "demo");
    assert_int_equal(GET(demo, V3 "/domains/default").status, 200);
    assert_int_equal(GET(demo, V3 "/domains").status, 403);
}

static void test_catalog(void **state)
{
    struct reply r = PUT(admin(), V3 "/regions/r1");
    assert_int_equal(r.status, 201);
    r = POST(admin(), V3 "/regions", "{\"region\":{\"parent_region_id\":\"r1\",\"description\":\"x\"}}");
    assert_text(r, "region.parent_region_id", "r1");
    assert_int_equal(PATCH(admin(), V3 "/regions/r1", "{\"region\":{\"parent_region_id\":\"%s\"}}", text_at(r, "region.id")).status, 400);
    const char *service = MAKE("service", V3 "/services", "{\"service\":{\"type\":\"dns\",\"name\":\"designate\"}}");
    r = POST(admin(), V3 "/endpoints",
             "{\"endpoint\":{\"service_id\":\"%s\",\"interface\":\"public\",\"url\":\"http://x/$(project_id)s\",\"region\":\"r2\"}}", service);
    assert_int_equal(r.status, 201);
    assert_text(r, "endpoint.region_id", "r2");
    assert_int_equal(GET(admin(), V3 "/regions/r2").status, 200);
    assert_int_equal(DELETE(admin(), V3 "/regions/r2").status, 409);
    r = GET(admin(), V3 "/auth/catalog");
    assert_int_equal(json_array_size(at(r, "catalog")), 5);
    assert_int_equal(DELETE(admin(), PATH("/services/%s", service)).status, 204);
    r = GET(admin(), V3 "/endpoints?interface=public");
    assert_int_equal(json_array_size(at(r, "endpoints")), 4);
}

static void test_credentials(void **state)
{
    struct tenant a = make_tenant(), b = make_tenant();
    grant(a, "member");
    grant(b, "member");
    const char *token = token_of(a.user_name, "pw", a.project_name), *other = token_of(b.user_name, "pw", b.project_name);
    struct reply r = POST(token, V3 "/credentials",
                          "{\"credential\":{\"type\":\"ec2\",\"project_id\":\"%s\",\"blob\":\"{\\\"access\\\":\\\"%s\\\",\\\"secret\\\":\\\"s\\\"}\"}}",
                          a.project, a.user);
    assert_int_equal(r.status, 201);
    const char *path = PATH("/credentials/%s", text_at(r, "credential.id"));
    assert_int_equal(GET(token, path).status, 200);
    struct reply hidden = GET(other, path), absent = GET(other, V3 "/credentials/x");
    assert_int_equal(hidden.status, 404);
    assert_int_equal(absent.status, 404);
    assert_int_equal(POST(other, V3 "/credentials", "{\"credential\":{\"type\":\"t\",\"user_id\":\"%s\",\"blob\":\"x\"}}", a.user).status, 403);
    const char *collection = PATH("/users/%s/credentials/OS-EC2", a.user);
    r = POST(token, collection, "{\"tenant_id\":\"%s\"}", a.project);
    assert_int_equal(r.status, 201);
    assert_int_equal(strlen(text_at(r, "credential.secret")), 40);
    path = PATH("/users/%s/credentials/OS-EC2/%s", a.user, text_at(r, "credential.access"));
    assert_int_equal(GET(token, path).status, 200);
    assert_int_equal(GET(other, path).status, 403);
    assert_int_equal(DELETE(token, path).status, 204);
    assert_int_equal(GET(token, path).status, 404);
}

/* What the store has of a credential. */
struct stored {
    const char *id, *blob;
    int64_t sealed;
};

static int read_stored(struct cx *cx, void *arg)
{
    struct stored *s = arg;
    TRY(store_int(cx, &s->sealed, "SELECT sealed FROM identity_credential WHERE id=$1", ARGS(s->id)));
    TRY(store_text(cx, &s->blob, "SELECT blob FROM identity_credential WHERE id=$1", ARGS(s->id)));
    s->blob = arena_strdup(cloud.arena, s->blob);
    return 0;
}

static int plant(struct cx *cx, void *arg)
{
    const struct stored *s = arg;
    const struct table t = { .name = "identity_credential" };
    return store_exec(cx, &t, "UPDATE identity_credential SET blob=$1, sealed=$2 WHERE id=$3", ARGS(s->blob, s->sealed, s->id));
}

static int seal_all(struct cx *cx, void *arg)
{
    return credential_seal_all(cx, arg);
}

static int in_store(int (*run)(struct cx *, void *), void *arg)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    return store_write_wait(cloud.store, &cx, run, arg);
}

static void test_credentials_are_sealed(void **state)
{
    struct tenant a = make_tenant();
    grant(a, "member");
    const char *token = token_of(a.user_name, "pw", a.project_name);
    struct reply made = POST(token, V3 "/credentials", "{\"credential\":{\"type\":\"totp\",\"blob\":\"canary-1\"}}");
    struct stored s = { .id = text_at(made, "credential.id") };
    const char *path = PATH("/credentials/%s", s.id);
    assert_text(made, "credential.blob", "canary-1");
    assert_int_equal(in_store(read_stored, &s), 0);
    assert_int_equal(s.sealed, 1);
    assert_null(strstr(s.blob, "canary"));
    assert_text(GET(token, path), "credential.blob", "canary-1");
    assert_text(PATCH(token, path, "{\"credential\":{\"blob\":\"canary-2\"}}"), "credential.blob", "canary-2");
    assert_int_equal(in_store(read_stored, &s), 0);
    assert_null(strstr(s.blob, "canary"));
    assert_text(GET(token, V3 "/credentials"), "credentials.0.blob", "canary-2");

    s.blob = "canary-3"; /* as a release before the seal left it; then a start of this one */
    s.sealed = 0;
    assert_true(in_store(plant, &s) > 0);
    assert_text(GET(token, path), "credential.blob", "canary-3");
    assert_int_equal(in_store(seal_all, cloud.ring), 0);
    assert_int_equal(in_store(read_stored, &s), 0);
    assert_int_equal(s.sealed, 1);
    assert_null(strstr(s.blob, "canary"));
    assert_text(GET(token, path), "credential.blob", "canary-3");

    struct reply other = POST(token, V3 "/credentials", "{\"credential\":{\"type\":\"totp\",\"blob\":\"x\"}}");
    s.id = text_at(other, "credential.id");
    assert_true(in_store(plant, &s) > 0);
    assert_int_equal(GET(token, PATH("/credentials/%s", s.id)).status, 500); /* sealed for another row */
    assert_int_equal(DELETE(token, PATH("/credentials/%s", s.id)).status, 204);

    const char *keys = PATH("/users/%s/credentials/OS-EC2", a.user);
    made = POST(token, keys, "{\"tenant_id\":\"%s\"}", a.project);
    const char *secret = text_at(made, "credential.secret");
    assert_text(GET(token, keys), "credentials.0.secret", secret);
    struct reply all = GET(token, V3 "/credentials?type=ec2");
    s.id = text_at(all, "credentials.0.id");
    assert_int_equal(in_store(read_stored, &s), 0);
    assert_null(strstr(s.blob, secret));
}

/* A lost key costs the secrets, not the right to clear away what it sealed. */
static void test_lost_key(void **state)
{
    struct tenant a = make_tenant();
    grant(a, "member");
    const char *token = token_of(a.user_name, "pw", a.project_name);
    const char *id = text_at(POST(token, V3 "/credentials", "{\"credential\":{\"type\":\"totp\",\"blob\":\"x\"}}"), "credential.id");
    struct seal_ring *other = seal_ring_new();
    cloud.identity.secrets = other;
    assert_int_equal(in_store(seal_all, other), 0); /* no start fails for it */
    assert_int_equal(GET(token, PATH("/credentials/%s", id)).status, 500);
    assert_int_equal(DELETE(token, PATH("/credentials/%s", id)).status, 204);
    cloud.identity.secrets = cloud.ring;
    seal_ring_free(other);
}

static void test_tags_and_policies(void **state)
{
    struct tenant t = make_tenant();
    assert_int_equal(PUT(admin(), PATH("/projects/%s/tags/blue", t.project)).status, 201);
    assert_int_equal(GET(admin(), PATH("/projects/%s/tags/blue", t.project)).status, 204);
    struct reply r = call(admin(), NULL, "PUT", PATH("/projects/%s/tags", t.project), "{\"tags\":[\"a\",\"b\"]}");
    assert_int_equal(json_array_size(at(r, "tags")), 2);
    assert_int_equal(GET(admin(), PATH("/projects/%s/tags/blue", t.project)).status, 404);
    assert_int_equal(json_array_size(at(GET(admin(), V3 "/projects?tags=a,b"), "projects")), 1);
    assert_int_equal(json_array_size(at(GET(admin(), V3 "/projects?tags=a,c"), "projects")), 0);
    assert_int_equal(json_array_size(at(GET(admin(), V3 "/projects?tags-any=a,c&limit=1"), "projects")), 1);
    assert_int_equal(json_array_size(at(GET(admin(), V3 "/projects?tags=a&not-tags-any=b"), "projects")), 0);
    assert_int_equal(json_array_size(at(GET(admin(), V3 "/projects?tags=a&not-tags=b,c"), "projects")), 1);
    const char *policy = MAKE("policy", V3 "/policies", "{\"policy\":{\"type\":\"t\",\"blob\":\"b\"}}");
    r = PATCH(admin(), PATH("/policies/%s", policy), "{\"policy\":{\"type\":\"t2\"}}");
    assert_text(r, "policy.type", "t2");
    assert_text(r, "policy.blob", "b");
    assert_int_equal(DELETE(admin(), PATH("/policies/%s", policy)).status, 204);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),         cmocka_unit_test(test_token_body),
        cmocka_unit_test(test_no_enumeration),   cmocka_unit_test(test_rescoping),
        cmocka_unit_test(test_revocations),      cmocka_unit_test(test_group_roles),
        cmocka_unit_test(test_inherited_roles),  cmocka_unit_test(test_application_credentials),
        cmocka_unit_test(test_users_and_paging), cmocka_unit_test(test_roles_and_domains),
        cmocka_unit_test(test_catalog),          cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_credentials_are_sealed), cmocka_unit_test(test_lost_key),
        cmocka_unit_test(test_tags_and_policies),
    };
    return cmocka_run_group_tests(tests, cloud_start, cloud_stop);
}
