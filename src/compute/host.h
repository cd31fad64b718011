/* host.h - the machines that run servers: what they have, what is claimed of it, whether they are heard of.
 *
 * Claims are counters on the row, changed in the transaction that places or forgets a server: a claim that does not
 * fit changes no row. */
#pragma once
#include "base/cx.h"
#include "store/store.h"
#include "wire/plan.h"

struct server;

/* A host is taken for dead when it was silent for this long. */
enum { HOST_SILENT_US = 60 * 1000000 };
#define HOST_DEFAULT_AZ "nova"

struct host {
    const char *id, *name, *ip;
    const char *boot_id; /* changes with each start of the machine */
    const char *hypervisor, *hypervisor_version, *cpu_model, *arch;
    int64_t hypervisor_version_n;
    int64_t cpus, ram_mib, disk_gib;                    /* there */
    int64_t ram_seen_mib, disk_seen_gib;                /* in use, as the host sees it */
    int64_t used_vcpus, used_ram_mib, used_disk_gib;    /* claimed by servers */
    int64_t servers_n;                                  /* placed here */
    int64_t running;                                    /* as the host sees it */
    const char *uptime;                                 /* what uptime(1) said there last, or NULL */
    const char *az;                                     /* of its aggregates, else "nova" */
    bool disabled;
    const char *disabled_reason;
    int64_t last_seen_us, created_at, updated_at;
};
extern const struct table host_table;

/* Stores the facts of a report; makes the host's row the first time.  '*ret_id' is its id. */
int host_seen(struct cx *cx, const struct wire_sync *sync, const char **ret_id) MUST_CHECK;
bool host_alive(const struct cx *cx, const struct host *host);
/* Errors: NOT_FOUND. */
int host_get(struct cx *cx, const char *id, struct host *ret_host) MUST_CHECK;
int host_get_by_name(struct cx *cx, const char *name, struct host *ret_host) MUST_CHECK;
int host_list(struct cx *cx, struct list *ret_hosts) MUST_CHECK;
/* Those of 'ids' that are there; a query for each. */
int host_list_of(struct cx *cx, struct strs ids, struct list *ret_hosts) MUST_CHECK;
/* New servers are (not) put there.  Errors: NOT_FOUND. */
int host_set_disabled(struct cx *cx, const char *id, bool disabled, const char *reason) MUST_CHECK;
/* Removes a host without servers.  Errors: NOT_FOUND, CONFLICT. */
int host_remove(struct cx *cx, const char *id) MUST_CHECK;

/* Takes what 'server' needs; returns 1, or 0 when it does not fit (any more). */
int host_claim(struct cx *cx, const char *host_id, const struct server *server) MUST_CHECK;
/* Gives it back. */
int host_release(struct cx *cx, const char *host_id, const struct server *server) MUST_CHECK;
/* What is taken for 'from' is taken for 'to' from now on, which names the same server; returns 1, or 0 (and nothing changed)
 * when it does not fit; with 'force' it always does. */
int host_reclaim(struct cx *cx, const char *host_id, const struct server *from, const struct server *to, bool force) MUST_CHECK;
/* What fits, with the overcommit of CPU (16) and RAM (1.5); disk is not overcommitted. */
int64_t host_vcpus_cap(const struct host *host);
int64_t host_ram_cap_mib(const struct host *host);
int64_t host_disk_cap_gib(const struct host *host);
