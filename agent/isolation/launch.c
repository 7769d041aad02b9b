/* SPDX-License-Identifier: Apache-2.0 */
/* The command, the environment and the user of a container for stoa-launcher, and its start. Descriptors other than the two named
 * ones are close-on-exec everywhere in the agent. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "agent/isolation/isolator.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/helper.h"
#include "common/io/proctree.h"

/* --- the command -------------------------------------------------------------------------------------- */

static int find_user(const char *user, struct passwd *pw, char *buf, size_t size, struct error *err)
{
    struct passwd *found = NULL;
    struct str s = str_of(user);
    uint64_t uid;
    if (str_u64(&s, UINT32_MAX - 1, &uid) && s.n == 0 && user[0] != 0) {
        if (getpwuid_r((uid_t)uid, pw, buf, size, &found) == 0 && found != NULL)
            return 0;
        *pw = (struct passwd){ .pw_uid = (uid_t)uid, .pw_gid = (gid_t)uid };
        return 0;
    }
    int e = getpwnam_r(user, pw, buf, size, &found);
    if (e != 0 && e != ENOENT)
        return error_set_errno(err, e, "user '%s'", user);
    if (found == NULL)
        return error_set(err, ERR_NOT_FOUND, "user '%s' does not exist on this agent; create it or start the agent with "
                                             "--no-switch_user", user);
    return 0;
}

static int launch_user(struct container *c, const char *user, struct launch *l, struct error *err)
{
    c->uid = geteuid();
    c->gid = getegid();
    if (user == NULL || user[0] == 0 || c->iso->o.no_switch_user)
        return 0;
    char buf[4096];
    struct passwd pw = { .pw_name = NULL };
    if (find_user(user, &pw, buf, sizeof buf, err) != 0)
        return -(int)err->code;
    if (pw.pw_uid == geteuid())
        return 0;
    if (!c->iso->root)
        return error_set(err, ERR_DENIED, "the task wants user '%s' but the agent does not run as root; start it as root or "
                                          "with --no-switch_user", user);
    gid_t groups[LAUNCH_GROUPS_MAX];
    int n = LAUNCH_GROUPS_MAX;
    if (pw.pw_name == NULL) {
        groups[0] = pw.pw_gid;
        n = 1;
    } else if (getgrouplist(pw.pw_name, pw.pw_gid, groups, &n) < 0) {
        return error_set(err, ERR_LIMIT, "user '%s' is in more than %d groups", user, LAUNCH_GROUPS_MAX);
    }
    uint32_t numbers[LAUNCH_GROUPS_MAX];
    for (int i = 0; i < n; i++)
        numbers[i] = groups[i];
    launch_user_record(c, pw.pw_uid, pw.pw_gid, numbers, (size_t)n, l);
    return 0;
}

/* As the container's processes find them: the launcher opens them with the container's own root. */
static int launch_log_paths(const struct container *c, struct launch *l, struct error *err)
{
    char box[4096], path[4200];
    if (image_sandbox_path(c, c->sandbox, box, sizeof box, err) != 0)
        return -(int)err->code;
    (void)snprintf(path, sizeof path, "%s/stdout", box);
    launch_text(l, LAUNCH_STDOUT, path);
    (void)snprintf(path, sizeof path, "%s/stderr", box);
    launch_text(l, LAUNCH_STDERR, path);
    return 0;
}

/* Whether the kernel has put arguments and environment where the program finds them: the last field but one of
 * /proc/PID/stat, where the environment ends. */
static bool environment_laid_out(pid_t pid)
{
    enum { ENV_END = 51 };
    char text[PROCTREE_STAT_BYTES];
    struct str rest, field = { NULL, 0 };
    if (!proctree_stat(pid, text, &rest))
        return false;
    for (int i = PROCTREE_STAT_FIRST; i <= ENV_END; i++)
        (void)str_cut(&rest, ' ', &field);
    return field.n > 0 && !str_is(field, "0");
}

/* In the middle of its exec a process has no environment for a moment, after the launcher has already seen it go: Linux
 * lets a vfork return before it lays out the new program's stack. The moment is microseconds, on a machine that is held
 * up it is longer. */
static bool read_environment(pid_t pid, struct sbuf *text)
{
    enum { TRIES = 500, PAUSE_NS = 1000 * 1000 };
    struct error ignored;
    char environ_path[64], exe_path[64], target[8];
    bool laid_out = false;
    (void)snprintf(environ_path, sizeof environ_path, "/proc/%d/environ", (int)pid);
    (void)snprintf(exe_path, sizeof exe_path, "/proc/%d/exe", (int)pid);
    for (int i = 0; i < TRIES; i++) {
        sbuf_clear(text);
        if (file_read(environ_path, text, &ignored) != 0)
            return false;
        if (text->n != 0)
            return true;
        if (laid_out || readlink(exe_path, target, sizeof target) < 0)
            return false; /* the program wants none, or has ended: a zombie is no program */
        laid_out = environment_laid_out(pid);
        if (!laid_out)
            (void)nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
    }
    return false;
}

/* The environment of the parent container's command, for DEBUG containers. The command is the supervisor's first child. */
static void launch_parent_env(const struct container *parent, struct launch *l)
{
    char path[64];
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    struct error ignored;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent->pid, parent->pid);
    if (file_read(path, &text, &ignored) != 0 || text.n == 0)
        return;
    struct str s = sbuf_view(&text);
    uint64_t pid;
    if (!str_u64(&s, INT32_MAX, &pid))
        return;
    if (!read_environment((pid_t)pid, &text))
        return;
    struct str rest = sbuf_view(&text), entry, name;
    for (bool more = true; more;) {
        more = str_cut(&rest, 0, &entry);
        struct str value = entry;
        if (!str_cut(&value, '=', &name) || name.n == 0)
            continue;
        char *n = xstrndup(name), *v = xstrndup(value);
        launch_env(l, n, v);
        free(n);
        free(v);
    }
}

/* A list of variables in which a later one of the same name wins: the earlier ones are left out. */
struct variables {
    struct container_env *v;
    size_t n;
};

static void launch_variables(const struct variables *list, struct launch *l)
{
    for (size_t i = 0; i < list->n; i++) {
        bool again = false;
        for (size_t j = i + 1; j < list->n && !again; j++)
            again = strcmp(list->v[i].name, list->v[j].name) == 0;
        if (!again)
            launch_env(l, list->v[i].name, list->v[i].value != NULL ? list->v[i].value : "");
    }
    if (!l->has_path)
        launch_env(l, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

/* The agent's variables, the image's, the command's own. */
static void launch_environment(const struct container *c, const struct container_command *cmd, struct launch *l)
{
    char *const *image = image_environment(c);
    size_t count = 0, first = cmd->env_agent_count < cmd->env_count ? cmd->env_agent_count : cmd->env_count;
    while (image != NULL && image[count] != NULL)
        count++;
    CLEANUP(free_p) char **names = xcalloc(count + 1, sizeof *names);
    CLEANUP(free_p) struct container_env *v = xcalloc(cmd->env_count + count + 1, sizeof *v);
    struct variables list = { .v = v };
    for (size_t i = 0; i < first; i++)
        v[list.n++] = cmd->env[i];
    for (size_t i = 0; i < count; i++) {
        struct str value = str_of(image[i]), name;
        (void)str_cut(&value, '=', &name);
        names[i] = xstrndup(name);
        v[list.n++] = (struct container_env){ names[i], name.n < strlen(image[i]) ? image[i] + name.n + 1 : "" };
    }
    for (size_t i = first; i < cmd->env_count; i++)
        v[list.n++] = cmd->env[i];
    launch_variables(&list, l);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
}

static int launch_arguments(const struct container_command *cmd, struct launch *l, struct error *err)
{
    if (cmd->shell) {
        if (cmd->value == NULL)
            return error_set(err, ERR_INVALID, "Shell specified but no command value provided");
        launch_text(l, LAUNCH_EXEC, "/bin/sh");
        launch_text(l, LAUNCH_ARG, "sh");
        launch_text(l, LAUNCH_ARG, "-c");
        launch_text(l, LAUNCH_ARG, cmd->value);
        return 0;
    }
    const char *exec = cmd->value != NULL ? cmd->value : cmd->argv != NULL ? cmd->argv[0] : NULL;
    if (exec == NULL)
        return error_set(err, ERR_INVALID, "No executable specified: CommandInfo needs 'value', or 'shell' with a value");
    launch_text(l, LAUNCH_EXEC, exec);
    for (const char *const *a = cmd->argv; a != NULL && *a != NULL; a++)
        launch_text(l, LAUNCH_ARG, *a);
    if (l->arg_count == 0)
        launch_text(l, LAUNCH_ARG, exec);
    return 0;
}

/* Who looks into a task looks at the task's files; what is written goes to the container's own. */
static const char *workdir_of(const struct container *c, const struct container_spec *spec)
{
    bool is_debug = spec->class == CONTAINER_CLASS_DEBUG && c->parent != NULL;
    if (spec->command.working_dir != NULL)
        return spec->command.working_dir;
    return c->root_workdir != NULL ? c->root_workdir : is_debug ? c->parent->sandbox : spec->sandbox;
}

int launch_command(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    const struct container_command *cmd = &spec->command;
    int r = spec->image != NULL ? image_launch_command(c, spec, l, err) : launch_arguments(cmd, l, err);
    if (r != 0)
        return r;
    if (spec->class == CONTAINER_CLASS_DEBUG && c->parent != NULL)
        launch_parent_env(c->parent, l);
    launch_environment(c, cmd, l);
    launch_text(l, LAUNCH_WORKDIR, workdir_of(c, spec));
    if (launch_log_paths(c, l, err) != 0)
        return -(int)err->code;
    for (uint32_t i = 0; i < 2; i++)
        if (spec->logs[i].size_max != 0) {
            struct launch_rotate rotate = { .stream = i, .keep = spec->logs[i].keep, .size_max = spec->logs[i].size_max };
            launch_raw(l, LAUNCH_ROTATE, &rotate, sizeof rotate);
        }
    r = spec->image != NULL ? image_launch_user(c, spec, l, err) : launch_user(c, cmd->user, l, err);
    return r == -(int)ERR_NOT_FOUND && spec->image != NULL && !spec->docker ? launch_user(c, cmd->user, l, err) : r;
}

/* --- starting ----------------------------------------------------------------------------------------- */

static int instructions_fd(struct launch *l, struct error *err)
{
    if (!sbuf_ok(&l->out))
        return error_set(err, ERR_LIMIT, "command and environment are over %d bytes together", LAUNCH_SIZE_MAX);
    struct launch_header *h = (struct launch_header *)(void *)(l->out.p + sizeof(struct launch_record));
    h->flags = l->flags;
    h->enter_pid = l->enter_pid;
    h->arg_count = l->arg_count;
    h->env_count = l->env_count;
    CLEANUP(fd_close_p) int fd = memfd_create("stoa-launch", MFD_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "memory for launch instructions");
    if (write(fd, l->out.p, l->out.n) != (ssize_t)l->out.n)
        return error_set_errno(err, errno, "launch instructions of %zu bytes", l->out.n);
    return TAKE_FD(fd);
}

int launch_spawn(struct isolation *iso, const char *id, struct launch *l, pid_t *ret_pid, int *ret_report,
                 struct error *err)
{
    CLEANUP(fd_close_p) int instructions = instructions_fd(l, err);
    if (instructions < 0)
        return -(int)err->code;
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_set_errno(err, errno, "pipe of stoa-launcher");
    CLEANUP(fd_close_p) int reading = pipe_fd[0];
    CLEANUP(fd_close_p) int writing = pipe_fd[1];

    char program[4096];
    (void)snprintf(program, sizeof program, "%s/stoa-launcher", iso->o.launcher_dir);
    char name[] = "stoa-launcher";
    char *argv[] = { name, (char *)(uintptr_t)id, NULL }, *envp[] = { NULL }; /* the id tells it apart in ps */
    struct helper h = { .program = program, .argv = argv, .envp = envp, .in = -1, .out = -1, .err = -1, /* until the sandbox files take over */
                        .more = { instructions, writing }, .more_count = 2, .same_group = true };
    _Static_assert(LAUNCH_FD_INSTRUCTIONS == 3 && LAUNCH_FD_REPORT == 4, "the order of more");
    if (helper_spawn(&h, ret_pid, err) != 0)
        return -(int)err->code;
    *ret_report = TAKE_FD(reading);
    return 0;
}
