#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/keyfile.h"
#include "auth/pki.h"
#include "base/env.h"

static const char *const files[] = { "ca.pem", "ca-key.pem", "server.pem", "server-key.pem" };
static int64_t shift_us; /* of the clock that the code under test sees */

static int64_t shifted_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + shift_us;
}

static void test_random(void *ret_bytes, size_t n)
{
    assert_int_equal(getentropy(ret_bytes, n), 0);
}

struct place {
    struct arena *arena;
    char directory[32];
    const char *paths[4]; /* as in 'files' */
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    p->arena = arena_new();
    strcpy(p->directory, "/tmp/alamo-pki-XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    for (size_t i = 0; i < N_ELEMENTS(files); i++)
        p->paths[i] = arena_printf(p->arena, "%s/%s", p->directory, files[i]);
    shift_us = 0;
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < N_ELEMENTS(files); i++)
        unlink(p->paths[i]);
    assert_int_equal(rmdir(p->directory), 0);
    arena_free(p->arena);
    free(p);
    return 0;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static const char *content(struct place *p, const char *path)
{
    char *data;
    size_t n;
    assert_int_equal(keyfile_read(path, false, p->arena, &data, &n), 0);
    return data;
}

static X509 *parse(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(cert);
    BIO_free(bio);
    return cert;
}

/* The chain holds for that purpose, as TLS libraries check it. */
static bool chain_holds(const char *pem, const char *ca_pem, int purpose)
{
    X509 *cert = parse(pem), *ca = parse(ca_pem);
    X509_STORE *trusted = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    assert_true(X509_STORE_add_cert(trusted, ca));
    assert_true(X509_STORE_CTX_init(ctx, trusted, cert, NULL));
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
    X509_STORE_CTX_set_purpose(ctx, purpose);
    bool holds = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(trusted);
    X509_free(cert);
    X509_free(ca);
    return holds;
}

static void server_certificate_is_good_for_its_names(void **state)
{
    struct place *p = *state;
    CLEANUP(pki_ca_freep) struct pki_ca *ca = NULL;
    const char *items[] = { "cloud.example.org", "10.0.0.1", "2001:db8::1" };
    struct strs names = { items, 3 };

    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), 0);
    assert_int_equal(mode_of(p->paths[0]), 0644);
    assert_int_equal(mode_of(p->paths[1]), 0600);
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], names), 1);
    assert_int_equal(mode_of(p->paths[2]), 0644);
    assert_int_equal(mode_of(p->paths[3]), 0600);

    const char *pem = content(p, p->paths[2]), *ca_pem = pki_ca_pem(ca, p->arena);
    assert_string_equal(ca_pem, content(p, p->paths[0]));
    assert_true(chain_holds(pem, ca_pem, X509_PURPOSE_SSL_SERVER));
    assert_false(chain_holds(pem, ca_pem, X509_PURPOSE_SSL_CLIENT));
    X509 *cert = parse(pem);
    assert_int_equal(X509_check_host(cert, "cloud.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(cert, "10.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "2001:db8::1", 0), 1);
    assert_int_equal(X509_check_host(cert, "evil.example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(cert, "10.0.0.2", 0), 0);
    X509_free(cert);
}

static void client_certificate_names_its_host(void **state)
{
    struct place *p = *state;
    CLEANUP(pki_ca_freep) struct pki_ca *ca = NULL;
    const char *pem, *key;
    char name[64];

    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), 0);
    assert_int_equal(pki_client_issue(ca, "host-1", p->arena, &pem, &key), 0);
    assert_true(str_starts(key, "-----BEGIN PRIVATE KEY-----", NULL));
    const char *ca_pem = pki_ca_pem(ca, p->arena);
    assert_true(chain_holds(pem, ca_pem, X509_PURPOSE_SSL_CLIENT));
    assert_false(chain_holds(pem, ca_pem, X509_PURPOSE_SSL_SERVER));
    X509 *cert = parse(pem);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    assert_string_equal(name, "host-1");
    X509_free(cert);

    assert_int_equal(pki_client_ensure(ca, p->paths[2], p->paths[3], "host-1"), 1);
    assert_int_equal(pki_client_ensure(ca, p->paths[2], p->paths[3], "host-1"), 0);
    assert_int_equal(pki_client_ensure(ca, p->paths[2], p->paths[3], "host-2"), 1);
    assert_int_equal(pki_client_issue(ca, "", p->arena, &pem, &key), -EINVAL);
}

static void another_authority_does_not_verify(void **state)
{
    struct place *p = *state;
    CLEANUP(pki_ca_freep) struct pki_ca *one = NULL;
    CLEANUP(pki_ca_freep) struct pki_ca *two = NULL;
    const char *items[] = { "a.example" };
    struct strs names = { items, 1 };

    assert_int_equal(pki_ca_ensure(&one, p->directory, "Same name"), 0);
    assert_int_equal(pki_server_ensure(one, p->paths[2], p->paths[3], names), 1);
    unlink(p->paths[0]);
    unlink(p->paths[1]);
    assert_int_equal(pki_ca_ensure(&two, p->directory, "Same name"), 0);
    assert_false(chain_holds(content(p, p->paths[2]), pki_ca_pem(two, p->arena), X509_PURPOSE_SSL_SERVER));
    assert_int_equal(pki_server_ensure(two, p->paths[2], p->paths[3], names), 1);
    assert_true(chain_holds(content(p, p->paths[2]), pki_ca_pem(two, p->arena), X509_PURPOSE_SSL_SERVER));
}

static void ensure_leaves_alone_what_is_good(void **state)
{
    struct place *p = *state;
    CLEANUP(pki_ca_freep) struct pki_ca *ca = NULL;
    CLEANUP(pki_ca_freep) struct pki_ca *again = NULL;
    const char *items[] = { "a.example", "b.example" };
    struct strs both = { items, 2 }, one = { items, 1 };

    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), 0);
    assert_int_equal(pki_ca_ensure(&again, p->directory, "Another name"), 0);
    assert_string_equal(pki_ca_pem(ca, p->arena), pki_ca_pem(again, p->arena));
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], both), 1);
    assert_int_equal(pki_server_ensure(again, p->paths[2], p->paths[3], both), 0);
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], one), 1);
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], both), 1);

    assert_int_equal(chmod(p->paths[3], 0644), 0); /* a key that others could read is not used again */
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], both), 1);
    assert_int_equal(mode_of(p->paths[3]), 0600);
    assert_int_equal(keyfile_replace(p->paths[2], pki_ca_pem(ca, p->arena), 10, 0644), 0);
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], both), 1);
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], both), 0);
}

static void certificates_are_renewed_in_time(void **state)
{
    static const struct env shifted = { shifted_now, shifted_now, test_random };
    const int64_t day_us = 24LL * 3600 * 1000000;
    struct place *p = *state;
    CLEANUP(pki_ca_freep) struct pki_ca *ca = NULL;
    CLEANUP(pki_ca_freep) struct pki_ca *renewed = NULL;
    const char *items[] = { "a.example" };
    struct strs names = { items, 1 };

    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), 0);
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], names), 1);
    const char *old_server = content(p, p->paths[2]);
    env_set(&shifted);
    shift_us = (PKI_SERVER_DAYS - PKI_RENEW_DAYS - 1) * day_us;
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], names), 0);
    shift_us += 2 * day_us;
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], names), 1);

    /* As if made long ago, so that the renewed one is valid today and the old server's can be checked against
     * it. */
    shift_us = -(PKI_CA_DAYS - PKI_RENEW_DAYS + 1) * day_us;
    unlink(p->paths[0]);
    pki_ca_free(ca);
    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), 0);
    shift_us = 0;
    assert_int_equal(pki_ca_ensure(&renewed, p->directory, "Alamo test"), 0);
    env_set(NULL);
    assert_string_not_equal(pki_ca_pem(ca, p->arena), pki_ca_pem(renewed, p->arena));
    assert_true(chain_holds(old_server, pki_ca_pem(renewed, p->arena), X509_PURPOSE_SSL_SERVER));
}

static void a_lost_key_is_not_replaced(void **state)
{
    struct place *p = *state;
    struct pki_ca *ca;

    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), 0);
    pki_ca_free(ca);
    assert_int_equal(chmod(p->paths[1], 0640), 0);
    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), -EPERM);
    unlink(p->paths[1]);
    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), -ENOKEY);
    assert_int_equal(keyfile_replace(p->paths[1], "junk", 4, 0600), 0);
    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), -EBADMSG);
}

static void impossible_names_are_refused(void **state)
{
    struct place *p = *state;
    CLEANUP(pki_ca_freep) struct pki_ca *ca = NULL;
    const char *bad[] = { "", "a b", "a,DNS:evil", "a\n", "*.example", ".example", "1.2.3.4/8" };

    assert_int_equal(pki_ca_ensure(&ca, p->directory, "Alamo test"), 0);
    assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], (struct strs){ NULL, 0 }), -EINVAL);
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_int_equal(pki_server_ensure(ca, p->paths[2], p->paths[3], (struct strs){ &bad[i], 1 }),
                         -EINVAL);
    assert_int_equal(access(p->paths[2], F_OK), -1);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_PLACE(server_certificate_is_good_for_its_names),
        IN_PLACE(client_certificate_names_its_host),
        IN_PLACE(another_authority_does_not_verify),
        IN_PLACE(ensure_leaves_alone_what_is_good),
        IN_PLACE(certificates_are_renewed_in_time),
        IN_PLACE(a_lost_key_is_not_replaced),
        IN_PLACE(impossible_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
