/* The yardstick of a guest: the same image under a QEMU without anything around it: a raw disk, a tap that
 * leads to nowhere but its own namespace, a DHCP server that knows one address. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/process.h"
#include "json/writer.h"

static const char tap[] = "benchtap", mac[] = "fa:16:3e:be:9c:02", host_ip[] = "10.255.1.1",
                  guest_ip[] = "10.255.1.2";

/* Starts a program that dies with this one, whatever kills it. */
static int start(struct bench *b, struct strs words, const char *log, pid_t *ret_pid)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        return fail(b->cli->cx, KIND_UNAVAILABLE, "fork: %s", strerror(errno));
    if (pid > 0) {
        *ret_pid = pid;
        return 0;
    }
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && in >= 0 && out >= 0 &&
        dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2)
        execvp(words.items[0], (char **)(uintptr_t)words.items);
    _exit(127);
}

static void stop(pid_t *pid)
{
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

static void add(struct bench *b, struct strs *words, const char *word)
{
    *arena_push(b->cli->cx->arena, &words->items, &words->n) = word;
}

/* ---- its disks ---- */

static int make_disk(struct bench *b, const struct bare_config *c, const char **ret_path)
{
    struct cx *cx = b->cli->cx;
    const char *path = cx_printf(cx, "%s/bare.raw", b->dir);
    const char *const convert[] = { "qemu-img", "convert", "-t",    "none", "-f", c->format,
                                    "-O",       "raw",     c->disk, path,   NULL };

    *ret_path = path;
    TRY(process_must(b->cli, convert));
    if (truncate(path, c->disk_gib << 30) < 0)
        return fail(cx, KIND_UNAVAILABLE, "%s: %s", path, strerror(errno));
    return 0;
}

static const char *metadata(struct bench *b, const char *public_key)
{
    struct jwriter w = jwriter_new(b->cli->cx->arena);

    jw_object(&w);
    jw_kv(&w, "uuid", uuid_new(b->cli->cx->arena));
    jw_kv(&w, "hostname", "bare");
    jw_kv(&w, "name", "bare");
    jw_key(&w, "public_keys"), jw_object(&w), jw_kv(&w, "bench", public_key), jw_end(&w);
    jw_end(&w);
    return buf_text(&w.out);
}

static int make_config_drive(struct bench *b, const struct bare_config *c, const char **ret_path)
{
    struct cx *cx = b->cli->cx;
    const char *top = cx_printf(cx, "%s/drive", b->dir), *path = cx_printf(cx, "%s/drive.iso", b->dir);
    const char *dir = cx_printf(cx, "%s/openstack/latest", top);
    const char *const argv[] = {
        "genisoimage", "-quiet", "-V", "config-2", "-J", "-r", "-o", path, top, NULL
    };

    *ret_path = path;
    TRY(files_dir(b->cli, dir, OWNER_ROOT, NULL, 0700));
    TRY(files_text(b->cli, cx_printf(cx, "%s/meta_data.json", dir), metadata(b, c->public_key), OWNER_ROOT,
                   0600));
    return process_must(b->cli, argv);
}

/* ---- its network ---- */

/* A tap that stays while QEMU starts; it goes with the namespace. */
static int make_tap(struct bench *b)
{
    const char *const commands[][8] = {
        { "ip", "link", "set", "lo", "up", NULL },
        { "ip", "tuntap", "add", tap, "mode", "tap", NULL },
        { "ip", "addr", "add", "10.255.1.1/24", "dev", tap, NULL },
        { "ip", "link", "set", tap, "up", NULL },
    };

    for (size_t i = 0; i < N_ELEMENTS(commands); i++)
        TRY(process_must(b->cli, commands[i]));
    return 0;
}

static int start_dhcp(struct bench *b, pid_t *ret_pid)
{
    struct cx *cx = b->cli->cx;
    struct strs words = { 0 };
    const char *const fixed[] = { "dnsmasq",
                                  "--keep-in-foreground",
                                  "--conf-file=/dev/null",
                                  "--port=0",
                                  "--leasefile-ro",
                                  "--pid-file",
                                  "--user=root",
                                  cx_printf(cx, "--interface=%s", tap),
                                  cx_printf(cx, "--dhcp-range=%s,static", guest_ip),
                                  cx_printf(cx, "--dhcp-host=%s,%s,bare", mac, guest_ip),
                                  cx_printf(cx, "--dhcp-option=3,%s", host_ip),
                                  NULL };

    for (size_t i = 0; i < N_ELEMENTS(fixed); i++)
        add(b, &words, fixed[i]);
    return start(b, words, cx_printf(cx, "%s/dnsmasq.log", b->dir), ret_pid);
}

/* ---- QEMU ---- */

/* The devices that the cloud's guests have and a boot notices. */
static int start_qemu(struct bench *b, const struct bare_config *c, const char *disk, const char *drive,
                      pid_t *ret_pid)
{
    struct cx *cx = b->cli->cx;
    struct strs words = { 0 };
    const char *const fixed[] = {
        "qemu-system-x86_64",
        "-nodefaults",
        "-display",
        "none",
        "-machine",
        "pc",
        "-accel",
        c->kvm ? "kvm" : "tcg",
        "-cpu",
        c->kvm ? "host" : "qemu64",
        "-m",
        cx_printf(cx, "%lld", (long long)c->ram_mib),
        "-smp",
        cx_printf(cx, "%lld", (long long)c->vcpus),
        "-smbios",
        "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova",
        "-drive",
        cx_printf(cx, "file=%s,format=raw,if=virtio,cache=none,aio=%s,discard=unmap", disk, c->io),
        "-drive",
        cx_printf(cx, "file=%s,format=raw,if=virtio,readonly=on", drive),
        "-netdev",
        cx_printf(cx, "tap,id=net0,ifname=%s,script=no,downscript=no", tap),
        "-device",
        cx_printf(cx, "virtio-net-pci,netdev=net0,mac=%s", mac),
        "-device",
        "virtio-rng-pci",
        "-vga",
        "std",
        "-serial",
        cx_printf(cx, "file:%s/bare.console", b->dir),
    };

    for (size_t i = 0; i < N_ELEMENTS(fixed); i++)
        add(b, &words, fixed[i]);
    if (c->kernel) {
        add(b, &words, "-kernel"), add(b, &words, c->kernel);
        add(b, &words, "-initrd"), add(b, &words, c->ramdisk);
        add(b, &words, "-append"), add(b, &words, c->kernel_args);
    }
    add(b, &words, NULL);
    return start(b, words, cx_printf(cx, "%s/qemu.log", b->dir), ret_pid);
}

int bare_start(struct bench *b, const struct bare_config *c, struct bare *ret_bare)
{
    const char *disk, *drive;
    int back;

    *ret_bare = (struct bare){ .netns_fd = -1, .address = guest_ip };
    TRY(make_disk(b, c, &disk));
    TRY(make_config_drive(b, c, &drive));
    TRY(netns_new(b, &ret_bare->netns_fd));
    TRY(netns_enter(b, ret_bare->netns_fd, &back));
    int r = make_tap(b);
    if (r >= 0)
        r = start_dhcp(b, &ret_bare->dnsmasq);
    if (r >= 0)
        r = start_qemu(b, c, disk, drive, &ret_bare->qemu);
    netns_leave(back);
    return r;
}

void bare_end(struct bare *bare)
{
    stop(&bare->qemu);
    stop(&bare->dnsmasq);
    if (bare->netns_fd >= 0)
        close(bare->netns_fd);
    bare->netns_fd = -1;
}
