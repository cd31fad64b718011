/* fake-agent URL DIR HOST: a host without guests, for measuring and testing the controller.
 *
 * It speaks POST /agent/v1/sync with the certificate DIR/HOST.pem like a real agent and says of every guest that it is
 * at once as wanted.  It has room for everything and keeps nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/client.h"
#include "json/read.h"
#include "json/writer.h"
#include "wire/plan.h"

enum { HOLD_MS = 60 * 1000, ANSWER_MAX = 256 << 20, RETRY_US = 200 * 1000 };

/* A document that we hold. */
struct held {
    char kind[16], id[64], version[64];
};

struct fake {
    const char *url, *host;
    struct http_client *client;
    struct held *held;
    size_t n;
};

static struct held *find(struct fake *f, const char *kind, const char *id)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(f->held[i].id, id) && str_eq(f->held[i].kind, kind))
            return &f->held[i];
    return NULL;
}

static void hold(struct fake *f, const struct wire_have *have)
{
    struct held *h = find(f, have->kind, have->id);

    if (!h) {
        f->held = realloc(f->held, (f->n + 1) * sizeof *h);
        if (!f->held)
            abort();
        h = &f->held[f->n++];
    }
    snprintf(h->kind, sizeof h->kind, "%s", have->kind);
    snprintf(h->id, sizeof h->id, "%s", have->id);
    snprintf(h->version, sizeof h->version, "%s", have->version ? have->version : "");
}

static void let_go(struct fake *f, const struct wire_have *have)
{
    struct held *h = find(f, have->kind, have->id);
    if (h)
        *h = f->held[--f->n];
}

static const char *compose(struct fake *f, struct arena *a, struct list reports)
{
    struct wire_have *have = arena_new_array(a, struct wire_have, f->n + 1);
    struct wire_sync m = { .version = WIRE_VERSION, .host_name = f->host, .boot_id = "fake", .cpus = 100000,
                           .ram_mib = 1 << 30, .disk_gib = 1 << 24, .hypervisor = "QEMU", .hypervisor_version = "7.2.0",
                           .hypervisor_version_n = 7002000, .cpu_model = "fake", .arch = "x86_64", .public_ip = "127.0.0.1",
                           .guests = reports, .wait = true };
    struct jwriter w = jwriter_new(a);

    for (size_t i = 0; i < f->n; i++)
        have[i] = (struct wire_have){ f->held[i].kind, f->held[i].id, f->held[i].version };
    m.have = (struct list){ have, f->n };
    jw_fields(&w, wire_sync_fields, &m);
    return buf_text(&w.out);
}

/* Takes an answer; the reports that it asks for are made in 'a'. */
static struct list apply(struct fake *f, struct arena *a, const struct wire_answer *answer)
{
    const struct wire_guest *guests = answer->guests.items;
    const struct wire_have *versions = answer->versions.items, *gone = answer->gone.items;
    struct wire_guest_report *reports = NULL;
    size_t n = 0;

    for (size_t i = 0; i < answer->versions.n; i++)
        hold(f, &versions[i]);
    for (size_t i = 0; i < answer->guests.n; i++)
        *arena_push(a, &reports, &n) =
            (struct wire_guest_report){ .id = arena_strdup(a, guests[i].id), .gen = guests[i].gen, .phase = "ready",
                                        .power = arena_strdup(a, guests[i].power), .boot_n = guests[i].boot_n };
    for (size_t i = 0; i < answer->gone.n; i++) {
        let_go(f, &gone[i]);
        if (str_eq(gone[i].kind, "guest"))
            *arena_push(a, &reports, &n) = (struct wire_guest_report){ .id = arena_strdup(a, gone[i].id), .phase = "gone",
                                                                       .power = "absent" };
    }
    return (struct list){ reports, n };
}

/* One call.  '*reports' (in '*arena') are sent and replaced by those that the answer asks for. */
static int sync_once(struct fake *f, struct arena **arena, struct list *reports)
{
    static const char *const headers[][2] = { { "Content-Type", "application/json" } };
    struct http_answer http = { 0 };
    struct wire_answer answer = { 0 };
    const struct json_t *json;
    CLEAN_CX cx;

    cx_begin(&cx);
    const char *body = compose(f, cx.arena, *reports);
    const struct http_call call = { .method = "POST", .url = cx_printf(&cx, "%s/agent/v1/sync", f->url),
                                    .headers = headers, .n_headers = 1, .body = body, .body_len = strlen(body),
                                    .timeout_ms = HOLD_MS, .max = ANSWER_MAX };
    int r = http_client_call(f->client, cx.arena, &call, &http);
    if (r < 0 || http.status != 200) {
        fprintf(stderr, "fake-agent: %d %s\n", http.status, r < 0 ? http.error : http.body);
        return -EIO;
    }
    TRY(json_parse(&cx, http.body, http.body_len, &json));
    TRY(json_read(&cx, wire_answer_fields, json, (struct json_rules){ .lenient = true, .where = "answer" }, &answer));
    struct arena *next = arena_new();
    *reports = apply(f, next, &answer);
    arena_free(*arena);
    *arena = next;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: fake-agent URL DIR HOST\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct arena *arena = arena_new();
    struct list reports = { 0 };
    struct fake f = { .url = argv[1], .host = argv[3] };

    f.client = http_client_new(&(struct http_client_config){
        .ca_file = arena_printf(arena, "%s/ca.pem", argv[2]),
        .cert_file = arena_printf(arena, "%s/%s.pem", argv[2], argv[3]),
        .key_file = arena_printf(arena, "%s/%s-key.pem", argv[2], argv[3]),
        .user_agent = "fake-agent",
    });
    for (;;)
        if (sync_once(&f, &arena, &reports) < 0)
            usleep(RETRY_US);
}
