/* usage.h - how long servers ran, those that are gone included. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct usage {
    const char *server_id, *project_id, *name, *flavor_name;
    const char *state; /* of a living one its vm_state; "terminated" */
    int64_t vcpus, ram_mib, root_gib, ephemeral_gib;
    int64_t started_at, ended_at; /* ended_at 0: it goes on */
};
/* Sets '*ret_usages' to the servers of a project (NULL: of all) that existed between the two times, by project. */
int usage_list(struct cx *cx, const char *project_id, int64_t start_us, int64_t end_us, struct list *ret_usages) MUST_CHECK;
