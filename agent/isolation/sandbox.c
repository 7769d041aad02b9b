/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox as a place that its tasks own and the agent, mostly root, works in. That of a top-level container lies in folders
 * of the agent; those of nested ones lie inside it, where a task may have put anything: a link instead of a folder, a
 * pipe instead of stdout. So nothing below the top-level sandbox is reached by a path that could have been bent. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/isolation/isolator.h"
#include "common/base/cleanup.h"
#include "common/io/beneath.h"
#include "common/io/tree.h"

size_t sandbox_trusted(const char *sandbox)
{
    static const char folder[] = "/containers";
    size_t n = strlen(sandbox), f = sizeof folder - 1;

    for (;;) {
        size_t last = n;
        while (last > 0 && sandbox[last - 1] != '/')
            last--;
        if (last < f + 2 || memcmp(sandbox + last - 1 - f, folder, f) != 0)
            return n;
        n = last - 1 - f;
    }
}

int sandbox_open(const char *sandbox, struct error *err)
{
    return beneath_open(sandbox, sandbox_trusted(sandbox), O_RDONLY | O_DIRECTORY, 0, err);
}

int sandbox_make(const struct container *c, struct error *err)
{
    const char *last;
    struct stat st;
    CLEANUP(fd_close_p) int at = beneath_parent(c->sandbox, sandbox_trusted(c->sandbox), 0755, &last, err);
    if (at < 0)
        return error_wrap(err, "sandbox");
    bool made = mkdirat(at, last, 0750) == 0;
    CLEANUP(fd_close_p) int fd = openat(at, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return error_set_errno(err, errno, "sandbox %s", c->sandbox);
    /* One that was there belongs to somebody already. */
    if (made && c->uid != geteuid() && fchown(fd, c->uid, c->gid) != 0)
        return error_set_errno(err, errno, "owner of sandbox %s", c->sandbox);
    return 0;
}

int sandbox_log(const struct container *c, const char *name, struct error *err)
{
    CLEANUP(fd_close_p) int box = sandbox_open(c->sandbox, err);
    struct stat st;
    if (box < 0)
        return -(int)err->code;
    CLEANUP(fd_close_p) int fd = openat(box, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644);
    if (fd < 0)
        return error_set_errno(err, errno, "%s/%s", c->sandbox, name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
        return error_set(err, ERR_CONFLICT, "%s/%s is there already, and no regular file of its own", c->sandbox, name);
    if (c->iso->root && fchown(fd, c->uid, c->gid) != 0)
        return error_set_errno(err, errno, "owner of %s/%s", c->sandbox, name);
    return TAKE_FD(fd);
}

void sandbox_remove(const struct container *c)
{
    const char *id = strrchr(c->id, '.'), *last;
    struct error ignored; /* what cannot be removed goes with the top-level sandbox */
    CLEANUP(fd_close_p) int at = beneath_parent(c->sandbox, sandbox_trusted(c->sandbox), 0, &last, &ignored);

    /* As far as it is one: never a path that only looks so. */
    if (at < 0 || strcmp(last, id != NULL ? id + 1 : c->id) != 0)
        return;
    static unsigned removed; /* its name is free at once: the id may be used again */
    char name[64];
    (void)snprintf(name, sizeof name, ".removed.%d.%u", (int)getpid(), removed++);
    tree_remove_later(c->iso->loop, at, renameat(at, last, at, name) == 0 ? name : last, NULL, NULL);
}
