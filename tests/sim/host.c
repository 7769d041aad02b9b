/* SPDX-License-Identifier: Apache-2.0 */
/* Containers of a machine: what agent/isolation promises (containerizer.h), without processes. A container
 * lives on when its agent dies; one that was being started then either runs or does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/sim/agent.h"
#include "tests/sim/ledger.h"

struct container *container_find_by_id(const struct agent_node *n, struct str id)
{
    for (struct container *c = n->containers; c != NULL; c = c->next)
        if (str_is(id, c->id))
            return c;
    return NULL;
}

static struct container *by_serial(const struct agent_node *n, uint64_t serial)
{
    for (struct container *c = n->containers; c != NULL; c = c->next)
        if (c->serial == serial)
            return c;
    return NULL;
}

static void forget(struct container *c)
{
    struct container **at = &c->node->containers;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    free(c->id);
    free(c->framework_id);
    free(c->executor_id);
    free(c);
}

/* Tells the agent; n is the container's serial number. */
static void report_exit(struct sim *s, struct proc *p, void *arg, uint64_t n)
{
    struct agent_node *node = p->node;
    struct container *c = by_serial(node, n);
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_EXITED };

    (void)arg;
    if (c == NULL)
        return;
    char *id = xstrdup(c->id);
    ev.u.exited.container = container_id(str_of(id));
    ev.u.exited.status_known = c->status_known;
    ev.u.exited.status = c->status;
    ev.u.exited.reason = REASON_NONE;
    sim_trace(s, p->name, "container %.8s of %s has exited with status %d", c->id, c->executor_id,
              c->status_known ? c->status : -1);
    forget(c);
    agent_event_now(node, &ev);
    free(id);
}

static void tell_exit(struct container *c)
{
    struct sim *s = c->node->sim;

    if (c->silent)
        forget(c);
    else if (c->node->p->alive)
        sim_after(s, c->node->p, between(&s->rng_task, NS_PER_MS / 10, MS(30)), report_exit, NULL, c->serial);
}

void container_ended(struct container *c, int status)
{
    if (c->state == CONTAINER_ENDED)
        return;
    c->state = CONTAINER_ENDED;
    c->executor = NULL;
    c->status = status;
    c->status_known = true;
    tell_exit(c);
}

static void run_executor(struct container *c)
{
    struct agent_node *n = c->node;
    char name[16];

    (void)snprintf(name, sizeof name, "x%u.%u", n->index + 1, c->serial);
    c->state = CONTAINER_RUNNING;
    c->executor = sim_executor_new(c, name, n->p->addr, n->p->host);
    proc_start(c->executor);
}

static void on_started(struct sim *s, struct proc *p, void *arg, uint64_t serial)
{
    struct agent_node *n = p->node;
    struct container *c = by_serial(n, serial);
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_LAUNCHED };

    (void)s;
    (void)arg;
    if (c == NULL || c->state != CONTAINER_STARTING)
        return;
    disk_forked(n, c);
    if (p->dying)
        return; /* the agent died; what becomes of the container is decided there */
    char *id = xstrdup(c->id);
    ev.u.launched.container = container_id(str_of(id));
    if (chance(&n->sim->rng_task, 3)) {
        ev.u.launched.failed = true;
        ev.u.launched.message = STR("clone: Resource temporarily unavailable");
        forget(c);
    } else {
        run_executor(c);
    }
    agent_event_now(n, &ev);
    free(id);
}

bool container_launch(struct agent_node *n, const struct agent_executor *e)
{
    struct container *c, **end = &n->containers;

    if (!proc_effect(n->p))
        return true;
    c = xcalloc(1, sizeof *c);
    c->serial = ++n->container_count;
    c->node = n;
    c->id = xstrdup(e->container_id);
    c->framework_id = xstrdup(e->framework->id);
    c->executor_id = xstrdup(e->id);
    c->checkpoint = e->checkpoint;
    c->pod = !e->generated;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c;
    sim_after(n->sim, n->p, between(&n->sim->rng_task, MS(5), MS(400)), on_started, NULL, c->serial);
    return true;
}

static void kill_now(struct container *c)
{
    if (c->executor != NULL && c->executor->alive)
        proc_exit(c->executor); /* and with it the container */
    else
        container_ended(c, 9);
}

static void on_killed(struct sim *s, struct proc *p, void *arg, uint64_t serial)
{
    struct agent_node *n = arg;
    struct container *c = by_serial(n, serial);

    (void)s;
    (void)p;
    if (c != NULL && c->state != CONTAINER_ENDED)
        kill_now(c);
}

bool container_destroy(struct agent_node *n, const char *id)
{
    struct container *c = container_find_by_id(n, str_of(id));

    if (c == NULL)
        return false;
    if (c->state != CONTAINER_ENDED)
        sim_after(n->sim, NULL, between(&n->sim->rng_task, MS(1), MS(100)), on_killed, n, c->serial);
    return true;
}

void containers_agent_died(struct agent_node *n)
{
    struct container *next;

    for (struct container *c = n->containers; c != NULL; c = next) {
        next = c->next;
        if (c->state == CONTAINER_STARTING && chance(&n->sim->rng_task, 50))
            run_executor(c);
        else if (c->state == CONTAINER_STARTING)
            forget(c);
    }
}

void host_reboots(struct agent_node *n)
{
    n->boot++;
    sim_trace(n->sim, n->hostname, "the machine starts again");
    proc_crash(n->p);
    while (n->containers != NULL) {
        struct container *c = n->containers;
        c->silent = true;
        if (c->state == CONTAINER_ENDED)
            forget(c);
        else
            kill_now(c);
    }
}

static bool is_known(const struct disk_state *st, const struct container *c)
{
    for (size_t i = 0; i < st->framework_count; i++)
        for (size_t j = 0; j < st->frameworks[i].executor_count; j++) {
            const struct agent_recovered_executor *e = &st->frameworks[i].executors[j];
            if (!e->completed && str_is(e->container_id, c->id))
                return true;
        }
    return false;
}

/* A container that the checkpoints know and the machine does not. */
static void ghost(struct agent_node *n, const struct disk_state *st,
                  const struct agent_recovered_framework *f, const struct agent_recovered_executor *e)
{
    struct container *c = xcalloc(1, sizeof *c), **end = &n->containers;

    (void)st;
    c->serial = ++n->container_count;
    c->node = n;
    c->id = xstrndup(e->container_id);
    c->framework_id = xstrndup(f->info->id.s);
    c->executor_id = xstrndup(e->info->id.s);
    c->state = CONTAINER_ENDED;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c;
}

void containers_recover(struct agent_node *n, const struct disk_state *st)
{
    struct container *next;

    for (struct container *c = n->containers; c != NULL; c = next) {
        next = c->next;
        if (is_known(st, c))
            continue;
        sim_trace(n->sim, n->p->name, "destroys orphan container %.8s of %s", c->id, c->executor_id);
        c->silent = true;
        if (c->state == CONTAINER_ENDED)
            forget(c);
        else
            kill_now(c);
    }
    for (size_t i = 0; i < st->framework_count; i++)
        for (size_t j = 0; j < st->frameworks[i].executor_count; j++)
            if (!st->frameworks[i].executors[j].completed &&
                container_find_by_id(n, st->frameworks[i].executors[j].container_id) == NULL)
                ghost(n, st, &st->frameworks[i], &st->frameworks[i].executors[j]);
    for (struct container *c = n->containers; c != NULL; c = c->next)
        if (c->state == CONTAINER_ENDED)
            tell_exit(c);
}

void containers_done(struct agent_node *n)
{
    while (n->containers != NULL)
        forget(n->containers);
}

struct container_facts container_facts(const struct container *c)
{
    return (struct container_facts){ c->framework_id, c->executor_id, c->checkpoint, c->pod, (int)c->node->index };
}

struct sim *sim_of_container(const struct container *c)
{
    return c->node->sim;
}
