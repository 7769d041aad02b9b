/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPONENT_MAX = 255, DIR_FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC };

static int open_trusted(const char *path, size_t n, struct error *err)
{
    char buf[4096];

    if (n >= sizeof buf)
        return error_set(err, ERR_LIMIT, "a path of %zu bytes; at most %zu", n, sizeof buf - 1);
    memcpy(buf, path, n);
    buf[n] = 0;
    int fd = open(n != 0 ? buf : "/", DIR_FLAGS);
    return fd >= 0 ? fd : error_set_errno(err, errno, "%.180s", buf);
}

/* The directory name of at, made when it is missing; closes at. */
static int step(int at, const char *name, size_t n, mode_t make, const char *path, struct error *err)
{
    char buf[COMPONENT_MAX + 1];
    int e = n > COMPONENT_MAX ? ENAMETOOLONG : 0, fd = -1;

    memcpy(buf, name, e == 0 ? n : 0);
    buf[e == 0 ? n : 0] = 0;
    if (e == 0 && n == 2 && memcmp(buf, "..", 2) == 0)
        e = EINVAL;
    if (e == 0 && make != 0 && mkdirat(at, buf, make) != 0 && errno != EEXIST)
        e = errno;
    if (e == 0 && (fd = openat(at, buf, DIR_FLAGS | O_NOFOLLOW)) < 0)
        e = errno;
    (void)close(at);
    return e == 0 ? fd : error_set_errno(err, e, "%.180s, at '%.40s'", path, buf);
}

int beneath_parent(const char *path, size_t trusted, mode_t make, const char **ret_last, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t end = slash != NULL ? (size_t)(slash - path) : 0;
    int fd = open_trusted(path, trusted < end ? trusted : end, err);

    if (slash == NULL || slash[1] == 0 || strcmp(slash + 1, "..") == 0 || strcmp(slash + 1, ".") == 0) {
        if (fd >= 0)
            (void)close(fd);
        return error_set(err, ERR_INVALID, "the path '%.180s' names nothing", path);
    }
    for (const char *at = path + (trusted < end ? trusted : end); fd >= 0 && at < slash;) {
        while (*at == '/')
            at++;
        size_t n = strcspn(at, "/");
        if (at < slash && n != 0 && !(n == 1 && *at == '.'))
            fd = step(fd, at, n, make, path, err);
        at += n;
    }
    if (fd >= 0)
        *ret_last = slash + 1;
    return fd;
}

int beneath_open(const char *path, size_t trusted, int flags, mode_t mode, struct error *err)
{
    const char *last;
    int at = beneath_parent(path, trusted, 0, &last, err);

    if (at < 0)
        return at;
    int fd = openat(at, last, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
    int e = errno;
    (void)close(at);
    return fd >= 0 ? fd : error_set_errno(err, e, "%.180s", path);
}
