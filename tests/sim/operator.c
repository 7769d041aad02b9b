/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "master/core/state.h"
#include "tests/sim/framework.h"
#include "tests/sim/ledger.h"
#include "tests/sim/maintenance.h"

enum standing { STANDING_ACTIVE, STANDING_DEACTIVATED, STANDING_DRAINING, STANDING_GONE };

/* Somebody or something that can be asked for. */
struct subject {
    char *id; /* of an agent; a role */
    enum standing standing;
    int64_t cpus_max, mem_max; /* of a role: limits in thousandths, INT64_MAX: none */
    bool certain;              /* else a request about it is or was under way */
    bool was_certain;          /* before the latest request */
    uint64_t request, before;  /* the latest two */
    enum standing asked;
    int64_t asked_cpus, asked_mem;
    bool was_asked_gone;
    bool stays; /* it is drained, and not empty yet */
    struct subject *next;
};

struct operator {
    struct subject *agents, *roles;
    char *doomed[64]; /* framework ids whose end was asked for */
    size_t doomed_count;
    uint64_t requests;
    char text[300];
};

static struct subject *subject(struct subject **list, struct str id)
{
    struct subject *x = *list;

    while (x != NULL && !str_is(id, x->id))
        x = x->next;
    if (x != NULL)
        return x;
    x = xcalloc(1, sizeof *x);
    x->id = xstrndup(id);
    x->certain = true;
    x->cpus_max = x->mem_max = INT64_MAX;
    x->next = *list;
    *list = x;
    return x;
}

/* --- deeds -------------------------------------------------------------------------------------------- */

static void ask(struct sim *s, struct subject *x, struct operator_request *q, const char *what)
{
    struct operator *o = s->operator;
    uint64_t n = ++o->requests;

    x->before = x->request;
    x->request = n;
    x->was_certain = x->certain;
    x->certain = false;
    sim_trace(s, "operator", "asks to %s %s", what, x->id);
    if (!sim_master_operate(s, q, n) && x->request == n)
        x->certain = x->was_certain; /* nobody leads: it was not even asked */
}

static void drain(struct sim *s, struct subject *x, struct rng *r)
{
    struct operator_request q = { .type = OPERATOR_DRAIN,
                                  .agent = agent_id(str_of(x->id)),
                                  .max_grace_ns = chance(r, 50) ? -1 : between(r, 0, SEC(5)) };

    x->asked = STANDING_DRAINING;
    ask(s, x, &q, "drain");
}

static void set_active(struct sim *s, struct subject *x, bool on)
{
    struct operator_request q = { .type = on ? OPERATOR_REACTIVATE : OPERATOR_DEACTIVATE, .agent = agent_id(str_of(x->id)) };

    x->asked = on ? STANDING_ACTIVE : STANDING_DEACTIVATED;
    ask(s, x, &q, on ? "reactivate" : "deactivate");
}

static void mark_gone(struct sim *s, struct subject *x)
{
    struct operator_request q = { .type = OPERATOR_MARK_GONE, .agent = agent_id(str_of(x->id)) };

    x->asked = STANDING_GONE;
    x->was_asked_gone = true;
    ask(s, x, &q, "mark gone");
}

/* cpus < 0: no quota. */
static void set_quota(struct sim *s, const char *role, int64_t cpus, int64_t mem, bool guarantee)
{
    struct subject *x = subject(&((struct operator *)s->operator)->roles, str_of(role));
    struct quota_value v = { .role = str_of(role) };
    struct operator_request q = { .type = OPERATOR_UPDATE_QUOTA, .force = true, .quotas = &v, .quota_count = 1 };

    x->asked_cpus = x->asked_mem = INT64_MAX;
    if (cpus >= 0) {
        x->asked_cpus = cpus;
        x->asked_mem = mem;
        quantities_set(&v.limits, NAME_CPUS, cpus);
        quantities_set(&v.limits, NAME_MEM, mem);
        if (guarantee)
            quantities_set(&v.guarantees, NAME_CPUS, cpus / 2);
    }
    ask(s, x, &q, cpus < 0 ? "end the quota of" : "set a quota for");
    quantities_done(&v.limits);
    quantities_done(&v.guarantees);
}

static void set_weight(struct sim *s, struct rng *r)
{
    struct weight_value v = { chance(r, 50) ? STR("web") : STR("batch"), 1 + (double)rng_below(r, 4) };
    struct operator_request q = { .type = OPERATOR_UPDATE_WEIGHTS, .weights = &v, .weight_count = 1 };

    (void)sim_master_operate(s, &q, ++((struct operator *)s->operator)->requests);
}

void operator_doom(struct sim *s, const char *id)
{
    struct operator *o = s->operator;

    if (operator_doomed(s, id) || o->doomed_count == sizeof o->doomed / sizeof o->doomed[0])
        return;
    o->doomed[o->doomed_count++] = xstrdup(id);
}

static void tear_down(struct sim *s, struct rng *r)
{
    struct operator *o = s->operator;
    struct proc *p = s->framework_count != 0 ? s->framework[rng_below(r, s->framework_count)] : NULL;
    const char *id = p != NULL ? sim_framework_id(p) : "";
    struct operator_request q = { .type = OPERATOR_TEARDOWN, .framework = framework_id(str_of(id)) };

    if (id[0] == '\0')
        return;
    operator_doom(s, id);
    sim_trace(s, "operator", "asks to tear down %s", id);
    (void)sim_master_operate(s, &q, ++o->requests);
}

static struct subject *some_agent(struct sim *s, struct rng *r)
{
    struct agent_facts f = sim_agent_facts(s, (unsigned)rng_below(r, s->agent_count));

    return f.id[0] != '\0' ? subject(&((struct operator *)s->operator)->agents, str_of(f.id)) : NULL;
}

static void about_agents(struct sim *s, struct rng *r)
{
    struct subject *x = some_agent(s, r);
    unsigned dice = (unsigned)rng_below(r, 100);

    if (x == NULL || x->standing == STANDING_GONE)
        return;
    if (x->standing != STANDING_ACTIVE && dice < 60)
        set_active(s, x, true);
    else if (dice < 35)
        drain(s, x, r);
    else if (dice < 65)
        set_active(s, x, false);
    else if (dice < 75)
        mark_gone(s, x);
}

/* Somebody asks for something about the agent whose record is just being changed. */
static void hurry(struct sim *s, struct proc *none, void *arg, uint64_t seed)
{
    char *id = arg;
    struct subject *x = subject(&((struct operator *)s->operator)->agents, str_of(id));
    struct rng own;

    (void)none;
    rng_seed(&own, seed);
    if (!s->calm && x->standing != STANDING_GONE) {
        if (chance(&own, 60))
            drain(s, x, &own);
        else
            set_active(s, x, x->standing != STANDING_ACTIVE);
    }
    free(id);
}

void operator_saw_change(struct sim *s, struct str agent_id)
{
    struct rng own;

    if (s->calm || !chance(&s->rng_zk, 15) || !sim_next_step(s, STEP_DEED, &own))
        return;
    sim_after(s, NULL, between(&own, 0, MS(2)), hurry, xstrndup(agent_id), rng_u64(&own));
}

void operator_saw_removal(struct sim *s, struct str agent_id)
{
    struct subject *x = subject(&((struct operator *)s->operator)->agents, agent_id);

    if (x->standing != STANDING_GONE)
        x->certain = x->was_certain = false;
}

static void maintain_again(struct sim *s, struct proc *none, void *arg, uint64_t seed)
{
    struct rng own;

    (void)none;
    (void)arg;
    rng_seed(&own, seed);
    if (!s->calm)
        maintenance_do_something(s, &own, ++((struct operator *)s->operator)->requests);
}

/* Now and then two at once: the second is asked for while the first is being stored. */
static void maintain(struct sim *s, struct rng *r)
{
    maintenance_do_something(s, r, ++((struct operator *)s->operator)->requests);
    if (chance(r, 30))
        sim_after(s, NULL, between(r, 0, MS(2)), maintain_again, NULL, rng_u64(r));
}

static void do_something(struct sim *s, struct rng *r)
{
    static const char *const roles[] = { "web", "batch" };
    unsigned dice = (unsigned)rng_below(r, 100);

    if (dice < 45)
        about_agents(s, r);
    else if (dice < 70)
        maintain(s, r);
    else if (dice < 85)
        set_quota(s, roles[rng_below(r, 2)], chance(r, 30) ? -1 : between(r, 0, 30) * 100, between(r, 0, 10) * 64000, chance(r, 30));
    else if (dice < 93)
        set_weight(s, r);
    else
        tear_down(s, r);
}

/* A new master does not know of an end that the last one brought about, and takes it in again from what agents say. */
static void end_again(struct sim *s, const char *framework)
{
    struct operator_request q = { .type = OPERATOR_TEARDOWN, .framework = framework_id(str_of(framework)) };

    for (unsigned i = 0; i < s->framework_count; i++)
        if (strcmp(sim_framework_id(s->framework[i]), framework) == 0)
            return; /* its program goes on with that id */
    (void)sim_master_operate(s, &q, ++((struct operator *)s->operator)->requests);
}

/* When all is well, machines are taken back, those that are drained once they are empty, and nobody is held back by a quota. */
static void tidy(struct sim *s)
{
    struct operator *o = s->operator;

    for (struct subject *x = o->agents; x != NULL; x = x->next) {
        x->stays = x->standing == STANDING_DRAINING && x->certain && ledger_agent_tasks(s, x->id) != 0;
        if (x->stays || x->standing == STANDING_GONE || (x->certain && x->standing == STANDING_ACTIVE))
            continue;
        if (ledger_agent_lives(s, x->id))
            set_active(s, x, true);
    }
    for (struct subject *x = o->roles; x != NULL; x = x->next)
        if (!x->certain || x->cpus_max != INT64_MAX)
            set_quota(s, x->id, -1, 0, false);
    for (size_t i = 0; i < o->doomed_count; i++)
        end_again(s, o->doomed[i]);
    maintenance_tidy(s, ++o->requests);
}

static void work(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    struct rng own;

    (void)none;
    (void)arg;
    (void)n;
    if (s->calm)
        tidy(s);
    else if (sim_next_step(s, STEP_DEED, &own))
        do_something(s, &own);
    sim_after(s, NULL, s->calm ? SEC(5) : between(&s->rng_zk, MS(500), SEC(8)), work, NULL, 0);
}

/* --- what comes of it --------------------------------------------------------------------------------- */

static struct subject *by_request(struct subject *x, uint64_t n)
{
    while (x != NULL && x->request != n)
        x = x->next;
    return x;
}

/* An agent is admitted, unreachable or gone: a later master would believe either of two records. */
static void check_record(struct sim *s, const struct subject *x)
{
    static const char *const kinds[] = { "agent", "unreachable", "gone" };
    unsigned n = 0;

    for (size_t i = 0; i < 3; i++) {
        char key[200];
        (void)snprintf(key, sizeof key, "master/%s/%s", kinds[i], x->id);
        n += sim_master_has(s, key);
    }
    if (n > 1)
        sim_fail(s, "agent %s has %u records in the registry, each of another kind", x->id, n);
}

void operator_answered(struct sim *s, uint64_t n, unsigned status, struct str text)
{
    struct operator *o = s->operator;
    struct subject *x = by_request(o->agents, n), *role = by_request(o->roles, n);

    sim_trace(s, "operator", "is answered %u %.*s", status, (int)(text.n < 100 ? text.n : 100), text.n != 0 ? text.p : "");
    maintenance_answered(s, n, status, text);
    for (struct subject *y = o->agents; y != NULL; y = y->next)
        if (y->before == n && status == 200) /* done, and maybe after the latest was answered */
            y->certain = false;
    if (x != NULL) {
        bool is_so = status == 200 || str_is(text, "Agent is not deactivated");
        x->certain = is_so || x->was_certain;
        if (is_so)
            x->standing = x->asked;
        check_record(s, x);
    }
    if (role != NULL) {
        role->certain = status == 200 || role->was_certain;
        if (status == 200) {
            role->cpus_max = role->asked_cpus;
            role->mem_max = role->asked_mem;
        }
    }
}

static const char *standing_name(enum standing t)
{
    static const char *const names[] = { "active", "deactivated", "drained", "gone" };

    return names[t];
}

static const struct subject *kept_from_work(const struct sim *s, struct str agent_id)
{
    for (const struct subject *x = ((const struct operator *)s->operator)->agents; x != NULL; x = x->next)
        if (str_is(agent_id, x->id))
            return x->certain && x->standing != STANDING_ACTIVE ? x : NULL;
    return NULL;
}

static void sum_of_role(const struct resources *r, const char *role, int64_t *cpus, int64_t *mem)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->v[i].role == NULL || !str_is(name_str(r->v[i].role), role) || r->v[i].reservations != NULL)
            continue;
        if (r->v[i].name == NAME_CPUS)
            *cpus += r->v[i].milli;
        else if (r->v[i].name == NAME_MEM)
            *mem += r->v[i].milli;
    }
}

/* Each resource for itself: a role that has more cpus than it may still gets memory. What is reserved for it, it has
 * already: that is not counted here, so a little more than nothing may go unnoticed. */
static void check_quota(struct sim *s, const struct proc *p, const struct offer *offer, const struct subject *role)
{
    const struct master *m = sim_master_of(p);
    int64_t cpus = 0, mem = 0, cpus_now = 0, mem_now = 0;

    if (!role->certain || role->cpus_max == INT64_MAX)
        return;
    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        for (const struct slot *x = a->slots; x != NULL; x = x->a_next)
            sum_of_role(&x->used, role->id, &cpus, &mem);
        for (const struct offer *f = a->offers; f != NULL; f = f->a_next)
            sum_of_role(&f->resources, role->id, &cpus, &mem);
    }
    sum_of_role(&offer->resources, role->id, &cpus_now, &mem_now);
    if ((cpus_now != 0 && cpus > role->cpus_max) || (mem_now != 0 && mem > role->mem_max))
        sim_fail(s, "%s offers to role %s over its quota: %lld of %lld mcpus, %lld of %lld MB/1000", p->name, role->id,
                 (long long)cpus, (long long)role->cpus_max, (long long)mem, (long long)role->mem_max);
}

void operator_saw_offers(struct sim *s, const struct proc *p, const struct offer *const *offers, size_t n)
{
    const struct operator *o = s->operator;

    if (p->dying || p != sim_leading_master(s))
        return; /* a deposed one may not know; that it does not act for long is checked elsewhere */
    for (size_t i = 0; i < n; i++) {
        const struct subject *x = kept_from_work(s, agent_id_str(offers[i]->agent));
        if (x != NULL)
            sim_fail(s, "%s offers agent %s, which is %s", p->name, x->id, standing_name(x->standing));
        for (uint32_t k = 0; k < offers[i]->resources.n; k++) {
            const struct reservation *top = resource_reservation(&offers[i]->resources.v[k]);
            if (top != NULL && top->role != offers[i]->role)
                sim_fail(s, "%s offers what is reserved for %s to role %s", p->name, top->role->text, offers[i]->role->text);
        }
        for (const struct subject *role = o->roles; role != NULL; role = role->next)
            if (str_is(name_str(offers[i]->role), role->id))
                check_quota(s, p, offers[i], role);
    }
}

void operator_saw_launch(struct sim *s, const struct proc *p, struct str agent_id)
{
    const struct subject *x = p->dying || p != sim_leading_master(s) ? NULL : kept_from_work(s, agent_id);

    if (x != NULL)
        sim_fail(s, "%s launches on agent %s, which is %s", p->name, x->id, standing_name(x->standing));
}

/* What was asked for is in the books, of a new master too, whether the agent is there or not. */
void operator_check(struct sim *s, const struct proc *p)
{
    const struct master *m = sim_master_of(p);

    if (p->dying || p != sim_leading_master(s) || !master_is_recovered(m))
        return;
    for (const struct subject *x = ((const struct operator *)s->operator)->agents; x != NULL; x = x->next) {
        const struct agent *a = x->certain && x->standing != STANDING_GONE ? agent_find(m, str_of(x->id)) : NULL;
        const struct lost_agent *l = x->certain && x->standing != STANDING_GONE && a == NULL ? lost_find(m, str_of(x->id)) : NULL;
        bool kept = a != NULL ? a->deactivated : l != NULL && l->deactivated;
        if ((a != NULL || (l != NULL && l->kind != LOST_GONE)) && kept != (x->standing != STANDING_ACTIVE))
            sim_fail(s, "%s takes agent %s for %s, which is %s", p->name, x->id, kept ? "deactivated" : "active", standing_name(x->standing));
    }
}

void operator_saw_admission(struct sim *s, const struct proc *p, struct str agent_id)
{
    const struct subject *x = p->dying || p != sim_leading_master(s) ? NULL : kept_from_work(s, agent_id);

    if (x != NULL && x->standing == STANDING_GONE)
        sim_fail(s, "%s admits agent %s, which is gone", p->name, x->id);
}

/* --- the end ------------------------------------------------------------------------------------------ */

/* What the leading master thinks is there. */
static const char *held_on(struct sim *s, const char *id)
{
    static char text[200];
    const struct master *m = sim_master_core(s);

    text[0] = '\0';
    for (const struct agent *a = m != NULL ? m->agents : NULL; a != NULL; a = a->hh.next)
        if (str_is(agent_id_str(a), id) && a->slots != NULL) {
            struct str first = a->slots->tasks != NULL ? task_id_str(a->slots->tasks) : STR("-");
            (void)snprintf(text, sizeof text, "; it has %zu tasks of %.60s, first %.*s", a->slots->task_count,
                           a->slots->framework->id.s.p, STR_ARG(first));
        }
    for (const struct agent *a = m != NULL ? m->agents : NULL; a != NULL; a = a->hh.next)
        if (str_is(agent_id_str(a), id) && a->operations != NULL && text[0] == '\0')
            (void)snprintf(text, sizeof text, "; it has operation %s of %s, %s", a->operations->id != NULL ? a->operations->id : "-",
                           a->operations->framework_id != NULL ? a->operations->framework_id : "an operator",
                           operation_state_name(a->operations->state));
    return text;
}

static const char *name_of_agent(struct sim *s, const char *id)
{
    for (unsigned i = 0; i < s->agent_count; i++)
        if (strcmp(sim_agent_facts(s, i).id, id) == 0)
            return s->agent[i]->name;
    return "nobody";
}

const char *operator_unsettled(struct sim *s)
{
    struct operator *o = s->operator;

    for (const struct subject *x = o->agents; x != NULL; x = x->next) {
        if (!ledger_agent_lives(s, x->id))
            continue;
        const char *why = "";
        if (!x->certain)
            why = "is asked for";
        else if (x->standing == STANDING_GONE)
            why = "is gone, and an agent has its id";
        else if (x->stays)
            why = "is drained, and has tasks";
        else if (x->standing != STANDING_ACTIVE)
            why = "is not taken back";
        if (why[0] != '\0') {
            (void)snprintf(o->text, sizeof o->text, "%s, agent %s, %s%s", name_of_agent(s, x->id), x->id, why, held_on(s, x->id));
            return o->text;
        }
    }
    for (const struct subject *x = o->roles; x != NULL; x = x->next)
        if (!x->certain || x->cpus_max != INT64_MAX)
            return "a quota is not ended";
    return maintenance_unsettled(s);
}

bool operator_doomed(const struct sim *s, const char *framework_id)
{
    const struct operator *o = s->operator;

    for (size_t i = 0; i < o->doomed_count; i++)
        if (strcmp(o->doomed[i], framework_id) == 0)
            return true;
    return false;
}

bool operator_may_be_gone(const struct sim *s, const char *agent_id)
{
    const struct operator *o = s->operator;

    for (const struct subject *x = o->agents; x != NULL; x = x->next)
        if (strcmp(x->id, agent_id) == 0)
            return x->was_asked_gone;
    return false;
}

bool operator_gave_up_any(const struct sim *s)
{
    const struct operator *o = s->operator;

    for (const struct subject *x = o->agents; x != NULL; x = x->next)
        if (x->was_asked_gone)
            return true;
    return false;
}

void operator_boot(struct sim *s)
{
    s->operator = xcalloc(1, sizeof(struct operator));
    s->maintenance = maintenance_new(s);
    sim_after(s, NULL, SEC(4), work, NULL, 0);
}

static void subjects_free(struct subject *x)
{
    while (x != NULL) {
        struct subject *next = x->next;
        free(x->id);
        free(x);
        x = next;
    }
}

void operator_free(struct sim *s)
{
    struct operator *o = s->operator;

    subjects_free(o->agents);
    subjects_free(o->roles);
    while (o->doomed_count > 0)
        free(o->doomed[--o->doomed_count]);
    free(o);
    maintenance_free(s->maintenance);
}
