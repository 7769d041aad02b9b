/* SPDX-License-Identifier: Apache-2.0 */
/* The command executor as a simulated process: the shipped session and command machines, with what
 * executor/command.c and executor/sdk/client.c do around them. The task is a sentence in its command:
 *
 *     "exit MS STATUS"   ends by itself after MS with this exit status
 *     "flaky MS"         ends by itself with status 1 after up to twice MS
 *     "forever"          runs until it is killed
 *
 * Some tasks take their time to die, a few ignore SIGTERM. The executor outlives the agent. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "executor/core/command.h"
#include "executor/core/session.h"
#include "executor/sdk/wire.h"
#include "tests/sim/container.h"

struct executor_node {
    struct proc *p;
    struct container *c;
    struct container_facts facts;
    char *agent_addr, *framework_id, *executor_id;
    struct session session;
    struct command core;
    struct mono session_wake, core_wake, resend_at;
    uint64_t stream, calls; /* numbers of connections; 0: none */
    unsigned stream_status; /* of the head */
    char *task_bytes;
    struct str task, refused_task_id;
    bool killing_state, running;
    unsigned life; /* of the task's process: ends that were planned for an older one do not count */
    bool stubborn;
    uint32_t ports[8];
    unsigned port_count;
    int wait_status; /* of the container, when this process is gone */
};

static void feed(struct executor_node *n, const struct command_event *e);
static void session_event(struct executor_node *n, enum session_event e);

static struct sim *sim_of(const struct executor_node *n)
{
    return n->p->sim;
}

static void rearm(struct executor_node *n)
{
    proc_wake_at(n->p, mono_min(n->session_wake, mono_min(n->core_wake, n->resend_at)));
}

/* --- to the agent --- */

static struct link *open_link(struct executor_node *n, enum link_kind kind, uint64_t *number)
{
    struct link *l = *number != 0 ? link_find(sim_of(n), *number) : NULL;

    if (l == NULL || !l->end[0].open) {
        l = link_open(n->p, kind, str_of(n->agent_addr));
        *number = l != NULL ? l->n : 0;
    }
    return l;
}

static void drop_link(struct executor_node *n, uint64_t *number)
{
    struct link *l = *number != 0 ? link_find(sim_of(n), *number) : NULL;

    *number = 0;
    if (l != NULL)
        link_close(l, n->p);
}

static void send_call(struct executor_node *n, const struct sbuf *call)
{
    struct link *l = open_link(n, LINK_CALLS, &n->calls);

    link_send(l, n->p, &(struct packet){ .type = PACKET_REQUEST, .body = sbuf_view(call) });
}

static void resend(struct executor_node *n)
{
    n->resend_at = MONO_NEVER;
    for (struct session_item *i = n->session.updates; i != NULL && n->session.state == SESSION_SUBSCRIBED;
         i = i->next) {
        CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(SIM_BYTES_MAX);
        exec_put_update(&call, str_of(n->framework_id), str_of(n->executor_id), str_mem(i->bytes, i->n));
        send_call(n, &call);
    }
}

static void subscribe(struct executor_node *n)
{
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(SIM_BYTES_MAX);

    exec_put_subscribe(&call, str_of(n->framework_id), str_of(n->executor_id), &n->session);
    drop_link(n, &n->stream);
    drop_link(n, &n->calls);
    n->stream_status = 0;
    struct link *l = open_link(n, LINK_STREAM, &n->stream);
    link_send(l, n->p, &(struct packet){ .type = PACKET_REQUEST, .body = sbuf_view(&call) });
}

static void do_update(struct executor_node *n, const struct command_action *a, struct str task_id)
{
    CLEANUP(sbuf_done_p) struct sbuf status = SBUF_INIT(SIM_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(SIM_BYTES_MAX);
    struct error err;
    struct exec_status s = { .task_id = task_id,
                             .state = a->state,
                             .reason = a->reason,
                             .message = str_of(a->message),
                             .healthy = a->healthy,
                             .executor_id = str_of(n->executor_id) };

    s.uuid = uuid_make(&n->p->rng);
    s.wall_us = sim_wall(sim_of(n)).ms * 1000;
    exec_put_status(&status, &s);
    exec_put_update(&call, str_of(n->framework_id), str_of(n->executor_id), sbuf_view(&status));
    ledger_update_made(sim_of(n), str_of(n->framework_id), task_id, a->state);
    if (session_add_update(&n->session, task_id, &s.uuid, sbuf_view(&status), &err) != 0)
        sim_fail(sim_of(n), "%s: %s", n->p->name, err.msg);
    if (n->session.state == SESSION_SUBSCRIBED)
        send_call(n, &call);
}

/* --- the task's process --- */

/* Resource.ranges (4) of the resources named "ports" (TaskInfo.resources is 4). */
static void read_ports(struct executor_node *n)
{
    struct str task = n->task, resource, list;
    struct wire_field f, range;

    while (wire_field_next(&task, &f) == 1) {
        if (f.number != 4 || f.type != WIRE_BYTES)
            continue;
        resource = f.bytes;
        list = wire_field_bytes(resource, 4);
        if (!str_is(wire_field_bytes(resource, 1), "ports"))
            continue;
        while (wire_field_next(&list, &range) == 1)
            for (uint64_t p = wire_field_u64(range.bytes, 1, 1);
                 p <= wire_field_u64(range.bytes, 2, 0) && n->port_count < 8; p++)
                n->ports[n->port_count++] = (uint32_t)p;
    }
}

static void set_ports(struct executor_node *n, enum port_state state)
{
    for (unsigned i = 0; i < n->port_count; i++)
        ledger_port(sim_of(n), n->facts.agent, n->ports[i], state, task_id_of(n->task));
}

static void falls_ill(struct sim *s, struct proc *p, void *arg, uint64_t life)
{
    struct executor_node *n = p->node;

    (void)s;
    (void)arg;
    if (n->running && n->life == life && !s->calm) {
        set_ports(n, PORT_CLOSED);
        set_ports(n, PORT_ILL);
    }
}

static void task_ends(struct sim *s, struct proc *p, void *arg, uint64_t life_and_status)
{
    struct executor_node *n = p->node;
    struct command_event e = { .type = COMMAND_EXITED, .status = (int)(life_and_status & 0xffff) };

    (void)arg;
    if (!n->running || n->life != (unsigned)(life_and_status >> 16))
        return;
    n->running = false;
    set_ports(n, PORT_CLOSED);
    sim_trace(s, p->name, "task %.*s ends with status %d", STR_ARG(task_id_of(n->task)), e.status);
    ledger_task_ended(s, str_of(n->framework_id), task_id_of(n->task));
    feed(n, &e);
}

static void end_in(struct executor_node *n, int64_t ns, int status)
{
    sim_after(sim_of(n), n->p, ns, task_ends, NULL, (uint64_t)n->life << 16 | (uint64_t)status);
}

static void do_spawn(struct executor_node *n)
{
    struct sim *s = sim_of(n);
    struct str text = wire_field_bytes(task_command_of(n->task), 3), word;
    uint64_t ms = 0, status = 0;

    n->running = true;
    n->life++;
    n->stubborn = chance(&s->rng_task, 5);
    sim_trace(s, n->p->name, "task %.*s starts: %.*s", STR_ARG(task_id_of(n->task)), STR_ARG(text));
    ledger_task_started(s, n->facts.agent, str_of(n->framework_id), task_id_of(n->task));
    read_ports(n);
    set_ports(n, PORT_OPEN);
    if (n->port_count != 0 && chance(&s->rng_task, 15))
        sim_after(s, n->p, between(&s->rng_task, SEC(1), SEC(20)), falls_ill, NULL, n->life);
    (void)str_cut(&text, ' ', &word);
    (void)str_u64(&text, 1000000, &ms);
    if (str_is(word, "exit")) {
        (void)str_skip(&text, STR(" "));
        (void)str_u64(&text, 255, &status);
        end_in(n, (int64_t)ms * NS_PER_MS, (int)status << 8);
    } else if (str_is(word, "flaky") && !s->calm) {
        end_in(n, between(&s->rng_task, MS(1), (int64_t)ms * 2 * NS_PER_MS), 1 << 8);
    }
}

static void do_signal(struct executor_node *n, int signo)
{
    struct sim *s = sim_of(n);

    if (!n->running || (signo == SIGTERM && n->stubborn))
        return;
    if (signo == SIGKILL || signo == SIGTERM)
        end_in(n, between(&s->rng_task, NS_PER_MS, signo == SIGKILL ? MS(20) : MS(2500)), signo);
}

/* --- the core --- */

static void feed(struct executor_node *n, const struct command_event *e)
{
    struct command_actions actions = command_step(&n->core, e, sim_now(sim_of(n)));

    for (unsigned i = 0; i < actions.n && !n->p->dying; i++) {
        struct command_action *a = &actions.v[i];
        switch (a->type) {
        case COMMAND_DO_SPAWN:
            do_spawn(n);
            break;
        case COMMAND_DO_UPDATE:
            do_update(n, a, task_id_of(n->task));
            break;
        case COMMAND_DO_REFUSE_TASK:
            do_update(n, a, n->refused_task_id);
            break;
        case COMMAND_DO_SIGNAL:
            do_signal(n, a->signo);
            break;
        case COMMAND_DO_START_CHECKS:
        case COMMAND_DO_STOP_CHECKS:
            break;
        case COMMAND_DO_EXIT:
            sim_trace(sim_of(n), n->p->name, "exits with status %d", a->status);
            n->wait_status = a->status << 8;
            proc_exit(n->p);
            break;
        }
    }
    n->core_wake = actions.wake_at;
    rearm(n);
}

static void session_event(struct executor_node *n, enum session_event e)
{
    struct session_actions a = session_step(&n->session, e, sim_now(sim_of(n)), &n->p->rng);
    struct command_event lost = { .type = COMMAND_CONNECTION, .connected = false };
    struct command_event shutdown = { .type = COMMAND_SHUTDOWN };

    n->session_wake = a.wake_at;
    if (a.disconnected)
        feed(n, &lost);
    if (a.subscribe)
        subscribe(n);
    if (a.shutdown) {
        shutdown.lost = n->session.state == SESSION_ENDED;
        feed(n, &shutdown);
    }
    rearm(n);
}

static void on_launch(struct executor_node *n, struct str task)
{
    struct command_event e = { .type = COMMAND_LAUNCH };
    struct error err;

    if (session_add_task(&n->session, task_id_of(task), task, &err) != 0)
        sim_fail(sim_of(n), "%s: %s", n->p->name, err.msg);
    e.launch.kill_grace_ns = task_kill_grace_ns(task);
    e.launch.max_completion_ns = task_max_completion_ns(task);
    e.launch.killing_state = n->killing_state;
    e.launch.shutdown_grace_ns = SEC(5);
    if (n->task_bytes == NULL) {
        n->task_bytes = xmemdup(task.p, task.n);
        n->task = str_mem(n->task_bytes, task.n);
    }
    n->refused_task_id = task_id_of(task);
    feed(n, &e);
}

static void on_record(struct executor_node *n, struct str record)
{
    struct command_event e = { .type = COMMAND_CONNECTION, .connected = true };
    struct exec_event ev;

    if (!exec_event_read(record, &ev))
        return;
    switch (ev.type) {
    case EXEC_SUBSCRIBED:
        session_event(n, SESSION_GOT_SUBSCRIBED);
        n->killing_state =
            framework_has_capability(wire_field_bytes(ev.subscribed, 2), CAPABILITY_TASK_KILLING_STATE);
        feed(n, &e);
        break;
    case EXEC_LAUNCH:
        on_launch(n, ev.task);
        break;
    case EXEC_KILL:
        if (n->task.p == NULL || !str_eq(ev.task_id, task_id_of(n->task)))
            break;
        e.type = COMMAND_KILL;
        e.grace_ns = ev.grace_ns;
        feed(n, &e);
        break;
    case EXEC_ACKNOWLEDGED:
        (void)session_acknowledged(&n->session, ev.task_id, &ev.uuid);
        e.type = COMMAND_ALL_ACKNOWLEDGED;
        if (n->session.update_count == 0)
            feed(n, &e);
        break;
    case EXEC_SHUTDOWN:
        e.type = COMMAND_SHUTDOWN;
        feed(n, &e);
        break;
    case EXEC_LAUNCH_GROUP:
    case EXEC_ERROR:
    case EXEC_MESSAGE:
    case EXEC_HEARTBEAT:
    case EXEC_UNKNOWN:
        break;
    }
}

/* --- the process --- */

static void executor_packet(struct proc *p, struct link *l, struct packet *k)
{
    struct executor_node *n = p->node;

    if (l->n == n->stream && k->type == PACKET_HEAD) {
        n->stream_status = k->status;
    } else if (l->n == n->stream && k->type == PACKET_RECORD) {
        on_record(n, k->body);
    } else if (l->n == n->stream && k->type == PACKET_ANSWER) {
        drop_link(n, &n->stream);
        session_event(n, k->status == 503 || k->status == 404 ? SESSION_GOT_REFUSED : SESSION_GOT_ERROR);
    } else if (l->n == n->calls && k->type == PACKET_ANSWER && k->status == 503) {
        n->resend_at = mono_add(sim_now(p->sim), NS_PER_S);
        rearm(n);
    }
}

static void executor_closed(struct proc *p, struct link *l)
{
    struct executor_node *n = p->node;

    if (l->n == n->stream) {
        n->stream = 0;
        session_event(n, SESSION_GOT_EOF);
    } else if (l->n == n->calls) { /* whatever was in it has no answer */
        n->calls = 0;
        n->resend_at = mono_add(sim_now(p->sim), NS_PER_S);
        rearm(n);
    }
}

static void executor_wake(struct proc *p)
{
    struct executor_node *n = p->node;
    struct command_event e = { .type = COMMAND_TICK };
    struct mono now = sim_now(p->sim);

    if (n->resend_at.ns <= now.ns)
        resend(n);
    if (n->session_wake.ns <= now.ns)
        session_event(n, SESSION_TICK);
    if (n->core_wake.ns <= now.ns && !p->dying)
        feed(n, &e);
    rearm(n);
}

static void executor_start(struct proc *p)
{
    struct executor_node *n = p->node;
    struct session_config config = { .checkpoint = n->facts.checkpoint,
                                     .recovery_timeout_ns = n->facts.checkpoint ? SEC(900) : SEC(60),
                                     .backoff_max_ns = SEC(2) };

    session_init(&n->session, &config);
    command_init(&n->core);
    n->core_wake = n->session_wake = n->resend_at = MONO_NEVER;
    session_event(n, SESSION_START);
}

static void executor_died(struct proc *p)
{
    struct executor_node *n = p->node;
    struct container *c = n->c;
    int status = n->wait_status;

    if (n->running)
        set_ports(n, PORT_CLOSED);
    if (n->running)
        ledger_task_ended(p->sim, str_of(n->framework_id), task_id_of(n->task));
    session_done(&n->session);
    free(n->task_bytes);
    free(n->agent_addr);
    free(n->framework_id);
    free(n->executor_id);
    free(n);
    p->node = NULL;
    container_ended(c, status);
}

static const struct proc_ops executor_ops = { executor_start, executor_packet, executor_closed, executor_wake,
                                              executor_died };

struct proc *sim_executor_new(struct container *c, const char *name, const char *agent_addr, int host)
{
    struct executor_node *n = xcalloc(1, sizeof *n);
    struct container_facts facts = container_facts(c);

    n->c = c;
    n->wait_status = SIGKILL; /* unless it leaves by itself */
    n->facts = facts;
    n->agent_addr = xstrdup(agent_addr);
    n->framework_id = xstrdup(facts.framework_id);
    n->executor_id = xstrdup(facts.executor_id);
    n->p = proc_new(sim_of_container(c), &executor_ops, n, name, host, "");
    return n->p;
}
