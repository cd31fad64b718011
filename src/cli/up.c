/* up: from whatever is there to a running cloud with a server that answers. */
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "cli/api.h"
#include "cli/confs.h"
#include "cli/daemons.h"
#include "cli/doctor.h"
#include "cli/libvirtd.h"
#include "cli/objects.h"
#include "cli/preload.h"
#include "cli/process.h"
#include "cli/steps.h"

enum { HOST_UP_S = 90 };

/* Starts the daemon; one that runs with an older configuration, or is an older program, is started again. */
static int start(struct cli *cli, enum daemon daemon)
{
    bool ran = daemons_running(cli, daemon);
    int news = daemons_want(cli, daemon, true);

    if (news < 0)
        return news;
    if (ran && (cli->confs_changed || daemons_outdated(cli, daemon))) {
        TRY(daemons_restart(cli, daemon));
        news = 1;
    }
    return news || !ran;
}

static int start_controller(struct cli *cli)
{
    int news = start(cli, DAEMON_ALAMOD);
    if (news < 0)
        return news;
    TRY(api_wait(cli));
    return news;
}

static int start_agent(struct cli *cli)
{
    return start(cli, DAEMON_AGENT);
}

static int wait_host(struct cli *cli)
{
    int64_t deadline_us = monotonic_us() + HOST_UP_S * 1000000 * slow_factor();
    struct list hosts;
    struct api *api;
    int tries = 0;

    TRY(api_login_admin(cli, &api));
    for (;; tries++) {
        TRY(api_hosts(api, &hosts));
        const struct api_host *h = hosts.items;
        for (size_t i = 0; i < hosts.n; i++)
            if (str_eq(h[i].hypervisor_hostname, cli->settings.host_name) && str_eq(h[i].state, "up"))
                return tries > 0;
        if (monotonic_us() > deadline_us)
            return fail(cli->cx, KIND_UNAVAILABLE, "this host does not report to the controller; %s",
                        daemons_last_words(cli, DAEMON_AGENT));
        sleep_ms(100);
    }
}

static int prepare(struct cli *cli)
{
    return steps_run(cli, prepare_steps);
}

/* libvirtd comes first: what it has to find out about QEMU takes longest, and the rest need not wait for it.
 */
static const struct step first_steps[] = { { "this machine", doctor_step }, { 0 } };
static const struct step early_steps[] = { { "libvirtd", libvirtd_ensure }, { 0 } };
static const struct step late_steps[] = {
    { "controller", start_controller },
    { "agent", start_agent },
    { "guest image", preload_images },
    { "key of the first user", preload_keypair },
    { "rules for ssh, http", preload_rules },
    { "host", wait_host },
    { "first server", first_server },
    { "answers ping", first_answers_ping },
    { "answers ssh", first_answers_ssh },
    { "answers http", first_answers_http },
    { 0 },
};

static int say_where(struct cli *cli)
{
    const char *ssh;

    TRY(first_ssh_command(cli, &ssh));
    printf("API: %s\n", confs_url(cli));
    printf("console: %s/\n", confs_url(cli));
    printf("openrc: %s\n", confs_openrc(cli, "admin"));
    printf("ssh: %s\n", ssh ? ssh : "alamo ssh NAME");
    return 0;
}

int command_up(struct cli *cli)
{
    int64_t start_us = monotonic_us();
    TRY(steps_run(cli, first_steps));
    int changed = prepare(cli);
    if (changed < 0)
        return changed;
    int early = steps_run(cli, early_steps);
    if (early < 0)
        return early;
    int late = steps_run(cli, late_steps);
    if (late < 0)
        return late;
    if (changed + early + late)
        printf("%-22s %5.1f s\n", "up in", (double)(monotonic_us() - start_us) / 1e6);
    else
        puts("nothing to change");
    return say_where(cli);
}
