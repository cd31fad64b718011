/* settings.h - what the host agent's configuration file says. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct settings {
    const char *controller_url, *ca_file, *cert_file, *key_file, *host_name;
    const char *public_nic; /* NULL: the default route's */
    const char *bridge;     /* of the flat network */
    const char *state_dir, *run_dir, *image_dir;
    const char *libvirt_uri;
    const char *qemu_user; /* that guests run as */
    const char *driver;       /* "real" or "fake:SOCKET" */
    const char *kvm;          /* "auto": by trial; "no": never */
    const char *probe_kernel; /* a kernel to try KVM with; NULL: the host's own in /boot */
    int64_t metadata_port, api_port;
    struct strs dns, dmz;
};
extern const struct field settings_fields[];

/* Reads the file and completes what it leaves open.  Errors: those of config_read(). */
int agent_settings_read(struct cx *cx, const char *path, struct settings *ret_settings) MUST_CHECK;
