/* SPDX-License-Identifier: Apache-2.0 */
/* stoa-launcher: the one process between the agent and a container's command.
 *
 * It joins the cgroups, makes or enters namespaces, checkpoints its pid, starts the command, and then stays as the
 * container's supervisor (supervise.c). Why a program of its own: the agent must not fork (it is big, and a library
 * may hold a lock), joining a v1 cgroup waits for a kernel grace period (so many launchers wait at once instead of the
 * agent one after the other), and somebody must be the parent who knows the exit status when the agent is killed.
 *
 * Where a namespace or a v2 cgroup wants a new process, a second one is cloned as the agent's own child (CLONE_PARENT)
 * and this one ends; else this one is the supervisor. The pid files are written before the command runs, and an agent
 * that is gone by then ends the launch: so a command without a pid file never exists. An agent that goes later ends nothing. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PID_FILES_MAX = 4, KEPT_FD_MIN = 32 };

/* False: the agent is gone. */
static bool report(uint32_t kind, pid_t pid, const struct error *err)
{
    struct launch_report r = { .kind = kind, .pid = pid };
    if (err != NULL)
        r.err = *err;
    return write(LAUNCH_FD_REPORT, &r, sizeof r) == (ssize_t)sizeof r;
}

/* Without an agent it ends here: what that wanted is nobody's any more. */
static void report_pid(pid_t pid)
{
    if (!report(LAUNCH_REPORT_PID, pid, NULL))
        _exit(1);
}

_Noreturn static void fail(const struct error *err)
{
    (void)report(LAUNCH_REPORT_ERROR, 0, err);
    _exit(1);
}

/* Files of the host, opened before another mount namespace is entered or made. */
struct host_files {
    int status;
    struct io io;
    int cgroup;                        /* directory to clone into; -1: none */
    int netns;                         /* -1: none */
    const char *pid_path[PID_FILES_MAX];
    int pid[PID_FILES_MAX];
    unsigned pid_count;
};

static int open_file(const char *path, int flags, const char *what, int *ret, struct error *err)
{
    *ret = open(path, flags | O_CLOEXEC, 0600);
    return *ret >= 0 ? 0 : error_set_errno(err, errno, "%s %s", what, path);
}

static int open_host_files(struct plan *p, struct host_files *h, struct error *err)
{
    size_t pos = 0;
    const char *status = plan_text(p, LAUNCH_STATUS_PATH), *dir = plan_text(p, LAUNCH_CGROUP_DIR);
    const char *netns = plan_text(p, LAUNCH_NETNS);
    const char *program = plan_text(p, LAUNCH_HOST_EXEC);
    const int make = O_WRONLY | O_CREAT | O_TRUNC;
    *h = (struct host_files){ .cgroup = -1, .netns = -1 };
    if (io_open(p, &h->io, err) != 0)
        return -(int)err->code;
    if (open_file(status != NULL ? status : "/dev/null", make, "status file", &h->status, err) != 0)
        return -(int)err->code;
    if (dir != NULL && open_file(dir, O_RDONLY | O_DIRECTORY, "cgroup", &h->cgroup, err) != 0)
        return -(int)err->code;
    if (netns != NULL && open_file(netns, O_RDONLY, "network namespace", &h->netns, err) != 0)
        return -(int)err->code;
    if (program != NULL && open_file(program, O_PATH, "program", &p->host_exec, err) != 0)
        return -(int)err->code;
    for (const char *path; h->pid_count < PID_FILES_MAX && (path = plan_next(p, LAUNCH_PID_PATH, &pos, NULL)) != NULL;) {
        h->pid_path[h->pid_count] = path;
        if (open_file(path, make, "checkpoint of the pid", &h->pid[h->pid_count++], err) != 0)
            return -(int)err->code;
    }
    return 0;
}

static int write_pid_files(const struct host_files *h, pid_t pid, struct error *err)
{
    for (unsigned i = 0; i < h->pid_count; i++) {
        if (setup_write_number(h->pid[i], h->pid_path[i], pid, err) != 0)
            return error_wrap(err, "checkpoint of the pid");
    }
    return 0;
}

/* In the vforked child: memory is shared with the supervisor until exec, so *err is seen by it. */
_Noreturn static void run_command(const struct plan *p, const struct io *io, char **argv, char **envp, struct error *err)
{
    sigset_t none;
    (void)sigemptyset(&none);
    for (int sig = 1; sig < 32; sig++)
        (void)signal(sig, SIG_DFL);
    (void)setsid();
    int sandbox = setup_open_sandbox(p);
    if (setup_stdio(p, io, err) == 0 && setup_privileges(p, err) == 0) {
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)setup_exec(p, sandbox, argv, envp, err);
    }
    _exit(127);
}

static void fill_vector(const struct plan *p, uint32_t tag, char **v, size_t max)
{
    size_t n = 0, pos = 0;
    for (const char *t; n < max && (t = plan_next(p, tag, &pos, NULL)) != NULL;)
        v[n++] = (char *)(uintptr_t)t; /* execve takes char *const[] and does not write */
    v[n] = NULL;
}

static pid_t start_command(const struct plan *p, const struct io *io, struct error *err)
{
    /* Given back after the exec: what this process keeps, every container of the machine keeps. */
    size_t argc = p->header->arg_count, envc = p->header->env_count, size = (argc + envc + 2) * sizeof(char *);
    char **argv = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argv == MAP_FAILED)
        return error_set_errno(err, errno, "memory for the arguments");
    char **envp = argv + argc + 1;
    fill_vector(p, LAUNCH_ARG, argv, argc);
    fill_vector(p, LAUNCH_ENV, envp, envc);
    err->code = ERR_OK;
    pid_t pid = vfork();
    if (pid == 0)
        run_command(p, io, argv, envp, err);
    (void)munmap(argv, size);
    if (pid < 0) {
        (void)error_set_errno(err, errno, "the process of the command");
        return -1;
    }
    if (err->code != ERR_OK) {
        (void)waitpid(pid, NULL, 0);
        return -1;
    }
    return pid;
}

/* Moves a descriptor above the ones that are closed below. */
static void keep(int *fd, int *highest)
{
    int moved = *fd < 0 ? -1 : fcntl(*fd, F_DUPFD_CLOEXEC, KEPT_FD_MIN);
    if (moved < 0)
        return;
    *fd = moved;
    if (moved > *highest)
        *highest = moved;
}

static void close_all_but(int *status_fd, struct io *io)
{
    int highest = KEPT_FD_MIN - 1;
    keep(status_fd, &highest);
    keep(&io->socket, &highest);
    keep(&io->input, &highest);
    keep(&io->command, &highest);
    for (unsigned i = 0; i < 2; i++) {
        keep(&io->logs[i].fd, &highest);
        keep(&io->logs[i].dir, &highest);
        keep(&io->logs[i].from, &highest);
    }
    (void)syscall(SYS_close_range, 0, KEPT_FD_MIN - 1, 0);
    (void)syscall(SYS_close_range, (unsigned)highest + 1, ~0u, 0);
}

/* The supervisor, from here to its end. The files were opened outside of any new mount namespace. */
_Noreturn static void supervisor_main(const struct plan *p, int status_fd, struct io io)
{
    struct error err;
    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (setup_hostname(p, &err) != 0 || setup_mounts(p, &io, &err) != 0 || io_open_log(p, &io, &err) != 0)
        fail(&err);
    pid_t pid = start_command(p, &io, &err);
    if (pid < 0)
        fail(&err);
    (void)report(LAUNCH_REPORT_RUNNING, 0, NULL); /* the command runs: the next agent finds it by its pid file, and its end */
    io_started(&io);
    close_all_but(&status_fd, &io);
    (void)munmap((void *)(uintptr_t)p->p, p->n);
    (void)!chdir("/");
    supervise(pid, status_fd, &io);
}

static pid_t clone_supervisor(const struct plan *p, const struct host_files *h, int go[2], struct error *err)
{
    struct clone_args args = { .flags = CLONE_PARENT };
    const uint32_t f = p->header->flags;
    if (f & LAUNCH_NEW_PID_NS)
        args.flags |= CLONE_NEWPID;
    if (f & LAUNCH_NEW_MNT_NS)
        args.flags |= CLONE_NEWNS;
    if (f & LAUNCH_NEW_IPC_NS)
        args.flags |= CLONE_NEWIPC;
    if (f & LAUNCH_NEW_UTS_NS)
        args.flags |= CLONE_NEWUTS;
    if (h->cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)h->cgroup;
    }
    if (pipe2(go, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "pipe");
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return error_set_errno(err, errno, "clone of the supervisor (flags %#llx)", (unsigned long long)args.flags);
    return pid;
}

static bool needs_clone(const struct plan *p)
{
    const uint32_t f = p->header->flags;
    return plan_text(p, LAUNCH_CGROUP_DIR) != NULL || (f & (LAUNCH_NEW_PID_NS | LAUNCH_ENTER_PID)) != 0;
}

static int unshare_rest(const struct plan *p, struct error *err)
{
    const uint32_t f = p->header->flags;
    int flags = (f & LAUNCH_NEW_MNT_NS ? CLONE_NEWNS : 0) | (f & LAUNCH_NEW_IPC_NS ? CLONE_NEWIPC : 0) |
                (f & LAUNCH_NEW_UTS_NS ? CLONE_NEWUTS : 0);
    if (flags != 0 && unshare(flags) != 0)
        return error_set_errno(err, errno, "new namespaces (flags %#x)", (unsigned)flags);
    return 0;
}

_Noreturn static void launch_cloned(const struct plan *p, const struct host_files *h)
{
    struct error err;
    int go[2] = { -1, -1 };
    pid_t pid = clone_supervisor(p, h, go, &err);
    if (pid < 0)
        fail(&err);
    if (pid == 0) {
        char c;
        (void)close(go[1]);
        if (read(go[0], &c, 1) != 1)
            _exit(1); /* the first process failed and has told why */
        supervisor_main(p, h->status, h->io);
    }
    if (write_pid_files(h, pid, &err) != 0)
        fail(&err); /* go[1] closes with us, so the supervisor ends too */
    report_pid(pid);
    (void)!write(go[1], "g", 1);
    _exit(0);
}

int main(void)
{
    struct error err;
    struct plan p;
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL); /* the supervisor reads signals with sigwaitinfo */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)fcntl(LAUNCH_FD_REPORT, F_SETFD, FD_CLOEXEC);
    (void)syscall(SYS_close_range, LAUNCH_FD_REPORT + 1, ~0u, 0);
    if (plan_map(&p, LAUNCH_FD_INSTRUCTIONS, &err) != 0)
        fail(&err);
    (void)close(LAUNCH_FD_INSTRUCTIONS);

    struct host_files files;
    if (setup_join_cgroups(&p, &err) != 0 || open_host_files(&p, &files, &err) != 0 || setup_enter_namespaces(&p, &err) != 0 ||
        setup_enter_network(files.netns, &err) != 0)
        fail(&err);
    if (needs_clone(&p))
        launch_cloned(&p, &files);
    if (write_pid_files(&files, getpid(), &err) != 0 || unshare_rest(&p, &err) != 0)
        fail(&err);
    report_pid(getpid());
    supervisor_main(&p, files.status, files.io);
}
