/* alamo-agent - makes one host match what the controller wants of it. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/bench.h"
#include "agent/fake/fake.h"
#include "agent/file.h"
#include "agent/host.h"
#include "agent/libvirt/libvirt.h"
#include "agent/local/local.h"
#include "agent/netlink/netlink.h"
#include "agent/once.h"
#include "base/env.h"
#include "base/log.h"
#include "http/server.h"

LOG_MODULE("agent");

enum action { RUN, TEARDOWN, STOP_GUESTS, SEEN, BENCH_PARTS };

struct options {
    const char *config, *bench_dir;
    enum action action;
};

static void usage(FILE *out)
{
    fputs("Usage: alamo-agent --config FILE [--seen | --stop-guests | --teardown]\n"
          "Makes this host match what the controller wants of it.\n"
          "  --seen         print what is on this host, as JSON\n"
          "  --stop-guests  shut all guests down; they start again with the agent\n"
          "  --teardown     remove bridges, taps, rules, addresses and DHCP of ours\n",
          out);
}

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = { { "config", required_argument, NULL, 'c' },
                                           { "teardown", no_argument, NULL, TEARDOWN },
                                           { "stop-guests", no_argument, NULL, STOP_GUESTS },
                                           { "seen", no_argument, NULL, SEEN },
                                           { "bench-parts", required_argument, NULL, BENCH_PARTS },
                                           { "help", no_argument, NULL, 'h' },
                                           { "version", no_argument, NULL, 'v' },
                                           { 0 } };
    int c;
    *o = (struct options){ .config = "/etc/alamo/agent.conf" };
    while ((c = getopt_long(argc, argv, "c:h", names, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case BENCH_PARTS: /* for `alamo bench` alone, hence not in the usage */
            o->bench_dir = optarg;
            o->action = BENCH_PARTS;
            break;
        case TEARDOWN:
        case STOP_GUESTS:
        case SEEN:
            o->action = (enum action)c;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        case 'v':
            puts("alamo-agent " ALAMO_VERSION);
            exit(0);
        default:
            usage(stderr);
            return -EINVAL;
        }
    }
    return optind == argc ? 0 : -EINVAL;
}

/* The agent has no orderly end: whatever it does can be cut short anywhere, and is taken up at the next
 * start. */
static void *wait_for_end(void *arg)
{
    sigset_t *set = arg;
    int number = 0;
    sigwait(set, &number);
    log_info("ending on signal %d", number);
    _exit(0);
}

static void handle_signals(void)
{
    static sigset_t set;
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_create(&thread, NULL, wait_for_end, &set) == 0)
        pthread_detach(thread);
}

static int real_network(struct cx *cx, struct agent *a)
{
    const struct netlink_config config = { a->settings.run_dir, a->settings.state_dir };
    const char *nic = a->settings.public_nic;
    TRY(netlink_new(cx, &config, &a->drivers.network));
    TRY(netlink_public(cx, &nic, &a->net.public_mtu, &a->public_ip));
    if (!nic)
        log_warn("there is no default route: guests can't reach the outside; set public_nic");
    a->net.public_nic = nic ? nic : "none";
    a->metadata_address = "169.254.169.254";
    return 0;
}

static int real_drivers(struct cx *cx, struct agent *a, bool probe)
{
    const struct settings *s = &a->settings;
    struct local_config local = { s->state_dir, s->image_dir, .fetch = sync_fetch, .arg = a };
    struct libvirt_config lv = { .uri = s->libvirt_uri, .run_dir = s->run_dir, .changed = agent_guest_changed, .arg = a };
    TRY(host_user(cx, s->qemu_user, &local.user));
    lv.traits.user = local.user;
    TRY(local_new(cx, &local, &a->drivers.storage));
    TRY(real_network(cx, a));
    lv.traits.io_uring = host_io_uring();
    const struct kvm_trial trial = { "/dev/kvm", s->state_dir, a->boot_id, s->probe_kernel };
    lv.traits.kvm = probe && str_eq(s->kvm, "auto") && host_kvm(cx, &trial);
    return libvirt_new(cx, &lv, &a->drivers.hypervisor);
}

static int set_up(struct cx *cx, struct agent *a, const struct options *o)
{
    struct host_facts facts;
    const char *socket = NULL;
    TRY(agent_settings_read(cx, o->config, &a->settings));
    TRY(file_make_dir(cx, a->settings.state_dir, 0711));
    TRY(host_facts(cx, a->settings.state_dir, &facts));
    a->boot_id = facts.boot_id;
    a->cpu_model = facts.cpu_model;
    a->cpus = facts.cpus;
    a->ram_mib = facts.ram_mib;
    a->disk_gib = facts.disk_gib;
    a->net.bridge = a->settings.bridge;
    a->net.metadata_port = (int)a->settings.metadata_port;
    a->net.api_port = (int)a->settings.api_port;
    a->net.dmz = a->settings.dmz;
    a->net.dns = a->settings.dns;
    agent_lock_new(a);
    if (str_starts(a->settings.driver, "fake:", &socket))
        return fake_new(cx, socket, a->settings.state_dir, agent_guest_changed, a, &a->drivers);
    return real_drivers(cx, a, o->action == RUN);
}

static int act(struct cx *cx, struct agent *a, enum action action)
{
    switch (action) {
    case TEARDOWN:
        return a->drivers.network.teardown(a->drivers.network.self, cx, &a->net);
    case STOP_GUESTS:
        return once_stop_guests(cx, a);
    case SEEN:
        return once_seen(cx, a);
    case BENCH_PARTS:
    case RUN:
        break;
    }
    return agent_run(cx, a);
}

int main(int argc, char **argv)
{
    static struct agent agent;
    struct options o;
    CLEAN_CX cx;
    cx_begin(&cx);
    if (read_options(argc, argv, &o) < 0)
        return 2;
    http_open_files();
    handle_signals();
    int r = o.bench_dir ? bench_parts(&cx, o.bench_dir) : set_up(&cx, &agent, &o);
    if (r >= 0 && !o.bench_dir)
        r = act(&cx, &agent, o.action);
    if (r < 0)
        log_error("%s", cx.text);
    return r < 0;
}
