#include "agent/netlink/parts.h"

#include <string.h>

#include "agent/file.h"
#include "base/buf.h"
#include "base/log.h"

LOG_MODULE("netlink");

enum { LIST_MAX = 1 << 20 };

static const char *path_of(struct cx *cx, const char *run_dir)
{
    return cx_printf(cx, "%s/addresses", run_dir);
}

int addresses_ours(struct cx *cx, const char *run_dir, struct list *ret_ours)
{
    const char *path = path_of(cx, run_dir);
    const char *text = NULL;
    struct address *items = NULL;
    size_t n = 0;
    *ret_ours = (struct list){ 0 };
    int r = file_read(cx, path, LIST_MAX, &text, NULL);
    if (r == -ENOENT) {
        fail_clear(cx);
        return 0;
    }
    TRY(r);
    char *rest = cx_strdup(cx, text), *line;
    while ((line = strsep(&rest, "\n"))) {
        char *space = strchr(line, ' ');
        if (!space)
            continue;
        *space = 0;
        *arena_push(cx->arena, &items, &n) = (struct address){ .link = line, .cidr = space + 1 };
    }
    *ret_ours = (struct list){ items, n };
    return 0;
}

static int write_ours(struct cx *cx, const char *path, struct list ours)
{
    struct buf b = buf_new(cx->arena);
    const struct address *items = ours.items;
    for (size_t i = 0; i < ours.n; i++)
        buf_printf(&b, "%s %s\n", items[i].link, items[i].cidr);
    TRY(file_write_if_differs(cx, path, buf_text(&b)));
    return 0;
}

static bool has(struct list list, const char *link, const char *cidr)
{
    const struct address *items = list.items;
    for (size_t i = 0; i < list.n; i++)
        if (str_eq(items[i].link, link) && str_eq(items[i].cidr, cidr))
            return true;
    return false;
}

static bool on_host(struct list seen, const char *link, const char *cidr)
{
    const struct address_seen *items = seen.items;
    for (size_t i = 0; i < seen.n; i++)
        if (str_eq(items[i].link, link) && str_eq(items[i].cidr, cidr))
            return true;
    return false;
}

/* Ours after this apply, together with what is ours still and has to go. */
static struct list to_be_named(struct cx *cx, struct list wanted, struct list ours, struct list seen)
{
    struct address *items = NULL;
    size_t n = 0;
    const struct address *w = wanted.items, *o = ours.items;
    for (size_t i = 0; i < ours.n; i++)
        if (on_host(seen, o[i].link, o[i].cidr) || has(wanted, o[i].link, o[i].cidr))
            *arena_push(cx->arena, &items, &n) = o[i];
    for (size_t i = 0; i < wanted.n; i++)
        if (!has(ours, w[i].link, w[i].cidr) && !on_host(seen, w[i].link, w[i].cidr))
            *arena_push(cx->arena, &items, &n) = w[i];
    return (struct list){ items, n };
}

static void add(struct links *l, struct cx *cx, const struct address *a, struct list *faults)
{
    int r = links_have_address(l, cx, a->link, a->cidr);
    if (r > 0 && a->public)
        r = links_announce(l, cx, a->link, arena_strndup(cx->arena, a->cidr, strcspn(a->cidr, "/")));
    if (r >= 0)
        return;
    log_warn("%s", cx->text);
    if (a->floating_id) {
        struct net_fault *items = faults->items;
        *arena_push(cx->arena, &items, &faults->n) = (struct net_fault){ a->floating_id, cx->text };
        faults->items = items;
    }
    fail_clear(cx);
}

int addresses_apply(struct links *l, struct cx *cx, const char *run_dir, struct list wanted,
                    struct list *ret_faults)
{
    const char *path = path_of(cx, run_dir);
    struct list ours, seen;
    TRY(addresses_ours(cx, run_dir, &ours));
    TRY(links_addresses(l, cx, &seen));
    struct list named = to_be_named(cx, wanted, ours, seen);
    TRY(write_ours(cx, path, named));

    const struct address *w = wanted.items, *o = named.items;
    for (size_t i = 0; i < named.n; i++)
        if (!has(wanted, o[i].link, o[i].cidr) && links_drop_address(l, cx, o[i].link, o[i].cidr) < 0)
            fail_clear(cx); /* its device is gone, and the address with it */
    for (size_t i = 0; i < wanted.n; i++)
        if (!on_host(seen, w[i].link, w[i].cidr))
            add(l, cx, &w[i], ret_faults);

    struct address *left = NULL;
    size_t n = 0;
    for (size_t i = 0; i < named.n; i++)
        if (has(wanted, o[i].link, o[i].cidr))
            *arena_push(cx->arena, &left, &n) = o[i];
    return write_ours(cx, path, (struct list){ left, n });
}
