/* field.h - one row describes one member of a struct.
 *
 * The same row type describes JSON in, JSON out, query strings, database columns and the messages to agents; each
 * use has its own table, because they differ (that they must be one is the ORM's mistake).  What a row cannot say
 * a hook says ('parse', 'emit').
 *
 * C types by row kind: STR const char *; I64 and TIME int64_t; INT int; BOOL bool; JSON const char * (the text of
 * any JSON value); SUB a pointer to a struct; LIST struct list (of structs); STRS struct strs; MAP struct strmap.
 * The _Generic in the macros makes a member of the wrong type an error at compile time. */
#pragma once
#include "base/base.h"

/* An array of structs. */
struct list {
    void *items;
    size_t n;
};
/* An array of strings. */
struct strs {
    const char **items;
    size_t n;
};
/* An object whose values are strings, in order of arrival. */
struct strpair {
    const char *key, *value;
};
struct strmap {
    struct strpair *items;
    size_t n;
};

enum field_type {
    FIELD_END,
    FIELD_STR,  /* const char *; NULL is null */
    FIELD_I64,  /* int64_t */
    FIELD_INT,  /* int */
    FIELD_BOOL, /* bool */
    FIELD_TIME, /* int64_t, microseconds since 1970; 0 is null; ISO 8601 outside, an integer in the store */
    FIELD_JSON, /* const char *, the text of any JSON value; NULL is null */
    FIELD_SUB,  /* struct T *; NULL is null */
    FIELD_LIST, /* struct list of struct T */
    FIELD_STRS, /* struct strs */
    FIELD_MAP,  /* struct strmap */
    FIELD_HOOK, /* 'parse' and 'emit' do it all; they get the whole struct */
};

struct json_t;  /* jansson's */
struct jwriter; /* json/writer.h */
struct cx;
struct field;
/* Reads 'value' (never NULL; may be JSON null) into '*obj' (the struct, not the member).
 * Errors: any failure recorded in 'cx'. */
typedef int field_parse(struct cx *cx, const struct field *f, const struct json_t *value, void *obj);
/* Writes the member's value, without its name, for the object 'obj'; 'ctx' is what the reply was given. */
typedef void field_emit(struct jwriter *w, const struct field *f, const void *obj, const void *ctx);

struct field {
    const char *name; /* on the wire, or of the column */
    enum field_type type;
    size_t offset;

    bool required;   /* in: absent is an error */
    bool nullable;   /* in: null is allowed (strings: becomes NULL; others: the zero value) */
    bool coerce;     /* in: "1", "true" and the like are taken for numbers and booleans, as Nova and Neutron do */
    bool readonly;   /* in: the member is known but may not be given */
    bool write_once; /* in: only at creation; refused when an existing object is changed */
    bool admin;      /* in: only an admin may give it; out: only an admin sees it */
    bool omit;       /* out: the member is left away when it is null (zero, empty) */

    int64_t min, max;             /* string: bytes; number: value; list, map: elements.  max 0: for strings the
                                   * default limit, for others none */
    bool bounded;                 /* number: min and max count even when they are 0 */
    bool (*check)(const char *s); /* string: syntax beyond length; list of strings: of each; map: of each key */
    const char *expected;         /* what 'check' wants, for the error text */
    const char *const *one_of;    /* closed set, ended by NULL */
    const char *preset;           /* in: value when absent: a string, a number or "true" */
    int64_t item_max;             /* string list, map: bytes of each element or value; 0: the default limit */

    unsigned since, until;   /* first and last microversion that knows the member; 0: always */
    const struct field *sub; /* SUB, LIST: the table of the struct */
    size_t sub_size;         /* and its size */
    field_parse *parse;      /* in: instead of the type's own reading */
    field_emit *emit;        /* out: instead of the type's own writing */
};

#define MV(major, minor) ((major)*1000u + (minor))

#define FIELD_(T, m, kind, ctype, ...)                                                                       \
    { .name = #m, .type = kind, .offset = _Generic(((T *)0)->m, ctype: offsetof(T, m)), __VA_ARGS__ }
#define STR(T, m, ...) FIELD_(T, m, FIELD_STR, const char *, __VA_ARGS__)
#define I64(T, m, ...) FIELD_(T, m, FIELD_I64, int64_t, __VA_ARGS__)
#define INT(T, m, ...) FIELD_(T, m, FIELD_INT, int, __VA_ARGS__)
#define BOOL(T, m, ...) FIELD_(T, m, FIELD_BOOL, bool, __VA_ARGS__)
#define TIME(T, m, ...) FIELD_(T, m, FIELD_TIME, int64_t, __VA_ARGS__)
#define JSON(T, m, ...) FIELD_(T, m, FIELD_JSON, const char *, __VA_ARGS__)
#define STRS(T, m, ...) FIELD_(T, m, FIELD_STRS, struct strs, __VA_ARGS__)
#define MAP(T, m, ...) FIELD_(T, m, FIELD_MAP, struct strmap, __VA_ARGS__)
#define SUB(T, m, S, table, ...)                                                                             \
    FIELD_(T, m, FIELD_SUB, S *, .sub = (table), .sub_size = sizeof(S), __VA_ARGS__)
#define LIST(T, m, S, table, ...)                                                                            \
    FIELD_(T, m, FIELD_LIST, struct list, .sub = (table), .sub_size = sizeof(S), __VA_ARGS__)
/* A member that hooks handle; 'wire' is its name as a string. */
#define HOOK(wire, ...) { .name = wire, .type = FIELD_HOOK, __VA_ARGS__ }
/* Gives a row another name on the wire: STR(struct x, az, AS("availability_zone")). */
#define AS(wire) .name = wire

/* The row of 'table' called 'name' that microversion 'mv' knows (0: every one); NULL if there is none. */
const struct field *field_find(const struct field *table, const char *name, unsigned mv);
