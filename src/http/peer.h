/* peer.h - who is at the other end of a connection. */
#pragma once
#include "base/base.h"

struct sockaddr;
struct gnutls_session_int;

enum { PEER_TEXT_SIZE = 48 };
/* The address without the port, for the log; an IPv4 address that came in over IPv6 in its own form. */
void peer_text(const struct sockaddr *address, char ret_text[PEER_TEXT_SIZE]);

/* The common name of the client's certificate, to be freed, when its chain leads to the CA of the listener, is valid
 * now and may be used by a client; NULL otherwise, also when there is none or more than one name. */
char *peer_cn(struct gnutls_session_int *session);
/* The TLS library that peer_cn() needs is there. */
bool peer_cn_works(void);
