/* SPDX-License-Identifier: Apache-2.0 */
/* stoa-network: makes a container's network namespace and runs the plugins of its networks, or takes both away again.
 *
 *     stoa-network attach|detach <folder> <container id> <folders of plugins>
 *
 * The folder is the container's, and all of its state (isolation/cni.c writes it, the names are the original's):
 *
 *     ns                                  the namespace, mounted on a file
 *     <network>/network.conf              the configuration as it was at the start of the container
 *     <network>/<interface>/network.info  the result of the last plugin
 *     lock                                held by this program and by the plugins it runs
 *
 * Why a program of its own: plugins take their time and the agent has none, the namespace must be made by somebody who is in
 * it for a moment, and what an agent began before it was killed goes on to its end. The lock puts the next one behind
 * that: a detach never meets an attach. Every plugin has PLUGIN_SECONDS; SIGTERM ends the plugin and this.
 * A failure is told on standard output in one line. Detaching twice is fine. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/isolation/cni_conf.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"
#include "common/io/helper.h"
#include "common/wire/json.h"

enum { PLUGIN_SECONDS = 30, WHOLE_SECONDS = 300, OUTPUT_MAX = 1 << 20, NSFS = 0x6e736673 };

static volatile sig_atomic_t plugin_pid;

static void on_end(int sig)
{
    if (plugin_pid > 0)
        (void)kill(-(pid_t)plugin_pid, SIGKILL);
    _exit(128 + sig);
}

struct job {
    const char *folder, *id, *plugins;
    bool is_add;
    char ns[4096]; /* as plugins are told; "": it is gone */
};

/* --- one plugin --------------------------------------------------------------------------------------- */

static int text_fd(struct str text, struct error *err)
{
    CLEANUP(fd_close_p) int fd = memfd_create("stoa-network", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(err, errno, "memory for a plugin's input or output");
    return TAKE_FD(fd);
}

static void read_fd(int fd, struct sbuf *b)
{
    char piece[4096];
    ssize_t n;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return;
    while ((n = read(fd, piece, sizeof piece)) > 0)
        sbuf_add(b, piece, (size_t)n);
}

/* The wait status; -1 when it took too long and was killed. */
static int wait_plugin(pid_t pid)
{
    int status = 0, fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int ready = fd >= 0 ? poll(&p, 1, PLUGIN_SECONDS * 1000) : 0;
    if (ready <= 0)
        (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    plugin_pid = 0;
    if (fd >= 0)
        (void)close(fd);
    return ready <= 0 ? -1 : status;
}

static int spawn_plugin(const struct job *j, const char *path, const char *interface, const int fd[3], pid_t *ret, struct error *err)
{
    char command[32], id[1200], ns[4200], folders[4200], name[64], search[4200];
    const char *own = getenv("PATH");
    (void)snprintf(command, sizeof command, "CNI_COMMAND=%s", j->is_add ? "ADD" : "DEL");
    (void)snprintf(id, sizeof id, "CNI_CONTAINERID=%s", j->id);
    (void)snprintf(ns, sizeof ns, "CNI_NETNS=%s", j->ns);
    (void)snprintf(folders, sizeof folders, "CNI_PATH=%s", j->plugins);
    (void)snprintf(name, sizeof name, "CNI_IFNAME=%s", interface);
    (void)snprintf(search, sizeof search, "PATH=%s", own != NULL ? own : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    char *envp[] = { command, id, ns, folders, name, search, NULL }, *argv[] = { (char *)(uintptr_t)path, NULL };
    int rc = helper_spawn(&(struct helper){ .program = path, .argv = argv, .envp = envp, .in = fd[0], .out = fd[1], .err = fd[2] }, ret, err);
    plugin_pid = *ret;
    return rc == 0 ? 0 : error_wrap(err, "CNI plugin");
}

/* What is told of a failure: the plugin's own words if it has any. */
static int plugin_failed(const struct job *j, const char *type, const char *network, int status, struct str out, struct str errors,
                         struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf why = SBUF_INIT(8192);
    if (status == -1)
        sbuf_fmt(&why, "it did not end within %d s", PLUGIN_SECONDS);
    else if (!cni_error_text(out, &why))
        sbuf_fmt(&why, "%s %d, stdout='%.*s', stderr='%.*s'", WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (int)(out.n < 512 ? out.n : 512), out.p != NULL ? out.p : "",
                 (int)(errors.n < 512 ? errors.n : 512), errors.p != NULL ? errors.p : "");
    return error_set(err, ERR_IO, "The CNI plugin '%s' failed to %s container %.40s %s CNI network '%s': %s", type,
                     j->is_add ? "attach" : "detach", j->id, j->is_add ? "to" : "from", network, why.p);
}

static int run_plugin(const struct job *j, const cJSON *step, const char *network, const char *interface, struct str previous,
                      struct sbuf *out, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf conf = SBUF_INIT(2 * CNI_TEXT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf errors = SBUF_INIT(OUTPUT_MAX);
    char path[4096];
    pid_t pid;
    if (cni_plugin_path(j->plugins, cni_step_type(step), path, sizeof path, err) != 0 || cni_step_text(step, previous, &conf, err) != 0)
        return -(int)err->code;
    CLEANUP(fd_close_p) int in = text_fd(sbuf_view(&conf), err);
    CLEANUP(fd_close_p) int answer = text_fd((struct str){ NULL, 0 }, err);
    CLEANUP(fd_close_p) int complaint = text_fd((struct str){ NULL, 0 }, err);
    if (in < 0 || answer < 0 || complaint < 0 || spawn_plugin(j, path, interface, (int[]){ in, answer, complaint }, &pid, err) != 0)
        return -(int)err->code;
    int status = wait_plugin(pid);
    sbuf_clear(out);
    read_fd(answer, out);
    read_fd(complaint, &errors);
    return status == 0 ? 0 : plugin_failed(j, cni_step_type(step), network, status, sbuf_view(out), sbuf_view(&errors), err);
}

/* --- one interface ------------------------------------------------------------------------------------ */

static int file_of(const struct job *j, const char *network, const char *interface, const char *file, char ret[4096], struct error *err)
{
    int n = snprintf(ret, 4096, "%s/%s%s%s/%s", j->folder, network, interface[0] != 0 ? "/" : "", interface, file);
    return n > 0 && n < 4096 ? 0 : error_set(err, ERR_LIMIT, "the path of network '%.80s' is too long", network);
}

static int add(const struct job *j, const struct cni_chain *chain, const char *network, const char *interface, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf out = SBUF_INIT(OUTPUT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf previous = SBUF_INIT(OUTPUT_MAX);
    struct cni_result result;
    char path[4096];
    for (size_t i = 0; i < chain->n; i++) {
        if (run_plugin(j, chain->step[i], network, interface, sbuf_view(&previous), &out, err) != 0)
            return -(int)err->code;
        sbuf_clear(&previous);
        sbuf_str(&previous, sbuf_view(&out));
    }
    if (cni_result_parse(sbuf_view(&out), &result, err) != 0)
        return error_wrap(err, "network '%s'", network);
    cni_result_done(&result);
    if (file_of(j, network, interface, "network.info", path, err) != 0)
        return -(int)err->code;
    return fs_write(path, sbuf_view(&out), 0600, 0, err);
}

static int del(const struct job *j, const struct cni_chain *chain, const char *network, const char *interface, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf out = SBUF_INIT(OUTPUT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf info = SBUF_INIT(OUTPUT_MAX);
    struct error ignored;
    char path[4096];
    if (file_of(j, network, interface, "network.info", path, err) != 0)
        return -(int)err->code;
    if (fs_read(path, &info, &ignored) != 0)
        sbuf_clear(&info); /* an attach that was cut short has none */
    for (size_t i = chain->n; i > 0; i--) {
        if (run_plugin(j, chain->step[i - 1], network, interface, sbuf_view(&info), &out, err) != 0)
            return -(int)err->code;
    }
    if (file_of(j, network, interface, ".", path, err) != 0)
        return -(int)err->code;
    path[strlen(path) - 2] = 0;
    return fs_remove_tree(path, err);
}

static int one_interface(const struct job *j, const char *network, const char *interface, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(CNI_TEXT_MAX);
    CLEANUP(json_free_p) struct cJSON *conf = NULL;
    struct cni_chain chain;
    char path[4096];
    if (file_of(j, network, "", "network.conf", path, err) != 0)
        return -(int)err->code;
    int rc = fs_read(path, &text, err);
    if (rc == -(int)ERR_NOT_FOUND && !j->is_add)
        return 0; /* nothing was begun */
    if (rc == 0)
        rc = cni_conf_parse(sbuf_view(&text), &conf, err);
    if (rc == 0)
        rc = cni_chain_make(conf, &chain, err);
    if (rc != 0)
        return error_wrap(err, "%s", path);
    rc = j->is_add ? add(j, &chain, network, interface, err) : del(j, &chain, network, interface, err);
    cni_chain_free(&chain);
    return rc;
}

struct interface {
    char network[256], name[64];
    unsigned number;
};

static int by_number(const void *a, const void *b)
{
    const struct interface *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* The interfaces that the folder names, in order of their numbers. */
static size_t list_interfaces(const struct job *j, struct interface ret[CNI_NETWORKS_MAX])
{
    size_t n = 0;
    char path[4096];
    DIR *d = opendir(j->folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || e->d_type != DT_DIR || snprintf(path, sizeof path, "%s/%s", j->folder, e->d_name) >= (int)sizeof path)
            continue;
        DIR *sub = opendir(path);
        for (struct dirent *f; sub != NULL && (f = readdir(sub)) != NULL;) {
            struct str rest = str_of(f->d_name);
            uint64_t number;
            if (f->d_type != DT_DIR || !str_skip(&rest, STR("eth")) || !str_u64(&rest, 999, &number) || n == CNI_NETWORKS_MAX)
                continue;
            (void)snprintf(ret[n].network, sizeof ret[n].network, "%s", e->d_name);
            (void)snprintf(ret[n].name, sizeof ret[n].name, "eth%u", (unsigned)number);
            ret[n++].number = (unsigned)number;
        }
        if (sub != NULL)
            (void)closedir(sub);
    }
    if (d != NULL)
        (void)closedir(d);
    qsort(ret, n, sizeof *ret, by_number);
    return n;
}

/* --- the namespace ------------------------------------------------------------------------------------ */

static int loopback_up(struct error *err)
{
    CLEANUP(fd_close_p) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0 ? 0 : error_set_errno(err, errno, "loopback interface");
}

/* Made, mounted, and left: plugins are run in the host's. */
static int make_namespace(const struct job *j, struct error *err)
{
    CLEANUP(fd_close_p) int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_close_p) int file = open(j->ns, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (own < 0 || file < 0)
        return error_set_errno(err, errno, "%s", own < 0 ? "/proc/self/ns/net" : j->ns);
    if (unshare(CLONE_NEWNET) != 0)
        return error_set_errno(err, errno, "new network namespace");
    int rc = loopback_up(err);
    if (rc == 0 && mount("/proc/self/ns/net", j->ns, NULL, MS_BIND, NULL) != 0)
        rc = error_set_errno(err, errno, "mount of the network namespace at %s", j->ns);
    if (setns(own, CLONE_NEWNET) != 0)
        rc = error_set_errno(err, errno, "back to the host's network namespace");
    return rc;
}

static bool is_namespace(const char *path)
{
    struct statfs st;
    return statfs(path, &st) == 0 && st.f_type == NSFS;
}

static int drop_namespace(const char *path, struct error *err)
{
    while (is_namespace(path)) {
        if (umount2(path, MNT_DETACH) != 0)
            return error_set_errno(err, errno, "unmount of the network namespace at %s", path);
    }
    return 0;
}

/* --- both ways ---------------------------------------------------------------------------------------- */

static int take_lock(const struct job *j, struct error *err)
{
    char path[4096];
    if (file_of(j, ".", "", "lock", path, err) != 0)
        return -(int)err->code;
    int fd = open(path, O_RDONLY | O_CREAT, 0600); /* inherited: a plugin that outlives this program holds it too */
    if (fd < 0)
        return error_set_errno(err, errno, "%s", path);
    while (flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR)
            return error_set_errno(err, errno, "%s", path);
    }
    return 0;
}

static int attach(struct job *j, struct error *err)
{
    struct interface list[CNI_NETWORKS_MAX];
    size_t n = list_interfaces(j, list);
    if (take_lock(j, err) != 0 || make_namespace(j, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < n; i++) {
        if (one_interface(j, list[i].network, list[i].name, err) != 0)
            return -(int)err->code;
    }
    return 0;
}

/* All are tried, and the namespace goes only when each is detached: the next try needs it. */
static int detach(struct job *j, struct error *err)
{
    struct interface list[CNI_NETWORKS_MAX];
    char ns[4096];
    if (access(j->folder, F_OK) != 0)
        return 0;
    if (take_lock(j, err) != 0)
        return access(j->folder, F_OK) != 0 ? 0 : -(int)err->code;
    memcpy(ns, j->ns, sizeof ns);
    if (!is_namespace(ns))
        j->ns[0] = 0;
    size_t n = list_interfaces(j, list);
    int rc = 0;
    for (size_t i = n; i > 0; i--) {
        struct error why;
        if (one_interface(j, list[i - 1].network, list[i - 1].name, &why) != 0 && rc == 0) {
            *err = why;
            rc = -(int)why.code;
        }
    }
    if (rc == 0)
        rc = drop_namespace(ns, err);
    return rc == 0 ? fs_remove_tree(j->folder, err) : rc;
}

int main(int argc, char **argv)
{
    struct error err = { .code = ERR_OK };
    if (argc != 5 || (strcmp(argv[1], "attach") != 0 && strcmp(argv[1], "detach") != 0)) {
        (void)puts("usage: stoa-network attach|detach FOLDER CONTAINER PLUGIN-FOLDERS (started by the agent)");
        return 2;
    }
    struct job j = { .folder = argv[2], .id = argv[3], .plugins = argv[4], .is_add = strcmp(argv[1], "attach") == 0 };
    (void)signal(SIGTERM, on_end);
    (void)signal(SIGALRM, on_end);
    (void)alarm(WHOLE_SECONDS);
    if (snprintf(j.ns, sizeof j.ns, "%s/ns", j.folder) >= (int)sizeof j.ns)
        return 2;
    int rc = j.is_add ? attach(&j, &err) : detach(&j, &err);
    if (rc != 0)
        (void)puts(err.msg);
    return rc == 0 ? 0 : 1;
}
