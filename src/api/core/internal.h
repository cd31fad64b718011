/* internal.h - what the files of api/core share; no face includes it. */
#pragma once
#include "api/core/answers.h"
#include "api/core/core.h"
#include "auth/password.h"
#include "store/store.h"

struct pair {
    const char *name, *value;
};

struct req {
    struct core *core;
    struct http_rq *http;
    struct cx cx;
    const struct face *face;
    const struct route *route;
    const char *path; /* below the mount, decoded only in 'args' */
    struct pair args[8];
    size_t n_args;
    struct pair *query;
    size_t n_query;
    unsigned mv;

    const struct json_t *doc, *json; /* whole, and inside the wrap */
    const struct json_t **bulk;      /* each object of a bulk call */
    struct list bodies;
    bool is_bulk;
    const char *admin_member; /* a member that only admins may give was given */
    enum kind pending;        /* what was wrong with the body; told only to those who may call */
    const char *pending_type, *pending_text;

    void *kept;
    const void *view_context;
    struct write write;
    struct hash_job job;
    bool opened, finished; /* UPLOAD */

    int status; /* of the reply; 0: none yet */
    struct jwriter writer;
    const void *out;
    size_t out_len;
    int file;
    int64_t file_offset, file_size;
    const char *type;
    const char *protocol; /* not NULL: the connection leaves HTTP for this one */
    void (*ready)(void *arg, int fd, const void *extra, size_t n_extra);
    void *ready_arg;
    const char *(*headers)[2];
    size_t n_headers, n_early_headers; /* the latter were there before the handler ran */
};

struct core {
    struct core_config config;
    struct answers *answers; /* of steady routes */
};

/* Finds face and route of rq->http.  Returns 0, or the negative errno of a recorded failure; NOT_FOUND and the
 * 405 case set rq->status. */
int req_match(struct req *rq);
/* Negotiates the microversion.  Errors: INVALID; rq->status 406. */
int req_microversion(struct req *rq);
int req_parse_query(struct req *rq);
/* Reads the body; what is wrong with it is kept in rq->pending. */
void req_read_body(struct req *rq);
/* Turns the failure in rq->cx into a reply. */
void reply_failure(struct req *rq);
/* Sends what was replied. */
void reply_send(struct req *rq);
void reply_reset(struct req *rq);
/* Decodes %xx in arena; NULL when malformed or when it makes a NUL. */
const char *percent_decode(struct arena *a, const char *s, size_t n, bool plus);
