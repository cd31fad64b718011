#include "agent/render/nft_parts.h"

#include "base/env.h"

/* What each tap may send: sets of (tap, MAC, address), and rules for ranges, which sets of several keys don't
 * take. */
struct sources {
    struct strs marks, open, macs, arp, ip, ip6, own, own6, targets, secured, same, hairpins;
    struct buf ranges, own_ranges, target_ranges;
};

/* The first 'bits' of an address as nft writes numbers. */
static const char *number(struct arena *a, const struct cidr *c, int bits)
{
    struct buf b = buf_new(a);
    unsigned left = 0;
    buf_puts(&b, "0x");
    for (int i = 0; i < bits; i++) {
        left = left << 1 | (c->address[i / 8] >> (7 - i % 8) & 1);
        if ((bits - 1 - i) % 4 == 0) {
            buf_printf(&b, "%x", left);
            left = 0;
        }
    }
    return buf_text(&b);
}

/* The address that an IPv6 neighbour advertisement is about stands in its 9th to 24th byte. */
static void add_target(struct rules *r, struct sources *s, const char *tap, const struct cidr *c)
{
    struct arena *a = r->cx->arena;
    if (cidr_is_one(c))
        nft_add(a, &s->targets, "\"%s\" . %s", tap, number(a, c, c->bits));
    else if (c->bits)
        buf_printf(&s->target_ranges, "\t\tiifname \"%s\" @th,64,%d %s return\n", tap, c->bits,
                   number(a, c, c->bits));
    else
        buf_printf(&s->target_ranges, "\t\tiifname \"%s\" return\n", tap);
}

/* What a tap may be sent by its neighbours. */
static void add_own(struct rules *r, struct sources *s, const char *tap, const struct cidr *c)
{
    const char *ip = c->family == 6 ? "ip6" : "ip", *text = cidr_text(r->cx->arena, c);
    if (cidr_is_one(c))
        nft_add(r->cx->arena, c->family == 6 ? &s->own6 : &s->own, "\"%s\" . %s", tap, text);
    else if (c->bits)
        buf_printf(&s->own_ranges, "\t\toifname \"%s\" %s daddr %s return\n", tap, ip, text);
    else
        buf_printf(&s->own_ranges, "\t\toifname \"%s\" ether type %s return\n", tap, ip);
}

static void add_source(struct rules *r, struct sources *s, const char *tap, const char *mac,
                       const char *address)
{
    struct arena *a = r->cx->arena;
    struct cidr c;
    if (!mac_valid(mac, NULL))
        return;
    nft_add(a, &s->macs, "\"%s\" . %s", tap, mac);
    if (cidr_parse(address, &c) < 0)
        return;
    const char *text = cidr_text(a, &c);
    add_own(r, s, tap, &c);
    if (c.family == 6)
        add_target(r, s, tap, &c);
    if (!cidr_is_one(&c)) {
        if (c.family == 4)
            buf_printf(&s->ranges, "\t\tiifname \"%s\" arp saddr ether %s arp saddr ip %s accept\n", tap, mac,
                       text);
        buf_printf(&s->ranges, "\t\tiifname \"%s\" ether saddr %s %s saddr %s accept\n", tap, mac,
                   c.family == 6 ? "ip6" : "ip", text);
    } else if (c.family == 4) {
        nft_add(a, &s->arp, "\"%s\" . %s . %s", tap, mac, text);
        nft_add(a, &s->ip, "\"%s\" . %s . %s", tap, mac, text);
    } else {
        nft_add(a, &s->ip6, "\"%s\" . %s . %s", tap, mac, text);
    }
}

static void add_port(struct rules *r, struct sources *s, const struct wire_port *p)
{
    struct arena *a = r->cx->arena;
    const struct wire_pair *pairs = p->pairs.items;
    char tap[16];

    wire_tap_name(p->id, tap);
    nft_add(a, &s->marks, "\"%s\" : 0x%08llx", tap, (unsigned long long)p->mark);
    nft_add(a, &s->same, "\"%s\" . \"%s\"", tap, tap);
    nft_add(a, &s->hairpins, "\"%s\" . \"%s\" . %s", tap, tap, p->mac);
    if (!p->secured) {
        nft_add(a, &s->open, "\"%s\"", tap);
        return;
    }
    nft_add(a, &s->secured, "\"%s\"", tap);
    for (size_t i = 0; i < p->ips.n; i++)
        add_source(r, s, tap, p->mac, p->ips.items[i]);
    add_source(r, s, tap, p->mac, mac_link_local(a, p->mac));
    for (size_t i = 0; i < p->pairs.n; i++)
        add_source(r, s, tap, pairs[i].mac ? pairs[i].mac : p->mac, pairs[i].ip);
}

/* Groups are looked up by the address that a packet is for.  So what goes from guest to guest must be for an address that
 * is the receiver's: a broadcast, a multicast or one of the addresses that guests have for themselves (of their
 * containers, say; every Linux host takes a packet for any of its addresses on any of its links) would pass no group's
 * rules. Of multicast only what neighbours need to find each other passes. */
static const char own_end[] =
    "\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-query } ip6 daddr ff02::/16 return\n"
    "\t\tether type { ip, ip6 } drop\n"
    "\t}\n";

/* What a guest sent comes back to it only when it is meant for it (its own floating address), never as an
 * echo of its broadcasts, which would look like a second owner of its address. In 'tap' the order matters:
 * the mark first (also of packets that are dropped later, for the counters of whoever looks), then the MAC
 * for every protocol, then what a guest without an address may say, then what only hosts say (answers of DHCP,
 * whatever port they come from: clients look at their own only), then its addresses, then nothing. */
static const char chains[] =
    "\tchain forward {\n"
    "\t\ttype filter hook forward priority -300; policy accept;\n"
    "\t\tiifname . oifname . ether daddr @hairpins accept\n"
    "\t\tiifname . oifname @same drop\n"
    "\t\toifname @secured_taps jump own\n"
    "\t}\n"
    "\tchain prerouting {\n"
    "\t\ttype filter hook prerouting priority -300; policy accept;\n"
    "\t\tiifname @taps jump tap\n"
    "\t}\n"
    "\tchain tap {\n"
    "\t\tmeta mark set iifname map @port_marks\n"
    "\t\tiifname @open_taps accept\n"
    "\t\tiifname . ether saddr != @macs drop\n"
    "\t\tiifname . arp saddr ether @macs arp operation request arp saddr ip 0.0.0.0 accept\n"
    "\t\tiifname . arp saddr ether . arp saddr ip @arp_sources accept\n"
    "\t\tip saddr 0.0.0.0 udp sport 68 udp dport 67 accept\n"
    "\t\tether type ip udp dport 68 drop\n"
    "\t\tether type ip6 udp dport 546 drop\n"
    "\t\ticmpv6 type nd-router-advert drop\n"
    "\t\ticmpv6 type nd-neighbor-advert jump advert\n"
    "\t\tip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } accept\n"
    "\t\tiifname . ether saddr . ip saddr @ip_sources accept\n"
    "\t\tiifname . ether saddr . ip6 saddr @ip6_sources accept\n";

void nft_put_spoof(struct rules *r)
{
    struct arena *a = r->cx->arena;
    struct sources s = { .ranges = buf_new(a), .own_ranges = buf_new(a), .target_ranges = buf_new(a) };
    const struct net_port *ports = r->plan->ports.items;
    struct strs taps = { 0 };
    char tap[16];

    for (size_t i = 0; i < r->plan->ports.n; i++) {
        if (!uuid_valid(ports[i].port->id) || !mac_valid(ports[i].port->mac, NULL))
            continue;
        wire_tap_name(ports[i].port->id, tap);
        nft_add(a, &taps, "\"%s\"", tap);
        add_port(r, &s, ports[i].port);
    }
    buf_puts(&r->out, "table bridge alamo {\n");
    nft_put_set(&r->out, "set taps", "ifname", "", taps);
    nft_put_set(&r->out, "map port_marks", "ifname : mark", "", s.marks);
    nft_put_set(&r->out, "set open_taps", "ifname", "", s.open);
    nft_put_set(&r->out, "set macs", "ifname . ether_addr", "", s.macs);
    nft_put_set(&r->out, "set arp_sources", "ifname . ether_addr . ipv4_addr", "", s.arp);
    nft_put_set(&r->out, "set ip_sources", "ifname . ether_addr . ipv4_addr", "", s.ip);
    nft_put_set(&r->out, "set ip6_sources", "ifname . ether_addr . ipv6_addr", "", s.ip6);
    nft_put_typeof(&r->out, "set advert_targets", "meta iifname . @th,64,128", s.targets);
    nft_put_set(&r->out, "set secured_taps", "ifname", "", s.secured);
    nft_put_set(&r->out, "set own_addresses", "ifname . ipv4_addr", "", s.own);
    nft_put_set(&r->out, "set own_addresses6", "ifname . ipv6_addr", "", s.own6);
    nft_put_set(&r->out, "set same", "ifname . ifname", "", s.same);
    nft_put_set(&r->out, "set hairpins", "ifname . ifname . ether_addr", "", s.hairpins);
    buf_puts(&r->out, "\tchain advert {\n\t\tiifname . @th,64,128 @advert_targets return\n");
    buf_puts(&r->out, buf_text(&s.target_ranges));
    buf_puts(&r->out, "\t\tdrop\n\t}\n");
    buf_puts(&r->out, "\tchain own {\n"
                      "\t\toifname . ip daddr @own_addresses return\n"
                      "\t\toifname . ip6 daddr @own_addresses6 return\n");
    buf_puts(&r->out, buf_text(&s.own_ranges));
    buf_puts(&r->out, own_end);
    buf_puts(&r->out, chains);
    buf_puts(&r->out, buf_text(&s.ranges));
    buf_puts(&r->out, "\t\tdrop\n\t}\n}\n");
}
