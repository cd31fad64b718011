#include "auth/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64_encode(const void *data, size_t n, char *ret_text)
{
    const uint8_t *in = data;
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | in[i];
        for (have += 8; have >= 6; have -= 6)
            *ret_text++ = digits[bits >> (have - 6) & 63];
    }
    if (have)
        *ret_text++ = digits[bits << (6 - have) & 63];
    *ret_text = '\0';
}

/* The value of a digit, or negative. */
static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64_decode(const char *text, size_t length, void *ret_data)
{
    uint8_t *out = ret_data;
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    if (length > INT32_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < length; i++) {
        int value = digit_value(text[i]);
        if (value < 0)
            return -EBADMSG;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    /* What is left over is less than a digit, and zero: or another text would mean the same bytes. */
    if (have == 6 || (bits & ((1u << have) - 1)))
        return -EBADMSG;
    return (int)n;
}
