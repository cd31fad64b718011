/* core.h - the engine under the faces: takes HTTP requests, runs their routes, answers. */
#pragma once
#include "api/core/route.h"

struct core_config {
    struct store *store;
    struct hash_pool *pool;
    const char *base_url;
    const struct face *const *faces; /* ended by NULL */
    /* Sets '*ret_who' to the caller that the token stands for now.  Errors: UNAUTHENTICATED. */
    int (*authenticate)(struct cx *cx, void *arg, const char *token, const struct who **ret_who);
    void *authenticate_arg;
    void *user; /* req_user() */
    const char *realm_url; /* for WWW-Authenticate: the Identity URL */
};
/* 'config' is copied; what it points to must outlive the core. */
struct core *core_new(const struct core_config *config);
void core_free(struct core *core);
/* The functions to give to http_server_start(). */
struct http_handler core_http_handler(struct core *core);
/* Writes all routes as JSON: method, path, policy, role, microversions, members.  Returns the number of rows that break
 * a rule (no policy name, nobody may, a body without limits). */
int core_dump(const struct face *const *faces, struct jwriter *w);
