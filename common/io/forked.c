/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/forked.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"

enum { CHILD_FD = 3, CHILD_NICE = 5, PIPE_BYTES = 1 << 20 };

struct forked {
    struct loop *loop;
    const struct forked_handler *h;
    void *arg;
    int fd; /* -1: it has ended */
    pid_t pid;
    struct loop_watch *readable, *child;
    bool has_status;
    int status;
};

void forked_put(struct sbuf *b)
{
    for (struct str rest = sbuf_view(b); rest.n != 0;) {
        ssize_t n = write(CHILD_FD, rest.p, rest.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(1);
        rest = str_sub(rest, (size_t)n, rest.n);
    }
    sbuf_clear(b);
}

static _Noreturn void child(const struct forked *f, int fd, pid_t parent)
{
    struct sbuf b = SBUF_INIT(SIZE_MAX / 4);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || (fd != CHILD_FD && dup2(fd, CHILD_FD) != CHILD_FD) || close_range(CHILD_FD + 1, ~0U, 0) != 0)
        _exit(1);
    (void)setpriority(PRIO_PROCESS, 0, CHILD_NICE); /* the loop comes first where they share a processor */
    if (!f->h->make(f->arg, &b) || !sbuf_ok(&b))
        _exit(1);
    forked_put(&b);
    _exit(0);
}

static void release(struct forked *f)
{
    loop_watch_free(f->readable);
    loop_watch_free(f->child);
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f);
}

static void advance(struct forked *f)
{
    const struct forked_handler *h = f->h;
    void *arg = f->arg;
    int status = f->status;

    if (f->fd >= 0 || !f->has_status)
        return;
    release(f);
    h->ended(arg, status);
}

static void on_child(void *arg, pid_t pid, int wait_status)
{
    struct forked *f = arg;

    (void)pid;
    f->child = NULL;
    f->has_status = true;
    f->status = wait_status;
    advance(f);
}

static void close_pipe(struct forked *f)
{
    loop_watch_free(f->readable);
    f->readable = NULL;
    (void)close(f->fd);
    f->fd = -1;
}

static void on_readable(void *arg, int fd, int what)
{
    struct forked *f = arg;
    size_t size = f->h->room != NULL ? f->h->room(f->arg) : FORKED_PIECE_BYTES;
    struct sbuf piece = SBUF_INIT(FORKED_PIECE_BYTES + 1);
    char *room = sbuf_room(&piece, size);
    ssize_t n = read(fd, room, size);

    (void)what;
    if (n > 0) {
        sbuf_grew(&piece, (size_t)n);
        f->h->bytes(f->arg, &piece);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_pipe(f);
        advance(f);
    }
    sbuf_done(&piece);
}

/* Forks; the signals of the loop's handlers must not arrive in the child. */
static void fork_child(struct forked *f, int fd)
{
    sigset_t all, before;
    pid_t parent = getpid();

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    f->pid = fork();
    if (f->pid == 0)
        child(f, fd, parent);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

struct forked *forked_start(struct loop *loop, const struct forked_handler *h, void *arg)
{
    struct forked *f;
    struct error err;
    int p[2];

    if (pipe2(p, O_CLOEXEC) != 0)
        return NULL;
    (void)fcntl(p[1], F_SETPIPE_SZ, PIPE_BYTES); /* smaller is slower, no more */
    (void)fcntl(p[0], F_SETFL, O_NONBLOCK);
    f = xcalloc(1, sizeof *f);
    *f = (struct forked){ .loop = loop, .h = h, .arg = arg, .fd = p[0] };
    fork_child(f, p[1]);
    (void)close(p[1]);
    if (f->pid > 0 && loop_child(loop, f->pid, on_child, f, &f->child, &err) != 0) {
        (void)kill(f->pid, SIGKILL);
        (void)waitpid(f->pid, NULL, 0);
        f->pid = -1;
    }
    if (f->pid < 0) {
        release(f);
        return NULL;
    }
    f->readable = loop_fd(loop, f->fd, LOOP_READ, on_readable, f);
    return f;
}

void forked_pause(struct forked *f, bool pause)
{
    if (f->fd < 0 || pause == (f->readable == NULL))
        return;
    if (!pause) {
        f->readable = loop_fd(f->loop, f->fd, LOOP_READ, on_readable, f);
        return;
    }
    loop_watch_free(f->readable);
    f->readable = NULL;
}

void forked_kill(struct forked *f)
{
    if (!f->has_status)
        (void)kill(f->pid, SIGKILL); /* its end is told by the watch */
    if (f->fd >= 0)
        close_pipe(f);
    advance(f);
}

void forked_cancel(struct forked *f)
{
    if (f == NULL)
        return;
    if (!f->has_status) {
        (void)kill(f->pid, SIGKILL);
        (void)waitpid(f->pid, NULL, 0);
    }
    release(f);
}
