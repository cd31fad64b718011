#include "compute/password.h"

#include <string.h>

struct row {
    const char *server_id, *password;
};
/* clang-format off */
static const struct field columns[] = { STR(struct row, server_id), STR(struct row, password), { 0 } };
static const struct table table = { "server_password", columns, .n_key = 1, .size = sizeof(struct row) };
/* clang-format on */

int server_password_keep(struct cx *cx, const char *server_id, const char *text)
{
    const struct row row = { server_id, text };
    struct server server;

    int found = server_find(cx, server_id, &server);
    TRY(found);
    if (!found)
        return fail(cx, KIND_NOT_FOUND, "There is no server %.64s.", server_id);
    if (str_empty(text) || strlen(text) > SERVER_PASSWORD_MAX)
        return fail(cx, KIND_INVALID, "A password has 1 to %d bytes.", SERVER_PASSWORD_MAX);
    int r = store_insert(cx, &table, &row);
    return r < 0 && cx->kind == KIND_CONFLICT ? fail(cx, KIND_CONFLICT, "The server has posted a password already.") : r;
}

int server_password_get(struct cx *cx, const struct server *server, const char **ret_text)
{
    struct row row;
    int r = store_find(cx, &table, &row, "server_id=$1", ARGS(server->id));

    TRY(r);
    *ret_text = r ? row.password : "";
    return 0;
}

int server_password_clear(struct cx *cx, const struct server *server)
{
    TRY(store_delete(cx, &table, "server_id=$1", ARGS(server->id)));
    return 0;
}
