/* history.h - what was done to servers, by whom and how it ended.  It drives nothing and outlives the servers. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"
#include "compute/server.h"

struct server_action {
    const char *server_id, *request_id; /* together the key */
    const char *action;                 /* Nova's name: "create", "stop", "reboot", ... */
    const char *project_id, *user_id;
    const char *message;                /* "Error" when it failed, else NULL */
    int64_t start_at, updated_at;
    bool open;                          /* not finished */
};
struct server_event {
    const char *id, *server_id, *request_id, *event;
    int64_t start_at, finish_at; /* 0: open */
    const char *result;          /* "Success", "Error", or NULL */
    const char *details;         /* why it failed */
    const char *host_name;
};
extern const struct table server_action_table;

/* Notes that this call began 'action', whose one event is 'event'. */
int history_begin(struct cx *cx, const struct server *server, const char *action, const char *event) MUST_CHECK;
/* Notes something that is over already. */
int history_note(struct cx *cx, const struct server *server, const char *action, const char *event, const char *error) MUST_CHECK;
/* Ends what is open: of the call 'request_id', or (NULL) all but what open tasks belong to.  'error': NULL is success. */
int history_end(struct cx *cx, const char *server_id, const char *request_id, const char *error) MUST_CHECK;
/* Adds what the server's host did for it to the action that is open, else to the last one: steps of a host, those that
 * failed and were tried again too.  The same event twice is one; of one action HISTORY_HOST_EVENTS_MAX are kept. */
struct host_event {
    const char *host_name, *event;
    int64_t start_us, finish_us; /* by the host's clock */
    const char *error;           /* NULL: success */
};
enum { HISTORY_HOST_EVENTS_MAX = 32 };
int history_host_event(struct cx *cx, const struct server *server, const struct host_event *e) MUST_CHECK;
/* Those of a server of the caller's project (struct server_action); the filter's id column is request_id. 'past': also of one that is gone.  Errors: NOT_FOUND. */
int history_list(struct cx *cx, const char *server_id, bool past, const struct filter *filter, struct list *ret_actions) MUST_CHECK;
/* One and its events (struct server_event).  Errors: NOT_FOUND. */
int history_get(struct cx *cx, const char *server_id, bool past, const char *request_id, struct server_action *ret_action,
                struct list *ret_events) MUST_CHECK;
