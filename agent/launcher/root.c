/* SPDX-License-Identifier: Apache-2.0 */
/* A root file system of its own: pivot_root into it, then what every Linux program expects to find there. As in the original,
 * /proc is the container's, its switches are read-only, /sys too, and /dev has the usual devices and no others. What may let a
 * container harm the machine stays out of sight unless it is privileged. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { TTY_GROUP = 5 }; /* Debian's and everybody's number; terminals are useless with another */

/* --- the usual folders ---------------------------------------------------------------------------------- */

static int make_dir(const char *path, mode_t mode, struct error *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    return error_set_errno(err, errno != EEXIST ? errno : ENOTDIR, "the image's %s", path);
}

int root_make_parents(const char *path, struct error *err)
{
    char buf[4096];
    size_t n = strlen(path);
    if (n >= sizeof buf)
        return error_set(err, ERR_LIMIT, "a path of %zu bytes; at most %zu", n, sizeof buf - 1);
    memcpy(buf, path, n + 1);
    for (char *q = buf; (q = strchr(q, '/')) != NULL; *q++ = '/') {
        *q = 0;
        if (buf[0] != 0 && mkdir(buf, 0755) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "%s in the image", buf);
    }
    return 0;
}

static int mount_at(const char *type, const char *path, unsigned long flags, const char *data, mode_t mode, struct error *err)
{
    if (make_dir(path, mode, err) != 0)
        return -(int)err->code;
    return mount(type, path, type, flags, data) == 0 ? 0 : error_set_errno(err, errno, "mount of %s at the image's %s", type, path);
}

static const struct {
    const char *name;
    unsigned major, minor;
} devices[] = { { "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
                { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 } };

static int make_devices(struct error *err)
{
    static const char *const links[][2] = { { "/proc/self/fd", "/dev/fd" },       { "/proc/self/fd/0", "/dev/stdin" },
                                            { "/proc/self/fd/1", "/dev/stdout" }, { "/proc/self/fd/2", "/dev/stderr" },
                                            { "pts/ptmx", "/dev/ptmx" } };
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        if (mknod(devices[i].name, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)) != 0 ||
            chmod(devices[i].name, 0666) != 0)
            return error_set_errno(err, errno, "the image's %s", devices[i].name);
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (symlink(links[i][0], links[i][1]) != 0)
            return error_set_errno(err, errno, "the image's %s", links[i][1]);
    }
    return 0;
}

static int make_dev(struct error *err)
{
    char pts[] = "newinstance,ptmxmode=0666,mode=0620,gid=5";
    _Static_assert(TTY_GROUP == 5, "see pts");
    if (mount_at("tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k", 0755, err) != 0 || make_devices(err) != 0 ||
        mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, pts, 0755, err) != 0)
        return -(int)err->code;
    return mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", 0755, err);
}

/* --- what is held back ---------------------------------------------------------------------------------- */

/* A copy of what is mounted at `from`, read-only, over `path`. What this kernel does not have needs no cover. */
static int cover(const char *from, const char *path, struct error *err)
{
    struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
    int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "the image's %s", from);
    int e = mount_setattr(tree, "", AT_EMPTY_PATH, &ro, sizeof ro) != 0 ? errno : 0;
    if (e == 0 && move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) != 0 && errno != ENOENT)
        e = errno;
    (void)close(tree);
    return e == 0 ? 0 : error_set_errno(err, e, "the image's %s read-only", path);
}

static int hold_back(struct error *err)
{
    static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };
    static const char *const hidden[] = { "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                          "/proc/sched_debug" };
    static const char *const empty[] = { "/proc/acpi", "/proc/scsi", "/sys/firmware" };
    for (size_t i = 0; i < sizeof read_only / sizeof read_only[0]; i++) {
        if (cover(read_only[i], read_only[i], err) != 0)
            return -(int)err->code;
    }
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (cover("/dev/null", hidden[i], err) != 0)
            return -(int)err->code;
    }
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        if (mount("tmpfs", empty[i], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0") != 0 && errno != ENOENT)
            return error_set_errno(err, errno, "the image's %s", empty[i]);
    }
    return 0;
}

/* --- steps ---------------------------------------------------------------------------------------------- */

static int pivot(const char *dir, struct error *err)
{
    /* What pivot_root wants is a mount; a root file system that was copied is none yet. */
    if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) != 0 || chdir(dir) != 0)
        return error_set_errno(err, errno, "root file system %s", dir);
    /* The old root lands on top of the new one, and goes. */
    if (syscall(SYS_pivot_root, ".", ".") != 0)
        return error_set_errno(err, errno, "changing the root to %s (is the agent's own root a mount?)", dir);
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return error_set_errno(err, errno, "leaving the old root");
    return 0;
}

int root_enter(const struct plan *p, const char *dir, struct error *err)
{
    const bool privileged = (p->header->flags & LAUNCH_PRIVILEGED) != 0;
    const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (pivot(dir, err) != 0 || mount_at("proc", "/proc", quiet, NULL, 0555, err) != 0 ||
        mount_at("sysfs", "/sys", quiet | (privileged ? 0 : MS_RDONLY), NULL, 0555, err) != 0 || make_dev(err) != 0)
        return -(int)err->code;
    return privileged ? 0 : hold_back(err);
}

/* As Docker does with a WORKDIR that no layer has. */
int root_complete(const struct plan *p, struct error *err)
{
    const char *dir = plan_text(p, LAUNCH_WORKDIR);
    if (dir == NULL)
        return 0;
    if (root_make_parents(dir, err) != 0)
        return -(int)err->code;
    if (mkdir(dir, 0755) != 0 && errno != EEXIST && errno != EROFS)
        return error_set_errno(err, errno, "working directory %s", dir);
    return 0;
}
