/* schedule.h - which host a new server goes to: a pure function of the hosts and of what is asked for.
 *
 * It reads no rows and claims nothing: the claim is a conditional update that may refuse, and then the caller takes
 * the next choice. */
#pragma once
#include "base/arena.h"
#include "base/field.h"

struct schedule_host {
    const char *id, *name, *az;
    bool alive, disabled;
    int64_t free_vcpus, free_ram_mib, free_disk_gib; /* under the overcommit */
};
struct schedule_request {
    int64_t vcpus, ram_mib, disk_gib;
    const char *az;        /* NULL: any */
    const char *host_name; /* NULL: any; then 'disabled' does not count, as an admin asked for it by name */
    bool bound;            /* 'only' counts, even when it is empty */
    struct strs only;      /* host ids */
    struct strs avoid;     /* host ids that won't do */
    struct strs prefer;    /* host ids that come first if they fit */
    struct strs shun;      /* host ids that come last */
};
/* Sets '*ret_ids' to the ids of the hosts that will do, best first: preferred ones, then the rest by free RAM.
 * When there is none, '*ret_why' counts what each host lacked, and names a next step. */
void schedule_pick(struct arena *a, const struct schedule_host *hosts, size_t n, const struct schedule_request *request,
                   struct strs *ret_ids, const char **ret_why);
