/* base64.h - base64 for URLs (RFC 4648 section 5), without padding. */
#pragma once
#include "base/base.h"

/* Characters for 'n' bytes, without the NUL. */
#define BASE64_LENGTH(n) (((n)*8 + 5) / 6)

/* Writes BASE64_LENGTH(n) characters and a NUL. */
void base64_encode(const void *data, size_t n, char *ret_text);
/* Decodes 'length' characters into 'ret_data' (length * 3 / 4 bytes); returns the number of bytes.  Strict:
 * each byte string has exactly one text, so that two texts are never the same token.  Errors: -EBADMSG. */
int base64_decode(const char *text, size_t length, void *ret_data) MUST_CHECK;
