/* face.h - Identity v3 as OpenStack's clients know it. */
#pragma once
#include "api/core/route.h"

extern const struct face keystone_versions_face; /* at /identity */
extern const struct face keystone_face;          /* at /identity/v3 */
