/* SPDX-License-Identifier: Apache-2.0 */
/* Events in, actions out. Each action is one short function; what must be told back to the core is queued. */
#include "agent/shell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "agent/files.h"
#include "agent/gc.h"
#include "agent/isolation/containerizer.h"
#include "agent/paths.h"
#include "agent/wire/encode.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/fs.h"
#include "common/io/tree.h"

enum { MESSAGE_BYTES_MAX = 256 << 20 };

/* An event of our own that waits for its turn; owns its texts. */
struct follow {
    struct follow *next;
    struct agent_event ev;
    char *text[3];
};

double shell_seconds(struct wall t)
{
    return (double)t.ms / 1000.0;
}

static struct follow *follow_add(struct shell *s, enum agent_event_type type, const char *a, const char *b,
                                 const char *c)
{
    struct follow *f = xcalloc(1, sizeof *f);

    f->ev.type = type;
    f->text[0] = a != NULL ? xstrdup(a) : NULL;
    f->text[1] = b != NULL ? xstrdup(b) : NULL;
    f->text[2] = c != NULL ? xstrdup(c) : NULL;
    if (s->follow_tail != NULL)
        s->follow_tail->next = f;
    else
        s->follow_head = f;
    s->follow_tail = f;
    return f;
}

/* --- storing --- */

/* A checkpoint that cannot be written costs recovery, not the task: say so and go on. What the core has to know of is
 * answered besides. */
static void stored(const char *what, const char *id, int rc, const struct error *err)
{
    if (rc != 0)
        log_error("checkpoint_failed", "what=%s id=" LOG_Q " error=" LOG_Q, what, LOG_QARG(str_of(id)),
                  LOG_QARG(str_of(err->msg)));
}

static void do_store_update(struct shell *s, const struct agent_action *act)
{
    struct error err = { 0 };
    int rc = checkpoint_update(&s->checkpoint, s->core, act->flow, act->update, NULL, &err);

    stored("update", act->flow->task_id, rc, &err);
    struct follow *f = follow_add(s, AGENT_EV_UPDATE_STORED, act->flow->framework_id, act->flow->task_id, err.msg);
    f->ev.u.stored.framework = framework_id(str_of(f->text[0]));
    f->ev.u.stored.task = task_id(str_of(f->text[1]));
    f->ev.u.stored.uuid = act->uuid;
    f->ev.u.stored.failed = rc != 0;
    f->ev.u.stored.message = str_of(f->text[2]);
}

static void launch_failed(struct shell *s, const char *id, bool sandbox, const char *message)
{
    struct follow *f = follow_add(s, AGENT_EV_CONTAINER_LAUNCHED, id, message, NULL);

    f->ev.u.launched.container = container_id(str_of(f->text[0]));
    f->ev.u.launched.failed = true;
    f->ev.u.launched.sandbox_failed = sandbox;
    f->ev.u.launched.message = str_of(f->text[1]);
}

static void do_make_sandbox(struct shell *s, const struct agent_action *act)
{
    const struct agent_executor *e = act->executor;
    struct path executor = path_executor(s->work_dir, s->core->id, e);
    struct path run = path_run(s->work_dir, s->core->id, e);
    struct path latest = path_fmt("%s/runs/latest", executor.p);
    struct error err = { 0 };

    /* The containerizer makes the sandbox itself, with its mode and owner. */
    if (fs_mkdirs(path_fmt("%s/runs", executor.p).p, 0755, &err) != 0) {
        log_error("sandbox_failed", "container=%s error=" LOG_Q, e->container_id, LOG_QARG(str_of(err.msg)));
        return; /* the launch will say so */
    }
    bool linked = symlink(run.p, latest.p) == 0;
    if (!linked && errno == EEXIST && unlink(latest.p) == 0) /* of the run before */
        linked = symlink(run.p, latest.p) == 0;
    if (!linked)
        log_warn("sandbox_link", "path=" LOG_Q, LOG_QARG(str_of(latest.p)));
    files_attach_sandbox(s->files, e, run.p);
}

/* Folders of persistent volumes; a task's volume is a link or mount to it. */
static int make_volumes(struct shell *s, struct error *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < s->core->checkpointed.n && rc == 0; i++) {
        const struct resource *r = &s->core->checkpointed.v[i];
        if (resource_is_persistent_volume(r) && !resource_is_disk(r, DISK_MOUNT))
            rc = fs_mkdirs(path_volume(s->work_dir, r).p, 0755, err);
    }
    return rc;
}

static void written(struct shell *s, enum agent_event_type type, int rc, const struct error *err)
{
    struct follow *f = follow_add(s, type, err->msg, NULL, NULL);

    f->ev.u.written.failed = rc != 0;
    f->ev.u.written.message = str_of(f->text[0]);
}

static void do_store_resources(struct shell *s)
{
    struct error err = { 0 }, unread = { 0 };
    int rc = make_volumes(s, &err);

    if (rc == 0)
        rc = checkpoint_resources(&s->checkpoint, s->core, &err);
    stored("resources", s->core->id, rc, &err);
    if (rc == 0) /* nothing here reads it: an original agent of before operations would */
        stored("resources.info", s->core->id, checkpoint_resources_info(&s->checkpoint, s->core, &unread), &unread);
    written(s, AGENT_EV_RESOURCES_STORED, rc, &err);
}

static void do_store_info(struct shell *s)
{
    struct error err = { 0 };
    int rc = checkpoint_info(&s->checkpoint, s->core, &s->env, &err);

    stored("agent", s->core->id, rc, &err);
    written(s, AGENT_EV_INFO_STORED, rc, &err);
}

static void volume_removed(void *arg, const struct error *err)
{
    char *path = arg;

    if (err == NULL)
        log_info("volume_removed", "path=" LOG_Q, LOG_QARG(str_of(path)));
    else
        log_warn("volume_not_removed", "path=" LOG_Q " error=" LOG_Q, LOG_QARG(str_of(path)), LOG_QARG(str_of(err->msg)));
    free(path);
}

/* Of a whole disk the place where it is mounted stays. */
static void empty_disk(struct shell *s, const char *root)
{
    DIR *d = opendir(root);
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            struct path p = path_fmt("%s/%s", root, e->d_name);
            tree_remove_later(s->loop, AT_FDCWD, p.p, volume_removed, xstrdup(p.p));
        }
    if (d != NULL)
        (void)closedir(d);
}

static void remove_volume(struct shell *s, const struct resource *r)
{
    struct path p = path_volume(s->work_dir, r);

    if (resource_is_disk(r, DISK_MOUNT))
        empty_disk(s, p.p);
    else
        tree_remove_later(s->loop, AT_FDCWD, p.p, volume_removed, xstrdup(p.p));
}

/* --- sending --- */

static void do_send(struct shell *s, const struct agent_action *act)
{
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(MESSAGE_BYTES_MAX);
    struct msg_pid to = s->master;
    const char *name = agent_encode_message(s->core, &s->env, act, &body);

    if (name == NULL || (act->to.n != 0 && !msg_pid_parse(act->to, &to))) {
        log_warn("send_nowhere", "to=" LOG_Q, LOG_QARG(act->to));
        return;
    }
    if (act->type == AGENT_DO_REGISTER || act->type == AGENT_DO_REREGISTER) {
        /* Over a connection without a link the end of the master that takes this in would go unnoticed. */
        (void)msg_link(s->msg, &s->master);
        if (sbuf_ok(&body) && login_holds(s, name, sbuf_view(&body)))
            return;
    }
    if (!sbuf_ok(&body) || msg_send(s->msg, &s->self, &to, str_of(name), sbuf_view(&body)) != 0)
        log_warn("send_failed", "message=%s bytes=%zu retrying later", name, body.n);
}

/* --- containers --- */

static void do_launch(struct shell *s, const struct agent_executor *e)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(64 << 20);
    struct container_spec spec;
    struct error err = { 0 };

    int rc = spec_executor(s, e, &arena, &spec, &err);
    if (rc == 0)
        rc = containerizer_launch(s->containers, &spec, &err);
    if (rc != 0) {
        log_error("launch_failed", "container=%s error=" LOG_Q, e->container_id, LOG_QARG(str_of(err.msg)));
        launch_failed(s, e->container_id, false, err.msg);
        return;
    }
    log_info("container_launch", "framework=%s executor=" LOG_Q " container=%s", e->framework->id,
             LOG_QARG(str_of(e->id)), e->container_id);
}

static void do_update_container(struct shell *s, const struct agent_executor *e)
{
    struct container_resources r;
    struct error err = { 0 };

    spec_executor_resources(e, &r);
    if (containerizer_update(s->containers, e->container_id, &r, &err) == 0)
        return;
    log_error("container_update_failed", "container=%s error=" LOG_Q, e->container_id, LOG_QARG(str_of(err.msg)));
    struct follow *f = follow_add(s, AGENT_EV_CONTAINER_UPDATE_FAILED, e->container_id, err.msg, NULL);
    f->ev.u.update_failed.container = container_id(str_of(f->text[0]));
    f->ev.u.update_failed.message = str_of(f->text[1]);
}

static void do_destroy(struct shell *s, const struct agent_executor *e)
{
    struct error err = { 0 };

    if (containerizer_destroy(s->containers, e->container_id, &err) != -(int)ERR_NOT_FOUND)
        return;
    /* It is not there any more, and nobody will report its end. */
    struct follow *f = follow_add(s, AGENT_EV_CONTAINER_EXITED, e->container_id, NULL, NULL);
    f->ev.u.exited.container = container_id(str_of(f->text[0]));
    f->ev.u.exited.reason = REASON_NONE;
}

/* --- the rest --- */

static void do_link(struct shell *s, const struct agent_action *act)
{
    if (msg_pid_is_set(&s->master))
        msg_unlink(s->msg, &s->master);
    if (!msg_pid_parse(act->to, &s->master)) {
        log_error("master_pid", "pid=" LOG_Q, LOG_QARG(act->to));
        return;
    }
    (void)msg_link(s->msg, &s->master); /* a failure comes as on_exited */
}

static void do_exit(struct shell *s, const struct agent_action *act)
{
    if (act->status != 0)
        log_error("exit", "reason=" LOG_Q, LOG_QARG(act->text));
    else
        log_info("exit", "reason=" LOG_Q, LOG_QARG(act->text));
    s->exiting = true;
    s->exit_status = act->status;
    loop_stop(s->loop);
}

static void carry_out(struct shell *s, const struct agent_action *act)
{
    struct checkpoint *c = &s->checkpoint;
    const struct agent *a = s->core;
    struct error err = { 0 };

    switch (act->type) {
    case AGENT_DO_NOTE:
        log_event(act->warn ? LOG_WARN : LOG_INFO, "note", "text=" LOG_Q, LOG_QARG(act->text));
        break;
    case AGENT_DO_STORE_INFO: do_store_info(s); break;
    case AGENT_DO_STORE_BOOT_ID: stored("boot_id", c->boot_id, checkpoint_boot_id(c, &err), &err); break;
    case AGENT_DO_FORGET_AGENT: checkpoint_forget_agent(c); break;
    case AGENT_DO_STORE_FRAMEWORK:
        stored("framework", act->framework->id, checkpoint_framework(c, a, act->framework, &err), &err);
        break;
    case AGENT_DO_STORE_EXECUTOR:
        stored("executor", act->executor->id, checkpoint_executor(c, a, act->executor, &err), &err);
        break;
    case AGENT_DO_MAKE_SANDBOX: do_make_sandbox(s, act); break;
    case AGENT_DO_STORE_HTTP_MARKER:
        stored("http.marker", act->executor->id, checkpoint_mark(c, a, act->executor, "http.marker", &err), &err);
        break;
    case AGENT_DO_STORE_EXECUTOR_PID:
        stored("libprocess.pid", act->executor->id, checkpoint_executor_pid(c, a, act->executor, &err), &err);
        break;
    case AGENT_DO_STORE_SENTINEL:
        stored("executor.sentinel", act->executor->id,
               checkpoint_mark(c, a, act->executor, "executor.sentinel", &err), &err);
        break;
    case AGENT_DO_STORE_TASK:
        stored("task", act->task->id, checkpoint_task(c, a, act->executor, act->task, &err), &err);
        break;
    case AGENT_DO_STORE_UPDATE: do_store_update(s, act); break;
    case AGENT_DO_STORE_ACK:
        stored("acknowledgement", act->flow->task_id,
               checkpoint_update(c, a, act->flow, NULL, &act->uuid, &err), &err);
        break;
    case AGENT_DO_STORE_RESOURCES: do_store_resources(s); break;
    case AGENT_DO_REMOVE_VOLUME: remove_volume(s, act->volume); break;
    case AGENT_DO_STORE_OPERATION:
        stored("operation", a->id, checkpoint_operation(c, a, act->operation, false, &err), &err);
        break;
    case AGENT_DO_STORE_OPERATION_ACK:
        stored("operation", a->id, checkpoint_operation(c, a, act->operation, true, &err), &err);
        break;
    case AGENT_DO_STORE_DRAIN: stored("drain.config", a->id, checkpoint_drain(c, a, &err), &err); break;
    case AGENT_DO_CLEAR_DRAIN: checkpoint_clear_drain(c, a); break;
    case AGENT_DO_LINK_MASTER: do_link(s, act); break;
    case AGENT_DO_REGISTER:
    case AGENT_DO_REREGISTER:
    case AGENT_DO_UNREGISTER:
    case AGENT_DO_UPDATE_AGENT:
    case AGENT_DO_PONG:
    case AGENT_DO_SEND_UPDATE:
    case AGENT_DO_SEND_EXITED:
    case AGENT_DO_SEND_MESSAGE:
    case AGENT_DO_SEND_OPERATION: do_send(s, act); break;
    case AGENT_DO_EXECUTOR_RECONNECT: exec_driver_reconnect(s, act); break;
    case AGENT_DO_EXECUTOR_SUBSCRIBED:
    case AGENT_DO_EXECUTOR_LAUNCH:
    case AGENT_DO_EXECUTOR_LAUNCH_GROUP:
    case AGENT_DO_EXECUTOR_KILL:
    case AGENT_DO_EXECUTOR_ACK:
    case AGENT_DO_EXECUTOR_MESSAGE:
    case AGENT_DO_EXECUTOR_SHUTDOWN: exec_stream_send(s, act); break;
    case AGENT_DO_EXECUTOR_CLOSE: exec_stream_close(s, act->stream); break;
    case AGENT_DO_LAUNCH_CONTAINER: do_launch(s, act->executor); break;
    case AGENT_DO_UPDATE_CONTAINER: do_update_container(s, act->executor); break;
    case AGENT_DO_DESTROY_CONTAINER: do_destroy(s, act->executor); break;
    case AGENT_DO_GC_EXECUTOR: gc_executor(s->gc, a, act->executor); break;
    case AGENT_DO_GC_FRAMEWORK: gc_framework(s->gc, a, act->framework); break;
    case AGENT_DO_UNGC: gc_reuse(s->gc, a, act->framework, act->executor_id); break;
    case AGENT_DO_EXIT: do_exit(s, act); break;
    case AGENT_DO_COUNT: break;
    }
}

static void step_one(struct shell *s, struct agent_event *ev)
{
    ev->now = loop_now(s->loop);
    ev->wall = loop_wall(s->loop);
    bool recovering = !s->core->recovery_done;
    struct agent_actions actions = agent_step(s->core, ev);
    if (recovering && s->core->recovery_done)
        s->recovery_secs = (double)mono_diff(ev->now, s->started_mono) / 1e9;
    for (size_t i = 0; i < actions.count; i++)
        carry_out(s, &actions.v[i]);
    loop_timer_at(&s->wake, actions.wake_at);
}

void shell_step(struct shell *s, struct agent_event *ev)
{
    ASSERT(!s->stepping); /* callbacks come from the loop, never from inside an action */
    s->stepping = true;
    step_one(s, ev);
    while (s->follow_head != NULL) {
        struct follow *f = s->follow_head;
        s->follow_head = f->next;
        if (s->follow_head == NULL)
            s->follow_tail = NULL;
        step_one(s, &f->ev);
        for (size_t i = 0; i < 3; i++)
            free(f->text[i]);
        free(f);
    }
    s->stepping = false;
}
