/* process.h - other programs: run one to its end, start one that stays, find and signal one that somebody
 * started.
 *
 * A daemon's pid file holds its pid and the time it was started at, so that a pid that was given to another
 * process since is never taken for it. */
#pragma once
#include "cli/cli.h"

/* Runs 'argv' (found by PATH) with empty input and waits.  Its output is in '*ret_output' (NULL: dropped).
 * Returns the exit code; 127: no such program; 128 and more: died of a signal.  Errors: a failure in cx. */
int process_run(struct cli *cli, const char *const *argv, const char **ret_output) MUST_CHECK;
/* The same, and an exit code other than 0 is a failure that shows the last line of the output. */
int process_must(struct cli *cli, const char *const *argv) MUST_CHECK;

/* Writes the pid file of a running process.  Errors: negative errno. */
int process_note(const char *pid_file, pid_t pid) MUST_CHECK;
/* The process of the pid file as a pidfd, and its pid.  Errors: -ESRCH (none, or not alive any more), others.
 */
int process_open(const char *pid_file, pid_t *ret_pid) MUST_CHECK;
bool process_alive(const char *pid_file);
/* Waits until it is gone.  Returns false when it is still there after 'timeout_ms'. */
bool process_wait_gone(const char *pid_file, int64_t timeout_ms);
/* Sends a signal; a process that is gone is fine.  Errors: negative errno. */
int process_signal(const char *pid_file, int sig) MUST_CHECK;
void sleep_ms(int64_t ms);
