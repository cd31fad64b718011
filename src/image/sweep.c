#include "image/sweep.h"

#include <string.h>

#include "auth/who.h"
#include "base/log.h"

LOG_MODULE("image");

static int recover(struct cx *cx, void *arg)
{
    cx->who = who_system();
    return image_recover(cx);
}

int images_recover(struct store *store)
{
    CLEAN_CX cx;

    cx_begin(&cx);
    int r = store_write_wait(store, &cx, recover, NULL);
    if (r < 0)
        log_error("unfinished uploads stay as they are: %s", cx.text);
    return r;
}

static int mark(struct cx *cx, void *arg)
{
    const struct strs *ids = arg;

    cx->who = who_system();
    for (size_t i = 0; i < ids->n; i++)
        TRY(image_swept(cx, ids->items[i]));
    return 0;
}

static int find(struct store *store, struct cx *cx, struct strs *ret_ids)
{
    cx->who = who_system();
    TRY(store_read_begin(store, cx));
    int r = image_list_sweepable(cx, ret_ids);
    store_read_end(cx);
    return r;
}

/* The files go first: a crash in between makes the next pass remove what is gone already. */
static struct strs remove_files(struct images *images, struct strs ids)
{
    size_t n = 0;

    for (size_t i = 0; i < ids.n; i++) {
        int r = images_remove(images, ids.items[i]);
        if (r < 0)
            log_error("image=%s is deleted, but its file is not: %s", ids.items[i], strerror(-r));
        else
            ids.items[n++] = ids.items[i];
    }
    return (struct strs){ ids.items, n };
}

void images_sweep(struct store *store, struct images *images)
{
    struct strs ids = { 0 };
    CLEAN_CX cx;

    cx_begin(&cx);
    int r = find(store, &cx, &ids);
    ids = remove_files(images, ids);
    if (r >= 0 && ids.n)
        r = store_write_wait(store, &cx, mark, &ids);
    if (r < 0)
        log_error("deleted images not swept: %s", cx.text);
}
