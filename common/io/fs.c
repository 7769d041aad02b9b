/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/tree.h"

int fs_read(const char *path, struct sbuf *b, struct error *err)
{
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "reading %.180s", path);
    for (;;) {
        size_t left = b->max - b->n, want = left < 65536 ? left : 65536;
        char over, *room = want != 0 ? sbuf_room(b, want) : &over;
        if (room == NULL)
            return error_set(err, ERR_NOMEM, "reading %.180s: out of memory", path);
        ssize_t n = read(fd, room, want != 0 ? want : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "reading %.180s", path);
        if (n == 0)
            return 0;
        if (want == 0)
            return error_set(err, ERR_LIMIT, "%.160s is larger than %zu bytes", path, b->max);
        sbuf_grew(b, (size_t)n);
    }
}

static int write_all(int fd, struct str content)
{
    while (content.n != 0) {
        ssize_t n = write(fd, content.p, content.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        content = str_sub(content, (size_t)n, content.n);
    }
    return 0;
}

static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(free_p)
    char *folder =
        slash == NULL ? xstrdup(".") : xstrndup(str_mem(path, slash == path ? 1 : (size_t)(slash - path)));
    CLEANUP(fd_close_p) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) != 0 ? errno : 0;
}

int fs_write(const char *path, struct str content, mode_t mode, unsigned flags, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf temp = SBUF_INIT(8192);
    sbuf_fmt(&temp, "%s.XXXXXX", path);
    if (!sbuf_ok(&temp))
        return error_set(err, ERR_INVALID, "writing: the path %.150s... is too long", path);
    int fd = mkostemp(temp.p, O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "writing %.180s", path);
    int e = write_all(fd, content);
    if (e == 0 && fchmod(fd, mode) != 0)
        e = errno;
    if (e == 0 && (flags & FS_SYNC) && fsync(fd) != 0)
        e = errno;
    if (close(fd) != 0 && e == 0)
        e = errno;
    if (e == 0 && rename(temp.p, path) != 0)
        e = errno;
    if (e != 0)
        (void)unlink(temp.p);
    else if (flags & FS_SYNC)
        e = sync_folder(path);
    return e != 0 ? error_set_errno(err, e, "writing %.180s", path) : 0;
}

/* From the end: mostly the last folder alone is missing. */
static int make_folders(char *p, mode_t mode, struct error *err)
{
    struct stat st;
    char *slash = strrchr(p, '/');
    if (mkdir(p, mode) == 0 || (errno == EEXIST && stat(p, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    if (errno == ENOENT && slash != NULL && slash != p) {
        *slash = 0;
        int rc = make_folders(p, mode, err);
        *slash = '/';
        if (rc != 0 || mkdir(p, mode) == 0 || errno == EEXIST)
            return rc;
    }
    return error_set_errno(err, errno == EEXIST ? ENOTDIR : errno, "making the folder %.180s", p);
}

int fs_mkdirs(const char *path, mode_t mode, struct error *err)
{
    CLEANUP(free_p) char *p = xstrdup(path);
    if (*p == 0)
        return error_set(err, ERR_INVALID, "making a folder: the path is empty");
    return make_folders(p, mode, err);
}

int fs_remove_tree(const char *path, struct error *err)
{
    return tree_remove_at(AT_FDCWD, path, err);
}
