/* face.h - OpenStack's Image API, version 2, at "/image". */
#pragma once
#include "api/core/route.h"

extern const struct face glance_face;
