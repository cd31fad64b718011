#include "auth/token.h"

#include <string.h>

#include "auth/base64.h"
#include "base/env.h"

/* The claims in bytes, before sealing; numbers are big-endian:
 *
 *     format (1) | scope and flags (1) | methods (1) | user's epoch (4) | issued_us (8) | expires_us (8) | audit id (16)
 *     | parent's audit id (16, if flagged) | user id | scope id (project, domain) | app cred id (if flagged)
 *
 * An id is a length byte and that many bytes; IDs of lower-case hex digits, which is nearly all, are packed
 * two digits a byte and the length byte says so. */
enum {
    FORMAT = 1,
    SCOPE_MASK = 0x0f,
    HAS_PARENT = 0x10,
    HAS_APP_CRED = 0x20,
    ID_HEX = 0x80,
    ID_MAX = 64,
    CLAIMS_MAX = 161, /* what seals into TOKEN_TEXT_MAX characters */
};

static const char purpose[] = "token";

/* ---- writing ---- */

struct packer {
    uint8_t bytes[CLAIMS_MAX];
    size_t n;
    int error;
};

static void pack(struct packer *p, const void *data, size_t n)
{
    if (p->error)
        return;
    if (n > sizeof p->bytes - p->n) {
        p->error = -E2BIG;
        return;
    }
    memcpy(p->bytes + p->n, data, n);
    p->n += n;
}

static void pack_byte(struct packer *p, unsigned value)
{
    pack(p, &(uint8_t){ (uint8_t)value }, 1);
}

static void pack_u32(struct packer *p, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        pack_byte(p, value >> shift & 0xff);
}

static void pack_i64(struct packer *p, int64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        pack_byte(p, (unsigned)((uint64_t)value >> shift) & 0xff);
}

static void pack_audit(struct packer *p, const char *id)
{
    uint8_t bytes[BASE64_LENGTH(TOKEN_AUDIT_BYTES)];
    if (!id || strlen(id) != TOKEN_AUDIT_LENGTH ||
        base64_decode(id, TOKEN_AUDIT_LENGTH, bytes) != TOKEN_AUDIT_BYTES)
        p->error = p->error ? p->error : -EINVAL;
    else
        pack(p, bytes, TOKEN_AUDIT_BYTES);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (hex_value(s[i]) < 0)
            return false;
    return n % 2 == 0;
}

static void pack_id(struct packer *p, const char *id)
{
    size_t n = id ? strnlen(id, ID_MAX + 1) : 0;

    if (n == 0 || n > ID_MAX) {
        p->error = p->error ? p->error : n ? -E2BIG : -EINVAL;
    } else if (is_hex(id, n)) {
        pack_byte(p, ID_HEX | (unsigned)(n / 2));
        for (size_t i = 0; i < n; i += 2)
            pack_byte(p, (unsigned)(hex_value(id[i]) << 4 | hex_value(id[i + 1])));
    } else {
        pack_byte(p, (unsigned)n);
        pack(p, id, n);
    }
}

static bool scope_has_id(enum token_scope scope)
{
    return scope == TOKEN_PROJECT || scope == TOKEN_DOMAIN;
}

int token_make(const struct seal_ring *ring, const struct token_claims *claims, struct arena *a,
               const char **ret_text)
{
    struct packer p = { .n = 0 };
    unsigned flags = (claims->parent_audit_id ? HAS_PARENT : 0) | (claims->app_cred_id ? HAS_APP_CRED : 0);

    if ((unsigned)claims->scope >= TOKEN_SCOPE_N || claims->methods > UINT8_MAX ||
        scope_has_id(claims->scope) != (claims->scope_id != NULL))
        return -EINVAL;
    pack_byte(&p, FORMAT);
    pack_byte(&p, (unsigned)claims->scope | flags);
    pack_byte(&p, claims->methods);
    pack_u32(&p, claims->user_epoch);
    pack_i64(&p, claims->issued_us);
    pack_i64(&p, claims->expires_us);
    pack_audit(&p, claims->audit_id);
    if (claims->parent_audit_id)
        pack_audit(&p, claims->parent_audit_id);
    pack_id(&p, claims->user_id);
    if (claims->scope_id)
        pack_id(&p, claims->scope_id);
    if (claims->app_cred_id)
        pack_id(&p, claims->app_cred_id);
    TRY(p.error);
    *ret_text = seal(ring, purpose, p.bytes, p.n, a);
    return 0;
}

/* ---- reading ---- */

/* Only we seal, so a malformed set of claims would be our own bug or another version's; it is refused all the
 * same. */
struct unpacker {
    const uint8_t *at;
    size_t left;
    bool bad;
};

/* The next 'n' bytes; when there are fewer, marks 'u' bad and returns NULL. */
static const uint8_t *unpack(struct unpacker *u, size_t n)
{
    if (u->bad || n > u->left) {
        u->bad = true;
        return NULL;
    }
    const uint8_t *p = u->at;
    u->at += n;
    u->left -= n;
    return p;
}

static unsigned unpack_byte(struct unpacker *u)
{
    const uint8_t *p = unpack(u, 1);
    return p ? *p : 0;
}

static uint32_t unpack_u32(struct unpacker *u)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 8 | unpack_byte(u);
    return value;
}

static int64_t unpack_i64(struct unpacker *u)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | unpack_byte(u);
    return (int64_t)value;
}

static const char *unpack_audit(struct unpacker *u, struct arena *a)
{
    const uint8_t *p = unpack(u, TOKEN_AUDIT_BYTES);
    if (!p)
        return NULL;
    char *text = arena_alloc(a, TOKEN_AUDIT_LENGTH + 1);
    base64_encode(p, TOKEN_AUDIT_BYTES, text);
    return text;
}

static const char *unpack_id(struct unpacker *u, struct arena *a)
{
    static const char digits[] = "0123456789abcdef";
    unsigned head = unpack_byte(u);
    size_t n = head & ~(unsigned)ID_HEX;
    const uint8_t *p = unpack(u, n);

    if (!p || n == 0 || memchr(p, 0, head & ID_HEX ? 0 : n)) {
        u->bad = true;
        return NULL;
    }
    if (!(head & ID_HEX))
        return arena_strndup(a, (const char *)p, n);
    char *id = arena_alloc(a, n * 2 + 1);
    for (size_t i = 0; i < n; i++) {
        id[i * 2] = digits[p[i] >> 4];
        id[i * 2 + 1] = digits[p[i] & 15];
    }
    return id;
}

int token_read(const struct seal_ring *ring, const char *text, int64_t now_us, struct arena *a,
               struct token_claims *ret_claims)
{
    struct unpacker u = { 0 };
    struct token_claims c = { 0 };

    if (strnlen(text, TOKEN_TEXT_MAX + 1) > TOKEN_TEXT_MAX)
        return -EBADMSG;
    TRY(seal_open(ring, purpose, text, a, &u.at, &u.left));
    unsigned format = unpack_byte(&u), flags = unpack_byte(&u);
    c.methods = unpack_byte(&u);
    c.user_epoch = unpack_u32(&u);
    c.issued_us = unpack_i64(&u);
    c.expires_us = unpack_i64(&u);
    c.audit_id = unpack_audit(&u, a);
    c.parent_audit_id = flags & HAS_PARENT ? unpack_audit(&u, a) : NULL;
    c.user_id = unpack_id(&u, a);
    c.scope = flags & SCOPE_MASK;
    c.scope_id = scope_has_id(c.scope) ? unpack_id(&u, a) : NULL;
    c.app_cred_id = flags & HAS_APP_CRED ? unpack_id(&u, a) : NULL;
    if (u.bad || u.left || format != FORMAT || (unsigned)c.scope >= TOKEN_SCOPE_N ||
        flags & ~(unsigned)(SCOPE_MASK | HAS_PARENT | HAS_APP_CRED))
        return -EBADMSG;
    *ret_claims = c;
    return now_us >= c.expires_us ? -EKEYEXPIRED : 0;
}

/* ---- helpers ---- */

static const char *audit_new(struct arena *a)
{
    uint8_t bytes[TOKEN_AUDIT_BYTES];
    char *text = arena_alloc(a, TOKEN_AUDIT_LENGTH + 1);
    random_bytes(bytes, sizeof bytes);
    base64_encode(bytes, sizeof bytes, text);
    return text;
}

void token_begin(struct arena *a, int64_t now_us, int64_t lifetime_us, const struct token_claims *parent,
                 struct token_claims *ret_claims)
{
    struct token_claims c = { .issued_us = now_us,
                              .expires_us = now_us + lifetime_us,
                              .audit_id = audit_new(a) };

    if (parent) {
        c.user_id = parent->user_id;
        c.user_epoch = parent->user_epoch;
        c.methods = parent->methods | TOKEN_BY_TOKEN;
        c.app_cred_id = parent->app_cred_id;
        c.parent_audit_id = parent->parent_audit_id ? parent->parent_audit_id : parent->audit_id;
        if (c.expires_us > parent->expires_us)
            c.expires_us = parent->expires_us;
    }
    *ret_claims = c;
}

static const struct {
    const char *name;
    unsigned bit;
} methods_known[] = {
    { "password", TOKEN_BY_PASSWORD }, { "token", TOKEN_BY_TOKEN },
    { "totp", TOKEN_BY_TOTP },         { "application_credential", TOKEN_BY_APP_CRED },
    { "ec2credential", TOKEN_BY_EC2 },
};

unsigned token_method_bit(const char *name)
{
    for (size_t i = 0; i < N_ELEMENTS(methods_known); i++)
        if (str_eq(name, methods_known[i].name))
            return methods_known[i].bit;
    return 0;
}

struct strs token_method_names(struct arena *a, unsigned methods)
{
    struct strs names = { 0 };
    for (size_t i = 0; i < N_ELEMENTS(methods_known); i++)
        if (methods & methods_known[i].bit)
            *arena_push(a, &names.items, &names.n) = methods_known[i].name;
    return names;
}
