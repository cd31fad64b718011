#include "agent/config.h"

#include <string.h>
#include <unistd.h>

#include "agent/file.h"

enum { CONFIG_MAX = 64 * 1024 };

/* clang-format off */
static const struct field rows[] = {
    STR(struct config, controller_url, .preset = "https://127.0.0.1:8444"),
    STR(struct config, ca_file),
    STR(struct config, cert_file),
    STR(struct config, key_file),
    STR(struct config, host_name),
    STR(struct config, public_nic),
    STR(struct config, bridge, .preset = "br0"),
    STR(struct config, state_dir, .preset = "/var/lib/alamo/agent"),
    STR(struct config, run_dir, .preset = "/run/alamo"),
    STR(struct config, image_dir, .preset = "/var/lib/alamo/images"),
    STR(struct config, libvirt_uri, .preset = "qemu:///system"),
    STR(struct config, driver, .preset = "real"),
    STR(struct config, kvm, .preset = "auto"),
    STR(struct config, probe_kernel),
    I64(struct config, metadata_port, .preset = "8775", .max = 65535),
    I64(struct config, api_port, .preset = "8443", .max = 65535),
    STRS(struct config, dns),
    STRS(struct config, dmz),
    { 0 }
};
/* clang-format on */

static struct strs split(struct cx *cx, const char *value)
{
    struct strs list = { 0 };
    char *rest = cx_strdup(cx, value), *word;
    while ((word = strtok_r(rest, " ,\t", &rest)))
        *arena_push(cx->arena, &list.items, &list.n) = word;
    return list;
}

static int set(struct cx *cx, const struct field *row, const char *value, struct config *c)
{
    char *member = (char *)c + row->offset;
    switch (row->type) {
    case FIELD_STR:
        *(const char **)(void *)member = *value ? cx_strdup(cx, value) : NULL;
        return 0;
    case FIELD_STRS:
        *(struct strs *)(void *)member = split(cx, value);
        return 0;
    default:
        break;
    }
    int64_t n;
    if (str_to_i64(value, &n) < 0 || n < 1 || n > row->max)
        return fail(cx, KIND_INVALID, "%s must be a number from 1 to %lld, not \"%s\"", row->name, (long long)row->max,
                    value);
    *(int64_t *)(void *)member = n;
    return 0;
}

static char *trim(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n && strchr(" \t\r", s[n - 1]))
        s[--n] = 0;
    return s;
}

static int read_line(struct cx *cx, const char *path, int number, char *line, struct config *c)
{
    line = trim(line);
    if (!*line || *line == '#')
        return 0;
    char *equals = strchr(line, '=');
    if (!equals)
        return fail(cx, KIND_INVALID, "%s:%d: expected \"key = value\"", path, number);
    *equals = 0;
    const struct field *row = field_find(rows, trim(line), 0);
    if (!row)
        return fail(cx, KIND_INVALID, "%s:%d: there is no setting \"%s\"", path, number, trim(line));
    return set(cx, row, trim(equals + 1), c);
}

int config_read(struct cx *cx, const char *path, struct config *ret_config)
{
    struct config c = { 0 };
    const char *text = NULL;
    int number = 0;

    for (const struct field *row = rows; row->name; row++)
        if (row->preset)
            TRY(set(cx, row, row->preset, &c));
    TRY(file_read(cx, path, CONFIG_MAX, &text, NULL));
    char *rest = cx_strdup(cx, text), *line;
    while ((line = strsep(&rest, "\n")))
        TRY(read_line(cx, path, ++number, line, &c));
    if (!c.host_name) {
        char name[256] = "";
        if (gethostname(name, sizeof name - 1) < 0 || !*name)
            return fail(cx, KIND_INVALID, "The host has no name; set host_name in %s", path);
        c.host_name = cx_strdup(cx, name);
    }
    *ret_config = c;
    return 0;
}
