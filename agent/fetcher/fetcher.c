/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/fetcher/fetcher.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"

/* --- input -------------------------------------------------------------------------------------------- */

static bool number(const char *text, int64_t *ret)
{
    struct str s = str_of(text);
    return str_i64(&s, 0, INT64_MAX, ret) && s.n == 0;
}

static bool parse_setting(struct fetch *f, struct str name, const char *value)
{
    int64_t v = 0;
    if (str_is(name, "sandbox"))
        f->sandbox = value;
    else if (str_is(name, "cache_dir"))
        f->cache_dir = value;
    else if (str_is(name, "frameworks_home"))
        f->frameworks_home = value;
    else if (!number(value, &v))
        return false;
    else if (str_is(name, "cache_bytes"))
        f->cache_bytes = v;
    else if (str_is(name, "stall_secs"))
        f->stall_secs = (long)v;
    else if (str_is(name, "uid"))
        f->uid = (uid_t)v;
    else if (str_is(name, "gid"))
        f->gid = (gid_t)v;
    else
        return false;
    return true;
}

static bool parse_one(struct fetch *f, struct str name, const char *value)
{
    struct fetch_uri *last = f->count > 0 ? &f->uris[f->count - 1] : NULL;
    if (str_is(name, "uri")) {
        if (f->count == FETCH_URIS_MAX)
            return false;
        while (*value == ' ' || *value == '\t')
            value++;
        f->uris[f->count++] = (struct fetch_uri){ .value = value };
        return true;
    }
    if (str_is(name, "output_file") && last != NULL) {
        last->output_file = value;
        return true;
    }
    if (str_is(name, "flags") && last != NULL) {
        last->executable = strchr(value, 'x') != NULL;
        last->extract = strchr(value, 'e') != NULL;
        last->cache = strchr(value, 'c') != NULL;
        return true;
    }
    return parse_setting(f, name, value);
}

bool fetch_parse(struct fetch *f, char *text, size_t n, struct error *err)
{
    *f = (struct fetch){ .stall_secs = 60 };
    for (size_t i = 0; i < n;) {
        size_t len = strnlen(text + i, n - i);
        struct str value = str_mem(text + i, len), name;
        if (i + len >= n || !str_cut(&value, '=', &name) || !parse_one(f, name, value.p)) {
            (void)error_set(err, ERR_PROTOCOL, "fetcher input: '%.60s'", text + i);
            return false;
        }
        i += len + 1;
    }
    if (f->sandbox == NULL || f->cache_dir == NULL) {
        (void)error_set(err, ERR_PROTOCOL, "fetcher input: no sandbox (this program is started by the agent)");
        return false;
    }
    return true;
}

/* --- one URI ------------------------------------------------------------------------------------------ */

static bool stays_inside(const char *path)
{
    struct str rest = str_of(path), part;
    for (bool more = true; more;) {
        more = str_cut(&rest, '/', &part);
        if (str_is(part, ".."))
            return false;
    }
    return path[0] != '/' && path[0] != 0;
}

int fetch_target(const struct fetch_uri *u, char *ret, size_t size, struct error *err)
{
    const char *name = u->output_file;
    if (name == NULL) {
        const char *path = strstr(u->value, "://"), *slash;
        path = path != NULL ? path + 3 : u->value;
        slash = strrchr(path, '/');
        name = slash != NULL ? slash + 1 : path;
        if (name[0] == 0 || (slash == NULL && path != u->value))
            return error_set(err, ERR_INVALID, "Malformed URI (missing path): %s", u->value);
    }
    if (!stays_inside(name))
        return error_set(err, ERR_INVALID, "output file '%s' is not inside the sandbox", name);
    if ((size_t)snprintf(ret, size, "%s", name) >= size)
        return error_set(err, ERR_LIMIT, "output file of %zu bytes; at most %zu", strlen(name), size - 1);
    return 0;
}

/* Directories of an output file. The sandbox is the user's: a link in the way is the user's own doing and right. */
static int make_parents(const char *path, struct error *err)
{
    char buf[FETCH_PATH_MAX];
    (void)snprintf(buf, sizeof buf, "%s", path);
    for (char *q = buf; (q = strchr(q, '/')) != NULL; *q++ = '/') {
        *q = 0;
        if (mkdir(buf, 0755) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "%s", buf);
    }
    return 0;
}

static int write_target(int from, const struct fetch *f, const char *uri, const char *target, struct error *err)
{
    if (make_parents(target, err) != 0)
        return -(int)err->code;
    CLEANUP(fd_close_p) int to = open(target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0)
        return error_set_errno(err, errno, "%s", target);
    return from >= 0 ? copy_fd(from, to, err) : source_read(f, uri, to, err);
}

static int extract(int fd, const char *target, enum archive_kind kind, struct error *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "%s", target);
    if (kind == ARCHIVE_ALL)
        return archive_extract(fd, ".", err);
    return archive_gunzip(fd, ".", target, err);
}

static int fetch_one(const struct fetch *f, const struct fetch_uri *u, struct error *err)
{
    char target[FETCH_PATH_MAX];
    CLEANUP(fd_close_p) int lock = -1;
    CLEANUP(fd_close_p) int cached = -1;
    struct error cache_error;
    if (fetch_target(u, target, sizeof target, err) != 0)
        return -(int)err->code;
    enum archive_kind kind = u->extract && !u->executable ? archive_kind_of(target) : ARCHIVE_NONE;
    if (u->cache) {
        cached = cache_open(f, u->value, &lock, &cache_error);
        if (cached < 0)
            (void)fprintf(stderr, "Fetching '%s' without the cache: %s\n", u->value, cache_error.msg);
    }
    if (cached >= 0 && kind != ARCHIVE_NONE)
        return extract(cached, target, kind, err); /* only the content lands in the sandbox */
    if (write_target(cached, f, u->value, target, err) != 0)
        return -(int)err->code;
    if (u->executable && chmod(target, 0755) != 0)
        return error_set_errno(err, errno, "%s", target);
    if (kind == ARCHIVE_NONE)
        return 0;
    CLEANUP(fd_close_p) int fd = open(target, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "%s", target);
    return extract(fd, target, kind, err);
}

int main(void)
{
    static struct fetch f;
    static char input[1 << 20];
    struct error err;
    size_t n = 0;
    for (ssize_t r; n < sizeof input && (r = read(0, input + n, sizeof input - n)) > 0;)
        n += (size_t)r;
    if (!fetch_parse(&f, input, n, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    become_user(&f);
    if (chdir(f.sandbox) != 0) {
        (void)fprintf(stderr, "Failed to enter the sandbox '%s': %s\n", f.sandbox, strerror(errno));
        return 1;
    }
    (void)umask(0022);
    room_measure();
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; i < f.count; i++) {
        if (fetch_one(&f, &f.uris[i], &err) != 0) {
            (void)fprintf(stderr, "Failed to fetch '%s': %s\n", f.uris[i].value, err.msg);
            return 1;
        }
    }
    return 0;
}
