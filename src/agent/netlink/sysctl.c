#include "agent/netlink/parts.h"

#include <string.h>

#include "agent/file.h"
#include "base/buf.h"

static const struct {
    const char *path, *value;
    bool only_ipv6;
} wanted[] = {
    { "/proc/sys/net/ipv4/ip_forward", "1", false },
    { "/proc/sys/net/ipv4/tcp_fwmark_accept", "1", false }, /* the mark of a guest's tap reaches the socket */
    { "/proc/sys/net/ipv6/conf/all/forwarding", "1", true },
};
enum { VALUE_MAX = 4096 };

static const char *value_of(struct cx *cx, const char *path)
{
    const char *text = NULL;
    if (file_read(cx, path, VALUE_MAX, &text, NULL) < 0) {
        fail_clear(cx);
        return NULL;
    }
    return arena_strndup(cx->arena, text, strcspn(text, "\n"));
}

static const char *saved_path(struct cx *cx, const char *run_dir)
{
    return cx_printf(cx, "%s/sysctl", run_dir);
}

/* The values from before the first change; a file that is there holds them already. */
static int save(struct cx *cx, const char *path)
{
    struct buf b = buf_new(cx->arena);
    if (file_exists(path))
        return 0;
    for (size_t i = 0; i < N_ELEMENTS(wanted); i++) {
        const char *value = value_of(cx, wanted[i].path);
        buf_printf(&b, "%s\n", value ? value : "");
    }
    return file_write_durably(cx, path, buf_text(&b), b.len);
}

int sysctl_apply(struct cx *cx, const char *run_dir, bool ipv6)
{
    TRY(save(cx, saved_path(cx, run_dir)));
    for (size_t i = 0; i < N_ELEMENTS(wanted); i++)
        if ((ipv6 || !wanted[i].only_ipv6) && !str_eq(value_of(cx, wanted[i].path), wanted[i].value))
            TRY(file_set(cx, wanted[i].path, wanted[i].value));
    return 0;
}

int sysctl_restore(struct cx *cx, const char *run_dir)
{
    const char *path = saved_path(cx, run_dir), *text = NULL;
    if (!file_exists(path))
        return 0;
    TRY(file_read(cx, path, VALUE_MAX, &text, NULL));
    char *rest = cx_strdup(cx, text), *line;
    for (size_t i = 0; i < N_ELEMENTS(wanted) && (line = strsep(&rest, "\n")); i++)
        if (*line && !str_eq(value_of(cx, wanted[i].path), line))
            TRY(file_set(cx, wanted[i].path, line));
    return file_remove(cx, path);
}
