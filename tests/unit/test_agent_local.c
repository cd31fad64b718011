/* Disks in files: what grows, and what is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours, of base/cx.h */

#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/file.h"
#include "agent/local/local.h"

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
    const struct local_config config = { .state_dir = dir, .image_dir = dir };
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_disks_grow) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
