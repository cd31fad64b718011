/* Programs that the agent runs: their output, their deadline, and that none outlives the agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is in base/cx.h */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "base/env.h"

static int run(const char *const *argv, const char *input, const char **ret_output, struct cx *cx)
{
    return child_run(cx, &(struct child){ .argv = argv, .input = input }, ret_output);
}

static void output_input_and_status(void **state)
{
    const char *const cat[] = { "cat", NULL }, *const bad[] = { "sh", "-c", "echo wrong >&2; exit 3", NULL },
                      *const none[] = { "no-such-program-here", NULL };
    const char *output = "";
    CLEAN_CX cx;

    cx_begin(&cx);
    assert_int_equal(run(cat, "hello", &output, &cx), 0);
    assert_string_equal(output, "hello");
    assert_int_equal(run(bad, NULL, &output, &cx), 3);
    assert_string_equal(output, "wrong\n");
    assert_true(child_must(&cx, bad, NULL, 0) < 0);
    assert_non_null(strstr(cx.text, "wrong"));
    fail_clear(&cx);
    assert_true(run(none, NULL, &output, &cx) < 0);
    assert_non_null(strstr(cx.text, "No such file"));
}

static void a_deadline_ends_it_with_all_its_own(void **state)
{
    const char *const argv[] = { "sh", "-c", "sleep 600 & echo $!; wait", NULL };
    const char *output = "";
    CLEAN_CX cx;

    cx_begin(&cx);
    assert_true(child_run(&cx, &(struct child){ .argv = argv, .timeout_ms = 300 }, &output) < 0);
    assert_non_null(strstr(cx.text, "was stopped"));
    pid_t pid = (pid_t)strtol(output, NULL, 10);
    int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd end = { fd, POLLIN, 0 };
    assert_true(fd < 0 || poll(&end, 1, 10000 * (int)slow_factor()) == 1);
}

/* An agent that is killed must not leave a qemu-img that writes on while the next agent starts its own. */
static void it_dies_with_the_agent(void **state)
{
    int out[2];
    char line[32] = "";
    siginfo_t info;

    assert_int_equal(pipe(out), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* what is orphaned comes to us: it can be waited for */
    pid_t agent = fork();
    assert_true(agent >= 0);
    if (agent == 0) {
        const char *const argv[] = { "sh", "-c", "echo $$ >&7; exec sleep 600", NULL };
        CLEAN_CX cx;
        cx_begin(&cx);
        dup2(out[1], 7);
        _exit(run(argv, NULL, NULL, &cx) == 0);
    }
    assert_true(read(out[0], line, sizeof line - 1) > 0);
    pid_t pid = (pid_t)strtol(line, NULL, 10);
    assert_true(pid > 1);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(fd >= 0);
    kill(agent, SIGKILL);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    struct pollfd end = { fd, POLLIN, 0 };
    int died = poll(&end, 1, 10000 * (int)slow_factor());
    if (died != 1)
        kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    assert_int_equal(died, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_input_and_status),
        cmocka_unit_test(a_deadline_ends_it_with_all_its_own),
        cmocka_unit_test(it_dies_with_the_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
