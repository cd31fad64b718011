/* steps.h - `up` and its kin as lists of steps: each is done again at every run, and finds most of it done.
 */
#pragma once
#include "cli/cli.h"

struct step {
    const char *name;
    /* Returns 1 when it changed something, 0 when all was there, or a failure recorded in cx. */
    int (*run)(struct cli *cli);
};

/* Runs the steps to the first failure, whose text then names the step.  Says of each that changed something
 * what it took.  Returns how many did. */
int steps_run(struct cli *cli, const struct step *steps) MUST_CHECK;

/* prepare.c: all that can be made before anything is started. */
extern const struct step prepare_steps[];
/* The first of them: the user, and the directories; before a restore. */
int prepare_places(struct cli *cli) MUST_CHECK;
