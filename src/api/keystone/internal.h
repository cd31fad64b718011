/* internal.h - what the files of api/keystone share. */
#pragma once
#include "api/keystone/face.h"
#include "identity/project.h"

struct identity_context;
/* What the program handed to the faces for identity. */
const struct identity_context *keystone_identity(const struct req *rq);

/* How a kind of thing looks in replies; "links" and the free members come by themselves. */
struct resource {
    const char *name, *collection; /* "user", "users" */
    const struct field *view;
    size_t size, id, extra; /* of the struct; offsets of its id and of its free members (0: it has none) */
    const struct paging *paging; /* of its lists, for keystone_filter(); NULL: req_filter() alone reads the query */
};

/* {"user": {...}}; 'path' is the collection's below the mount when it is not "/<collection>", else NULL. */
int keystone_reply(struct req *rq, const struct resource *r, const char *path, const void *obj);
/* Makes a filter of the query as req_filter() does, and understands "name__contains" and the like: these are carried out by
 * keystone_reply_list(), so the filter has no limit when there are any.  Errors: INVALID. */
int keystone_filter(struct req *rq, const struct resource *r, struct filter *ret_filter) MUST_CHECK;
/* {"users": [...], "links": {...}} of those in 'objs' for which the query's inexact filters hold. */
int keystone_reply_list(struct req *rq, const struct resource *r, const char *path, struct list objs);
/* The object alone, with its links; keystone_write_open() leaves it open for more members. */
void keystone_write_open(struct req *rq, struct jwriter *w, const struct resource *r, const char *path, const void *obj);
void keystone_write(struct req *rq, struct jwriter *w, const struct resource *r, const char *path, const void *obj);
/* "links" of a list: itself, and the next part when the client asked for parts. */
void keystone_write_list_links(struct req *rq, struct jwriter *w, const char *last_id, size_t n);
/* "https://.../identity/v3" + path. */
const char *keystone_url(struct req *rq, const char *path);

/* A row's parse hooks: {"immutable": true} or {}; a list of tags. */
int keystone_parse_options(struct cx *cx, const struct field *f, const struct json_t *value, void *obj);
int keystone_parse_tags(struct cx *cx, const struct field *f, const struct json_t *value, void *obj);
/* For rows that clients send back as they were shown them: ids that never change, and what says
 * nothing. */
int keystone_parse_id(struct cx *cx, const struct field *f, const struct json_t *value, void *obj);
int keystone_parse_nothing(struct cx *cx, const struct field *f, const struct json_t *value, void *obj);
/* Errors: INVALID when the client chose an id for something new. */
int keystone_check_new(struct cx *cx, const char *id) MUST_CHECK;

/* Checks for names: something visible; tags without comma and slash. */
bool keystone_is_name(const char *s);
bool keystone_is_tag(const char *s);

#define KEYSTONE_NAME .required = true, .min = 1, .check = keystone_is_name, .expected = "It must not be blank."
#define KEYSTONE_ID .min = 1, .max = 64

/* families.c: "parents" and "subtree" of the project into its open object, as the query asks.  Errors: INVALID. */
int keystone_write_family(struct req *rq, struct jwriter *w, const struct project *p) MUST_CHECK;

extern const struct resource keystone_project, keystone_domain, keystone_role;

extern const struct route keystone_token_routes[], keystone_user_routes[], keystone_group_routes[], keystone_project_routes[],
    keystone_domain_routes[], keystone_role_routes[], keystone_grant_routes[], keystone_catalog_routes[],
    keystone_credential_routes[], keystone_app_cred_routes[], keystone_policy_routes[];
