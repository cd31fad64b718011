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

static int read_line(struct cx *cx, const char *path, int line, char *text, const struct field *table, void *obj)
{
    char *key = trim(text), *value = strchr(key, '=');

    if (!*key || *key == '#')
        return 0;
    if (!value)
        return fail(cx, KIND_INVALID, "%s:%d: a line is \"key = value\"", path, line);
    *value++ = 0;
    key = trim(key);
    const struct field *f = field_find(table, key, 0);
    if (!f)
        return fail(cx, KIND_INVALID, "%s:%d: unknown key '%s'", path, line, key);
    const char *wrong = set_value(cx, f, trim(value), obj);
    return wrong ? fail(cx, KIND_INVALID, "%s:%d: %s: '%s' is %s", path, line, key, trim(value), wrong) : 0;
}

int config_read(struct cx *cx, const char *path, const struct field *table, void *obj)
{
    char line[4096];
    int n = 0, r = 0;

    for (const struct field *f = table; f->name; f++)
        if (f->preset && set_value(cx, f, f->preset, obj))
            return fail(cx, KIND_INTERNAL, "the default of %s is out of its own bounds", f->name);
    if (!path)
        return 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(cx, KIND_NOT_FOUND, "%s: %s", path, strerror(errno));
    while (r == 0 && fgets(line, sizeof line, file))
        r = read_line(cx, path, ++n, line, table, obj);
    fclose(file);
    return r;
}
