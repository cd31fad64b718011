/* systemd.h - our daemons as units of systemd. */
#pragma once
#include "cli/daemons.h"

/* The unit is there, enabled and running, or disabled and stopped.  Returns 1 when that was news. */
int systemd_want(struct cli *cli, enum daemon daemon, bool wanted) MUST_CHECK;
/* The unit's text. */
const char *systemd_unit(struct cli *cli, enum daemon daemon);
int systemd_restart(struct cli *cli, enum daemon daemon) MUST_CHECK;
/* The process that systemd started for it; 0: none. */
pid_t systemd_pid(struct cli *cli, enum daemon daemon);
bool systemd_running(struct cli *cli, enum daemon daemon);
