/* Pools of prefixes that subnets are cut from. */
#include <string.h>

#include "identity/quota.h"
#include "network/address.h"
#include "network/network.h"
#include "store/filter.h"

/* clang-format off */
static const struct field subnetpool_columns[] = {
    STANDARD_COLUMNS(struct subnetpool),
    BOOL(struct subnetpool, shared),            BOOL(struct subnetpool, is_default),
    INT(struct subnetpool, ip_version),         STR(struct subnetpool, prefix_lines, AS("prefixes")),
    I64(struct subnetpool, default_prefixlen),  I64(struct subnetpool, min_prefixlen),
    I64(struct subnetpool, max_prefixlen),      I64(struct subnetpool, default_quota), { 0 },
};
/* clang-format on */
const struct table subnetpool_table = { "subnetpool", subnetpool_columns, .n_key = 1, .size = sizeof(struct subnetpool) };

enum { PREFIXES_MAX = 100, MIN_V4 = 8, MIN_V6 = 64 };

static int invalid(struct cx *cx, const char *text)
{
    return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: %s", text);
}

static int width(const struct subnetpool *p)
{
    return p->ip_version == 4 ? 32 : 128;
}

/* ---- reading ---- */

static void load(struct cx *cx, struct list pools)
{
    for (size_t i = 0; i < pools.n; i++) {
        struct subnetpool *p = (struct subnetpool *)pools.items + i;
        p->prefixes = tags_of(cx, p->prefix_lines); /* the same form */
    }
}

int subnetpool_get(struct cx *cx, const char *id, struct subnetpool *ret_pool)
{
    int r = store_find(cx, &subnetpool_table, ret_pool, "id=$1", ARGS(id));
    TRY(r);
    if (!r || !(owns(cx, ret_pool->project_id) || ret_pool->shared))
        return fail_type(cx, KIND_NOT_FOUND, "SubnetPoolNotFound", "Subnet pool %.64s could not be found.", id);
    load(cx, (struct list){ ret_pool, 1 });
    return 0;
}

int subnetpool_get_own(struct cx *cx, const char *id, const char *rule, struct subnetpool *ret_pool)
{
    TRY(subnetpool_get(cx, id, ret_pool));
    return owns(cx, ret_pool->project_id) ? 0 : fail_policy(cx, rule);
}

int subnetpool_list(struct cx *cx, const struct query *q, struct list *ret_pools)
{
    struct where w = where_new(cx);

    if (!sees_all(cx))
        where_add(&w, " AND (project_id=? OR shared=1)", ARGS(own_project(cx)));
    where_add_tags(&w, q);
    TRY(store_list_filtered(cx, &subnetpool_table, ret_pools, &q->filter, where_text(&w), where_args(&w)));
    load(cx, *ret_pools);
    return 0;
}

/* ---- checks ---- */

/* Canonical, of one version, without repetition and overlap. */
static int check_prefixes(struct cx *cx, struct subnetpool *p)
{
    struct cidr *c = arena_new_array(cx->arena, struct cidr, p->prefixes.n + 1);
    const char **texts = arena_new_array(cx->arena, const char *, p->prefixes.n + 1);
    struct buf lines = buf_new(cx->arena);
    size_t n = 0;

    if (!p->prefixes.n)
        return fail_type(cx, KIND_INVALID, "EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.");
    if (p->prefixes.n > PREFIXES_MAX)
        return invalid(cx, "too many prefixes.");
    for (size_t i = 0; i < p->prefixes.n; i++) {
        if (!cidr_parse(p->prefixes.items[i], &c[n], NULL))
            return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for prefixes. Reason: '%.64s' is not a valid IP subnet.", p->prefixes.items[i]);
        if (c[n].base.version != c[0].base.version)
            return fail_type(cx, KIND_INVALID, "PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.");
        size_t k = 0;
        while (k < n && !cidr_overlap(c[k], c[n]))
            k++;
        if (k < n && (c[k].bits != c[n].bits))
            return fail_type(cx, KIND_INVALID, "InvalidInput", "Invalid input for operation: prefixes %s and %s overlap.", texts[k], p->prefixes.items[i]);
        if (k < n)
            continue;
        texts[n] = cidr_text(cx->arena, c[n]);
        buf_printf(&lines, "%s%s\n", n ? "" : "\n", texts[n]);
        n++;
    }
    p->prefixes = (struct strs){ texts, n };
    p->prefix_lines = buf_text(&lines);
    p->ip_version = c[0].base.version;
    return 0;
}

static int check_lengths(struct cx *cx, struct subnetpool *p)
{
    p->min_prefixlen = p->min_prefixlen ? p->min_prefixlen : p->ip_version == 4 ? MIN_V4 : MIN_V6;
    p->max_prefixlen = p->max_prefixlen ? p->max_prefixlen : width(p);
    p->default_prefixlen = p->default_prefixlen ? p->default_prefixlen : p->min_prefixlen;
    if (p->min_prefixlen < 1 || p->max_prefixlen > width(p) || p->default_prefixlen > width(p))
        return invalid(cx, "a prefix length is out of range.");
    if (p->min_prefixlen > p->max_prefixlen)
        return fail_type(cx, KIND_INVALID, "IllegalSubnetPoolPrefixBounds", "Illegal prefix bounds: min_prefixlen=%lld, max_prefixlen=%lld.",
                         (long long)p->min_prefixlen, (long long)p->max_prefixlen);
    if (p->default_prefixlen < p->min_prefixlen || p->default_prefixlen > p->max_prefixlen)
        return fail_type(cx, KIND_INVALID, "IllegalSubnetPoolPrefixBounds",
                         "Illegal prefix bounds: default_prefixlen=%lld must lie between min_prefixlen=%lld and max_prefixlen=%lld.",
                         (long long)p->default_prefixlen, (long long)p->min_prefixlen, (long long)p->max_prefixlen);
    return 0;
}

static int check_default(struct cx *cx, const struct subnetpool *p)
{
    int64_t one;
    if (!p->is_default)
        return 0;
    int r = store_int(cx, &one, "SELECT 1 FROM subnetpool WHERE is_default=1 AND ip_version=$1 AND id<>$2", ARGS(p->ip_version, p->id));
    TRY(r);
    return r ? invalid(cx, "A default subnetpool for this IP family has already been set. Only one default may exist per IP family.") : 0;
}

int subnetpool_find_default(struct cx *cx, int ip_version, const char **ret_id)
{
    int r = store_text(cx, ret_id, "SELECT id FROM subnetpool WHERE is_default=1 AND ip_version=$1", ARGS(ip_version));
    TRY(r);
    return r ? 0 : fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Bad subnets request: No default subnetpool found for IPv%d.", ip_version);
}

int subnetpool_add(struct cx *cx, struct subnetpool *p)
{
    if ((p->shared || p->is_default) && !sees_all(cx))
        return fail_policy(cx, p->shared ? "create_subnetpool:shared" : "create_subnetpool:is_default");
    standard_begin(cx, STANDARD_OF(p));
    TRY(check_prefixes(cx, p));
    TRY(check_lengths(cx, p));
    TRY(check_default(cx, p));
    TRY(quota_take_named(cx, p->project_id, "subnetpool", 1));
    return store_insert(cx, &subnetpool_table, p);
}

/* A pool may grow, but what it had stays. */
static int check_kept(struct cx *cx, const struct subnetpool *old, const struct subnetpool *p)
{
    struct cidr had, has;

    for (size_t i = 0; i < old->prefixes.n; i++) {
        bool kept = false;
        for (size_t k = 0; k < p->prefixes.n && !kept; k++)
            kept = cidr_parse(old->prefixes.items[i], &had, NULL) && cidr_parse(p->prefixes.items[k], &has, NULL) &&
                   has.bits <= had.bits && cidr_overlap(has, had);
        if (!kept)
            return fail_type(cx, KIND_INVALID, "IllegalSubnetPoolUpdate",
                             "Illegal subnetpool update : Existing prefixes must be a subset of the new prefixes.");
    }
    return 0;
}

int subnetpool_change(struct cx *cx, struct subnetpool *p)
{
    struct subnetpool old;

    TRY(subnetpool_get_own(cx, p->id, "update_subnetpool", &old));
    if (p->is_default != old.is_default && !sees_all(cx))
        return fail_policy(cx, "update_subnetpool:is_default");
    TRY(check_prefixes(cx, p));
    if (p->ip_version != old.ip_version)
        return fail_type(cx, KIND_INVALID, "PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.");
    TRY(check_kept(cx, &old, p));
    TRY(check_lengths(cx, p));
    TRY(check_default(cx, p));
    standard_touch(cx, STANDARD_OF(p));
    return store_update(cx, &subnetpool_table, p);
}

int subnetpool_remove(struct cx *cx, const char *id)
{
    struct subnetpool p;
    int64_t one;

    TRY(subnetpool_get_own(cx, id, "delete_subnetpool", &p));
    int r = store_int(cx, &one, "SELECT 1 FROM subnet WHERE subnetpool_id=$1", ARGS(id));
    TRY(r);
    if (r)
        return fail_type(cx, KIND_CONFLICT, "SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.");
    TRY(store_delete(cx, &subnetpool_table, "id=$1", ARGS(id)));
    return quota_give(cx, p.project_id, "subnetpool", 1);
}

/* ---- cutting ---- */

/* What the pool has given out: '*ret_used' in address order. */
static int given_out(struct cx *cx, const struct subnetpool *p, struct cidr **ret_used, size_t *ret_n)
{
    struct list subnets;

    TRY(store_list(cx, &subnet_table, &subnets, "subnetpool_id=$1", ARGS(p->id)));
    *ret_used = arena_new_array(cx->arena, struct cidr, subnets.n + 1);
    *ret_n = 0;
    for (size_t i = 0; i < subnets.n; i++) {
        struct cidr c;
        size_t k = *ret_n;
        if (!cidr_parse(((struct subnet *)subnets.items)[i].cidr, &c, NULL))
            continue;
        for (; k > 0 && address_compare((*ret_used)[k - 1].base, c.base) > 0; k--)
            (*ret_used)[k] = (*ret_used)[k - 1];
        (*ret_used)[k] = c;
        ++*ret_n;
    }
    return 0;
}

/* The lowest free network of 'bits' inside 'prefix'; each step leaps over what is in the way. */
static bool first_free(struct cidr prefix, int bits, const struct cidr *used, size_t n, struct cidr *ret_cidr)
{
    struct cidr c = { prefix.base, bits };
    unsigned __int128 step = bits == 0 ? 0 : (unsigned __int128)1 << ((prefix.base.version == 4 ? 32 : 128) - bits);

    if (bits < prefix.bits)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!cidr_overlap(c, used[i]))
            continue;
        struct address last = cidr_last(address_compare(cidr_last(c), cidr_last(used[i])) > 0 ? c : used[i]);
        struct address next = { (last.value / step + 1) * step, last.version };
        if (next.value <= last.value || !cidr_contains(prefix, next))
            return false;
        c.base = next;
    }
    *ret_cidr = c;
    return true;
}

static int check_pool_quota(struct cx *cx, const struct subnetpool *p, const struct subnet *s, int bits)
{
    struct list mine;
    int unit = p->ip_version == 4 ? 32 : 64;
    int64_t sum = bits > unit ? 1 : (int64_t)1 << (unit - bits > 62 ? 62 : unit - bits);

    if (p->default_quota < 0)
        return 0;
    TRY(store_list(cx, &subnet_table, &mine, "subnetpool_id=$1 AND project_id=$2", ARGS(p->id, s->project_id ? s->project_id : own_project(cx))));
    for (size_t i = 0; i < mine.n; i++) {
        struct cidr c;
        if (cidr_parse(((struct subnet *)mine.items)[i].cidr, &c, NULL))
            sum += c.bits > unit ? 1 : (int64_t)1 << (unit - c.bits > 40 ? 40 : unit - c.bits);
    }
    return sum > p->default_quota ? fail_type(cx, KIND_CONFLICT, "SubnetPoolQuotaExceeded", "Per-tenant subnet pool prefix quota exceeded.") : 0;
}

static int cut_named(struct cx *cx, const struct subnetpool *p, const struct subnet *s, const struct cidr *used, size_t n, struct cidr *ret_cidr)
{
    struct cidr prefix;
    bool inside = false;

    if (!cidr_parse(s->cidr, ret_cidr, NULL))
        return fail_type(cx, KIND_INVALID, "HTTPBadRequest", "Invalid input for cidr. Reason: '%.64s' is not a valid IP subnet.", s->cidr);
    for (size_t i = 0; i < p->prefixes.n && !inside; i++)
        inside = cidr_parse(p->prefixes.items[i], &prefix, NULL) && prefix.bits <= ret_cidr->bits && cidr_contains(prefix, ret_cidr->base);
    for (size_t i = 0; i < n && inside; i++)
        inside = !cidr_overlap(used[i], *ret_cidr);
    return inside ? 0 : fail_type(cx, KIND_CONFLICT, "SubnetAllocationError", "Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.");
}

int subnetpool_cut(struct cx *cx, struct subnet *s)
{
    struct subnetpool p;
    struct cidr *used, prefix, c = { 0 };
    size_t n;
    bool found = false;

    TRY(subnetpool_get(cx, s->subnetpool_id, &p));
    TRY(given_out(cx, &p, &used, &n));
    int64_t bits = s->prefixlen ? s->prefixlen : p.default_prefixlen;
    if (s->ip_version && s->ip_version != p.ip_version)
        return fail_type(cx, KIND_INVALID, "BadRequest", "Bad subnets request: Cannot allocate IPv%d subnet from IPv%d subnet pool.", s->ip_version, p.ip_version);
    s->ip_version = p.ip_version;
    if (s->cidr) {
        TRY(cut_named(cx, &p, s, used, n, &c));
        bits = c.bits;
    }
    if (bits < p.min_prefixlen || bits > p.max_prefixlen)
        return fail_type(cx, KIND_INVALID, bits < p.min_prefixlen ? "MinPrefixSubnetAllocationError" : "MaxPrefixSubnetAllocationError",
                         "Unable to allocate subnet with prefix length %lld, the pool allows %lld to %lld.", (long long)bits,
                         (long long)p.min_prefixlen, (long long)p.max_prefixlen);
    for (size_t i = 0; i < p.prefixes.n && !found && !s->cidr; i++)
        found = cidr_parse(p.prefixes.items[i], &prefix, NULL) && first_free(prefix, (int)bits, used, n, &c);
    if (!found && !s->cidr)
        return fail_type(cx, KIND_CONFLICT, "SubnetAllocationError", "Failed to allocate subnet: Insufficient prefix space to allocate subnet size /%lld.", (long long)bits);
    TRY(check_pool_quota(cx, &p, s, (int)bits));
    s->cidr = cidr_text(cx->arena, c);
    return 0;
}
