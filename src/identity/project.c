#include "identity/project.h"

#include "base/env.h"
#include "identity/domain.h"
#include "identity/quota.h"
#include "identity/rows.h"
#include "json/read.h"

/* clang-format off */
const struct field project_columns[] = {
    STR(struct project, id),          STR(struct project, domain_id), STR(struct project, parent_id), STR(struct project, name),
    STR(struct project, description), BOOL(struct project, enabled),  JSON(struct project, tags),
    JSON(struct project, options),    JSON(struct project, extra),    { 0 },
};
const struct table identity_project_table = { "identity_project", project_columns, .n_key = 1, .size = sizeof(struct project) };
/* clang-format on */

struct project project_of_domain(const struct domain *d)
{
    return (struct project){ .id = d->id, .name = d->name, .description = d->description, .enabled = d->enabled, .tags = d->tags,
                             .options = d->options, .extra = d->extra, .is_domain = true };
}

struct domain project_as_domain(const struct project *p)
{
    return (struct domain){ .id = p->id, .name = p->name, .description = p->description, .enabled = p->enabled, .tags = p->tags,
                            .options = p->options, .extra = p->extra };
}

/* Fails unless another level fits below the project 'id' of the domain. */
static int check_depth(struct cx *cx, const char *id, const char *domain_id)
{
    struct project p;

    for (int level = 1; !str_eq(id, domain_id); level++) {
        if (level >= PROJECT_DEPTH_MAX)
            return fail(cx, KIND_FORBIDDEN, "Max hierarchy depth of %d projects is exceeded.", PROJECT_DEPTH_MAX);
        TRY(project_get(cx, id, &p));
        id = p.parent_id;
    }
    return 0;
}

static int settle_parent(struct cx *cx, struct project *p)
{
    struct project parent;
    struct domain d;

    if (p->parent_id && !str_eq(p->parent_id, p->domain_id)) {
        TRY(project_get(cx, p->parent_id, &parent));
        if (p->domain_id && !str_eq(p->domain_id, parent.domain_id))
            return fail(cx, KIND_INVALID, "A project must be in the domain of its parent, which is %s.", parent.domain_id);
        if (!parent.enabled)
            return fail(cx, KIND_FORBIDDEN, "Cannot create a project below the disabled project %s.", parent.id);
        p->domain_id = parent.domain_id;
    }
    p->domain_id = p->domain_id ? p->domain_id : DOMAIN_DEFAULT_ID;
    p->parent_id = p->parent_id ? p->parent_id : p->domain_id;
    TRY(domain_get(cx, p->domain_id, &d));
    return check_depth(cx, p->parent_id, p->domain_id);
}

int project_create(struct cx *cx, struct project *p)
{
    TRY(settle_parent(cx, p));
    p->id = uuid_new_hex(cx->arena);
    return identity_row_insert(cx, &identity_project_table, "project", p->name, p);
}

int project_get(struct cx *cx, const char *id, struct project *ret_project)
{
    return identity_row_get(cx, &identity_project_table, "project", id, ret_project);
}

int project_find(struct cx *cx, const char *domain_id, const char *name, struct project *ret_project)
{
    return store_find(cx, &identity_project_table, ret_project, "domain_id=$1 AND name=$2", ARGS(domain_id, name));
}

static size_t count_tags(struct strs have, struct strs wanted)
{
    size_t n = 0;
    for (size_t i = 0; i < wanted.n; i++)
        for (size_t j = 0; j < have.n; j++)
            if (str_eq(wanted.items[i], have.items[j])) {
                n++;
                break;
            }
    return n;
}

static bool tags_match(struct strs have, const struct project_tags *t)
{
    return count_tags(have, t->all) == t->all.n && (!t->any.n || count_tags(have, t->any)) &&
           (!t->not_all.n || count_tags(have, t->not_all) < t->not_all.n) && !count_tags(have, t->not_any);
}

/* Tags are one JSON column, so they are looked at here; then the limit counts what is left. */
static int list_tagged(struct cx *cx, const struct filter *f, const struct project_tags *tags, const char *where,
                       struct args args, struct list *ret_projects)
{
    struct filter unlimited = *f;
    struct list rows;
    size_t n = 0;

    unlimited.limit = 0;
    TRY(store_list_filtered(cx, &identity_project_table, &rows, &unlimited, where, args));
    struct project *p = rows.items;
    for (size_t i = 0; i < rows.n && (!f->limit || n < (size_t)f->limit); i++)
        if (tags_match(json_to_strs(cx, p[i].tags), tags))
            p[n++] = p[i];
    *ret_projects = (struct list){ p, n };
    return 0;
}

int project_list(struct cx *cx, const struct filter *f, const struct project_tags *tags, const char *user_id,
                 struct list *ret_projects)
{
    static const char where[] =
        "id IN (WITH RECURSIVE " IDENTITY_ME ", mine(target_id, inherited) AS (SELECT g.target_id, g.inherited FROM me"
        " JOIN identity_grant g ON g.actor_type=me.type AND g.actor_id=me.id),"
        " down(id) AS (SELECT p.id FROM identity_project p JOIN mine ON p.parent_id=mine.target_id AND mine.inherited=1"
        " UNION SELECT p.id FROM identity_project p JOIN down ON p.parent_id=down.id)"
        " SELECT target_id FROM mine WHERE inherited=0 UNION SELECT id FROM down)";

    if (tags && (tags->all.n || tags->any.n || tags->not_all.n || tags->not_any.n))
        return list_tagged(cx, f, tags, user_id ? where : NULL, user_id ? ARGS(user_id) : NO_ARGS, ret_projects);
    return store_list_filtered(cx, &identity_project_table, ret_projects, f, user_id ? where : NULL,
                               user_id ? ARGS(user_id) : NO_ARGS);
}

/* A project is never enabled below a disabled one. */
static int check_enabled(struct cx *cx, const struct project *before, const struct project *p)
{
    struct project parent;
    int64_t one;

    if (before->enabled == p->enabled)
        return 0;
    if (!p->enabled) {
        int found = store_int(cx, &one, "SELECT 1 FROM identity_project WHERE parent_id=$1 AND enabled=1", ARGS(p->id));
        TRY(found);
        return found ? fail(cx, KIND_FORBIDDEN, "Cannot disable project %s since a project below it is enabled.", p->id) : 0;
    }
    if (str_eq(p->parent_id, p->domain_id))
        return 0;
    TRY(project_get(cx, p->parent_id, &parent));
    return parent.enabled ? 0 : fail(cx, KIND_FORBIDDEN, "Cannot enable project %s since its parent is disabled.", p->id);
}

int project_update(struct cx *cx, const struct project *p)
{
    struct project before;

    TRY(project_get(cx, p->id, &before));
    TRY(identity_check_mutable(cx, "project", p->id, before.options, p->options));
    TRY(check_enabled(cx, &before, p));
    return identity_row_update(cx, &identity_project_table, "project", p->name, p);
}

int project_delete(struct cx *cx, const char *id)
{
    struct project p;
    int64_t one;

    TRY(project_get(cx, id, &p));
    TRY(identity_check_mutable(cx, "project", id, p.options, NULL));
    int found = store_int(cx, &one, "SELECT 1 FROM identity_project WHERE parent_id=$1", ARGS(id));
    TRY(found);
    if (found)
        return fail(cx, KIND_FORBIDDEN, "Cannot delete the project %s since it is not a leaf in the hierarchy.", id);
    TRY(store_delete(cx, &identity_grant_table, "target_id=$1", ARGS(id)));
    TRY(store_delete(cx, &identity_app_cred_table, "project_id=$1", ARGS(id)));
    TRY(store_delete(cx, &identity_credential_table, "project_id=$1", ARGS(id)));
    TRY(store_exec(cx, &identity_user_table,
                   "UPDATE identity_user SET default_project_id=NULL WHERE default_project_id=$1", ARGS(id)));
    TRY(quota_reset(cx, id, NULL));
    return identity_row_delete(cx, &identity_project_table, "project", id);
}
