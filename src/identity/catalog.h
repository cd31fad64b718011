/* catalog.h - where the services are: regions, services and their endpoints. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"

struct catalog_region {
    const char *id, *description, *parent_region_id;
    const char *extra; /* JSON object */
};
struct catalog_service {
    const char *id, *type, *name, *description;
    bool enabled;
    const char *extra;
};
struct catalog_endpoint {
    const char *id, *service_id, *region_id;
    const char *interface; /* "public", "internal" or "admin" */
    const char *url;       /* a whole URL, or a path under the public URL of the day */
    bool enabled;
    const char *extra;
    const char *region;    /* as old clients send region_id: such a region is made when there is none */
};
extern const struct field catalog_region_columns[], catalog_service_columns[], catalog_endpoint_columns[];

/* Gives it an id if it has none.  Errors: CONFLICT, NOT_FOUND (parent). */
int catalog_region_create(struct cx *cx, struct catalog_region *r) MUST_CHECK;
int catalog_region_get(struct cx *cx, const char *id, struct catalog_region *ret_region) MUST_CHECK;
int catalog_region_list(struct cx *cx, const struct filter *f, struct list *ret_regions) MUST_CHECK;
/* Errors: NOT_FOUND; INVALID (below itself). */
int catalog_region_update(struct cx *cx, const struct catalog_region *r) MUST_CHECK;
/* Errors: NOT_FOUND; CONFLICT (endpoints or regions are in it). */
int catalog_region_delete(struct cx *cx, const char *id) MUST_CHECK;

int catalog_service_create(struct cx *cx, struct catalog_service *s) MUST_CHECK;
int catalog_service_get(struct cx *cx, const char *id, struct catalog_service *ret_service) MUST_CHECK;
int catalog_service_list(struct cx *cx, const struct filter *f, struct list *ret_services) MUST_CHECK;
int catalog_service_update(struct cx *cx, const struct catalog_service *s) MUST_CHECK;
/* Deletes it with its endpoints. */
int catalog_service_delete(struct cx *cx, const char *id) MUST_CHECK;

/* Errors: NOT_FOUND (service, region). */
int catalog_endpoint_create(struct cx *cx, struct catalog_endpoint *e) MUST_CHECK;
int catalog_endpoint_get(struct cx *cx, const char *id, struct catalog_endpoint *ret_endpoint) MUST_CHECK;
int catalog_endpoint_list(struct cx *cx, const struct filter *f, struct list *ret_endpoints) MUST_CHECK;
/* The same, and NOT_FOUND. */
int catalog_endpoint_update(struct cx *cx, struct catalog_endpoint *e) MUST_CHECK;
int catalog_endpoint_delete(struct cx *cx, const char *id) MUST_CHECK;

/* One endpoint as a token's owner sees it. */
struct catalog_entry {
    const char *service_id, *service_type, *service_name;
    const char *id, *interface, *region_id, *url;
};
/* Sets '*ret_entries' to the enabled endpoints of enabled services, ordered by service; URLs are whole, and
 * $(project_id)s and the like in them are filled in for cx->who (an endpoint that needs a project is left away for
 * a caller without one). */
int catalog_entries(struct cx *cx, const char *base_url, const struct who *who, struct list *ret_entries) MUST_CHECK;
/* A stored URL as the world sees it. */
const char *catalog_url(struct cx *cx, const char *base_url, const char *url);
