/* report.h - what hosts say, taken into the rows; and the deadlines of what they do not say.
 *
 * A report counts only for the generation it names: late ones are ignored, double ones change nothing. */
#pragma once
#include "compute/host.h"
#include "compute/server.h"

/* Stores the host's facts and takes every guest's and task's report.  '*ret_host_id' is the host's row.
 * Runs in a write transaction.  Errors: INTERNAL and the store's only: nothing that a host says is an error. */
int compute_report(struct cx *cx, const struct wire_sync *sync, const char **ret_host_id) MUST_CHECK;
/* Ends every transition whose deadline has passed: ERROR with its cause, and the generation raised, so that a late
 * success is undone.  Deadlines of hosts that are silent are put off.  Returns the number of servers ended. */
int compute_expire(struct cx *cx) MUST_CHECK;
/* Makes the default flavors when there are none. */
int compute_setup(struct cx *cx) MUST_CHECK;
