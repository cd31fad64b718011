#include "api/keystone/internal.h"
#include "base/env.h"
#include "identity/app_cred.h"
#include "identity/auth.h"
#include "identity/role.h"

struct role_in {
    const char *id, *name;
};
struct app_cred_in {
    const char *name, *description, *secret;
    int64_t expires_at;
    struct list roles; /* of struct role_in */
    bool unrestricted;
};
/* One as it is shown: the secret only once. */
struct app_cred_out {
    struct app_cred row;
    const char *id, *secret;
    struct list roles; /* of struct role_ref */
};

static void emit_expires(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    const struct app_cred_out *a = obj;
    if (a->row.expires_us)
        jw_time(w, a->row.expires_us, cx_printf(req_cx((struct req *)(uintptr_t)ctx), ".%06d", (int)(a->row.expires_us % 1000000)));
    else
        jw_null(w);
}

static void emit_null(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    jw_null(w);
}

/* clang-format off */
static const struct field role_view[] = { STR(struct role_ref, id), STR(struct role_ref, name), { 0 } };
static const struct field app_cred_view[] = {
    STR(struct app_cred_out, id), STR(struct app_cred_out, row.name, AS("name")), STR(struct app_cred_out, row.description, AS("description")),
    STR(struct app_cred_out, row.project_id, AS("project_id")), STR(struct app_cred_out, row.user_id, AS("user_id")),
    HOOK("expires_at", .emit = emit_expires), BOOL(struct app_cred_out, row.unrestricted, AS("unrestricted")),
    LIST(struct app_cred_out, roles, struct role_ref, role_view), HOOK("system", .emit = emit_null),
    STR(struct app_cred_out, secret, .omit = true), { 0 },
};
static const struct resource app_cred_resource = {
    "application_credential", "application_credentials", app_cred_view, sizeof(struct app_cred_out), offsetof(struct app_cred_out, id), 0,
};
static const struct field role_fields[] = { STR(struct role_in, id), STR(struct role_in, name), { 0 } };
static const struct field app_cred_fields[] = {
    STR(struct app_cred_in, name, KEYSTONE_NAME, .max = 255), STR(struct app_cred_in, description, .nullable = true, .max = 65535),
    STR(struct app_cred_in, secret, .nullable = true, .min = 1, .max = 4096),
    TIME(struct app_cred_in, expires_at, .nullable = true),
    LIST(struct app_cred_in, roles, struct role_in, role_fields, .nullable = true), BOOL(struct app_cred_in, unrestricted),
    { 0 },
};
static const struct body app_cred_body = { .wrap = "application_credential", .fields = app_cred_fields, .size = sizeof(struct app_cred_in) };
static const struct paging app_cred_paging = {
    .columns = app_cred_columns,
    .filters = (const char *const[]){ "name", NULL },
    .default_sort = "name:asc", .sorts = (const char *const[]){ "name", NULL },
};
/* clang-format on */

/* ---- output ---- */

static const char *path_of(struct req *rq)
{
    return cx_printf(req_cx(rq), "/users/%s/application_credentials", req_path(rq, "user_id"));
}

/* Adds the names of the roles; 'all' are the roles of the cloud. */
static struct app_cred_out out_of(struct cx *cx, const struct app_cred *a, struct list all)
{
    struct strs ids = json_to_strs(cx, a->role_ids);
    struct app_cred_out out = { .row = *a, .id = a->id };
    struct role_ref *refs = NULL;
    const struct role *r = all.items;

    for (size_t i = 0; i < all.n; i++)
        for (size_t j = 0; j < ids.n; j++)
            if (str_eq(r[i].id, ids.items[j]))
                *arena_push(cx->arena, &refs, &out.roles.n) = (struct role_ref){ r[i].id, r[i].name };
    out.roles.items = refs;
    return out;
}

/* ---- handlers ---- */

struct new_secret {
    const char *secret, *hash;
};

static int prepare_create(struct cx *cx, struct req *rq)
{
    const struct app_cred_in *in = req_body(rq);
    struct new_secret *s = cx_alloc(cx, sizeof *s);

    s->secret = in->secret ? in->secret : secret_new(cx->arena, 64);
    req_keep(rq, s);
    return auth_hash(cx, "secret", s->secret, &s->hash);
}

static int read_roles(struct cx *cx, struct list roles, struct strs *ret_ids)
{
    const struct role_in *in = roles.items;
    struct role r;

    *ret_ids = (struct strs){ 0 };
    for (size_t i = 0; i < roles.n; i++) {
        int found = in[i].id ? 0 : in[i].name ? role_find(cx, in[i].name, &r) : 0;
        TRY(found);
        if (!in[i].id && !found)
            return fail(cx, KIND_INVALID, "Could not find role: %.64s.", in[i].name ? in[i].name : "");
        *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = in[i].id ? in[i].id : r.id;
    }
    return 0;
}

static int app_creds_create(struct cx *cx, struct req *rq)
{
    const struct app_cred_in *in = req_body(rq);
    const struct new_secret *s = req_kept(rq);
    struct app_cred a = { .name = in->name, .description = in->description, .secret_hash = s->hash,
                          .unrestricted = in->unrestricted, .expires_us = in->expires_at };
    struct strs role_ids;
    struct list all;

    if (!str_eq(req_path(rq, "user_id"), cx->who->user_id))
        return fail(cx, KIND_FORBIDDEN, "An application credential is made by the user itself.");
    TRY(read_roles(cx, in->roles, &role_ids));
    TRY(app_cred_create(cx, &a, role_ids));
    TRY(role_list(cx, NULL, &all));
    struct app_cred_out out = out_of(cx, &a, all);
    out.secret = s->secret;
    return keystone_reply(rq, &app_cred_resource, path_of(rq), &out);
}

static int app_creds_list(struct cx *cx, struct req *rq)
{
    struct list rows, all;
    struct filter f;

    TRY(auth_check_self_or_reader(cx, req_path(rq, "user_id")));
    TRY(req_filter(rq, &app_cred_paging, &f));
    TRY(app_cred_list(cx, &f, req_path(rq, "user_id"), &rows));
    TRY(role_list(cx, NULL, &all));
    struct app_cred_out *out = arena_new_array(cx->arena, struct app_cred_out, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++)
        out[i] = out_of(cx, (const struct app_cred *)rows.items + i, all);
    return keystone_reply_list(rq, &app_cred_resource, path_of(rq), (struct list){ out, rows.n });
}

static int app_creds_show(struct cx *cx, struct req *rq)
{
    struct app_cred a;
    struct list all;

    TRY(auth_check_self_or_reader(cx, req_path(rq, "user_id")));
    TRY(app_cred_get(cx, req_path(rq, "user_id"), req_path(rq, "app_cred_id"), &a));
    TRY(role_list(cx, NULL, &all));
    struct app_cred_out out = out_of(cx, &a, all);
    return keystone_reply(rq, &app_cred_resource, path_of(rq), &out);
}

static int app_creds_delete(struct cx *cx, struct req *rq)
{
    TRY(auth_check_self(cx, req_path(rq, "user_id")));
    TRY(app_cred_delete(cx, req_path(rq, "user_id"), req_path(rq, "app_cred_id")));
    return reply_empty(rq);
}

/* clang-format off */
#define COLLECTION "/users/{user_id}/application_credentials"
const struct route keystone_app_cred_routes[] = {
    { "GET",    COLLECTION,                  app_creds_list,   "identity:list_application_credentials",  MAY_KNOWN, NULL, OK(200) },
    { "POST",   COLLECTION,                  app_creds_create, "identity:create_application_credential", MAY_KNOWN, &app_cred_body, OK(201), .prepare = prepare_create },
    { "GET",    COLLECTION "/{app_cred_id}", app_creds_show,   "identity:get_application_credential",    MAY_KNOWN, NULL, OK(200) },
    { "DELETE", COLLECTION "/{app_cred_id}", app_creds_delete, "identity:delete_application_credential", MAY_KNOWN, NULL, OK(204) },
    { 0 },
};
/* clang-format on */
