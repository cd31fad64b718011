#include "cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auth/keyfile.h"
#include "base/buf.h"

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

static const char *read_all(struct cli *cli, int fd)
{
    struct buf b = buf_new(cli->cx->arena);
    char chunk[4096];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && b.len < OUTPUT_MAX)
            buf_put(&b, chunk, (size_t)n);
    return buf_text(&b);
}

static int spawn(const char *const *argv, int output, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    char **words = (char **)(uintptr_t)argv; /* posix_spawnp() does not write to them */

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    int r = posix_spawnp(ret_pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

int process_run(struct cli *cli, const char *const *argv, const char **ret_output)
{
    int ends[2], status;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(cli->cx, KIND_INTERNAL, "no pipe: %s", strerror(errno));
    CLEAN_FD in = ends[0];
    int r = spawn(argv, ends[1], &pid);
    close(ends[1]);
    if (r == ENOENT)
        return 127;
    if (r)
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be run: %s", argv[0], strerror(r));
    const char *output = read_all(cli, in);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (ret_output)
        *ret_output = output;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The last line that says something. */
static const char *last_line(struct cli *cli, const char *text)
{
    char *copy = cx_strdup(cli->cx, text), *last = copy, *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        last = line;
    return last;
}

int process_must(struct cli *cli, const char *const *argv)
{
    const char *output = "";
    int code = process_run(cli, argv, &output);

    if (code == 127)
        return fail(cli->cx, KIND_UNAVAILABLE, "there is no program %s: run tools/install-packages", argv[0]);
    if (code > 0)
        return fail(cli->cx, KIND_INTERNAL, "%s failed: %s", argv[0], last_line(cli, output));
    return code;
}

/* ---- pid files ---- */

/* When the process was started, in clock ticks since boot; 0: it is gone or a zombie. */
static unsigned long long start_time(pid_t pid)
{
    char path[64], text[1024], state = 'Z';
    unsigned long long ticks = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = 0;
    const char *after = strrchr(text, ')'); /* the name before may hold anything */
    if (!after ||
        sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &ticks) != 2)
        return 0;
    return state == 'Z' ? 0 : ticks;
}

int process_note(const char *pid_file, pid_t pid)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %llu\n", (int)pid, start_time(pid));

    return keyfile_replace(pid_file, text, (size_t)n, 0644);
}

int process_open(const char *pid_file, pid_t *ret_pid)
{
    char text[64];
    int pid;
    unsigned long long started;

    CLEAN_FD file = open(pid_file, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    ssize_t n = read(file, text, sizeof text - 1);
    if (n <= 0)
        return -ESRCH;
    text[n] = 0;
    if (sscanf(text, "%d %llu", &pid, &started) != 2 || pid <= 1)
        return -ESRCH;
    int fd = pidfd_open(pid, 0); /* from here on the pid cannot change hands unnoticed */
    if (fd < 0)
        return errno == EINVAL ? -ESRCH : -errno;
    if (start_time(pid) != started || !started) {
        close(fd);
        return -ESRCH;
    }
    if (ret_pid)
        *ret_pid = pid;
    return fd;
}

bool process_alive(const char *pid_file)
{
    CLEAN_FD fd = process_open(pid_file, NULL);
    return fd >= 0;
}

bool process_wait_gone(const char *pid_file, int64_t timeout_ms)
{
    CLEAN_FD fd = process_open(pid_file, NULL);
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return fd < 0 || poll(&p, 1, (int)timeout_ms) == 1;
}

int process_signal(const char *pid_file, int sig)
{
    CLEAN_FD fd = process_open(pid_file, NULL);

    if (fd < 0)
        return fd == -ESRCH ? 0 : fd;
    return pidfd_send_signal(fd, sig, NULL, 0) < 0 && errno != ESRCH ? -errno : 0;
}

void sleep_ms(int64_t ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}
