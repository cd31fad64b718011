/* floating create|list|delete [--ip_range=CIDR]: ranges of floating addresses, as nova-manage had it in 2012.
 */
#include <stdio.h>
#include <string.h>

#include "cli/objects.h"
#include "json/writer.h"

struct subnet {
    const char *id, *cidr, *gateway_ip;
};
/* clang-format off */
static const struct field subnet_fields[] = { STR(struct subnet, id), STR(struct subnet, cidr), STR(struct subnet, gateway_ip),
                                              { 0 } };
static const struct field subnets_fields[] = {
    LIST(struct api_list, items, struct subnet, subnet_fields, AS("subnets"), .max = 100000), { 0 } };
/* clang-format on */

static int external_network(struct cli *cli, struct api *api, const char **ret_id)
{
    struct api_ref network;

    TRY(api_external_network(api, &network));
    if (!network.id)
        return fail(cli->cx, KIND_NOT_FOUND, "there is no external network");
    *ret_id = network.id;
    return 0;
}

static int read_ranges(struct api *api, const char *network_id, struct list *ret)
{
    struct api_list subnets = { 0 };

    TRY(api_get(api, api_path(api, "/network/v2.0/subnets?network_id=%s", network_id), subnets_fields,
                &subnets));
    *ret = subnets.items;
    return 0;
}

static const struct subnet *find(struct list ranges, const char *cidr)
{
    const struct subnet *s = ranges.items;

    for (size_t i = 0; i < ranges.n; i++)
        if (str_eq(s[i].cidr, cidr))
            return &s[i];
    return NULL;
}

static int list(struct list ranges)
{
    const struct subnet *s = ranges.items;

    for (size_t i = 0; i < ranges.n; i++)
        puts(s[i].cidr);
    return 0;
}

static int create(struct cli *cli, struct api *api, const char *network_id, struct list ranges,
                  const char *cidr)
{
    struct jwriter w = jwriter_new(cli->cx->arena);

    if (find(ranges, cidr))
        return 0;
    jw_object(&w), jw_key(&w, "subnet"), jw_object(&w);
    jw_kv(&w, "network_id", network_id);
    jw_kv(&w, "name", cidr);
    jw_kv_int(&w, "ip_version", 4);
    jw_kv(&w, "cidr", cidr);
    jw_kv(&w, "gateway_ip", ranges.n ? ((const struct subnet *)ranges.items)->gateway_ip : NULL); /* one NIC, one router */
    jw_kv_bool(&w, "enable_dhcp", false);
    jw_end(&w), jw_end(&w);
    return api_send(api, "POST", "/network/v2.0/subnets", buf_text(&w.out), NULL, NULL);
}

static int delete (struct cli *cli, struct api *api, struct list ranges, const char *cidr)
{
    const struct subnet *s = find(ranges, cidr);

    if (!s)
        return fail(cli->cx, KIND_NOT_FOUND, "there is no floating range %s", cidr);
    return api_send(api, "DELETE", api_path(api, "/network/v2.0/subnets/%s", s->id), NULL, NULL, NULL);
}

/* "--ip_range=CIDR", "--ip_range CIDR", or the CIDR alone; NULL: none. */
static const char *range_of(struct cli *cli)
{
    const char *value = NULL;

    for (int i = 1; i < cli->argc; i++)
        if (!str_starts(cli->argv[i], "--ip_range=", &value) &&
            !str_starts(cli->argv[i], "--ip-range=", &value) && **(cli->argv + i) != '-')
            value = cli->argv[i];
    return value;
}

int command_floating(struct cli *cli)
{
    const char *verb = cli->argv[0], *cidr = range_of(cli), *network_id;
    bool creates = str_eq(verb, "create"), deletes = str_eq(verb, "delete");
    struct list ranges;
    struct api *api;

    if (!creates && !deletes && !str_eq(verb, "list"))
        return fail(cli->cx, KIND_INVALID, "floating %s: it is create, list or delete", verb);
    if (creates + deletes && !cidr)
        return fail(cli->cx, KIND_INVALID, "floating %s wants --ip_range=CIDR", verb);
    TRY(cli_settings_complete(cli->cx, &cli->settings));
    TRY(api_login_admin(cli, &api));
    TRY(external_network(cli, api, &network_id));
    TRY(read_ranges(api, network_id, &ranges));
    if (creates)
        return create(cli, api, network_id, ranges, cidr);
    return deletes ? delete (cli, api, ranges, cidr) : list(ranges);
}
