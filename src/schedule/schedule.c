#include "schedule/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum lack { LACK_NONE, LACK_ALIVE, LACK_DISABLED, LACK_ZONE, LACK_HOST, LACK_RULE, LACK_VCPUS, LACK_RAM, LACK_DISK, LACK_N };

static const char *const lack_texts[LACK_N] = {
    [LACK_ALIVE] = "not heard of",
    [LACK_DISABLED] = "disabled",
    [LACK_ZONE] = "in another availability zone",
    [LACK_HOST] = "not the one asked for",
    [LACK_RULE] = "ruled out by a scheduler hint or server group",
    [LACK_VCPUS] = "without enough free VCPUs",
    [LACK_RAM] = "without enough free RAM",
    [LACK_DISK] = "without enough free disk",
};

struct choice {
    const struct schedule_host *host;
    int rank;
};

static bool is_in(struct strs ids, const char *id)
{
    for (size_t i = 0; i < ids.n; i++)
        if (str_eq(ids.items[i], id))
            return true;
    return false;
}

static enum lack lack_of(const struct schedule_host *h, const struct schedule_request *rq)
{
    if (rq->host_name && !str_eq(rq->host_name, h->name))
        return LACK_HOST;
    if (!h->alive)
        return LACK_ALIVE;
    if (h->disabled && !rq->host_name)
        return LACK_DISABLED;
    if (rq->az && !str_eq(rq->az, h->az))
        return LACK_ZONE;
    if ((rq->bound && !is_in(rq->only, h->id)) || is_in(rq->avoid, h->id))
        return LACK_RULE;
    if (h->free_vcpus < rq->vcpus)
        return LACK_VCPUS;
    if (h->free_ram_mib < rq->ram_mib)
        return LACK_RAM;
    return h->free_disk_gib < rq->disk_gib ? LACK_DISK : LACK_NONE;
}

static int compare(const void *pa, const void *pb)
{
    const struct choice *a = pa, *b = pb;
    if (a->rank != b->rank)
        return a->rank - b->rank;
    if (a->host->free_ram_mib != b->host->free_ram_mib)
        return a->host->free_ram_mib > b->host->free_ram_mib ? -1 : 1;
    return strcmp(a->host->id, b->host->id);
}

static const char *why_none(struct arena *a, size_t n, const size_t lacks[LACK_N])
{
    struct buf b = buf_new(a);

    if (!n)
        return "No host has joined yet.";
    buf_printf(&b, "Of %zu host%s:", n, n == 1 ? "" : "s");
    const char *comma = " ";
    for (int i = LACK_NONE + 1; i < LACK_N; i++)
        if (lacks[i]) {
            buf_printf(&b, "%s%zu %s", comma, lacks[i], lack_texts[i]);
            comma = ", ";
        }
    buf_putc(&b, '.');
    return buf_text(&b);
}

void schedule_pick(struct arena *a, const struct schedule_host *hosts, size_t n, const struct schedule_request *request,
                   struct strs *ret_ids, const char **ret_why)
{
    struct choice *choices = arena_new_array(a, struct choice, n + 1);
    struct strs ids = { 0 };
    size_t lacks[LACK_N] = { 0 }, n_choices = 0;

    for (size_t i = 0; i < n; i++) {
        enum lack lack = lack_of(&hosts[i], request);
        lacks[lack]++;
        if (lack == LACK_NONE)
            choices[n_choices++] = (struct choice){
                &hosts[i], is_in(request->prefer, hosts[i].id) ? 0 : is_in(request->shun, hosts[i].id) ? 2 : 1 };
    }
    qsort(choices, n_choices, sizeof *choices, compare);
    for (size_t i = 0; i < n_choices; i++)
        *arena_push(a, &ids.items, &ids.n) = choices[i].host->id;
    *ret_ids = ids;
    *ret_why = n_choices ? NULL : why_none(a, n, lacks);
}
