#include <string.h>

#include <jansson.h>

#include "api/keystone/internal.h"
#include "auth/token.h"
#include "identity/auth.h"
#include "identity/user.h"

static void emit_null(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_null(w);
}

/* What a user may be excepted from.  Passwords do not expire and nobody is locked out here, so the exceptions hold as they
 * stand; lock_password is the business of auth_change_password().  A second factor cannot be asked for, so its options are
 * refused. */
struct user_options {
    bool ignore_change_password_upon_first_use, ignore_password_expiry, ignore_lockout_failure_attempts, ignore_user_inactivity,
        lock_password;
};
static const struct field option_fields[] = {
    BOOL(struct user_options, ignore_change_password_upon_first_use, .nullable = true),
    BOOL(struct user_options, ignore_password_expiry, .nullable = true),
    BOOL(struct user_options, ignore_lockout_failure_attempts, .nullable = true),
    BOOL(struct user_options, ignore_user_inactivity, .nullable = true),
    BOOL(struct user_options, lock_password, .nullable = true),
    { 0 },
};

/* Sets what is given, takes away what is null and leaves the rest. */
static int parse_options(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct user *u = obj;
    const char *text = u->options ? u->options : "{}";
    struct jwriter w = jwriter_new(cx->arena);
    struct user_options checked;
    const struct json_t *before;

    TRY(json_read(cx, option_fields, value, (struct json_rules){ .where = f->name }, &checked));
    TRY(json_parse(cx, text, strlen(text), &before));
    jw_object(&w);
    for (const struct field *o = option_fields; o->name; o++) {
        const json_t *v = json_object_get(json_has(value, o->name) ? value : before, o->name);
        if (json_is_boolean(v))
            jw_kv_bool(&w, o->name, json_is_true(v));
    }
    jw_end(&w);
    u->options = buf_text(&w.out);
    return 0;
}

/* clang-format off */
static const struct field user_view[] = {
    STR(struct user, id), STR(struct user, name), STR(struct user, domain_id), BOOL(struct user, enabled),
    STR(struct user, default_project_id, .omit = true), JSON(struct user, options),
    HOOK("password_expires_at", .emit = emit_null), { 0 },
};
static const struct paging user_paging = {
    .columns = user_columns,
    .filters = (const char *const[]){ "name", "domain_id", "enabled", "default_project_id", "id", NULL },
    .sorts = (const char *const[]){ "name", "id", NULL },
    .default_sort = "name:asc",
};
static const struct resource user_resource = {
    "user", "users", user_view, sizeof(struct user), offsetof(struct user, id), offsetof(struct user, extra),
    &user_paging,
};
static const struct field group_view[] = {
    STR(struct group, id), STR(struct group, name), STR(struct group, domain_id), STR(struct group, description), { 0 },
};
static const struct paging group_paging = {
    .columns = group_columns,
    .filters = (const char *const[]){ "name", "domain_id", "id", NULL },
    .sorts = (const char *const[]){ "name", "id", NULL },
    .default_sort = "name:asc",
};
static const struct resource group_resource = {
    "group", "groups", group_view, sizeof(struct group), offsetof(struct group, id), offsetof(struct group, extra),
    &group_paging,
};

static const struct field user_fields[] = {
    STR(struct user, name, KEYSTONE_NAME, .max = 255),
    STR(struct user, password, .nullable = true, .max = 4096),
    STR(struct user, domain_id, KEYSTONE_ID, .nullable = true, .parse = keystone_parse_id),
    STR(struct user, default_project_id, KEYSTONE_ID, .nullable = true),
    BOOL(struct user, enabled, .preset = "true"),
    JSON(struct user, options, .preset = "{}", .parse = parse_options),
    STR(struct user, id, .parse = keystone_parse_id), HOOK("links", .parse = keystone_parse_nothing), HOOK("extra", .readonly = true),
    HOOK("password_expires_at", .parse = keystone_parse_nothing), { 0 },
};
static const struct field group_fields[] = {
    STR(struct group, name, KEYSTONE_NAME, .max = 64),
    STR(struct group, domain_id, KEYSTONE_ID, .nullable = true, .parse = keystone_parse_id),
    STR(struct group, description, .preset = "", .max = 65535),
    STR(struct group, id, .parse = keystone_parse_id), HOOK("links", .parse = keystone_parse_nothing), HOOK("extra", .readonly = true), { 0 },
};
static const struct body user_create_body = { .wrap = "user", .fields = user_fields, .size = sizeof(struct user), .open = true };
static const struct body user_update_body = { .wrap = "user", .fields = user_fields, .size = sizeof(struct user), .open = true, .overlay = true };
static const struct body group_create_body = { .wrap = "group", .fields = group_fields, .size = sizeof(struct group), .open = true };
static const struct body group_update_body = { .wrap = "group", .fields = group_fields, .size = sizeof(struct group), .open = true, .overlay = true };

/* clang-format on */

/* What a caller names no domain for goes into its own. */
static const char *domain_of_caller(const struct who *who)
{
    return who->domain_id ? who->domain_id : who->project_domain_id;
}

/* ---- users ---- */

static int users_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list users;

    TRY(auth_check_reader(cx));
    TRY(keystone_filter(rq, &user_resource, &f));
    TRY(user_list(cx, &f, NULL, &users));
    return keystone_reply_list(rq, &user_resource, NULL, users);
}

/* Hashes the password of the body, if there is one. */
static int prepare_user(struct cx *cx, struct req *rq)
{
    const struct user *u = req_body(rq);
    const char *hash = NULL;

    if (u->password)
        TRY(auth_hash(cx, "password", u->password, &hash));
    req_keep(rq, cx_strdup(cx, hash));
    return 0;
}

static int users_create(struct cx *cx, struct req *rq)
{
    struct user u = *(const struct user *)req_body(rq);

    TRY(keystone_check_new(cx, u.id));
    u.password_hash = req_kept(rq);
    u.domain_id = u.domain_id ? u.domain_id : domain_of_caller(cx->who);
    u.extra = json_rest(cx, user_fields, req_json(rq), NULL);
    TRY(user_create(cx, &u));
    return keystone_reply(rq, &user_resource, NULL, &u);
}

static int users_show(struct cx *cx, struct req *rq)
{
    const char *id = req_path(rq, "user_id");
    struct user u;

    TRY(auth_check_self_or_reader(cx, id));
    TRY(user_get(cx, id, &u));
    return keystone_reply(rq, &user_resource, NULL, &u);
}

static int users_update(struct cx *cx, struct req *rq)
{
    struct user u;

    TRY(user_get(cx, req_path(rq, "user_id"), &u));
    TRY(req_overlay(rq, &u));
    if (req_has(rq, "password"))
        u.password_hash = req_kept(rq);
    u.extra = json_rest(cx, user_fields, req_json(rq), u.extra);
    TRY(user_update(cx, &u));
    return keystone_reply(rq, &user_resource, NULL, &u);
}

static int users_delete(struct cx *cx, struct req *rq)
{
    TRY(user_delete(cx, req_path(rq, "user_id")));
    return reply_empty(rq);
}

/* ---- a user's own password: who knows the old one needs no token ---- */

struct password_change {
    const char *password, *original_password;
};
static const struct field password_fields[] = {
    STR(struct password_change, password, .required = true, .min = 1, .max = 4096),
    STR(struct password_change, original_password, .required = true, .max = 4096),
    { 0 },
};
static const struct body password_body = { .wrap = "user", .fields = password_fields, .size = sizeof(struct password_change) };

struct password_hashes {
    const char *old_hash, *new_hash;
};

static int prepare_password(struct cx *cx, struct req *rq)
{
    const struct password_change *in = req_body(rq);
    struct password_hashes *hashes = cx_alloc(cx, sizeof *hashes);
    const struct auth_request r = { .methods = TOKEN_BY_PASSWORD, .user = { .id = req_path(rq, "user_id") },
                                    .password = in->original_password };
    struct auth_proof proof;

    if (str_eq(in->password, in->original_password))
        return fail(cx, KIND_INVALID, "The new password must differ from the old one.");
    TRY(auth_prove(cx, req_store(rq), &r, &proof));
    TRY(auth_hash(cx, "password", in->password, &hashes->new_hash));
    hashes->old_hash = proof.password_hash;
    req_keep(rq, hashes);
    return 0;
}

static int password_change(struct cx *cx, struct req *rq)
{
    const struct password_hashes *hashes = req_kept(rq);

    TRY(auth_change_password(cx, req_path(rq, "user_id"), hashes->old_hash, hashes->new_hash));
    return reply_empty(rq);
}

/* ---- groups ---- */

static int groups_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list groups;

    TRY(auth_check_reader(cx));
    TRY(keystone_filter(rq, &group_resource, &f));
    TRY(user_group_list(cx, &f, NULL, &groups));
    return keystone_reply_list(rq, &group_resource, NULL, groups);
}

static int groups_list_of_user(struct cx *cx, struct req *rq)
{
    const char *user_id = req_path(rq, "user_id");
    struct filter f;
    struct list groups;
    struct user u;

    TRY(auth_check_self_or_reader(cx, user_id));
    TRY(user_get(cx, user_id, &u));
    TRY(keystone_filter(rq, &group_resource, &f));
    TRY(user_group_list(cx, &f, user_id, &groups));
    return keystone_reply_list(rq, &group_resource, NULL, groups);
}

static int groups_create(struct cx *cx, struct req *rq)
{
    struct group g = *(const struct group *)req_body(rq);

    TRY(keystone_check_new(cx, g.id));
    g.domain_id = g.domain_id ? g.domain_id : domain_of_caller(cx->who);
    g.extra = json_rest(cx, group_fields, req_json(rq), NULL);
    TRY(user_group_create(cx, &g));
    return keystone_reply(rq, &group_resource, NULL, &g);
}

static int groups_show(struct cx *cx, struct req *rq)
{
    struct group g;

    TRY(auth_check_reader(cx));
    TRY(user_group_get(cx, req_path(rq, "group_id"), &g));
    return keystone_reply(rq, &group_resource, NULL, &g);
}

static int groups_update(struct cx *cx, struct req *rq)
{
    struct group g;

    TRY(user_group_get(cx, req_path(rq, "group_id"), &g));
    TRY(req_overlay(rq, &g));
    g.extra = json_rest(cx, group_fields, req_json(rq), g.extra);
    TRY(user_group_update(cx, &g));
    return keystone_reply(rq, &group_resource, NULL, &g);
}

static int groups_delete(struct cx *cx, struct req *rq)
{
    TRY(user_group_delete(cx, req_path(rq, "group_id")));
    return reply_empty(rq);
}

static int members_list(struct cx *cx, struct req *rq)
{
    const char *group_id = req_path(rq, "group_id");
    struct filter f;
    struct list users;
    struct group g;

    TRY(auth_check_reader(cx));
    TRY(user_group_get(cx, group_id, &g));
    TRY(keystone_filter(rq, &user_resource, &f));
    TRY(user_list(cx, &f, group_id, &users));
    return keystone_reply_list(rq, &user_resource, NULL, users);
}

static int members_add(struct cx *cx, struct req *rq)
{
    TRY(user_group_add_user(cx, req_path(rq, "group_id"), req_path(rq, "user_id")));
    return reply_empty(rq);
}

static int members_check(struct cx *cx, struct req *rq)
{
    TRY(auth_check_self_or_reader(cx, req_path(rq, "user_id")));
    TRY(user_group_check_user(cx, req_path(rq, "group_id"), req_path(rq, "user_id")));
    return reply_empty(rq);
}

static int members_remove(struct cx *cx, struct req *rq)
{
    TRY(user_group_remove_user(cx, req_path(rq, "group_id"), req_path(rq, "user_id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route keystone_user_routes[] = {
    { "GET",    "/users",                    users_list,      "identity:list_users",  MAY_READER,  NULL, OK(200) },
    { "POST",   "/users",                    users_create,    "identity:create_user", MAY_ADMIN,   &user_create_body, OK(201), .prepare = prepare_user },
    { "GET",    "/users/{user_id}",          users_show,      "identity:get_user",    MAY_KNOWN,   NULL, OK(200) },
    { "PATCH",  "/users/{user_id}",          users_update,    "identity:update_user", MAY_ADMIN,   &user_update_body, OK(200), .prepare = prepare_user },
    { "DELETE", "/users/{user_id}",          users_delete,    "identity:delete_user", MAY_ADMIN,   NULL, OK(204) },
    { "POST",   "/users/{user_id}/password", password_change, "identity:change_password", MAY_ANYBODY, &password_body, OK(204), .prepare = prepare_password },
    { "GET",    "/users/{user_id}/groups",   groups_list_of_user, "identity:list_groups_for_user", MAY_KNOWN, NULL, OK(200) },
    { 0 },
};
const struct route keystone_group_routes[] = {
    { "GET",    "/groups",                            groups_list,    "identity:list_groups",  MAY_READER, NULL, OK(200) },
    { "POST",   "/groups",                            groups_create,  "identity:create_group", MAY_ADMIN,  &group_create_body, OK(201) },
    { "GET",    "/groups/{group_id}",                 groups_show,    "identity:get_group",    MAY_READER, NULL, OK(200) },
    { "PATCH",  "/groups/{group_id}",                 groups_update,  "identity:update_group", MAY_ADMIN,  &group_update_body, OK(200) },
    { "DELETE", "/groups/{group_id}",                 groups_delete,  "identity:delete_group", MAY_ADMIN,  NULL, OK(204) },
    { "GET",    "/groups/{group_id}/users",           members_list,   "identity:list_users_in_group", MAY_READER, NULL, OK(200) },
    { "PUT",    "/groups/{group_id}/users/{user_id}", members_add,    "identity:add_user_to_group", MAY_ADMIN, NULL, OK(204) },
    { "GET",    "/groups/{group_id}/users/{user_id}", members_check,  "identity:check_user_in_group", MAY_KNOWN, NULL, OK(204) },
    { "DELETE", "/groups/{group_id}/users/{user_id}", members_remove, "identity:remove_user_from_group", MAY_ADMIN, NULL, OK(204) },
    { 0 },
};
/* clang-format on */
