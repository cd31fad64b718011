/* supervise: runs the wanted daemons where no systemd does, and starts again what dies.
 *
 * It adopts what an earlier supervisor has started, and reaps what its daemons leave behind (QEMU, dnsmasq).
 * When it dies itself, nothing else does; the next `alamo up` starts another. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "cli/daemons.h"
#include "cli/files.h"
#include "cli/libvirtd.h"
#include "cli/process.h"

LOG_MODULE("supervise");

enum { STEADY_S = 60, KILL_AGAIN_S = 1, FIRST_DELAY_MS = 200, LONGEST_DELAY_MS = 30000, STOP_S = 20, TICK_MS = 60000 };

struct unit {
    enum daemon daemon;
    int pidfd; /* -1: does not run */
    pid_t pid;
    int64_t started_us, next_start_us, kill_us; /* kill_us 0: not asked to stop yet */
    int64_t delay_ms;
};

struct supervisor {
    struct cli *cli;
    struct unit units[DAEMON_N];
    bool ending;
};

/* ---- starting ---- */

static void child(struct cli *cli, enum daemon daemon, int log)
{
    const char *config = cli_config_file(cli, daemon == DAEMON_AGENT ? "agent.conf" : "alamod.conf");
    const char *program = cli_program(cli, daemon_names[daemon]);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    dup2(log, 1);
    dup2(log, 2);
    if (daemon == DAEMON_LIBVIRTD)
        libvirtd_exec(cli);
    else
        execl(program, program, "--config", config, (char *)NULL);
    fprintf(stderr, "%s cannot be run: %s\n", program, strerror(errno));
    _exit(127);
}

static void started(struct supervisor *s, struct unit *u, pid_t pid, int pidfd)
{
    u->pid = pid;
    u->pidfd = pidfd;
    u->started_us = monotonic_us();
    u->kill_us = 0;
    log_info("%s runs, pid %d", daemon_names[u->daemon], (int)pid);
    (void)s;
}

static void start(struct supervisor *s, struct unit *u)
{
    const char *pid_file = daemon_pid_file(s->cli, u->daemon);
    pid_t pid;
    int pidfd = process_open(pid_file, &pid);

    if (pidfd >= 0) { /* from before us */
        started(s, u, pid, pidfd);
        return;
    }
    CLEAN_FD log = open(daemon_log_file(s->cli, daemon_names[u->daemon]),
                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    pid = fork();
    if (pid == 0)
        child(s->cli, u->daemon, log);
    pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd < 0 || process_note(pid_file, pid) < 0) {
        log_error("%s cannot be started: %s", daemon_names[u->daemon], strerror(errno));
        u->next_start_us = monotonic_us() + LONGEST_DELAY_MS * 1000;
        return;
    }
    started(s, u, pid, pidfd);
}

/* ---- ending ---- */

static void ended(struct unit *u, const char *how, int code)
{
    bool steady = monotonic_us() - u->started_us > STEADY_S * INT64_C(1000000);

    close(u->pidfd);
    u->pidfd = -1;
    u->pid = 0;
    if (u->kill_us || (code == 0 && steady))
        u->delay_ms = 0;
    else
        u->delay_ms = steady || !u->delay_ms ? FIRST_DELAY_MS : u->delay_ms * 2;
    if (u->delay_ms > LONGEST_DELAY_MS)
        u->delay_ms = LONGEST_DELAY_MS;
    u->next_start_us = monotonic_us() + u->delay_ms * 1000;
    log_info("%s ended: %s %d", daemon_names[u->daemon], how, code);
}

static void stop(struct unit *u)
{
    int64_t now = monotonic_us();

    if (!u->kill_us) {
        pidfd_send_signal(u->pidfd, SIGTERM, NULL, 0);
        u->kill_us = now + STOP_S * 1000000 * slow_factor();
    } else if (now >= u->kill_us) {
        log_warn("%s does not end: killed", daemon_names[u->daemon]);
        pidfd_send_signal(u->pidfd, SIGKILL, NULL, 0);
        u->kill_us = now + KILL_AGAIN_S * 1000000 * slow_factor();
    }
}

/* All that has ended, be it ours or left to us. */
static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < DAEMON_N; i++)
            if (s->units[i].pid == pid && s->units[i].pidfd >= 0)
                ended(&s->units[i], WIFEXITED(status) ? "exit" : "signal",
                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* ---- the loop ---- */

static bool wanted(struct supervisor *s, const struct unit *u)
{
    return !s->ending && files_there(daemon_wanted_file(s->cli, u->daemon));
}

/* Starts and stops what has to be.  Returns the time of the next thing to do. */
static int64_t pass(struct supervisor *s)
{
    int64_t now = monotonic_us(), next_us = now + TICK_MS * 1000;

    for (size_t i = 0; i < DAEMON_N; i++) {
        struct unit *u = &s->units[i];
        bool want = wanted(s, u);
        if (u->pidfd < 0 && want && now >= u->next_start_us)
            start(s, u);
        else if (u->pidfd >= 0 && !want)
            stop(u);
        int64_t then =
            u->pidfd < 0 ? (want ? u->next_start_us : INT64_MAX) : (u->kill_us ? u->kill_us : INT64_MAX);
        if (then < next_us)
            next_us = then;
    }
    return next_us;
}

static bool any_runs(const struct supervisor *s)
{
    for (size_t i = 0; i < DAEMON_N; i++)
        if (s->units[i].pidfd >= 0)
            return true;
    return false;
}

static void take_signals(struct supervisor *s, int signals)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            s->ending = true;
        for (size_t i = 0; i < DAEMON_N && info.ssi_signo == SIGHUP;
             i++) /* somebody is there and may have helped */
            s->units[i].next_start_us = s->units[i].delay_ms = 0;
    }
}

static void loop(struct supervisor *s, int signals)
{
    while (!s->ending || any_runs(s)) {
        CLEAN_CX cx;
        struct pollfd fds[1 + DAEMON_N] = { { .fd = signals, .events = POLLIN } };

        cx_begin(&cx);
        s->cli->cx = &cx;
        int64_t wait_us = pass(s) - monotonic_us();
        for (size_t i = 0; i < DAEMON_N; i++)
            fds[1 + i] = (struct pollfd){ .fd = s->units[i].pidfd, .events = POLLIN };
        poll(fds, N_ELEMENTS(fds), wait_us <= 0 ? 0 : (int)(wait_us / 1000 + 1));
        take_signals(s, signals);
        reap(s);
        for (size_t i = 0; i < DAEMON_N; i++) /* what was adopted is nobody's child of ours */
            if ((fds[1 + i].revents & POLLIN) && s->units[i].pidfd == fds[1 + i].fd)
                ended(&s->units[i], "adopted, exit unknown", 0);
    }
}

/* One supervisor a cloud, by a lock that its death gives back. */
static int be_the_one(struct cli *cli, int *ret_lock)
{
    const char *path = cli_run_file(cli, "supervise.lock");

    *ret_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_lock < 0 || flock(*ret_lock, LOCK_EX | LOCK_NB) < 0)
        return fail(cli->cx, KIND_CONFLICT, "%s: %s", path,
                    errno == EWOULDBLOCK ? "another supervisor runs" : strerror(errno));
    int r = process_note(cli_run_file(cli, "supervise.pid"), getpid());
    return r < 0 ? fail(cli->cx, KIND_INTERNAL, "the pid file cannot be written: %s", strerror(-r)) : 0;
}

int command_supervise(struct cli *cli)
{
    struct supervisor s = { .cli = cli };
    CLEAN_FD lock = -1;
    sigset_t set;

    log_level_set(LOG_INFO);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    TRY(be_the_one(cli, &lock)); /* from here on others send signals */
    CLEAN_FD signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return fail(cli->cx, KIND_INTERNAL, "no supervising here: %s", strerror(errno));
    for (size_t i = 0; i < DAEMON_N; i++)
        s.units[i] = (struct unit){ .daemon = (enum daemon)i, .pidfd = -1 };
    struct cx *cx = cli->cx;
    loop(&s, signals);
    cli->cx = cx;
    unlink(cli_run_file(cli, "supervise.pid"));
    return 0;
}
