/* Guests' disks as files: what they are made of, whatever the image is made of, and that size costs nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/local/local.h"
#include "base/env.h"

#include <cmocka.h>

static const char image_id[] = "dddddddd-0000-4000-8000-000000000001",
                  guest_id[] = "aaaaaaaa-0000-4000-8000-000000000001";
static const int64_t GIB = (int64_t)1 << 30, KIB = 1 << 10;
enum { TIME_MS = 60 * 1000 };

struct host {
    struct cx cx;
    struct storage storage;
    char dir[64];
};

static int setup(void **state)
{
    struct host *h = calloc(1, sizeof *h);
    assert_non_null(h);
    cx_begin(&h->cx);
    snprintf(h->dir, sizeof h->dir, "%s", "/tmp/alamo-local.XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    const struct local_config config = { .state_dir = h->dir, .image_dir = h->dir };
    assert_int_equal(local_new(&h->cx, &config, &h->storage), 0);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct host *h = *state;
    const char *const clean[] = { "rm", "-rf", h->dir, NULL };
    int r = child_must(&h->cx, clean, NULL, TIME_MS);
    h->storage.free(h->storage.self);
    cx_end(&h->cx);
    free(h);
    return r;
}

static bool no_qemu_img(void)
{
    return access("/usr/bin/qemu-img", X_OK) < 0;
}

/* The image of the tests; 'options' are qemu-img's. */
static void make_image(struct host *h, const char *format, const char *options)
{
    const char *path = cx_printf(&h->cx, "%s/%s", h->dir, image_id);
    const char *const argv[] = { "qemu-img", "create", "-q", "-f", format, "-o", options, path, "64M", NULL };
    assert_int_equal(child_must(&h->cx, argv, NULL, TIME_MS), 0);
}

/* What a first write makes the layer take over from the one below: a cluster, or one of its 32 parts. */
static int64_t piece_bytes(struct host *h, const char *path)
{
    unsigned char head[80];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fread(head, 1, sizeof head, f), sizeof head);
    fclose(f);
    assert_memory_equal(head, "QFI\xfb\0\0\0\3", 8);
    int64_t cluster = (int64_t)1 << head[23]; /* cluster_bits, big endian, at 20 */
    assert_in_range(cluster, 4 * KIB, 128 * KIB);
    return head[79] & 0x10 ? cluster / 32 : cluster; /* incompatible features, at 72: extended L2 entries */
}

/* With clusters of 2 MB a guest's first write of 4 KiB costs five hundred times as much. */
static void clusters_are_small(void **state)
{
    static const struct {
        const char *format, *options;
    } images[] = { { "raw", "preallocation=off" }, { "qcow2", "cluster_size=2M" }, { "qcow2", "cluster_size=64k" } };
    struct host *h = *state;

    if (no_qemu_img())
        skip();
    for (size_t i = 0; i <= N_ELEMENTS(images); i++) { /* the last: without an image */
        struct wire_image image = { .id = image_id, .size_bytes = 64 * KIB * KIB };
        struct wire_guest g = { .id = guest_id, .root_gib = 1 };
        if (i < N_ELEMENTS(images)) {
            make_image(h, images[i].format, images[i].options);
            image.format = images[i].format;
            g.image = &image;
        }
        assert_int_equal(h->storage.make(h->storage.self, &h->cx, &g, (struct drive){ 0 }), 0);
        const char *root = h->storage.files(h->storage.self, &h->cx, &g, guest_id).root;
        assert_int_equal(piece_bytes(h, root), 4 * KIB);
        /* The image that a snapshot makes is read by anybody's QEMU: plain, and small, too. */
        const char *copy;
        int64_t size;
        assert_int_equal(h->storage.copy(h->storage.self, &h->cx, guest_id, image_id, &copy, &size), 0);
        assert_int_equal(piece_bytes(h, copy), 64 * KIB);
        assert_int_equal(h->storage.drop_copy(h->storage.self, &h->cx, image_id), 0);
        assert_int_equal(h->storage.remove(h->storage.self, &h->cx, guest_id), 0);
    }
}

static int64_t used_bytes(const char *path, int64_t *ret_size_bytes)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    *ret_size_bytes = st.st_size;
    return (int64_t)st.st_blocks * 512;
}

/* Nothing is written for it, so that its size can cost nothing. */
static void an_ephemeral_disk_costs_nothing(void **state)
{
    static const int64_t gib[] = { 1, 20, 160 };
    struct host *h = *state;

    if (no_qemu_img())
        skip();
    for (size_t i = 0; i < N_ELEMENTS(gib); i++) {
        struct wire_guest g = { .id = guest_id, .root_gib = gib[i], .ephemeral_gib = gib[i] };
        struct guest_files f = h->storage.files(h->storage.self, &h->cx, &g, guest_id);
        int64_t size;
        assert_int_equal(h->storage.make(h->storage.self, &h->cx, &g, (struct drive){ 0 }), 0);
        assert_in_range(used_bytes(f.ephemeral, &size), 0, 64 * KIB);
        assert_int_equal(size, gib[i] * GIB);
        int64_t used = used_bytes(f.root, &size); /* the root disk: the map of where its parts are */
        assert_in_range(used, 0, 1024 * KIB + gib[i] * 160 * KIB);
        assert_int_equal(h->storage.remove(h->storage.self, &h->cx, guest_id), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clusters_are_small, setup, teardown),
        cmocka_unit_test_setup_teardown(an_ephemeral_disk_costs_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
