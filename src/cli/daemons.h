/* daemons.h - what runs: our two daemons, and libvirtd where this machine runs none.
 *
 * Under systemd they are units.  Elsewhere `alamo supervise` runs them: which ones is said by files in
 * run_dir/wanted, and SIGHUP tells it to look again. */
#pragma once
#include "cli/cli.h"

enum daemon { DAEMON_LIBVIRTD, DAEMON_ALAMOD, DAEMON_AGENT, DAEMON_N };
extern const char *const daemon_names[DAEMON_N];

/* systemd is in charge of this cloud's daemons. */
bool daemons_by_systemd(const struct cli *cli);
/* From now on the daemon is to run (or not).  Returns 1 when that is news. */
int daemons_want(struct cli *cli, enum daemon daemon, bool wanted) MUST_CHECK;
/* Waits until a daemon that is not wanted any more is gone.  Errors: BUSY. */
int daemons_wait_gone(struct cli *cli, enum daemon daemon) MUST_CHECK;
/* Ends a daemon that runs, to be started again at once: its configuration has changed. */
int daemons_restart(struct cli *cli, enum daemon daemon) MUST_CHECK;
bool daemons_running(struct cli *cli, enum daemon daemon);
/* It runs a program that is not the one here any more: another was built or installed since it was started. */
bool daemons_outdated(struct cli *cli, enum daemon daemon);
/* What the running daemon says of itself, which need not be the program that is installed by now: "alamod 0.1.0".
 * "" when it does not run. */
const char *daemons_version(struct cli *cli, enum daemon daemon);
/* Ends the supervisor; nothing is wanted any more. */
int daemons_end(struct cli *cli) MUST_CHECK;
/* The end of a daemon's log, for a message that says why it does not run. */
const char *daemons_last_words(struct cli *cli, enum daemon daemon);

/* Files of a supervised daemon. */
const char *daemon_pid_file(struct cli *cli, enum daemon daemon);
const char *daemon_wanted_file(struct cli *cli, enum daemon daemon);
const char *daemon_log_file(struct cli *cli, const char *name);
