/* openrc [USER]: where the file is that logs the openstack command in. */
#include <stdio.h>

#include "cli/confs.h"
#include "cli/files.h"

int command_openrc(struct cli *cli)
{
    const char *user = cli->argc ? cli->argv[0] : "admin", *path = confs_openrc(cli, user);

    if (!path)
        return fail(cli->cx, KIND_NOT_FOUND, "there is no openrc of %s: only of admin and %s", user,
                    cli->settings.demo_user);
    if (!files_there(path))
        return fail(cli->cx, KIND_NOT_FOUND, "there is no %s: run alamo up", path);
    puts(path);
    return 0;
}
