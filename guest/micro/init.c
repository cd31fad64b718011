/*
 * The first process of the micro guest: the whole of the initial ramdisk's user space.
 *
 * Under plain emulation every fork and exec of a shell script costs milliseconds of host CPU, and a shell init
 * needs dozens of them before the network is up.  This program does the same work in one process: load the
 * drivers, find the root file system, grow its partition, mount it, start DHCP, and hand over to busybox init.
 * What may take time but nobody waits for (growing the file system, the less important drivers) goes on in a
 * child beside DHCP.
 *
 * Compiled with PLAIN=1 it is the ramdisk of the Debian guest: drivers, growing, mounting, and nothing else.
 *
 * Statically linked; knows nothing of the kernel command line on purpose: the root file system is the first
 * one with the label ROOT_LABEL, whole disk or partition, whatever root= says.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef ROOT_LABEL
#define ROOT_LABEL "microroot"
#endif
#ifndef PLAIN
#define PLAIN 0
#endif
#define CONFIG_LABEL "config-2"
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

static int console = 2;

/* One line on the console, in the form of all the guest's messages: "micro: [uptime] text". */
static void say(const char *fmt, ...)
{
	char line[300];
	va_list ap;
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	int len = snprintf(line, sizeof line, "micro: [%ld.%02ld] ", (long)t.tv_sec, t.tv_nsec / 10000000);
	va_start(ap, fmt);
	len += vsnprintf(line + len, sizeof line - (size_t)len - 1, fmt, ap);
	va_end(ap);
	if (len > (int)sizeof line - 2)
		len = sizeof line - 2;
	line[len++] = '\n';
	(void)!write(console, line, (size_t)len);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

static uint64_t get_number(const char *fmt, const char *name)
{
	char path[128], buf[32];
	ssize_t n;

	snprintf(path, sizeof path, fmt, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof buf - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return strtoull(buf, NULL, 10);
}

/*
 * Load the modules named in a list file, in its order: the build has sorted them by dependency.  A driver
 * without its device is harmless, and one that cannot be loaded must not stop the boot.
 */
static void load_modules(const char *list)
{
	char line[64], path[96];
	FILE *f = fopen(list, "re");

	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		snprintf(path, sizeof path, "/modules/%s.ko", line);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST && errno != ENODEV)
			say("module %s: %s", line, strerror(errno));
		close(fd);
		unlink(path); /* the ramdisk's memory is better used otherwise */
	}
	fclose(f);
}

static int has_bytes(int fd, off_t at, const char *text)
{
	char buf[32];
	size_t n = strlen(text);

	return pread(fd, buf, n, at) == (ssize_t)n && !strncasecmp(buf, text, n);
}

/*
 * Go through the block devices in the order the kernel found them.  Gives the name of the root device, and
 * of a config drive (ISO 9660, FAT16/12 or FAT32), each the first of its kind.  Rescue mode and volumes
 * cloned from this image rely on "first": the disk booted from always comes before the others.
 */
static void find_disks(char root[32], char config[32])
{
	char line[128], name[32], path[64];
	FILE *f = fopen("/proc/partitions", "re");

	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%*u %*u %*u %31s", name) != 1 || !strncmp(name, "loop", 4) || !strncmp(name, "ram", 3))
			continue;
		snprintf(path, sizeof path, "/dev/%s", name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!*root && has_bytes(fd, 1024 + 120, ROOT_LABEL))
			strcpy(root, name);
		else if (!*config && (has_bytes(fd, 32768 + 40, CONFIG_LABEL) || has_bytes(fd, 43, CONFIG_LABEL) ||
				      has_bytes(fd, 71, CONFIG_LABEL)))
			strcpy(config, name);
		close(fd);
	}
	fclose(f);
}

/*
 * Let the partition the root is on reach to the end of its disk, if it is the last thing there: both in the
 * partition table (MBR) and in the kernel, which needs no re-reading of the table that way.
 */
static void grow_partition(const char *part)
{
	char disk[32], path[64];
	uint64_t start = get_number("/sys/class/block/%s/start", part);
	uint64_t size = get_number("/sys/class/block/%s/size", part);
	int no = (int)get_number("/sys/class/block/%s/partition", part);
	size_t n = strlen(part);

	if (no < 1 || no > 4)
		return; /* a whole disk, or a table this guest has not made */
	while (n && part[n - 1] >= '0' && part[n - 1] <= '9')
		n--;
	if (n > 1 && part[n - 1] == 'p' && part[n - 2] >= '0' && part[n - 2] <= '9')
		n--; /* nvme0n1p2 */
	snprintf(disk, sizeof disk, "%.*s", (int)n, part);
	uint64_t total = get_number("/sys/class/block/%s/size", disk);
	if (total < start + size + 2048)
		return;
	uint64_t grown = total - start;
	if (grown > UINT32_MAX)
		grown = UINT32_MAX; /* 2 TiB: as far as an MBR goes */

	snprintf(path, sizeof path, "/dev/%s", disk);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	unsigned char mbr[512];
	if (pread(fd, mbr, sizeof mbr, 0) == sizeof mbr && mbr[510] == 0x55 && mbr[511] == 0xaa) {
		unsigned char *len = mbr + 446 + 16 * (no - 1) + 12;
		for (int i = 0; i < 4; i++)
			len[i] = (unsigned char)(grown >> (8 * i));
		struct blkpg_partition p = {.start = (long long)start * 512, .length = (long long)grown * 512, .pno = no};
		struct blkpg_ioctl_arg a = {.op = BLKPG_RESIZE_PARTITION, .datalen = sizeof p, .data = &p};
		if (pwrite(fd, mbr, sizeof mbr, 0) != sizeof mbr || fsync(fd) || ioctl(fd, BLKPG, &a))
			say("growing %s: %s", part, strerror(errno));
	}
	close(fd);
}

/* Grow the mounted root file system to its device: one ioctl instead of a resize2fs process. */
static void grow_root(const char *dev)
{
	struct statfs s;
	uint64_t bytes = get_number("/sys/class/block/%s/size", dev) * 512;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || statfs("/", &s))
		return;
	uint64_t blocks = bytes / (uint64_t)s.f_bsize;
	/* The overhead hides some blocks from statfs: ask always, the kernel does nothing for an equal size. */
	if (blocks && ioctl(fd, EXT4_IOC_RESIZE_FS, &blocks))
		say("growing the root file system: %s", strerror(errno));
	syncfs(fd); /* a guest may be switched off hard at any moment */
	if (!statfs("/", &s))
		say("root file system %llu MB", (unsigned long long)(s.f_blocks * (uint64_t)s.f_bsize >> 20));
	close(fd);
}

static void interface_up(const char *name)
{
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (!ioctl(fd, SIOCGIFFLAGS, &r)) {
		r.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &r);
	}
	close(fd);
}

/* A DHCP client for one interface; it stays, and renews the lease. */
static void start_dhcp(const char *name)
{
	char pidfile[288];

	interface_up(name);
	if (fork())
		return;
	snprintf(pidfile, sizeof pidfile, "/run/udhcpc.%s.pid", name);
	setsid();
	int fd = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	/* tries every second, for ever: the answer may be late on a busy host (121: routes, 26: MTU) */
	execl("/usr/bin/busybox", "udhcpc", "-f", "-i", name, "-p", pidfile, "-s", "/etc/udhcpc.sh", "-t", "10", "-T", "1",
	      "-A", "1", "-O", "mtu", "-O", "staticroutes", NULL);
	_exit(127);
}

static int ethernet(const struct dirent *d)
{
	return !strncmp(d->d_name, "eth", 3);
}

static void fatal(const char *what)
{
	say("%s: %s", what, strerror(errno));
	for (;;)
		pause(); /* leave the message on the console; the end of process 1 would panic over it */
}

/* In the new root: what the micro guest's boot scripts find done when they start. */
static void prepare_micro(const char *config)
{
	struct dirent **nics;

	mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
	mkdir("/dev/shm", 01777);
	if (*config) {
		char path[64];
		snprintf(path, sizeof path, "/dev/%s\n", config);
		put("/run/config-drive", path);
	}
	interface_up("lo");
	int n = scandir("/sys/class/net", &nics, ethernet, alphasort);
	for (int i = 0; i < n; i++)
		start_dhcp(nics[i]->d_name);
}

int main(void)
{
	char root[32] = "", config[32] = "", path[64];

	if (getpid() != 1)
		return 1;
	mount("dev", "/dev", "devtmpfs", MS_NOSUID, NULL);
	mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	for (int i = 0; i < 3; i++)
		dup2(console, i);

	load_modules("/modules/first");
	find_disks(root, config);
	if (!*root) {
		/* no virtio disk: SCSI or IDE, whose drivers take a while to look at their buses */
		load_modules("/modules/disks");
		for (int i = 0; !*root && i < 1000; i++) {
			usleep(10000);
			find_disks(root, config);
		}
	}
	if (!*root) {
		errno = ENODEV;
		fatal("no root file system with the label " ROOT_LABEL);
	}
	grow_partition(root);
	snprintf(path, sizeof path, "/dev/%s", root);
	if (mount(path, "/new", "ext4", MS_NOATIME, NULL))
		fatal(path);

	/* A second process keeps the ramdisk's root to load the remaining drivers from it. */
	int ready[2];
	if (pipe2(ready, O_CLOEXEC))
		fatal("pipe");
	pid_t late = fork();
	if (late == 0) {
		char c;
		close(ready[1]);
		(void)!read(ready[0], &c, 1); /* until DHCP is on its way */
		load_modules("/modules/late");
		unlink("/init");
		_exit(0);
	}
	mount("/dev", "/new/dev", NULL, MS_MOVE, NULL);
	mount("/proc", "/new/proc", NULL, MS_MOVE, NULL);
	mount("/sys", "/new/sys", NULL, MS_MOVE, NULL);
	if (chdir("/new") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fatal("switch root");
	if (!PLAIN)
		prepare_micro(config);
	close(ready[1]);
	close(ready[0]);

	if (fork() == 0) {
		grow_root(root);
		_exit(0);
	}
	execl("/sbin/init", "init", NULL);
	fatal("/sbin/init");
}
