/* /servers: lists, one, change, delete. */
#include "api/nova/nova.h"
#include "api/nova/server_view.h"

#include <string.h>

/* clang-format off */
static const char *const known_query[] = {
    "access_ip_v4", "access_ip_v6", "all_tenants", "auto_disk_config", "availability_zone", "block_device_mapping",
    "changes-before", "changes-since", "config_drive", "created_at", "deleted", "description", "display_description",
    "display_name", "flavor", "host", "hostname", "image", "image_ref", "instance_type_id", "ip", "ip6", "kernel_id", "key_name",
    "launch_index", "launched_at", "limit", "locked", "locked_by", "marker", "name", "node", "not-tags", "not-tags-any",
    "power_state", "progress", "project_id", "ramdisk_id", "reservation_id", "root_device_name", "services", "soft_deleted",
    "sort_dir", "sort_key", "status", "tags", "tags-any", "task_state", "tenant_id", "terminated_at", "user_id", "uuid",
    "vm_state", NULL,
};
/* What everybody may filter by, and what admins may; other names are ignored, as Nova does. */
static const char *const tenant_filters[] = { "reservation_id", "image=image_id", "flavor=flavor_id", NULL };
static const char *const admin_filters[] = {
    "reservation_id", "image=image_id", "flavor=flavor_id", "image_ref=image_id", "uuid=id", "user_id", "key_name", "vm_state",
    "task_state", "power_state", "availability_zone=az", "config_drive", "hostname", "kernel_id", "ramdisk_id", "launch_index",
    "root_device_name=root_device", "description", "display_description=description", NULL,
};
static const char *const sorts[] = {
    "access_ip_v4", "access_ip_v6", "availability_zone=az", "config_drive", "created_at", "display_name=name",
    "display_description=description", "hostname", "image_ref=image_id", "instance_type_id=flavor_id", "kernel_id", "key_name",
    "launch_index", "launched_at", "locked", "power_state", "project_id", "ramdisk_id", "root_device_name=root_device",
    "task_state", "terminated_at", "updated_at", "user_id", "uuid=id", "vm_state", "host=host_id", NULL,
};
static const char *const sort_keys[] = {
    "access_ip_v4", "access_ip_v6", "auto_disk_config", "availability_zone", "config_drive", "created_at",
    "display_description", "display_name", "host", "hostname", "image_ref", "instance_type_id", "kernel_id", "key_name",
    "launch_index", "launched_at", "locked", "locked_by", "node", "power_state", "progress", "project_id", "ramdisk_id",
    "root_device_name", "task_state", "terminated_at", "updated_at", "user_id", "uuid", "vm_state", NULL,
};
/* clang-format on */

static struct strs split(struct cx *cx, const char *list)
{
    struct strs out = { 0 };
    while (list && *list) {
        size_t n = strcspn(list, ",");
        *arena_push(cx->arena, &out.items, &out.n) = arena_strndup(cx->arena, list, n);
        list += n + (list[n] == ',');
    }
    return out;
}

static void add_cond(struct cx *cx, struct filter *f, const char *column, enum filter_op op, const char *value)
{
    const char **v = cx_alloc(cx, sizeof *v);
    *v = value;
    *arena_push(cx->arena, &f->conds, &f->n_conds) = (struct filter_cond){ column, op, { v, 1 } };
}

/* Sets '*ret_none' when no server can match. */
static int read_status(struct cx *cx, struct req *rq, struct filter *f, bool *ret_none)
{
    struct strs statuses = req_query_all(rq, "status");

    if (!statuses.n)
        return 0;
    if (statuses.n == 1 && str_eq(statuses.items[0], "DELETED") && !cx->who->is_admin)
        return fail(cx, KIND_FORBIDDEN, "Only administrators may list deleted instances");
    *ret_none = !server_status_filter(cx, statuses, f);
    if (*ret_none && req_mv(rq) >= MV(2, 38) && !str_eq(statuses.items[0], "DELETED"))
        return fail(cx, KIND_INVALID, "Invalid status value");
    return 0;
}

static int read_times(struct cx *cx, struct req *rq, struct filter *f)
{
    int64_t since = 0, before = 0;

    TRY(nova_query_time(rq, "changes-since", &since));
    if (req_mv(rq) >= MV(2, 66))
        TRY(nova_query_time(rq, "changes-before", &before));
    if (since && before && before < since)
        return fail(cx, KIND_INVALID, "The value of changes-since must be less than or equal to changes-before.");
    if (since)
        add_cond(cx, f, "updated_at", FILTER_GE, cx_printf(cx, "%lld", (long long)since));
    if (before)
        add_cond(cx, f, "updated_at", FILTER_LE, cx_printf(cx, "%lld", (long long)before));
    return 0;
}

static int read_scope(struct cx *cx, struct req *rq, struct server_query *q)
{
    const char *project = req_query(rq, "project_id") ? req_query(rq, "project_id") : req_query(rq, "tenant_id");

    if (req_query(rq, "all_tenants"))
        q->all_projects = req_query_bool(rq, "all_tenants");
    if (q->all_projects && !cx->who->is_admin)
        return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.");
    if (q->all_projects) /* without it a project's name is ignored, as Nova does */
        q->project_id = project;
    if (cx->who->is_admin)
        q->host_name = req_query(rq, "host") ? req_query(rq, "host") : req_query(rq, "node");
    return 0;
}

static int read_query(struct cx *cx, struct req *rq, struct server_query *q, bool *ret_none)
{
    const struct paging paging = { .columns = server_table.columns, .filters = cx->who->is_admin ? admin_filters : tenant_filters,
                                   .sorts = sorts, .default_sort = "created_at:desc", .max = NOVA_PAGE_MAX,
                                   .fallback = NOVA_PAGE_MAX };

    TRY(nova_check_query(rq, known_query));
    TRY(nova_check_sort_keys(rq, sort_keys));
    TRY(req_filter(rq, &paging, &q->filter));
    TRY(read_status(cx, rq, &q->filter, ret_none));
    TRY(read_times(cx, rq, &q->filter));
    TRY(read_scope(cx, rq, q));
    q->name_pattern = req_query(rq, "name") ? req_query(rq, "name") : req_query(rq, "display_name");
    q->ip_pattern = req_query(rq, "ip");
    if (req_mv(rq) >= MV(2, 5) || cx->who->is_admin)
        q->ip6_pattern = req_query(rq, "ip6");
    if (req_mv(rq) >= MV(2, 26)) {
        q->tags = split(cx, req_query(rq, "tags"));
        q->tags_any = split(cx, req_query(rq, "tags-any"));
        q->not_tags = split(cx, req_query(rq, "not-tags"));
        q->not_tags_any = split(cx, req_query(rq, "not-tags-any"));
    }
    if (req_mv(rq) >= MV(2, 73) && req_query(rq, "locked"))
        add_cond(cx, &q->filter, "locked", FILTER_IN, req_query_bool(rq, "locked") ? "1" : "0");
    if (str_eq(req_query(rq, "limit"), "0"))
        *ret_none = true;
    if (cx->who->is_admin && req_query_bool(rq, "deleted"))
        *ret_none = true; /* nothing is kept of deleted servers but usage and history */
    return 0;
}

static int find_servers(struct cx *cx, struct req *rq, struct list *ret_servers, int64_t *ret_limit)
{
    struct server_query q = { 0 };
    bool none = false;

    TRY(read_query(cx, rq, &q, &none));
    *ret_limit = q.filter.limit;
    *ret_servers = (struct list){ 0 };
    return none ? 0 : server_list(cx, &q, ret_servers);
}

static void end_list(struct jwriter *w, struct req *rq, struct list servers, int64_t limit)
{
    const struct server *s = servers.items;
    jw_end(w);
    nova_next_link(w, rq, "servers_links", servers.n, limit, servers.n ? s[servers.n - 1].id : NULL);
    jw_end(w);
}

static int servers_list(struct cx *cx, struct req *rq)
{
    struct list servers;
    int64_t limit;

    TRY(find_servers(cx, rq, &servers, &limit));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "servers");
    jw_array(w);
    for (size_t i = 0; i < servers.n; i++)
        jw_fields(w, nova_server_brief_view, &((struct server *)servers.items)[i]);
    end_list(w, rq, servers, limit);
    return reply_written(rq);
}

static int servers_detail(struct cx *cx, struct req *rq)
{
    struct list servers, shown;
    int64_t limit;

    TRY(find_servers(cx, rq, &servers, &limit));
    TRY(shown_gather(cx, servers, &shown));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "servers");
    jw_array(w);
    for (size_t i = 0; i < shown.n; i++)
        nova_put_server(w, &((struct shown *)shown.items)[i], LOOK_LIST);
    end_list(w, rq, servers, limit);
    return reply_written(rq);
}

static int reply_look(struct cx *cx, struct req *rq, const struct server *server, enum server_look look)
{
    struct server copy = *server;
    struct list shown;

    TRY(shown_gather(cx, (struct list){ &copy, 1 }, &shown));
    struct jwriter *w = reply_writer(rq);
    jw_object(w);
    jw_key(w, "server");
    nova_put_server(w, shown.items, look);
    jw_end(w);
    return reply_written(rq);
}

static int servers_show(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    return reply_look(cx, rq, &s, LOOK_SHOW);
}

/* clang-format off */
static const char *const disk_configs[] = { "AUTO", "MANUAL", NULL };
#define T struct server
static const struct field change_fields[] = {
    STR(T, name, .min = 1, .max = 255, .check = nova_is_name, .expected = "It must be printable, without spaces at its ends."),
    STR(T, description, .nullable = true, .max = 255, .since = MV(2, 19)),
    STR(T, access_ip_v4, AS("accessIPv4"), .nullable = true, .check = nova_is_ipv4, .expected = "It must be an IPv4 address."),
    STR(T, access_ip_v6, AS("accessIPv6"), .nullable = true, .check = nova_is_ipv6, .expected = "It must be an IPv6 address."),
    STR(T, disk_config, AS("OS-DCF:diskConfig"), .one_of = disk_configs),
    { 0 },
};
#undef T
/* clang-format on */
static const struct body change_body = { "server", change_fields, sizeof(struct server), .overlay = true };

static int servers_change(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(req_overlay(rq, &s));
    TRY(server_change(cx, &s));
    return reply_look(cx, rq, &s, LOOK_CHANGED);
}

static int servers_delete(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    TRY(server_delete(cx, &s));
    return reply_empty(rq);
}

/* There are no volumes yet, so that no server has one: true, and what clients look for before they delete. */
static int volumes_list(struct cx *cx, struct req *rq)
{
    struct server s;

    TRY(nova_server(cx, rq, &s));
    return reply_list(rq, "volumeAttachments", NULL, nova_server_brief_view, (struct list){ 0 }, sizeof s);
}

#define P "os_compute_api:servers:"
/* clang-format off */
const struct route nova_server_routes[] = {
    { "GET",    "/servers",        servers_list,   P "index",  MAY_READER, NULL, OK(200), .steady = true },
    { "GET",    "/servers/detail", servers_detail, P "detail", MAY_READER, NULL, OK(200), .steady = true },
    { "GET",    "/servers/{id}",   servers_show,   P "show",   MAY_READER, NULL, OK(200), .steady = true },
    { "PUT",    "/servers/{id}",   servers_change, P "update", MAY_MEMBER, &change_body, OK(200) },
    { "DELETE", "/servers/{id}",   servers_delete, P "delete", MAY_MEMBER, NULL, OK(204) },
    { "GET",    "/servers/{id}/os-volume_attachments", volumes_list, "os_compute_api:os-volumes-attachments:index",
      MAY_READER, NULL, OK(200) },
    { 0 },
};
/* clang-format on */
