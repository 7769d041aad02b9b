/* SPDX-License-Identifier: Apache-2.0 */
/* A walk is a stack of levels. The innermost OPEN_LEVELS have their directory open; an outer one remembers which directory
 * it was and where in it we were, and is opened again by ".." when the walk comes back to it. If that is another directory
 * by then (somebody moved the inner one away), the walk ends there: following it could lead anywhere.
 *
 * A removal is a walk that unlinks. Positions in a directory that loses entries are not exact on every file system, so it
 * walks again as long as a pass removed something and something is left.
 *
 * What is mounted somewhere below is not part of the tree, also when it is a folder of the same file system (a bind mount,
 * which no device number tells apart): a walk leaves it out, a removal takes the mount away and leaves what it showed. */
#include "common/io/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"

enum { OPEN_LEVELS = 32, MOUNTS_ON_ONE_MAX = 64 };

struct level {
    DIR *dir;   /* NULL: closed for now */
    long at;    /* where it was closed */
    dev_t dev;
    ino_t ino;
    char *name; /* in the level above; NULL: the top */
};

struct tree_walk {
    struct level *v;
    size_t n, cap;
    dev_t dev;
    tree_fn *fn;
    void *arg;
    bool is_broken, opens_up;
    bool unmounts; /* what is in the way */
};

/* A directory of the same mount as at; EXDEV when something is mounted there. */
static int open_here(int at, const char *name)
{
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };

    return (int)syscall(SYS_openat2, at, name, &how, sizeof how);
}

/* Takes the newest mount off an entry. False: nothing is mounted there, or we may not. */
static bool unmount(int at, const char *name)
{
    char path[NAME_MAX + 64];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", at, name);
    return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
}

static bool push(struct tree_walk *w, int fd, const char *name)
{
    struct stat st;
    DIR *d = fstat(fd, &st) == 0 && (w->n == 0 || st.st_dev == w->dev) && w->n < TREE_LEVELS_MAX ? fdopendir(fd) : NULL;

    if (d == NULL) {
        (void)close(fd);
        return false;
    }
    ARRAY_ROOM(w->v, w->n, w->cap);
    w->v[w->n++] = (struct level){ .dir = d, .dev = st.st_dev, .ino = st.st_ino, .name = name != NULL ? xstrdup(name) : NULL };
    if (w->n == 1)
        w->dev = st.st_dev;
    if (w->n > OPEN_LEVELS) {
        struct level *l = &w->v[w->n - 1 - OPEN_LEVELS];
        l->at = telldir(l->dir);
        (void)closedir(l->dir);
        l->dir = NULL;
    }
    return true;
}

static void drop(struct level *l)
{
    if (l->dir != NULL)
        (void)closedir(l->dir);
    free(l->name);
}

/* The parent of the directory at, as it was. */
static bool reopen(struct level *l, int at)
{
    struct stat st;
    int fd = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0 || st.st_dev != l->dev || st.st_ino != l->ino || (l->dir = fdopendir(fd)) == NULL) {
        (void)close(fd);
        return false;
    }
    seekdir(l->dir, l->at);
    return true;
}

static void pop(struct tree_walk *w)
{
    struct level inner = w->v[--w->n];
    struct level *outer = w->n != 0 ? &w->v[w->n - 1] : NULL;
    struct stat st = { .st_mode = S_IFDIR, .st_dev = inner.dev, .st_ino = inner.ino };

    if (outer != NULL && outer->dir == NULL && !reopen(outer, dirfd(inner.dir))) {
        w->is_broken = true;
        while (w->n != 0)
            drop(&w->v[--w->n]);
        outer = NULL;
    }
    if (outer != NULL)
        w->fn(w->arg, dirfd(outer->dir), inner.name, &st, true);
    drop(&inner);
}

static void enter(struct tree_walk *w, int at, const char *name, mode_t mode)
{
    /* A locked directory of our own; root needs no key. */
    if (w->opens_up && (mode & 0700) != 0700)
        (void)fchmodat(at, name, 0700, 0);
    int fd = open_here(at, name);
    for (int i = 0; fd < 0 && errno == EXDEV && w->unmounts && i < MOUNTS_ON_ONE_MAX && unmount(at, name); i++)
        fd = open_here(at, name);
    if (fd < 0 || !push(w, fd, name))
        w->is_broken = true;
}

struct tree_walk *tree_walk_new(int fd, tree_fn *fn, void *arg)
{
    struct tree_walk *w = xcalloc(1, sizeof *w);

    w->fn = fn;
    w->arg = arg;
    w->is_broken = !push(w, fd, NULL);
    return w;
}

void tree_walk_free(struct tree_walk *w)
{
    if (w == NULL)
        return;
    while (w->n != 0)
        drop(&w->v[--w->n]);
    free(w->v);
    free(w);
}

bool tree_walk_step(struct tree_walk *w, size_t entries)
{
    for (size_t i = 0; i < entries && w->n != 0; i++) {
        int at = dirfd(w->v[w->n - 1].dir);
        struct dirent *e = readdir(w->v[w->n - 1].dir);
        struct stat st;
        if (e == NULL) {
            pop(w);
            continue;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        w->fn(w->arg, at, e->d_name, &st, false);
        if (S_ISDIR(st.st_mode))
            enter(w, at, e->d_name, st.st_mode);
    }
    return w->n != 0;
}

bool tree_walk_is_whole(const struct tree_walk *w)
{
    return !w->is_broken;
}

/* --- removing --- */

struct removal {
    struct removal *prev, *next;
    struct loop *loop;
    struct loop_timer timer;
    struct tree_walk *walk;
    int dir; /* ours, or AT_FDCWD */
    char *name;
    size_t removed; /* in this pass */
    int first;      /* errno of what could not be removed in this pass; 0 */
    tree_removed_fn *done;
    void *arg;
};

static struct removal *removals;

/* unlinkat, of something that is mounted on, too. */
static int unlink_here(int dir, const char *name, int flags)
{
    int rc = unlinkat(dir, name, flags);

    for (int i = 0; rc != 0 && errno == EBUSY && i < MOUNTS_ON_ONE_MAX && unmount(dir, name); i++)
        rc = unlinkat(dir, name, flags);
    return rc;
}

static void remove_one(void *arg, int dir, const char *name, const struct stat *st, bool leaving)
{
    struct removal *r = arg;

    if (S_ISDIR(st->st_mode) && !leaving)
        return;
    if (unlink_here(dir, name, leaving ? AT_REMOVEDIR : 0) == 0)
        r->removed++;
    else if (errno != ENOENT && r->first == 0)
        r->first = errno;
}

/* Begins a pass. True: there is none to begin, *ret_errno says how it ended. */
static bool pass(struct removal *r, int *ret_errno)
{
    tree_walk_free(r->walk);
    r->walk = NULL;
    r->removed = 0;
    r->first = 0;
    *ret_errno = 0;
    if (unlink_here(r->dir, r->name, 0) == 0 || errno == ENOENT || unlink_here(r->dir, r->name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return true;
    if (geteuid() != 0)
        (void)fchmodat(r->dir, r->name, 0700, 0);
    int fd = open_here(r->dir, r->name);
    if (fd < 0) {
        *ret_errno = errno;
        return true;
    }
    r->walk = tree_walk_new(fd, remove_one, r);
    r->walk->opens_up = geteuid() != 0;
    r->walk->unmounts = true;
    return false;
}

/* Some entries more; true when it is over. */
static bool go_on(struct removal *r, int *ret_errno)
{
    if (tree_walk_step(r->walk, TREE_SLICE))
        return false;
    size_t removed = r->removed;
    int first = r->first;
    if (pass(r, ret_errno))
        return true;
    if (removed != 0)
        return false;
    *ret_errno = first != 0 ? first : EBUSY;
    return true;
}

static void removal_free(struct removal *r)
{
    tree_walk_free(r->walk);
    if (r->dir >= 0)
        (void)close(r->dir);
    free(r->name);
    free(r);
}

/* A path is split into its folder, on whatever mount that is, and its last name. */
static struct removal *removal_new(int dir, const char *name)
{
    struct removal *r = xcalloc(1, sizeof *r);
    const char *slash = dir == AT_FDCWD ? strrchr(name, '/') : NULL;

    r->dir = dir < 0 ? dir : fcntl(dir, F_DUPFD_CLOEXEC, 0);
    if (slash != NULL && slash != name && slash[1] != 0) {
        CLEANUP(free_p) char *parent = xstrndup(str_mem(name, (size_t)(slash - name)));
        int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            r->dir = fd;
            name = slash + 1;
        }
    }
    r->name = xstrdup(name);
    return r;
}

int tree_remove_at(int dir, const char *name, struct error *err)
{
    struct removal *r = removal_new(dir, name);
    int e = 0;

    bool over = pass(r, &e);
    while (!over)
        over = go_on(r, &e);
    removal_free(r);
    return e != 0 ? error_set_errno(err, e, "removing %.180s", name) : 0;
}

static void later(void *arg)
{
    struct removal *r = arg;
    struct error err;
    int e = 0;

    if (!(r->walk == NULL && pass(r, &e)) && !go_on(r, &e)) {
        loop_timer_in(&r->timer, NS_PER_MS);
        return;
    }
    if (e != 0)
        (void)error_set_errno(&err, e, "removing %.180s", r->name);
    tree_removed_fn *done = r->done;
    void *done_arg = r->arg;
    DL_DELETE(removals, r);
    loop_timer_done(&r->timer);
    removal_free(r);
    if (done != NULL)
        done(done_arg, e != 0 ? &err : NULL);
}

void tree_remove_later(struct loop *loop, int dir, const char *name, tree_removed_fn *done, void *arg)
{
    struct removal *r = removal_new(dir, name);

    r->loop = loop;
    r->done = done;
    r->arg = arg;
    loop_timer_init(&r->timer, loop, later, r);
    DL_APPEND(removals, r);
    later(r);
}

void tree_remove_stop(struct loop *loop)
{
    struct removal *r, *next;

    DL_FOREACH_SAFE(removals, r, next) {
        if (r->loop != loop)
            continue;
        DL_DELETE(removals, r);
        loop_timer_done(&r->timer);
        removal_free(r);
    }
}
