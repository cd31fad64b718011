/* The layout of disks: a guest's overlay over its image, as the agent makes it, against a raw file that holds
 * the same bytes.  QEMU's own block layer does the I/O, with the guests' options, without a guest. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/process.h"

enum { RAW, OVER_RAW, OVER_QCOW2, LAYOUT_N };
/* A slice is a part of the disk of its own: many short turns suffer less from a busy machine than few long
 * ones. */
enum { ROUNDS = 9, ROUNDS_MIN = 3, SLICES = 4, SLICE_MIB = 32, IMAGE_MIB = SLICES * SLICE_MIB };
enum { TIME_S = 100, MIB = 1 << 20, KIB = 1 << 10 };

/* Names of the images for the agent, in the order of layouts. */
static const char *const image_ids[] = { NULL, "be9c0000-0000-4000-8000-000000000010",
                                         "be9c0000-0000-4000-8000-000000000011" };

static const struct test {
    const char *name;
    int offset_mib;
    long long count, size, step; /* of a slice, in bytes */
    bool write;
    int depth, goal_percent;
} tests[] = {
    { "sequential reads of the image", 0, SLICE_MIB, MIB, MIB, false, 4, 90 },
    /* each the first in its 128 KiB */
    { "first 4 KiB writes, over the image's bytes", 0, 256, 4 * KIB, 128 * KIB, true, 1, 70 },
    { "first 4 KiB writes, where nothing was", 256, 256, 4 * KIB, 128 * KIB, true, 1, 70 },
    { "sequential writes, the first", 512, SLICE_MIB, MIB, MIB, true, 4, 90 },
    { "sequential writes, again", 512, SLICE_MIB, MIB, MIB, true, 4, 90 },
    { "sequential reads of what was written", 512, SLICE_MIB, MIB, MIB, false, 4, 90 },
};

struct figures {
    struct samples seconds[LAYOUT_N];
};

static const char *image_file(struct bench *b, int layout)
{
    return cx_printf(b->cli->cx, "%s/images/%s", b->dir, image_ids[layout]);
}

/* Bytes that no layer can leave out. */
static int make_images(struct bench *b)
{
    static char block[MIB];
    const char *raw = image_file(b, OVER_RAW);

    TRY(files_dir(b->cli, cx_printf(b->cli->cx, "%s/images", b->dir), OWNER_ROOT, NULL, 0700));
    CLEAN_FD fd = open(raw, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    for (int i = 0; i < IMAGE_MIB; i++) {
        random_bytes(block, sizeof block);
        if (fd < 0 || write(fd, block, sizeof block) != (ssize_t)sizeof block)
            return fail(b->cli->cx, KIND_UNAVAILABLE, "%s: %s", raw, strerror(errno));
    }
    if (fsync(fd) < 0)
        return fail(b->cli->cx, KIND_UNAVAILABLE, "%s: %s", raw, strerror(errno));
    const char *const convert[] = { "qemu-img", "convert", "-t",    "none", "-f",
                                    "raw",      "-O",      "qcow2", raw,    image_file(b, OVER_QCOW2),
                                    NULL };
    return process_must(b->cli, convert);
}

/* New disks: nothing but the image is in them. */
static int make_disks(struct bench *b, const char *paths[LAYOUT_N], const char **ret_io)
{
    struct bench_parts parts;
    const char *raw = cx_printf(b->cli->cx, "%s/raw", b->dir);
    const char *const convert[] = {
        "qemu-img", "convert", "-t", "none", "-f", "raw", "-O", "raw", image_file(b, OVER_RAW), raw, NULL
    };
    const char *const grow[] = { "truncate", "-s", "1G", raw, NULL };

    unlink(raw);
    TRY(process_must(b->cli, convert));
    TRY(process_must(b->cli, grow));
    TRY(bench_parts(b, &parts));
    *ret_io = parts.io;
    paths[RAW] = raw;
    const struct bench_disk *disks = parts.disks.items;
    for (size_t i = 0; i < parts.disks.n; i++)
        for (int k = OVER_RAW; k < LAYOUT_N; k++)
            if (str_eq(disks[i].image_id, image_ids[k]))
                paths[k] = disks[i].path;
    for (int k = 0; k < LAYOUT_N; k++)
        if (!paths[k])
            return fail(b->cli->cx, KIND_INTERNAL, "the agent made no disk of %s", image_ids[k]);
    return 0;
}

/* Writes are made to stay a few times in between and at the end, as guests do; the layouts' own bookkeeping
 * is written then. */
static int run_test(struct bench *b, const struct test *t, int slice, int layout, const char *path,
                    const char *io, double *ret_seconds)
{
    struct cx *cx = b->cli->cx;
    const char *const argv[] = { "qemu-img",
                                 "bench",
                                 "-f",
                                 layout == RAW ? "raw" : "qcow2",
                                 "-t",
                                 "none",
                                 "-i",
                                 io,
                                 "-d",
                                 cx_printf(cx, "%d", t->depth),
                                 "-c",
                                 cx_printf(cx, "%lld", t->count),
                                 "-s",
                                 cx_printf(cx, "%lld", t->size),
                                 "-S",
                                 cx_printf(cx, "%lld", t->step),
                                 "-o",
                                 cx_printf(cx, "%dM", t->offset_mib + slice * SLICE_MIB),
                                 path,
                                 t->write ? "-w" : NULL,
                                 cx_printf(cx, "--flush-interval=%lld", t->count / 4),
                                 NULL };
    const char *output = "";
    int code = process_run(b->cli, argv, &output);
    const char *text = strstr(output, "Run completed in ");

    if (code < 0)
        return code;
    if (code || !text || sscanf(text, "Run completed in %lf", ret_seconds) != 1 || *ret_seconds <= 0)
        return fail(cx, KIND_UNAVAILABLE, "qemu-img bench failed: %.300s", output);
    return 0;
}

static int run_round(struct bench *b, int round, struct figures *figures)
{
    const char *paths[LAYOUT_N] = { 0 }, *io;
    double seconds;

    TRY(make_disks(b, paths, &io));
    for (size_t t = 0; t < N_ELEMENTS(tests); t++)
        for (int turn = 0; turn < SLICES * LAYOUT_N; turn++) {
            int slice = turn / LAYOUT_N,
                k = (turn + slice + round) % LAYOUT_N; /* nobody is always the first */
            TRY(run_test(b, &tests[t], slice, k, paths[k], io, &seconds));
            samples_add(b, &figures[t].seconds[k], seconds);
            if (bench_stopped())
                return bench_interrupted(b);
        }
    return 0;
}

static const char *speed(struct bench *b, const struct test *t, double seconds)
{
    if (t->size < MIB)
        return cx_printf(b->cli->cx, "%.0f/s", (double)t->count / seconds);
    return cx_printf(b->cli->cx, "%.0f MB/s", (double)t->count * (double)t->size / 1e6 / seconds);
}

static void print(struct bench *b, struct figures *figures)
{
    struct cx *cx = b->cli->cx;

    for (size_t t = 0; t < N_ELEMENTS(tests); t++)
        for (int k = OVER_RAW; k < LAYOUT_N; k++) {
            double raw = samples_median(&figures[t].seconds[RAW]),
                   over = samples_median(&figures[t].seconds[k]);
            double percent = 100 * raw / over;
            bench_row(cx_printf(cx, "%s: %s", tests[t].name, k == OVER_RAW ? "raw" : "qcow2"),
                      cx_printf(cx, "%.0f %%", percent),
                      cx_printf(cx, "%s; raw file %s", speed(b, &tests[t], over), speed(b, &tests[t], raw)),
                      cx_printf(cx, "at least %d %%: %s", tests[t].goal_percent,
                                bench_verdict(percent >= tests[t].goal_percent)));
        }
}

int bench_disk(struct bench *b)
{
    struct figures figures[N_ELEMENTS(tests)] = { 0 };
    int64_t end_us = monotonic_us() + TIME_S * 1000000LL * slow_factor();
    int round = 0;

    bench_title("Disk: the guests' overlay, on a raw or a qcow2 image, against a raw file (qemu-img bench)");
    TRY(make_images(b));
    for (; round < ROUNDS && (round < ROUNDS_MIN || monotonic_us() < end_us); round++)
        TRY(run_round(b, round, figures));
    print(b, figures);
    bench_note("medians of %d runs each, taking turns; cache=none", round * SLICES);
    return 0;
}
