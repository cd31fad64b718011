#include "agent/render/render.h"

#include <string.h>
#include <strings.h>

#include "agent/render/address.h"
#include "base/buf.h"

enum { LEASE_S = 86400 };

struct out {
    const struct net_plan *plan;
    struct buf conf, hosts, names, options;
    size_t n_ranges;
    bool ra; /* some network wants router advertisements */
};

const char *render_bridge_of(struct arena *a, const struct net_settings *s, const struct wire_network *n)
{
    char name[16];
    if (n->flat)
        return s->bridge;
    wire_bridge_name(n->id, name);
    return arena_strdup(a, name);
}

/* The tag of a subnet: its id's characters that can't end a word. */
static const char *tag_of(struct arena *a, const struct wire_subnet *s)
{
    return arena_printf(a, "s%s", label_from(a, s->id));
}

static const char *join_addresses(struct arena *a, struct strs list, int family)
{
    struct buf b = buf_new(a);
    struct cidr c;
    for (size_t i = 0; i < list.n; i++)
        if (cidr_parse(list.items[i], &c) == 0 && c.family == family)
            buf_printf(&b, family == 6 ? ",[%s]" : ",%s", cidr_address(a, &c));
    return buf_text(&b);
}

/* Option 121 replaces option 3 for clients that know it, so the default route is in it again.  A network
 * without a gateway reaches the metadata service through the host's own address in it. */
static const char *classless_routes(struct arena *a, const struct wire_subnet *s, const char *gateway)
{
    struct buf b = buf_new(a);
    struct cidr to, via;
    const struct wire_route *routes = s->routes.items;
    if (!gateway && s->dhcp_ip && cidr_parse(s->dhcp_ip, &via) == 0)
        buf_printf(&b, ",169.254.169.254/32,%s", cidr_address(a, &via));
    for (size_t i = 0; i < s->routes.n; i++)
        if (cidr_parse(routes[i].destination, &to) == 0 && cidr_parse(routes[i].nexthop, &via) == 0 &&
            to.family == 4)
            buf_printf(&b, ",%s%s,%s", cidr_text(a, &to), cidr_is_one(&to) ? "/32" : "",
                       cidr_address(a, &via));
    if (b.len && gateway)
        buf_printf(&b, ",0.0.0.0/0,%s", gateway);
    return buf_text(&b);
}

static void put_options4(struct out *o, const struct wire_network *n, const struct wire_subnet *s)
{
    struct arena *a = o->conf.arena;
    struct cidr c;
    const char *tag = tag_of(a, s);
    const char *gateway = cidr_parse(s->gateway, &c) == 0 ? cidr_address(a, &c) : NULL;
    const char *own = cidr_parse(s->dhcp_ip, &c) == 0 ? cidr_address(a, &c) : NULL;
    const char *dns = join_addresses(a, s->dns, 4);
    int64_t mtu = n->mtu ? n->mtu : o->plan->settings->public_mtu;

    buf_printf(&o->options, "tag:%s,option:router%s%s\n", tag, gateway ? "," : "", gateway ? gateway : "");
    if (*dns || own)
        buf_printf(&o->options, "tag:%s,option:dns-server%s%s\n", tag, *dns ? "" : ",", *dns ? dns : own);
    if (mtu)
        buf_printf(&o->options, "tag:%s,option:mtu,%lld\n", tag, (long long)mtu);
    const char *routes = classless_routes(a, s, gateway);
    if (*routes)
        buf_printf(&o->options, "tag:%s,option:classless-static-route%s\n", tag, routes);
    if (domain_valid(n->domain))
        buf_printf(&o->options, "tag:%s,option:domain-name,%s\n", tag, n->domain);
}

static const char *first_address(struct arena *a, const struct cidr *c)
{
    const char *text = cidr_text(a, c);
    return arena_strndup(a, text, strcspn(text, "/"));
}

static void put_range6(struct out *o, const struct wire_subnet *s, const struct cidr *c)
{
    static const struct {
        const char *mode, *dnsmasq;
    } modes[] = { { "slaac", "ra-only" },
                  { "dhcpv6-stateless", "ra-stateless" },
                  { "dhcpv6-stateful", "static" } };
    for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
        if (!str_eq(modes[i].mode, s->ipv6_mode))
            continue;
        struct arena *a = o->conf.arena;
        const char *dns = join_addresses(a, s->dns, 6);
        buf_printf(&o->conf, "dhcp-range=set:%s,%s,%s,%d,%d\n", tag_of(a, s), first_address(a, c),
                   modes[i].dnsmasq, c->bits, LEASE_S);
        if (*dns)
            buf_printf(&o->options, "tag:%s,option6:dns-server%s\n", tag_of(a, s), dns);
        o->n_ranges++;
        o->ra = true;
    }
}

/* A name that dnsmasq would take for a word of its own in a host's line, or for the time of a lease. */
static bool is_word_of_dnsmasq(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    size_t unit = digits ? strspn(name + digits, "wWdDhHmMsS") : 0;

    return strcasecmp(name, "ignore") == 0 || strcasecmp(name, "infinite") == 0 ||
           (digits && unit <= 1 && !name[digits + unit]);
}

static void put_leases(struct out *o, const struct wire_network *n, const struct wire_subnet *s, bool dhcp)
{
    struct arena *a = o->conf.arena;
    const struct wire_lease *leases = s->leases.items;
    struct cidr ip;
    for (size_t i = 0; i < s->leases.n; i++) {
        const struct wire_lease *l = &leases[i];
        if (!mac_valid(l->mac, NULL) || cidr_parse(l->ip, &ip) < 0)
            continue;
        const char *address = cidr_address(a, &ip), *name = label_from(a, l->hostname);
        bool named = *name && !is_word_of_dnsmasq(name);
        if (dhcp)
            buf_printf(&o->hosts, ip.family == 6 ? "%s,set:%s,[%s]%s%s\n" : "%s,set:%s,%s%s%s\n", l->mac,
                       tag_of(a, s), address, named ? "," : "", named ? name : "");
        if (*name && domain_valid(n->domain))
            buf_printf(&o->names, "%s %s.%s\n", address, name, n->domain);
    }
}

/* Ranges that dnsmasq would refuse to start with: IPv6 advertises /64 and nothing else, and serves no more than that. */
static bool is_servable(const struct wire_subnet *s, const struct cidr *c)
{
    if (c->family == 4)
        return s->dhcp_ip != NULL;
    return str_eq(s->ipv6_mode, "dhcpv6-stateful") ? c->bits >= 64 : s->ipv6_mode && c->bits == 64;
}

/* One dnsmasq serves all networks: a subnet that it can't serve goes without, so that the others don't. */
static void put_subnet(struct out *o, const struct wire_network *n, const struct wire_subnet *s)
{
    struct cidr c;
    if (cidr_parse(s->cidr, &c) < 0)
        return;
    bool dhcp = s->dhcp && is_servable(s, &c);
    put_leases(o, n, s, dhcp);
    if (!dhcp)
        return;
    if (c.family == 6) {
        put_range6(o, s, &c);
        return;
    }
    buf_printf(&o->conf, "dhcp-range=set:%s,%s,static,%s,%d\n", tag_of(o->conf.arena, s),
               first_address(o->conf.arena, &c), cidr_mask(o->conf.arena, &c), LEASE_S);
    put_options4(o, n, s);
    o->n_ranges++;
}

static void put_head(struct out *o, const struct dnsmasq_files *files)
{
    const struct net_settings *s = o->plan->settings;
    struct cidr c;
    buf_printf(&o->conf,
               "# Made by alamo-agent.\nuser=root\nbind-dynamic\nexcept-interface=lo\nno-hosts\nno-ping\n"
               "dhcp-authoritative\ndhcp-ignore=tag:!known\ndhcp-lease-max=100000\n"
               "dhcp-hostsfile=%s\naddn-hosts=%s\ndhcp-optsfile=%s\ndhcp-leasefile=%s\npid-file=%s\n",
               files->hosts, files->names, files->options, files->leases, files->pid);
    if (s->dns.n)
        buf_puts(&o->conf, "no-resolv\n");
    for (size_t i = 0; i < s->dns.n; i++)
        if (cidr_parse(s->dns.items[i], &c) == 0)
            buf_printf(&o->conf, "server=%s\n", cidr_address(o->conf.arena, &c));
}

int render_dnsmasq(struct cx *cx, const struct net_plan *plan, const struct dnsmasq_files *files,
                   struct dnsmasq_texts *ret_texts)
{
    struct arena *a = cx->arena;
    struct out o = { plan, buf_new(a), buf_new(a), buf_new(a), buf_new(a), 0, false };

    put_head(&o, files);
    for (size_t i = 0; i < plan->n_networks; i++) {
        const struct wire_network *n = plan->networks[i];
        const struct wire_subnet *subnets = n->subnets.items;
        size_t before = o.n_ranges;
        for (size_t j = 0; j < n->subnets.n; j++)
            put_subnet(&o, n, &subnets[j]);
        if (o.n_ranges > before)
            buf_printf(&o.conf, "interface=%s\n", render_bridge_of(a, plan->settings, n));
    }
    if (o.ra)
        buf_puts(&o.conf, "enable-ra\n");
    *ret_texts = (struct dnsmasq_texts){ o.n_ranges ? buf_text(&o.conf) : NULL, buf_text(&o.hosts),
                                         buf_text(&o.names), buf_text(&o.options) };
    return 0;
}
