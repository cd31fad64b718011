/* snapshot.h - images made of servers: a task for the host, whose product is uploaded under the image's id. */
#pragma once
#include "base/field.h"
#include "compute/server.h"

struct snapshot_request {
    const char *name;
    struct strmap metadata;  /* becomes properties of the image */
    const char *backup_type; /* createBackup: "daily", ...; NULL: a plain image */
    int64_t rotation;        /* backups of that type to keep */
};
/* Makes the image (queued) and the task.  Errors: CONFLICT (the state does not allow it; locked), QUOTA. */
int server_snapshot(struct cx *cx, struct server *server, const struct snapshot_request *request, const char **ret_image_id)
    MUST_CHECK;
/* The host has done the task; 'fault' (NULL: none) says why it failed.  An unknown task is fine. */
int snapshot_done(struct cx *cx, const char *task_id, const char *fault) MUST_CHECK;
/* Gives up every open task of the server. */
int snapshot_fail_all(struct cx *cx, const struct server *server, const char *why) MUST_CHECK;
/* Ends tasks whose deadline has passed; returns their number. */
int snapshot_expire(struct cx *cx) MUST_CHECK;
