#include "agent/fake/fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/file.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/env.h"

enum { ANSWER_MAX = 1 << 20, COPY_MAX = 1 << 20 };

struct fake {
    char *socket;
    char *state_dir;
};

/* ---- the wire ---- */

static int connect_to(struct fake *f, struct cx *cx)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path, f->socket, strnlen(f->socket, sizeof to.sun_path - 1));
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        fd_close(&fd);
        return fail(cx, KIND_UNAVAILABLE, "The fake world does not answer: %s", strerror(errno));
    }
    return fd;
}

/* Sends a line, waits for one: "NUMBER[ TEXT]".  A negative number is -KIND of the failure. */
static int ask(struct fake *f, struct cx *cx, const char *line, const char **ret_text)
{
    CLEAN_FD fd = connect_to(f, cx);
    TRY(fd);
    struct buf answer = buf_new(cx->arena);
    char piece[4096];
    ssize_t n;
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
        return fail(cx, KIND_UNAVAILABLE, "The fake world does not listen");
    while ((n = read(fd, piece, sizeof piece)) > 0 && answer.len < ANSWER_MAX)
        buf_put(&answer, piece, (size_t)n);
    if (!answer.len || answer.data[answer.len - 1] != '\n')
        return fail(cx, KIND_UNAVAILABLE, "The fake world broke off");
    answer.data[answer.len - 1] = 0;
    const char *space = strchr(answer.data, ' '), *text = space ? space + 1 : "";
    int64_t number = 0;
    if (str_to_i64(space ? arena_strndup(cx->arena, answer.data, (size_t)(space - answer.data)) : answer.data,
                   &number) < 0)
        return fail(cx, KIND_INTERNAL, "The fake world says \"%s\"", answer.data);
    if (ret_text)
        *ret_text = text;
    return number < 0 ? fail(cx, (enum kind) - number, "%s", text) : (int)number;
}

/* A deed: unlike a question it has points before and after it.  They are named without ids, which change. */
static int act(struct fake *f, struct cx *cx, const char *name, const char *id, const char *argument,
               const char **ret_text)
{
    const char *line =
        cx_printf(cx, "%s %s%s%s", name, id, argument ? " " : "", argument ? argument : "");
    crash_point(cx_printf(cx, "before fake %s", name));
    int r = ask(f, cx, line, ret_text);
    crash_point(cx_printf(cx, "after fake %s", name));
    return r;
}

static int verb(void *self, struct cx *cx, const char *name, const char *id, const char *argument)
{
    return act(self, cx, name, id, argument, NULL);
}

static int list(struct fake *f, struct cx *cx, const char *name, struct strs *ret_ids)
{
    const char *text = NULL;
    *ret_ids = (struct strs){ 0 };
    TRY(ask(f, cx, name, &text));
    char *rest = cx_strdup(cx, text), *word;
    while ((word = strtok_r(rest, " ", &rest)))
        *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = word;
    return 0;
}

/* ---- guests ---- */

/* The answer: "0 POWER CRASHED ON_OVERLAY TAP..." */
static int hv_see(void *self, struct cx *cx, const char *id, struct guest_seen *ret_seen)
{
    const char *text = NULL;
    char *word;
    TRY(ask(self, cx, cx_printf(cx, "see %s", id), &text));
    char *rest = cx_strdup(cx, text);
    for (int i = 0; (word = strtok_r(rest, " ", &rest)); i++) {
        for (int p = 0; i == 0 && p < GUEST_POWER_N; p++)
            if (str_eq(word, guest_power_names[p]))
                ret_seen->power = (enum guest_power)p;
        if (i == 1)
            ret_seen->crashed = *word == '1';
        else if (i == 2)
            ret_seen->on_overlay = *word == '1';
        else if (i > 2)
            *arena_push(cx->arena, &ret_seen->taps.items, &ret_seen->taps.n) = word;
    }
    return 0;
}

static int hv_list(void *self, struct cx *cx, struct strs *ret_ids)
{
    return list(self, cx, "guests", ret_ids);
}

static int hv_facts(void *self, struct cx *cx, struct hypervisor_facts *ret_facts)
{
    *ret_facts = (struct hypervisor_facts){ "QEMU", "7.2.0", 7002000, false };
    return 0;
}

static int hv_start(void *self, struct cx *cx, const struct wire_guest *g, const struct guest_files *files)
{
    struct buf taps = buf_new(cx->arena);
    const struct wire_port *ports = g->ports.items;
    char tap[16];
    for (size_t i = 0; i < g->ports.n; i++) {
        wire_tap_name(ports[i].id, tap);
        buf_printf(&taps, "%s%s", i ? " " : "", tap);
    }
    return verb(self, cx, "start", g->id, buf_text(&taps));
}

static int hv_ask_off(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "ask_off", id, NULL);
}
static int hv_stop(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "stop", id, NULL);
}
static int hv_pause(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "pause", id, NULL);
}
static int hv_resume(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "resume", id, NULL);
}
static int hv_save(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "save", id, NULL);
}
static int hv_drop_save(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "drop_save", id, NULL);
}
static int hv_forget(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "forget", id, NULL);
}
static int hv_attach(void *self, struct cx *cx, const char *id, const struct wire_port *port)
{
    char tap[16];
    wire_tap_name(port->id, tap);
    return verb(self, cx, "attach", id, tap);
}
static int hv_detach(void *self, struct cx *cx, const char *id, const char *tap)
{
    return verb(self, cx, "detach", id, tap);
}
static int hv_freeze(void *self, struct cx *cx, const char *id, const struct guest_files *files)
{
    return verb(self, cx, "freeze", id, NULL);
}
static int hv_merge(void *self, struct cx *cx, const char *id, const struct guest_files *files)
{
    return verb(self, cx, "merge", id, NULL);
}

/* ---- disks ---- */

/* The answer: "0 DISKS OVERLAY FILES SMALL" */
static int st_see(void *self, struct cx *cx, const struct wire_guest *g, const char *id,
                  struct guest_seen *ret_seen)
{
    const char *text = NULL;
    int disks = 0, overlay = 0, files = 0, small = 0;
    TRY(ask(self, cx, cx_printf(cx, "disks %s %lld", id, g ? (long long)g->root_gib : 0), &text));
    if (sscanf(text, "%d %d %d %d", &disks, &overlay, &files, &small) != 4)
        return fail(cx, KIND_INTERNAL, "The fake world says \"%s\"", text);
    ret_seen->disks = disks;
    ret_seen->overlay_left = overlay;
    ret_seen->files = files;
    ret_seen->small = small;
    return 0;
}

static int st_list(void *self, struct cx *cx, struct strs *ret_ids)
{
    return list(self, cx, "files", ret_ids);
}

static struct guest_files st_files(void *self, struct cx *cx, const struct wire_guest *g, const char *id)
{
    return (struct guest_files){
        .dir = id, .root = "disk", .overlay = "overlay", .console = "console", .vnc = "vnc"
    };
}

static int st_make(void *self, struct cx *cx, const struct wire_guest *g, struct drive drive)
{
    return verb(self, cx, "make", g->id, cx_printf(cx, "%lld %s", (long long)g->root_gib, g->image ? g->image->id : ""));
}
static int st_grow(void *self, struct cx *cx, const struct wire_guest *g)
{
    return verb(self, cx, "grow", g->id, cx_printf(cx, "%lld", (long long)g->root_gib));
}
static int st_remove(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "remove", id, NULL);
}

/* The copy is a small real file, so that it can be sent: one that the world names, or the image's id. */
static int st_make_overlay(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "make_overlay", id, NULL);
}
static int st_copy(void *self, struct cx *cx, const char *id, const char *image_id, const char **ret_path,
                   int64_t *ret_size)
{
    struct fake *f = self;
    const char *like = NULL, *data = image_id, *path = cx_printf(cx, "%s/copy-%s", f->state_dir, image_id);
    size_t n = strlen(image_id);
    TRY(act(f, cx, "copy", id, image_id, &like));
    if (*like)
        TRY(file_read(cx, like, COPY_MAX, &data, &n));
    TRY(file_write_durably(cx, path, data, n));
    *ret_path = path;
    *ret_size = (int64_t)n;
    return 0;
}

static int st_drop_copy(void *self, struct cx *cx, const char *image_id)
{
    struct fake *f = self;
    unlink(cx_printf(cx, "%s/copy-%s", f->state_dir, image_id));
    return 0;
}
static int st_sweep_copies(void *self, struct cx *cx, struct strs wanted_image_ids)
{
    struct fake *f = self;
    struct strs names = { 0 };
    TRY(file_list(cx, f->state_dir, &names));
    for (size_t i = 0; i < names.n; i++) {
        const char *id = NULL;
        bool wanted = !str_starts(names.items[i], "copy-", &id);
        for (size_t j = 0; j < wanted_image_ids.n && !wanted; j++)
            wanted = str_starts(id, wanted_image_ids.items[j], NULL);
        if (!wanted)
            unlink(cx_printf(cx, "%s/%s", f->state_dir, names.items[i]));
    }
    return 0;
}
static int st_sweep_images(void *self, struct cx *cx, struct strs wanted_image_ids)
{
    return 0; /* it keeps none */
}

static int st_merge(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "merge_off", id, NULL);
}
static int st_drop_overlay(void *self, struct cx *cx, const char *id)
{
    return verb(self, cx, "drop_overlay", id, NULL);
}

/* ---- networks ---- */

static void put_leases(struct buf *line, const struct wire_network *network)
{
    const struct wire_subnet *subnets = network->subnets.items;
    for (size_t i = 0; i < network->subnets.n; i++) {
        const struct wire_lease *leases = subnets[i].leases.items;
        for (size_t j = 0; j < subnets[i].leases.n; j++)
            buf_printf(line, " lease:%s", leases[j].ip);
    }
}

/* The line names the taps, and of the rest what must be gone when its owner is. */
static int nw_apply(void *self, struct cx *cx, const struct net_plan *plan, struct list *ret_faults)
{
    struct buf line = buf_new(cx->arena);
    const struct net_port *ports = plan->ports.items;
    char tap[16];
    for (size_t i = 0; i < plan->ports.n; i++) {
        wire_tap_name(ports[i].port->id, tap);
        buf_printf(&line, " %s", tap);
    }
    for (size_t i = 0; i < plan->n_networks; i++)
        put_leases(&line, plan->networks[i]);
    for (size_t i = 0; i < plan->n_groups; i++)
        buf_printf(&line, " rules:%s", plan->groups[i]->id);
    for (size_t i = 0; i < plan->n_floatings; i++)
        buf_printf(&line, " floating:%s", plan->floatings[i]->id);
    *ret_faults = (struct list){ 0 };
    return verb(self, cx, "network", "-", buf_text(&line));
}

static int nw_see(void *self, struct cx *cx, struct net_seen *ret_seen)
{
    return 0;
}

static int nw_teardown(void *self, struct cx *cx, const struct net_settings *settings)
{
    return verb(self, cx, "network", "-", "");
}

/* ---- life ---- */

static void fake_free(void *self)
{
    struct fake *f = self;
    free(f->socket);
    free(f->state_dir);
    free(f);
}

static void free_nothing(void *self)
{
}

int fake_new(struct cx *cx, const char *socket_path, const char *state_dir,
             void (*changed)(void *arg, const char *guest_id), void *arg, struct drivers *ret_drivers)
{
    struct fake *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->socket = strdup(socket_path);
    f->state_dir = strdup(state_dir);
    *ret_drivers = (struct drivers){
        .hypervisor = { f, fake_free, hv_facts, hv_see, hv_list, hv_start, hv_ask_off, hv_stop, hv_pause,
                        hv_resume, hv_save, hv_drop_save, hv_forget, hv_attach, hv_detach, hv_freeze,
                        hv_merge },
        .storage = { f, free_nothing, st_see, st_list, st_files, st_make, st_grow, st_remove, st_make_overlay, st_copy, st_drop_copy,
                     st_sweep_copies, st_sweep_images, st_merge, st_drop_overlay },
        .network = { f, free_nothing, nw_apply, nw_see, nw_teardown },
    };
    return 0;
}
