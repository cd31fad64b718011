/* preload.h - what a new cloud is given.  Steps of `up`; see steps.h for what they return. */
#pragma once
#include "cli/cli.h"

#define PRELOAD_KEY                                                                                          \
    "demo" /* name of the first user's keypair; its private half is demo.key in config_dir                   \
            */

/* The guest image that is preloaded. */
const char *preload_file(struct cli *cli);
int preload_images(struct cli *cli) MUST_CHECK;
int preload_keypair(struct cli *cli) MUST_CHECK;
int preload_rules(struct cli *cli) MUST_CHECK;

/* What the guest image's kernel is told. */
extern const char preload_command_line[];

/* first.c: servers of the first user, with the preloaded key. */
struct api;
struct new_server {
    const char *name, *flavor, *image_id;
};
int first_make_server(struct cli *cli, struct api *api, const struct new_server *new_server,
                      const char **ret_id) MUST_CHECK;
/* It has a floating IP; one that it has stays. */
int first_give_floating(struct cli *cli, struct api *api, const char *server_id) MUST_CHECK;

/* The first server, reachable by its floating IP. */
int first_server(struct cli *cli) MUST_CHECK;
int first_answers_ping(struct cli *cli) MUST_CHECK;
int first_answers_ssh(struct cli *cli) MUST_CHECK;
int first_answers_http(struct cli *cli) MUST_CHECK;
/* The command to log in to it; NULL once the operator has deleted it. */
int first_ssh_command(struct cli *cli, const char **ret_command) MUST_CHECK;
