/* ssh NAME: logs in to a server of the first user. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/login.h"
#include "cli/objects.h"

struct strs login_words(struct cli *cli, const struct login *login)
{
    struct strs words = { 0 };
    const char *const fixed[] = { "ssh",
                                  "-i",
                                  cli_config_file(cli, "demo.key"),
                                  "-o",
                                  "IdentitiesOnly=yes",
                                  "-o",
                                  "StrictHostKeyChecking=accept-new",
                                  "-o",
                                  cx_printf(cli->cx, "UserKnownHostsFile=%s",
                                            cli_config_file(cli, "known_hosts")),
                                  "-o",
                                  cx_printf(cli->cx, "HostKeyAlias=%s", login->server_id) };
    const char *const batch[] = { "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o", "LogLevel=ERROR" };

    for (size_t i = 0; i < N_ELEMENTS(fixed); i++)
        *arena_push(cli->cx->arena, &words.items, &words.n) = fixed[i];
    for (size_t i = 0; login->batch && i < N_ELEMENTS(batch); i++)
        *arena_push(cli->cx->arena, &words.items, &words.n) = batch[i];
    *arena_push(cli->cx->arena, &words.items, &words.n) =
        cx_printf(cli->cx, "%s@%s", login->user, login->address);
    return words;
}

static int find_server(struct cli *cli, struct api *api, const char *name, struct api_server *ret)
{
    struct list servers;

    TRY(api_servers(api, false, &servers));
    const struct api_server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++)
        if (str_eq(s[i].name, name) || str_eq(s[i].id, name))
            return api_server(api, s[i].id, ret);
    return fail(cli->cx, KIND_NOT_FOUND, "the project %s has no server %s", cli->settings.demo_user, name);
}

/* The image says who logs in; the user's own name is there too, but every image knows the former. */
static int find_user(struct api *api, const struct api_server *s, const char **ret_user)
{
    struct api_image image = { 0 };

    *ret_user = "cirros";
    if (!s->image)
        return 0;
    TRY(api_image_by_id(api, s->image->id, &image));
    if (image.os_admin_user || image.login_user)
        *ret_user = image.os_admin_user ? image.os_admin_user : image.login_user;
    return 0;
}

int command_ssh(struct cli *cli)
{
    struct api *api;
    struct api_server s;
    struct api_ref port;
    struct api_floating floating;
    struct login login = { 0 };

    TRY(cli_settings_complete(cli->cx, &cli->settings));
    TRY(api_login_demo(cli, &api));
    TRY(find_server(cli, api, cli->argv[0], &s));
    TRY(api_server_port(api, s.id, &port));
    if (!port.id)
        return fail(cli->cx, KIND_CONFLICT, "the server %s has no network port", s.name);
    TRY(api_port_floating(api, port.id, &floating));
    if (!floating.floating_ip_address)
        return fail(cli->cx, KIND_CONFLICT,
                    "the server %s has no floating IP: give it one with openstack server add floating ip",
                    s.name);
    TRY(find_user(api, &s, &login.user));
    login.address = floating.floating_ip_address;
    login.server_id = s.id;
    struct strs words = login_words(cli, &login);
    for (int i = 1; i < cli->argc; i++)
        *arena_push(cli->cx->arena, &words.items, &words.n) = cli->argv[i];
    *arena_push(cli->cx->arena, &words.items, &words.n) = NULL;
    execvp("ssh", (char **)(uintptr_t)words.items);
    return fail(cli->cx, KIND_UNAVAILABLE, "ssh cannot be run: %s", strerror(errno));
}
