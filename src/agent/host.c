#include "agent/host.h"

#include <linux/io_uring.h>
#include <pwd.h>
#include <string.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <utmpx.h>

#include "agent/child.h"
#include "agent/file.h"
#include "base/env.h"
#include "base/log.h"

LOG_MODULE("host");

enum { PROC_MAX = 4 << 20, SECTOR_MS = 5000, KERNEL_MS = 10000 };

static const char *first_line(struct cx *cx, const char *path)
{
    const char *text = NULL;
    if (file_read(cx, path, PROC_MAX, &text, NULL) < 0) {
        fail_clear(cx);
        return NULL;
    }
    return arena_strndup(cx->arena, text, strcspn(text, "\n"));
}

static const char *cpu_model(struct cx *cx)
{
    const char *text = NULL;
    if (file_read(cx, "/proc/cpuinfo", PROC_MAX, &text, NULL) < 0) {
        fail_clear(cx);
        return NULL;
    }
    const char *at = strstr(text, "model name");
    at = at ? strchr(at, ':') : NULL;
    return at ? arena_strndup(cx->arena, at + 2, strcspn(at + 2, "\n")) : NULL;
}

int host_facts(struct cx *cx, const char *state_dir, struct host_facts *ret_facts)
{
    struct statvfs fs;
    const char *boot_id = first_line(cx, "/proc/sys/kernel/random/boot_id");
    if (!boot_id || statvfs(state_dir, &fs) < 0)
        return fail(cx, KIND_UNAVAILABLE, "Can't look at this host: %s", strerror(errno));
    *ret_facts = (struct host_facts){
        .boot_id = boot_id,
        .cpu_model = cpu_model(cx),
        .cpus = sysconf(_SC_NPROCESSORS_ONLN),
        .ram_mib = (int64_t)sysconf(_SC_PHYS_PAGES) / 256 * (sysconf(_SC_PAGESIZE) / 4096),
        .disk_gib = (int64_t)(fs.f_blocks * fs.f_frsize >> 30),
    };
    return 0;
}

static int count_users(void)
{
    int n = 0;
    const struct utmpx *u;

    setutxent();
    while ((u = getutxent()))
        n += u->ut_type == USER_PROCESS;
    endutxent();
    return n;
}

const char *host_uptime(struct arena *a)
{
    time_t now = now_us() / 1000000;
    struct sysinfo info = { 0 };
    double loads[3] = { 0 };
    struct tm tm;

    sysinfo(&info);
    if (getloadavg(loads, 3) < 0)
        loads[0] = loads[1] = loads[2] = 0;
    gmtime_r(&now, &tm);
    int users = count_users();
    long minutes = info.uptime / 60, days = minutes / 1440;
    const char *up = days ? arena_printf(a, "%ld day%s, %ld:%02ld", days, days == 1 ? "" : "s", minutes / 60 % 24, minutes % 60)
                          : arena_printf(a, "%ld:%02ld", minutes / 60, minutes % 60);
    return arena_printf(a, " %02d:%02d:%02d up %s,  %d user%s,  load average: %.2f, %.2f, %.2f", tm.tm_hour, tm.tm_min, tm.tm_sec, up,
                        users, users == 1 ? "" : "s", loads[0], loads[1], loads[2]);
}

int host_user(struct cx *cx, const char *name, struct guest_user *ret_user)
{
    const struct passwd *pw = getpwnam(name);
    if (!pw)
        return fail(cx, KIND_NOT_FOUND, "there is no user %s that guests could run as: install libvirt-daemon-system, or set qemu_user", name);
    *ret_user = (struct guest_user){ pw->pw_uid, pw->pw_gid };
    return 0;
}

bool host_io_uring(void)
{
    struct io_uring_params p;
    memset(&p, 0, sizeof p);
    CLEAN_FD fd = (int)syscall(SYS_io_uring_setup, 1, &p);
    return fd >= 0;
}

/* mov dx, 0x3f8; mov al, 'O'; out dx, al; mov al, 'K'; out dx, al; hlt for ever; the two bytes that make it
 * bootable. */
static const unsigned char sector[512] = {
    0xba, 0xf8, 0x03, 0xb0, 'O', 0xee, 0xb0, 'K', 0xee, 0xf4, 0xeb, 0xfd, [510] = 0x55, [511] = 0xaa,
};

/* Runs QEMU under KVM for a while and returns what the serial port said; it is killed in the end in any case.
 */
static bool hears(struct cx *cx, const char *const *argv, const char *text, int64_t timeout_ms)
{
    const char *output = "";
    if (child_run(cx, &(struct child){ .argv = argv, .until = text, .timeout_ms = timeout_ms }, &output) < 0)
        fail_clear(cx);
    return strstr(output, text) != NULL;
}

static bool sector_runs(struct cx *cx, const char *state_dir)
{
    const char *path = cx_printf(cx, "%s/kvm-sector", state_dir);
    if (file_write_durably(cx, path, sector, sizeof sector) < 0) {
        fail_clear(cx);
        return false;
    }
    const char *const argv[] = { "qemu-system-x86_64",
                                 "-accel",
                                 "kvm",
                                 "-M",
                                 "pc",
                                 "-m",
                                 "16",
                                 "-nodefaults",
                                 "-display",
                                 "none",
                                 "-serial",
                                 "stdio",
                                 "-drive",
                                 cx_printf(cx, "file=%s,format=raw,if=ide", path),
                                 NULL };
    bool ok = hears(cx, argv, "OK", SECTOR_MS);
    unlink(path);
    return ok;
}

static const char *own_kernel(struct cx *cx)
{
    struct utsname u;
    return uname(&u) == 0 ? cx_printf(cx, "/boot/vmlinuz-%s", u.release) : "";
}

static bool try_kvm(struct cx *cx, const struct kvm_trial *trial)
{
    if (access(trial->device, R_OK | W_OK) < 0) {
        log_warn("there is no /dev/kvm: guests are translated, which is slow; load kvm_intel or kvm_amd");
        return false;
    }
    if (!sector_runs(cx, trial->state_dir)) {
        log_warn("/dev/kvm is there but runs nothing: guests are translated, which is slow");
        return false;
    }
    const char *kernel = trial->kernel ? trial->kernel : own_kernel(cx);
    if (access(kernel, R_OK) < 0) {
        log_warn("KVM runs a boot sector, but there is no kernel to try it with; set probe_kernel (%s is not "
                 "there)",
                 kernel);
        return false;
    }
    const char *const argv[] = { "qemu-system-x86_64",
                                 "-accel",
                                 "kvm",
                                 "-M",
                                 "pc",
                                 "-m",
                                 "256",
                                 "-nodefaults",
                                 "-display",
                                 "none",
                                 "-no-reboot",
                                 "-serial",
                                 "stdio",
                                 "-kernel",
                                 kernel,
                                 "-append",
                                 "console=ttyS0 earlyprintk=serial panic=-1",
                                 NULL };
    bool ok = hears(cx, argv, "Linux version", KERNEL_MS);
    if (!ok)
        log_warn("KVM runs a boot sector, but no kernel: guests are translated, which is slow");
    return ok;
}

bool host_kvm(struct cx *cx, const struct kvm_trial *trial)
{
    const char *path = cx_printf(cx, "%s/kvm", trial->state_dir), *kept = first_line(cx, path), *rest = NULL;
    if (kept && str_starts(kept, trial->boot_id, &rest))
        return str_eq(rest, " yes");
    bool ok = try_kvm(cx, trial);
    const char *text = cx_printf(cx, "%s %s\n", trial->boot_id, ok ? "yes" : "no");
    if (file_write_durably(cx, path, text, strlen(text)) < 0)
        fail_clear(cx);
    return ok;
}
