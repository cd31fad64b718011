#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/base64.h"
#include "auth/keyfile.h"
#include "auth/seal.h"
#include "auth/who.h"

struct place {
    struct arena *arena;
    char directory[32];
    const char *path;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    p->arena = arena_new();
    strcpy(p->directory, "/tmp/alamo-seal-XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    p->path = arena_printf(p->arena, "%s/ring", p->directory);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    assert_int_equal(rmdir(p->directory), 0); /* no temporary file stays behind */
    arena_free(p->arena);
    free(p);
    return 0;
}

static int open_as(struct place *p, struct seal_ring *ring, const char *purpose, const char *text)
{
    const uint8_t *plain;
    size_t n;
    int r = seal_open(ring, purpose, text, p->arena, &plain, &n);
    if (r == 0)
        assert_string_equal(plain, "secret");
    return r;
}

static void base64_is_strict(void **state)
{
    static const struct {
        const char *plain, *text;
    } vectors[] = { { "", "" },           { "f", "Zg" },         { "fo", "Zm8" },           { "foo", "Zm9v" },
                    { "foob", "Zm9vYg" }, { "\xfb\xff", "-_8" }, { "\xff\xff\xff", "____" } };
    static const char *const bad[] = { "Z", "Zh", "Zm9", "Zg==", "Zm9v\n", "Zm+v", "Zm/v", "Zm9vZ" };
    char text[16], plain[16];

    for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
        size_t n = strlen(vectors[i].plain);
        base64_encode(vectors[i].plain, n, text);
        assert_string_equal(text, vectors[i].text);
        assert_int_equal(strlen(text), BASE64_LENGTH(n));
        assert_int_equal(base64_decode(text, strlen(text), plain), n);
        assert_memory_equal(plain, vectors[i].plain, n);
    }
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), plain), -EBADMSG);
}

static void what_is_sealed_opens(void **state)
{
    struct place *p = *state;
    struct seal_ring *ring = seal_ring_new(), *other = seal_ring_new();
    uint8_t bytes[300];

    for (size_t n = 0; n < sizeof bytes; n++) {
        const uint8_t *plain;
        size_t got;
        bytes[n] = (uint8_t)n;
        const char *text = seal(ring, "t", bytes, n, p->arena);
        assert_int_equal(strlen(text), seal_length(n));
        assert_int_equal(seal_open(ring, "t", text, p->arena, &plain, &got), 0);
        assert_int_equal(got, n);
        assert_memory_equal(plain, bytes, n);
    }
    const char *text = seal(ring, "t", "secret", 6, p->arena);
    assert_string_not_equal(text, seal(ring, "t", "secret", 6, p->arena));
    assert_int_equal(open_as(p, ring, "t", text), 0);
    assert_int_equal(open_as(p, ring, "other purpose", text), -EBADMSG);
    assert_int_equal(open_as(p, other, "t", text), -EBADMSG);
    seal_ring_free(ring);
    seal_ring_free(other);
}

static void any_change_is_seen(void **state)
{
    struct place *p = *state;
    struct seal_ring *ring = seal_ring_new();
    const char *text = seal(ring, "t", "secret", 6, p->arena);
    char changed[128];
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        for (unsigned c = 1; c < 256; c++) {
            if ((char)c == text[i])
                continue;
            strcpy(changed, text);
            changed[i] = (char)c;
            assert_int_equal(open_as(p, ring, "t", changed), -EBADMSG);
        }
    for (size_t i = 0; i < n; i++) {
        strcpy(changed, text);
        changed[i] = '\0';
        assert_int_equal(open_as(p, ring, "t", changed), -EBADMSG);
    }
    snprintf(changed, sizeof changed, "%sA", text);
    assert_int_equal(open_as(p, ring, "t", changed), -EBADMSG);
    seal_ring_free(ring);
}

static void rotation_keeps_one_key_back(void **state)
{
    struct place *p = *state;
    struct seal_ring *ring = seal_ring_new();

    for (int round = 0; round < 600; round++) { /* key ids wrap at 256 */
        const char *text = seal(ring, "t", "secret", 6, p->arena);
        assert_true(seal_is_current(ring, text));
        assert_int_equal(seal_ring_rotate(ring), 0);
        assert_false(seal_is_current(ring, text));
        assert_int_equal(open_as(p, ring, "t", text), 0);
        assert_int_equal(seal_ring_rotate(ring), 0);
        assert_int_equal(open_as(p, ring, "t", text), -EBADMSG);
    }
    seal_ring_free(ring);
}

static void ring_survives_in_its_file(void **state)
{
    struct place *p = *state;
    struct seal_ring *ring, *again;
    struct stat st;

    assert_int_equal(seal_ring_load(&ring, p->path), 0);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    const char *oldest = seal(ring, "t", "secret", 6, p->arena);
    assert_int_equal(seal_ring_rotate(ring), 0);
    const char *old = seal(ring, "t", "secret", 6, p->arena);
    assert_int_equal(seal_ring_rotate(ring), 0);
    const char *new = seal(ring, "t", "secret", 6, p->arena);

    assert_int_equal(seal_ring_load(&again, p->path), 0);
    assert_int_equal(seal_ring_made_us(again), seal_ring_made_us(ring));
    assert_int_equal(open_as(p, again, "t", new), 0);
    assert_int_equal(open_as(p, again, "t", old), 0);
    assert_int_equal(open_as(p, again, "t", oldest), -EBADMSG);
    seal_ring_free(ring);
    seal_ring_free(again);
}

static void old_keys_are_rotated(void **state)
{
    struct place *p = *state;
    struct seal_ring *ring = NULL;

    assert_int_equal(seal_ring_load(&ring, p->path), 0);
    const char *text = seal(ring, "t", "secret", 6, p->arena);
    assert_int_equal(seal_ring_rotate_if_older(ring, 3600 * INT64_C(1000000)), 0);
    assert_true(seal_is_current(ring, text));
    assert_int_equal(seal_ring_rotate_if_older(ring, -1), 1);
    assert_false(seal_is_current(ring, text));
    assert_int_equal(open_as(p, ring, "t", text), 0);
    seal_ring_free(ring);
}

static void file_must_be_private_and_whole(void **state)
{
    struct place *p = *state;
    struct seal_ring *ring = NULL;
    char text[512];

    assert_int_equal(seal_ring_load(&ring, p->path), 0);
    seal_ring_free(ring);
    assert_int_equal(chmod(p->path, 0640), 0);
    assert_int_equal(seal_ring_load(&ring, p->path), -EPERM);
    assert_int_equal(chmod(p->path, 0600), 0);

    int fd = open(p->path, O_RDWR | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text);
    assert_true(n > 0);
    for (ssize_t cut = 0; cut < n; cut++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, text, (size_t)cut, 0), cut);
        assert_int_equal(seal_ring_load(&ring, p->path), -EBADMSG);
    }
    close(fd);
}

static void *load(void *arg)
{
    struct place *p = arg;
    struct seal_ring *ring = NULL;
    return seal_ring_load(&ring, p->path) == 0 ? ring : NULL;
}

static void all_who_make_the_file_at_once_get_one_key(void **state)
{
    struct place *p = *state;
    pthread_t threads[8];
    void *rings[8];

    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load, p), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &rings[i]);
        assert_non_null(rings[i]);
    }
    for (int i = 0; i < 8; i++) {
        const char *text = seal(rings[i], "t", "secret", 6, p->arena);
        assert_int_equal(open_as(p, rings[(i + 1) % 8], "t", text), 0);
    }
    for (int i = 0; i < 8; i++)
        seal_ring_free(rings[i]);
}

static void keyfile_creates_once_and_replaces(void **state)
{
    struct place *p = *state;
    struct stat st;
    char *data;
    size_t n;

    assert_int_equal(keyfile_create(p->path, "one", 3, 0600), 0);
    assert_int_equal(keyfile_create(p->path, "two", 3, 0600), -EEXIST);
    assert_int_equal(keyfile_read(p->path, true, p->arena, &data, &n), 0);
    assert_string_equal(data, "one");
    assert_int_equal(keyfile_replace(p->path, "three", 5, 0644), 0);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(keyfile_read(p->path, true, p->arena, &data, &n), -EPERM);
    assert_int_equal(keyfile_read(p->path, false, p->arena, &data, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(keyfile_read("/nowhere/at/all", false, p->arena, &data, &n), -ENOENT);
    assert_int_equal(keyfile_create("/nowhere/at/all", "x", 1, 0600), -ENOENT);
}

static void roles_are_found_by_name(void **state)
{
    assert_true(who_has_role(who_system(), "Admin"));
    assert_false(who_has_role(who_system(), "owner"));
    assert_false(who_has_role(NULL, "admin"));
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_strict),
        IN_PLACE(what_is_sealed_opens),
        IN_PLACE(any_change_is_seen),
        IN_PLACE(rotation_keeps_one_key_back),
        IN_PLACE(ring_survives_in_its_file),
        IN_PLACE(old_keys_are_rotated),
        IN_PLACE(file_must_be_private_and_whole),
        IN_PLACE(all_who_make_the_file_at_once_get_one_key),
        IN_PLACE(keyfile_creates_once_and_replaces),
        cmocka_unit_test(roles_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
