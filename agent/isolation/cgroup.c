/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroup.h. libcgroup makes the root group, once. A container's own groups are a mkdir and a few writes here: the
 * library reads /proc/mounts twice for every controller of every group (measured: some 120 system calls and 0.3 ms a
 * container, and more on a machine with many mounts, as one with many containers is). */
#include "agent/isolation/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"

static const char *const names[CG_COUNT] = {
    [CG_CPU] = "cpu",         [CG_CPUACCT] = "cpuacct", [CG_MEMORY] = "memory",   [CG_PIDS] = "pids",
    [CG_FREEZER] = "freezer", [CG_DEVICES] = "devices", [CG_BLKIO] = "blkio",     [CG_CPUSET] = "cpuset",
    [CG_HUGETLB] = "hugetlb", [CG_PERF_EVENT] = "perf_event", [CG_NET_PRIO] = "net_prio", [CG_NET_CLS] = "net_cls",
};

const char *cg_name(enum cg_controller c)
{
    return names[c];
}

int file_read(const char *path, struct sbuf *b, struct error *err)
{
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "%s", path);
    for (;;) {
        char *p = sbuf_room(b, 4096);
        if (p == NULL)
            return error_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, b->max);
        ssize_t n = read(fd, p, 4096);
        if (n < 0)
            return error_set_errno(err, errno, "%s", path);
        if (n == 0)
            return 0;
        sbuf_grew(b, (size_t)n);
    }
}

/* --- layout ------------------------------------------------------------------------------------------- */

struct mount_line {
    struct str point, type, options; /* options: of the super block */
};

/* "36 35 98:0 /root /point opts optional... - type source superopts" */
static bool mount_line_parse(struct str line, struct mount_line *ret)
{
    struct str f;
    for (int i = 0; i < 5; i++) {
        if (!str_cut(&line, ' ', &f))
            return false;
    }
    ret->point = f;
    do {
        if (!str_cut(&line, ' ', &f))
            return false;
    } while (!str_is(f, "-"));
    if (!str_cut(&line, ' ', &ret->type) || !str_cut(&line, ' ', &f))
        return false;
    ret->options = line;
    return true;
}

static bool list_has(struct str list, char sep, const char *word)
{
    struct str f;
    for (bool more = true; more;) {
        more = str_cut(&list, sep, &f);
        if (str_is(str_trim(f), word))
            return true;
    }
    return false;
}

struct str cgroups_v2_mount(struct str mountinfo, const char *hierarchy)
{
    struct str line, found = { NULL, 0 };
    for (bool more = true; more;) {
        more = str_cut(&mountinfo, '\n', &line);
        struct mount_line m;
        if (!mount_line_parse(line, &m) || !str_is(m.type, "cgroup2"))
            continue;
        if (str_is(m.point, hierarchy) || found.n == 0)
            found = m.point;
    }
    return found;
}

static void mount_take(char dst[256], struct str point, const char *hierarchy)
{
    if (point.n >= 256 || (dst[0] != 0 && !str_starts(point, str_of(hierarchy))))
        return;
    memcpy(dst, point.p, point.n);
    dst[point.n] = 0;
}

static void parse_v1(struct cgroups *ret, struct str mountinfo, const char *hierarchy)
{
    struct str line;
    for (bool more = true; more;) {
        more = str_cut(&mountinfo, '\n', &line);
        struct mount_line m;
        if (!mount_line_parse(line, &m) || !str_is(m.type, "cgroup"))
            continue;
        for (int c = 0; c < CG_COUNT; c++) {
            if (list_has(m.options, ',', names[c]))
                mount_take(ret->mount[c], m.point, hierarchy);
        }
    }
}

/* The v2 tree's names: blkio is io there, and what v1 does in cpuacct, freezer and devices needs no controller. */
static void parse_v2(struct cgroups *ret, struct str controllers)
{
    static const struct {
        enum cg_controller c;
        const char *name;
    } map[] = {
        { CG_CPU, "cpu" },     { CG_CPUACCT, "cpu" },    { CG_MEMORY, "memory" },         { CG_PIDS, "pids" },
        { CG_BLKIO, "io" },    { CG_CPUSET, "cpuset" },  { CG_HUGETLB, "hugetlb" },
    };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (list_has(str_trim(controllers), ' ', map[i].name))
            memcpy(ret->mount[map[i].c], ret->v2_mount, sizeof ret->v2_mount);
    }
    memcpy(ret->mount[CG_FREEZER], ret->v2_mount, sizeof ret->v2_mount);
    memcpy(ret->mount[CG_PERF_EVENT], ret->v2_mount, sizeof ret->v2_mount);
}

void cgroups_parse(struct cgroups *ret, struct str mountinfo, struct str v2_controllers, const char *hierarchy,
                   const char *root)
{
    *ret = (struct cgroups){ .used = 0 };
    (void)snprintf(ret->root, sizeof ret->root, "%s", root);
    struct str v2 = cgroups_v2_mount(mountinfo, hierarchy);
    if (v2.n < sizeof ret->v2_mount)
        memcpy(ret->v2_mount, v2.n != 0 ? v2.p : "", v2.n);
    parse_v1(ret, mountinfo, hierarchy);
    ret->v2 = ret->v2_mount[0] != 0 && ret->mount[CG_CPU][0] == 0 && ret->mount[CG_MEMORY][0] == 0 &&
              ret->mount[CG_FREEZER][0] == 0 && ret->mount[CG_PIDS][0] == 0;
    if (ret->v2)
        parse_v2(ret, v2_controllers);
}

int cgroups_detect(struct cgroups *ret, const char *hierarchy, const char *root, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf mounts = SBUF_INIT(4 << 20);
    CLEANUP(sbuf_done_p) struct sbuf controllers = SBUF_INIT(4096);
    if (file_read("/proc/self/mountinfo", &mounts, err) != 0)
        return error_wrap(err, "mounts");
    struct str v2 = cgroups_v2_mount(sbuf_view(&mounts), hierarchy);
    if (v2.n != 0) {
        char path[512];
        struct error ignored; /* without the file there is no controller */
        (void)snprintf(path, sizeof path, "%.*s/cgroup.controllers", STR_ARG(v2));
        (void)file_read(path, &controllers, &ignored);
    }
    cgroups_parse(ret, sbuf_view(&mounts), sbuf_view(&controllers), hierarchy, root);
    return 0;
}

/* --- making and removing ------------------------------------------------------------------------------ */

static int cgroup_error(struct error *err, int rc, const char *what, const char *path)
{
    int e = rc == ECGOTHER ? cgroup_get_last_errno() : 0;
    if (e != 0)
        return error_set_errno(err, e, "%s %s", what, path);
    return error_set(err, ERR_IO, "%s %s: %s", what, path, cgroup_strerror(rc));
}

static int make_dir(const char *path, struct error *err)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return 0;
    return error_set_errno(err, errno, "cgroup %s", path);
}

static int write_file(const char *path, const char *text, struct error *err)
{
    CLEANUP(fd_close_p) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "%s", path);
    if (write(fd, text, strlen(text)) < 0)
        return error_set_errno(err, errno, "%s to %s", path, text);
    return 0;
}

/* Enables the controllers for the children of dir (v2). */
static int enable_subtree(const struct cgroups *cg, const char *dir, uint32_t controllers, struct error *err)
{
    static const char *const v2_names[CG_COUNT] = {
        [CG_CPU] = "cpu",      [CG_MEMORY] = "memory", [CG_PIDS] = "pids",
        [CG_BLKIO] = "io",     [CG_CPUSET] = "cpuset", [CG_HUGETLB] = "hugetlb",
    };
    char path[CG_PATH_MAX + 64], text[32];
    (void)snprintf(path, sizeof path, "%s/cgroup.subtree_control", dir);
    for (int c = 0; c < CG_COUNT; c++) {
        if ((controllers & CG_BIT(c)) == 0 || v2_names[c] == NULL || cg->mount[c][0] == 0)
            continue;
        (void)snprintf(text, sizeof text, "+%s", v2_names[c]);
        if (write_file(path, text, err) != 0)
            return error_wrap(err, "the %s controller cannot be enabled below %s (processes in that group?)", v2_names[c], dir);
    }
    return 0;
}

/* The root group in each v1 hierarchy, by libcgroup; one that is there already is fine. */
static int create_root(const struct cgroups *cg, uint32_t used, struct error *err)
{
    struct cgroup *group = cgroup_new_cgroup(cg->root);
    int rc = group == NULL ? ECGFAIL : 0;
    for (int c = 0; c < CG_COUNT && rc == 0; c++) {
        if ((used & CG_BIT(c)) != 0 && cgroup_add_controller(group, names[c]) == NULL)
            rc = ECGINVAL;
    }
    if (rc == 0)
        rc = cgroup_create_cgroup(group, 1);
    cgroup_free(&group);
    return rc == 0 ? 0 : cgroup_error(err, rc, "cgroup", cg->root);
}

int cgroups_start(struct cgroups *cg, uint32_t used, struct error *err)
{
    char path[CG_PATH_MAX];
    int rc = cgroup_init();
    if (rc != 0)
        return cgroup_error(err, rc, "libcgroup", "start");
    cg->used = used;
    if (cg->v2) {
        (void)snprintf(path, sizeof path, "%s/%s", cg->v2_mount, cg->root);
        if (enable_subtree(cg, cg->v2_mount, used, err) != 0 || make_dir(path, err) != 0)
            return -(int)err->code;
        return enable_subtree(cg, path, used, err);
    }
    return create_root(cg, used, err);
}

int cg_path_of(const struct cgroups *cg, const char *id, char ret[CG_PATH_MAX], struct error *err)
{
    size_t len = (size_t)snprintf(ret, CG_PATH_MAX, "%s/", cg->root);
    for (const char *p = id; *p != 0 && len + 8 < CG_PATH_MAX; p++) {
        if (*p == '.') {
            memcpy(ret + len, "/mesos/", 7);
            len += 7;
        } else {
            ret[len++] = *p;
        }
    }
    ret[len] = 0;
    if (len + 64 >= CG_PATH_MAX)
        return error_set(err, ERR_LIMIT, "the cgroup path of container %.64s... is over %d bytes", id, CG_PATH_MAX);
    return 0;
}

void cg_value_text(struct cg_values *vs, enum cg_controller c, const char *file, const char *text)
{
    if (vs->n < CG_VALUES_MAX) {
        struct cg_value *v = &vs->v[vs->n++];
        v->controller = c;
        v->file = file;
        (void)snprintf(v->text, sizeof v->text, "%s", text);
    }
}

void cg_value_set(struct cg_values *vs, enum cg_controller c, const char *file, int64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)v);
    cg_value_text(vs, c, file, text);
}

/* A v1 group; the groups above it are made when they are missing (nested containers). */
static int create_v1(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, struct error *err)
{
    char path[2 * CG_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", cg->mount[c], g->path);
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT)
        return error_set_errno(err, errno, "cgroup %s", path);
    size_t base = strlen(cg->mount[c]) + 1;
    for (char *q = path + base; (q = strchr(q, '/')) != NULL; *q++ = '/') {
        *q = 0;
        if (make_dir(path, err) != 0)
            return -(int)err->code;
    }
    return make_dir(path, err);
}

/* v2 by hand: libcgroup would put processes' parents in the way of the controllers. */
static int create_v2(const struct cgroups *cg, const struct cg_group *g, struct error *err)
{
    char path[2 * CG_PATH_MAX];
    for (const char *q = g->path + strlen(cg->root) + 1; q != NULL;) {
        q = strchr(q + 1, '/');
        size_t n = q != NULL ? (size_t)(q - g->path) : strlen(g->path);
        (void)snprintf(path, sizeof path, "%s/%.*s", cg->v2_mount, (int)n, g->path);
        if (make_dir(path, err) != 0)
            return -(int)err->code;
        if (q != NULL && enable_subtree(cg, path, g->controllers, err) != 0)
            return -(int)err->code;
    }
    size_t n = strlen(path);
    (void)snprintf(path + n, sizeof path - n, "/leaf");
    return make_dir(path, err);
}

/* Statistics read many files of one group after the other: its directory stays open until another one's turn, so that each
 * read walks one name and not the whole path. Forgotten when a group is made or removed: its id may come again. One thread. */
static char read_dir[CG_PATH_MAX];
static int read_dir_fd = -1;

static void forget_read_dir(void)
{
    if (read_dir_fd >= 0)
        (void)close(read_dir_fd); /* only a name */
    read_dir_fd = -1;
}

int cg_create(const struct cgroups *cg, const struct cg_group *g, const struct cg_values *vs, struct error *err)
{
    struct error ignored; /* the first error is the one to tell */
    forget_read_dir();
    int r = cg->v2 ? create_v2(cg, g, err) : 0;
    for (int c = 0; c < CG_COUNT && r == 0 && !cg->v2; c++)
        r = (g->controllers & CG_BIT(c)) != 0 ? create_v1(cg, g, (enum cg_controller)c, err) : 0;
    for (size_t i = 0; i < vs->n && r == 0; i++)
        r = cg_write(cg, g, vs->v[i].controller, vs->v[i].file, vs->v[i].text, err);
    if (r != 0)
        (void)cg_remove(cg, g, &ignored);
    return r;
}

/* Depth first; the first error that is not "already gone" is kept. */
static int remove_tree(const char *path, unsigned depth)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    int first = errno;
    if (first != EBUSY || depth > 70)
        return first;
    DIR *d = opendir(path);
    if (d == NULL)
        return errno == ENOENT ? 0 : errno;
    bool had_child = false;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        char sub[2 * CG_PATH_MAX];
        if (snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) < (int)sizeof sub) {
            had_child = true;
            (void)remove_tree(sub, depth + 1);
        }
    }
    (void)closedir(d);
    if (!had_child)
        return first;
    return rmdir(path) == 0 || errno == ENOENT ? 0 : errno;
}

int cg_remove(const struct cgroups *cg, const struct cg_group *g, struct error *err)
{
    char path[2 * CG_PATH_MAX];
    int first = 0;
    forget_read_dir();
    for (int c = 0; c < CG_COUNT; c++) {
        if ((g->controllers & CG_BIT(c)) == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", cg->mount[c], g->path);
        int e = remove_tree(path, 0);
        if (e != 0 && first == 0)
            first = e;
    }
    if (first == EBUSY)
        return error_set(err, ERR_CONFLICT, "cgroup %s is busy", g->path);
    return first == 0 ? 0 : error_set_errno(err, first, "removing cgroup %s", g->path);
}

bool cg_exists(const struct cgroups *cg, const struct cg_group *g)
{
    char path[2 * CG_PATH_MAX];
    for (int c = 0; c < CG_COUNT; c++) {
        if ((g->controllers & CG_BIT(c)) == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", cg->mount[c], g->path);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* --- files -------------------------------------------------------------------------------------------- */

bool cg_file(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file,
             char ret[CG_PATH_MAX])
{
    if ((g->controllers & CG_BIT(c)) == 0 || cg->mount[c][0] == 0)
        return false;
    return snprintf(ret, CG_PATH_MAX, "%s/%s/%s", cg->mount[c], g->path, file) < CG_PATH_MAX;
}

int cg_write(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file, const char *text,
             struct error *err)
{
    char path[CG_PATH_MAX];
    if (!cg_file(cg, g, c, file, path))
        return error_set(err, ERR_NOT_FOUND, "cgroup %s has no %s controller", g->path, names[c]);
    return write_file(path, text, err);
}

int cg_write_i64(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file, int64_t v,
                 struct error *err)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)v);
    return cg_write(cg, g, c, file, text, err);
}

static int open_read(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file)
{
    char path[CG_PATH_MAX];
    if (!cg_file(cg, g, c, "", path)) {
        errno = ENOENT;
        return -1;
    }
    if (read_dir_fd < 0 || strcmp(path, read_dir) != 0) {
        forget_read_dir();
        read_dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void)snprintf(read_dir, sizeof read_dir, "%s", path);
    }
    return read_dir_fd < 0 ? -1 : openat(read_dir_fd, file, O_RDONLY | O_CLOEXEC);
}

int cg_read(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file, struct sbuf *b,
            struct error *err)
{
    CLEANUP(fd_close_p) int fd = open_read(cg, g, c, file);
    if (fd < 0)
        return error_set_errno(err, errno, "cgroup %s: %s", g->path, file);
    for (;;) {
        char *room = sbuf_room(b, 8192 < b->max - b->n ? 8192 : b->max - b->n);
        ssize_t n = room != NULL && b->max > b->n ? read(fd, room, 8192 < b->max - b->n ? 8192 : b->max - b->n) : -1;
        if (n < 0)
            return error_set_errno(err, room == NULL ? ENOMEM : errno, "cgroup %s: %s", g->path, file);
        if (n == 0)
            return 0;
        sbuf_grew(b, (size_t)n);
    }
}

int64_t cg_read_i64(const struct cgroups *cg, const struct cg_group *g, enum cg_controller c, const char *file)
{
    char text[64];
    CLEANUP(fd_close_p) int fd = open_read(cg, g, c, file);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n <= 0)
        return -1;
    struct str s = str_trim(str_mem(text, (size_t)n));
    uint64_t v;
    if (str_is(s, "max"))
        return INT64_MAX;
    if (!str_u64(&s, UINT64_MAX, &v))
        return -1;
    return v >= UINT64_C(0x7ffffffffffff000) ? INT64_MAX : (int64_t)v;
}

/* Pids of one cgroup.procs. */
static size_t each_in_file(const char *path, void (*f)(void *arg, pid_t pid), void *arg)
{
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return 0;
    size_t n = 0;
    char line[32];
    while (fgets(line, sizeof line, in) != NULL) {
        struct str s = str_of(line);
        uint64_t pid;
        if (str_u64(&s, INT32_MAX, &pid) && pid != 0) {
            n++;
            if (f != NULL)
                f(arg, (pid_t)pid);
        }
    }
    (void)fclose(in);
    return n;
}

static size_t each_in_tree(const char *dir, unsigned depth, void (*f)(void *arg, pid_t pid), void *arg)
{
    char path[2 * CG_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", dir);
    size_t n = each_in_file(path, f, arg);
    struct stat st;
    /* st_nlink counts sub-directories: most groups have none. */
    if (depth > 70 || stat(dir, &st) != 0 || st.st_nlink <= 2)
        return n;
    DIR *d = opendir(dir);
    if (d == NULL)
        return n;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < (int)sizeof path)
            n += each_in_tree(path, depth + 1, f, arg);
    }
    (void)closedir(d);
    return n;
}

static void thaw_tree(const char *dir, unsigned depth)
{
    char path[2 * CG_PATH_MAX];
    struct error ignored; /* the killing is tried again */
    struct stat st;
    DIR *d = depth <= 70 && stat(dir, &st) == 0 && st.st_nlink > 2 ? opendir(dir) : NULL;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.' ||
            snprintf(path, sizeof path - 16, "%s/%s", dir, e->d_name) >= (int)sizeof path - 16)
            continue;
        thaw_tree(path, depth + 1);
        memcpy(path + strlen(path), "/freezer.state", sizeof "/freezer.state");
        (void)write_file(path, "THAWED", &ignored);
    }
    if (d != NULL)
        (void)closedir(d);
}

void cg_thaw_below(const struct cgroups *cg, const struct cg_group *g)
{
    char path[CG_PATH_MAX];
    if (!cg->v2 && cg_file(cg, g, CG_FREEZER, "", path))
        thaw_tree(path, 0);
}

void cg_leave(const struct cgroups *cg, const struct cg_group *g)
{
    CLEANUP(sbuf_done_p) struct sbuf own = SBUF_INIT(64 << 10);
    struct error ignored; /* nothing more can be done */
    if (file_read("/proc/self/cgroup", &own, &ignored) != 0 || !str_contains(sbuf_view(&own), str_of(g->path)))
        return;
    for (int c = 0; c < CG_COUNT; c++) {
        char path[CG_PATH_MAX + 16];
        if ((g->controllers & CG_BIT(c)) == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/cgroup.procs", cg->mount[c]);
        CLEANUP(fd_close_p) int fd = open(path, O_WRONLY | O_CLOEXEC);
        (void)!write(fd, "0", 1); /* the one who writes */
    }
}

size_t cg_each_pid(const struct cgroups *cg, const struct cg_group *g, void (*f)(void *arg, pid_t pid), void *arg)
{
    char path[CG_PATH_MAX];
    enum cg_controller c = CG_FREEZER;
    if ((g->controllers & CG_BIT(CG_FREEZER)) == 0)
        c = (enum cg_controller)__builtin_ctz(g->controllers != 0 ? g->controllers : CG_BIT(CG_FREEZER));
    if (!cg_file(cg, g, c, "", path))
        return 0;
    return each_in_tree(path, 0, f, arg);
}

static void each_group_at(const char *mount, const char *root, void (*f)(void *arg, const char *name), void *arg)
{
    char path[CG_PATH_MAX];
    struct dirent *e;
    (void)snprintf(path, sizeof path, "%s/%s", mount, root);
    DIR *d = mount[0] != 0 ? opendir(path) : NULL;
    while (d != NULL && (e = readdir(d)) != NULL)
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            f(arg, e->d_name);
    if (d != NULL)
        (void)closedir(d);
}

void cg_each_group(const struct cgroups *cg, void (*f)(void *arg, const char *name), void *arg)
{
    for (int i = 0; i < CG_COUNT && !cg->v2; i++)
        each_group_at(cg->mount[i], cg->root, f, arg);
    if (cg->v2)
        each_group_at(cg->v2_mount, cg->root, f, arg);
}
