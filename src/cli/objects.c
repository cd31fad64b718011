#include "cli/objects.h"

enum { TEXT_MAX = 64 * 1024, LIST_MAX = 1000000 };

/* clang-format off */
const struct field api_ref_fields[] = {
    STR(struct api_ref, id),
    STR(struct api_ref, name),
    { 0 },
};
static const struct field api_floating_fields[] = {
    STR(struct api_floating, id),
    STR(struct api_floating, floating_ip_address),
    STR(struct api_floating, port_id),
    { 0 },
};
static const struct field fault_fields[] = {
    STR(struct api_fault, message, .max = TEXT_MAX),
    { 0 },
};
static const struct field server_fields[] = {
    STR(struct api_server, id),
    STR(struct api_server, name),
    STR(struct api_server, status),
    STR(struct api_server, key_name),
    STR(struct api_server, host, AS("OS-EXT-SRV-ATTR:host")),
    SUB(struct api_server, fault, struct api_fault, fault_fields),
    SUB(struct api_server, image, struct api_ref, api_ref_fields),
    { 0 },
};
static const struct field image_fields[] = {
    STR(struct api_image, id),
    STR(struct api_image, name),
    STR(struct api_image, status),
    STR(struct api_image, login_user),
    STR(struct api_image, os_admin_user),
    { 0 },
};
static const struct field host_fields[] = {
    STR(struct api_host, hypervisor_hostname),
    STR(struct api_host, hypervisor_type),
    STR(struct api_host, state),
    STR(struct api_host, status),
    I64(struct api_host, running_vms),
    I64(struct api_host, hypervisor_version),
    { 0 },
};
struct one_server { struct api_server *server; };
static const struct field one_server_fields[] = { SUB(struct one_server, server, struct api_server, server_fields), { 0 } };
#define LIST_OF(wire, T, table) { LIST(struct api_list, items, T, table, AS(wire), .max = LIST_MAX), { 0 } }
static const struct field servers_fields[] = LIST_OF("servers", struct api_server, server_fields);
static const struct field images_fields[] = LIST_OF("images", struct api_image, image_fields);
static const struct field ports_fields[] = LIST_OF("ports", struct api_ref, api_ref_fields);
static const struct field fixed_ip_fields[] = { STR(struct api_fixed_ip, ip_address), { 0 } };
static const struct field port_fields[] = {
    STR(struct api_port, id),
    STR(struct api_port, mac_address),
    LIST(struct api_port, fixed_ips, struct api_fixed_ip, fixed_ip_fields),
    { 0 },
};
static const struct field all_ports_fields[] = LIST_OF("ports", struct api_port, port_fields);
static const struct field networks_fields[] = LIST_OF("networks", struct api_ref, api_ref_fields);
static const struct field floatings_fields[] = LIST_OF("floatingips", struct api_floating, api_floating_fields);
static const struct field hosts_fields[] = LIST_OF("hypervisors", struct api_host, host_fields);
/* clang-format on */

static int get_list(struct api *api, const char *path, const struct field *table, struct list *ret)
{
    struct api_list l = { 0 };

    TRY(api_get(api, path, table, &l));
    *ret = l.items;
    return 0;
}

int api_servers(struct api *api, bool all, struct list *ret_servers)
{
    return get_list(api, all ? "/compute/v2.1/servers/detail?all_tenants=1" : "/compute/v2.1/servers/detail",
                    servers_fields, ret_servers);
}

int api_server(struct api *api, const char *id, struct api_server *ret_server)
{
    struct one_server one = { 0 };

    TRY(api_get(api, api_path(api, "/compute/v2.1/servers/%s", id), one_server_fields, &one));
    *ret_server = one.server ? *one.server : (struct api_server){ 0 };
    return 0;
}

int api_image_by_name(struct api *api, const char *name, struct api_image *ret_image)
{
    struct list images;

    TRY(get_list(api, api_path(api, "/image/v2/images?name=%s", name), images_fields, &images));
    *ret_image = images.n ? *(struct api_image *)images.items : (struct api_image){ 0 };
    return 0;
}

int api_image_by_id(struct api *api, const char *id, struct api_image *ret_image)
{
    *ret_image = (struct api_image){ 0 };
    return api_get(api, api_path(api, "/image/v2/images/%s", id), image_fields, ret_image);
}

int api_server_port(struct api *api, const char *server_id, struct api_ref *ret_port)
{
    struct list ports;

    TRY(get_list(api, api_path(api, "/network/v2.0/ports?device_id=%s", server_id), ports_fields, &ports));
    *ret_port = ports.n ? *(struct api_ref *)ports.items : (struct api_ref){ 0 };
    return 0;
}

int api_port_floating(struct api *api, const char *port_id, struct api_floating *ret_floating)
{
    struct list floatings;

    TRY(get_list(api, api_path(api, "/network/v2.0/floatingips?port_id=%s", port_id), floatings_fields,
                 &floatings));
    *ret_floating = floatings.n ? *(struct api_floating *)floatings.items : (struct api_floating){ 0 };
    return 0;
}

int api_external_network(struct api *api, struct api_ref *ret_network)
{
    struct list networks;

    TRY(get_list(api, "/network/v2.0/networks?router:external=true", networks_fields, &networks));
    *ret_network = networks.n ? *(struct api_ref *)networks.items : (struct api_ref){ 0 };
    return 0;
}

int api_ports(struct api *api, struct list *ret_ports)
{
    return get_list(api, "/network/v2.0/ports", all_ports_fields, ret_ports);
}

int api_floatings(struct api *api, struct list *ret_floatings)
{
    return get_list(api, "/network/v2.0/floatingips", floatings_fields, ret_floatings);
}

int api_hosts(struct api *api, struct list *ret_hosts)
{
    return get_list(api, "/compute/v2.1/os-hypervisors/detail", hosts_fields, ret_hosts);
}
