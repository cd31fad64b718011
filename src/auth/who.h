/* who.h - the authenticated caller.
 *
 * Filled once per call from a token, a certificate or a signature, and read-only from then on.  It says who
 * calls and in which scope; it is not a session and knows no way to find out more. */
#pragma once
#include "base/field.h"

struct who {
    const char *user_id, *user_name, *user_domain_id, *user_domain_name;

    /* At most one scope: a project, a domain or the system; none at all is an unscoped caller. */
    const char *project_id, *project_name, *project_domain_id, *project_domain_name;
    const char *domain_id, *domain_name;
    bool system;

    struct strs roles; /* names, effective: implied roles are in it */
    struct strs role_ids;
    bool is_admin, is_manager, is_member, is_reader; /* the four standard roles among them */

    int64_t issued_us, expires_us;
    const char *audit_id, *parent_audit_id; /* the second is the chain's first token; NULL without one */
    struct strs methods;                    /* how the caller proved it: "password", "token", ... */

    const char *app_cred_id; /* NULL unless an application credential was used */
    bool app_cred_restricted;
};

/* 'who' (NULL: nobody) effectively has the role called 'name'; letter case does not count. */
bool who_has_role(const struct who *who, const char *name);

/* The caller of everything that nobody called: timers and recovery.  Constant; system scope, all four roles.
 */
const struct who *who_system(void);
