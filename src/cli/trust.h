/* trust.h - the machine's own trust in the cloud's authority, so that clients on it need to be told nothing. */
#pragma once
#include "cli/cli.h"

/* The authority's certificate is among those that this machine trusts.  Left alone with the setting trust_ca off, for a
 * cloud below ALAMO_ROOT, which must not change the machine, and where Debian's update-ca-certificates is missing.
 * Returns 1 when it changed something, 0 when all was so, or a failure recorded in cx. */
int trust_ensure(struct cli *cli) MUST_CHECK;
