/* Keys for guests that log in by certificate (Windows): a pair whose public half is a self-signed certificate. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/buf.h"
#include "base/env.h"
#include "compute/keypair.h"

enum { RSA_BITS = 2048, VALID_DAYS = 3650, SERIAL_BYTES = 8, CERTIFICATE_MAX_BYTES = 16384 };

static void free_pkey(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
static void free_bio(BIO **p)
{
    BIO_free(*p);
}
static void free_x509(X509 **p)
{
    X509_free(*p);
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool ok = e && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return ok;
}

/* Says who logs in: the certificate is bound to that name, and good for nothing but logging in. */
static bool fill_certificate(X509 *x, EVP_PKEY *key, const char *user)
{
    unsigned char serial[SERIAL_BYTES];
    X509_NAME *name = X509_get_subject_name(x);
    char upn[128];

    random_bytes(serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 1);
    BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
    bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    snprintf(upn, sizeof upn, "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:%.64s@localhost", user);
    return ok && X509_set_version(x, X509_VERSION_3) && X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
           X509_time_adj_ex(X509_getm_notAfter(x), VALID_DAYS, 0, NULL) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)user, -1, -1, 0) &&
           X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) && add_extension(x, NID_ext_key_usage, "clientAuth") &&
           add_extension(x, NID_subject_alt_name, upn) && X509_sign(x, key, EVP_sha256());
}

static const char *text_of(struct cx *cx, BIO *bio)
{
    char *text;
    long n = BIO_get_mem_data(bio, &text);
    return arena_strndup(cx->arena, text, (size_t)n);
}

int x509key_make(struct cx *cx, const char *user, const char **ret_certificate, const char **ret_private)
{
    CLEANUP(free_pkey) EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
    CLEANUP(free_x509) X509 *x = X509_new();
    CLEANUP(free_bio) BIO *certificate = BIO_new(BIO_s_mem());
    CLEANUP(free_bio) BIO *private = BIO_new(BIO_s_secmem());

    if (!key || !x || !certificate || !private || !fill_certificate(x, key, user) || !PEM_write_bio_X509(certificate, x) ||
        !PEM_write_bio_PrivateKey(private, key, NULL, NULL, 0, NULL, NULL))
        return fail(cx, KIND_INTERNAL, "OpenSSL could not make a certificate");
    *ret_certificate = text_of(cx, certificate);
    *ret_private = text_of(cx, private);
    return 0;
}

int x509key_fingerprint(struct cx *cx, const char *certificate, const char **ret_fingerprint)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf out = buf_new(cx->arena);
    size_t length = strlen(certificate);
    CLEANUP(free_bio) BIO *bio = length <= CERTIFICATE_MAX_BYTES ? BIO_new_mem_buf(certificate, (int)length) : NULL;
    CLEANUP(free_x509) X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    if (!x || !X509_digest(x, EVP_sha1(), digest, &n))
        return fail(cx, KIND_INVALID, "Keypair data is invalid: it must be an X.509 certificate in PEM.");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&out, "%s%02x", i ? ":" : "", digest[i]);
    *ret_fingerprint = buf_text(&out);
    return 0;
}
