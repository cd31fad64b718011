/* The network: a ping from the host into a namespace that stands for a guest, over a bridge without any rules
 * and over one with the agent's, taking turns packet by packet. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/process.h"

/* ---- namespaces ---- */

static int open_own(struct bench *b, int *ret_fd)
{
    *ret_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? fail(b->cli->cx, KIND_UNAVAILABLE, "no namespaces: %s", strerror(errno)) : 0;
}

void netns_leave(int back_fd)
{
    if (setns(back_fd, CLONE_NEWNET) < 0)
        abort(); /* anything done from here on would be done to the wrong network */
    close(back_fd);
}

int netns_enter(struct bench *b, int netns_fd, int *ret_back_fd)
{
    TRY(open_own(b, ret_back_fd));
    if (setns(netns_fd, CLONE_NEWNET) == 0)
        return 0;
    close(*ret_back_fd);
    return fail(b->cli->cx, KIND_UNAVAILABLE, "setns: %s", strerror(errno));
}

int netns_new(struct bench *b, int *ret_fd)
{
    int back;

    TRY(open_own(b, &back));
    int r = unshare(CLONE_NEWNET) < 0
                ? fail(b->cli->cx, KIND_UNAVAILABLE, "no new network namespace: %s", strerror(errno))
                : open_own(b, ret_fd);
    netns_leave(back);
    return r;
}

/* ---- round trips ---- */

int pinger_open(struct bench *b, const char *address, struct pinger *ret_pinger)
{
    struct in_addr a;

    if (inet_pton(AF_INET, address, &a) != 1)
        return fail(b->cli->cx, KIND_INVALID, "%s is no address", address);
    *ret_pinger =
        (struct pinger){ .address = a.s_addr, .fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) };
    return ret_pinger->fd < 0 ? fail(b->cli->cx, KIND_UNAVAILABLE, "no raw socket: %s", strerror(errno)) : 0;
}

static uint16_t checksum(const void *data, size_t n)
{
    const uint16_t *words = data;
    uint32_t sum = 0;

    for (size_t i = 0; i < n / 2; i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* Takes one packet; it is the answer to 'sent'. */
static bool take_answer(struct pinger *p, const struct icmphdr *sent)
{
    unsigned char packet[512];
    struct icmphdr got;

    ssize_t n = recv(p->fd, packet, sizeof packet, MSG_DONTWAIT);
    size_t head = n > 0 ? (size_t)(packet[0] & 15) * 4 : 0;
    if (n < (ssize_t)(head + sizeof got))
        return false;
    memcpy(&got, packet + head, sizeof got);
    return got.type == ICMP_ECHOREPLY && got.un.echo.id == sent->un.echo.id &&
           got.un.echo.sequence == sent->un.echo.sequence;
}

/* In ns: a round trip over a bridge is a few dozen microseconds. */
static int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

double pinger_ping(struct pinger *p, uint16_t id, int timeout_ms)
{
    struct {
        struct icmphdr head;
        unsigned char data[56]; /* as ping(8) sends */
    } echo = { .head = { .type = ICMP_ECHO, .un.echo = { htons(id), htons(++p->seq) } } };
    const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { p->address } };
    struct pollfd poller = { .fd = p->fd, .events = POLLIN };

    echo.head.checksum = checksum(&echo, sizeof echo);
    int64_t begin = clock_ns(), left_ms = timeout_ms;
    if (sendto(p->fd, &echo, sizeof echo, 0, (const struct sockaddr *)&to, sizeof to) < 0) {
        sleep_ms(timeout_ms); /* no way there yet */
        return -1;
    }
    while (left_ms >= 0 && poll(&poller, 1, (int)left_ms) > 0) {
        if (take_answer(p, &echo.head))
            return (double)(clock_ns() - begin) / 1e6;
        left_ms = timeout_ms - (clock_ns() - begin) / 1000000;
    }
    return -1;
}

/* ---- worlds: a host, a guest, a bridge between them ---- */

enum { WORLD_N = 3, PINGS = 3000, WARM_UP = 50, TIMEOUT_MS = 1000 };

struct world {
    const char *name;
    int host_fd, guest_fd;
    struct pinger pinger;
    struct samples one_flow, new_flows;
    uint16_t flow;
};

/* Runs "ip" with the words of a line. */
static int ip(struct bench *b, const char *line)
{
    char *copy = cx_strdup(b->cli->cx, line), *save = NULL;
    struct strs words = { 0 };

    *arena_push(b->cli->cx->arena, &words.items, &words.n) = "ip";
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        *arena_push(b->cli->cx->arena, &words.items, &words.n) = word;
    *arena_push(b->cli->cx->arena, &words.items, &words.n) = NULL;
    return process_must(b->cli, words.items);
}

static int load_rules(struct bench *b, const char *text)
{
    const char *file = cx_printf(b->cli->cx, "%s/rules.nft", b->dir);
    const char *const argv[] = { "nft", "-f", file, NULL };

    if (!text)
        return 0;
    TRY(files_text(b->cli, file, text, OWNER_ROOT, 0600));
    return process_must(b->cli, argv);
}

static int make_host(struct bench *b, struct world *w, const struct bench_parts *parts, const char *rules)
{
    struct cx *cx = b->cli->cx;

    TRY(ip(b, "link set lo up"));
    TRY(ip(b, cx_printf(cx, "link add %s type bridge", parts->bridge)));
    TRY(ip(b, cx_printf(cx, "addr add %s/24 dev %s", parts->host_ip, parts->bridge)));
    TRY(ip(b, cx_printf(cx, "link add %s type veth peer name eth0 netns /proc/%d/fd/%d", parts->tap,
                        (int)getpid(), w->guest_fd)));
    TRY(ip(b, cx_printf(cx, "link set %s master %s up", parts->tap, parts->bridge)));
    TRY(ip(b, cx_printf(cx, "link set %s up", parts->bridge)));
    TRY(load_rules(b, rules));
    return pinger_open(b, parts->guest_ip, &w->pinger);
}

static int make_guest(struct bench *b, const struct bench_parts *parts)
{
    struct cx *cx = b->cli->cx;

    TRY(ip(b, "link set lo up"));
    TRY(ip(b, cx_printf(cx, "link set eth0 address %s up", parts->mac)));
    return ip(b, cx_printf(cx, "addr add %s/24 dev eth0", parts->guest_ip));
}

static int make_world(struct bench *b, struct world *w, const struct bench_parts *parts, const char *rules)
{
    int back;

    TRY(netns_new(b, &w->host_fd));
    TRY(netns_new(b, &w->guest_fd));
    TRY(netns_enter(b, w->host_fd, &back));
    int r = make_host(b, w, parts, rules);
    netns_leave(back);
    TRY(r);
    TRY(netns_enter(b, w->guest_fd, &back));
    r = make_guest(b, parts);
    netns_leave(back);
    return r;
}

static void end_world(struct world *w)
{
    if (w->pinger.fd >= 0)
        close(w->pinger.fd);
    if (w->guest_fd >= 0)
        close(w->guest_fd);
    if (w->host_fd >= 0)
        close(w->host_fd);
}

static void ping(struct bench *b, struct world *w, struct samples *s, uint16_t flow)
{
    double ms = pinger_ping(&w->pinger, flow, TIMEOUT_MS);
    if (ms >= 0 && s)
        samples_add(b, s, ms);
}

static int measure(struct bench *b, struct world *worlds)
{
    for (int i = 0; i < WARM_UP + PINGS; i++) {
        for (int k = 0; k < WORLD_N; k++)
            ping(b, &worlds[k], i < WARM_UP ? NULL : &worlds[k].one_flow, 1);
        for (int k = 0; k < WORLD_N; k++)
            ping(b, &worlds[k], i < WARM_UP ? NULL : &worlds[k].new_flows, (uint16_t)(i + 2));
        if (bench_stopped())
            return bench_interrupted(b);
        if (i == WARM_UP && !worlds[0].one_flow.n)
            break; /* nobody answers: no use in waiting for the rest */
    }
    for (int k = 0; k < WORLD_N; k++)
        if (worlds[k].new_flows.n < PINGS / 2)
            return fail(b->cli->cx, KIND_INTERNAL, "no answers over %s", worlds[k].name);
    return 0;
}

static void print_row(struct bench *b, const char *what, double bare_ms, double ms)
{
    struct cx *cx = b->cli->cx;

    bench_row(what, cx_printf(cx, "+ %.3f ms", ms - bare_ms),
              cx_printf(cx, "%.3f ms; bare bridge %.3f ms", ms, bare_ms),
              cx_printf(cx, "at most + 0.1 ms: %s", bench_verdict(ms - bare_ms <= 0.1)));
}

static void print(struct bench *b, struct world *worlds)
{
    double one = samples_median(&worlds[0].one_flow), new = samples_median(&worlds[0].new_flows);

    for (int k = 1; k < WORLD_N; k++) {
        print_row(b, worlds[k].name, one, samples_median(&worlds[k].one_flow));
        print_row(b, cx_printf(b->cli->cx, "%s, each ping a new flow", worlds[k].name), new,
                  samples_median(&worlds[k].new_flows));
    }
    bench_note("medians of %d pings, taking turns", PINGS);
}

int bench_net(struct bench *b)
{
    struct world worlds[WORLD_N];
    struct bench_parts parts;
    const struct bench_rules *rules;
    int r = 0;

    bench_title(
        "Network: round trip to a guest's tap (a pair of virtual cables in its place), under its rules");
    TRY(bench_parts(b, &parts));
    rules = parts.rules.items;
    if (parts.rules.n < WORLD_N - 1)
        return fail(b->cli->cx, KIND_INTERNAL, "the agent made %zu rule sets", parts.rules.n);
    for (int k = 0; k < WORLD_N; k++)
        worlds[k] = (struct world){ .name = "a bare bridge", .host_fd = -1, .guest_fd = -1, .pinger.fd = -1 };
    for (int k = 0; k < WORLD_N && r >= 0; k++) {
        if (k)
            worlds[k].name = cx_printf(b->cli->cx, "a group of %lld rule%s", (long long)rules[k - 1].n,
                                       rules[k - 1].n == 1 ? "" : "s");
        r = make_world(b, &worlds[k], &parts, k ? rules[k - 1].text : NULL);
    }
    if (r >= 0)
        r = measure(b, worlds);
    if (r >= 0)
        print(b, worlds);
    for (int k = 0; k < WORLD_N; k++)
        end_world(&worlds[k]);
    return r;
}
