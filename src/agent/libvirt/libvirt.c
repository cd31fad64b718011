#include "agent/libvirt/libvirt.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/libvirt/link.h"
#include "base/crash.h"
#include "base/env.h"

enum { KEEPALIVE_S = 5, KEEPALIVE_N = 6, POLL_US = 50 * 1000, MERGE_S = 3600, AGENT_S = 1, TICK_MS = 500 };

/* A call that is under way, on its caller's stack. */
struct call {
    struct lv *l;
    struct call *next;
    int64_t limit_s, until_us;
    bool late; /* its link was cut */
};

struct lv {
    struct libvirt_config config;
    pthread_mutex_t lock; /* of 'conn'; held while it is opened, which may take until a deadline */
    virConnectPtr conn;
    pthread_mutex_t calls_lock; /* of 'calls' and 'link'; held for a moment only */
    struct call *calls;
    struct link *link; /* what 'conn' goes through; NULL: none */
    pthread_t events;
    bool stop; /* asked of the event thread */
};

static void dom_free(virDomainPtr *d)
{
    if (*d)
        virDomainFree(*d);
}
#define CLEAN_DOM CLEANUP(dom_free) virDomainPtr

static void conn_close(virConnectPtr *c)
{
    if (*c)
        virConnectClose(*c);
}
#define CLEAN_CONN CLEANUP(conn_close) virConnectPtr

static void text_free(char **p)
{
    free(*p);
}
#define CLEAN_TEXT CLEANUP(text_free) char *

/* ---- errors ---- */

/* What passes by itself, as against what no repetition mends. */
static enum kind kind_of(int code)
{
    switch (code) {
    case VIR_ERR_NO_DOMAIN:
        return KIND_NOT_FOUND;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
    case VIR_ERR_RPC:
    case VIR_ERR_SYSTEM_ERROR:
    case VIR_ERR_OPERATION_TIMEOUT:
        return KIND_UNAVAILABLE;
    default:
        return KIND_CONFLICT;
    }
}

static int failed(struct cx *cx, const char *what)
{
    virErrorPtr e = virGetLastError();
    bool ours = e && e->domain == VIR_FROM_RPC; /* the connection broke: libvirtd did not say that */
    return fail(cx, kind_of(e && !ours ? (int)e->code : VIR_ERR_RPC), "Can't %s: %s", what,
                e && e->message ? e->message : "libvirt does not say why");
}

static void be_quiet(void *arg, virErrorPtr e)
{
}

/* ---- connection and events ---- */

static void on_lifecycle(struct lv *l, virDomainPtr d)
{
    const char *id;
    if (str_starts(virDomainGetName(d), "alamo-", &id) && uuid_valid(id))
        l->config.changed(l->config.arg, id);
}

static int lifecycle(virConnectPtr c, virDomainPtr d, int event, int detail, void *arg)
{
    on_lifecycle(arg, d);
    return 0;
}

static void *run_events(void *arg)
{
    struct lv *l = arg;
    while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE))
        if (virEventRunDefaultImpl() < 0)
            usleep(POLL_US);
    return NULL;
}

/* ---- deadlines ---- */

static void call_begin(struct call *c, struct lv *l, int64_t limit_s)
{
    *c = (struct call){ .l = l, .limit_s = (l->config.call_s ? l->config.call_s : limit_s) * slow_factor() };
    c->until_us = monotonic_us() + c->limit_s * 1000000;
    pthread_mutex_lock(&l->calls_lock);
    c->next = l->calls;
    l->calls = c;
    pthread_mutex_unlock(&l->calls_lock);
}

static int call_end(struct call *c, struct cx *cx, int r)
{
    pthread_mutex_lock(&c->l->calls_lock);
    struct call **p = &c->l->calls;
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    pthread_mutex_unlock(&c->l->calls_lock);
    if (r >= 0 || !c->late)
        return r;
    fail_clear(cx);
    return fail(cx, KIND_UNAVAILABLE, "libvirtd has not answered within %lld s: look at its log (journalctl -u libvirtd) and "
                                      "restart it; running servers go on meanwhile", (long long)c->limit_s);
}

/* In the event thread: the link of a call that is late is cut, which fails all calls that go through it. */
static void tick(int timer, void *arg)
{
    struct lv *l = arg;
    bool cut = false;

    pthread_mutex_lock(&l->calls_lock);
    for (struct call *c = l->calls; c; c = c->next)
        if (monotonic_us() > c->until_us) /* again when it has found a new link meanwhile */
            cut = c->late = true;
    if (cut && l->link)
        link_cut(l->link);
    pthread_mutex_unlock(&l->calls_lock);
}

static void set_link(struct lv *l, struct link *link)
{
    pthread_mutex_lock(&l->calls_lock);
    struct link *old = l->link;
    l->link = link;
    pthread_mutex_unlock(&l->calls_lock);
    link_close(old);
}

/* The socket that the URI means; NULL: it is none of this host's. */
static const char *socket_of(struct cx *cx, const char *uri)
{
    static const char monolith[] = "/run/libvirt/libvirt-sock", alone[] = "/run/libvirt/virtqemud-sock";
    const char *path;

    if (str_starts(uri, "qemu+unix:///system?socket=", &path))
        return arena_strndup(cx->arena, path, strcspn(path, "&"));
    if (!str_eq(uri, "qemu:///system"))
        return NULL;
    return file_exists(alone) && !file_exists(monolith) ? alone : monolith;
}

/* Through a link of ours where there can be one. NULL: '*ret_why' says why not. */
static virConnectPtr open_conn(struct lv *l, struct cx *cx, const char **ret_why)
{
    const char *socket = socket_of(cx, l->config.uri);
    struct link *link;

    *ret_why = NULL;
    if (!socket)
        return virConnectOpen(l->config.uri);
    int r = link_open(&link, l->config.run_dir, socket);
    if (r < 0) {
        *ret_why = cx_printf(cx, "%s: %s", socket, strerror(-r));
        return NULL;
    }
    const char *uri = cx_printf(cx, "qemu+unix:///system?socket=%s", link_path(link));
    set_link(l, link);
    virConnectPtr conn = virConnectOpen(uri);
    if (!conn)
        set_link(l, NULL);
    return conn;
}

static void close_conn(struct lv *l)
{
    set_link(l, NULL);
    virConnectClose(l->conn);
    l->conn = NULL;
}

/* A reference of one's own to the connection; opens it when there is none that lives. */
static int connect_to(struct lv *l, struct cx *cx, virConnectPtr *ret_conn)
{
    const char *why = NULL;
    int r = 0;
    pthread_mutex_lock(&l->lock);
    if (l->conn && virConnectIsAlive(l->conn) != 1)
        close_conn(l);
    if (!l->conn) {
        l->conn = open_conn(l, cx, &why);
        if (l->conn) {
            virConnectSetKeepAlive(l->conn, KEEPALIVE_S, KEEPALIVE_N * (unsigned)slow_factor());
            virConnectDomainEventRegisterAny(l->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                             VIR_DOMAIN_EVENT_CALLBACK(lifecycle), l, NULL);
        }
    }
    if (l->conn) {
        virConnectRef(l->conn);
        *ret_conn = l->conn;
    } else {
        virErrorPtr e = why ? NULL : virGetLastError();
        r = fail(cx, KIND_UNAVAILABLE, "libvirtd does not answer (%s): %s", l->config.uri,
                 why ? why : e ? e->message : "");
    }
    pthread_mutex_unlock(&l->lock);
    return r;
}

/* The guest's domain; '*ret_dom' is NULL when there is none. */
static int look_up(struct lv *l, struct cx *cx, const char *id, virDomainPtr *ret_dom)
{
    CLEAN_CONN conn = NULL;
    *ret_dom = NULL;
    TRY(connect_to(l, cx, &conn));
    *ret_dom = virDomainLookupByName(conn, render_domain_name(cx->arena, id));
    virErrorPtr e = *ret_dom ? NULL : virGetLastError();
    if (e && e->code != VIR_ERR_NO_DOMAIN)
        return failed(cx, "find the server");
    return 0;
}

static int must_find(struct lv *l, struct cx *cx, const char *id, virDomainPtr *ret_dom)
{
    TRY(look_up(l, cx, id, ret_dom));
    return *ret_dom ? 0 : fail(cx, KIND_NOT_FOUND, "libvirt does not know the server");
}

/* ---- seeing ---- */

/* Our own XML, as libvirt prints it, is searched for the taps instead of being parsed: their names are of a
 * closed set. */
static struct strs taps_in(struct arena *a, const char *xml)
{
    static const char head[] = "<target dev='tap";
    struct strs taps = { 0 };
    for (const char *p = xml; (p = strstr(p, head)); p++) {
        const char *name = p + strlen(head) - 3;
        *arena_push(a, &taps.items, &taps.n) = arena_strndup(a, name, strcspn(name, "'"));
    }
    return taps;
}

static enum guest_power power_of(virDomainPtr d, int state)
{
    switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN:
    case VIR_DOMAIN_PMSUSPENDED:
        return GUEST_ON;
    case VIR_DOMAIN_PAUSED:
        return GUEST_PAUSED;
    default:
        return virDomainHasManagedSaveImage(d, 0) == 1 ? GUEST_SUSPENDED : GUEST_OFF;
    }
}

static int lv_see(void *self, struct cx *cx, const char *id, struct guest_seen *ret_seen)
{
    CLEAN_DOM d = NULL;
    int state = 0, reason = 0;
    TRY(look_up(self, cx, id, &d));
    ret_seen->power = GUEST_ABSENT;
    ret_seen->crashed = ret_seen->on_overlay = false;
    ret_seen->taps = (struct strs){ 0 };
    if (!d)
        return 0;
    if (virDomainGetState(d, &state, &reason, 0) < 0)
        return failed(cx, "see the server's state");
    ret_seen->power = power_of(d, state);
    ret_seen->crashed =
        (state == VIR_DOMAIN_SHUTOFF && reason == VIR_DOMAIN_SHUTOFF_CRASHED) || state == VIR_DOMAIN_CRASHED;
    CLEAN_TEXT xml = virDomainGetXMLDesc(d, 0);
    if (!xml)
        return failed(cx, "read the server's definition");
    if (ret_seen->power == GUEST_ON || ret_seen->power == GUEST_PAUSED)
        ret_seen->taps = taps_in(cx->arena, xml);
    ret_seen->on_overlay = strstr(xml, "/overlay.qcow2'") != NULL;
    return 0;
}

static int lv_list(void *self, struct cx *cx, struct strs *ret_ids)
{
    CLEAN_CONN conn = NULL;
    virDomainPtr *domains = NULL;
    const char *id;
    TRY(connect_to(self, cx, &conn));
    int n = virConnectListAllDomains(conn, &domains, 0);
    if (n < 0)
        return failed(cx, "list the servers");
    *ret_ids = (struct strs){ 0 };
    for (int i = 0; i < n; i++) {
        if (str_starts(virDomainGetName(domains[i]), "alamo-", &id) && uuid_valid(id))
            *arena_push(cx->arena, &ret_ids->items, &ret_ids->n) = cx_strdup(cx, id);
        virDomainFree(domains[i]);
    }
    free(domains);
    return 0;
}

static int lv_facts(void *self, struct cx *cx, struct hypervisor_facts *ret_facts)
{
    struct lv *l = self;
    CLEAN_CONN conn = NULL;
    unsigned long v = 0;
    TRY(connect_to(l, cx, &conn));
    if (virConnectGetVersion(conn, &v) < 0)
        return failed(cx, "ask for the hypervisor's version");
    *ret_facts =
        (struct hypervisor_facts){ "QEMU",
                                   cx_printf(cx, "%lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000),
                                   (int64_t)v, l->config.traits.kvm };
    return 0;
}

/* ---- power ---- */

static bool is_active(virDomainPtr d)
{
    return virDomainIsActive(d) == 1;
}

/* A call has failed, which is fine when the guest is where it should have brought it.  Asking that makes libvirt
 * forget why the call failed. */
static int failed_unless(struct cx *cx, virDomainPtr d, bool active, const char *what)
{
    int r = failed(cx, what);
    if (is_active(d) != active)
        return r;
    fail_clear(cx);
    return 0;
}

/* The guest stays paused until it is known to run: a QEMU that fails leaves nothing. */
static int lv_start(void *self, struct cx *cx, const struct wire_guest *g, const struct guest_files *files)
{
    struct lv *l = self;
    CLEAN_CONN conn = NULL;
    const char *xml = NULL;
    TRY(connect_to(l, cx, &conn));
    TRY(render_domain(cx, g, files, &l->config.traits, &xml));
    crash_point("before define");
    CLEAN_DOM d = virDomainDefineXML(conn, xml);
    if (!d)
        return failed(cx, "define the server");
    crash_point("before start");
    if (!is_active(d) && virDomainCreate(d) < 0)
        TRY(failed_unless(cx, d, true, "start the server"));
    crash_point("after start");
    return 0;
}

/* The calls that need nothing but the domain, and when they have nothing to do. */
static int act(void *self, struct cx *cx, const char *id, const char *what, bool wants_active,
               int (*f)(virDomainPtr d))
{
    CLEAN_DOM d = NULL;
    TRY(look_up(self, cx, id, &d));
    if (!d || is_active(d) != wants_active)
        return 0;
    crash_point(what);
    if (f(d) < 0)
        TRY(failed_unless(cx, d, !wants_active, what));
    crash_point(what);
    return 0;
}

static int ask_off(virDomainPtr d)
{
    return virDomainShutdownFlags(d, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
}
static int destroy(virDomainPtr d)
{
    return virDomainDestroy(d);
}
static int suspend(virDomainPtr d)
{
    int state = 0;
    return virDomainGetState(d, &state, NULL, 0) == 0 && state == VIR_DOMAIN_PAUSED ? 0 : virDomainSuspend(d);
}
static int resume(virDomainPtr d)
{
    int state = 0;
    return virDomainGetState(d, &state, NULL, 0) == 0 && state == VIR_DOMAIN_RUNNING ? 0 : virDomainResume(d);
}
static int save(virDomainPtr d)
{
    return virDomainManagedSave(d, VIR_DOMAIN_SAVE_RUNNING);
}
static int drop_save(virDomainPtr d)
{
    return virDomainHasManagedSaveImage(d, 0) == 1 ? virDomainManagedSaveRemove(d, 0) : 0;
}
static int undefine(virDomainPtr d)
{
    return virDomainUndefineFlags(d, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                                         VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM);
}

static int lv_ask_off(void *self, struct cx *cx, const char *id)
{
    return act(self, cx, id, "ask the server to shut down", true, ask_off);
}
static int lv_stop(void *self, struct cx *cx, const char *id)
{
    return act(self, cx, id, "stop the server", true, destroy);
}
static int lv_pause(void *self, struct cx *cx, const char *id)
{
    return act(self, cx, id, "pause the server", true, suspend);
}
static int lv_resume(void *self, struct cx *cx, const char *id)
{
    return act(self, cx, id, "resume the server", true, resume);
}
static int lv_save(void *self, struct cx *cx, const char *id)
{
    return act(self, cx, id, "suspend the server", true, save);
}
static int lv_drop_save(void *self, struct cx *cx, const char *id)
{
    return act(self, cx, id, "forget the server's saved memory", false, drop_save);
}

static int lv_forget(void *self, struct cx *cx, const char *id)
{
    CLEAN_DOM d = NULL;
    TRY(look_up(self, cx, id, &d));
    if (!d)
        return 0;
    crash_point("before undefine");
    if (undefine(d) < 0)
        return failed(cx, "forget the server");
    crash_point("after undefine");
    return 0;
}

/* ---- ports ---- */

static bool has_tap(struct cx *cx, virDomainPtr d, const char *tap)
{
    CLEAN_TEXT xml = virDomainGetXMLDesc(d, 0);
    struct strs taps = xml ? taps_in(cx->arena, xml) : (struct strs){ 0 };
    for (size_t i = 0; i < taps.n; i++)
        if (str_eq(taps.items[i], tap))
            return true;
    return false;
}

static int lv_attach(void *self, struct cx *cx, const char *id, const struct wire_port *port)
{
    CLEAN_DOM d = NULL;
    const char *xml = NULL;
    char tap[16];
    TRY(must_find(self, cx, id, &d));
    TRY(render_interface(cx, port, &xml));
    wire_tap_name(port->id, tap);
    if (!is_active(d) || has_tap(cx, d, tap))
        return 0;
    crash_point("before attach");
    if (virDomainAttachDeviceFlags(d, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return failed(cx, "attach the port");
    crash_point("after attach");
    return 0;
}

/* The piece of the domain's own XML that describes the tap: libvirt detaches what matches it. */
static const char *interface_xml(struct cx *cx, const char *xml, const char *tap)
{
    const char *target = strstr(xml, cx_printf(cx, "<target dev='%s'", tap)), *begin = NULL;
    for (const char *p = xml; target && (p = strstr(p, "<interface ")) && p < target; p++)
        begin = p;
    const char *end = begin ? strstr(begin, "</interface>") : NULL;
    return end ? arena_strndup(cx->arena, begin, (size_t)(end - begin) + strlen("</interface>")) : NULL;
}

/* Guests take a while to let a device go, and some never do: 1 until it is gone. */
static int lv_detach(void *self, struct cx *cx, const char *id, const char *tap)
{
    CLEAN_DOM d = NULL;
    TRY(look_up(self, cx, id, &d));
    if (!d || !is_active(d))
        return 0;
    CLEAN_TEXT all = virDomainGetXMLDesc(d, 0);
    const char *xml = all ? interface_xml(cx, all, tap) : NULL;
    if (!xml)
        return 0;
    crash_point("before detach");
    if (virDomainDetachDeviceFlags(d, xml, VIR_DOMAIN_AFFECT_LIVE) < 0 && has_tap(cx, d, tap) &&
        is_active(d)) {
        virErrorPtr e = virGetLastError();
        if (e && e->code != VIR_ERR_OPERATION_FAILED && e->code != VIR_ERR_INTERNAL_ERROR)
            return failed(cx, "detach the port");
    }
    crash_point("after detach");
    return has_tap(cx, d, tap) ? 1 : 0;
}

/* ---- snapshots ---- */

/* With the guest's agent the file systems are quiet at that moment; without it the copy is as after a power
 * cut. A short question first: an agent that is not there would cost the snapshot call its long timeout. */
static bool agent_answers(virDomainPtr d)
{
    long long s = 0;
    unsigned ns = 0;
    virDomainAgentSetResponseTimeout(d, AGENT_S * (int)slow_factor(), 0);
    return virDomainGetTime(d, &s, &ns, 0) == 0;
}

static int lv_freeze(void *self, struct cx *cx, const char *id, const struct guest_files *files)
{
    const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA |
                           VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC | VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT;
    CLEAN_DOM d = NULL;
    TRY(must_find(self, cx, id, &d));
    const char *xml = render_snapshot(cx->arena, files);
    crash_point("before freeze");
    virDomainSnapshotPtr s =
        agent_answers(d) ? virDomainSnapshotCreateXML(d, xml, flags | VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE)
                         : NULL;
    if (!s)
        s = virDomainSnapshotCreateXML(d, xml, flags);
    if (!s)
        return failed(cx, "freeze the server's disk");
    virDomainSnapshotFree(s);
    crash_point("after freeze");
    return 0;
}

/* Waits until the copy job has caught up and turns the guest to the base; the job survives the agent. */
static int finish_merge(struct cx *cx, virDomainPtr d)
{
    int64_t until = monotonic_us() + (int64_t)MERGE_S * 1000000 * slow_factor();
    while (monotonic_us() < until) {
        virDomainBlockJobInfo info = { 0 };
        int r = virDomainGetBlockJobInfo(d, "vda", &info, 0);
        if (r < 0)
            return failed(cx, "see the merge of the snapshot");
        if (r == 0)
            return 0;
        if (info.end > 0 && info.cur == info.end &&
            virDomainBlockJobAbort(d, "vda", VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
            return 0;
        usleep(POLL_US);
    }
    return fail(cx, KIND_UNAVAILABLE, "The merge of the snapshot takes too long");
}

static int lv_merge(void *self, struct cx *cx, const char *id, const struct guest_files *files)
{
    CLEAN_DOM d = NULL;
    virDomainBlockJobInfo info = { 0 };
    TRY(must_find(self, cx, id, &d));
    crash_point("before merge");
    bool running = virDomainGetBlockJobInfo(d, "vda", &info, 0) == 1;
    /* The base is always named: without it the merge would aim at the image below, which all guests share. */
    if (!running &&
        virDomainBlockCommit(d, "vda", files->root, NULL, 0,
                             VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | VIR_DOMAIN_BLOCK_COMMIT_SHALLOW) < 0)
        return failed(cx, "merge the snapshot");
    crash_point("after merge begun");
    TRY(finish_merge(cx, d));
    crash_point("after merge");
    return 0;
}

/* ---- the calls, each with a deadline ---- */

/* What libvirtd does in a moment; what waits for QEMU, a guest or a disk; and a guest's whole memory. */
enum { MOMENT_S = 20, WHILE_S = 120, MEMORY_S = 1800 };

/* clang-format off */
#define TIMED(f, limit_s, params, args)                                                                      \
    static int timed_##f params                                                                              \
    {                                                                                                        \
        struct call call;                                                                                    \
        call_begin(&call, self, limit_s);                                                                    \
        return call_end(&call, cx, f args);                                                                  \
    }
#define OF_GUEST (void *self, struct cx *cx, const char *id), (self, cx, id)
#define WITH_FILES (void *self, struct cx *cx, const char *id, const struct guest_files *files), (self, cx, id, files)
#define TIMED_(f, limit_s, ...) TIMED(f, limit_s, __VA_ARGS__)
TIMED(lv_facts, MOMENT_S, (void *self, struct cx *cx, struct hypervisor_facts *ret), (self, cx, ret))
TIMED(lv_see, MOMENT_S, (void *self, struct cx *cx, const char *id, struct guest_seen *ret), (self, cx, id, ret))
TIMED(lv_list, MOMENT_S, (void *self, struct cx *cx, struct strs *ret), (self, cx, ret))
TIMED(lv_start, WHILE_S, (void *self, struct cx *cx, const struct wire_guest *g, const struct guest_files *files), (self, cx, g, files))
TIMED_(lv_ask_off, MOMENT_S, OF_GUEST)
TIMED_(lv_stop, WHILE_S, OF_GUEST)
TIMED_(lv_pause, WHILE_S, OF_GUEST)
TIMED_(lv_resume, WHILE_S, OF_GUEST)
TIMED_(lv_save, MEMORY_S, OF_GUEST)
TIMED_(lv_drop_save, WHILE_S, OF_GUEST)
TIMED_(lv_forget, WHILE_S, OF_GUEST)
TIMED(lv_attach, WHILE_S, (void *self, struct cx *cx, const char *id, const struct wire_port *port), (self, cx, id, port))
TIMED(lv_detach, WHILE_S, (void *self, struct cx *cx, const char *id, const char *tap), (self, cx, id, tap))
TIMED_(lv_freeze, WHILE_S, WITH_FILES)
TIMED_(lv_merge, MERGE_S + WHILE_S, WITH_FILES)
/* clang-format on */

/* ---- life ---- */

static void lv_free(void *self)
{
    struct lv *l = self;
    __atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
    pthread_join(l->events, NULL);
    if (l->conn)
        close_conn(l);
    pthread_mutex_destroy(&l->lock);
    pthread_mutex_destroy(&l->calls_lock);
    free(l);
}

int libvirt_new(struct cx *cx, const struct libvirt_config *config, struct hypervisor *ret_hypervisor)
{
    virSetErrorFunc(NULL, be_quiet);
    if (virEventRegisterDefaultImpl() < 0 || virInitialize() < 0)
        return failed(cx, "start libvirt's library");
    struct lv *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->config = *config;
    pthread_mutex_init(&l->lock, NULL);
    pthread_mutex_init(&l->calls_lock, NULL);
    /* The timer also makes the loop come round, so that it sees 'stop'. */
    if (virEventAddTimeout(TICK_MS, tick, l, NULL) < 0 ||
        pthread_create(&l->events, NULL, run_events, l) != 0) {
        free(l);
        return fail(cx, KIND_INTERNAL, "Can't start libvirt's event thread");
    }
    *ret_hypervisor = (struct hypervisor){
        .self = l,
        .free = lv_free,
        .facts = timed_lv_facts,
        .see = timed_lv_see,
        .list = timed_lv_list,
        .start = timed_lv_start,
        .ask_off = timed_lv_ask_off,
        .stop = timed_lv_stop,
        .pause = timed_lv_pause,
        .resume = timed_lv_resume,
        .save = timed_lv_save,
        .drop_save = timed_lv_drop_save,
        .forget = timed_lv_forget,
        .attach = timed_lv_attach,
        .detach = timed_lv_detach,
        .freeze = timed_lv_freeze,
        .merge = timed_lv_merge,
    };
    return 0;
}
