/* power.h - what tenants want of a server's power, and how each wish ends.
 *
 * A wish is checked against the state, written as what is wanted of the host with a new generation and a deadline, and
 * shown as a task_state until the host reports it done (server_arrived) or it fails (server_failed). */
#pragma once
#include "compute/server.h"

/* Seconds that a transition may take on a machine of usual speed. */
enum { POWER_BUILD_S = 600, POWER_CHANGE_S = 300, POWER_DELETE_S = 300, POWER_SNAPSHOT_S = 3600 };
int64_t power_deadline(const struct cx *cx, int64_t seconds);

enum power_verb { VERB_START, VERB_STOP, VERB_REBOOT_SOFT, VERB_REBOOT_HARD, VERB_PAUSE, VERB_UNPAUSE, VERB_SUSPEND, VERB_RESUME };
/* Errors: CONFLICT (the state does not allow it; it is locked). */
int server_power(struct cx *cx, struct server *server, enum power_verb verb) MUST_CHECK;
/* Errors: CONFLICT when there is a task, or the state is none of 'states' (ended by NULL); 'verb' is for the text. */
int server_check_state(struct cx *cx, const struct server *server, const char *verb, const char *const *states) MUST_CHECK;
int server_lock(struct cx *cx, struct server *server, const char *reason) MUST_CHECK;
int server_unlock(struct cx *cx, struct server *server) MUST_CHECK;
/* An admin's word: "active" or "error". */
int server_reset_state(struct cx *cx, struct server *server, const char *state) MUST_CHECK;

/* The host has made true what is wanted. */
int server_arrived(struct cx *cx, struct server *server) MUST_CHECK;
/* It never will: ERROR with 'message' (which gets a next step if it names none) and 'details', and a new generation that wants what was there before; a server that
 * never ran loses its place. */
int server_failed(struct cx *cx, struct server *server, const char *message, const char *details) MUST_CHECK;
/* The guest went off without anybody asking; 'crashed' or by its own shutdown. */
int server_went_off(struct cx *cx, struct server *server, bool crashed) MUST_CHECK;
