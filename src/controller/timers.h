/* timers.h - what the controller does on its own: deadlines of servers, files of deleted images. */
#pragma once
#include "store/store.h"

struct timers;
struct images; /* image/files.h */
/* Starts the thread. */
struct timers *timers_start(struct store *store, struct images *images);
void timers_stop(struct timers *t); /* NULL is fine */
