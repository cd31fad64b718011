/* sweep.h - images over time: what a start repairs, and the files of deleted images. */
#pragma once
#include "image/files.h"

/* At start, before any request: uploads that the last run left in the middle can be made again.
 * Errors: negative errno, logged. */
int images_recover(struct store *store) MUST_CHECK;
/* Removes the files of deleted images that no server's disk is based on, up to 100; for a timer, once a
 * minute or so: it looks at all servers.  What it cannot do now it does next time, and logs. */
void images_sweep(struct store *store, struct images *images);
