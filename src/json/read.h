/* read.h - reads JSON into structs by field tables.
 *
 * The parser (jansson) refuses duplicate keys, bad UTF-8, NUL, trailing text, numbers beyond 64 bits and depth over 64.
 * Values are read in place of a struct that may hold something already: members that are absent keep what they
 * have, unless the table presets them and 'overlay' is false. */
#pragma once
#include "base/cx.h"
#include "base/field.h"

struct json_t;

/* Parses 'n' bytes; '*ret_doc' lives as long as cx.  Errors: INVALID, saying where. */
int json_parse(struct cx *cx, const char *text, size_t n, const struct json_t **ret_doc) MUST_CHECK;

struct json_rules {
    unsigned mv;        /* microversion; rows of others are unknown; 0: all are known */
    bool overlay;       /* an existing object is changed: no presets, nothing is required, write_once is refused */
    bool admin;         /* rows marked .admin may be given */
    const char **ret_admin_member; /* if not NULL: a row marked .admin is read, and its name left here, for a check
                                    * later when the caller is known */
    bool lenient;       /* wire messages, so that versions may differ: unknown members are ignored, null is absent */
    bool open;          /* unknown members are left to the caller (Identity's and Image's free properties) */
    const char *where;  /* name of the object for the error text, or NULL */
};
/* Reads the object 'value' into '*obj' by 'table'.  Errors: INVALID naming the member; FORBIDDEN for .admin rows. */
int json_read(struct cx *cx, const struct field *table, const struct json_t *value, struct json_rules rules,
              void *obj) MUST_CHECK;
/* Reads one value as one row says. */
int json_read_member(struct cx *cx, const struct field *f, const struct json_t *value, struct json_rules rules,
                     void *obj) MUST_CHECK;
/* 'object' has the member (which may be null). */
bool json_has(const struct json_t *object, const char *name);
/* The member's string, or NULL when it is absent or something else. */
const char *json_member_string(const struct json_t *object, const char *name);
/* The members of 'object' that 'table' does not know, as the text of an object, over those of 'before' (such a text, or
 * NULL); what a body with .open leaves to its face. */
const char *json_rest(struct cx *cx, const struct field *table, const struct json_t *object, const char *before);
/* The text of 'value' as JSON, in cx's arena. */
const char *json_text(struct cx *cx, const struct json_t *value);
/* Reads text that json_text() or jw_*() wrote (a JSON column) into strings and maps; bad text gives an empty one. */
struct strmap json_to_map(struct cx *cx, const char *text);
struct strs json_to_strs(struct cx *cx, const char *text);
const char *json_of_map(struct arena *a, struct strmap map);
const char *json_of_strs(struct arena *a, struct strs strs);
