/* libvirt.h - guests through libvirt; the only folder that sees its headers.
 *
 * One connection serves all threads and is opened again when libvirtd comes back; until then calls fail with
 * UNAVAILABLE, also those that libvirtd took and does not answer in time.  Guests of ours are those called "alamo-UUID". */
#pragma once
#include "agent/driver.h"
#include "agent/render/render.h"

struct libvirt_config {
    const char *uri;     /* with another than qemu:///system and qemu+unix:///system calls have no deadline */
    const char *run_dir; /* for sockets */
    int64_t call_s;      /* no call may take longer; 0: each has its own limit; times slow_factor() */
    struct domain_traits traits;
    /* Called from libvirt's event thread when something happened to a guest; must not block. */
    void (*changed)(void *arg, const char *guest_id);
    void *arg;
};

/* Fills 'ret_hypervisor' and starts the event thread; does not need libvirtd yet.  At most one per process.
 */
int libvirt_new(struct cx *cx, const struct libvirt_config *config,
                struct hypervisor *ret_hypervisor) MUST_CHECK;
