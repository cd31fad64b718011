#include "cli/daemons.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/files.h"
#include "cli/process.h"
#include "cli/systemd.h"

const char *const daemon_names[DAEMON_N] = { "libvirtd", "alamod", "alamo-agent" };

enum { START_MS = 10000, STOP_MS = 60000 };

const char *daemon_pid_file(struct cli *cli, enum daemon daemon)
{
    return cx_printf(cli->cx, "%s/%s.pid", cli->settings.run_dir, daemon_names[daemon]);
}

const char *daemon_wanted_file(struct cli *cli, enum daemon daemon)
{
    return cx_printf(cli->cx, "%s/wanted/%s", cli->settings.run_dir, daemon_names[daemon]);
}

const char *daemon_log_file(struct cli *cli, const char *name)
{
    return cx_printf(cli->cx, "%s/log/%s.log", cli->settings.data_dir, name);
}

bool daemons_by_systemd(const struct cli *cli)
{
    return !cli_is_second(cli) && files_there("/run/systemd/system");
}

/* ---- the supervisor ---- */

static const char *supervisor_pid_file(struct cli *cli)
{
    return cli_run_file(cli, "supervise.pid");
}

static int spawn_supervisor(struct cli *cli)
{
    const char *self = cli_program(cli, "alamo"), *log = daemon_log_file(cli, "supervise");
    const char *const argv[] = { self, "supervise", "--config-dir", cli->settings.config_dir, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0640);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    int r = posix_spawn(&pid, self, &actions, &attributes, (char **)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return r ? fail(cli->cx, KIND_INTERNAL, "%s cannot be run: %s", self, strerror(r)) : 0;
}

static int start_supervisor(struct cli *cli)
{
    int64_t deadline_us = monotonic_us() + START_MS * 1000 * slow_factor();

    if (process_alive(supervisor_pid_file(cli)))
        return 0;
    TRY(spawn_supervisor(cli));
    while (!process_alive(supervisor_pid_file(cli))) {
        if (monotonic_us() > deadline_us)
            return fail(cli->cx, KIND_INTERNAL, "the supervisor does not start; %s says why",
                        daemon_log_file(cli, "supervise"));
        sleep_ms(20);
    }
    return 0;
}

static int tell_supervisor(struct cli *cli, int sig)
{
    int r = process_signal(supervisor_pid_file(cli), sig);
    return r < 0 ? fail(cli->cx, KIND_INTERNAL, "the supervisor cannot be told: %s", strerror(-r)) : 0;
}

/* ---- daemons ---- */

static int want_supervised(struct cli *cli, enum daemon daemon, bool wanted)
{
    const char *path = daemon_wanted_file(cli, daemon);
    bool news = wanted != files_there(path);

    if (wanted) {
        TRY(files_dir(cli, cli_run_file(cli, "wanted"), OWNER_ROOT, NULL, 0755));
        TRY(files_new(cli, path, "", OWNER_ROOT, 0644));
        news |= !process_alive(supervisor_pid_file(cli));
        TRY(start_supervisor(cli));
    } else if (news && unlink(path) < 0) {
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be removed: %s", path, strerror(errno));
    }
    TRY(tell_supervisor(cli, SIGHUP));
    return news;
}

int daemons_want(struct cli *cli, enum daemon daemon, bool wanted)
{
    return daemons_by_systemd(cli) ? systemd_want(cli, daemon, wanted) : want_supervised(cli, daemon, wanted);
}

int daemons_wait_gone(struct cli *cli, enum daemon daemon)
{
    if (daemons_by_systemd(cli) || process_wait_gone(daemon_pid_file(cli, daemon), STOP_MS * slow_factor()))
        return 0;
    return fail(cli->cx, KIND_BUSY, "%s does not end; %s", daemon_names[daemon],
                daemons_last_words(cli, daemon));
}

int daemons_restart(struct cli *cli, enum daemon daemon)
{
    if (daemons_by_systemd(cli))
        return systemd_restart(cli, daemon);
    int r = process_signal(daemon_pid_file(cli, daemon), SIGTERM);
    if (r < 0)
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be restarted: %s", daemon_names[daemon], strerror(-r));
    return daemons_wait_gone(cli, daemon);
}

bool daemons_running(struct cli *cli, enum daemon daemon)
{
    return daemons_by_systemd(cli) ? systemd_running(cli, daemon)
                                   : process_alive(daemon_pid_file(cli, daemon));
}

static pid_t daemon_pid(struct cli *cli, enum daemon daemon)
{
    pid_t pid;
    if (daemons_by_systemd(cli))
        return systemd_pid(cli, daemon);
    CLEAN_FD fd = process_open(daemon_pid_file(cli, daemon), &pid);
    return fd < 0 ? 0 : pid;
}

bool daemons_outdated(struct cli *cli, enum daemon daemon)
{
    struct stat running, here;
    pid_t pid = daemon_pid(cli, daemon);

    return daemon != DAEMON_LIBVIRTD && pid > 0 &&
           stat(cx_printf(cli->cx, "/proc/%d/exe", (int)pid), &running) == 0 &&
           stat(cli_program(cli, daemon_names[daemon]), &here) == 0 &&
           (running.st_dev != here.st_dev || running.st_ino != here.st_ino);
}

const char *daemons_version(struct cli *cli, enum daemon daemon)
{
    pid_t pid = daemon_pid(cli, daemon);
    const char *const argv[] = { cx_printf(cli->cx, "/proc/%d/exe", (int)pid), "--version", NULL };
    const char *output = "";
    if (pid <= 0 || process_run(cli, argv, &output) != 0)
        return "";
    output += strcspn(output, " \n"); /* its own name for itself, which is that path for some */
    return cx_printf(cli->cx, "%s%.*s", daemon_names[daemon], (int)strcspn(output, "\n"), output);
}

int daemons_end(struct cli *cli)
{
    if (daemons_by_systemd(cli))
        return 0;
    TRY(tell_supervisor(cli, SIGTERM));
    if (!process_wait_gone(supervisor_pid_file(cli), STOP_MS * slow_factor()))
        return fail(cli->cx, KIND_BUSY, "the supervisor does not end");
    return 0;
}

const char *daemons_last_words(struct cli *cli, enum daemon daemon)
{
    const char *log = daemon_log_file(cli, daemon_names[daemon]);
    char text[2048];
    struct stat st;

    if (daemons_by_systemd(cli))
        return cx_printf(cli->cx, "see journalctl -u %s", daemon_names[daemon]);
    CLEAN_FD fd = open(log, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return cx_printf(cli->cx, "there is no %s", log);
    off_t from = st.st_size > (off_t)sizeof text - 1 ? st.st_size - (off_t)sizeof text + 1 : 0;
    ssize_t n = pread(fd, text, sizeof text - 1, from);
    if (n <= 0)
        return cx_printf(cli->cx, "%s is empty", log);
    text[n] = 0;
    while (n && text[n - 1] == '\n')
        text[--n] = 0;
    const char *line = strrchr(text, '\n');
    return cx_printf(cli->cx, "%s ends with: %s", log, line ? line + 1 : text);
}
