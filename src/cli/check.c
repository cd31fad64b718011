/* check: compares what the cloud's rows say with what is on this host, and names what has no owner. */
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "cli/objects.h"
#include "cli/process.h"
#include "json/read.h"

struct guest {
    const char *id, *power;
};
struct link {
    const char *name, *kind;
};
struct address {
    const char *link, *cidr;
};
struct lease {
    const char *mac, *ip;
};
/* As alamo-agent --seen prints it. */
struct seen {
    struct list guests, links, addresses, leases;
    struct strs disks, records;
    const char *rules_bridge; /* nft's JSON */
};
struct rows {
    struct list servers, ports, floatings;
};
struct check {
    struct cli *cli;
    struct seen seen;
    struct rows rows;
    struct strs found; /* one text each */
};

enum { RULES_MAX = 1 << 30, MANY = 1000000, AGAIN_MS = 3000, TAP_NAME_CHARS = 14 };
/* clang-format off */
static const struct field guest_fields[] = { STR(struct guest, id), STR(struct guest, power), { 0 } };
static const struct field link_fields[] = { STR(struct link, name), STR(struct link, kind), { 0 } };
static const struct field address_fields[] = { STR(struct address, link), STR(struct address, cidr), { 0 } };
static const struct field lease_fields[] = { STR(struct lease, mac), STR(struct lease, ip), { 0 } };
static const struct field seen_fields[] = {
    LIST(struct seen, guests, struct guest, guest_fields, .max = MANY),
    LIST(struct seen, links, struct link, link_fields, .max = MANY),
    LIST(struct seen, addresses, struct address, address_fields, .max = MANY),
    LIST(struct seen, leases, struct lease, lease_fields, .max = MANY),
    JSON(struct seen, rules_bridge, .max = RULES_MAX),
    STRS(struct seen, disks, .max = MANY),
    STRS(struct seen, records, .max = MANY),
    { 0 },
};
/* clang-format on */

static int see(struct cli *cli, struct seen *ret)
{
    const char *const argv[] = { cli_program(cli, "alamo-agent"), "--config",
                                 cli_config_file(cli, "agent.conf"), "--seen", NULL };
    const char *output = "";
    const struct json_t *doc;
    int code = process_run(cli, argv, &output);

    if (code < 0)
        return code;
    const char *json = *output == '{' ? output : strstr(output, "\n{");
    if (code > 0 || !json)
        return fail(cli->cx, KIND_UNAVAILABLE, "alamo-agent --seen failed: %.300s", output);
    TRY(json_parse(cli->cx, json, strlen(json), &doc));
    memset(ret, 0, sizeof *ret);
    return json_read(cli->cx, seen_fields, doc, (struct json_rules){ .lenient = true, .admin = true }, ret);
}

static int read_rows(struct cli *cli, struct rows *ret)
{
    struct api *api;

    TRY(api_login_admin(cli, &api));
    TRY(api_servers(api, true, &ret->servers));
    TRY(api_ports(api, &ret->ports));
    return api_floatings(api, &ret->floatings);
}

/* Takes a text that is in the call's memory. */
static void found(struct check *c, const char *text)
{
    *arena_push(c->cli->cx->arena, &c->found.items, &c->found.n) = text;
}

static bool has(struct strs found, const char *text)
{
    for (size_t i = 0; i < found.n; i++)
        if (str_eq(found.items[i], text))
            return true;
    return false;
}

static const char *rule_text(struct check *c, const char *tap)
{
    return cx_printf(c->cli->cx, "rules for %s: there is no such port", tap);
}

/* ---- what is there and belongs to nobody ---- */

static const struct api_server *server_of(struct check *c, const char *id)
{
    const struct api_server *s = c->rows.servers.items;

    for (size_t i = 0; i < c->rows.servers.n; i++)
        if (str_eq(s[i].id, id))
            return &s[i];
    return NULL;
}

static void check_ids(struct check *c, struct strs ids, const char *what)
{
    for (size_t i = 0; i < ids.n; i++)
        if (!server_of(c, ids.items[i]))
            found(c, cx_printf(c->cli->cx, "%s of %s: there is no such server", what, ids.items[i]));
}

static bool tap_has_port(struct check *c, const char *tap)
{
    const struct api_port *p = c->rows.ports.items;
    const char *id;

    if (!str_starts(tap, "tap", &id))
        return false;
    for (size_t i = 0; i < c->rows.ports.n; i++)
        if (str_starts(p[i].id, id, NULL))
            return true;
    return false;
}

/* Rules name taps in many places; each name stands in quotes. */
static void check_rules(struct check *c)
{
    const char *at = c->seen.rules_bridge ? c->seen.rules_bridge : "";

    while ((at = strstr(at, "\"tap")) != NULL) {
        size_t n = strcspn(++at, "\"");
        const char *tap = arena_strndup(c->cli->cx->arena, at, n);
        if (n == TAP_NAME_CHARS && !tap_has_port(c, tap) && !has(c->found, rule_text(c, tap)))
            found(c, rule_text(c, tap));
        at += n;
    }
}

static bool lease_has_port(struct check *c, const struct lease *l)
{
    const struct api_port *p = c->rows.ports.items;

    for (size_t i = 0; i < c->rows.ports.n; i++) {
        const struct api_fixed_ip *ip = p[i].fixed_ips.items;
        for (size_t k = 0; str_eq(p[i].mac_address, l->mac) && k < p[i].fixed_ips.n; k++)
            if (str_eq(ip[k].ip_address, l->ip))
                return true;
    }
    return false;
}

static void check_leases(struct check *c)
{
    const struct lease *l = c->seen.leases.items;

    for (size_t i = 0; i < c->seen.leases.n; i++)
        if (!lease_has_port(c, &l[i]))
            found(c, cx_printf(c->cli->cx, "lease of %s by %s: no port has them", l[i].ip, l[i].mac));
}

static void check_taps(struct check *c)
{
    const struct link *l = c->seen.links.items;

    for (size_t i = 0; i < c->seen.links.n; i++)
        if (str_eq(l[i].kind, "tap") && !tap_has_port(c, l[i].name))
            found(c, cx_printf(c->cli->cx, "tap %s: there is no such port", l[i].name));
}

static bool has_floating(struct check *c, const char *ip)
{
    const struct api_floating *f = c->rows.floatings.items;

    for (size_t i = 0; i < c->rows.floatings.n; i++)
        if (str_eq(f[i].floating_ip_address, ip) && f[i].port_id)
            return true;
    return false;
}

/* Floating addresses stand on the public NIC as /32. */
static void check_addresses(struct check *c)
{
    const struct address *a = c->seen.addresses.items;

    for (size_t i = 0; i < c->seen.addresses.n; i++) {
        const char *slash = strstr(a[i].cidr, "/32");
        if (!slash || !str_eq(a[i].link, c->cli->settings.public_nic))
            continue;
        const char *ip = arena_strndup(c->cli->cx->arena, a[i].cidr, (size_t)(slash - a[i].cidr));
        if (!has_floating(c, ip))
            found(c, cx_printf(c->cli->cx, "address %s on %s: no floating IP in use has it", ip, a[i].link));
    }
}

static void check_guests(struct check *c)
{
    const struct guest *g = c->seen.guests.items;

    for (size_t i = 0; i < c->seen.guests.n; i++) {
        const struct api_server *s = server_of(c, g[i].id);
        if (!s)
            found(c, cx_printf(c->cli->cx, "guest %s (%s): there is no such server", g[i].id, g[i].power));
        else if (s->host && !str_eq(s->host, c->cli->settings.host_name))
            found(c,
                  cx_printf(c->cli->cx, "guest %s: the server %s is on host %s", g[i].id, s->name, s->host));
    }
}

/* ---- what should be there and is not ---- */

static void check_active(struct check *c)
{
    const struct api_server *s = c->rows.servers.items;
    const struct guest *g = c->seen.guests.items;

    for (size_t i = 0; i < c->rows.servers.n; i++) {
        bool runs = false;
        if (!str_eq(s[i].status, "ACTIVE") || !str_eq(s[i].host, c->cli->settings.host_name))
            continue;
        for (size_t k = 0; k < c->seen.guests.n && !runs; k++)
            runs = str_eq(g[k].id, s[i].id) && str_eq(g[k].power, "on");
        if (!runs)
            found(c, cx_printf(c->cli->cx, "server %s (%s) is ACTIVE, but does not run", s[i].name, s[i].id));
    }
}

static int look(struct cli *cli, struct check *ret)
{
    *ret = (struct check){ .cli = cli };
    TRY(see(cli, &ret->seen));
    TRY(read_rows(cli, &ret->rows));
    check_guests(ret);
    check_ids(ret, ret->seen.disks, "disks");
    check_ids(ret, ret->seen.records, "record");
    check_taps(ret);
    check_rules(ret);
    check_leases(ret);
    check_addresses(ret);
    check_active(ret);
    return 0;
}

/* What changes while we look seems wrong once: only what is found twice is. */
int command_check(struct cli *cli)
{
    struct check first, second;
    int n = 0;

    TRY(cli_settings_complete(cli->cx, &cli->settings));
    TRY(look(cli, &first));
    if (first.found.n) {
        sleep_ms(AGAIN_MS * slow_factor());
        TRY(look(cli, &second));
    }
    for (size_t i = 0; i < first.found.n; i++)
        if (has(second.found, first.found.items[i])) {
            puts(first.found.items[i]);
            n++;
        }
    if (!n)
        printf("nothing without an owner: %zu servers, %zu guests, %zu ports, %zu floating IPs\n",
               first.rows.servers.n, first.seen.guests.n, first.rows.ports.n, first.rows.floatings.n);
    return n > 0;
}
