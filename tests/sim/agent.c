/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's shell: what agent/shell.c, main.c and exec_api.c do, on simulated disks, connections and
 * containers. */
#include "tests/sim/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/wire/call.h"
#include "agent/wire/decode.h"
#include "agent/wire/encode.h"
#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/wire/validate.h"
#include "proto/mesos_v1_executor.pb-c.h"
#include "tests/sim/coord.h"
#include "tests/sim/framework.h"
#include "tests/sim/ledger.h"

/* An event of our own that waits for its turn; owns its texts. */
struct follow {
    struct follow *next;
    struct agent_event ev;
    char *text[3];
};

/* A new master waits ten minutes for a framework that it only knows from its operations. */
static bool is_of_the_living(struct sim *s, const char *framework_id)
{
    for (unsigned i = 0; i < s->framework_count && framework_id != NULL; i++)
        if (strcmp(sim_framework_id(s->framework[i]), framework_id) == 0)
            return true;
    return framework_id == NULL;
}

struct agent_facts sim_agent_facts(struct sim *s, unsigned i)
{
    const struct agent_node *n = s->agent[i]->node;
    struct agent_facts f = { .state = "down", .id = "" };

    if (!s->agent[i]->alive)
        return f;
    f.state = agent_state_name(n->core->state);
    f.running = n->core->state == AGENT_RUNNING;
    f.id = n->core->id != NULL ? n->core->id : "";
    for (const struct agent_operation *o = n->core->operations; o != NULL; o = o->hh.next)
        *(is_of_the_living(s, o->framework_id) ? &f.operations : &f.orphans) += 1;
    f.total = &n->core->total;
    for (const struct agent_framework *w = n->core->frameworks; w != NULL; w = w->hh.next)
        for (const struct agent_executor *e = w->executors; e != NULL; e = e->hh.next) {
            size_t live = 0;
            for (const struct agent_task *t = e->tasks; t != NULL; t = t->hh.next)
                live += !task_state_is_terminal(t->state);
            f.live_tasks += live;
            if (live == 0 && (e->generated || e->info->type == EXECUTOR_DEFAULT) && e->state != EXECUTOR_TERMINATED)
                f.idle_executor = e->id;
        }
    return f;
}

static bool is_of_removed(struct agent_node *n, const struct agent_executor *e)
{
    const struct agent_task *t = e->order != NULL ? e->order : e->completed;

    return t != NULL && ledger_is_abandoned(n->sim, str_of(e->framework->id), str_of(t->id));
}

/* The overhead of generated executors is the agent's own business: masters do not count it. What a removed
 * framework holds is free for the master from the start, though its tasks get time to end, and an agent that starts again in
 * between does not know yet that they have to. */
static void held_by_tasks(struct agent_node *n, bool of_removed, struct resources *held)
{
    for (const struct agent_framework *w = n->core->frameworks; w != NULL; w = w->hh.next)
        for (const struct agent_executor *e = w->executors; e != NULL && w->state == AGENT_FRAMEWORK_RUNNING; e = e->hh.next) {
            if (!e->generated && e->state != EXECUTOR_TERMINATED && (of_removed || !is_of_removed(n, e)))
                resources_add_all(held, &e->info->resources);
            for (const struct agent_task *t = e->tasks; t != NULL; t = t->hh.next)
                if (!task_state_is_terminal(t->state) && (of_removed || !ledger_is_abandoned(n->sim, str_of(w->id), str_of(t->id))))
                    resources_add_all(held, &t->info->resources);
        }
    resources_unallocate(held);
}

static void check(struct agent_node *n)
{
    for (int of_removed = 1; of_removed >= 0; of_removed--) { /* to look each up is slow */
        CLEANUP(resources_done_p) struct resources held = RESOURCES_INIT;
        held_by_tasks(n, of_removed, &held);
        if (n->core->state == AGENT_RECOVERING || resources_contains(&n->core->total, &held))
            return;
    }
    sim_fail(n->sim, "the tasks of %s hold more than the agent has", n->p->name);
}

static struct follow *follow_add(struct agent_node *n, enum agent_event_type type, const char *a,
                                 const char *b, const char *c)
{
    struct follow *f = xcalloc(1, sizeof *f);

    f->ev.type = type;
    f->text[0] = a != NULL ? xstrdup(a) : NULL;
    f->text[1] = b != NULL ? xstrdup(b) : NULL;
    f->text[2] = c != NULL ? xstrdup(c) : NULL;
    if (n->follow_tail != NULL)
        n->follow_tail->next = f;
    else
        n->follow = f;
    n->follow_tail = f;
    return f;
}

static void follow_free(struct follow *f)
{
    for (size_t i = 0; i < 3; i++)
        free(f->text[i]);
    free(f);
}

static struct follow *follow_pop(struct agent_node *n)
{
    struct follow *f = n->follow;

    if (f != NULL) {
        n->follow = f->next;
        if (n->follow == NULL)
            n->follow_tail = NULL;
    }
    return f;
}

/* --- actions --- */

static const char *const action_names[AGENT_DO_COUNT] = {
    [AGENT_DO_STORE_INFO] = "agent info",
    [AGENT_DO_STORE_BOOT_ID] = "boot id",
    [AGENT_DO_STORE_FRAMEWORK] = "framework",
    [AGENT_DO_STORE_EXECUTOR] = "executor",
    [AGENT_DO_STORE_HTTP_MARKER] = "http.marker",
    [AGENT_DO_STORE_SENTINEL] = "sentinel",
    [AGENT_DO_STORE_TASK] = "task",
    [AGENT_DO_STORE_UPDATE] = "update",
    [AGENT_DO_STORE_ACK] = "acknowledgement",
    [AGENT_DO_STORE_RESOURCES] = "resources",
    [AGENT_DO_REGISTER] = "register",
    [AGENT_DO_REREGISTER] = "reregister",
    [AGENT_DO_UNREGISTER] = "unregister",
    [AGENT_DO_UPDATE_AGENT] = "update agent",
    [AGENT_DO_PONG] = "pong",
    [AGENT_DO_SEND_UPDATE] = "update",
    [AGENT_DO_SEND_EXITED] = "executor exited",
    [AGENT_DO_SEND_MESSAGE] = "executor message",
    [AGENT_DO_SEND_OPERATION] = "operation update",
    [AGENT_DO_EXECUTOR_SUBSCRIBED] = "SUBSCRIBED",
    [AGENT_DO_EXECUTOR_LAUNCH] = "LAUNCH",
    [AGENT_DO_EXECUTOR_LAUNCH_GROUP] = "LAUNCH_GROUP",
    [AGENT_DO_EXECUTOR_KILL] = "KILL",
    [AGENT_DO_EXECUTOR_ACK] = "ACKNOWLEDGED",
    [AGENT_DO_EXECUTOR_MESSAGE] = "MESSAGE",
    [AGENT_DO_EXECUTOR_SHUTDOWN] = "SHUTDOWN",
};

static struct str subject(const struct agent_action *act)
{
    if (act->update != NULL)
        return act->update->status->task.s;
    if (act->task_id.n != 0)
        return act->task_id;
    if (act->task != NULL)
        return str_of(act->task->id);
    return act->executor != NULL ? str_of(act->executor->id) : (struct str){ NULL, 0 };
}

static void do_store(struct agent_node *n, const struct agent_action *act)
{
    bool failed = false;

    disk_store(n, act, &failed);
    if (!n->p->dying && action_names[act->type] != NULL)
        sim_trace(n->sim, n->p->name, "store %s %.*s", action_names[act->type], STR_ARG(subject(act)));
    if (act->type == AGENT_DO_STORE_RESOURCES || act->type == AGENT_DO_STORE_INFO) {
        struct follow *r = follow_add(n, act->type == AGENT_DO_STORE_INFO ? AGENT_EV_INFO_STORED : AGENT_EV_RESOURCES_STORED,
                                      NULL, NULL, NULL);
        r->ev.u.written.failed = failed;
        r->ev.u.written.message = failed ? STR("No space left on device") : STR("");
    }
    if (act->type != AGENT_DO_STORE_UPDATE)
        return;
    struct follow *f =
        follow_add(n, AGENT_EV_UPDATE_STORED, act->flow->framework_id, act->flow->task_id, NULL);
    f->ev.u.stored.framework = framework_id(str_of(f->text[0]));
    f->ev.u.stored.task = task_id(str_of(f->text[1]));
    f->ev.u.stored.uuid = act->uuid;
    f->ev.u.stored.failed = failed;
    f->ev.u.stored.message = failed ? STR("No space left on device") : STR("");
}

/* What is said must survive: an update of a checkpointing framework is in its log. */
static void check_stored(struct agent_node *n, const struct agent_stream *f, const struct task_status *status)
{
    char key[1024];

    (void)snprintf(key, sizeof key, "slaves/%s/frameworks/%s/executors/%s/runs/%s/tasks/%s/task.updates",
                   n->core->id, f->framework_id, f->executor_id, f->container_id, f->task_id);
    const struct vkv_entry *e = kv_get(&n->disk, key);
    if (e == NULL || memmem(e->value.p, e->value.n, status->uuid.b, sizeof status->uuid.b) == NULL)
        sim_fail(n->sim, "%s sends %s of task %s, which is not on its disk", n->p->name,
                 task_state_name(status->state), f->task_id);
}

/* Whether a later process will find the task of this update: a disk may have been full when it was launched. */
static bool is_recoverable(const struct agent_node *n, const struct agent_stream *f)
{
    char framework[512], key[1024];

    (void)snprintf(framework, sizeof framework, "slaves/%s/frameworks/%s", n->core->id, f->framework_id);
    (void)snprintf(key, sizeof key, "%s/framework.info", framework);
    bool all = kv_get(&n->disk, key) != NULL && kv_get(&n->disk, "latest") != NULL;
    (void)snprintf(key, sizeof key, "%s/executors/%s/executor.info", framework, f->executor_id);
    all = all && kv_get(&n->disk, key) != NULL;
    (void)snprintf(key, sizeof key, "%s/executors/%s/latest", framework, f->executor_id);
    all = all && kv_get(&n->disk, key) != NULL;
    (void)snprintf(key, sizeof key, "%s/executors/%s/runs/%s/tasks/%s/task.info", framework, f->executor_id, f->container_id,
                   f->task_id);
    return all && kv_get(&n->disk, key) != NULL;
}

static void do_send(struct agent_node *n, const struct agent_action *act)
{
    struct str to = act->to.n != 0 ? act->to : str_of(n->master);

    sbuf_clear(&n->out);
    const char *name = agent_encode_message(n->core, &n->env, act, &n->out);
    if (name == NULL || to.n == 0)
        return;
    if (act->type == AGENT_DO_SEND_UPDATE) {
        sim_trace(n->sim, n->p->name, "sends update %s of %.*s%s%.*s", task_state_name(act->update->status->state),
                  STR_ARG(subject(act)), act->update->status->message.n != 0 ? ": " : "", STR_ARG(act->update->status->message));
        if (!n->p->dying && act->flow->checkpoint)
            check_stored(n, act->flow, act->update->status);
        if (!n->p->dying)
            ledger_update_sent(n->sim, n->index, str_of(act->flow->framework_id), act->update->status,
                               act->flow->checkpoint && is_recoverable(n, act->flow));
    } else if (act->type != AGENT_DO_PONG) {
        sim_trace(n->sim, n->p->name, "sends %s %.*s", action_names[act->type], STR_ARG(subject(act)));
    }
    message_send(n->p, str_of(n->pid), to, name, sbuf_view(&n->out));
}

static void do_link(struct agent_node *n, const struct agent_action *act)
{
    free(n->master);
    n->master = xstrndup(act->to);
    if (!proc_effect(n->p))
        return;
    struct link *l = message_link(n->p, act->to);
    n->master_link = l != NULL ? l->n : 0;
}

static void executor_send(struct agent_node *n, const struct agent_action *act)
{
    struct link *l = link_find(n->sim, act->stream);

    sbuf_clear(&n->out);
    if (l == NULL || !agent_encode_executor_event(n->core, &n->env, act, &n->out))
        return;
    sim_trace(n->sim, n->p->name, "%s to %s %.*s", action_names[act->type], link_peer(l, n->p)->name,
              STR_ARG(subject(act)));
    link_send(l, n->p, &(struct packet){ .type = PACKET_RECORD, .body = sbuf_view(&n->out) });
}

static void do_launch(struct agent_node *n, const struct agent_executor *e)
{
    sim_trace(n->sim, n->p->name, "launches container %.8s for %s", e->container_id, e->id);
    if (container_launch(n, e))
        return;
    struct follow *f = follow_add(n, AGENT_EV_CONTAINER_LAUNCHED, e->container_id, "no such luck", NULL);
    f->ev.u.launched.container = container_id(str_of(f->text[0]));
    f->ev.u.launched.failed = true;
    f->ev.u.launched.message = str_of(f->text[1]);
}

static void do_destroy(struct agent_node *n, const struct agent_executor *e)
{
    if (!proc_effect(n->p))
        return;
    sim_trace(n->sim, n->p->name, "destroys container %.8s of %s", e->container_id, e->id);
    if (container_destroy(n, e->container_id))
        return;
    struct follow *f = follow_add(n, AGENT_EV_CONTAINER_EXITED, e->container_id, NULL, NULL);
    f->ev.u.exited.container = container_id(str_of(f->text[0]));
    f->ev.u.exited.reason = REASON_NONE;
}

static void close_stream(struct agent_node *n, uint64_t stream)
{
    struct link *l = link_find(n->sim, stream);

    if (l != NULL && proc_effect(n->p))
        link_close(l, n->p);
}

static void carry_out(struct agent_node *n, const struct agent_action *act)
{
    switch (act->type) {
    case AGENT_DO_NOTE:
        sim_trace(n->sim, n->p->name, "%.*s", STR_ARG(act->text));
        break;
    case AGENT_DO_STORE_INFO:
    case AGENT_DO_STORE_BOOT_ID:
    case AGENT_DO_FORGET_AGENT:
    case AGENT_DO_STORE_FRAMEWORK:
    case AGENT_DO_STORE_EXECUTOR:
    case AGENT_DO_STORE_HTTP_MARKER:
    case AGENT_DO_STORE_EXECUTOR_PID:
    case AGENT_DO_STORE_SENTINEL:
    case AGENT_DO_STORE_TASK:
    case AGENT_DO_STORE_UPDATE:
    case AGENT_DO_STORE_ACK:
    case AGENT_DO_STORE_RESOURCES:
    case AGENT_DO_STORE_OPERATION:
    case AGENT_DO_STORE_OPERATION_ACK:
    case AGENT_DO_STORE_DRAIN:
    case AGENT_DO_CLEAR_DRAIN:
        do_store(n, act);
        break;
    case AGENT_DO_LINK_MASTER:
        do_link(n, act);
        break;
    case AGENT_DO_REGISTER:
    case AGENT_DO_REREGISTER:
    case AGENT_DO_UNREGISTER:
    case AGENT_DO_UPDATE_AGENT:
    case AGENT_DO_PONG:
    case AGENT_DO_SEND_UPDATE:
    case AGENT_DO_SEND_EXITED:
    case AGENT_DO_SEND_MESSAGE:
    case AGENT_DO_SEND_OPERATION:
        do_send(n, act);
        break;
    case AGENT_DO_EXECUTOR_SUBSCRIBED:
    case AGENT_DO_EXECUTOR_LAUNCH:
    case AGENT_DO_EXECUTOR_LAUNCH_GROUP:
    case AGENT_DO_EXECUTOR_KILL:
    case AGENT_DO_EXECUTOR_ACK:
    case AGENT_DO_EXECUTOR_MESSAGE:
    case AGENT_DO_EXECUTOR_SHUTDOWN:
        executor_send(n, act);
        break;
    case AGENT_DO_EXECUTOR_CLOSE:
        close_stream(n, act->stream);
        break;
    case AGENT_DO_LAUNCH_CONTAINER:
        do_launch(n, act->executor);
        break;
    case AGENT_DO_DESTROY_CONTAINER:
        do_destroy(n, act->executor);
        break;
    case AGENT_DO_EXIT:
        sim_trace(n->sim, n->p->name, "exits: %.*s", STR_ARG(act->text));
        proc_exit(n->p);
        break;
    case AGENT_DO_REMOVE_VOLUME:
    case AGENT_DO_MAKE_SANDBOX:
    case AGENT_DO_UPDATE_CONTAINER:
    case AGENT_DO_GC_EXECUTOR:
    case AGENT_DO_GC_FRAMEWORK:
    case AGENT_DO_UNGC:
    case AGENT_DO_EXECUTOR_RECONNECT: /* executors here speak HTTP */
    case AGENT_DO_COUNT:
        break;
    }
}

static void step_one(struct agent_node *n, struct agent_event *ev)
{
    ev->now = sim_now(n->sim);
    ev->wall = sim_wall(n->sim);
    struct agent_actions actions = agent_step(n->core, ev);
    for (size_t i = 0; i < actions.count && !n->p->dying; i++)
        carry_out(n, &actions.v[i]);
    proc_wake_at(n->p, actions.wake_at);
}

void agent_event_now(struct agent_node *n, struct agent_event *ev)
{
    ASSERT(!n->stepping);
    n->stepping = true;
    step_one(n, ev);
    for (struct follow *f; !n->p->dying && (f = follow_pop(n)) != NULL; follow_free(f))
        step_one(n, &f->ev);
    n->stepping = false;
    check(n);
}

/* --- executors --- */

static void answer(struct agent_node *n, struct link *l, unsigned status)
{
    link_send(l, n->p, &(struct packet){ .type = PACKET_ANSWER, .status = status });
}

static void executor_call(struct agent_node *n, struct link *l, const Mesos__V1__Executor__Call *m,
                          struct arena *arena)
{
    bool subscribe = m->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE;
    struct agent_event ev;
    struct error err = { 0 };

    if (m->type == MESOS__V1__EXECUTOR__CALL__TYPE__HEARTBEAT) {
        answer(n, l, 202);
        return;
    }
    if (!subscribe && n->core->state == AGENT_RECOVERING) {
        answer(n, l, 503);
        return;
    }
    struct agent_framework *f = agent_framework_find(n->core, str_of(m->framework_id->value));
    struct agent_executor *e = f != NULL ? agent_executor_find(f, str_of(m->executor_id->value)) : NULL;
    if (e == NULL) {
        answer(n, l, 400);
        return;
    }
    if (!subscribe && e->state == EXECUTOR_REGISTERING) {
        answer(n, l, 403);
        return;
    }
    struct agent_status_fill fill = { .agent = agent_id(str_of(n->core->id)),
                                      .now = sim_wall(n->sim),
                                      .container_id = str_of(e->container_id),
                                      .pid = 100,
                                      .ip = str_of(n->ip) };
    if (agent_decode_executor_call(&ev, m, l->n, &fill, arena, &err) != 0) {
        sim_fail(n->sim, "%s cannot read a call of an executor: %s", n->p->name, err.msg);
        return;
    }
    if (subscribe)
        link_send(l, n->p, &(struct packet){ .type = PACKET_HEAD, .status = 200 });
    else
        answer(n, l, 202);
    agent_event_now(n, &ev);
    agent_event_done(&ev);
}

static void executor_request(struct agent_node *n, struct link *l, const struct packet *k)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    ProtobufCMessage *m = NULL;
    struct error err = { 0 };

    if (n->core->state == AGENT_RECOVERING && n->core->recover_by.ns == MONO_NEVER.ns) {
        answer(n, l, 503);
        return;
    }
    if (agent_decode_call(&mesos__v1__executor__call__descriptor, false, k->body, &arena, &m, &err) != 0 ||
        validate_executor_call((const Mesos__V1__Executor__Call *)(const void *)m, &err) != 0) {
        sim_fail(n->sim, "%s refuses a call of an executor: %s", n->p->name, err.msg);
        return;
    }
    executor_call(n, l, (const Mesos__V1__Executor__Call *)(const void *)m, &arena);
}

/* --- what comes in --- */

static void agent_packet(struct proc *p, struct link *l, struct packet *k)
{
    struct agent_node *n = p->node;
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    struct agent_event ev;
    struct error err = { 0 };

    if (k->type == PACKET_REQUEST) {
        executor_request(n, l, k);
        return;
    }
    if (k->type != PACKET_MESSAGE)
        return;
    if (agent_decode_message(&ev, &n->env, str_of(k->from), str_of(k->name), k->body, &arena, &err) != 0) {
        sim_fail(p->sim, "%s cannot read %s: %s", p->name, k->name, err.msg);
        return;
    }
    if (ev.type == AGENT_EV_RUN)
        ledger_run_arrived(p->sim, n->index, ev.u.run.framework->id.s, ev.u.run.tasks, ev.u.run.task_count);
    agent_event_now(n, &ev);
    agent_event_done(&ev);
}

static void agent_closed(struct proc *p, struct link *l)
{
    struct agent_node *n = p->node;
    struct agent_event ev = { .type = AGENT_EV_MASTER_LINK_BROKEN, .from = str_of(n->master != NULL ? n->master : "") };

    if (l->kind == LINK_STREAM) {
        ev = (struct agent_event){ .type = AGENT_EV_EXECUTOR_DISCONNECTED };
        ev.u.disconnected.stream = l->n;
        for (struct agent_framework *f = n->core->frameworks; f != NULL; f = f->hh.next)
            for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
                if (e->stream == l->n) {
                    ev.u.disconnected.framework = framework_id(str_of(f->id));
                    ev.u.disconnected.executor = executor_id(str_of(e->id));
                    agent_event_now(n, &ev);
                    return;
                }
    } else if (l->kind == LINK_MSG && l->n == n->master_link) {
        sim_trace(p->sim, p->name, "connection to the master is gone");
        agent_event_now(n, &ev);
        if (p->dying)
            return;
        struct link *again = message_link(p, str_of(n->master));
        n->master_link = again != NULL ? again->n : 0;
    }
}

static void agent_wake(struct proc *p)
{
    struct agent_event ev = { .type = AGENT_EV_TICK };

    agent_event_now(p->node, &ev);
}

/* --- life --- */

/* Nothing that ran before the machine's restart runs now. */
static void end_rebooted(struct agent_node *n, const struct disk_state *st)
{
    for (size_t i = 0; i < st->framework_count; i++)
        for (size_t j = 0; j < st->frameworks[i].executor_count && !n->p->dying; j++) {
            struct agent_event ev = { .type = AGENT_EV_CONTAINER_EXITED };
            if (st->frameworks[i].executors[j].completed)
                continue;
            ev.u.exited.container = container_id(st->frameworks[i].executors[j].container_id);
            ev.u.exited.reason = REASON_NONE;
            ev.u.exited.message = STR("Executor terminated: the machine was restarted");
            agent_event_now(n, &ev);
        }
}

/* As agent/follow.c. */
static void on_master(struct proc *p, const char *pid, const char *id)
{
    struct agent_node *n = p->node;
    struct agent_event ev = { .type = AGENT_EV_MASTER };

    if (p->dying)
        return;
    if (pid != NULL)
        ev.u.master.pid = str_of(pid);
    if (id != NULL)
        ev.u.master.id = str_of(id);
    if (p->sim->zk != NULL)
        sim_trace(p->sim, p->name, "follows %s", pid != NULL ? pid : "nobody");
    agent_event_now(n, &ev);
}

static void recover(struct sim *s, struct proc *p, void *arg, uint64_t unused)
{
    struct agent_node *n = p->node;
    struct agent_event ev = { .type = AGENT_EV_RECOVERED };
    struct disk_state st;

    (void)arg;
    (void)unused;
    disk_read(n, &st);
    if (!st.rebooted)
        containers_recover(n, &st);
    if (st.info != NULL)
        ev.u.recovered.agent = st.info->id;
    ev.u.recovered.frameworks = st.frameworks;
    ev.u.recovered.framework_count = st.framework_count;
    ev.u.recovered.total = &n->env.resources;
    ev.u.recovered.checkpointed = st.has_resources ? &st.resources : NULL;
    ev.u.recovered.operations = st.operations;
    ev.u.recovered.operation_count = st.operation_count;
    ev.u.recovered.drain_config = st.drain_config;
    ev.u.recovered.drain_grace_ns = st.drain_grace_ns;
    ev.u.recovered.drain_mark_gone = st.drain_mark_gone;
    sim_trace(s, p->name, "recovers as %.*s with %zu frameworks", STR_ARG(ev.u.recovered.agent.s),
              st.framework_count);
    agent_event_now(n, &ev);
    if (st.rebooted)
        end_rebooted(n, &st);
    disk_state_done(&st);
    if (p->dying)
        return;
    n->coord = sim_coord_follow(p, on_master);
    sim_coord_turn(p);
}

static void agent_start(struct proc *p)
{
    struct agent_node *n = p->node;
    struct agent_config config = {
        .registration_backoff_ns = SEC(1),
        .executor_registration_timeout_ns = SEC(60),
        .executor_reregistration_timeout_ns = SEC(2),
        .executor_shutdown_grace_ns = SEC(5),
        .max_completed_executors = 20,
        .enforces_cpu = true,
        .enforces_mem = true,
        .strict = true,
    };

    n->core = agent_core_new(&config, &agent_wire_codec, p->rng);
    n->master = NULL;
    n->master_link = 0;
    n->stepping = false;
    sbuf_init(&n->out, SIM_BYTES_MAX);
    sim_trace(p->sim, p->name, "starts");
    sim_after(p->sim, p, between(&p->sim->rng_disk, MS(1), MS(100)), recover, NULL, 0);
}

static void agent_died(struct proc *p)
{
    struct agent_node *n = p->node;

    for (struct follow *f; (f = follow_pop(n)) != NULL;)
        follow_free(f);
    sim_coord_free(n->coord);
    n->coord = NULL;
    agent_core_free(n->core);
    n->core = NULL;
    free(n->master);
    n->master = NULL;
    sbuf_done(&n->out);
    containers_agent_died(n);
}

static const struct proc_ops agent_ops = { agent_start, agent_packet, agent_closed, agent_wake, agent_died };

static void agent_new(struct sim *s, unsigned i)
{
    static const char *const sizes[] = { "cpus:4;mem:4096;disk:10000;ports:[31000-31100]",
                                         "cpus:2;mem:2048;disk:5000;ports:[31000-31050]",
                                         "cpus:8;mem:16384;disk:20000;ports:[31000-31200]" };
    struct agent_node *n = xcalloc(1, sizeof *n);
    char name[16], addr[32];
    struct error err;

    n->sim = s;
    n->index = i;
    (void)snprintf(name, sizeof name, "a%u", i + 1);
    (void)snprintf(n->hostname, sizeof n->hostname, "host%u", i + 1);
    (void)snprintf(n->ip, sizeof n->ip, "10.%u.1.%u", i / 250, i % 250 + 1);
    (void)snprintf(addr, sizeof addr, "%s:5051", n->ip);
    (void)snprintf(n->pid, sizeof n->pid, "slave(1)@%s", addr);
    n->env = (struct agent_env){ .hostname = n->hostname,
                                 .port = 5051,
                                 .pid = n->pid,
                                 .ip = n->ip,
                                 .launcher_dir = "/usr/libexec/stoa",
                                 .capabilities = AGENT_CAPS_ALL };
    const char *text = sizes[rng_below(&s->rng_boot, 3)];
    if (convert_resources_flag(str_of(text), STR("*"), &n->env.resources, &err) != 0)
        sim_fail(s, "resources of %s: %s", name, err.msg);
    s->agent[i] = n->p = proc_new(s, &agent_ops, n, name, HOST_AGENT + (int)i, addr);
    proc_start(n->p);
}

void agents_boot(struct sim *s)
{
    for (unsigned i = 0; i < s->agent_count; i++)
        agent_new(s, i);
}

void agent_machine_reboots(struct sim *s, unsigned i)
{
    host_reboots(s->agent[i]->node);
}

bool agents_have_id(const struct sim *s, struct str id)
{
    for (unsigned i = 0; i < s->agent_count; i++) {
        const struct agent_node *n = s->agent[i]->node;
        if (n->core == NULL || n->core->id == NULL || str_is(id, n->core->id))
            return true; /* one that is away may be it */
    }
    return false;
}

void agent_disk_full(struct sim *s, unsigned i, bool full)
{
    struct agent_node *n = s->agent[i]->node;

    n->disk_full = full;
}

void agents_free(struct sim *s)
{
    for (unsigned i = 0; i < s->agent_count; i++) {
        struct agent_node *n = s->agent[i]->node;
        containers_done(n);
        kv_done(&n->disk);
        resources_done(&n->env.resources);
        free(n);
    }
}
