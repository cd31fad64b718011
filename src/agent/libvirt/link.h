/* link.h - a connection to libvirtd that can be cut.
 *
 * libvirt's library waits for an answer without end, and nothing in it makes a waiting call give up.  So it does not talk to
 * libvirtd but to a socket of our own, from where a thread carries the bytes on: cut that, and every call on it fails at
 * once. */
#pragma once
#include "base/base.h"

struct link;

/* Makes a socket in 'dir' (mode 0600, for one connection, by this process only; its name goes when that has come) and carries
 * what comes to the socket 'server'.  'dir' and 'server' are copied.  Errors: -ENOENT, -ECONNREFUSED (nobody
 * listens there), other negative errno. */
int link_open(struct link **ret_link, const char *dir, const char *server) MUST_CHECK;
/* The socket's name. */
const char *link_path(const struct link *l);
/* Both ends see the end of the connection.  Any thread may call it. */
void link_cut(struct link *l);
/* The same, and frees it.  NULL is fine. */
void link_close(struct link *l);
