/* first: the first server.  It is made once in a cloud's life: a file remembers its id, so that one that was
 * deleted stays deleted. */
#include <string.h>

#include "base/env.h"
#include "cli/files.h"
#include "cli/login.h"
#include "cli/objects.h"
#include "cli/preload.h"
#include "cli/process.h"
#include "json/writer.h"

enum { ACTIVE_S = 180, ANSWER_S = 120, GONE_S = 60 };

static const char server_name[] = "first", flavor_name[] = "m1.micro", image_name[] = "cirros";

struct first {
    struct api *api;
    const char *server_id, *floating_ip; /* NULL: deleted */
};

/* clang-format off */
static const struct field flavors_fields[] = {
    LIST(struct api_list, items, struct api_ref, api_ref_fields, AS("flavors"), .max = 100000), { 0 } };
static const struct field server_fields[] = { SUB(struct api_one_ref, item, struct api_ref, api_ref_fields, AS("server")), { 0 } };
/* clang-format on */

static const char *id_file(struct cli *cli)
{
    return cli_data_file(cli, "first.server");
}

/* ---- making it ---- */

static int flavor_id(struct cli *cli, struct api *api, const char *name, const char **ret_id)
{
    struct api_list flavors = { 0 };

    TRY(api_get(api, "/compute/v2.1/flavors", flavors_fields, &flavors));
    const struct api_ref *f = flavors.items.items;
    for (size_t i = 0; i < flavors.items.n; i++)
        if (str_eq(f[i].name, name)) {
            *ret_id = f[i].id;
            return 0;
        }
    return fail(cli->cx, KIND_NOT_FOUND, "there is no flavor %s", name);
}

static const char *server_body(struct cli *cli, const struct new_server *new, const char *flavor)
{
    struct jwriter w = jwriter_new(cli->cx->arena);

    jw_object(&w), jw_key(&w, "server"), jw_object(&w);
    jw_kv(&w, "name", new->name);
    jw_kv(&w, "flavorRef", flavor);
    jw_kv(&w, "imageRef", new->image_id);
    jw_kv(&w, "key_name", PRELOAD_KEY);
    jw_end(&w), jw_end(&w);
    return buf_text(&w.out);
}

int first_make_server(struct cli *cli, struct api *api, const struct new_server *new, const char **ret_id)
{
    struct api_one_ref made = { 0 };
    const char *flavor;

    TRY(flavor_id(cli, api, new->flavor, &flavor));
    TRY(api_send(api, "POST", "/compute/v2.1/servers", server_body(cli, new, flavor), server_fields, &made));
    if (!made.item)
        return fail(cli->cx, KIND_INTERNAL, "the new server has no id");
    *ret_id = made.item->id;
    return 0;
}

static int make_server(struct cli *cli, struct api *api, const char **ret_id)
{
    struct new_server new = { .name = server_name, .flavor = flavor_name };
    struct api_image image;

    TRY(api_image_by_name(api, image_name, &image));
    if (!image.id)
        return fail(cli->cx, KIND_NOT_FOUND, "there is no image %s", image_name);
    new.image_id = image.id;
    return first_make_server(cli, api, &new, ret_id);
}

/* A run that died between making the server and noting its id left one of this name; '*ret' with id NULL: none. */
static int find_server(struct api *api, struct api_server *ret)
{
    struct list servers;

    *ret = (struct api_server){ 0 };
    TRY(api_servers(api, false, &servers));
    const struct api_server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++)
        if (str_eq(s[i].name, server_name))
            *ret = s[i];
    return 0;
}

static int drop_floating(struct api *api, const char *server_id)
{
    struct api_ref port;
    struct api_floating floating;

    TRY(api_server_port(api, server_id, &port));
    if (!port.id)
        return 0;
    TRY(api_port_floating(api, port.id, &floating));
    if (!floating.id)
        return 0;
    return api_send(api, "DELETE", api_path(api, "/network/v2.0/floatingips/%s", floating.id), NULL, NULL, NULL);
}

/* One that failed in an earlier run and never answered holds nothing of anybody's. */
static int drop_server(struct cli *cli, struct api *api, const char *id)
{
    int64_t deadline_us = monotonic_us() + GONE_S * 1000000 * slow_factor();
    struct api_server s;

    TRY(drop_floating(api, id));
    TRY(api_send(api, "DELETE", api_path(api, "/compute/v2.1/servers/%s", id), NULL, NULL, NULL));
    for (;;) {
        int r = api_server(api, id, &s);
        if (r < 0 && cli->cx->kind == KIND_NOT_FOUND) {
            fail_clear(cli->cx);
            return 0;
        }
        TRY(r);
        if (monotonic_us() > deadline_us)
            return fail(cli->cx, KIND_UNAVAILABLE, "the failed server %s (%s) does not go; see alamo status",
                        server_name, id);
        sleep_ms(100);
    }
}

static int wait_active(struct cli *cli, struct api *api, const char *id)
{
    int64_t deadline_us = monotonic_us() + ACTIVE_S * 1000000 * slow_factor();
    struct api_server s;

    for (;;) {
        TRY(api_server(api, id, &s));
        if (str_eq(s.status, "ACTIVE"))
            return 0;
        if (str_eq(s.status, "ERROR"))
            return fail(cli->cx, KIND_INTERNAL, "the server %s failed: %s", server_name,
                        s.fault && s.fault->message ? s.fault->message : "no reason given");
        if (monotonic_us() > deadline_us)
            return fail(cli->cx, KIND_UNAVAILABLE, "the server %s is still %s after %d s", server_name,
                        s.status, ACTIVE_S);
        sleep_ms(100);
    }
}

static int make_floating(struct cli *cli, struct api *api, const char *port_id)
{
    struct api_ref network;
    struct jwriter w = jwriter_new(cli->cx->arena);

    TRY(api_external_network(api, &network));
    if (!network.id)
        return fail(cli->cx, KIND_NOT_FOUND, "there is no external network");
    jw_object(&w), jw_key(&w, "floatingip"), jw_object(&w);
    jw_kv(&w, "floating_network_id", network.id);
    jw_kv(&w, "port_id", port_id);
    jw_end(&w), jw_end(&w);
    return api_send(api, "POST", "/network/v2.0/floatingips", buf_text(&w.out), NULL, NULL);
}

int first_give_floating(struct cli *cli, struct api *api, const char *server_id)
{
    struct api_ref port;
    struct api_floating floating;

    TRY(api_server_port(api, server_id, &port));
    if (!port.id)
        return fail(cli->cx, KIND_INTERNAL, "the server %s has no port", server_name);
    TRY(api_port_floating(api, port.id, &floating));
    return floating.id ? 0 : make_floating(cli, api, port.id);
}

int first_server(struct cli *cli)
{
    struct api *api;
    struct api_server earlier;

    if (files_there(id_file(cli)))
        return 0;
    TRY(api_login_demo(cli, &api));
    TRY(find_server(api, &earlier));
    bool failed = earlier.id && str_eq(earlier.status, "ERROR");
    if (failed)
        TRY(drop_server(cli, api, earlier.id));
    const char *id = failed ? NULL : earlier.id;
    if (!id)
        TRY(make_server(cli, api, &id));
    TRY(first_give_floating(cli, api, id)); /* while it boots */
    TRY(wait_active(cli, api, id));
    TRY(files_text(cli, id_file(cli), cx_printf(cli->cx, "%s\n", id), OWNER_ROOT, 0644));
    return 1;
}

/* ---- reaching it ---- */

/* The server as it is now. */
static int look(struct cli *cli, struct first *ret)
{
    struct api_server s = { 0 };
    struct api_ref port;
    struct api_floating floating;
    const char *id;

    *ret = (struct first){ 0 };
    TRY(files_read(cli, id_file(cli), &id));
    if (!id)
        return 0;
    char *line = cx_strdup(cli->cx, id);
    line[strcspn(line, "\n")] = 0;
    TRY(api_login_demo(cli, &ret->api));
    int r = api_server(ret->api, line, &s);
    if (r < 0 && cli->cx->kind == KIND_NOT_FOUND) {
        fail_clear(cli->cx);
        return 0;
    }
    TRY(r);
    ret->server_id = line;
    if (!str_eq(s.status, "ACTIVE")) /* its owner stopped it */
        return 0;
    TRY(api_server_port(ret->api, line, &port));
    if (!port.id)
        return 0;
    TRY(api_port_floating(ret->api, port.id, &floating));
    ret->floating_ip = floating.floating_ip_address;
    return 0;
}

/* Tries until the server answers.  Returns 1 when it did not at once. */
static int wait_answer(struct cli *cli, const char *what, int (*try)(struct cli *cli, const struct first *f))
{
    int64_t deadline_us = monotonic_us() + ANSWER_S * 1000000 * slow_factor();
    struct first f;
    int tries = 0;

    TRY(look(cli, &f));
    if (!f.floating_ip)
        return 0;
    for (;; tries++) {
        int r = try(cli, &f);
        if (r < 0)
            return r;
        if (r == 1)
            return tries > 0;
        if (monotonic_us() > deadline_us)
            return fail(cli->cx, KIND_UNAVAILABLE,
                        "the server %s does not answer %s at %s; its console: openstack console log show %s",
                        server_name, what, f.floating_ip, server_name);
        sleep_ms(50);
    }
}

static int try_ping(struct cli *cli, const struct first *f)
{
    const char *const argv[] = { "ping", "-n", "-q", "-c1", "-W1", f->floating_ip, NULL };
    int code = process_run(cli, argv, NULL);
    return code < 0 ? code : code == 0;
}

static int try_ssh(struct cli *cli, const struct first *f)
{
    struct login login = {
        .address = f->floating_ip, .user = "cirros", .server_id = f->server_id, .batch = true
    };
    struct strs words = login_words(cli, &login);

    *arena_push(cli->cx->arena, &words.items, &words.n) = "true";
    *arena_push(cli->cx->arena, &words.items, &words.n) = NULL;
    int code = process_run(cli, words.items, NULL);
    return code < 0 ? code : code == 0;
}

static int try_http(struct cli *cli, const struct first *f)
{
    int status;
    return api_plain_get(cli, cx_printf(cli->cx, "http://%s/", f->floating_ip), &status) == 0 &&
           status == 200;
}

int first_answers_ping(struct cli *cli)
{
    return wait_answer(cli, "ping", try_ping);
}
int first_answers_ssh(struct cli *cli)
{
    return wait_answer(cli, "ssh", try_ssh);
}
int first_answers_http(struct cli *cli)
{
    return wait_answer(cli, "HTTP", try_http);
}

int first_ssh_command(struct cli *cli, const char **ret_command)
{
    struct first f;

    TRY(look(cli, &f));
    *ret_command = NULL;
    if (!f.floating_ip)
        return 0;
    struct login login = { .address = f.floating_ip, .user = "cirros", .server_id = f.server_id };
    struct strs words = login_words(cli, &login);
    struct buf b = buf_new(cli->cx->arena);
    for (size_t i = 0; i < words.n; i++)
        buf_printf(&b, "%s%s", i ? " " : "", words.items[i]);
    *ret_command = buf_text(&b);
    return 0;
}
