/* The trial of KVM, with a QEMU that answers what the test wants: only what is heard on the serial port counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/host.h"

#include <cmocka.h>

static char dir[] = "/tmp/alamo-test-host-XXXXXX";

static const char *file(struct cx *cx, const char *name)
{
    return cx_printf(cx, "%s/%s", dir, name);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* From now on a QEMU with a disk says 'sector', one with a kernel says 'kernel'; each run leaves a line in "runs". */
static void fake_qemu(struct cx *cx, const char *sector, const char *kernel)
{
    const char *path = file(cx, "qemu-system-x86_64");
    put(path, cx_printf(cx,
                        "#!/bin/sh\necho \"$*\" >> %s/runs\n"
                        "case \"$*\" in *-accel\\ kvm*-kernel*) echo '%s' ;; *-accel\\ kvm*-drive*) echo '%s' ;; esac\n",
                        dir, kernel, sector));
    assert_int_equal(chmod(path, 0755), 0);
}

static int runs(struct cx *cx)
{
    FILE *f = fopen(file(cx, "runs"), "re");
    int n = 0;
    for (int c; f && (c = getc(f)) != EOF;)
        n += c == '\n';
    if (f)
        fclose(f);
    return n;
}

static bool try_it(struct cx *cx, const char *boot_id)
{
    const struct kvm_trial trial = { "/dev/null", dir, boot_id, "/dev/null" };
    return host_kvm(cx, &trial);
}

static void kvm_is_used_when_a_kernel_is_heard(void **state)
{
    static const struct {
        const char *sector, *kernel;
        int runs;
        bool yes;
    } cases[] = {
        { "OK", "[    0.000000] Linux version 6.1.0", 2, true },
        { "OK", "no KVM today", 2, false },
        { "KO", "Linux version 6.1.0", 1, false }, /* it does not come to the kernel */
        { "", "", 1, false },
    };
    CLEAN_CX cx;

    cx_begin(&cx);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        const char *boot_id = cx_printf(&cx, "boot-%zu", i);
        unlink(file(&cx, "runs"));
        fake_qemu(&cx, cases[i].sector, cases[i].kernel);
        assert_int_equal(try_it(&cx, boot_id), cases[i].yes);
        assert_int_equal(runs(&cx), cases[i].runs);
        fake_qemu(&cx, "", ""); /* the answer is kept, for this boot of the host */
        assert_int_equal(try_it(&cx, boot_id), cases[i].yes);
        assert_int_equal(runs(&cx), cases[i].runs);
        assert_false(try_it(&cx, "another boot"));
    }
}

static void without_the_device_or_a_kernel_it_is_no(void **state)
{
    CLEAN_CX cx;

    cx_begin(&cx);
    fake_qemu(&cx, "OK", "Linux version 6.1.0");
    assert_false(host_kvm(&cx, &(struct kvm_trial){ file(&cx, "no-device"), dir, "b1", "/dev/null" }));
    assert_false(host_kvm(&cx, &(struct kvm_trial){ "/dev/null", dir, "b2", file(&cx, "no-kernel") }));
    assert_true(host_kvm(&cx, &(struct kvm_trial){ "/dev/null", dir, "b3", "/dev/null" }));
}

/* As clients take it apart. */
static void an_uptime_is_readable(void **state)
{
    CLEAN_ARENA *a = arena_new();
    int hour, users;
    double load;
    const char *text = host_uptime(a), *at = strstr(text, " up "), *rest = at ? strstr(at, ",  ") : NULL;

    assert_int_equal(sscanf(text, " %d:", &hour), 1);
    assert_non_null(rest);
    assert_int_equal(sscanf(rest, ",  %d user", &users), 1);
    rest = strstr(rest, "load average: ");
    assert_non_null(rest);
    assert_int_equal(sscanf(rest, "load average: %lf, ", &load), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(an_uptime_is_readable),
        cmocka_unit_test(kvm_is_used_when_a_kernel_is_heard),
        cmocka_unit_test(without_the_device_or_a_kernel_it_is_no),
    };
    char path[4096];

    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s:%s", dir, getenv("PATH"));
    setenv("PATH", path, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    CLEAN_CX cx;
    cx_begin(&cx);
    static const char *const left[] = { "qemu-system-x86_64", "runs", "kvm", "kvm-sector" };
    for (size_t i = 0; i < N_ELEMENTS(left); i++)
        unlink(file(&cx, left[i]));
    rmdir(dir);
    return failed;
}
