#include "api/keystone/internal.h"
#include "auth/token.h"
#include "identity/app_cred.h"
#include "identity/auth.h"
#include "identity/catalog.h"
#include "identity/domain.h"
#include "identity/project.h"
#include "identity/role.h"

/* ---- the body ---- */

struct named { /* a domain, or a user or project in one */
    const char *id, *name;
    struct named *domain;
    const char *password;
};
struct password_in {
    struct named *user;
};
struct token_in {
    const char *id;
};
struct app_cred_in {
    const char *id, *name, *secret;
    struct named *user;
};
struct system_in {
    bool all;
};
struct identity_in {
    struct strs methods;
    struct password_in *password;
    struct token_in *token;
    struct app_cred_in *application_credential;
};
struct scope_in {
    struct named *project, *domain;
    struct system_in *system;
};
struct auth_in {
    struct identity_in *identity;
    struct scope_in *scope;
    bool unscoped;
};

/* clang-format off */
static const struct field domain_fields[] = { STR(struct named, id), STR(struct named, name), { 0 } };
static const struct field user_fields[] = {
    STR(struct named, id), STR(struct named, name), SUB(struct named, domain, struct named, domain_fields),
    STR(struct named, password, .max = 4096), { 0 },
};
static const struct field project_fields[] = {
    STR(struct named, id), STR(struct named, name), SUB(struct named, domain, struct named, domain_fields), { 0 },
};
static const struct field password_fields[] = {
    SUB(struct password_in, user, struct named, user_fields, .required = true), { 0 },
};
static const struct field token_fields[] = { STR(struct token_in, id, .required = true), { 0 } };
static const struct field app_cred_fields[] = {
    STR(struct app_cred_in, id), STR(struct app_cred_in, name), STR(struct app_cred_in, secret, .required = true, .max = 4096),
    SUB(struct app_cred_in, user, struct named, user_fields), { 0 },
};
static const struct field identity_fields[] = {
    STRS(struct identity_in, methods, .required = true, .max = 16),
    SUB(struct identity_in, password, struct password_in, password_fields),
    SUB(struct identity_in, token, struct token_in, token_fields),
    SUB(struct identity_in, application_credential, struct app_cred_in, app_cred_fields), { 0 },
};
static const struct field system_fields[] = { BOOL(struct system_in, all, .required = true), { 0 } };
static const struct field scope_fields[] = {
    SUB(struct scope_in, project, struct named, project_fields), SUB(struct scope_in, domain, struct named, domain_fields),
    SUB(struct scope_in, system, struct system_in, system_fields), { 0 },
};
/* clang-format on */

/* "unscoped", {"unscoped": {}}, or one of the scopes. */
static int parse_scope(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct auth_in *in = obj;

    in->unscoped = str_eq(json_text(cx, value), "\"unscoped\"") || json_has(value, "unscoped");
    if (in->unscoped)
        return 0;
    in->scope = cx_alloc(cx, sizeof *in->scope);
    return json_read(cx, scope_fields, value, (struct json_rules){ .where = "scope" }, in->scope);
}

static const struct field auth_fields[] = {
    SUB(struct auth_in, identity, struct identity_in, identity_fields, .required = true),
    HOOK("scope", .parse = parse_scope),
    HOOK("tenantName", .parse = keystone_parse_nothing), /* pkgcloud says it beside the scope, too, */
    HOOK("tenantId", .parse = keystone_parse_nothing),   /* and Keystone lets it pass */
    { 0 },
};
static const struct body auth_body = { .wrap = "auth", .fields = auth_fields, .size = sizeof(struct auth_in) };

static struct auth_name name_of(const struct named *n)
{
    if (!n)
        return (struct auth_name){ 0 };
    return (struct auth_name){ n->id, n->name, n->domain ? n->domain->id : NULL, n->domain ? n->domain->name : NULL };
}

/* A name means something in a domain only; to say so tells nobody who there is. */
static int check_name(struct cx *cx, const struct auth_name *n, const char *what)
{
    if (!n->id && !n->name)
        return fail(cx, KIND_INVALID, "Expecting to find id or name in %s.", what);
    if (!n->id && !n->domain_id && !n->domain_name)
        return fail(cx, KIND_INVALID, "Expecting to find domain in %s: a name alone could be several.", what);
    return 0;
}

static int read_methods(struct cx *cx, const struct identity_in *in, struct auth_request *r)
{
    for (size_t i = 0; i < in->methods.n; i++) {
        unsigned bit = token_method_bit(in->methods.items[i]);
        const void *section = bit == TOKEN_BY_PASSWORD ? (const void *)in->password
                              : bit == TOKEN_BY_TOKEN  ? (const void *)in->token
                              : bit == TOKEN_BY_APP_CRED ? (const void *)in->application_credential
                                                         : NULL;
        if (!(bit & (TOKEN_BY_PASSWORD | TOKEN_BY_TOKEN | TOKEN_BY_APP_CRED)))
            return fail(cx, KIND_UNAUTHENTICATED, "Attempted to authenticate with an unsupported method.");
        if (!section)
            return fail(cx, KIND_INVALID, "Expecting to find %s in identity.", in->methods.items[i]);
        r->methods |= bit;
    }
    return r->methods ? 0 : fail(cx, KIND_INVALID, "Expecting to find a method in identity.");
}

static int read_scope(struct cx *cx, const struct auth_in *in, struct auth_request *r)
{
    const struct scope_in *s = in->scope;

    r->scope = in->unscoped ? AUTH_SCOPE_NONE : AUTH_SCOPE_DEFAULT;
    if (!s)
        return 0;
    if ((s->project != NULL) + (s->domain != NULL) + (s->system != NULL) != 1)
        return fail(cx, KIND_INVALID, "A scope is one of project, domain and system.");
    if (s->system && !s->system->all)
        return fail(cx, KIND_INVALID, "The scope system must be all of it.");
    r->scope = s->project ? AUTH_SCOPE_PROJECT : s->domain ? AUTH_SCOPE_DOMAIN : AUTH_SCOPE_SYSTEM;
    r->target = name_of(s->project ? s->project : s->domain);
    return s->project ? check_name(cx, &r->target, "project") : 0;
}

static int read_request(struct cx *cx, const struct auth_in *in, struct auth_request *r)
{
    const struct identity_in *id = in->identity;

    TRY(read_methods(cx, id, r));
    TRY(read_scope(cx, in, r));
    if (r->methods & TOKEN_BY_PASSWORD) {
        r->user = name_of(id->password->user);
        TRY(check_name(cx, &r->user, "user"));
        r->password = id->password->user->password;
    }
    if (r->methods & TOKEN_BY_TOKEN)
        r->token = id->token->id;
    if (r->methods & TOKEN_BY_APP_CRED) {
        r->app_cred_id = id->application_credential->id;
        r->app_cred_name = id->application_credential->name;
        r->app_cred_secret = id->application_credential->secret;
        if (!(r->methods & TOKEN_BY_PASSWORD))
            r->user = name_of(id->application_credential->user);
    }
    return 0;
}

/* ---- the token's body ---- */

static void write_domain(struct jwriter *w, const char *id, const char *name)
{
    jw_object(w);
    jw_kv(w, "id", id);
    jw_kv(w, "name", name);
    jw_end(w);
}

static void write_scope(struct jwriter *w, const struct who *who)
{
    if (who->project_id) {
        jw_key(w, "project");
        jw_object(w);
        jw_key(w, "domain");
        write_domain(w, who->project_domain_id, who->project_domain_name);
        jw_kv(w, "id", who->project_id);
        jw_kv(w, "name", who->project_name);
        jw_end(w);
        jw_kv_bool(w, "is_domain", false);
    } else if (who->domain_id) {
        jw_key(w, "domain");
        write_domain(w, who->domain_id, who->domain_name);
    } else {
        jw_key(w, "system");
        jw_object(w);
        jw_kv_bool(w, "all", true);
        jw_end(w);
    }
    jw_key(w, "roles");
    jw_array(w);
    for (size_t i = 0; i < who->roles.n; i++) {
        jw_object(w);
        jw_kv(w, "id", who->role_ids.items[i]);
        jw_kv(w, "name", who->roles.items[i]);
        jw_end(w);
    }
    jw_end(w);
}

static void write_endpoint(struct jwriter *w, const struct catalog_entry *e)
{
    jw_object(w);
    jw_kv(w, "id", e->id);
    jw_kv(w, "interface", e->interface);
    jw_kv(w, "region_id", e->region_id);
    jw_kv(w, "url", e->url);
    jw_kv(w, "region", e->region_id);
    jw_end(w);
}

static int write_catalog(struct cx *cx, struct req *rq, struct jwriter *w, const struct who *who)
{
    struct list entries;

    TRY(catalog_entries(cx, req_base_url(rq), who, &entries));
    const struct catalog_entry *e = entries.items;
    jw_key(w, "catalog");
    jw_array(w);
    for (size_t i = 0; i < entries.n;) {
        const char *service_id = e[i].service_id;
        jw_object(w);
        jw_kv(w, "id", service_id);
        jw_kv(w, "type", e[i].service_type);
        jw_kv(w, "name", e[i].service_name ? e[i].service_name : "");
        jw_key(w, "endpoints");
        jw_array(w);
        for (; i < entries.n && str_eq(e[i].service_id, service_id); i++)
            write_endpoint(w, &e[i]);
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
    return 0;
}

static int write_app_cred(struct cx *cx, struct jwriter *w, const struct who *who)
{
    struct app_cred a;

    TRY(app_cred_get(cx, who->user_id, who->app_cred_id, &a));
    jw_key(w, "application_credential");
    jw_object(w);
    jw_kv(w, "id", a.id);
    jw_kv(w, "name", a.name);
    jw_kv_bool(w, "restricted", !a.unrestricted);
    jw_end(w);
    return 0;
}

static void write_strings(struct jwriter *w, const char *key, struct strs s)
{
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < s.n; i++)
        jw_string(w, s.items[i]);
    jw_end(w);
}

static void write_user(struct jwriter *w, const struct who *who)
{
    jw_key(w, "user");
    jw_object(w);
    jw_key(w, "domain");
    write_domain(w, who->user_domain_id, who->user_domain_name);
    jw_kv(w, "id", who->user_id);
    jw_kv(w, "name", who->user_name);
    jw_kv(w, "password_expires_at", NULL);
    jw_end(w);
}

static int reply_token(struct cx *cx, struct req *rq, const char *token, const struct who *who)
{
    struct jwriter *w = reply_writer(rq);
    struct strs audit_ids = { (const char *[]){ who->audit_id, who->parent_audit_id }, who->parent_audit_id ? 2 : 1 };
    bool scoped = who->project_id || who->domain_id || who->system;

    jw_object(w);
    jw_key(w, "token");
    jw_object(w);
    write_strings(w, "methods", who->methods);
    write_user(w, who);
    write_strings(w, "audit_ids", audit_ids);
    jw_key(w, "expires_at");
    jw_time(w, who->expires_us, ".000000Z");
    jw_key(w, "issued_at");
    jw_time(w, who->issued_us, ".000000Z");
    if (scoped)
        write_scope(w, who);
    if (scoped && !req_query(rq, "nocatalog"))
        TRY(write_catalog(cx, rq, w, who));
    if (who->app_cred_id)
        TRY(write_app_cred(cx, w, who));
    jw_end(w);
    jw_end(w);
    reply_header(rq, "X-Subject-Token", token);
    reply_header(rq, "Vary", "X-Auth-Token");
    return reply_written(rq);
}

/* ---- handlers ---- */

struct login {
    struct auth_request request;
    struct auth_proof proof;
};

static int prepare_login(struct cx *cx, struct req *rq)
{
    struct login *l = cx_alloc(cx, sizeof *l);

    TRY(read_request(cx, req_body(rq), &l->request));
    req_keep(rq, l);
    return l->request.methods == TOKEN_BY_TOKEN ? 0 : auth_prove(cx, req_store(rq), &l->request, &l->proof);
}

static int tokens_create(struct cx *cx, struct req *rq)
{
    const struct login *l = req_kept(rq);
    const struct who *who;
    const char *token;

    TRY(auth_issue(cx, keystone_identity(rq), &l->request, &l->proof, &token, &who));
    return reply_token(cx, rq, token, who);
}

/* The token of X-Subject-Token, if it counts and the caller may know about it. */
static int find_subject(struct cx *cx, struct req *rq, const char **ret_token, const struct who **ret_who)
{
    const char *token = req_header(rq, "X-Subject-Token");
    int r = token ? auth_inspect(cx, keystone_identity(rq), token, ret_who) : -ENOENT;

    if (!token || (r < 0 && cx->kind == KIND_UNAUTHENTICATED)) {
        fail_clear(cx);
        return fail(cx, KIND_NOT_FOUND, "Could not find token.");
    }
    TRY(r);
    *ret_token = token;
    return who_has_role(cx->who, "service") ? 0 : auth_check_self_or_reader(cx, (*ret_who)->user_id);
}

static int tokens_show(struct cx *cx, struct req *rq)
{
    const struct who *who;
    const char *token;

    TRY(find_subject(cx, rq, &token, &who));
    return reply_token(cx, rq, token, who);
}

static int tokens_delete(struct cx *cx, struct req *rq)
{
    const struct who *who;
    const char *token;

    TRY(find_subject(cx, rq, &token, &who));
    TRY(auth_check_self(cx, who->user_id));
    TRY(auth_revoke(cx, who));
    return reply_empty(rq);
}

static const struct filter *only_enabled(struct cx *cx)
{
    struct filter *f = cx_alloc(cx, sizeof *f);
    f->conds = arena_new_array(cx->arena, struct filter_cond, 1);
    f->conds[f->n_conds++] = (struct filter_cond){ "enabled", FILTER_IN, { arena_new_array(cx->arena, const char *, 1), 1 } };
    f->conds[0].values.items[0] = "1";
    return f;
}

static int auth_projects(struct cx *cx, struct req *rq)
{
    struct list projects;

    TRY(project_list(cx, only_enabled(cx), NULL, cx->who->user_id, &projects));
    return keystone_reply_list(rq, &keystone_project, NULL, projects);
}

static int auth_domains(struct cx *cx, struct req *rq)
{
    struct list domains;

    TRY(domain_list(cx, only_enabled(cx), cx->who->user_id, &domains));
    return keystone_reply_list(rq, &keystone_domain, NULL, domains);
}

static int auth_system(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);
    struct list roles;

    TRY(roles_effective(cx, cx->who->user_id, TOKEN_SYSTEM, NULL, &roles));
    jw_object(w);
    jw_key(w, "system");
    jw_array(w);
    if (roles.n) {
        jw_object(w);
        jw_kv_bool(w, "all", true);
        jw_end(w);
    }
    jw_end(w);
    keystone_write_list_links(rq, w, NULL, 0);
    jw_end(w);
    return reply_written(rq);
}

static int auth_catalog(struct cx *cx, struct req *rq)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    TRY(write_catalog(cx, rq, w, cx->who));
    keystone_write_list_links(rq, w, NULL, 0);
    jw_end(w);
    return reply_written(rq);
}

/* clang-format off */
const struct route keystone_token_routes[] = {
    { "POST",   "/auth/tokens",   tokens_create, "identity:authenticate",       MAY_ANYBODY, &auth_body, OK(201), .mode = MODE_READ, .prepare = prepare_login },
    { "GET",    "/auth/tokens",   tokens_show,   "identity:validate_token",     MAY_KNOWN,   NULL, OK(200) },
    { "DELETE", "/auth/tokens",   tokens_delete, "identity:revoke_token",       MAY_KNOWN,   NULL, OK(204) },
    { "GET",    "/auth/projects", auth_projects, "identity:get_auth_projects",  MAY_KNOWN,   NULL, OK(200) },
    { "GET",    "/auth/domains",  auth_domains,  "identity:get_auth_domains",   MAY_KNOWN,   NULL, OK(200) },
    { "GET",    "/auth/system",   auth_system,   "identity:get_auth_system",    MAY_KNOWN,   NULL, OK(200) },
    { "GET",    "/auth/catalog",  auth_catalog,  "identity:get_auth_catalog",   MAY_KNOWN,   NULL, OK(200) },
    { 0 },
};
/* clang-format on */
