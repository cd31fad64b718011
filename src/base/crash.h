/* crash.h - places where the crash tests end the process.
 *
 * A point stands before and after every store commit, reply, driver act, journal write, rename and fsync.  Started
 * with ALAMO_CRASH_AT=n in its environment the process dies as by kill -9 when it passes its n-th point, with
 * ALAMO_CRASH_AT=NAME:n when it passes the n-th one of that name; with
 * ALAMO_CRASH_LOG=FILE it appends each point's name to FILE, which is how the runner counts them.  Without either a
 * point costs one comparison. */
#pragma once
#include "base/base.h"

void crash_point(const char *name);
