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

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#else
#error "the sandbox knows no system call numbers for this architecture"
#endif

/* AddressSanitizer reserves terabytes of addresses. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_LIMITED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_LIMITED 0
#endif
#endif
#ifndef ADDRESS_LIMITED
#define ADDRESS_LIMITED 1
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

int sandbox_enter(void)
{
    /* clang-format off */
    static const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 1, 0), /* else the numbers mean other calls */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pread64, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    /* clang-format on */
    const struct sock_fprog program = { N_ELEMENTS(filter), (struct sock_filter *)(uintptr_t)filter };

    if (ADDRESS_LIMITED)
        TRY(limit(RLIMIT_AS, ADDRESS_MAX_BYTES));
    TRY(limit(RLIMIT_CPU, PROCESSOR_MAX_S));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return -errno;
    return 0;
}
