/* A project's parents and what is below it, as ?parents_as_list and its kin ask for them. */
#include <string.h>

#include "api/keystone/internal.h"

/* Sets '*ret_children' to the projects whose parent is 'id'; with 'user_id' those that the user may enter. */
static int list_children(struct cx *cx, const char *id, const char *user_id, struct list *ret_children)
{
    struct filter_cond cond = { "parent_id", FILTER_IN, { arena_new_array(cx->arena, const char *, 1), 1 } };
    const struct filter f = { .conds = &cond, .n_conds = 1 };

    cond.values.items[0] = id;
    return project_list(cx, &f, NULL, user_id, ret_children);
}

/* Sets '*ret_ids' to the ids of the projects above, the nearest first, and of the domain at the top. */
static int list_parents(struct cx *cx, const struct project *p, struct strs *ret_ids)
{
    struct project at = *p;

    *ret_ids = (struct strs){ 0 };
    for (int level = 0; level <= PROJECT_DEPTH_MAX; level++) {
        *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = at.parent_id;
        if (str_eq(at.parent_id, at.domain_id))
            break;
        TRY(project_get(cx, at.parent_id, &at));
    }
    return 0;
}

/* {"nearest": {"next": {"the domain": null}}} */
static int write_parents_as_ids(struct cx *cx, struct jwriter *w, const struct project *p)
{
    struct strs ids;

    TRY(list_parents(cx, p, &ids));
    for (size_t i = 0; i < ids.n; i++) {
        jw_object(w);
        jw_key(w, ids.items[i]);
    }
    jw_null(w);
    for (size_t i = 0; i < ids.n; i++)
        jw_end(w);
    return 0;
}

/* {"child": {"grandchild": null}}, or null without any; 'depth' ends what the limit of levels should have ended. */
static int write_subtree_as_ids(struct cx *cx, struct jwriter *w, const char *id, int depth)
{
    struct list children;

    TRY(list_children(cx, id, NULL, &children));
    const struct project *p = children.items;
    if (!children.n || depth > PROJECT_DEPTH_MAX) {
        jw_null(w);
        return 0;
    }
    jw_object(w);
    for (size_t i = 0; i < children.n; i++) {
        jw_key(w, p[i].id);
        TRY(write_subtree_as_ids(cx, w, p[i].id, depth + 1));
    }
    jw_end(w);
    return 0;
}

static void write_one(struct req *rq, struct jwriter *w, const struct project *p)
{
    jw_object(w);
    jw_key(w, "project");
    keystone_write(rq, w, &keystone_project, NULL, p);
    jw_end(w);
}

static bool is_among(struct list projects, const char *id)
{
    const struct project *p = projects.items;
    for (size_t i = 0; i < projects.n; i++)
        if (str_eq(p[i].id, id))
            return true;
    return false;
}

/* The lists have whole projects, so they have only those that the caller may enter. */
static int write_parents_as_list(struct cx *cx, struct req *rq, struct jwriter *w, const struct project *p)
{
    struct list mine;
    struct strs ids;
    struct project parent;

    TRY(list_parents(cx, p, &ids));
    TRY(project_list(cx, NULL, NULL, cx->who->user_id, &mine));
    jw_array(w);
    for (size_t i = 0; i < ids.n; i++)
        if (is_among(mine, ids.items[i])) {
            TRY(project_get(cx, ids.items[i], &parent));
            write_one(rq, w, &parent);
        }
    jw_end(w);
    return 0;
}

static int write_below(struct cx *cx, struct req *rq, struct jwriter *w, const char *id, struct list mine, int depth)
{
    struct list children;

    TRY(list_children(cx, id, NULL, &children));
    const struct project *p = children.items;
    for (size_t i = 0; i < children.n && depth <= PROJECT_DEPTH_MAX; i++) {
        if (is_among(mine, p[i].id))
            write_one(rq, w, &p[i]);
        TRY(write_below(cx, rq, w, p[i].id, mine, depth + 1));
    }
    return 0;
}

static int write_subtree_as_list(struct cx *cx, struct req *rq, struct jwriter *w, const struct project *p)
{
    struct list mine;

    TRY(project_list(cx, NULL, NULL, cx->who->user_id, &mine));
    jw_array(w);
    TRY(write_below(cx, rq, w, p->id, mine, 0));
    jw_end(w);
    return 0;
}

/* 1 for a list, 2 for ids, 0 when neither is asked for. */
static int wanted_form(struct cx *cx, struct req *rq, const char *what)
{
    bool list = req_query_bool(rq, cx_printf(cx, "%s_as_list", what)), ids = req_query_bool(rq, cx_printf(cx, "%s_as_ids", what));

    if (list && ids)
        return fail(cx, KIND_INVALID, "Use either %s_as_list or %s_as_ids, not both at the same time.", what, what);
    return list ? 1 : ids ? 2 : 0;
}

int keystone_write_family(struct req *rq, struct jwriter *w, const struct project *p)
{
    struct cx *cx = req_cx(rq);
    int parents = wanted_form(cx, rq, "parents"), subtree = wanted_form(cx, rq, "subtree");

    TRY(parents);
    TRY(subtree);
    if (parents) {
        jw_key(w, "parents");
        TRY(parents == 1 ? write_parents_as_list(cx, rq, w, p) : write_parents_as_ids(cx, w, p));
    }
    if (subtree) {
        jw_key(w, "subtree");
        TRY(subtree == 1 ? write_subtree_as_list(cx, rq, w, p) : write_subtree_as_ids(cx, w, p->id, 0));
    }
    return 0;
}
