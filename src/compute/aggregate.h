/* aggregate.h - groups of hosts; one that names an availability zone makes its hosts' zone. */
#pragma once
#include "compute/host.h"

struct aggregate {
    int64_t id;
    const char *uuid, *name;
    const char *metadata; /* JSON map; "availability_zone" is one of its keys */
    int64_t created_at, updated_at;
};
struct aggregate_host {
    int64_t aggregate_id;
    const char *host_id;
};
/* Stores it after filling in the rest.  Errors: CONFLICT (name taken), INVALID (a zone that is none). */
int aggregate_add(struct cx *cx, struct aggregate *aggregate) MUST_CHECK;
/* Errors: NOT_FOUND. */
int aggregate_get(struct cx *cx, const char *id, struct aggregate *ret_aggregate) MUST_CHECK;
int aggregate_list(struct cx *cx, struct list *ret_aggregates) MUST_CHECK;
/* Which hosts are in which (struct aggregate_host), ordered by aggregate. */
int aggregate_hosts(struct cx *cx, struct list *ret_hosts) MUST_CHECK;
/* Stores name and metadata.  Errors: CONFLICT (name; a host would be in two zones). */
int aggregate_save(struct cx *cx, struct aggregate *aggregate) MUST_CHECK;
/* Errors: CONFLICT (it has hosts). */
int aggregate_remove(struct cx *cx, const struct aggregate *aggregate) MUST_CHECK;
/* Errors: NOT_FOUND (host), CONFLICT (it is in there; or in another zone). */
int aggregate_add_host(struct cx *cx, const struct aggregate *aggregate, const char *host_name) MUST_CHECK;
/* Errors: NOT_FOUND, CONFLICT (servers would change their zone). */
int aggregate_remove_host(struct cx *cx, const struct aggregate *aggregate, const char *host_name) MUST_CHECK;
/* The zone that the aggregate names, or NULL. */
const char *aggregate_zone(struct cx *cx, const struct aggregate *aggregate);
