/* pki.h - the installation's own certificate authority.
 *
 * Each installation has one: a P-256 key and a certificate for ten years.  It signs the server's certificate,
 * which clients check against ca.pem, and one certificate per host, by which an agent is known.  The "ensure"
 * functions are run at every start and by a timer: they leave alone what is there and good for 30 more days,
 * and make or renew the rest.  Whether a host is still welcome is a row in the store, not a revocation list.
 */
#pragma once
#include "base/arena.h"
#include "base/field.h"

enum {
    PKI_CA_DAYS = 3650,
    PKI_SERVER_DAYS = 397, /* browsers take no longer ones */
    PKI_CLIENT_DAYS = 825, /* a host that was off for a year still comes back */
    PKI_RENEW_DAYS = 30,
};

struct pki_ca;

/* Opens the authority in 'directory' (ca.pem, and ca-key.pem with mode 0600), which exists; makes one called
 * 'name' when there is none, and renews its certificate, with the same key, before it ends. Errors: -ENOKEY
 * (a certificate without its key: a new authority would lock every host out, so none is made; restore the
 * key), -EBADMSG (the two do not match, or are no PEM), -EPERM (the key is open to others), other negative
 * errno. */
int pki_ca_ensure(struct pki_ca **ret_ca, const char *directory, const char *name) MUST_CHECK;
void pki_ca_free(struct pki_ca *ca);
void pki_ca_freep(struct pki_ca **ca);
/* The authority's certificate, for those who are to trust it. */
const char *pki_ca_pem(const struct pki_ca *ca, struct arena *a);

/* Makes sure that 'cert_path' and 'key_path' (mode 0600) hold a server certificate for exactly 'names' (DNS
 * names and addresses) and its key, signed by 'ca' as it is now.  Returns 1 when they were written: load them
 * again; 0 when they were good.  Errors: -EINVAL (no names, or one that no certificate can hold), other
 * negative errno. */
int pki_server_ensure(const struct pki_ca *ca, const char *cert_path, const char *key_path,
                      struct strs names) MUST_CHECK;
/* The same for a client certificate whose common name is 'host_id' (1 to 64 characters). */
int pki_client_ensure(const struct pki_ca *ca, const char *cert_path, const char *key_path,
                      const char *host_id) MUST_CHECK;
/* Makes a client certificate and key for 'host_id' in memory, for the reply to a host that joins. */
int pki_client_issue(const struct pki_ca *ca, const char *host_id, struct arena *a, const char **ret_cert_pem,
                     const char **ret_key_pem) MUST_CHECK;
