#include "compute/console.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/buf.h"
#include "base/env.h"

enum { TICKET_CHARACTERS = 40 };

struct console_token {
    const char *token_hash, *server_id, *kind;
    int64_t expires_us;
};
/* clang-format off */
static const struct field token_columns[] = {
    STR(struct console_token, token_hash), STR(struct console_token, server_id), STR(struct console_token, kind),
    I64(struct console_token, expires_us), { 0 },
};
static const struct table token_table = { "console_token", token_columns, .n_key = 1, .size = sizeof(struct console_token) };
/* clang-format on */

/* The store keeps hashes only: a copy of it opens no screen. */
static const char *hash_of(struct cx *cx, const char *ticket)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf b = buf_new(cx->arena);

    EVP_Digest(ticket, strlen(ticket), digest, &n, EVP_sha256(), NULL);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&b, "%02x", digest[i]);
    return buf_text(&b);
}

int console_ticket(struct cx *cx, const struct server *server, const char *kind, const char **ret_ticket)
{
    const char *ticket = secret_new(cx->arena, TICKET_CHARACTERS);
    struct console_token t = { hash_of(cx, ticket), server->id, kind,
                               cx->now_us + (int64_t)CONSOLE_TICKET_S * 1000000 };

    if (!server->host_id || (server->power_state != POWER_RUNNING && server->power_state != POWER_PAUSED))
        return fail(cx, KIND_CONFLICT, "Instance %s is not ready: its console can be opened while it is running.", server->id);
    *ret_ticket = ticket;
    return store_insert(cx, &token_table, &t);
}

int console_admit(struct cx *cx, const char *ticket, struct server *ret_server)
{
    struct console_token t;
    const char *hash = hash_of(cx, ticket);
    int r = store_find(cx, &token_table, &t, "token_hash=$1 AND expires_us>$2", ARGS(hash, cx->now_us));

    TRY(r);
    if (r)
        TRY(store_delete(cx, &token_table, "token_hash=$1", ARGS(hash)));
    if (r)
        TRY(r = server_find(cx, t.server_id, ret_server));
    return r ? 0 : fail(cx, KIND_UNAUTHENTICATED, "The console ticket is not valid any more. Ask for another one.");
}

int console_expire(struct cx *cx)
{
    return store_delete(cx, &token_table, "expires_us<=$1", ARGS(cx->now_us));
}
