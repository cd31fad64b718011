/* /os-keypairs */
#include "compute/keypair.h"

#include <string.h>

#include "api/nova/nova.h"

struct keypair_in {
    const char *name, *type, *public_key, *user_id;
};

static bool is_keypair_name(const char *s)
{
    return nova_is_name(s) && !strchr(s, '/');
}

#define EMIT(name) static void name(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
EMIT(emit_false)
{
    jw_bool(w, false);
}
EMIT(emit_null)
{
    jw_null(w);
}

/* clang-format off */
static const char *const types[] = { "ssh", "x509", NULL };
#define T struct keypair_in
static const struct field create_fields[] = {
    STR(T, name, .required = true, .min = 1, .max = 255, .check = is_keypair_name, .expected = "It must be printable, without '/'."),
    STR(T, public_key, .min = 1, .max = 16384),
    STR(T, type, .one_of = types, .preset = "ssh", .since = MV(2, 2)),
    STR(T, user_id, .min = 1, .since = MV(2, 10)), { 0 },
};
#undef T
static const struct body create_body = { "keypair", create_fields, sizeof(struct keypair_in) };
#define T struct keypair
static const struct field created_view[] = {
    STR(T, name), STR(T, public_key), STR(T, fingerprint), STR(T, user_id), STR(T, type, .since = MV(2, 2)), { 0 },
};
static const struct field brief_view[] = {
    STR(T, name), STR(T, public_key), STR(T, fingerprint), STR(T, type, .since = MV(2, 2)), { 0 },
};
static const struct field detail_view[] = {
    STR(T, name), STR(T, public_key), STR(T, fingerprint), STR(T, type, .since = MV(2, 2)), STR(T, user_id), I64(T, id),
    TIME(T, created_at), HOOK("deleted", .emit = emit_false), HOOK("deleted_at", .emit = emit_null),
    HOOK("updated_at", .emit = emit_null), { 0 },
};
#undef T
/* clang-format on */

/* An admin may name another user from 2.10 on. */
static int read_owner(struct cx *cx, const char *asked, const char **ret_owner)
{
    if (asked && !str_eq(asked, cx->who->user_id) && !cx->who->is_admin)
        return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow os_compute_api:os-keypairs to be performed for another user.");
    *ret_owner = asked ? asked : cx->who->user_id;
    return 0;
}

static int query_owner(struct cx *cx, struct req *rq, const char **ret_owner)
{
    return read_owner(cx, req_mv(rq) >= MV(2, 10) ? req_query(rq, "user_id") : NULL, ret_owner);
}

static int keypairs_list(struct cx *cx, struct req *rq)
{
    static const char *const known[] = { "user_id", "limit", "marker", NULL };
    bool pages = req_mv(rq) >= MV(2, 35);
    const char *owner;
    struct list all;
    int64_t limit = 0;

    TRY(nova_check_query(rq, known));
    TRY(query_owner(cx, rq, &owner));
    if (pages)
        TRY(nova_limit(rq, &limit));
    TRY(keypair_list(cx, owner, pages ? req_query(rq, "marker") : NULL, limit, &all));
    const struct keypair *kp = all.items;
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "keypairs");
    jw_array(w);
    for (size_t i = 0; i < all.n; i++) {
        jw_object(w);
        jw_key(w, "keypair");
        jw_fields(w, brief_view, &kp[i]);
        jw_end(w);
    }
    jw_end(w);
    nova_next_link(w, rq, "keypairs_links", all.n, limit, all.n ? kp[all.n - 1].name : NULL);
    jw_end(w);
    return reply_written(rq);
}

struct made_key {
    const char *public_key, *private_key;
};

/* Making a key takes a tenth of a second: not in the writer's transaction. */
static int prepare_key(struct cx *cx, struct req *rq)
{
    const struct keypair_in *in = req_body(rq);
    struct made_key *made = cx_alloc(cx, sizeof *made);

    if (!in || in->public_key)
        return 0;
    if (str_eq(in->type, "x509"))
        TRY(x509key_make(cx, "root", &made->public_key, &made->private_key));
    else
        TRY(sshkey_make(cx, "Generated-by-Nova", &made->public_key, &made->private_key));
    req_keep(rq, made);
    return 0;
}

static int keypairs_create(struct cx *cx, struct req *rq)
{
    const struct keypair_in *in = req_body(rq);
    const struct made_key *made = req_kept(rq);
    struct keypair kp = { .name = in->name, .type = in->type ? in->type : "ssh", .public_key = made ? made->public_key : in->public_key };

    TRY(read_owner(cx, in->user_id, &kp.user_id));
    TRY(keypair_add(cx, &kp));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "keypair");
    jw_object(w);
    jw_members(w, created_view, &kp);
    if (made)
        jw_kv(w, "private_key", made->private_key);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int keypairs_show(struct cx *cx, struct req *rq)
{
    const char *owner;
    struct keypair kp;

    TRY(query_owner(cx, rq, &owner));
    TRY(keypair_get(cx, owner, req_path(rq, "name"), &kp));
    return reply(rq, "keypair", detail_view, &kp);
}

static int keypairs_delete(struct cx *cx, struct req *rq)
{
    const char *owner;

    TRY(query_owner(cx, rq, &owner));
    TRY(keypair_remove(cx, owner, req_path(rq, "name")));
    return reply_empty(rq);
}

#define P "os_compute_api:os-keypairs:"
/* clang-format off */
const struct route nova_keypair_routes[] = {
    { "GET",    "/os-keypairs",        keypairs_list,   P "index",  MAY_READER, NULL, OK(200) },
    { "POST",   "/os-keypairs",        keypairs_create, P "create", MAY_READER, &create_body, OK(200, MV(2, 2), 201), .prepare = prepare_key },
    { "GET",    "/os-keypairs/{name}", keypairs_show,   P "show",   MAY_READER, NULL, OK(200) },
    { "DELETE", "/os-keypairs/{name}", keypairs_delete, P "delete", MAY_READER, NULL, OK(202, MV(2, 2), 204) },
    { 0 },
};
/* clang-format on */
