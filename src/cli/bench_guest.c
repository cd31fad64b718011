/* The evaluation of 2012: a server of the flavor m1.medium, from the request to the first login, its disk and
 * its round trip; beside the host's disk and the same image under a bare QEMU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/objects.h"
#include "cli/preload.h"
#include "cli/process.h"
#include "json/writer.h"

enum {
    BOOT_S = 600,
    DD_MIB = 128,
    DD_ROUNDS = 3,
    PINGS = 100,
    PING_MS = 1000,
    RAM_MIB = 4096,
    VCPUS = 2,
    DISK_GIB = 10
};
static const char server_name[] = "alamo-bench", flavor_name[] = "m1.medium", debian_name[] = "debian-bench",
                  micro_name[] = "cirros";

/* Where a guest is reached. */
struct target {
    const char *address, *user;
    int netns_fd; /* -1: the host's own */
};
/* What is measured of it. */
struct figures {
    double active_s, ping_s, ssh_s;  /* since it was asked for; 0: does not apply */
    struct samples write, read, rtt; /* MB/s, MB/s, ms */
};
struct run {
    struct bench *b;
    struct api *api;
    bool debian;
    const char *user, *image_id;
    struct figures bare, cloud;
    struct samples host_write, host_read; /* taken in turns with the guests' */
};

static double since_s(int64_t begin_us)
{
    return (double)(monotonic_us() - begin_us) / 1e6;
}

/* ---- commands in a guest ---- */

/* Its key was made a moment ago and is never seen again: nothing of it is kept. */
static struct strs ssh_words(struct run *run, const struct target *t, const char *command)
{
    struct cx *cx = run->b->cli->cx;
    struct strs words = { 0 };
    const char *const all[] = { "ssh",
                                "-i",
                                cli_config_file(run->b->cli, "demo.key"),
                                "-oIdentitiesOnly=yes",
                                "-oStrictHostKeyChecking=no",
                                "-oUserKnownHostsFile=/dev/null",
                                "-oBatchMode=yes",
                                "-oConnectTimeout=5",
                                "-oLogLevel=ERROR",
                                cx_printf(cx, "%s@%s", t->user, t->address),
                                command,
                                NULL };

    for (size_t i = 0; i < N_ELEMENTS(all); i++)
        *arena_push(cx->arena, &words.items, &words.n) = all[i];
    return words;
}

/* Runs it; the exit code, and what it said. */
static int ssh(struct run *run, const struct target *t, const char *command, const char **ret_output)
{
    struct strs words = ssh_words(run, t, command);
    int back = -1;

    if (t->netns_fd >= 0)
        TRY(netns_enter(run->b, t->netns_fd, &back));
    int code = process_run(run->b->cli, words.items, ret_output);
    if (back >= 0)
        netns_leave(back);
    return code;
}

static int open_pinger(struct run *run, const struct target *t, struct pinger *ret_pinger)
{
    int back = -1;

    if (t->netns_fd >= 0)
        TRY(netns_enter(run->b, t->netns_fd, &back));
    int r = pinger_open(run->b, t->address, ret_pinger);
    if (back >= 0)
        netns_leave(back);
    return r;
}

/* ---- waiting for a guest ---- */

static int too_late(struct run *run, const char *what, int64_t begin_us)
{
    if (bench_stopped())
        return bench_interrupted(run->b);
    if (monotonic_us() - begin_us > BOOT_S * 1000000LL * slow_factor())
        return fail(run->b->cli->cx, KIND_UNAVAILABLE, "the guest does not answer %s after %d s", what,
                    BOOT_S);
    return 0;
}

static int wait_ping(struct run *run, const struct target *t, int64_t begin_us)
{
    struct pinger p;
    int r = 0;

    TRY(open_pinger(run, t, &p));
    while (r >= 0 && pinger_ping(&p, (uint16_t)getpid(), 200) < 0)
        r = too_late(run, "ping", begin_us);
    close(p.fd);
    return r;
}

static int wait_ssh(struct run *run, const struct target *t, int64_t begin_us)
{
    int code;

    while ((code = ssh(run, t, "true", NULL)) > 0) {
        TRY(too_late(run, "ssh", begin_us));
        sleep_ms(200);
    }
    return code;
}

static int wait_guest(struct run *run, const struct target *t, int64_t begin_us, struct figures *f)
{
    TRY(wait_ping(run, t, begin_us));
    f->ping_s = since_s(begin_us);
    TRY(wait_ssh(run, t, begin_us));
    f->ssh_s = since_s(begin_us);
    return 0;
}

/* ---- disks and round trips ---- */

/* Not every dd says how long it took; the time since boot is said everywhere, to 10 ms. */
static const char *timed(struct run *run, const char *command)
{
    return cx_printf(run->b->cli->cx,
                     "read a x < /proc/uptime; %s 2>&1 && read b x < /proc/uptime && echo took $a $b",
                     command);
}

/* Past both page caches: what is measured is disk. */
static const char *dd_write(struct run *run, const char *file)
{
    return timed(run,
                 cx_printf(run->b->cli->cx, "dd if=/dev/zero of=%s bs=1M count=%d oflag=direct conv=fsync",
                           file, DD_MIB));
}

static const char *dd_read(struct run *run, const char *file)
{
    return timed(run, cx_printf(run->b->cli->cx, "dd if=%s of=/dev/null bs=1M iflag=direct", file));
}

static int add_dd(struct run *run, int code, const char *output, struct samples *s)
{
    const char *text = strstr(output, "took ");
    double begin_s, end_s;

    if (code < 0)
        return code;
    if (code || !text || sscanf(text, "took %lf %lf", &begin_s, &end_s) != 2 || end_s <= begin_s)
        return fail(run->b->cli->cx, KIND_UNAVAILABLE, "dd failed: %.300s", output);
    samples_add(run->b, s, DD_MIB * 1048576.0 / 1e6 / (end_s - begin_s));
    return 0;
}

static int host_dd(struct run *run, const char *command, struct samples *s)
{
    const char *const argv[] = { "sh", "-c", command, NULL };
    const char *output = "";
    int code = process_run(run->b->cli, argv, &output);

    return add_dd(run, code, output, s);
}

static int guest_dd(struct run *run, const struct target *t, const char *command, struct samples *s)
{
    const char *output = "";
    int code = ssh(run, t, command, &output);

    return add_dd(run, code, output, s);
}

static int measure_disk(struct run *run, const struct target *t, struct figures *f)
{
    const char *file = cx_printf(run->b->cli->cx, "%s/dd", run->b->dir);

    for (int i = 0; i < DD_ROUNDS; i++) {
        TRY(host_dd(run, dd_write(run, file), &run->host_write));
        TRY(guest_dd(run, t, dd_write(run, "dd"), &f->write));
        TRY(host_dd(run, dd_read(run, file), &run->host_read));
        TRY(guest_dd(run, t, cx_printf(run->b->cli->cx, "%s && rm -f dd", dd_read(run, "dd")), &f->read));
        unlink(file);
        if (bench_stopped())
            return bench_interrupted(run->b);
    }
    return 0;
}

static int measure_rtt(struct run *run, const struct target *t, struct figures *f)
{
    struct pinger p;

    TRY(open_pinger(run, t, &p));
    for (int i = 0; i < PINGS && !bench_stopped(); i++) {
        double ms = pinger_ping(&p, (uint16_t)getpid(), PING_MS);
        if (ms >= 0)
            samples_add(run->b, &f->rtt, ms);
        sleep_ms(20);
    }
    close(p.fd);
    return 0;
}

static int measure(struct run *run, const struct target *t, int64_t begin_us, struct figures *f)
{
    TRY(wait_guest(run, t, begin_us, f));
    TRY(measure_rtt(run, t, f));
    return measure_disk(run, t, f);
}

/* ---- the bare guest ---- */

/* The public half of the key that the cloud gives its servers. */
static int public_key(struct run *run, const char **ret_key)
{
    const char *const argv[] = { "ssh-keygen", "-y", "-f", cli_config_file(run->b->cli, "demo.key"), NULL };

    if (process_run(run->b->cli, argv, ret_key) != 0)
        return fail(run->b->cli->cx, KIND_UNAVAILABLE, "%s can't be read: %.200s", argv[3], *ret_key);
    return 0;
}

static int bare_config(struct run *run, struct bare_config *ret)
{
    struct cx *cx = run->b->cli->cx;
    struct bench_parts parts;
    struct list hosts;
    struct api *admin;
    const char *micro = preload_file(run->b->cli);
    int dir_n = (int)(strrchr(micro, '/') - micro);

    *ret = (struct bare_config){
        .disk = run->b->image, .format = "qcow2", .ram_mib = RAM_MIB, .vcpus = VCPUS, .disk_gib = DISK_GIB
    };
    if (!run->debian) {
        ret->disk = micro;
        ret->format = "raw";
        ret->kernel = cx_printf(cx, "%.*s/micro-vmlinux", dir_n, micro);
        ret->ramdisk = cx_printf(cx, "%.*s/micro-initrd", dir_n, micro);
        ret->kernel_args = preload_command_line;
    }
    TRY(public_key(run, &ret->public_key));
    TRY(bench_parts(run->b, &parts));
    ret->io = parts.io;
    TRY(api_login_admin(run->b->cli, &admin));
    TRY(api_hosts(admin, &hosts));
    ret->kvm = hosts.n && str_eq(((const struct api_host *)hosts.items)->hypervisor_type, "KVM");
    return 0;
}

static int bench_bare(struct run *run)
{
    struct bare_config config;
    struct bare bare;

    TRY(bare_config(run, &config));
    int r = bare_start(run->b, &config, &bare);
    const struct target t = { bare.address, run->user, bare.netns_fd };
    if (r >= 0)
        r = measure(run, &t, monotonic_us(), &run->bare);
    bare_end(&bare);
    return r;
}

/* ---- the cloud's server ---- */

static int delete_server(struct run *run, const char *id)
{
    struct api_ref port;
    struct api_floating floating;
    struct api_server s;
    int64_t end_us = monotonic_us() + 60 * 1000000LL * slow_factor();

    TRY(api_server_port(run->api, id, &port));
    if (port.id) {
        TRY(api_port_floating(run->api, port.id, &floating));
        if (floating.id)
            TRY(api_send(run->api, "DELETE", api_path(run->api, "/network/v2.0/floatingips/%s", floating.id),
                         NULL, NULL, NULL));
    }
    TRY(api_send(run->api, "DELETE", api_path(run->api, "/compute/v2.1/servers/%s", id), NULL, NULL, NULL));
    while (api_server(run->api, id, &s) == 0 && monotonic_us() < end_us)
        sleep_ms(100);
    fail_clear(run->b->cli->cx);
    return 0;
}

/* Those of this run, or of one that was killed. */
static int delete_servers(struct run *run)
{
    struct list servers;

    TRY(api_servers(run->api, false, &servers));
    const struct api_server *s = servers.items;
    for (size_t i = 0; i < servers.n; i++)
        if (str_eq(s[i].name, server_name))
            TRY(delete_server(run, s[i].id));
    return 0;
}

static const char *image_body(struct run *run)
{
    struct jwriter w = jwriter_new(run->b->cli->cx->arena);

    jw_object(&w);
    jw_kv(&w, "name", debian_name);
    jw_kv(&w, "disk_format", "qcow2");
    jw_kv(&w, "container_format", "bare");
    jw_kv(&w, "os_admin_user", "debian");
    jw_end(&w);
    return buf_text(&w.out);
}

static int have_image(struct run *run)
{
    struct api_image image;
    struct api_ref made = { 0 };

    TRY(api_image_by_name(run->api, run->debian ? debian_name : micro_name, &image));
    if (image.id && !str_eq(image.status, "active")) { /* an upload that was cut off */
        TRY(api_send(run->api, "DELETE", api_path(run->api, "/image/v2/images/%s", image.id), NULL, NULL,
                     NULL));
        image.id = NULL;
    }
    run->image_id = image.id;
    if (image.id)
        return 0;
    if (!run->debian)
        return fail(run->b->cli->cx, KIND_NOT_FOUND, "there is no image %s", micro_name);
    TRY(api_send(run->api, "POST", "/image/v2/images", image_body(run), api_ref_fields, &made));
    TRY(api_upload(run->api, api_path(run->api, "/image/v2/images/%s/file", made.id), run->b->image));
    run->image_id = made.id;
    bench_note("uploaded %s as %s; it stays", run->b->image, debian_name);
    return 0;
}

static int wait_active(struct run *run, const char *id, int64_t begin_us)
{
    struct api_server s;

    for (;;) {
        TRY(api_server(run->api, id, &s));
        if (str_eq(s.status, "ACTIVE"))
            return 0;
        if (str_eq(s.status, "ERROR"))
            return fail(run->b->cli->cx, KIND_UNAVAILABLE, "the server failed: %s",
                        s.fault && s.fault->message ? s.fault->message : "no reason given");
        TRY(too_late(run, "with ACTIVE", begin_us));
        sleep_ms(50);
    }
}

static int make_server(struct run *run, struct target *ret_target, int64_t *ret_begin_us)
{
    const struct new_server new = { server_name, flavor_name, run->image_id };
    struct api_floating floating;
    struct api_ref port;
    const char *id;

    *ret_begin_us = monotonic_us();
    TRY(first_make_server(run->b->cli, run->api, &new, &id));
    TRY(first_give_floating(run->b->cli, run->api, id));
    TRY(wait_active(run, id, *ret_begin_us));
    run->cloud.active_s = since_s(*ret_begin_us);
    TRY(api_server_port(run->api, id, &port));
    TRY(api_port_floating(run->api, port.id, &floating));
    *ret_target = (struct target){ floating.floating_ip_address, run->user, -1 };
    return 0;
}

static int bench_cloud(struct run *run)
{
    struct target t;
    int64_t begin_us;

    TRY(make_server(run, &t, &begin_us));
    return measure(run, &t, begin_us, &run->cloud);
}

/* ---- the table ---- */

static void print_times(struct run *run)
{
    struct cx *cx = run->b->cli->cx;

    bench_row("POST to ACTIVE", cx_printf(cx, "%.1f s", run->cloud.active_s), "", "");
    bench_row("POST to ping", cx_printf(cx, "%.1f s", run->cloud.ping_s),
              cx_printf(cx, "bare QEMU %.1f s", run->bare.ping_s), "");
    bench_row("POST to ssh", cx_printf(cx, "%.1f s", run->cloud.ssh_s),
              cx_printf(cx, "bare QEMU %.1f s", run->bare.ssh_s), "2012: 6 minutes");
}

static void print_speed(struct run *run, const char *what, struct samples *cloud, struct samples *bare,
                        struct samples *host, const char *then)
{
    struct cx *cx = run->b->cli->cx;

    bench_row(what, cx_printf(cx, "%.0f MB/s", samples_median(cloud)),
              cx_printf(cx, "bare QEMU %.0f, host %.0f MB/s", samples_median(bare), samples_median(host)),
              then);
}

static void print(struct run *run)
{
    struct cx *cx = run->b->cli->cx;

    print_times(run);
    print_speed(run, "dd in the server, writing", &run->cloud.write, &run->bare.write, &run->host_write,
                "2012: 5 - 6 MB/s");
    print_speed(run, "dd in the server, reading", &run->cloud.read, &run->bare.read, &run->host_read,
                "2012: 30 - 40 MB/s");
    bench_row("round trip to the server's floating address",
              cx_printf(cx, "%.2f ms", samples_median(&run->cloud.rtt)),
              cx_printf(cx, "bare QEMU %.2f ms", samples_median(&run->bare.rtt)), "2012: 7 ms");
    bench_note("one boot each; dd: %d MiB, direct, medians of %d; medians of %d pings", DD_MIB, DD_ROUNDS,
               PINGS);
}

int bench_guest(struct bench *b)
{
    struct run run = { .b = b, .debian = files_there(b->image) };

    run.user = run.debian ? "debian" : "cirros";
    bench_title("A server of the flavor m1.medium (2 VCPUs, 4 GB, 10 GB), as in 2012");
    if (!run.debian)
        bench_note("the micro guest stands in for Debian: there is no %s; make it with: guest/build-debian "
                   "guest/out",
                   b->image);
    TRY(api_login_demo(b->cli, &run.api));
    TRY(delete_servers(&run));
    TRY(have_image(&run));
    TRY(bench_bare(&run));
    int r = bench_cloud(&run);
    const enum kind kind = b->cli->cx->kind;
    const char *text = b->cli->cx->text;
    TRY(delete_servers(&run));
    b->cli->cx->kind = kind;
    b->cli->cx->text = text;
    if (r >= 0)
        print(&run);
    return r;
}
