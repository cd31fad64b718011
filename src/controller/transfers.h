/* transfers.h - bytes between controller and agents: images down, snapshots up, console logs and guests' passwords up.
 *
 * A host gets the images of the servers that are placed on it, may fill the snapshots that it was asked for, and may write
 * the console logs and passwords of its own servers; anything else is 404. */
#pragma once
#include "http/server.h"
#include "image/files.h"
#include "store/store.h"

enum { CONSOLE_MAX_BYTES = 128 * 1024 };

struct transfers {
    struct store *store;
    struct images *images;
    int console_fd; /* directory of console logs, one file a server, named by its id */
};

/* One transfer; lives in the request's arena. */
struct transfer {
    const struct transfers *transfers;
    struct http_rq *http;
    struct cx cx;
    const char *host_name, *id; /* the image's or server's */
    enum { TRANSFER_IMAGE_DOWN, TRANSFER_IMAGE_UP, TRANSFER_CONSOLE_UP, TRANSFER_PASSWORD_UP } kind;
    struct image_upload *upload;
    struct image_received received;
    bool finished;
    struct write write;
    void *user; /* the caller's */
};

/* 'http' asks for a transfer: takes it, and later calls go to the functions below.  Returns NULL when it is no such path. */
struct transfer *transfer_begin(const struct transfers *t, struct http_rq *http);
int transfer_body(struct transfer *t, const void *data, size_t n);
void transfer_run(struct transfer *t);
void transfer_end(struct transfer *t);

/* Opens the directory of console logs, which is made if it is not there.  Errors: negative errno. */
int consoles_open(const char *directory) MUST_CHECK;
/* struct consoles.read (compute/console.h); 'transfers' is a struct transfers. */
int consoles_read(struct cx *cx, void *transfers, const char *server_id, int64_t lines, const char **ret_text) MUST_CHECK;
/* Removes the logs of servers that are no more. */
void consoles_sweep(const struct transfers *transfers);
