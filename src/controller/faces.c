#include "controller/faces.h"

#include <stdlib.h>
#include <string.h>

#include "api/alamo/face.h"
#include "api/alamo/screen.h"
#include "api/core/contexts.h"
#include "api/glance/face.h"
#include "api/keystone/face.h"
#include "api/neutron/face.h"
#include "api/nova/face.h"
#include "compute/console.h"
#include "identity/auth.h"
#include "identity/cache.h"
#include "image/files.h"
#include "image/inspector.h"

struct faces {
    struct inspector *inspector;
    struct images *images;
    struct identity_context identity;
    struct consoles consoles;
    struct screens screens;
    struct face_contexts contexts;
};

int faces_before_threads(struct cx *cx, const struct settings *s, struct faces **ret_faces)
{
    struct faces *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    *ret_faces = f;
    int r = inspector_start(&f->inspector, NULL);
    return r < 0 ? fail(cx, KIND_INTERNAL, "the image inspector does not start: %s", strerror(-r)) : 0;
}

int faces_open(struct cx *cx, struct faces *f, const struct settings *s, struct store *store, const struct seal_ring *ring,
               const struct seal_ring *secrets)
{
    const char *directory = settings_data_file(cx, s, "images");
    int r = images_open(&f->images, directory, f->inspector);

    if (r < 0)
        return fail(cx, KIND_INTERNAL, "the image directory %s cannot be used: %s", directory, strerror(-r));
    f->identity.ring = ring;
    f->identity.secrets = secrets;
    f->identity.cache = identity_cache_new();
    identity_cache_listen(f->identity.cache, store);
    f->contexts = (struct face_contexts){ .images = f->images, .identity = &f->identity };
    return 0;
}

void faces_free(struct faces *f)
{
    if (!f)
        return;
    images_close(f->images);
    identity_cache_free(f->identity.cache);
    inspector_stop(f->inspector);
    free(f);
}

const struct face *const *faces_all(void)
{
    static const struct face *const all[] = {
        &alamo_face, &keystone_versions_face, &keystone_face, &glance_face,
        &nova_root_face, &nova_version_2_face, &nova_face, &screen_face, &novnc_face, &neutron_versions_face, &neutron_face, NULL,
    };
    return all;
}

void faces_set_consoles(struct faces *f, struct transfers *transfers)
{
    f->consoles = (struct consoles){ transfers, consoles_read };
    f->contexts.consoles = &f->consoles;
}

void faces_set_relays(struct faces *f, struct relays *relays)
{
    f->screens = (struct screens){ relays, relays_show, NULL };
    f->contexts.screens = &f->screens;
}

struct face_contexts *faces_contexts(struct faces *f)
{
    return &f->contexts;
}
