#include "api/keystone/internal.h"
#include "identity/auth.h"
#include "identity/credential.h"
#include "identity/user.h"

/* clang-format off */
static const struct field credential_view[] = {
    STR(struct credential, id), STR(struct credential, user_id), STR(struct credential, project_id), STR(struct credential, type),
    STR(struct credential, blob), { 0 },
};
static const struct resource credential_resource = {
    "credential", "credentials", credential_view, sizeof(struct credential), offsetof(struct credential, id), offsetof(struct credential, extra),
};
static const struct field credential_fields[] = {
    STR(struct credential, user_id, KEYSTONE_ID), STR(struct credential, project_id, KEYSTONE_ID, .nullable = true),
    STR(struct credential, type, .required = true, .min = 1), STR(struct credential, blob, .required = true, .max = 65535),
    HOOK("id", .readonly = true), HOOK("links", .readonly = true), { 0 },
};
static const struct body credential_create_body = { .wrap = "credential", .fields = credential_fields, .size = sizeof(struct credential), .open = true };
static const struct body credential_update_body = { .wrap = "credential", .fields = credential_fields, .size = sizeof(struct credential), .open = true, .overlay = true };

static const struct paging credential_paging = {
    .columns = credential_columns,
    .filters = (const char *const[]){ "user_id", "type", NULL },
};

static const struct field ec2_view[] = {
    STR(struct ec2_key, access), STR(struct ec2_key, secret), STR(struct ec2_key, user_id), STR(struct ec2_key, tenant_id), { 0 },
};
static const struct resource ec2_resource = {
    "credential", "credentials", ec2_view, sizeof(struct ec2_key), offsetof(struct ec2_key, access), 0,
};
static const struct field ec2_fields[] = { STR(struct ec2_key, tenant_id, .required = true, KEYSTONE_ID), { 0 } };
static const struct body ec2_body = { .fields = ec2_fields, .size = sizeof(struct ec2_key) };
/* clang-format on */

/* ---- credentials: everybody's own; all for admins ---- */

static int credentials_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list credentials;

    TRY(req_filter(rq, &credential_paging, &f));
    TRY(credential_list(cx, keystone_identity(rq), &f, cx->who->is_admin ? NULL : cx->who->user_id, &credentials));
    return keystone_reply_list(rq, &credential_resource, NULL, credentials);
}

/* Another's credential is not there. */
static int check_owner(struct cx *cx, const char *id)
{
    const char *owner;

    TRY(credential_owner(cx, id, &owner));
    if (cx->who->is_admin || str_eq(owner, cx->who->user_id))
        return 0;
    return fail(cx, KIND_NOT_FOUND, "Could not find credential: %.128s.", id);
}

static int find_credential(struct cx *cx, struct req *rq, struct credential *ret_credential)
{
    const char *id = req_path(rq, "credential_id");

    TRY(check_owner(cx, id));
    return credential_get(cx, keystone_identity(rq), id, ret_credential);
}

static int credentials_create(struct cx *cx, struct req *rq)
{
    struct credential c = *(const struct credential *)req_body(rq);

    c.user_id = c.user_id ? c.user_id : cx->who->user_id;
    TRY(auth_check_self(cx, c.user_id));
    c.extra = json_rest(cx, credential_fields, req_json(rq), NULL);
    TRY(credential_create(cx, keystone_identity(rq), &c));
    return keystone_reply(rq, &credential_resource, NULL, &c);
}

static int credentials_show(struct cx *cx, struct req *rq)
{
    struct credential c;

    TRY(find_credential(cx, rq, &c));
    return keystone_reply(rq, &credential_resource, NULL, &c);
}

static int credentials_update(struct cx *cx, struct req *rq)
{
    struct credential c;

    TRY(find_credential(cx, rq, &c));
    TRY(req_overlay(rq, &c));
    TRY(auth_check_self(cx, c.user_id)); /* nobody gives a credential to another */
    c.extra = json_rest(cx, credential_fields, req_json(rq), c.extra);
    TRY(credential_update(cx, keystone_identity(rq), &c));
    return keystone_reply(rq, &credential_resource, NULL, &c);
}

static int credentials_delete(struct cx *cx, struct req *rq)
{
    TRY(check_owner(cx, req_path(rq, "credential_id")));
    TRY(credential_delete(cx, req_path(rq, "credential_id")));
    return reply_empty(rq);
}

/* ---- key pairs of the EC2 API ---- */

static const char *ec2_path(struct req *rq)
{
    return cx_printf(req_cx(rq), "/users/%s/credentials/OS-EC2", req_path(rq, "user_id"));
}

static int ec2_list(struct cx *cx, struct req *rq)
{
    struct list keys;

    TRY(auth_check_self(cx, req_path(rq, "user_id")));
    TRY(ec2_key_list(cx, keystone_identity(rq), req_path(rq, "user_id"), &keys));
    return keystone_reply_list(rq, &ec2_resource, ec2_path(rq), keys);
}

static int ec2_create(struct cx *cx, struct req *rq)
{
    struct ec2_key k = *(const struct ec2_key *)req_body(rq);

    k.user_id = req_path(rq, "user_id");
    TRY(auth_check_self(cx, k.user_id));
    TRY(ec2_key_create(cx, keystone_identity(rq), &k));
    return keystone_reply(rq, &ec2_resource, ec2_path(rq), &k);
}

static int ec2_show(struct cx *cx, struct req *rq)
{
    struct ec2_key k;

    TRY(auth_check_self(cx, req_path(rq, "user_id")));
    TRY(ec2_key_get(cx, keystone_identity(rq), req_path(rq, "user_id"), req_path(rq, "access"), &k));
    return keystone_reply(rq, &ec2_resource, ec2_path(rq), &k);
}

static int ec2_delete(struct cx *cx, struct req *rq)
{
    TRY(auth_check_self(cx, req_path(rq, "user_id")));
    TRY(ec2_key_delete(cx, req_path(rq, "user_id"), req_path(rq, "access")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route keystone_credential_routes[] = {
    { "GET",    "/credentials",                 credentials_list,   "identity:list_credentials",  MAY_KNOWN, NULL, OK(200) },
    { "POST",   "/credentials",                 credentials_create, "identity:create_credential", MAY_KNOWN, &credential_create_body, OK(201) },
    { "GET",    "/credentials/{credential_id}", credentials_show,   "identity:get_credential",    MAY_KNOWN, NULL, OK(200) },
    { "PATCH",  "/credentials/{credential_id}", credentials_update, "identity:update_credential", MAY_KNOWN, &credential_update_body, OK(200) },
    { "DELETE", "/credentials/{credential_id}", credentials_delete, "identity:delete_credential", MAY_KNOWN, NULL, OK(204) },
    { "GET",    "/users/{user_id}/credentials/OS-EC2",          ec2_list,   "identity:ec2_list_credentials",  MAY_KNOWN, NULL, OK(200) },
    { "POST",   "/users/{user_id}/credentials/OS-EC2",          ec2_create, "identity:ec2_create_credential", MAY_KNOWN, &ec2_body, OK(201) },
    { "GET",    "/users/{user_id}/credentials/OS-EC2/{access}", ec2_show,   "identity:ec2_get_credential",    MAY_KNOWN, NULL, OK(200) },
    { "DELETE", "/users/{user_id}/credentials/OS-EC2/{access}", ec2_delete, "identity:ec2_delete_credential", MAY_KNOWN, NULL, OK(204) },
    { 0 },
};
/* clang-format on */
