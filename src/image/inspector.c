#include "image/inspector.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "image/inspect_sandbox.h"

enum {
    NOBODY = 65534,
    DEADLINE_US = 5 * 1000 * 1000,
    REPLY_MARGIN_US =
        2 * 1000 * 1000, /* the launcher's answer comes this much after its own deadline at the latest */
    LAUNCHER_FD = 3,
};

/* How a child ends. */
enum { CHILD_DONE, CHILD_NO_SANDBOX, CHILD_NO_READ };

/* Both on a SOCK_SEQPACKET pair; a request carries one file descriptor. */
struct request {
    uint64_t id;
    int64_t file_bytes;
};
struct reply {
    uint64_t id; /* the request's: an answer that comes too late is known as such */
    int result;
    struct image_facts facts;
};

struct inspector {
    pthread_mutex_t turn; /* over all below */
    int fd;
    pid_t launcher;
    uint64_t last_id;
    int64_t deadline_us;
};

/* ---- the child: one image ---- */

/* Made by the launcher once, so that a child needs no memory of its own. */
struct workplace {
    struct image_facts *facts; /* shared with the children */
    uint8_t head[IMAGE_HEAD_BYTES];
    uint8_t tail[IMAGE_TAIL_BYTES];
};

/* Reads 'n' bytes at 'offset'; a file that has become shorter is read as far as it goes. */
static int read_part(int fd, int64_t offset, uint8_t *ret_bytes, size_t n, size_t *ret_n)
{
    *ret_n = 0;
    while (*ret_n < n) {
        ssize_t got = pread(fd, ret_bytes + *ret_n, n - *ret_n, offset + (int64_t)*ret_n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        *ret_n += (size_t)got;
    }
    return 0;
}

static NORETURN void child(struct workplace *w, inspect_function *inspect, int fd, int64_t file_bytes)
{
    struct image_bytes bytes = { .head = w->head, .tail = w->tail, .file_bytes = file_bytes };
    size_t tail = file_bytes < IMAGE_TAIL_BYTES ? (size_t)file_bytes : IMAGE_TAIL_BYTES;

    if (sandbox_enter() < 0)
        _exit(CHILD_NO_SANDBOX);
    if (read_part(fd, 0, w->head, sizeof w->head, &bytes.head_n) < 0 ||
        read_part(fd, file_bytes - (int64_t)tail, w->tail, tail, &bytes.tail_n) < 0)
        _exit(CHILD_NO_READ);
    inspect(&bytes, w->facts);
    _exit(CHILD_DONE);
}

/* ---- the launcher: one child for each request ---- */

/* Waits for 'pid' until the deadline, then kills it.  Returns the request's result. */
static int wait_for_child(pid_t pid, int64_t deadline_us)
{
    CLEAN_FD pidfd = pidfd_open(pid, 0);
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    int status;

    bool in_time = pidfd >= 0 && poll(&p, 1, (int)(deadline_us / 1000)) == 1;
    if (!in_time)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (!in_time)
        return -ETIMEDOUT;
    if (!WIFEXITED(status))
        return -EBADMSG;
    switch (WEXITSTATUS(status)) {
    case CHILD_DONE:
        return 0;
    case CHILD_NO_SANDBOX:
        return -ENOTSUP;
    case CHILD_NO_READ:
        return -EIO;
    default:
        return -EBADMSG;
    }
}

static int serve(struct workplace *w, const struct inspector_config *config, int fd, int64_t file_bytes)
{
    memset(w->facts, 0, sizeof *w->facts);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        child(w, config->inspect, fd, file_bytes);
    return wait_for_child(pid, config->deadline_us);
}

/* Receives a request and its file; '*ret_fd' is -1 when none came.  Returns 0 when the other side has gone.
 */
static int receive_request(struct request *ret_request, int *ret_fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { ret_request, sizeof *ret_request };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n;

    *ret_fd = -1;
    do
        n = recvmsg(LAUNCHER_FD, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof *ret_request)
        return 0;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(head), sizeof *ret_fd);
    return 1;
}

/* Leaves nothing of the parent but the socket and standard error; ends with the parent, not with its signals,
 * because a parent that shuts down still has images in flight. */
static int settle(int fd, const struct inspector_config *config)
{
    if (dup2(fd, LAUNCHER_FD) < 0 || close_range(LAUNCHER_FD + 1, ~0u, 0) < 0)
        return -errno;
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* or the children could not be waited for */
    return sandbox_drop(config->uid, config->gid);
}

static NORETURN void launcher(int fd, const struct inspector_config *config)
{
    struct workplace *w = calloc(1, sizeof *w);
    struct request request;
    int file;

    if (!w || settle(fd, config) < 0)
        _exit(1);
    w->facts = mmap(NULL, sizeof *w->facts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->facts == MAP_FAILED)
        _exit(1);
    while (receive_request(&request, &file)) {
        struct reply reply = { .id = request.id, .result = -EBADF };
        if (file >= 0)
            reply.result = serve(w, config, file, request.file_bytes);
        fd_close(&file);
        reply.facts = *w->facts;
        if (send(LAUNCHER_FD, &reply, sizeof reply, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

/* ---- the parent ---- */

void inspector_stop(struct inspector *inspector)
{
    if (!inspector)
        return;
    close(inspector->fd);
    while (waitpid(inspector->launcher, NULL, 0) < 0 && errno == EINTR)
        ;
    pthread_mutex_destroy(&inspector->turn);
    free(inspector);
}

static int send_request(int socket, const struct request *request, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { .head = {
                      .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd) } };
    struct iovec part = { (void *)(uintptr_t)request, sizeof *request };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };

    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    /* Not to wait: a full socket means that the launcher hangs. */
    while (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EAGAIN)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -EPIPE;
    }
    return 0;
}

/* Waits for the reply to request 'id' and drops those to earlier ones. */
static int receive_reply(int socket, uint64_t id, int64_t until_us, struct reply *ret_reply)
{
    for (;;) {
        struct pollfd p = { .fd = socket, .events = POLLIN };
        int64_t left_us = until_us - monotonic_us();
        int ready = left_us > 0 ? poll(&p, 1, (int)(left_us / 1000) + 1) : 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0)
            continue; /* a signal */
        ssize_t n = recv(socket, ret_reply, sizeof *ret_reply, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n != (ssize_t)sizeof *ret_reply)
            return -EPIPE;
        if (ret_reply->id == id)
            return 0;
    }
}

static int ask(struct inspector *inspector, int fd, int64_t file_bytes, struct reply *ret_reply)
{
    const struct request request = { ++inspector->last_id, file_bytes };
    int64_t until_us = monotonic_us() + inspector->deadline_us + REPLY_MARGIN_US * slow_factor();

    TRY(send_request(inspector->fd, &request, fd));
    return receive_reply(inspector->fd, request.id, until_us, ret_reply);
}

int inspector_check(struct inspector *inspector, int fd, struct image_facts *ret_facts)
{
    struct stat st;
    struct reply reply;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    pthread_mutex_lock(&inspector->turn);
    int r = ask(inspector, fd, st.st_size, &reply);
    pthread_mutex_unlock(&inspector->turn);
    TRY(r);
    TRY(reply.result);
    if (!image_facts_valid(&reply.facts) || reply.facts.file_bytes != st.st_size)
        return -EBADMSG;
    *ret_facts = reply.facts;
    return 0;
}

/* Inspects an empty image at once: better no start than a surprise at the first upload. */
static int prove(struct inspector *inspector)
{
    struct image_facts facts;
    CLEAN_FD empty = memfd_create("empty", MFD_CLOEXEC);

    return empty < 0 ? -errno : inspector_check(inspector, empty, &facts);
}

int inspector_start(struct inspector **ret_inspector, const struct inspector_config *config)
{
    struct inspector_config c = config ? *config : (struct inspector_config){ 0 };
    int pair[2];

    c.uid = c.uid ? c.uid : NOBODY;
    c.gid = c.gid ? c.gid : NOBODY;
    c.inspect = c.inspect ? c.inspect : inspect_header;
    c.deadline_us = (c.deadline_us ? c.deadline_us : DEADLINE_US) * slow_factor();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]); /* or it would never see the end of it */
        launcher(pair[1], &c);
    }
    close(pair[1]);
    struct inspector *inspector = pid > 0 ? calloc(1, sizeof *inspector) : NULL;
    if (!inspector) {
        int error = errno;
        close(pair[0]); /* ends the launcher, if there is one */
        return -error;
    }
    pthread_mutex_init(&inspector->turn, NULL);
    inspector->fd = pair[0];
    inspector->launcher = pid;
    inspector->deadline_us = c.deadline_us;
    int r = prove(inspector);
    if (r < 0) {
        inspector_stop(inspector);
        return r;
    }
    *ret_inspector = inspector;
    return 0;
}
