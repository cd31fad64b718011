/* answers.h - answer files: "key = value" lines whose keys are settings, or the names that Rackspace's Alamo
 * asked by.
 *
 * The latter with or without "rpcs-pre/" or "rpcs-post/" before them, and a line may also be one of a preseed
 * file
 * ("d-i rpcs-post/net_fixed string 172.31.0.0/24"). */
#pragma once
#include "base/config.h"

/* Errors: INVALID naming file, line and what is wrong; NOT_FOUND. */
int answers_read(struct cx *cx, const char *path, const struct field *table, void *obj) MUST_CHECK;
