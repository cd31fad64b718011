/* contexts.h - what faces need beyond the store, handed to them by the program: req_user() is one of these. */
#pragma once

struct images;           /* image/files.h */
struct identity_context; /* identity/authenticate.h */
struct consoles;         /* console logs of servers; compute/console.h */
struct screens;          /* of servers; api/alamo/screen.h */

struct face_contexts {
    struct images *images;
    struct identity_context *identity;
    struct consoles *consoles;
    const struct screens *screens;
};
