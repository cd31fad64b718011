#include "compute/resize.h"

#include "compute/boot.h"
#include "compute/flavor.h"
#include "compute/history.h"
#include "compute/host.h"
#include "compute/power.h"
#include "identity/quota.h"

/* The columns are those of a flavor, as the server's row has them too. */
struct size {
    const char *server_id, *flavor_id, *flavor_name;
    int64_t vcpus, ram_mib, root_gib, ephemeral_gib, swap_mib;
    const char *extra_specs;
};
/* clang-format off */
#define T struct size
static const struct field size_columns[] = {
    STR(T, server_id), STR(T, flavor_id), STR(T, flavor_name), I64(T, vcpus), I64(T, ram_mib), I64(T, root_gib),
    I64(T, ephemeral_gib), I64(T, swap_mib), JSON(T, extra_specs), { 0 },
};
#undef T
/* clang-format on */
static const struct table size_table = { "server_resize", size_columns, .n_key = 1, .size = sizeof(struct size) };

static struct size size_of_server(const struct server *s)
{
    return (struct size){ s->id, s->flavor_id, s->flavor_name, s->vcpus, s->ram_mib, s->root_gib, s->ephemeral_gib, s->swap_mib,
                          s->extra_specs };
}

static struct size size_of_flavor(const struct server *s, const struct flavor *f)
{
    return (struct size){ s->id, f->id, f->name, f->vcpus, f->ram_mib, f->root_gib, f->ephemeral_gib, f->swap_mib, f->extra_specs };
}

static void set_size(struct server *s, const struct size *size)
{
    s->flavor_id = size->flavor_id;
    s->flavor_name = size->flavor_name;
    s->vcpus = size->vcpus;
    s->ram_mib = size->ram_mib;
    s->root_gib = size->root_gib;
    s->ephemeral_gib = size->ephemeral_gib;
    s->swap_mib = size->swap_mib;
    s->extra_specs = size->extra_specs;
}

/* 'force': also above the limit, for what has been there already. */
static int count(struct cx *cx, const struct server *s, const char *resource, int64_t more, bool force)
{
    int64_t used;

    if (more > 0 && !force)
        return quota_take(cx, s->project_id, resource, more);
    TRY(quota_used(cx, s->project_id, resource, &used));
    return quota_correct(cx, s->project_id, resource, used + more);
}

/* Row, quota and claim go from one size to the other; returns 1, or 0 when the host has no room: then all is to be rolled
 * back. */
static int change_size(struct cx *cx, struct server *s, const struct size *to, bool force)
{
    TRY(count(cx, s, "cores", to->vcpus - s->vcpus, force));
    TRY(count(cx, s, "ram", to->ram_mib - s->ram_mib, force));
    const struct server from = *s;
    set_size(s, to);
    return host_reclaim(cx, s->host_id, &from, s, force);
}

/* The host gives the guest its new size when it starts it. */
static void want_restart(struct cx *cx, struct server *s, const char *task_state)
{
    if (str_eq(s->want_power, "on")) {
        s->boot_n++;
        s->boot_hard = false;
    }
    s->task_state = task_state;
    s->gen++;
    s->deadline_us = power_deadline(cx, POWER_CHANGE_S);
}

static int check_flavor(struct cx *cx, const struct server *s, const struct flavor *f)
{
    if (f->disabled)
        return fail(cx, KIND_INVALID, "Flavor %s is disabled.", f->id);
    if (str_eq(f->id, s->flavor_id))
        return fail(cx, KIND_INVALID, "When resizing, instances must change flavor!");
    if (!f->root_gib && s->root_gib)
        return fail(cx, KIND_INVALID, "Resize to zero disk flavor is not allowed.");
    if (f->root_gib < s->root_gib || f->ephemeral_gib < s->ephemeral_gib)
        return fail(cx, KIND_INVALID, "The disks of flavor %s are smaller than the server's (%lld GiB root, %lld GiB ephemeral): disks "
                                      "cannot shrink. Choose a flavor with disks as large.",
                    f->name, (long long)s->root_gib, (long long)s->ephemeral_gib);
    return 0;
}

int server_resize(struct cx *cx, struct server *server, const char *flavor_id, const char *disk_config)
{
    static const char *const states[] = { "active", "stopped", NULL };
    struct size old = size_of_server(server);
    struct flavor flavor;

    TRY(server_check_lock(cx, server));
    TRY(server_check_state(cx, server, "resize", states));
    TRY(boot_named(cx, flavor_get(cx, flavor_id, &flavor)));
    TRY(check_flavor(cx, server, &flavor));
    TRY(history_begin(cx, server, "resize", "compute_finish_resize"));
    TRY(store_put(cx, &size_table, &old));
    struct size new = size_of_flavor(server, &flavor);
    int room = change_size(cx, server, &new, false);
    TRY(room);
    if (!room)
        return fail(cx, KIND_INVALID, "No valid host was found. The server's host has no room for flavor %s.", flavor.name);
    server->disk_config = disk_config ? disk_config : server->disk_config;
    want_restart(cx, server, "resize_prep");
    return server_save(cx, server);
}

static int check_resized(struct cx *cx, const struct server *s, const char *verb)
{
    static const char *const states[] = { "resized", NULL };

    TRY(server_check_lock(cx, s));
    return server_check_state(cx, s, verb, states);
}

int server_resize_confirm(struct cx *cx, struct server *server)
{
    TRY(check_resized(cx, server, "confirmResize"));
    TRY(history_note(cx, server, "confirmResize", "compute_confirm_resize", NULL));
    TRY(server_resize_forget(cx, server));
    server->vm_state = str_eq(server->want_power, "off") ? "stopped" : "active";
    return server_save(cx, server);
}

/* The row has the old size again; returns 1, or 0 when the host has no room, or there is no old size. */
static int go_back(struct cx *cx, struct server *s, bool force)
{
    struct size old;
    int found = store_find(cx, &size_table, &old, "server_id=$1", ARGS(s->id));

    TRY(found);
    TRY(server_resize_forget(cx, s));
    return found ? change_size(cx, s, &old, force) : 0;
}

int server_resize_revert(struct cx *cx, struct server *server)
{
    TRY(check_resized(cx, server, "revertResize"));
    TRY(history_begin(cx, server, "revertResize", "compute_finish_revert_resize"));
    int room = go_back(cx, server, false);
    TRY(room);
    if (!room)
        return fail(cx, KIND_CONFLICT, "The server's host has no room for the old size any more. Confirm the resize, or free room.");
    want_restart(cx, server, "resize_reverting");
    return server_save(cx, server);
}

bool server_is_resizing(const struct server *server)
{
    return str_starts(server->task_state, "resize_", NULL) && !str_eq(server->task_state, "resize_reverting");
}

int server_resize_undo(struct cx *cx, struct server *server)
{
    return server_is_resizing(server) ? go_back(cx, server, true) : 0;
}

int server_resize_forget(struct cx *cx, const struct server *server)
{
    TRY(store_delete(cx, &size_table, "server_id=$1", ARGS(server->id)));
    return 0;
}
