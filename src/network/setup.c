#include "network/setup.h"

#include "auth/who.h"
#include "json/read.h"
#include "network/address.h"
#include "network/network.h"

enum { RANGE_BITS_MIN = 12 }; /* a million addresses */

static int parse_v4(struct cx *cx, const char *what, const char *text, struct cidr *ret_cidr)
{
    if (!text || !cidr_parse(text, ret_cidr, NULL) || ret_cidr->base.version != 4)
        return fail(cx, KIND_INVALID, "%s '%.64s' is no IPv4 network. Write it as 192.0.2.0/24.", what, text ? text : "");
    return 0;
}

/* Returns 1, or 0 when there is none. */
static int find_flat(struct cx *cx, bool external, struct network *ret_network)
{
    return store_find(cx, &network_table, ret_network, "network_type='flat' AND is_external=$1 ORDER BY created_at, id", ARGS(external));
}

static int add_network(struct cx *cx, const struct network_setup *setup, bool external, struct network *ret_network)
{
    *ret_network = (struct network){
        .project_id = setup->project_id,
        .name = external ? "public" : "private",
        .admin_state_up = true,
        .shared = !external,
        .is_external = external,
        .is_default = external,
        .port_security_enabled = true,
        .network_type = "flat",
        .physical_network = external ? "public" : "private",
    };
    return network_add(cx, ret_network);
}

static int setup_private(struct cx *cx, const struct network_setup *setup)
{
    struct network n;
    struct cidr fixed, nic;

    int r = find_flat(cx, false, &n);
    if (r)
        return r < 0 ? r : 0;
    TRY(parse_v4(cx, "The fixed network", setup->fixed_cidr, &fixed));
    if (fixed.bits > 29)
        return fail(cx, KIND_INVALID, "The fixed network %s is too small: it needs /29 or more.", setup->fixed_cidr);
    if (setup->public_cidr && cidr_parse(setup->public_cidr, &nic, NULL) && cidr_overlap(fixed, nic))
        return fail(cx, KIND_INVALID, "The fixed network %s overlaps the host's own network %s. Choose another one.", setup->fixed_cidr,
                    setup->public_cidr);
    TRY(add_network(cx, setup, false, &n));
    struct subnet s = { .project_id = setup->project_id, .name = "private", .network_id = n.id, .ip_version = 4, .cidr = cidr_text(cx->arena, fixed),
                        .enable_dhcp = true, .dns = json_of_strs(cx->arena, setup->dns), .default_gateway = true, .default_pools = true };
    return subnet_add(cx, &s);
}

static int setup_public(struct cx *cx, const struct network_setup *setup)
{
    struct network n;

    int r = find_flat(cx, true, &n);
    if (r)
        return r < 0 ? r : 0;
    TRY(add_network(cx, setup, true, &n));
    return setup->floating_cidr ? network_floating_range_add(cx, setup->floating_cidr, setup->public_gateway) : 0;
}

int network_setup(struct cx *cx, const struct network_setup *setup)
{
    const struct who *who = cx->who;
    int r;

    cx->who = who_system();
    r = setup_private(cx, setup);
    if (r >= 0)
        r = setup_public(cx, setup);
    cx->who = who;
    return r;
}

/* ---- floating ranges ---- */

/* The subnets of both flat networks: what the hosts themselves talk to. */
static int check_range(struct cx *cx, struct cidr range, const char *text, bool *ret_there)
{
    struct list subnets;
    struct cidr other;
    struct network public;

    int found = find_flat(cx, true, &public);
    TRY(found);
    TRY(store_list(cx, &subnet_table, &subnets, "network_id IN (SELECT id FROM network WHERE network_type='flat') AND ip_version=4", NO_ARGS));
    *ret_there = false;
    for (size_t i = 0; i < subnets.n; i++) {
        const struct subnet *s = (const struct subnet *)subnets.items + i;
        if (!cidr_parse(s->cidr, &other, NULL) || !cidr_overlap(range, other))
            continue;
        if (found && str_eq(s->network_id, public.id) && other.bits == range.bits) {
            *ret_there = true;
            return 0;
        }
        return fail(cx, KIND_CONFLICT, "The range %s overlaps %s (subnet %s). Choose one that does not.", text, s->cidr, s->name);
    }
    return 0;
}

static int add_range(struct cx *cx, const char *text, const char *gateway)
{
    struct network n;
    struct cidr c;
    bool there;

    TRY(parse_v4(cx, "The floating range", text, &c));
    if (c.bits < RANGE_BITS_MIN)
        return fail(cx, KIND_INVALID, "The floating range %s is too large: /%d at most.", text, RANGE_BITS_MIN);
    TRY(check_range(cx, c, text, &there));
    if (there)
        return 0;
    int r = find_flat(cx, true, &n);
    TRY(r);
    if (!r)
        return fail(cx, KIND_NOT_FOUND, "There is no external network yet.");
    struct subnet s = { .project_id = n.project_id, .network_id = n.id, .ip_version = 4, .cidr = cidr_text(cx->arena, c), .gateway_ip = gateway, .default_pools = true };
    s.name = s.cidr;
    return subnet_add(cx, &s);
}

int network_floating_range_add(struct cx *cx, const char *cidr, const char *gateway)
{
    const struct who *who = cx->who;
    int r;

    cx->who = who_system();
    r = add_range(cx, cidr, gateway);
    cx->who = who;
    return r;
}

int network_floating_range_list(struct cx *cx, struct list *ret_ranges)
{
    /* clang-format off */
    static const struct field columns[] = {
        STR(struct floating_range, subnet_id), STR(struct floating_range, cidr), I64(struct floating_range, used), { 0 },
    };
    /* clang-format on */
    return store_select(cx, columns, sizeof(struct floating_range), ret_ranges,
                        "SELECT s.id, s.cidr, (SELECT COUNT(*) FROM port_ip i WHERE i.subnet_id=s.id) FROM subnet s JOIN network n ON "
                        "n.id=s.network_id WHERE n.network_type='flat' AND n.is_external=1 AND s.ip_version=4 ORDER BY s.created_at, s.id",
                        NO_ARGS);
}

int network_floating_range_remove(struct cx *cx, const char *text)
{
    struct list ranges;
    struct cidr c;
    struct subnet s;

    TRY(parse_v4(cx, "The floating range", text, &c));
    TRY(network_floating_range_list(cx, &ranges));
    for (size_t i = 0; i < ranges.n; i++) {
        const struct floating_range *range = (const struct floating_range *)ranges.items + i;
        if (!str_eq(range->cidr, cidr_text(cx->arena, c)))
            continue;
        if (range->used)
            return fail(cx, KIND_CONFLICT, "%lld addresses of the range %s are in use. Release them first.", (long long)range->used, text);
        int r = store_find(cx, &subnet_table, &s, "id=$1", ARGS(range->subnet_id));
        return r > 0 ? subnet_erase(cx, &s) : r;
    }
    return fail(cx, KIND_NOT_FOUND, "There is no floating range %s.", text);
}
