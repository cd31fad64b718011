/* timers.h - what the controller does on its own: deadlines of servers, files of deleted images and servers,
 * new keys for tokens. */
#pragma once
#include "store/store.h"

struct timers;
struct transfers; /* controller/transfers.h */
struct seal_ring;
struct timers_config {
    struct store *store;
    const struct transfers *transfers;
    struct seal_ring *ring; /* of tokens */
};
/* Starts the thread. */
struct timers *timers_start(const struct timers_config *config);
void timers_stop(struct timers *t); /* NULL is fine */
