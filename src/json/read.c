#include "json/read.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "json/writer.h"

/* Nova's and Neutron's usual limit for names and the like. */
enum { STR_MAX_DEFAULT = 255, ITEMS_MAX_DEFAULT = 1000, DEPTH_MAX = 64, JSON_VALUE_MAX = 65535 };

static void drop(void *doc)
{
    json_decref(doc);
}

static bool too_deep(const char *text, size_t n)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"')
            in_string = true;
        else if (text[i] == '[' || text[i] == '{') {
            if (++depth > DEPTH_MAX)
                return true;
        } else if ((text[i] == ']' || text[i] == '}') && depth)
            depth--;
    }
    return false;
}

int json_parse(struct cx *cx, const char *text, size_t n, const struct json_t **ret_doc)
{
    json_error_t e;

    if (too_deep(text, n))
        return fail(cx, KIND_INVALID, "Malformed request body: nested more than %d deep.", DEPTH_MAX);
    json_t *doc = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!doc)
        return fail(cx, KIND_INVALID, "Malformed request body: %.100s near line %d column %d.", e.text, e.line, e.column);
    arena_defer(cx->arena, drop, doc);
    *ret_doc = doc;
    return 0;
}

bool json_has(const struct json_t *object, const char *name)
{
    return json_object_get(object, name) != NULL;
}

const char *json_member_string(const struct json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* Walks jansson's tree with our writer, so that there is one way of writing JSON. */
static void write_json(struct jwriter *w, json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;

    switch (json_typeof(v)) {
    case JSON_OBJECT:
        jw_object(w);
        json_object_foreach (v, key, item) {
            jw_key(w, key);
            write_json(w, item);
        }
        jw_end(w);
        break;
    case JSON_ARRAY:
        jw_array(w);
        json_array_foreach (v, i, item)
            write_json(w, item);
        jw_end(w);
        break;
    case JSON_STRING:
        jw_string(w, json_string_value(v));
        break;
    case JSON_INTEGER:
        jw_int(w, json_integer_value(v));
        break;
    case JSON_REAL:
        jw_double(w, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        jw_bool(w, json_is_true(v));
        break;
    case JSON_NULL:
        jw_null(w);
        break;
    }
}

/* jansson's iterators take no const pointer though they change nothing. */
static json_t *unconst(const json_t *v)
{
    union {
        const json_t *in;
        json_t *out;
    } u = { v };
    return u.out;
}

const char *json_text(struct cx *cx, const struct json_t *value)
{
    struct jwriter w = jwriter_new(cx->arena);
    write_json(&w, unconst(value));
    return buf_text(&w.out);
}

/* NULL for a column that holds nothing, as most do. */
static const json_t *parse_column(struct cx *cx, const char *text)
{
    bool is_empty = !text || str_eq(text, "{}") || str_eq(text, "[]");
    json_t *doc = is_empty ? NULL : json_loads(text, 0, NULL);
    if (doc)
        arena_defer(cx->arena, drop, doc);
    return doc;
}

const char *json_rest(struct cx *cx, const struct field *table, const struct json_t *object, const char *before)
{
    struct jwriter w = jwriter_new(cx->arena);
    json_t *old = unconst(parse_column(cx, before));
    const char *key;
    json_t *item;

    jw_object(&w);
    json_object_foreach (old, key, item)
        if (!json_has(object, key)) {
            jw_key(&w, key);
            write_json(&w, item);
        }
    json_object_foreach (unconst(object), key, item)
        if (!field_find(table, key, 0)) {
            jw_key(&w, key);
            write_json(&w, item);
        }
    jw_end(&w);
    return buf_text(&w.out);
}

/* ---- by field tables ---- */

#define MEMBER(T, f, obj) (*(T *)(void *)((char *)(obj) + (f)->offset))

static int bad(struct cx *cx, const struct field *f, const struct json_t *v, const char *why)
{
    char shown[80];
    const char *text = v ? json_text(cx, v) : "";
    size_t n = strlen(text) < sizeof shown - 1 ? strlen(text) : sizeof shown - 1;
    while (n && n == sizeof shown - 1 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--; /* never half a character */
    memcpy(shown, text, n);
    shown[n] = 0;
    return fail(cx, KIND_INVALID, "Invalid input for field/attribute %s. Value: %s. %s", f->name, shown, why);
}

static int check_string(struct cx *cx, const struct field *f, const json_t *v, const char *s, int64_t max)
{
    int64_t n = (int64_t)strlen(s);

    if (f->type == FIELD_STR && n < f->min)
        return bad(cx, f, v, n ? "It is too short." : "It must not be empty.");
    if (n > max)
        return bad(cx, f, NULL, cx_printf(cx, "It has %lld bytes, more than %lld.", (long long)n, (long long)max));
    if (f->check && !f->check(s))
        return bad(cx, f, v, f->expected ? f->expected : "It is malformed.");
    if (f->one_of && (f->type == FIELD_STR || f->type == FIELD_STRS)) {
        const char *const *o = f->one_of;
        while (*o && strcmp(*o, s) != 0)
            o++;
        if (!*o) {
            struct buf b = buf_new(cx->arena);
            buf_puts(&b, "It must be one of:");
            for (o = f->one_of; *o; o++)
                buf_printf(&b, "%s %s", o == f->one_of ? "" : ",", *o);
            buf_puts(&b, ".");
            return bad(cx, f, v, buf_text(&b));
        }
    }
    return 0;
}

static int check_number(struct cx *cx, const struct field *f, const json_t *v, int64_t n)
{
    bool low = (f->bounded || f->min) && n < f->min, high = (f->bounded || f->max) && n > f->max;
    if (low || high)
        return bad(cx, f, v, cx_printf(cx, "It must be between %lld and %lld.", (long long)f->min,
                                       (long long)(f->bounded || f->max ? f->max : INT64_MAX)));
    if (f->type == FIELD_INT && (n < INT32_MIN || n > INT32_MAX))
        return bad(cx, f, v, "It is out of range.");
    return 0;
}

static int read_number(struct cx *cx, const struct field *f, const json_t *v, void *obj)
{
    int64_t n;

    if (json_is_integer(v))
        n = json_integer_value(v);
    else if (!f->coerce || !json_is_string(v) || str_to_i64(json_string_value(v), &n) < 0)
        return bad(cx, f, v, "It must be an integer.");
    TRY(check_number(cx, f, v, n));
    if (f->type == FIELD_INT)
        MEMBER(int, f, obj) = (int)n;
    else
        MEMBER(int64_t, f, obj) = n;
    return 0;
}

static int read_bool(struct cx *cx, const struct field *f, const json_t *v, void *obj)
{
    bool b;

    if (json_is_boolean(v))
        b = json_is_true(v);
    else if (f->coerce && json_is_integer(v) && (json_integer_value(v) == 0 || json_integer_value(v) == 1))
        b = json_integer_value(v);
    else if (!f->coerce || !json_is_string(v) || !text_to_bool(json_string_value(v), &b))
        return bad(cx, f, v, "It must be true or false.");
    MEMBER(bool, f, obj) = b;
    return 0;
}

static int read_time(struct cx *cx, const struct field *f, const json_t *v, void *obj)
{
    int64_t us;

    if (!json_is_string(v) || !text_to_time(json_string_value(v), &us))
        return bad(cx, f, v, "It must be an ISO 8601 time.");
    MEMBER(int64_t, f, obj) = us;
    return 0;
}

static int read_strs(struct cx *cx, const struct field *f, const json_t *v, void *obj)
{
    struct strs out = { 0 };
    json_t *item;
    size_t i;

    if (!json_is_array(v))
        return bad(cx, f, v, "It must be a list of strings.");
    if (json_array_size(v) > (size_t)(f->max ? f->max : ITEMS_MAX_DEFAULT))
        return bad(cx, f, NULL, "It has too many elements.");
    out.items = arena_new_array(cx->arena, const char *, json_array_size(v) + 1);
    json_array_foreach (v, i, item) {
        if (!json_is_string(item))
            return bad(cx, f, item, "It must be a list of strings.");
        TRY(check_string(cx, f, item, json_string_value(item), f->item_max ? f->item_max : STR_MAX_DEFAULT));
        out.items[out.n++] = json_string_value(item);
    }
    MEMBER(struct strs, f, obj) = out;
    return 0;
}

static int read_map(struct cx *cx, const struct field *f, const json_t *v, void *obj)
{
    int64_t max = f->item_max ? f->item_max : STR_MAX_DEFAULT;
    struct strmap out = { 0 };
    const char *key;
    json_t *item;

    if (!json_is_object(v))
        return bad(cx, f, v, "It must be an object whose values are strings.");
    if (json_object_size(v) > (size_t)(f->max ? f->max : ITEMS_MAX_DEFAULT))
        return bad(cx, f, NULL, "It has too many members.");
    out.items = arena_new_array(cx->arena, struct strpair, json_object_size(v) + 1);
    json_object_foreach (unconst(v), key, item) {
        if (!json_is_string(item))
            return bad(cx, f, item, "It must be an object whose values are strings.");
        if (!*key || strlen(key) > STR_MAX_DEFAULT || (f->check && !f->check(key)))
            return bad(cx, f, NULL, "A key must be 1 to 255 characters of the allowed set.");
        if ((int64_t)strlen(json_string_value(item)) > max)
            return bad(cx, f, NULL, cx_printf(cx, "The value of %.64s is longer than %lld bytes.", key, (long long)max));
        out.items[out.n++] = (struct strpair){ key, json_string_value(item) };
    }
    MEMBER(struct strmap, f, obj) = out;
    return 0;
}

static int read_list(struct cx *cx, const struct field *f, const json_t *v, struct json_rules rules, void *obj)
{
    struct list out = { 0 };
    json_t *item;
    size_t i;

    if (!json_is_array(v))
        return bad(cx, f, v, "It must be a list.");
    if (json_array_size(v) > (size_t)(f->max ? f->max : rules.lenient ? 1000000 : ITEMS_MAX_DEFAULT) ||
        (int64_t)json_array_size(v) < f->min)
        return bad(cx, f, NULL, f->min ? "It has too few or too many elements." : "It has too many elements.");
    out.items = cx_alloc(cx, f->sub_size * (json_array_size(v) + 1));
    rules.overlay = rules.open = false;
    rules.where = f->name;
    json_array_foreach (v, i, item)
        TRY(json_read(cx, f->sub, item, rules, (char *)out.items + f->sub_size * out.n++));
    MEMBER(struct list, f, obj) = out;
    return 0;
}

static int read_sub(struct cx *cx, const struct field *f, const json_t *v, struct json_rules rules, void *obj)
{
    void *sub = cx_alloc(cx, f->sub_size);
    rules.overlay = rules.open = false;
    rules.where = f->name;
    TRY(json_read(cx, f->sub, v, rules, sub));
    MEMBER(void *, f, obj) = sub;
    return 0;
}

static void set_null(const struct field *f, void *obj)
{
    switch (f->type) {
    case FIELD_STR:
    case FIELD_JSON:
    case FIELD_SUB:
        MEMBER(void *, f, obj) = NULL;
        break;
    case FIELD_I64:
    case FIELD_TIME:
        MEMBER(int64_t, f, obj) = 0;
        break;
    case FIELD_INT:
        MEMBER(int, f, obj) = 0;
        break;
    case FIELD_BOOL:
        MEMBER(bool, f, obj) = false;
        break;
    case FIELD_LIST:
    case FIELD_STRS:
    case FIELD_MAP:
        MEMBER(struct list, f, obj) = (struct list){ 0 };
        break;
    case FIELD_HOOK:
    case FIELD_END:
        break;
    }
}
_Static_assert(sizeof(struct list) == sizeof(struct strs) && sizeof(struct list) == sizeof(struct strmap),
               "set_null() clears them alike");

int json_read_member(struct cx *cx, const struct field *f, const struct json_t *v, struct json_rules rules, void *obj)
{
    if (f->parse)
        return f->parse(cx, f, v, obj);
    if (json_is_null(v)) {
        if (!f->nullable && !rules.lenient)
            return bad(cx, f, v, "It must not be null.");
        set_null(f, obj);
        return 0;
    }
    switch (f->type) {
    case FIELD_STR:
        if (!json_is_string(v))
            return bad(cx, f, v, "It must be a string.");
        TRY(check_string(cx, f, v, json_string_value(v),
                         f->max ? f->max : rules.lenient ? INT64_MAX : STR_MAX_DEFAULT));
        MEMBER(const char *, f, obj) = json_string_value(v);
        return 0;
    case FIELD_I64:
    case FIELD_INT:
        return read_number(cx, f, v, obj);
    case FIELD_BOOL:
        return read_bool(cx, f, v, obj);
    case FIELD_TIME:
        return read_time(cx, f, v, obj);
    case FIELD_JSON:
        MEMBER(const char *, f, obj) = json_text(cx, v);
        if ((int64_t)strlen(MEMBER(const char *, f, obj)) > (f->max ? f->max : JSON_VALUE_MAX))
            return bad(cx, f, NULL, "It is too long.");
        return 0;
    case FIELD_SUB:
        return read_sub(cx, f, v, rules, obj);
    case FIELD_LIST:
        return read_list(cx, f, v, rules, obj);
    case FIELD_STRS:
        return read_strs(cx, f, v, obj);
    case FIELD_MAP:
        return read_map(cx, f, v, obj);
    case FIELD_HOOK:
    case FIELD_END:
        break;
    }
    return fail(cx, KIND_INTERNAL, "field %s has no way to be read", f->name);
}

static int set_preset(struct cx *cx, const struct field *f, void *obj)
{
    int64_t n = 0;

    if (f->type == FIELD_STR || f->type == FIELD_JSON)
        MEMBER(const char *, f, obj) = f->preset;
    else if (f->type == FIELD_BOOL)
        MEMBER(bool, f, obj) = str_eq(f->preset, "true");
    else if (str_to_i64(f->preset, &n) < 0)
        return fail(cx, KIND_INTERNAL, "field %s has a preset that is no number", f->name);
    else if (f->type == FIELD_INT)
        MEMBER(int, f, obj) = (int)n;
    else
        MEMBER(int64_t, f, obj) = n;
    return 0;
}

static int fill_absent(struct cx *cx, const struct field *table, const json_t *object, struct json_rules rules, void *obj)
{
    for (const struct field *f = table; f->name; f++) {
        if ((!f->required && !f->preset) || (rules.mv && (f->since > rules.mv || (f->until && f->until < rules.mv))) ||
            json_object_get(object, f->name))
            continue;
        if (f->required && !rules.lenient)
            return fail(cx, KIND_INVALID, "Invalid input for field/attribute %s. '%s' is a required property.",
                        rules.where ? rules.where : f->name, f->name);
        if (f->preset)
            TRY(set_preset(cx, f, obj));
    }
    return 0;
}

int json_read(struct cx *cx, const struct field *table, const struct json_t *value, struct json_rules rules, void *obj)
{
    const char *key;
    json_t *item;

    if (!json_is_object(value))
        return fail(cx, KIND_INVALID, "Invalid input for field/attribute %s. It must be an object.",
                    rules.where ? rules.where : "body");
    json_object_foreach (unconst(value), key, item) {
        const struct field *f = field_find(table, key, rules.mv);
        if (!f && (rules.lenient || rules.open))
            continue;
        if (!f)
            return fail(cx, KIND_INVALID,
                        "Invalid input for field/attribute %s. Additional properties are not allowed ('%.64s' was "
                        "unexpected)",
                        rules.where ? rules.where : key, key);
        if (f->readonly || (f->write_once && rules.overlay))
            return fail(cx, KIND_INVALID, "Attribute %s is read-only.", f->name);
        if (f->admin && !rules.admin && rules.ret_admin_member)
            *rules.ret_admin_member = f->name;
        else if (f->admin && !rules.admin)
            return fail(cx, KIND_FORBIDDEN, "Policy doesn't allow %s to be set.", f->name);
        TRY(json_read_member(cx, f, item, rules, obj));
    }
    return rules.overlay ? 0 : fill_absent(cx, table, value, rules, obj);
}

/* ---- JSON columns ---- */

struct strmap json_to_map(struct cx *cx, const char *text)
{
    struct strmap out = { 0 };
    const json_t *doc = parse_column(cx, text);
    const char *key;
    json_t *item;

    out.items = arena_new_array(cx->arena, struct strpair, json_object_size(doc) + 1);
    json_object_foreach (unconst(doc), key, item)
        if (json_is_string(item))
            out.items[out.n++] = (struct strpair){ key, json_string_value(item) };
    return out;
}

struct strs json_to_strs(struct cx *cx, const char *text)
{
    struct strs out = { 0 };
    const json_t *doc = parse_column(cx, text);
    json_t *item;
    size_t i;

    out.items = arena_new_array(cx->arena, const char *, json_array_size(doc) + 1);
    json_array_foreach (doc, i, item)
        if (json_is_string(item))
            out.items[out.n++] = json_string_value(item);
    return out;
}

const char *json_of_map(struct arena *a, struct strmap map)
{
    struct jwriter w = jwriter_new(a);
    jw_object(&w);
    for (size_t i = 0; i < map.n; i++)
        jw_kv(&w, map.items[i].key, map.items[i].value);
    jw_end(&w);
    return buf_text(&w.out);
}

const char *json_of_strs(struct arena *a, struct strs strs)
{
    struct jwriter w = jwriter_new(a);
    jw_array(&w);
    for (size_t i = 0; i < strs.n; i++)
        jw_string(&w, strs.items[i]);
    jw_end(&w);
    return buf_text(&w.out);
}
