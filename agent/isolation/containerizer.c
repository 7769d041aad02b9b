/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a container:
 *
 *     launch() -> [PROVISIONING] -> [FETCHING] -> [CONNECTING] -> LAUNCHING -> RUNNING -> ENDING -> gone, or ENDED (nested, standalone:
 *                       \_______________\______________\____________\____________/ any failure, exit, limit or destroy()   result kept)
 *
 * ENDING is one way for every cause (ending.c). Since that always goes through the loop, no callback ever runs inside a call from
 * outside. */
#include "agent/isolation/containerizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/isolation/cni.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

/* --- table -------------------------------------------------------------------------------------------- */

static int not_found(struct error *err, const char *id)
{
    return error_set(err, ERR_NOT_FOUND, "Container %s cannot be found", id);
}

static struct container *parent_of(const struct containerizer *c, const char *id)
{
    const char *dot = strrchr(id, '.');
    if (dot == NULL)
        return NULL;
    char parent[CONTAINER_ID_MAX + 1];
    size_t n = (size_t)(dot - id);
    memcpy(parent, id, n);
    parent[n] = 0;
    return container_find_alive(c, parent);
}

static int name_groups(struct container *c, bool own_cgroups, struct error *err)
{
    const struct isolation *iso = c->iso;
    char path[CG_PATH_MAX];
    if (cg_path_of(&iso->cg, c->id, path, err) != 0)
        return -(int)err->code;
    c->cg_path = xstrdup(path);
    c->kill_group = (struct cg_group){ iso->linux_launcher ? CG_BIT(CG_FREEZER) : 0, c->cg_path };
    c->group = (struct cg_group){ own_cgroups ? iso->cg.used : 0, c->cg_path };
    return 0;
}

struct container *container_new(struct containerizer *owner, const char *id, const char *sandbox,
                                enum container_class class, bool own_cgroups, struct error *err)
{
    struct container *c = xcalloc(1, sizeof *c);
    c->id = xstrdup(id);
    c->iso = &owner->iso;
    c->sandbox = xstrdup(sandbox);
    c->class = class;
    c->report_fd = -1;
    if (name_groups(c, own_cgroups, err) != 0) {
        free(c->id);
        free(c->sandbox);
        free(c);
        return NULL;
    }
    c->parent = parent_of(owner, id);
    if (c->parent != NULL) {
        DL_APPEND2(c->parent->children, c, prev_sibling, next_sibling);
        c->parent->child_count++;
    }
    HASH_ADD_KEYPTR(hh, owner->table, c->id, strlen(c->id), c);
    owner->alive_count++;
    return c;
}

/* --- launching ---------------------------------------------------------------------------------------- */

static void fail_launch(struct container *c, const struct error *err)
{
    if (c->launch_error.code == ERR_OK)
        c->launch_error = *err;
    container_end(c);
}

static void took_off(struct container *c)
{
    struct containerizer *owner = c->iso->owner;
    container_release_launch(c);
    c->state = CONTAINER_RUNNING;
    c->accepted = true;
    owner->cb.launched(owner->cb.ctx, c->id, c->pid, NULL); /* may destroy it, but never frees it */
}

static void supervisor_known(struct container *c, pid_t pid)
{
    struct error err;
    c->pid = pid;
    if (pid == c->first_pid)
        return; /* watched already */
    if (loop_child(c->iso->loop, pid, container_on_supervisor_end, c, &c->pid_watch, &err) != 0)
        fail_launch(c, &err);
}

/* Takes what the launcher has said so far; true when it will say no more. */
static bool read_reports(struct container *c)
{
    for (;;) {
        struct launch_report r;
        ssize_t n = read(c->report_fd, &r, sizeof r);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n != (ssize_t)sizeof r)
            return true;
        r.err.msg[sizeof r.err.msg - 1] = 0;
        if (r.kind == LAUNCH_REPORT_PID) {
            supervisor_known(c, r.pid);
        } else if (r.kind == LAUNCH_REPORT_ERROR) {
            fail_launch(c, &r.err);
        } else if (c->state == CONTAINER_LAUNCHING) {
            took_off(c);
            return false; /* the descriptor is gone */
        }
        if (c->report_fd < 0)
            return false;
    }
}

static void on_report(void *arg, int fd, int what)
{
    struct container *c = arg;
    (void)fd;
    (void)what;
    if (!read_reports(c))
        return;
    struct error err;
    loop_watch_free(c->report_watch);
    c->report_watch = NULL;
    if (c->state == CONTAINER_LAUNCHING) {
        (void)error_set(&err, ERR_IO, "stoa-launcher ended before the command ran");
        fail_launch(c, &err);
    }
}

void container_on_supervisor_end(void *arg, pid_t pid, int status)
{
    struct container *c = arg;
    c->pid_watch = NULL;
    c->alive = false;
    c->reaped_known = status >= 0;
    c->reaped_status = status;
    (void)pid;
    if (c->state == CONTAINER_ENDING)
        kill_poke(c->kill);
    else
        container_end(c);
}

static void on_first_end(void *arg, pid_t pid, int status)
{
    struct container *c = arg;
    c->first_watch = NULL;
    if (c->report_fd >= 0) {
        (void)read_reports(c); /* may know the supervisor only now */
        if (c->launch_error.code == ERR_OK && c->state == CONTAINER_LAUNCHING && (c->pid == 0 || c->pid == pid))
            (void)error_set(&c->launch_error, ERR_IO, "stoa-launcher ended before the command ran (wait status %d)", status);
    }
    c->first_pid = 0;
    if (c->pid == 0 || c->pid == pid)
        container_on_supervisor_end(c, pid, status);
}

static void spawn(struct container *c)
{
    struct error err;
    c->state = CONTAINER_LAUNCHING;
    if (launch_spawn(c->iso, c->id, c->launch, &c->first_pid, &c->report_fd, &err) != 0) {
        fail_launch(c, &err);
        return;
    }
    c->alive = true;
    c->report_watch = loop_fd(c->iso->loop, c->report_fd, LOOP_READ, on_report, c);
    if (loop_child(c->iso->loop, c->first_pid, on_first_end, c, &c->first_watch, &err) != 0)
        fail_launch(c, &err);
    launch_done(c->launch); /* the memfd has it */
    free(c->launch);
    c->launch = NULL;
}

static void on_attached(struct container *c, const struct error *err)
{
    c->alive = false;
    if (c->state == CONTAINER_ENDING)
        kill_poke(c->kill);
    else if (err != NULL)
        fail_launch(c, err);
    else
        spawn(c);
}

static void connect_and_spawn(struct container *c)
{
    c->state = CONTAINER_CONNECTING;
    c->alive = cni_attach(c, on_attached); /* until stoa-network has ended */
    if (!c->alive)
        spawn(c);
}

static void on_fetched(struct container *c, int status)
{
    struct error err;
    if (c->state == CONTAINER_ENDING) {
        c->alive = false;
        kill_poke(c->kill);
        return;
    }
    c->alive = false;
    if (status == 0) {
        connect_and_spawn(c);
        return;
    }
    if (WIFEXITED(status))
        (void)error_set(&err, ERR_IO, "Failed to fetch all URIs for container '%s': exited with status %d", c->id,
                        WEXITSTATUS(status));
    else
        (void)error_set(&err, ERR_IO, "Failed to fetch all URIs for container '%s': terminated with signal %s", c->id,
                        strsignal(WTERMSIG(status)));
    fail_launch(c, &err);
}

/* --- preparing ---------------------------------------------------------------------------------------- */

/* Which namespaces the process of the parent has for itself. */
static uint32_t foreign_namespaces(pid_t pid)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } map[] = { { "pid", LAUNCH_ENTER_PID }, { "mnt", LAUNCH_ENTER_MNT }, { "ipc", LAUNCH_ENTER_IPC },
                { "net", LAUNCH_ENTER_NET }, { "uts", LAUNCH_ENTER_UTS } };
    uint32_t flags = 0;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        char path[64];
        struct stat mine, theirs;
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", map[i].name);
        if (stat(path, &mine) != 0)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, map[i].name);
        if (stat(path, &theirs) == 0 && (mine.st_ino != theirs.st_ino || mine.st_dev != theirs.st_dev))
            flags |= map[i].flag;
    }
    return flags;
}

static void join_group(struct container *c, const struct cg_group *g, struct launch *l)
{
    char path[CG_PATH_MAX], seen[CG_COUNT][256] = { { 0 } };
    for (int i = 0; i < CG_COUNT; i++) {
        bool again = false; /* co-mounted controllers have one directory */
        for (int j = 0; j < i; j++)
            again = again || strcmp(seen[j], c->iso->cg.mount[i]) == 0;
        if (again || !cg_file(&c->iso->cg, g, (enum cg_controller)i, "cgroup.procs", path))
            continue;
        memcpy(seen[i], c->iso->cg.mount[i], sizeof seen[i]);
        launch_text(l, LAUNCH_CGROUP_PROCS, path);
    }
}

/* The cgroups of the nearest ancestor that has its own, and the group that only serves to find the processes. */
static void join_cgroups(struct container *c, struct launch *l)
{
    char path[CG_PATH_MAX];
    if (c->kill_group.controllers == 0)
        return;
    if (c->iso->cg.v2) {
        if (cg_file(&c->iso->cg, &c->kill_group, CG_FREEZER, "leaf", path))
            launch_text(l, LAUNCH_CGROUP_DIR, path);
        return;
    }
    struct cg_group outer = { .controllers = 0 };
    for (struct container *p = c; p != NULL && outer.controllers == 0; p = p->parent)
        outer = p->group;
    outer.controllers &= ~CG_BIT(CG_FREEZER);
    join_group(c, &outer, l);
    join_group(c, &c->kill_group, l);
}

static int launch_files(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    char path[4096];
    if (runtime_path(c->iso, c->id, "status", path, sizeof path, err) != 0)
        return -(int)err->code;
    launch_text(l, LAUNCH_STATUS_PATH, path);
    struct launch_rlimit nofile = { .resource = RLIMIT_NOFILE, .soft = c->iso->nofile_soft, .hard = c->iso->nofile_hard };
    launch_raw(l, LAUNCH_RLIMIT, &nofile, sizeof nofile); /* an isolator's comes later and wins */
    if (runtime_path(c->iso, c->id, "pid", path, sizeof path, err) != 0)
        return -(int)err->code;
    launch_text(l, LAUNCH_PID_PATH, path);
    if (spec->forked_pid_path != NULL)
        launch_text(l, LAUNCH_PID_PATH, spec->forked_pid_path);
    return 0;
}

/* What a container asks for and no isolator of this agent does. */
static int check_isolators(const struct container *c, const struct container_spec *spec, struct error *err)
{
    if (spec->seccomp_profile != NULL && !iso_has(c->iso, "linux/seccomp"))
        return error_set(err, ERR_INVALID, "seccomp profile '%.80s' needs linux/seccomp in --isolation", spec->seccomp_profile);
    return 0;
}

static int prepare_isolators(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    if (check_isolators(c, spec, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < c->iso->op_count; i++) {
        const struct isolator_ops *op = c->iso->ops[i];
        if (op->prepare != NULL && (!op->needs_cgroup || c->group.controllers != 0) && op->prepare(c, spec, l, err) != 0)
            return -(int)err->code;
    }
    return 0;
}

static int make_cgroups(struct container *c, struct launch *l, struct error *err)
{
    const struct cg_group *g = c->group.controllers != 0 ? &c->group : &c->kill_group;
    if (g->controllers != 0 && cg_create(&c->iso->cg, g, &l->values, err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < c->iso->op_count; i++) {
        const struct isolator_ops *op = c->iso->ops[i];
        if (op->isolate != NULL && (!op->needs_cgroup || c->group.controllers != 0) && op->isolate(c, err) != 0)
            return -(int)err->code;
    }
    return 0;
}

static int prepare(struct container *c, const struct container_spec *spec, struct error *err)
{
    struct launch *l = c->launch;
    if (image_prepare(c, spec, err) != 0 || runtime_make(c, err) != 0 || launch_files(c, spec, l, err) != 0 || input_prepare(c, spec, l, err) != 0 || launch_command(c, spec, l, err) != 0 ||
        sandbox_make(c, err) != 0 || prepare_isolators(c, spec, l, err) != 0)
        return -(int)err->code;
    if (c->parent != NULL && c->iso->root && (l->flags & LAUNCH_ENTER_PID) == 0) {
        uint32_t enter = foreign_namespaces(c->parent->pid);
        if (c->parent->root_workdir != NULL && c->class != CONTAINER_CLASS_DEBUG)
            enter &= ~(uint32_t)LAUNCH_ENTER_MNT; /* another one's image is no place for it */
        if ((l->flags & LAUNCH_NEW_PID_NS) != 0)
            enter &= ~(uint32_t)LAUNCH_ENTER_PID; /* the kernel makes no pid namespace inside one that was only entered */
        if (c->cni != NULL)
            enter &= ~(uint32_t)(LAUNCH_ENTER_NET | LAUNCH_ENTER_UTS);
        l->flags |= enter;
        l->enter_pid = enter != 0 ? c->parent->pid : 0;
    }
    join_cgroups(c, l);
    return make_cgroups(c, l, err);
}

static int check_spec(const struct containerizer *c, const struct container_spec *spec, struct error *err)
{
    if (spec->id == NULL || !container_id_valid(spec->id))
        return error_set(err, ERR_INVALID, "container id '%.80s' is not valid", spec->id != NULL ? spec->id : "");
    if (spec->sandbox == NULL || spec->sandbox[0] != '/')
        return error_set(err, ERR_INVALID, "container %s: the sandbox '%s' is no absolute path", spec->id,
                         spec->sandbox != NULL ? spec->sandbox : "");
    if (container_find(c, spec->id) != NULL)
        return error_set(err, ERR_CONFLICT, "container %s already exists", spec->id);
    if (c->alive_count >= CONTAINERS_MAX)
        return error_set(err, ERR_LIMIT, "%zu containers are alive on this agent; at most %d", c->alive_count, CONTAINERS_MAX);
    if (strchr(spec->id, '.') == NULL)
        return 0;
    const struct container *parent = parent_of(c, spec->id);
    if (parent == NULL)
        return error_set(err, ERR_NOT_FOUND, "the parent of container %s does not exist", spec->id);
    if (parent->state != CONTAINER_RUNNING)
        return error_set(err, ERR_NOT_FOUND, "the parent of container %s is not running", spec->id);
    return 0;
}

static void prepare_and_start(struct container *c, const struct container_spec *spec)
{
    struct error failed;
    c->launch = xcalloc(1, sizeof *c->launch);
    launch_init(c->launch);
    if (prepare(c, spec, &failed) != 0) {
        fail_launch(c, &failed);
    } else if (spec->command.uri_count > 0) {
        c->state = CONTAINER_FETCHING;
        c->alive = true; /* until the fetcher has ended */
        if (fetch_start(c, spec, on_fetched, &failed) != 0) {
            c->alive = false;
            fail_launch(c, &failed);
        }
    } else {
        connect_and_spawn(c);
    }
}

static void on_provisioned(struct container *c, const struct container_spec *spec, const struct error *err)
{
    c->alive = false;
    if (c->state == CONTAINER_ENDING)
        kill_poke(c->kill);
    else if (err != NULL)
        fail_launch(c, err);
    else
        prepare_and_start(c, spec);
    provision_free(c); /* what was got is in place; spec was its */
}

int containerizer_launch(struct containerizer *owner, const struct container_spec *spec, struct error *err)
{
    if (check_spec(owner, spec, err) != 0)
        return -(int)err->code;
    bool own = owner->iso.linux_launcher && (strchr(spec->id, '.') == NULL || spec->own_cgroups);
    struct container *c = container_new(owner, spec->id, spec->sandbox, spec->class, own, err);
    if (c == NULL)
        return -(int)err->code;
    c->res = spec->resources;
    c->io = spec->io;
    c->standalone = spec->standalone;
    c->command_task = spec->command_task;
    struct error failed;
    if (!provision_is_needed(spec)) {
        prepare_and_start(c, spec);
        return 0;
    }
    c->state = CONTAINER_PROVISIONING;
    if (provision_start(c, spec, on_provisioned, &failed) != 0)
        fail_launch(c, &failed);
    return 0;
}

/* --- what goes on while it lives ---------------------------------------------------------------------- */

void container_limit_note(struct container *c, enum container_limit_kind kind, int64_t bytes, const char *message)
{
    if (c->limit_kind != CONTAINER_LIMIT_NONE)
        return;
    c->limit_kind = kind;
    c->limit_bytes = bytes;
    c->limit_message = xstrdup(message);
}

void container_limit_hit(struct container *c, enum container_limit_kind kind, int64_t bytes, const char *message)
{
    container_limit_note(c, kind, bytes, message);
    container_end(c);
}

int containerizer_update(struct containerizer *owner, const char *id, const struct container_resources *r,
                         struct error *err)
{
    struct container *c = container_find_alive(owner, id);
    if (c == NULL)
        return not_found(err, id);
    if (c->state == CONTAINER_ENDING)
        return 0; /* its end is being told */
    for (size_t i = 0; i < c->iso->op_count; i++) {
        const struct isolator_ops *op = c->iso->ops[i];
        if (op->update != NULL && (!op->needs_cgroup || c->group.controllers != 0) && op->update(c, r, err) != 0)
            return -(int)err->code;
    }
    c->res = *r;
    return 0;
}

/* What no isolator has a cgroup to read from: nested containers that share their parent's, and the posix ones. */
static void usage_of_resources(const struct container *c, struct container_usage *u)
{
    const struct container_resources *r = &c->res;
    int64_t mem_limit = r->mem_limit_bytes != CONTAINER_NONE ? r->mem_limit_bytes : r->mem_bytes;

    if (u->cpus_soft_limit_milli == CONTAINER_NONE && r->cpus_milli > 0)
        u->cpus_soft_limit_milli = r->cpus_milli;
    if (u->cpus_limit_milli == CONTAINER_NONE && r->cpus_limit_milli > 0 && r->cpus_limit_milli != CONTAINER_INFINITY)
        u->cpus_limit_milli = r->cpus_limit_milli;
    if (u->mem_soft_limit_bytes == CONTAINER_NONE && r->mem_bytes > 0)
        u->mem_soft_limit_bytes = r->mem_bytes;
    if (u->mem_limit_bytes == CONTAINER_NONE && mem_limit > 0 && mem_limit != CONTAINER_INFINITY)
        u->mem_limit_bytes = mem_limit;
}

int containerizer_usage(struct containerizer *owner, const char *id, struct container_usage *ret, struct error *err)
{
    struct container *c = container_find_alive(owner, id);
    if (c == NULL)
        return not_found(err, id);
    int64_t *v = (int64_t *)(void *)ret;
    for (size_t i = 0; i < sizeof *ret / sizeof *v; i++)
        v[i] = CONTAINER_NONE;
    for (size_t i = 0; i < c->iso->op_count; i++) {
        const struct isolator_ops *op = c->iso->ops[i];
        if (op->usage != NULL && (!op->needs_cgroup || c->group.controllers != 0))
            op->usage(c, ret);
    }
    usage_of_resources(c, ret);
    return 0;
}

int containerizer_status(struct containerizer *owner, const char *id, struct container_status *ret, struct error *err)
{
    struct container *c = container_find_alive(owner, id);
    if (c == NULL)
        return not_found(err, id);
    *ret = (struct container_status){ .pid = c->pid, .has_cgroups = c->group.controllers != 0, .sandbox = c->sandbox,
                                      .networks = cni_status(c), .class = c->class, .io = c->io, .is_running = c->state == CONTAINER_RUNNING };
    return 0;
}

int containerizer_destroy(struct containerizer *owner, const char *id, struct error *err)
{
    struct container *c = container_find_alive(owner, id);
    if (c == NULL)
        return not_found(err, id);
    if (!c->accepted && c->launch_error.code == ERR_OK && c->state != CONTAINER_ENDING)
        (void)error_set(&c->launch_error, ERR_CONFLICT, "Container destroyed during launching");
    c->destroyed = true;
    container_end(c);
    return 0;
}

int containerizer_signal(struct containerizer *owner, const char *id, int sig, struct error *err)
{
    struct container *c = container_find_alive(owner, id);
    if (c == NULL)
        return not_found(err, id);
    if (sig == SIGKILL)
        return containerizer_destroy(owner, id, err);
    if (sig < 1 || sig > 64)
        return error_set(err, ERR_INVALID, "signal %d does not exist; use 1 to 64", sig);
    if (c->state != CONTAINER_RUNNING || c->pid <= 0)
        return error_set(err, ERR_CONFLICT, "container %s is not running yet, or no more", id);
    if (kill(c->pid, sig) != 0) /* the supervisor passes it on */
        return error_set_errno(err, errno, "signal %d to container %s", sig, id);
    return 0;
}

int containerizer_wait_result(struct containerizer *owner, const char *id, struct container_termination *ret,
                              struct error *err)
{
    struct container *c = container_find(owner, id);
    if (c == NULL)
        return not_found(err, id);
    if (c->state != CONTAINER_ENDED)
        return error_set(err, ERR_CONFLICT, "container %s is running", id);
    container_termination_fill(c, c->limit_message, ret);
    return 0;
}

int containerizer_remove(struct containerizer *owner, const char *id, struct error *err)
{
    struct container *c = container_find(owner, id);
    if (c == NULL)
        return 0;
    if (c->state != CONTAINER_ENDED)
        return error_set(err, ERR_CONFLICT, "Container %s is not terminated", id);
    sandbox_remove(c);
    runtime_remove(c->iso, c->id);
    container_free(c);
    return 0;
}

void containerizer_each(const struct containerizer *owner, void (*f)(void *ctx, const char *id), void *ctx)
{
    struct container *c, *next;
    HASH_ITER(hh, owner->table, c, next) {
        if (c->state != CONTAINER_ENDED)
            f(ctx, c->id);
    }
}

size_t containerizer_count(const struct containerizer *owner)
{
    return owner->alive_count;
}
