#include "auth/who.h"

#include <strings.h>

bool who_has_role(const struct who *who, const char *name)
{
    if (!who)
        return false;
    for (size_t i = 0; i < who->roles.n; i++)
        if (strcasecmp(who->roles.items[i], name) == 0)
            return true;
    return false;
}

const struct who *who_system(void)
{
    /* 'struct strs' points to writable items; nobody writes to these. */
    static const char *roles[] = { "admin", "manager", "member", "reader" };
    static const struct who system = {
        .user_id = "system",
        .user_name = "system",
        .user_domain_id = "default",
        .user_domain_name = "Default",
        .system = true,
        .roles = { roles, N_ELEMENTS(roles) },
        .is_admin = true,
        .is_manager = true,
        .is_member = true,
        .is_reader = true,
        .expires_us = INT64_MAX,
    };
    return &system;
}
