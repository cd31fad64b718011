/* policy_blob.h - texts of policies that operators keep here for programs of their own; Alamo never reads them. */
#pragma once
#include "base/cx.h"
#include "base/filter.h"

struct policy_blob {
    const char *id, *type, *blob;
    const char *extra; /* JSON object */
};
extern const struct field policy_blob_columns[]; /* for filters */

int policy_blob_create(struct cx *cx, struct policy_blob *p) MUST_CHECK;
int policy_blob_get(struct cx *cx, const char *id, struct policy_blob *ret_policy) MUST_CHECK;
int policy_blob_list(struct cx *cx, const struct filter *f, struct list *ret_policies) MUST_CHECK;
int policy_blob_update(struct cx *cx, const struct policy_blob *p) MUST_CHECK;
int policy_blob_delete(struct cx *cx, const char *id) MUST_CHECK;
