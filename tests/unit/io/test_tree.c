/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/tree.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/test.h"

static char top[64];

static int make_top(void)
{
    (void)snprintf(top, sizeof top, "/tmp/stoa-tree.XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    return open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void put_file(int at, const char *name, size_t size)
{
    static const char bytes[4096];
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    CHECK_INT(write(fd, bytes, size), (ssize_t)size);
    (void)close(fd);
}

/* A chain of directories d/d/d..., made by stepping into each; a file at the end. */
static void make_deep(int at, int levels)
{
    int fd = fcntl(at, F_DUPFD_CLOEXEC, 0);

    for (int i = 0; i < levels; i++) {
        CHECK_INT(mkdirat(fd, "d", 0700), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(next >= 0);
        (void)close(fd);
        fd = next;
    }
    put_file(fd, "end", 100);
    (void)close(fd);
}

struct seen {
    size_t entries, left, bytes;
};

static void count(void *arg, int dir, const char *name, const struct stat *st, bool leaving)
{
    struct seen *s = arg;

    s->entries += !leaving;
    s->left += leaving;
    s->bytes += S_ISREG(st->st_mode) ? (size_t)st->st_size : 0;
    (void)dir;
    (void)name;
}

TEST("each entry is told once, in bounded steps")
{
    int fd = make_top();
    struct seen s = { 0 };

    put_file(fd, "a", 1);
    put_file(fd, "b", 2);
    CHECK_INT(mkdirat(fd, "sub", 0700), 0);
    CHECK_INT(symlinkat("/", fd, "link"), 0);
    make_deep(fd, 100);
    struct tree_walk *w = tree_walk_new(fd, count, &s);
    size_t steps = 1;
    while (tree_walk_step(w, 7))
        steps++;
    CHECK(tree_walk_is_whole(w));
    CHECK_INT(s.entries, 4 + 100 + 1);
    CHECK_INT(s.left, 101);
    CHECK_INT(s.bytes, 103);
    CHECK(steps > 20); /* bounded steps */
    tree_walk_free(w);
    CHECK_INT(tree_remove_at(AT_FDCWD, top, NULL), 0);
    CHECK(access(top, F_OK) != 0);
}

TEST("depth costs no descriptors")
{
    int fd = make_top();
    struct seen s = { 0 };

    make_deep(fd, 5000); /* its path has 10,000 bytes: no call takes it */
    struct tree_walk *w = tree_walk_new(fd, count, &s);
    CHECK(tree_walk_step(w, 4000)); /* deep inside */
    int probe = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(probe >= 0 && probe < 100);
    (void)close(probe);
    while (tree_walk_step(w, 1000))
        ;
    CHECK(tree_walk_is_whole(w));
    CHECK_INT(s.entries, 5001);
    tree_walk_free(w);
    CHECK_INT(tree_remove_at(AT_FDCWD, top, NULL), 0);
    CHECK(access(top, F_OK) != 0);
}

TEST("a directory that moves away ends the walk")
{
    int fd = make_top();
    struct seen s = { 0 };
    char from[80], to[80];

    make_deep(fd, 50);
    struct tree_walk *w = tree_walk_new(fd, count, &s);
    CHECK(tree_walk_step(w, 45));
    (void)snprintf(from, sizeof from, "%s/d/d", top);
    (void)snprintf(to, sizeof to, "%s/x", top);
    CHECK_INT(rename(from, to), 0); /* ".." of it is another one now */
    while (tree_walk_step(w, 1000))
        ;
    CHECK(!tree_walk_is_whole(w));
    tree_walk_free(w);
    CHECK_INT(tree_remove_at(AT_FDCWD, top, NULL), 0);
    CHECK(access(top, F_OK) != 0);
}

TEST("removing follows no link, and a missing name is fine")
{
    int fd = make_top();
    char other[] = "/tmp/stoa-tree2.XXXXXX";

    CHECK(mkdtemp(other) != NULL);
    CHECK_INT(symlinkat(other, fd, "link"), 0);
    CHECK_INT(mkdirat(fd, "locked", 0700), 0);
    int sub = openat(fd, "locked", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_file(sub, "f", 1);
    (void)close(sub);
    CHECK_INT(fchmodat(fd, "locked", 0, 0), 0);
    CHECK_INT(tree_remove_at(fd, "link", NULL), 0);
    CHECK_INT(access(other, F_OK), 0);
    CHECK_INT(tree_remove_at(fd, "nothing", NULL), 0);
    (void)close(fd);
    CHECK_INT(tree_remove_at(AT_FDCWD, top, NULL), 0);
    CHECK(access(top, F_OK) != 0);
    CHECK_INT(rmdir(other), 0);
}

static void make_file(const char *dir, const char *name)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    put_file(fd, name, 1);
    (void)close(fd);
}

static void bind(const char *from, const char *name)
{
    char to[96];

    (void)snprintf(to, sizeof to, "%s/%s", top, name);
    CHECK_INT(mount(from, to, NULL, MS_BIND, NULL), 0);
}

TEST("what is mounted below is not of the tree: a walk leaves it out, a removal takes the mount off and leaves what it showed")
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        test_skip("no mounts: needs root");
        return;
    }
    int fd = make_top();
    char other[] = "/tmp/stoa-tree2.XXXXXX", precious[64];
    struct seen s = { 0 };

    CHECK(mkdtemp(other) != NULL);
    make_file(other, "precious");
    (void)snprintf(precious, sizeof precious, "%s/precious", other);
    CHECK_INT(mkdirat(fd, "a", 0700), 0);
    CHECK_INT(mkdirat(fd, "b", 0700), 0);
    put_file(fd, "f", 1);
    bind(other, "a"); /* of the same file system: the device number is that of the tree */
    struct tree_walk *w = tree_walk_new(fd, count, &s);
    while (tree_walk_step(w, 100))
        ;
    CHECK(!tree_walk_is_whole(w));
    CHECK_INT(s.entries, 3);
    tree_walk_free(w);
    bind(other, "b");
    bind(top, "b"); /* one on the other, and a circle */
    bind(precious, "f");
    CHECK_INT(mount("none", precious, "tmpfs", 0, NULL), -1); /* a file: only files go there */
    CHECK_INT(tree_remove_at(AT_FDCWD, top, NULL), 0);
    CHECK(access(top, F_OK) != 0);
    CHECK_INT(access(precious, F_OK), 0);

    CHECK_INT(mkdir(top, 0700), 0);
    CHECK_INT(mount(other, top, NULL, MS_BIND, NULL), 0); /* the top itself */
    CHECK_INT(tree_remove_at(AT_FDCWD, top, NULL), 0);
    CHECK(access(top, F_OK) != 0);
    CHECK_INT(unlink(precious), 0);
    CHECK_INT(rmdir(other), 0);
}

static void told(void *arg, const struct error *err)
{
    *(int *)arg = err == NULL ? 1 : 2;
}

TEST("a loop removes in slices")
{
    struct loop *loop = NULL;
    int done = 0, fd = make_top();
    char name[16];

    CHECK_INT(loop_new(&loop, NULL, NULL), 0);
    for (int i = 0; i < 3 * TREE_SLICE; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        put_file(fd, name, 0);
    }
    (void)close(fd);
    tree_remove_later(loop, AT_FDCWD, top, told, &done);
    CHECK_INT(done, 0);
    CHECK_INT(access(top, F_OK), 0);
    for (int i = 0; i < 100000 && done == 0; i++)
        loop_turn(loop, NS_PER_S);
    CHECK_INT(done, 1);
    CHECK(access(top, F_OK) != 0);
    tree_remove_later(loop, AT_FDCWD, "/proc/self", told, &done);
    CHECK_INT(done, 2); /* cannot be removed */
    fd = make_top();
    put_file(fd, "f", 0);
    (void)close(fd);
    tree_remove_later(loop, AT_FDCWD, top, told, &done);
    tree_remove_stop(loop);
    CHECK_INT(tree_remove_at(AT_FDCWD, top, NULL), 0);
    loop_free(loop);
}
