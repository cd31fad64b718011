#include "agent/netlink/fit.h"

#include "agent/render/address.h"

/* A range of addresses that are somebody's on the Internet: the host would send what is for them to the guests. */
static bool is_taken_outside(const struct fit_network *f, const struct cidr *c)
{
    return !f->network->flat && (c->family == 6 ? f->default6 : f->default4) && !cidr_is_private(c);
}

static const char *overlap(struct cx *cx, const struct fit_network *f, const struct wire_subnet *s, const struct cidr *mine)
{
    const struct wire_subnet *theirs = f->network->subnets.items;
    struct cidr other;
    for (size_t i = 0; i < f->network->subnets.n; i++)
        if (cidr_parse(theirs[i].cidr, &other) == 0 && cidr_overlap(mine, &other))
            return cx_printf(cx, "The range %s lies over %s of another network on this host; use another range.",
                             s->cidr, theirs[i].cidr);
    return NULL;
}

/* Why 'f' can't be had beside those that were taken before it. */
static const char *clash(struct cx *cx, const struct fit_network *f, struct fit_network *const *taken, size_t n)
{
    const struct wire_subnet *subnets = f->network->subnets.items;
    struct cidr mine;
    for (size_t i = 0; i < f->network->subnets.n; i++) {
        if (cidr_parse(subnets[i].cidr, &mine) < 0)
            return cx_printf(cx, "The subnet %s has no proper address range.", subnets[i].id);
        if (is_taken_outside(f, &mine))
            return cx_printf(cx, "The range %s is of public addresses, which this host reaches outside; use a private range.",
                             subnets[i].cidr);
        for (size_t j = 0; j < n; j++) {
            const char *text = overlap(cx, taken[j], &subnets[i], &mine);
            if (text)
                return text;
        }
    }
    return f->route ? cx_printf(cx, "A range lies over the host's route to %s; use another range.", f->route) : NULL;
}

static int rank(const struct fit_network *f)
{
    return f->network->flat ? 0 : f->stands ? 1 : 2;
}

void fit_networks(struct cx *cx, struct fit_network *all, size_t n)
{
    struct fit_network **taken = arena_new_array(cx->arena, struct fit_network *, n + 1);
    size_t n_taken = 0;
    for (int turn = 0; turn <= 2; turn++)
        for (size_t i = 0; i < n; i++) {
            if (rank(&all[i]) != turn)
                continue;
            all[i].ret_text = clash(cx, &all[i], taken, n_taken);
            if (!all[i].ret_text)
                taken[n_taken++] = &all[i];
        }
}
