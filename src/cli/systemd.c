/* unit: shows the unit of a daemon. */
#include "cli/systemd.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cli/files.h"
#include "cli/process.h"

static int systemctl(struct cli *cli, const char *verb, const char *option, const char *unit)
{
    const char *const argv[] = { "systemctl", verb, option, unit, NULL };
    const char *const bare[] = { "systemctl", verb, unit, NULL };
    return process_must(cli, option ? argv : bare);
}

/* Each unit lets its daemon do what it does and little more.  The controller starts as root and gives that up itself, when
 * its inspector of images has become somebody who owns nothing, and so that its program may lie where only root looks
 * (/root): no User=, and ProtectHome=read-only. */
const char *systemd_unit(struct cli *cli, enum daemon daemon)
{
    struct buf b = buf_new(cli->cx->arena);
    bool agent = daemon == DAEMON_AGENT;

    buf_printf(
        &b,
        "# Made by `alamo up`.\n[Unit]\nDescription=%s\nAfter=network-online.target%s\n"
        "Wants=network-online.target\nStartLimitIntervalSec=0\n\n[Service]\nExecStart=%s --config %s\nRestart=always\nRestartSec=1\n"
        "LimitNOFILE=65536\n",
        agent ? "Alamo host agent" : "Alamo controller", agent ? " libvirtd.service" : "",
        cli_program(cli, daemon_names[daemon]), cli_config_file(cli, agent ? "agent.conf" : "alamod.conf"));
    if (!agent)
        buf_printf(
            &b,
            "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_SYS_ADMIN CAP_DAC_READ_SEARCH\nNoNewPrivileges=true\nProtectSystem=strict\n"
            "ReadWritePaths=%s\nProtectHome=read-only\nPrivateTmp=true\nPrivateDevices=true\n"
            "ProtectKernelTunables=true\nProtectKernelModules=true\n",
            cli->settings.data_dir);
    else
        buf_puts(&b, "KillMode=process\n"); /* DHCP goes on while the agent is replaced */
    buf_puts(&b, "\n[Install]\nWantedBy=multi-user.target\n");
    return buf_text(&b);
}

pid_t systemd_pid(struct cli *cli, enum daemon daemon)
{
    const char *const argv[] = { "systemctl", "show", "-p", "MainPID", "--value", daemon_names[daemon], NULL };
    const char *output = "";
    return process_run(cli, argv, &output) == 0 ? (pid_t)strtol(output, NULL, 10) : 0;
}

bool systemd_running(struct cli *cli, enum daemon daemon)
{
    const char *const argv[] = { "systemctl", "--quiet", "is-active", daemon_names[daemon], NULL };
    return process_run(cli, argv, NULL) == 0;
}

int systemd_want(struct cli *cli, enum daemon daemon, bool wanted)
{
    const char *name = daemon_names[daemon];
    int changed = 0;

    if (wanted && daemon != DAEMON_LIBVIRTD) { /* libvirtd's unit is its package's */
        changed = files_text(cli, cx_printf(cli->cx, "/etc/systemd/system/%s.service", name),
                             systemd_unit(cli, daemon), OWNER_ROOT, 0644);
        if (changed < 0)
            return changed;
        if (changed)
            TRY(systemctl(cli, "daemon-reload", NULL, NULL));
    }
    if (!changed && systemd_running(cli, daemon) == wanted)
        return 0;
    if (!wanted && daemon == DAEMON_LIBVIRTD)
        return 0; /* others may use it */
    TRY(systemctl(cli, wanted ? "enable" : "disable", "--now", name));
    return 1;
}

int systemd_restart(struct cli *cli, enum daemon daemon)
{
    return systemctl(cli, "restart", NULL, daemon_names[daemon]);
}

int command_unit(struct cli *cli)
{
    for (int d = 0; d < DAEMON_N; d++)
        if (d != DAEMON_LIBVIRTD && str_eq(cli->argv[0], daemon_names[d])) {
            TRY(cli_settings_complete(cli->cx, &cli->settings));
            fputs(systemd_unit(cli, (enum daemon)d), stdout);
            return 0;
        }
    return fail(cli->cx, KIND_INVALID, "%s is none of our daemons: %s, %s", cli->argv[0], daemon_names[DAEMON_ALAMOD],
                daemon_names[DAEMON_AGENT]);
}
