#include "compute/create.h"

#include <ctype.h>
#include <string.h>

#include "auth/who.h"
#include "base/env.h"
#include "compute/boot.h"
#include "compute/flavor.h"
#include "compute/history.h"
#include "compute/host.h"
#include "compute/keypair.h"
#include "compute/place.h"
#include "compute/power.h"
#include "identity/quota.h"
#include "json/read.h"

enum { HOSTNAME_MAX = 63 };

/* What all servers of the call share. */
struct making {
    const struct server_create *in;
    struct flavor flavor;
    struct boot boot;
    struct keypair keypair;
    struct server_group group;
    struct place_request place;
    const char *reservation_id;
    int64_t count;
};

const char *server_hostname_of(struct cx *cx, const char *name, const char *id)
{
    char *out = cx_alloc(cx, HOSTNAME_MAX + 1);
    size_t n = 0;

    for (const char *p = name; *p && n < HOSTNAME_MAX; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x80 && isalnum(c))
            out[n++] = (char)tolower(c);
        else if ((c == '-' || c == '_' || c == ' ' || c == '.') && n)
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = 0;
    return n ? out : cx_printf(cx, "server-%s", id);
}

static int find_parts(struct cx *cx, struct making *m)
{
    const struct server_create *in = m->in;

    TRY(boot_named(cx, flavor_get(cx, in->flavor_id, &m->flavor)));
    if (m->flavor.disabled)
        return fail(cx, KIND_INVALID, "Flavor %s is disabled.", m->flavor.id);
    TRY(boot_find(cx, in->image_id, m->flavor.ram_mib, m->flavor.root_gib, &m->boot));
    if (in->key_name && keypair_get(cx, cx->who->user_id, in->key_name, &m->keypair) < 0)
        return cx->kind == KIND_NOT_FOUND ? fail(cx, KIND_INVALID, "Invalid key_name provided.") : -EIO;
    return 0;
}

static int find_zone(struct cx *cx, const char *az)
{
    int64_t n;
    int r = store_int(cx, &n, "SELECT 1 FROM host WHERE az=$1 AND disabled=0 LIMIT 1", ARGS(az));

    TRY(r);
    if (!r && !str_eq(az, HOST_DEFAULT_AZ))
        return fail(cx, KIND_INVALID, "The requested availability zone is not available");
    return 0;
}

/* "zone", "zone:host", "zone:host:node"; a host only admins may name. */
static int find_place(struct cx *cx, struct making *m)
{
    const struct server_create *in = m->in;
    const char *colon = in->az ? strchr(in->az, ':') : NULL;
    const char *host = in->host_name, *zone = in->az;

    if (colon) {
        zone = arena_strndup(cx->arena, in->az, (size_t)(colon - in->az));
        host = arena_strndup(cx->arena, colon + 1, strcspn(colon + 1, ":"));
    }
    if (!str_empty(host) && !cx->who->is_admin)
        return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.");
    m->place.host_name = str_empty(host) ? NULL : host;
    m->place.az = str_empty(zone) ? NULL : zone;
    if (m->place.az)
        TRY(find_zone(cx, m->place.az));
    if (m->place.host_name) {
        struct host h;
        TRY(boot_named(cx, host_get_by_name(cx, m->place.host_name, &h)));
    }
    return 0;
}

static int find_hints(struct cx *cx, struct making *m)
{
    struct server s;

    for (size_t i = 0; i < m->in->same_host.n; i++)
        TRY(boot_named(cx, server_get(cx, m->in->same_host.items[i], &s)));
    for (size_t i = 0; i < m->in->different_host.n; i++)
        TRY(boot_named(cx, server_get(cx, m->in->different_host.items[i], &s)));
    m->place.same_host = m->in->same_host;
    m->place.different_host = m->in->different_host;
    if (!m->in->group_id)
        return 0;
    TRY(boot_named(cx, server_group_get(cx, m->in->group_id, &m->group)));
    m->place.group = &m->group;
    return server_group_check_room(cx, &m->group, m->count);
}

/* As many as the quota has room for, if that is min_count at least; else what the quota says. */
static int take_quota(struct cx *cx, struct making *m)
{
    const char *project = cx->who->project_id;
    const struct {
        const char *resource;
        int64_t each;
    } needs[] = { { "instances", 1 }, { "cores", m->flavor.vcpus }, { "ram", m->flavor.ram_mib } };
    int64_t count = m->in->max_count, limit, used;

    for (size_t i = 0; i < N_ELEMENTS(needs); i++) {
        TRY(quota_limit(cx, project, needs[i].resource, &limit));
        TRY(quota_used(cx, project, needs[i].resource, &used));
        if (limit >= 0 && (limit - used) / needs[i].each < count)
            count = (limit - used) / needs[i].each;
    }
    m->count = count < m->in->min_count ? m->in->min_count : count;
    for (size_t i = 0; i < N_ELEMENTS(needs); i++)
        TRY(quota_take(cx, project, needs[i].resource, needs[i].each * m->count));
    return 0;
}

static int check_metadata(struct cx *cx, const struct making *m)
{
    int64_t limit;

    TRY(quota_limit(cx, cx->who->project_id, "metadata_items", &limit));
    if (limit >= 0 && (int64_t)m->in->metadata.n > limit)
        return fail(cx, KIND_QUOTA, "Maximum number of metadata items exceeds %lld", (long long)limit);
    return 0;
}

static struct server row_of(struct cx *cx, const struct making *m, int64_t index)
{
    const struct server_create *in = m->in;
    const char *id = uuid_new(cx->arena);
    const char *name = m->in->max_count > 1 ? cx_printf(cx, "%s-%lld", in->name, (long long)index + 1) : in->name;
    bool has_key = in->key_name != NULL;

    return (struct server){
        .id = id, .project_id = cx->who->project_id, .user_id = cx->who->user_id, .user_name = cx->who->user_name,
        .name = name, .description = in->description,
        .hostname = in->hostname ? in->hostname : server_hostname_of(cx, name, id),
        .vm_state = "building", .task_state = "scheduling", .power_state = POWER_NONE,
        .gen = 1, .want_power = "on", .place_epoch = 1,
        .flavor_id = m->flavor.id, .flavor_name = m->flavor.name, .vcpus = m->flavor.vcpus, .ram_mib = m->flavor.ram_mib,
        .root_gib = m->flavor.root_gib, .ephemeral_gib = m->flavor.ephemeral_gib, .swap_mib = m->flavor.swap_mib,
        .extra_specs = m->flavor.extra_specs,
        .image_id = m->boot.image.id, .kernel_id = m->boot.kernel_id, .ramdisk_id = m->boot.ramdisk_id,
        .key_name = in->key_name, .key_data = has_key ? m->keypair.public_key : NULL,
        .user_data = in->user_data, .config_drive = in->config_drive,
        .metadata = json_of_map(cx->arena, in->metadata), .tags = "[]",
        .az = m->place.az, .reservation_id = m->reservation_id, .launch_index = index, .group_id = in->group_id,
        .disk_config = in->disk_config ? in->disk_config : "AUTO",
        .access_ip_v4 = server_address(cx, in->access_ip_v4), .access_ip_v6 = server_address(cx, in->access_ip_v6),
        .root_device = "/dev/vda",
        .created_at = cx->now_us, .updated_at = cx->now_us,
    };
}

static int no_host(struct cx *cx, struct server *s, const char *why)
{
    s->vm_state = "error";
    s->task_state = NULL;
    s->want_power = "off";
    s->fault_code = 500;
    s->fault_message = cx_printf(cx, "No valid host was found. %s", why);
    s->fault_at = cx->now_us;
    TRY(network_detach_all(cx, s->id));
    return history_end(cx, s->id, cx->request_id, s->fault_message);
}

static int make_one(struct cx *cx, const struct making *m, int64_t index, struct server *ret_server)
{
    struct server s = row_of(cx, m, index);
    struct list nics;
    const char *why = NULL;

    TRY(store_insert(cx, &server_table, &s));
    TRY(history_begin(cx, &s, "create", "compute__do_build_and_run_instance"));
    TRY(boot_named(cx, network_attach(cx, s.project_id, s.id, m->in->nic_mode, m->in->nics, m->in->groups, &nics)));
    int placed = server_place(cx, &s, &m->place, &why);
    TRY(placed);
    if (placed) {
        TRY(network_bind(cx, s.id, s.host_id));
        s.deadline_us = power_deadline(cx, POWER_BUILD_S);
    } else
        TRY(no_host(cx, &s, why));
    TRY(store_update(cx, &server_table, &s));
    if (m->in->tags.n)
        TRY(server_set_tags(cx, &s, m->in->tags));
    *ret_server = s;
    return 0;
}

int server_create(struct cx *cx, const struct server_create *in, struct list *ret_servers)
{
    struct making m = { .in = in };

    if (!cx->who->project_id)
        return fail(cx, KIND_FORBIDDEN, "A server belongs to a project: ask for a token of one.");
    TRY(find_parts(cx, &m));
    TRY(find_place(cx, &m));
    TRY(check_metadata(cx, &m));
    TRY(take_quota(cx, &m));
    TRY(find_hints(cx, &m));
    m.reservation_id = cx_printf(cx, "r-%s", secret_new(cx->arena, 8));
    struct server *servers = arena_new_array(cx->arena, struct server, (size_t)m.count);
    for (int64_t i = 0; i < m.count; i++)
        TRY(make_one(cx, &m, i, &servers[i]));
    *ret_servers = (struct list){ servers, (size_t)m.count };
    return 0;
}
