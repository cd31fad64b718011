#include "agent/local/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum { PIECE = 1 << 20, SHA512_BYTES = 64 };

static void free_digest(EVP_MD_CTX **md)
{
    EVP_MD_CTX_free(*md);
}

int digest_check(struct cx *cx, int fd, const struct wire_image *image)
{
    CLEANUP(free_digest) EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char sum[SHA512_BYTES];
    char hex[SHA512_BYTES * 2 + 1];
    char *piece = cx_alloc(cx, PIECE);
    int64_t at = 0;
    ssize_t n;

    if (!md || EVP_DigestInit_ex(md, EVP_sha512(), NULL) != 1)
        return fail(cx, KIND_INTERNAL, "No SHA-512");
    while ((n = pread(fd, piece, PIECE, at)) > 0) {
        EVP_DigestUpdate(md, piece, (size_t)n);
        at += n;
    }
    EVP_DigestFinal_ex(md, sum, NULL);
    for (int i = 0; i < SHA512_BYTES; i++)
        snprintf(hex + i * 2, 3, "%02x", sum[i]);
    if (image->size_bytes && at != image->size_bytes)
        return fail(cx, KIND_UNAVAILABLE, "The image %s came with %lld bytes instead of %lld", image->id,
                    (long long)at, (long long)image->size_bytes);
    if (image->sha512 && strcasecmp(image->sha512, hex) != 0)
        return fail(cx, KIND_UNAVAILABLE, "The image %s came with a wrong checksum", image->id);
    return 0;
}
