/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a container, one way for every cause: container_end marks it and what is nested in it, kill.c kills what is left and waits, finish() lets
 * the isolators look (was it a limit?), removes cgroups, gives networks back, and settle() makes the one callback that is due. */
#include "agent/isolation/isolator.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/isolation/cni.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

/* --- what it holds ------------------------------------------------------------------------------------ */

void container_release_launch(struct container *c)
{
    if (c->launch != NULL) {
        launch_done(c->launch);
        free(c->launch);
        c->launch = NULL;
    }
    loop_watch_free(c->report_watch);
    c->report_watch = NULL;
    if (c->report_fd >= 0)
        (void)close(c->report_fd);
    c->report_fd = -1;
}

/* Of a live container (at containerizer_free) or of one that has ended. */
static void release_running(struct container *c)
{
    for (size_t i = 0; i < c->iso->op_count; i++) {
        if (c->iso->ops[i]->cleanup != NULL)
            c->iso->ops[i]->cleanup(c);
    }
    container_release_launch(c);
    provision_free(c);
    loop_watch_free(c->pid_watch);
    loop_watch_free(c->first_watch);
    loop_watch_free(c->fetch_watch);
    c->pid_watch = c->first_watch = c->fetch_watch = NULL;
    kill_free(c->kill);
    c->kill = NULL;
}

void container_free(struct container *c)
{
    struct containerizer *owner = c->iso->owner;
    while (c->children != NULL)
        container_free(c->children);
    release_running(c);
    if (c->state != CONTAINER_ENDED)
        owner->alive_count--;
    if (c->parent != NULL) {
        DL_DELETE2(c->parent->children, c, prev_sibling, next_sibling);
        if (c->state != CONTAINER_ENDED)
            c->parent->child_count--;
    }
    HASH_DEL(owner->table, c);
    free(c->id);
    free(c->sandbox);
    free(c->cg_path);
    free(c->forked_pid_path);
    free(c->fail_text);
    free(c->root_workdir);
    free(c->limit_message);
    free(c);
}

/* --- the end ------------------------------------------------------------------------------------------ */

/* How the command ended: what the supervisor wrote; else how the supervisor itself was ended. */
static void find_status(struct container *c)
{
    c->status_known = runtime_status(c->iso, c->id, &c->status);
    if (c->status_known)
        return;
    if (c->reaped_known && (WIFSIGNALED(c->reaped_status) || WEXITSTATUS(c->reaped_status) != 0)) {
        c->status = c->reaped_status;
        c->status_known = true;
    } else if (c->destroyed || c->limit_kind != CONTAINER_LIMIT_NONE) {
        c->status = SIGKILL;
        c->status_known = true;
    }
}

void container_termination_fill(const struct container *c, const char *message, struct container_termination *t)
{
    *t = (struct container_termination){
        .status_known = c->status_known,
        .status = c->status,
        .limitation = { .kind = c->limit_kind, .message = message, .mem_bytes = CONTAINER_NONE, .disk_bytes = CONTAINER_NONE },
    };
    if (c->limit_kind == CONTAINER_LIMIT_MEMORY)
        t->limitation.mem_bytes = c->limit_bytes;
    else if (c->limit_kind == CONTAINER_LIMIT_DISK)
        t->limitation.disk_bytes = c->limit_bytes;
}

/* The callback that is due. c may be freed by it (a nested one, by containerizer_remove) or was taken out before. */
static void tell_end(struct containerizer *owner, const char *id, bool accepted, const struct error *launch_error,
                     const struct container_termination *t)
{
    if (accepted)
        owner->cb.exited(owner->cb.ctx, id, t);
    else
        owner->cb.launched(owner->cb.ctx, id, 0, launch_error);
}

static void remember_ended(struct container *c)
{
    release_running(c);
    c->state = CONTAINER_ENDED;
    c->iso->owner->alive_count--;
    if (c->parent != NULL && --c->parent->child_count == 0)
        kill_poke(c->parent->kill);
}

/* Nothing of it is left but what is known of its end. */
static void settle(struct container *c, const struct error *detach_error)
{
    struct containerizer *owner = c->iso->owner;
    (void)detach_error; /* told by cb.warn, and tried again */
    find_status(c);
    provision_remove(c);
    CLEANUP(free_p) char *id = xstrdup(c->id);
    CLEANUP(free_p) char *message = c->limit_message != NULL ? xstrdup(c->limit_message) : NULL;
    struct error launch_error = c->launch_error;
    struct container_termination t;
    container_termination_fill(c, message, &t);
    bool accepted = c->accepted, silent = c->silent, keep = accepted && !silent && (c->parent != NULL || c->standalone);
    if (keep) {
        remember_ended(c);
    } else {
        struct container *parent = c->parent;
        runtime_remove(c->iso, c->id);
        container_free(c);
        if (parent != NULL && parent->child_count == 0)
            kill_poke(parent->kill);
    }
    if (!silent)
        tell_end(owner, id, accepted, &launch_error, &t);
}

static void inspect(struct container *c)
{
    for (size_t i = 0; i < c->iso->op_count; i++) {
        const struct isolator_ops *op = c->iso->ops[i];
        if (op->inspect != NULL && (!op->needs_cgroup || c->group.controllers != 0))
            op->inspect(c);
    }
}

bool containerizer_hit_limit(struct containerizer *owner, const char *id)
{
    struct container *c = container_find_alive(owner, id);
    if (c == NULL)
        return false;
    if (c->state == CONTAINER_RUNNING) {
        inspect(c);
        if (c->limit_kind != CONTAINER_LIMIT_NONE)
            container_end(c);
    }
    return c->limit_kind != CONTAINER_LIMIT_NONE;
}

static void finish(struct container *c, const struct error *kill_error)
{
    if (c->cni_job != NULL)
        return; /* looked at again while its networks are given back */
    inspect(c);
    struct error err;
    if (kill_error == NULL && (cg_remove(&c->iso->cg, &c->group, &err) != 0 || cg_remove(&c->iso->cg, &c->kill_group, &err) != 0) &&
        err.code == ERR_CONFLICT) {
        cg_leave(&c->iso->cg, &c->group);
        kill_again(c->kill); /* a dying process still counts for a moment */
        return;
    }
    if (!cni_detach(c, settle))
        settle(c, NULL);
}

void container_end(struct container *c)
{
    if (c->state == CONTAINER_ENDING || c->state == CONTAINER_ENDED)
        return;
    if (c->state == CONTAINER_FETCHING)
        fetch_cancel(c);
    else if (c->state == CONTAINER_CONNECTING)
        cni_cancel(c);
    else if (c->state == CONTAINER_PROVISIONING)
        provision_cancel(c);
    c->state = CONTAINER_ENDING;
    for (struct container *child = c->children; child != NULL; child = child->next_sibling) {
        if (child->state != CONTAINER_ENDED) {
            child->destroyed = true;
            child->silent = child->silent || c->silent;
            container_end(child);
        }
    }
    kill_start(c, finish);
}
