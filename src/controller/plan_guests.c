#include "controller/plan_guests.h"

#include <stdio.h>
#include <string.h>

#include "image/image.h"
#include "json/read.h"

/* A name that useradd takes; any other is not offered as a login. */
static bool is_login(const char *s)
{
    size_t n = s ? strlen(s) : 0;

    if (!n || n > 32 || !((*s >= 'a' && *s <= 'z') || *s == '_') || strcmp(s, "root") == 0)
        return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

/* Images that the servers of the host use, each loaded and rendered once. */
struct known_image {
    const char *id;
    struct wire_image *wire;
    const char *kernel_args; /* or NULL */
};
struct image_cache {
    struct known_image *images;
    size_t n;
};

static struct wire_image *image_of(struct cx *cx, const struct image *image)
{
    static const char *const as_is[] = { "qcow2", "iso", NULL };
    struct wire_image *w = cx_alloc(cx, sizeof *w);

    w->id = image->id;
    w->format = "raw";
    for (const char *const *f = as_is; *f; f++)
        if (str_eq(image->disk_format, *f))
            w->format = *f;
    w->size_bytes = image->size;
    w->sha512 = image->os_hash_value;
    return w;
}

static const char *property(struct cx *cx, const struct image *image, const char *key)
{
    struct strmap map = json_to_map(cx, image->properties);
    for (size_t i = 0; i < map.n; i++)
        if (str_eq(map.items[i].key, key))
            return map.items[i].value;
    return NULL;
}

/* Fills '*ret_image', with zeros when 'id' names none. */
static int find_image(struct cx *cx, struct image_cache *cache, const char *id, struct known_image *ret_image)
{
    struct image image;

    *ret_image = (struct known_image){ 0 };
    if (str_empty(id))
        return 0;
    for (size_t i = 0; i < cache->n; i++)
        if (str_eq(cache->images[i].id, id)) {
            *ret_image = cache->images[i];
            return 0;
        }
    TRY(image_find_any(cx, id, &image));
    *ret_image = (struct known_image){ id, image_of(cx, &image), property(cx, &image, "os_command_line") };
    *arena_push(cx->arena, &cache->images, &cache->n) = *ret_image;
    return 0;
}

/* Essex's names of images: "ami-" and eight hex digits, here of the UUID. */
static const char *ec2_id(struct cx *cx, const char *prefix, const char *uuid)
{
    return str_empty(uuid) ? NULL : cx_printf(cx, "%s-%.8s", prefix, uuid);
}

static struct wire_metadata *metadata_of(struct cx *cx, const struct server *s, const struct plan_nics *nics)
{
    struct wire_metadata *m = cx_alloc(cx, sizeof *m);

    *m = (struct wire_metadata){
        .hostname = s->hostname, .name = s->name, .availability_zone = s->az, .instance_type = s->flavor_name,
        .reservation_id = s->reservation_id, .ami_id = ec2_id(cx, "ami", s->image_id), .launch_index = s->launch_index,
        .meta = json_to_map(cx, s->metadata), .user_data = s->user_data, .project_id = s->project_id,
        .login_user = is_login(s->user_name) ? s->user_name : NULL,
        .public_ipv4 = plan_nics_public_ip(nics, s->id), .group_names = plan_nics_group_names(cx, nics, s->id),
    };
    if (s->key_data) {
        m->keys.items = arena_new_array(cx->arena, struct strpair, 1);
        m->keys.items[m->keys.n++] = (struct strpair){ s->key_name, s->key_data };
    }
    return m;
}

static struct list tasks_of(struct cx *cx, struct list all, const char *server_id)
{
    const struct server_task *t = all.items;
    struct wire_task *out = NULL;
    size_t n = 0;

    for (size_t i = 0; i < all.n; i++)
        if (str_eq(t[i].server_id, server_id))
            *arena_push(cx->arena, &out, &n) = (struct wire_task){ t[i].id, t[i].kind, t[i].image_id, t[i].deadline_us };
    return (struct list){ out, n };
}

static int load_guest(struct cx *cx, struct image_cache *cache, const struct server *s, const struct plan_nics *nics,
                      struct list tasks, struct wire_guest *g)
{
    struct known_image image, kernel, ramdisk;

    TRY(find_image(cx, cache, s->image_id, &image));
    TRY(find_image(cx, cache, s->kernel_id, &kernel));
    TRY(find_image(cx, cache, s->ramdisk_id, &ramdisk));
    *g = (struct wire_guest){
        .id = s->id, .gen = s->gen, .power = s->want_power, .stop_hard = s->stop_hard, .boot_n = s->boot_n,
        .boot_hard = s->boot_hard, .disk_n = s->disk_n, .place_epoch = s->place_epoch, .vcpus = s->vcpus, .ram_mib = s->ram_mib,
        .root_gib = s->root_gib, .ephemeral_gib = s->ephemeral_gib, .swap_mib = s->swap_mib, .image = image.wire, .kernel = kernel.wire,
        .ramdisk = ramdisk.wire, .kernel_args = image.kernel_args, .config_drive = s->config_drive,
        .ports = plan_nics_ports(cx, nics, s->id), .tasks = tasks_of(cx, tasks, s->id), .metadata = metadata_of(cx, s, nics),
        .deadline_us = s->deadline_us,
    };
    return 0;
}

int plan_load_guests(struct cx *cx, const char *host_id, const struct plan_nics *nics, struct list *ret_guests)
{
    struct image_cache cache = { 0 };
    struct list servers, tasks;
    size_t n = 0;

    TRY(server_list_of_host(cx, host_id, &servers));
    TRY(server_tasks_of_host(cx, host_id, &tasks));
    struct wire_guest *guests = arena_new_array(cx->arena, struct wire_guest, servers.n + 1);
    const struct server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++)
        if (!s[i].deleting) /* the absence of a document is what deletes */
            TRY(load_guest(cx, &cache, &s[i], nics, tasks, &guests[n++]));
    *ret_guests = (struct list){ guests, n };
    return 0;
}
