#include "cli/steps.h"

#include <stdio.h>
#include <string.h>

#include "base/env.h"

int steps_run(struct cli *cli, const struct step *steps)
{
    int changed = 0;

    for (const struct step *s = steps; s->name; s++) {
        int64_t start_us = monotonic_us();
        int r = s->run(cli);
        if (r < 0) {
            cli->cx->text =
                cx_printf(cli->cx, "%s: %s", s->name, cli->cx->text ? cli->cx->text : strerror(-r));
            return r;
        }
        if (r > 0)
            printf("%-22s %5.1f s\n", s->name, (double)(monotonic_us() - start_us) / 1e6);
        changed += r > 0;
    }
    return changed;
}
