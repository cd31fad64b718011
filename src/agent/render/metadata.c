#include "agent/render/render.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "agent/render/address.h"
#include "base/env.h"
#include "json/writer.h"

static const char *const ec2_versions[] = { "1.0",        "2007-01-19", "2007-03-01", "2007-08-29",
                                            "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
                                            "2009-04-04", "latest" };
static const char *const openstack_versions[] = { "2012-08-10", "2013-04-04", "2013-10-17",
                                                  "2015-10-15", "2016-06-30", "2016-10-06",
                                                  "2017-02-22", "2018-08-27", "latest" };
enum { SEED_BYTES = 384, PATH_MAX_BYTES = 256 };

typedef const char *answer(struct cx *cx, const struct metadata_of *of);

static const struct wire_metadata *about(const struct metadata_of *of)
{
    static const struct wire_metadata nothing = { 0 };
    return of->guest->metadata ? of->guest->metadata : &nothing;
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

const char *render_instance_id(struct arena *a, const char *guest_id)
{
    return arena_printf(a, "i-%.8s", guest_id);
}

static const struct wire_port *first_port(const struct metadata_of *of)
{
    return of->guest->ports.n ? of->guest->ports.items : NULL;
}

static const struct wire_network *network_of(const struct metadata_of *of, const struct wire_port *p)
{
    for (size_t i = 0; p && i < of->plan->n_networks; i++)
        if (str_eq(of->plan->networks[i]->id, p->network_id))
            return of->plan->networks[i];
    return NULL;
}

const char *render_fqdn(struct cx *cx, const struct metadata_of *of)
{
    const char *name = label_from(cx->arena, about(of)->hostname);
    const struct wire_network *n = network_of(of, first_port(of));
    return n && domain_valid(n->domain) ? cx_printf(cx, "%s.%s", name, n->domain) : name;
}

/* ---- EC2 ---- */

static const char *ami_id(struct cx *cx, const struct metadata_of *of)
{
    return or_empty(about(of)->ami_id);
}
static const char *launch_index(struct cx *cx, const struct metadata_of *of)
{
    return cx_printf(cx, "%lld", (long long)about(of)->launch_index);
}
static const char *instance_id(struct cx *cx, const struct metadata_of *of)
{
    return render_instance_id(cx->arena, of->guest->id);
}
static const char *instance_type(struct cx *cx, const struct metadata_of *of)
{
    return or_empty(about(of)->instance_type);
}
static const char *action(struct cx *cx, const struct metadata_of *of)
{
    return "none";
}
static const char *root_device(struct cx *cx, const struct metadata_of *of)
{
    return "/dev/vda";
}
static const char *ami_device(struct cx *cx, const struct metadata_of *of)
{
    return "vda";
}
static const char *ephemeral(struct cx *cx, const struct metadata_of *of)
{
    return of->guest->ephemeral_gib ? "/dev/vdb" : NULL;
}
static const char *swap(struct cx *cx, const struct metadata_of *of)
{
    return of->guest->swap_mib ? (of->guest->ephemeral_gib ? "/dev/vdc" : "/dev/vdb") : NULL;
}
static const char *local_ipv4(struct cx *cx, const struct metadata_of *of)
{
    const struct wire_port *p = first_port(of);
    struct cidr c;
    for (size_t i = 0; p && i < p->ips.n; i++)
        if (cidr_parse(p->ips.items[i], &c) == 0 && c.family == 4)
            return cidr_address(cx->arena, &c);
    return "";
}
static const char *public_ipv4(struct cx *cx, const struct metadata_of *of)
{
    return or_empty(about(of)->public_ipv4);
}
static const char *mac(struct cx *cx, const struct metadata_of *of)
{
    return first_port(of) ? first_port(of)->mac : "";
}
static const char *zone(struct cx *cx, const struct metadata_of *of)
{
    return or_empty(about(of)->availability_zone);
}
static const char *reservation(struct cx *cx, const struct metadata_of *of)
{
    return or_empty(about(of)->reservation_id);
}
static const char *groups(struct cx *cx, const struct metadata_of *of)
{
    struct buf b = buf_new(cx->arena);
    for (size_t i = 0; i < about(of)->group_names.n; i++)
        buf_printf(&b, "%s%s", i ? "\n" : "", about(of)->group_names.items[i]);
    return buf_text(&b);
}
static const char *keys(struct cx *cx, const struct metadata_of *of)
{
    struct buf b = buf_new(cx->arena);
    for (size_t i = 0; i < about(of)->keys.n; i++)
        buf_printf(&b, "%s%zu=%s", i ? "\n" : "", i, about(of)->keys.items[i].key);
    return b.len ? buf_text(&b) : NULL;
}

/* What stands under meta-data/, in order of the listing; a value of NULL isn't there. */
static const struct row {
    const char *path;
    answer *value;
} ec2_rows[] = {
    { "ami-id", ami_id },
    { "ami-launch-index", launch_index },
    { "block-device-mapping/ami", ami_device },
    { "block-device-mapping/ephemeral0", ephemeral },
    { "block-device-mapping/root", root_device },
    { "block-device-mapping/swap", swap },
    { "hostname", render_fqdn },
    { "instance-action", action },
    { "instance-id", instance_id },
    { "instance-type", instance_type },
    { "local-hostname", render_fqdn },
    { "local-ipv4", local_ipv4 },
    { "mac", mac },
    { "placement/availability-zone", zone },
    { "public-hostname", render_fqdn },
    { "public-ipv4", public_ipv4 },
    { "public-keys/", keys },
    { "reservation-id", reservation },
    { "security-groups", groups },
};

/* The names directly under 'prefix' ("" or "placement/"), folders with a slash; NULL when there are none. */
static const char *ec2_list(struct cx *cx, const struct metadata_of *of, const char *prefix)
{
    struct buf b = buf_new(cx->arena);
    const char *last = "";
    for (size_t i = 0; i < N_ELEMENTS(ec2_rows); i++) {
        const char *rest;
        if (!str_starts(ec2_rows[i].path, prefix, &rest) || !*rest || !ec2_rows[i].value(cx, of))
            continue;
        const char *slash = strchr(rest, '/');
        const char *name = slash ? arena_strndup(cx->arena, rest, (size_t)(slash - rest) + 1) : rest;
        if (!str_eq(name, last))
            buf_printf(&b, "%s%s", b.len ? "\n" : "", name);
        last = name;
    }
    return b.len ? buf_text(&b) : NULL;
}

static const char *ec2_key(struct cx *cx, const struct metadata_of *of, const char *path)
{
    size_t n = strspn(path, "0123456789");
    int64_t i;
    if (!n || str_to_i64(arena_strndup(cx->arena, path, n), &i) < 0 || (size_t)i >= about(of)->keys.n)
        return NULL;
    if (!path[n] || str_eq(path + n, "/"))
        return "openssh-key";
    return str_eq(path + n, "/openssh-key") ? about(of)->keys.items[i].value : NULL;
}

static const char *ec2_meta_data(struct cx *cx, const struct metadata_of *of, const char *path)
{
    const char *rest;
    if (str_starts(path, "public-keys/", &rest) && *rest)
        return ec2_key(cx, of, rest);
    for (size_t i = 0; i < N_ELEMENTS(ec2_rows); i++)
        if (str_eq(ec2_rows[i].path, path) || str_eq(ec2_rows[i].path, cx_printf(cx, "%s/", path)))
            return ec2_rows[i].value(cx, of);
    size_t n = strlen(path);
    return ec2_list(cx, of, !n || path[n - 1] == '/' ? path : cx_printf(cx, "%s/", path));
}

/* ---- user data ---- */

static const char *user_data(struct cx *cx, const struct metadata_of *of, size_t *ret_n)
{
    const char *text = about(of)->user_data;
    if (str_empty(text))
        return NULL;
    /* OpenSSL takes whole groups of four only; clients also wrap lines. */
    struct buf b = buf_new(cx->arena);
    for (; *text; text++)
        if (!strchr("\r\n \t", *text))
            buf_putc(&b, *text);
    unsigned char *bytes = cx_alloc(cx, b.len + 4);
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)buf_text(&b), (int)b.len);
    if (n < 0)
        return NULL;
    for (size_t i = b.len; i > 0 && b.data[i - 1] == '=' && n > 0; i--)
        n--;
    *ret_n = (size_t)n;
    return (const char *)bytes;
}

/* ---- OpenStack ---- */

static const char *random_seed(struct cx *cx)
{
    unsigned char seed[SEED_BYTES];
    char *text = cx_alloc(cx, SEED_BYTES * 2);
    random_bytes(seed, sizeof seed);
    EVP_EncodeBlock((unsigned char *)text, seed, sizeof seed);
    return text;
}

static void put_map(struct jwriter *w, const char *name, struct strmap map)
{
    jw_key(w, name);
    jw_object(w);
    for (size_t i = 0; i < map.n; i++)
        jw_kv(w, map.items[i].key, map.items[i].value);
    jw_end(w);
}

static const char *meta_data_json(struct cx *cx, const struct metadata_of *of)
{
    const struct wire_metadata *m = about(of);
    struct jwriter w = jwriter_new(cx->arena);
    jw_object(&w);
    jw_kv(&w, "uuid", of->guest->id);
    jw_kv(&w, "name", m->name);
    jw_kv(&w, "hostname", render_fqdn(cx, of));
    jw_kv(&w, "availability_zone", m->availability_zone);
    jw_kv_int(&w, "launch_index", m->launch_index);
    jw_kv(&w, "project_id", m->project_id);
    if (m->meta.n)
        put_map(&w, "meta", m->meta);
    if (m->keys.n) {
        put_map(&w, "public_keys", m->keys);
        jw_key(&w, "keys");
        jw_array(&w);
        for (size_t i = 0; i < m->keys.n; i++) {
            jw_object(&w);
            jw_kv(&w, "name", m->keys.items[i].key);
            jw_kv(&w, "type", "ssh");
            jw_kv(&w, "data", m->keys.items[i].value);
            jw_end(&w);
        }
        jw_end(&w);
    }
    jw_kv(&w, "random_seed", random_seed(cx));
    jw_key(&w, "devices");
    jw_array(&w);
    jw_end(&w);
    jw_kv_bool(&w, "dedicated_cpus", false);
    jw_end(&w);
    return buf_text(&w.out);
}

static const struct wire_subnet *subnet_with(const struct wire_network *n, const struct cidr *ip)
{
    const struct wire_subnet *subnets = n ? n->subnets.items : NULL;
    struct cidr c;
    for (size_t i = 0; n && i < n->subnets.n; i++)
        if (cidr_parse(subnets[i].cidr, &c) == 0 && cidr_contains(&c, ip))
            return &subnets[i];
    return NULL;
}

static void put_route(struct jwriter *w, struct arena *a, const struct cidr *to, const char *gateway)
{
    jw_object(w);
    jw_kv(w, "network", arena_strndup(a, cidr_text(a, to), strcspn(cidr_text(a, to), "/")));
    jw_kv(w, "netmask", to->family == 4 ? cidr_mask(a, to) : arena_printf(a, "%d", to->bits));
    jw_kv(w, "gateway", gateway);
    jw_end(w);
}

static void put_address(struct jwriter *w, struct cx *cx, const struct wire_port *p,
                        const struct wire_network *n, const struct cidr *ip, size_t *at)
{
    const struct wire_subnet *s = subnet_with(n, ip);
    struct cidr c, any = { .family = ip->family };
    if (!s || cidr_parse(s->cidr, &c) < 0)
        return;
    jw_object(w);
    jw_kv(w, "id", cx_printf(cx, "network%zu", (*at)++));
    jw_kv(w, "link", cx_printf(cx, "tap%.11s", p->id));
    jw_kv(w, "network_id", p->network_id);
    if (s->dhcp) {
        jw_kv(w, "type",
              c.family == 4                   ? "ipv4_dhcp"
              : str_eq(s->ipv6_mode, "slaac") ? "ipv6_slaac"
                                              : "ipv6_dhcp");
    } else {
        jw_kv(w, "type", c.family == 4 ? "ipv4" : "ipv6");
        jw_kv(w, "ip_address", cidr_address(cx->arena, ip));
        jw_kv(w, "netmask", c.family == 4 ? cidr_mask(cx->arena, &c) : cx_printf(cx, "%d", c.bits));
        jw_key(w, "routes");
        jw_array(w);
        struct cidr gateway;
        if (cidr_parse(s->gateway, &gateway) == 0)
            put_route(w, cx->arena, &any, cidr_address(cx->arena, &gateway));
        jw_end(w);
    }
    jw_end(w);
}

static void put_services(struct jwriter *w, struct cx *cx, const struct wire_network *n)
{
    const struct wire_subnet *subnets = n ? n->subnets.items : NULL;
    struct cidr c;
    for (size_t i = 0; n && i < n->subnets.n; i++)
        for (size_t j = 0; j < subnets[i].dns.n; j++)
            if (cidr_parse(subnets[i].dns.items[j], &c) == 0) {
                jw_object(w);
                jw_kv(w, "type", "dns");
                jw_kv(w, "address", cidr_address(cx->arena, &c));
                jw_end(w);
            }
}

static const char *network_data_json(struct cx *cx, const struct metadata_of *of)
{
    struct jwriter w = jwriter_new(cx->arena);
    const struct wire_port *ports = of->guest->ports.items;
    struct cidr ip;
    size_t at = 0;

    jw_object(&w);
    jw_key(&w, "links");
    jw_array(&w);
    for (size_t i = 0; i < of->guest->ports.n; i++) {
        const struct wire_network *n = network_of(of, &ports[i]);
        int64_t mtu = n && n->mtu ? n->mtu : of->plan->settings->public_mtu;
        jw_object(&w);
        jw_kv(&w, "id", cx_printf(cx, "tap%.11s", ports[i].id));
        jw_kv(&w, "vif_id", ports[i].id);
        jw_kv(&w, "type", "bridge");
        jw_key(&w, "mtu");
        mtu ? jw_int(&w, mtu) : jw_null(&w);
        jw_kv(&w, "ethernet_mac_address", ports[i].mac);
        jw_end(&w);
    }
    jw_end(&w);
    jw_key(&w, "networks");
    jw_array(&w);
    for (size_t i = 0; i < of->guest->ports.n; i++)
        for (size_t j = 0; j < ports[i].ips.n; j++)
            if (cidr_parse(ports[i].ips.items[j], &ip) == 0)
                put_address(&w, cx, &ports[i], network_of(of, &ports[i]), &ip, &at);
    jw_end(&w);
    jw_key(&w, "services");
    jw_array(&w);
    for (size_t i = 0; i < of->guest->ports.n; i++)
        put_services(&w, cx, network_of(of, &ports[i]));
    jw_end(&w);
    jw_end(&w);
    return buf_text(&w.out);
}

/* A login for the OpenStack user beside the image's own: cloud-init merges vendor data under "cloud-init".
 * The text is a "#cloud-config" whose body is JSON, which is YAML too, so that nothing needs another kind of
 * escaping. */
static const char *cloud_config(struct cx *cx, const struct metadata_of *of)
{
    const struct wire_metadata *m = about(of);
    struct jwriter w = jwriter_new(cx->arena);
    jw_object(&w);
    jw_key(&w, "users");
    jw_array(&w);
    jw_string(&w, "default");
    jw_object(&w);
    jw_kv(&w, "name", m->login_user);
    jw_kv(&w, "sudo", "ALL=(ALL) NOPASSWD:ALL");
    jw_kv(&w, "shell", "/bin/bash");
    jw_kv_bool(&w, "lock_passwd", true);
    jw_key(&w, "ssh_authorized_keys");
    jw_array(&w);
    for (size_t i = 0; i < m->keys.n; i++)
        jw_string(&w, m->keys.items[i].value);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    return cx_printf(cx, "#cloud-config\n%s\n", buf_text(&w.out));
}

static const char *vendor_data_json(struct cx *cx, const struct metadata_of *of)
{
    struct jwriter w = jwriter_new(cx->arena);
    jw_object(&w);
    if (about(of)->login_user)
        jw_kv(&w, "cloud-init", cloud_config(cx, of));
    jw_end(&w);
    return buf_text(&w.out);
}

static const char *vendor_data2_json(struct cx *cx, const struct metadata_of *of)
{
    struct jwriter w = jwriter_new(cx->arena);
    jw_object(&w);
    jw_key(&w, "alamo");
    jw_object(&w);
    jw_kv(&w, "login_user", about(of)->login_user);
    jw_end(&w);
    if (about(of)->login_user)
        jw_kv(&w, "cloud-init", cloud_config(cx, of));
    jw_end(&w);
    return buf_text(&w.out);
}

static const char *no_password(struct cx *cx, const struct metadata_of *of)
{
    return "";
}

static const struct row openstack_rows[] = {
    { "meta_data.json", meta_data_json },
    { "network_data.json", network_data_json },
    { "password", no_password },
    { "vendor_data.json", vendor_data_json },
    { "vendor_data2.json", vendor_data2_json },
};

static const char *openstack_list(struct cx *cx, const struct metadata_of *of)
{
    struct buf b = buf_new(cx->arena);
    for (size_t i = 0; i < N_ELEMENTS(openstack_rows); i++)
        buf_printf(&b, "%s%s", i ? "\n" : "", openstack_rows[i].path);
    if (about(of)->user_data)
        buf_puts(&b, "\nuser_data");
    return buf_text(&b);
}

static const char *openstack_file(struct cx *cx, const struct metadata_of *of, const char *path,
                                  const char **ret_type)
{
    for (size_t i = 0; i < N_ELEMENTS(openstack_rows); i++) {
        if (!str_eq(openstack_rows[i].path, path))
            continue;
        *ret_type = strchr(path, '.') ? "application/json" : "text/plain";
        return openstack_rows[i].value(cx, of);
    }
    return NULL;
}

/* ---- paths ---- */

static const char *list_of(struct cx *cx, const char *const *names, size_t n)
{
    struct buf b = buf_new(cx->arena);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? "\n" : "", names[i]);
    return buf_text(&b);
}

/* Takes one of 'names' off the front of '*path'. */
static bool take_version(const char **path, const char *const *names, size_t n)
{
    const char *rest;
    for (size_t i = 0; i < n; i++)
        if (str_starts(*path, names[i], &rest) && (!*rest || *rest == '/')) {
            *path = rest + strspn(rest, "/");
            return true;
        }
    return false;
}

static const char *openstack_answer(struct cx *cx, const struct metadata_of *of, const char *path,
                                    const char **ret_type, size_t *ret_n)
{
    if (!*path)
        return list_of(cx, openstack_versions, N_ELEMENTS(openstack_versions));
    if (!take_version(&path, openstack_versions, N_ELEMENTS(openstack_versions)))
        return NULL;
    if (!*path)
        return openstack_list(cx, of);
    if (str_eq(path, "user_data"))
        return user_data(cx, of, ret_n);
    return openstack_file(cx, of, path, ret_type);
}

static const char *ec2_answer(struct cx *cx, const struct metadata_of *of, const char *path, size_t *ret_n)
{
    const char *rest;
    if (!*path)
        return list_of(cx, ec2_versions, N_ELEMENTS(ec2_versions));
    if (!take_version(&path, ec2_versions, N_ELEMENTS(ec2_versions)))
        return NULL;
    if (!*path)
        return about(of)->user_data ? "meta-data/\nuser-data" : "meta-data/";
    if (str_eq(path, "user-data"))
        return user_data(cx, of, ret_n);
    if (str_starts(path, "meta-data", &rest) && (!*rest || *rest == '/'))
        return ec2_meta_data(cx, of, rest + strspn(rest, "/"));
    return NULL;
}

const char *render_metadata(struct cx *cx, const struct metadata_of *of, const char *path,
                            const char **ret_type, size_t *ret_n)
{
    const char *rest;
    size_t n = SIZE_MAX; /* text, unless user data says otherwise */

    *ret_type = "text/plain";
    if (strlen(path) > PATH_MAX_BYTES)
        return NULL;
    path += strspn(path, "/");
    bool openstack = str_starts(path, "openstack", &rest) && (!*rest || *rest == '/');
    const char *body = openstack ? openstack_answer(cx, of, rest + strspn(rest, "/"), ret_type, &n)
                                 : ec2_answer(cx, of, path, &n);
    if (body)
        *ret_n = n == SIZE_MAX ? strlen(body) : n;
    return body;
}

static void add_file(struct cx *cx, struct drive *drive, const char *name, const char *text, size_t n)
{
    struct drive_file *f = arena_push(cx->arena, &drive->files, &drive->n);
    f->path = cx_printf(cx, "openstack/latest/%s", name);
    f->data = text;
    f->n = n == SIZE_MAX ? strlen(text) : n;
}

struct drive render_drive(struct cx *cx, const struct metadata_of *of)
{
    static const char *const names[] = { "meta_data.json", "network_data.json", "vendor_data.json",
                                         "vendor_data2.json" };
    struct drive drive = { 0 };
    const char *type;
    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        add_file(cx, &drive, names[i], openstack_file(cx, of, names[i], &type), SIZE_MAX);
    size_t n = 0;
    const char *data = user_data(cx, of, &n);
    if (data)
        add_file(cx, &drive, "user_data", data, n);
    return drive;
}
