/* SPDX-License-Identifier: Apache-2.0 */
/* The step: clears what the last one left, dispatches the event, computes when to wake. Registration, pings and the
 * order to end are here; tasks are in launch.c, executor.c, kill.c and status_updates.c, the rest in recover.c and
 * operations.c; ending.c, objects.c, streams.c and actions.c are what these stand on. To add an event: the enum and union in agent.h, an arm in dispatch(), a decoder in agent/wire. */
#include "agent/core/internal.h"

#include "common/base/alloc.h"

enum { AGENT_SCRATCH_BYTES = 256 << 20 }; /* of one step's texts and arrays */

struct agent *agent_core_new(const struct agent_config *config, const struct agent_codec *codec, struct rng rng)
{
    struct agent *a = xcalloc(1, sizeof *a);

    a->config = *config;
    a->codec = *codec;
    a->rng = rng;
    a->state = AGENT_RECOVERING;
    a->resource_version = uuid_make(&a->rng);
    a->ping_timeout_ns = AGENT_PING_TIMEOUT_NS;
    a->recover_by = a->register_at = a->ping_by = a->store_at = MONO_NEVER;
    a->drain_grace_ns = -1;
    arena_init(&a->scratch, AGENT_SCRATCH_BYTES);
    return a;
}

static void bury(struct agent *a)
{
    while (a->dead_tasks != NULL) {
        struct agent_task *t = a->dead_tasks;
        a->dead_tasks = t->next;
        agent_task_free(t);
    }
    while (a->dead_executors != NULL) {
        struct agent_executor *e = a->dead_executors;
        a->dead_executors = e->next;
        agent_executor_free(e);
    }
    while (a->dead_frameworks != NULL) {
        struct agent_framework *f = a->dead_frameworks;
        a->dead_frameworks = f->next;
        agent_framework_free(f);
    }
    while (a->dead_updates != NULL) {
        struct agent_update *u = a->dead_updates;
        a->dead_updates = u->next;
        agent_update_free(u);
    }
    while (a->dead_streams != NULL) {
        struct agent_stream *s = a->dead_streams;
        a->dead_streams = s->next_dead;
        agent_stream_free(s);
    }
    while (a->dead_operations != NULL) {
        struct agent_operation *o = a->dead_operations;
        a->dead_operations = o->next;
        agent_operation_free(o);
    }
}

void agent_core_free(struct agent *a)
{
    struct agent_framework *f, *fnext;
    struct agent_stream *s, *snext;
    struct agent_operation *o, *onext;

    if (a == NULL)
        return;
    bury(a);
    HASH_ITER(hh, a->frameworks, f, fnext) {
        HASH_DEL(a->frameworks, f);
        agent_framework_free(f);
    }
    DL_FOREACH_SAFE(a->completed, f, fnext) {
        DL_DELETE(a->completed, f);
        agent_framework_free(f);
    }
    HASH_ITER(hh, a->streams, s, snext) {
        HASH_DEL(a->streams, s);
        agent_stream_free(s);
    }
    HASH_ITER(hh, a->operations, o, onext) {
        HASH_DEL(a->operations, o);
        agent_operation_free(o);
    }
    agent_exits_free(a);
    resources_done(&a->total);
    resources_done(&a->checkpointed);
    resources_done(&a->destroyed);
    resources_done(&a->undo.total);
    resources_done(&a->declared);
    resources_done(&a->oversubscribed);
    blob_unref(a->drain_config);
    arena_done(&a->scratch);
    free(a->actions);
    free(a->id);
    free(a->master);
    free(a->master_id);
    free(a);
}

/* --- registration --- */

static void try_registration(struct agent *a)
{
    if (a->state != AGENT_DISCONNECTED || a->master == NULL) {
        a->register_at = MONO_NEVER;
        return;
    }
    /* A launch that is still on its way was sent before the master knows of this report: the task is not in it, so the
     * master will give it up, or count it as missing. It carries an older version, which keeps it out. Should the answer
     * to an earlier report be what lets us in, UpdateSlave tells the master the version. */
    if (a->id != NULL)
        a->resource_version = uuid_make(&a->rng);
    agent_do(a, a->id == NULL ? AGENT_DO_REGISTER : AGENT_DO_REREGISTER)->to = str_of(a->master);
    a->register_backoff_ns = a->register_backoff_ns * 2 < AGENT_REGISTER_MAX_NS ? a->register_backoff_ns * 2
                                                                               : AGENT_REGISTER_MAX_NS;
    /* Not sooner than a tenth of the interval: a try that is repeated at once only doubles the work of a busy master. */
    a->register_at = mono_add(a->now, a->register_backoff_ns / 10 + agent_random_below(a, a->register_backoff_ns));
}

static void set_master_id(struct agent *a, struct str id)
{
    char *old = a->master_id;

    a->master_id = id.n != 0 ? xstrndup(id) : NULL;
    free(old);
}

static void on_master(struct agent *a, const struct agent_event *ev)
{
    struct str pid = ev->u.master.pid;

    set_master_id(a, ev->u.master.id);
    if (pid.n == 0) {
        free(a->master);
        a->master = NULL;
        if (a->state == AGENT_RUNNING)
            agent_set_state(a, AGENT_DISCONNECTED);
        a->register_at = MONO_NEVER;
        return;
    }
    char *old = a->master;
    a->master = xstrndup(pid);
    free(old);
    agent_start_registration(a);
}

static void on_link_broken(struct agent *a, const struct agent_event *ev)
{
    if (a->master == NULL || !str_is(ev->from, a->master))
        return;
    if (a->state == AGENT_RUNNING) {
        agent_note(a, true, "connection to master %s broke; registering again", a->master);
        agent_start_registration(a);
    } else if (a->state == AGENT_DISCONNECTED) {
        /* Nobody listens there: ask again soon, and not ever more seldom. */
        a->register_backoff_ns = a->config.registration_backoff_ns;
        struct mono soon = mono_add(a->now, a->register_backoff_ns / 2 + agent_random_below(a, a->register_backoff_ns));
        a->register_at = mono_min(a->register_at, soon);
    }
}

static bool from_master(struct agent *a, const struct agent_event *ev, const char *what)
{
    if (a->master != NULL && str_is(ev->from, a->master))
        return true;
    agent_note(a, true, "ignoring %s from %.*s, which is not the master (%s)", what, STR_ARG(ev->from),
               a->master != NULL ? a->master : "none");
    return false;
}

/* An acknowledgement rests on a report of ours. One that was sent before the master knew of the newest (by an earlier life of it,
 * say) is of no use: that report calls the update unacknowledged, so whoever took it in waits for the update, and for its framework's
 * word. It is sent again. */
static bool acks_newest_report(struct agent *a, const struct uuid *version, const char *what)
{
    if (version == NULL || uuid_eq(version, &a->resource_version))
        return true;
    agent_note(a, false, "ignoring %s that is older than the last registration", what);
    return false;
}

/* Tasks the master believes to be here and which we did not list. */
static void reconcile(struct agent *a, const struct agent_reconcile_task *r)
{
    struct agent_framework *f = agent_framework_find(a, r->framework.s);
    bool aware = f != NULL ? framework_info_can(f->info, FRAMEWORK_CAP_PARTITION_AWARE) : r->partition_aware;

    if (f != NULL && agent_executor_of_task(f, r->task.s) != NULL)
        return;
    agent_note(a, true, "task %.*s of framework %.*s is unknown here; telling the master", STR_ARG(r->task.s),
               STR_ARG(r->framework.s));
    agent_update_make(a, r->framework, aware, NULL, r->task, TASK_DROPPED, REASON_RECONCILIATION,
                      STR("Reconciliation: task unknown to the agent"), NULL);
}

static void on_registered(struct agent *a, const struct agent_event *ev)
{
    struct str id = ev->u.registered.agent.s;

    if (!from_master(a, ev, ev->u.registered.again ? "SlaveReregistered" : "SlaveRegistered"))
        return;
    if (a->state != AGENT_DISCONNECTED && a->state != AGENT_RUNNING)
        return;
    if (a->id != NULL && !str_is(id, a->id)) {
        agent_exit(a, 1, agent_text(a, "the master registered this agent as %.*s, but it is %s; another agent answers "
                                  "for this address, or the work directory is not this machine's", STR_ARG(id), a->id));
        return;
    }
    if (ev->u.registered.ping_timeout_ns > 0)
        a->ping_timeout_ns = ev->u.registered.ping_timeout_ns;
    a->register_at = MONO_NEVER;
    if (a->id == NULL)
        a->id = xstrndup(id);
    if (a->state == AGENT_DISCONNECTED) /* also when it is known: the description may have changed */
        agent_do(a, AGENT_DO_STORE_INFO);
    if (a->state == AGENT_DISCONNECTED)
        agent_set_state(a, AGENT_RUNNING);
    a->ping_by = mono_add(a->now, a->ping_timeout_ns);
    agent_do(a, AGENT_DO_UPDATE_AGENT)->to = str_of(a->master);
    agent_exits_send(a);
    agent_updates_resend(a);
    agent_operations_resend(a);
    for (size_t i = 0; i < ev->u.registered.task_count; i++)
        reconcile(a, &ev->u.registered.tasks[i]);
}

static void on_info_stored(struct agent *a, const struct agent_event *ev)
{
    if (!ev->u.written.failed) {
        a->id_stored = true;
        a->store_at = MONO_NEVER;
        return;
    }
    agent_note(a, true, "the agent's id %s cannot be stored (%.*s)%s; trying again in a second", a->id,
               STR_ARG(ev->u.written.message), a->id_stored ? "" : ": no tasks until it is");
    a->store_at = mono_add(a->now, AGENT_STORE_RETRY_NS);
}

/* Another master than we thought is there now. */
static void on_refused(struct agent *a, const struct agent_event *ev)
{
    if (!from_master(a, ev, "Ping") || (a->master_id != NULL && str_is(ev->u.ping.master, a->master_id)))
        return;
    agent_note(a, false, "the master there is %.*s now; registering again", STR_ARG(ev->u.ping.master));
    set_master_id(a, ev->u.ping.master);
    agent_start_registration(a);
}

static void on_ping(struct agent *a, const struct agent_event *ev)
{
    if (ev->u.ping.master.n != 0) {
        on_refused(a, ev);
        return;
    }
    agent_do(a, AGENT_DO_PONG)->to = arena_str(&a->scratch, ev->from);
    if (a->state != AGENT_RUNNING)
        return;
    a->ping_by = mono_add(a->now, a->ping_timeout_ns);
    if (!ev->u.ping.connected) {
        agent_note(a, true, "the master considers this agent disconnected; registering again");
        agent_start_registration(a);
    }
}

/* A new estimate replaces the one before; the master hears of a change only. */
static void on_estimate(struct agent *a, const struct agent_event *ev)
{
    if (a->oversubscribes && resources_eq(&a->oversubscribed, ev->u.estimate.oversubscribed))
        return;
    a->oversubscribes = true;
    resources_done(&a->oversubscribed);
    a->oversubscribed = resources_copy(ev->u.estimate.oversubscribed);
    if (a->state == AGENT_RUNNING)
        agent_do(a, AGENT_DO_UPDATE_AGENT)->to = str_of(a->master);
}

/* --- the end --- */

void agent_terminate(struct agent *a, struct str why)
{
    struct agent_framework *f, *next;

    if (a->state == AGENT_TERMINATING)
        return;
    agent_note(a, false, "shutting down: %.*s", STR_ARG(why));
    agent_set_state(a, AGENT_TERMINATING);
    a->register_at = MONO_NEVER;
    a->recover_by = MONO_NEVER;
    if (a->frameworks == NULL) {
        agent_exit_if_done(a);
        return;
    }
    HASH_ITER(hh, a->frameworks, f, next)
        agent_framework_shutdown(a, f);
}

static void on_unregister(struct agent *a)
{
    if (a->state == AGENT_RUNNING && a->master != NULL)
        agent_do(a, AGENT_DO_UNREGISTER)->to = str_of(a->master);
    agent_terminate(a, STR("asked by a signal"));
}

static void on_shutdown(struct agent *a, const struct agent_event *ev)
{
    struct str message = ev->u.shutdown.message;

    if (from_master(a, ev, "Shutdown"))
        agent_terminate(a, agent_text(a, "the master said: %.*s", STR_ARG(message)));
}

static void on_shutdown_framework(struct agent *a, const struct agent_event *ev)
{
    struct agent_framework *f = agent_framework_find(a, ev->u.shutdown_one.framework.s);

    if (!from_master(a, ev, "ShutdownFramework"))
        return;
    if (f != NULL)
        agent_framework_shutdown(a, f);
    else
        agent_updates_forget_framework(a, ev->u.shutdown_one.framework.s);
}

static void on_shutdown_executor(struct agent *a, const struct agent_event *ev)
{
    struct agent_framework *f = agent_framework_find(a, ev->u.shutdown_one.framework.s);
    struct agent_executor *e = f != NULL ? agent_executor_find(f, ev->u.shutdown_one.executor.s) : NULL;

    if (!from_master(a, ev, "ShutdownExecutor"))
        return;
    if (e != NULL)
        agent_executor_shutdown(a, e);
}

static void on_update_framework(struct agent *a, const struct agent_event *ev)
{
    struct agent_framework *f = agent_framework_find(a, ev->u.update_framework.framework.s);

    if (!from_master(a, ev, "UpdateFramework"))
        return;
    if (f != NULL && f->state == AGENT_FRAMEWORK_RUNNING) {
        if (ev->u.update_framework.info != NULL) {
            framework_info_unref(f->info);
            f->info = framework_info_ref(ev->u.update_framework.info);
        }
        agent_framework_set_pid(f, ev->u.update_framework.pid);
        if (f->info->checkpoint)
            agent_do(a, AGENT_DO_STORE_FRAMEWORK)->framework = f;
    }
    agent_updates_resend(a); /* a scheduler that failed over asks for what it may have missed */
}

static void on_stored(struct agent *a, const struct agent_event *ev)
{
    if (ev->u.stored.failed) { /* a full disk may get room again: the executor keeps the update meanwhile */
        agent_note(a, true, "an update of task %.*s cannot be stored (%.*s); trying again in a second",
                   STR_ARG(ev->u.stored.task.s), STR_ARG(ev->u.stored.message));
        agent_update_not_stored(a, ev->u.stored.framework, ev->u.stored.task);
        return;
    }
    agent_update_stored(a, ev->u.stored.framework, ev->u.stored.task, &ev->u.stored.uuid);
}

static void tick(struct agent *a)
{
    if (!mono_before(a->now, a->recover_by))
        agent_recovery_check(a);
    if (!mono_before(a->now, a->register_at))
        try_registration(a);
    if (!mono_before(a->now, a->store_at)) {
        a->store_at = MONO_NEVER;
        agent_do(a, AGENT_DO_STORE_INFO);
    }
    if (!mono_before(a->now, a->ping_by)) {
        agent_note(a, true, "no ping from the master for %lld s; registering again",
                   (long long)(a->ping_timeout_ns / NS_PER_S));
        agent_start_registration(a);
    }
    agent_executors_tick(a);
    agent_updates_tick(a);
    agent_operations_tick(a);
}

static void dispatch(struct agent *a, const struct agent_event *ev)
{
    switch (ev->type) {
    case AGENT_EV_RECOVERED: agent_on_recovered(a, ev); break;
    case AGENT_EV_MASTER: on_master(a, ev); break;
    case AGENT_EV_MASTER_LINK_BROKEN: on_link_broken(a, ev); break;
    case AGENT_EV_REGISTERED: on_registered(a, ev); break;
    case AGENT_EV_PING: on_ping(a, ev); break;
    case AGENT_EV_RUN:
        if (from_master(a, ev, "RunTask"))
            agent_on_run(a, ev);
        break;
    case AGENT_EV_KILL_TASK:
        if (from_master(a, ev, "KillTask"))
            agent_on_kill(a, ev);
        break;
    case AGENT_EV_SHUTDOWN_FRAMEWORK: on_shutdown_framework(a, ev); break;
    case AGENT_EV_SHUTDOWN_EXECUTOR: on_shutdown_executor(a, ev); break;
    case AGENT_EV_SHUTDOWN: on_shutdown(a, ev); break;
    case AGENT_EV_UPDATE_FRAMEWORK: on_update_framework(a, ev); break;
    case AGENT_EV_FRAMEWORK_MESSAGE: agent_on_framework_message(a, ev); break;
    case AGENT_EV_STATUS_ACK:
        if (from_master(a, ev, "StatusUpdateAcknowledgement") &&
            acks_newest_report(a, ev->u.ack.resource_version, "an acknowledgement"))
            agent_update_acked(a, ev->u.ack.framework, ev->u.ack.task, &ev->u.ack.uuid);
        break;
    case AGENT_EV_CHECKPOINT_RESOURCES:
        if (from_master(a, ev, "CheckpointResources"))
            agent_on_checkpoint_resources(a, ev);
        break;
    case AGENT_EV_APPLY_OPERATION:
        if (from_master(a, ev, "ApplyOperation"))
            agent_on_apply_operation(a, ev);
        break;
    case AGENT_EV_OPERATION_ACK:
        if (acks_newest_report(a, ev->u.operation_ack.resource_version, "an operation's acknowledgement"))
            agent_on_operation_ack(a, ev);
        break;
    case AGENT_EV_RECONCILE_OPERATIONS: agent_on_reconcile_operations(a, ev); break;
    case AGENT_EV_DRAIN:
        if (from_master(a, ev, "DrainSlave"))
            agent_on_drain(a, ev);
        break;
    case AGENT_EV_EXECUTOR_SUBSCRIBE: agent_on_subscribe(a, ev); break;
    case AGENT_EV_EXECUTOR_UPDATE: agent_on_executor_update(a, ev); break;
    case AGENT_EV_EXECUTOR_MESSAGE: agent_on_executor_message(a, ev); break;
    case AGENT_EV_EXECUTOR_DISCONNECTED: agent_on_disconnected(a, ev); break;
    case AGENT_EV_CONTAINER_LAUNCHED: agent_on_launched(a, ev); break;
    case AGENT_EV_CONTAINER_EXITED: agent_on_exited(a, ev); break;
    case AGENT_EV_CONTAINER_UPDATE_FAILED: agent_on_update_failed(a, ev); break;
    case AGENT_EV_ESTIMATE: on_estimate(a, ev); break;
    case AGENT_EV_PREEMPT: agent_on_preempt(a, ev); break;
    case AGENT_EV_UPDATE_STORED: on_stored(a, ev); break;
    case AGENT_EV_RESOURCES_STORED: agent_on_resources_stored(a, ev); break;
    case AGENT_EV_INFO_STORED: on_info_stored(a, ev); break;
    case AGENT_EV_UNREGISTER: on_unregister(a); break;
    case AGENT_EV_TICK: break;
    case AGENT_EV_COUNT: ASSERT(ev->type != AGENT_EV_COUNT); break;
    }
}

struct agent_actions agent_step(struct agent *a, const struct agent_event *ev)
{
    ASSERT(!mono_before(ev->now, a->now));
    bury(a);
    arena_clear(&a->scratch);
    a->action_count = 0;
    a->now = ev->now;
    a->wall = ev->wall;
    dispatch(a, ev);
    tick(a);

    struct mono wake = mono_min(mono_min(a->recover_by, a->register_at), a->ping_by);
    wake = mono_min(mono_min(wake, a->store_at), agent_executors_wake_at(a));
    wake = mono_min(wake, agent_updates_wake_at(a));
    wake = mono_min(wake, agent_operations_wake_at(a));
    return (struct agent_actions){ a->actions, a->action_count, wake };
}
