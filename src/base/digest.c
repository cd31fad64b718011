#include "base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* EVP_sha256() is looked for in all providers each time it is used; what was fetched is not. */
static struct {
    const char *name;
    EVP_MD *md;
} kinds[] = { [DIGEST_SHA224] = { "SHA224", NULL }, [DIGEST_SHA256] = { "SHA256", NULL } };

static void fetch(void)
{
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
        if (!(kinds[i].md = EVP_MD_fetch(NULL, kinds[i].name, NULL)))
            abort(); /* without memory, or with a libcrypto that is none */
}

size_t digest_of(enum digest kind, const void *data, size_t n, unsigned char ret_digest[DIGEST_MAX_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    pthread_once(&once, fetch);
    if (!EVP_Digest(data, n, digest, &size, kinds[kind].md, NULL))
        abort(); /* only without memory */
    memcpy(ret_digest, digest, size);
    return size;
}

void hex_write(char *ret_text, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;

    for (size_t i = 0; i < n; i++) {
        ret_text[2 * i] = digits[b[i] >> 4];
        ret_text[2 * i + 1] = digits[b[i] & 15];
    }
    ret_text[2 * n] = 0;
}
