/* tag.h - the tags of any resource of the network. */
#pragma once
#include "network/standard.h"

/* 'collection' is the plural as clients write it ("networks"); another one is not found.
 * Errors: NOT_FOUND, FORBIDDEN (set: not the caller's), INVALID. */
int network_tags_get(struct cx *cx, const char *collection, const char *id, struct strs *ret_tags) MUST_CHECK;
int network_tags_set(struct cx *cx, const char *collection, const char *id, struct strs tags) MUST_CHECK;
/* Sets '*ret_revision' to the number that the object's last change has.  Errors: NOT_FOUND. */
int network_revision_get(struct cx *cx, const char *collection, const char *id, int64_t *ret_revision) MUST_CHECK;
