/* digest.h - SHA-2 of a piece of memory, and bytes as hex digits. */
#pragma once
#include "base/base.h"

enum digest { DIGEST_SHA224, DIGEST_SHA256 };
enum { DIGEST_MAX_BYTES = 32 };

/* Fills '*ret_digest'; returns its length in bytes. */
size_t digest_of(enum digest kind, const void *data, size_t n, unsigned char ret_digest[DIGEST_MAX_BYTES]);
/* Writes 2n lower-case digits and a NUL. */
void hex_write(char *ret_text, const void *bytes, size_t n);
