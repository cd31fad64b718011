/* doctor.h - looks for what is in the way of a cloud on this machine. */
#pragma once
#include "cli/cli.h"

/* Step of `up`: fails with the first finding that makes a cloud impossible, and its repair. */
int doctor_step(struct cli *cli) MUST_CHECK;
