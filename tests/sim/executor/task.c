/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/wire/guard.h"
#include "tests/sim/executor/executor.h"

struct task_process *task_process_new(struct executor_node *n, struct str task, void (*ended)(struct task_process *t, int status))
{
    struct task_process *t = xcalloc(1, sizeof *t);

    t->n = n;
    t->ended = ended;
    t->bytes = xmemdup(task.p, task.n);
    t->task = str_mem(t->bytes, task.n);
    return t;
}

/* Resource.ranges (4) of the resources named "ports" (TaskInfo.resources is 4). */
static void read_ports(struct task_process *t)
{
    struct str task = t->task, resource, list;
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
                 p <= wire_field_u64(range.bytes, 2, 0) && t->port_count < 8; p++)
                t->ports[t->port_count++] = (uint32_t)p;
    }
}

static void set_ports(struct task_process *t, enum port_state state)
{
    for (unsigned i = 0; i < t->port_count; i++)
        ledger_port(sim_of(t->n), t->n->facts.agent, t->ports[i], state, task_id_of(t->task));
}

static void falls_ill(struct sim *s, struct proc *p, void *arg, uint64_t life)
{
    struct task_process *t = arg;

    (void)p;
    if (t->running && t->life == life && !s->calm) {
        set_ports(t, PORT_CLOSED);
        set_ports(t, PORT_ILL);
    }
}

static void ends(struct sim *s, struct proc *p, void *arg, uint64_t life_and_status)
{
    struct task_process *t = arg;
    int status = (int)(life_and_status & 0xffff);

    if (!t->running || t->life != (unsigned)(life_and_status >> 16))
        return;
    t->running = false;
    set_ports(t, PORT_CLOSED);
    sim_trace(s, p->name, "task %.*s ends with status %d", STR_ARG(task_id_of(t->task)), status);
    ledger_task_ended(s, str_of(t->n->framework_id), task_id_of(t->task));
    t->ended(t, status);
}

static void end_in(struct task_process *t, int64_t ns, int status)
{
    sim_after(sim_of(t->n), t->n->p, ns, ends, t, (uint64_t)t->life << 16 | (uint64_t)status);
}

void task_process_spawn(struct task_process *t)
{
    struct sim *s = sim_of(t->n);
    struct str text = wire_field_bytes(task_command_of(t->task), 3), word;
    uint64_t ms = 0, status = 0;

    t->running = true;
    t->life++;
    t->stubborn = chance(&s->rng_task, 5);
    sim_trace(s, t->n->p->name, "task %.*s starts: %.*s", STR_ARG(task_id_of(t->task)), STR_ARG(text));
    ledger_task_started(s, t->n->facts.agent, str_of(t->n->framework_id), task_id_of(t->task));
    read_ports(t);
    set_ports(t, PORT_OPEN);
    if (t->port_count != 0 && chance(&s->rng_task, 15))
        sim_after(s, t->n->p, between(&s->rng_task, SEC(1), SEC(20)), falls_ill, t, t->life);
    (void)str_cut(&text, ' ', &word);
    (void)str_u64(&text, 1000000, &ms);
    if (str_is(word, "exit")) {
        (void)str_skip(&text, STR(" "));
        (void)str_u64(&text, 255, &status);
        end_in(t, (int64_t)ms * NS_PER_MS, (int)status << 8);
    } else if (str_is(word, "flaky") && !s->calm) {
        end_in(t, between(&s->rng_task, MS(1), (int64_t)ms * 2 * NS_PER_MS), 1 << 8);
    }
}

void task_process_signal(struct task_process *t, int signo)
{
    struct sim *s = sim_of(t->n);

    if (!t->running || (signo == SIGTERM && t->stubborn))
        return;
    if (signo == SIGKILL || signo == SIGTERM)
        end_in(t, between(&s->rng_task, NS_PER_MS, signo == SIGKILL ? MS(20) : MS(2500)), signo);
}

void task_process_free(struct task_process *t)
{
    if (t == NULL)
        return;
    if (t->running) {
        set_ports(t, PORT_CLOSED);
        ledger_task_ended(sim_of(t->n), str_of(t->n->framework_id), task_id_of(t->task));
    }
    free(t->bytes);
    free(t);
}
