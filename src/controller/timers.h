/* timers.h - what the controller does on its own: deadlines of servers. */
#pragma once
#include "store/store.h"

struct timers;
/* Starts the thread. */
struct timers *timers_start(struct store *store);
void timers_stop(struct timers *t); /* NULL is fine */
