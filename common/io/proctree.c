/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over /proc reads pid, parent, group and session of everything; the walk is then done on that table until it
 * grows no more. A table of a few hundred processes costs about a millisecond; callers kill, which is rare. */
#include "common/io/proctree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"

struct table {
    struct proctree_entry *v;
    bool *in;
    size_t n, cap;
};

bool proctree_stat(pid_t pid, char buf[PROCTREE_STAT_BYTES], struct str *ret)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, PROCTREE_STAT_BYTES - 1);
    if (n <= 0)
        return false;
    buf[n] = 0;
    const char *p = strrchr(buf, ')');
    if (p == NULL || p[1] == 0)
        return false;
    *ret = str_of(p + 2);
    return true;
}

/* "state ppid pgrp session ..." */
static bool read_entry(const char *pid, struct proctree_entry *ret)
{
    char text[PROCTREE_STAT_BYTES];
    struct str s, state, own = str_of(pid);
    uint64_t v[4];
    if (!str_u64(&own, INT32_MAX, &v[0]) || !proctree_stat((pid_t)v[0], text, &s) || !str_cut(&s, ' ', &state))
        return false;
    for (int i = 1; i < 4; i++) {
        if (!str_u64(&s, INT32_MAX, &v[i]) || !str_skip(&s, STR(" ")))
            return false;
    }
    *ret = (struct proctree_entry){ (pid_t)v[0], (pid_t)v[1], (pid_t)v[2], (pid_t)v[3] };
    return true;
}

static void table_read(struct table *t)
{
    DIR *d = opendir("/proc");
    if (d == NULL)
        return;
    for (struct dirent *e; t->n < PROCTREE_MAX && (e = readdir(d)) != NULL;) {
        struct proctree_entry entry;
        if (e->d_name[0] < '1' || e->d_name[0] > '9' || !read_entry(e->d_name, &entry))
            continue;
        ARRAY_ROOM(t->v, t->n, t->cap);
        t->v[t->n++] = entry;
    }
    (void)closedir(d);
    t->in = xcalloc(t->n != 0 ? t->n : 1, sizeof *t->in);
}

static void table_done(struct table *t)
{
    free(t->v);
    free(t->in);
}

static bool related(const struct proctree_entry *a, const struct proctree_entry *b, bool sessions)
{
    if (a->ppid == b->pid)
        return true;
    if (!sessions)
        return false;
    pid_t session = getsid(0), group = getpgrp();
    return (a->session == b->session && a->session != session && a->session != 0) ||
           (a->pgrp == b->pgrp && a->pgrp != group && a->pgrp != 0);
}

static size_t walk(pid_t root, bool sessions, void (*f)(void *arg, pid_t pid), void *arg)
{
    struct table t = { .n = 0 };
    table_read(&t);
    size_t *queue = xcalloc(t.n != 0 ? t.n : 1, sizeof *queue), head = 0, tail = 0;
    for (size_t i = 0; i < t.n; i++) {
        if (t.v[i].pid == root) {
            t.in[i] = true;
            queue[tail++] = i;
        }
    }
    for (; head < tail; head++) {
        const struct proctree_entry *b = &t.v[queue[head]];
        if (f != NULL)
            f(arg, b->pid);
        for (size_t i = 0; i < t.n; i++) {
            if (!t.in[i] && related(&t.v[i], b, sessions)) {
                t.in[i] = true;
                queue[tail++] = i;
            }
        }
    }
    free(queue);
    table_done(&t);
    return tail;
}

/* --- by the kernel's lists of children ---------------------------------------------------------------- */

struct list {
    pid_t *v;
    size_t n, cap;
};

static bool read_children(const char *path, struct list *l)
{
    char buf[4096];
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    uint64_t pid = 0;
    for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] >= '0' && buf[i] <= '9') {
                pid = pid * 10 + (uint64_t)(buf[i] - '0');
                continue;
            }
            if (pid != 0 && l->n < PROCTREE_MAX) {
                ARRAY_ROOM(l->v, l->n, l->cap);
                l->v[l->n++] = (pid_t)pid;
            }
            pid = 0;
        }
    }
    return true;
}

/* A child is listed with the thread that forked it. False: this kernel has no such lists. */
static bool add_children(pid_t pid, struct list *l)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    bool ok = true;
    for (struct dirent *e; d != NULL && ok && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", pid, e->d_name);
        ok = read_children(path, l) || access("/proc/thread-self/children", F_OK) == 0; /* the thread may be gone */
    }
    if (d != NULL)
        (void)closedir(d);
    return ok;
}

size_t proctree_each(pid_t root, void (*f)(void *arg, pid_t pid), void *arg)
{
    struct list l = { .n = 0 };
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d", root);
    if (access(path, F_OK) != 0)
        return 0;
    ARRAY_ROOM(l.v, 0, l.cap);
    l.v[l.n++] = root;
    bool ok = true;
    for (size_t i = 0; i < l.n && ok; i++)
        ok = add_children(l.v[i], &l);
    for (size_t i = 0; i < l.n && ok && f != NULL; i++)
        f(arg, l.v[i]);
    size_t n = l.n;
    free(l.v);
    return ok ? n : walk(root, false, f, arg);
}

size_t proctree_each_session(pid_t root, void (*f)(void *arg, pid_t pid), void *arg)
{
    return walk(root, true, f, arg);
}

struct kill_ctx {
    int sig;
    size_t n;
};

static void kill_one(void *arg, pid_t pid)
{
    struct kill_ctx *k = arg;
    if (pid != getpid() && pid > 1 && kill(pid, k->sig) == 0)
        k->n++;
}

size_t proctree_kill(pid_t root, int sig)
{
    /* Stopping everything first keeps a process from forking behind the walk. SIGCONT also lets the signal be acted on. */
    struct kill_ctx stop = { .sig = SIGSTOP }, send = { .sig = sig }, go = { .sig = SIGCONT };
    (void)walk(root, true, kill_one, &stop);
    (void)walk(root, true, kill_one, &send);
    (void)walk(root, true, kill_one, &go);
    return send.n;
}
