/* advice.h - what to do about a failure that ends a wish of a tenant's: pure, a table. */
#pragma once
#include "base/arena.h"

/* What is tried again once the cause is mended. */
enum advice_for { ADVICE_NEW_SERVER, ADVICE_SERVER, ADVICE_SNAPSHOT, ADVICE_FOR_N };

/* 'cause' followed by the next step, as a server's fault shows it; causes that are unknown here send to the agent's log. */
const char *advice(struct arena *a, const char *cause, enum advice_for what);
