/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "master/core/state.h"
#include "tests/sim/container.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/framework.h"
#include "tests/sim/maintenance.h"
#include "tests/sim/operator.h"

struct update {
    struct uuid uuid;
    int state;
    unsigned agent, incarnation; /* of its process */
    char agent_id[64];
    bool durable;                /* in the agent's log; others die with the agent's process */
    bool seen, acknowledged;
    int64_t acknowledged_at;      /* for the first time since something went wrong on the way ... */
    unsigned acknowledged_times;  /* ... and how often since */
};

struct entry {
    UT_hash_handle hh;
    char *key; /* "<framework id>/<task id>" */
    unsigned started, running, arrived;
    struct update *updates; /* in the order of the agent */
    size_t n, cap, seen;    /* seen: index of the next that its framework will see */
    int final_state;        /* -1: none told by an agent or executor */
    int said, heard; /* by its executor, last; by its framework, of the updates that its agent sends; -1: nothing */
    bool end_acknowledged;
    bool rewinds;   /* an acknowledgement is not on its agent's disk */
    bool denied;    /* the master refused to launch it */
    bool abandoned; /* its framework is gone for good */
    int told;       /* the framework's latest news; -1: none */
};

struct port {
    UT_hash_handle hh;
    uint64_t key; /* agent and number */
    enum port_state state;
    char *task; /* that had it last */
};

struct ledger {
    struct entry *entries;
    struct port *ports;
    struct ledger_counts counts;
    char **gone; /* ids of frameworks that are gone for good */
    size_t gone_count, gone_cap;
    uint64_t master_steps;
    char text[1200];
};

struct ledger *ledger_new(void)
{
    return xcalloc(1, sizeof(struct ledger));
}

void ledger_free(struct ledger *l)
{
    struct entry *e, *next;

    HASH_ITER(hh, l->entries, e, next)
    {
        HASH_DELETE(hh, l->entries, e);
        free(e->updates);
        free(e->key);
        free(e);
    }
    while (l->gone_count > 0)
        free(l->gone[--l->gone_count]);
    free(l->gone);
    struct port *p, *p_next;
    HASH_ITER(hh, l->ports, p, p_next)
    {
        HASH_DELETE(hh, l->ports, p);
        free(p->task);
        free(p);
    }
    free(l);
}

static struct entry *entry_of(struct sim *s, struct str framework, struct str task)
{
    struct ledger *l = s->ledger;
    char key[300];
    struct entry *e = NULL;

    int n = snprintf(key, sizeof key, "%.*s/%.*s", STR_ARG(framework), STR_ARG(task));
    HASH_FIND(hh, l->entries, key, (size_t)n, e);
    if (e != NULL)
        return e;
    e = xcalloc(1, sizeof *e);
    e->key = xstrdup(key);
    e->final_state = e->told = e->said = e->heard = -1;
    for (size_t i = 0; i < l->gone_count; i++)
        e->abandoned = e->abandoned || str_is(framework, l->gone[i]);
    HASH_ADD_KEYPTR(hh, l->entries, e->key, (size_t)n, e);
    l->counts.tasks++;
    return e;
}

static bool is_of(const struct entry *e, const char *framework_id)
{
    return framework_id[0] != 0 && str_starts(str_of(e->key), str_of(framework_id)) &&
           e->key[strlen(framework_id)] == '/';
}

/* --- tasks --- */

void ledger_task_started(struct sim *s, int agent, struct str framework, struct str task)
{
    struct entry *e = entry_of(s, framework, task);

    (void)agent;
    s->ledger->counts.started++;
    if (++e->started > 1)
        sim_fail(s, "task %.*s is started for the second time", STR_ARG(task));
    if (e->end_acknowledged)
        sim_fail(s, "task %.*s starts after its end was acknowledged", STR_ARG(task));
    e->running++;
}

void ledger_task_ended(struct sim *s, struct str framework, struct str task)
{
    entry_of(s, framework, task)->running--;
}

void ledger_run_sent(struct sim *s, struct str framework, struct task_info *const *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)entry_of(s, framework, tasks[i]->id.s);
}

void ledger_run_arrived(struct sim *s, unsigned agent, struct str framework, struct task_info *const *tasks,
                        size_t n)
{
    (void)agent;
    for (size_t i = 0; i < n; i++)
        if (++entry_of(s, framework, tasks[i]->id.s)->arrived > 1)
            sim_fail(s, "task %.*s is sent to an agent for the second time", STR_ARG(tasks[i]->id.s));
}

/* --- updates --- */

void ledger_update_made(struct sim *s, struct str framework, struct str task, int state)
{
    entry_of(s, framework, task)->said = state;
}

static struct update *find_update(struct entry *e, const struct uuid *u)
{
    for (size_t i = 0; i < e->n; i++)
        if (uuid_eq(&e->updates[i].uuid, u))
            return &e->updates[i];
    return NULL;
}

/* Whether it may never arrive: its agent said it from memory alone, and has died since; or it is marked gone. */
static bool is_lost(const struct sim *s, const struct update *u)
{
    return (!u->durable && s->agent[u->agent]->incarnation != u->incarnation) || operator_may_be_gone(s, u->agent_id) ||
           maintenance_may_have_ended(s, u->agent);
}

/* When something last happened on the way between a framework and this agent. */
static int64_t last_trouble(const struct sim *s, unsigned agent)
{
    int64_t last = s->trouble_at[s->agent[agent]->host];

    for (int host = 0; host < HOST_AGENT; host++)
        if (s->trouble_at[host] > last)
            last = s->trouble_at[host];
    return last;
}

/* So long an acknowledgement may be under way: one side of a connection that broke hears of it up to 20 s later. */
#define ACKNOWLEDGED_NS SEC(28)

/* The framework has acknowledged it, was told again, and has acknowledged it again: somebody swallows that. */
static void check_repeat(struct sim *s, unsigned agent, const struct entry *e, const struct update *u)
{
    if (u->acknowledged_times < 2 || e->abandoned || s->now - u->acknowledged_at < ACKNOWLEDGED_NS ||
        u->acknowledged_at < last_trouble(s, agent)) /* of before, and its program may be down */
        return;
    sim_fail(s, "agent a%u repeats %s of task %s, which its framework acknowledged %d s ago and %u times since, and nothing is wrong", agent + 1,
             task_state_name((enum task_state)u->state), strchr(e->key, '/') + 1, (int)((s->now - u->acknowledged_at) / NS_PER_S),
             u->acknowledged_times - 1);
}

void ledger_update_sent(struct sim *s, unsigned agent, struct str framework, const struct task_status *status,
                        bool durable)
{
    struct entry *e = entry_of(s, framework, status->task.s);
    struct update *u = find_update(e, &status->uuid);

    if (u != NULL) {
        s->ledger->counts.duplicates++;
        check_repeat(s, agent, e, u);
        return;
    }
    for (size_t i = 0; i < e->n && !e->abandoned; i++)
        if (!e->updates[i].acknowledged && !is_lost(s, &e->updates[i]))
            sim_fail(s, "agent a%u sends %s of task %.*s while %s before it is not acknowledged", agent + 1,
                     task_state_name(status->state), STR_ARG(status->task.s),
                     task_state_name((enum task_state)e->updates[i].state));
    ARRAY_ROOM(e->updates, e->n, e->cap);
    e->updates[e->n++] = (struct update){ .uuid = status->uuid,
                                          .state = (int)status->state,
                                          .agent = agent,
                                          .incarnation = s->agent[agent]->incarnation,
                                          .durable = durable };
    (void)snprintf(e->updates[e->n - 1].agent_id, sizeof e->updates[0].agent_id, "%s", sim_agent_facts(s, agent).id);
    s->ledger->counts.updates++;
}

/* The first update that its framework has to see and has not; NULL: none. */
static struct update *next_unseen(const struct sim *s, struct entry *e)
{
    for (size_t i = e->seen; i < e->n; i++)
        if (!is_lost(s, &e->updates[i]))
            return &e->updates[i];
    return NULL;
}

static bool is_real_end(int state)
{
    return state == TASK_FINISHED || state == TASK_FAILED || state == TASK_KILLED || state == TASK_ERROR;
}

static bool is_alive(int state)
{
    return state == TASK_STAGING || state == TASK_STARTING || state == TASK_RUNNING || state == TASK_KILLING;
}

/* An answer to reconciliation of a master whose agent does not run, or not with this master: a report of before, that was long
 * under way, may be all that it has of it. */
static bool is_hearsay(struct sim *s, const struct entry *e, const struct seen_update *u)
{
    return s->zk != NULL && e->final_state >= 0 && is_alive(u->state) && !u->has_uuid && u->reason == REASON_RECONCILIATION && e->n != 0 &&
           !sim_agent_facts(s, e->updates[e->n - 1].agent).running;
}

void ledger_ack_not_kept(struct sim *s, struct str framework, struct str task)
{
    entry_of(s, framework, task)->rewinds = true;
}

void ledger_update_seen(struct sim *s, const struct seen_update *u)
{
    struct entry *e = entry_of(s, u->framework, u->task);
    struct update *known = u->has_uuid ? find_update(e, &u->uuid) : NULL;

    if (u->has_uuid && known == NULL && u->source != SOURCE_MASTER)
        sim_fail(s, "an update of task %.*s reaches its framework that no agent sent", STR_ARG(u->task));
    if (known != NULL && !known->seen) {
        struct update *due = next_unseen(s, e);
        if (due != NULL && due < known && !e->abandoned)
            sim_fail(s, "update %s of task %.*s reaches its framework before %s",
                     task_state_name((enum task_state)u->state), STR_ARG(u->task),
                     task_state_name((enum task_state)due->state));
        known->seen = true;
        if (e->seen < (size_t)(known - e->updates) + 1) /* one that is lost may come late all the same */
            e->seen = (size_t)(known - e->updates) + 1;
    }
    /* What a master says by itself may be ahead of the updates that are still to come: a reregistered agent
     * reports the newest state of its tasks, as the original's does. It may not fall behind them. */
    bool fresh = known == NULL || known == &e->updates[e->seen - 1]; /* else a repetition of an old one */
    if (fresh && known != NULL)
        e->heard = u->state; /* by one that does not lead any more, too: it may have acknowledged it, and then nobody hears it again */
    if (u->deposed || (known == NULL && is_hearsay(s, e, u)))
        return;
    bool denied = !u->has_uuid && u->source == SOURCE_MASTER && u->reason != REASON_RECONCILIATION &&
                  (u->state == TASK_DROPPED || u->state == TASK_ERROR);
    if (fresh && !e->rewinds && e->final_state >= 0 && is_alive(u->state))
        sim_fail(s, "task %.*s is %s for its framework after it was %s", STR_ARG(u->task),
                 task_state_name((enum task_state)u->state),
                 task_state_name((enum task_state)e->final_state));
    if (fresh && e->final_state >= 0 && is_real_end(u->state) && u->state != e->final_state)
        sim_fail(s, "task %.*s ends as %s after it ended as %s", STR_ARG(u->task),
                 task_state_name((enum task_state)u->state),
                 task_state_name((enum task_state)e->final_state));
    if (fresh && e->denied && is_alive(u->state))
        sim_fail(s, "task %.*s is %s after its launch was denied", STR_ARG(u->task),
                 task_state_name((enum task_state)u->state));
    if (fresh && u->has_uuid && is_real_end(u->state))
        e->final_state = u->state;
    bool stale =
        known != NULL && is_lost(s, known); /* news of an agent that has died meanwhile, and of its tasks */
    if (fresh && !e->denied && !(stale && is_alive(u->state)))
        e->told = u->state;
    e->denied = e->denied || denied;
}

void ledger_acknowledged(struct sim *s, struct str framework, struct str task, const struct uuid *uuid)
{
    struct entry *e = entry_of(s, framework, task);
    struct update *u = find_update(e, uuid);

    if (u == NULL)
        return;
    u->acknowledged = true;
    if (u->acknowledged_times == 0 || u->acknowledged_at < last_trouble(s, u->agent)) {
        u->acknowledged_at = s->now;
        u->acknowledged_times = 0;
    }
    u->acknowledged_times++;
    if (task_state_is_terminal((enum task_state)u->state))
        e->end_acknowledged = true;
}

bool ledger_said_finished(struct sim *s, struct str framework, struct str task)
{
    return entry_of(s, framework, task)->said == TASK_FINISHED;
}

bool ledger_was_heard_of(struct sim *s, struct str framework, struct str task)
{
    const struct entry *e = entry_of(s, framework, task);

    for (size_t i = 0; i < e->n; i++)
        if (e->updates[i].seen && (e->updates[i].state == TASK_STARTING || e->updates[i].state == TASK_RUNNING))
            return true;
    return false;
}

bool ledger_thought_alive(struct sim *s, struct str framework, struct str task)
{
    const struct entry *e = entry_of(s, framework, task);

    return e->told >= 0 && is_alive(e->told);
}

void ledger_abandoned(struct sim *s, const char *framework_id)
{
    struct ledger *l = s->ledger;
    struct entry *e, *next;

    HASH_ITER(hh, l->entries, e, next)
    e->abandoned = e->abandoned || is_of(e, framework_id);
    ARRAY_ROOM(l->gone, l->gone_count, l->gone_cap);
    l->gone[l->gone_count++] = xstrdup(framework_id);
}

bool ledger_is_abandoned(struct sim *s, struct str framework, struct str task)
{
    return entry_of(s, framework, task)->abandoned;
}

/* As of now: another master may not know, and take it in again. */
void ledger_framework_removed(struct sim *s, struct str id)
{
    struct entry *e, *next;

    HASH_ITER(hh, s->ledger->entries, e, next)
    e->abandoned = e->abandoned || (str_starts(str_of(e->key), id) && e->key[id.n] == '/');
}

/* --- ports --- */

static int host_index(const struct sim *s, struct str host)
{
    char name[24];

    for (unsigned i = 0; i < s->agent_count; i++) {
        (void)snprintf(name, sizeof name, "host%u", i + 1);
        if (str_is(host, name))
            return (int)i;
        (void)snprintf(name, sizeof name, "10.%u.1.%u", i / 250, i % 250 + 1);
        if (str_is(host, name))
            return (int)i;
    }
    return -1;
}

const char *ledger_host(struct sim *s, struct str host)
{
    int i = host_index(s, host);

    return i >= 0 ? s->agent[i]->addr : "";
}

void ledger_port(struct sim *s, int agent, uint32_t port, enum port_state state, struct str task)
{
    struct ledger *l = s->ledger;
    struct port *p = NULL;
    uint64_t key = (uint64_t)agent << 16 | port;

    HASH_FIND(hh, l->ports, &key, sizeof key, p);
    if (p == NULL) {
        p = xcalloc(1, sizeof *p);
        p->key = key;
        HASH_ADD(hh, l->ports, key, sizeof p->key, p);
    } else if (state != PORT_CLOSED && p->state != PORT_CLOSED) {
        sim_fail(s, "port %u of a%d is given to two tasks, %s and %.*s", port, agent + 1, p->task, STR_ARG(task));
    }
    if (state != PORT_CLOSED) {
        free(p->task);
        p->task = xstrndup(task);
    }
    p->state = state;
}

unsigned ledger_probe(struct sim *s, int from, const char *host, uint32_t port)
{
    struct port *p = NULL;

    for (unsigned i = 0; i < s->agent_count; i++) {
        uint64_t key = (uint64_t)i << 16 | port;
        if (strcmp(s->agent[i]->addr, host) != 0 || net_is_cut(s, from, s->agent[i]->host))
            continue;
        HASH_FIND(hh, s->ledger->ports, &key, sizeof key, p);
    }
    if (p == NULL || p->state == PORT_CLOSED)
        return 0;
    return p->state == PORT_ILL && !s->calm ? 500 : 200;
}

/* --- programs --- */

void ledger_agent_told(struct sim *s, struct str agent_id)
{
    char key[200];

    (void)snprintf(key, sizeof key, "master/agent/%.*s", STR_ARG(agent_id));
    if (!sim_master_has(s, key))
        sim_fail(s, "the master tells agent id %.*s, which is not in its registry", STR_ARG(agent_id));
}

/* A process that was stopped, or that is cut off, may learn late that another one leads, but not by so much: its session has a
 * time, and it has heard of nobody for that long. What was on its way when that was over counts for the rest. */
#define TWO_LEADERS_NS SEC(12)

void ledger_master_decides(struct sim *s, const struct proc *p)
{
    int64_t since = 0;
    const struct proc *leader = s->zk != NULL ? ensemble_leader(s->zk, MASTERS_PATH, &since) : NULL;

    if (leader != NULL && leader != p && since > TWO_LEADERS_NS && !p->dying)
        sim_fail(s, "%s makes offers, and %s leads since %d s", p->name, leader->name, (int)(since / NS_PER_S));
}

/* For so long nothing has happened to either of them, nor to what they need to find each other. */
#define PEACE_NS SEC(50)

void ledger_agent_given_up(struct sim *s, const struct proc *p, struct str text)
{
    struct str id;

    (void)str_skip(&text, STR("agent="));
    (void)str_cut(&text, ' ', &id);
    for (unsigned i = 0; i < s->agent_count; i++) {
        int64_t last = s->trouble_at[s->agent[i]->host];
        if (!str_is(id, sim_agent_facts(s, i).id) || p->dying)
            continue;
        last = s->trouble_at[p->host] > last ? s->trouble_at[p->host] : last;
        last = s->trouble_at[HOST_ZK] > last ? s->trouble_at[HOST_ZK] : last;
        if (s->now - last > PEACE_NS)
            sim_fail(s, "%s gives a%u up, and nothing has happened to either for %d s", p->name, i + 1,
                     (int)((s->now - last) / NS_PER_S));
    }
}

enum { CHECKED_AGENTS = 64 };

void ledger_check_master(struct sim *s, const struct master *m)
{
    /* All books after every step; of large clusters, which are for questions of capacity, now and then. */
    if (s->ledger->master_steps++ % (1 + s->agent_count / CHECKED_AGENTS) != 0)
        return;
    const char *why = master_check(m);
    if (why != NULL)
        sim_fail(s, "the books of the master: %s", why);
}

/* --- the end --- */

static const char *open_text(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *open_text(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(s->ledger->text, sizeof s->ledger->text, fmt, ap);
    va_end(ap);
    return s->ledger->text;
}

bool ledger_has_orphans(struct sim *s)
{
    bool any = false;

    for (unsigned i = 0; i < s->agent_count; i++)
        any = any || sim_agent_facts(s, i).orphans != 0;
    return any;
}

static const struct agent *agent_at(const struct master *m, struct str id)
{
    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next)
        if (str_eq(a->info->id.s, id))
            return a;
    return NULL;
}

static size_t live_tasks(const struct agent *a)
{
    size_t n = 0;

    for (const struct slot *x = a->slots; x != NULL; x = x->a_next)
        for (const struct task *t = x->tasks; t != NULL; t = t->next)
            n += !task_state_is_terminal((enum task_state)t->state);
    return n;
}

static const char *names_of_tasks(const struct agent *a)
{
    static char text[300];
    size_t n = 0;

    text[0] = 0;
    for (const struct slot *x = a->slots; x != NULL; x = x->a_next)
        for (const struct task *t = x->tasks; t != NULL && n < sizeof text - 80; t = t->next)
            if (!task_state_is_terminal((enum task_state)t->state))
                n += (size_t)snprintf(text + n, sizeof text - n, " %.*s",
                                      STR_ARG(str_sub(task_id_str(t), 0, 50)));
    return text;
}

/* A task that is over stays with the master until its end is acknowledged, and no longer. */
static const char *tasks_kept(struct sim *s, const struct agent *a)
{
    for (const struct slot *x = a->slots; x != NULL; x = x->a_next)
        for (const struct task *t = x->tasks; t != NULL; t = t->next)
            if (task_state_is_terminal((enum task_state)t->state) &&
                entry_of(s, x->framework->id.s, task_id_str(t))->end_acknowledged)
                return open_text(s, "the master keeps task %.*s, whose end its framework has acknowledged", STR_ARG(task_id_str(t)));
    return "";
}

static const char *totals_differ(struct sim *s, unsigned agent, const struct resources *have, const struct resources *believed)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(4096);

    sbuf_fmt(&text, "agent a%u has ", agent + 1);
    resources_print(&text, have);
    sbuf_c(&text, ", the master thinks ");
    resources_print(&text, believed);
    return open_text(s, "%s", text.p);
}

static const char *agents_unsettled(struct sim *s, const struct master *m)
{
    for (unsigned i = 0; i < s->agent_count; i++) {
        struct agent_facts f = sim_agent_facts(s, i);
        if (!f.running)
            return open_text(s, "agent a%u is %s", i + 1, f.state);
        const struct agent *a = agent_at(m, str_of(f.id));
        if (a == NULL)
            return open_text(s, "agent a%u runs as %s, which the master does not know", i + 1, f.id);
        if (a->link != AGENT_CONNECTED)
            return open_text(s, "agent a%u is disconnected at the master", i + 1);
        if (live_tasks(a) != f.live_tasks)
            return open_text(s, "agent a%u has %zu tasks, the master thinks %zu:%s", i + 1, f.live_tasks,
                             live_tasks(a), names_of_tasks(a));
        if (tasks_kept(s, a)[0] != '\0')
            return s->ledger->text;
        if (!resources_eq(f.total, &a->total))
            return totals_differ(s, i, f.total, &a->total);
        if (f.operations != 0)
            return open_text(s, "agent a%u repeats the status of %zu operations", i + 1, f.operations);
    }
    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        char key[200];
        (void)snprintf(key, sizeof key, "master/agent/%.*s", STR_ARG(agent_id_str(a)));
        if (!sim_master_has(s, key))
            return open_text(s, "agent %.*s is in the books of the master and not in its registry", STR_ARG(agent_id_str(a)));
    }
    if (s->zk != NULL && ensemble_count(s->zk, "/master%2Fagent%2F") != HASH_COUNT(m->agents))
        return open_text(s, "the registry has %zu agents, the master %u", ensemble_count(s->zk, "/master%2Fagent%2F"),
                         HASH_COUNT(m->agents));
    for (unsigned i = 0; i < s->agent_count; i++)
        if (sim_agent_facts(s, i).idle_executor != NULL)
            return open_text(s, "agent a%u keeps executor %s without a task", i + 1, sim_agent_facts(s, i).idle_executor);
    if (HASH_COUNT(m->agents) != s->agent_count)
        return open_text(s, "the master knows %u agents, there are %u", HASH_COUNT(m->agents),
                         s->agent_count);
    return "";
}

size_t ledger_agent_tasks(struct sim *s, const char *agent_id)
{
    for (unsigned i = 0; i < s->agent_count; i++) {
        struct agent_facts f = sim_agent_facts(s, i);
        if (strcmp(f.id, agent_id) == 0)
            return f.live_tasks;
    }
    return 0;
}

bool ledger_agent_lives(struct sim *s, const char *agent_id)
{
    for (unsigned i = 0; i < s->agent_count; i++)
        if (strcmp(sim_agent_facts(s, i).id, agent_id) == 0)
            return true;
    return false;
}

static unsigned master_crashes(const struct sim *s)
{
    unsigned n = s->master_count - 1; /* the leader may change without a crash */

    for (unsigned i = 0; i < s->master_count; i++)
        n += s->master[i]->incarnation;
    return n;
}

const char *ledger_no_leader(struct sim *s)
{
    const struct master *m = sim_master_core(s);
    int64_t since = 0;
    const struct proc *first = s->zk != NULL ? ensemble_leader(s->zk, MASTERS_PATH, &since) : NULL;

    if (m != NULL && master_is_recovered(m))
        return "";
    if (m == NULL && first != NULL)
        return open_text(s, "%s is the first candidate since %d s, and does not lead", first->name, (int)(since / NS_PER_S));
    return m == NULL ? "no master is up" : "the master has not read its registry";
}

const char *ledger_unsettled(struct sim *s)
{
    const struct master *m = sim_master_core(s);
    struct entry *e, *next;

    ASSERT(m != NULL);
    const char *why = agents_unsettled(s, m);
    if (why[0] != 0)
        return why;
    HASH_ITER(hh, s->ledger->entries, e, next)
    {
        /* A new master does not know that a framework is gone: it keeps what agents report, as the original
         * does. */
        if (e->abandoned && e->running != 0 && master_crashes(s) == 0)
            return open_text(s, "task %s runs, its framework is gone", e->key);
        if (e->abandoned)
            continue;
        const struct update *due = next_unseen(s, e);
        if (due != NULL)
            return open_text(s, "update %s of task %s never reached its framework",
                             task_state_name((enum task_state)due->state), e->key);
        for (size_t i = 0; i < e->n; i++)
            if (!e->updates[i].acknowledged && !is_lost(s, &e->updates[i]))
                return open_text(s, "update %s of task %s is not acknowledged",
                                 task_state_name((enum task_state)e->updates[i].state), e->key);
        if (e->running != 0 && e->said == TASK_RUNNING && e->heard == TASK_STARTING)
            return open_text(s, "task %s is TASK_STARTING for its framework; its executor said TASK_RUNNING", e->key);
        if (e->running != 0 && e->told != TASK_RUNNING && e->told != TASK_KILLING && e->told != TASK_STARTING)
            return open_text(s, "task %s runs, its framework thinks it is %s", e->key,
                             e->told < 0 ? "nothing" : task_state_name((enum task_state)e->told));
        if (is_of(e, sim_marathon_books(s).framework_id))
            continue; /* it forgets what it gave up; its books are compared as a whole */
        if (e->running == 0 && e->told >= 0 && is_alive(e->told))
            return open_text(s, "task %s does not run, its framework thinks it is %s", e->key,
                             task_state_name((enum task_state)e->told));
    }
    return "";
}

const char *ledger_compare(struct sim *s, const char *framework_id, size_t tasks)
{
    struct entry *e, *next;
    size_t n = 0;

    HASH_ITER(hh, s->ledger->entries, e, next)
    n += e->running != 0 && is_of(e, framework_id);
    if (n == tasks || framework_id[0] == 0)
        return "";
    return open_text(s, "%zu tasks of %s run, it thinks %zu", n, framework_id, tasks);
}

struct ledger_counts ledger_count(const struct sim *s)
{
    return s->ledger->counts;
}
