/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a container, in a mount namespace of its own. Without a root of its own they lie in the host's tree. With one
 * (LAUNCH_ROOT, root.c), the sources are taken hold of first, while the host's paths can be seen; then the root is changed,
 * and the rest is put where it belongs: whatever links an image has, they lead nowhere but into the image. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io/beneath.h"

enum { MOUNTS_MAX = 1024 };

static const char *mount_text(const struct launch_mount *m, uint32_t size, uint32_t offset)
{
    const char *base = (const char *)(m + 1);
    return offset < size - sizeof *m ? base + offset : base + (size - sizeof *m - 1); /* else the last 0: "" */
}

/* The mount point, made when it is to be. */
static int open_target(const char *path, const struct launch_mount *m, struct error *err)
{
    if (m->target_trusted == 0 && m->make != LAUNCH_MAKE_NOTHING && root_make_parents(path, err) != 0)
        return -(int)err->code;
    size_t trusted = m->target_trusted != 0 ? m->target_trusted : SIZE_MAX;
    const char *last;
    int at = beneath_parent(path, trusted, m->make != 0 ? 0755 : 0, &last, err);
    if (at < 0)
        return error_wrap(err, "mount point");
    struct stat st;
    if (m->make == LAUNCH_MAKE_FILE_ANEW && fstatat(at, last, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        (void)unlinkat(at, last, 0);
    bool is_file = m->make == LAUNCH_MAKE_FILE || m->make == LAUNCH_MAKE_FILE_ANEW;
    int e = m->make == LAUNCH_MAKE_DIRECTORY && mkdirat(at, last, 0755) != 0 && errno != EEXIST ? errno : 0;
    int made = is_file ? openat(at, last, O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644) : -1;
    if (is_file && made < 0)
        e = errno;
    if (made >= 0)
        (void)close(made);
    int fd = e == 0 ? openat(at, last, O_PATH | O_CLOEXEC | (m->target_trusted != 0 ? O_NOFOLLOW : 0)) : -1;
    if (fd < 0)
        (void)error_set_errno(err, e != 0 ? e : errno, "mount point %s", path);
    (void)close(at);
    return fd;
}

/* A copy of the mount at the source, put later where the mount point's descriptor is: no path is looked up twice, and no
 * /proc is needed, which may be that of another pid namespace here. */
static int clone_source(const struct launch_mount *m, const char *source, struct error *err)
{
    int from = m->source_trusted != 0 ? beneath_open(source, m->source_trusted, O_PATH, 0, err) : open(source, O_PATH | O_CLOEXEC);
    if (from < 0)
        return m->source_trusted != 0 ? from : error_set_errno(err, errno, "mount of %s", source);
    int tree = open_tree(from, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | ((m->flags & MS_REC) != 0 ? AT_RECURSIVE : 0));
    struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
    int e = tree < 0 ? errno : 0;
    if (e == 0 && (m->flags & MS_RDONLY) != 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &ro, sizeof ro) != 0)
        e = errno;
    (void)close(from);
    if (e != 0 && tree >= 0)
        (void)close(tree);
    return e == 0 ? tree : error_set_errno(err, e, "mount of %s", source);
}

/* Closes tree. */
static int put_tree(const struct launch_mount *m, int tree, const char *source, const char *target, struct error *err)
{
    int at = open_target(target, m, err), r = at;
    if (at >= 0)
        r = move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0
                ? 0
                : error_set_errno(err, errno, "%s: mount of %s", target, source);
    if (at >= 0)
        (void)close(at);
    (void)close(tree);
    return r;
}

/* An overlay is mounted at "rootfs" in its directory, with names relative to that: the list of layers then fits into a page. */
static int mount_overlay(const struct launch_mount *m, const char *dir, const char *data, struct error *err)
{
    if (chdir(dir) != 0)
        return error_set_errno(err, errno, "root file system in %s", dir);
    if (mount("overlay", "rootfs", "overlay", (unsigned long)m->flags, data) != 0)
        return error_set_errno(err, errno, "overlay in %s", dir);
    return 0;
}

/* Overlays are mounted before anything is taken hold of: volumes may come from them. */
static int mount_overlays(const struct plan *p, struct error *err)
{
    size_t pos = 0;
    uint32_t size;
    for (const struct launch_mount *m; (m = plan_next(p, LAUNCH_MOUNT, &pos, &size)) != NULL;) {
        if (m->make == LAUNCH_MAKE_OVERLAY &&
            mount_overlay(m, mount_text(m, size, m->target), mount_text(m, size, m->data), err) != 0)
            return -(int)err->code;
    }
    return 0;
}

/* tree: the source of a bind mount that was taken hold of; -1: not yet. */
static int mount_one(const struct launch_mount *m, uint32_t size, int tree, struct error *err)
{
    const char *source = mount_text(m, size, m->source), *target = mount_text(m, size, m->target);
    const char *type = mount_text(m, size, m->type), *data = mount_text(m, size, m->data);
    if (m->make == LAUNCH_MAKE_OVERLAY)
        return 0;
    if ((m->flags & MS_BIND) == 0) {
        if (mount(source, target, type, (unsigned long)m->flags, data) != 0)
            return error_set_errno(err, errno, "mount of %s at %s", source, target);
        return 0;
    }
    if (tree < 0)
        tree = clone_source(m, source, err);
    return tree < 0 ? error_wrap(err, "%s", target) : put_tree(m, tree, source, target, err);
}

static int take_sources(const struct plan *p, int trees[MOUNTS_MAX], struct error *err)
{
    size_t pos = 0, n = 0;
    uint32_t size;
    for (const struct launch_mount *m; (m = plan_next(p, LAUNCH_MOUNT, &pos, &size)) != NULL; n++) {
        if (n >= MOUNTS_MAX)
            return error_set(err, ERR_LIMIT, "the container has over %d mounts", MOUNTS_MAX);
        trees[n] = -1;
        if ((m->flags & MS_BIND) != 0 && m->make != LAUNCH_MAKE_OVERLAY &&
            (trees[n] = clone_source(m, mount_text(m, size, m->source), err)) < 0)
            return error_wrap(err, "%s", mount_text(m, size, m->target));
    }
    return 0;
}

/* The terminal belongs to the host's devpts; in a root of its own it is found as /dev/console. -1: there is none. */
static int take_terminal(const struct io *io)
{
    char path[32] = "/dev/pts/", digits[12];
    unsigned number;
    size_t n = sizeof digits, at = 9;
    if (!io->is_tty || ioctl(io->input, TIOCGPTN, &number) != 0)
        return -1;
    do
        digits[--n] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    memcpy(path + at, digits + n, sizeof digits - n);
    return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static int put_terminal(int tree, struct error *err)
{
    int made = tree < 0 ? -1 : open("/dev/console", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    int e = tree < 0 ? 0 : made < 0 || move_mount(tree, "", AT_FDCWD, "/dev/console", MOVE_MOUNT_F_EMPTY_PATH) != 0 ? errno : 0;
    if (made >= 0)
        (void)close(made);
    if (tree >= 0)
        (void)close(tree);
    return e == 0 ? 0 : error_set_errno(err, e, "the terminal as the image's /dev/console");
}

int setup_mounts(const struct plan *p, const struct io *io, struct error *err)
{
    static int trees[MOUNTS_MAX];
    const char *root = plan_text(p, LAUNCH_ROOT);
    if ((p->header->flags & LAUNCH_NEW_MNT_NS) == 0)
        return 0;
    /* The host's mounts come in, ours do not go out. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return error_set_errno(err, errno, "making the mounts of the container slaves of the host's");
    if (mount_overlays(p, err) != 0)
        return -(int)err->code;
    int terminal = root != NULL ? take_terminal(io) : -1;
    if (root != NULL && (take_sources(p, trees, err) != 0 || root_enter(p, root, err) != 0 || put_terminal(terminal, err) != 0))
        return -(int)err->code;
    size_t pos = 0, n = 0;
    uint32_t size;
    for (const struct launch_mount *m; (m = plan_next(p, LAUNCH_MOUNT, &pos, &size)) != NULL; n++) {
        if (mount_one(m, size, root != NULL ? trees[n] : -1, err) != 0)
            return -(int)err->code;
    }
    if (root != NULL)
        return root_complete(p, err);
    if ((p->header->flags & LAUNCH_MOUNT_PROC) != 0 &&
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return error_set_errno(err, errno, "mount of /proc");
    return 0;
}
