/* prepare: everything a cloud needs on disk before a daemon is started. */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/pki.h"
#include "auth/seal.h"
#include "base/env.h"
#include "cli/confs.h"
#include "cli/files.h"
#include "cli/host.h"
#include "cli/process.h"
#include "cli/steps.h"
#include "cli/trust.h"

enum { PASSWORD_CHARS = 24 };
/* The group QEMU runs as: it may read images. */
static const char qemu_group[] = "libvirt-qemu";

static int make_user(struct cli *cli)
{
    const char *user = cli->settings.user;

    if (geteuid() != 0 || getpwnam(user))
        return 0;
    const char *const argv[] = { "useradd",      "--system",
                                 "--user-group", "--no-create-home",
                                 "--home-dir",   cli->settings.data_dir,
                                 "--shell",      "/usr/sbin/nologin",
                                 user,           NULL };
    TRY(process_must(cli, argv));
    return 1;
}

static int make_directories(struct cli *cli)
{
    const struct cli_settings *s = &cli->settings;
    const struct {
        const char *path;
        enum owner owner;
        const char *group;
        mode_t mode;
    } dirs[] = {
        { s->config_dir, OWNER_ROOT, s->user, 0750 },
        { s->data_dir, OWNER_USER, NULL, 0711 },
        { cli_data_file(cli, "log"), OWNER_ROOT, NULL, 0750 },
        { cli_data_file(cli, "images"), OWNER_USER, qemu_group, 02750 },
        { cli_data_file(cli, "agent"), OWNER_ROOT, NULL, 0711 },
        { s->run_dir, OWNER_ROOT, NULL, 0755 },
    };
    int changed = 0;

    for (size_t i = 0; i < N_ELEMENTS(dirs); i++) {
        int r = files_dir(cli, dirs[i].path, dirs[i].owner, dirs[i].group, dirs[i].mode);
        if (r < 0)
            return r;
        changed |= r;
    }
    return changed;
}

int prepare_places(struct cli *cli)
{
    int user = make_user(cli);
    if (user < 0)
        return user;
    int directories = make_directories(cli);
    return directories < 0 ? directories : user | directories;
}

static int keep_settings(struct cli *cli)
{
    return cli_settings_save(cli->cx, &cli->settings);
}

static int complete_settings(struct cli *cli)
{
    return cli_settings_complete(cli->cx, &cli->settings);
}

/* libvirtd looks its own host's name up at every start of a guest; without an answer that takes 10 seconds.
 */
static int make_hosts_entry(struct cli *cli)
{
    const char *name = host_name(cli->cx), *text;

    if (geteuid() != 0 || host_name_in_hosts(name))
        return 0;
    CLEAN_FD fd = open("/etc/hosts", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    text = cx_printf(cli->cx, "127.0.1.1 %s\n", name);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return fail(cli->cx, KIND_INTERNAL,
                    "/etc/hosts lacks this machine's name %s and cannot be written: %s", name,
                    strerror(errno));
    return 1;
}

static int make_password(struct cli *cli, const char *name, const char *given)
{
    const char *password = given ? given : secret_new(cli->cx->arena, PASSWORD_CHARS);
    return files_new(cli, cli_config_file(cli, name), cx_printf(cli->cx, "%s\n", password), OWNER_USER, 0600);
}

static int make_passwords(struct cli *cli)
{
    int admin = make_password(cli, "admin.password", cli->settings.admin_password);
    if (admin < 0)
        return admin;
    int demo = make_password(cli, "demo.password", cli->settings.demo_password);
    return demo < 0 ? demo : admin | demo;
}

static int bad_pki(struct cli *cli, const char *what, int r)
{
    return fail(cli->cx, KIND_INTERNAL, "the %s in %s cannot be made: %s%s", what, cli->settings.config_dir,
                strerror(-r), r == -ENOKEY ? " (ca.pem is there, ca-key.pem is not: restore it)" : "");
}

/* Names by which clients and the agent on this machine reach the server. */
static struct strs server_names(struct cli *cli)
{
    const char *const all[] = {
        cli->settings.public_address, "127.0.0.1", "::1", "localhost", host_name(cli->cx),
        cli->settings.https_address
    };
    struct strs names = { 0 };

    for (size_t i = 0; i < N_ELEMENTS(all); i++) {
        bool known = str_eq(all[i], "0.0.0.0");
        for (size_t j = 0; j < names.n; j++)
            known |= str_eq(names.items[j], all[i]);
        if (!known)
            *arena_push(cli->cx->arena, &names.items, &names.n) = all[i];
    }
    return names;
}

static int make_certificates(struct cli *cli)
{
    CLEANUP(pki_ca_freep) struct pki_ca *ca = NULL;
    const char *key = cli_config_file(cli, "server-key.pem"), *ca_pem = cli_config_file(cli, "ca.pem");
    bool made = !files_there(ca_pem);

    int r =
        pki_ca_ensure(&ca, cli->settings.config_dir, cx_printf(cli->cx, "Alamo %s", cli->settings.region));
    if (r < 0)
        return bad_pki(cli, "certificate authority", r);
    int server = pki_server_ensure(ca, cli_config_file(cli, "server.pem"), key, server_names(cli));
    if (server < 0)
        return bad_pki(cli, "server's certificate", server);
    int agent = pki_client_ensure(ca, cli_config_file(cli, "agent.pem"),
                                  cli_config_file(cli, "agent-key.pem"), cli->settings.host_name);
    if (agent < 0)
        return bad_pki(cli, "agent's certificate", agent);
    TRY(files_owner(cli, cli_config_file(cli, "server.pem"), OWNER_ROOT, 0644));
    TRY(files_owner(cli, ca_pem, OWNER_ROOT, 0644));
    TRY(files_owner(cli, key, OWNER_USER, 0600));
    cli->confs_changed |= server || agent;
    return made || server || agent;
}

/* The keys that what users keep in the cloud is sealed with. */
static int make_secret_keys(struct cli *cli)
{
    CLEANUP(seal_ring_freep) struct seal_ring *ring = NULL;
    const char *path = cli_config_file(cli, "secret.keys");
    bool made = !files_there(path);
    int r = seal_ring_load(&ring, path);

    if (r < 0)
        return fail(cli->cx, KIND_INTERNAL, "%s cannot be used: %s", path, strerror(-r));
    r = files_owner(cli, path, OWNER_USER, 0600);
    return r < 0 ? r : made;
}

/* clang-format off */
const struct step prepare_steps[] = {
    { "user, directories", prepare_places },
    { "settings", keep_settings },
    { "this machine", complete_settings },
    { "name in /etc/hosts", make_hosts_entry },
    { "first passwords", make_passwords },
    { "certificates", make_certificates },
    { "trust in them", trust_ensure },
    { "keys for kept secrets", make_secret_keys },
    { "configuration", confs_write },
    { 0 },
};
/* clang-format on */

int command_prepare(struct cli *cli)
{
    int changed = steps_run(cli, prepare_steps);
    if (changed == 0)
        puts("nothing to change");
    return changed < 0 ? changed : 0;
}
