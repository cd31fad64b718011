#include "image/inspect_sandbox.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/env.h"

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#else
#error "the sandbox knows no system call numbers for this architecture"
#endif

/* AddressSanitizer reserves terabytes of addresses, and asks for the signal stack before a process ends. */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

enum { ADDRESS_MAX_BYTES = 64 << 20, PROCESSOR_MAX_S = 2, FILES_MAX = 16 };

static int limit(int resource, rlim_t value)
{
    const struct rlimit both = { value, value };
    return setrlimit(resource, &both) < 0 ? -errno : 0;
}

int sandbox_drop(uid_t uid, gid_t gid)
{
    if (geteuid() == 0) {
        /* Containers may forbid it; the filter of sandbox_enter() allows no socket anyway. */
        (void)unshare(CLONE_NEWNET);
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            return -errno;
    }
    TRY(limit(RLIMIT_CORE, 0));
    TRY(limit(RLIMIT_FSIZE, 0));
    TRY(limit(RLIMIT_NOFILE, FILES_MAX));
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* clang-format off */
#define ALLOW(call) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), \
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static const struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 1, 0), /* else the numbers mean other calls */
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(SYS_pread64),
    ALLOW(SYS_exit_group),
#if UNDER_ASAN
    ALLOW(SYS_sigaltstack),
#endif
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
/* clang-format on */

int sandbox_enter(void)
{
    /* The kernel's struct wants writable instructions; it does not write to them. */
    const struct sock_fprog program = { N_ELEMENTS(filter), (struct sock_filter *)(uintptr_t)filter };

    if (!UNDER_ASAN)
        TRY(limit(RLIMIT_AS, ADDRESS_MAX_BYTES));
    TRY(limit(RLIMIT_CPU, (rlim_t)(PROCESSOR_MAX_S * slow_factor())));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return -errno;
    return 0;
}
