#include "identity/setup.h"

#include "identity/auth.h"
#include "identity/catalog.h"
#include "identity/domain.h"
#include "identity/project.h"
#include "identity/role.h"
#include "identity/rows.h"
#include "identity/user.h"

static int need_domain(struct cx *cx)
{
    struct domain d;
    int found = store_find(cx, &identity_domain_table, &d, "id=$1", ARGS(DOMAIN_DEFAULT_ID));

    TRY(found);
    if (found)
        return 0;
    d = (struct domain){ .id = DOMAIN_DEFAULT_ID, .name = "Default", .description = "The default domain", .enabled = true,
                         .tags = "[]", .options = "{}", .extra = "{}" };
    return domain_create(cx, &d);
}

/* Returns 1 when the role was made, 0 when it was there. */
static int need_role(struct cx *cx, const char *name, const char **ret_id)
{
    struct role r;
    int found = role_find(cx, name, &r);

    TRY(found);
    if (!found) {
        r = (struct role){ .name = name, .options = "{\"immutable\":true}", .extra = "{}" };
        TRY(role_create(cx, &r));
    }
    *ret_id = r.id;
    return !found;
}

/* Sets '*ret_admin_id' and '*ret_member_id'. */
static int need_roles(struct cx *cx, const char **ret_admin_id, const char **ret_member_id)
{
    static const char *const chain[] = { "admin", "manager", "member", "reader" };
    const char *ids[N_ELEMENTS(chain)], *service_id;
    int made, made_before = 0;

    for (size_t i = 0; i < N_ELEMENTS(chain); i++) {
        made = need_role(cx, chain[i], &ids[i]);
        TRY(made);
        if (i && (made || made_before)) /* a rule that an operator took away stays away */
            TRY(role_imply(cx, ids[i - 1], ids[i]));
        made_before = made;
    }
    *ret_admin_id = ids[0];
    *ret_member_id = ids[2];
    return need_role(cx, "service", &service_id);
}

static int need_project(struct cx *cx, const char *name, const char *description, const char **ret_id)
{
    struct project p;
    int found = project_find(cx, DOMAIN_DEFAULT_ID, name, &p);

    TRY(found);
    if (!found) {
        p = (struct project){ .domain_id = DOMAIN_DEFAULT_ID, .name = name, .description = description, .enabled = true,
                              .tags = "[]", .options = "{}", .extra = "{}" };
        TRY(project_create(cx, &p));
    }
    *ret_id = p.id;
    return 0;
}

/* Returns 1 when the user was made, 0 when it was there. */
static int need_user(struct cx *cx, const char *name, const char *password, const char *project_id, const char **ret_id)
{
    struct user u;
    int found = user_find(cx, DOMAIN_DEFAULT_ID, name, &u);

    TRY(found);
    if (!found && !password)
        return fail(cx, KIND_INVALID, "The user %s is to be made, but no password is given for it.", name);
    if (!found) {
        u = (struct user){ .domain_id = DOMAIN_DEFAULT_ID, .name = name, .default_project_id = project_id, .enabled = true,
                           .options = "{}", .extra = "{}" };
        TRY(auth_hash(cx, "password", password, &u.password_hash));
        TRY(user_create(cx, &u));
    }
    *ret_id = u.id;
    return !found;
}

static int need_admin(struct cx *cx, const char *password, const char *admin_role_id)
{
    const char *project_id, *user_id;

    TRY(need_project(cx, "admin", "The operators' own project", &project_id));
    int made = need_user(cx, "admin", password, project_id, &user_id);
    TRY(made);
    if (!made)
        return 0;
    TRY(grant_add(cx, &(struct grant){ "user", user_id, "project", project_id, admin_role_id, false }));
    return grant_add(cx, &(struct grant){ "user", user_id, "system", GRANT_SYSTEM, admin_role_id, false });
}

static int need_demo(struct cx *cx, const struct identity_setup_params *params, const char *member_role_id)
{
    const char *name = params->demo_name ? params->demo_name : "demo", *project_id, *user_id;

    TRY(need_project(cx, name, "A project to try things in", &project_id));
    if (!params->demo_password)
        return 0;
    int made = need_user(cx, name, params->demo_password, project_id, &user_id);
    TRY(made);
    return made ? grant_add(cx, &(struct grant){ "user", user_id, "project", project_id, member_role_id, false }) : 0;
}

static int need_service(struct cx *cx, const char *type, const char *name, const char *path, const char *region)
{
    static const char *const interfaces[] = { "public", "internal", "admin" };
    int64_t one;
    int found = store_int(cx, &one, "SELECT 1 FROM identity_service WHERE type=$1", ARGS(type));

    TRY(found);
    if (found)
        return 0;
    struct catalog_service s = { .type = type, .name = name, .enabled = true, .extra = "{}" };
    TRY(catalog_service_create(cx, &s));
    for (size_t i = 0; i < N_ELEMENTS(interfaces); i++) {
        struct catalog_endpoint e = { .service_id = s.id, .interface = interfaces[i], .url = path, .enabled = true,
                                      .extra = "{}", .region = region };
        TRY(catalog_endpoint_create(cx, &e));
    }
    return 0;
}

int identity_setup(struct cx *cx, const struct identity_setup_params *params)
{
    static const struct {
        const char *type, *name, *path;
    } services[] = {
        { "identity", "keystone", "/identity" },
        { "image", "glance", "/image" },
        { "compute", "nova", "/compute/v2.1" },
        { "network", "neutron", "/network" },
    };
    const char *region = params->region ? params->region : "RegionOne", *admin_id, *member_id, *project_id;

    TRY(need_domain(cx));
    TRY(need_roles(cx, &admin_id, &member_id));
    TRY(need_project(cx, "service", "For the services themselves", &project_id));
    TRY(need_admin(cx, params->admin_password, admin_id));
    TRY(need_demo(cx, params, member_id));
    for (size_t i = 0; i < N_ELEMENTS(services); i++)
        TRY(need_service(cx, services[i].type, services[i].name, services[i].path, region));
    return 0;
}
