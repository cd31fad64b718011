/* route.h - all that a face may use: routes, bodies, requests, replies.
 *
 * One API call is one row of a route table in the file that implements it:
 *
 *     { "POST", "/os-keypairs", keypairs_create, "os_compute_api:os-keypairs:create", MAY_READER, &create_body, OK(200, MV(2, 2), 201) },
 *
 * Core does the rest: match path, verb and microversion; read the body by its field table; the token, the policy and
 * the handler in ONE transaction; the reply only after the commit.  A handler takes the input, calls the domain and
 * replies: a dozen lines.  A row without 'may' is denied to everybody.
 *
 * READ rows (GET, HEAD) run in a snapshot on the connection's thread; WRITE rows (all others) in the writer's
 * transaction, where they may run more than once; LOCAL rows without any.  'prepare' runs before, on the hash pool,
 * for work that takes milliseconds of CPU (passwords, keys).  UPLOAD rows stream: open() in a transaction of its own
 * before the first byte, chunk() for each piece, prepare(), then the handler in a write transaction; abandon() when any of
 * these fails or the client goes away, in no transaction. */
#pragma once
#include "auth/who.h"
#include "base/cx.h"
#include "base/field.h"
#include "base/filter.h"
#include "http/server.h"
#include "json/read.h"
#include "json/writer.h"

struct req;
struct store;
struct hash_pool;
struct core;

/* Who may, by effective role.  What they may see is the domain's business: it scopes every row by cx->who. */
enum may {
    MAY_NOBODY, /* the default of a row that says nothing */
    MAY_ANYBODY,/* without a token */
    MAY_KNOWN,  /* with any valid token, scoped or not */
    MAY_READER, /* a role in the scope */
    MAY_MEMBER,
    MAY_MANAGER,
    MAY_ADMIN,
};

enum mode { MODE_BY_METHOD, MODE_READ, MODE_WRITE, MODE_LOCAL, MODE_UPLOAD };

struct body {
    const char *wrap;          /* {"server": {...}}; NULL: the members stand at the top */
    const struct field *fields;
    size_t size;               /* of the struct that is filled */
    const char *plural;        /* {"ports": [{...}, ...]} is taken too (bulk) */
    bool overlay;              /* changes an existing object: only req_overlay() reads it */
    bool open;                 /* unknown members are allowed; req_json() has them */
    bool optional;             /* no body at all is fine */
    bool any;                  /* no table: only parsed, for req_json() */
    size_t max;                /* bytes; 0: 64 KiB */
    const char *siblings;      /* other top-level members that are allowed beside 'wrap' ("os:scheduler_hints") */
    const char *media;         /* a Content-Type that is needed; NULL: any */
};

struct status {
    int status;
    unsigned since; /* from this microversion on ... */
    int then;       /* ... this one */
};
#define OK(...) { __VA_ARGS__ }

struct route {
    const char *method, *path; /* "/servers/{id}"; a name that ends in '*' takes the rest, slashes and all */
    int (*handle)(struct cx *cx, struct req *rq);
    const char *policy;        /* the field's name of the rule, for error texts and for operators' overrides */
    enum may may;
    const struct body *body;
    struct status ok;
    unsigned since, until;     /* microversions */
    const char *action;        /* POST .../action: the one member that the body must have; body->wrap is the same */
    enum mode mode;
    int (*prepare)(struct cx *cx, struct req *rq); /* on the hash pool, outside any transaction */
    int (*open)(struct cx *cx, struct req *rq);    /* UPLOAD: in a write transaction */
    int (*chunk)(struct req *rq, const void *data, size_t n);
    void (*abandon)(struct req *rq);
    const char *const *query;  /* names of query parameters that are known; NULL: not checked */
    bool steady;               /* READ: what a caller who is no admin gets depends on rows, path, query and microversion
                                * alone, not on the clock or other headers: it is kept until the next commit */
};

/* One service as clients see it. */
struct face {
    const char *mount;                        /* "/compute/v2.1" */
    const struct route *const *tables;        /* ended by NULL */
    unsigned mv_min, mv_max, mv_default;      /* 0: no microversions */
    bool mv_ignored;                          /* whatever a client asks for, it gets the default, and is not told */
    const char *mv_service, *mv_legacy_header;/* "compute", "X-OpenStack-Nova-API-Version" */
    const char *request_id_header;            /* beside X-Openstack-Request-Id, or NULL */
    bool slash_counts;                        /* "/images/" is not "/images" */
    bool text_errors;                         /* a client whose Accept does not name JSON gets errors as plain text */
    int statuses[KIND_N];                     /* where they differ from the usual ones; 0: the usual */
    /* Writes the error's body. */
    void (*error)(struct jwriter *w, int status, enum kind kind, const char *type, const char *text);
};

/* ---- input ---- */

/* A part of the path, percent-decoded; never NULL for a name of the route's own. */
const char *req_path(const struct req *rq, const char *name);
/* The body as its table read it (the first object of a bulk call). */
const void *req_body(const struct req *rq);
/* All bodies of a call that may be a bulk; '*ret_bulk' (if not NULL) says whether the client used the plural form. */
struct list req_bodies(const struct req *rq, bool *ret_bulk);
/* The client sent this member (it may be null); of body number 'i' of a bulk call. */
bool req_has(const struct req *rq, const char *member);
bool req_has_at(const struct req *rq, size_t i, const char *member);
/* The parsed object inside the wrap, and the whole document; NULL without a body. */
const struct json_t *req_json(const struct req *rq);
const struct json_t *req_document(const struct req *rq);
/* Changes '*obj' by the members that the client sent, as the body's table says.  Errors: INVALID, FORBIDDEN. */
int req_overlay(struct req *rq, void *obj) MUST_CHECK;
/* A query parameter (the first, or all of that name), percent-decoded; NULL when absent. */
const char *req_query(const struct req *rq, const char *name);
struct strs req_query_all(const struct req *rq, const char *name);
bool req_query_bool(const struct req *rq, const char *name);
/* All query parameters, in order. */
struct strmap req_query_pairs(struct req *rq);
const char *req_header(const struct req *rq, const char *name);
unsigned req_mv(const struct req *rq);
const struct http_rq *req_http(const struct req *rq);
struct cx *req_cx(struct req *rq);
struct store *req_store(const struct req *rq);
/* What the program gave as 'user': a struct face_contexts (api/core/contexts.h). */
void *req_user(const struct req *rq);
/* The public URL without a trailing slash, from the configuration, never from Host; "https://192.0.2.2:8443". */
const char *req_base_url(const struct req *rq);
/* The request's own URL without its query. */
const char *req_self_url(const struct req *rq);
/* A slot for what prepare(), open() and the handler hand on to each other. */
void req_keep(struct req *rq, void *p);
void *req_kept(const struct req *rq);

/* How a face's lists are asked for. */
struct paging {
    const struct field *columns;      /* may filter and sort by these */
    const char *const *filters;       /* names in the query that filter, ended by NULL: "name" or "wire=column"; "*" any column */
    const char *const *sorts;         /* the same for sort keys */
    const char *const *also;          /* names in the query that the handler reads itself, for 'strict' */
    const char *default_sort;         /* "created_at:desc" */
    const char *id_column;            /* NULL: "id" */
    int64_t max, fallback;            /* limit at most; limit when none is given (0: no limit) */
    bool strict;                      /* unknown filters and sort keys are an error */
    bool open;                        /* with strict: sort keys only; the face looks at the other parameters itself */
    bool neutron;                     /* page_reverse; a sort_key without sort_dir goes up */
    bool csv_in;                      /* "in:a,b" */
};
/* Makes a filter of the query.  Errors: INVALID. */
int req_filter(struct req *rq, const struct paging *p, struct filter *ret_filter) MUST_CHECK;

/* ---- output ---- */

/* {"wrap": {...}} by a view table; 'ctx' goes to its emit hooks.  The status is the route's. */
int reply(struct req *rq, const char *wrap, const struct field *view, const void *obj);
/* {"wrap": [{...}]}; with 'each' every element is wrapped once more. */
int reply_list(struct req *rq, const char *wrap, const char *each, const struct field *view, struct list objs,
               size_t size);
int reply_empty(struct req *rq);
/* A writer for bodies that no table describes; reply_written() sends it. */
struct jwriter *reply_writer(struct req *rq);
int reply_written(struct req *rq);
void reply_header(struct req *rq, const char *name, const char *value); /* both live as long as the call */
/* The status instead of the route's; one of 400 and more is for the failure that follows (415, 416). */
void reply_status(struct req *rq, int status);
/* A file as the body: takes 'fd' over.  'type' is the Content-Type. */
int reply_file(struct req *rq, int fd, int64_t offset, int64_t size, const char *type);
int reply_text(struct req *rq, const char *type, const char *text, size_t n);
/* Answers 101 once the transaction is committed and hands the connection to 'ready', as http_reply_upgrade() says;
 * 'protocol' and 'arg' live as long as the call. */
int reply_upgrade(struct req *rq, const char *protocol,
                  void (*ready)(void *arg, int fd, const void *extra, size_t n_extra), void *arg);
/* "limit" links: the URL of this list after 'marker'. */
const char *req_next_url(struct req *rq, const char *marker);
void reply_context(struct req *rq, const void *ctx);
