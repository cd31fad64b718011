/* Rules of networks, addresses, groups, routers and floating addresses. */
#include "test_network.h"

#include "network/plan_rows.h"

static const struct who *as_ann = &ann, *as_bob = &bob, *as_boss = &boss;

/* ---- addresses ---- */

static void an_address_space_is_used_to_the_last(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann);
    struct subnet s = subnet_request(net, "10.0.0.0/29");
    char seen[8] = { 0 };

    s.enable_dhcp = false;
    assert_int_equal(call(c, as_ann, run_subnet, &s), 0);
    for (int i = 0; i < 5; i++) { /* .1 is the gateway, .7 broadcast */
        struct port p = port_request(net);
        int last;
        assert_int_equal(call(c, as_ann, run_port, &p), 0);
        assert_int_equal(p.ips.n, 1);
        assert_int_equal(sscanf(first_ip(&p), "10.0.0.%d", &last), 1);
        assert_in_range(last, 2, 6);
        assert_int_equal(seen[last]++, 0);
    }
    struct port p = port_request(net);
    FAILS(c, call(c, as_ann, run_port, &p), KIND_CONFLICT, "IpAddressGenerationFailure");
    assert_int_equal(count(c, "SELECT count(*) FROM port WHERE project_id='p-ann'"), 5);
    assert_int_equal(count(c, "SELECT value FROM quota_use WHERE project_id='p-ann' AND resource='port'"), 5);
}

static int remove_port(struct cx *cx, void *id)
{
    return port_remove(cx, id);
}

static void a_freed_address_comes_again_last(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann);
    new_subnet(c, as_ann, net, "10.0.0.0/29");
    const char *first = new_port(c, as_ann, net);
    assert_int_equal(call(c, as_ann, remove_port, (void *)(uintptr_t)first), 0);
    const char *order[] = { "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2" };
    for (size_t i = 0; i < N_ELEMENTS(order); i++) {
        struct port p = port_request(net);
        assert_int_equal(call(c, as_ann, run_port, &p), 0);
        assert_string_equal(first_ip(&p), order[i]);
    }
}

static void an_address_is_given_once(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann);
    new_subnet(c, as_ann, net, "10.0.0.0/24");
    struct port_ip want = { .ip_address = "10.0.0.77" };
    struct port p = port_request(net);

    p.auto_ips = false;
    p.ips = (struct list){ &want, 1 };
    assert_int_equal(call(c, as_ann, run_port, &p), 0);
    p = port_request(net);
    p.auto_ips = false;
    p.ips = (struct list){ &want, 1 };
    FAILS(c, call(c, as_ann, run_port, &p), KIND_CONFLICT, "IpAddressAlreadyAllocated");
    p = port_request(net);
    p.auto_ips = false;
    want.ip_address = "10.0.1.1";
    p.ips = (struct list){ &want, 1 };
    FAILS(c, call(c, as_ann, run_port, &p), KIND_INVALID, "InvalidIpForNetwork");
    want.ip_address = "10.0.0.255";
    p = port_request(net);
    p.auto_ips = false;
    p.ips = (struct list){ &want, 1 };
    FAILS(c, call(c, as_ann, run_port, &p), KIND_INVALID, "InvalidIpForSubnet");
}

static void ipv6_follows_the_mac(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann);
    struct subnet s = subnet_request(net, "fd00:1::/64");
    struct port p = port_request(net);

    s.ipv6_address_mode = s.ipv6_ra_mode = "slaac";
    assert_int_equal(call(c, as_ann, run_subnet, &s), 0);
    p.own_mac = true;
    p.mac_address = "FA:16:3E:00:00:01";
    assert_int_equal(call(c, as_ann, run_port, &p), 0);
    assert_string_equal(first_ip(&p), "fd00:1::f816:3eff:fe00:1");
    assert_string_equal(p.mac_address, "fa:16:3e:00:00:01");
}

static void subnets_of_a_network_do_not_overlap(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann), *other = new_network(c, as_ann);
    new_subnet(c, as_ann, net, "10.0.0.0/24");
    struct subnet s = subnet_request(net, "10.0.0.128/25");
    FAILS(c, call(c, as_ann, run_subnet, &s), KIND_INVALID, "InvalidInput");
    assert_non_null(strstr(c->cx.text, "overlaps with another subnet"));
    new_subnet(c, as_ann, other, "10.0.0.128/25");
    struct ip_pool pools[] = { { "10.1.0.5", "10.1.0.9" }, { "10.1.0.9", "10.1.0.20" } };
    s = subnet_request(net, "10.1.0.0/24");
    s.default_pools = false;
    s.pools = (struct list){ pools, 2 };
    FAILS(c, call(c, as_ann, run_subnet, &s), KIND_CONFLICT, "OverlappingAllocationPools");
    s = subnet_request(net, "fd00:5::/48"); /* dnsmasq serves no more than a /64 */
    s.ipv6_address_mode = s.ipv6_ra_mode = "dhcpv6-stateful";
    FAILS(c, call(c, as_ann, run_subnet, &s), KIND_INVALID, "InvalidInput");
    s = subnet_request(net, "224.0.0.0/24");
    assert_true(call(c, as_ann, run_subnet, &s) < 0);
}

/* ---- who sees what ---- */

static int get_network(struct cx *cx, void *id)
{
    struct network n;
    return network_get(cx, id, &n);
}

static void a_foreign_network_is_not_there(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann);
    const char *nobody = "00000000-0000-4000-8000-000000000000";

    assert_int_equal(call(c, as_ann, get_network, (void *)(uintptr_t)net), 0);
    assert_int_equal(call(c, as_boss, get_network, (void *)(uintptr_t)net), 0);
    FAILS(c, call(c, as_bob, get_network, (void *)(uintptr_t)net), KIND_NOT_FOUND, "NetworkNotFound");
    char text[128];
    snprintf(text, sizeof text, "Network %s could not be found.", net);
    assert_string_equal(c->cx.text, text);
    FAILS(c, call(c, as_bob, get_network, (void *)(uintptr_t)nobody), KIND_NOT_FOUND, "NetworkNotFound");
    struct port p = port_request(net);
    FAILS(c, call(c, as_bob, run_port, &p), KIND_NOT_FOUND, "NetworkNotFound");
}

static int list_networks(struct cx *cx, void *filter)
{
    struct query q = { .filter = *(const struct filter *)filter };
    struct list networks;
    TRY(network_list(cx, &q, &networks));
    return (int)networks.n;
}

/* A marker tells where a page begins: of a row that the caller can't see it must not even tell that it is there. */
static void a_foreign_marker_is_no_marker(void **state)
{
    struct cloud *c = *state;
    const char *of_ann = new_network(c, as_ann), *of_bob = new_network(c, as_bob);
    struct filter f = { .marker = of_bob, .limit = 10 };
    char text[128];

    assert_true(call(c, as_bob, list_networks, &f) >= 0);
    f.marker = of_ann;
    FAILS(c, call(c, as_bob, list_networks, &f), KIND_INVALID, "InvalidInput");
    snprintf(text, sizeof text, "marker [%s] not found", of_ann);
    assert_string_equal(c->cx.text, text);
    assert_true(call(c, as_boss, list_networks, &f) >= 0);
}

/* The same key a thousand times is one key, and not an expression that the engine refuses. */
static void sort_keys_count_once(void **state)
{
    static struct filter_sort keys[1000];
    struct cloud *c = *state;
    struct filter f = { .marker = new_network(c, as_bob), .limit = 10, .sorts = keys, .n_sorts = N_ELEMENTS(keys) };

    for (size_t i = 0; i < N_ELEMENTS(keys); i++)
        keys[i].column = "name";
    assert_true(call(c, as_bob, list_networks, &f) >= 0);
}

static void on_a_shared_network_nobody_takes_a_neighbours_place(void **state)
{
    struct cloud *c = *state;
    const char *flat = id_of(c, "SELECT id FROM network WHERE name='private'"), *public = id_of(c, "SELECT id FROM network WHERE name='public'");
    struct port_pair pair = { .ip_address = "172.31.0.9" };
    struct port p = port_request(flat);

    p.pairs = (struct list){ &pair, 1 };
    FAILS(c, call(c, as_bob, run_port, &p), KIND_FORBIDDEN, "PolicyNotAuthorized");
    p = port_request(flat);
    p.auto_security = false;
    p.port_security_enabled = false;
    FAILS(c, call(c, as_bob, run_port, &p), KIND_FORBIDDEN, "PolicyNotAuthorized");
    p = port_request(flat);
    p.own_mac = true;
    p.mac_address = "fa:16:3e:00:00:02";
    FAILS(c, call(c, as_bob, run_port, &p), KIND_FORBIDDEN, "PolicyNotAuthorized");
    p = port_request(flat);
    p.device_owner = OWNER_DHCP;
    FAILS(c, call(c, as_bob, run_port, &p), KIND_FORBIDDEN, "PolicyNotAuthorized");
    p = port_request(public);
    FAILS(c, call(c, as_bob, run_port, &p), KIND_FORBIDDEN, "PolicyNotAuthorized");
    struct subnet s = subnet_request(flat, "10.9.0.0/24");
    FAILS(c, call(c, as_bob, run_subnet, &s), KIND_FORBIDDEN, "PolicyNotAuthorized");
}

static int attach_one(struct cx *cx, void *arg)
{
    struct list nics;
    return network_attach(cx, cx->who->project_id, "s-1", NIC_LIST, (struct list){ arg, 1 }, (struct strs){ 0 }, &nics);
}

/* Whoever had the gateway's address could answer for it, and would see what all others send outside. */
static void the_gateway_of_a_shared_network_is_no_guests(void **state)
{
    struct cloud *c = *state;
    const char *flat = id_of(c, "SELECT id FROM network WHERE name='private'");
    struct port_ip want = { .ip_address = "172.31.0.1" };
    struct port p = port_request(flat);

    p.auto_ips = false;
    p.ips = (struct list){ &want, 1 };
    FAILS(c, call(c, as_bob, run_port, &p), KIND_FORBIDDEN, "PolicyNotAuthorized");
    struct nic_request rq = { .network_id = flat, .fixed_ip = want.ip_address };
    FAILS(c, call(c, as_bob, attach_one, &rq), KIND_FORBIDDEN, "PolicyNotAuthorized");
    p = port_request(flat);
    p.auto_ips = false;
    p.ips = (struct list){ &want, 1 };
    FAILS(c, call(c, as_boss, run_port, &p), KIND_CONFLICT, "IpAddressAlreadyAllocated");
    want.ip_address = "172.31.0.200";
    p = port_request(flat);
    p.auto_ips = false;
    p.ips = (struct list){ &want, 1 };
    assert_int_equal(call(c, as_bob, run_port, &p), 0);
}

static int three_ports_one_bad(struct cx *cx, void *net)
{
    for (int i = 0; i < 3; i++) {
        struct port p = port_request(i < 2 ? net : "none");
        TRY(port_add(cx, &p));
    }
    return 0;
}

static void one_bad_of_many_leaves_none(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann);
    FAILS(c, call(c, as_ann, three_ports_one_bad, (void *)(uintptr_t)net), KIND_NOT_FOUND, "NetworkNotFound");
    assert_int_equal(count(c, "SELECT count(*) FROM port WHERE project_id='p-ann'"), 0);
    assert_int_equal(count(c, "SELECT COALESCE(SUM(value),0) FROM quota_use WHERE resource='port'"), 0);
}

/* ---- groups ---- */

static int add_group(struct cx *cx, void *g)
{
    return group_add(cx, g);
}
static int add_rule(struct cx *cx, void *r)
{
    return group_rule_add(cx, r);
}
static int remove_group(struct cx *cx, void *id)
{
    return group_remove(cx, id);
}

static void a_project_has_a_default_group(void **state)
{
    struct cloud *c = *state;
    struct group g = { .name = "web", .stateful = true };

    new_port(c, as_ann, new_network(c, as_ann));
    assert_int_equal(count(c, "SELECT count(*) FROM security_group WHERE project_id='p-ann' AND name='default'"), 1);
    assert_int_equal(count(c, "SELECT count(*) FROM security_group_rule WHERE project_id='p-ann'"), 4);
    assert_int_equal(count(c, "SELECT count(*) FROM security_group_rule WHERE direction='ingress' AND remote_group_id=security_group_id"), 2);
    assert_int_equal(count(c, "SELECT count(*) FROM port_group"), 1);
    assert_int_equal(call(c, as_ann, add_group, &g), 0);
    assert_int_equal(g.rules.n, 2);
    struct group again = { .name = "default" };
    FAILS(c, call(c, as_ann, add_group, &again), KIND_CONFLICT, "SecurityGroupDefaultAlreadyExists");
    const char *id = id_of(c, "SELECT id FROM security_group WHERE name='default'");
    FAILS(c, call(c, as_ann, remove_group, (void *)(uintptr_t)id), KIND_CONFLICT, "SecurityGroupCannotRemoveDefault");
}

static struct group_rule rule(const char *group, const char *protocol, int64_t min, int64_t max)
{
    return (struct group_rule){ .security_group_id = group, .direction = "ingress", .ethertype = "IPv4", .protocol = protocol,
                                .port_range_min = min, .port_range_max = max };
}

static void rules_are_checked(void **state)
{
    struct cloud *c = *state;
    struct group g = { .name = "web", .stateful = true };
    assert_int_equal(call(c, as_ann, add_group, &g), 0);
    const char *id = keep(g.id);
    const struct {
        const char *protocol;
        int64_t min, max;
        enum kind kind;
        const char *type;
    } rows[] = {
        { "TCP", 22, 22, KIND_NONE, "" },
        { "6", 22, 22, KIND_CONFLICT, "SecurityGroupRuleExists" },
        { "tcp", 80, 79, KIND_INVALID, "SecurityGroupInvalidPortRange" },
        { "tcp", RULE_NO_PORT, 6, KIND_INVALID, "SecurityGroupInvalidPortRange" },
        { "tcp", 80, 65536, KIND_INVALID, "SecurityGroupInvalidPortValue" },
        { "icmp", 1, 256, KIND_INVALID, "SecurityGroupInvalidIcmpValue" },
        { "icmp", RULE_NO_PORT, 6, KIND_INVALID, "SecurityGroupMissingIcmpType" },
        { "icmp", 8, RULE_NO_PORT, KIND_NONE, "" },
        { "nonsense", RULE_NO_PORT, RULE_NO_PORT, KIND_INVALID, "SecurityGroupRuleInvalidProtocol" },
        { "gre", 1, 2, KIND_INVALID, "SecurityGroupInvalidProtocolForPort" },
        { "ipv6-icmp", RULE_NO_PORT, RULE_NO_PORT, KIND_INVALID, "SecurityGroupEthertypeConflictWithProtocol" },
        { NULL, 1, 2, KIND_INVALID, "SecurityGroupProtocolRequiredWithPorts" },
    };
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct group_rule r = rule(id, rows[i].protocol, rows[i].min, rows[i].max);
        if (rows[i].kind == KIND_NONE)
            assert_int_equal(call(c, as_ann, add_rule, &r), 0);
        else
            FAILS(c, call(c, as_ann, add_rule, &r), rows[i].kind, rows[i].type);
    }
    struct group_rule r = rule(id, "udp", RULE_NO_PORT, RULE_NO_PORT);
    r.remote_ip_prefix = "0.0.0.0/0";
    assert_int_equal(call(c, as_ann, add_rule, &r), 0);
    r = rule(id, "udp", RULE_NO_PORT, RULE_NO_PORT); /* says the same */
    FAILS(c, call(c, as_ann, add_rule, &r), KIND_CONFLICT, "SecurityGroupRuleExists");
    r = rule(id, "tcp", 1, 2);
    r.remote_ip_prefix = "::/0";
    FAILS(c, call(c, as_ann, add_rule, &r), KIND_INVALID, "SecurityGroupRuleParameterConflict");
    r = rule(id, "tcp", 1, 2);
    FAILS(c, call(c, as_bob, add_rule, &r), KIND_NOT_FOUND, "SecurityGroupNotFound");
}

/* ---- routers and floating addresses ---- */

static int add_router(struct cx *cx, void *r)
{
    return router_add(cx, r);
}
static int remove_router(struct cx *cx, void *id)
{
    return router_remove(cx, id);
}
static const char *new_router(struct cloud *c, const struct who *who, const char *gateway)
{
    struct router r = { .name = "r", .admin_state_up = true, .gateway_network_id = gateway, .enable_snat = true };
    assert_int_equal(call(c, who, add_router, &r), 0);
    return keep(r.id);
}
struct leg {
    const char *router, *subnet, *port;
    struct port out;
};
static int add_leg(struct cx *cx, void *arg)
{
    struct leg *l = arg;
    return router_add_interface(cx, l->router, l->subnet, l->port, &l->out);
}
static int remove_leg(struct cx *cx, void *arg)
{
    struct leg *l = arg;
    return router_remove_interface(cx, l->router, l->subnet, l->port, &l->out);
}
static int add_floating(struct cx *cx, void *f)
{
    return floating_add(cx, f);
}
static int remove_floating(struct cx *cx, void *id)
{
    return floating_remove(cx, id);
}
static int remove_network(struct cx *cx, void *id)
{
    return network_remove(cx, id);
}

static void routers_hold_their_legs(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann), *subnet = new_subnet(c, as_ann, net, "10.0.0.0/24");
    const char *router = new_router(c, as_ann, NULL);
    struct leg leg = { router, subnet, NULL };

    assert_int_equal(call(c, as_ann, add_leg, &leg), 0);
    assert_string_equal(first_ip(&leg.out), "10.0.0.1");
    const char *port = keep(leg.out.id);
    leg = (struct leg){ router, subnet, NULL };
    FAILS(c, call(c, as_ann, add_leg, &leg), KIND_INVALID, "BadRequest");
    FAILS(c, call(c, as_ann, remove_router, (void *)(uintptr_t)router), KIND_CONFLICT, "RouterInUse");
    FAILS(c, call(c, as_ann, remove_port, (void *)(uintptr_t)port), KIND_CONFLICT, "ServicePortInUse");
    FAILS(c, call(c, as_ann, remove_network, (void *)(uintptr_t)net), KIND_CONFLICT, "NetworkInUse");
    leg = (struct leg){ router, NULL, NULL };
    FAILS(c, call(c, as_ann, remove_leg, &leg), KIND_INVALID, "BadRequest");
    leg = (struct leg){ router, subnet, NULL };
    FAILS(c, call(c, as_bob, remove_leg, &leg), KIND_NOT_FOUND, "RouterNotFound");
    assert_int_equal(call(c, as_ann, remove_leg, &leg), 0);
    FAILS(c, call(c, as_ann, remove_leg, &leg), KIND_NOT_FOUND, "RouterInterfaceNotFoundForSubnet");
    assert_int_equal(call(c, as_ann, remove_router, (void *)(uintptr_t)router), 0);
    assert_int_equal(call(c, as_ann, remove_network, (void *)(uintptr_t)net), 0);
    assert_int_equal(count(c, "SELECT SUM(value) FROM quota_use WHERE project_id='p-ann' AND resource IN ('network','subnet','port','router')"), 0);
}

static void a_floating_address_needs_a_way(void **state)
{
    struct cloud *c = *state;
    const char *public = id_of(c, "SELECT id FROM network WHERE name='public'");
    const char *net = new_network(c, as_ann), *subnet = new_subnet(c, as_ann, net, "10.0.0.0/24"), *port = new_port(c, as_ann, net);
    struct floating f = { .floating_network_id = public, .port_id = port };

    FAILS(c, call(c, as_ann, add_floating, &f), KIND_NOT_FOUND, "ExternalGatewayForFloatingIPNotFound");
    struct leg leg = { new_router(c, as_ann, public), subnet, NULL };
    assert_int_equal(call(c, as_ann, add_leg, &leg), 0);
    f = (struct floating){ .floating_network_id = public, .port_id = port };
    assert_int_equal(call(c, as_ann, add_floating, &f), 0);
    assert_string_equal(f.router_id, leg.router);
    assert_string_equal(f.status, "DOWN");
    const char *id = keep(f.id);
    f = (struct floating){ .floating_network_id = public, .port_id = port };
    FAILS(c, call(c, as_ann, add_floating, &f), KIND_CONFLICT, "FloatingIPPortAlreadyAssociated");
    FAILS(c, call(c, as_ann, remove_leg, &leg), KIND_CONFLICT, "RouterInterfaceInUseByFloatingIP");
    FAILS(c, call(c, as_bob, remove_floating, (void *)(uintptr_t)id), KIND_NOT_FOUND, "FloatingIPNotFound");
    assert_int_equal(call(c, as_ann, remove_port, (void *)(uintptr_t)port), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM floating_ip WHERE port_id IS NULL AND router_id IS NULL AND fixed_ip_address IS NULL"), 1);
    assert_int_equal(call(c, as_ann, remove_floating, (void *)(uintptr_t)id), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM port_ip WHERE ip_address LIKE '198.%'"), 1); /* the router's */
}

static void floating_ranges_are_exact(void **state)
{
    struct cloud *c = *state;
    const char *public = id_of(c, "SELECT id FROM network WHERE name='public'");

    for (int i = 0; i < 6; i++) { /* a /29 without its ends */
        struct floating f = { .floating_network_id = public };
        assert_int_equal(call(c, as_ann, add_floating, &f), 0);
    }
    struct floating f = { .floating_network_id = public };
    FAILS(c, call(c, as_ann, add_floating, &f), KIND_CONFLICT, "IpAddressGenerationFailure");
    assert_int_equal(count(c, "SELECT value FROM quota_use WHERE project_id='p-ann' AND resource='floatingip'"), 6);
}

static int add_range(struct cx *cx, void *cidr)
{
    return network_floating_range_add(cx, cidr, NULL);
}
static int remove_range(struct cx *cx, void *cidr)
{
    return network_floating_range_remove(cx, cidr);
}

static void ranges_do_not_overlap(void **state)
{
    struct cloud *c = *state;
    char again[] = "198.51.100.0/29", inside[] = "198.51.100.4/30", fixed[] = "172.31.0.0/16", more[] = "203.0.113.0/28", none[] = "x";

    assert_int_equal(call(c, NULL, add_range, again), 0);
    FAILS(c, call(c, NULL, add_range, inside), KIND_CONFLICT, "");
    FAILS(c, call(c, NULL, add_range, fixed), KIND_CONFLICT, "");
    FAILS(c, call(c, NULL, add_range, none), KIND_INVALID, "");
    assert_int_equal(call(c, NULL, add_range, more), 0);
    assert_int_equal(call(c, NULL, set_up_networks, NULL), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM network"), 2);
    assert_int_equal(count(c, "SELECT count(*) FROM subnet"), 3);
    assert_int_equal(call(c, NULL, remove_range, more), 0);
    FAILS(c, call(c, NULL, remove_range, more), KIND_NOT_FOUND, "");
}

/* ---- servers ---- */

struct boot {
    const char *server;
    enum nic_mode mode;
    struct list requests, nics;
};
static int boot(struct cx *cx, void *arg)
{
    struct boot *b = arg;
    return network_attach(cx, own_project(cx), b->server, b->mode, b->requests, (struct strs){ 0 }, &b->nics);
}
static int end_server(struct cx *cx, void *server)
{
    return network_detach_all(cx, server);
}
static int bind_server(struct cx *cx, void *server)
{
    return network_bind(cx, server, "host-1");
}

static void a_server_gets_the_network_that_is_meant(void **state)
{
    struct cloud *c = *state;
    struct boot b = { "s1", NIC_AUTO };

    assert_int_equal(call(c, as_ann, boot, &b), 0);
    assert_int_equal(b.nics.n, 1);
    const struct nic *nic = b.nics.items;
    assert_string_equal(nic->network_name, "private");
    assert_string_equal(((struct nic_ip *)nic->ips.items)[0].ip, "172.31.0.2");
    const char *net = new_network(c, as_ann), *subnet = new_subnet(c, as_ann, net, "10.0.0.0/24");
    assert_non_null(subnet);
    b = (struct boot){ "s2", NIC_AUTO };
    assert_int_equal(call(c, as_ann, boot, &b), 0);
    assert_string_equal(((struct nic *)b.nics.items)->network_id, net);
    new_network(c, as_ann);
    b = (struct boot){ "s3", NIC_AUTO };
    FAILS(c, call(c, as_ann, boot, &b), KIND_CONFLICT, "NetworkAmbiguous");
    b = (struct boot){ "s3", NIC_NONE };
    assert_int_equal(call(c, as_ann, boot, &b), 0);
    assert_int_equal(b.nics.n, 0);
}

static void a_port_outlives_its_server_only_if_it_was_there_before(void **state)
{
    struct cloud *c = *state;
    const char *net = new_network(c, as_ann);
    new_subnet(c, as_ann, net, "10.0.0.0/24");
    const char *port = new_port(c, as_ann, net);
    struct nic_request requests[] = { { .port_id = port }, { .network_id = net } };
    struct boot b = { "s1", NIC_LIST, { requests, 2 } };

    assert_int_equal(call(c, as_ann, boot, &b), 0);
    assert_int_equal(b.nics.n, 2);
    b.server = "s2";
    FAILS(c, call(c, as_ann, boot, &b), KIND_CONFLICT, "PortInUse");
    char s1[] = "s1";
    assert_int_equal(call(c, NULL, bind_server, s1), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM port WHERE device_owner='network:dhcp'"), 1);
    assert_int_equal(call(c, as_ann, end_server, s1), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM port WHERE server_id IS NOT NULL"), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM port WHERE project_id='p-ann' AND device_owner=''"), 1);
}

static void writing_a_servers_id_into_a_port_plugs_nothing(void **state)
{
    struct cloud *c = *state;
    struct boot b = { "victim", NIC_AUTO };
    struct port p = port_request(id_of(c, "SELECT id FROM network WHERE name='private'"));

    assert_int_equal(call(c, as_ann, boot, &b), 0);
    p.device_id = "victim";
    p.device_owner = OWNER_SERVER;
    assert_int_equal(call(c, as_bob, run_port, &p), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM port WHERE server_id='victim'"), 1);
}

static int view_host(struct cx *cx, void *view)
{
    return network_host_view(cx, "host-1", view);
}

struct floating_report {
    const char *host_id, *id;
};
static int report_floating(struct cx *cx, void *arg)
{
    const struct floating_report *r = arg;
    return network_report_floating(cx, r->host_id, r->id, true, NULL);
}

static void a_host_sees_what_it_needs_and_no_more(void **state)
{
    struct cloud *c = *state;
    const char *public = id_of(c, "SELECT id FROM network WHERE name='public'");
    const char *net = new_network(c, as_ann), *other = new_network(c, as_ann), *alone = new_network(c, as_ann);
    const char *subnet = new_subnet(c, as_ann, net, "10.0.0.0/24"), *second = new_subnet(c, as_ann, other, "10.0.1.0/24");
    struct nic_request request = { .network_id = net };
    struct boot b = { "s1", NIC_LIST, { &request, 1 } };
    struct host_view v;
    char s1[] = "s1";

    new_subnet(c, as_ann, alone, "10.0.2.0/24");
    struct leg leg = { new_router(c, as_ann, public), subnet, NULL };
    assert_int_equal(call(c, as_ann, add_leg, &leg), 0);
    leg.subnet = second;
    assert_int_equal(call(c, as_ann, add_leg, &leg), 0);
    assert_int_equal(call(c, as_ann, boot, &b), 0);
    const char *port = keep(((struct nic *)b.nics.items)->port_id);
    struct floating f = { .floating_network_id = public, .port_id = port };
    assert_int_equal(call(c, as_ann, add_floating, &f), 0);
    const char *floating = keep(f.id);
    new_port(c, as_ann, other); /* in the default group, on no host */
    assert_int_equal(call(c, NULL, view_host, &v), 0);
    assert_int_equal(v.ports.n + v.networks.n + v.groups.n + v.floatings.n, 0);
    assert_int_equal(call(c, NULL, bind_server, s1), 0);
    assert_int_equal(call(c, NULL, view_host, &v), 0);
    assert_int_equal(v.ports.n, 1);
    assert_int_equal(v.ips.n, 1);
    assert_int_equal(v.networks.n, 2);
    assert_int_equal(v.subnets.n, 2);
    assert_int_equal(v.groups.n, 1);
    assert_int_equal(v.rules.n, 4);
    assert_int_equal(v.members.n, 2);
    assert_int_equal(v.routers.n, 1);
    assert_int_equal(v.legs.n, 2);
    assert_int_equal(v.floatings.n, 1);
    struct floating_report report = { "host-2", floating };
    assert_int_equal(call(c, NULL, report_floating, &report), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM floating_ip WHERE status='ACTIVE'"), 0);
    report.host_id = "host-1";
    assert_int_equal(call(c, NULL, report_floating, &report), 0);
    assert_int_equal(count(c, "SELECT count(*) FROM floating_ip WHERE status='ACTIVE'"), 1);
    assert_int_equal(call(c, NULL, view_host, &v), 0);
    for (size_t i = 0; i < v.subnets.n; i++) {
        const struct hv_subnet *s = (const struct hv_subnet *)v.subnets.items + i;
        assert_true(s->gateway_here);
        assert_int_equal(s->dhcp_ip != NULL, str_eq(s->id, subnet));
    }
    assert_non_null(((struct hv_router *)v.routers.items)->external_ip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLOUD(an_address_space_is_used_to_the_last),
        WITH_CLOUD(a_freed_address_comes_again_last),
        WITH_CLOUD(an_address_is_given_once),
        WITH_CLOUD(ipv6_follows_the_mac),
        WITH_CLOUD(subnets_of_a_network_do_not_overlap),
        WITH_CLOUD(a_foreign_network_is_not_there),
        WITH_CLOUD(a_foreign_marker_is_no_marker),
        WITH_CLOUD(sort_keys_count_once),
        WITH_CLOUD(on_a_shared_network_nobody_takes_a_neighbours_place),
        WITH_CLOUD(the_gateway_of_a_shared_network_is_no_guests),
        WITH_CLOUD(one_bad_of_many_leaves_none),
        WITH_CLOUD(a_project_has_a_default_group),
        WITH_CLOUD(rules_are_checked),
        WITH_CLOUD(routers_hold_their_legs),
        WITH_CLOUD(a_floating_address_needs_a_way),
        WITH_CLOUD(floating_ranges_are_exact),
        WITH_CLOUD(ranges_do_not_overlap),
        WITH_CLOUD(a_server_gets_the_network_that_is_meant),
        WITH_CLOUD(a_port_outlives_its_server_only_if_it_was_there_before),
        WITH_CLOUD(a_host_sees_what_it_needs_and_no_more),
        WITH_CLOUD(writing_a_servers_id_into_a_port_plugs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
