#include "compute/report.h"

#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "base/text.h"
#include "compute/flavor.h"
#include "compute/history.h"
#include "compute/power.h"
#include "compute/snapshot.h"

LOG_MODULE("compute");

static const struct wire_guest_report *find_report(const struct wire_sync *sync, const char *id)
{
    const struct wire_guest_report *g = sync->guests.items;
    for (size_t i = 0; i < sync->guests.n; i++)
        if (str_eq(g[i].id, id))
            return &g[i];
    return NULL;
}

static bool holds_document(const struct wire_sync *sync, const char *id)
{
    const struct wire_have *h = sync->have.items;
    for (size_t i = 0; i < sync->have.n; i++)
        if (str_eq(h[i].kind, "guest") && str_eq(h[i].id, id))
            return true;
    return false;
}

/* A server that is being deleted is gone when the host says so, or has neither its document nor a trace of it. */
static int take_deleting(struct cx *cx, struct server *s, const struct wire_sync *sync, const struct wire_guest_report *g)
{
    bool gone = g ? str_eq(g->phase, "gone") || (str_eq(g->phase, "ready") && str_eq(g->power, "absent"))
                  : !holds_document(sync, s->id);

    if (gone)
        return server_forget(cx, s);
    if (g && str_eq(g->phase, "failed"))
        return server_failed(cx, s, g->fault ? g->fault : "The host could not remove the server", g->step);
    return 0;
}

/* What a step says about how far a transition is, in Nova's names. */
static const struct {
    const char *task, *step, *next;
} step_tasks[] = {
    { "rebuilding", "make disks", "rebuild_spawning" }, { "resize_prep", "shut down", "resize_migrating" },
    { "resize_prep", "stop", "resize_migrating" },      { "resize_prep", "grow disks", "resize_finish" },
    { "resize_migrating", "grow disks", "resize_finish" }, { "resize_migrating", "start", "resize_finish" },
};

static int take_step(struct cx *cx, struct server *s, const char *step)
{
    if (!step || str_eq(s->step, step))
        return 0;
    s->step = step;
    if (str_eq(s->vm_state, "building") && (!s->task_state || str_eq(s->task_state, "scheduling")))
        s->task_state = "spawning";
    for (size_t i = 0; i < N_ELEMENTS(step_tasks); i++)
        if (str_eq(s->task_state, step_tasks[i].task) && str_eq(step, step_tasks[i].step))
            s->task_state = step_tasks[i].next;
    return server_save(cx, s);
}

/* It is as wanted; a guest that the hypervisor does not know is off. */
static bool has_arrived(const struct server *s, const struct wire_guest_report *g)
{
    const char *power = str_eq(g->power, "absent") ? "off" : g->power;
    return str_eq(g->phase, "ready") && str_eq(power, s->want_power) && g->boot_n >= s->boot_n;
}

static int take_guest(struct cx *cx, struct server *s, const struct wire_guest_report *g)
{
    if (g->gen != s->gen)
        return 0; /* about a wish that is not the last one */
    if (str_eq(g->phase, "failed"))
        return server_failed(cx, s, g->fault ? g->fault : "The host gave up without a reason", g->step);
    if (str_eq(g->power, "off") && (str_eq(g->off_cause, "guest") || str_eq(g->off_cause, "crash")))
        return server_went_off(cx, s, str_eq(g->off_cause, "crash"));
    if (has_arrived(s, g))
        return server_arrived(cx, s);
    return take_step(cx, s, g->step);
}

static int take_tasks(struct cx *cx, const char *host_id, const struct wire_sync *sync)
{
    const struct wire_task_report *t = sync->tasks.items;
    struct server s;

    for (size_t i = 0; i < sync->tasks.n; i++) {
        if (!t[i].done)
            continue;
        struct server_task task;
        int r = store_find(cx, &server_task_table, &task, "id=$1", ARGS(t[i].id));
        TRY(r);
        if (r)
            TRY(r = server_find(cx, task.server_id, &s));
        if (r && str_eq(s.host_id, host_id)) /* a host speaks of its own servers only */
            TRY(snapshot_done(cx, t[i].id, t[i].fault));
    }
    return 0;
}

/* A host speaks of its own servers only.  Returns 1 and fills '*ret_server', or 0 when 'id' is none of them. */
static int find_own(struct cx *cx, const char *host_id, const char *id, struct server *ret_server)
{
    int r = id ? server_find(cx, id, ret_server) : 0;
    TRY(r);
    return r && str_eq(ret_server->host_id, host_id);
}

/* Before the reports: those end actions, to which these events belong. */
static int take_events(struct cx *cx, const char *host_id, const struct wire_sync *sync)
{
    const struct wire_event *e = sync->events.items;
    struct server s;

    for (size_t i = 0; i < sync->events.n; i++) {
        int r = e[i].name ? find_own(cx, host_id, e[i].guest_id, &s) : 0;
        TRY(r);
        if (r)
            TRY(history_host_event(cx, &s, &(struct host_event){ sync->host_name, e[i].name, e[i].start_us, e[i].finish_us,
                                                                 str_eq(e[i].result, "Error") ? e[i].text ? e[i].text : "" : NULL }));
    }
    return 0;
}

static int take_guests(struct cx *cx, const char *host_id, const struct wire_sync *sync)
{
    const struct wire_guest_report *g = sync->guests.items;
    struct server s;

    for (size_t i = 0; i < sync->guests.n; i++) {
        int r = find_own(cx, host_id, g[i].id, &s);
        TRY(r);
        if (r && !s.deleting)
            TRY(take_guest(cx, &s, &g[i]));
    }
    return 0;
}

/* Of those that are being deleted its silence says something, too. */
static int take_all_deleting(struct cx *cx, const char *host_id, const struct wire_sync *sync)
{
    struct list servers;

    TRY(store_list(cx, &server_table, &servers, "host_id=$1 AND deleting=1 ORDER BY id", ARGS(host_id)));
    struct server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++)
        TRY(take_deleting(cx, &s[i], sync, find_report(sync, s[i].id)));
    return 0;
}

int compute_report(struct cx *cx, const struct wire_sync *sync, const char **ret_host_id)
{
    TRY(host_seen(cx, sync, ret_host_id));
    TRY(take_tasks(cx, *ret_host_id, sync));
    TRY(take_events(cx, *ret_host_id, sync));
    TRY(take_guests(cx, *ret_host_id, sync));
    return take_all_deleting(cx, *ret_host_id, sync);
}

/* ---- deadlines ---- */

static int expire_one(struct cx *cx, struct server *s)
{
    struct host h;

    TRY(host_get(cx, s->host_id, &h));
    if (!host_alive(cx, &h)) {
        s->deadline_us = power_deadline(cx, HOST_SILENT_US / 1000000);
        return store_update(cx, &server_table, s);
    }
    const char *what = s->task_state ? s->task_state : s->vm_state;
    const char *message = cx_printf(cx, "Host %s did not finish '%s' in its time. Its last step was: %s. " TEXT_NEXT
                                    "look into the log of alamo-agent on that host, then %s the server.",
                                    h.name, what, s->step ? s->step : "none was reported", s->launched_at ? "reboot (hard) or delete" : "delete");
    log_warn("server=%s host=%s deadline of %s passed", s->id, h.name, what);
    TRY(server_failed(cx, s, message, s->step));
    return 1;
}

int compute_expire(struct cx *cx)
{
    struct list servers;
    int n = 0;

    TRY(store_list(cx, &server_table, &servers, "deadline_us>0 AND deadline_us<$1 AND host_id IS NOT NULL ORDER BY deadline_us LIMIT 100",
                   ARGS(cx->now_us)));
    struct server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++) {
        int r = expire_one(cx, &s[i]);
        TRY(r);
        n += r;
    }
    int tasks = snapshot_expire(cx);
    TRY(tasks);
    return n + tasks;
}

int compute_setup(struct cx *cx)
{
    return flavor_setup(cx);
}
