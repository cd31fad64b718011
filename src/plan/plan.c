#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "json/writer.h"

/* One row a kind of document. */
static const struct kind_row {
    const char *kind, *member;
    const struct field *fields;
    size_t input_offset, size, id_offset;
} kinds[] = {
    /* clang-format off */
    { "guest", "guests", wire_guest_fields, offsetof(struct plan_input, guests), sizeof(struct wire_guest), offsetof(struct wire_guest, id) },
    { "network", "networks", wire_network_fields, offsetof(struct plan_input, networks), sizeof(struct wire_network), offsetof(struct wire_network, id) },
    { "group", "groups", wire_group_fields, offsetof(struct plan_input, groups), sizeof(struct wire_group), offsetof(struct wire_group, id) },
    { "router", "routers", wire_router_fields, offsetof(struct plan_input, routers), sizeof(struct wire_router), offsetof(struct wire_router, id) },
    { "floating", "floatings", wire_floating_fields, offsetof(struct plan_input, floatings), sizeof(struct wire_floating), offsetof(struct wire_floating, id) },
    /* clang-format on */
};

static void set_version(struct plan_doc *doc)
{
    unsigned char digest[DIGEST_MAX_BYTES];

    digest_of(DIGEST_SHA256, doc->text, strlen(doc->text), digest);
    hex_write(doc->version, digest, (PLAN_VERSION_SIZE - 1) / 2);
}

struct plan plan_render(struct arena *a, const struct plan_input *input)
{
    struct plan plan = { 0 };

    for (size_t k = 0; k < N_ELEMENTS(kinds); k++) {
        const struct list *list = (const void *)((const char *)input + kinds[k].input_offset);
        for (size_t i = 0; i < list->n; i++) {
            const char *obj = (const char *)list->items + i * kinds[k].size;
            struct plan_doc *doc = arena_push(a, &plan.docs, &plan.n);
            struct jwriter w = jwriter_new(a);
            jw_fields(&w, kinds[k].fields, obj);
            doc->kind = kinds[k].kind;
            memcpy(&doc->id, obj + kinds[k].id_offset, sizeof doc->id);
            doc->text = buf_text(&w.out);
            set_version(doc);
        }
    }
    return plan;
}

/* A document by its name, for looking it up: what the host has, or what the plan says. */
struct entry {
    const char *kind, *id;
    const struct wire_have *have; /* NULL: the plan's */
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->id, y->id);
    return c ? c : strcmp(x->kind, y->kind);
}

static const struct entry *find(struct list entries, const char *kind, const char *id)
{
    const struct entry key = { kind, id, NULL };
    return entries.n ? bsearch(&key, entries.items, entries.n, sizeof key, compare_entries) : NULL;
}

/* Those that have no name are left away: nothing has that name. */
static struct list entries_of_have(struct arena *a, struct list have)
{
    struct entry *e = arena_new_array(a, struct entry, have.n + 1);
    const struct wire_have *h = have.items;
    size_t n = 0;

    for (size_t i = 0; i < have.n; i++)
        if (h[i].kind && h[i].id)
            e[n++] = (struct entry){ h[i].kind, h[i].id, &h[i] };
    qsort(e, n, sizeof *e, compare_entries);
    return (struct list){ e, n };
}

static struct list entries_of_plan(struct arena *a, const struct plan *plan)
{
    struct entry *e = arena_new_array(a, struct entry, plan->n + 1);

    for (size_t i = 0; i < plan->n; i++)
        e[i] = (struct entry){ plan->docs[i].kind, plan->docs[i].id, NULL };
    qsort(e, plan->n, sizeof *e, compare_entries);
    return (struct list){ e, plan->n };
}

static void write_have(struct jwriter *w, const char *kind, const char *id, const char *version)
{
    jw_object(w);
    jw_kv(w, "kind", kind);
    jw_kv(w, "id", id);
    jw_kv(w, "version", version);
    jw_end(w);
}

static size_t write_gone(struct jwriter *w, struct list planned, struct list have)
{
    const struct wire_have *h = have.items;
    size_t n = 0;

    jw_key(w, "gone");
    jw_array(w);
    for (size_t i = 0; i < have.n; i++)
        if (!h[i].kind || !h[i].id || !find(planned, h[i].kind, h[i].id)) {
            write_have(w, h[i].kind, h[i].id, h[i].version);
            n++;
        }
    jw_end(w);
    return n;
}

static size_t write_relays(struct jwriter *w, struct list relays)
{
    const struct wire_relay *items = relays.items;

    jw_key(w, "relays");
    jw_array(w);
    for (size_t i = 0; i < relays.n; i++) {
        jw_object(w);
        jw_kv(w, "ticket", items[i].ticket);
        jw_kv(w, "guest_id", items[i].guest_id);
        jw_end(w);
    }
    jw_end(w);
    return relays.n;
}

const char *plan_delta(struct arena *a, const struct plan *plan, struct list have, struct list relays)
{
    struct jwriter w = jwriter_new(a);
    bool *differs = arena_new_array(a, bool, plan->n + 1);
    struct list had = entries_of_have(a, have);
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++) {
        const struct entry *e = find(had, plan->docs[i].kind, plan->docs[i].id);
        differs[i] = !e || !str_eq(e->have->version, plan->docs[i].version);
        n += differs[i];
    }
    jw_object(&w);
    for (size_t k = 0; k < N_ELEMENTS(kinds); k++) {
        jw_key(&w, kinds[k].member);
        jw_array(&w);
        for (size_t i = 0; i < plan->n; i++)
            if (differs[i] && str_eq(plan->docs[i].kind, kinds[k].kind))
                jw_raw(&w, plan->docs[i].text);
        jw_end(&w);
    }
    jw_key(&w, "versions");
    jw_array(&w);
    for (size_t i = 0; i < plan->n; i++)
        if (differs[i])
            write_have(&w, plan->docs[i].kind, plan->docs[i].id, plan->docs[i].version);
    jw_end(&w);
    n += write_gone(&w, entries_of_plan(a, plan), have);
    n += write_relays(&w, relays);
    jw_end(&w);
    return n ? buf_text(&w.out) : NULL;
}
