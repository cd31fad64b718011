#include "cli/doctor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "cli/daemons.h"
#include "cli/files.h"
#include "cli/host.h"
#include "cli/preload.h"
#include "cli/process.h"

enum { DISK_LEAST_MIB = 1024, DISK_GOOD_MIB = 10240, MEMORY_GOOD_MIB = 1024, LOOKUP_SLOW_MS = 1000 };

enum level { OK, WARN, BAD };

struct finding {
    enum level level;
    const char *text, *repair;
};

static struct finding good(const char *text)
{
    return (struct finding){ OK, text, NULL };
}
static struct finding warn(const char *text, const char *repair)
{
    return (struct finding){ WARN, text, repair };
}
static struct finding bad(const char *text, const char *repair)
{
    return (struct finding){ BAD, text, repair };
}

/* ---- the checks ---- */

static struct finding check_root(struct cli *cli)
{
    return geteuid() == 0 ? good("root")
                          : bad("not root: bridges, firewall and users cannot be made", "run as root");
}

static struct finding check_programs(struct cli *cli)
{
    static const char *const needed[] = {
        "qemu-system-x86_64", "qemu-img", "libvirtd", "virsh", "nft", "dnsmasq", "ip",
        "genisoimage",        "ssh",      "ping",     NULL
    };
    struct buf missing = buf_new(cli->cx->arena);

    for (const char *const *p = needed; *p; p++) {
        const char *const argv[] = { "sh", "-c", "command -v \"$0\"", *p, NULL };
        if (process_run(cli, argv, NULL) != 0)
            buf_printf(&missing, " %s", *p);
    }
    if (!missing.len)
        return good("all programs are there");
    return bad(cx_printf(cli->cx, "missing programs:%s", buf_text(&missing)), "tools/install-packages run");
}

static struct finding check_nic(struct cli *cli)
{
    struct cli_settings s = cli->settings;

    if (cli_settings_complete(cli->cx, &s) < 0) {
        const char *text = cli->cx->text;
        fail_clear(cli->cx);
        return bad(text, "give the NIC an address, or name another one: alamo up --public-nic NIC");
    }
    cli->settings.public_nic = s.public_nic;
    cli->settings.public_address = s.public_address;
    return good(cx_printf(cli->cx, "public NIC %s, address %s",
                          s.public_nic ? s.public_nic : "(not asked for)", s.public_address));
}

struct range {
    const char *name, *text;
    uint32_t first, last;
};

static bool overlap(const struct range *r, uint32_t first, uint32_t last)
{
    return r->first <= last && first <= r->last;
}

/* No route leads to these, so nobody has them by the routes; and no server can use them. */
static const char *reserved_of(const struct range *r)
{
    static const char *const reserved[] = { "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3" };
    uint32_t first, last;

    for (size_t i = 0; i < N_ELEMENTS(reserved); i++)
        if (host_range(reserved[i], &first, &last) && overlap(r, first, last))
            return reserved[i];
    return NULL;
}

static struct finding check_range(struct cli *cli, const struct range *r, const struct range *other)
{
    struct list routes;
    const char *reserved = reserved_of(r);
    bool fixed = str_eq(r->name, "fixed_range");
    const char *repair = cx_printf(cli->cx, "choose another one: alamo up --%s CIDR",
                                   fixed ? "fixed-range" : "floating-range");

    if (overlap(r, other->first, other->last))
        return bad(cx_printf(cli->cx, "%s %s overlaps %s %s", r->name, r->text, other->name, other->text),
                   repair);
    if (reserved)
        return bad(cx_printf(cli->cx, "%s %s lies in %s, which no server can use", r->name, r->text, reserved), repair);
    if (host_routes(cli->cx, &routes) < 0) {
        fail_clear(cli->cx);
        return warn("the machine's routes cannot be read", "mount /proc");
    }
    const struct host_route *route = routes.items;
    for (size_t i = 0; i < routes.n; i++) {
        /* the bridge carries the fixed range; floating addresses may be part of the public network */
        bool may = str_eq(route[i].nic, fixed ? cli->settings.bridge : cli->settings.public_nic);
        if (!may && overlap(r, route[i].first, route[i].last))
            return bad(cx_printf(cli->cx, "%s %s overlaps a network of this machine on %s", r->name, r->text,
                                 route[i].nic),
                       repair);
    }
    return good(cx_printf(cli->cx, "%s %s is free", r->name, r->text));
}

static struct finding check_ranges(struct cli *cli, bool fixed)
{
    const struct cli_settings *s = &cli->settings;
    struct range ranges[] = { { "fixed_range", s->fixed_range, 0, 0 },
                              { "floating_range", s->floating_range, 0, 0 } };

    for (size_t i = 0; i < N_ELEMENTS(ranges); i++)
        if (!host_range(ranges[i].text, &ranges[i].first, &ranges[i].last))
            return bad(cx_printf(cli->cx, "%s %s is no network", ranges[i].name, ranges[i].text),
                       "write it as 192.0.2.0/24, with zeros behind the prefix");
    return check_range(cli, &ranges[!fixed], &ranges[fixed]);
}

static struct finding check_fixed(struct cli *cli)
{
    return check_ranges(cli, true);
}
static struct finding check_floating(struct cli *cli)
{
    return check_ranges(cli, false);
}

static bool port_taken(int port, const char *address)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int on = 1;
    CLEAN_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || inet_pton(AF_INET, address, &in.sin_addr) != 1)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&in, sizeof in) < 0 && errno == EADDRINUSE;
}

static struct finding check_ports(struct cli *cli)
{
    const struct cli_settings *s = &cli->settings;
    const struct {
        const char *key, *address;
        int port;
        enum daemon owner;
    } ports[] = {
        { "https_port", s->https_address ? s->https_address : s->public_address, s->https_port,
          DAEMON_ALAMOD },
        { "agent_port", "127.0.0.1", s->agent_port, DAEMON_ALAMOD },
        { "metadata_port", "0.0.0.0", s->metadata_port, DAEMON_AGENT },
    };

    for (size_t i = 0; i < N_ELEMENTS(ports); i++)
        if (!daemons_running(cli, ports[i].owner) && ports[i].address &&
            port_taken(ports[i].port, ports[i].address))
            return bad(
                cx_printf(cli->cx, "port %d (%s) is taken by another program", ports[i].port, ports[i].key),
                cx_printf(cli->cx, "find it with ss -ltnp, or choose another port: alamo up --%s N",
                          ports[i].key));
    return good("ports are free, or ours");
}

/* The daemons and QEMU run without root's rights: a directory of somebody's own above theirs keeps them out. */
static struct finding check_places(struct cli *cli)
{
    const char *const places[] = { cli->settings.config_dir, cli->settings.data_dir, cli->settings.run_dir };
    struct stat st;

    for (size_t i = 0; i < N_ELEMENTS(places); i++) {
        char *path = cx_strdup(cli->cx, places[i]);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
            *slash = 0;
            if (stat(path, &st) == 0 && !(st.st_mode & S_IXOTH))
                return bad(cx_printf(cli->cx, "nobody but its owner reaches what is below %s, as %s is", path, places[i]),
                           cx_printf(cli->cx, "chmod o+x %s, or choose other places (--config-dir, --data-dir, --run-dir)", path));
            *slash = '/';
        }
    }
    return good("the daemons reach their directories");
}

static struct finding check_disk(struct cli *cli)
{
    char *path = cx_strdup(cli->cx, cli->settings.data_dir);
    struct statvfs fs;

    while (statvfs(path, &fs) < 0 && strrchr(path, '/') != path)
        *strrchr(path, '/') = 0;
    if (statvfs(*path ? path : "/", &fs) < 0)
        return warn("the disk of data_dir cannot be looked at", "check data_dir");
    int64_t mib = (int64_t)(fs.f_bavail * fs.f_frsize / (1024 * 1024));
    const char *text = cx_printf(cli->cx, "%lld MiB free for %s", (long long)mib, cli->settings.data_dir);
    if (mib < DISK_LEAST_MIB)
        return bad(text, "free some space, or put it elsewhere: alamo up --data-dir DIR");
    return mib < DISK_GOOD_MIB ? warn(text, "enough to try it out; real servers want more") : good(text);
}

static struct finding check_memory(struct cli *cli)
{
    char line[256];
    long long kib = -1;

    FILE *file = fopen("/proc/meminfo", "re");
    while (file && kib < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lld kB", &kib) != 1)
            kib = -1;
    if (file)
        fclose(file);
    const char *text = cx_printf(cli->cx, "%lld MiB of memory available", kib / 1024);
    return kib / 1024 < MEMORY_GOOD_MIB ? warn(text, "only a few small servers fit") : good(text);
}

static struct finding check_time(struct cli *cli)
{
    struct timex t = { 0 };

    if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC))
        return warn("the clock is not synchronised",
                    "run an NTP client (apt-get install chrony); tokens and logs depend on it");
    return good("the clock is synchronised");
}

static struct finding check_name(struct cli *cli)
{
    const char *name = host_name(cli->cx);
    struct addrinfo *found = NULL;
    int64_t start_us = monotonic_us();

    if (host_name_in_hosts(name))
        return good(cx_printf(cli->cx, "%s is in /etc/hosts", name));
    int r = getaddrinfo(name, NULL, NULL, &found);
    int64_t ms = (monotonic_us() - start_us) / 1000;
    if (r == 0)
        freeaddrinfo(found);
    if (r == 0 && ms < LOOKUP_SLOW_MS)
        return good(cx_printf(cli->cx, "%s resolves", name));
    return warn(cx_printf(cli->cx, "%s %s: every start of a server waits for that", name,
                          r ? "does not resolve" : "resolves slowly"),
                cx_printf(cli->cx, "echo '127.0.1.1 %s' >> /etc/hosts (alamo up does it)", name));
}

static struct finding check_kvm(struct cli *cli)
{
    const char *slow =
        "servers run translated (TCG), 10 to 30 times slower; use a machine with VT-x or AMD-V, switch it on "
        "in the firmware, or allow nested virtualisation";
    CLEAN_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (kvm < 0)
        return warn(cx_printf(cli->cx, "no KVM (/dev/kvm: %s)", strerror(errno)), slow);
    CLEAN_FD vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        return warn(cx_printf(cli->cx, "/dev/kvm is there, but makes no machine: %s", strerror(errno)), slow);
    return good("KVM (the agent tries it out with a real kernel before it uses it)");
}

static struct finding check_nftables(struct cli *cli)
{
    const char *const argv[] = { "nft", "list", "tables", NULL };
    const char *output = "";

    if (process_run(cli, argv, &output) == 0)
        return good("nftables work");
    return bad(cx_printf(cli->cx, "nft fails: %.200s", output),
               "a kernel with nf_tables, and root's rights, are needed");
}

static struct finding check_image(struct cli *cli)
{
    const char *file = preload_file(cli);

    if (files_there(file))
        return good(cx_printf(cli->cx, "guest image %s", file));
    return warn(cx_printf(cli->cx, "there is no guest image %s", file), "guest/build-micro guest/out");
}

/* clang-format off */
static const struct {
    const char *name;
    struct finding (*run)(struct cli *cli);
} checks[] = {
    { "rights", check_root },
    { "programs", check_programs },
    { "network", check_nic },
    { "fixed range", check_fixed },
    { "floating range", check_floating },
    { "ports", check_ports },
    { "firewall", check_nftables },
    { "places", check_places },
    { "disk", check_disk },
    { "memory", check_memory },
    { "time", check_time },
    { "name", check_name },
    { "virtualisation", check_kvm },
    { "guest image", check_image },
};
/* clang-format on */

int command_doctor(struct cli *cli)
{
    static const char *const words[] = { "ok", "warn", "FAIL" };
    struct cli scratch = *cli; /* completed by the checks; not to be kept */
    int n_bad = 0;

    for (size_t i = 0; i < N_ELEMENTS(checks); i++) {
        struct finding f = checks[i].run(&scratch);
        fail_clear(cli->cx);
        printf("%-4s  %-15s %s%s%s\n", words[f.level], checks[i].name, f.text, f.repair ? "; repair: " : "",
               f.repair ? f.repair : "");
        n_bad += f.level == BAD;
    }
    return n_bad > 0;
}

int doctor_step(struct cli *cli)
{
    if (strcmp(cli->settings.driver, "real") != 0)
        return 0; /* nothing of this machine is used */
    struct cli scratch = *cli;
    for (size_t i = 0; i < N_ELEMENTS(checks); i++) {
        struct finding f = checks[i].run(&scratch);
        fail_clear(cli->cx);
        if (f.level == BAD)
            return fail(cli->cx, KIND_CONFLICT, "%s; repair: %s", f.text, f.repair);
    }
    return 0;
}
