#include "schedule/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

enum lack { LACK_NONE, LACK_ALIVE, LACK_DISABLED, LACK_ZONE, LACK_HOST, LACK_RULE, LACK_VCPUS, LACK_RAM, LACK_DISK, LACK_N };

#define SMALLER "take a smaller flavor, delete servers that are not needed, or add a host."
static const struct {
    const char *text, *next;
} lack_texts[LACK_N] = {
    [LACK_ALIVE] = { "not heard of", "start alamo-agent on the hosts (`alamo status` names them)." },
    [LACK_DISABLED] = { "disabled", "ask the cloud's operator to enable a host." },
    [LACK_ZONE] = { "in another availability zone", "ask for another availability zone." },
    [LACK_HOST] = { "not the one asked for", "ask for another host, or for none." },
    [LACK_RULE] = { "ruled out by a scheduler hint or server group", "ask without that hint, or add a host." },
    [LACK_VCPUS] = { "without enough free VCPUs", SMALLER },
    [LACK_RAM] = { "without enough free RAM", SMALLER },
    [LACK_DISK] = { "without enough free disk", SMALLER },
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

/* The next step is that of the lack that comes last in the table: such a host came nearest. */
static const char *why_none(struct arena *a, size_t n, const size_t lacks[LACK_N])
{
    struct buf b = buf_new(a);
    int nearest = LACK_NONE + 1;

    if (!n)
        return "No host has joined yet. " TEXT_NEXT "start alamo-agent on a host (`alamo up` does).";
    buf_printf(&b, "Of %zu host%s:", n, n == 1 ? "" : "s");
    const char *comma = " ";
    for (int i = LACK_NONE + 1; i < LACK_N; i++)
        if (lacks[i]) {
            buf_printf(&b, "%s%zu %s", comma, lacks[i], lack_texts[i].text);
            comma = ", ";
            nearest = i;
        }
    buf_printf(&b, ". " TEXT_NEXT "%s", lack_texts[nearest].next);
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
