/* plan_load.h - reads the rows of one host for plan/. */
#pragma once
#include "plan/plan.h"
#include "store/store.h"

/* Fills '*ret_input' with what is wanted of the host, in the snapshot of cx->txn; a constant number of statements per
 * table, whatever the number of servers. */
int plan_load(struct cx *cx, const char *host_id, struct plan_input *ret_input) MUST_CHECK;
