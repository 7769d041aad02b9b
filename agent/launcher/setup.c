/* SPDX-License-Identifier: Apache-2.0 */
/* The single steps of a launch. Each runs in a process that is about to become something else, so none frees what it
 * takes. Raw system calls where glibc's wrapper would do more than the call. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t number_text(long v, char buf[24])
{
    char tmp[24];
    size_t n = sizeof tmp, k = 0;
    unsigned long u = v < 0 ? 0ul - (unsigned long)v : (unsigned long)v;
    do
        tmp[--n] = (char)('0' + u % 10);
    while ((u /= 10) != 0);
    if (v < 0)
        tmp[--n] = '-';
    for (; n < sizeof tmp; n++)
        buf[k++] = tmp[n];
    return k;
}

static int write_whole(int fd, const char *path, const char *p, size_t n, struct error *err)
{
    ssize_t w = write(fd, p, n);
    int e = errno;
    if (close(fd) != 0 && w == (ssize_t)n)
        return error_set_errno(err, errno, "%s", path);
    if (w < 0)
        return error_set_errno(err, e, "%s", path);
    return w == (ssize_t)n ? 0 : error_set(err, ERR_IO, "%s: short write", path);
}

int setup_write_number(int fd, const char *path, long n, struct error *err)
{
    char text[24];
    return write_whole(fd, path, text, number_text(n, text), err);
}

int setup_join_cgroups(const struct plan *p, struct error *err)
{
    size_t pos = 0;
    for (const char *path; (path = plan_next(p, LAUNCH_CGROUP_PROCS, &pos, NULL)) != NULL;) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return error_set_errno(err, errno, "joining the cgroup: %s", path);
        if (write_whole(fd, path, "0", 1, err) != 0)
            return error_wrap(err, "joining the cgroup");
    }
    return 0;
}

int setup_enter_namespaces(const struct plan *p, struct error *err)
{
    static const struct {
        uint32_t flag;
        int ns;
    } map[] = {
        { LAUNCH_ENTER_PID, CLONE_NEWPID }, { LAUNCH_ENTER_MNT, CLONE_NEWNS },  { LAUNCH_ENTER_IPC, CLONE_NEWIPC },
        { LAUNCH_ENTER_NET, CLONE_NEWNET }, { LAUNCH_ENTER_UTS, CLONE_NEWUTS },
    };
    int want = 0;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if ((p->header->flags & map[i].flag) != 0)
            want |= map[i].ns;
    }
    if (want == 0)
        return 0;
    char path[48] = "/proc/", *end = path + 6;
    end += number_text(p->header->enter_pid, end);
    memcpy(end, "/root", 6);
    int fd = (int)syscall(SYS_pidfd_open, p->header->enter_pid, 0), root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || root < 0)
        return error_set_errno(err, errno, "the parent container's process %d", p->header->enter_pid);
    if (setns(fd, want) != 0)
        return error_set_errno(err, errno, "namespaces of the parent container (process %d)", p->header->enter_pid);
    /* A mount namespace is entered at its own root, which need not be where the parent's root is. */
    if ((want & CLONE_NEWNS) != 0 && (fchdir(root) != 0 || chroot(".") != 0))
        return error_set_errno(err, errno, "root of the parent container (process %d)", p->header->enter_pid);
    (void)close(fd);
    (void)close(root);
    return 0;
}

int setup_enter_network(int fd, struct error *err)
{
    if (fd >= 0 && setns(fd, CLONE_NEWNET) != 0)
        return error_set_errno(err, errno, "network namespace of the container");
    return 0;
}

int setup_hostname(const struct plan *p, struct error *err)
{
    const char *name = plan_text(p, LAUNCH_HOSTNAME);
    if (name != NULL && (p->header->flags & LAUNCH_NEW_UTS_NS) != 0 && sethostname(name, strlen(name)) != 0)
        return error_set_errno(err, errno, "host name '%s'", name);
    return 0;
}

/* The folder of a path, found with root's rights: the user of a nested container may not be able to walk through the sandbox
 * of its executor, which is another's. No link may be on the way, or the executor could lead elsewhere. -1: there is one. */
static int open_folder(const char *path)
{
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
    const char *end = strrchr(path, '/');
    char dir[4096];
    if (end == NULL || end == path || (size_t)(end - path) >= sizeof dir)
        return -1;
    memcpy(dir, path, (size_t)(end - path));
    dir[end - path] = '\0';
    return (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof how);
}

/* Opened with the user's own rights: a sandbox file must not become a way to write elsewhere as root. */
int setup_open_log(const struct plan *p, const char *path, int *ret_dir, struct error *err)
{
    size_t pos = 0;
    const struct launch_user *u = plan_next(p, LAUNCH_USER, &pos, NULL);
    if (u != NULL) /* the rights of the log before are the user's still */
        (void)syscall(SYS_setfsuid, geteuid());
    int at = u != NULL || ret_dir != NULL ? open_folder(path) : -1;
    if (u != NULL) {
        (void)syscall(SYS_setfsgid, u->gid);
        (void)syscall(SYS_setfsuid, u->uid);
    }
    struct stat st;
    int fd = openat(at >= 0 ? at : AT_FDCWD, at >= 0 ? strrchr(path, '/') + 1 : path,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0644);
    const int saved = errno;
    if (ret_dir != NULL)
        *ret_dir = at;
    else if (at >= 0)
        (void)close(at);
    errno = saved;
    if (fd < 0)
        return error_set_errno(err, errno, "%s", path);
    /* A pipe would stop us, or whoever reads it the container. */
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || fcntl(fd, F_SETFL, O_APPEND) != 0) {
        (void)close(fd);
        return error_set(err, ERR_CONFLICT, "%s is there already and no regular file", path);
    }
    return fd;
}

static int use_log(const struct plan *p, const char *path, int target, struct error *err)
{
    if (path == NULL)
        return 0;
    int fd = setup_open_log(p, path, NULL, err);
    if (fd < 0)
        return -(int)err->code;
    return dup2(fd, target) >= 0 ? 0 : error_set_errno(err, errno, "%s as descriptor %d", path, target);
}

static int use_output(const struct plan *p, const struct log *l, const char *path, int target, struct error *err)
{
    if (l->to < 0)
        return use_log(p, path, target, err);
    return dup2(l->to, target) >= 0 ? 0 : error_set_errno(err, errno, "the pipe to %s as descriptor %d", path, target);
}

static int use_terminal(const struct io *io, struct error *err)
{
    if (dup2(io->command, 0) < 0 || dup2(io->command, 1) < 0 || dup2(io->command, 2) < 0)
        return error_set_errno(err, errno, "the terminal as standard input and output");
    if (ioctl(0, TIOCSCTTY, 0) != 0)
        return error_set_errno(err, errno, "the terminal as the controlling one");
    return 0;
}

int setup_stdio(const struct plan *p, const struct io *io, struct error *err)
{
    const char *out = plan_text(p, LAUNCH_STDOUT), *errors = plan_text(p, LAUNCH_STDERR);
    const bool hand_on = (p->header->flags & LAUNCH_TTY_INPUT) != 0;
    if (io->is_tty && !hand_on)
        return use_terminal(io, err);
    int in = io->command >= 0 ? io->command : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0 || dup2(in, 0) < 0)
        return error_set_errno(err, errno, "standard input");
    /* stdout is what the terminal shows: an executor that hands it on has no place there. */
    int r = use_output(p, &io->logs[io->is_tty ? 1 : 0], io->is_tty ? errors : out, 1, err);
    return r == 0 ? use_output(p, &io->logs[1], errors, 2, err) : r;
}

static int set_rlimits(const struct plan *p, struct error *err)
{
    size_t pos = 0;
    for (const struct launch_rlimit *l; (l = plan_next(p, LAUNCH_RLIMIT, &pos, NULL)) != NULL;) {
        struct rlimit rl = { .rlim_cur = l->soft == UINT64_MAX ? RLIM_INFINITY : (rlim_t)l->soft,
                             .rlim_max = l->hard == UINT64_MAX ? RLIM_INFINITY : (rlim_t)l->hard };
        if (setrlimit((__rlimit_resource_t)l->resource, &rl) != 0)
            return error_set_errno(err, errno, "resource limit %d to %llu/%llu", l->resource,
                                   (unsigned long long)l->soft, (unsigned long long)l->hard);
    }
    return 0;
}

static int drop_bounding(uint64_t keep, struct error *err)
{
    for (int cap = 0; cap < 64; cap++) {
        if ((keep >> cap & 1) != 0 || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return error_set_errno(err, errno, "dropping capability %d from the bounding set", cap);
    }
    return 0;
}

/* Needs to come after the change of the user, with the capabilities kept over it. */
static int set_caps(uint64_t caps, struct error *err)
{
    struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct d[2];
    for (int i = 0; i < 2; i++) {
        uint32_t part = (uint32_t)(caps >> (32 * i));
        d[i] = (struct __user_cap_data_struct){ .effective = part, .permitted = part, .inheritable = part };
    }
    if (syscall(SYS_capset, &h, d) != 0)
        return error_set_errno(err, errno, "capabilities %#llx; the agent lacks one of them", (unsigned long long)caps);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int cap = 0; cap < 64; cap++) {
        if ((caps >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0)
            return error_set_errno(err, errno, "ambient capability %d", cap);
    }
    return 0;
}

static int set_user(const struct launch_user *u, bool keep_caps, struct error *err)
{
    if (u == NULL)
        return 0;
    if (keep_caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return error_set_errno(err, errno, "keeping capabilities");
    if (syscall(SYS_setgroups, u->group_count, u->groups) != 0)
        return error_set_errno(err, errno, "supplementary groups of user %u", u->uid);
    if (syscall(SYS_setresgid, u->gid, u->gid, u->gid) != 0)
        return error_set_errno(err, errno, "group %u", u->gid);
    if (syscall(SYS_setresuid, u->uid, u->uid, u->uid) != 0)
        return error_set_errno(err, errno, "user %u", u->uid);
    return 0;
}

static int set_filter(const struct plan *p, struct error *err)
{
    size_t pos = 0;
    uint32_t size = 0;
    const void *program = plan_next(p, LAUNCH_SECCOMP, &pos, &size);
    struct sock_fprog filter = { .len = (unsigned short)(size / sizeof(struct sock_filter)),
                                 .filter = (struct sock_filter *)(uintptr_t)program };
    if (program != NULL && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
        return error_set_errno(err, errno, "filter of system calls (seccomp)");
    return 0;
}

/* Without no_new_privs only who may do anything may set a filter, so it comes before privileges are dropped, and the profile must let that
 * happen, as with Docker. */
int setup_privileges(const struct plan *p, struct error *err)
{
    size_t a = 0, b = 0, c = 0;
    const struct launch_user *u = plan_next(p, LAUNCH_USER, &a, NULL);
    const struct launch_caps *caps = plan_next(p, LAUNCH_CAPS, &b, NULL);
    const int32_t *oom = plan_next(p, LAUNCH_OOM_ADJ, &c, NULL);
    struct error ignored;
    int fd = oom != NULL ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0)
        (void)setup_write_number(fd, "oom_score_adj", *oom, &ignored); /* lowering may be refused; it is a hint */
    const bool no_new_privs = (p->header->flags & LAUNCH_NO_NEW_PRIVS) != 0;
    if (set_rlimits(p, err) != 0 || (!no_new_privs && set_filter(p, err) != 0) || (caps != NULL && drop_bounding(caps->bounding, err) != 0) ||
        set_user(u, caps != NULL, err) != 0 || (caps != NULL && set_caps(caps->effective, err) != 0))
        return -(int)err->code;
    if (!no_new_privs)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set_errno(err, errno, "no_new_privs");
    return set_filter(p, err);
}

static const char *env_path(char **envp)
{
    for (; *envp != NULL; envp++) {
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    }
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

int setup_open_sandbox(const struct plan *p)
{
    const char *out = plan_text(p, LAUNCH_STDOUT), *dir = plan_text(p, LAUNCH_WORKDIR);
    size_t n = dir != NULL ? strlen(dir) : 0;
    bool is_sandbox = out != NULL && n != 0 && strncmp(out, dir, n) == 0 && strrchr(out, '/') == out + n;
    return is_sandbox ? open_folder(out) : -1;
}

int setup_exec(const struct plan *p, int sandbox, char **argv, char **envp, struct error *err)
{
    const char *file = plan_text(p, LAUNCH_EXEC), *dir = plan_text(p, LAUNCH_WORKDIR);
    if (dir != NULL && chdir(dir) != 0 && (errno != EACCES || sandbox < 0 || fchdir(sandbox) != 0))
        return error_set_errno(err, errno, "working directory %s", dir);
    (void)umask(0022);
    if (p->host_exec >= 0) {
        (void)syscall(SYS_execveat, p->host_exec, "", argv, envp, AT_EMPTY_PATH);
        return error_set_errno(err, errno, "Failed to execute '%s'", plan_text(p, LAUNCH_HOST_EXEC));
    }
    if (strchr(file, '/') != NULL) {
        (void)execve(file, argv, envp);
        return error_set_errno(err, errno, "Failed to execute '%s'", file);
    }
    int seen = ENOENT;
    for (const char *path = env_path(envp); path != NULL;) {
        const char *end = strchrnul(path, ':');
        char buf[4096];
        size_t n = (size_t)(end - path), m = strlen(file);
        if (n + m + 2 < sizeof buf) {
            memcpy(buf, path, n);
            buf[n] = '/';
            memcpy(buf + n + 1, file, m + 1);
            (void)execve(n != 0 ? buf : file, argv, envp);
            if (errno != ENOENT && errno != ENOTDIR)
                seen = errno;
        }
        path = *end == ':' ? end + 1 : NULL;
    }
    return error_set_errno(err, seen, "Failed to execute '%s'", file);
}
