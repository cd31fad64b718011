#include "agent/bench.h"

#include <stdio.h>
#include <sys/stat.h>

#include "agent/file.h"
#include "agent/host.h"
#include "agent/local/local.h"
#include "agent/render/render.h"
#include "base/env.h"
#include "json/writer.h"

enum { DISK_GIB = 1, MANY_RULES = 1000 };

#define NETWORK_ID "be9c0000-0000-4000-8000-000000000001"
#define GROUP_ID "be9c0000-0000-4000-8000-000000000002"
#define PORT_ID "be9c0000-0000-4000-8000-000000000003"
static const char bridge[] = "br0", mac[] = "fa:16:3e:be:9c:01", guest_ip[] = "10.255.0.2",
                  host_ip[] = "10.255.0.1", range[] = "10.255.0.0/24";

/* ---- disks ---- */

static int make_disk(struct cx *cx, struct storage *st, const char *dir, const char *image_id,
                     const char **ret_path)
{
    const char *path = cx_printf(cx, "%s/images/%s", dir, image_id), *format = "qcow2";
    int64_t bytes = file_size(path);
    if (local_qcow2_size(cx, path, &bytes) < 0) {
        fail_clear(cx);
        format = "raw";
    }
    struct wire_image image = { .id = image_id, .format = format, .size_bytes = file_size(path) };
    struct wire_guest guest = { .id = image_id, .root_gib = DISK_GIB, .image = &image };
    TRY(st->remove(st->self, cx, guest.id));
    TRY(st->make(st->self, cx, &guest, (struct drive){ 0 }));
    *ret_path = st->files(st->self, cx, &guest, guest.id).root;
    return 0;
}

static int put_disks(struct cx *cx, struct jwriter *w, struct storage *st, const char *dir)
{
    struct strs ids = { 0 };
    const char *path;
    TRY(file_list(cx, cx_printf(cx, "%s/images", dir), &ids));
    jw_key(w, "disks");
    jw_array(w);
    for (size_t i = 0; i < ids.n; i++)
        if (uuid_valid(ids.items[i])) {
            TRY(make_disk(cx, st, dir, ids.items[i], &path));
            jw_object(w);
            jw_kv(w, "image_id", ids.items[i]);
            jw_kv(w, "path", path);
            jw_end(w);
        }
    jw_end(w);
    return 0;
}

/* ---- rules ---- */

/* All but the last are for TCP, each from an address of its own: a ping has to pass them all. */
static struct list group_rules(struct cx *cx, size_t n)
{
    struct wire_rule *rules = arena_new_array(cx->arena, struct wire_rule, n + 1);
    for (size_t i = 0; i < n; i++)
        rules[i] = (struct wire_rule){
            .direction = "ingress",
            .ethertype = "IPv4",
            .protocol = i + 1 < n ? "tcp" : "icmp",
            .port_min = i + 1 < n ? (int64_t)i + 1 : -1,
            .port_max = i + 1 < n ? (int64_t)i + 1 : -1,
            .remote_cidr = i + 1 < n ? cx_printf(cx, "10.%zu.%zu.1/32", i / 256, i % 256) : NULL,
        };
    rules[n] =
        (struct wire_rule){ .direction = "egress", .ethertype = "IPv4", .port_min = -1, .port_max = -1 };
    return (struct list){ rules, n + 1 };
}

static int put_rules(struct cx *cx, struct jwriter *w, size_t n)
{
    const char *ips[] = { guest_ip }, *group_ids[] = { GROUP_ID };
    struct wire_subnet subnet = {
        .id = NETWORK_ID, .cidr = range, .gateway = host_ip, .ip_version = 4, .gateway_here = true
    };
    const struct wire_network network = { .id = NETWORK_ID, .flat = true, .subnets = { &subnet, 1 } };
    const struct wire_group group = {
        .id = GROUP_ID, .stateful = true, .rules = group_rules(cx, n), .members = { ips, 1 }
    };
    const struct wire_port port = { .id = PORT_ID,
                                    .mark = 1,
                                    .mac = mac,
                                    .network_id = NETWORK_ID,
                                    .ips = { ips, 1 },
                                    .groups = { group_ids, 1 },
                                    .secured = true };
    struct net_port in_plan = { .port = &port, .guest_id = PORT_ID };
    const struct net_settings settings = {
        .public_nic = "none", .bridge = bridge, .metadata_port = 8775, .api_port = 8443
    };
    const struct wire_network *const networks[] = { &network };
    const struct wire_group *const groups[] = { &group };
    const struct net_plan plan = { .settings = &settings,
                                   .ports = { &in_plan, 1 },
                                   .networks = networks,
                                   .groups = groups,
                                   .n_networks = 1,
                                   .n_groups = 1 };
    const char *text;
    TRY(render_nft(cx, &plan, &text));
    jw_object(w);
    jw_kv_int(w, "n", (int64_t)n);
    jw_kv(w, "text", text);
    jw_end(w);
    return 0;
}

/* ---- all of it ---- */

static void put_port(struct jwriter *w)
{
    char tap[16];
    wire_tap_name(PORT_ID, tap);
    jw_kv(w, "tap", tap);
    jw_kv(w, "bridge", bridge);
    jw_kv(w, "mac", mac);
    jw_kv(w, "guest_ip", guest_ip);
    jw_kv(w, "host_ip", host_ip);
}

int bench_parts(struct cx *cx, const char *dir)
{
    const struct local_config config = { .state_dir = dir, .image_dir = cx_printf(cx, "%s/images", dir) };
    struct jwriter w = jwriter_new(cx->arena);
    struct storage storage;
    TRY(local_new(cx, &config, &storage));
    jw_object(&w);
    jw_kv(&w, "io", host_io_uring() ? "io_uring" : "native");
    put_port(&w);
    int r = put_disks(cx, &w, &storage, dir);
    storage.free(storage.self);
    TRY(r);
    jw_key(&w, "rules");
    jw_array(&w);
    TRY(put_rules(cx, &w, 1));
    TRY(put_rules(cx, &w, MANY_RULES));
    jw_end(&w);
    jw_end(&w);
    puts(buf_text(&w.out));
    return 0;
}
