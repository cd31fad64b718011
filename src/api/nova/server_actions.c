/* POST /servers/{id}/action, one row an action, and the consoles. */
#include <string.h>

#include "api/core/contexts.h"
#include "api/core/core.h"
#include "api/nova/nova.h"
#include "compute/console.h"
#include "compute/power.h"
#include "compute/snapshot.h"
#include "network/attach.h"

/* ---- power ---- */

static int change_power(struct cx *cx, struct req *rq, enum power_verb verb)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_power(cx, &s, verb));
    return reply_empty(rq);
}

#define POWER_HANDLER(name, verb)                                                                            \
    static int name(struct cx *cx, struct req *rq)                                                           \
    {                                                                                                        \
        return change_power(cx, rq, verb);                                                                   \
    }
POWER_HANDLER(servers_start, VERB_START)
POWER_HANDLER(servers_stop, VERB_STOP)
POWER_HANDLER(servers_pause, VERB_PAUSE)
POWER_HANDLER(servers_unpause, VERB_UNPAUSE)
POWER_HANDLER(servers_suspend, VERB_SUSPEND)
POWER_HANDLER(servers_resume, VERB_RESUME)

struct reboot_in {
    const char *type;
};
static bool is_reboot_type(const char *s)
{
    return strcasecmp(s, "SOFT") == 0 || strcasecmp(s, "HARD") == 0;
}

static int servers_reboot(struct cx *cx, struct req *rq)
{
    const struct reboot_in *in = req_body(rq);
    return change_power(cx, rq, strcasecmp(in->type, "HARD") == 0 ? VERB_REBOOT_HARD : VERB_REBOOT_SOFT);
}

/* ---- lock, state ---- */

struct lock_in {
    const char *locked_reason;
};

static int servers_lock(struct cx *cx, struct req *rq)
{
    const struct lock_in *in = req_body(rq);
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_lock(cx, &s, in ? in->locked_reason : NULL));
    return reply_empty(rq);
}

static int servers_unlock(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_unlock(cx, &s));
    return reply_empty(rq);
}

/* Nothing is kept of what is deleted, so that force changes nothing, and nothing can be restored. */
static int servers_force_delete(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_delete(cx, &s));
    return reply_empty(rq);
}

static int servers_restore(struct cx *cx, struct req *rq)
{
    static const char *const states[] = { "soft-delete", NULL };
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_check_state(cx, &s, "restore", states));
    return reply_empty(rq);
}

struct state_in {
    const char *state;
};

static int servers_reset_state(struct cx *cx, struct req *rq)
{
    const struct state_in *in = req_body(rq);
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_reset_state(cx, &s, in->state));
    return reply_empty(rq);
}

/* ---- images ---- */

struct image_in {
    const char *name, *backup_type;
    struct strmap metadata;
    int64_t rotation;
};

static int make_image(struct cx *cx, struct req *rq, const struct snapshot_request *request)
{
    struct server s;
    const char *image_id;

    TRY(nova_server(cx, rq, &s));
    TRY(server_snapshot(cx, &s, request, &image_id));
    if (req_mv(rq) < MV(2, 45)) {
        reply_header(rq, "Location", cx_printf(cx, "%s/compute/images/%s", req_base_url(rq), image_id));
        return reply_empty(rq);
    }
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_kv(w, "image_id", image_id);
    jw_end(w);
    return reply_written(rq);
}

static int servers_create_image(struct cx *cx, struct req *rq)
{
    const struct image_in *in = req_body(rq);
    return make_image(cx, rq, &(struct snapshot_request){ .name = in->name, .metadata = in->metadata, .rotation = -1 });
}

static int servers_create_backup(struct cx *cx, struct req *rq)
{
    const struct image_in *in = req_body(rq);
    return make_image(cx, rq, &(struct snapshot_request){ in->name, in->metadata, in->backup_type, in->rotation });
}

/* ---- consoles ---- */

struct console_in {
    const char *type, *protocol;
    int64_t length;
};

static int servers_console_output(struct cx *cx, struct req *rq)
{
    const struct console_in *in = req_body(rq);
    const struct face_contexts *contexts = req_user(rq);
    struct server s;
    const char *text;

    TRY(nova_server(cx, rq, &s));
    if (!s.host_id)
        return fail(cx, KIND_CONFLICT, "Instance %s is not ready", s.id);
    if (!contexts || !contexts->consoles)
        return fail(cx, KIND_UNAVAILABLE, "Console logs are not kept by this controller.");
    TRY(contexts->consoles->read(cx, contexts->consoles->self, s.id, in->length > 0 ? in->length : 0, &text));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_kv(w, "output", text);
    jw_end(w);
    return reply_written(rq);
}

/* The path holds the ticket, because noVNC gives it on so. */
static int console_url(struct cx *cx, struct req *rq, const char **ret_url)
{
    struct server s;
    const char *ticket;

    TRY(nova_server(cx, rq, &s));
    TRY(console_ticket(cx, &s, "novnc", &ticket));
    *ret_url = cx_printf(cx, "%s/novnc/vnc_lite.html?path=vnc%%3Ftoken%%3D%s", req_base_url(rq), ticket);
    return 0;
}

static int servers_vnc_console(struct cx *cx, struct req *rq)
{
    const char *url;

    TRY(console_url(cx, rq, &url));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "console");
    jw_object(w);
    jw_kv(w, "type", "novnc");
    jw_kv(w, "url", url);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

static int servers_remote_console(struct cx *cx, struct req *rq)
{
    const char *url;

    TRY(console_url(cx, rq, &url));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "remote_console");
    jw_object(w);
    jw_kv(w, "protocol", "vnc");
    jw_kv(w, "type", "novnc");
    jw_kv(w, "url", url);
    jw_end(w);
    jw_end(w);
    return reply_written(rq);
}

/* clang-format off */
static const char *const states[] = { "active", "error", NULL };
static const char *const novnc_only[] = { "novnc", NULL };
static const char *const vnc_only[] = { "vnc", NULL };

static const struct field reboot_fields[] = {
    STR(struct reboot_in, type, .required = true, .check = is_reboot_type, .expected = "It must be HARD or SOFT."), { 0 },
};
static const struct field lock_fields[] = { STR(struct lock_in, locked_reason, .min = 1, .max = 255), { 0 } };
static const struct field state_fields[] = { STR(struct state_in, state, .required = true, .one_of = states), { 0 } };
#define T struct image_in
static const struct field image_fields[] = {
    STR(T, name, .required = true, .min = 1, .max = 255, .check = nova_is_name), MAP(T, metadata), { 0 },
};
static const struct field backup_fields[] = {
    STR(T, name, .required = true, .min = 1, .max = 255, .check = nova_is_name), MAP(T, metadata),
    STR(T, backup_type, .required = true, .max = 255),
    I64(T, rotation, .required = true, .coerce = true, .bounded = true, .min = 0, .max = 1000), { 0 },
};
#undef T
#define T struct console_in
static const struct field output_fields[] = {
    I64(T, length, .coerce = true, .nullable = true, .bounded = true, .min = -1, .max = 1000000), { 0 },
};
static const struct field vnc_fields[] = { STR(T, type, .required = true, .one_of = novnc_only), { 0 } };
static const struct field remote_fields[] = {
    STR(T, protocol, .required = true, .one_of = vnc_only), STR(T, type, .required = true, .one_of = novnc_only), { 0 },
};
#undef T
static const struct body reboot_body = { "reboot", reboot_fields, sizeof(struct reboot_in) };
static const struct body lock_body = { "lock", lock_fields, sizeof(struct lock_in), .optional = true };
static const struct body state_body = { "os-resetState", state_fields, sizeof(struct state_in) };
static const struct body image_body = { "createImage", image_fields, sizeof(struct image_in) };
static const struct body backup_body = { "createBackup", backup_fields, sizeof(struct image_in) };
static const struct body output_body = { "os-getConsoleOutput", output_fields, sizeof(struct console_in), .optional = true };
static const struct body vnc_body = { "os-getVNCConsole", vnc_fields, sizeof(struct console_in) };
static const struct body remote_body = { "remote_console", remote_fields, sizeof(struct console_in) };

#define ACTION "POST", "/servers/{id}/action"
#define P "os_compute_api:"
const struct route nova_action_routes[] = {
    { ACTION, servers_start,   P "servers:start",  MAY_MEMBER, NULL, OK(202), .action = "os-start" },
    { ACTION, servers_stop,    P "servers:stop",   MAY_MEMBER, NULL, OK(202), .action = "os-stop" },
    { ACTION, servers_reboot,  P "servers:reboot", MAY_MEMBER, &reboot_body, OK(202), .action = "reboot" },
    { ACTION, servers_pause,   P "os-pause-server:pause",   MAY_MEMBER, NULL, OK(202), .action = "pause" },
    { ACTION, servers_unpause, P "os-pause-server:unpause", MAY_MEMBER, NULL, OK(202), .action = "unpause" },
    { ACTION, servers_suspend, P "os-suspend-server:suspend", MAY_MEMBER, NULL, OK(202), .action = "suspend" },
    { ACTION, servers_resume,  P "os-suspend-server:resume",  MAY_MEMBER, NULL, OK(202), .action = "resume" },
    { ACTION, servers_lock,    P "os-lock-server:lock",   MAY_MEMBER, NULL, OK(202), .action = "lock", .until = MV(2, 72) },
    { ACTION, servers_lock,    P "os-lock-server:lock",   MAY_MEMBER, &lock_body, OK(202), .action = "lock", .since = MV(2, 73) },
    { ACTION, servers_unlock,  P "os-lock-server:unlock", MAY_MEMBER, NULL, OK(202), .action = "unlock" },
    { ACTION, servers_reset_state, P "os-admin-actions:reset_state", MAY_ADMIN, &state_body, OK(202), .action = "os-resetState" },
    { ACTION, servers_force_delete, P "os-deferred-delete:force",   MAY_MEMBER, NULL, OK(202), .action = "forceDelete" },
    { ACTION, servers_restore,      P "os-deferred-delete:restore", MAY_MEMBER, NULL, OK(202), .action = "restore" },
    { ACTION, servers_create_image,  P "servers:create_image",   MAY_MEMBER, &image_body, OK(202), .action = "createImage" },
    { ACTION, servers_create_backup, P "os-create-backup", MAY_MEMBER, &backup_body, OK(202), .action = "createBackup" },
    { ACTION, servers_console_output, P "os-console-output", MAY_MEMBER, &output_body, OK(200), .action = "os-getConsoleOutput",
      .mode = MODE_READ },
    { ACTION, servers_vnc_console, P "os-remote-consoles", MAY_MEMBER, &vnc_body, OK(200), .action = "os-getVNCConsole",
      .until = MV(2, 5) },
    { "POST", "/servers/{id}/remote-consoles", servers_remote_console, P "os-remote-consoles", MAY_MEMBER, &remote_body, OK(200),
      .since = MV(2, 6) },
    { 0 },
};
/* clang-format on */
