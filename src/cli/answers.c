#include "cli/answers.h"

#include <stdio.h>
#include <string.h>

/* What was asked in 2012, and our name for it; NULL: asked and without a meaning here, so only an empty
 * answer is taken. */
static const struct {
    const char *asked, *key;
} aliases[] = {
    { "net_public_iface", "public_nic" },
    { "net_bridge", "bridge" },
    { "net_fixed", "fixed_range" },
    { "net_floating", "floating_range" },
    { "net_dmz", "dmz" },
    { "os_user_name", "demo_user" },
    { "os_admin_passwd", "admin_password" },
    { "os_user_passwd", "demo_password" },
    { "net_private_iface", NULL },
    { "net_dmz_gw", NULL },
    { "net_con_ip", NULL },
};

static char *trimmed(char *s)
{
    s += strspn(s, " \t");
    char *end = s + strlen(s);
    while (end > s && strchr(" \t\r\n", end[-1]))
        *--end = 0;
    return s;
}

/* Splits "key = value" or "d-i key type value".  Returns false when it is neither. */
static bool split(char *line, char **ret_key, char **ret_value)
{
    const char *rest;

    if (str_starts(line, "d-i ", &rest)) {
        char *save = NULL;
        strtok_r(line, " \t", &save);
        *ret_key = strtok_r(NULL, " \t", &save);
        if (!*ret_key || !strtok_r(NULL, " \t", &save))
            return false;
        *ret_value = trimmed(save);
        return true;
    }
    char *equals = strchr(line, '=');
    if (!equals)
        return false;
    *equals = 0;
    *ret_key = trimmed(line);
    *ret_value = trimmed(equals + 1);
    return true;
}

static int take(struct cx *cx, const char *where, const char *key, const char *value,
                const struct field *table, void *obj)
{
    if (!str_starts(key, "rpcs-pre/", &key))
        str_starts(key, "rpcs-post/", &key);
    for (size_t i = 0; i < N_ELEMENTS(aliases); i++) {
        if (strcmp(aliases[i].asked, key) != 0)
            continue;
        if (!aliases[i].key && *value)
            return fail(cx, KIND_UNSUPPORTED,
                        "%s: %s: a cloud on one machine has no use for it; leave it empty", where, key);
        if (!aliases[i].key)
            return 0;
        key = aliases[i].key;
        break;
    }
    const struct field *f = field_find(table, key, 0);
    if (f && f->preset && !*value)
        return 0; /* an empty answer is the default */
    return config_set(cx, table, where, key, value, obj);
}

int answers_read(struct cx *cx, const char *path, const struct field *table, void *obj)
{
    char text[4096], *key, *value;
    int n = 0, r = 0;

    FILE *file = fopen(path, "re");
    if (!file)
        return fail(cx, KIND_NOT_FOUND, "%s: %s", path, strerror(errno));
    while (r == 0 && fgets(text, sizeof text, file)) {
        char *line = trimmed(text);
        const char *where = cx_printf(cx, "%s:%d", path, ++n);
        if (!*line || *line == '#')
            continue;
        r = split(line, &key, &value) ? take(cx, where, key, value, table, obj)
                                      : fail(cx, KIND_INVALID, "%s: a line is \"key = value\"", where);
    }
    fclose(file);
    return r;
}
