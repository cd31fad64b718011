/* bench.h - `alamo bench`: the evaluation of 2012 repeated on this machine, and ratios that an emulated
 * processor cannot blur.
 *
 * Each part measures and prints its rows at once.  The two things of a ratio take turns; what is printed is a
 * median.  Nothing is left behind but an uploaded image: namespaces live as open files of this process, QEMU
 * and dnsmasq die with it, servers of an earlier run that was killed are deleted by the next. */
#pragma once
#include "cli/cli.h"

struct bench {
    struct cli *cli;
    const char *dir;   /* of this run, on the file system of the guests' disks */
    const char *image; /* the Debian image's file, whether it is there or not */
};
int bench_disk(struct bench *b) MUST_CHECK;
int bench_net(struct bench *b) MUST_CHECK;
int bench_guest(struct bench *b) MUST_CHECK;

/* The operator wants no more: everything that waits ends with a failure. */
bool bench_stopped(void);
int bench_interrupted(struct bench *b); /* that failure */

/* ---- the table ---- */
void bench_title(const char *text);
void bench_row(const char *what, const char *here, const char *beside, const char *goal);
void bench_note(const char *fmt, ...) PRINTF(1, 2);
/* "met" or "missed". */
const char *bench_verdict(bool met);

/* ---- numbers ---- */
struct samples {
    double *items;
    size_t n;
};
void samples_add(struct bench *b, struct samples *s, double value);
double samples_median(const struct samples *s); /* 0: none */

/* ---- what the agent makes ---- */
struct bench_rules {
    int64_t n;
    const char *text;
};
struct bench_disk {
    const char *image_id, *path;
};
struct bench_parts {
    const char *io; /* how QEMU does its I/O: "io_uring" or "native" */
    const char *tap, *bridge, *mac, *guest_ip, *host_ip;
    struct list rules; /* struct bench_rules */
    struct list disks; /* struct bench_disk: one for each file in dir/images, new */
};
int bench_parts(struct bench *b, struct bench_parts *ret_parts) MUST_CHECK;

/* ---- network namespaces and round trips (bench_net.c) ---- */

/* A new namespace; it ends with the last file that is open of it. */
int netns_new(struct bench *b, int *ret_fd) MUST_CHECK;
/* Goes into a namespace; the file returned leads back: netns_leave() takes it. */
int netns_enter(struct bench *b, int netns_fd, int *ret_back_fd) MUST_CHECK;
void netns_leave(int back_fd);

struct pinger {
    int fd;
    uint32_t address;
    uint16_t seq;
};
/* In the namespace that the caller is in.  Close 'ret_pinger->fd'. */
int pinger_open(struct bench *b, const char *address, struct pinger *ret_pinger) MUST_CHECK;
/* One echo, with 'id' as the flow's; the round trip in ms, or a negative number when none came back in time.
 */
double pinger_ping(struct pinger *p, uint16_t id, int timeout_ms);

/* ---- a guest under a QEMU of our own (bench_qemu.c) ---- */

struct bare {
    pid_t qemu, dnsmasq;
    int netns_fd;
    const char *address;
};
struct bare_config {
    const char *disk, *format;                  /* the image */
    const char *kernel, *ramdisk, *kernel_args; /* or NULL */
    const char *io, *public_key;
    int64_t ram_mib, vcpus, disk_gib;
    bool kvm;
};
/* Starts it on a raw disk of its own.  End it with bare_end(), after a failure too. */
int bare_start(struct bench *b, const struct bare_config *config, struct bare *ret_bare) MUST_CHECK;
void bare_end(struct bare *bare);
