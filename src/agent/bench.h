/* bench.h - what `alamo bench` measures apart from any guest: made by the same code as for guests. */
#pragma once
#include "base/cx.h"

/* For each image in DIR/images (a file named by a UUID, raw or qcow2) the root disk of a guest made of it,
 * new, below DIR/guests; and rule sets that allow ping to one port by the last of their rules.  Prints where
 * they are, the port they are for, and how QEMU does its I/O here, as JSON.  Needs no configuration. */
int bench_parts(struct cx *cx, const char *dir) MUST_CHECK;
