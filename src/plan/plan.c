#include "plan/plan.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!EVP_Digest(doc->text, strlen(doc->text), digest, &n, EVP_sha256(), NULL))
        abort(); /* only without memory */
    for (unsigned i = 0; i < (PLAN_VERSION_SIZE - 1) / 2; i++)
        snprintf(doc->version + 2 * i, 3, "%02x", digest[i]);
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

static const struct wire_have *find_have(struct list have, const char *kind, const char *id)
{
    const struct wire_have *h = have.items;
    for (size_t i = 0; i < have.n; i++)
        if (str_eq(h[i].id, id) && str_eq(h[i].kind, kind))
            return &h[i];
    return NULL;
}

static const struct plan_doc *find_doc(const struct plan *plan, const struct wire_have *h)
{
    for (size_t i = 0; i < plan->n; i++)
        if (str_eq(plan->docs[i].id, h->id) && str_eq(plan->docs[i].kind, h->kind))
            return &plan->docs[i];
    return NULL;
}

static void write_have(struct jwriter *w, const char *kind, const char *id, const char *version)
{
    jw_object(w);
    jw_kv(w, "kind", kind);
    jw_kv(w, "id", id);
    jw_kv(w, "version", version);
    jw_end(w);
}

static size_t write_gone(struct jwriter *w, const struct plan *plan, struct list have)
{
    const struct wire_have *h = have.items;
    size_t n = 0;

    jw_key(w, "gone");
    jw_array(w);
    for (size_t i = 0; i < have.n; i++)
        if (!find_doc(plan, &h[i])) {
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
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++) {
        const struct wire_have *h = find_have(have, plan->docs[i].kind, plan->docs[i].id);
        differs[i] = !h || !str_eq(h->version, plan->docs[i].version);
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
    n += write_gone(&w, plan, have);
    n += write_relays(&w, relays);
    jw_end(&w);
    return n ? buf_text(&w.out) : NULL;
}
