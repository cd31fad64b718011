/* Renderers: what comes out is what nft and dnsmasq take, and nothing of a tenant's gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/file.h"
#include "agent/netlink/fit.h"
#include "agent/render/address.h"
#include "agent/render/render.h"
#include "base/env.h"

#include <cmocka.h>

#define NET_FLAT "11111111-0000-4000-8000-000000000001"
#define NET_A "11111111-0000-4000-8000-00000000000a"
#define PORT_1 "bbbbbb01-0000-4000-8000-000000000001"
#define PORT_2 "bbbbbb02-0000-4000-8000-000000000002"
#define GROUP_1 "cccccccc-0000-4000-8000-000000000001"
#define GROUP_2 "cccccccc-0000-4000-8000-000000000002"
#define GUEST "aaaaaaaa-0000-4000-8000-000000000001"
#define LIST_OF(array)                                                                                       \
    {                                                                                                        \
        array, N_ELEMENTS(array)                                                                             \
    }

static struct wire_lease leases[] = {
    { "fa:16:3e:00:00:01", "10.0.0.11", "vm1", PORT_1 },
    { "fa:16:3e:00:00:02", "10.0.0.12", "evil\nserver=6.6.6.6", PORT_2 },
    { "fa:16:3e:00:00:03\nx", "10.0.0.13", "vm3", NULL },
};
static struct wire_lease leases6[] = { { "fa:16:3e:00:00:01", "fd00::11", "vm1", PORT_1 } };
static struct wire_route routes[] = { { "192.168.0.0/16", "10.0.0.254" } };
static struct wire_subnet flat_subnets[] = {
    { .id = "11111111-0000-4000-8000-000000000002",
      .cidr = "10.0.0.0/24",
      .gateway = "10.0.0.1",
      .ip_version = 4,
      .dhcp = true,
      .dhcp_ip = "10.0.0.1",
      .gateway_here = true,
      .routes = LIST_OF(routes),
      .leases = LIST_OF(leases) },
    { .id = "11111111-0000-4000-8000-000000000003",
      .cidr = "fd00::/64",
      .gateway = "fd00::1",
      .ip_version = 6,
      .dhcp = true,
      .ipv6_mode = "dhcpv6-stateful",
      .leases = LIST_OF(leases6) },
};
static struct wire_subnet own_subnets[] = {
    { .id = "11111111-0000-4000-8000-000000000004",
      .cidr = "10.1.0.0/24",
      .ip_version = 4,
      .dhcp = true,
      .dhcp_ip = "10.1.0.2" },
};
static const struct wire_network flat = {
    .id = NET_FLAT, .flat = true, .mtu = 1450, .domain = "novalocal", .subnets = LIST_OF(flat_subnets)
};
static const struct wire_network own = {
    .id = NET_A, .isolated = true, .domain = "bad domain;", .subnets = LIST_OF(own_subnets)
};
static struct wire_rule rules_1[] = {
    { "ingress", "IPv4", "tcp", 22, 80, "0.0.0.0/0", NULL },
    { "ingress", "IPv4", "icmp", 8, 0, NULL, NULL },
    { "ingress", "IPv4", NULL, -1, -1, NULL, GROUP_1 },
    { "ingress", "IPv4", NULL, -1, -1, NULL, "cccccccc-0000-4000-8000-0000000000ff" },
    { "ingress", "IPv4", "tcp; accept", -1, -1, NULL, NULL },
    { "ingress", "IPv4", NULL, -1, -1, "1.2.3.4; accept", NULL },
    { "ingress", "IPv6", "icmp", -1, -1, "fd00::/64", NULL },
    { "egress", "IPv4", NULL, -1, -1, NULL, NULL },
    { "egress", "IPv6", "udp", 53, 53, NULL, NULL },
};
static const char *members[] = { "10.0.0.11", "fd00::11", "10.0.0.11", "bad" };
static const struct wire_group group_1 = { GROUP_1, true, LIST_OF(rules_1), LIST_OF(members) };
static const struct wire_group group_2 = { .id = GROUP_2 };
static struct wire_router_leg legs[] = { { NET_A, NULL, "10.1.0.1", "10.1.0.0/24" } };
static const struct wire_router router = { .id = "22222222-0000-4000-8000-000000000001",
                                           .up = true,
                                           .external_ip = "203.0.113.50",
                                           .snat = true,
                                           .legs = LIST_OF(legs) };
static const struct wire_floating floating = { "eeeeeeee-0000-4000-8000-000000000001", "203.0.113.100",
                                               "10.0.0.11", PORT_1 };
static const char *ips_1[] = { "10.0.0.11", "fd00::11" }, *ips_2[] = { "10.1.0.12" },
                  *groups[] = { GROUP_1, GROUP_2 };
static struct wire_pair pairs[] = { { NULL, "10.0.0.200" }, { "fa:16:3e:00:00:99", "10.0.9.0/24" }, { NULL, "fd00::80/121" } };
static const struct wire_port port_1 = { PORT_1,          101,  "fa:16:3e:00:00:01", NET_FLAT, LIST_OF(ips_1),
                                         LIST_OF(groups), true, LIST_OF(pairs) };
static const struct wire_port port_2 = {
    .id = PORT_2, .mark = 102, .mac = "fa:16:3e:00:00:02", .network_id = NET_A, .ips = LIST_OF(ips_2)
};
static const char *dmz[] = { "10.128.0.0/24" };
static const struct net_settings settings = { .public_nic = "eth0",
                                              .bridge = "br0",
                                              .public_mtu = 1500,
                                              .metadata_port = 8775,
                                              .api_port = 8443,
                                              .dmz = LIST_OF(dmz) };
static struct net_port ports[] = { { &port_1, GUEST }, { &port_2, GUEST } };
static const struct wire_network *networks[] = { &flat, &own };
static const struct wire_group *all_groups[] = { &group_1, &group_2 };
static const struct wire_router *routers[] = { &router };
static const struct wire_floating *floatings[] = { &floating };
static const struct net_plan plan = {
    &settings, LIST_OF(ports), networks, all_groups, routers, floatings, 2, 2, 1, 1
};

static int begin(void **state)
{
    struct cx *cx = calloc(1, sizeof *cx);
    cx_begin(cx);
    *state = cx;
    return 0;
}

static int end(void **state)
{
    cx_end(*state);
    free(*state);
    return 0;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}

static void test_addresses(void **state)
{
    struct cx *cx = *state;
    static const char *const bad[] = { "",          "10.0.0",     "10.0.0.1/33", "10.0.0.1/",
                                       "10.0.0.1;", "fd00::/129", "::1 ",        NULL };
    struct cidr a, b;
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_true(cidr_parse(bad[i], &a) < 0);
    assert_int_equal(cidr_parse("10.0.3.7/20", &a), 0);
    assert_string_equal(cidr_text(cx->arena, &a), "10.0.0.0/20");
    assert_string_equal(cidr_mask(cx->arena, &a), "255.255.240.0");
    assert_int_equal(cidr_parse("10.0.15.255", &b), 0);
    assert_true(cidr_contains(&a, &b));
    assert_false(cidr_contains(&b, &a));
    assert_true(cidr_overlap(&b, &a));
    assert_true(mac_valid("FA:16:3e:00:00:01", NULL));
    assert_false(mac_valid("fa:16:3e:00:00:0", NULL));
    assert_false(mac_valid("fa:16:3e:00:00:01\n", NULL));
    assert_string_equal(mac_link_local(cx->arena, "fa:16:3e:00:00:01"), "fe80::f816:3eff:fe00:1");
    assert_string_equal(label_from(cx->arena, "-my vm_1\n\xed\x95\x9c.x-"), "my-vm-1-x");
}

static void test_nft(void **state)
{
    struct cx *cx = *state;
    const char *text = NULL;
    assert_int_equal(render_nft(cx, &plan, &text), 0);
    has(text, "\"tapbbbbbb01-00\" : 0x00000065");
    has(text, "\"tapbbbbbb01-00\" . fa:16:3e:00:00:01 . 10.0.0.200");
    has(text, "iifname \"tapbbbbbb01-00\" ether saddr fa:16:3e:00:00:99 ip saddr 10.0.9.0/24 accept");
    has(text, "203.0.113.100 : 10.0.0.11");
    has(text, "oifname \"eth0\" ip saddr 10.1.0.0/24 snat to 203.0.113.50");
    has(text, "oifname \"eth0\" ip saddr 10.0.0.0/24 masquerade");
    has(text, "meta l4proto 6 th dport 22-80 accept");
    has(text, "meta l4proto 58 accept");
    has(text, "ip saddr @members-" GROUP_1 " accept");
    lacks(text, "; accept");
    lacks(text, "0000000000ff");
    lacks(text, "\"br0\" . \"brq11111111-00\"");
    lacks(text, "egress-port-" PORT_2);
}

/* What a guest must not say, whatever its groups allow. */
static void test_nft_neighbours(void **state)
{
    struct cx *cx = *state;
    const char *text = NULL;
    struct wire_pair ranges[] = { { NULL, "fd00::8:0/112" } };
    struct wire_port p = port_1;
    p.pairs = (struct list)LIST_OF(ranges);
    struct net_port one[] = { { &p, GUEST } };
    struct net_plan small = plan;
    small.ports = (struct list)LIST_OF(one);
    assert_int_equal(render_nft(cx, &small, &text), 0);
    /* an advertisement may come from its own address and still name another's as the one that it is about */
    has(text, "icmpv6 type nd-neighbor-advert jump advert\n");
    has(text, "\"tapbbbbbb01-00\" . 0xfd000000000000000000000000000011");
    has(text, "\"tapbbbbbb01-00\" . 0xfe80000000000000f8163efffe000001");
    has(text, "iifname \"tapbbbbbb01-00\" @th,64,112 0xfd00000000000000000000000008 return");
    /* clients look at the port that an answer goes to, and not at the one it comes from */
    has(text, "ether type ip udp dport 68 drop\n");
    has(text, "ether type ip6 udp dport 546 drop\n");
    /* a probe names no sender, but it is a question and of the guest's own MAC */
    has(text, "iifname . arp saddr ether @macs arp operation request arp saddr ip 0.0.0.0 accept\n");
}

/* Groups are found by the address that a packet is for: what is for none of the port's own passes no group, and so not. */
static void test_nft_own_addresses(void **state)
{
    struct cx *cx = *state;
    const char *text = NULL;
    assert_int_equal(render_nft(cx, &plan, &text), 0);
    has(text, "set secured_taps {\n\t\ttype ifname\n\t\telements = { \"tapbbbbbb01-00\" }\n");
    has(text, "oifname @secured_taps jump own\n");
    has(text, "set own_addresses {\n\t\ttype ifname . ipv4_addr\n\t\telements = { \"tapbbbbbb01-00\" . 10.0.0.11");
    has(text, "oifname . ip daddr @own_addresses return\n");
    has(text, "mld-listener-query } ip6 daddr ff02::/16 return\n\t\tether type { ip, ip6 } drop\n");
}

/* What a rule says that can't be had allows nothing. */
static void test_nft_odd_rules(void **state)
{
    struct cx *cx = *state;
    const char *text = NULL;
    static struct wire_rule odd[] = {
        { "ingress", "IPv4", "tcp", 22, -1, NULL, NULL },
        { "ingress", "IPv4", "udp", 500, 400, NULL, NULL },
        { "ingress", "IPv4", "udp", 1, 70000, NULL, NULL },
        { "ingress", "IPv4", "icmp", 300, -1, NULL, NULL },
        { "ingress", "IPv4", "icmp", -1, 3, NULL, NULL },
    };
    const struct wire_group group = { GROUP_1, true, LIST_OF(odd), LIST_OF(members) };
    const struct wire_group *one[] = { &group };
    struct net_plan small = plan;
    small.groups = one;
    small.n_groups = 1;
    assert_int_equal(render_nft(cx, &small, &text), 0);
    lacks(text, "meta l4proto 6 ");
    lacks(text, "meta l4proto 17 ");
    lacks(text, "meta l4proto 1 ");
}

static void test_nft_loads(void **state)
{
    struct cx *cx = *state;
    const char *text = NULL;
    static const char *const argv[] = { "unshare", "-n", "nft", "-c", "-f", "-", NULL };
    if (geteuid() != 0 || access("/usr/sbin/nft", X_OK) < 0) {
        print_message("needs root and nft\n");
        skip();
    }
    assert_int_equal(render_nft(cx, &plan, &text), 0);
    if (child_must(cx, argv, text, 0) < 0)
        fail_msg("%s", cx->text);
    const struct net_plan nothing = { .settings = &settings };
    assert_int_equal(render_nft(cx, &nothing, &text), 0);
    if (child_must(cx, argv, text, 0) < 0)
        fail_msg("%s", cx->text);
}

/* All rules are one text for one run of nft, which takes all of it or nothing: what is wrong at its very end leaves the rules
 * as they were, and the next text takes their place whole. */
static void test_nft_is_one_transaction(void **state)
{
    static const char script[] = "set -e; all=$(cat); old=${all%%#NEXT*}; new=${all#*#NEXT}; "
                                 "list() { nft -s list ruleset; }; "
                                 "echo \"$old\" | nft -f -; before=$(list); [ -n \"$before\" ]; "
                                 "! { echo \"$new\"; echo 'add rule inet no-such-table x accept'; } | nft -f - 2> /dev/null; "
                                 "[ \"$(list)\" = \"$before\" ] || { echo 'half a change'; exit 1; }; "
                                 "echo \"$new\" | nft -f -; [ \"$(list)\" != \"$before\" ]; "
                                 "echo \"$old\" | nft -f -; [ \"$(list)\" = \"$before\" ] || { echo 'something was left'; exit 1; }";
    static const char *const argv[] = { "unshare", "-n", "sh", "-c", script, NULL };
    struct cx *cx = *state;
    const char *old = NULL, *new = NULL;

    if (geteuid() != 0 || access("/usr/sbin/nft", X_OK) < 0) {
        print_message("needs root and nft\n");
        skip();
    }
    struct net_plan small = plan;
    small.n_groups = 0;
    small.ports = (struct list){ 0 };
    assert_int_equal(render_nft(cx, &plan, &old), 0);
    assert_int_equal(render_nft(cx, &small, &new), 0);
    if (child_must(cx, argv, cx_printf(cx, "%s#NEXT\n%s", old, new), 0) < 0)
        fail_msg("%s", cx->text);
}

/* A tenant's network must not push out one that was there, whatever its id, nor take what the host itself talks to. */
static void test_networks_that_fit(void **state)
{
    struct cx *cx = *state;
    struct wire_subnet over_flat = { .id = "s1", .cidr = "10.0.0.128/25" }, over_own = { .id = "s2", .cidr = "10.1.0.0/16" },
                       resolver = { .id = "s3", .cidr = "8.8.8.0/24" }, wide = { .id = "s4", .cidr = "10.0.0.0/7" },
                       six = { .id = "s5", .cidr = "2003::/64" };
    const struct wire_network evil_1 = { .id = "0", .isolated = true, .subnets = { &over_flat, 1 } },
                              evil_2 = { .id = "1", .isolated = true, .subnets = { &over_own, 1 } },
                              evil_3 = { .id = "2", .isolated = true, .subnets = { &resolver, 1 } },
                              evil_4 = { .id = "3", .isolated = true, .subnets = { &wide, 1 } },
                              fine = { .id = "4", .isolated = true, .subnets = { &six, 1 } };
    struct fit_network all[] = { { &evil_1, .default4 = true }, { &evil_2, .default4 = true },
                                 { &evil_3, .default4 = true }, { &evil_4, .default4 = true },
                                 { &fine, .default4 = true },   { &own, .stands = true, .default4 = true },
                                 { &flat, .default4 = true } };
    fit_networks(cx, all, N_ELEMENTS(all));
    for (size_t i = 0; i < 4; i++)
        assert_non_null(all[i].ret_text);
    for (size_t i = 4; i < N_ELEMENTS(all); i++)
        assert_null(all[i].ret_text);
    struct fit_network route = { &own, .route = "10.1.0.0/24 on eth1" }, outside = { &fine, .default6 = true };
    fit_networks(cx, &route, 1);
    assert_non_null(strstr(route.ret_text, "eth1"));
    fit_networks(cx, &outside, 1);
    assert_non_null(outside.ret_text);
}

static const struct dnsmasq_files files = { "/tmp/h", "/tmp/n", "/tmp/o", "/tmp/l", "/tmp/p" };

static void test_dnsmasq(void **state)
{
    struct cx *cx = *state;
    struct dnsmasq_texts t;
    assert_int_equal(render_dnsmasq(cx, &plan, &files, &t), 0);
    has(t.conf, "interface=br0\n");
    has(t.conf, "interface=brq11111111-00\n");
    has(t.conf, ",10.0.0.0,static,255.255.255.0,");
    has(t.conf, "enable-ra\n");
    has(t.hosts, "fa:16:3e:00:00:01,");
    has(t.hosts, ",10.0.0.11,vm1\n");
    has(t.hosts, ",[fd00::11],vm1\n");
    has(t.hosts, ",10.0.0.12,evilserver6-6-6-6\n");
    lacks(t.hosts, "vm3");
    has(t.names, "10.0.0.11 vm1.novalocal\n");
    has(t.options, "option:router,10.0.0.1\n");
    has(t.options, "option:mtu,1450\n");
    has(t.options, "option:classless-static-route,192.168.0.0/16,10.0.0.254,0.0.0.0/0,10.0.0.1\n");
    has(t.options, "option:classless-static-route,169.254.169.254/32,10.1.0.2\n");
    lacks(t.options, "bad domain");
}

static void test_dnsmasq_takes_it(void **state)
{
    struct cx *cx = *state;
    struct dnsmasq_texts t;
    if (access("/usr/sbin/dnsmasq", X_OK) < 0) {
        print_message("needs dnsmasq\n");
        skip();
    }
    assert_int_equal(render_dnsmasq(cx, &plan, &files, &t), 0);
    char path[] = "/tmp/alamo-dnsmasq.XXXXXX";
    CLEAN_FD fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, t.conf, strlen(t.conf)) == (ssize_t)strlen(t.conf));
    const char *const argv[] = { "dnsmasq", "--test", cx_printf(cx, "--conf-file=%s", path), NULL };
    int r = child_must(cx, argv, NULL, 0);
    unlink(path);
    if (r < 0)
        fail_msg("%s", cx->text);
}

/* dnsmasq serves all networks of the host: what one of them has that it would not take is left out. */
static void test_dnsmasq_survives_any_subnet(void **state)
{
    struct cx *cx = *state;
    struct dnsmasq_texts t;
    struct wire_subnet odd[] = {
        { .id = "11111111-0000-4000-8000-000000000005", .cidr = "fd01::/48", .ip_version = 6, .dhcp = true, .ipv6_mode = "dhcpv6-stateful" },
        { .id = "11111111-0000-4000-8000-000000000006", .cidr = "fd02::/80", .ip_version = 6, .dhcp = true, .ipv6_mode = "slaac" },
        { .id = "11111111-0000-4000-8000-000000000007", .cidr = "nonsense", .ip_version = 4, .dhcp = true, .dhcp_ip = "10.2.0.2" },
    };
    const struct wire_network evil = { .id = NET_A, .isolated = true, .subnets = LIST_OF(odd) };
    const struct wire_network *both[] = { &evil, &flat };
    struct net_plan mixed = plan;
    mixed.networks = both;
    assert_int_equal(render_dnsmasq(cx, &mixed, &files, &t), 0);
    has(t.conf, ",10.0.0.0,static,255.255.255.0,");
    lacks(t.conf, "fd01::");
    lacks(t.conf, "fd02::");
}

/* Words that mean something else in a line of dhcp-hostsfile. */
static void test_dnsmasq_host_names(void **state)
{
    struct cx *cx = *state;
    struct dnsmasq_texts t;
    struct wire_lease named[] = { { "fa:16:3e:00:00:01", "10.0.0.11", "ignore", PORT_1 },
                                  { "fa:16:3e:00:00:02", "10.0.0.12", "Infinite", PORT_2 },
                                  { "fa:16:3e:00:00:03", "10.0.0.13", "120h", NULL },
                                  { "fa:16:3e:00:00:04", "10.0.0.14", "4h-vm", NULL } };
    struct wire_subnet subnet = flat_subnets[0];
    subnet.leases = (struct list)LIST_OF(named);
    struct wire_network n = flat;
    n.subnets = (struct list){ &subnet, 1 };
    const struct wire_network *one[] = { &n };
    struct net_plan p = plan;
    p.networks = one;
    p.n_networks = 1;
    assert_int_equal(render_dnsmasq(cx, &p, &files, &t), 0);
    has(t.hosts, ",10.0.0.11\n");
    has(t.hosts, ",10.0.0.12\n");
    has(t.hosts, ",10.0.0.13\n");
    has(t.hosts, ",10.0.0.14,4h-vm\n");
    has(t.names, "10.0.0.11 ignore.novalocal\n");
}

static struct strpair keys[] = { { "mine", "ssh-ed25519 AAAA me" } };
static const struct wire_metadata metadata = { .hostname = "vm1",
                                               .name = "<vm & 1>",
                                               .availability_zone = "nova",
                                               .instance_type = "m1.tiny",
                                               .keys = LIST_OF(keys),
                                               .user_data = "IyEvYmluL3No\nCg==",
                                               .login_user = "demo" };

static struct wire_guest a_guest(void)
{
    static struct wire_port guest_ports[1];
    guest_ports[0] = port_1;
    return (struct wire_guest){ .id = GUEST,
                                .vcpus = 2,
                                .ram_mib = 512,
                                .ephemeral_gib = 1,
                                .swap_mib = 64,
                                .kernel_args = "x='</cmdline>'",
                                .ports = LIST_OF(guest_ports),
                                .metadata = NULL };
}

static void test_domain(void **state)
{
    struct cx *cx = *state;
    struct wire_guest g = a_guest();
    const struct guest_files f = { .root = "/s/disk.qcow2",
                                   .base = "/i/<image>",
                                   .base_format = "raw",
                                   .ephemeral = "/s/e",
                                   .swap = "/s/s",
                                   .kernel = "/i/k",
                                   .console = "/s/console.log",
                                   .vnc = "/s/vnc" };
    const struct domain_traits traits = { .io_uring = true };
    const char *xml = NULL;
    assert_int_equal(render_domain(cx, &g, &f, &traits, &xml), 0);
    has(xml, "<domain type='qemu'>");
    has(xml, "<name>alamo-" GUEST "</name><uuid>" GUEST "</uuid>");
    has(xml, "io='io_uring'");
    has(xml, "<source file='/s/disk.qcow2'/><backingStore type='file'><format type='raw'/><source file='/i/&lt;image&gt;'/>"
             "<backingStore/></backingStore><target dev='vda'");
    has(xml, "<label>+0:+0</label>");
    has(xml, "<target dev='vdb' bus='virtio'/>");
    has(xml, "<target dev='vdc' bus='virtio'/>");
    has(xml, "<target dev='tapbbbbbb01-00' managed='no'/>");
    has(xml, "<cmdline>x=&apos;&lt;/cmdline&gt;&apos;</cmdline>");
    struct domain_traits with_kvm = traits;
    with_kvm.kvm = true;
    assert_int_equal(render_domain(cx, &g, &f, &with_kvm, &xml), 0);
    has(xml, "<domain type='kvm'>");
    has(xml, "<cpu mode='host-passthrough'/>");
    g.vcpus = 100000;
    assert_true(render_domain(cx, &g, &f, &traits, &xml) < 0);
    g.vcpus = 1;
    g.id = "../../etc";
    assert_true(render_domain(cx, &g, &f, &traits, &xml) < 0);
}

static const char *ask(struct cx *cx, const char *path)
{
    struct wire_guest g = a_guest();
    const char *type = NULL;
    size_t n = 0;
    g.metadata = cx_alloc(cx, sizeof metadata);
    *g.metadata = metadata;
    const char *body = render_metadata(cx, &(struct metadata_of){ &g, &plan }, path, &type, &n);
    return body ? arena_strndup(cx->arena, body, n) : NULL;
}

static void test_metadata(void **state)
{
    struct cx *cx = *state;
    static const char *const answers[][2] = {
        { "/latest/meta-data/hostname", "vm1.novalocal" },
        { "/2009-04-04/meta-data/instance-id", "i-aaaaaaaa" },
        { "/latest/meta-data/local-ipv4", "10.0.0.11" },
        { "/latest/meta-data/public-keys/", "0=mine" },
        { "/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA me" },
        { "/latest/meta-data/placement", "availability-zone" },
        { "/latest/user-data", "#!/bin/sh\n" },
        { "/openstack/latest/user_data", "#!/bin/sh\n" },
        { "/openstack/2018-08-27/password", "" },
    };
    static const char *const none[] = { "/latest/meta-data/public-keys/1/openssh-key", "/nix",
                                        "/openstack/1999/x", "/latest/meta-data/../x",
                                        "/latest/meta-data/hostname/x" };
    for (size_t i = 0; i < N_ELEMENTS(answers); i++)
        assert_string_equal(ask(cx, answers[i][0]), answers[i][1]);
    for (size_t i = 0; i < N_ELEMENTS(none); i++)
        assert_null(ask(cx, none[i]));
    has(ask(cx, "/"), "2009-04-04\nlatest");
    has(ask(cx, "/openstack"), "2018-08-27\nlatest");
    has(ask(cx, "/latest/meta-data/"), "placement/");
    has(ask(cx, "/openstack/latest/meta_data.json"), "\"name\":\"<vm & 1>\"");
    has(ask(cx, "/openstack/latest/network_data.json"), "\"ipv4_dhcp\"");
    has(ask(cx, "/openstack/latest/vendor_data.json"), "#cloud-config");
    has(ask(cx, "/openstack/latest/vendor_data2.json"), "\"login_user\":\"demo\"");
}

static void test_big_set(void **state)
{
    struct cx *cx = *state;
    static struct net_port many[50];
    static struct wire_port ports_of[50];
    const char *text = NULL;
    for (int i = 0; i < 50; i++) {
        ports_of[i] = port_1;
        ports_of[i].id = cx_printf(cx, "bbbbbb%02d-0000-4000-8000-000000000001", i);
        ports_of[i].mark = i + 1;
        ports_of[i].mac = cx_printf(cx, "fa:16:3e:00:01:%02x", i);
        many[i] = (struct net_port){ &ports_of[i], GUEST };
    }
    struct net_plan big = plan;
    big.ports = (struct list)LIST_OF(many);
    int64_t begin_us = monotonic_us();
    assert_int_equal(render_nft(cx, &big, &text), 0);
    print_message("50 ports: %zu bytes of rules in %lld us\n", strlen(text),
                  (long long)(monotonic_us() - begin_us));
    static const char *const argv[] = { "unshare", "-n", "nft", "-f", "-", NULL };
    if (geteuid() != 0)
        return;
    begin_us = monotonic_us();
    if (child_must(cx, argv, text, 0) < 0)
        fail_msg("%s", cx->text);
    print_message("loaded in %lld us\n", (long long)(monotonic_us() - begin_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, begin, end),
        cmocka_unit_test_setup_teardown(test_nft, begin, end),
        cmocka_unit_test_setup_teardown(test_nft_neighbours, begin, end),
        cmocka_unit_test_setup_teardown(test_nft_own_addresses, begin, end),
        cmocka_unit_test_setup_teardown(test_nft_odd_rules, begin, end),
        cmocka_unit_test_setup_teardown(test_nft_loads, begin, end),
        cmocka_unit_test_setup_teardown(test_nft_is_one_transaction, begin, end),
        cmocka_unit_test_setup_teardown(test_networks_that_fit, begin, end),
        cmocka_unit_test_setup_teardown(test_dnsmasq, begin, end),
        cmocka_unit_test_setup_teardown(test_dnsmasq_takes_it, begin, end),
        cmocka_unit_test_setup_teardown(test_dnsmasq_survives_any_subnet, begin, end),
        cmocka_unit_test_setup_teardown(test_dnsmasq_host_names, begin, end),
        cmocka_unit_test_setup_teardown(test_domain, begin, end),
        cmocka_unit_test_setup_teardown(test_metadata, begin, end),
        cmocka_unit_test_setup_teardown(test_big_set, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
