/* file.h - files that survive a crash, and the small file business of the host agent. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

/* Makes the folder and its parents; fine when it is there. */
int file_make_dir(struct cx *cx, const char *path, unsigned mode) MUST_CHECK;
/* The whole of a file, NUL-terminated, in cx's arena; more than 'max' bytes is a failure.
 * Errors: NOT_FOUND, TOO_LARGE, UNAVAILABLE. */
int file_read(struct cx *cx, const char *path, size_t max, const char **ret_text, size_t *ret_n) MUST_CHECK;
/* Replaces the file: afterwards, and after a crash at any point, it holds either the old or the new bytes. */
int file_write_durably(struct cx *cx, const char *path, const void *data, size_t n) MUST_CHECK;
/* The same when the file's bytes differ; returns 1 when it wrote.  Not durable: for files made anew at start.
 */
int file_write_if_differs(struct cx *cx, const char *path, const char *text) MUST_CHECK;
/* Removes what a crash in the middle of file_write_durably() has left in the folder.  Before anybody writes there. */
int file_remove_unfinished(struct cx *cx, const char *path) MUST_CHECK;
/* Moves a finished file to its name, durably: its bytes, then the name. */
int file_publish(struct cx *cx, const char *part, const char *path) MUST_CHECK;
/* Removes a file durably; fine when it is not there. */
int file_remove(struct cx *cx, const char *path) MUST_CHECK;
/* Removes a folder of plain files and the files; fine when it is not there. */
int file_remove_dir(struct cx *cx, const char *path) MUST_CHECK;
/* Names in a folder, without "." ones; empty when there is none. */
int file_list(struct cx *cx, const char *path, struct strs *ret_names) MUST_CHECK;
bool file_exists(const char *path);
/* The size, or -1. */
int64_t file_size(const char *path);
/* Writes a short text into a file of /sys or /proc. */
int file_set(struct cx *cx, const char *path, const char *text) MUST_CHECK;
