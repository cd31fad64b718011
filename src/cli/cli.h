/* cli.h - what all commands share: the settings, how they speak to the operator, and their table.
 *
 * A command is one row in main.c and one function in a file of its own.  It returns the exit code (0 or
 * more), or a failure recorded in cx, which main() prints. */
#pragma once
#include <sys/types.h>

#include "cli/settings.h"

struct api; /* api.h */

struct cli {
    struct cx *cx;
    struct cli_settings settings;
    struct api *admin, *demo; /* logged in; NULL: not yet */
    bool confs_changed;       /* what runs, runs with an older configuration */
    int argc;                 /* words after the command's name */
    char **argv;
};

struct command {
    const char *name, *arguments, *help;
    int min_words, max_words;
    int (*run)(struct cli *cli);
};

int command_backup(struct cli *cli);
int command_bench(struct cli *cli);
int command_check(struct cli *cli);
int command_doctor(struct cli *cli);
int command_down(struct cli *cli);
int command_floating(struct cli *cli);
int command_openrc(struct cli *cli);
int command_prepare(struct cli *cli);
int command_restore(struct cli *cli);
int command_settings(struct cli *cli);
int command_ssh(struct cli *cli);
int command_status(struct cli *cli);
int command_supervise(struct cli *cli);
int command_unit(struct cli *cli);
int command_up(struct cli *cli);
int command_version(struct cli *cli);

/* A file below config_dir, data_dir or run_dir. */
const char *cli_config_file(struct cli *cli, const char *name);
const char *cli_data_file(struct cli *cli, const char *name);
const char *cli_run_file(struct cli *cli, const char *name);
/* One of our programs: beside this one. */
const char *cli_program(struct cli *cli, const char *name);
/* ALAMO_ROOT, --data-dir or the like made this a cloud beside the machine's own. */
bool cli_is_second(const struct cli *cli);
