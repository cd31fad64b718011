/* drain.h - closes connections whose client may still be sending.
 *
 * A socket that is closed with bytes unread resets the connection, and the reset can overtake the answer: the client
 * of a refused upload would see "connection reset" where 413 was sent.  So such a socket is only half closed; what
 * still comes in is thrown away until the client closes too, or its time is up (RFC 9112, 9.6). */
#pragma once
#include "base/base.h"

struct drain;

/* Starts the thread that waits.  Errors: negative errno. */
int drain_new(struct drain **ret_drain) MUST_CHECK;
/* Closes all that is left, ends the thread.  NULL is fine. */
void drain_free(struct drain *d);
/* Takes over the connected socket 'fd', from any thread.  With too many of them it is closed at once. */
void drain_take(struct drain *d, int fd);
