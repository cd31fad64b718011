#include "api/keystone/internal.h"
#include "identity/policy_blob.h"

/* clang-format off */
static const struct field policy_view[] = {
    STR(struct policy_blob, id), STR(struct policy_blob, type), STR(struct policy_blob, blob), { 0 },
};
static const struct paging policy_paging = {
    .columns = policy_blob_columns,
    .filters = (const char *const[]){ "type", NULL },
};
static const struct resource policy_resource = {
    "policy", "policies", policy_view, sizeof(struct policy_blob), offsetof(struct policy_blob, id), offsetof(struct policy_blob, extra),
    &policy_paging,
};
static const struct field policy_fields[] = {
    STR(struct policy_blob, type, .required = true, .min = 1), STR(struct policy_blob, blob, .required = true, .max = 65535),
    HOOK("id", .readonly = true), HOOK("links", .readonly = true), { 0 },
};
static const struct body policy_create_body = { .wrap = "policy", .fields = policy_fields, .size = sizeof(struct policy_blob), .open = true };
static const struct body policy_update_body = { .wrap = "policy", .fields = policy_fields, .size = sizeof(struct policy_blob), .open = true, .overlay = true };
/* clang-format on */

static int policies_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list policies;

    TRY(keystone_filter(rq, &policy_resource, &f));
    TRY(policy_blob_list(cx, &f, &policies));
    return keystone_reply_list(rq, &policy_resource, NULL, policies);
}

static int policies_create(struct cx *cx, struct req *rq)
{
    struct policy_blob p = *(const struct policy_blob *)req_body(rq);

    p.extra = json_rest(cx, policy_fields, req_json(rq), NULL);
    TRY(policy_blob_create(cx, &p));
    return keystone_reply(rq, &policy_resource, NULL, &p);
}

static int policies_show(struct cx *cx, struct req *rq)
{
    struct policy_blob p;

    TRY(policy_blob_get(cx, req_path(rq, "policy_id"), &p));
    return keystone_reply(rq, &policy_resource, NULL, &p);
}

static int policies_update(struct cx *cx, struct req *rq)
{
    struct policy_blob p;

    TRY(policy_blob_get(cx, req_path(rq, "policy_id"), &p));
    TRY(req_overlay(rq, &p));
    p.extra = json_rest(cx, policy_fields, req_json(rq), p.extra);
    TRY(policy_blob_update(cx, &p));
    return keystone_reply(rq, &policy_resource, NULL, &p);
}

static int policies_delete(struct cx *cx, struct req *rq)
{
    TRY(policy_blob_delete(cx, req_path(rq, "policy_id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route keystone_policy_routes[] = {
    { "GET",    "/policies",             policies_list,   "identity:list_policies", MAY_ADMIN, NULL, OK(200) },
    { "POST",   "/policies",             policies_create, "identity:create_policy", MAY_ADMIN, &policy_create_body, OK(201) },
    { "GET",    "/policies/{policy_id}", policies_show,   "identity:get_policy",    MAY_ADMIN, NULL, OK(200) },
    { "PATCH",  "/policies/{policy_id}", policies_update, "identity:update_policy", MAY_ADMIN, &policy_update_body, OK(200) },
    { "DELETE", "/policies/{policy_id}", policies_delete, "identity:delete_policy", MAY_ADMIN, NULL, OK(204) },
    { 0 },
};
/* clang-format on */
