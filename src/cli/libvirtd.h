/* libvirtd.h - a libvirtd of our own, for machines where none runs.
 *
 * It has its own /etc/libvirt (by a mount of its own: the path of qemu.conf is compiled in): no default
 * network, QEMU without cgroups and namespaces of libvirt's, which need a systemd; what it knows of guests is
 * in data_dir. */
#pragma once
#include "cli/cli.h"

/* Step of `up`: a libvirtd answers, or ours is being started; and asks it what QEMU can do, in the
 * background, because the first answer takes seconds.  Returns 1 when ours was started. */
int libvirtd_ensure(struct cli *cli) MUST_CHECK;
/* Becomes libvirtd; returns only on failure, with errno set. */
void libvirtd_exec(struct cli *cli);
/* Something answers at libvirt's socket. */
bool libvirtd_answers(void);
