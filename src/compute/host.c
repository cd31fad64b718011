#include "compute/host.h"

#include "base/env.h"
#include "compute/server.h"

enum { CPU_OVERCOMMIT = 16, RAM_OVERCOMMIT_TENTHS = 15 };

bool host_alive(const struct cx *cx, const struct host *host)
{
    return cx->now_us - host->last_seen_us < HOST_SILENT_US * slow_factor();
}

static void set_facts(struct host *h, const struct wire_sync *sync)
{
    h->ip = sync->public_ip;
    h->boot_id = sync->boot_id;
    h->hypervisor = sync->hypervisor;
    h->hypervisor_version = sync->hypervisor_version;
    h->hypervisor_version_n = sync->hypervisor_version_n;
    h->cpu_model = sync->cpu_model;
    h->arch = sync->arch;
    h->cpus = sync->cpus;
    h->ram_mib = sync->ram_mib;
    h->disk_gib = sync->disk_gib;
    h->ram_seen_mib = sync->ram_used_mib;
    h->disk_seen_gib = sync->disk_used_gib;
    h->running = sync->running;
    h->uptime = sync->uptime;
}

int host_seen(struct cx *cx, const struct wire_sync *sync, const char **ret_id)
{
    struct host h;
    int r = store_find(cx, &host_table, &h, "name=$1", ARGS(sync->host_name));

    TRY(r);
    if (!r)
        h = (struct host){ .id = uuid_new(cx->arena), .name = sync->host_name, .az = HOST_DEFAULT_AZ, .created_at = cx->now_us };
    set_facts(&h, sync);
    h.last_seen_us = cx->now_us;
    h.updated_at = cx->now_us;
    *ret_id = h.id;
    return store_put(cx, &host_table, &h);
}

static int get_by(struct cx *cx, const char *where, const char *value, struct host *ret_host)
{
    int r = store_find(cx, &host_table, ret_host, where, ARGS(value));
    TRY(r);
    if (!r)
        return fail(cx, KIND_NOT_FOUND, "Compute host %.255s could not be found.", value);
    return 0;
}

int host_get(struct cx *cx, const char *id, struct host *ret_host)
{
    return get_by(cx, "id=$1", id, ret_host);
}

int host_get_by_name(struct cx *cx, const char *name, struct host *ret_host)
{
    return get_by(cx, "name=$1", name, ret_host);
}

int host_list(struct cx *cx, struct list *ret_hosts)
{
    return store_list(cx, &host_table, ret_hosts, "1=1 ORDER BY name", NO_ARGS);
}

int host_list_of(struct cx *cx, struct strs ids, struct list *ret_hosts)
{
    struct host *hosts = arena_new_array(cx->arena, struct host, ids.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < ids.n; i++) {
        int r = store_find(cx, &host_table, &hosts[n], "id=$1", ARGS(ids.items[i]));
        TRY(r);
        n += (size_t)r;
    }
    *ret_hosts = (struct list){ hosts, n };
    return 0;
}

int host_set_disabled(struct cx *cx, const char *id, bool disabled, const char *reason)
{
    struct host h;

    TRY(host_get(cx, id, &h));
    h.disabled = disabled;
    h.disabled_reason = disabled ? reason : NULL;
    h.updated_at = cx->now_us;
    return store_update(cx, &host_table, &h);
}

int host_remove(struct cx *cx, const char *id)
{
    struct host h;

    TRY(host_get(cx, id, &h));
    if (h.servers_n)
        return fail(cx, KIND_CONFLICT, "Unable to delete compute service that is hosting instances. Delete the instances first.");
    TRY(store_delete(cx, &host_table, "id=$1", ARGS(id)));
    return 0;
}

int64_t host_vcpus_cap(const struct host *host)
{
    return host->cpus * CPU_OVERCOMMIT;
}

int64_t host_ram_cap_mib(const struct host *host)
{
    return host->ram_mib * RAM_OVERCOMMIT_TENTHS / 10;
}

int64_t host_disk_cap_gib(const struct host *host)
{
    return host->disk_gib;
}

static int64_t disk_of(const struct server *s)
{
    return s->root_gib + s->ephemeral_gib + (s->swap_mib + 1023) / 1024;
}

int host_claim(struct cx *cx, const char *host_id, const struct server *server)
{
    return store_exec(cx, &host_table,
                      "UPDATE host SET used_vcpus=used_vcpus+$2, used_ram_mib=used_ram_mib+$3, used_disk_gib=used_disk_gib+$4, "
                      "servers_n=servers_n+1 WHERE id=$1 AND used_vcpus+$2<=cpus*$5 AND used_ram_mib+$3<=ram_mib*$6/10 "
                      "AND used_disk_gib+$4<=disk_gib",
                      ARGS(host_id, server->vcpus, server->ram_mib, disk_of(server), CPU_OVERCOMMIT, RAM_OVERCOMMIT_TENTHS));
}

int host_release(struct cx *cx, const char *host_id, const struct server *server)
{
    return store_exec(cx, &host_table,
                      "UPDATE host SET used_vcpus=used_vcpus-$2, used_ram_mib=used_ram_mib-$3, used_disk_gib=used_disk_gib-$4, "
                      "servers_n=servers_n-1 WHERE id=$1",
                      ARGS(host_id, server->vcpus, server->ram_mib, disk_of(server)));
}

int host_reclaim(struct cx *cx, const char *host_id, const struct server *from, const struct server *to, bool force)
{
    int64_t vcpus = to->vcpus - from->vcpus, ram_mib = to->ram_mib - from->ram_mib, disk_gib = disk_of(to) - disk_of(from);

    return store_exec(cx, &host_table,
                      "UPDATE host SET used_vcpus=used_vcpus+$2, used_ram_mib=used_ram_mib+$3, used_disk_gib=used_disk_gib+$4 "
                      "WHERE id=$1 AND ($7=1 OR (($2<=0 OR used_vcpus+$2<=cpus*$5) AND ($3<=0 OR used_ram_mib+$3<=ram_mib*$6/10) "
                      "AND ($4<=0 OR used_disk_gib+$4<=disk_gib)))",
                      ARGS(host_id, vcpus, ram_mib, disk_gib, CPU_OVERCOMMIT, RAM_OVERCOMMIT_TENTHS, (int)force));
}
