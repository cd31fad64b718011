/* fake.h - the same three drivers over a pretended world, which lives in another process and outlives the
 * agent.
 *
 * One call is one line to a UNIX socket: "VERB GUEST [ARGUMENT]"; the answer is one line: a number, and a
 * text for failures.  What the world holds, and where it delays or fails, is the test's business (tests/crash/world.py). */
#pragma once
#include "agent/driver.h"

/* Fills 'ret_drivers'; each call connects anew, so that nothing hangs on a world that was restarted. */
int fake_new(struct cx *cx, const char *socket, const char *state_dir,
             void (*changed)(void *arg, const char *guest_id), void *arg,
             struct drivers *ret_drivers) MUST_CHECK;
