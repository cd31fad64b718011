/* /servers/{id}/os-server-password: what the guest has posted. */
#include "compute/password.h"

#include "api/nova/nova.h"

static int password_show(struct cx *cx, struct req *rq)
{
    struct server server;
    const char *text;

    TRY(nova_server(cx, rq, &server));
    TRY(server_password_get(cx, &server, &text));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_kv(w, "password", text);
    jw_end(w);
    return reply_written(rq);
}

static int password_clear(struct cx *cx, struct req *rq)
{
    struct server server;

    TRY(nova_server(cx, rq, &server));
    TRY(server_password_clear(cx, &server));
    return reply_empty(rq);
}

#define P "os_compute_api:os-server-password:"
/* clang-format off */
const struct route nova_password_routes[] = {
    { "GET",    "/servers/{id}/os-server-password", password_show,  P "show",  MAY_READER, NULL, OK(200) },
    { "DELETE", "/servers/{id}/os-server-password", password_clear, P "clear", MAY_MEMBER, NULL, OK(204) },
    { 0 },
};
/* clang-format on */
