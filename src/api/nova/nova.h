/* nova.h - what the files of this face share: route tables, links, lists in pages. */
#pragma once
#include "api/core/route.h"
#include "compute/server.h"

extern const struct route nova_version_routes[], nova_server_routes[], nova_create_routes[], nova_action_routes[], nova_rebuild_routes[], nova_resize_routes[],
    nova_metadata_routes[], nova_tag_routes[], nova_interface_routes[], nova_history_routes[], nova_flavor_routes[],
    nova_keypair_routes[], nova_host_routes[], nova_aggregate_routes[], nova_group_routes[], nova_quota_routes[],
    nova_password_routes[], nova_usage_routes[], nova_security_group_routes[], nova_image_routes[], nova_floating_routes[], nova_os_hosts_routes[],
    nova_networks_routes[], nova_extension_routes[];

#define NOVA_MOUNT "/compute/v2.1"
enum { NOVA_PAGE_MAX = 1000, NOVA_USER_DATA_MAX = 65535, NOVA_ADMIN_PASS_CHARACTERS = 12 };

/* The public URL of a path below the mount. */
const char *nova_url(const struct req *rq, struct arena *a, const char *path);
/* Writes "links" of an object ("servers", its id): self, and the bookmark, which names no version. */
void nova_links(struct jwriter *w, const struct req *rq, const char *collection, const char *id);
/* Writes an array with one bookmark link. */
void nova_bookmark_link(struct jwriter *w, const struct req *rq, const char *collection, const char *id);
/* Writes "<name>_links" when the page is full: there may be more after 'last_id'. */
void nova_next_link(struct jwriter *w, struct req *rq, const char *name, size_t n, int64_t limit, const char *last_id);
/* From 2.75 on a query parameter that is in none of 'known' is an error.  Errors: INVALID. */
int nova_check_query(struct req *rq, const char *const *known) MUST_CHECK;
/* Nova's lists answer 400 to a sort key they do not have.  Errors: INVALID. */
int nova_check_sort_keys(struct req *rq, const char *const *known) MUST_CHECK;
/* limit: at most NOVA_PAGE_MAX, which is also the preset.  Errors: INVALID. */
int nova_limit(struct req *rq, int64_t *ret_limit) MUST_CHECK;
/* A time that a query names; '*ret_us' stays when it is absent.  Errors: INVALID. */
int nova_query_time(struct req *rq, const char *name, int64_t *ret_us) MUST_CHECK;
/* The server that the path names. */
int nova_server(struct cx *cx, struct req *rq, struct server *ret_server) MUST_CHECK;
/* Replies with the server as GET shows it (servers.c). */
int nova_reply_server(struct cx *cx, struct req *rq, const struct server *server) MUST_CHECK;
/* What the lower-case hex SHA-224 of project and host is called: "hostId". */
const char *nova_host_id(struct arena *a, const char *project_id, const char *host_name);
/* Reads a member of which only null and an empty list can be had here; 'expected' says what to do instead. */
int nova_parse_refused(struct cx *cx, const struct field *f, const struct json_t *value, void *obj);
/* The body of a call on metadata: {"metadata": {...}} or {"meta": {...}}.  Errors: INVALID. */
int nova_read_metadata(struct cx *cx, struct req *rq, struct strmap *ret_map) MUST_CHECK;
/* 'old' with what 'new' says over it. */
struct strmap nova_merge(struct cx *cx, struct strmap old, struct strmap new);
/* A flavorRef: an id, as text or number, or a URL that ends in one.  Errors: INVALID. */
int nova_read_flavor_reference(struct cx *cx, const struct json_t *value, const char **ret_id) MUST_CHECK;
bool nova_is_name(const char *s);   /* printable, no space at either end */
bool nova_is_key(const char *s);    /* of metadata */
bool nova_is_base64(const char *s);
bool nova_is_id(const char *s);     /* a UUID, with dashes or without */
bool nova_is_ipv4(const char *s);
bool nova_is_ipv6(const char *s);
