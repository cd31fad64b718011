#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* ours, of base/cx.h */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "image/inspect.h"
#include "image/inspect_sandbox.h"
#include "image/inspector.h"

/* Instead of cmocka's fail_msg(), which calls its fail(). */
#define FLUNK(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

#include "../fuzz/corpus.h"
#include "../fuzz/fuzz_image.c" /* the target itself, to run its seeds */

/* ---- the parser and the check, on every seed ---- */

static struct image_facts facts_of(const uint8_t *data, size_t size)
{
    size_t tail = size < IMAGE_TAIL_BYTES ? size : IMAGE_TAIL_BYTES;
    struct image_facts facts;
    inspect_header(&(struct image_bytes){ data, size < IMAGE_HEAD_BYTES ? size : IMAGE_HEAD_BYTES,
                                          data + size - tail, tail, (int64_t)size },
                   &facts);
    return facts;
}

/* Seeds are called DECLARED-VERDICT-WHAT. */
static void split_name(const char *name, char ret_declared[16], bool *ret_ok)
{
    size_t n = strcspn(name, "-");
    assert_true(n < 16);
    memcpy(ret_declared, name, n);
    ret_declared[n] = '\0';
    *ret_ok = str_starts(name + n, "-ok-", NULL);
    assert_true(*ret_ok || str_starts(name + n, "-bad-", NULL));
}

static void judge_seed(const char *name, const uint8_t *data, size_t size)
{
    char declared[16];
    bool ok;
    CLEAN_CX cx;

    cx_begin(&cx);
    split_name(name, declared, &ok);
    struct image_facts facts = facts_of(data, size);
    int r = image_check(&cx, declared, &facts, NULL);
    if ((r == 0) != ok)
        FLUNK("%s: %s\n", name, r < 0 ? cx.text : "was taken");
    if (r < 0)
        assert_true(cx.kind == KIND_INVALID || cx.kind == KIND_TOO_LARGE);
}

static void run_seed(const char *name, const uint8_t *data, size_t size)
{
    assert_int_equal(LLVMFuzzerTestOneInput(data, size), 0);
    /* And every shorter head: no field is read without a look at the end. */
    for (size_t cut = 0; cut < size && cut < 600; cut++) {
        uint8_t *exact = malloc(cut + !cut);
        memcpy(exact, data, cut);
        LLVMFuzzerTestOneInput(exact, cut);
        free(exact);
    }
}

static void every_seed_gets_its_verdict(void **state)
{
    assert_true(corpus_each("image", judge_seed) > 90);
}

static void fuzz_seeds_keep_the_promises(void **state)
{
    assert_true(corpus_each("image", run_seed) > 90);
}

/* ---- texts ---- */

static struct image_facts sound_qcow2(void)
{
    return (struct image_facts){ .format = IMAGE_QCOW2,
                                 .signatures = 1u << IMAGE_QCOW2,
                                 .virtual_bytes = 1 << 30 };
}

static void assert_refused(const char *declared, const struct image_facts *facts, enum kind kind,
                           const char *word)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    assert_true(image_check(&cx, declared, facts, NULL) < 0);
    assert_int_equal(cx.kind, kind);
    if (!strstr(cx.text, word))
        FLUNK("\"%s\" says nothing of \"%s\"\n", cx.text, word);
}

static void texts_name_the_cause(void **state)
{
    struct image_facts f = sound_qcow2();

    assert_refused("raw", &f, KIND_INVALID, "content is qcow2");
    assert_refused("vhdx", &f, KIND_INVALID, "disk_format vhdx");
    assert_refused(NULL, &f, KIND_INVALID, "(none)");
    f.qcow2.backing_offset = 400;
    assert_refused("qcow2", &f, KIND_INVALID, "backing file");
    f = sound_qcow2();
    f.qcow2.features = QCOW2_DATA_FILE;
    assert_refused("qcow2", &f, KIND_INVALID, "another file");
    f = sound_qcow2();
    f.qcow2.encryption = 2;
    assert_refused("qcow2", &f, KIND_INVALID, "encrypted");
    f = sound_qcow2();
    f.qcow2.features = QCOW2_CORRUPT;
    assert_refused("qcow2", &f, KIND_INVALID, "corrupt");
    f = sound_qcow2();
    f.virtual_bytes = IMAGE_VIRTUAL_BYTES_MAX + 1;
    assert_refused("qcow2", &f, KIND_TOO_LARGE, "2049 GiB; the largest that is taken is 2048 GiB");
    for (enum image_defect d = IMAGE_SOUND + 1; d < IMAGE_DEFECT_N; d++) {
        f = sound_qcow2();
        f.defect = d;
        assert_refused("qcow2", &f, KIND_INVALID, "broken: ");
    }
    f = (struct image_facts){ .format = IMAGE_VMDK, .signatures = 1u << IMAGE_VMDK };
    assert_refused("raw", &f, KIND_INVALID, "signature of VMDK");
    assert_refused("qcow2", &f, KIND_INVALID, "content is VMDK");
}

static void the_limit_can_be_set(void **state)
{
    struct image_facts f = sound_qcow2();
    CLEAN_CX cx;

    cx_begin(&cx);
    assert_int_equal(image_check(&cx, "qcow2", &f, &(struct image_limits){ 1 << 30 }), 0);
    assert_true(image_check(&cx, "qcow2", &f, &(struct image_limits){ (1 << 30) - 1 }) < 0);
}

/* ---- the inspector ---- */

static int file_with(const void *data, size_t size)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, size, 0), size);
    return fd;
}

static struct inspector *inspector; /* of the test that runs */

static void start(inspect_function *inspect, int64_t deadline_us)
{
    const struct inspector_config config = { .inspect = inspect, .deadline_us = deadline_us };
    assert_int_equal(inspector_start(&inspector, &config), 0);
}

static int stop(void **state)
{
    inspector_stop(inspector);
    inspector = NULL;
    return 0;
}

static void inspect_seed(const char *name, const uint8_t *data, size_t size)
{
    struct image_facts here = facts_of(data, size), there;
    CLEAN_FD fd = file_with(data, size);

    assert_int_equal(inspector_check(inspector, fd, &there), 0);
    assert_int_equal(there.format, here.format);
    assert_int_equal(there.signatures, here.signatures);
    assert_int_equal(there.defect, here.defect);
    assert_int_equal(there.virtual_bytes, here.virtual_bytes);
    assert_memory_equal(&there.qcow2, &here.qcow2, sizeof here.qcow2);
}

static void the_inspector_sees_what_the_parser_sees(void **state)
{
    start(NULL, 0);
    int64_t begin_us = monotonic_us();
    size_t n = corpus_each("image", inspect_seed);
    assert_true(n > 90);
    print_message("an inspection takes %lld us\n", (long long)((monotonic_us() - begin_us) / (int64_t)n));
}

static void only_regular_files_are_inspected(void **state)
{
    struct image_facts facts;
    int pipes[2];

    start(NULL, 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(inspector_check(inspector, pipes[0], &facts), -EINVAL);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(inspector_check(inspector, -1, &facts), -EBADF);
    CLEAN_FD sparse = file_with("", 0);
    assert_int_equal(ftruncate(sparse, (int64_t)1 << 42), 0);
    assert_int_equal(inspector_check(inspector, sparse, &facts), 0);
    assert_int_equal(facts.virtual_bytes, (int64_t)1 << 42);
    CLEAN_FD write_only = open("/dev/shm", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    assert_true(write_only >= 0);
    assert_int_equal(inspector_check(inspector, write_only, &facts), -EIO);
}

/* A parser that an image has taken over: the first byte says what it does. */
static void evil_parser(const struct image_bytes *bytes, struct image_facts *ret_facts)
{
    memset(ret_facts, 0, sizeof *ret_facts);
    ret_facts->file_bytes = bytes->file_bytes;
    switch (bytes->head[0]) {
    case 'o':
        (void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
        break;
    case 's':
        (void)!socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        break;
    case 'w':
        (void)!write(STDERR_FILENO, "evil\n", 5);
        break;
    case 'k':
        kill(getppid(), SIGKILL);
        break;
    case 'c':
        (void)!fork();
        break;
    case 'l': /* loop */
        for (volatile int i = 0; i >= 0;)
            i = 1;
        break;
    case 't': /* trap */
        __builtin_trap();
    case 'f': /* a format that there is not */
        memset(&ret_facts->format, 0x7f, sizeof ret_facts->format);
        break;
    case 'z': /* another size than the file's */
        ret_facts->file_bytes++;
        break;
    }
}

static int check_evil(char what)
{
    struct image_facts facts = { .file_bytes = -7 };
    CLEAN_FD fd = file_with(&what, 1);
    int r = inspector_check(inspector, fd, &facts);
    assert_int_equal(facts.file_bytes, r < 0 ? -7 : 1);
    return r;
}

static void a_parser_taken_over_gets_nowhere(void **state)
{
    start(evil_parser, 300 * 1000);
    for (const char *what = "oswkctfz"; *what; what++) {
        if (check_evil(*what) != -EBADMSG)
            FLUNK("'%c' was let through\n", *what);
        assert_int_equal(check_evil('.'), 0); /* the next image is inspected all the same */
    }
    assert_int_equal(check_evil('l'), -ETIMEDOUT);
    assert_int_equal(check_evil('.'), 0);
}

static void *check_often(void *arg)
{
    for (int i = 0; i < 50; i++)
        assert_int_equal(check_evil(i % 2 ? '.' : 't'), i % 2 ? 0 : -EBADMSG);
    return NULL;
}

static void threads_take_turns(void **state)
{
    pthread_t threads[4];

    start(evil_parser, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_often, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static pid_t child_of(pid_t parent)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)!read(fd, text, sizeof text - 1);
    return (pid_t)strtol(text, NULL, 10);
}

static void without_a_launcher_it_says_so(void **state)
{
    start(NULL, 0);
    pid_t launcher = child_of(getpid());
    assert_true(launcher > 0);
    assert_int_equal(kill(launcher, SIGTERM), 0); /* meant for the whole group: no reason to go */
    assert_int_equal(check_evil('.'), 0);
    assert_int_equal(kill(launcher, SIGKILL), 0);
    assert_int_equal(check_evil('.'), -EPIPE);
    assert_int_equal(check_evil('.'), -EPIPE);
}

/* ---- the sandbox ---- */

/* How a child in the sandbox ends when it does 'deed'. */
static int fate(void (*deed)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (sandbox_enter() < 0)
            _exit(1);
        deed();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void nothing(void)
{
}
static void open_file(void)
{
    (void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}
static void get_pid(void)
{
    (void)getppid();
}

static void the_sandbox_kills(void **state)
{
    assert_true(WIFEXITED(fate(nothing)) && WEXITSTATUS(fate(nothing)) == 0);
    assert_int_equal(WTERMSIG(fate(open_file)), SIGSYS);
    assert_int_equal(WTERMSIG(fate(get_pid)), SIGSYS);
}

static void rights_are_dropped_for_good(void **state)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        bool root = geteuid() == 0;
        bool dropped =
            sandbox_drop(65534, 65534) == 0 && (!root || (geteuid() == 65534 && getegid() == 65534));
        CLEAN_FD secret = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
        _exit(dropped && secret < 0 && setuid(0) < 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_gets_its_verdict),
        cmocka_unit_test(fuzz_seeds_keep_the_promises),
        cmocka_unit_test(texts_name_the_cause),
        cmocka_unit_test(the_limit_can_be_set),
        cmocka_unit_test_teardown(the_inspector_sees_what_the_parser_sees, stop),
        cmocka_unit_test_teardown(only_regular_files_are_inspected, stop),
        cmocka_unit_test_teardown(a_parser_taken_over_gets_nowhere, stop),
        cmocka_unit_test_teardown(threads_take_turns, stop),
        cmocka_unit_test_teardown(without_a_launcher_it_says_so, stop),
        cmocka_unit_test(the_sandbox_kills),
        cmocka_unit_test(rights_are_dropped_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
