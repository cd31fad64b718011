/* A libvirtd that hangs, closes or is not there: calls end, and say what is wrong.  No libvirtd is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is in base/cx.h */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/libvirt/libvirt.h"
#include "base/env.h"

static char dir[64];
static struct sockaddr_un server;
static struct hypervisor hv;

static void changed(void *arg, const char *guest_id)
{
}

/* libvirt's library may be started once in a process. */
static int set_up(void **state)
{
    CLEAN_CX cx;
    static char uri[160];

    signal(SIGPIPE, SIG_IGN); /* as alamo-agent does: libvirt may write to who has gone */
    snprintf(dir, sizeof dir, "/tmp/alamo-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    signal(SIGPIPE, SIG_IGN); /* as the agent does */
    server.sun_family = AF_UNIX;
    snprintf(server.sun_path, sizeof server.sun_path, "%s/server", dir);
    snprintf(uri, sizeof uri, "qemu+unix:///system?socket=%s", server.sun_path);
    cx_begin(&cx);
    const struct libvirt_config config = { .uri = uri, .run_dir = dir, .call_s = 1, .changed = changed };
    return libvirt_new(&cx, &config, &hv);
}

static int take_down(void **state)
{
    hv.free(hv.self);
    unlink(server.sun_path);
    assert_int_equal(rmdir(dir), 0); /* no socket of the agent's is left */
    return 0;
}

static int listen_as_server(void)
{
    unlink(server.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&server, sizeof server), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static void *list(void *arg)
{
    struct strs ids = { 0 };
    struct cx *cx = arg;
    cx_begin(cx);
    return hv.list(hv.self, cx, &ids) < 0 ? cx : NULL;
}

/* Stopped, or busy for ever: it takes the connection and says nothing. */
static void a_hanging_libvirtd_holds_nobody(void **state)
{
    CLEAN_FD fd = listen_as_server();
    struct cx cx[3];
    pthread_t threads[3];
    void *failed;

    int64_t from_us = monotonic_us();
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, list, &cx[i]), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_ptr_equal(failed, &cx[i]);
        assert_int_equal(cx[i].kind, KIND_UNAVAILABLE);
        cx_end(&cx[i]);
    }
    assert_true(monotonic_us() - from_us < 20000000 * slow_factor());

    struct cx again;
    assert_ptr_equal(list(&again), &again);
    assert_non_null(strstr(again.text, cx_printf(&again, "libvirtd has not answered within %lld s", (long long)slow_factor())));
    assert_non_null(strstr(again.text, "restart it"));
    cx_end(&again);
}

static void *hang_up(void *arg)
{
    CLEAN_FD fd = accept4(*(const int *)arg, NULL, NULL, SOCK_CLOEXEC);
    char piece[4096];
    return read(fd, piece, sizeof piece) > 0 ? arg : NULL;
}

/* A restart in the middle of a call is no verdict on the server that was asked about. */
static void a_libvirtd_that_goes_is_waited_for(void **state)
{
    CLEAN_FD fd = listen_as_server();
    pthread_t thread;
    struct cx cx;

    assert_int_equal(pthread_create(&thread, NULL, hang_up, &fd), 0);
    assert_ptr_equal(list(&cx), &cx);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(cx.kind, KIND_UNAVAILABLE);
    cx_end(&cx);
}

static void no_libvirtd_is_told_at_once(void **state)
{
    struct cx cx;
    unlink(server.sun_path);
    assert_ptr_equal(list(&cx), &cx);
    assert_int_equal(cx.kind, KIND_UNAVAILABLE);
    assert_non_null(strstr(cx.text, "libvirtd does not answer"));
    assert_non_null(strstr(cx.text, "server: No such file"));
    cx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_libvirtd_is_told_at_once),
        cmocka_unit_test(a_libvirtd_that_goes_is_waited_for),
        cmocka_unit_test(a_hanging_libvirtd_holds_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, take_down);
}
