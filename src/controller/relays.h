/* relays.h - joins a browser's WebSocket with a guest's screen, which only the guest's host can reach.
 *
 * A controller never dials a host.  So the browser's side waits; the host learns of it with its next sync
 * answer (a held call is answered at once) and calls back with the ticket it got; then bytes go to and fro
 * until either side ends. A ticket works once, for the host it was made for, while the browser waits. */
#pragma once
#include "base/field.h"
#include "http/server.h"
#include "wire/plan.h"

struct relays;

enum { RELAYS_WAIT_S = 15, RELAYS_PER_HOST = 16, RELAYS_MAX = 256 };

/* 'wait_s' is how long a host has to call back (times slow_factor()); 0: RELAYS_WAIT_S. */
struct relays *relays_new(unsigned wait_s);
/* Call it when the HTTP servers have stopped.  NULL is fine. */
void relays_free(struct relays *r);
/* 'opened' is called, from any thread, when a host has something to pick up; before the first relays_show().
 */
void relays_listen(struct relays *r, void (*opened)(void *arg), void *arg);

/* Shows the guest's screen on the WebSocket 'fd' until either side ends; when the host does not call back in
 * time, or has too many relays, the WebSocket is closed with 1013.  Blocks, closes
 * nothing; it returns soon when 'fd' is shut down.  'extra' are bytes that the browser sent already. */
void relays_show(void *relays, const char *host_name, const char *guest_id, int fd, const void *extra,
                 size_t n_extra);

/* ---- for the agents' port ---- */

/* The host has to be told of a relay. */
bool relays_has(struct relays *r, const char *host_name);
/* What to tell the host: struct wire_relay.  Each is told once, and again after some seconds, as an answer
 * may be lost. */
struct list relays_pending(struct relays *r, struct arena *a, const char *host_name);
/* The request's path is that of a relay. */
bool relays_wants(const struct http_rq *http);
/* GET /agent/v1/relay/{ticket} with "Upgrade: alamo-relay", of a host whose certificate was checked: replies,
 * now or by handing the socket over.  To be called by run(). */
void relays_take(struct relays *r, struct http_rq *http);
