/* inspector.h - inspect_header() in a process of its own that can do no harm.
 *
 * A launcher is forked at the start of the program, before any thread and before any secret is in memory.  It
 * gives up its user and its network, and forks one child for each image; the child gives up every system call
 * but reading and ending, reads the header and leaves the facts in shared memory.  An image that took the
 * child over could only lie about itself: it holds no other file, no secret, no way out, and the next image
 * gets a new child. */
#pragma once
#include <sys/types.h>

#include "image/inspect.h"

struct inspector;

struct inspector_config {
    uid_t uid; /* whom the launcher becomes if it is root; 0: nobody */
    gid_t gid;
    int64_t deadline_us;       /* for one image; 0: 5 s, times the slow factor */
    inspect_function *inspect; /* NULL: inspect_header; tests have worse ones */
};

/* Forks the launcher and tries it out.  Call it while the program has one thread only.  'config' may be NULL.
 * Errors: -ENOTSUP (the kernel gives no sandbox: take no images), other negative errno. */
int inspector_start(struct inspector **ret_inspector, const struct inspector_config *config) MUST_CHECK;
/* Ends the launcher (which also ends by itself when this process does).  NULL is fine. */
void inspector_stop(struct inspector *inspector);

/* Inspects the regular file open at 'fd' (whose position stays) and fills '*ret_facts'.  Any thread may call
 * it; they take turns, of milliseconds. Errors: -EINVAL (not a regular file), -EBADMSG (the child died of it
 * or told nonsense: treat the image as hostile), -ETIMEDOUT, -EIO (the file cannot be read), -ENOTSUP (the
 * kernel gave no sandbox, so nothing was read), -EPIPE (the launcher is gone: restart the program). */
int inspector_check(struct inspector *inspector, int fd, struct image_facts *ret_facts) MUST_CHECK;
