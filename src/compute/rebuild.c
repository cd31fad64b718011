#include "compute/rebuild.h"

#include "compute/boot.h"
#include "compute/history.h"
#include "compute/keypair.h"
#include "compute/password.h"
#include "compute/power.h"

static int check(struct cx *cx, const struct server *s)
{
    static const char *const states[] = { "active", "stopped", "error", NULL };

    TRY(server_check_lock(cx, s));
    TRY(server_check_state(cx, s, "rebuild", states));
    if (!s->host_id)
        return fail(cx, KIND_CONFLICT, "Cannot 'rebuild' instance %s: it was never built. Delete it and create another one.", s->id);
    return 0;
}

/* The key is one of the server's owner, whoever asks. */
static int change_key(struct cx *cx, struct server *s, const char *name)
{
    struct keypair key = { 0 };

    if (name && keypair_get(cx, s->user_id, name, &key) < 0)
        return cx->kind == KIND_NOT_FOUND ? fail(cx, KIND_INVALID, "Invalid key_name provided.") : -EIO;
    s->key_name = name;
    s->key_data = key.public_key;
    return 0;
}

static int change_image(struct cx *cx, struct server *s, const char *image_id)
{
    struct boot boot;

    TRY(boot_find(cx, image_id, s->ram_mib, s->root_gib, &boot));
    s->image_id = boot.image.id;
    s->kernel_id = boot.kernel_id;
    s->ramdisk_id = boot.ramdisk_id;
    return 0;
}

static int change_rest(struct cx *cx, struct server *s, const struct server_rebuild *in)
{
    s->name = in->name ? in->name : s->name;
    s->description = in->has_description ? in->description : s->description;
    s->disk_config = in->disk_config ? in->disk_config : s->disk_config;
    s->access_ip_v4 = in->access_ip_v4 ? server_address(cx, in->access_ip_v4) : s->access_ip_v4;
    s->access_ip_v6 = in->access_ip_v6 ? server_address(cx, in->access_ip_v6) : s->access_ip_v6;
    s->user_data = in->has_user_data ? in->user_data : s->user_data;
    if (in->has_key)
        TRY(change_key(cx, s, in->key_name));
    return in->has_metadata ? server_set_metadata(cx, s, in->metadata) : 0;
}

int server_rebuild(struct cx *cx, struct server *server, const struct server_rebuild *in)
{
    TRY(check(cx, server));
    TRY(change_image(cx, server, in->image_id));
    TRY(change_rest(cx, server, in));
    TRY(server_password_clear(cx, server)); /* the new guest makes its own */
    TRY(history_begin(cx, server, "rebuild", "compute_rebuild_instance"));
    server->want_power = str_eq(server->vm_state, "stopped") ? "off" : "on";
    server->task_state = "rebuilding";
    server->disk_n++;
    server->gen++;
    server->deadline_us = power_deadline(cx, POWER_BUILD_S);
    return server_save(cx, server);
}
