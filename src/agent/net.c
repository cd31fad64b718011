#include "agent/agent.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("net");

enum { RETRY_US = 2000000, DRIFT_US = 60000000, WAITING_US = 1000000 };

static void keep_result(struct agent *a, struct cx *cx, int r, struct list faults)
{
    struct net_fault *items = faults.items, *copies;
    arena_free(a->net_arena);
    a->net_arena = arena_new();
    copies = arena_new_array(a->net_arena, struct net_fault, faults.n);
    for (size_t i = 0; i < faults.n; i++)
        copies[i] = (struct net_fault){ arena_strdup(a->net_arena, items[i].id),
                                        arena_strdup(a->net_arena, items[i].text) };
    a->net_faults = (struct list){ copies, faults.n };
    a->net_error = r < 0 ? arena_strdup(a->net_arena, cx->text) : NULL;
    a->net_waiting = r > 0;
    a->net_next_us = monotonic_us() + (r < 0 ? RETRY_US : r > 0 ? WAITING_US : DRIFT_US);
}

/* Who waited for the network, or failed to get it, is looked at again. */
static void wake_guests(struct agent *a)
{
    for (size_t i = 0; i < a->n_guests; i++)
        if (a->guests[i]->doc && str_eq(a->guests[i]->phase, "building")) {
            a->guests[i]->dirty = true;
            a->guests[i]->next_us = 0;
        }
}

static void apply(struct agent *a)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    pthread_mutex_lock(&a->lock);
    int64_t seq = a->net_seq;
    struct plan_of p = agent_plan(a, cx.arena);
    pthread_mutex_unlock(&a->lock);

    struct list faults = { 0 };
    int r = a->drivers.network.apply(a->drivers.network.self, &cx, &p.plan, &faults);
    if (r < 0)
        log_error("the network can't be had: %s", cx.text);

    pthread_mutex_lock(&a->lock);
    keep_result(a, &cx, r, faults);
    bool news = r >= 0 && seq > a->net_applied;
    if (r >= 0)
        a->net_applied = seq;
    if (news) {
        a->seq++;
        wake_guests(a);
    }
    agent_wake(a);
    pthread_mutex_unlock(&a->lock);
    agent_plan_free(&p);
}

void *net_thread(void *agent)
{
    struct agent *a = agent;
    pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        bool due = monotonic_us() >= a->net_next_us || (a->net_seq > a->net_applied && !a->net_error);
        if (!due) {
            int64_t left = a->net_next_us - monotonic_us();
            agent_wait(a, monotonic_us() + (left > 0 ? left : 0));
            continue;
        }
        pthread_mutex_unlock(&a->lock);
        apply(a);
        pthread_mutex_lock(&a->lock);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}
