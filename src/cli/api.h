/* api.h - the cloud's API as the operator's command uses it: logged in, JSON by field tables, errors as text
 * in cx. */
#pragma once
#include "cli/cli.h"

struct api;

/* Waits until the API answers.  Errors: UNAVAILABLE, with what the controller's log ends with. */
int api_wait(struct cli *cli) MUST_CHECK;
/* The API answers now. */
bool api_answers(struct cli *cli);

/* Logs in as the administrator or the first user with the first password or, once that was changed, with what
 * OS_PASSWORD holds.  Lives as long as cx.  Errors: UNAVAILABLE, UNAUTHENTICATED with the way out. */
int api_login_admin(struct cli *cli, struct api **ret_api) MUST_CHECK;
int api_login_demo(struct cli *cli, struct api **ret_api) MUST_CHECK;

/* A path, in the call's memory. */
const char *api_path(struct api *api, const char *fmt, ...) PRINTF(2, 3);
/* GET of 'path' ("/compute/v2.1/servers"); the answer's members that 'table' knows are read into 'obj'.
 * Errors: NOT_FOUND (404), others. */
int api_get(struct api *api, const char *path, const struct field *table, void *obj) MUST_CHECK;
/* POST, PUT or DELETE with the JSON 'body' (NULL: none); with 'table' NULL the answer is not read. */
int api_send(struct api *api, const char *method, const char *path, const char *body,
             const struct field *table, void *obj) MUST_CHECK;
/* PUT of a file's bytes. */
int api_upload(struct api *api, const char *path, const char *file) MUST_CHECK;

/* GET of a plain URL outside the cloud's API; 0 with '*ret_status', or a negative errno. */
int api_plain_get(struct cli *cli, const char *url, int *ret_status) MUST_CHECK;
