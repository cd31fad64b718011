/* config.h - reads "key = value" files into a struct by a field table.
 *
 * '#' begins a comment line.  A key that the table does not know is an error that names file and line: a typing
 * mistake must not become a default.  Rows may be STR, I64, INT, BOOL and STRS (values parted by blanks or commas);
 * .preset gives the default, .min, .max and .one_of bound the value. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

/* Sets the presets, then reads 'path' (NULL: presets only).  Strings live in cx's arena.
 * Errors: INVALID naming file, line, key and what is allowed; NOT_FOUND (no such file). */
int config_read(struct cx *cx, const char *path, const struct field *table, void *obj) MUST_CHECK;
/* Its two halves, for programs whose settings have more sources than a file: the presets; then what the file says. */
int config_presets(struct cx *cx, const struct field *table, void *obj) MUST_CHECK;
int config_overlay(struct cx *cx, const char *path, const struct field *table, void *obj) MUST_CHECK;
/* Sets one key from text; 'where' (a file and line, "the command line") begins the error text.  Errors: INVALID. */
int config_set(struct cx *cx, const struct field *table, const char *where, const char *key, const char *value,
               void *obj) MUST_CHECK;
