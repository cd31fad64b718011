/* upgrade.h - private to http/: connections that left HTTP. */
#pragma once
#include "http/request.h"

/* The response that hands the socket of 'r' to 'ready' once it was sent; NULL without memory. */
struct MHD_Response *upgrade_response(struct request *r,
                                      void (*ready)(void *arg, int fd, const void *extra, size_t n_extra),
                                      void *arg);
/* Under TLS: sends the response and hands the connection over, on the thread of libmicrohttpd, which is then
 * to leave it alone until it is resumed; and then to close it.  MHD_NO: close it now. */
enum MHD_Result upgrade_tls(struct request *r, struct MHD_Response *response);
/* Breaks the sockets that were handed over, so that their threads return. */
void upgrade_abort_all(struct http_server *s);
