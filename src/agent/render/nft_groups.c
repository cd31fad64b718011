#include "agent/render/nft_parts.h"

#include <string.h>

#include "base/env.h"

static const struct protocol {
    const char *name;
    int number;
} protocols[] = {
    { "ah", 51 },        { "dccp", 33 },      { "egp", 8 },         { "esp", 50 },       { "gre", 47 },
    { "icmp", 1 },       { "icmpv6", 58 },    { "igmp", 2 },        { "ipip", 4 },       { "ipv6-encap", 41 },
    { "ipv6-frag", 44 }, { "ipv6-icmp", 58 }, { "ipv6-nonxt", 59 }, { "ipv6-opts", 60 }, { "ipv6-route", 43 },
    { "ospf", 89 },      { "pgm", 113 },      { "rsvp", 46 },       { "sctp", 132 },     { "tcp", 6 },
    { "udp", 17 },       { "udplite", 136 },  { "vrrp", 112 },
};
enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58 };

/* The number of a rule's protocol, or -1.  "icmp" of an IPv6 rule means ICMPv6, as Neutron has it. */
static int protocol_number(const char *text, int family)
{
    int64_t n = -1;
    for (size_t i = 0; i < N_ELEMENTS(protocols); i++)
        if (str_eq(protocols[i].name, text))
            n = protocols[i].number;
    if (n < 0 && (str_to_i64(text, &n) < 0 || n < 0 || n > 255))
        return -1;
    return n == ICMP && family == 6 ? ICMPV6 : (int)n;
}

static bool has_group(const struct net_plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->n_groups; i++)
        if (str_eq(plan->groups[i]->id, id))
            return true;
    return false;
}

static bool is_icmp(int number)
{
    return number == ICMP || number == ICMPV6;
}

/* The ports of a rule (for ICMP: type and code) are there as a whole or not at all. */
static bool has_proper_ports(const struct wire_rule *rule, int number)
{
    int64_t min = rule->port_min, max = rule->port_max;
    if (min < 0 && max < 0)
        return true;
    return is_icmp(number) ? min >= 0 && min <= 255 && max <= 255 : min >= 0 && min <= max && max <= 65535;
}

static void put_protocol(struct rules *r, const struct wire_rule *rule, int number)
{
    struct buf *b = &r->out;
    long long min = (long long)rule->port_min, max = (long long)rule->port_max;
    buf_printf(b, "meta l4proto %d ", number);
    if (min < 0)
        return;
    if (!is_icmp(number)) {
        buf_printf(b, "th dport %lld-%lld ", min, max);
        return;
    }
    const char *icmp = number == ICMP ? "icmp" : "icmpv6";
    buf_printf(b, "%s type %lld ", icmp, min);
    if (max >= 0)
        buf_printf(b, "%s code %lld ", icmp, max);
}

/* One rule of a group.  What can't be understood allows nothing: groups only ever allow. */
static void put_rule(struct rules *r, const struct wire_rule *rule)
{
    bool in = str_eq(rule->direction, "ingress");
    struct cidr c;
    int number = -1;
    if (!str_eq(rule->ethertype, r->family == 6 ? "IPv6" : "IPv4"))
        return;
    if (rule->protocol && (number = protocol_number(rule->protocol, r->family)) < 0)
        return;
    if (number >= 0 && !has_proper_ports(rule, number))
        return;
    if (rule->remote_cidr && (cidr_parse(rule->remote_cidr, &c) < 0 || c.family != r->family))
        return;
    if (rule->remote_group && !has_group(r->plan, rule->remote_group))
        return;

    buf_puts(&r->out, "\t\t");
    if (rule->remote_cidr && c.bits)
        buf_printf(&r->out, "%s %s %s ", r->ip, in ? "saddr" : "daddr", cidr_text(r->cx->arena, &c));
    if (rule->remote_group)
        buf_printf(&r->out, "%s %s @members-%s ", r->ip, in ? "saddr" : "daddr", rule->remote_group);
    if (number >= 0)
        put_protocol(r, rule, number);
    buf_puts(&r->out, "accept\n");
}

static void put_group(struct rules *r, const struct wire_group *g)
{
    static const char *const directions[] = { "ingress", "egress" };
    struct arena *a = r->cx->arena;
    struct strs members = { 0 };
    struct cidr c;
    for (size_t i = 0; i < g->members.n; i++)
        if (cidr_parse(g->members.items[i], &c) == 0 && c.family == r->family && cidr_is_one(&c))
            nft_add(a, &members, "%s", cidr_address(a, &c));
    nft_put_set(&r->out, arena_printf(a, "set members-%s", g->id), r->family == 6 ? "ipv6_addr" : "ipv4_addr",
                "", members);
    const struct wire_rule *rules = g->rules.items;
    for (size_t d = 0; d < N_ELEMENTS(directions); d++) {
        buf_printf(&r->out, "\tchain %s-%s {\n", directions[d], g->id);
        for (size_t i = 0; i < g->rules.n; i++)
            if (str_eq(rules[i].direction, directions[d]))
                put_rule(r, &rules[i]);
        buf_puts(&r->out, "\t}\n");
    }
}

/* Where a port's packets go: through its groups' chains, then nowhere. */
static void put_port_chain(struct rules *r, const struct wire_port *p, const char *direction)
{
    buf_printf(&r->out, "\tchain %s-port-%s {\n", direction, p->id);
    for (size_t i = 0; i < p->groups.n; i++)
        if (has_group(r->plan, p->groups.items[i]))
            buf_printf(&r->out, "\t\tjump %s-%s\n", direction, p->groups.items[i]);
    buf_puts(&r->out, "\t\tdrop\n\t}\n");
}

static void add_address(struct rules *r, struct strs *list, const char *bridge, const char *address,
                        const struct wire_port *p)
{
    struct cidr c;
    if (cidr_parse(address, &c) == 0 && c.family == r->family && cidr_is_one(&c))
        nft_add(r->cx->arena, list, "\"%s\" . %s : jump ingress-port-%s", bridge,
                cidr_address(r->cx->arena, &c), p->id);
}

static void add_port(struct rules *r, const struct wire_port *p, struct strs *to, struct strs *from)
{
    struct arena *a = r->cx->arena;
    const char *bridge = nft_bridge_of_network(a, r->plan, p->network_id);
    const struct wire_pair *pairs = p->pairs.items;
    if (!bridge)
        return;
    for (size_t i = 0; i < p->ips.n; i++)
        add_address(r, to, bridge, p->ips.items[i], p);
    for (size_t i = 0; i < p->pairs.n; i++)
        add_address(r, to, bridge, pairs[i].ip, p);
    if (r->family == 6)
        add_address(r, to, bridge, mac_link_local(a, p->mac), p);
    nft_add(a, from, "0x%08llx : jump egress-port-%s", (unsigned long long)p->mark, p->id);
}

/* Ranges of allowed pairs come after the exact addresses: of two ports the one named exactly is meant. */
static void put_ranges(struct rules *r, const struct wire_port *p)
{
    const char *bridge = nft_bridge_of_network(r->cx->arena, r->plan, p->network_id);
    const struct wire_pair *pairs = p->pairs.items;
    struct cidr c;
    for (size_t i = 0; bridge && i < p->pairs.n; i++)
        if (cidr_parse(pairs[i].ip, &c) == 0 && c.family == r->family && !cidr_is_one(&c))
            buf_printf(&r->out, "\t\toifname \"%s\" %s daddr %s jump ingress-port-%s\n", bridge, r->ip,
                       cidr_text(r->cx->arena, &c), p->id);
}

static bool usable(const struct wire_port *p)
{
    return p->secured && uuid_valid(p->id) && mac_valid(p->mac, NULL);
}

void nft_put_groups(struct rules *r)
{
    struct strs to = { 0 }, from = { 0 };
    const struct net_port *ports = r->plan->ports.items;

    for (size_t i = 0; i < r->plan->n_groups; i++)
        put_group(r, r->plan->groups[i]);
    for (size_t i = 0; i < r->plan->ports.n; i++) {
        const struct wire_port *p = ports[i].port;
        if (!usable(p))
            continue;
        put_port_chain(r, p, "ingress");
        put_port_chain(r, p, "egress");
        add_port(r, p, &to, &from);
    }
    nft_put_set(&r->out, "map to_port",
                r->family == 6 ? "ifname . ipv6_addr : verdict" : "ifname . ipv4_addr : verdict", "", to);
    nft_put_set(&r->out, "map from_port", "mark : verdict", "", from);
    buf_puts(&r->out, "\tchain to_guest {\n\t\tct state established,related accept\n");
    if (r->family == 6)
        buf_puts(&r->out, "\t\ticmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, "
                          "mld-listener-query } accept\n");
    buf_printf(&r->out, "\t\toifname . %s daddr vmap @to_port\n", r->ip);
    for (size_t i = 0; i < r->plan->ports.n; i++)
        if (usable(ports[i].port))
            put_ranges(r, ports[i].port);
    buf_puts(&r->out, "\t}\n\tchain from_guest {\n\t\tct state established,related accept\n");
    if (r->family == 6)
        buf_puts(&r->out, "\t\ticmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, "
                          "mld-listener-report, mld2-listener-report } accept\n");
    buf_puts(&r->out, "\t\tmeta mark vmap @from_port\n\t}\n");
}
