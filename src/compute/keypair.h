/* keypair.h - public keys that users have named, to be put into new servers.  They belong to users, not to projects. */
#pragma once
#include "base/cx.h"
#include "store/store.h"

struct keypair {
    const char *user_id;     /* owner */
    const char *name;        /* 1 to 255 bytes, unique per owner */
    int64_t id;              /* a number, shown in details */
    const char *type;        /* "ssh", "x509" */
    const char *public_key;  /* OpenSSH's one-line form, or a certificate in PEM; 16 KiB at most */
    const char *fingerprint; /* MD5 of the key blob, or SHA-1 of the certificate; hex with colons */
    int64_t created_at;
};
extern const struct table keypair_table;

/* Stores 'keypair' after filling in id, fingerprint and created_at.
 * Errors: INVALID (the key is unreadable), QUOTA (the owner has key_pairs already), CONFLICT (name taken). */
int keypair_add(struct cx *cx, struct keypair *keypair) MUST_CHECK;
/* Errors: NOT_FOUND. */
int keypair_get(struct cx *cx, const char *user_id, const char *name, struct keypair *ret_keypair) MUST_CHECK;
/* The owner's, ordered by name, from after 'marker' (NULL: the first), 'limit' at most (0: all).
 * Errors: INVALID (no such marker). */
int keypair_list(struct cx *cx, const char *user_id, const char *marker, int64_t limit, struct list *ret_keypairs) MUST_CHECK;
/* Servers keep the key they were given.  Errors: NOT_FOUND. */
int keypair_remove(struct cx *cx, const char *user_id, const char *name) MUST_CHECK;

/* ---- pure: compute/sshkey.c ---- */

/* Makes an RSA pair of 2048 bits: an OpenSSH public line that ends in 'comment', and PEM.  Takes a tenth of a second.
 * Errors: INTERNAL. */
int sshkey_make(struct cx *cx, const char *comment, const char **ret_public, const char **ret_private) MUST_CHECK;
/* Errors: INVALID. */
int sshkey_fingerprint(struct cx *cx, const char *public_key, const char **ret_fingerprint) MUST_CHECK;

/* ---- pure: compute/x509key.c ---- */

/* Makes an RSA pair whose public half is a certificate for the login 'user'; both in PEM.  Errors: INTERNAL. */
int x509key_make(struct cx *cx, const char *user, const char **ret_certificate, const char **ret_private) MUST_CHECK;
/* Errors: INVALID. */
int x509key_fingerprint(struct cx *cx, const char *certificate, const char **ret_fingerprint) MUST_CHECK;
