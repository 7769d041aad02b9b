/* SPDX-License-Identifier: Apache-2.0 */
/* An executor as a simulated process: the shipped session machine, with what executor/sdk/client.c does around it. It outlives
 * the agent. */
#include "tests/sim/executor/executor.h"

#include <signal.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/wire/guard.h"

static void session_event(struct executor_node *n, enum session_event e);

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

void executor_update(struct executor_node *n, struct exec_status *s)
{
    CLEANUP(sbuf_done_p) struct sbuf status = SBUF_INIT(SIM_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(SIM_BYTES_MAX);
    struct error err;

    s->executor_id = str_of(n->executor_id);
    s->uuid = uuid_make(&n->p->rng);
    s->wall_us = sim_wall(sim_of(n)).ms * 1000;
    exec_put_status(&status, s);
    exec_put_update(&call, str_of(n->framework_id), str_of(n->executor_id), sbuf_view(&status));
    ledger_update_made(sim_of(n), str_of(n->framework_id), s->task_id, s->state);
    if (session_add_update(&n->session, s->task_id, &s->uuid, sbuf_view(&status), &err) != 0)
        sim_fail(sim_of(n), "%s: %s", n->p->name, err.msg);
    if (n->session.state == SESSION_SUBSCRIBED)
        send_call(n, &call);
}

void executor_wake_at(struct executor_node *n, struct mono at)
{
    n->core_wake = at;
    rearm(n);
}

void executor_leave(struct executor_node *n, int status)
{
    sim_trace(sim_of(n), n->p->name, "exits with status %d", status);
    n->wait_status = status << 8;
    proc_exit(n->p);
}

static void session_event(struct executor_node *n, enum session_event e)
{
    struct session_actions a = session_step(&n->session, e, sim_now(sim_of(n)), &n->p->rng);

    n->session_wake = a.wake_at;
    if (a.disconnected)
        n->kind->connection(n, false);
    if (a.subscribe)
        subscribe(n);
    if (a.shutdown)
        n->kind->shutdown(n, n->session.state == SESSION_ENDED);
    rearm(n);
}

static void on_launch(struct executor_node *n, const struct str *tasks, size_t count)
{
    struct error err;

    for (size_t i = 0; i < count; i++)
        if (session_add_task(&n->session, task_id_of(tasks[i]), tasks[i], &err) != 0)
            sim_fail(sim_of(n), "%s: %s", n->p->name, err.msg);
    n->kind->launch(n, tasks, count);
}

enum { GROUP_MAX = 16 };

static void on_launch_group(struct executor_node *n, struct str group)
{
    struct str tasks[GROUP_MAX];
    size_t count = 0;
    struct wire_field f;

    while (wire_field_next(&group, &f) == 1)
        if (f.number == 1 && f.type == WIRE_BYTES && count < GROUP_MAX)
            tasks[count++] = f.bytes;
    on_launch(n, tasks, count);
}

static void on_record(struct executor_node *n, struct str record)
{
    struct exec_event ev;

    if (!exec_event_read(record, &ev))
        return;
    switch (ev.type) {
    case EXEC_SUBSCRIBED:
        session_event(n, SESSION_GOT_SUBSCRIBED);
        n->killing_state = framework_has_capability(wire_field_bytes(ev.subscribed, 2), CAPABILITY_TASK_KILLING_STATE);
        n->partition_aware = framework_has_capability(wire_field_bytes(ev.subscribed, 2), CAPABILITY_PARTITION_AWARE);
        n->kind->connection(n, true);
        break;
    case EXEC_LAUNCH:
        on_launch(n, &ev.task, 1);
        break;
    case EXEC_LAUNCH_GROUP:
        on_launch_group(n, ev.task_group);
        break;
    case EXEC_KILL:
        n->kind->kill(n, ev.task_id, ev.grace_ns);
        break;
    case EXEC_ACKNOWLEDGED:
        (void)session_acknowledged(&n->session, ev.task_id, &ev.uuid);
        if (n->session.update_count == 0)
            n->kind->acknowledged(n);
        break;
    case EXEC_SHUTDOWN:
        n->kind->shutdown(n, false);
        break;
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
    struct mono now = sim_now(p->sim);

    if (n->resend_at.ns <= now.ns)
        resend(n);
    if (n->session_wake.ns <= now.ns)
        session_event(n, SESSION_TICK);
    if (n->core_wake.ns <= now.ns && !p->dying)
        n->kind->tick(n);
    rearm(n);
}

static void executor_start(struct proc *p)
{
    struct executor_node *n = p->node;
    struct session_config config = { .checkpoint = n->facts.checkpoint,
                                     .recovery_timeout_ns = n->facts.checkpoint ? SEC(900) : SEC(60),
                                     .backoff_max_ns = SEC(2) };

    session_init(&n->session, &config);
    n->kind->make(n);
    n->core_wake = n->session_wake = n->resend_at = MONO_NEVER;
    session_event(n, SESSION_START);
}

static void executor_died(struct proc *p)
{
    struct executor_node *n = p->node;
    struct container *c = n->c;
    int status = n->wait_status;

    n->kind->died(n);
    session_done(&n->session);
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
    n->kind = facts.pod ? &executor_pod : &executor_command;
    n->agent_addr = xstrdup(agent_addr);
    n->framework_id = xstrdup(facts.framework_id);
    n->executor_id = xstrdup(facts.executor_id);
    n->p = proc_new(sim_of_container(c), &executor_ops, n, name, host, "");
    return n->p;
}
