/* rows.h - tables and small steps that the files of identity share; no other folder includes it. */
#pragma once
#include "base/filter.h"
#include "store/filter.h"
#include "store/store.h"

extern const struct table identity_domain_table, identity_project_table, identity_user_table, identity_group_table,
    identity_membership_table, identity_role_table, identity_implied_table, identity_grant_table, identity_revoked_table,
    identity_app_cred_table, identity_credential_table;

/* Fills '*ret_row' with the row of this id.  Errors: NOT_FOUND "Could not find <what>: <id>." */
int identity_row_get(struct cx *cx, const struct table *t, const char *what, const char *id, void *ret_row) MUST_CHECK;
/* Inserts, or sets all columns.  Errors: CONFLICT, saying that there is a 'what' called 'name' already. */
int identity_row_insert(struct cx *cx, const struct table *t, const char *what, const char *name, const void *row)
    MUST_CHECK;
int identity_row_update(struct cx *cx, const struct table *t, const char *what, const char *name, const void *row)
    MUST_CHECK;
/* Errors: NOT_FOUND. */
int identity_row_delete(struct cx *cx, const struct table *t, const char *what, const char *id) MUST_CHECK;
/* The options, as json_text() wrote them, forbid every change but taking the mark away. */
bool identity_is_immutable(const char *options);
/* Errors: FORBIDDEN when 'before' has the mark and 'after' (NULL: deleted) has it still. */
int identity_check_mutable(struct cx *cx, const char *what, const char *id, const char *before, const char *after)
    MUST_CHECK;

/* Text for WITH: the user $1 and its groups as me(type, id). */
#define IDENTITY_ME                                                                                          \
    "me(type, id) AS (SELECT 'user', $1 UNION ALL SELECT 'group', group_id FROM identity_membership WHERE user_id=$1)"
