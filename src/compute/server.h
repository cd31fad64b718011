/* server.h - servers: what was asked for, what is wanted of the host, what is known.
 *
 * A row says three things that are kept apart: the tenant's view (vm_state, task_state, power_state), what the host is to
 * make true (want_power, boot_n, ... under the generation 'gen', raised with each change of them), and by when
 * (deadline_us).  plan/ renders the second into a guest document; compute/report.h takes the answer.  A server that is
 * 'deleting' has no document.  Getters are scoped by cx->who: another project's server is not there. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"
#include "store/store.h"

/* As the API shows them. */
enum power_state { POWER_NONE = 0, POWER_RUNNING = 1, POWER_PAUSED = 3, POWER_OFF = 4, POWER_CRASHED = 6, POWER_SUSPENDED = 7 };

struct server {
    const char *id, *project_id, *user_id, *user_name; /* user_name: the creator's, for the guest's login */
    const char *name, *hostname, *description;
    const char *vm_state;   /* "building", "active", "stopped", "paused", "suspended", "resized", "error" */
    const char *task_state; /* Nova's name of the transition, or NULL when there is none */
    int power_state;        /* enum power_state */

    const char *host_id;     /* NULL: not placed; then no host knows of it */
    int64_t gen;
    const char *want_power;  /* "on", "off", "paused", "suspended" */
    bool stop_hard;
    int64_t boot_n;
    bool boot_hard;
    int64_t disk_n;          /* raised by each rebuild: older disks are replaced */
    int64_t place_epoch;
    int64_t deadline_us;     /* of the current transition; 0: none */
    const char *step;        /* what the host last said it was doing, or NULL */

    const char *flavor_id, *flavor_name; /* with what follows, as it was at creation */
    int64_t vcpus, ram_mib, root_gib, ephemeral_gib, swap_mib;
    const char *extra_specs;                     /* JSON map */
    const char *image_id, *kernel_id, *ramdisk_id; /* NULL: none */
    const char *key_name, *key_data;             /* NULL: none */
    const char *user_data;                       /* base64, or NULL */
    bool config_drive;
    const char *metadata; /* JSON map */
    const char *tags;     /* JSON list */
    bool locked, locked_by_admin;
    const char *locked_reason;
    const char *az; /* where it was put, else what was asked for, or NULL */
    const char *reservation_id;
    int64_t launch_index;
    const char *group_id;    /* server group, or NULL */
    const char *disk_config; /* "AUTO", "MANUAL" */
    const char *access_ip_v4, *access_ip_v6; /* "" : none */
    const char *root_device;                 /* "/dev/vda" */
    bool deleting;

    int fault_code; /* 0: none */
    const char *fault_message, *fault_details;
    int64_t fault_at;
    int64_t created_at, updated_at, launched_at, terminated_at; /* microseconds; 0: not yet */
};
extern const struct table server_table;

/* Work that is done once: a snapshot.  The id names its product on the host. */
struct server_task {
    const char *id, *server_id;
    const char *kind; /* "snapshot" */
    const char *image_id;
    const char *request_id;  /* of the call: key of the action in the history */
    const char *backup_type; /* of createBackup, or NULL */
    int64_t rotation;        /* backups of that type to keep; -1: all */
    int64_t deadline_us, created_at;
};
extern const struct table server_task_table;

/* Fills '*ret_server'.  Errors: NOT_FOUND, as of an id that never was, when it is not the caller's and the caller no
 * admin. */
int server_get(struct cx *cx, const char *id, struct server *ret_server) MUST_CHECK;
/* The same without scope, for the machinery; returns 1, or 0 when there is none. */
int server_find(struct cx *cx, const char *id, struct server *ret_server) MUST_CHECK;
/* All servers placed on a host, and their open tasks; for the plan. */
int server_list_of_host(struct cx *cx, const char *host_id, struct list *ret_servers) MUST_CHECK;
int server_tasks_of_host(struct cx *cx, const char *host_id, struct list *ret_tasks) MUST_CHECK;

struct server_query {
    struct filter filter;      /* by columns of server_table, with sort, marker and limit */
    bool all_projects;         /* admins only, else ignored */
    const char *project_id;    /* admins with all_projects: only this one's; or NULL */
    const char *name_pattern;  /* extended regular expression found in the name, or NULL */
    const char *ip_pattern, *ip6_pattern; /* text found in a fixed address, or NULL */
    const char *host_name;     /* or NULL */
    struct strs tags, tags_any, not_tags, not_tags_any;
};
/* Sets '*ret_servers' to the servers the caller may see and that the query selects.  Errors: INVALID. */
int server_list(struct cx *cx, const struct server_query *query, struct list *ret_servers) MUST_CHECK;
/* "ACTIVE", "BUILD", "SHUTOFF", ... for the state; never NULL. */
const char *server_status(const struct server *server);
/* Adds to '*filter' what a status means in columns; false when no server can have it. */
bool server_status_filter(struct cx *cx, struct strs statuses, struct filter *filter);

/* Stores the members that a tenant may change any time (name, description, hostname, addresses, disk_config), as '*server'
 * has them.  What the guest's metadata shows raises the generation. */
int server_change(struct cx *cx, struct server *server) MUST_CHECK;
/* The canonical text of an IP address (RFC 5952); "" for NULL or what is none. */
const char *server_address(struct cx *cx, const char *text);
/* Replaces all metadata.  Errors: QUOTA (metadata_items), CONFLICT (locked). */
int server_set_metadata(struct cx *cx, struct server *server, struct strmap metadata) MUST_CHECK;
/* Replaces all tags.  Errors: INVALID (more than 50). */
int server_set_tags(struct cx *cx, struct server *server, struct strs tags) MUST_CHECK;
/* Deletes: at once when no host knows of it, else when the host reports it gone.  Twice is fine.
 * Errors: CONFLICT (locked). */
int server_delete(struct cx *cx, struct server *server) MUST_CHECK;
/* The row and all that it holds (quota, claim, ports, tasks) are gone; what usage reports need stays. */
int server_forget(struct cx *cx, const struct server *server) MUST_CHECK;
/* Writes the row with updated_at; for the files of this folder. */
int server_save(struct cx *cx, struct server *server) MUST_CHECK;
/* Errors: CONFLICT when it is locked and the caller is no admin. */
int server_check_lock(struct cx *cx, const struct server *server) MUST_CHECK;
