#include "compute/server.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "auth/who.h"
#include "base/buf.h"
#include "compute/history.h"
#include "compute/host.h"
#include "compute/power.h"
#include "compute/snapshot.h"
#include "identity/quota.h"
#include "json/read.h"
#include "network/address.h"
#include "network/attach.h"
#include "store/filter.h"

enum { TAGS_MAX = 50, METADATA_ITEMS_MAX = 1000, PLUS_MAX = 4 };

int server_find(struct cx *cx, const char *id, struct server *ret_server)
{
    return store_find(cx, &server_table, ret_server, "id=$1", ARGS(id));
}

int server_get(struct cx *cx, const char *id, struct server *ret_server)
{
    struct server s;
    int r = server_find(cx, id, &s);

    TRY(r);
    if (!r || (!cx->who->is_admin && !str_eq(s.project_id, cx->who->project_id)))
        return fail(cx, KIND_NOT_FOUND, "Instance %.255s could not be found.", id);
    *ret_server = s;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    const struct server *x = a, *y = b;
    return strcmp(x->id, y->id);
}

int server_list_of_host(struct cx *cx, const char *host_id, struct list *ret_servers)
{
    TRY(store_list(cx, &server_table, ret_servers, "host_id=$1", ARGS(host_id)));
    if (ret_servers->n) /* by hand: the engine would copy all of each row into its sorter and out of it */
        qsort(ret_servers->items, ret_servers->n, sizeof(struct server), compare_ids);
    return 0;
}

int server_tasks_of_host(struct cx *cx, const char *host_id, struct list *ret_tasks)
{
    return store_list(cx, &server_task_table, ret_tasks,
                      "EXISTS (SELECT 1 FROM server s WHERE s.id=server_task.server_id AND s.host_id=$1) ORDER BY created_at, id",
                      ARGS(host_id));
}

int server_save(struct cx *cx, struct server *server)
{
    server->updated_at = cx->now_us;
    return store_update(cx, &server_table, server);
}

int server_check_lock(struct cx *cx, const struct server *server)
{
    if (server->locked && !cx->who->is_admin)
        return fail(cx, KIND_CONFLICT, "Instance %s is locked", server->id);
    return 0;
}

/* ---- what a state is called ---- */

static const struct {
    const char *vm_state, *status;
} statuses[] = {
    { "building", "BUILD" }, { "active", "ACTIVE" },       { "stopped", "SHUTOFF" },
    { "paused", "PAUSED" },  { "suspended", "SUSPENDED" }, { "error", "ERROR" },
    { "resized", "VERIFY_RESIZE" },
};
/* Transitions that have a name of their own, whatever the state is (or in that one state only). */
static const struct {
    const char *task_state, *status, *vm_state;
} task_statuses[] = {
    { "rebooting", "REBOOT", "active" }, { "rebooting_hard", "HARD_REBOOT", "active" },
    { "rebuilding", "REBUILD", NULL },   { "rebuild_spawning", "REBUILD", NULL },
    { "resize_prep", "RESIZE", NULL },   { "resize_migrating", "RESIZE", NULL },
    { "resize_finish", "RESIZE", NULL }, { "resize_reverting", "REVERT_RESIZE", NULL },
};

const char *server_status(const struct server *server)
{
    for (size_t i = 0; i < N_ELEMENTS(task_statuses) && server->task_state; i++)
        if (str_eq(task_statuses[i].task_state, server->task_state) &&
            (!task_statuses[i].vm_state || str_eq(task_statuses[i].vm_state, server->vm_state)))
            return task_statuses[i].status;
    for (size_t i = 0; i < N_ELEMENTS(statuses); i++)
        if (str_eq(statuses[i].vm_state, server->vm_state))
            return statuses[i].status;
    return "UNKNOWN";
}

bool server_status_filter(struct cx *cx, struct strs wanted, struct filter *filter)
{
    struct strs states = { 0 }, tasks = { 0 };

    for (size_t i = 0; i < wanted.n; i++) {
        const char *s = wanted.items[i];
        for (size_t k = 0; k < N_ELEMENTS(task_statuses); k++)
            if (strcasecmp(s, task_statuses[k].status) == 0)
                *arena_push(cx->arena, &tasks.items, &tasks.n) = task_statuses[k].task_state;
        for (size_t k = 0; k < N_ELEMENTS(statuses); k++)
            if (strcasecmp(s, statuses[k].status) == 0)
                *arena_push(cx->arena, &states.items, &states.n) = statuses[k].vm_state;
    }
    if (!states.n && !tasks.n)
        return false;
    *arena_push(cx->arena, &filter->conds, &filter->n_conds) =
        states.n ? (struct filter_cond){ "vm_state", FILTER_IN, states } : (struct filter_cond){ "task_state", FILTER_IN, tasks };
    return true;
}

/* ---- lists ---- */

struct where {
    struct cx *cx;
    struct buf text;
    struct arg *args;
    size_t n;
};

static void put_arg(struct where *w, const char *value)
{
    *arena_push(w->cx->arena, &w->args, &w->n) = arg_text(value);
    buf_printf(&w->text, "$%zu", w->n);
}

/* "the number of these tags that it has" 'compare' */
static void put_tags(struct where *w, struct strs tags, const char *compare)
{
    if (!tags.n)
        return;
    buf_puts(&w->text, " AND (SELECT count(*) FROM server_tag t WHERE t.server_id=server.id AND t.tag IN (");
    for (size_t i = 0; i < tags.n; i++) {
        buf_puts(&w->text, i ? "," : "");
        put_arg(w, tags.items[i]);
    }
    buf_printf(&w->text, "))%s", compare);
}

static void put_scope(struct where *w, const struct server_query *q)
{
    const struct who *who = w->cx->who;
    const char *project = who->is_admin && q->all_projects ? q->project_id : who->project_id ? who->project_id : "";

    if (project) {
        buf_puts(&w->text, "project_id=");
        put_arg(w, project);
    } else
        buf_puts(&w->text, "1=1");
    if (q->host_name) {
        buf_puts(&w->text, " AND host_id IN (SELECT h.id FROM host h WHERE h.name=");
        put_arg(w, q->host_name);
        buf_putc(&w->text, ')');
    }
    put_tags(w, q->tags, cx_printf(w->cx, "=%zu", q->tags.n));
    put_tags(w, q->tags_any, ">0");
    put_tags(w, q->not_tags, cx_printf(w->cx, "<%zu", q->not_tags.n));
    put_tags(w, q->not_tags_any, "=0");
}

static void free_regex(regex_t **r)
{
    if (*r)
        regfree(*r);
}

static size_t count_of(const char *text, char c)
{
    size_t n = 0;
    for (; (text = strchr(text, c)); text++)
        n++;
    return n;
}

/* What the engine has no operator for is sifted here: the name by a regular expression.  Counted repetitions and back
 * references are refused, because a short one can take the matcher for ever; and more than a few '+', because each doubles
 * what stands before it, so that "((((a+)+)+)+" thirty deep is more than there is memory. */
static int sift_by_name(struct cx *cx, struct list *servers, const char *pattern)
{
    regex_t re;
    CLEANUP(free_regex) regex_t *held = NULL;
    struct server *s = servers->items;
    size_t n = 0;

    if (strlen(pattern) > 255 || strchr(pattern, '{') || strpbrk(pattern, "\\") != NULL) {
        for (const char *p = strchr(pattern, '\\'); p; p = strchr(p + 2, '\\'))
            if (!p[1] || (p[1] >= '0' && p[1] <= '9'))
                return fail(cx, KIND_INVALID, "Invalid filter name: back references are not supported.");
        if (strlen(pattern) > 255 || strchr(pattern, '{'))
            return fail(cx, KIND_INVALID, "Invalid filter name: it is too long, or it counts repetitions.");
    }
    if (count_of(pattern, '+') > PLUS_MAX)
        return fail(cx, KIND_INVALID, "Invalid filter name: '+' may stand in it %d times at most.", PLUS_MAX);
    if (regcomp(&re, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
        return fail(cx, KIND_INVALID, "Invalid filter name: '%s' is no regular expression.", pattern);
    held = &re;
    for (size_t i = 0; i < servers->n; i++)
        if (regexec(&re, s[i].name, 0, NULL, 0) == 0)
            s[n++] = s[i];
    servers->n = n;
    return 0;
}

static int server_ids(struct cx *cx, struct list servers, struct strs *ret_ids)
{
    const struct server *s = servers.items;
    *ret_ids = (struct strs){ arena_new_array(cx->arena, const char *, servers.n + 1), servers.n };
    for (size_t i = 0; i < servers.n; i++)
        ret_ids->items[i] = s[i].id;
    return 0;
}

static bool has_address(const struct nic *nic, const char *pattern, int version)
{
    const struct nic_ip *ip = nic->ips.items;
    for (size_t i = 0; i < nic->ips.n; i++)
        if (ip[i].version == version && strstr(ip[i].ip, pattern))
            return true;
    return false;
}

static int sift_by_address(struct cx *cx, struct list *servers, const char *pattern, int version)
{
    struct server *s = servers->items;
    struct strs ids;
    struct list nics;
    size_t n = 0, k = 0;

    TRY(server_ids(cx, *servers, &ids));
    TRY(network_nics(cx, ids, &nics));
    const struct nic *nic = nics.items;
    for (size_t i = 0; i < servers->n; i++) {
        bool found = false;
        for (k = 0; k < nics.n && !found; k++)
            found = str_eq(nic[k].server_id, s[i].id) && has_address(&nic[k], pattern, version);
        if (found)
            s[n++] = s[i];
    }
    servers->n = n;
    return 0;
}

/* Characters that mean something in a regular expression but are rare in names; "." and "-" alone still are searched as text. */
static bool is_plain(const char *pattern)
{
    return !strpbrk(pattern, "^$*+?()[]{}|\\.");
}

int server_list(struct cx *cx, const struct server_query *query, struct list *ret_servers)
{
    struct where w = { .cx = cx, .text = buf_new(cx->arena) };
    struct filter f = query->filter;
    struct server at;
    struct strs name = { &(const char *){ query->name_pattern }, 1 };
    bool sifted = query->ip_pattern || query->ip6_pattern;

    if (f.marker && server_get(cx, f.marker, &at) < 0)
        return fail(cx, KIND_INVALID, "marker [%.64s] not found", f.marker);
    f.marker_seen = true;
    put_scope(&w, query);
    if (query->name_pattern && is_plain(query->name_pattern))
        *arena_push(cx->arena, &f.conds, &f.n_conds) = (struct filter_cond){ "name", FILTER_CONTAINS, name };
    else
        sifted |= query->name_pattern != NULL;
    if (sifted)
        f.limit = 0;
    TRY(store_list_filtered(cx, &server_table, ret_servers, &f, buf_text(&w.text), (struct args){ w.args, (unsigned)w.n }));
    if (query->name_pattern && !is_plain(query->name_pattern))
        TRY(sift_by_name(cx, ret_servers, query->name_pattern));
    if (query->ip_pattern)
        TRY(sift_by_address(cx, ret_servers, query->ip_pattern, 4));
    if (query->ip6_pattern)
        TRY(sift_by_address(cx, ret_servers, query->ip6_pattern, 6));
    if (sifted && query->filter.limit && ret_servers->n > (size_t)query->filter.limit)
        ret_servers->n = (size_t)query->filter.limit;
    return 0;
}

/* ---- changes ---- */

const char *server_address(struct cx *cx, const char *text)
{
    struct address address;
    return text && address_parse(text, &address) ? address_text(cx->arena, address) : "";
}

int server_change(struct cx *cx, struct server *server)
{
    server->access_ip_v4 = server_address(cx, server->access_ip_v4);
    server->access_ip_v6 = server_address(cx, server->access_ip_v6);
    server->gen++;
    return server_save(cx, server);
}

int server_set_metadata(struct cx *cx, struct server *server, struct strmap metadata)
{
    int64_t limit;

    TRY(server_check_lock(cx, server));
    TRY(quota_limit(cx, server->project_id, "metadata_items", &limit));
    if ((limit >= 0 && (int64_t)metadata.n > limit) || metadata.n > METADATA_ITEMS_MAX)
        return fail(cx, KIND_QUOTA, "Maximum number of metadata items exceeds %lld", (long long)limit);
    server->metadata = json_of_map(cx->arena, metadata);
    server->gen++; /* the guest reads it */
    return server_save(cx, server);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int server_set_tags(struct cx *cx, struct server *server, struct strs tags)
{
    static const struct field columns[] = { STR(struct strpair, key, AS("server_id")), STR(struct strpair, value, AS("tag")), { 0 } };
    static const struct table table = { "server_tag", columns, .n_key = 2, .size = sizeof(struct strpair) };
    struct strs once = { arena_new_array(cx->arena, const char *, tags.n + 1), 0 };

    if (tags.n)
        qsort(tags.items, tags.n, sizeof *tags.items, compare_strings);
    for (size_t i = 0; i < tags.n; i++)
        if (!once.n || strcmp(once.items[once.n - 1], tags.items[i]) != 0)
            once.items[once.n++] = tags.items[i];
    if (once.n > TAGS_MAX)
        return fail(cx, KIND_INVALID, "The number of tags exceeded the per-server limit %d", TAGS_MAX);
    TRY(store_delete(cx, &table, "server_id=$1", ARGS(server->id)));
    for (size_t i = 0; i < once.n; i++)
        TRY(store_insert(cx, &table, &(struct strpair){ server->id, once.items[i] }));
    server->tags = json_of_strs(cx->arena, once);
    return server_save(cx, server);
}

/* ---- the end ---- */

int server_delete(struct cx *cx, struct server *server)
{
    TRY(server_check_lock(cx, server));
    if (!server->deleting)
        TRY(history_begin(cx, server, "delete", "compute_terminate_instance"));
    server->deleting = true;
    server->task_state = "deleting";
    server->want_power = "off";
    server->gen++;
    server->deadline_us = power_deadline(cx, POWER_DELETE_S);
    TRY(server_save(cx, server));
    return server->host_id ? 0 : server_forget(cx, server);
}

static int keep_for_usage(struct cx *cx, const struct server *s)
{
    int n = store_exec(cx, &server_table,
                       "INSERT INTO server_past (id, project_id, name, flavor_name, vcpus, ram_mib, root_gib, ephemeral_gib, "
                       "created_at, launched_at, terminated_at) SELECT id, project_id, name, flavor_name, vcpus, ram_mib, "
                       "root_gib, ephemeral_gib, created_at, launched_at, $2 FROM server WHERE id=$1",
                       ARGS(s->id, cx->now_us));
    return n;
}

int server_forget(struct cx *cx, const struct server *server)
{
    TRY(snapshot_fail_all(cx, server, "The server was deleted."));
    TRY(history_end(cx, server->id, NULL, NULL));
    TRY(keep_for_usage(cx, server));
    TRY(network_detach_all(cx, server->id));
    if (server->host_id)
        TRY(host_release(cx, server->host_id, server));
    TRY(quota_give(cx, server->project_id, "instances", 1));
    TRY(quota_give(cx, server->project_id, "cores", server->vcpus));
    TRY(quota_give(cx, server->project_id, "ram", server->ram_mib));
    TRY(store_delete(cx, &server_table, "id=$1", ARGS(server->id)));
    return 0;
}
