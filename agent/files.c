/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/paths.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/wire/jsonw.h"

struct attached {
    char *path, *real;
    UT_hash_handle hh;
};

struct files {
    struct attached *table;
    files_guard_fn *guard; /* NULL: everything is shown */
    void *guard_arg;
};

enum { ANSWER_BYTES_MAX = 64 << 20 };

struct files *files_new(void)
{
    return xcalloc(1, sizeof(struct files));
}

void files_set_guard(struct files *f, files_guard_fn *fn, void *arg)
{
    f->guard = fn;
    f->guard_arg = arg;
}

static void attached_free(struct files *f, struct attached *a)
{
    HASH_DEL(f->table, a);
    free(a->path);
    free(a->real);
    free(a);
}

void files_free(struct files *f)
{
    struct attached *a, *next;

    if (f == NULL)
        return;
    HASH_ITER(hh, f->table, a, next)
        attached_free(f, a);
    free(f);
}

void files_detach(struct files *f, const char *path)
{
    struct attached *a;

    HASH_FIND_STR(f->table, path, a);
    if (a != NULL)
        attached_free(f, a);
}

void files_attach(struct files *f, const char *path, const char *real)
{
    files_detach(f, path);
    if (HASH_COUNT(f->table) >= FILES_ATTACHED_MAX)
        return; /* the oldest sandboxes go with gc; until then new ones are not shown */
    struct attached *a = xcalloc(1, sizeof *a);
    a->path = xstrdup(path);
    a->real = xstrdup(real);
    HASH_ADD_KEYPTR(hh, f->table, a->path, strlen(a->path), a);
}

static struct path latest_of(const char *run)
{
    struct path p = path_fmt("%s", run);
    char *slash = strrchr(p.p, '/');

    if (slash != NULL)
        *slash = 0;
    return path_fmt("%s/latest", p.p);
}

void files_attach_sandbox(struct files *f, const struct agent_executor *e, const char *run)
{
    files_attach(f, run, run);
    files_attach(f, latest_of(run).p, run);
    files_attach(f, path_fmt("/frameworks/%s/executors/%s/runs/latest", e->framework->id, e->id).p, run);
}

void files_detach_real(struct files *f, const char *real)
{
    struct attached *a, *next;

    HASH_ITER(hh, f->table, a, next)
        if (strcmp(a->real, real) == 0)
            attached_free(f, a);
}

/* --- resolving --- */

/* The attached entry with the longest matching prefix on a segment border; *ret_rest is relative. */
static struct attached *find(struct files *f, struct str path, struct str *ret_rest)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    for (size_t n = path.n; n > 0; n--) {
        struct attached *a;
        if (n != path.n && path.p[n] != '/')
            continue;
        HASH_FIND(hh, f->table, path.p, n, a);
        if (a != NULL) {
            *ret_rest = str_sub(path, n, path.n);
            while (ret_rest->n != 0 && ret_rest->p[0] == '/')
                *ret_rest = str_sub(*ret_rest, 1, ret_rest->n);
            return a;
        }
    }
    return NULL;
}

int files_open(struct files *f, struct str path, int *ret_fd, struct stat *ret_st, struct error *err)
{
    struct str rest;
    struct attached *a = find(f, path, &rest);
    char relative[PATH_MAX];
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

    if (a == NULL || rest.n >= sizeof relative || memchr(path.p, 0, path.n) != NULL)
        return error_set(err, ERR_NOT_FOUND, "%.*s is not attached", STR_ARG(path));
    if (f->guard != NULL && !f->guard(f->guard_arg, a->path, a->real))
        return error_set(err, ERR_DENIED, "403 Forbidden.");
    (void)snprintf(relative, sizeof relative, "%.*s", STR_ARG(rest));
    CLEANUP(fd_close_p) int root = open(a->real, O_PATH | O_CLOEXEC);
    if (root < 0)
        return error_set_errno(err, errno, "open %s", a->real);
    int fd;
    if (relative[0] == 0)
        fd = open(a->real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    else
        fd = (int)syscall(SYS_openat2, root, relative, &how, sizeof how);
    if (fd < 0 && (errno == EXDEV || errno == ELOOP || errno == ENOTDIR))
        return error_set(err, ERR_NOT_FOUND, "%.*s leads out of what is attached", STR_ARG(path));
    if (fd < 0)
        return error_set_errno(err, errno, "open %.*s", STR_ARG(path));
    if (fstat(fd, ret_st) != 0) {
        int e = errno;
        (void)close(fd);
        return error_set_errno(err, e, "stat %.*s", STR_ARG(path));
    }
    *ret_fd = fd;
    return 0;
}

/* The owner named last, in one listing: each look into the user database reads files, and the entries mostly have one owner. */
static struct owner {
    bool known;
    unsigned id;
    char text[64];
} last_user, last_group; /* one loop, one thread */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int files_list(struct files *f, struct str path, files_entry_fn *fn, void *arg, struct error *err)
{
    CLEANUP(fd_close_p) int fd = -1;
    struct stat st;
    char **names = NULL;
    size_t n = 0, cap = 0;

    last_user.known = last_group.known = false;
    int rc = files_open(f, path, &fd, &st, err);
    if (rc != 0)
        return rc;
    if (!S_ISDIR(st.st_mode)) /* a file has no entries; so the original */
        return 0;
    DIR *d = fdopendir(dup(fd));
    if (d == NULL)
        return error_set_errno(err, errno, "read %.*s", STR_ARG(path));
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        ARRAY_ROOM(names, n, cap);
        names[n++] = xstrdup(e->d_name);
    }
    (void)closedir(d); /* only read */
    if (n != 0)
        qsort(names, n, sizeof names[0], by_name);
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    for (size_t i = 0; i < n; i++) {
        if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            fn(arg, path_fmt("%.*s/%s", STR_ARG(path), names[i]).p, &st);
        free(names[i]);
    }
    free(names);
    return 0;
}

/* --- names and modes --- */

void files_user_name(uid_t uid, char *ret, size_t size)
{
    if (!last_user.known || last_user.id != uid) {
        struct passwd *p = getpwuid(uid);
        last_user = (struct owner){ .known = true, .id = uid };
        if (p != NULL)
            (void)snprintf(last_user.text, sizeof last_user.text, "%s", p->pw_name); /* cut names are shown cut */
        else
            (void)snprintf(last_user.text, sizeof last_user.text, "%u", uid);
    }
    (void)snprintf(ret, size, "%s", last_user.text);
}

void files_group_name(gid_t gid, char *ret, size_t size)
{
    if (!last_group.known || last_group.id != gid) {
        struct group *g = getgrgid(gid);
        last_group = (struct owner){ .known = true, .id = gid };
        if (g != NULL)
            (void)snprintf(last_group.text, sizeof last_group.text, "%s", g->gr_name);
        else
            (void)snprintf(last_group.text, sizeof last_group.text, "%u", gid);
    }
    (void)snprintf(ret, size, "%s", last_group.text);
}

static void mode_text(mode_t m, char ret[11])
{
    static const char bits[] = "rwxrwxrwx";

    ret[0] = S_ISDIR(m) ? 'd' : S_ISLNK(m) ? 'l' : S_ISCHR(m) ? 'c' : S_ISBLK(m) ? 'b' : S_ISFIFO(m) ? 'p'
             : S_ISSOCK(m) ? 's' : '-';
    for (unsigned i = 0; i < 9; i++)
        ret[1 + i] = (m & (0400u >> i)) != 0 ? bits[i] : '-';
    if ((m & S_ISUID) != 0)
        ret[3] = (m & S_IXUSR) != 0 ? 's' : 'S';
    if ((m & S_ISGID) != 0)
        ret[6] = (m & S_IXGRP) != 0 ? 's' : 'S';
    if ((m & S_ISVTX) != 0)
        ret[9] = (m & S_IXOTH) != 0 ? 't' : 'T';
    ret[10] = 0;
}

/* --- endpoints --- */

static void put_entry(void *arg, const char *path, const struct stat *st)
{
    struct jsonw *w = arg;
    char mode[11], name[64];

    mode_text(st->st_mode, mode);
    jsonw_open(w);
    files_group_name(st->st_gid, name, sizeof name);
    jsonw_key_c(w, "gid", name);
    jsonw_key_c(w, "mode", mode);
    jsonw_key_double(w, "mtime", (double)st->st_mtim.tv_sec);
    jsonw_key_i64(w, "nlink", (int64_t)st->st_nlink);
    jsonw_key_c(w, "path", path);
    jsonw_key_i64(w, "size", st->st_size);
    files_user_name(st->st_uid, name, sizeof name);
    jsonw_key_c(w, "uid", name);
    jsonw_close(w);
}

/* The path parameter; false: answered. */
static bool want_path(struct http_req *r, struct sbuf *path)
{
    if (http_query_get(http_req_query(r), "path", path) && path->n != 0)
        return true;
    http_reply_text(r, 400, "Expecting 'path=value' in query.\n");
    return false;
}

static void reply_failure(struct http_req *r, const struct error *err)
{
    if (err->code == ERR_NOT_FOUND)
        http_reply(r, 404, "text/plain; charset=utf-8", (struct str){ NULL, 0 });
    else
        http_reply_error(r, err);
}

static void browse(struct files *f, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ANSWER_BYTES_MAX);
    struct jsonw w = JSONW(&b);
    struct error err = { 0 };

    if (!want_path(r, &path))
        return;
    jsonw_array(&w);
    if (files_list(f, sbuf_view(&path), put_entry, &w, &err) != 0) {
        reply_failure(r, &err);
        return;
    }
    jsonw_array_close(&w);
    http_reply_json(r, &b);
}

/* offset and length: absent or -1 is -1. False: answered. */
static bool want_number(struct http_req *r, const char *name, int64_t *ret)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    *ret = -1;
    if (!http_query_get(http_req_query(r), name, &b))
        return true;
    struct str s = sbuf_view(&b);
    if (str_i64(&s, -1, INT64_MAX, ret) && s.n == 0)
        return true;
    http_reply_text(r, 400, "Failed to parse %s: '%.*s' is not a number of at least -1.\n", name,
                    STR_ARG(sbuf_view(&b)));
    return false;
}

static void read_part(struct http_req *r, int fd, int64_t offset, int64_t length)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ANSWER_BYTES_MAX);
    struct jsonw w = JSONW(&b);
    size_t want = length < 0 || length > FILES_READ_MAX ? FILES_READ_MAX : (size_t)length;
    char *data = xmalloc(want + 1);
    ssize_t n = pread(fd, data, want, (off_t)offset);

    if (n < 0) {
        http_reply_text(r, 500, "Failed to read: errno %d.\n", errno);
    } else {
        jsonw_open(&w);
        jsonw_key_s(&w, "data", str_mem(data, (size_t)n));
        jsonw_key_i64(&w, "offset", offset);
        jsonw_close(&w);
        http_reply_json(r, &b);
    }
    free(data);
}

static void read_file(struct files *f, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(256);
    CLEANUP(fd_close_p) int fd = -1;
    int64_t offset, length;
    struct stat st;
    struct error err = { 0 };

    if (!want_path(r, &path) || !want_number(r, "offset", &offset) || !want_number(r, "length", &length))
        return;
    if (files_open(f, sbuf_view(&path), &fd, &st, &err) != 0) {
        reply_failure(r, &err);
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        http_reply_text(r, 400, "Cannot read a directory.\n");
    } else if (!S_ISREG(st.st_mode)) {
        http_reply_text(r, 400, "Cannot read what is no regular file.\n");
    } else if (offset < 0) {
        sbuf_fmt(&b, "{\"data\":\"\",\"offset\":%lld}", (long long)st.st_size);
        http_reply_json(r, &b);
    } else if (offset >= st.st_size) {
        sbuf_fmt(&b, "{\"data\":\"\",\"offset\":%lld}", (long long)offset);
        http_reply_json(r, &b);
    } else {
        read_part(r, fd, offset, length);
    }
}

/* --- download: paced by what the client takes --- */

struct download {
    int fd;
    int64_t left;
};

enum { SLICE_BYTES = 256 * 1024 };

static void download_free(struct download *d)
{
    (void)close(d->fd); /* only read */
    free(d);
}

static void download_gone(void *arg, struct http_req *r, enum http_gone why)
{
    (void)r;
    (void)why;
    download_free(arg);
}

static void download_more(void *arg, struct http_req *r)
{
    struct download *d = arg;
    char *buf = xmalloc(SLICE_BYTES);
    size_t want = d->left < SLICE_BYTES ? (size_t)d->left : SLICE_BYTES;
    ssize_t n = want != 0 ? read(d->fd, buf, want) : 0;

    if (n > 0) {
        d->left -= n;
        (void)http_stream_write(r, str_mem(buf, (size_t)n)); /* one slice is far below the cap */
    } else {
        download_free(d);
        http_req_on_gone(r, NULL, NULL);
        http_stream_end(r);
    }
    free(buf);
}

static const char *type_of(struct str path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        { ".css", "text/css" },   { ".gif", "image/gif" },  { ".html", "text/html" }, { ".htm", "text/html" },
        { ".jpeg", "image/jpeg" }, { ".jpg", "image/jpeg" }, { ".js", "text/javascript" }, { ".json", "application/json" },
        { ".pdf", "application/pdf" }, { ".png", "image/png" }, { ".txt", "text/plain" }, { ".xml", "text/xml" },
        { ".zip", "application/zip" },
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (str_ends(path, str_of(types[i].suffix)))
            return types[i].type;
    return "application/octet-stream";
}

static void download(struct files *f, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf path = SBUF_INIT(PATH_MAX);
    struct stat st;
    struct error err = { 0 };
    int fd;

    if (!want_path(r, &path))
        return;
    if (files_open(f, sbuf_view(&path), &fd, &st, &err) != 0) {
        reply_failure(r, &err);
        return;
    }
    if (!S_ISREG(st.st_mode)) {
        (void)close(fd);
        http_reply_text(r, 400, "Cannot download a directory.\n");
        return;
    }
    http_reply_attachment(r, sbuf_view(&path));
    if (st.st_size <= SLICE_BYTES) { /* the usual case, with its length */
        char *buf = xmalloc(SLICE_BYTES);
        ssize_t n = read(fd, buf, SLICE_BYTES);
        http_reply(r, 200, type_of(sbuf_view(&path)), str_mem(buf, n > 0 ? (size_t)n : 0));
        free(buf);
        (void)close(fd);
        return;
    }
    struct download *d = xcalloc(1, sizeof *d);
    d->fd = fd;
    d->left = st.st_size;
    http_req_on_gone(r, download_gone, d);
    http_stream_begin(r, 200, type_of(sbuf_view(&path)));
    http_stream_on_drained(r, download_more, d);
    download_more(d, r);
}

static void debug(struct files *f, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ANSWER_BYTES_MAX);
    struct jsonw w = JSONW(&b);

    jsonw_open(&w);
    for (struct attached *a = f->table; a != NULL; a = a->hh.next)
        jsonw_key_c(&w, a->path, a->real);
    jsonw_close(&w);
    http_reply_json(r, &b);
}

void files_request(struct files *f, struct http_req *r, struct str rest)
{
    if (str_is(rest, "browse"))
        browse(f, r);
    else if (str_is(rest, "read"))
        read_file(f, r);
    else if (str_is(rest, "download"))
        download(f, r);
    else if (str_is(rest, "debug"))
        debug(f, r);
    else
        http_reply_text(r, 404, "404 Not Found.");
}
