/* confs.h - the files that are derived from the settings: the daemons' configuration, the openrc files. */
#pragma once
#include "cli/cli.h"

/* alamod.conf, agent.conf, admin-openrc.sh and demo-openrc.sh in config_dir.  Returns 1 when one was changed.
 */
int confs_write(struct cli *cli) MUST_CHECK;
/* "https://192.0.2.2:8443" */
const char *confs_url(struct cli *cli);
/* The openrc of "admin", or of "demo" or the first user's name; NULL: of nobody known. */
const char *confs_openrc(struct cli *cli, const char *user);
