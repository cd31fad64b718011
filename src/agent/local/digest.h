/* digest.h - is a fetched image what it should be? */
#pragma once
#include "base/cx.h"
#include "wire/plan.h"

/* The bytes of 'fd' have the image's size and SHA-512, where they are known.  Errors: UNAVAILABLE (fetch
 * again). */
int digest_check(struct cx *cx, int fd, const struct wire_image *image) MUST_CHECK;
