/* SPDX-License-Identifier: Apache-2.0 */
/* docker/runtime: what an image says about the command in it: Entrypoint, Cmd, Env, WorkingDir, and for containers of Docker's kind
 * User. The executor of a command task is ours, static, and runs in the image's root beside the task; what the task is goes
 * to it behind "--". */
#include "agent/isolation/isolator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/images/images.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

/* What Docker leaves to a container that is not privileged: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
 * net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap. */
#define DOCKER_CAPS                                                                                                          \
    (1ull << 0 | 1ull << 1 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 6 | 1ull << 7 | 1ull << 8 | 1ull << 10 | 1ull << 13 | 1ull << 18 | \
     1ull << 27 | 1ull << 29 | 1ull << 31)

/* The image whose configuration counts; NULL: none does. */
static const struct image *runtime_of(const struct container *c)
{
    return c->iso->o.docker_ignore_runtime ? NULL : provision_image(c);
}

int image_prepare(struct container *c, const struct container_spec *spec, struct error *err)
{
    if (spec->image == NULL) {
        /* Who looks into a container with a root of its own is in that. */
        if (spec->class == CONTAINER_CLASS_DEBUG && c->parent != NULL && c->parent->root_workdir != NULL)
            c->root_workdir = xstrdup(c->parent->root_workdir);
        return 0;
    }
    const struct image *i = runtime_of(c);
    const char *dir = i != NULL ? i->working_dir : NULL;
    char path[4096];
    if (dir == NULL)
        dir = c->iso->o.sandbox_directory;
    if (strchr(dir, '\n') != NULL || strlen(dir) >= sizeof path - 1)
        return error_set(err, ERR_INVALID, "image %.100s: its WorkingDir is no path", spec->image->name);
    (void)snprintf(path, sizeof path, "%s%s", dir[0] == '/' ? "" : "/", dir);
    c->root_workdir = xstrdup(path);
    return 0;
}

char *const *image_environment(const struct container *c)
{
    const struct image *i = runtime_of(c);
    return i != NULL ? i->env : NULL;
}

static int merge(const struct container *c, const struct container_spec *spec, const struct container_command *cmd, const char **argv,
                 struct error *err)
{
    static char *none[] = { NULL };
    char *entrypoint[] = { (char *)(uintptr_t)spec->entrypoint, NULL };
    struct image use = { .name = provision_image(c)->name, .entrypoint = none, .cmd = none };
    const struct image *i = runtime_of(c);
    struct image_command m = { .shell = cmd->shell, .value = cmd->value, .arguments = cmd->argv, .docker = spec->docker };
    if (i != NULL)
        use = *i;
    if (spec->entrypoint != NULL) {
        use.entrypoint = entrypoint;
        use.cmd = none;
    }
    return image_command_merge(&use, &m, argv, LAUNCH_ARGS_MAX, err);
}

int image_launch_command(const struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    const struct container_command *cmd = &spec->command;
    CLEANUP(free_p) const char **argv = xcalloc(LAUNCH_ARGS_MAX, sizeof *argv);
    if (cmd->is_builtin) {
        launch_text(l, LAUNCH_HOST_EXEC, cmd->value);
        for (const char *const *a = cmd->argv; a != NULL && *a != NULL; a++)
            launch_text(l, LAUNCH_ARG, *a);
        cmd = spec->task_command;
        if (cmd == NULL)
            return 0;
        launch_text(l, LAUNCH_ARG, "--");
    }
    if (merge(c, spec, cmd, argv, err) != 0)
        return -(int)err->code;
    if (!spec->command.is_builtin)
        launch_text(l, LAUNCH_EXEC, argv[0]);
    for (const char **a = argv; *a != NULL; a++)
        launch_text(l, LAUNCH_ARG, *a);
    return 0;
}

static bool switches_user(const struct container *c)
{
    return c->iso->root && !c->iso->o.no_switch_user;
}

int image_launch_user(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    const struct image *i = runtime_of(c);
    const char *user = !spec->docker ? spec->command.user : spec->docker_user != NULL ? spec->docker_user : i != NULL ? i->user : NULL;
    struct image_user u;
    if (user == NULL || !switches_user(c))
        return 0;
    if (image_user_find(c->iso->images, provision_image(c), user, &u, err) != 0)
        return -(int)err->code;
    uint32_t groups[LAUNCH_GROUPS_MAX];
    groups[0] = u.gid;
    for (size_t n = 0; n < u.group_count; n++)
        groups[n + 1] = u.groups[n];
    launch_user_record(c, u.uid, u.gid, groups, u.group_count + 1, l);
    return 0;
}

int image_sandbox_path(const struct container *c, const char *path, char *ret, size_t size, struct error *err)
{
    /* Of a container that looks into another one: its own sandbox lies in that one's. */
    const char *base = c->class == CONTAINER_CLASS_DEBUG && c->parent != NULL ? c->parent->sandbox : c->sandbox;
    size_t n = strlen(base);
    bool moved = c->root_workdir != NULL && strncmp(path, base, n) == 0;
    int r = moved ? snprintf(ret, size, "%s%s", c->iso->o.sandbox_directory, path + n) : snprintf(ret, size, "%s", path);
    return r >= 0 && (size_t)r < size ? 0 : error_set(err, ERR_LIMIT, "the sandbox's path is over %zu bytes", size - 1);
}

/* What Docker does by itself, whatever isolators the agent has. */
static int as_docker(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    l->flags |= spec->privileged ? LAUNCH_PRIVILEGED : 0u;
    if (c->parent == NULL && !spec->share_pid_namespace)
        l->flags |= LAUNCH_NEW_PID_NS;
    if (!iso_has(c->iso, isolator_namespaces_ipc.name) && spec->ipc != CONTAINER_IPC_SHARE_PARENT &&
        isolator_namespaces_ipc.prepare(c, spec, l, err) != 0)
        return -(int)err->code;
    if (!iso_has(c->iso, isolator_posix_rlimits.name) && isolator_posix_rlimits.prepare(c, spec, l, err) != 0)
        return -(int)err->code;
    return 0;
}

static int runtime_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    const struct containerizer_options *o = &c->iso->o;
    if (spec->image == NULL || !spec->docker)
        return 0;
    if (as_docker(c, spec, l, err) != 0)
        return -(int)err->code;
    bool said = spec->effective_caps != NULL || spec->bounding_caps != NULL || o->effective_caps != NULL || o->bounding_caps != NULL;
    if (spec->privileged || said)
        return 0;
    struct launch_caps caps = { .effective = c->uid == 0 ? DOCKER_CAPS : 0, .bounding = DOCKER_CAPS };
    launch_raw(l, LAUNCH_CAPS, &caps, sizeof caps);
    return 0;
}

const struct isolator_ops isolator_docker_runtime = { .name = "docker/runtime", .needs_root = true, .prepare = runtime_prepare };
