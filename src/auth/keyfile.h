/* keyfile.h - small files that must be whole, private and there after a power cut.
 *
 * Keys and certificates are written to a temporary file beside, synced and renamed: a reader sees the old
 * content or the new, never a part. */
#pragma once
#include <sys/types.h>

#include "base/arena.h"

enum { KEYFILE_MAX_BYTES = 64 * 1024 };

/* Writes the new file 'path' with exactly 'mode'.  Afterwards it is on the disk.
 * Errors: -EEXIST (it is there, and was left alone), other negative errno. */
int keyfile_create(const char *path, const void *data, size_t n, mode_t mode) MUST_CHECK;
/* The same, and replaces a file that is there. */
int keyfile_replace(const char *path, const void *data, size_t n, mode_t mode) MUST_CHECK;

/* Reads a whole file into 'a', with a NUL behind it.  With 'private' the file must belong to this user (or
 * root; root reads anybody's) and must be closed to all others.  Errors: -ENOENT, -EPERM (not private), -EFBIG, other negative
 * errno. */
int keyfile_read(const char *path, bool private, struct arena *a, char **ret_data, size_t *ret_n) MUST_CHECK;
