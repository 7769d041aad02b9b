/* SPDX-License-Identifier: Apache-2.0 */
/* Finding containers again after the agent was killed or restarted. The agent's checkpoints say which top-level containers
 * are wanted, and the runtime directory says what exists and which are standalone, wanted by themselves. A pid counts only when the process is a stoa-launcher of that
 * container (its argument is the id), so a reused pid is never adopted or killed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/isolation/cni.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

static bool is_supervisor_of(pid_t pid, const char *id)
{
    char path[64], text[CONTAINER_ID_MAX + 64];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    CLEANUP(fd_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = 0;
    size_t first = strlen(text);
    return strcmp(text, "stoa-launcher") == 0 && first + 1 < (size_t)n && strcmp(text + first + 1, id) == 0;
}

/* The controllers the container was made with may be others than today's flags say. */
static void existing_groups(struct container *c, bool own)
{
    for (int i = 0; i < CG_COUNT; i++) {
        struct cg_group one = c->kill_group;
        one.controllers = CG_BIT(i);
        if (own && c->iso->root && c->iso->cg.mount[i][0] != 0 && cg_exists(&c->iso->cg, &one))
            c->group.controllers |= CG_BIT(i);
        else
            c->group.controllers &= ~CG_BIT(i);
    }
    c->kill_group.controllers = 0;
    struct cg_group freezer = c->group;
    freezer.controllers = CG_BIT(CG_FREEZER);
    if (c->iso->root && c->iso->cg.mount[CG_FREEZER][0] != 0 && cg_exists(&c->iso->cg, &freezer))
        c->kill_group.controllers = CG_BIT(CG_FREEZER);
}

static void watch_again(struct container *c, pid_t pid)
{
    struct error err;
    c->state = CONTAINER_RUNNING;
    c->accepted = true;
    if (pid > 0 && is_supervisor_of(pid, c->id) &&
        loop_process(c->iso->loop, pid, container_on_supervisor_end, c, &c->pid_watch, &err) == 0) {
        c->pid = pid;
        c->alive = true;
    }
}

static int adopt(struct containerizer *owner, const char *id, const char *sandbox, const struct runtime_config *config,
                 pid_t pid, struct container **ret, struct error *err)
{
    struct container *c = container_new(owner, id, sandbox, config->class, config->own_cgroups, err);
    if (c == NULL)
        return -(int)err->code;
    c->io = config->io;
    c->standalone = config->standalone;
    c->res = config->res;
    c->root_workdir = config->root_workdir != NULL ? xstrdup(config->root_workdir) : NULL;
    existing_groups(c, config->own_cgroups);
    watch_again(c, pid);
    *ret = c;
    return 0;
}

/* A failing isolator means that a limit may not be noticed; the container is worth more. */
static void recover_isolators(struct container *c)
{
    for (size_t i = 0; i < c->iso->op_count; i++) {
        const struct isolator_ops *op = c->iso->ops[i];
        struct error err;
        if (op->recover == NULL || (op->needs_cgroup && (c->group.controllers & op->controllers) != op->controllers))
            continue;
        if (op->recover(c, &err) != 0)
            iso_capability(c->iso, "container %s: %s does not watch it any more: %s", c->id, op->name, err.msg);
    }
}

struct scan {
    struct containerizer *owner;
    size_t orphans;
    struct error *err;
    int result;
};

static void scan_entry(void *arg, const char *id)
{
    struct scan *s = arg;
    struct containerizer *owner = s->owner;
    if (s->result != 0 || !container_id_valid(id) || container_find(owner, id) != NULL)
        return;
    struct runtime_config config;
    (void)runtime_config(&owner->iso, id, &config);
    CLEANUP(free_p) char *workdir = config.root_workdir;
    CLEANUP(free_p) char *sandbox = config.sandbox != NULL ? config.sandbox : xstrdup("/");
    struct container *c = NULL;
    s->result = adopt(owner, id, sandbox, &config, runtime_pid(&owner->iso, id), &c, s->err);
    if (c == NULL)
        return;
    if (!c->standalone && (c->parent == NULL || c->parent->silent)) {
        c->silent = true;
        s->orphans++;
    } else if (c->class == CONTAINER_CLASS_DEBUG) {
        c->silent = true; /* whose answer was cut when the agent ended */
    } else {
        recover_isolators(c);
    }
}

/* A group without an entry in the runtime directory: that was lost (it is in /run, say), or the entry of a container that
 * could not be killed in time. Another agent's groups may be beside ours, so only what was ours is ended. */
static void scan_group(void *arg, const char *id)
{
    struct scan *s = arg;
    struct containerizer *owner = s->owner;
    const struct containerizer_options *o = &owner->iso.o;
    struct runtime_config config = { .own_cgroups = true };
    struct container *c = NULL;
    if (s->result != 0 || !container_id_valid(id) || container_find(owner, id) != NULL || o->owned == NULL ||
        !o->owned(owner->cb.ctx, id))
        return;
    if (adopt(owner, id, "/", &config, 0, &c, s->err) != 0)
        return;
    c->silent = true;
    s->orphans++;
}

int containerizer_recover(struct containerizer *owner, const struct container_known *known, size_t count,
                          size_t *ret_orphans, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct container_known *k = &known[i];
        struct container *c = NULL;
        struct runtime_config config;
        if (!container_id_valid(k->id) || container_find(owner, k->id) != NULL)
            return error_set(err, ERR_INVALID, "recovered container id '%.80s' is not valid or there twice", k->id);
        (void)runtime_config(&owner->iso, k->id, &config);
        CLEANUP(free_p) char *workdir = config.root_workdir;
        free(config.sandbox);
        pid_t pid = k->pid > 0 ? k->pid : runtime_pid(&owner->iso, k->id);
        if (adopt(owner, k->id, k->sandbox, &config, pid, &c, err) != 0)
            return -(int)err->code;
        c->res = k->resources;
        c->command_task = k->command_task;
        recover_isolators(c);
    }
    struct scan s = { .owner = owner, .err = err };
    runtime_each(&owner->iso, scan_entry, &s);
    if (owner->iso.root)
        cg_each_group(&owner->iso.cg, scan_group, &s);
    s.orphans += cni_recover(owner);
    provision_recover(owner);
    struct container *c, *next;
    HASH_ITER(hh, owner->table, c, next) {
        if (!c->alive || c->silent)
            container_end(c); /* a nested one that ended before becomes ENDED with its status */
    }
    if (ret_orphans != NULL)
        *ret_orphans = s.orphans;
    return s.result;
}
