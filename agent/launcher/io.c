/* SPDX-License-Identifier: Apache-2.0 */
/* The input of a command, and its terminal. The supervisor keeps the writing end, so that it stays the same whoever writes
 * and however often the agent is killed; it copies nothing of the input. Whoever is to write asks for the end by a datagram
 * with a socket, and gets it on that. There is no connection and so nothing to wait for: an agent that hangs cannot stop
 * the command, nor one container the next.
 *
 * Without a terminal the command writes its output to its files itself, unless they have a limit (logs.c). A terminal's
 * output is copied from the master side to the file of standard output, where its readers find it like that of every other
 * container. A command that writes faster than the file takes waits, as before any terminal. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { COPY_SLICES_MAX = 64 }; /* per call; 4 KB each */

/* Through /proc, as the paths of nested containers are longer than a socket's address. */
static int bind_socket(const char *dir, struct error *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/proc/self/fd/" };
    int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (at < 0 || fd < 0)
        return error_set_errno(err, errno, "socket of the command's input in %s", dir);
    char *end = a.sun_path + strlen(a.sun_path);
    if (at >= 10)
        *end++ = (char)('0' + at / 10 % 10); /* a launcher has few descriptors */
    *end++ = (char)('0' + at % 10);
    memcpy(end, "/" LAUNCH_IO_NAME, sizeof "/" LAUNCH_IO_NAME);
    (void)unlinkat(at, LAUNCH_IO_NAME, 0);
    mode_t mask = umask(0177);
    int r = bind(fd, (const struct sockaddr *)&a, sizeof a);
    int e = errno;
    (void)umask(mask);
    (void)close(at);
    return r == 0 ? fd : error_set_errno(err, e, "socket of the command's input in %s", dir);
}

static int open_terminal(const struct plan *p, struct io *io, struct error *err)
{
    int unlock = 0;
    size_t u = 0, w = 0;
    const struct launch_user *user = plan_next(p, LAUNCH_USER, &u, NULL);
    const struct launch_window *window = plan_next(p, LAUNCH_WINDOW, &w, NULL);
    io->is_tty = true;
    io->input = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (io->input < 0 || ioctl(io->input, TIOCSPTLCK, &unlock) != 0)
        return error_set_errno(err, errno, "a terminal by /dev/ptmx");
    io->command = ioctl(io->input, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (io->command < 0)
        return error_set_errno(err, errno, "the command's side of the terminal");
    if (user != NULL && fchown(io->command, user->uid, (gid_t)-1) != 0)
        return error_set_errno(err, errno, "the terminal's owner %u", user->uid);
    if (window != NULL) {
        struct winsize size = { .ws_row = window->rows, .ws_col = window->columns };
        (void)ioctl(io->input, TIOCSWINSZ, &size); /* any size is taken */
    }
    return 0;
}

int io_open(const struct plan *p, struct io *ret, struct error *err)
{
    const char *dir = plan_text(p, LAUNCH_IO_DIR);
    int pipe_fd[2];
    *ret = (struct io){ .socket = -1, .input = -1, .command = -1, .logs = { { .fd = -1, .dir = -1, .from = -1, .to = -1 }, { .fd = -1, .dir = -1, .from = -1, .to = -1 } } };
    if (dir == NULL)
        return 0;
    ret->socket = bind_socket(dir, err);
    if (ret->socket < 0)
        return -(int)err->code;
    if ((p->header->flags & LAUNCH_TTY) != 0)
        return open_terminal(p, ret, err);
    if (pipe2(pipe_fd, O_CLOEXEC) != 0 || fcntl(pipe_fd[1], F_SETFL, O_NONBLOCK) != 0)
        return error_set_errno(err, errno, "pipe of the command's input");
    ret->command = pipe_fd[0];
    ret->input = pipe_fd[1];
    return 0;
}

int io_open_log(const struct plan *p, struct io *io, struct error *err)
{
    const char *out = plan_text(p, LAUNCH_STDOUT), *errors = plan_text(p, LAUNCH_STDERR);
    int other = -1, rc = 0;
    if (logs_limited(p))
        rc = logs_open(p, io, err);
    else if (io->is_tty && out != NULL)
        rc = (io->logs[0].fd = setup_open_log(p, out, NULL, err)) >= 0 ? 0 : -(int)err->code;
    if (rc == 0 && io->is_tty && errors != NULL && io->logs[1].fd < 0)
        other = setup_open_log(p, errors, NULL, err); /* made, so that readers of both find both */
    (void)syscall(SYS_setfsuid, geteuid());
    (void)syscall(SYS_setfsgid, getegid());
    if (other >= 0)
        (void)close(other);
    return rc;
}

void io_started(struct io *io)
{
    logs_started(io);
    /* The command's side of a terminal stays open: without anybody there a terminal reports its end again and again. */
    if (io->is_tty || io->command < 0)
        return;
    (void)close(io->command);
    io->command = -1;
}

void io_copy(struct io *io)
{
    char buf[4096];
    if (!io->is_tty)
        return;
    for (int i = 0; i < COPY_SLICES_MAX; i++) {
        ssize_t n = read(io->input, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        io->is_hung = n == 0 || (n < 0 && errno != EAGAIN);
        if (n <= 0)
            return;
        logs_write(&io->logs[0], 0, buf, (size_t)n);
    }
}

static void send_input(struct io *io, int to)
{
    struct launch_io_answer answer = { .is_closed = io->input < 0 };
    struct iovec v = { .iov_base = &answer, .iov_len = sizeof answer };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } c = { .bytes = { 0 } };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
    if (io->input >= 0) {
        m.msg_control = &c;
        m.msg_controllen = sizeof c.bytes;
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &io->input, sizeof(int));
    }
    (void)sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT); /* who asked may be gone */
}

void io_answer(struct io *io)
{
    uint32_t what = 0;
    struct iovec v = { .iov_base = &what, .iov_len = sizeof what };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } c;
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c.bytes };
    ssize_t n = recvmsg(io->socket, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
    int to = -1;
    if (h != NULL && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&to, CMSG_DATA(h), sizeof(int));
    if (n == (ssize_t)sizeof what && what == LAUNCH_IO_OPEN && to >= 0)
        send_input(io, to);
    if (n == (ssize_t)sizeof what && what == LAUNCH_IO_CLOSE && !io->is_tty && io->input >= 0) {
        (void)close(io->input);
        io->input = -1;
    }
    if (to >= 0)
        (void)close(to);
}
