/* The route tables as JSON: documentation, conformance coverage and the policy check come from it. */
#include "api/core/core.h"

static const char *const may_names[] = { "nobody", "anybody", "known", "reader", "member", "manager", "admin" };

static void dump_mv(struct jwriter *w, const char *name, unsigned mv)
{
    if (mv) {
        jw_key(w, name);
        jw_string(w, arena_printf(w->out.arena, "%u.%u", mv / 1000, mv % 1000));
    }
}

static void dump_flag(struct jwriter *w, const char *name, bool value)
{
    if (value)
        jw_kv_bool(w, name, true);
}

static void dump_choices(struct jwriter *w, const char *const *one_of)
{
    if (!one_of)
        return;
    jw_key(w, "one_of");
    jw_array(w);
    while (*one_of)
        jw_string(w, *one_of++);
    jw_end(w);
}

static void dump_fields(struct jwriter *w, const struct field *fields)
{
    static const char *const types[] = { "", "string", "integer", "integer", "boolean", "time", "json", "object", "list",
                                         "strings", "map", "special" };
    jw_object(w);
    for (const struct field *f = fields; f && f->name; f++) {
        jw_key(w, f->name);
        jw_object(w);
        jw_kv(w, "type", types[f->type]);
        dump_flag(w, "required", f->required);
        dump_flag(w, "admin", f->admin);
        dump_flag(w, "nullable", f->nullable);
        dump_flag(w, "coerced", f->coerce);
        dump_flag(w, "readonly", f->readonly);
        dump_flag(w, "custom", f->parse != NULL);
        if (f->max)
            jw_kv_int(w, "max", f->max);
        dump_choices(w, f->one_of);
        dump_mv(w, "since", f->since);
        dump_mv(w, "until", f->until);
        if (f->sub) {
            jw_key(w, "of");
            dump_fields(w, f->sub);
        }
        jw_end(w);
    }
    jw_end(w);
}

static void dump_body(struct jwriter *w, const struct body *b)
{
    jw_object(w);
    if (b->wrap)
        jw_kv(w, "wrap", b->wrap);
    if (b->plural)
        jw_kv(w, "plural", b->plural);
    if (b->media)
        jw_kv(w, "media", b->media);
    if (b->max)
        jw_kv_int(w, "max_bytes", (int64_t)b->max);
    dump_flag(w, "open", b->open);
    dump_flag(w, "optional", b->optional);
    dump_flag(w, "any", b->any);
    dump_flag(w, "overlay", b->overlay);
    jw_key(w, "fields");
    dump_fields(w, b->fields);
    jw_end(w);
}

static bool dump_route(struct jwriter *w, const struct face *face, const struct route *r)
{
    jw_object(w);
    jw_kv(w, "method", r->method);
    jw_kv(w, "path", arena_printf(w->out.arena, "%s%s", face->mount, r->path));
    if (r->action)
        jw_kv(w, "action", r->action);
    jw_kv(w, "policy", r->policy);
    jw_kv(w, "may", may_names[r->may]);
    jw_kv_int(w, "status", r->ok.status);
    dump_mv(w, "since", r->since);
    dump_mv(w, "until", r->until);
    if (r->body) {
        jw_key(w, "body");
        dump_body(w, r->body);
    }
    jw_end(w);
    return r->may != MAY_NOBODY && (r->policy || r->may == MAY_ANYBODY) && r->handle;
}

int core_dump(const struct face *const *faces, struct jwriter *w)
{
    int broken = 0;

    jw_array(w);
    for (const struct face *const *f = faces; *f; f++)
        for (const struct route *const *t = (*f)->tables; *t && !(*f)->mv_ignored; t++) /* an alias has no rows of its own */
            for (const struct route *r = *t; r->method; r++)
                broken += !dump_route(w, *f, r);
    jw_end(w);
    return broken;
}
