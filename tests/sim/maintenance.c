/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/maintenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "master/core/state.h"
#include "tests/sim/framework.h"
#include "tests/sim/ledger.h"

enum { MACHINES_MAX = 64, IN_FLIGHT_MAX = 8 };
enum mode { MODE_UP, MODE_SCHEDULED, MODE_DOWN };

/* The machine of an agent. */
struct place {
    char hostname[16], ip[24];
    enum mode mode;
    int64_t start_ns;
    bool certain;     /* else a request about it is or was under way */
    bool was_certain; /* before the latest request */
    bool may_be_down;
    bool ever_down;   /* it is, was, or may have been */
    uint64_t request; /* the latest */
    int64_t since;    /* when mode was answered */
};

struct asked {
    uint64_t n; /* 0: free */
    enum operator_type type;
    bool concerns[MACHINES_MAX];
    enum mode mode[MACHINES_MAX];
    int64_t start_ns[MACHINES_MAX];
    bool could_be_down; /* START: before it */
};

struct maintenance {
    struct place places[MACHINES_MAX];
    unsigned count; /* 0: too many to play with */
    struct asked asked[IN_FLIGHT_MAX];
    unsigned next;
    struct told { /* an inverse offer was sent */
        char framework[96], offer[96];
        unsigned place;
        int64_t at;
        int64_t lost_at; /* taken back since, and not made again; 0: no */
    } *told;
    size_t told_count, told_cap;
    char text[300];
};

struct maintenance *maintenance_new(struct sim *s)
{
    struct maintenance *x = xcalloc(1, sizeof *x);

    x->count = s->agent_count <= MACHINES_MAX ? s->agent_count : 0;
    for (unsigned i = 0; i < x->count; i++) {
        struct place *p = &x->places[i];
        (void)snprintf(p->hostname, sizeof p->hostname, "host%u", i + 1);
        (void)snprintf(p->ip, sizeof p->ip, "%.*s", (int)strcspn(s->agent[i]->addr, ":"), s->agent[i]->addr);
        p->certain = true;
    }
    return x;
}

void maintenance_free(struct maintenance *x)
{
    free(x->told);
    free(x);
}

static struct machine_id id_of(const struct place *p)
{
    return (struct machine_id){ str_of(p->hostname), str_of(p->ip) };
}

/* --- deeds -------------------------------------------------------------------------------------------- */

static struct asked *ask_begin(struct maintenance *x, enum operator_type type, uint64_t n)
{
    struct asked *a = &x->asked[x->next++ % IN_FLIGHT_MAX];

    *a = (struct asked){ .n = n, .type = type };
    return a;
}

static void concern(struct maintenance *x, struct asked *a, unsigned i, enum mode mode, int64_t start_ns)
{
    struct place *p = &x->places[i];

    a->concerns[i] = true;
    a->mode[i] = mode;
    a->start_ns[i] = start_ns;
    p->was_certain = p->certain;
    p->certain = false;
    p->request = a->n;
}

/* Nobody leads: it was not even asked. */
static void unask(struct maintenance *x, struct asked *a)
{
    for (unsigned i = 0; i < x->count; i++)
        if (a->concerns[i] && x->places[i].request == a->n)
            x->places[i].certain = x->places[i].was_certain;
    a->n = 0;
}

static void schedule(struct sim *s, const bool *wanted, struct rng *r, uint64_t n)
{
    struct maintenance *x = s->maintenance;
    struct machine_id ids[MACHINES_MAX];
    struct maintenance_window windows[MACHINES_MAX];
    struct operator_request q = { .type = OPERATOR_UPDATE_SCHEDULE, .windows = windows };
    struct asked *a = ask_begin(x, q.type, n);

    for (unsigned i = 0; i < x->count; i++) {
        struct place *p = &x->places[i];
        int64_t start = p->start_ns;
        if (wanted[i]) {
            if (p->mode == MODE_UP || chance(r, 40))
                start = (sim_wall(s).ms + between(r, -10000, 60000)) * NS_PER_MS;
            ids[q.window_count] = id_of(p);
            windows[q.window_count] = (struct maintenance_window){ &ids[q.window_count], 1, start, chance(r, 50) ? -1 : between(r, 0, SEC(60)) };
            q.window_count++;
        }
        concern(x, a, i, !wanted[i] ? MODE_UP : p->certain && p->mode == MODE_DOWN ? MODE_DOWN : MODE_SCHEDULED, wanted[i] ? start : 0);
    }
    sim_trace(s, "operator", "sets a maintenance schedule of %zu machines", q.window_count);
    if (!sim_master_operate(s, &q, n))
        unask(x, a);
}

static void machine(struct sim *s, unsigned i, bool down, uint64_t n)
{
    struct maintenance *x = s->maintenance;
    struct place *p = &x->places[i];
    struct machine_id id = id_of(p);
    struct operator_request q = { .type = down ? OPERATOR_START_MAINTENANCE : OPERATOR_STOP_MAINTENANCE, .machines = &id, .machine_count = 1 };
    struct asked *a = ask_begin(x, q.type, n);

    concern(x, a, i, down ? MODE_DOWN : MODE_UP, down ? p->start_ns : 0);
    sim_trace(s, "operator", "asks to take the machine of a%u %s", i + 1, down ? "down" : "up");
    a->could_be_down = p->may_be_down;
    p->may_be_down = p->may_be_down || down;
    if (!sim_master_operate(s, &q, n)) {
        p->may_be_down = a->could_be_down;
        unask(x, a);
        return;
    }
    p->ever_down = p->ever_down || down; /* also when the answer tells nothing any more, as a later request was made meanwhile */
}

void maintenance_do_something(struct sim *s, struct rng *r, uint64_t n)
{
    struct maintenance *x = s->maintenance;
    bool wanted[MACHINES_MAX];
    unsigned dice = (unsigned)rng_below(r, 100);

    if (x->count == 0)
        return;
    unsigned i = (unsigned)rng_below(r, x->count);
    for (unsigned k = 0; k < x->count && dice >= 40; k++) /* one of the right kind, rather */
        if (x->places[(i + k) % x->count].mode == (dice < 75 ? MODE_SCHEDULED : MODE_DOWN)) {
            i = (i + k) % x->count;
            break;
        }
    for (unsigned k = 0; k < x->count; k++)
        wanted[k] = x->places[k].may_be_down ? chance(r, 90) : chance(r, 40);
    if (dice < 40)
        schedule(s, wanted, r, n);
    else
        machine(s, i, dice < 75, n);
}

/* --- what comes of it --------------------------------------------------------------------------------- */

static unsigned place_of_pid(const struct maintenance *x, struct str pid)
{
    for (unsigned i = 0; i < x->count; i++)
        if (str_is(pid_ip(pid), x->places[i].ip))
            return i;
    return x->count;
}

static void learn(struct sim *s, const struct asked *a, unsigned i, unsigned status, struct str text)
{
    struct place *p = &((struct maintenance *)s->maintenance)->places[i];
    bool left_out = a->type == OPERATOR_UPDATE_SCHEDULE && a->mode[i] == MODE_UP;

    if (status != 200) {
        p->certain = p->was_certain;
        if (a->type == OPERATOR_STOP_MAINTENANCE && str_contains(text, STR("is not in DOWN mode")))
            p->may_be_down = false;
        if (a->type == OPERATOR_START_MAINTENANCE)
            p->may_be_down = a->could_be_down;
        return;
    }
    if (left_out && p->was_certain && p->mode == MODE_DOWN)
        sim_fail(s, "a schedule without the machine of a%u, which is down, was taken", i + 1);
    if (left_out || a->type == OPERATOR_STOP_MAINTENANCE)
        p->may_be_down = false;
    p->certain = a->mode[i] == MODE_DOWN || !p->may_be_down;
    p->mode = a->mode[i];
    p->start_ns = a->start_ns[i];
    p->since = s->now;
}

void maintenance_answered(struct sim *s, uint64_t n, unsigned status, struct str text)
{
    struct maintenance *x = s->maintenance;

    for (struct asked *a = x->asked; a < x->asked + IN_FLIGHT_MAX; a++) {
        if (a->n != n)
            continue;
        for (unsigned i = 0; i < x->count; i++)
            if (a->concerns[i] && x->places[i].request == n)
                learn(s, a, i, status, text);
        a->n = 0;
    }
}

void maintenance_saw_inverse(struct sim *s, const struct inverse_offer *const *offers, size_t n)
{
    struct maintenance *x = s->maintenance;

    for (size_t i = 0; i < n; i++) {
        struct told *t = x->told;
        unsigned place = place_of_pid(x, str_of(offers[i]->agent->pid));
        while (t < x->told + x->told_count && (t->place != place || !str_is(offers[i]->framework->id.s, t->framework)))
            t++;
        if (t == x->told + x->told_count) {
            ARRAY_ROOM(x->told, x->told_count, x->told_cap);
            t = &x->told[x->told_count++];
            (void)snprintf(t->framework, sizeof t->framework, "%.*s", STR_ARG(offers[i]->framework->id.s));
            t->place = place;
        }
        t->at = s->now;
        t->lost_at = 0;
        (void)snprintf(t->offer, sizeof t->offer, "%s", offers[i]->id);
    }
}

void maintenance_saw_rescind(struct sim *s, struct str id)
{
    struct maintenance *x = s->maintenance;

    for (size_t i = 0; i < x->told_count; i++)
        if (str_is(id, x->told[i].offer))
            x->told[i].lost_at = s->now;
}

void maintenance_saw_subscribed(struct sim *s, struct str framework)
{
    struct maintenance *x = s->maintenance;

    for (size_t i = 0; i < x->told_count; i++)
        if (str_is(framework, x->told[i].framework))
            x->told[i].lost_at = s->now;
}

static void check_inverse(struct sim *s, const struct proc *p, const struct inverse_offer *o)
{
    const struct machine *mc = machine_of_agent(sim_master_of(p), o->agent);

    if (mc == NULL || mc->mode == MACHINE_UP || mc->start_ns != o->start_ns)
        sim_fail(s, "%s has inverse offer %s for agent %s, %s", p->name, o->id, o->agent->info->id.s.p,
                 mc == NULL || mc->mode == MACHINE_UP ? "which is not in the schedule" : "of another window");
    for (const struct inverse_offer *k = o->a_next; k != NULL; k = k->a_next)
        if (k->framework == o->framework)
            sim_fail(s, "%s has two inverse offers for agent %s to one framework", p->name, o->agent->info->id.s.p);
}

static void check_agent(struct sim *s, const struct proc *p, const struct agent *a)
{
    const struct machine *mc = machine_of_agent(sim_master_of(p), a);

    if (mc != NULL && mc->mode == MACHINE_DOWN && a->change == AGENT_CHANGE_NONE)
        sim_fail(s, "%s keeps agent %s, whose machine is down", p->name, a->info->id.s.p);
}

static void check_place(struct sim *s, const struct proc *p, const struct place *k)
{
    static const enum machine_mode modes[] = { [MODE_UP] = MACHINE_UP, [MODE_SCHEDULED] = MACHINE_DRAINING, [MODE_DOWN] = MACHINE_DOWN };
    static const char *const names[] = { "?", "up", "in the schedule", "down" };
    const struct machine *mc = machine_find(sim_master_of(p), str_of(k->hostname), str_of(k->ip));
    enum machine_mode mode = mc != NULL ? mc->mode : MACHINE_UP;

    if (mode != modes[k->mode])
        sim_fail(s, "machine %s is %s for %s, and was asked to be %s", k->hostname, names[mode], p->name, names[modes[k->mode]]);
    else if (k->mode == MODE_SCHEDULED && mc->start_ns != k->start_ns)
        sim_fail(s, "machine %s has another window for %s than was asked for", k->hostname, p->name);
}

void maintenance_check(struct sim *s, const struct proc *p)
{
    const struct maintenance *x = s->maintenance;
    const struct master *m = sim_master_of(p);

    if (p->dying || p != sim_leading_master(s) || !master_is_recovered(m))
        return;
    for (unsigned i = 0; i < x->count; i++)
        if (x->places[i].certain)
            check_place(s, p, &x->places[i]);
    for (const struct agent *a = m->inverse_offers != NULL || HASH_COUNT(m->machines) != 0 ? m->agents : NULL; a != NULL; a = a->hh.next)
        check_agent(s, p, a);
    for (const struct agent *a = m->inverse_offers != NULL ? m->agents : NULL; a != NULL; a = a->hh.next)
        for (const struct inverse_offer *o = a->inverse_offers; o != NULL; o = o->a_next)
            check_inverse(s, p, o);
}

/* --- the end ------------------------------------------------------------------------------------------ */

/* So long a window is to last in the end before it is asked whether everybody was told. */
#define TOLD_NS SEC(20)

/* Outstanding, or sent since the window is what it is: some answer at once, and are asked again. */
static bool is_told(const struct sim *s, const struct place *k, const struct agent *a, const struct framework *f)
{
    const struct maintenance *x = s->maintenance;

    for (const struct inverse_offer *o = a->inverse_offers; o != NULL; o = o->a_next)
        if (o->framework == f)
            return true;
    for (const struct told *t = x->told; t < x->told + x->told_count; t++)
        if (&x->places[t->place] == k && str_is(f->id.s, t->framework))
            return t->at >= k->since && (t->lost_at == 0 || s->now < t->lost_at + TOLD_NS);
    return false;
}

/* A framework with something on the agent, which was sent no inverse offer; NULL: all were. */
static const struct framework *untold(struct sim *s, const struct place *k)
{
    const struct master *m = sim_master_core(s);

    for (const struct agent *a = m != NULL ? m->agents : NULL; a != NULL; a = a->hh.next) {
        const struct machine *mc = machine_of_agent(m, a);
        if (mc == NULL || mc->mode != MACHINE_DRAINING || strcmp(mc->hostname, k->hostname) != 0 || !agent_is_active(a))
            continue;
        for (const struct slot *x = a->slots; x != NULL; x = x->a_next)
            if (x->used.n != 0 && framework_is_active(x->framework) && !is_told(s, k, a, x->framework))
                return x->framework;
    }
    return NULL;
}

static bool stays(struct sim *s, unsigned i)
{
    const struct place *k = &((struct maintenance *)s->maintenance)->places[i];

    if (k->certain && k->mode == MODE_DOWN)
        return sim_agent_facts(s, i).live_tasks != 0;
    return k->certain && k->mode == MODE_SCHEDULED && (s->now < k->since + TOLD_NS || untold(s, k) != NULL);
}

void maintenance_tidy(struct sim *s, uint64_t n)
{
    struct maintenance *x = s->maintenance;
    bool wanted[MACHINES_MAX] = { false }, any = false;

    for (unsigned i = 0; i < x->count; i++) {
        if (stays(s, i))
            return; /* one thing after the other */
        any = any || !x->places[i].certain || x->places[i].mode != MODE_UP;
    }
    for (unsigned i = 0; i < x->count; i++)
        if (x->places[i].may_be_down) {
            machine(s, i, false, n);
            return;
        }
    if (any)
        schedule(s, wanted, &s->rng_zk, n);
}

const char *maintenance_unsettled(struct sim *s)
{
    struct maintenance *x = s->maintenance;
    const char *why = "";

    for (unsigned i = 0; i < x->count; i++) {
        const struct place *k = &x->places[i];
        if (k->certain && k->mode == MODE_UP)
            continue;
        const struct framework *f = k->certain && k->mode == MODE_SCHEDULED ? untold(s, k) : NULL;
        if (f != NULL) {
            (void)snprintf(x->text, sizeof x->text, "framework %.*s has something on a%u, which is in the schedule, and got no inverse offer",
                           STR_ARG(f->id.s), i + 1);
            return x->text;
        }
        if (why[0] == '\0')
            (void)snprintf(x->text, sizeof x->text, "the machine of a%u is not up%s", i + 1,
                           stays(s, i) && k->mode == MODE_DOWN ? ": it is down, and runs tasks" : "");
        why = x->text;
    }
    return why;
}

bool maintenance_may_have_ended(const struct sim *s, unsigned agent)
{
    const struct maintenance *x = s->maintenance;

    return agent < x->count && (x->places[agent].ever_down || x->places[agent].may_be_down);
}

bool maintenance_ended_any(const struct sim *s)
{
    const struct maintenance *x = s->maintenance;

    for (unsigned i = 0; i < x->count; i++)
        if (maintenance_may_have_ended(s, i))
            return true;
    return false;
}
