#include "cli/confs.h"

#include <string.h>

#include "base/buf.h"
#include "cli/files.h"
#include "cli/host.h"

static const char head[] = "# Made by `alamo up` from alamo.conf; changes made here are lost.\n";

const char *confs_url(struct cli *cli)
{
    return cx_printf(cli->cx, "https://%s:%d", cli->settings.public_address, cli->settings.https_port);
}

const char *confs_openrc(struct cli *cli, const char *user)
{
    const struct cli_settings *s = &cli->settings;

    if (str_eq(user, "admin"))
        return cli_config_file(cli, "admin-openrc.sh");
    if (str_eq(user, "demo") || str_eq(user, s->demo_user))
        return cli_config_file(cli, "demo-openrc.sh");
    return NULL;
}

static void put(struct buf *b, const char *key, const char *value)
{
    if (value)
        buf_printf(b, "%s = %s\n", key, value);
}

static void put_words(struct buf *b, const char *key, struct strs words)
{
    buf_printf(b, "%s =", key);
    for (size_t i = 0; i < words.n; i++)
        buf_printf(b, " %s", words.items[i]);
    buf_putc(b, '\n');
}

static const char *alamod_conf(struct cli *cli)
{
    const struct cli_settings *s = &cli->settings;
    struct buf b = buf_new(cli->cx->arena);

    buf_puts(&b, head);
    put(&b, "address", s->https_address);
    buf_printf(&b, "port = %d\nhttp_port = %d\nagent_port = %d\n", s->https_port, s->http_port,
               s->agent_port);
    put(&b, "public_url", confs_url(cli));
    put(&b, "config_dir", s->config_dir);
    put(&b, "data_dir", s->data_dir);
    put(&b, "user", s->user);
    put(&b, "region", s->region);
    put(&b, "demo_user", s->demo_user);
    put(&b, "fixed_range", s->fixed_range);
    put(&b, "floating_range", s->floating_range);
    put(&b, "public_gateway", host_default_gateway(cli->cx));
    put_words(&b, "dns", s->dns);
    return buf_text(&b);
}

static const char *agent_conf(struct cli *cli)
{
    const struct cli_settings *s = &cli->settings;
    struct buf b = buf_new(cli->cx->arena);

    buf_puts(&b, head);
    buf_printf(&b, "controller_url = https://127.0.0.1:%d\n", s->agent_port);
    put(&b, "ca_file", cli_config_file(cli, "ca.pem"));
    put(&b, "cert_file", cli_config_file(cli, "agent.pem"));
    put(&b, "key_file", cli_config_file(cli, "agent-key.pem"));
    put(&b, "host_name", s->host_name);
    put(&b, "public_nic", s->public_nic);
    put(&b, "bridge", s->bridge);
    put(&b, "state_dir", cli_data_file(cli, "agent"));
    put(&b, "run_dir", s->run_dir);
    put(&b, "image_dir", cli_data_file(cli, "images"));
    put(&b, "driver", s->driver);
    put(&b, "kvm", s->kvm);
    buf_printf(&b, "metadata_port = %d\napi_port = %d\n", s->metadata_port, s->https_port);
    put_words(&b, "dns", s->dns);
    put_words(&b, "dmz", s->dmz);
    return buf_text(&b);
}

/* 'text' as one word of the shell. */
static const char *quoted(struct cli *cli, const char *text)
{
    struct buf b = buf_new(cli->cx->arena);

    buf_putc(&b, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buf_puts(&b, "'\\''");
        else
            buf_putc(&b, *text);
    buf_putc(&b, '\'');
    return buf_text(&b);
}

static const char *openrc(struct cli *cli, const char *user, const char *project, const char *password)
{
    const struct strpair variables[] = {
        { "OS_AUTH_TYPE", "password" },
        { "OS_AUTH_URL", cx_printf(cli->cx, "%s/identity/v3", confs_url(cli)) },
        { "OS_IDENTITY_API_VERSION", "3" },
        { "OS_USERNAME", user },
        { "OS_USER_DOMAIN_NAME", "Default" },
        { "OS_PROJECT_NAME", project },
        { "OS_PROJECT_DOMAIN_NAME", "Default" },
        { "OS_REGION_NAME", cli->settings.region },
        { "OS_INTERFACE", "public" },
        { "OS_CACERT", cli_config_file(cli, "ca.pem") },
        { "OS_PASSWORD", password },
    };
    struct buf b = buf_new(cli->cx->arena);

    buf_puts(&b, "# For the openstack command: . this file.  It holds the password.\n");
    for (size_t i = 0; i < N_ELEMENTS(variables); i++)
        buf_printf(&b, "export %s=%s\n", variables[i].key, quoted(cli, variables[i].value));
    return buf_text(&b);
}

static int write_openrc(struct cli *cli, const char *name, const char *user, const char *project)
{
    const char *password;

    TRY(files_read(cli, cli_config_file(cli, cx_printf(cli->cx, "%s.password", name)), &password));
    if (!password)
        return fail(cli->cx, KIND_INTERNAL, "%s.password is missing", name);
    char *line = cx_strdup(cli->cx, password);
    line[strcspn(line, "\n")] = 0;
    return files_text(cli, confs_openrc(cli, name), openrc(cli, user, project, line), OWNER_ROOT, 0600);
}

int confs_write(struct cli *cli)
{
    const struct cli_settings *s = &cli->settings;
    const int results[] = {
        files_text(cli, cli_config_file(cli, "alamod.conf"), alamod_conf(cli), OWNER_ROOT, 0644),
        files_text(cli, cli_config_file(cli, "agent.conf"), agent_conf(cli), OWNER_ROOT, 0644),
        write_openrc(cli, "admin", "admin", "admin"),
        write_openrc(cli, "demo", s->demo_user, s->demo_user),
    };
    int changed = 0;

    for (size_t i = 0; i < N_ELEMENTS(results); i++) {
        if (results[i] < 0)
            return results[i];
        changed |= results[i];
    }
    cli->confs_changed |= results[0] || results[1];
    return changed;
}
