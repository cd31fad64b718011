#include "agent/netlink/parts.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/file.h"
#include "agent/render/render.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("dnsmasq");

enum { FILE_MAX = 64 << 20, STOP_MS = 3000 };

static const char *conf_path(struct cx *cx, const struct netlink_config *c)
{
    return cx_printf(cx, "%s/dnsmasq.conf", c->run_dir);
}

static struct dnsmasq_files files_of(struct cx *cx, const struct netlink_config *c)
{
    return (struct dnsmasq_files){
        cx_printf(cx, "%s/dnsmasq.hosts", c->run_dir),   cx_printf(cx, "%s/dnsmasq.names", c->run_dir),
        cx_printf(cx, "%s/dnsmasq.options", c->run_dir), cx_printf(cx, "%s/dnsmasq.leases", c->state_dir),
        cx_printf(cx, "%s/dnsmasq.pid", c->run_dir),
    };
}

/* The process runs with our configuration: a number in a file alone proves nothing. */
static bool is_ours(struct cx *cx, const struct netlink_config *c, pid_t pid)
{
    const char *conf = conf_path(cx, c), *command = NULL;
    size_t n = 0;
    if (file_read(cx, cx_printf(cx, "/proc/%d/cmdline", (int)pid), 4096, &command, &n) < 0) {
        fail_clear(cx);
        return false;
    }
    return memmem(command, n, conf, strlen(conf)) != NULL;
}

/* Our process, or 0. */
static pid_t running(struct cx *cx, const struct netlink_config *c)
{
    const char *text = NULL;
    int64_t pid = 0;
    if (file_read(cx, files_of(cx, c).pid, 64, &text, NULL) < 0 ||
        str_to_i64(arena_strndup(cx->arena, text, strcspn(text, "\n")), &pid) < 0 || pid < 2) {
        fail_clear(cx);
        return 0;
    }
    return is_ours(cx, c, (pid_t)pid) ? (pid_t)pid : 0;
}

static bool wait_end(int pidfd)
{
    const int64_t ms = STOP_MS * slow_factor();
    struct pollfd end = { .fd = pidfd, .events = POLLIN };
    int r;
    do
        r = poll(&end, 1, (int)ms);
    while (r < 0 && errno == EINTR);
    return r > 0;
}

/* It removes its pid file before it lets its sockets go, and its command line is empty before they are closed: only
 * the end that the kernel tells is the end. */
int dnsmasq_stop(struct cx *cx, const struct netlink_config *c)
{
    pid_t pid = running(cx, c);
    CLEAN_FD pidfd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0 || !is_ours(cx, c, pid)) /* the number may have been given away just before */
        return 0;
    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
    if (!wait_end(pidfd)) {
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        wait_end(pidfd);
    }
    return file_remove(cx, files_of(cx, c).pid);
}

static int start(struct cx *cx, const struct netlink_config *c)
{
    const char *const argv[] = { "dnsmasq", cx_printf(cx, "--conf-file=%s", conf_path(cx, c)), NULL };
    crash_point("before dnsmasq");
    int r = child_must(cx, argv, NULL, 0);
    crash_point("after dnsmasq");
    return r;
}

static bool is_lease_of(const char *hosts, const char *mac, const char *ip)
{
    const char *rest = hosts;
    while (*rest) {
        size_t n = strcspn(rest, "\n");
        const char *comma = memmem(rest, n, ip, strlen(ip));
        if (comma && strncmp(rest, mac, strlen(mac)) == 0 &&
            (comma[strlen(ip)] == '\n' || comma[strlen(ip)] == ','))
            return true;
        rest += n + (rest[n] == '\n');
    }
    return false;
}

/* Leases of MACs that the plan does not know with their address any more: dnsmasq would keep the address from
 * its new owner until they run out.  Returns the lease file's text without them, or NULL when there is none.
 */
static const char *without_stale(struct cx *cx, const char *leases, const char *hosts)
{
    struct buf kept = buf_new(cx->arena);
    bool stale = false;
    char *rest = cx_strdup(cx, leases), *line;
    while ((line = strsep(&rest, "\n"))) {
        char mac[32], ip[64];
        if (sscanf(line, "%*s %31s %63s", mac, ip) == 2 && strchr(mac, ':') && !strchr(ip, ':') &&
            !is_lease_of(hosts, mac, ip))
            stale = true;
        else if (*line)
            buf_printf(&kept, "%s\n", line);
    }
    return stale ? buf_text(&kept) : NULL;
}

int dnsmasq_apply(struct cx *cx, const struct netlink_config *c, const struct net_plan *plan)
{
    struct dnsmasq_files files = files_of(cx, c);
    struct dnsmasq_texts texts = { 0 };
    const char *leases = "";

    TRY(render_dnsmasq(cx, plan, &files, &texts));
    if (!texts.conf) {
        TRY(dnsmasq_stop(cx, c));
        unlink(files.leases); /* of ports that are no more */
        return 0;
    }
    int reload = 0, restart = 0;
    TRY(reload |= file_write_if_differs(cx, files.hosts, texts.hosts));
    TRY(reload |= file_write_if_differs(cx, files.names, texts.names));
    TRY(reload |= file_write_if_differs(cx, files.options, texts.options));
    TRY(restart = file_write_if_differs(cx, conf_path(cx, c), texts.conf));
    if (file_read(cx, files.leases, FILE_MAX, &leases, NULL) < 0)
        fail_clear(cx);
    const char *pruned = without_stale(cx, leases, texts.hosts);
    pid_t pid = running(cx, c);
    if (pid && (restart || pruned)) {
        TRY(dnsmasq_stop(cx, c));
        pid = 0;
    }
    if (pid) {
        if (reload)
            kill(pid, SIGHUP);
        return 0;
    }
    if (pruned)
        TRY(file_write_durably(cx, files.leases, pruned, strlen(pruned)));
    log_info("starting for %zu networks", plan->n_networks);
    return start(cx, c);
}

void dnsmasq_see(struct cx *cx, const struct netlink_config *c, struct net_seen *ret_seen)
{
    struct net_lease_seen *seen = NULL;
    const char *leases = "";
    size_t n = 0;
    if (file_read(cx, files_of(cx, c).leases, FILE_MAX, &leases, NULL) < 0)
        fail_clear(cx);
    char *rest = cx_strdup(cx, leases), *line;
    while ((line = strsep(&rest, "\n"))) {
        char mac[32], ip[64];
        if (sscanf(line, "%*s %31s %63s", mac, ip) == 2 && strchr(mac, ':'))
            *arena_push(cx->arena, &seen, &n) =
                (struct net_lease_seen){ cx_strdup(cx, mac), cx_strdup(cx, ip) };
    }
    ret_seen->leases = (struct list){ seen, n };
    ret_seen->dhcp_running = running(cx, c) != 0;
}
