/* face.h - what Alamo itself shows: the status page at "/". */
#pragma once
#include "api/core/route.h"

extern const struct face alamo_face;
