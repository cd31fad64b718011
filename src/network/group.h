/* group.h - security groups: what may reach a port and what it may reach.
 *
 * Nothing is allowed but what a rule says.  Each project has a group called "default", made when it is first needed,
 * which lets everything out and its own members in. */
#pragma once
#include "network/standard.h"

struct group {
    STANDARD_MEMBERS;
    bool stateful;
    struct list rules; /* struct group_rule; filled by getters */
};
enum { RULE_NO_PORT = -1 };
struct group_rule {
    const char *id, *project_id, *description;
    int64_t created_at, updated_at, revision_number;
    const char *security_group_id;
    const char *direction;             /* "ingress", "egress" */
    const char *ethertype;             /* "IPv4", "IPv6" */
    const char *protocol;              /* lower-case name, number as text, or NULL for any */
    int64_t port_range_min, port_range_max; /* RULE_NO_PORT: any; ICMP: type and code */
    const char *remote_group_id, *remote_ip_prefix; /* one of them or none */
};
extern const struct table group_table, group_rule_table;

/* Fills '*ret_group' with its rules.  Errors: NOT_FOUND. */
int group_get(struct cx *cx, const char *id, struct group *ret_group) MUST_CHECK;
/* Lists with rules what the caller may see. */
int group_list(struct cx *cx, const struct query *q, struct list *ret_groups) MUST_CHECK;
/* Makes a group with the two rules that let everything out.  Errors: CONFLICT (the name "default"), QUOTA,
 * INVALID (not stateful). */
int group_add(struct cx *cx, struct group *group) MUST_CHECK;
/* Stores name, description.  Errors: NOT_FOUND, CONFLICT (the default group's name), INVALID (not stateful any more). */
int group_change(struct cx *cx, struct group *group) MUST_CHECK;
/* Errors: NOT_FOUND, CONFLICT (a port has it; it is the default one). */
int group_remove(struct cx *cx, const char *id) MUST_CHECK;
/* Makes the project's default group if it lacks one; '*ret_id' is its id. */
int group_ensure_default(struct cx *cx, const char *project_id, const char **ret_id) MUST_CHECK;
/* Turns names and ids into ids of groups of the project, each once.  Errors: NOT_FOUND, CONFLICT (a name twice). */
int group_resolve(struct cx *cx, const char *project_id, struct strs names, struct strs *ret_ids) MUST_CHECK;

int group_rule_get(struct cx *cx, const char *id, struct group_rule *ret_rule) MUST_CHECK;
int group_rule_list(struct cx *cx, const struct query *q, struct list *ret_rules) MUST_CHECK;
/* Checks and stores a rule; the project is the group's.  Errors: NOT_FOUND (group), INVALID, CONFLICT (there already),
 * QUOTA. */
int group_rule_add(struct cx *cx, struct group_rule *rule) MUST_CHECK;
int group_rule_remove(struct cx *cx, const char *id) MUST_CHECK;
/* The network that remote_ip_prefix means, in canonical form; NULL without one. */
const char *group_rule_cidr(struct cx *cx, const struct group_rule *rule);
