/* face.h - Network v2.0, and the list of its versions. */
#pragma once
#include "api/core/route.h"

extern const struct face neutron_versions_face, neutron_face;
