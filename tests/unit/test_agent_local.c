/* Guests' files: which images stay, what a dead agent's parts are worth, and which disks grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is in base/cx.h */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/file.h"
#include "agent/local/local.h"
#include "base/env.h"

static struct place {
    char dir[64];
    struct cx cx;
    struct storage st;
} place;

static int set_up(void **state)
{
    snprintf(place.dir, sizeof place.dir, "/tmp/alamo-test-XXXXXX");
    assert_non_null(mkdtemp(place.dir));
    cx_begin(&place.cx);
    const struct local_config config = { .state_dir = place.dir, .image_dir = "/nowhere", .user = { getuid(), getgid() } };
    return local_new(&place.cx, &config, &place.st);
}

static int take_down(void **state)
{
    const char *const argv[] = { "rm", "-rf", place.dir, NULL };
    fail_clear(&place.cx);
    place.st.free(place.st.self);
    int r = child_must(&place.cx, argv, NULL, 0);
    cx_end(&place.cx);
    return r;
}

static const char *at(const char *folder, const char *name)
{
    return cx_printf(&place.cx, "%s/%s/%s", place.dir, folder, name);
}

/* A file that was last used so many hours ago. */
static void put(const char *path, const void *data, size_t n, int hours)
{
    const struct timespec then[2] = { { now_us() / 1000000 - hours * 3600, 0 }, { now_us() / 1000000 - hours * 3600, 0 } };
    CLEAN_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), n);
    assert_int_equal(futimens(fd, then), 0);
}

/* A guest whose disk is based on the image. */
static void put_guest(const char *id, const char *image)
{
    const char *base = at("images", image);
    struct {
        uint32_t magic, version;
        uint64_t backing_offset;
        uint32_t backing_n, cluster_bits;
        uint64_t size;
        char name[256];
    } __attribute__((packed)) h = { htobe32(0x514649fb), htobe32(3), htobe64(32), htobe32((uint32_t)strlen(base)), htobe32(16), htobe64(512), "" };
    snprintf(h.name, sizeof h.name, "%s", base);
    assert_int_equal(mkdir(at("guests", id), 0700), 0);
    put(cx_printf(&place.cx, "%s/disk.qcow2", at("guests", id)), &h, sizeof h, 0);
}

static void unused_images_go_after_a_day(void **state)
{
    const char *based = uuid_new(place.cx.arena), *wanted = uuid_new(place.cx.arena), *fresh = uuid_new(place.cx.arena),
               *old = uuid_new(place.cx.arena), *part = cx_printf(&place.cx, "%s.x.part", old);
    const struct strs wants = { (const char *[]){ wanted }, 1 };

    put_guest(uuid_new(place.cx.arena), based);
    put(at("images", based), "x", 1, 25);
    put(at("images", wanted), "x", 1, 25);
    put(at("images", fresh), "x", 1, 23);
    put(at("images", old), "x", 1, 25);
    put(at("images", part), "x", 1, 25);
    assert_int_equal(place.st.sweep_images(place.st.self, &place.cx, wants), 0);
    assert_true(file_exists(at("images", based)));
    assert_true(file_exists(at("images", wanted)));
    assert_true(file_exists(at("images", fresh)));
    assert_false(file_exists(at("images", old)));
    assert_false(file_exists(at("images", part)));
}

/* Whoever makes a disk of it keeps it: there is no disk yet that says so. */
static void use_keeps_an_image(void **state)
{
    struct wire_image image = { .id = uuid_new(place.cx.arena), .format = "raw" };
    const struct wire_guest guest = { .id = uuid_new(place.cx.arena), .image = &image, .kernel = &image };

    put(at("images", image.id), "0123456789", 10, 25);
    assert_int_equal(place.st.make(place.st.self, &place.cx, &guest, (struct drive){ 0 }), 0);
    assert_int_equal(place.st.remove(place.st.self, &place.cx, guest.id), 0);
    assert_int_equal(place.st.sweep_images(place.st.self, &place.cx, (struct strs){ 0 }), 0);
    assert_true(file_exists(at("images", image.id)));
}

/* What a killed agent's qemu-img had begun is neither taken for done nor left. */
static void parts_of_the_dead_go(void **state)
{
    struct wire_image image = { .id = uuid_new(place.cx.arena), .format = "raw" };
    const struct wire_guest guest = { .id = uuid_new(place.cx.arena), .image = &image };
    const char *dir = at("guests", guest.id), *part = cx_printf(&place.cx, "%s/disk.qcow2.y.part", dir);
    struct strs names = { 0 };

    put(at("images", image.id), "0123456789", 10, 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    put(part, "x", 1, 0);
    assert_int_equal(place.st.make(place.st.self, &place.cx, &guest, (struct drive){ 0 }), 0);
    assert_int_equal(file_list(&place.cx, dir, &names), 0);
    assert_int_equal(names.n, 2);
    assert_false(file_exists(part));
    assert_true(file_exists(cx_printf(&place.cx, "%s/disk.qcow2", dir)));
    assert_true(file_exists(cx_printf(&place.cx, "%s/qemu", dir)));

    const char *copy = uuid_new(place.cx.arena), *path = NULL;
    int64_t size = 0;
    put(at("outbox", cx_printf(&place.cx, "%s.z.part", copy)), "x", 1, 0);
    assert_int_equal(place.st.copy(place.st.self, &place.cx, guest.id, copy, &path, &size), 0);
    assert_string_equal(path, at("outbox", copy));
    assert_int_equal(file_list(&place.cx, cx_printf(&place.cx, "%s/outbox", place.dir), &names), 0);
    assert_int_equal(names.n, 1);
}

/* ---- growing ---- */

#define ID "11111111-1111-4111-8111-111111111111"
#define IMAGE "22222222-2222-4222-8222-222222222222"
static const int64_t GIB = (int64_t)1 << 30, MIB = 1 << 20;

static void must(struct cx *cx, const char *const *argv)
{
    if (child_must(cx, argv, NULL, 60000) < 0)
        print_error("%s: %s\n", argv[0], cx->text);
    assert_int_equal(cx->kind, 0);
}

/* As its head says it. */
static int64_t virtual_size(const char *path)
{
    uint64_t size = 0;
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &size, sizeof size, 24), sizeof size);
    return (int64_t)be64toh(size);
}

static void test_disks_grow(void **state)
{
    char dir[] = "/tmp/alamo-local-XXXXXX";
    CLEAN_CX cx;
    struct storage st;
    struct guest_seen seen = { 0 };
    struct wire_image image = { .id = IMAGE, .format = "raw", .size_bytes = MIB };
    struct wire_guest g = { .id = ID, .root_gib = 1, .power = "on", .image = &image };

    if (access("/usr/bin/qemu-img", X_OK) < 0)
        skip();
    cx_begin(&cx);
    assert_non_null(mkdtemp(dir));
    const struct local_config config = { .state_dir = dir, .image_dir = dir, .user = { getuid(), getgid() } };
    must(&cx, (const char *const[]){ "qemu-img", "create", "-q", "-f", "raw", cx_printf(&cx, "%s/" IMAGE, dir), "1M", NULL });
    assert_int_equal(local_new(&cx, &config, &st), 0);
    assert_int_equal(st.make(st.self, &cx, &g, (struct drive){ 0 }), 0);
    assert_int_equal(st.see(st.self, &cx, &g, ID, &seen), 0);
    assert_true(seen.disks && !seen.small);

    struct guest_files f = st.files(st.self, &cx, &g, ID);
    must(&cx, (const char *const[]){ "qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", f.root, NULL });
    g.root_gib = 3;
    g.ephemeral_gib = 2;
    g.swap_mib = 64;
    assert_int_equal(st.see(st.self, &cx, &g, ID, &seen), 0);
    assert_true(seen.small);
    for (int i = 0; i < 2; i++) { /* twice is as once */
        assert_int_equal(st.grow(st.self, &cx, &g), 0);
        assert_int_equal(st.see(st.self, &cx, &g, ID, &seen), 0);
        assert_true(seen.disks && !seen.small);
    }
    f = st.files(st.self, &cx, &g, ID);
    assert_int_equal(virtual_size(f.root), 3 * GIB);
    assert_int_equal(file_size(f.ephemeral), 2 * GIB);
    assert_int_equal(file_size(f.swap), 64 * MIB);
    must(&cx, (const char *const[]){ "qemu-io", "-f", "qcow2", "-c", "read -P 7 0 64k", f.root, NULL });

    g.root_gib = 1; /* back: nothing shrinks */
    g.ephemeral_gib = g.swap_mib = 0;
    assert_int_equal(st.see(st.self, &cx, &g, ID, &seen), 0);
    assert_false(seen.small);
    assert_int_equal(st.grow(st.self, &cx, &g), 0);
    assert_int_equal(virtual_size(f.root), 3 * GIB);
    must(&cx, (const char *const[]){ "qemu-img", "check", "-q", "-f", "qcow2", f.root, NULL });
    st.free(st.self);
    must(&cx, (const char *const[]){ "rm", "-rf", dir, NULL });
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, set_up, take_down)
    const struct CMUnitTest tests[] = {
        IN_PLACE(unused_images_go_after_a_day),
        IN_PLACE(use_keeps_an_image),
        IN_PLACE(parts_of_the_dead_go),
        cmocka_unit_test(test_disks_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
