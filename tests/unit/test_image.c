/* Images below the API: what compute asks of them, and what time does to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours, of base/cx.h */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/who.h"
#include "base/env.h"
#include "base/log.h"
#include "compute/server.h"
#include "image/sweep.h"
#include "json/read.h"
#include "store/migrations.h"

static struct store *store;
static struct inspector *inspector;
static char directory[64];

static const struct who owner = { .project_id = "p1", .is_reader = true, .is_member = true };
static const struct who other = { .project_id = "p2", .is_reader = true, .is_member = true };
static const struct who homeless = { .domain_id = "d", .is_reader = true, .is_member = true };

static int set_up(void **state)
{
    const struct store_config config = { .path = ":memory:" };

    log_level_set(LOG_ERROR);
    assert_int_equal(inspector_start(&inspector, NULL), 0);
    snprintf(directory, sizeof directory, "/tmp/alamo-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
    return store_open(&store, &config, store_migrations, n_store_migrations);
}

static int tear_down(void **state)
{
    store_close(store);
    inspector_stop(inspector);
    return rmdir(directory); /* fails when a test left a file */
}

/* One call: what to do and what came of it. */
struct call {
    const struct who *who;
    struct image image;
    const char *id;
    struct image_received received;
    int (*run)(struct cx *cx, struct call *c);
};

static int run(struct cx *cx, void *arg)
{
    struct call *c = arg;
    cx->who = c->who ? c->who : &owner;
    return c->run(cx, c);
}

static int create(struct cx *cx, struct call *c)
{
    TRY(image_create(cx, &c->image));
    c->id = c->image.id;
    return 0;
}

static int begin(struct cx *cx, struct call *c)
{
    return image_begin_upload(cx, c->id, &c->image);
}

static int finish(struct cx *cx, struct call *c)
{
    return image_finish_upload(cx, c->id, &c->received);
}

static int boot(struct cx *cx, struct call *c)
{
    return image_for_boot(cx, c->id, &c->image);
}

static int get(struct cx *cx, struct call *c)
{
    return image_get_visible(cx, c->id, &c->image);
}

static int delete (struct cx *cx, struct call *c)
{
    return image_delete(cx, c->id);
}

static int deactivate(struct cx *cx, struct call *c)
{
    return image_set_active(cx, c->id, false);
}

#define DO(f, c) ((c)->run = (f), store_write_wait(store, &cx, run, (c)))

static struct call new_image(struct cx *ret_cx, const char *visibility)
{
    struct call c = { .image = { .disk_format = "raw", .container_format = "bare", .visibility = visibility },
                      .run = create };
    assert_int_equal(store_write_wait(store, ret_cx, run, &c), 0);
    return c;
}

static void activate(struct cx *cx, struct call *c)
{
    c->received = (struct image_received){ 5, 512, "md5", "sha512" };
    c->run = begin;
    assert_int_equal(store_write_wait(store, cx, run, c), 0);
    c->run = finish;
    assert_int_equal(store_write_wait(store, cx, run, c), 0);
}

static void test_states(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct call c = new_image(&cx, "private");

    assert_true(DO(finish, &c) < 0); /* not saving */
    assert_int_equal(cx.kind, KIND_CONFLICT);
    assert_true(DO(deactivate, &c) < 0);
    assert_int_equal(cx.kind, KIND_FORBIDDEN);
    activate(&cx, &c);
    assert_true(DO(finish, &c) < 0);
    assert_int_equal(cx.kind, KIND_CONFLICT);
    assert_true(DO(begin, &c) < 0);
    assert_int_equal(cx.kind, KIND_CONFLICT);
    assert_int_equal(DO(get, &c), 0);
    assert_string_equal(c.image.status, "active");
    assert_int_equal(c.image.virtual_size, 512);
}

static void test_recover(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct call c = new_image(&cx, "private");

    assert_int_equal(DO(begin, &c), 0);
    assert_int_equal(images_recover(store), 0);
    assert_int_equal(DO(get, &c), 0);
    assert_string_equal(c.image.status, "queued");
}

static void test_boot(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct call c = new_image(&cx, "private");

    assert_true(DO(boot, &c) < 0);
    assert_int_equal(cx.kind, KIND_INVALID);
    assert_string_equal(cx.text, cx_printf(&cx, "Image %s is not active.", c.id));
    activate(&cx, &c);
    assert_int_equal(DO(boot, &c), 0);
    c.who = &other; /* as if it were not there */
    assert_true(DO(boot, &c) < 0);
    assert_int_equal(cx.kind, KIND_INVALID);
    assert_string_equal(cx.text, cx_printf(&cx, "Image %s could not be found.", c.id));
    c.who = &owner;
    assert_int_equal(DO(deactivate, &c), 0);
    assert_true(DO(boot, &c) < 0);
    assert_int_equal(cx.kind, KIND_INVALID);
}

static void test_no_project(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct call c = { .who = &homeless };

    assert_true(DO(create, &c) < 0);
    assert_int_equal(cx.kind, KIND_INVALID);
}

/* ---- who sees an image, and who may change it, by visibility ---- */

static void test_visibility(void **state)
{
    static const struct {
        const char *visibility;
        bool seen; /* by others */
    } cases[] = { { "private", false }, { "shared", false }, { "community", true }, { "public", true } };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        CLEAN_CX cx;
        cx_begin(&cx);
        struct call c = { .who = who_system(),
                          .image = { .owner = "p1", .visibility = cases[i].visibility } };
        assert_int_equal(DO(create, &c), 0);
        c.who = &other;
        assert_int_equal(DO(get, &c) >= 0, cases[i].seen);
        assert_true(DO(delete, &c) < 0);
        assert_int_equal(cx.kind, cases[i].seen ? KIND_FORBIDDEN : KIND_NOT_FOUND);
        c.who = &owner;
        assert_int_equal(DO(delete, &c), 0);
    }
}

/* ---- snapshots ---- */

static int snapshot(struct cx *cx, struct call *c)
{
    const struct strpair own[] = { { "image_type", "snapshot" }, { "os", "other" } };
    struct strpair items[2];
    const struct image base = { .min_disk = 3,
                                .properties =
                                    "{\"os\":\"linux\",\"kernel_id\":\"k\",\"owner_specified.x\":\"1\"}" };

    memcpy(items, own, sizeof items);
    return image_make_for_snapshot(cx, "snap", "p1", &base, (struct strmap){ items, 2 }, &c->id);
}

static int snapshot_failed(struct cx *cx, struct call *c)
{
    return image_snapshot_failed(cx, c->id, "the disk broke");
}

static void test_snapshot(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct call c = { 0 };

    assert_int_equal(DO(snapshot, &c), 0);
    assert_int_equal(DO(get, &c), 0);
    assert_string_equal(c.image.status, "queued");
    assert_string_equal(c.image.disk_format, "qcow2");
    assert_int_equal(c.image.min_disk, 3);
    assert_string_equal(c.image.properties,
                        "{\"os\":\"other\",\"kernel_id\":\"k\",\"image_type\":\"snapshot\"}");
    c.who = &other;
    assert_true(DO(get, &c) < 0);
    c.who = who_system();
    assert_int_equal(DO(snapshot_failed, &c), 0);
    assert_true(DO(get, &c) < 0);
    assert_int_equal(DO(snapshot_failed, &c), 0); /* again: nothing */
}

/* ---- files ---- */

static struct images *open_images(void)
{
    struct images *images;
    assert_int_equal(images_open(&images, directory, inspector), 0);
    return images;
}

static const char *file_of(struct cx *cx, const char *name)
{
    return cx_printf(cx, "%s/%s", directory, name);
}

static bool is_there(struct cx *cx, const char *id)
{
    return access(file_of(cx, id), F_OK) == 0;
}

static void test_files(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    const char *id = uuid_new(cx.arena), *left = file_of(&cx, "left.part");
    struct image_upload *first, *second;
    struct image_received received;
    struct stat st;

    close(open(left, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    struct images *images = open_images();
    assert_true(access(left, F_OK) < 0);

    /* one that hangs does not get into the way of the next */
    assert_int_equal(image_upload_begin(&cx, images, id, "raw", &first), 0);
    assert_int_equal(image_upload_write(&cx, first, "old", 3), 0);
    assert_int_equal(image_upload_begin(&cx, images, id, "raw", &second), 0);
    assert_int_equal(image_upload_write(&cx, second, "hello", 5), 0);
    image_upload_free(first);
    assert_false(is_there(&cx, id));
    assert_int_equal(image_upload_finish(&cx, second, &received), 0);
    assert_int_equal(image_upload_finish(&cx, second, &received), 0);
    assert_int_equal(received.size, 5);
    assert_string_equal(received.md5, "5d41402abc4b2a76b9719d911017c592");
    image_upload_free(second);
    assert_int_equal(stat(file_of(&cx, id), &st), 0);
    assert_int_equal(st.st_mode & 07777 & ~0640u, 0);
    assert_int_equal(images_remove(images, id), 0);
    assert_int_equal(images_remove(images, id), 0); /* none there is fine */

    assert_int_equal(image_upload_begin(&cx, images, id, "raw", &first), 0);
    assert_int_equal(image_upload_finish(&cx, first, &received), 0);
    image_upload_abandon(first);
    assert_false(is_there(&cx, id));
    assert_true(image_upload_begin(&cx, images, "../escape", "raw", &first) < 0);
    assert_int_equal(images_remove(images, "../escape"), -EINVAL);
    images_close(images);
}

/* ---- sweeping ---- */

static int boot_server(struct cx *cx, struct call *c)
{
    const struct server s = { .id = "s",
                              .project_id = "p1",
                              .user_id = "u",
                              .name = "s",
                              .hostname = "s",
                              .vm_state = "active",
                              .want_power = "on",
                              .flavor_id = "f",
                              .flavor_name = "f",
                              .extra_specs = "{}",
                              .kernel_id = c->id,
                              .metadata = "{}",
                              .tags = "[]",
                              .reservation_id = "r",
                              .disk_config = "MANUAL",
                              .access_ip_v4 = "",
                              .access_ip_v6 = "",
                              .root_device = "/dev/vda" };
    return store_insert(cx, &server_table, &s);
}

static int end_server(struct cx *cx, struct call *c)
{
    return store_delete(cx, &server_table, "id=$1", ARGS("s"));
}

/* The file of a deleted image stays as long as a server names it. */
static void test_sweep(void **state)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct images *images = open_images();
    struct call c = new_image(&cx, "private");

    activate(&cx, &c);
    close(open(file_of(&cx, c.id), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(DO(boot_server, &c), 0);
    images_sweep(store, images);
    assert_int_equal(DO(delete, &c), 0);
    images_sweep(store, images);
    assert_true(is_there(&cx, c.id));
    assert_int_equal(DO(end_server, &c), 1);
    images_sweep(store, images);
    assert_false(is_there(&cx, c.id));

    /* a file that got its name after the sweep goes after the next start */
    close(open(file_of(&cx, c.id), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    images_sweep(store, images);
    assert_true(is_there(&cx, c.id));
    assert_int_equal(images_recover(store), 0);
    images_sweep(store, images);
    assert_false(is_there(&cx, c.id));
    images_close(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),     cmocka_unit_test(test_recover),    cmocka_unit_test(test_boot),
        cmocka_unit_test(test_no_project), cmocka_unit_test(test_visibility), cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_files),      cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
