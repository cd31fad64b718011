/* prepare DIR HOST...: makes a certificate authority, a server certificate for the loopback addresses and one client
 * certificate per host in DIR, for a cloud that lives as long as a test or a measurement. */
#include <stdio.h>
#include <string.h>

#include "auth/pki.h"

static int make(struct arena *a, const char *dir, char **hosts, int n)
{
    const char *names[] = { "127.0.0.1", "::1", "localhost" };
    CLEANUP(pki_ca_freep) struct pki_ca *ca = NULL;

    TRY(pki_ca_ensure(&ca, dir, "Alamo test authority"));
    TRY(pki_server_ensure(ca, arena_printf(a, "%s/server.pem", dir), arena_printf(a, "%s/server-key.pem", dir),
                          (struct strs){ names, N_ELEMENTS(names) }));
    for (int i = 0; i < n; i++)
        TRY(pki_client_ensure(ca, arena_printf(a, "%s/%s.pem", dir, hosts[i]),
                              arena_printf(a, "%s/%s-key.pem", dir, hosts[i]), hosts[i]));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: prepare DIR HOST...\n");
        return 2;
    }
    CLEAN_ARENA *a = arena_new();
    int r = make(a, argv[1], argv + 2, argc - 2);
    if (r < 0)
        fprintf(stderr, "prepare: %s: %s\n", argv[1], strerror(-r));
    return r < 0;
}
