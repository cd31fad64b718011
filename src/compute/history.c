#include "compute/history.h"

#include "auth/who.h"
#include "base/env.h"
#include "store/filter.h"

/* clang-format off */
#define T struct server_action
static const struct field action_columns[] = {
    STR(T, server_id), STR(T, request_id), STR(T, action), STR(T, project_id), STR(T, user_id), STR(T, message),
    TIME(T, start_at), TIME(T, updated_at), BOOL(T, open), { 0 },
};
#undef T
#define T struct server_event
static const struct field event_columns[] = {
    STR(T, id), STR(T, server_id), STR(T, request_id), STR(T, event), TIME(T, start_at), TIME(T, finish_at),
    STR(T, result), STR(T, details), STR(T, host_name), { 0 },
};
#undef T
const struct table server_action_table = { "server_action", action_columns, .n_key = 2, .size = sizeof(struct server_action) };
static const struct table event_table = { "server_event", event_columns, .n_key = 1, .size = sizeof(struct server_event) };
/* clang-format on */

static int host_name(struct cx *cx, const struct server *server, const char **ret_name)
{
    *ret_name = NULL;
    return server->host_id ? store_text(cx, ret_name, "SELECT name FROM host WHERE id=$1", ARGS(server->host_id)) : 0;
}

static int add(struct cx *cx, const struct server *server, const char *request_id, const char *action, const char *event,
               bool open, const char *error)
{
    struct server_action a = { .server_id = server->id, .request_id = request_id, .action = action,
                               .start_at = cx->now_us, .updated_at = cx->now_us, .open = open };
    struct server_event e = { .id = uuid_new(cx->arena), .server_id = server->id, .request_id = request_id,
                              .event = event, .start_at = cx->now_us };

    a.project_id = cx->who && cx->who->project_id ? cx->who->project_id : server->project_id;
    a.user_id = cx->who ? cx->who->user_id : NULL;
    a.message = error ? "Error" : NULL;
    if (!open) {
        e.finish_at = cx->now_us;
        e.result = error ? "Error" : "Success";
        e.details = error;
    }
    TRY(host_name(cx, server, &e.host_name));
    TRY(store_put(cx, &server_action_table, &a));
    return store_insert(cx, &event_table, &e);
}

int history_begin(struct cx *cx, const struct server *server, const char *action, const char *event)
{
    return add(cx, server, cx->request_id, action, event, true, NULL);
}

int history_note(struct cx *cx, const struct server *server, const char *action, const char *event, const char *error)
{
    const char *id = cx_printf(cx, "req-%s", uuid_new(cx->arena)); /* one report may tell of several servers and causes */
    return add(cx, server, id, action, event, false, error);
}

#define WHICH                                                                                                \
    "server_id=$1 AND (request_id=$2 OR ($2='' AND request_id NOT IN (SELECT t.request_id FROM server_task t " \
    "WHERE t.server_id=$1)))"

int history_end(struct cx *cx, const char *server_id, const char *request_id, const char *error)
{
    const char *which = request_id ? request_id : "";

    TRY(store_exec(cx, &event_table, "UPDATE server_event SET finish_at=$3, result=$4, details=$5 WHERE finish_at=0 AND " WHICH,
                   ARGS(server_id, which, cx->now_us, error ? "Error" : "Success", error)));
    TRY(store_exec(cx, &server_action_table,
                   "UPDATE server_action SET open=0, updated_at=$3, message=$4 WHERE open=1 AND " WHICH,
                   ARGS(server_id, which, cx->now_us, error ? "Error" : (const char *)NULL)));
    return 0;
}

/* Its id is made of what it says: an answer that was lost makes a host tell it again. */
int history_host_event(struct cx *cx, const struct server *server, const struct host_event *h)
{
    struct server_action a;
    int64_t n = 0;
    int r = store_find(cx, &server_action_table, &a, "server_id=$1 ORDER BY open DESC, start_at DESC LIMIT 1", ARGS(server->id));

    TRY(r);
    if (!r)
        return 0;
    TRY(store_int(cx, &n, "SELECT count(*) FROM server_event WHERE server_id=$1 AND request_id=$2", ARGS(server->id, a.request_id)));
    if (n > HISTORY_HOST_EVENTS_MAX) /* and the action's own */
        return 0;
    struct server_event e = { .id = cx_printf(cx, "%s %lld %.64s", server->id, (long long)h->start_us, h->event),
                              .server_id = server->id, .request_id = a.request_id, .event = h->event,
                              .start_at = h->start_us, .finish_at = h->finish_us, .result = h->error ? "Error" : "Success",
                              .details = h->error, .host_name = h->host_name };
    return store_put(cx, &event_table, &e);
}

/* The server is, or was, the caller's. */
static int check_owner(struct cx *cx, const char *server_id, bool past)
{
    const char *project = cx->who->is_admin ? "" : cx->who->project_id ? cx->who->project_id : "-";
    int64_t n;
    int r = store_int(cx, &n,
                      "SELECT 1 FROM server WHERE id=$1 AND ($2='' OR project_id=$2) UNION ALL "
                      "SELECT 1 FROM server_past WHERE $3=1 AND id=$1 AND ($2='' OR project_id=$2)",
                      ARGS(server_id, project, (int)past));
    TRY(r);
    return r ? 0 : fail(cx, KIND_NOT_FOUND, "Instance %.64s could not be found.", server_id);
}

int history_list(struct cx *cx, const char *server_id, bool past, const struct filter *filter, struct list *ret_actions)
{
    TRY(check_owner(cx, server_id, past));
    return store_list_filtered(cx, &server_action_table, ret_actions, filter, "server_id=$1", ARGS(server_id));
}

int history_get(struct cx *cx, const char *server_id, bool past, const char *request_id, struct server_action *ret_action,
                struct list *ret_events)
{
    TRY(check_owner(cx, server_id, past));
    int r = store_find(cx, &server_action_table, ret_action, "server_id=$1 AND request_id=$2", ARGS(server_id, request_id));
    TRY(r);
    if (!r)
        return fail(cx, KIND_NOT_FOUND, "Action for request_id %.64s on instance %.64s could not be found.", request_id, server_id);
    return store_list(cx, &event_table, ret_events, "server_id=$1 AND request_id=$2 ORDER BY start_at DESC, id",
                      ARGS(server_id, request_id));
}
