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

/* first.c: the first server, reachable by its floating IP. */
int first_server(struct cli *cli) MUST_CHECK;
int first_answers_ping(struct cli *cli) MUST_CHECK;
int first_answers_ssh(struct cli *cli) MUST_CHECK;
int first_answers_http(struct cli *cli) MUST_CHECK;
/* The command to log in to it; NULL once the operator has deleted it. */
int first_ssh_command(struct cli *cli, const char **ret_command) MUST_CHECK;
