/* agents.h - the agents' side of the controller: their port, their reports, their plans.
 *
 * Every agent has a certificate whose common name is its host's name; nothing is answered without one.
 *   POST /agent/v1/sync              struct wire_sync in, struct wire_answer out; held until something differs
 *   GET  /agent/v1/images/{id}       the bytes of an image that one of the host's guests uses
 *   PUT  /agent/v1/images/{id}/file  the bytes of a snapshot that this host was asked for
 *   PUT  /agent/v1/consoles/{id}     the end of a server's console log
 *   PUT  /agent/v1/passwords/{id}    what a guest posted as its password
 *   GET  /agent/v1/relay/{ticket}    a guest's screen, for a browser that waits for it (controller/relays.h)
 * A held call ends after HOLD_S seconds with an empty answer: a closed client is not noticed while it is held. */
#pragma once
#include "http/server.h"
#include "store/store.h"

struct agents;
struct relays;    /* controller/relays.h */
struct transfers; /* controller/transfers.h */

struct agents_config {
    struct store *store;
    const struct transfers *transfers; /* must outlive the agents */
    struct relays *relays;             /* this too */
};
/* Starts the planning thread.  Call it before the store's first write (it listens to the change feed). */
struct agents *agents_new(const struct agents_config *config);
/* The functions to give to http_server_start(); user of the mutual-TLS port only. */
struct http_handler agents_http_handler(struct agents *a);
/* Answers whoever is held, ends the thread; who comes later gets 503.  Call it before http_server_stop(). */
void agents_stop(struct agents *a);
void agents_free(struct agents *a);
