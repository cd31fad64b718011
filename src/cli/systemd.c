#include "cli/systemd.h"

#include "base/buf.h"
#include "cli/files.h"
#include "cli/process.h"

static int systemctl(struct cli *cli, const char *verb, const char *option, const char *unit)
{
    const char *const argv[] = { "systemctl", verb, option, unit, NULL };
    const char *const bare[] = { "systemctl", verb, unit, NULL };
    return process_must(cli, option ? argv : bare);
}

/* Each unit lets its daemon do what it does and little more. */
static const char *unit_text(struct cli *cli, enum daemon daemon)
{
    const struct cli_settings *s = &cli->settings;
    struct buf b = buf_new(cli->cx->arena);
    bool agent = daemon == DAEMON_AGENT;

    buf_printf(
        &b,
        "# Made by `alamo up`.\n[Unit]\nDescription=%s\nAfter=network-online.target%s\n"
        "Wants=network-online.target\n\n[Service]\nExecStart=%s --config %s\nRestart=always\nRestartSec=1\n"
        "LimitNOFILE=65536\n",
        agent ? "Alamo host agent" : "Alamo controller", agent ? " libvirtd.service" : "",
        cli_program(cli, daemon_names[daemon]), cli_config_file(cli, agent ? "agent.conf" : "alamod.conf"));
    if (!agent)
        buf_printf(
            &b,
            "User=%s\nNoNewPrivileges=true\nProtectSystem=strict\nReadWritePaths=%s\nProtectHome=true\n"
            "PrivateTmp=true\nPrivateDevices=true\nProtectKernelTunables=true\nProtectKernelModules=true\n",
            s->user, s->data_dir);
    else
        buf_puts(&b, "KillMode=process\n"); /* DHCP goes on while the agent is replaced */
    buf_puts(&b, "\n[Install]\nWantedBy=multi-user.target\n");
    return buf_text(&b);
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
                             unit_text(cli, daemon), OWNER_ROOT, 0644);
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
