#include "compute/place.h"

#include "base/text.h"
#include "compute/host.h"
#include "schedule/schedule.h"

enum { RESCANS_MAX = 3 };

static struct schedule_host *hosts_of(struct cx *cx, struct list hosts)
{
    struct schedule_host *out = arena_new_array(cx->arena, struct schedule_host, hosts.n + 1);
    const struct host *h = hosts.items;

    for (size_t i = 0; i < hosts.n; i++)
        out[i] = (struct schedule_host){
            .id = h[i].id, .name = h[i].name, .az = h[i].az, .alive = host_alive(cx, &h[i]), .disabled = h[i].disabled,
            .free_vcpus = host_vcpus_cap(&h[i]) - h[i].used_vcpus,
            .free_ram_mib = host_ram_cap_mib(&h[i]) - h[i].used_ram_mib,
            .free_disk_gib = host_disk_cap_gib(&h[i]) - h[i].used_disk_gib,
        };
    return out;
}

static int hosts_of_servers(struct cx *cx, struct strs server_ids, struct strs *hosts)
{
    for (size_t i = 0; i < server_ids.n; i++) {
        const char *host;
        int r = store_text(cx, &host, "SELECT host_id FROM server WHERE id=$1", ARGS(server_ids.items[i]));
        TRY(r);
        if (r)
            *arena_push(cx->arena, &hosts->items, &hosts->n) = host;
    }
    return 0;
}

struct host_count {
    const char *host_id;
    int64_t n;
};

/* The group's policy in the scheduler's terms. */
static int apply_group(struct cx *cx, const struct server_group *group, struct schedule_request *rq)
{
    static const struct field columns[] = { STR(struct host_count, host_id), I64(struct host_count, n), { 0 } };
    struct list counts;
    bool affine = str_eq(group->policy, "affinity");

    TRY(store_select(cx, columns, sizeof(struct host_count), &counts,
                     "SELECT host_id, count(*) FROM server WHERE group_id=$1 AND host_id IS NOT NULL GROUP BY host_id ORDER BY host_id",
                     ARGS(group->id)));
    const struct host_count *c = counts.items;
    for (size_t i = 0; i < counts.n; i++) {
        struct strs *to = affine                                       ? &rq->only
                          : str_eq(group->policy, "soft-affinity")      ? &rq->prefer
                          : str_eq(group->policy, "soft-anti-affinity") ? &rq->shun
                                                                        : &rq->avoid;
        if (to != &rq->avoid || c[i].n >= group->max_server_per_host)
            *arena_push(cx->arena, &to->items, &to->n) = c[i].host_id;
    }
    rq->bound |= affine && counts.n;
    return 0;
}

static int scheduler_request(struct cx *cx, const struct server *s, const struct place_request *request,
                             struct schedule_request *ret_rq)
{
    struct schedule_request rq = { .vcpus = s->vcpus, .ram_mib = s->ram_mib, .az = request->az, .host_name = request->host_name,
                                   .disk_gib = s->root_gib + s->ephemeral_gib + (s->swap_mib + 1023) / 1024 };

    TRY(hosts_of_servers(cx, request->same_host, &rq.only));
    TRY(hosts_of_servers(cx, request->different_host, &rq.avoid));
    rq.bound = request->same_host.n > 0;
    if (request->group)
        TRY(apply_group(cx, request->group, &rq));
    *ret_rq = rq;
    return 0;
}

int server_place(struct cx *cx, struct server *server, const struct place_request *request, const char **ret_why)
{
    struct schedule_request rq;

    TRY(scheduler_request(cx, server, request, &rq));
    for (int scan = 0; scan < RESCANS_MAX; scan++) {
        struct list hosts;
        struct strs choices;
        TRY(host_list(cx, &hosts));
        schedule_pick(cx->arena, hosts_of(cx, hosts), hosts.n, &rq, &choices, ret_why);
        if (!choices.n)
            return 0;
        for (size_t i = 0; i < choices.n; i++) {
            struct host h;
            int r = host_claim(cx, choices.items[i], server);
            TRY(r);
            if (!r)
                continue;
            TRY(host_get(cx, choices.items[i], &h));
            server->host_id = h.id;
            server->az = h.az;
            return 1;
        }
    }
    *ret_why = "The hosts are filling up faster than one can be claimed. " TEXT_NEXT "try again in a moment.";
    return 0;
}
