/* glance.h - what the files of this face share. */
#pragma once
#include "api/core/contexts.h"
#include "api/core/route.h"
#include "image/image.h"

extern const struct route glance_image_routes[], glance_data_routes[], glance_member_routes[],
    glance_schema_routes[];

/* The members of an image that its owner may give, in a struct image; for POST and PATCH alike. */
extern const struct field glance_image_fields[];
extern const char *const glance_disk_formats[], *const glance_container_formats[],
                                                    *const glance_visibilities[];

enum { GLANCE_BODY_MAX = 1024 * 1024, GLANCE_PROPERTY_MAX = 65535 };

/* Whether an owner may give a member of this name, or have a property of it.  Errors: FORBIDDEN (read-only,
 * reserved). */
int glance_check_name(struct cx *cx, const char *name) MUST_CHECK;
/* The members of the request's body that are no fields, as an image keeps them: strings by name.
 * Errors: INVALID, FORBIDDEN. */
int glance_read_properties(struct cx *cx, struct req *rq, const char **ret_properties) MUST_CHECK;
/* Changes '*image' as the patch in the request's body says.  Errors: INVALID, FORBIDDEN, CONFLICT. */
int glance_patch(struct cx *cx, struct req *rq, struct image *image) MUST_CHECK;
/* Makes a query for images of the request's query string.  Errors: INVALID. */
int glance_query(struct cx *cx, struct req *rq, struct image_query *ret_query) MUST_CHECK;
/* "/v2/images?..." of the same list after 'marker' (NULL: from its beginning): without host and mount, as
 * clients of Image expect. */
const char *glance_list_url(struct cx *cx, struct req *rq, const char *marker);
