/* host.h - what kind of host this is. */
#pragma once
#include "agent/driver.h"

struct host_facts {
    const char *boot_id, *cpu_model;
    int64_t cpus, ram_mib, disk_gib;
};
/* 'state_dir' tells which file system the guests' disks are on. */
/* One line as uptime(1) prints it: " 17:37:14 up 2:33,  3 users,  load average: 0.33, 0.36, 0.34". */
const char *host_uptime(struct arena *a);
int host_facts(struct cx *cx, const char *state_dir, struct host_facts *ret_facts) MUST_CHECK;

struct kvm_trial {
    const char *device; /* "/dev/kvm"; tests have another */
    const char *state_dir, *boot_id;
    const char *kernel; /* to try with; NULL: the host's own */
};
/* KVM really runs a guest: its device being there proves nothing inside virtual machines.  First a boot sector,
 * then a kernel must be heard on a serial port.  The result is kept in state_dir for this boot of the host.
 * Doubt is a no, with a line in the log that says what to do. */
bool host_kvm(struct cx *cx, const struct kvm_trial *trial);
/* The user that guests run as.  Errors: NOT_FOUND, with what to do. */
int host_user(struct cx *cx, const char *name, struct guest_user *ret_user) MUST_CHECK;
/* The kernel has io_uring and lets us use it. */
bool host_io_uring(void);
