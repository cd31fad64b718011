#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MEMBER(T, f, obj) (*(T *)(void *)((char *)(obj) + (f)->offset))

static void set_words(struct cx *cx, struct strs *out, const char *value)
{
    static const char blanks[] = " ,\t";

    *out = (struct strs){ 0 };
    for (value += strspn(value, blanks); *value; value += strspn(value, blanks)) {
        size_t n = strcspn(value, blanks);
        *arena_push(cx->arena, &out->items, &out->n) = arena_strndup(cx->arena, value, n);
        value += n;
    }
}

static bool in_set(const char *const *set, const char *value)
{
    for (; set && *set; set++)
        if (strcmp(*set, value) == 0)
            return true;
    return !set;
}

/* Returns what is wrong with the value, or NULL. */
static const char *set_value(struct cx *cx, const struct field *f, const char *value, void *obj)
{
    int64_t n;
    bool b;

    switch ((int)f->type) {
    case FIELD_STR:
        if (!in_set(f->one_of, value))
            return "not one of the allowed values";
        MEMBER(const char *, f, obj) = *value ? arena_strdup(cx->arena, value) : NULL;
        return NULL;
    case FIELD_STRS:
        set_words(cx, &MEMBER(struct strs, f, obj), value);
        return NULL;
    case FIELD_BOOL:
        if (!text_to_bool(value, &b))
            return "neither true nor false";
        MEMBER(bool, f, obj) = b;
        return NULL;
    default:
        if (str_to_i64(value, &n) < 0 || ((f->min || f->bounded) && n < f->min) || ((f->max || f->bounded) && n > f->max))
            return "no number in the allowed range";
        if (f->type == FIELD_INT)
            MEMBER(int, f, obj) = (int)n;
        else
            MEMBER(int64_t, f, obj) = n;
        return NULL;
    }
}

static char *trim(char *s)
{
    s += strspn(s, " \t");
    char *end = s + strlen(s);
    while (end > s && strchr(" \t\r\n", end[-1]))
        *--end = 0;
    return s;
}

int config_set(struct cx *cx, const struct field *table, const char *where, const char *key, const char *value,
               void *obj)
{
    const struct field *f = field_find(table, key, 0);
    if (!f)
        return fail(cx, KIND_INVALID, "%s: unknown key '%s'", where, key);
    const char *wrong = set_value(cx, f, value, obj);
    return wrong ? fail(cx, KIND_INVALID, "%s: %s: '%s' is %s", where, key, value, wrong) : 0;
}

int config_presets(struct cx *cx, const struct field *table, void *obj)
{
    for (const struct field *f = table; f->name; f++)
        if (f->preset && set_value(cx, f, f->preset, obj))
            return fail(cx, KIND_INTERNAL, "the default of %s is out of its own bounds", f->name);
    return 0;
}

static int read_line(struct cx *cx, const char *where, char *text, const struct field *table, void *obj)
{
    char *key = trim(text), *value = strchr(key, '=');

    if (!*key || *key == '#')
        return 0;
    if (!value)
        return fail(cx, KIND_INVALID, "%s: a line is \"key = value\"", where);
    *value++ = 0;
    return config_set(cx, table, where, trim(key), trim(value), obj);
}

int config_overlay(struct cx *cx, const char *path, const struct field *table, void *obj)
{
    char line[4096];
    int n = 0, r = 0;

    FILE *file = fopen(path, "re");
    if (!file)
        return fail(cx, KIND_NOT_FOUND, "%s: %s", path, strerror(errno));
    while (r == 0 && fgets(line, sizeof line, file))
        r = read_line(cx, cx_printf(cx, "%s:%d", path, ++n), line, table, obj);
    fclose(file);
    return r;
}

int config_read(struct cx *cx, const char *path, const struct field *table, void *obj)
{
    TRY(config_presets(cx, table, obj));
    return path ? config_overlay(cx, path, table, obj) : 0;
}
