#include "agent/render/nft_parts.h"
#include "agent/render/render.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"

/* Each table is made (so that it is there), deleted with all it holds, and made anew, in one transaction:
 * nothing of anybody else's is touched, and no packet ever sees half a rule set. */
#define REPLACE(table) "table " table " {\n}\ndelete table " table "\n"
const char render_nft_teardown[] = REPLACE("bridge alamo") REPLACE("ip alamo") REPLACE("ip6 alamo");

void nft_add(struct arena *a, struct strs *list, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    *arena_push(a, &list->items, &list->n) = arena_strdup(a, text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool same_key(const char *a, const char *b)
{
    const char *end_a = strstr(a, " : "), *end_b = strstr(b, " : ");
    size_t n = end_a ? (size_t)(end_a - a) : strlen(a), m = end_b ? (size_t)(end_b - b) : strlen(b);
    return n == m && memcmp(a, b, n) == 0;
}

static void put_elements(struct buf *out, struct strs elements)
{
    if (elements.n)
        qsort(elements.items, elements.n, sizeof *elements.items, by_text);
    for (size_t i = 0; i < elements.n; i++)
        if (i == 0 || !same_key(elements.items[i], elements.items[i - 1]))
            buf_printf(out, "%s%s", i ? ",\n\t\t\t" : "\t\telements = { ", elements.items[i]);
    buf_puts(out, elements.n ? " }\n\t}\n" : "\t}\n");
}

void nft_put_set(struct buf *out, const char *head, const char *type, const char *flags, struct strs elements)
{
    buf_printf(out, "\t%s {\n\t\ttype %s\n%s", head, type, flags);
    put_elements(out, elements);
}

void nft_put_typeof(struct buf *out, const char *head, const char *expression, struct strs elements)
{
    buf_printf(out, "\t%s {\n\t\ttypeof %s\n", head, expression);
    put_elements(out, elements);
}

static const struct wire_network *network_by_id(const struct net_plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->n_networks; i++)
        if (str_eq(plan->networks[i]->id, id))
            return plan->networks[i];
    return NULL;
}

const char *nft_bridge_of_network(struct arena *a, const struct net_plan *plan, const char *network_id)
{
    const struct wire_network *n = network_by_id(plan, network_id);
    return n ? render_bridge_of(a, plan->settings, n) : NULL;
}

/* ---- who may talk to whom ---- */

struct reach {
    struct strs bridges, pass, outbound; /* pass: "from" . "to"; outbound: bridges that reach the outside */
};

static void add_outbound(struct rules *r, struct reach *reach, const char *bridge)
{
    nft_add(r->cx->arena, &reach->outbound, "\"%s\"", bridge);
    nft_add(r->cx->arena, &reach->pass, "\"%s\" . \"%s\"", bridge, r->plan->settings->public_nic);
}

static void add_router(struct rules *r, struct reach *reach, const struct wire_router *router)
{
    struct arena *a = r->cx->arena;
    const struct wire_router_leg *legs = router->legs.items;
    for (size_t i = 0; router->up && i < router->legs.n; i++) {
        const char *from = nft_bridge_of_network(a, r->plan, legs[i].network_id);
        for (size_t j = 0; from && j < router->legs.n; j++) {
            const char *to = nft_bridge_of_network(a, r->plan, legs[j].network_id);
            if (to)
                nft_add(a, &reach->pass, "\"%s\" . \"%s\"", from, to);
        }
        if (from && (router->external_ip || router->snat))
            add_outbound(r, reach, from);
    }
}

static void find_reach(struct rules *r, struct reach *reach)
{
    struct arena *a = r->cx->arena;
    const struct net_plan *plan = r->plan;
    for (size_t i = 0; i < plan->n_networks; i++) {
        const char *bridge = render_bridge_of(a, plan->settings, plan->networks[i]);
        nft_add(a, &reach->bridges, "\"%s\"", bridge);
        nft_add(a, &reach->pass, "\"%s\" . \"%s\"", bridge, bridge);
        if (plan->networks[i]->flat)
            add_outbound(r, reach, bridge);
        for (size_t j = 0; j < plan->n_networks && !plan->networks[i]->isolated; j++)
            if (!plan->networks[j]->isolated)
                nft_add(a, &reach->pass, "\"%s\" . \"%s\"", bridge,
                        render_bridge_of(a, plan->settings, plan->networks[j]));
    }
    for (size_t i = 0; i < plan->n_routers; i++)
        add_router(r, reach, plan->routers[i]);
}

/* ---- address translation ---- */

static void put_floating(struct rules *r)
{
    struct arena *a = r->cx->arena;
    struct strs in = { 0 }, out = { 0 };
    struct cidr f, x;
    for (size_t i = 0; i < r->plan->n_floatings; i++) {
        const struct wire_floating *fl = r->plan->floatings[i];
        if (cidr_parse(fl->floating_ip, &f) < 0 || cidr_parse(fl->fixed_ip, &x) < 0 || f.family != 4 ||
            x.family != 4)
            continue;
        nft_add(a, &in, "%s : %s", cidr_address(a, &f), cidr_address(a, &x));
        nft_add(a, &out, "%s : %s", cidr_address(a, &x), cidr_address(a, &f));
    }
    nft_put_set(&r->out, "map floating_in", "ipv4_addr : ipv4_addr", "", in);
    nft_put_set(&r->out, "map floating_out", "ipv4_addr : ipv4_addr", "", out);
}

static const char *leg_range(struct arena *a, const char *cidr)
{
    struct cidr c;
    return cidr_parse(cidr, &c) == 0 && c.family == 4 ? cidr_text(a, &c) : NULL;
}

static void put_router_nat(struct rules *r, const struct wire_router *router)
{
    const struct wire_router_leg *legs = router->legs.items;
    struct arena *a = r->cx->arena;
    struct cidr external;
    bool own = cidr_parse(router->external_ip, &external) == 0 && external.family == 4;
    for (size_t i = 0; router->up && router->snat && i < router->legs.n; i++) {
        const char *range = leg_range(a, legs[i].cidr);
        if (range)
            buf_printf(&r->out, "\t\toifname \"%s\" ip saddr %s %s%s\n", r->plan->settings->public_nic, range,
                       own ? "snat to " : "masquerade", own ? cidr_address(a, &external) : "");
    }
}

static void put_flat_nat(struct rules *r, const struct wire_network *n)
{
    const struct wire_subnet *subnets = n->subnets.items;
    for (size_t i = 0; n->flat && i < n->subnets.n; i++) {
        const char *range = leg_range(r->cx->arena, subnets[i].cidr);
        if (range)
            buf_printf(&r->out, "\t\toifname \"%s\" ip saddr %s masquerade\n", r->plan->settings->public_nic,
                       range);
    }
}

static void put_nat(struct rules *r)
{
    const struct net_plan *plan = r->plan;
    const char *nic = plan->settings->public_nic;
    buf_printf(&r->out,
               "\tchain nat_prerouting {\n\t\ttype nat hook prerouting priority -100;\n"
               "\t\tiifname @bridges ip daddr 169.254.169.254 tcp dport 80 dnat to 169.254.169.254:%d\n"
               "\t\tdnat to ip daddr map @floating_in\n\t}\n"
               "\tchain nat_output {\n\t\ttype nat hook output priority -100;\n"
               "\t\tdnat to ip daddr map @floating_in\n\t}\n"
               "\tchain nat_postrouting {\n\t\ttype nat hook postrouting priority 100;\n"
               "\t\tip saddr @inside ip daddr @dmz accept\n"
               "\t\toifname \"%s\" snat to ip saddr map @floating_out\n",
               plan->settings->metadata_port, nic);
    for (size_t i = 0; i < plan->n_routers; i++)
        put_router_nat(r, plan->routers[i]);
    for (size_t i = 0; i < plan->n_networks; i++)
        put_flat_nat(r, plan->networks[i]);
    buf_puts(
        &r->out,
        "\t\tct status dnat ip saddr @inside ip daddr @inside snat to ip saddr map @floating_out\n\t}\n");
}

static void put_ranges(struct rules *r)
{
    struct arena *a = r->cx->arena;
    struct strs inside = { 0 }, dmz = { 0 };
    struct cidr c;
    for (size_t i = 0; i < r->plan->n_networks; i++) {
        const struct wire_subnet *subnets = r->plan->networks[i]->subnets.items;
        for (size_t j = 0; j < r->plan->networks[i]->subnets.n; j++)
            if (leg_range(a, subnets[j].cidr))
                nft_add(a, &inside, "%s", leg_range(a, subnets[j].cidr));
    }
    for (size_t i = 0; i < r->plan->settings->dmz.n; i++)
        if (cidr_parse(r->plan->settings->dmz.items[i], &c) == 0 && c.family == 4)
            nft_add(a, &dmz, "%s", cidr_text(a, &c));
    nft_put_set(&r->out, "set inside", "ipv4_addr", "\t\tflags interval\n\t\tauto-merge\n", inside);
    nft_put_set(&r->out, "set dmz", "ipv4_addr", "\t\tflags interval\n\t\tauto-merge\n", dmz);
}

/* ---- filters ---- */

static void put_forward(struct rules *r)
{
    buf_printf(&r->out,
               "\tchain reach {\n\t\ttype filter hook forward priority -10; policy accept;\n"
               "\t\tct state established,related accept\n"
               "\t\tiifname . oifname @pass accept\n"
               "%s"
               "\t\tiifname @bridges drop\n"
               "\t\toifname @bridges drop\n\t}\n"
               "\tchain forward_egress {\n\t\ttype filter hook forward priority -5; policy accept;\n"
               "\t\tiifname @bridges jump from_guest\n\t}\n"
               "\tchain forward_ingress {\n\t\ttype filter hook forward priority 0; policy accept;\n"
               "\t\toifname @bridges jump to_guest\n\t}\n",
               r->family == 6 ? ""
                              : "\t\tiifname @outbound ct status dnat accept\n"
                                "\t\tiifname != @bridges ct status dnat accept\n"
                                "\t\tiifname != @bridges ip saddr @dmz accept\n");
}

/* From guests only these reach the host itself; DHCP's answers to a guest pass its groups. */
static void put_local(struct rules *r)
{
    const struct net_settings *s = r->plan->settings;
    const char *icmp = r->family == 6
                           ? "icmpv6 type { echo-request, nd-router-solicit, nd-neighbor-solicit, "
                             "nd-neighbor-advert, mld-listener-report, mld2-listener-report } accept"
                           : "icmp type echo-request accept";
    buf_printf(&r->out,
               "\tchain output_ingress {\n\t\ttype filter hook output priority 0; policy accept;\n"
               "\t\tudp sport %d udp dport %d accept\n"
               "\t\toifname @bridges jump to_guest\n\t}\n"
               "\tchain input {\n\t\ttype filter hook input priority 0; policy accept;\n"
               "\t\tiifname @bridges jump from_inside\n%s\t}\n"
               "\tchain from_inside {\n"
               "\t\tct state established,related accept\n"
               "\t\tudp dport { 53, %d } accept\n"
               "\t\ttcp dport { 53, %d } accept\n"
               "\t\t%s\n",
               r->family == 6 ? 547 : 67, r->family == 6 ? 546 : 68,
               r->family == 6 ? "" : "\t\tip daddr 169.254.169.254 meta mark 0 drop\n",
               r->family == 6 ? 547 : 67, s->api_port, icmp);
    if (r->family == 4)
        buf_printf(&r->out, "\t\tip daddr 169.254.169.254 tcp dport %d meta mark != 0 accept\n",
                   s->metadata_port);
    buf_puts(&r->out, "\t\tdrop\n\t}\n");
}

static void put_table(struct rules *r)
{
    struct reach reach = { 0 };
    find_reach(r, &reach);
    buf_printf(&r->out, "table %s alamo {\n", r->ip);
    nft_put_set(&r->out, "set bridges", "ifname", "", reach.bridges);
    nft_put_set(&r->out, "set pass", "ifname . ifname", "", reach.pass);
    nft_put_groups(r);
    if (r->family == 4) {
        nft_put_set(&r->out, "set outbound", "ifname", "", reach.outbound);
        put_ranges(r);
        put_floating(r);
        put_nat(r);
    }
    put_forward(r);
    put_local(r);
    buf_puts(&r->out, "}\n");
}

/* Names of objects stand in the text as they are; everything else is parsed and printed again. */
static int check_ids(struct cx *cx, const struct net_plan *plan)
{
    for (size_t i = 0; i < plan->n_networks; i++)
        if (!uuid_valid(plan->networks[i]->id))
            return fail(cx, KIND_INVALID, "A network has no proper id");
    for (size_t i = 0; i < plan->n_groups; i++)
        if (!uuid_valid(plan->groups[i]->id))
            return fail(cx, KIND_INVALID, "A security group has no proper id");
    return 0;
}

int render_nft(struct cx *cx, const struct net_plan *plan, const char **ret_text)
{
    static const struct {
        int family;
        const char *ip;
    } tables[] = { { 4, "ip" }, { 6, "ip6" } };
    TRY(check_ids(cx, plan));
    struct rules r = { .cx = cx, .plan = plan, .out = buf_new(cx->arena) };
    buf_puts(&r.out, render_nft_teardown);
    nft_put_spoof(&r);
    for (size_t i = 0; i < N_ELEMENTS(tables); i++) {
        r.family = tables[i].family;
        r.ip = tables[i].ip;
        put_table(&r);
    }
    *ret_text = buf_text(&r.out);
    return 0;
}
