/* agent.h - the host agent: what it holds, and its threads.
 *
 * Workers bring guests to what is wanted, one guest each at a time; one thread does the network; two talk
 * with the controller (one waits for news, one brings ours); one serves metadata.  One lock guards what they
 * share; no driver is called under it.  There is no orderly end: a process that may be killed at any time has
 * none to lose. */
#pragma once
#include <pthread.h>

#include "agent/docs.h"
#include "agent/driver.h"
#include "agent/record.h"
#include "agent/settings.h"

enum { AGENT_WORKERS = 4, EVENTS_MAX = 1000 };

/* A guest that is wanted, or of which something is left. */
struct guest {
    char id[40];
    struct doc *doc;            /* NULL: nothing of it is wanted */
    struct arena *arena;        /* of 'record' */
    struct guest_record record; /* changed only by the worker that has the guest */
    bool busy, dirty;           /* a worker has it; it has to be looked at */
    int64_t asked_us;           /* to shut down, by this process: the record may have it from one that died; 0: never */
    int64_t next_us;            /* not before (monotonic); 0: at once */
    int64_t deadline_us;        /* wall clock; when it passes the guest is looked at again */
    int64_t retries, failing_us; /* failures in a row; when the first of them was (monotonic) */
    int64_t net_seq; /* the network as of this change is what it needs */

    /* The report, and what the controller knows of it. */
    const char *phase, *step;
    enum guest_power power;
    bool seen; /* 'power' and the rest were filled in */
    int64_t gen, told_boot_n;
    int64_t seq, acked; /* the report's own count */
    bool gone;

    bool posting; /* its password is on its way */
};

struct agent {
    struct settings settings;
    struct net_settings net;
    struct drivers drivers;
    const char *boot_id, *public_ip, *cpu_model;
    const char *metadata_address; /* where metadata is served; NULL: nowhere */
    int64_t cpus, ram_mib, disk_gib;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* anything that a thread may wait for */
    bool stop;

    struct docs docs;
    int64_t docs_seq; /* counts changes of 'docs' */
    struct guest **guests;
    size_t n_guests, cap_guests;
    bool synced; /* the controller has answered this process: what has no document is not wanted */

    int64_t net_seq, net_applied; /* what is wanted, and done */
    int64_t net_next_us;
    struct arena *net_arena; /* of the next three */
    struct list net_faults;  /* struct net_fault */
    const char *net_error;   /* the whole network can't be had, or NULL */
    bool net_waiting;        /* something unwanted is still in use */

    struct list events; /* struct wire_event, not yet acknowledged */
    struct arena *event_arena;
    int64_t event_seq, events_dropped; /* counts of events since the start */
    int64_t seq;                       /* the last report's count */
    unsigned posting_n; /* guests' passwords on their way */
    struct hypervisor_facts facts;
    bool facts_known;
    char facts_version[32];
};

/* ---- agent.c ---- */
/* Reads what is stored, starts all threads and watches over them.  Returns only when 'agent_stop' was called
 * (tests do) or with an error of the start. */
int agent_run(struct cx *cx, struct agent *a) MUST_CHECK;
void agent_stop(struct agent *a);
/* With the lock held. */
void agent_wake(struct agent *a);
struct guest *agent_guest(struct agent *a, const char *id); /* NULL: unknown */
struct guest *agent_guest_make(struct agent *a, const char *id);
void agent_guest_drop(struct agent *a, struct guest *g);
/* A network plan of all documents; they are referred to by '*ret_docs' until agent_plan_free(). */
struct plan_of {
    struct net_plan plan;
    struct doc **docs;
    size_t n;
};
struct plan_of agent_plan(struct agent *a, struct arena *arena);
void agent_plan_free(struct plan_of *p);
/* Removes copies of disks that no task waits for any more.  Without the lock. */
void agent_sweep_copies(struct agent *a);
/* Makes the lock and 'changed'. */
void agent_lock_new(struct agent *a);
/* With the lock, which others have meanwhile: waits on 'changed' until then by monotonic_us(), so that nobody who sets the
 * host's clock makes the agent sleep. */
void agent_wait(struct agent *a, int64_t until_us);
/* A call came from the hypervisor: the guest is to be looked at.  Without the lock. */
void agent_guest_changed(void *agent, const char *guest_id);

/* ---- work.c, net.c, sync.c, console.c, serve.c: one thread's life each ---- */
void *work_thread(void *agent);
void *net_thread(void *agent);
void *sync_poll_thread(void *agent);
void *sync_report_thread(void *agent);
void *console_thread(void *agent);
/* Takes an answer over: what differs from the documents held when 'docs_seq' was their count of changes.  Two calls are
 * under way at once; when the other one's answer has changed documents meanwhile, this one's is passed over, else it
 * could bring back what is gone: the next call says what is held now.  Without the lock. */
int sync_apply(struct agent *a, struct cx *cx, const struct wire_answer *answer, int64_t docs_seq) MUST_CHECK;
/* Fetches an image's bytes from the controller; for storage. */
int sync_fetch(void *agent, struct cx *cx, const char *image_id, int fd) MUST_CHECK;
int sync_upload(struct agent *a, struct cx *cx, const char *image_id, const char *path) MUST_CHECK;
/* Sends 'n' bytes of a guest's console log.  Errors: UNAVAILABLE (try again), NOT_FOUND (not wanted). */
int sync_console(struct agent *a, struct cx *cx, const char *guest_id, const char *text, size_t n) MUST_CHECK;
/* Sends what a guest posted as its password.  Returns the controller's status, or a failure. */
int sync_password(struct agent *a, struct cx *cx, const char *guest_id, const char *text, size_t n) MUST_CHECK;
struct http_server;
int serve_start(struct agent *a, struct cx *cx, struct http_server **ret_server) MUST_CHECK;
