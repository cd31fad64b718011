/* plan_guests.h - the guest documents of a host; for plan_load.c. */
#pragma once
#include "compute/server.h"
#include "controller/plan_nics.h"

int plan_load_guests(struct cx *cx, const char *host_id, const struct plan_nics *nics, struct list *ret_guests) MUST_CHECK;
