#include "agent/settings.h"

#include <unistd.h>

#include "base/config.h"

static const char *const kvm_values[] = { "auto", "no", NULL };

/* clang-format off */
const struct field settings_fields[] = {
    STR(struct settings, controller_url, .preset = "https://127.0.0.1:8444"),
    STR(struct settings, ca_file),
    STR(struct settings, cert_file),
    STR(struct settings, key_file),
    STR(struct settings, host_name),
    STR(struct settings, public_nic),
    STR(struct settings, bridge, .preset = "br0", .max = 15),
    STR(struct settings, state_dir, .preset = "/var/lib/alamo/agent"),
    STR(struct settings, run_dir, .preset = "/run/alamo"),
    STR(struct settings, image_dir, .preset = "/var/lib/alamo/images"),
    STR(struct settings, libvirt_uri, .preset = "qemu:///system"),
    STR(struct settings, qemu_user, .preset = "libvirt-qemu"),
    STR(struct settings, driver, .preset = "real"),
    STR(struct settings, kvm, .preset = "auto", .one_of = kvm_values),
    STR(struct settings, probe_kernel),
    I64(struct settings, metadata_port, .preset = "8775", .min = 1, .max = 65535),
    I64(struct settings, api_port, .preset = "8443", .min = 1, .max = 65535),
    STRS(struct settings, dns),
    STRS(struct settings, dmz),
    { 0 }
};
/* clang-format on */

int agent_settings_read(struct cx *cx, const char *path, struct settings *ret_settings)
{
    struct settings s = { 0 };
    char name[256] = "";
    TRY(config_read(cx, path, settings_fields, &s));
    if (!s.host_name) {
        if (gethostname(name, sizeof name - 1) < 0 || !*name)
            return fail(cx, KIND_INVALID, "The host has no name; set host_name in %s", path);
        s.host_name = cx_strdup(cx, name);
    }
    *ret_settings = s;
    return 0;
}
