/* preload: what a new cloud holds so that it can be used at once: the guest image, a key, open doors for the
 * first user. */
#include "cli/preload.h"

#include <string.h>
#include <stdlib.h>

#include "cli/files.h"
#include "cli/objects.h"
#include "json/writer.h"

/* The guest's kernel and ramdisk are images of their own: QEMU starts them without a boot loader, which is
 * the fastest way to a running server. */
const char preload_command_line[] =
    "root=/dev/vda ro console=tty1 console=ttyS0 quiet tsc=reliable cryptomgr.notests";
static const char login_user[] = "cirros", root_file[] = "micro-root.raw";

/* ---- images ---- */

static const char *image_file(struct cli *cli, const char *name)
{
    const char *share = getenv("ALAMO_SHARE"), *dir = cli->settings.image_dir;

    if (!dir)
        dir = share ? cx_printf(cli->cx, "%s/guest/out", share) : "/usr/share/alamo/guest";
    return cx_printf(cli->cx, "%s/%s", dir, name);
}

struct new_image {
    const char *name, *file, *format, *visibility;
    const char *kernel_id, *ramdisk_id;
};

static const char *image_body(struct cli *cli, const struct new_image *i)
{
    struct jwriter w = jwriter_new(cli->cx->arena);

    jw_object(&w);
    jw_kv(&w, "name", i->name);
    jw_kv(&w, "disk_format", i->format);
    jw_kv(&w, "container_format", i->format);
    jw_kv(&w, "visibility", i->visibility);
    if (i->kernel_id) {
        jw_kv(&w, "kernel_id", i->kernel_id);
        jw_kv(&w, "ramdisk_id", i->ramdisk_id);
        jw_kv(&w, "os_command_line", preload_command_line);
        jw_kv(&w, "os_admin_user", login_user);
    }
    jw_end(&w);
    return buf_text(&w.out);
}

/* An upload that was cut off leaves an image without bytes: it is made anew. */
static int drop_unfinished(struct api *api, struct api_image *image)
{
    if (!image->id || str_eq(image->status, "active"))
        return 0;
    TRY(api_send(api, "DELETE", api_path(api, "/image/v2/images/%s", image->id), NULL, NULL, NULL));
    *image = (struct api_image){ 0 };
    return 0;
}

static int ensure_image(struct cli *cli, struct api *api, const struct new_image *i, const char **ret_id)
{
    struct api_image have;
    struct api_ref made = { 0 };

    TRY(api_image_by_name(api, i->name, &have));
    TRY(drop_unfinished(api, &have));
    *ret_id = have.id;
    if (have.id)
        return 0;
    TRY(api_send(api, "POST", "/image/v2/images", image_body(cli, i), api_ref_fields, &made));
    TRY(api_upload(api, api_path(api, "/image/v2/images/%s/file", made.id), image_file(cli, i->file)));
    *ret_id = made.id;
    return 1;
}

const char *preload_file(struct cli *cli)
{
    return image_file(cli, root_file);
}

int preload_images(struct cli *cli)
{
    struct new_image kernel = { "micro-vmlinux", "micro-vmlinux", "aki", "community", NULL, NULL };
    struct new_image ramdisk = { "micro-initrd", "micro-initrd", "ari", "community", NULL, NULL };
    struct new_image root = { "cirros", root_file, "ami", "public", NULL, NULL };
    struct api_image have;
    struct api *api;
    const char *id;

    TRY(api_login_admin(cli, &api));
    TRY(api_image_by_name(api, root.name, &have));
    TRY(drop_unfinished(api, &have));
    if (have.id)
        return 0;
    if (!files_there(image_file(cli, root.file)))
        return fail(cli->cx, KIND_NOT_FOUND, "there is no guest image %s: run guest/build-micro guest/out",
                    image_file(cli, root.file));
    TRY(ensure_image(cli, api, &kernel, &root.kernel_id));
    TRY(ensure_image(cli, api, &ramdisk, &root.ramdisk_id));
    return ensure_image(cli, api, &root, &id);
}

/* ---- the first user's key ---- */

struct keypair {
    const char *name, *private_key;
};
struct keypair_answer {
    struct keypair *keypair;
};
/* clang-format off */
static const struct field keypair_fields[] = {
    STR(struct keypair, name),
    STR(struct keypair, private_key, .max = 65536),
    { 0 },
};
static const struct field keypair_answer_fields[] = {
    SUB(struct keypair_answer, keypair, struct keypair, keypair_fields),
    { 0 },
};
/* clang-format on */

int preload_keypair(struct cli *cli)
{
    const char *path = cli_config_file(cli, "demo.key");
    struct keypair_answer answer = { 0 };
    struct api *api;

    TRY(api_login_demo(cli, &api));
    int r = api_get(api, "/compute/v2.1/os-keypairs/" PRELOAD_KEY, keypair_answer_fields, &answer);
    if (r < 0 && cli->cx->kind != KIND_NOT_FOUND)
        return r;
    if (r == 0 && files_there(path))
        return 0;
    fail_clear(cli->cx);
    if (r == 0) /* its private half is lost, or never arrived: nobody can use it */
        TRY(api_send(api, "DELETE", "/compute/v2.1/os-keypairs/" PRELOAD_KEY, NULL, NULL, NULL));
    TRY(api_send(api, "POST", "/compute/v2.1/os-keypairs", "{\"keypair\":{\"name\":\"" PRELOAD_KEY "\"}}",
                 keypair_answer_fields, &answer));
    if (!answer.keypair || !answer.keypair->private_key)
        return fail(cli->cx, KIND_INTERNAL, "the new keypair came without its private key");
    TRY(files_text(cli, path, answer.keypair->private_key, OWNER_ROOT, 0600));
    return 1;
}

/* ---- what may reach the first user's servers ---- */

struct rule {
    const char *protocol, *direction, *ethertype, *remote_ip_prefix;
    int64_t port_range_min;
};
/* clang-format off */
static const struct field rule_fields[] = {
    STR(struct rule, protocol),
    STR(struct rule, direction),
    STR(struct rule, ethertype),
    STR(struct rule, remote_ip_prefix),
    I64(struct rule, port_range_min),
    { 0 },
};
static const struct field rules_fields[] = {
    LIST(struct api_list, items, struct rule, rule_fields, AS("security_group_rules"), .max = 100000),
    { 0 },
};
static const struct field groups_fields[] = {
    LIST(struct api_list, items, struct api_ref, api_ref_fields, AS("security_groups"), .max = 100000),
    { 0 },
};
static const struct rule doors[] = {
    { "tcp", "ingress", "IPv4", "0.0.0.0/0", 22 },
    { "tcp", "ingress", "IPv4", "0.0.0.0/0", 80 },
    { "icmp", "ingress", "IPv4", "0.0.0.0/0", 0 },
};
/* clang-format on */

static bool has_rule(struct list rules, const struct rule *wanted)
{
    const struct rule *r = rules.items;

    for (size_t i = 0; i < rules.n; i++)
        if (str_eq(r[i].protocol, wanted->protocol) && str_eq(r[i].direction, wanted->direction) &&
            str_eq(r[i].ethertype, wanted->ethertype) && r[i].port_range_min == wanted->port_range_min)
            return true;
    return false;
}

static const char *rule_body(struct cli *cli, const char *group_id, const struct rule *r)
{
    struct jwriter w = jwriter_new(cli->cx->arena);

    jw_object(&w), jw_key(&w, "security_group_rule"), jw_object(&w);
    jw_kv(&w, "security_group_id", group_id);
    jw_kv(&w, "direction", r->direction);
    jw_kv(&w, "ethertype", r->ethertype);
    jw_kv(&w, "protocol", r->protocol);
    jw_kv(&w, "remote_ip_prefix", r->remote_ip_prefix);
    if (r->port_range_min) {
        jw_kv_int(&w, "port_range_min", r->port_range_min);
        jw_kv_int(&w, "port_range_max", r->port_range_min);
    }
    jw_end(&w), jw_end(&w);
    return buf_text(&w.out);
}

/* Only a new cloud gets them: who takes a rule away does not find it back after the next `up`. */
int preload_rules(struct cli *cli)
{
    const char *mark = cli_data_file(cli, "rules.made");
    struct api_list groups = { 0 }, rules = { 0 };
    struct api *api;

    if (files_there(mark))
        return 0;
    TRY(api_login_demo(cli, &api));
    TRY(api_get(api, "/network/v2.0/security-groups?name=default", groups_fields, &groups));
    if (groups.items.n == 0)
        return fail(cli->cx, KIND_INTERNAL, "the project %s has no default security group",
                    cli->settings.demo_user);
    const char *group_id = ((const struct api_ref *)groups.items.items)->id;
    TRY(api_get(api, api_path(api, "/network/v2.0/security-group-rules?security_group_id=%s", group_id),
                rules_fields, &rules));
    for (size_t i = 0; i < N_ELEMENTS(doors); i++)
        if (!has_rule(rules.items, &doors[i]))
            TRY(api_send(api, "POST", "/network/v2.0/security-group-rules",
                         rule_body(cli, group_id, &doors[i]), NULL, NULL));
    TRY(files_new(cli, mark, "", OWNER_ROOT, 0644));
    return 1;
}
