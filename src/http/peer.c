#include "http/peer.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

LOG_MODULE("http");

/* These must be functions of the very library that made the session, the one that libmicrohttpd loads: so
 * they are taken from there at run time, and the program is not linked to a second TLS library for its own
 * sake. */
#pragma weak gnutls_certificate_type_get
#pragma weak gnutls_certificate_get_peers
#pragma weak gnutls_certificate_verify_peers
#pragma weak gnutls_x509_crt_init
#pragma weak gnutls_x509_crt_import
#pragma weak gnutls_x509_crt_deinit
#pragma weak gnutls_x509_crt_get_dn_by_oid

bool peer_cn_works(void)
{
    return gnutls_certificate_type_get && gnutls_certificate_get_peers && gnutls_certificate_verify_peers &&
           gnutls_x509_crt_init && gnutls_x509_crt_import && gnutls_x509_crt_deinit &&
           gnutls_x509_crt_get_dn_by_oid;
}

void peer_text(const struct sockaddr *address, char ret_text[PEER_TEXT_SIZE])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;

    ret_text[0] = 0;
    if (!address)
        return;
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, ret_text, PEER_TEXT_SIZE);
    else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret_text, PEER_TEXT_SIZE);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, ret_text, PEER_TEXT_SIZE);
}

static bool chain_is_good(gnutls_session_t session)
{
    char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st data = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)purpose };
    unsigned problems = 0;
    int r = gnutls_certificate_verify_peers(session, &data, 1, &problems);

    if (r == 0 && problems == 0)
        return true;
    log_info("client certificate refused: error=%d problems=0x%x", r, problems);
    return false;
}

/* The only common name of 'certificate': a second one, or a NUL inside, could mean one name to us and another
 * to whoever issued it. */
static char *only_common_name(gnutls_x509_crt_t certificate)
{
    char name[256], other[256];
    size_t n = sizeof name, other_n = sizeof other;

    if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) < 0)
        return NULL;
    if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 1, 0, other, &other_n) !=
        GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return NULL;
    return n > 0 && strlen(name) == n ? strdup(name) : NULL;
}

char *peer_cn(struct gnutls_session_int *session)
{
    unsigned n = 0;
    gnutls_x509_crt_t certificate;
    char *cn = NULL;

    if (gnutls_certificate_type_get(session) != GNUTLS_CRT_X509)
        return NULL;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    if (!chain || n == 0 || !chain_is_good(session))
        return NULL;
    if (gnutls_x509_crt_init(&certificate) < 0)
        return NULL;
    if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0)
        cn = only_common_name(certificate);
    gnutls_x509_crt_deinit(certificate);
    return cn;
}
