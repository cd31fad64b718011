/* status: the cloud on one screen. */
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/confs.h"
#include "cli/daemons.h"
#include "cli/files.h"
#include "cli/libvirtd.h"
#include "cli/objects.h"

enum { LOG_TAIL = 64 * 1024, ERRORS_SHOWN = 5 };

static void show_daemons(struct cli *cli)
{
    for (int d = 0; d < DAEMON_N; d++) {
        bool runs = daemons_running(cli, (enum daemon)d);
        if (d == DAEMON_LIBVIRTD && !runs)
            printf("libvirtd: %s\n", libvirtd_answers() ? "runs (the machine's own)" : "does not run");
        else
            printf("%s: %s\n", daemon_names[d],
                   runs ? cx_printf(cli->cx, "runs, %s", daemons_version(cli, (enum daemon)d)) : "does not run");
    }
}

static int show_hosts(struct api *api)
{
    struct list hosts;

    TRY(api_hosts(api, &hosts));
    const struct api_host *h = hosts.items;
    for (size_t i = 0; i < hosts.n; i++)
        printf("host %s: %s, %s, %s %d.%d.%d, %d servers running\n", h[i].hypervisor_hostname, h[i].state,
               h[i].status, h[i].hypervisor_type, (int)(h[i].hypervisor_version / 1000000),
               (int)(h[i].hypervisor_version / 1000 % 1000), (int)(h[i].hypervisor_version % 1000),
               (int)h[i].running_vms);
    return 0;
}

static void show_counts(struct cli *cli, const struct api_server *s, size_t n)
{
    struct {
        const char *status;
        int n;
    } *counts = NULL;
    size_t n_counts = 0;

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < n_counts && !str_eq(counts[k].status, s[i].status))
            k++;
        if (k == n_counts)
            arena_push(cli->cx->arena, &counts, &n_counts)->status = s[i].status;
        counts[k].n++;
    }
    printf("servers:%s", n ? "" : " none");
    for (size_t k = 0; k < n_counts; k++)
        printf("%s %d %s", k ? "," : "", counts[k].n, counts[k].status);
    puts("");
}

static int show_servers(struct cli *cli, struct api *api)
{
    struct list servers;

    TRY(api_servers(api, true, &servers));
    const struct api_server *s = servers.items;
    show_counts(cli, s, servers.n);
    for (size_t i = 0; i < servers.n; i++)
        if (s[i].fault && s[i].fault->message)
            printf("fault of %s (%s): %s\n", s[i].name, s[i].id, s[i].fault->message);
    return 0;
}

/* The last lines of a log that are errors. */
static void show_errors(struct cli *cli, const char *name)
{
    static char text[LOG_TAIL];
    const char *errors[ERRORS_SHOWN];
    size_t n = 0;
    char *save = NULL;
    FILE *file = fopen(daemon_log_file(cli, name), "re");

    if (!file)
        return;
    if (fseek(file, -(LOG_TAIL - 1), SEEK_END) < 0)
        rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    for (const char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (strstr(line, "Z error "))
            errors[n++ % ERRORS_SHOWN] = line;
    for (size_t i = n > ERRORS_SHOWN ? n - ERRORS_SHOWN : 0; i < n; i++)
        printf("%s: %s\n", name, errors[i % ERRORS_SHOWN]);
}

int command_status(struct cli *cli)
{
    struct api *api;

    TRY(cli_settings_complete(cli->cx, &cli->settings));
    bool answers = files_there(cli_config_file(cli, "ca.pem")) && api_answers(cli);
    printf("API: %s (%s)\n", confs_url(cli), answers ? "answers" : "does not answer");
    printf("console: %s/\n", confs_url(cli));
    show_daemons(cli);
    if (answers) {
        TRY(api_login_admin(cli, &api));
        TRY(show_hosts(api));
        TRY(show_servers(cli, api));
    }
    show_errors(cli, "alamod");
    show_errors(cli, "alamo-agent");
    if (!answers)
        puts("start it with: alamo up");
    return !answers;
}
