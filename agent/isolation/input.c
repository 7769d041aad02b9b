/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a container's supervisor for the writing end of the input. One datagram goes out with a socket, one comes back on
 * it; a supervisor that does not answer (it is frozen, or just ending) is given up after a while. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/isolation/isolator.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

#define INPUT_TIMEOUT_NS (10 * NS_PER_S)

struct container_input {
    container_input_fn *fn;
    void *arg;
    char *id;
    int fd; /* our end */
    struct loop_watch *watch;
    struct loop_timer timeout;
};

int input_prepare(const struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    char path[4096];
    if (c->io == CONTAINER_IO_NULL)
        return 0;
    if (runtime_path(c->iso, c->id, NULL, path, sizeof path, err) != 0)
        return -(int)err->code;
    launch_text(l, LAUNCH_IO_DIR, path);
    if (c->io != CONTAINER_IO_TERMINAL)
        return 0;
    l->flags |= LAUNCH_TTY | (spec->command_task ? LAUNCH_TTY_INPUT : 0u);
    if (spec->tty_rows != 0 || spec->tty_columns != 0) {
        struct launch_window w = { spec->tty_rows, spec->tty_columns };
        launch_raw(l, LAUNCH_WINDOW, &w, sizeof w);
    }
    return 0;
}

/* Sends a request to the supervisor; pass: a descriptor to go along, or -1. Never waits. */
static int send_request(const struct container *c, uint32_t what, int pass, struct error *err)
{
    char dir[4096];
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (runtime_path(c->iso, c->id, NULL, dir, sizeof dir, err) != 0)
        return -(int)err->code;
    CLEANUP(fd_close_p) int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_close_p) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (at < 0 || fd < 0)
        return error_set_errno(err, errno, "input of container %s", c->id);
    (void)snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", at, LAUNCH_IO_NAME);

    struct iovec v = { .iov_base = &what, .iov_len = sizeof what };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { .bytes = { 0 } };
    struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &v, .msg_iovlen = 1 };
    if (pass >= 0) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control.bytes;
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &pass, sizeof(int));
    }
    if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
        return error_set_errno(err, errno, "input of container %s: its supervisor takes no request", c->id);
    return 0;
}

void containerizer_input_cancel(struct container_input *i)
{
    if (i == NULL)
        return;
    loop_watch_free(i->watch);
    loop_timer_done(&i->timeout);
    (void)close(i->fd);
    free(i->id);
    free(i);
}

static void answer(struct container_input *i, int fd, const struct error *err)
{
    container_input_fn *fn = i->fn;
    void *arg = i->arg;
    containerizer_input_cancel(i);
    fn(arg, fd, err);
}

static void on_timeout(void *arg)
{
    struct container_input *i = arg;
    struct error err;
    (void)error_set(&err, ERR_TIMEOUT, "input of container %s: its supervisor did not answer within %d s", i->id,
                    (int)(INPUT_TIMEOUT_NS / NS_PER_S));
    answer(i, -1, &err);
}

static void on_answer(void *arg, int fd, int what)
{
    struct container_input *i = arg;
    struct launch_io_answer a = { .is_closed = 1 };
    struct iovec v = { .iov_base = &a, .iov_len = sizeof a };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } c;
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c.bytes };
    struct error err;
    int got = -1;
    (void)what;
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (h != NULL && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&got, CMSG_DATA(h), sizeof(int));
    if (got < 0)
        (void)error_set(&err, n > 0 && a.is_closed ? ERR_CONFLICT : ERR_NOT_FOUND,
                        n > 0 && a.is_closed ? "The input of container %s was ended" : "Container %s has ended", i->id);
    answer(i, got, got >= 0 ? NULL : &err);
}

int containerizer_input_open(struct containerizer *owner, const char *id, container_input_fn *fn, void *arg,
                             struct container_input **ret, struct error *err)
{
    struct container *c = container_find(owner, id);
    int pair[2];
    if (c == NULL || c->state != CONTAINER_RUNNING)
        return error_set(err, ERR_NOT_FOUND, "Container %s cannot be found", id);
    if (c->io == CONTAINER_IO_NULL)
        return error_set(err, ERR_UNAVAILABLE, "container %s has no input", id);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return error_set_errno(err, errno, "input of container %s", id);
    CLEANUP(fd_close_p) int ours = pair[0];
    CLEANUP(fd_close_p) int theirs = pair[1]; /* closed here: a supervisor that ends ends the wait */
    if (send_request(c, LAUNCH_IO_OPEN, theirs, err) != 0)
        return -(int)err->code;
    struct container_input *i = xcalloc(1, sizeof *i);
    *i = (struct container_input){ .fn = fn, .arg = arg, .id = xstrdup(id), .fd = TAKE_FD(ours) };
    i->watch = loop_fd(c->iso->loop, i->fd, LOOP_READ, on_answer, i);
    loop_timer_init(&i->timeout, c->iso->loop, on_timeout, i);
    loop_timer_in(&i->timeout, INPUT_TIMEOUT_NS);
    *ret = i;
    return 0;
}

void containerizer_input_end(struct containerizer *owner, const char *id)
{
    struct container *c = container_find(owner, id);
    struct error ignored; /* the supervisor has ended: so has the input */
    if (c != NULL && c->state == CONTAINER_RUNNING && c->io == CONTAINER_IO_PIPE)
        (void)send_request(c, LAUNCH_IO_CLOSE, -1, &ignored);
}
