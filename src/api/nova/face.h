/* face.h - Compute v2.1 as clients see it: "/compute" (the list of versions), "/compute/v2.1" and,
 * without microversions, "/compute/v2". */
#pragma once
#include "api/core/route.h"

extern const struct face nova_root_face, nova_version_2_face, nova_face;
