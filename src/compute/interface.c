#include "compute/interface.h"

#include "compute/history.h"
#include "compute/power.h"

static const char *const plug_states[] = { "active", "paused", "stopped", NULL };

int interface_add(struct cx *cx, struct server *server, const struct nic_request *request, struct nic *ret_nic)
{
    TRY(server_check_lock(cx, server));
    TRY(server_check_state(cx, server, "attach_interface", plug_states));
    int r = network_attach_one(cx, server->project_id, server->id, server->host_id, request, ret_nic);
    if (r < 0 && cx->kind == KIND_NOT_FOUND && !request->port_id)
        cx->kind = KIND_INVALID;
    TRY(r);
    TRY(history_note(cx, server, "attach_interface", "compute_attach_interface", NULL));
    server->gen++;
    return server_save(cx, server);
}

int interface_remove(struct cx *cx, struct server *server, const char *port_id)
{
    TRY(server_check_lock(cx, server));
    TRY(server_check_state(cx, server, "detach_interface", plug_states));
    TRY(network_detach(cx, server->id, port_id));
    TRY(history_note(cx, server, "detach_interface", "compute_detach_interface", NULL));
    server->gen++;
    return server_save(cx, server);
}
