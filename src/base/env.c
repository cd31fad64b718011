#include "base/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/digest.h"

static int64_t kernel_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t kernel_now(void)
{
    return kernel_clock(CLOCK_REALTIME);
}

static int64_t kernel_monotonic(void)
{
    return kernel_clock(CLOCK_MONOTONIC);
}

static void kernel_random(void *ret_bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = getrandom((char *)ret_bytes + at, n - at, 0);
        if (got < 0 && errno != EINTR)
            abort(); /* no secret may ever be made from anything else */
        at += got > 0 ? (size_t)got : 0;
    }
}

static const struct env kernel = { kernel_now, kernel_monotonic, kernel_random };
static const struct env *current = &kernel;

void env_set(const struct env *env)
{
    current = env ? env : &kernel;
}

int64_t now_us(void)
{
    return current->now_us();
}

int64_t monotonic_us(void)
{
    return current->monotonic_us();
}

void random_bytes(void *ret_bytes, size_t n)
{
    current->random(ret_bytes, n);
}

void uuid_make(char ret_uuid[UUID_SIZE])
{
    uint8_t b[16];
    random_bytes(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    static const struct {
        size_t at, from, n;
    } parts[] = { { 0, 0, 4 }, { 9, 4, 2 }, { 14, 6, 2 }, { 19, 8, 2 }, { 24, 10, 6 } };
    for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
        hex_write(ret_uuid + parts[i].at, b + parts[i].from, parts[i].n);
        if (i + 1 < N_ELEMENTS(parts))
            ret_uuid[parts[i + 1].at - 1] = '-';
    }
}

const char *uuid_new(struct arena *a)
{
    char *s = arena_alloc(a, UUID_SIZE);
    uuid_make(s);
    return s;
}

const char *uuid_new_hex(struct arena *a)
{
    char dashed[UUID_SIZE];
    char *s = arena_alloc(a, 33), *p = s;
    uuid_make(dashed);
    for (const char *c = dashed; *c; c++)
        if (*c != '-')
            *p++ = *c;
    return s;
}

bool uuid_valid(const char *s)
{
    if (!s || strlen(s) != UUID_SIZE - 1)
        return false;
    for (int i = 0; i < UUID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f') || (s[i] >= 'A' && s[i] <= 'F');
        if (dash ? s[i] != '-' : !hex)
            return false;
    }
    return true;
}

const char *secret_new(struct arena *a, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char *s = arena_alloc(a, n + 1);
    for (size_t i = 0; i < n;) {
        uint8_t b;
        random_bytes(&b, 1);
        if (b < 62 * 4) /* no remainder: every character is equally likely */
            s[i++] = digits[b % 62];
    }
    return s;
}

int64_t slow_factor(void)
{
    int64_t f;
    const char *s = getenv("ALAMO_SLOW");
    return s && str_to_i64(s, &f) == 0 && f >= 1 && f <= 100 ? f : 1;
}
