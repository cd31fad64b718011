/* login.h - the ssh command that logs in to a server.
 *
 * A server's host key is remembered under the server's id, in a file of ours: addresses change hands. */
#pragma once
#include "cli/cli.h"

struct login {
    const char *address, *user, *server_id;
    bool batch; /* never ask anything, give up soon */
};
/* The words of the command. */
struct strs login_words(struct cli *cli, const struct login *login);
