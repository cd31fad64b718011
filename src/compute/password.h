/* password.h - the password that a guest made for itself and posted to the metadata service, as Windows images do: the
 * cloud keeps what it was given (encrypted with the owner's public key) and cannot read it. */
#pragma once
#include "compute/server.h"

enum { SERVER_PASSWORD_MAX = 255 };

/* Keeps what the guest posted.  Errors: CONFLICT (there is one), INVALID (too long, empty), NOT_FOUND. */
int server_password_keep(struct cx *cx, const char *server_id, const char *text) MUST_CHECK;
/* Sets '*ret_text' to it; "" when there is none. */
int server_password_get(struct cx *cx, const struct server *server, const char **ret_text) MUST_CHECK;
/* Forgets it, so that the guest may post another. */
int server_password_clear(struct cx *cx, const struct server *server) MUST_CHECK;
