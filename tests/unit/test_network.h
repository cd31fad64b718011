/* test_network.h - a store with all tables, the two networks of an installation, and callers of two projects. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/who.h"
#include "base/env.h"
#include "identity/quota.h"
#include "network/attach.h"
#include "network/floating.h"
#include "network/group.h"
#include "network/router.h"
#include "network/setup.h"
#include "store/migrations.h"

struct cloud {
    char directory[64], path[96];
    struct store *store;
    struct cx cx; /* of the last call: results live until the next one */
    bool open;
};
static const struct who ann = { .project_id = "p-ann", .is_member = true, .is_reader = true };
static const struct who bob = { .project_id = "p-bob", .is_member = true, .is_reader = true };
static const struct who boss = { .project_id = "p-admin", .is_admin = true, .is_member = true, .is_reader = true };

static inline void forget(struct cloud *c)
{
    if (c->open)
        cx_end(&c->cx);
    c->open = false;
}

/* Runs one call as 'who'; returns what it returned. */
static inline int call(struct cloud *c, const struct who *who, int (*run)(struct cx *, void *), void *arg)
{
    forget(c);
    cx_begin(&c->cx);
    c->open = true;
    c->cx.who = who;
    return store_write_wait(c->store, &c->cx, run, arg);
}

static inline int set_up_networks(struct cx *cx, void *arg)
{
    const struct network_setup setup = { .fixed_cidr = "172.31.0.0/24", .floating_cidr = "198.51.100.0/29", .project_id = "p-admin" };
    return network_setup(cx, &setup);
}

static inline int cloud_set_up(void **state)
{
    struct cloud *c = calloc(1, sizeof *c);
    snprintf(c->directory, sizeof c->directory, "/tmp/alamo-test-XXXXXX");
    assert_non_null(mkdtemp(c->directory));
    snprintf(c->path, sizeof c->path, "%s/store.db", c->directory);
    const struct store_config config = { .path = c->path };
    assert_int_equal(store_open(&c->store, &config, store_migrations, n_store_migrations), 0);
    assert_int_equal(call(c, NULL, set_up_networks, NULL), 0);
    *state = c;
    return 0;
}

static inline int cloud_tear_down(void **state)
{
    static const char *const tails[] = { "", "-wal", "-shm" };
    struct cloud *c = *state;
    char path[128];

    forget(c);
    store_close(c->store);
    for (size_t i = 0; i < N_ELEMENTS(tails); i++) {
        snprintf(path, sizeof path, "%s%s", c->path, tails[i]);
        unlink(path);
    }
    int r = rmdir(c->directory);
    free(c);
    return r;
}
#define WITH_CLOUD(test) cmocka_unit_test_setup_teardown(test, cloud_set_up, cloud_tear_down)

/* ---- short forms; ids outlive the call ---- */

static inline const char *keep(const char *s)
{
    static char kept[64][64]; /* a ring is enough for a test */
    static size_t n;
    snprintf(kept[n % 64], 64, "%s", s);
    return kept[n++ % 64];
}

static inline int64_t count(struct cloud *c, const char *sql)
{
    CLEAN_CX cx;
    int64_t n = -1;
    cx_begin(&cx);
    assert_int_equal(store_read_begin(c->store, &cx), 0);
    assert_int_equal(store_int(&cx, &n, sql, NO_ARGS), 1);
    store_read_end(&cx);
    return n;
}

static inline int run_network(struct cx *cx, void *arg)
{
    return network_add(cx, arg);
}
static inline const char *new_network(struct cloud *c, const struct who *who)
{
    struct network n = { .name = "net", .admin_state_up = true, .port_security_enabled = true };
    assert_int_equal(call(c, who, run_network, &n), 0);
    return keep(n.id);
}
static inline int run_subnet(struct cx *cx, void *arg)
{
    return subnet_add(cx, arg);
}
static inline struct subnet subnet_request(const char *network_id, const char *cidr)
{
    return (struct subnet){ .network_id = network_id, .cidr = cidr, .ip_version = strchr(cidr, ':') ? 6 : 4, .enable_dhcp = true,
                            .default_gateway = true, .default_pools = true };
}
static inline const char *new_subnet(struct cloud *c, const struct who *who, const char *network_id, const char *cidr)
{
    struct subnet s = subnet_request(network_id, cidr);
    assert_int_equal(call(c, who, run_subnet, &s), 0);
    return keep(s.id);
}
static inline int run_port(struct cx *cx, void *arg)
{
    return port_add(cx, arg);
}
static inline struct port port_request(const char *network_id)
{
    return (struct port){ .network_id = network_id, .admin_state_up = true, .auto_ips = true, .auto_groups = true, .auto_security = true };
}
static inline const char *new_port(struct cloud *c, const struct who *who, const char *network_id)
{
    struct port p = port_request(network_id);
    assert_int_equal(call(c, who, run_port, &p), 0);
    return keep(p.id);
}
static inline const char *first_ip(const struct port *p)
{
    return ((const struct port_ip *)p->ips.items)[0].ip_address;
}
static inline const char *id_of(struct cloud *c, const char *sql)
{
    CLEAN_CX cx;
    const char *s = NULL;
    cx_begin(&cx);
    assert_int_equal(store_read_begin(c->store, &cx), 0);
    assert_int_equal(store_text(&cx, &s, sql, NO_ARGS), 1);
    const char *id = keep(s);
    store_read_end(&cx);
    return id;
}
#define FAILS(c, expr, the_kind, the_type)                                                                   \
    do {                                                                                                     \
        assert_true((expr) < 0);                                                                             \
        assert_int_equal((c)->cx.kind, the_kind);                                                            \
        assert_string_equal((c)->cx.type ? (c)->cx.type : "", the_type);                                     \
    } while (0)
