#include "api/nova/shown.h"

#include <stdlib.h>
#include <string.h>

#include "api/nova/nova.h"

/* Sorted by id, so that each child finds its server without a walk. */
static int compare(const void *a, const void *b)
{
    const struct shown *const *x = a, *const *y = b;
    return strcmp((*x)->server.id, (*y)->server.id);
}

static struct shown *find(struct shown **sorted, size_t n, const char *id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = strcmp(id, sorted[middle]->server.id);
        if (c == 0)
            return sorted[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static int gather_nics(struct cx *cx, struct strs ids, struct shown **sorted)
{
    struct list nics, names;

    TRY(network_nics(cx, ids, &nics));
    const struct nic *nic = nics.items;
    for (size_t i = 0; i < nics.n; i++) {
        struct shown *s = find(sorted, ids.n, nic[i].server_id);
        struct nic *items = s ? s->nics.items : NULL;
        if (s) {
            *arena_push(cx->arena, &items, &s->nics.n) = nic[i];
            s->nics.items = items;
        }
    }
    TRY(network_server_groups(cx, ids, &names));
    const struct server_group_name *name = names.items;
    for (size_t i = 0; i < names.n; i++) {
        struct shown *s = find(sorted, ids.n, name[i].server_id);
        if (s)
            *arena_push(cx->arena, &s->group_names.items, &s->group_names.n) = name[i].name;
    }
    return 0;
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
    struct shown **sorted = arena_new_array(cx->arena, struct shown *, servers.n + 1);
    struct strs ids = { arena_new_array(cx->arena, const char *, servers.n + 1), servers.n };
    const struct server *s = servers.items;
    struct list hosts;

    TRY(host_list(cx, &hosts));
    for (size_t i = 0; i < servers.n; i++) {
        shown[i].server = s[i];
        ids.items[i] = s[i].id;
        sorted[i] = &shown[i];
        add_host(cx, &shown[i], i ? &shown[i - 1] : NULL, hosts);
    }
    if (servers.n) {
        qsort(sorted, servers.n, sizeof(struct shown *), compare);
        TRY(gather_nics(cx, ids, sorted));
    }
    *ret_shown = (struct list){ shown, servers.n };
    return 0;
}
