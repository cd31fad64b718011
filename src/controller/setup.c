#include "controller/setup.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auth/who.h"
#include "compute/report.h"
#include "identity/credential.h"
#include "identity/domain.h"
#include "identity/project.h"
#include "identity/setup.h"
#include "network/setup.h"

struct setup {
    struct identity_setup_params identity;
    struct network_setup network;
    const struct seal_ring *secrets;
};

/* Reads the one line of a password file; NULL when there is none. */
static const char *read_password(struct cx *cx, const struct settings *s, const char *name)
{
    char text[600];
    CLEAN_FD fd = open(settings_config_file(cx, s, name), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (n <= 0)
        return NULL;
    text[n] = 0;
    text[strcspn(text, "\r\n")] = 0;
    return cx_strdup(cx, text);
}

static int make_all(struct cx *cx, void *arg)
{
    struct setup *setup = arg;
    struct project admin;

    cx->who = who_system();
    TRY(identity_setup(cx, &setup->identity));
    TRY(credential_seal_all(cx, setup->secrets));
    TRY(project_find(cx, DOMAIN_DEFAULT_ID, "admin", &admin));
    setup->network.project_id = admin.id;
    TRY(network_setup(cx, &setup->network));
    return compute_setup(cx);
}

int setup_run(struct cx *cx, struct store *store, const struct settings *s, const struct seal_ring *secrets)
{
    struct setup setup = {
        .identity = { .admin_password = read_password(cx, s, "admin.password"),
                      .demo_password = read_password(cx, s, "demo.password"),
                      .demo_name = s->demo_user,
                      .region = s->region },
        .network = { .fixed_cidr = s->fixed_range, .floating_cidr = s->floating_range, .public_cidr = s->public_range, .public_gateway = s->public_gateway,
                     .dns = s->dns },
        .secrets = secrets,
    };
    return store_write_wait(store, cx, make_all, &setup);
}
