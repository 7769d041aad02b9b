/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of fetched URIs, shared by the fetchers of one agent, which wipes it at start. An entry is <uid>-<hash of the
 * URI> with a file .uri that holds the URI (a hash is not proof) and a file .lock. Whoever downloads holds the lock
 * exclusively, so others who want the same wait; whoever reads holds it shared, so it cannot be evicted meanwhile.
 * Least recently used entries go when the sum passes cache_bytes. */
#include "agent/fetcher/fetcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"

enum { ENTRIES_MAX = 65536 };

static void entry_path(const struct fetch *f, const char *uri, const char *suffix, char ret[FETCH_PATH_MAX])
{
    (void)snprintf(ret, FETCH_PATH_MAX, "%s/%u-%016" PRIx64 "%s", f->cache_dir, (unsigned)f->uid, str_hash(str_of(uri)), suffix);
}

static int make_cache_dir(const struct fetch *f, struct error *err)
{
    char buf[FETCH_PATH_MAX];
    (void)snprintf(buf, sizeof buf, "%s", f->cache_dir);
    for (char *q = buf + 1;; *q++ = '/') {
        q = strchr(q, '/');
        if (q != NULL)
            *q = 0;
        if (mkdir(buf, 0755) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "%s", buf);
        if (q == NULL)
            return 0;
    }
}

/* The entry's content when it is there and of this URI. */
static int open_entry(const struct fetch *f, const char *uri)
{
    char path[FETCH_PATH_MAX], text[FETCH_PATH_MAX];
    entry_path(f, uri, ".uri", path);
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0 || (size_t)n != strlen(uri) || memcmp(text, uri, (size_t)n) != 0)
        return -1;
    entry_path(f, uri, "", path);
    return open(path, O_RDONLY | O_CLOEXEC);
}

struct entry {
    char name[64];
    struct timespec used;
    int64_t bytes;
};

static int older(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    return x->used.tv_nsec < y->used.tv_nsec ? -1 : x->used.tv_nsec > y->used.tv_nsec;
}

static void evict_one(const struct fetch *f, const char *name)
{
    char lock[FETCH_PATH_MAX], path[FETCH_PATH_MAX];
    (void)snprintf(lock, sizeof lock, "%s/%s.lock", f->cache_dir, name);
    CLEANUP(fd_close_p) int fd = open(lock, O_RDWR | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
        return; /* in use */
    (void)snprintf(path, sizeof path, "%s/%s.uri", f->cache_dir, name);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/%s", f->cache_dir, name);
    (void)unlink(path); /* the lock file stays: others may wait on it */
}

/* Makes room for bytes more. */
static void evict(const struct fetch *f, int64_t bytes)
{
    DIR *d = opendir(f->cache_dir);
    struct entry *list = calloc(ENTRIES_MAX, sizeof *list);
    size_t n = 0;
    int64_t sum = bytes;
    for (struct dirent *e; d != NULL && list != NULL && n < ENTRIES_MAX && (e = readdir(d)) != NULL;) {
        struct stat st;
        if (strchr(e->d_name, '.') != NULL || strlen(e->d_name) >= sizeof list[0].name ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        list[n] = (struct entry){ .used = st.st_mtim, .bytes = st.st_size };
        memcpy(list[n++].name, e->d_name, strlen(e->d_name) + 1);
        sum += st.st_size;
    }
    if (d != NULL)
        (void)closedir(d);
    if (sum > f->cache_bytes && list != NULL) {
        qsort(list, n, sizeof *list, older);
        for (size_t i = 0; i < n && sum > f->cache_bytes; i++) {
            evict_one(f, list[i].name);
            sum -= list[i].bytes;
        }
    }
    free(list);
}

static int write_uri(const struct fetch *f, const char *uri, struct error *err)
{
    char path[FETCH_PATH_MAX];
    entry_path(f, uri, ".uri", path);
    CLEANUP(fd_close_p) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, uri, strlen(uri)) != (ssize_t)strlen(uri))
        return error_set_errno(err, errno, "%s", path);
    return 0;
}

static int download(const struct fetch *f, const char *uri, struct error *err)
{
    char path[FETCH_PATH_MAX], part[FETCH_PATH_MAX];
    struct stat st;
    entry_path(f, uri, "", path);
    entry_path(f, uri, ".part", part);
    CLEANUP(fd_close_p) int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set_errno(err, errno, "%s", part);
    become_user(f); /* reads only what the user may read */
    int r = source_read(f, uri, fd, err);
    become_root();
    if (r == 0 && fstat(fd, &st) == 0 && st.st_size > f->cache_bytes)
        r = error_set(err, ERR_LIMIT, "%lld bytes are more than --fetcher_cache_size", (long long)st.st_size);
    if (r != 0) {
        (void)unlink(part);
        return r;
    }
    evict(f, st.st_size);
    if (rename(part, path) != 0)
        return error_set_errno(err, errno, "%s", path);
    return write_uri(f, uri, err);
}

static int open_locked(const struct fetch *f, const char *uri, int *ret_lock, struct error *err)
{
    char path[FETCH_PATH_MAX];
    if (strlen(uri) >= FETCH_PATH_MAX || make_cache_dir(f, err) != 0)
        return error_set(err, ERR_LIMIT, "the cache cannot be used");
    entry_path(f, uri, ".lock", path);
    CLEANUP(fd_close_p) int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock < 0 || flock(lock, LOCK_SH) != 0)
        return error_set_errno(err, errno, "%s", path);
    int fd = open_entry(f, uri);
    if (fd < 0) {
        if (flock(lock, LOCK_UN) != 0 || flock(lock, LOCK_EX) != 0)
            return error_set_errno(err, errno, "%s", path);
        fd = open_entry(f, uri); /* by the one we waited for */
        if (fd < 0 && download(f, uri, err) != 0)
            return -(int)err->code;
        if (fd < 0)
            fd = open_entry(f, uri);
        if (fd < 0 || flock(lock, LOCK_SH) != 0)
            return error_set(err, ERR_IO, "the cache entry went away");
    }
    (void)futimens(fd, NULL); /* used now */
    *ret_lock = TAKE_FD(lock);
    return fd;
}

int cache_open(const struct fetch *f, const char *uri, int *ret_lock, struct error *err)
{
    become_root();
    int fd = open_locked(f, uri, ret_lock, err);
    become_user(f);
    return fd;
}
