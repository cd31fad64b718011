/* common.h - what the files of this face share: lists with links, bulk replies, standard members. */
#pragma once
#include "api/core/route.h"
#include "network/standard.h"

#define STANDARD_FILTERS "id", "name", "project_id", "tenant_id=project_id", "description", "revision_number"
extern const char *const neutron_tag_filters[]; /* for paging.also */

/* Members that every view ends with; 'T' begins with STANDARD_MEMBERS. */
#define STANDARD_VIEW(T)                                                                                     \
    STR(T, id), STR(T, name), STR(T, project_id), STR(T, project_id, AS("tenant_id")), STR(T, description),  \
        STR(T, tags, .emit = neutron_emit_tags), TIME(T, created_at), TIME(T, updated_at), I64(T, revision_number)
/* Members that every body may begin with. */
#define STANDARD_BODY(T)                                                                                     \
    STR(T, name, .preset = ""), STR(T, description, .preset = ""), STR(T, project_id, .write_once = true),   \
        STR(T, project_id, AS("tenant_id"), .write_once = true)

void neutron_emit_tags(struct jwriter *w, const struct field *f, const void *obj, const void *ctx);
void neutron_emit_active(struct jwriter *w, const struct field *f, const void *obj, const void *ctx);

/* Reads filters, sorting, paging and tags of the query.  Errors: INVALID. */
int neutron_query(struct req *rq, const struct paging *p, struct query *ret_query) MUST_CHECK;
/* The query asks for a status, for a resource that is always ACTIVE, that it never has. */
bool neutron_never_active(struct req *rq);
/* {"wrap": [...]} with "wrap_links" when the client pages. */
int neutron_reply_list(struct req *rq, const char *wrap, const struct field *view, struct list objs, size_t size,
                       const struct query *q);
/* {"one": {...}} or {"many": [...]}, as the request came. */
int neutron_reply_created(struct req *rq, const char *one, const char *many, const struct field *view, struct list objs,
                          size_t size);
/* The request has no If-Match, or one that names the revision of the object of this collection and the path's id; called before a
 * change.  Errors: INVALID (status 412: another revision; 400: not readable), and whatever reading the object fails with. */
int neutron_check_revision(struct req *rq, const char *collection) MUST_CHECK;
/* Refuses a project that is not the caller's; NULL is fine.  Errors: INVALID. */
int neutron_check_project(struct cx *cx, const char *project_id) MUST_CHECK;
