/* once.h - what the agent's program does once and ends: for operators and for 'alamo check'. */
#pragma once
#include "agent/agent.h"

/* Shuts all guests down, gracefully for a while, and remembers that they should run. */
int once_stop_guests(struct cx *cx, struct agent *a) MUST_CHECK;
/* Prints all that is seen of ours on this host, as one JSON object. */
int once_seen(struct cx *cx, struct agent *a) MUST_CHECK;
