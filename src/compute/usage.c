#include "compute/usage.h"

#include "store/store.h"

/* clang-format off */
#define T struct usage
static const struct field columns[] = {
    STR(T, server_id), STR(T, project_id), STR(T, name), STR(T, flavor_name), STR(T, state), I64(T, vcpus), I64(T, ram_mib),
    I64(T, root_gib), I64(T, ephemeral_gib), TIME(T, started_at), TIME(T, ended_at), { 0 },
};
#undef T
/* clang-format on */

int usage_list(struct cx *cx, const char *project_id, int64_t start_us, int64_t end_us, struct list *ret_usages)
{
    return store_select(cx, columns, sizeof(struct usage), ret_usages,
                        "SELECT id, project_id, name, flavor_name, vm_state, vcpus, ram_mib, root_gib, ephemeral_gib, launched_at, 0 "
                        "FROM server WHERE launched_at>0 AND launched_at<=$2 AND ($1='' OR project_id=$1) "
                        "UNION ALL "
                        "SELECT id, project_id, name, flavor_name, 'terminated', vcpus, ram_mib, root_gib, ephemeral_gib, launched_at, "
                        "terminated_at FROM server_past WHERE launched_at>0 AND launched_at<=$2 AND terminated_at>=$3 AND "
                        "($1='' OR project_id=$1) ORDER BY 2, 10, 1",
                        ARGS(project_id ? project_id : "", end_us, start_us));
}
