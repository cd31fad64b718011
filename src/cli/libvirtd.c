#include "cli/libvirtd.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/daemons.h"
#include "cli/files.h"
#include "cli/process.h"

enum { PROBE_S = 60 };
static const char socket_path[] = "/run/libvirt/libvirt-sock";

static const char libvirtd_conf[] = "# Made by `alamo up`.\n"
                                    "listen_tls = 0\n"
                                    "auth_unix_rw = \"none\"\n"
                                    "unix_sock_ro_perms = \"0700\"\n"
                                    "unix_sock_rw_perms = \"0700\"\n"
                                    "log_outputs = \"3:stderr\"\n";

/* Which user a guest runs as stands in its own definition. */
static const char qemu_conf[] = "# Made by `alamo up`.\n"
                                "dynamic_ownership = 0\n"
                                "remember_owner = 0\n"
                                "security_driver = \"none\"\n"
                                "cgroup_controllers = [ ]\n"
                                "namespaces = [ ]\n"
                                "stdio_handler = \"file\"\n";

bool libvirtd_answers(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEAN_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, socket_path, sizeof socket_path);
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static const char *etc_dir(struct cli *cli)
{
    return cli_data_file(cli, "libvirt/etc");
}

static int write_confs(struct cli *cli)
{
    int dir = files_dir(cli, etc_dir(cli), OWNER_ROOT, NULL, 0755);
    if (dir < 0)
        return dir;
    int daemon = files_text(cli, cx_printf(cli->cx, "%s/libvirtd.conf", etc_dir(cli)), libvirtd_conf,
                            OWNER_ROOT, 0644);
    if (daemon < 0)
        return daemon;
    int qemu = files_text(cli, cx_printf(cli->cx, "%s/qemu.conf", etc_dir(cli)), qemu_conf, OWNER_ROOT, 0600);
    return qemu < 0 ? qemu : dir | daemon | qemu;
}

/* In a child: waits for libvirtd, then asks; the answer is in libvirt's cache when the first guest wants it.
 */
static void probe(void)
{
    int64_t deadline_us = monotonic_us() + PROBE_S * 1000000 * slow_factor();

    while (!libvirtd_answers() && monotonic_us() < deadline_us)
        sleep_ms(50);
    execlp("virsh", "virsh", "--quiet", "-c", "qemu:///system", "domcapabilities", (char *)NULL);
    _exit(127);
}

static void probe_in_background(void)
{
    if (fork() != 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    setsid();
    probe();
}

int libvirtd_ensure(struct cli *cli)
{
    int news = 0;

    if (strcmp(cli->settings.driver, "real") != 0)
        return 0;
    bool ours = daemons_running(cli, DAEMON_LIBVIRTD);
    if (!ours && libvirtd_answers())
        return 0;
    if (!daemons_by_systemd(cli)) {
        news = write_confs(cli);
        if (news < 0)
            return news;
        if (ours && news)
            TRY(daemons_restart(cli, DAEMON_LIBVIRTD));
    }
    int wanted = daemons_want(cli, DAEMON_LIBVIRTD, true);
    if (wanted < 0)
        return wanted;
    if (wanted || news)
        probe_in_background();
    return wanted || news;
}

/* A namespace whose mounts the machine does not see.  In a chroot "/" is no mount point (EINVAL), and then the machine may
 * see them; that is harmless, as long as they do not pile up. */
static bool leave_mounts(void)
{
    return unshare(CLONE_NEWNS) == 0 && (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 || errno == EINVAL);
}

static bool is_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void libvirtd_exec(struct cli *cli)
{
    const char *pid_file = cli_run_file(cli, "libvirtd.own-pid"), *etc = etc_dir(cli);

    if (!leave_mounts() || (!is_same(etc, "/etc/libvirt") && mount(etc, "/etc/libvirt", NULL, MS_BIND, NULL) < 0))
        return;
    execlp("libvirtd", "libvirtd", "-f", "/etc/libvirt/libvirtd.conf", "-p", pid_file, (char *)NULL);
}
