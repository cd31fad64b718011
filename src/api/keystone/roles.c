#include "api/keystone/internal.h"
#include "identity/auth.h"
#include "identity/role.h"

static void emit_domain(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct role *r = obj;
    jw_string(w, *r->domain_id ? r->domain_id : NULL);
}

/* clang-format off */
static const struct field role_view[] = {
    STR(struct role, id), STR(struct role, name), HOOK("domain_id", .emit = emit_domain), STR(struct role, description),
    JSON(struct role, options), { 0 },
};
static const struct paging role_paging = {
    .columns = role_columns,
    .filters = (const char *const[]){ "name", "domain_id", "id", NULL },
    .sorts = (const char *const[]){ "name", "id", NULL },
    .default_sort = "name:asc",
};
const struct resource keystone_role = {
    "role", "roles", role_view, sizeof(struct role), offsetof(struct role, id), offsetof(struct role, extra),
    &role_paging,
};
static const struct field role_fields[] = {
    STR(struct role, name, KEYSTONE_NAME, .max = 255),
    STR(struct role, domain_id, KEYSTONE_ID, .nullable = true, .parse = keystone_parse_id),
    STR(struct role, description, .nullable = true, .max = 65535),
    JSON(struct role, options, .preset = "{}", .parse = keystone_parse_options),
    STR(struct role, id, .parse = keystone_parse_id), HOOK("links", .parse = keystone_parse_nothing), HOOK("extra", .readonly = true), { 0 },
};
static const struct body role_create_body = { .wrap = "role", .fields = role_fields, .size = sizeof(struct role), .open = true };
static const struct body role_update_body = { .wrap = "role", .fields = role_fields, .size = sizeof(struct role), .open = true, .overlay = true };

/* clang-format on */

static int roles_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list roles;

    TRY(auth_check_reader(cx));
    TRY(keystone_filter(rq, &keystone_role, &f));
    TRY(role_list(cx, &f, &roles));
    return keystone_reply_list(rq, &keystone_role, NULL, roles);
}

static int roles_create(struct cx *cx, struct req *rq)
{
    struct role r = *(const struct role *)req_body(rq);

    TRY(keystone_check_new(cx, r.id));
    r.extra = json_rest(cx, role_fields, req_json(rq), NULL);
    TRY(role_create(cx, &r));
    return keystone_reply(rq, &keystone_role, NULL, &r);
}

static int roles_show(struct cx *cx, struct req *rq)
{
    struct role r;

    TRY(auth_check_reader(cx));
    TRY(role_get(cx, req_path(rq, "role_id"), &r));
    return keystone_reply(rq, &keystone_role, NULL, &r);
}

static int roles_update(struct cx *cx, struct req *rq)
{
    struct role r;

    TRY(role_get(cx, req_path(rq, "role_id"), &r));
    TRY(req_overlay(rq, &r));
    r.extra = json_rest(cx, role_fields, req_json(rq), r.extra);
    TRY(role_update(cx, &r));
    return keystone_reply(rq, &keystone_role, NULL, &r);
}

static int roles_delete(struct cx *cx, struct req *rq)
{
    TRY(role_delete(cx, req_path(rq, "role_id")));
    return reply_empty(rq);
}

/* ---- implied roles ---- */

static void write_role(struct req *rq, struct jwriter *w, const char *id, const char *name)
{
    jw_object(w);
    jw_kv(w, "id", id);
    jw_kv(w, "name", name);
    jw_key(w, "links");
    jw_object(w);
    jw_kv(w, "self", keystone_url(rq, cx_printf(req_cx(rq), "/roles/%s", id)));
    jw_end(w);
    jw_end(w);
}

/* The rules of one prior role, from '*i' on; moves '*i' behind them. */
static void write_inference(struct req *rq, struct jwriter *w, const struct role_inference *r, size_t n, size_t *i)
{
    const struct role_inference *first = &r[*i];

    jw_object(w);
    jw_key(w, "prior_role");
    write_role(rq, w, first->prior_id, first->prior_name);
    jw_key(w, "implies");
    jw_array(w);
    for (; *i < n && str_eq(r[*i].prior_id, first->prior_id); ++*i)
        write_role(rq, w, r[*i].implied_id, r[*i].implied_name);
    jw_end(w);
    jw_end(w);
}

static int inferences_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);
    struct list rules;

    TRY(auth_check_reader(cx));
    TRY(role_inferences(cx, NULL, &rules));
    jw_object(w);
    jw_key(w, "role_inferences");
    jw_array(w);
    for (size_t i = 0; i < rules.n;)
        write_inference(rq, w, rules.items, rules.n, &i);
    jw_end(w);
    keystone_write_list_links(rq, w, NULL, 0);
    jw_end(w);
    return reply_written(rq);
}

static int implied_list(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);
    struct list rules;
    struct role prior;
    size_t i = 0;

    TRY(auth_check_reader(cx));
    TRY(role_get(cx, req_path(rq, "role_id"), &prior));
    TRY(role_inferences(cx, prior.id, &rules));
    jw_object(w);
    jw_key(w, "role_inference");
    if (rules.n)
        write_inference(rq, w, rules.items, rules.n, &i);
    else {
        jw_object(w);
        jw_key(w, "prior_role");
        write_role(rq, w, prior.id, prior.name);
        jw_key(w, "implies");
        jw_array(w);
        jw_end(w);
        jw_end(w);
    }
    jw_key(w, "links");
    jw_object(w);
    jw_kv(w, "self", req_self_url(rq));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

/* {"role_inference": {"prior_role": ..., "implies": {...}}} */
static int reply_rule(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);
    struct role prior, implied;

    TRY(role_get(cx, req_path(rq, "role_id"), &prior));
    TRY(role_get(cx, req_path(rq, "implied_id"), &implied));
    jw_object(w);
    jw_key(w, "role_inference");
    jw_object(w);
    jw_key(w, "prior_role");
    write_role(rq, w, prior.id, prior.name);
    jw_key(w, "implies");
    write_role(rq, w, implied.id, implied.name);
    jw_end(w);
    jw_key(w, "links");
    jw_object(w);
    jw_kv(w, "self", req_self_url(rq));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int implied_add(struct cx *cx, struct req *rq)
{
    TRY(role_imply(cx, req_path(rq, "role_id"), req_path(rq, "implied_id")));
    return reply_rule(cx, rq);
}

static int implied_show(struct cx *cx, struct req *rq)
{
    TRY(auth_check_reader(cx));
    TRY(role_check_implied(cx, req_path(rq, "role_id"), req_path(rq, "implied_id")));
    return reply_rule(cx, rq);
}

static int implied_delete(struct cx *cx, struct req *rq)
{
    TRY(role_unimply(cx, req_path(rq, "role_id"), req_path(rq, "implied_id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route keystone_role_routes[] = {
    { "GET",    "/roles",                                roles_list,      "identity:list_roles",  MAY_READER, NULL, OK(200) },
    { "POST",   "/roles",                                roles_create,    "identity:create_role", MAY_ADMIN,  &role_create_body, OK(201) },
    { "GET",    "/roles/{role_id}",                      roles_show,      "identity:get_role",    MAY_READER, NULL, OK(200) },
    { "PATCH",  "/roles/{role_id}",                      roles_update,    "identity:update_role", MAY_ADMIN,  &role_update_body, OK(200) },
    { "DELETE", "/roles/{role_id}",                      roles_delete,    "identity:delete_role", MAY_ADMIN,  NULL, OK(204) },
    { "GET",    "/roles/{role_id}/implies",              implied_list,    "identity:list_implied_roles", MAY_READER, NULL, OK(200) },
    { "PUT",    "/roles/{role_id}/implies/{implied_id}", implied_add,     "identity:create_implied_role", MAY_ADMIN, NULL, OK(201) },
    { "HEAD",   "/roles/{role_id}/implies/{implied_id}", implied_show,    "identity:check_implied_role", MAY_READER, NULL, OK(204) },
    { "GET",    "/roles/{role_id}/implies/{implied_id}", implied_show,    "identity:get_implied_role", MAY_READER, NULL, OK(200) },
    { "DELETE", "/roles/{role_id}/implies/{implied_id}", implied_delete,  "identity:delete_implied_role", MAY_ADMIN, NULL, OK(204) },
    { "GET",    "/role_inferences",                      inferences_list, "identity:list_role_inference_rules", MAY_READER, NULL, OK(200) },
    { 0 },
};
/* clang-format on */
