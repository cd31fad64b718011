/* How full the networks are, for admins. */
#include "api/neutron/common.h"
#include "api/neutron/tables.h"
#include "network/availability.h"
#include "network/network.h"

/* A /64 has more addresses than 64 bits count. */
static void write_count(struct jwriter *w, unsigned __int128 n)
{
    char digits[40], *p = digits + sizeof digits;

    *--p = 0;
    do
        *--p = (char)('0' + (int)(n % 10));
    while (n /= 10);
    jw_raw(w, arena_strdup(w->out.arena, p));
}

static void emit_total(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    write_count(w, ((const struct availability *)obj)->total_n);
}

static void emit_subnet_total(struct jwriter *w, const struct field *f, const void *obj, const void *ctx)
{
    write_count(w, ((const struct subnet_availability *)obj)->total_n);
}

/* clang-format off */
static const struct field subnet_view[] = {
    STR(struct subnet_availability, subnet_id), STR(struct subnet_availability, subnet_name), STR(struct subnet_availability, cidr),
    INT(struct subnet_availability, ip_version), HOOK("total_ips", .emit = emit_subnet_total),
    I64(struct subnet_availability, used_n, AS("used_ips")), { 0 },
};
static const struct field view[] = {
    STR(struct availability, network_id), STR(struct availability, network_name), STR(struct availability, project_id),
    STR(struct availability, project_id, AS("tenant_id")), HOOK("total_ips", .emit = emit_total), I64(struct availability, used_n, AS("used_ips")),
    LIST(struct availability, subnets, struct subnet_availability, subnet_view, AS("subnet_ip_availability")), { 0 },
};
static const char *const filters[] = { "network_id=id", "network_name=name", "project_id", "tenant_id=project_id", NULL };
static const char *const also[] = { "ip_version", NULL };
/* clang-format on */

static int availabilities_list(struct cx *cx, struct req *rq)
{
    const struct paging paging = { .columns = network_table.columns, .filters = filters, .sorts = filters, .also = also, .strict = true,
                                   .neutron = true };
    const char *text = req_query(rq, "ip_version");
    int64_t version = 0;
    struct query q;
    struct list found;

    TRY(neutron_query(rq, &paging, &q));
    if (text && (str_to_i64(text, &version) < 0 || (version != 4 && version != 6)))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for ip_version. Reason: it must be 4 or 6.");
    TRY(availability_list(cx, &q, (int)version, &found));
    return neutron_reply_list(rq, "network_ip_availabilities", view, found, sizeof(struct availability), &q);
}

static int availabilities_show(struct cx *cx, struct req *rq)
{
    struct availability a;

    TRY(availability_get(cx, req_path(rq, "id"), &a));
    return reply(rq, "network_ip_availability", view, &a);
}

/* clang-format off */
const struct route neutron_availability_routes[] = {
    { "GET", "/network-ip-availabilities",      availabilities_list, "get_network_ip_availability", MAY_ADMIN, NULL, OK(200) },
    { "GET", "/network-ip-availabilities/{id}", availabilities_show, "get_network_ip_availability", MAY_ADMIN, NULL, OK(200) },
    { 0 },
};
