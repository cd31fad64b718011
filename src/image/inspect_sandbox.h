/* inspect_sandbox.h - taking rights away from this process, for good.
 *
 * Two steps: the launcher gives up its user and its network once; each of its children then gives up every
 * system call but two.  Neither can be undone, and a step that fails means that the process must end. */
#pragma once
#include <sys/types.h>

#include "base/base.h"

/* Becomes 'uid' and 'gid', without other groups, if this is root; loses the network where the kernel lets it;
 * can write no file, leave no core and gain no privilege.  Errors: negative errno (still privileged: end the
 * process). */
int sandbox_drop(uid_t uid, gid_t gid) MUST_CHECK;

/* From here on this process may read open files at a position (pread) and end (exit_group); any other system
 * call kills it.  Its memory and processor time are limited too.  Errors: negative errno (no sandbox: end the
 * process). */
int sandbox_enter(void) MUST_CHECK;
