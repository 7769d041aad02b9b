/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a command's output when they have a limit (the agent's --container_logger). The command then writes to a pipe
 * and the supervisor, which outlives the agent, copies to the file. Before a line that would not fit, the file becomes
 * NAME.1, NAME.1 becomes NAME.2 and so on; what is beyond the number to keep is lost. A terminal's output takes the same way.
 *
 * The sandbox is the task's: it may have removed the file, or put a folder in the place of NAME.1. What cannot be moved out
 * of the way is cut to nothing instead, so the bound holds whatever it does. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COPY_SLICES_MAX = 64, SLICE_BYTES = 16384, LAST_SLICES_MAX = 256 };

static const char *const names[2] = { "stdout", "stderr" };

bool logs_limited(const struct plan *p)
{
    size_t pos = 0;
    return plan_next(p, LAUNCH_ROTATE, &pos, NULL) != NULL;
}

static int open_log(const struct plan *p, struct log *l, unsigned i, struct error *err)
{
    const char *path = plan_text(p, i == 0 ? LAUNCH_STDOUT : LAUNCH_STDERR);
    struct stat st;
    if (path == NULL)
        return 0;
    l->fd = setup_open_log(p, path, &l->dir, err);
    if (l->fd < 0)
        return -(int)err->code;
    l->written = fstat(l->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    return 0;
}

static int make_pipe(struct log *l, const struct launch_user *u, struct error *err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) != 0 || fcntl(p[0], F_SETFL, O_NONBLOCK) != 0)
        return error_set_errno(err, errno, "pipe of the command's output");
    l->from = p[0];
    l->to = p[1];
    /* Programs open /dev/stdout anew; that asks for the owner. */
    if (u != NULL && fchown(l->to, u->uid, u->gid) != 0)
        return error_set_errno(err, errno, "owner of the command's output");
    return 0;
}

int logs_open(const struct plan *p, struct io *io, struct error *err)
{
    size_t pos = 0, at = 0;
    const struct launch_user *u = plan_next(p, LAUNCH_USER, &at, NULL);
    for (const struct launch_rotate *r; (r = plan_next(p, LAUNCH_ROTATE, &pos, NULL)) != NULL;) {
        unsigned i = r->stream != 0;
        struct log *l = &io->logs[i];
        bool of_terminal = io->is_tty && i == 0;
        l->size_max = r->size_max;
        l->keep = r->keep;
        l->uid = u != NULL ? u->uid : 0;
        l->gid = u != NULL ? u->gid : 0;
        if (open_log(p, l, i, err) != 0 || (!of_terminal && make_pipe(l, u, err) != 0))
            return -(int)err->code;
    }
    return 0;
}

void logs_started(struct io *io)
{
    for (unsigned i = 0; i < 2; i++) {
        if (io->logs[i].to >= 0)
            (void)close(io->logs[i].to);
        io->logs[i].to = -1;
    }
}

static size_t put_number(char *end, unsigned n)
{
    char digits[10];
    size_t k = 0;
    do
        digits[k++] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    for (size_t i = 0; i < k; i++)
        end[i] = digits[k - 1 - i];
    end[k] = '\0';
    return k;
}

static void numbered(char name[32], unsigned stream, unsigned n)
{
    size_t len = strlen(names[stream]);
    memcpy(name, names[stream], len + 1);
    if (n == 0)
        return;
    name[len] = '.';
    (void)put_number(name + len + 1, n);
}

/* The file is out of the way under its name. */
static bool move_away(const struct log *l, unsigned stream)
{
    char from[32], to[32];
    struct stat now, there;
    numbered(from, stream, 0);
    bool is_ours = fstatat(l->dir, from, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(l->fd, &now) == 0 &&
                   there.st_ino == now.st_ino && there.st_dev == now.st_dev;
    if (!is_ours || l->keep == 0)
        return !is_ours || unlinkat(l->dir, from, 0) == 0;
    for (unsigned n = l->keep; n > 0; n--) {
        numbered(to, stream, n);
        numbered(from, stream, n - 1);
        if (renameat(l->dir, from, l->dir, to) != 0 && n == 1)
            return false;
    }
    return true;
}

/* As the command's user: what it owns is what it may make us write to. */
static int open_anew(const struct log *l, unsigned stream)
{
    struct stat st;
    (void)syscall(SYS_setfsgid, l->gid);
    (void)syscall(SYS_setfsuid, l->uid);
    int fd = openat(l->dir, names[stream], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0644);
    (void)syscall(SYS_setfsuid, geteuid());
    (void)syscall(SYS_setfsgid, getegid());
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void rotate(struct log *l, unsigned stream)
{
    struct stat st;
    /* Somebody may have cut it meanwhile. */
    if (fstat(l->fd, &st) == 0 && (uint64_t)st.st_size < l->size_max / 2) {
        l->written = (uint64_t)st.st_size;
        return;
    }
    int fd = l->dir >= 0 && move_away(l, stream) ? open_anew(l, stream) : -1;
    if (fd >= 0) {
        (void)close(l->fd);
        l->fd = fd;
        l->written = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    if (fd < 0 || l->written >= l->size_max) {
        (void)!ftruncate(l->fd, 0);
        l->written = 0;
    }
}

static void put(struct log *l, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(l->fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return; /* a full disk loses it */
        p += w;
        n -= (size_t)w;
        l->written += (uint64_t)w;
    }
}

/* As much of it as the file may still take, whole lines if there are any; 0: it needs a new file. */
static size_t share(const struct log *l, const char *p, size_t n)
{
    uint64_t room = l->size_max > l->written ? l->size_max - l->written : 0;
    if (l->size_max == 0 || n <= room)
        return n;
    const char *end = memrchr(p, '\n', (size_t)room);
    if (end != NULL)
        return (size_t)(end - p) + 1;
    return l->written == 0 ? (size_t)room : 0;
}

void logs_write(struct log *l, unsigned stream, const char *p, size_t n)
{
    while (n > 0) {
        size_t part = share(l, p, n);
        if (part == 0)
            rotate(l, stream);
        put(l, p, part);
        p += part;
        n -= part;
    }
}

void logs_copy(struct io *io, bool last)
{
    static char buf[SLICE_BYTES];
    for (unsigned i = 0; i < 2; i++) {
        struct log *l = &io->logs[i];
        for (int k = 0; l->from >= 0 && k < (last ? LAST_SLICES_MAX : COPY_SLICES_MAX); k++) {
            ssize_t n = read(l->from, buf, sizeof buf);
            if (n < 0 && errno == EINTR)
                continue;
            if (n > 0) {
                logs_write(l, i, buf, (size_t)n);
                continue;
            }
            if (n == 0 || errno != EAGAIN) { /* nobody writes any more */
                (void)close(l->from);
                l->from = -1;
            }
            break;
        }
    }
}
