/* face.h - Compute v2.1 as clients see it: "/compute" (the list of versions) and "/compute/v2.1". */
#pragma once
#include "api/core/route.h"

extern const struct face nova_root_face, nova_face;
