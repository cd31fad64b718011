/* request.h - private to http/: one request between libmicrohttpd and the handler, and the server it belongs to. */
#pragma once
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/drain.h"
#include "http/peer.h"
#include "http/server.h"

struct upgrade;

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_handler handler;
    struct drain *drain;
    char *server_name; /* or NULL */
    bool is_tls;
    bool asks_clients; /* for certificates */
    int listen_fd;
    uint16_t port;
    atomic_bool started, stopping;

    /* libmicrohttpd calls some of us while it holds a lock: so none of its functions is called under this one. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool closed;              /* none may run any more: libmicrohttpd can't be stopped while one is suspended */
    unsigned running_n;       /* requests between run() and their end */
    unsigned unanswered_n;    /* of these, those without a reply */
    unsigned threads_n;       /* of upgraded connections */
    struct upgrade *upgrades; /* whose sockets are open */
    struct connection *shared; /* connections with a sharer */
    unsigned sharer_max;
};

/* What is known of a connection; libmicrohttpd's "socket context". */
struct connection {
    struct connection *next, *prev; /* in server.shared */
    bool shares;                    /* it is there */
    unsigned sharer;
    char peer[PEER_TEXT_SIZE];
    char *cn;
    bool cn_known;
    bool linger; /* the client may go on sending after we close */
};

enum stage {
    STAGE_HEAD, /* head() has not been called */
    STAGE_BODY, /* the body comes in */
    STAGE_RUN,  /* run() has been called */
};

/* Who goes on with a request after run(): a reply that finds it suspended resumes it; one that comes before that is
 * found by the connection's thread. */
enum turn { TURN_RUN, TURN_SUSPENDED, TURN_REPLIED };

struct request {
    struct http_rq rq;
    struct http_server *server;
    struct MHD_Connection *c;
    struct connection *connection;
    const char *target; /* as sent */
    enum stage stage;
    bool head_called; /* and end() has not been */
    bool counted;     /* in running_n */
    char *body;       /* rq.body when it is kept; body_cap bytes */
    size_t body_cap;
    int64_t skipped_bytes;         /* of the body after the reply */
    struct MHD_Response *response; /* the reply, until libmicrohttpd has it */
    unsigned status;
    struct upgrade *upgrade; /* the response is one, or NULL */
    bool is_http_1_1;
    bool is_over; /* the reply was sent, or the connection left HTTP and came back: nothing more is to be done */
    atomic_int turn; /* enum turn */
};

/* Callbacks of libmicrohttpd; 'self' is the server.  The first makes the request, the last frees it. */
void *request_begin(void *self, const char *target, struct MHD_Connection *c);
enum MHD_Result request_step(void *self, struct MHD_Connection *c, const char *url, const char *method,
                             const char *version, const char *data, size_t *n, void **request);
void request_end(void *self, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode why);

/* Calls the handler's end() unless that was done. */
void request_call_end(struct request *r);

/* Ends the process when 'p' is NULL, as the arena does: nothing here can go on without memory. */
void *http_must(void *p);
