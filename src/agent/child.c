#include "agent/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"

enum { OUTPUT_MAX_DEFAULT = 64 * 1024, TAIL = 400 };

struct pipes {
    int in, out; /* our ends; -1: closed */
};

static void pipes_close(struct pipes *p)
{
    fd_close(&p->in);
    fd_close(&p->out);
}

/* In the child: nothing but what is safe after a fork among threads.  It dies with the thread that waits for it, so that a
 * killed agent leaves no program that writes on while the next agent begins anew; daemons that it leaves behind by
 * forking are not meant by that. */
static _Noreturn void become(const struct child *c, int in, int out, int told, pid_t parent)
{
    sigset_t none;
    /* execvp wants char *const[] and never writes it. */
    char *const *argv;
    memcpy(&argv, &c->argv, sizeof argv);

    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && dup2(in, STDIN_FILENO) >= 0 &&
        dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0) {
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(argv[0], argv);
    }
    int error = errno;
    if (write(told, &error, sizeof error) < 0)
        _exit(126);
    _exit(127);
}

/* Waits until the program runs: its end of 'told' closes then, or says why it can't. */
static int wait_exec(int told, pid_t pid)
{
    int error = 0;
    ssize_t n;

    do
        n = read(told, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    if (n != sizeof error)
        return 0;
    waitpid(pid, NULL, 0);
    return error ? -error : -ECHILD;
}

/* Starts the program with its ends of the pipes; everything else of ours is CLOEXEC. */
static int spawn(const struct child *c, struct pipes *ret_pipes, pid_t *ret_pid)
{
    CLEAN_FD in_r = -1, out_w = -1, told_r = -1;
    int in[2] = { -1, -1 }, out[2], told[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return -errno;
    ret_pipes->out = out[0];
    out_w = out[1];
    if (c->input) {
        if (pipe2(in, O_CLOEXEC) < 0)
            return -errno;
        in_r = in[0];
        ret_pipes->in = in[1];
    } else {
        in_r = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (in_r < 0 || pipe2(told, O_CLOEXEC) < 0)
        return -errno;
    told_r = told[0];

    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(c, in_r, out_w, told[1], parent);
    int error = errno;
    close(told[1]);
    if (pid < 0)
        return -error;
    *ret_pid = pid;
    return wait_exec(told_r, pid);
}

static void feed(struct pipes *p, const char **input)
{
    ssize_t n = write(p->in, *input, strlen(*input));
    if (n > 0)
        *input += n;
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || !**input) {
        fd_close(&p->in);
        p->in = -1;
    }
}

static void drain(struct pipes *p, struct buf *output, size_t max)
{
    char piece[4096];
    ssize_t n = read(p->out, piece, sizeof piece);
    if (n > 0 && output->len + (size_t)n <= max)
        buf_put(output, piece, (size_t)n);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        fd_close(&p->out);
        p->out = -1;
    }
}

/* The text that the caller waits for has come. */
static bool is_said(const struct child *c, const struct buf *output)
{
    return c->until && output->len && memmem(output->data, output->len, c->until, strlen(c->until));
}

/* Moves bytes and watches for the end of the program until 'until_us'; 1 when it is over.  The end of output
 * is not the end (daemons close it), and a daemon that keeps it open is no reason to wait once its parent has
 * left. */
static int converse(pid_t pid, struct pipes *p, const struct child *c, int64_t until_us, struct buf *output,
                    int *ret_status)
{
    const char *input = c->input;
    size_t max = c->output_max ? c->output_max : OUTPUT_MAX_DEFAULT;
    fcntl(p->out, F_SETFL, O_NONBLOCK);
    if (p->in >= 0)
        fcntl(p->in, F_SETFL, O_NONBLOCK);
    for (int wait_ms = 1; monotonic_us() < until_us; wait_ms = wait_ms < 20 ? wait_ms * 2 : 20) {
        struct pollfd fds[2] = { { p->out, POLLIN, 0 }, { p->in, POLLOUT, 0 } };
        poll(fds, 2, wait_ms);
        if (fds[1].revents)
            feed(p, &input);
        if (fds[0].revents)
            drain(p, output, max);
        if (is_said(c, output))
            return 0;
        pid_t done = waitpid(pid, ret_status, WNOHANG);
        if (done == pid) {
            for (size_t before = SIZE_MAX; p->out >= 0 && before != output->len;) {
                before = output->len;
                drain(p, output, max);
            }
            return 1;
        }
    }
    return 0;
}

int child_run(struct cx *cx, const struct child *c, const char **ret_output)
{
    CLEANUP(pipes_close) struct pipes p = { -1, -1 };
    struct buf output = buf_new(cx->arena);
    pid_t pid = -1;
    int status = 0;

    int r = spawn(c, &p, &pid);
    if (r < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't run %s: %s", c->argv[0], strerror(-r));
    int64_t timeout_ms = (c->timeout_ms ? c->timeout_ms : 30000) * slow_factor();
    bool over = converse(pid, &p, c, monotonic_us() + timeout_ms * 1000, &output, &status);
    if (!over) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    if (ret_output)
        *ret_output = buf_text(&output);
    if (is_said(c, &output))
        return 0;
    if (!over)
        return fail(cx, KIND_UNAVAILABLE, "%s did not end within %lld s and was stopped", c->argv[0],
                    (long long)timeout_ms / 1000);
    if (!WIFEXITED(status))
        return fail(cx, KIND_UNAVAILABLE, "%s was ended by signal %d", c->argv[0], WTERMSIG(status));
    return WEXITSTATUS(status);
}

int child_must(struct cx *cx, const char *const *argv, const char *input, int64_t timeout_ms)
{
    const char *output = "";
    int status =
        child_run(cx, &(struct child){ .argv = argv, .input = input, .timeout_ms = timeout_ms }, &output);
    if (status <= 0)
        return status;
    size_t n = strlen(output);
    while (n && output[n - 1] == '\n')
        n--;
    const char *tail = arena_strndup(cx->arena, output, n);
    return fail(cx, KIND_UNAVAILABLE, "%s failed (status %d): %s", argv[0], status,
                n > TAIL ? tail + n - TAIL : tail);
}
