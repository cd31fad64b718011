/* alamo: the operators' command.  A command is a row of the table and a file of its own. */
#include "cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* clang-format off */
static const struct command commands[] = {
    { "up", "", "start the cloud; whatever is missing is made, whatever is there stays", 0, 0, command_up },
    { "down", "", "stop it; servers are shut down, data stay", 0, 0, command_down },
    { "status", "", "show the cloud: daemons and versions, hosts, servers by state, last errors", 0, 0, command_status },
    { "openrc", "[USER]", "say where the file is that logs the openstack command in", 0, 1, command_openrc },
    { "ssh", "NAME [WORD]...", "log in to a server of the first user", 1, 1000, command_ssh },
    { "doctor", "", "look at this machine: what is in the way of a cloud, and how to repair it", 0, 0, command_doctor },
    { "check", "", "compare the cloud's rows with what is on this host; name what has no owner", 0, 0, command_check },
    { "backup", "FILE", "save database, settings, keys; not images and disks", 1, 1, command_backup },
    { "restore", "FILE", "bring them back, while the cloud is down", 1, 1, command_restore },
    { "bench", "[--image FILE] [--no-guest]", "measure this machine's cloud beside what it could be, and beside 2012", 0, 3,
      command_bench },
    { "floating", "create|list|delete [--ip_range=CIDR]", "ranges of floating addresses", 1, 3, command_floating },
    { "version", "", "say which version this is", 0, 0, command_version },
    { "prepare", "", "make what `up` makes before it starts anything", 0, 0, command_prepare },
    { "settings", "", "show all settings", 0, 0, command_settings },
    { "unit", "alamod|alamo-agent", "show the systemd unit that `up` installs where systemd runs", 1, 1, command_unit },
    { "supervise", "", "run the daemons and start them again when they die; `up` starts this", 0, 0, command_supervise },
    { 0 },
};
/* clang-format on */

static int usage(FILE *out)
{
    fputs("usage: alamo COMMAND [--SETTING VALUE]...\n\n", out);
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  %s%s%s\n      %s\n", c->name, *c->arguments ? " " : "", c->arguments, c->help);
    fputs("\nA setting is also read from alamo.conf, from an answer file (--answers FILE) and from "
          "ALAMO_SETTING in the\n"
          "environment; `alamo settings` lists them.\n",
          out);
    return out == stderr ? 2 : 0;
}

static const struct command *find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static int run(struct cli *cli, const struct command *c, int argc, char **argv)
{
    cli->argc = argc;
    cli->argv = argv;
    if (argc < c->min_words || argc > c->max_words) {
        fprintf(stderr, "usage: alamo %s %s\n", c->name, c->arguments);
        return 2;
    }
    return c->run(cli);
}

int main(int argc, char **argv)
{
    CLEAN_CX cx;
    struct cli cli = { .cx = &cx };
    const struct command *c;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!getenv("ALAMO_LOG"))
        log_level_set(LOG_WARN);
    cx_begin(&cx);
    int r = cli_settings_read(&cx, &argc, argv, &cli.settings);
    if (r == 0) {
        if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)
            return usage(argc < 2 ? stderr : stdout);
        c = find(argv[1]);
        if (!c)
            return usage(stderr);
        r = run(&cli, c, argc - 2, argv + 2);
    }
    if (r < 0)
        fprintf(stderr, "alamo: %s\n", cx.text ? cx.text : strerror(-r));
    return r < 0 ? 1 : r;
}

const char *cli_config_file(struct cli *cli, const char *name)
{
    return cx_printf(cli->cx, "%s/%s", cli->settings.config_dir, name);
}

const char *cli_data_file(struct cli *cli, const char *name)
{
    return cx_printf(cli->cx, "%s/%s", cli->settings.data_dir, name);
}

const char *cli_run_file(struct cli *cli, const char *name)
{
    return cx_printf(cli->cx, "%s/%s", cli->settings.run_dir, name);
}

const char *cli_program(struct cli *cli, const char *name)
{
    char self[4096] = "";

    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return name;
    char *slash = strrchr(self, '/');
    return cx_printf(cli->cx, "%.*s/%s", (int)(slash - self), self, name);
}

bool cli_is_second(const struct cli *cli)
{
    return strcmp(cli->settings.config_dir, "/etc/alamo") != 0;
}

int command_version(struct cli *cli)
{
    puts("alamo " ALAMO_VERSION);
    return 0;
}

int command_settings(struct cli *cli)
{
    cli_settings_show(cli->cx, &cli->settings);
    return 0;
}
