#include "agent/netlink/links.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/render/address.h"
#include "base/crash.h"

struct links {
    struct nl_sock *sock;
};

const char links_alias[] = "alamo";
static const char new_bridge[] = "alamo-new"; /* until it has our alias */

static int failed(struct cx *cx, int nl_error, const char *verb, const char *name)
{
    return fail(cx, KIND_UNAVAILABLE, "Can't %s %s: %s", verb, name, nl_geterror(nl_error));
}

struct links *links_new(struct cx *cx)
{
    struct links *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->sock = nl_socket_alloc();
    int r = l->sock ? nl_connect(l->sock, NETLINK_ROUTE) : -NLE_NOMEM;
    if (r < 0) {
        failed(cx, r, "open", "netlink");
        links_free(l);
        return NULL;
    }
    return l;
}

void links_free(struct links *l)
{
    if (l && l->sock)
        nl_socket_free(l->sock);
    free(l);
}

/* ---- seeing ---- */

static void cache_free(struct nl_cache **c)
{
    if (*c)
        nl_cache_free(*c);
}
#define CLEAN_CACHE CLEANUP(cache_free) struct nl_cache

static void link_put(struct rtnl_link **l)
{
    if (*l)
        rtnl_link_put(*l);
}
#define CLEAN_LINK CLEANUP(link_put) struct rtnl_link

int links_list(struct links *l, struct cx *cx, struct list *ret_links)
{
    CLEAN_CACHE *cache = NULL;
    struct link_seen *items = NULL;
    size_t n = 0;
    int r = rtnl_link_alloc_cache(l->sock, AF_UNSPEC, &cache);
    if (r < 0)
        return failed(cx, r, "list", "network devices");
    for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
        struct rtnl_link *link = (struct rtnl_link *)o;
        struct link_seen *seen = arena_push(cx->arena, &items, &n);
        char master[IF_NAMESIZE] = "";
        if (rtnl_link_get_master(link))
            rtnl_link_i2name(cache, rtnl_link_get_master(link), master, sizeof master);
        *seen = (struct link_seen){
            .name = cx_strdup(cx, rtnl_link_get_name(link)),
            .bridge = str_eq(rtnl_link_get_type(link), "bridge"),
            .up = rtnl_link_get_flags(link) & IFF_UP,
            .carrier = rtnl_link_get_carrier(link) == 1,
            .alias = str_eq(rtnl_link_get_name(link), new_bridge) ? links_alias
                                                                  : cx_strdup(cx, rtnl_link_get_ifalias(link)),
            .master = *master ? cx_strdup(cx, master) : NULL,
            .mtu = rtnl_link_get_mtu(link),
        };
    }
    *ret_links = (struct list){ items, n };
    return 0;
}

int links_addresses(struct links *l, struct cx *cx, struct list *ret_addresses)
{
    CLEAN_CACHE *cache = NULL;
    struct address_seen *items = NULL;
    size_t n = 0;
    char text[64], name[IF_NAMESIZE];
    int r = rtnl_addr_alloc_cache(l->sock, &cache);
    if (r < 0)
        return failed(cx, r, "list", "addresses");
    for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
        struct rtnl_addr *addr = (struct rtnl_addr *)o;
        if (!rtnl_addr_get_local(addr) || !if_indextoname((unsigned)rtnl_addr_get_ifindex(addr), name))
            continue;
        struct address_seen *seen = arena_push(cx->arena, &items, &n);
        nl_addr2str(rtnl_addr_get_local(addr), text, sizeof text);
        const char *whole = rtnl_addr_get_family(addr) == AF_INET6 ? "/128" : "/32";
        seen->link = cx_strdup(cx, name);
        seen->cidr = cx_printf(cx, "%s%s", text, strchr(text, '/') ? "" : whole);
    }
    *ret_addresses = (struct list){ items, n };
    return 0;
}

static int get_link(struct links *l, const char *name, struct rtnl_link **ret_link)
{
    *ret_link = NULL;
    return rtnl_link_get_kernel(l->sock, 0, name, ret_link);
}

/* ---- links ---- */

/* Brings the link to the wanted state with one change: MTU, master, up; a link made just now gets our alias,
 * and keeps its MAC for ever (a bridge would else take the lowest of its ports', which come and go). */
static int change(struct links *l, struct cx *cx, const char *name, const char *bridge, int64_t mtu, bool up,
                  bool made)
{
    CLEAN_LINK *now = NULL, *master = NULL;
    CLEAN_LINK *wanted = rtnl_link_alloc();
    int r = get_link(l, name, &now);
    if (r < 0)
        return failed(cx, r, "find", name);
    if (bridge && (r = get_link(l, bridge, &master)) < 0)
        return failed(cx, r, "find", bridge);
    int index = master ? rtnl_link_get_ifindex(master) : 0;
    if (!made && rtnl_link_get_master(now) == index && !!(rtnl_link_get_flags(now) & IFF_UP) == up &&
        (!mtu || rtnl_link_get_mtu(now) == mtu))
        return 0;
    if (made) {
        rtnl_link_set_ifalias(wanted, links_alias);
        rtnl_link_set_addr(wanted, rtnl_link_get_addr(now));
    }
    if (mtu)
        rtnl_link_set_mtu(wanted, (unsigned)mtu);
    if (rtnl_link_get_master(now) != index)
        rtnl_link_set_master(wanted, index);
    up ? rtnl_link_set_flags(wanted, IFF_UP) : rtnl_link_unset_flags(wanted, IFF_UP);
    r = rtnl_link_change(l->sock, now, wanted, 0);
    return r < 0 ? failed(cx, r, "change", name) : 0;
}

/* It has its name only when it has our alias: one that a dead agent had just made would be nobody's for ever. */
static int make_bridge(struct links *l, struct cx *cx, const char *name)
{
    CLEAN_LINK *now = NULL;
    CLEAN_LINK *ours = rtnl_link_alloc(), *named = rtnl_link_alloc();

    crash_point("before bridge");
    int r = rtnl_link_bridge_add(l->sock, new_bridge);
    if (r < 0 && r != -NLE_EXIST)
        return failed(cx, r, "make the bridge", name);
    crash_point("between bridge and name");
    rtnl_link_set_ifalias(ours, links_alias);
    rtnl_link_set_name(named, name);
    r = get_link(l, new_bridge, &now);
    if (r >= 0)
        r = rtnl_link_change(l->sock, now, ours, 0);
    if (r >= 0)
        r = rtnl_link_change(l->sock, now, named, 0);
    return r < 0 ? failed(cx, r, "name the bridge", name) : 0;
}

int links_have_bridge(struct links *l, struct cx *cx, const char *name, int64_t mtu)
{
    static const char *const settings[][2] = { { "nf_call_iptables", "1" },
                                               { "nf_call_ip6tables", "1" },
                                               { "forward_delay", "0" } };
    CLEAN_LINK *now = NULL;
    bool make = get_link(l, name, &now) < 0;
    if (make)
        TRY(make_bridge(l, cx, name));
    TRY(change(l, cx, name, NULL, mtu, true, make));
    for (size_t i = 0; i < N_ELEMENTS(settings); i++)
        TRY(file_set(cx, cx_printf(cx, "/sys/class/net/%s/bridge/%s", name, settings[i][0]), settings[i][1]));
    crash_point("after bridge");
    return 0;
}

int links_have_tap(struct links *l, struct cx *cx, const char *name, const char *bridge, int64_t mtu)
{
    CLEAN_LINK *now = NULL;
    bool make = get_link(l, name, &now) < 0;
    if (make) {
        struct ifreq rq = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
        strncpy(rq.ifr_name, name, IFNAMSIZ - 1);
        CLEAN_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        crash_point("before tap");
        if (fd < 0 || ioctl(fd, TUNSETIFF, &rq) < 0)
            return fail(cx, KIND_UNAVAILABLE, "Can't make the tap %s: %s", name, strerror(errno));
        crash_point("between tap and alias");
        TRY(change(l, cx, name, bridge, mtu, true, true));
        if (ioctl(fd, TUNSETPERSIST, 1) < 0) /* until it has our alias it would go with us */
            return fail(cx, KIND_UNAVAILABLE, "Can't keep the tap %s: %s", name, strerror(errno));
        crash_point("after tap");
    } else {
        TRY(change(l, cx, name, bridge, mtu, true, false));
    }
    /* A guest's packets to its own floating address come back to it; the rules let nothing else do so. */
    return file_set(cx, cx_printf(cx, "/sys/class/net/%s/brport/hairpin_mode", name), "1");
}

bool links_is_held(const char *tap)
{
    struct ifreq rq = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    strncpy(rq.ifr_name, tap, IFNAMSIZ - 1);
    CLEAN_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    return fd >= 0 && ioctl(fd, TUNSETIFF, &rq) < 0 && errno == EBUSY;
}

int links_silence(struct links *l, struct cx *cx, const char *name)
{
    CLEAN_LINK *now = NULL;
    return get_link(l, name, &now) < 0 ? 0 : change(l, cx, name, NULL, 0, false, false);
}

int links_remove(struct links *l, struct cx *cx, const char *name)
{
    CLEAN_LINK *now = NULL;
    if (get_link(l, name, &now) < 0)
        return 0;
    crash_point("before link removal");
    int r = rtnl_link_delete(l->sock, now);
    crash_point("after link removal");
    return r < 0 && r != -NLE_OBJ_NOTFOUND && r != -NLE_NODEV ? failed(cx, r, "remove", name) : 0;
}

/* ---- addresses ---- */

static void addr_put(struct rtnl_addr **a)
{
    if (*a)
        rtnl_addr_put(*a);
}
#define CLEAN_ADDR CLEANUP(addr_put) struct rtnl_addr

static int address_of(struct cx *cx, const char *link, const char *cidr, struct rtnl_addr **ret_addr)
{
    struct nl_addr *local = NULL;
    unsigned index = if_nametoindex(link);
    int r = nl_addr_parse(cidr, AF_UNSPEC, &local);
    if (!index || r < 0)
        return fail(cx, KIND_INVALID, "There is no address %s on %s to be had", cidr, link);
    struct rtnl_addr *a = rtnl_addr_alloc();
    rtnl_addr_set_ifindex(a, (int)index);
    rtnl_addr_set_local(a, local);
    nl_addr_put(local);
    *ret_addr = a;
    return 0;
}

int links_have_address(struct links *l, struct cx *cx, const char *link, const char *cidr)
{
    CLEAN_ADDR *a = NULL;
    TRY(address_of(cx, link, cidr, &a));
    /* No waiting for duplicate detection of IPv6: the address is needed now, and is ours by plan. */
    if (strchr(cidr, ':'))
        rtnl_addr_set_flags(a, 0x02 /* IFA_F_NODAD */);
    crash_point("before address");
    int r = rtnl_addr_add(l->sock, a, 0);
    crash_point("after address");
    if (r == -NLE_EXIST)
        return 0;
    return r < 0 ? failed(cx, r, "add the address", cidr) : 1;
}

int links_drop_address(struct links *l, struct cx *cx, const char *link, const char *cidr)
{
    CLEAN_ADDR *a = NULL;
    TRY(address_of(cx, link, cidr, &a));
    int r = rtnl_addr_delete(l->sock, a, 0);
    return r < 0 && r != -NLE_NOADDR && r != -NLE_OBJ_NOTFOUND ? failed(cx, r, "remove the address", cidr)
                                                               : 0;
}

/* ---- routes ---- */

static const char *device_of(struct cx *cx, struct rtnl_route *route)
{
    char name[IF_NAMESIZE];
    struct rtnl_nexthop *hop = rtnl_route_get_nnexthops(route) ? rtnl_route_nexthop_n(route, 0) : NULL;
    if (!hop || !if_indextoname((unsigned)rtnl_route_nh_get_ifindex(hop), name))
        return NULL;
    return cx_strdup(cx, name);
}

const char *links_default(struct links *l, struct cx *cx, int family)
{
    CLEAN_CACHE *cache = NULL;
    const char *device = NULL;
    if (rtnl_route_alloc_cache(l->sock, family == 6 ? AF_INET6 : AF_INET, 0, &cache) < 0)
        return NULL;
    for (struct nl_object *o = nl_cache_get_first(cache); o && !device; o = nl_cache_get_next(o)) {
        struct rtnl_route *route = (struct rtnl_route *)o;
        struct nl_addr *to = rtnl_route_get_dst(route);
        if (rtnl_route_get_type(route) == RTN_UNICAST && (!to || nl_addr_get_prefixlen(to) == 0))
            device = device_of(cx, route);
    }
    return device;
}

const char *links_overlap(struct links *l, struct cx *cx, const char *cidr, const char *bridge)
{
    CLEAN_CACHE *cache = NULL;
    struct cidr range, to;
    char text[64];
    if (cidr_parse(cidr, &range) < 0 ||
        rtnl_route_alloc_cache(l->sock, range.family == 6 ? AF_INET6 : AF_INET, 0, &cache) < 0)
        return NULL;
    for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
        struct rtnl_route *route = (struct rtnl_route *)o;
        struct nl_addr *dst = rtnl_route_get_dst(route);
        if (!dst || nl_addr_get_prefixlen(dst) == 0 || rtnl_route_get_table(route) != RT_TABLE_MAIN ||
            rtnl_route_get_type(route) != RTN_UNICAST)
            continue;
        const char *device = device_of(cx, route);
        nl_addr2str(dst, text, sizeof text);
        if (cidr_parse(text, &to) == 0 && cidr_overlap(&range, &to) && !str_eq(device, bridge))
            return cx_printf(cx, "%s on %s", text, device ? device : "another device");
    }
    return NULL;
}

/* ---- ARP ---- */

int links_announce(struct links *l, struct cx *cx, const char *link, const char *address)
{
    struct {
        struct ether_header eth;
        struct ether_arp arp;
    } __attribute__((packed)) p = { 0 };
    struct cidr c;
    struct ifreq rq = { 0 };
    CLEAN_FD fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP));
    strncpy(rq.ifr_name, link, IFNAMSIZ - 1);
    if (cidr_parse(address, &c) < 0 || c.family != 4)
        return fail(cx, KIND_INVALID, "There is no address %s", address);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &rq) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't announce %s on %s: %s", address, link, strerror(errno));

    memset(p.eth.ether_dhost, 0xff, ETH_ALEN);
    memcpy(p.eth.ether_shost, rq.ifr_hwaddr.sa_data, ETH_ALEN);
    p.eth.ether_type = htons(ETH_P_ARP);
    p.arp.ea_hdr = (struct arphdr){ htons(ARPHRD_ETHER), htons(ETH_P_IP), ETH_ALEN, 4, htons(ARPOP_REQUEST) };
    memcpy(p.arp.arp_sha, rq.ifr_hwaddr.sa_data, ETH_ALEN);
    memcpy(p.arp.arp_spa, c.address, 4);
    memcpy(p.arp.arp_tpa, c.address, 4);
    struct sockaddr_ll to = { .sll_family = AF_PACKET,
                              .sll_ifindex = (int)if_nametoindex(link),
                              .sll_halen = ETH_ALEN };
    memset(to.sll_addr, 0xff, ETH_ALEN);
    if (sendto(fd, &p, sizeof p, 0, (struct sockaddr *)&to, sizeof to) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't announce %s on %s: %s", address, link, strerror(errno));
    return 0;
}
