#include "auth/pki.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/keyfile.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("pki");

struct pki_ca {
    EVP_PKEY *key;
    X509 *cert;
};

/* What a certificate is to be. */
struct profile {
    const char *common_name; /* NULL: take over the authority's old subject */
    int days;
    const char *constraints, *key_usage, *extended_usage; /* in the library's notation; NULL: none */
    struct strs names;                                    /* DNS names and addresses */
};

enum { NAME_MAX_BYTES = 64, DAY_S = 24 * 3600, CLOCK_SKEW_S = 3600 };

static void bio_freep(BIO **p)
{
    BIO_free(*p);
}
static void x509_freep(X509 **p)
{
    X509_free(*p);
}
static void pkey_freep(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
static void names_freep(GENERAL_NAMES **p)
{
    GENERAL_NAMES_free(*p);
}
#define CLEAN_BIO CLEANUP(bio_freep) BIO
#define CLEAN_X509 CLEANUP(x509_freep) X509
#define CLEAN_PKEY CLEANUP(pkey_freep) EVP_PKEY
#define CLEAN_NAMES CLEANUP(names_freep) GENERAL_NAMES

/* Logs the library's reason for a failed call and forgets it. */
static int failed(const char *what)
{
    log_error("event=crypto_failed call=%s reason=\"%s\"", what,
              ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    return -EIO;
}

static time_t now_s(void)
{
    return (time_t)(now_us() / 1000000);
}

/* ---- PEM ---- */

static const char *bio_text(BIO *bio, struct arena *a)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);
    return arena_strndup(a, data, (size_t)n);
}

static int cert_to_pem(X509 *cert, struct arena *a, const char **ret_pem)
{
    CLEAN_BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_X509(bio, cert))
        return failed("PEM_write_bio_X509");
    *ret_pem = bio_text(bio, a);
    return 0;
}

static int key_to_pem(EVP_PKEY *key, struct arena *a, const char **ret_pem)
{
    CLEAN_BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return failed("PEM_write_bio_PKCS8PrivateKey");
    *ret_pem = bio_text(bio, a);
    return 0;
}

static int cert_load(const char *path, X509 **ret_cert)
{
    CLEAN_ARENA *a = arena_new();
    char *text;
    size_t n;

    TRY(keyfile_read(path, false, a, &text, &n));
    CLEAN_BIO *bio = BIO_new_mem_buf(text, (int)n);
    *ret_cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    ERR_clear_error();
    return *ret_cert ? 0 : -EBADMSG;
}

/* Instead of asking at the terminal for the password of a key that has one: there is none. */
static int no_password(char *buffer, int size, int writing, void *arg)
{
    return 0;
}

static int key_load(const char *path, EVP_PKEY **ret_key)
{
    CLEAN_ARENA *a = arena_new();
    char *text;
    size_t n;

    TRY(keyfile_read(path, true, a, &text, &n));
    CLEAN_BIO *bio = BIO_new_mem_buf(text, (int)n);
    *ret_key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    ERR_clear_error();
    OPENSSL_cleanse(text, n);
    return *ret_key ? 0 : -EBADMSG;
}

static int cert_save(const char *path, X509 *cert)
{
    CLEAN_ARENA *a = arena_new();
    const char *pem;

    TRY(cert_to_pem(cert, a, &pem));
    return keyfile_replace(path, pem, strlen(pem), 0644);
}

static int key_save(const char *path, EVP_PKEY *key, bool create)
{
    CLEAN_ARENA *a = arena_new();
    const char *pem;

    TRY(key_to_pem(key, a, &pem));
    size_t n = strlen(pem);
    int r = create ? keyfile_create(path, pem, n, 0600) : keyfile_replace(path, pem, n, 0600);
    OPENSSL_cleanse((void *)(uintptr_t)pem, n); /* the arena's own copy: const only to readers */
    return r;
}

/* ---- making certificates ---- */

static bool set_serial(X509 *cert)
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and of the same length always */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return ok;
}

static bool set_life(X509 *cert, int days)
{
    time_t now = now_s();
    return ASN1_TIME_set(X509_getm_notBefore(cert), now - CLOCK_SKEW_S) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), now + (time_t)days * DAY_S);
}

static bool set_subject(X509 *cert, const char *common_name)
{
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0);
}

/* Adds an extension that the library builds from its own notation; 'value' is never an outsider's text. */
static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    if (!value)
        return true;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension && X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

static bool is_dns_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t n = strlen(name);
    return n > 0 && n < 254 && strspn(name, allowed) == n && name[0] != '.';
}

/* The bytes of the address 'name', 4 or 16; 0 when it is no address. */
static int parse_address(const char *name, uint8_t ret_bytes[16])
{
    if (inet_pton(AF_INET, name, ret_bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, name, ret_bytes) == 1 ? 16 : 0;
}

static bool push_name(GENERAL_NAMES *list, const char *name)
{
    uint8_t address[16];
    int n = parse_address(name, address);
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_STRING *value = n ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

    if (!general || !value || !ASN1_STRING_set(value, n ? (const void *)address : name, n ? n : -1)) {
        GENERAL_NAME_free(general);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(general, n ? GEN_IPADD : GEN_DNS, value);
    if (sk_GENERAL_NAME_push(list, general))
        return true;
    GENERAL_NAME_free(general);
    return false;
}

static bool add_names(X509 *cert, struct strs names)
{
    CLEAN_NAMES *list = GENERAL_NAMES_new();

    if (!names.n)
        return true;
    for (size_t i = 0; i < names.n; i++)
        if (!list || !push_name(list, names.items[i]))
            return false;
    return X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, 0) == 1;
}

/* Makes a certificate for 'key', signed by 'issuer' (NULL: itself) with 'issuer_key'. */
static int make_cert(const struct profile *profile, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                     X509_NAME *old_subject, X509 **ret_cert)
{
    CLEAN_X509 *cert = X509_new();
    if (!cert)
        return failed("X509_new");
    X509 *signer = issuer ? issuer : cert;
    bool named =
        old_subject ? X509_set_subject_name(cert, old_subject) : set_subject(cert, profile->common_name);

    if (!named || !X509_set_version(cert, X509_VERSION_3) || !set_serial(cert) ||
        !set_life(cert, profile->days) || !X509_set_issuer_name(cert, X509_get_subject_name(signer)) ||
        !X509_set_pubkey(cert, key))
        return failed("X509_set");
    if (!add_extension(cert, signer, NID_basic_constraints, profile->constraints) ||
        !add_extension(cert, signer, NID_key_usage, profile->key_usage) ||
        !add_extension(cert, signer, NID_ext_key_usage, profile->extended_usage) ||
        !add_extension(cert, signer, NID_subject_key_identifier, "hash") ||
        !add_extension(cert, signer, NID_authority_key_identifier, "keyid:always") ||
        !add_names(cert, profile->names))
        return failed("X509_add_ext");
    if (!X509_sign(cert, issuer_key, EVP_sha256()))
        return failed("X509_sign");
    *ret_cert = cert;
    cert = NULL;
    return 0;
}

static int make_key(EVP_PKEY **ret_key)
{
    *ret_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    return *ret_key ? 0 : failed("EVP_PKEY_Q_keygen");
}

static bool lives_long_enough(const X509 *cert)
{
    time_t now = now_s(), soon = now + PKI_RENEW_DAYS * (time_t)DAY_S;
    return X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 &&
           X509_cmp_time(X509_get0_notAfter(cert), &soon) > 0;
}

/* ---- the authority ---- */

static int ca_make_key(const char *key_path, const char *cert_path, EVP_PKEY **ret_key)
{
    CLEAN_X509 *orphan = NULL;
    if (cert_load(cert_path, &orphan) != -ENOENT) {
        log_error(
            "event=ca_key_missing path=%s cure=\"restore it from the backup; a new authority would lock out "
            "every host\"",
            key_path);
        return -ENOKEY;
    }
    CLEAN_PKEY *key = NULL;
    TRY(make_key(&key));
    int r = key_save(key_path, key, true);
    if (r < 0 && r != -EEXIST)
        return r;
    return key_load(key_path, ret_key); /* ours, or that of a process that was faster */
}

/* Makes the authority's certificate, for the first time or again ('old'): same subject, same key, so that all
 * it has signed stays good. */
static int ca_make_cert(struct pki_ca *ca, const char *cert_path, const char *name)
{
    const struct profile profile = {
        .common_name = name,
        .days = PKI_CA_DAYS,
        .constraints = "critical,CA:TRUE,pathlen:0",
        .key_usage = "critical,keyCertSign,cRLSign",
    };
    X509 *fresh;

    TRY(make_cert(&profile, ca->key, NULL, ca->key, ca->cert ? X509_get_subject_name(ca->cert) : NULL,
                  &fresh));
    X509_free(ca->cert);
    ca->cert = fresh;
    return cert_save(cert_path, fresh);
}

static int ca_open(struct pki_ca *ca, const char *cert_path, const char *key_path, const char *name)
{
    int r = key_load(key_path, &ca->key);
    if (r == -ENOENT)
        r = ca_make_key(key_path, cert_path, &ca->key);
    TRY(r);
    r = cert_load(cert_path, &ca->cert);
    if (r == -ENOENT)
        return ca_make_cert(ca, cert_path, name);
    TRY(r);
    if (X509_check_private_key(ca->cert, ca->key) != 1) {
        ERR_clear_error();
        return -EBADMSG;
    }
    return lives_long_enough(ca->cert) ? 0 : ca_make_cert(ca, cert_path, name);
}

int pki_ca_ensure(struct pki_ca **ret_ca, const char *directory, const char *name)
{
    CLEAN_ARENA *a = arena_new();
    CLEANUP(pki_ca_freep) struct pki_ca *ca = calloc(1, sizeof *ca);

    if (!ca)
        return -ENOMEM;
    if (str_empty(name) || strlen(name) > NAME_MAX_BYTES)
        return -EINVAL;
    TRY(ca_open(ca, arena_printf(a, "%s/ca.pem", directory), arena_printf(a, "%s/ca-key.pem", directory),
                name));
    *ret_ca = ca;
    ca = NULL;
    return 0;
}

void pki_ca_free(struct pki_ca *ca)
{
    if (!ca)
        return;
    EVP_PKEY_free(ca->key); /* wipes it */
    X509_free(ca->cert);
    free(ca);
}

void pki_ca_freep(struct pki_ca **ca)
{
    pki_ca_free(*ca);
}

const char *pki_ca_pem(const struct pki_ca *ca, struct arena *a)
{
    const char *pem;
    return cert_to_pem(ca->cert, a, &pem) < 0 ? NULL : pem;
}

/* ---- what it signs ---- */

static bool has_name(X509 *cert, const char *name)
{
    uint8_t address[16];
    int n = parse_address(name, address);
    if (n)
        return X509_check_ip(cert, address, (size_t)n, 0) == 1;
    return X509_check_host(cert, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

/* Exactly the wanted names: one that was taken away must vanish too. */
static bool has_names(X509 *cert, struct strs names)
{
    CLEAN_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    if ((size_t)(list ? sk_GENERAL_NAME_num(list) : 0) != names.n)
        return false;
    for (size_t i = 0; i < names.n; i++)
        if (!has_name(cert, names.items[i]))
            return false;
    return true;
}

static bool has_common_name(X509 *cert, const char *common_name)
{
    char text[NAME_MAX_BYTES * 4 + 1];
    int n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text, sizeof text);
    return n >= 0 && strlen(text) == (size_t)n && str_eq(text, common_name);
}

/* What lies there is what would be made anew. */
static bool is_good(const struct pki_ca *ca, const struct profile *profile, const char *cert_path,
                    const char *key_path)
{
    CLEAN_X509 *cert = NULL;
    CLEAN_PKEY *key = NULL;

    if (cert_load(cert_path, &cert) < 0 || key_load(key_path, &key) < 0)
        return false;
    bool good = X509_check_private_key(cert, key) == 1 && X509_verify(cert, ca->key) == 1 &&
                lives_long_enough(cert) && has_common_name(cert, profile->common_name) &&
                has_names(cert, profile->names);
    ERR_clear_error();
    return good;
}

static int issue(const struct pki_ca *ca, const struct profile *profile, EVP_PKEY **ret_key, X509 **ret_cert)
{
    CLEAN_PKEY *key = NULL;

    TRY(make_key(&key));
    TRY(make_cert(profile, key, ca->cert, ca->key, NULL, ret_cert));
    *ret_key = key;
    key = NULL;
    return 0;
}

/* The key is written first: whoever dies in between leaves a pair that does not match, which the next run
 * replaces. */
static int ensure(const struct pki_ca *ca, const struct profile *profile, const char *cert_path,
                  const char *key_path)
{
    CLEAN_X509 *cert = NULL;
    CLEAN_PKEY *key = NULL;

    if (is_good(ca, profile, cert_path, key_path))
        return 0;
    TRY(issue(ca, profile, &key, &cert));
    TRY(key_save(key_path, key, false));
    TRY(cert_save(cert_path, cert));
    log_info("event=certificate_issued name=\"%s\" path=%s", profile->common_name, cert_path);
    return 1;
}

int pki_server_ensure(const struct pki_ca *ca, const char *cert_path, const char *key_path, struct strs names)
{
    const struct profile profile = {
        .common_name = "Alamo server", /* clients look at the names only */
        .days = PKI_SERVER_DAYS,
        .constraints = "critical,CA:FALSE",
        .key_usage = "critical,digitalSignature",
        .extended_usage = "serverAuth",
        .names = names,
    };
    uint8_t address[16];

    if (!names.n)
        return -EINVAL;
    for (size_t i = 0; i < names.n; i++)
        if (!parse_address(names.items[i], address) && !is_dns_name(names.items[i]))
            return -EINVAL;
    return ensure(ca, &profile, cert_path, key_path);
}

static int client_profile(const char *host_id, struct profile *ret_profile)
{
    if (str_empty(host_id) || strlen(host_id) > NAME_MAX_BYTES)
        return -EINVAL;
    *ret_profile = (struct profile){
        .common_name = host_id,
        .days = PKI_CLIENT_DAYS,
        .constraints = "critical,CA:FALSE",
        .key_usage = "critical,digitalSignature",
        .extended_usage = "clientAuth",
    };
    return 0;
}

int pki_client_ensure(const struct pki_ca *ca, const char *cert_path, const char *key_path,
                      const char *host_id)
{
    struct profile profile;

    TRY(client_profile(host_id, &profile));
    return ensure(ca, &profile, cert_path, key_path);
}

int pki_client_issue(const struct pki_ca *ca, const char *host_id, struct arena *a, const char **ret_cert_pem,
                     const char **ret_key_pem)
{
    CLEAN_X509 *cert = NULL;
    CLEAN_PKEY *key = NULL;
    struct profile profile;

    TRY(client_profile(host_id, &profile));
    TRY(issue(ca, &profile, &key, &cert));
    TRY(cert_to_pem(cert, a, ret_cert_pem));
    return key_to_pem(key, a, ret_key_pem);
}
