#include "controller/settings.h"

#include <string.h>

/* clang-format off */
static const struct field table[] = {
    STR(struct settings, address, .preset = "127.0.0.1"),
    INT(struct settings, port, .preset = "8443", .min = 0, .max = 65535, .bounded = true),
    INT(struct settings, http_port, .preset = "0", .min = 0, .max = 65535, .bounded = true),
    STR(struct settings, agent_address, .preset = "127.0.0.1"),
    INT(struct settings, agent_port, .preset = "8444", .min = 0, .max = 65535, .bounded = true),
    STR(struct settings, public_url, .preset = "https://127.0.0.1:8443"),
    STR(struct settings, config_dir, .preset = "/etc/alamo"),
    STR(struct settings, data_dir, .preset = "/var/lib/alamo"),
    STR(struct settings, user, .preset = "alamo"),
    STR(struct settings, region, .preset = "RegionOne"),
    STR(struct settings, admin_user, .preset = "admin"),
    STR(struct settings, demo_user, .preset = "demo"),
    STR(struct settings, fixed_range, .preset = "172.31.0.0/24"),
    STR(struct settings, floating_range, .preset = "198.51.100.0/26"),
    STR(struct settings, public_range),
    STR(struct settings, public_gateway),
    STRS(struct settings, dns),
    INT(struct settings, threads, .preset = "2", .min = 1, .max = 64),
    { 0 },
};
/* clang-format on */

int settings_read(struct cx *cx, const char *path, struct settings *ret_settings)
{
    memset(ret_settings, 0, sizeof *ret_settings);
    return config_read(cx, path, table, ret_settings);
}

const char *settings_config_file(struct cx *cx, const struct settings *s, const char *name)
{
    return cx_printf(cx, "%s/%s", s->config_dir, name);
}

const char *settings_data_file(struct cx *cx, const struct settings *s, const char *name)
{
    return cx_printf(cx, "%s/%s", s->data_dir, name);
}
