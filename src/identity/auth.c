#include "identity/auth.h"

#include <string.h>

#include "auth/password.h"
#include "base/log.h"
#include "identity/app_cred.h"
#include "identity/cache.h"
#include "identity/domain.h"
#include "identity/project.h"
#include "identity/role.h"
#include "identity/rows.h"
#include "identity/user.h"
#include "json/read.h"

LOG_MODULE("identity");

struct revoked {
    const char *audit_id;
    int64_t expires_us;
};
static const struct field revoked_columns[] = { STR(struct revoked, audit_id), I64(struct revoked, expires_us), { 0 } };
const struct table identity_revoked_table = { "identity_revoked", revoked_columns, .n_key = 1, .size = sizeof(struct revoked) };

/* The caller learns nothing but that; the log says why. */
static int refuse(struct cx *cx, const char *user_id, const char *why)
{
    log_debug("request=%s user=%s refused: %s", cx->request_id, user_id ? user_id : "", why);
    return fail(cx, KIND_UNAUTHENTICATED, "The request you have made requires authentication.");
}

/* ---- what a set of claims is worth now ---- */

/* A user or a project with its domain, as far as tokens care. */
struct standing {
    const char *id, *name, *domain_id, *domain_name;
    bool enabled, domain_enabled;
    int64_t epoch;
};
/* clang-format off */
static const struct field standing_columns[] = {
    STR(struct standing, id), STR(struct standing, name), BOOL(struct standing, enabled), I64(struct standing, epoch),
    STR(struct standing, domain_id), STR(struct standing, domain_name), BOOL(struct standing, domain_enabled), { 0 },
};
/* clang-format on */

/* Fills '*ret' by 'sql', or leaves it with a NULL id when there is no row. */
static int find_standing(struct cx *cx, const char *sql, const char *id, struct standing *ret)
{
    struct list rows;

    TRY(store_select(cx, standing_columns, sizeof *ret, &rows, sql, ARGS(id)));
    *ret = rows.n ? *(const struct standing *)rows.items : (struct standing){ 0 };
    return 0;
}

static int judge_user(struct cx *cx, const struct token_claims *c, struct who *who)
{
    struct standing u;

    TRY(find_standing(cx,
                      "SELECT u.id, u.name, u.enabled, u.epoch, d.id, d.name, d.enabled FROM identity_user u"
                      " JOIN identity_domain d ON d.id=u.domain_id WHERE u.id=$1",
                      c->user_id, &u));
    if (!u.id || !u.enabled || !u.domain_enabled)
        return refuse(cx, c->user_id, "the user or its domain is disabled or gone");
    if ((uint32_t)u.epoch != c->user_epoch)
        return refuse(cx, c->user_id, "the token is older than the user's password or last disabling");
    who->user_id = u.id;
    who->user_name = u.name;
    who->user_domain_id = u.domain_id;
    who->user_domain_name = u.domain_name;
    return 0;
}

static int judge_project(struct cx *cx, const struct token_claims *c, struct who *who)
{
    struct standing p;

    TRY(find_standing(cx,
                      "SELECT p.id, p.name, p.enabled, 0, d.id, d.name, d.enabled FROM identity_project p"
                      " JOIN identity_domain d ON d.id=p.domain_id WHERE p.id=$1",
                      c->scope_id, &p));
    if (!p.id || !p.enabled || !p.domain_enabled)
        return refuse(cx, c->user_id, "the project or its domain is disabled or gone");
    who->project_id = p.id;
    who->project_name = p.name;
    who->project_domain_id = p.domain_id;
    who->project_domain_name = p.domain_name;
    return 0;
}

static int judge_domain(struct cx *cx, const struct token_claims *c, struct who *who)
{
    struct domain d;
    int found = store_find(cx, &identity_domain_table, &d, "id=$1", ARGS(c->scope_id));

    TRY(found);
    if (!found || !d.enabled)
        return refuse(cx, c->user_id, "the domain is disabled or gone");
    who->domain_id = d.id;
    who->domain_name = d.name;
    return 0;
}

static int judge_revocation(struct cx *cx, const struct token_claims *c)
{
    int64_t one;
    int found = store_int(cx, &one, "SELECT 1 FROM identity_revoked WHERE audit_id=$1 OR audit_id=$2",
                          ARGS(c->audit_id, c->parent_audit_id));
    TRY(found);
    return found ? refuse(cx, c->user_id, "the token was given back") : 0;
}

static bool contains(struct strs list, const char *s)
{
    for (size_t i = 0; i < list.n; i++)
        if (str_eq(list.items[i], s))
            return true;
    return false;
}

/* Sets the roles of 'who', which are never more than the application credential's, if there is one. */
static int judge_roles(struct cx *cx, const struct token_claims *c, struct who *who, int64_t *ret_until_us)
{
    struct app_cred a = { 0 };
    struct strs allowed = { 0 };
    struct list roles;

    if (c->app_cred_id) {
        int found = store_find(cx, &identity_app_cred_table, &a, "id=$1", ARGS(c->app_cred_id));
        TRY(found);
        if (!found || !str_eq(a.user_id, c->user_id) || !str_eq(a.project_id, who->project_id) ||
            (a.expires_us && a.expires_us <= cx->now_us))
            return refuse(cx, c->user_id, "the application credential is over or gone");
        allowed = json_to_strs(cx, a.role_ids);
        TRY(roles_add_implied(cx, &allowed));
        who->app_cred_id = a.id;
        who->app_cred_restricted = !a.unrestricted;
        if (a.expires_us && a.expires_us < *ret_until_us)
            *ret_until_us = a.expires_us;
    }
    TRY(roles_effective(cx, c->user_id, c->scope, c->scope_id, &roles));
    const struct role_ref *r = roles.items;
    for (size_t i = 0; i < roles.n; i++) {
        if (c->app_cred_id && !contains(allowed, r[i].id))
            continue;
        *arena_push(cx->arena, &who->roles.items, &who->roles.n) = r[i].name;
        *arena_push(cx->arena, &who->role_ids.items, &who->role_ids.n) = r[i].id;
    }
    if (c->scope != TOKEN_UNSCOPED && !who->roles.n)
        return refuse(cx, c->user_id, "the user has no role in the scope");
    who->is_admin = who_has_role(who, "admin");
    who->is_manager = who_has_role(who, "manager");
    who->is_member = who_has_role(who, "member");
    who->is_reader = who_has_role(who, "reader");
    return 0;
}

/* Sets '*ret_who' to the caller that the claims stand for now, and '*ret_until_us' to the time until which nothing but a
 * change of the tables can alter that. */
static int judge(struct cx *cx, const struct token_claims *c, struct who **ret_who, int64_t *ret_until_us)
{
    struct who *who = cx_alloc(cx, sizeof *who);

    *who = (struct who){ .system = c->scope == TOKEN_SYSTEM, .issued_us = c->issued_us, .expires_us = c->expires_us,
                         .audit_id = c->audit_id, .parent_audit_id = c->parent_audit_id,
                         .methods = token_method_names(cx->arena, c->methods) };
    *ret_until_us = c->expires_us;
    TRY(judge_user(cx, c, who));
    TRY(judge_revocation(cx, c));
    if (c->scope == TOKEN_PROJECT)
        TRY(judge_project(cx, c, who));
    if (c->scope == TOKEN_DOMAIN)
        TRY(judge_domain(cx, c, who));
    TRY(judge_roles(cx, c, who, ret_until_us));
    *ret_who = who;
    return 0;
}

static int read_token(struct cx *cx, const struct identity_context *ctx, const char *token, struct token_claims *ret_claims)
{
    return token_read(ctx->ring, token, cx->now_us, cx->arena, ret_claims) < 0
               ? refuse(cx, NULL, "the token is expired or not ours")
               : 0;
}

int identity_authenticate(struct cx *cx, void *arg, const char *token, const struct who **ret_who)
{
    const struct identity_context *ctx = arg;
    struct identity_cache_key key;
    struct token_claims claims;
    struct who *who;
    int64_t until_us;

    if (ctx->cache && identity_cache_get(ctx->cache, cx, token, &key, ret_who))
        return 0;
    TRY(read_token(cx, ctx, token, &claims));
    TRY(judge(cx, &claims, &who, &until_us));
    /* what a writing transaction sees may never be committed */
    if (ctx->cache && !store_is_writing(cx))
        identity_cache_put(ctx->cache, &key, who, until_us);
    *ret_who = who;
    return 0;
}

int auth_inspect(struct cx *cx, const struct identity_context *ctx, const char *token, const struct who **ret_who)
{
    struct identity_cache_key key; /* for nothing: the snapshot may be older than it, so nothing is kept */
    struct token_claims claims;
    struct who *who;
    int64_t until_us;

    if (ctx->cache && identity_cache_get(ctx->cache, cx, token, &key, ret_who))
        return 0;
    TRY(read_token(cx, ctx, token, &claims));
    TRY(judge(cx, &claims, &who, &until_us));
    *ret_who = who;
    return 0;
}

/* ---- names ---- */

/* Sets '*ret_id' to the domain that 'n' names, or NULL. */
static int find_domain(struct cx *cx, const char *id, const char *name, const char **ret_id)
{
    struct domain d;

    *ret_id = id;
    if (id || !name)
        return 0;
    int found = domain_find(cx, name, &d);
    TRY(found);
    *ret_id = found ? d.id : NULL;
    return 0;
}

/* Fills '*ret_user', with a NULL id when there is none. */
static int find_user(struct cx *cx, const struct auth_name *n, struct user *ret_user)
{
    const char *domain_id;
    int found = 0;

    if (n->id)
        found = store_find(cx, &identity_user_table, ret_user, "id=$1", ARGS(n->id));
    else if (n->name) {
        TRY(find_domain(cx, n->domain_id, n->domain_name, &domain_id));
        found = domain_id ? user_find(cx, domain_id, n->name, ret_user) : 0;
    }
    TRY(found);
    if (!found)
        *ret_user = (struct user){ 0 };
    return 0;
}

/* ---- proofs ---- */

static int find_app_cred(struct cx *cx, const struct auth_request *r, struct app_cred *ret_app_cred)
{
    struct user u;
    int found;

    if (r->app_cred_id)
        found = store_find(cx, &identity_app_cred_table, ret_app_cred, "id=$1", ARGS(r->app_cred_id));
    else {
        TRY(find_user(cx, &r->user, &u));
        found = store_find(cx, &identity_app_cred_table, ret_app_cred, "user_id=$1 AND name=$2", ARGS(u.id, r->app_cred_name));
    }
    TRY(found);
    if (!found)
        *ret_app_cred = (struct app_cred){ 0 };
    return 0;
}

static int find_secrets(struct cx *cx, const struct auth_request *r, struct user *ret_user, struct app_cred *ret_app_cred)
{
    if (r->methods & TOKEN_BY_PASSWORD)
        TRY(find_user(cx, &r->user, ret_user));
    if (r->methods & TOKEN_BY_APP_CRED)
        TRY(find_app_cred(cx, r, ret_app_cred));
    return 0;
}

int auth_prove(struct cx *cx, struct store *store, const struct auth_request *r, struct auth_proof *ret_proof)
{
    struct app_cred a = { 0 };
    struct user u = { 0 };

    *ret_proof = (struct auth_proof){ 0 };
    TRY(store_read_begin(store, cx));
    int found = find_secrets(cx, r, &u, &a);
    store_read_end(cx);
    TRY(found);
    if (r->methods & TOKEN_BY_PASSWORD && r->password && password_check(u.password_hash, r->password)) {
        ret_proof->user_id = u.id;
        ret_proof->password_hash = u.password_hash;
    }
    if (r->methods & TOKEN_BY_APP_CRED && r->app_cred_secret && password_check(a.secret_hash, r->app_cred_secret))
        ret_proof->app_cred_id = a.id;
    return 0;
}

/* ---- issuing ---- */

/* The parent token counts, and is not used for more than it may. */
static int accept_parent(struct cx *cx, const struct identity_context *ctx, const struct auth_request *r,
                         struct token_claims *ret_parent)
{
    struct who *who;
    int64_t until_us;

    if (!r->token)
        return refuse(cx, NULL, "no token in the token method");
    TRY(read_token(cx, ctx, r->token, ret_parent));
    return judge(cx, ret_parent, &who, &until_us);
}

/* Every method must be proved, and all for the same user. */
static int settle_user(struct cx *cx, const struct identity_context *ctx, const struct auth_request *r,
                       const struct auth_proof *proof, struct token_claims *ret_claims)
{
    int64_t life_us = ctx->token_life_us ? ctx->token_life_us : AUTH_TOKEN_LIFE_US;
    struct token_claims parent = { 0 };
    struct app_cred a = { 0 };
    struct user u;

    if (r->methods & TOKEN_BY_TOKEN)
        TRY(accept_parent(cx, ctx, r, &parent));
    token_begin(cx->arena, cx->now_us, life_us, parent.user_id ? &parent : NULL, ret_claims);
    const char *user_id = parent.user_id;
    if (r->methods & TOKEN_BY_APP_CRED) {
        int found = store_find(cx, &identity_app_cred_table, &a, "id=$1", ARGS(proof->app_cred_id));
        TRY(found);
        if (!found || (user_id && !str_eq(user_id, a.user_id)))
            return refuse(cx, user_id, "a wrong application credential");
        user_id = a.user_id;
        ret_claims->app_cred_id = a.id;
        if (a.expires_us && a.expires_us < ret_claims->expires_us)
            ret_claims->expires_us = a.expires_us;
    }
    if (r->methods & TOKEN_BY_PASSWORD && (!proof->user_id || (user_id && !str_eq(user_id, proof->user_id))))
        return refuse(cx, user_id, "a wrong password");
    user_id = user_id ? user_id : proof->user_id;
    TRY(find_user(cx, &(struct auth_name){ .id = user_id }, &u));
    if (!u.id)
        return refuse(cx, user_id, "no such user");
    if (r->methods & TOKEN_BY_PASSWORD && !str_eq(u.password_hash, proof->password_hash))
        return refuse(cx, user_id, "the password was changed while it was checked");
    ret_claims->user_id = u.id;
    if (!parent.user_id)
        ret_claims->user_epoch = (uint32_t)u.epoch;
    ret_claims->methods |= r->methods;
    return 0;
}

static int settle_project(struct cx *cx, const struct auth_name *n, struct token_claims *c)
{
    const char *domain_id;
    struct project p;

    c->scope = TOKEN_PROJECT;
    c->scope_id = n->id;
    if (n->id)
        return 0;
    TRY(find_domain(cx, n->domain_id, n->domain_name, &domain_id));
    int found = domain_id && n->name ? project_find(cx, domain_id, n->name, &p) : 0;
    TRY(found);
    if (!found)
        return refuse(cx, c->user_id, "no such project");
    c->scope_id = p.id;
    return 0;
}

static int settle_domain(struct cx *cx, const struct auth_name *n, struct token_claims *c)
{
    c->scope = TOKEN_DOMAIN;
    TRY(find_domain(cx, n->id, n->name, &c->scope_id));
    return c->scope_id ? 0 : refuse(cx, c->user_id, "no such domain");
}

/* An application credential is for its project and nothing else. */
static int settle_app_cred(struct cx *cx, const struct auth_request *r, struct token_claims *c)
{
    struct app_cred a;
    int found = store_find(cx, &identity_app_cred_table, &a, "id=$1", ARGS(c->app_cred_id));

    TRY(found);
    if (!found)
        return refuse(cx, c->user_id, "the application credential is gone");
    if (r->scope == AUTH_SCOPE_PROJECT)
        TRY(settle_project(cx, &r->target, c));
    else if (r->scope != AUTH_SCOPE_DEFAULT)
        return refuse(cx, c->user_id, "an application credential used beyond its project");
    c->scope = TOKEN_PROJECT;
    if (c->scope_id && !str_eq(c->scope_id, a.project_id))
        return refuse(cx, c->user_id, "an application credential used beyond its project");
    c->scope_id = a.project_id;
    return 0;
}

/* Without a wish for a scope the user's default project is taken, if it lets the user in. */
static int judge_default(struct cx *cx, struct token_claims *c, struct who **ret_who)
{
    int64_t until_us;
    struct user u;

    TRY(find_user(cx, &(struct auth_name){ .id = c->user_id }, &u));
    if (u.default_project_id) {
        c->scope = TOKEN_PROJECT;
        c->scope_id = u.default_project_id;
        int r = judge(cx, c, ret_who, &until_us);
        if (r >= 0 || cx->kind != KIND_UNAUTHENTICATED)
            return r;
        fail_clear(cx);
    }
    c->scope = TOKEN_UNSCOPED;
    c->scope_id = NULL;
    return judge(cx, c, ret_who, &until_us);
}

static int judge_scope(struct cx *cx, const struct auth_request *r, struct token_claims *c, struct who **ret_who)
{
    int64_t until_us;

    if (c->app_cred_id)
        TRY(settle_app_cred(cx, r, c));
    else if (r->scope == AUTH_SCOPE_DEFAULT)
        return judge_default(cx, c, ret_who);
    else if (r->scope == AUTH_SCOPE_PROJECT)
        TRY(settle_project(cx, &r->target, c));
    else if (r->scope == AUTH_SCOPE_DOMAIN)
        TRY(settle_domain(cx, &r->target, c));
    else if (r->scope == AUTH_SCOPE_SYSTEM)
        c->scope = TOKEN_SYSTEM;
    return judge(cx, c, ret_who, &until_us);
}

int auth_issue(struct cx *cx, const struct identity_context *ctx, const struct auth_request *r,
               const struct auth_proof *proof, const char **ret_token, const struct who **ret_who)
{
    struct token_claims claims;
    struct who *who;

    if (!r->methods)
        return refuse(cx, NULL, "no method");
    TRY(settle_user(cx, ctx, r, proof, &claims));
    TRY(judge_scope(cx, r, &claims, &who));
    int made = token_make(ctx->ring, &claims, cx->arena, ret_token);
    if (made < 0)
        return fail(cx, KIND_INTERNAL, "a token for user %s cannot be made: %s", claims.user_id, strerror(-made));
    *ret_who = who;
    return 0;
}

int auth_revoke(struct cx *cx, const struct who *who)
{
    TRY(store_delete(cx, &identity_revoked_table, "expires_us<$1", ARGS(cx->now_us)));
    return store_put(cx, &identity_revoked_table, &(struct revoked){ who->audit_id, who->expires_us });
}

/* ---- who may ---- */

static int forbid(struct cx *cx, const char *for_whom)
{
    return fail(cx, KIND_FORBIDDEN, "You are not authorized to perform the requested action: it is for %s.", for_whom);
}

static bool reads_all(const struct who *who)
{
    return who->is_admin || (who->system && who->is_reader);
}

int auth_check_reader(struct cx *cx)
{
    return reads_all(cx->who) ? 0 : forbid(cx, "admins, and for readers of the whole system");
}

int auth_check_self(struct cx *cx, const char *user_id)
{
    return str_eq(cx->who->user_id, user_id) || cx->who->is_admin ? 0 : forbid(cx, "the user itself, and for admins");
}

int auth_check_self_or_reader(struct cx *cx, const char *user_id)
{
    return reads_all(cx->who) ? 0 : auth_check_self(cx, user_id);
}

int auth_check_unrestricted(struct cx *cx)
{
    if (!cx->who->app_cred_restricted)
        return 0;
    return fail(cx, KIND_FORBIDDEN,
                "Using method 'application_credential' is not allowed for managing additional application credentials.");
}

/* ---- passwords ---- */

int auth_hash(struct cx *cx, const char *what, const char *secret, const char **ret_hash)
{
    int r = *secret ? password_hash(secret, cx->arena, ret_hash) : -EINVAL;

    if (r == -E2BIG)
        return fail(cx, KIND_INVALID, "The %s is longer than %d bytes.", what, PASSWORD_MAX_BYTES);
    return r < 0 ? fail(cx, KIND_INVALID, "The %s cannot be used: it is empty or has characters that cannot be hashed.", what) : 0;
}

int auth_change_password(struct cx *cx, const char *user_id, const char *old_hash, const char *new_hash)
{
    struct user u;

    TRY(find_user(cx, &(struct auth_name){ .id = user_id }, &u));
    if (!u.id || !old_hash || !str_eq(u.password_hash, old_hash))
        return refuse(cx, user_id, "a wrong password");
    /* our own writer's text: quotes within strings are escaped, so this can only be the member */
    if (strstr(u.options, "\"lock_password\":true"))
        return fail(cx, KIND_INVALID, "You cannot change your password at this time due to password policy disallowing password changes: an "
                                      "admin has set lock_password for you.");
    u.password_hash = new_hash;
    return user_update(cx, &u);
}
