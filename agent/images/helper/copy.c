/* SPDX-License-Identifier: Apache-2.0 */
/* A root file system as a copy of its layers, where overlay cannot be mounted: from the lowest up, whiteouts applied. Links are
 * never followed: everything is reached by descriptors of directories. */
#include "agent/images/helper/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/io/tree.h"

static int fail(struct error *err, const char *name)
{
    return error_set_errno(err, errno, "copying %.150s", name);
}

static int copy_content(int from, int to)
{
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 24, 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS)) {
            char buf[65536];
            n = read(from, buf, sizeof buf);
            if (n > 0 && write(to, buf, (size_t)n) != n)
                return -1;
        }
        if (n <= 0)
            return (int)n;
    }
}

static void copy_attributes(int from, int to)
{
    char names[4096], value[1024];
    ssize_t n = flistxattr(from, names, sizeof names);
    for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
        const char *name = names + i;
        ssize_t size = fgetxattr(from, name, value, sizeof value);
        if (size >= 0 && (strcmp(name, "security.capability") == 0 || strncmp(name, "user.", 5) == 0))
            (void)fsetxattr(to, name, value, (size_t)size, 0); /* as far as the file system has them */
    }
}

static int set_meta(int dir, const char *name, const struct stat *st)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };
    if (fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        (!S_ISLNK(st->st_mode) && fchmodat(dir, name, st->st_mode & 07777, 0) != 0))
        return -1;
    return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st, struct error *err)
{
    CLEANUP(fd_close_p) int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd_close_p) int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (from < 0 || to < 0 || copy_content(from, to) != 0 || set_meta(to_dir, name, st) != 0)
        return fail(err, name);
    copy_attributes(from, to); /* after the owner: chown takes capabilities away */
    return 0;
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st, struct error *err)
{
    char target[4096];
    ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
    if (n < 0)
        return fail(err, name);
    target[n] = 0;
    return symlinkat(target, to_dir, name) == 0 && set_meta(to_dir, name, st) == 0 ? 0 : fail(err, name);
}

static int copy_tree(int from, int to, unsigned depth, struct error *err);

static int copy_directory(int from_dir, int to_dir, const char *name, const struct stat *st, unsigned depth, struct error *err)
{
    CLEANUP(fd_close_p) int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char opaque = 0;
    struct stat there;
    if (from < 0)
        return fail(err, name);
    bool hides = fgetxattr(from, "trusted.overlay.opaque", &opaque, 1) == 1 && opaque == 'y';
    bool is_dir = fstatat(to_dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(there.st_mode);
    if ((hides || !is_dir) && tree_remove_at(to_dir, name, err) != 0)
        return -(int)err->code;
    if (mkdirat(to_dir, name, 0700) != 0 && errno != EEXIST)
        return fail(err, name);
    CLEANUP(fd_close_p) int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return fail(err, name);
    if (depth >= LAYER_DEPTH_MAX)
        return error_set(err, ERR_LIMIT, "copying %.100s: over %d directories in each other", name, LAYER_DEPTH_MAX);
    if (copy_tree(from, to, depth + 1, err) != 0)
        return -(int)err->code;
    return set_meta(to_dir, name, st) == 0 ? 0 : fail(err, name);
}

static int copy_entry(int from, int to, const char *name, unsigned depth, struct error *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail(err, name);
    if (S_ISDIR(st.st_mode))
        return copy_directory(from, to, name, &st, depth, err);
    if (tree_remove_at(to, name, err) != 0) /* of a lower layer */
        return -(int)err->code;
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, name, &st, err);
    if (S_ISLNK(st.st_mode))
        return copy_link(from, to, name, &st, err);
    if (S_ISFIFO(st.st_mode) && (mkfifoat(to, name, 0600) != 0 || set_meta(to, name, &st) != 0))
        return fail(err, name);
    return 0; /* a whiteout: gone already */
}

static int copy_tree(int from, int to, unsigned depth, struct error *err)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL)
        return fail(err, "a directory");
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = copy_entry(from, to, e->d_name, depth, err);
    }
    (void)closedir(d);
    return r;
}

int layers_copy(char *const *layers, size_t count, const char *to, struct error *err)
{
    CLEANUP(fd_close_p) int dir = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return fail(err, to);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(fd_close_p) int layer = open(layers[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (layer < 0)
            return fail(err, layers[i]);
        if (copy_tree(layer, dir, 0, err) != 0)
            return error_wrap(err, "layer %zu of %zu", i + 1, count);
    }
    return 0;
}
