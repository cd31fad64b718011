/* timers.h - what the controller does on its own: deadlines of servers, files of deleted images and servers. */
#pragma once
#include "store/store.h"

struct timers;
struct transfers; /* controller/transfers.h */
/* Starts the thread. */
struct timers *timers_start(struct store *store, const struct transfers *transfers);
void timers_stop(struct timers *t); /* NULL is fine */
