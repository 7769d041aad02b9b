/* SPDX-License-Identifier: Apache-2.0 */
/* Archives, by libarchive. What an archive names must stay in the directory: no "..", no absolute paths (their leading
 * slashes are dropped, as tar does), no writing through links that the archive itself made. Owners are not restored, set-id
 * bits neither unless the user could make them. Devices are refused. */
#include "agent/fetcher/fetcher.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "common/base/cleanup.h"

enum archive_kind archive_kind_of(const char *name)
{
    static const char *const all[] = { ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip" };
    struct str s = str_of(name);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (str_ends(s, str_of(all[i])))
            return ARCHIVE_ALL;
    }
    return str_ends(s, STR(".gz")) ? ARCHIVE_GZ : ARCHIVE_NONE;
}

static const char *relative(const char *path)
{
    while (*path == '/')
        path++;
    return *path != 0 ? path : ".";
}

/* An entry with holes counts by its blocks. */
static int copy_data(struct archive *in, struct archive *out, struct error *err)
{
    const void *p;
    size_t n;
    la_int64_t offset;
    for (;;) {
        int r = archive_read_data_block(in, &p, &n, &offset);
        if (r == ARCHIVE_EOF)
            return ARCHIVE_OK;
        if (r < ARCHIVE_WARN)
            return r;
        if (room_take(n, err) != 0)
            return ARCHIVE_FATAL;
        if (archive_write_data_block(out, p, n, offset) < ARCHIVE_WARN)
            return ARCHIVE_FATAL;
    }
}

static int extract_entries(struct archive *in, struct archive *out, struct error *err)
{
    struct archive_entry *e;
    for (;;) {
        int r = archive_read_next_header(in, &e);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r < ARCHIVE_WARN)
            return error_set(err, ERR_INVALID, "archive: %s", archive_error_string(in));
        const char *name = archive_entry_pathname(e), *link = archive_entry_hardlink(e);
        if (name == NULL)
            return error_set(err, ERR_INVALID, "archive: an entry without a name");
        if (archive_entry_filetype(e) == AE_IFCHR || archive_entry_filetype(e) == AE_IFBLK)
            return error_set(err, ERR_INVALID, "archive: %.80s is a device", name);
        archive_entry_copy_pathname(e, relative(name));
        if (link != NULL)
            archive_entry_copy_hardlink(e, relative(link));
        if (archive_write_header(out, e) < ARCHIVE_WARN)
            return error_set(err, ERR_INVALID, "archive: %.80s: %s", archive_entry_pathname(e), archive_error_string(out));
        struct error limit = { 0 };
        int copied = copy_data(in, out, &limit);
        if (limit.code != 0)
            return error_set(err, limit.code, "archive: %.80s: %s", archive_entry_pathname(e), limit.msg);
        if (copied < ARCHIVE_WARN || archive_write_finish_entry(out) < ARCHIVE_WARN)
            return error_set(err, ERR_IO, "archive: %.80s: %s%s", archive_entry_pathname(e),
                             archive_error_string(in) != NULL ? archive_error_string(in) : "",
                             archive_error_string(out) != NULL ? archive_error_string(out) : "");
    }
}

int archive_extract(int fd, const char *dir, struct error *err)
{
    struct archive *in = archive_read_new(), *out = archive_write_disk_new();
    int r = -(int)ERR_NOMEM;
    if (in == NULL || out == NULL) {
        (void)error_set(err, ERR_NOMEM, "libarchive does not start");
    } else if (chdir(dir) != 0) {
        r = error_set_errno(err, errno, "%s", dir);
    } else {
        (void)archive_read_support_filter_all(in);
        (void)archive_read_support_format_tar(in);
        (void)archive_read_support_format_zip(in);
        (void)archive_write_disk_set_options(out, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_UNLINK |
                                                      ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                                                      ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
        if (archive_read_open_fd(in, fd, 65536) != ARCHIVE_OK)
            r = error_set(err, ERR_INVALID, "archive: %s", archive_error_string(in));
        else
            r = extract_entries(in, out, err);
    }
    (void)archive_read_free(in);
    if (archive_write_free(out) != ARCHIVE_OK && r == 0)
        r = error_set(err, ERR_IO, "archive: writing");
    return r;
}

int archive_gunzip(int fd, const char *dir, const char *name, struct error *err)
{
    char path[FETCH_PATH_MAX], buf[65536];
    (void)snprintf(path, sizeof path, "%s/%.*s", dir, (int)strlen(name) - 3, name);
    CLEANUP(fd_close_p) int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0)
        return error_set_errno(err, errno, "%s", path);
    gzFile gz = gzdopen(dup(fd), "rb");
    if (gz == NULL)
        return error_set(err, ERR_NOMEM, "zlib does not start");
    int n;
    while ((n = gzread(gz, buf, sizeof buf)) > 0) {
        if (room_take((size_t)n, err) != 0) {
            (void)gzclose(gz);
            return -(int)err->code;
        }
        if (write(to, buf, (size_t)n) != n) {
            int e = errno;
            (void)gzclose(gz);
            return error_set_errno(err, e, "%s", path);
        }
    }
    int ignored;
    char text[100];
    (void)snprintf(text, sizeof text, "%s", gzerror(gz, &ignored));
    int end = gzclose(gz);
    if (n < 0 || end != Z_OK)
        return error_set(err, ERR_INVALID, "%s: %s", name, text);
    return 0;
}
