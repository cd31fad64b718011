/* down: stops servers, then daemons, then takes back what the agent made on this host; data stay. */
#include <stdio.h>
#include <string.h>

#include "cli/daemons.h"
#include "cli/files.h"
#include "cli/libvirtd.h"
#include "cli/process.h"
#include "cli/steps.h"

static int agent(struct cli *cli, const char *what)
{
    const char *const argv[] = { cli_program(cli, "alamo-agent"), "--config",
                                 cli_config_file(cli, "agent.conf"), what, NULL };

    return files_there(argv[2]) ? process_must(cli, argv) : 0;
}

static int stop(struct cli *cli, enum daemon daemon)
{
    int news = daemons_want(cli, daemon, false);

    if (news < 0)
        return news;
    TRY(daemons_wait_gone(cli, daemon));
    return news;
}

static int stop_agent(struct cli *cli)
{
    return stop(cli, DAEMON_AGENT);
}
static int stop_guests(struct cli *cli)
{
    if (strcmp(cli->settings.driver, "real") != 0 || !libvirtd_answers())
        return 0;
    TRY(agent(cli, "--stop-guests"));
    return 1;
}

/* Also what a run that died here has left. */
static int take_network_back(struct cli *cli)
{
    bool there = files_there(cx_printf(cli->cx, "/sys/class/net/%s", cli->settings.bridge));

    TRY(agent(cli, "--teardown"));
    return there;
}

static int stop_controller(struct cli *cli)
{
    return stop(cli, DAEMON_ALAMOD);
}
static int stop_libvirtd(struct cli *cli)
{
    return stop(cli, DAEMON_LIBVIRTD);
}

/* The agent first: it would start again what is stopped here. */
static const struct step steps[] = {
    { "agent stopped", stop_agent },
    { "servers stopped", stop_guests },
    { "network taken back", take_network_back },
    { "controller stopped", stop_controller },
    { "libvirtd stopped", stop_libvirtd },
    { "supervisor ended", daemons_end },
    { 0 },
};

int command_down(struct cli *cli)
{
    int changed = steps_run(cli, steps);
    if (changed == 0)
        puts("nothing to change");
    return changed < 0 ? changed : 0;
}
