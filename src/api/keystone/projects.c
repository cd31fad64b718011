#include <string.h>

#include "api/keystone/internal.h"
#include "identity/auth.h"
#include "identity/domain.h"
#include "identity/project.h"

/* clang-format off */
static const struct field project_view[] = {
    STR(struct project, id), STR(struct project, name), STR(struct project, domain_id), STR(struct project, description),
    BOOL(struct project, enabled), STR(struct project, parent_id), BOOL(struct project, is_domain),
    JSON(struct project, tags), JSON(struct project, options), { 0 },
};
static const struct field domain_view[] = {
    STR(struct domain, id), STR(struct domain, name), STR(struct domain, description), BOOL(struct domain, enabled),
    JSON(struct domain, tags), JSON(struct domain, options), { 0 },
};
static const struct paging project_paging = {
    .columns = project_columns,
    .filters = (const char *const[]){ "name", "domain_id", "parent_id", "enabled", "id", NULL },
    .sorts = (const char *const[]){ "name", "id", NULL },
    .default_sort = "name:asc",
};
const struct resource keystone_project = {
    "project", "projects", project_view, sizeof(struct project), offsetof(struct project, id), offsetof(struct project, extra),
    &project_paging,
};
static const struct paging domain_paging = {
    .columns = domain_columns,
    .filters = (const char *const[]){ "name", "enabled", "id", NULL },
    .sorts = (const char *const[]){ "name", "id", NULL },
    .default_sort = "name:asc",
};
const struct resource keystone_domain = {
    "domain", "domains", domain_view, sizeof(struct domain), offsetof(struct domain, id), offsetof(struct domain, extra),
    &domain_paging,
};
/* clang-format on */

/* Given at creation; later it may be sent back as it was shown. */
static int parse_is_domain(struct cx *cx, const struct field *f, const struct json_t *value, void *obj)
{
    struct project *p = obj;
    bool known = p->id, before = p->is_domain;
    struct field row = *f;

    row.parse = NULL;
    TRY(json_read_member(cx, &row, value, (struct json_rules){ 0 }, obj));
    return !known || before == p->is_domain ? 0 : fail(cx, KIND_INVALID, "The is_domain of a project cannot be changed.");
}

/* clang-format off */
static const struct field project_fields[] = {
    STR(struct project, name, KEYSTONE_NAME, .max = 64),
    STR(struct project, domain_id, KEYSTONE_ID, .nullable = true, .parse = keystone_parse_id),
    STR(struct project, parent_id, KEYSTONE_ID, .nullable = true, .parse = keystone_parse_id),
    STR(struct project, description, .preset = "", .max = 65535),
    BOOL(struct project, enabled, .preset = "true"),
    JSON(struct project, tags, .preset = "[]", .parse = keystone_parse_tags),
    JSON(struct project, options, .preset = "{}", .parse = keystone_parse_options),
    BOOL(struct project, is_domain, .parse = parse_is_domain),
    STR(struct project, id, .parse = keystone_parse_id), HOOK("links", .parse = keystone_parse_nothing), HOOK("extra", .readonly = true), { 0 },
};
static const struct field domain_fields[] = {
    STR(struct domain, name, KEYSTONE_NAME, .max = 64),
    STR(struct domain, description, .preset = "", .max = 65535),
    BOOL(struct domain, enabled, .preset = "true"),
    JSON(struct domain, tags, .preset = "[]", .parse = keystone_parse_tags),
    JSON(struct domain, options, .preset = "{}", .parse = keystone_parse_options),
    STR(struct domain, id, .parse = keystone_parse_id), HOOK("links", .parse = keystone_parse_nothing), HOOK("extra", .readonly = true), { 0 },
};
static const struct body project_create_body = { .wrap = "project", .fields = project_fields, .size = sizeof(struct project), .open = true };
static const struct body project_update_body = { .wrap = "project", .fields = project_fields, .size = sizeof(struct project), .open = true, .overlay = true };
static const struct body domain_create_body = { .wrap = "domain", .fields = domain_fields, .size = sizeof(struct domain), .open = true };
static const struct body domain_update_body = { .wrap = "domain", .fields = domain_fields, .size = sizeof(struct domain), .open = true, .overlay = true };

/* clang-format on */

/* ---- projects ---- */

/* "a,b" */
static struct strs split(struct cx *cx, const char *text)
{
    struct strs out = { 0 };
    while (text && *text) {
        size_t n = strcspn(text, ",");
        *arena_push(cx->arena, &out.items, &out.n) = arena_strndup(cx->arena, text, n);
        text += n + (text[n] == ',');
    }
    return out;
}

static struct project_tags wanted_tags(struct cx *cx, struct req *rq)
{
    return (struct project_tags){
        .all = split(cx, req_query(rq, "tags")),
        .any = split(cx, req_query(rq, "tags-any")),
        .not_all = split(cx, req_query(rq, "not-tags")),
        .not_any = split(cx, req_query(rq, "not-tags-any")),
    };
}

/* ?is_domain: the domains, as projects. */
static int list_domains_as_projects(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list domains;

    TRY(keystone_filter(rq, &keystone_domain, &f));
    TRY(domain_list(cx, &f, NULL, &domains));
    struct project *p = arena_new_array(cx->arena, struct project, domains.n + 1);
    for (size_t i = 0; i < domains.n; i++)
        p[i] = project_of_domain((const struct domain *)domains.items + i);
    return keystone_reply_list(rq, &keystone_project, NULL, (struct list){ p, domains.n });
}

static int projects_list(struct cx *cx, struct req *rq)
{
    struct project_tags tags = wanted_tags(cx, rq);
    struct filter f;
    struct list projects;

    TRY(auth_check_reader(cx));
    if (req_query_bool(rq, "is_domain"))
        return list_domains_as_projects(cx, rq);
    TRY(keystone_filter(rq, &keystone_project, &f));
    TRY(project_list(cx, &f, &tags, NULL, &projects));
    return keystone_reply_list(rq, &keystone_project, NULL, projects);
}

static int projects_list_of_user(struct cx *cx, struct req *rq)
{
    const char *user_id = req_path(rq, "user_id");
    struct project_tags tags = wanted_tags(cx, rq);
    struct filter f;
    struct list projects;

    TRY(auth_check_self_or_reader(cx, user_id));
    TRY(keystone_filter(rq, &keystone_project, &f));
    TRY(project_list(cx, &f, &tags, user_id, &projects));
    return keystone_reply_list(rq, &keystone_project, NULL, projects);
}

static int create_domain(struct cx *cx, struct project *p)
{
    struct domain d = project_as_domain(p);

    if (p->domain_id || p->parent_id)
        return fail(cx, KIND_INVALID, "A project that acts as a domain has no domain_id and no parent_id.");
    TRY(domain_create(cx, &d));
    *p = project_of_domain(&d);
    return 0;
}

static int projects_create(struct cx *cx, struct req *rq)
{
    struct project p = *(const struct project *)req_body(rq);

    TRY(keystone_check_new(cx, p.id));
    p.extra = json_rest(cx, project_fields, req_json(rq), NULL);
    if (p.is_domain) {
        TRY(create_domain(cx, &p));
        return keystone_reply(rq, &keystone_project, NULL, &p);
    }
    if (!p.domain_id && !p.parent_id)
        p.domain_id = cx->who->domain_id ? cx->who->domain_id : cx->who->project_domain_id;
    TRY(project_create(cx, &p));
    return keystone_reply(rq, &keystone_project, NULL, &p);
}

/* The project, or the domain of this id as one. */
static int get_project_or_domain(struct cx *cx, const char *id, struct project *ret_project)
{
    struct domain d;
    int r = project_get(cx, id, ret_project);

    if (r >= 0 || cx->kind != KIND_NOT_FOUND)
        return r;
    const char *text = cx->text;
    fail_clear(cx);
    if (domain_get(cx, id, &d) < 0) { /* it is a project that was asked for, says the error */
        fail_clear(cx);
        return fail(cx, KIND_NOT_FOUND, "%s", text);
    }
    *ret_project = project_of_domain(&d);
    return 0;
}

/* The project, for those who may see it: readers of everything, and whoever works in it. */
static int find_project(struct cx *cx, struct req *rq, struct project *ret_project)
{
    const char *id = req_path(rq, "project_id");

    if (!str_eq(cx->who->project_id, id))
        TRY(auth_check_reader(cx));
    return project_get(cx, id, ret_project);
}

static int projects_show(struct cx *cx, struct req *rq)
{
    const char *id = req_path(rq, "project_id");
    struct jwriter *w = reply_writer(rq);
    struct project p;

    if (!str_eq(cx->who->project_id, id))
        TRY(auth_check_reader(cx));
    TRY(get_project_or_domain(cx, id, &p));
    jw_object(w);
    jw_key(w, "project");
    keystone_write_open(rq, w, &keystone_project, NULL, &p);
    if (!p.is_domain)
        TRY(keystone_write_family(rq, w, &p));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int projects_update(struct cx *cx, struct req *rq)
{
    struct project p;

    TRY(get_project_or_domain(cx, req_path(rq, "project_id"), &p));
    TRY(req_overlay(rq, &p));
    p.extra = json_rest(cx, project_fields, req_json(rq), p.extra);
    struct domain d = project_as_domain(&p);
    TRY(p.is_domain ? domain_update(cx, &d) : project_update(cx, &p));
    return keystone_reply(rq, &keystone_project, NULL, &p);
}

static int projects_delete(struct cx *cx, struct req *rq)
{
    struct project p;

    TRY(get_project_or_domain(cx, req_path(rq, "project_id"), &p));
    TRY(p.is_domain ? domain_delete(cx, p.id) : project_delete(cx, p.id));
    return reply_empty(rq);
}

/* ---- their tags ---- */

struct tags_in {
    struct strs tags;
};
static const struct field tags_fields[] = {
    STRS(struct tags_in, tags, .required = true, .max = 80, .check = keystone_is_tag,
         .expected = "A tag has no comma and no slash."),
    { 0 },
};
static const struct body tags_body = { .fields = tags_fields, .size = sizeof(struct tags_in) };

static int reply_tags(struct req *rq, struct cx *cx, const struct project *p)
{
    struct jwriter *w = reply_writer(rq);

    jw_object(w);
    jw_key(w, "tags");
    jw_raw(w, p->tags);
    jw_key(w, "links");
    jw_object(w);
    jw_kv(w, "self", req_self_url(rq));
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static bool has_tag(struct strs tags, const char *tag)
{
    for (size_t i = 0; i < tags.n; i++)
        if (str_eq(tags.items[i], tag))
            return true;
    return false;
}

static int tags_list(struct cx *cx, struct req *rq)
{
    struct project p;

    TRY(find_project(cx, rq, &p));
    return reply_tags(rq, cx, &p);
}

static int tags_replace(struct cx *cx, struct req *rq)
{
    const struct tags_in *in = req_body(rq);
    struct project p;

    TRY(project_get(cx, req_path(rq, "project_id"), &p));
    p.tags = json_of_strs(cx->arena, in->tags);
    TRY(project_update(cx, &p));
    return reply_tags(rq, cx, &p);
}

static int tags_delete_all(struct cx *cx, struct req *rq)
{
    struct project p;

    TRY(project_get(cx, req_path(rq, "project_id"), &p));
    p.tags = "[]";
    TRY(project_update(cx, &p));
    return reply_empty(rq);
}

static int no_tag(struct cx *cx, const char *tag)
{
    return fail(cx, KIND_NOT_FOUND, "Could not find project tag: %.64s.", tag);
}

static int tags_check(struct cx *cx, struct req *rq)
{
    const char *tag = req_path(rq, "tag");
    struct project p;

    TRY(find_project(cx, rq, &p));
    return has_tag(json_to_strs(cx, p.tags), tag) ? reply_empty(rq) : no_tag(cx, tag);
}

static int tags_add(struct cx *cx, struct req *rq)
{
    const char *tag = req_path(rq, "tag");
    struct project p;

    TRY(project_get(cx, req_path(rq, "project_id"), &p));
    struct strs tags = json_to_strs(cx, p.tags);
    if (!has_tag(tags, tag)) {
        if (tags.n >= 80 || !keystone_is_tag(tag))
            return fail(cx, KIND_INVALID, "A project has at most 80 tags, without comma and slash.");
        *arena_push(cx->arena, &tags.items, &tags.n) = tag;
    }
    p.tags = json_of_strs(cx->arena, tags);
    TRY(project_update(cx, &p));
    return reply_empty(rq);
}

static int tags_delete(struct cx *cx, struct req *rq)
{
    const char *tag = req_path(rq, "tag");
    struct strs kept = { 0 };
    struct project p;

    TRY(project_get(cx, req_path(rq, "project_id"), &p));
    struct strs tags = json_to_strs(cx, p.tags);
    if (!has_tag(tags, tag))
        return no_tag(cx, tag);
    for (size_t i = 0; i < tags.n; i++)
        if (!str_eq(tags.items[i], tag))
            *arena_push(cx->arena, &kept.items, &kept.n) = tags.items[i];
    p.tags = json_of_strs(cx->arena, kept);
    TRY(project_update(cx, &p));
    return reply_empty(rq);
}

/* ---- domains ---- */

static int domains_list(struct cx *cx, struct req *rq)
{
    struct filter f;
    struct list domains;

    TRY(auth_check_reader(cx));
    TRY(keystone_filter(rq, &keystone_domain, &f));
    TRY(domain_list(cx, &f, NULL, &domains));
    return keystone_reply_list(rq, &keystone_domain, NULL, domains);
}

static int domains_create(struct cx *cx, struct req *rq)
{
    struct domain d = *(const struct domain *)req_body(rq);

    TRY(keystone_check_new(cx, d.id));
    d.extra = json_rest(cx, domain_fields, req_json(rq), NULL);
    TRY(domain_create(cx, &d));
    return keystone_reply(rq, &keystone_domain, NULL, &d);
}

static int domains_show(struct cx *cx, struct req *rq)
{
    const char *id = req_path(rq, "domain_id");
    struct domain d;

    if (!str_eq(id, cx->who->domain_id) && !str_eq(id, cx->who->project_domain_id))
        TRY(auth_check_reader(cx));
    TRY(domain_get(cx, id, &d));
    return keystone_reply(rq, &keystone_domain, NULL, &d);
}

static int domains_update(struct cx *cx, struct req *rq)
{
    struct domain d;

    TRY(domain_get(cx, req_path(rq, "domain_id"), &d));
    TRY(req_overlay(rq, &d));
    d.extra = json_rest(cx, domain_fields, req_json(rq), d.extra);
    TRY(domain_update(cx, &d));
    return keystone_reply(rq, &keystone_domain, NULL, &d);
}

static int domains_delete(struct cx *cx, struct req *rq)
{
    TRY(domain_delete(cx, req_path(rq, "domain_id")));
    return reply_empty(rq);
}

/* clang-format off */
const struct route keystone_project_routes[] = {
    { "GET",    "/projects",                         projects_list,   "identity:list_projects",        MAY_READER, NULL, OK(200) },
    { "POST",   "/projects",                         projects_create, "identity:create_project",       MAY_ADMIN,  &project_create_body, OK(201) },
    { "GET",    "/projects/{project_id}",            projects_show,   "identity:get_project",          MAY_KNOWN,  NULL, OK(200) },
    { "PATCH",  "/projects/{project_id}",            projects_update, "identity:update_project",       MAY_ADMIN,  &project_update_body, OK(200) },
    { "DELETE", "/projects/{project_id}",            projects_delete, "identity:delete_project",       MAY_ADMIN,  NULL, OK(204) },
    { "GET",    "/projects/{project_id}/tags",       tags_list,       "identity:list_project_tags",    MAY_KNOWN,  NULL, OK(200) },
    { "PUT",    "/projects/{project_id}/tags",       tags_replace,    "identity:update_project_tags",  MAY_ADMIN,  &tags_body, OK(200) },
    { "DELETE", "/projects/{project_id}/tags",       tags_delete_all, "identity:delete_project_tags",  MAY_ADMIN,  NULL, OK(204) },
    { "GET",    "/projects/{project_id}/tags/{tag}", tags_check,      "identity:get_project_tag",      MAY_KNOWN,  NULL, OK(204) },
    { "PUT",    "/projects/{project_id}/tags/{tag}", tags_add,        "identity:create_project_tag",   MAY_ADMIN,  NULL, OK(201) },
    { "DELETE", "/projects/{project_id}/tags/{tag}", tags_delete,     "identity:delete_project_tag",   MAY_ADMIN,  NULL, OK(204) },
    { "GET",    "/users/{user_id}/projects",         projects_list_of_user, "identity:list_user_projects", MAY_KNOWN, NULL, OK(200) },
    { 0 },
};
const struct route keystone_domain_routes[] = {
    { "GET",    "/domains",             domains_list,   "identity:list_domains",  MAY_READER, NULL, OK(200) },
    { "POST",   "/domains",             domains_create, "identity:create_domain", MAY_ADMIN,  &domain_create_body, OK(201) },
    { "GET",    "/domains/{domain_id}", domains_show,   "identity:get_domain",    MAY_KNOWN,  NULL, OK(200) },
    { "PATCH",  "/domains/{domain_id}", domains_update, "identity:update_domain", MAY_ADMIN,  &domain_update_body, OK(200) },
    { "DELETE", "/domains/{domain_id}", domains_delete, "identity:delete_domain", MAY_ADMIN,  NULL, OK(204) },
    { 0 },
};
/* clang-format on */
