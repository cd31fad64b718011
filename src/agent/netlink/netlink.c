#include "agent/netlink/netlink.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "agent/child.h"
#include "agent/file.h"
#include "agent/netlink/fit.h"
#include "agent/netlink/parts.h"
#include "agent/render/address.h"
#include "agent/render/render.h"
#include "base/crash.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("netlink");

struct nw {
    struct netlink_config config;
    char *applied; /* the rules as they were loaded last by this process, or NULL */
};

enum { RULES_MAX = 64 << 20 };
static const char metadata_address[] = "169.254.169.254/32";

/* ---- what of the plan can be had ---- */

static void add_fault(struct cx *cx, struct list *faults, const char *id, const char *text)
{
    struct net_fault *items = faults->items;
    *arena_push(cx->arena, &items, &faults->n) = (struct net_fault){ id, text };
    faults->items = items;
}

/* A route of the host's, not by the network's own bridge, that a subnet of it lies over. */
static const char *route_below(struct links *l, struct cx *cx, const struct wire_network *n, const char *bridge)
{
    const struct wire_subnet *subnets = n->subnets.items;
    const char *route = NULL;
    for (size_t i = 0; i < n->subnets.n && !route; i++)
        route = links_overlap(l, cx, subnets[i].cidr, bridge);
    return route;
}

static bool stands(const struct net_plan *plan, const char *network_id)
{
    for (size_t i = 0; i < plan->n_networks; i++)
        if (str_eq(plan->networks[i]->id, network_id))
            return true;
    return false;
}

/* The plan without networks that can't be had, and without their ports. */
static void leave_out(struct links *l, struct cx *cx, const struct net_plan *plan, struct net_plan *ret_plan,
                      struct list *faults)
{
    const struct wire_network **networks = NULL;
    struct net_port *ports = NULL;
    const struct net_port *all = plan->ports.items;
    size_t n = 0, n_ports = 0;
    struct fit_network *fit = arena_new_array(cx->arena, struct fit_network, plan->n_networks + 1);
    bool default4 = links_default(l, cx, 4) != NULL, default6 = links_default(l, cx, 6) != NULL;
    for (size_t i = 0; i < plan->n_networks; i++) {
        const char *bridge = render_bridge_of(cx->arena, plan->settings, plan->networks[i]);
        fit[i] = (struct fit_network){ plan->networks[i], if_nametoindex(bridge) != 0,
                                       route_below(l, cx, plan->networks[i], bridge), default4, default6, NULL };
    }
    fit_networks(cx, fit, plan->n_networks);
    for (size_t i = 0; i < plan->n_networks; i++)
        if (fit[i].ret_text)
            add_fault(cx, faults, plan->networks[i]->id, fit[i].ret_text);
        else
            *arena_push(cx->arena, &networks, &n) = plan->networks[i];
    *ret_plan = *plan;
    ret_plan->networks = networks;
    ret_plan->n_networks = n;
    for (size_t i = 0; i < plan->ports.n; i++)
        if (stands(ret_plan, all[i].port->network_id) && uuid_valid(all[i].port->id))
            *arena_push(cx->arena, &ports, &n_ports) = all[i];
    ret_plan->ports = (struct list){ ports, n_ports };
}

/* ---- links ---- */

static bool tap_wanted(const struct net_plan *plan, const char *name)
{
    const struct net_port *ports = plan->ports.items;
    char tap[16];
    for (size_t i = 0; i < plan->ports.n; i++) {
        wire_tap_name(ports[i].port->id, tap);
        if (str_eq(tap, name))
            return true;
    }
    return false;
}

static bool bridge_wanted(struct cx *cx, const struct net_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_networks; i++)
        if (str_eq(render_bridge_of(cx->arena, plan->settings, plan->networks[i]), name))
            return true;
    return false;
}

static bool is_wanted(struct cx *cx, const struct net_plan *plan, const struct link_seen *link)
{
    return link->bridge ? bridge_wanted(cx, plan, link->name) : tap_wanted(plan, link->name);
}

/* Taps that nobody wants fall silent before the rules forget them; a guest may hold one open a while longer,
 * and a tap that vanishes under a running QEMU keeps it spinning: such a one waits.  Returns 1 when one does.
 */
static int drop_links(struct links *l, struct cx *cx, const struct net_plan *plan)
{
    struct list seen;
    int waiting = 0;
    TRY(links_list(l, cx, &seen));
    const struct link_seen *items = seen.items;
    for (size_t i = 0; i < seen.n; i++) {
        const struct link_seen *link = &items[i];
        if (!str_eq(link->alias, links_alias) || is_wanted(cx, plan, link))
            continue;
        if (!link->bridge && links_is_held(link->name)) {
            TRY(links_silence(l, cx, link->name));
            waiting = 1;
        } else {
            TRY(links_remove(l, cx, link->name));
        }
    }
    return waiting;
}

static int64_t mtu_of(const struct net_plan *plan, const struct wire_network *n)
{
    return n->mtu ? n->mtu : plan->settings->public_mtu;
}

static int have_links(struct links *l, struct cx *cx, const struct net_plan *plan)
{
    const struct net_port *ports = plan->ports.items;
    char tap[16];
    for (size_t i = 0; i < plan->n_networks; i++) {
        const struct wire_network *n = plan->networks[i];
        const char *bridge = render_bridge_of(cx->arena, plan->settings, n);
        TRY(links_have_bridge(l, cx, bridge, mtu_of(plan, n)));
        for (size_t j = 0; j < plan->ports.n; j++) {
            if (!str_eq(ports[j].port->network_id, n->id))
                continue;
            wire_tap_name(ports[j].port->id, tap);
            TRY(links_have_tap(l, cx, tap, bridge, mtu_of(plan, n)));
        }
    }
    return 0;
}

/* ---- addresses ---- */

static void want(struct cx *cx, struct list *list, struct address a)
{
    struct address *items = list->items;
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(items[i].link, a.link) && str_eq(items[i].cidr, a.cidr))
            return;
    *arena_push(cx->arena, &items, &list->n) = a;
    list->items = items;
}

/* "10.0.0.1" of "10.0.0.0/24" as "10.0.0.1/24". */
static void want_in(struct cx *cx, struct list *list, const char *link, const char *ip, const char *range)
{
    struct cidr a, r;
    if (cidr_parse(ip, &a) == 0 && cidr_parse(range, &r) == 0 && a.family == r.family)
        want(cx, list,
             (struct address){ .link = link,
                               .cidr = cx_printf(cx, "%s/%d", cidr_address(cx->arena, &a), r.bits) });
}

static void want_public(struct cx *cx, const struct net_plan *plan, struct list *list, const char *ip,
                        const char *id)
{
    struct cidr a;
    if (cidr_parse(ip, &a) == 0 && a.family == 4 && plan->settings->public_nic)
        want(cx, list,
             (struct address){ plan->settings->public_nic,
                               cx_printf(cx, "%s/32", cidr_address(cx->arena, &a)), true, id });
}

static struct list wanted_addresses(struct cx *cx, const struct net_plan *plan)
{
    struct list list = { 0 };
    want(cx, &list, (struct address){ .link = "lo", .cidr = metadata_address });
    for (size_t i = 0; i < plan->n_networks; i++) {
        const char *bridge = render_bridge_of(cx->arena, plan->settings, plan->networks[i]);
        const struct wire_subnet *subnets = plan->networks[i]->subnets.items;
        for (size_t j = 0; j < plan->networks[i]->subnets.n; j++) {
            if (subnets[j].gateway_here)
                want_in(cx, &list, bridge, subnets[j].gateway, subnets[j].cidr);
            want_in(cx, &list, bridge, subnets[j].dhcp_ip, subnets[j].cidr);
        }
    }
    for (size_t i = 0; i < plan->n_routers; i++) {
        const struct wire_router *r = plan->routers[i];
        const struct wire_router_leg *legs = r->legs.items;
        for (size_t j = 0; r->up && j < r->legs.n; j++) {
            char bridge[16];
            wire_bridge_name(legs[j].network_id, bridge);
            if (bridge_wanted(cx, plan, bridge))
                want_in(cx, &list, cx_strdup(cx, bridge), legs[j].ip, legs[j].cidr);
        }
        want_public(cx, plan, &list, r->external_ip, NULL);
    }
    for (size_t i = 0; i < plan->n_floatings; i++)
        want_public(cx, plan, &list, plan->floatings[i]->floating_ip, plan->floatings[i]->id);
    return list;
}

/* ---- rules ---- */

static int load_rules(struct nw *nw, struct cx *cx, const char *text)
{
    const char *const argv[] = { "nft", "-f", "-", NULL };
    if (nw->applied && str_eq(nw->applied, text))
        return 0;
    int64_t begin = monotonic_us();
    crash_point("before nft");
    TRY(child_must(cx, argv, text, 0));
    crash_point("after nft");
    free(nw->applied);
    nw->applied = strdup(text);
    log_debug("rules loaded in %lld us", (long long)(monotonic_us() - begin));
    return 0;
}

static bool has_ipv6(const struct net_plan *plan)
{
    for (size_t i = 0; i < plan->n_networks; i++) {
        const struct wire_subnet *subnets = plan->networks[i]->subnets.items;
        for (size_t j = 0; j < plan->networks[i]->subnets.n; j++)
            if (subnets[j].ip_version == 6)
                return true;
    }
    return false;
}

static void links_freep(struct links **l)
{
    links_free(*l);
}

/* In this order nothing is ever open that should not be: what goes falls silent first, rules stand before the
 * taps that they are for, taps and leases before the guests (which the caller starts afterwards). */
static int nw_apply(void *self, struct cx *cx, const struct net_plan *wanted, struct list *ret_faults)
{
    struct nw *nw = self;
    CLEANUP(links_freep) struct links *l = links_new(cx);
    struct net_plan plan;
    const char *rules = NULL;

    *ret_faults = (struct list){ 0 };
    if (!l)
        return -EHOSTDOWN;
    leave_out(l, cx, wanted, &plan, ret_faults);
    TRY(sysctl_apply(cx, nw->config.run_dir, has_ipv6(&plan)));
    int waiting = drop_links(l, cx, &plan);
    TRY(waiting);
    TRY(render_nft(cx, &plan, &rules));
    TRY(load_rules(nw, cx, rules));
    TRY(have_links(l, cx, &plan));
    TRY(addresses_apply(l, cx, nw->config.run_dir, wanted_addresses(cx, &plan), ret_faults));
    TRY(dnsmasq_apply(cx, &nw->config, &plan));
    return waiting;
}

static int nw_teardown(void *self, struct cx *cx, const struct net_settings *settings)
{
    struct nw *nw = self;
    CLEANUP(links_freep) struct links *l = links_new(cx);
    const char *const argv[] = { "nft", "-f", "-", NULL };
    const struct net_plan nothing = { .settings = settings };
    struct list faults = { 0 };
    if (!l)
        return -EHOSTDOWN;
    TRY(dnsmasq_stop(cx, &nw->config));
    TRY(drop_links(l, cx, &nothing));
    TRY(addresses_apply(l, cx, nw->config.run_dir, (struct list){ 0 }, &faults));
    TRY(child_must(cx, argv, render_nft_teardown, 0));
    return sysctl_restore(cx, nw->config.run_dir);
}

/* ---- seeing ---- */

static int see_links(struct links *l, struct cx *cx, struct list *ret_links)
{
    struct net_link_seen *ours = NULL;
    struct list links;
    size_t n = 0;
    TRY(links_list(l, cx, &links));
    const struct link_seen *items = links.items;
    for (size_t i = 0; i < links.n; i++)
        if (str_eq(items[i].alias, links_alias))
            *arena_push(cx->arena, &ours, &n) =
                (struct net_link_seen){ items[i].name, items[i].bridge ? "bridge" : "tap", items[i].master,
                                        items[i].up, !items[i].bridge && items[i].carrier };
    *ret_links = (struct list){ ours, n };
    return 0;
}

static int see_addresses(struct nw *nw, struct cx *cx, struct list *ret_addresses)
{
    struct net_address_seen *seen = NULL;
    struct list ours;
    size_t n = 0;
    TRY(addresses_ours(cx, nw->config.run_dir, &ours));
    const struct address *items = ours.items;
    for (size_t i = 0; i < ours.n; i++)
        *arena_push(cx->arena, &seen, &n) = (struct net_address_seen){ items[i].link, items[i].cidr };
    *ret_addresses = (struct list){ seen, n };
    return 0;
}

static int see_rules(struct cx *cx, const char *family, const char **ret_json)
{
    const char *const argv[] = { "nft", "-j", "list", "table", family, "alamo", NULL };
    const char *output = NULL;
    int status = child_run(cx, &(struct child){ .argv = argv, .output_max = RULES_MAX }, &output);
    TRY(status);
    *ret_json = status == 0 ? output : NULL;
    return 0;
}

static int nw_see(void *self, struct cx *cx, struct net_seen *ret_seen)
{
    struct nw *nw = self;
    CLEANUP(links_freep) struct links *l = links_new(cx);
    if (!l)
        return -EHOSTDOWN;
    TRY(see_links(l, cx, &ret_seen->links));
    TRY(see_addresses(nw, cx, &ret_seen->addresses));
    dnsmasq_see(cx, &nw->config, ret_seen);
    TRY(see_rules(cx, "bridge", &ret_seen->rules_bridge));
    TRY(see_rules(cx, "ip", &ret_seen->rules_ip));
    return see_rules(cx, "ip6", &ret_seen->rules_ip6);
}

static void nw_free(void *self)
{
    struct nw *nw = self;
    free(nw->applied);
    free(nw);
}

int netlink_new(struct cx *cx, const struct netlink_config *config, struct network *ret_network)
{
    TRY(file_make_dir(cx, config->run_dir, 0755));
    TRY(file_make_dir(cx, config->state_dir, 0711));
    struct nw *nw = calloc(1, sizeof *nw);
    if (!nw)
        abort();
    nw->config = *config;
    *ret_network = (struct network){
        .self = nw, .free = nw_free, .apply = nw_apply, .see = nw_see, .teardown = nw_teardown
    };
    return 0;
}

int netlink_public(struct cx *cx, const char **nic, int64_t *ret_mtu, const char **ret_ip)
{
    CLEANUP(links_freep) struct links *l = links_new(cx);
    struct list links, addresses;
    if (!l)
        return -EHOSTDOWN;
    *ret_mtu = 0;
    *ret_ip = NULL;
    if (!*nic)
        *nic = links_default(l, cx, 4);
    TRY(links_list(l, cx, &links));
    TRY(links_addresses(l, cx, &addresses));
    const struct link_seen *seen = links.items;
    for (size_t i = 0; i < links.n; i++)
        if (str_eq(seen[i].name, *nic))
            *ret_mtu = seen[i].mtu;
    const struct address_seen *a = addresses.items;
    for (size_t i = 0; i < addresses.n && !*ret_ip; i++)
        if (*nic && str_eq(a[i].link, *nic) && !strchr(a[i].cidr, ':') &&
            !str_starts(a[i].cidr, "169.254.", NULL))
            *ret_ip = arena_strndup(cx->arena, a[i].cidr, strcspn(a[i].cidr, "/"));
    return 0;
}
