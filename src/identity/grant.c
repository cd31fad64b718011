#include "base/buf.h"
#include "identity/domain.h"
#include "identity/project.h"
#include "identity/role.h"
#include "identity/rows.h"
#include "identity/user.h"

/* clang-format off */
static const struct field grant_columns[] = {
    STR(struct grant, actor_type), STR(struct grant, actor_id), STR(struct grant, target_type), STR(struct grant, target_id),
    STR(struct grant, role_id),    BOOL(struct grant, inherited), { 0 },
};
const struct table identity_grant_table = { "identity_grant", grant_columns, .n_key = 6, .size = sizeof(struct grant) };
/* clang-format on */

#define GRANTED_SO "actor_type=$1 AND actor_id=$2 AND target_type=$3 AND target_id=$4 AND inherited=$5"
#define GRANT_ARGS(g) (g)->actor_type, (g)->actor_id, (g)->target_type, (g)->target_id, (g)->inherited

static int check_parties(struct cx *cx, const struct grant *g)
{
    struct project p;
    struct domain d;
    struct group gr;
    struct user u;

    if (str_eq(g->actor_type, "user"))
        TRY(user_get(cx, g->actor_id, &u));
    else
        TRY(user_group_get(cx, g->actor_id, &gr));
    if (str_eq(g->target_type, "project"))
        return project_get(cx, g->target_id, &p);
    return str_eq(g->target_type, "domain") ? domain_get(cx, g->target_id, &d) : 0;
}

int grant_add(struct cx *cx, const struct grant *g)
{
    struct role r;

    TRY(check_parties(cx, g));
    TRY(role_get(cx, g->role_id, &r));
    TRY(store_delete(cx, &identity_grant_table, GRANTED_SO " AND role_id=$6", ARGS(GRANT_ARGS(g), g->role_id)));
    return store_insert(cx, &identity_grant_table, g);
}

int grant_check(struct cx *cx, const struct grant *g)
{
    struct grant found;
    struct role r;

    TRY(check_parties(cx, g));
    TRY(role_get(cx, g->role_id, &r));
    int n = store_find(cx, &identity_grant_table, &found, GRANTED_SO " AND role_id=$6", ARGS(GRANT_ARGS(g), g->role_id));
    TRY(n);
    return n ? 0
             : fail(cx, KIND_NOT_FOUND, "Could not find role assignment with role: %.64s, %s: %.64s, %s: %.64s.", g->role_id,
                    g->actor_type, g->actor_id, g->target_type, g->target_id);
}

int grant_remove(struct cx *cx, const struct grant *g)
{
    TRY(grant_check(cx, g));
    return store_delete(cx, &identity_grant_table, GRANTED_SO " AND role_id=$6", ARGS(GRANT_ARGS(g), g->role_id));
}

int grant_roles(struct cx *cx, const struct grant *g, struct list *ret_roles)
{
    TRY(check_parties(cx, g));
    return store_list(cx, &identity_role_table, ret_roles,
                      "id IN (SELECT role_id FROM identity_grant WHERE " GRANTED_SO ") ORDER BY name, id",
                      ARGS(GRANT_ARGS(g)));
}

/* ---- what counts ---- */

int roles_effective(struct cx *cx, const char *user_id, enum token_scope scope, const char *scope_id, struct list *ret_roles)
{
    static const char *const types[TOKEN_SCOPE_N] = {
        [TOKEN_PROJECT] = "project", [TOKEN_DOMAIN] = "domain", [TOKEN_SYSTEM] = "system"
    };
    static const struct field columns[] = { STR(struct role_ref, id), STR(struct role_ref, name), { 0 } };
    /* up(id): what is above the project; no project has the id of a domain, so it is empty in other scopes */
    static const char sql[] =
        "WITH RECURSIVE " IDENTITY_ME ","
        " up(id) AS (SELECT parent_id FROM identity_project WHERE id=$3"
        " UNION SELECT p.parent_id FROM identity_project p JOIN up ON p.id=up.id),"
        " held(id) AS (SELECT g.role_id FROM me JOIN identity_grant g ON g.actor_type=me.type AND g.actor_id=me.id"
        " WHERE (g.inherited=0 AND g.target_type=$2 AND g.target_id=$3)"
        " OR (g.inherited=1 AND g.target_id IN (SELECT id FROM up))"
        " UNION SELECT i.implied_id FROM identity_implied i JOIN held ON i.prior_id=held.id)"
        " SELECT r.id, r.name FROM held JOIN identity_role r ON r.id=held.id WHERE r.domain_id='' ORDER BY r.name";

    if (scope == TOKEN_UNSCOPED) {
        *ret_roles = (struct list){ 0 };
        return 0;
    }
    return store_select(cx, columns, sizeof(struct role_ref), ret_roles, sql,
                        ARGS(user_id, types[scope], scope_id ? scope_id : GRANT_SYSTEM));
}

/* ---- all grants ---- */

/* Every source gives: actor_type, actor_id, target_type, target_id, role_id, inherited, via_group, prior_role, from_id,
 * from_type. */
#define AS_GRANTED                                                                                           \
    "WITH RECURSIVE below(id) AS (SELECT $5 UNION SELECT p.id FROM identity_project p JOIN below ON p.parent_id=below.id),"  \
    " a AS (SELECT actor_type, actor_id, target_type, target_id, role_id, inherited, NULL AS via_group,"     \
    " NULL AS prior_role, NULL AS from_id, NULL AS from_type FROM identity_grant)"
#define AS_COUNTING                                                                                          \
    "WITH RECURSIVE below(id) AS (SELECT $5 UNION SELECT p.id FROM identity_project p JOIN below ON p.parent_id=below.id),"  \
    " tree(top, id) AS (SELECT parent_id, id FROM identity_project"                                          \
    " UNION SELECT p.parent_id, tree.id FROM tree JOIN identity_project p ON p.id=tree.top),"                \
    " who(actor_id, target_type, target_id, role_id, inherited, via_group) AS ("                             \
    "SELECT actor_id, target_type, target_id, role_id, inherited, NULL FROM identity_grant WHERE actor_type='user'" \
    " UNION ALL SELECT m.user_id, g.target_type, g.target_id, g.role_id, g.inherited, g.actor_id"            \
    " FROM identity_grant g JOIN identity_membership m ON m.group_id=g.actor_id WHERE g.actor_type='group'),"\
    " place AS (SELECT actor_id, target_type, target_id, role_id, via_group, NULL AS from_id, NULL AS from_type" \
    " FROM who WHERE inherited=0"                                                                            \
    " UNION ALL SELECT w.actor_id, 'project', tree.id, w.role_id, w.via_group, w.target_id, w.target_type"   \
    " FROM who w JOIN tree ON tree.top=w.target_id WHERE w.inherited=1),"                                    \
    " leads(prior, id) AS (SELECT prior_id, implied_id FROM identity_implied"                                \
    " UNION SELECT l.prior, i.implied_id FROM leads l JOIN identity_implied i ON i.prior_id=l.id),"          \
    " a AS (SELECT 'user' AS actor_type, actor_id, target_type, target_id, role_id, 0 AS inherited, via_group," \
    " NULL AS prior_role, from_id, from_type FROM place"                                                     \
    " UNION ALL SELECT 'user', p.actor_id, p.target_type, p.target_id, leads.id, 0, p.via_group, p.role_id, p.from_id," \
    " p.from_type FROM place p JOIN leads ON leads.prior=p.role_id)"
#define WITH_NAMES                                                                                           \
    " SELECT a.actor_type, a.actor_id, a.target_type, a.target_id, a.role_id, a.inherited, a.via_group, a.prior_role," \
    " a.from_id, a.from_type, COALESCE(u.name, gr.name), ad.id, ad.name, COALESCE(p.name, d.name), pd.id, pd.name, r.name" \
    " FROM a LEFT JOIN identity_user u ON a.actor_type='user' AND u.id=a.actor_id"                           \
    " LEFT JOIN identity_group gr ON a.actor_type='group' AND gr.id=a.actor_id"                              \
    " LEFT JOIN identity_domain ad ON ad.id=COALESCE(u.domain_id, gr.domain_id)"                             \
    " LEFT JOIN identity_project p ON a.target_type='project' AND p.id=a.target_id"                          \
    " LEFT JOIN identity_domain pd ON pd.id=p.domain_id"                                                     \
    " LEFT JOIN identity_domain d ON a.target_type='domain' AND d.id=a.target_id"                            \
    " JOIN identity_role r ON r.id=a.role_id"                                                                \
    " WHERE ($1 IS NULL OR (a.actor_type='user' AND a.actor_id=$1))"                                         \
    " AND ($2 IS NULL OR (a.actor_type='group' AND a.actor_id=$2)) AND ($3 IS NULL OR a.role_id=$3)"         \
    " AND ($4 IS NULL OR (a.target_type='domain' AND a.target_id=$4))"                                       \
    " AND ($5 IS NULL OR (a.target_type='project' AND (a.target_id=$5 OR ($6=1 AND a.target_id IN (SELECT id FROM below)))))" \
    " AND ($7=0 OR a.target_type='system') AND ($8=0 OR a.inherited=1) AND ($9=0 OR r.domain_id='')"         \
    " ORDER BY a.actor_id, a.target_id, r.name, a.inherited"

/* clang-format off */
static const struct field assignment_columns[] = {
    STR(struct assignment, grant.actor_type), STR(struct assignment, grant.actor_id), STR(struct assignment, grant.target_type),
    STR(struct assignment, grant.target_id),  STR(struct assignment, grant.role_id),  BOOL(struct assignment, grant.inherited),
    STR(struct assignment, via_group_id),     STR(struct assignment, prior_role_id),  STR(struct assignment, from_id),
    STR(struct assignment, from_type),        STR(struct assignment, actor_name),     STR(struct assignment, actor_domain_id),
    STR(struct assignment, actor_domain_name),STR(struct assignment, target_name),    STR(struct assignment, target_domain_id),
    STR(struct assignment, target_domain_name), STR(struct assignment, role_name),    { 0 },
};
/* clang-format on */

int assignment_list(struct cx *cx, const struct assignment_query *q, struct list *ret_assignments)
{
    const char *sql = q->effective ? AS_COUNTING WITH_NAMES : AS_GRANTED WITH_NAMES;

    if (q->effective && q->group_id)
        return fail(cx, KIND_INVALID, "Combining effective and group filter will always result in an empty list.");
    if (q->effective && q->inherited)
        return fail(cx, KIND_INVALID, "Combining effective and inherited filter will always result in an empty list.");
    return store_select(cx, assignment_columns, sizeof(struct assignment), ret_assignments, sql,
                        ARGS(q->user_id, q->group_id, q->role_id, q->domain_id, q->project_id, q->subtree, q->system,
                             q->inherited, q->effective));
}
