#include "compute/power.h"

#include <string.h>

#include "auth/who.h"
#include "base/env.h"
#include "base/text.h"
#include "compute/history.h"
#include "compute/host.h"
#include "compute/resize.h"
#include "network/attach.h"

int64_t power_deadline(const struct cx *cx, int64_t seconds)
{
    return cx->now_us + seconds * 1000000 * slow_factor();
}

/* clang-format off */
static const struct verb {
    const char *name, *action, *event; /* in errors; in the history */
    const char *from[6];               /* states that allow it */
    const char *task, *want;
    bool reboot, hard;                 /* hard: also in the middle of another change */
} verbs[] = {
    [VERB_START]       = { "start", "start", "compute_start_instance", { "stopped" }, "powering-on", "on" },
    [VERB_STOP]        = { "stop", "stop", "compute_stop_instance", { "active", "error" }, "powering-off", "off" },
    [VERB_REBOOT_SOFT] = { "reboot", "reboot", "compute_reboot_instance", { "active" }, "rebooting", "on", .reboot = true },
    [VERB_REBOOT_HARD] = { "reboot", "reboot", "compute_reboot_instance",
                           { "active", "stopped", "paused", "suspended", "error" }, "rebooting_hard", "on",
                           .reboot = true, .hard = true },
    [VERB_PAUSE]       = { "pause", "pause", "compute_pause_instance", { "active" }, "pausing", "paused" },
    [VERB_UNPAUSE]     = { "unpause", "unpause", "compute_unpause_instance", { "paused" }, "unpausing", "on" },
    [VERB_SUSPEND]     = { "suspend", "suspend", "compute_suspend_instance", { "active" }, "suspending", "suspended" },
    [VERB_RESUME]      = { "resume", "resume", "compute_resume_instance", { "suspended" }, "resuming", "on" },
};
/* What each wanted power is when it is there. */
static const struct stable {
    const char *want, *vm_state;
    enum power_state power;
} stables[] = {
    { "on", "active", POWER_RUNNING }, { "off", "stopped", POWER_OFF },
    { "paused", "paused", POWER_PAUSED }, { "suspended", "suspended", POWER_SUSPENDED },
};
/* clang-format on */

static int wrong_state(struct cx *cx, const struct server *s, const char *verb, const char *what, const char *state)
{
    return fail(cx, KIND_CONFLICT, "Cannot '%s' instance %s while it is in %s %s", verb, s->id, what, state);
}

static bool is_one_of(const char *const *states, const char *state)
{
    for (; *states; states++)
        if (str_eq(*states, state))
            return true;
    return false;
}

int server_check_state(struct cx *cx, const struct server *server, const char *verb, const char *const *states)
{
    if (!is_one_of(states, server->vm_state))
        return wrong_state(cx, server, verb, "vm_state", server->vm_state);
    if (server->task_state)
        return wrong_state(cx, server, verb, "task_state", server->task_state);
    return 0;
}

int server_power(struct cx *cx, struct server *server, enum power_verb verb)
{
    const struct verb *v = &verbs[verb];

    TRY(server_check_lock(cx, server));
    if (!v->hard || server->deleting)
        TRY(server_check_state(cx, server, v->name, v->from));
    else if (!is_one_of(v->from, server->vm_state))
        return wrong_state(cx, server, v->name, "vm_state", server->vm_state);
    if (!server->host_id)
        return fail(cx, KIND_CONFLICT, "Cannot '%s' instance %s: it was never built. Delete it and create another one.",
                    v->name, server->id);
    TRY(history_begin(cx, server, v->action, v->event));
    server->task_state = v->task;
    server->want_power = v->want;
    server->stop_hard = false;
    if (v->reboot) {
        server->boot_n++;
        server->boot_hard = v->hard;
    }
    server->gen++;
    server->deadline_us = power_deadline(cx, POWER_CHANGE_S);
    return server_save(cx, server);
}

int server_lock(struct cx *cx, struct server *server, const char *reason)
{
    TRY(history_note(cx, server, "lock", "compute_lock_instance", NULL));
    server->locked = true;
    server->locked_by_admin = cx->who->is_admin && !str_eq(cx->who->project_id, server->project_id);
    server->locked_reason = reason;
    return server_save(cx, server);
}

int server_unlock(struct cx *cx, struct server *server)
{
    if (server->locked_by_admin && !cx->who->is_admin)
        return fail(cx, KIND_FORBIDDEN,
                    "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.");
    TRY(history_note(cx, server, "unlock", "compute_unlock_instance", NULL));
    server->locked = false;
    server->locked_by_admin = false;
    server->locked_reason = NULL;
    return server_save(cx, server);
}

static const struct stable *stable_of_want(const char *want)
{
    for (size_t i = 0; i < N_ELEMENTS(stables); i++)
        if (str_eq(stables[i].want, want))
            return &stables[i];
    return &stables[0];
}

int server_reset_state(struct cx *cx, struct server *server, const char *state)
{
    TRY(history_end(cx, server->id, NULL, "An admin reset the state."));
    TRY(server_resize_forget(cx, server)); /* the size stays as it is */
    TRY(history_note(cx, server, "reset_state", "compute_reset_state", NULL)); /* what was under way is given up */
    server->vm_state = state;
    if (!server->deleting)
        server->task_state = NULL;
    server->deadline_us = 0;
    if (str_eq(state, "active")) {
        server->fault_code = 0;
        server->fault_message = server->fault_details = NULL;
        server->fault_at = 0;
    }
    return server_save(cx, server);
}

/* ---- how it ends ---- */

static bool is_image_task(const struct server *s)
{
    return str_starts(s->task_state, "image_", NULL);
}

static int set_power(struct cx *cx, struct server *s, enum power_state power)
{
    bool was_up = s->power_state == POWER_RUNNING || s->power_state == POWER_PAUSED;
    bool is_up = power == POWER_RUNNING || power == POWER_PAUSED;

    s->power_state = power;
    return was_up != is_up ? network_set_active(cx, s->id, is_up) : 0;
}

/* It waits to be confirmed or reverted, whatever its power is. */
static bool arrives_resized(const struct server *s)
{
    return server_is_resizing(s) || (str_eq(s->vm_state, "resized") && !s->task_state);
}

int server_arrived(struct cx *cx, struct server *server)
{
    const struct stable *there = stable_of_want(server->want_power);
    const char *state = arrives_resized(server) ? "resized" : there->vm_state;
    /* an error stays until somebody asks for something: what the host then does is only what it was told to go back to */
    bool recovers = !str_eq(server->vm_state, "error") || (server->task_state && !is_image_task(server));

    if (str_eq(server->vm_state, state) && server->power_state == (int)there->power && !server->deadline_us &&
        (!server->task_state || is_image_task(server)))
        return 0;
    if (!recovers && server->power_state == (int)there->power && !server->deadline_us)
        return 0;
    TRY(set_power(cx, server, there->power));
    server->deadline_us = 0;
    server->step = NULL;
    if (recovers) {
        server->vm_state = state;
        if (!is_image_task(server))
            server->task_state = NULL;
        server->fault_code = 0;
        server->fault_message = server->fault_details = NULL;
        TRY(history_end(cx, server->id, NULL, NULL));
    }
    if (!server->launched_at && there->power == POWER_RUNNING)
        server->launched_at = cx->now_us;
    return server_save(cx, server);
}

static void set_fault(const struct cx *cx, struct server *s, const char *message, const char *details)
{
    s->fault_code = 500;
    s->fault_message = message;
    s->fault_details = details;
    s->fault_at = cx->now_us;
}

static const char *want_before(const struct server *s)
{
    for (size_t i = 0; i < N_ELEMENTS(stables); i++)
        if (str_eq(stables[i].vm_state, s->vm_state))
            return stables[i].want;
    return str_eq(s->vm_state, "resized") ? s->want_power : "off";
}

static int lose_place(struct cx *cx, struct server *s)
{
    TRY(host_release(cx, s->host_id, s));
    TRY(network_bind(cx, s->id, NULL));
    s->host_id = NULL;
    s->place_epoch++;
    return 0;
}

int server_failed(struct cx *cx, struct server *server, const char *message, const char *details)
{
    message = text_with_next(cx->arena, message, "ask the cloud's operator to look into the log of alamo-agent on the server's host.");
    bool known = str_eq(server->vm_state, "error") && !server->deadline_us && (!server->task_state || is_image_task(server));

    if (known && str_eq(server->fault_message, message))
        return 0;
    set_fault(cx, server, message, details);
    if (known)
        return server_save(cx, server);
    TRY(history_end(cx, server->id, NULL, message));
    TRY(server_resize_undo(cx, server));
    server->deadline_us = 0;
    server->gen++;
    if (!server->deleting) {
        server->want_power = want_before(server);
        server->task_state = is_image_task(server) ? server->task_state : NULL;
    }
    server->vm_state = "error";
    if (!server->launched_at && server->host_id && !server->deleting)
        TRY(lose_place(cx, server));
    return server_save(cx, server);
}

int server_went_off(struct cx *cx, struct server *server, bool crashed)
{
    if (!str_eq(server->want_power, "on") || server->deleting)
        return 0;
    TRY(history_end(cx, server->id, NULL, crashed ? "The guest crashed." : NULL));
    TRY(history_note(cx, server, "stop", crashed ? "guest_crashed" : "guest_shut_down",
                     crashed ? "The guest crashed. Its console log may say why; start it again when it is mended." : NULL));
    TRY(set_power(cx, server, crashed ? POWER_CRASHED : POWER_OFF));
    server->vm_state = arrives_resized(server) ? "resized" : "stopped";
    server->task_state = is_image_task(server) ? server->task_state : NULL;
    server->want_power = "off";
    server->deadline_us = 0;
    server->gen++;
    if (!server->launched_at)
        server->launched_at = cx->now_us;
    return server_save(cx, server);
}
