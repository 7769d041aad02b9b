/* SPDX-License-Identifier: Apache-2.0 */
/* An archive becomes a layer. The archive is a stranger's: it is read in a process of its own whose root is the layer's directory, so no
 * path, link or order of entries reaches anything else. Beyond that: names that climb are refused, devices are left out (a
 * container has its own /dev, and a node 0:0 would be a whiteout), of the attributes only file capabilities and user.* are
 * kept, numbers of owners are taken as they are, and what it unpacks to is bounded. */
#include "agent/images/helper/helper.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/cleanup.h"

struct unpacking {
    struct archive *in, *out;
    struct unpack_budget *budget;
    uint64_t entries;
};

static int copy_data(struct unpacking *u, struct error *err)
{
    const void *p;
    size_t n;
    la_int64_t offset;
    for (;;) {
        int r = archive_read_data_block(u->in, &p, &n, &offset);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r < ARCHIVE_WARN)
            return error_set(err, ERR_INVALID, "archive: %.150s", archive_error_string(u->in));
        if ((u->budget->bytes -= (int64_t)n) < 0 || offset > LAYER_BYTES_MAX)
            return error_set(err, ERR_LIMIT, "it unpacks to more than the store may take (%lld GB, or nine tenths of the free disk)",
                             (long long)(LAYER_BYTES_MAX >> 30));
        if (archive_write_data_block(u->out, p, n, offset) < ARCHIVE_WARN)
            return error_set(err, ERR_IO, "writing: %.150s", archive_error_string(u->out));
    }
}

/* The folder that a whiteout lies in may come without an entry of its own. */
static void make_parents(const char *path)
{
    char buf[4096];
    (void)snprintf(buf, sizeof buf, "%s", path);
    for (char *q = buf; (q = strchr(q, '/')) != NULL; *q++ = '/') {
        *q = 0;
        if (buf[0] != 0)
            (void)mkdir(buf, 0755);
    }
}

static int put_whiteout(const char *path, struct error *err)
{
    make_parents(path);
    if (mknod(path, S_IFCHR, makedev(0, 0)) != 0 && errno != EEXIST)
        return error_set_errno(err, errno, "whiteout %.100s (does the file system of the store take devices?)", path);
    return 0;
}

static int put_opaque(const char *dir, struct error *err)
{
    make_parents(dir);
    (void)mkdir(dir, 0755);
    if (lsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0) != 0)
        return error_set_errno(err, errno, "hidden directory %.100s (does the file system of the store take trusted attributes?)", dir);
    return 0;
}

static void filter_attributes(struct archive_entry *e)
{
    const char *name;
    const void *value;
    size_t size;
    struct {
        char name[256], value[1024];
        size_t size;
    } kept[16];
    size_t n = 0;
    (void)archive_entry_xattr_reset(e);
    while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
        bool wanted = strcmp(name, "security.capability") == 0 || strncmp(name, "user.", 5) == 0;
        if (!wanted || n == 16 || strlen(name) >= sizeof kept[n].name || size > sizeof kept[n].value)
            continue;
        (void)snprintf(kept[n].name, sizeof kept[n].name, "%s", name);
        memcpy(kept[n].value, value, size);
        kept[n++].size = size;
    }
    archive_entry_xattr_clear(e);
    for (size_t i = 0; i < n; i++)
        archive_entry_xattr_add_entry(e, kept[i].name, kept[i].value, kept[i].size);
    archive_entry_acl_clear(e);
}

static int put_plain(struct unpacking *u, struct archive_entry *e, const char *path, struct error *err)
{
    char link[4096];
    const char *hard = archive_entry_hardlink(e);
    mode_t type = archive_entry_filetype(e);
    if (hard == NULL && (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFSOCK))
        return 0;
    if (strcmp(path, ".") == 0 && type != AE_IFDIR)
        return error_set(err, ERR_INVALID, "the archive replaces the root of the layer");
    if (hard != NULL) {
        if (layer_entry_of(hard, link, sizeof link) != LAYER_ENTRY_PLAIN)
            return error_set(err, ERR_INVALID, "'%.80s' is a link to '%.80s', which leads outside", path, hard);
        archive_entry_copy_hardlink(e, link);
    }
    archive_entry_copy_pathname(e, path);
    filter_attributes(e);
    if (archive_write_header(u->out, e) < ARCHIVE_WARN)
        return error_set(err, ERR_IO, "'%.80s': %.120s", path, archive_error_string(u->out));
    if (copy_data(u, err) != 0)
        return error_wrap(err, "'%.60s'", path);
    if (archive_write_finish_entry(u->out) < ARCHIVE_WARN)
        return error_set(err, ERR_IO, "'%.80s': %.120s", path, archive_error_string(u->out));
    return 0;
}

static int put_entry(struct unpacking *u, struct archive_entry *e, struct error *err)
{
    char path[4096];
    const char *name = archive_entry_pathname(e);
    if (name == NULL)
        return error_set(err, ERR_INVALID, "archive: an entry without a name that can be read");
    if (++u->entries > LAYER_ENTRIES_MAX)
        return error_set(err, ERR_LIMIT, "it has over %d entries", LAYER_ENTRIES_MAX);
    switch (layer_entry_of(name, path, sizeof path)) {
    case LAYER_ENTRY_BAD:
        return error_set(err, ERR_INVALID, "the entry '%.100s' leads outside of the image", name);
    case LAYER_ENTRY_WHITEOUT:
        return put_whiteout(path, err);
    case LAYER_ENTRY_OPAQUE:
        return put_opaque(path, err);
    case LAYER_ENTRY_PLAIN:
        break;
    }
    return put_plain(u, e, path, err);
}

static int put_all(struct unpacking *u, struct error *err)
{
    struct archive_entry *e;
    for (;;) {
        int r = archive_read_next_header(u->in, &e);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r < ARCHIVE_WARN)
            return error_set(err, ERR_INVALID, "archive: %.150s", archive_error_string(u->in));
        if (put_entry(u, e, err) != 0)
            return -(int)err->code;
    }
}

/* Only what libarchive does itself: a filter that is a program would be one of the layer's. */
static int open_archive(struct unpacking *u, int fd, struct error *err)
{
    u->in = archive_read_new();
    u->out = archive_write_disk_new();
    if (u->in == NULL || u->out == NULL)
        return error_set(err, ERR_NOMEM, "libarchive does not start");
    if (archive_read_support_filter_gzip(u->in) != ARCHIVE_OK || archive_read_support_filter_zstd(u->in) != ARCHIVE_OK ||
        archive_read_support_filter_none(u->in) != ARCHIVE_OK)
        return error_set(err, ERR_UNAVAILABLE, "this libarchive reads no gzip or zstd by itself");
    (void)archive_read_support_format_tar(u->in);
    (void)archive_read_support_format_empty(u->in);
    (void)archive_write_disk_set_options(u->out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                                                     ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                                                     ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    if (archive_read_open_fd(u->in, fd, 1 << 18) != ARCHIVE_OK)
        return error_set(err, ERR_INVALID, "archive: %.150s", archive_error_string(u->in));
    return 0;
}

int layer_unpack(const char *path, const char *dir, struct unpack_budget *budget, struct error *err)
{
    struct unpacking u = { .budget = budget };
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "%.180s", path);
    if (chroot(dir) != 0 || chdir("/") != 0)
        return error_set_errno(err, errno, "root of the layer %.150s", dir);
    int r = open_archive(&u, fd, err);
    if (r == 0)
        r = put_all(&u, err);
    /* Modes and times of directories are set here. */
    if (u.out != NULL && archive_write_free(u.out) != ARCHIVE_OK && r == 0)
        r = error_set(err, ERR_IO, "writing of the layer");
    return r;
}
