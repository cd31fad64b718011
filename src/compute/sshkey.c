/* OpenSSH public keys: a base64 blob of length-prefixed parts, the first of which names the type. */
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/buf.h"
#include "compute/keypair.h"

enum { RSA_BITS = 2048, MD5_BYTES = 16, KEY_MAX_BYTES = 16384 };

static void put_u32(struct buf *b, size_t n)
{
    buf_putc(b, (char)(n >> 24));
    buf_putc(b, (char)(n >> 16));
    buf_putc(b, (char)(n >> 8));
    buf_putc(b, (char)n);
}

static void put_part(struct buf *b, const void *data, size_t n)
{
    put_u32(b, n);
    buf_put(b, data, n);
}

/* A number with its sign bit clear. */
static void put_number(struct cx *cx, struct buf *b, const BIGNUM *bn)
{
    size_t n = (size_t)BN_num_bytes(bn);
    unsigned char *bytes = cx_alloc(cx, n + 1);
    BN_bn2bin(bn, bytes + 1);
    if (bytes[1] & 0x80)
        put_part(b, bytes, n + 1);
    else
        put_part(b, bytes + 1, n);
}

static void free_pkey(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
static void free_bio(BIO **p)
{
    BIO_free(*p);
}
static void free_bn(BIGNUM **p)
{
    BN_free(*p);
}

/* With padding, as OpenSSH writes it. */
static const char *encode(struct cx *cx, const struct buf *b)
{
    unsigned char *out = cx_alloc(cx, (b->len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock(out, (const unsigned char *)b->data, (int)b->len);
    return (const char *)out;
}

static const unsigned char *decode(struct cx *cx, const char *text, size_t *ret_n)
{
    size_t n = strlen(text), pad = n && text[n - 1] == '=' ? n > 1 && text[n - 2] == '=' ? 2 : 1 : 0;
    unsigned char *out = cx_alloc(cx, n + 1);
    int got = n && n % 4 == 0 ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)n) : -1;

    *ret_n = got < 0 ? 0 : (size_t)got - pad;
    return got < 0 ? NULL : out;
}

int sshkey_make(struct cx *cx, const char *comment, const char **ret_public, const char **ret_private)
{
    CLEANUP(free_pkey) EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
    CLEANUP(free_bio) BIO *pem = BIO_new(BIO_s_secmem());
    CLEANUP(free_bn) BIGNUM *e = NULL;
    CLEANUP(free_bn) BIGNUM *n = NULL;
    struct buf blob = buf_new(cx->arena);
    char *text;

    if (!key || !pem || !EVP_PKEY_get_bn_param(key, "e", &e) || !EVP_PKEY_get_bn_param(key, "n", &n) ||
        !PEM_write_bio_PrivateKey_traditional(pem, key, NULL, NULL, 0, NULL, NULL))
        return fail(cx, KIND_INTERNAL, "OpenSSL could not make an RSA key");
    put_part(&blob, "ssh-rsa", strlen("ssh-rsa"));
    put_number(cx, &blob, e);
    put_number(cx, &blob, n);
    *ret_public = cx_printf(cx, "ssh-rsa %s %s", encode(cx, &blob), comment);
    long n_pem = BIO_get_mem_data(pem, &text);
    *ret_private = arena_strndup(cx->arena, text, (size_t)n_pem);
    return 0;
}

/* The blob begins with the type's name, as the line does, and goes on. */
static bool blob_names(const unsigned char *blob, size_t n, const char *type)
{
    size_t n_type = strlen(type);
    if (n < 4 + n_type + 1)
        return false;
    size_t said = (size_t)blob[0] << 24 | (size_t)blob[1] << 16 | (size_t)blob[2] << 8 | blob[3];
    return said == n_type && memcmp(blob + 4, type, n_type) == 0;
}

int sshkey_fingerprint(struct cx *cx, const char *public_key, const char **ret_fingerprint)
{
    static const char *const hint = "Keypair data is invalid: failed to generate fingerprint. It must be one line as in id_rsa.pub.";
    unsigned char md5[MD5_BYTES];
    struct buf out = buf_new(cx->arena);
    const char *p = public_key + strspn(public_key, " \t\r\n");
    size_t n_type = strcspn(p, " \t"), n_blob;

    if (strlen(public_key) > KEY_MAX_BYTES || !p[n_type] || n_type > 64)
        return fail(cx, KIND_INVALID, "%s", hint);
    const char *type = arena_strndup(cx->arena, p, n_type);
    p += n_type;
    p += strspn(p, " \t");
    const char *text = arena_strndup(cx->arena, p, strcspn(p, " \t\r\n"));
    p += strlen(text);
    p += strcspn(p, "\r\n");
    if (p[strspn(p, " \r\n")])
        return fail(cx, KIND_INVALID, "%s", hint); /* several lines: each would be a key in the guest */
    const unsigned char *blob = decode(cx, text, &n_blob);
    if (!blob || !blob_names(blob, n_blob, type) ||
        !EVP_Digest(blob, n_blob, md5, NULL, EVP_md5(), NULL))
        return fail(cx, KIND_INVALID, "%s", hint);
    for (size_t i = 0; i < MD5_BYTES; i++)
        buf_printf(&out, "%s%02x", i ? ":" : "", md5[i]);
    *ret_fingerprint = buf_text(&out);
    return 0;
}
