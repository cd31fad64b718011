/* vfs_lossy.h - for the crash tests: files whose unsynced writes die with the process, as in a power cut.
 *
 * With ALAMO_STORE_VFS=lossy in the environment every write to a database or its log stays in memory until
 * the file is synced or closed.  A store that confirms what it has not synced loses it when the process is
 * killed. */
#pragma once

/* Registers the file layer with SQLite; returns its name. */
const char *vfs_lossy_register(void);
