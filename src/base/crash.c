#include "base/crash.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int64_t left = -1;  /* points until the end; negative: never */
static const char *only;   /* points of this name count; NULL: all */
static size_t only_n;
static int log_fd = -1;

static void read_environment(void)
{
    const char *at = getenv("ALAMO_CRASH_AT"), *log = getenv("ALAMO_CRASH_LOG");
    const char *colon = at ? strrchr(at, ':') : NULL;
    if (at && str_to_i64(colon ? colon + 1 : at, &left) < 0)
        left = -1;
    if (colon) {
        only = at;
        only_n = (size_t)(colon - at);
    }
    if (log)
        log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void crash_point(const char *name)
{
    pthread_once(&once, read_environment);
    if (log_fd < 0 && left < 0)
        return;
    if (log_fd >= 0) {
        char line[128];
        size_t n = strnlen(name, sizeof line - 1);
        memcpy(line, name, n);
        line[n] = '\n';
        if (write(log_fd, line, n + 1) < 0)
            abort();
    }
    if (only && (strncmp(name, only, only_n) != 0 || name[only_n]))
        return;
    if (left >= 0 && __atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) == 0)
        kill(getpid(), SIGKILL);
}
