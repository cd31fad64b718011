/* config.h - the host agent's settings: a file of "key = value" lines; '#' starts a comment. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct config {
    const char *controller_url, *ca_file, *cert_file, *key_file, *host_name;
    const char *public_nic, *bridge;
    const char *state_dir, *run_dir, *image_dir;
    const char *libvirt_uri, *driver;
    const char *kvm;          /* "auto": by trial; "no": never */
    const char *probe_kernel; /* a kernel to try KVM with; default: the host's own in /boot */
    int64_t metadata_port, api_port;
    struct strs dns, dmz; /* separated by spaces or commas */
};

/* Reads the file over the defaults.  Errors: INVALID naming the line, or those of file_read(). */
int config_read(struct cx *cx, const char *path, struct config *ret_config) MUST_CHECK;
