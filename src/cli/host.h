/* host.h - facts about this machine. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

/* The NIC of the default IPv4 route.  Errors: NOT_FOUND. */
int host_default_nic(struct cx *cx, const char **ret_nic) MUST_CHECK;
/* The gateway of the default IPv4 route, or NULL when there is none. */
const char *host_default_gateway(struct cx *cx);
/* The NIC's first IPv4 address.  Errors: NOT_FOUND (no such NIC, or it has none). */
int host_address(struct cx *cx, const char *nic, const char **ret_address) MUST_CHECK;
/* The machine's name; "localhost" when it has none. */
const char *host_name(struct cx *cx);
/* The name stands in /etc/hosts. */
bool host_name_in_hosts(const char *name);
/* An IPv4 range "a.b.c.d/n" with its host bits zero, as host-order numbers; false: it is none. */
bool host_range(const char *text, uint32_t *ret_first, uint32_t *ret_last);
/* The machine's IPv4 routes but the default ones. */
struct host_route {
    const char *nic;
    uint32_t first, last;
};
int host_routes(struct cx *cx, struct list *ret_routes /* struct host_route */) MUST_CHECK;
