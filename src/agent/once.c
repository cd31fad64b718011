#include "agent/once.h"

#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "json/writer.h"

LOG_MODULE("agent");

/* Asked again now and then: a guest that is still booting has nobody yet who hears its power button. */
enum { GRACE_US = 60 * 1000000, POLL_US = 200 * 1000, POLLS_PER_ASK = 50 };

/* ---- stopping ---- */

/* Off by our own doing, so that the next start of the agent brings it back. */
static int note_stopped(struct cx *cx, struct agent *a, const char *id)
{
    struct guest_record r;
    TRY(record_load(cx, a->settings.state_dir, id, &r));
    r.running = false;
    r.stopping_us = now_us();
    return record_save(cx, a->settings.state_dir, id, &r);
}

static int count_live(struct cx *cx, struct agent *a, struct strs ids, int *ret_n)
{
    struct hypervisor *hv = &a->drivers.hypervisor;
    struct guest_seen seen;
    *ret_n = 0;
    for (size_t i = 0; i < ids.n; i++) {
        TRY(hv->see(hv->self, cx, ids.items[i], &seen));
        *ret_n += seen.power == GUEST_ON || seen.power == GUEST_PAUSED;
    }
    return 0;
}

int once_stop_guests(struct cx *cx, struct agent *a)
{
    struct hypervisor *hv = &a->drivers.hypervisor;
    struct strs ids = { 0 };
    int live = 0;
    TRY(hv->list(hv->self, cx, &ids));
    for (size_t i = 0; i < ids.n; i++)
        TRY(note_stopped(cx, a, ids.items[i]));
    int64_t until = monotonic_us() + GRACE_US * slow_factor();
    for (int poll = 0; poll == 0 || (live && monotonic_us() < until); poll++) {
        for (size_t i = 0; i < ids.n && poll % POLLS_PER_ASK == 0; i++)
            TRY(hv->ask_off(hv->self, cx, ids.items[i]));
        usleep(POLL_US);
        TRY(count_live(cx, a, ids, &live));
    }
    for (size_t i = 0; i < ids.n && live; i++)
        TRY(hv->stop(hv->self, cx, ids.items[i]));
    log_info("%zu guests are off", ids.n);
    return 0;
}

/* ---- seeing ---- */

static void put_strings(struct jwriter *w, const char *name, struct strs list)
{
    jw_key(w, name);
    jw_array(w);
    for (size_t i = 0; i < list.n; i++)
        jw_string(w, list.items[i]);
    jw_end(w);
}

static int put_guests(struct jwriter *w, struct cx *cx, struct agent *a)
{
    struct hypervisor *hv = &a->drivers.hypervisor;
    struct strs ids = { 0 };
    TRY(hv->list(hv->self, cx, &ids));
    jw_key(w, "guests");
    jw_array(w);
    for (size_t i = 0; i < ids.n; i++) {
        struct guest_seen seen = { 0 };
        TRY(hv->see(hv->self, cx, ids.items[i], &seen));
        jw_object(w);
        jw_kv(w, "id", ids.items[i]);
        jw_kv(w, "power", guest_power_names[seen.power]);
        put_strings(w, "taps", seen.taps);
        jw_end(w);
    }
    jw_end(w);
    return 0;
}

/* clang-format off */
static const struct field link_fields[] = {
    STR(struct net_link_seen, name), STR(struct net_link_seen, kind), STR(struct net_link_seen, master),
    BOOL(struct net_link_seen, up), BOOL(struct net_link_seen, in_use), { 0 }
};
static const struct field address_fields[] = {
    STR(struct net_address_seen, link), STR(struct net_address_seen, cidr), { 0 }
};
static const struct field lease_fields[] = {
    STR(struct net_lease_seen, mac), STR(struct net_lease_seen, ip), { 0 }
};
static const struct field net_fields[] = {
    LIST(struct net_seen, links, struct net_link_seen, link_fields),
    LIST(struct net_seen, addresses, struct net_address_seen, address_fields),
    LIST(struct net_seen, leases, struct net_lease_seen, lease_fields),
    BOOL(struct net_seen, dhcp_running),
    JSON(struct net_seen, rules_bridge), JSON(struct net_seen, rules_ip), JSON(struct net_seen, rules_ip6),
    { 0 }
};
/* clang-format on */

int once_seen(struct cx *cx, struct agent *a)
{
    struct storage *st = &a->drivers.storage;
    struct jwriter w = jwriter_new(cx->arena);
    struct strs ids = { 0 };
    jw_object(&w);
    TRY(put_guests(&w, cx, a));
    TRY(st->list(st->self, cx, &ids));
    put_strings(&w, "disks", ids);
    TRY(record_list(cx, a->settings.state_dir, &ids));
    put_strings(&w, "records", ids);
    struct net_seen net = { 0 };
    TRY(a->drivers.network.see(a->drivers.network.self, cx, &net));
    jw_members(&w, net_fields, &net);
    jw_end(&w);
    puts(buf_text(&w.out));
    return 0;
}
