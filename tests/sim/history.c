/* SPDX-License-Identifier: Apache-2.0 */
/* One history: the world is made, faults do what they do, all heals, and everything has to settle. */
#include "tests/sim/history.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/sim/agent.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/framework.h"
#include "tests/sim/operator.h"

void frameworks_boot(struct sim *s)
{
    for (unsigned i = 0; i < s->framework_count; i++)
        sim_framework_new(s, i);
}

void world_free(struct sim *s)
{
    for (unsigned i = 0; i < s->framework_count; i++)
        sim_framework_free(s->framework[i]);
    for (unsigned i = 0; i < s->marathon_count; i++)
        sim_marathon_free(s->marathon[i]);
    agents_free(s);
    for (unsigned i = 0; i < s->master_count; i++)
        free(s->master[i]->node);
    ledger_free(s->ledger);
    operator_free(s);
    ensemble_free(s->zk);
    sim_zk_reset();
}

static void boot(struct sim *s)
{
    s->agent_count = s->o.agents != 0 ? s->o.agents : (unsigned)between(&s->rng_boot, 1, 6);
    s->framework_count = s->o.frameworks != 0 ? s->o.frameworks : (unsigned)between(&s->rng_boot, 1, 4);
    s->master_count = s->o.masters != 0 ? s->o.masters : chance(&s->rng_zk, 50) ? 1 : (unsigned)between(&s->rng_zk, 2, MASTERS_MAX);
    if (s->master_count > 1)
        s->zk = ensemble_new(s);
    s->host_count = HOST_AGENT + (int)s->agent_count;
    s->cut = xcalloc((size_t)s->host_count * (size_t)s->host_count, sizeof *s->cut);
    s->ledger = ledger_new();
    masters_boot(s);
    agents_boot(s);
    frameworks_boot(s);
    if (s->o.marathon) {
        s->marathon_count = s->zk != NULL ? MARATHONS_MAX : 1;
        sim_marathons_new(s);
    }
    operator_boot(s);
    faults_start(s);
}

static const char *unsettled(struct sim *s)
{
    const char *why = ledger_no_leader(s);

    if (why[0] == 0)
        why = operator_unsettled(s);
    if (why[0] == 0)
        why = ledger_unsettled(s);

    for (unsigned i = 0; i < s->framework_count && why[0] == 0; i++)
        why = sim_framework_unsettled(s->framework[i]);
    if (why[0] == 0 && s->marathon_count != 0)
        why = sim_marathon_unsettled(s);
    if (why[0] == 0 && s->marathon_count != 0) {
        struct sim_marathon_books b = sim_marathon_books(s);
        if (!b.waits)
            why = ledger_compare(s, b.framework_id, b.tasks);
    }
    return why;
}

static void settle(struct sim *s, int64_t began)
{
    /* Of a framework that is gone nobody acknowledges an operation; a new master does it after ten minutes, at the agent's next
     * try, which may be as long away. Until then the agent is not drained. */
    int64_t from = s->now, longest = SEC(400);

    while (!s->failed) {
        longest = ledger_has_orphans(s) ? SEC(1600) : longest;
        sim_run_until(s, s->now + SEC(1));
        const char *why = s->failed ? "" : unsettled(s);
        if (why[0] == 0)
            break;
        if (s->now >= from + longest)
            sim_fail(s, "not settled %d s after the last fault: %s", (int)((s->now - began) / NS_PER_S), why);
    }
}

/* Heals everything and waits, in bounded virtual time, until nothing is open; and it stays so. */
static void liveness(struct sim *s, struct outcome *ret)
{
    int64_t began = s->now;

    faults_heal(s);
    settle(s, began);
    ret->settled_ns = s->now - began;
    if (!s->failed)
        sim_run_until(s, s->now + SEC(60));
    if (!s->failed)
        settle(s, began);
}

static void print_ring(const struct sim *s, FILE *out)
{
    size_t from = s->ring_n > s->ring_cap ? s->ring_n - s->ring_cap : 0;

    for (size_t i = from; i < s->ring_n; i++)
        (void)fprintf(out, "%s\n", s->ring[i % s->ring_cap]);
}

void history_run(const struct sim_options *o, FILE *out, history_line_fn *line, void *arg, struct outcome *ret)
{
    struct sim s;

    memset(ret, 0, sizeof *ret);
    sim_init(&s, o);
    boot(&s);
    sim_run_until(&s, o->duration_ns);
    if (!s.failed)
        liveness(&s, ret);
    if (s.failed && out != NULL && !o->trace)
        print_ring(&s, out);
    for (size_t i = 0; line != NULL && i < s.ring_n && i < s.ring_cap; i++)
        line(s.ring[i], arg);
    ret->failed = s.failed;
    (void)snprintf(ret->why, sizeof ret->why, "%s", s.why);
    ret->ended_ns = s.now;
    ret->hash = s.hash;
    ret->events = s.events;
    ret->counts = ledger_count(&s);
    ret->agents = s.agent_count;
    ret->frameworks = s.framework_count;
    ret->masters = s.master_count;
    memcpy(ret->steps, s.steps, sizeof ret->steps);
    for (struct proc *p = s.procs; p != NULL; p = p->next)
        ret->crashes += p->crashes;
    sim_done(&s);
}
