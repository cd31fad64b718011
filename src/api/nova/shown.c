#include "api/nova/shown.h"

#include <string.h>

#include "api/nova/nova.h"

/* Each name once, in order. */
static void add_name(struct cx *cx, struct strs *names, const char *name)
{
    size_t at = 0;

    while (at < names->n && strcmp(names->items[at], name) < 0)
        at++;
    if (at < names->n && str_eq(names->items[at], name))
        return;
    *arena_push(cx->arena, &names->items, &names->n) = NULL;
    memmove(&names->items[at + 1], &names->items[at], (names->n - 1 - at) * sizeof *names->items);
    names->items[at] = name;
}

static int gather_nics(struct cx *cx, struct strs ids, struct shown *shown)
{
    struct list nics, groups;

    TRY(network_nics(cx, ids, &nics));
    struct nic *nic = nics.items;
    for (size_t i = 0; i < nics.n; i++) { /* those of a server stand side by side */
        struct list *mine = &shown[nic[i].server_n].nics;
        mine->items = mine->n ? mine->items : &nic[i];
        mine->n++;
    }
    TRY(network_nic_groups(cx, nics, &groups));
    const struct nic_group *g = groups.items;
    for (size_t i = 0; i < groups.n; i++)
        add_name(cx, &shown[g[i].server_n].group_names, g[i].name);
    return 0;
}

/* The hosts of a page, which are few. */
static int gather_hosts(struct cx *cx, struct list servers, struct list *ret_hosts)
{
    const struct server *s = servers.items;
    struct strs ids = { 0 };

    for (size_t i = 0; i < servers.n; i++) {
        size_t k = 0;
        while (k < ids.n && !str_eq(ids.items[k], s[i].host_id))
            k++;
        if (k == ids.n && s[i].host_id)
            *arena_push(cx->arena, &ids.items, &ids.n) = s[i].host_id;
    }
    return host_list_of(cx, ids, ret_hosts);
}

/* Most servers of a page have the project and host of the one before. */
static void add_host(struct cx *cx, struct shown *s, const struct shown *before, struct list hosts)
{
    const struct host *h = hosts.items;

    for (size_t k = 0; k < hosts.n && s->server.host_id && !s->host; k++)
        if (str_eq(h[k].id, s->server.host_id))
            s->host = &h[k];
    s->host_hash = before && before->host == s->host && str_eq(before->server.project_id, s->server.project_id)
                       ? before->host_hash
                       : nova_host_id(cx->arena, s->server.project_id, s->host ? s->host->name : NULL);
}

int shown_gather(struct cx *cx, struct list servers, struct list *ret_shown)
{
    struct shown *shown = arena_new_array(cx->arena, struct shown, servers.n + 1);
    struct strs ids = { arena_new_array(cx->arena, const char *, servers.n + 1), servers.n };
    const struct server *s = servers.items;
    struct list hosts;

    TRY(gather_hosts(cx, servers, &hosts));
    for (size_t i = 0; i < servers.n; i++) {
        shown[i].server = s[i];
        ids.items[i] = s[i].id;
        add_host(cx, &shown[i], i ? &shown[i - 1] : NULL, hosts);
    }
    if (servers.n)
        TRY(gather_nics(cx, ids, shown));
    *ret_shown = (struct list){ shown, servers.n };
    return 0;
}
