/* SPDX-License-Identifier: Apache-2.0 */
/* marathon as a simulated process: its core, records, tasks and the turns of its shell as shipped, on the SDK
 * as shipped; a store that commits late; and people. The HTTP API is not part of it: their requests are events.
 *
 * Probes are answered by the world: a port answers when a task that was given it runs on that machine, and
 * the machine can be reached. Some tasks fall ill and answer 500 until they are killed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/io/random.h"
#include "common/io/restart.h"
#include "marathon/degraded.h"
#include "marathon/election.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/framework.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/ledger.h"
#include "tests/sim/marathon/jobs.h"
#include "tests/sim/marathon/rollouts.h"
#include "tests/sim/marathon/volumes.h"

struct marathon_node *marathon_node_of(struct shell *sh)
{
    return (struct marathon_node *)(void *)((char *)sh - offsetof(struct marathon_node, sh));
}

/* --- what the shell's other files would do --- */

void streams_publish(struct shell *sh, const struct bus_event *e)
{
    struct marathon_node *n = marathon_node_of(sh);

    jobs_told(n, e);
    rollouts_told(n, e);
    switch ((int)e->type) {
    case BUS_INSTANCE_CHANGED:
        sim_trace(marathon_world(n), n->p->name, "%.*s is %s", STR_ARG(e->instance_id), e->state);
        break;
    case BUS_DEPLOYMENT_INFO:
    case BUS_DEPLOYMENT_SUCCESS:
    case BUS_DEPLOYMENT_FAILED:
        sim_trace(marathon_world(n), n->p->name, "%s %s", bus_type_name(e->type),
                  e->deployment != NULL ? e->deployment->id : "");
        break;
    default:
        break;
    }
}

struct probe_answer {
    struct shell *sh;
    uint64_t id;
    bool answered;
    int status;
};

static void answer_probe(struct sim *s, struct proc *p, void *arg, uint64_t id)
{
    struct marathon_node *n = p->node;
    struct marathon_event ev = { .type = EVENT_PROBE };

    (void)s;
    ev.probe.id = id >> 10;
    ev.probe.status = (int)(id & 1023);
    ev.probe.answered = ev.probe.status != 0;
    ev.probe.error = STR("connection refused");
    (void)arg;
    (void)marathon_shell_step(&n->sh, &ev, NULL);
    fake_turn(p);
}

/* As a real probe, it is sent at once and answered later; what it finds is decided when it arrives. */
static void ask(struct sim *s, struct proc *p, void *arg, uint64_t id_and_port)
{
    const char *host = arg;
    unsigned status = ledger_probe(s, p->host, host, (uint32_t)(id_and_port & 0xffff));

    if (status != 200)
        sim_trace(s, p->name, "probes %s port %u: %u", host, (unsigned)(id_and_port & 0xffff), status);

    sim_after(s, p, between(&s->rng_net, NS_PER_MS / 2, MS(20)), answer_probe, NULL,
              (id_and_port >> 16) << 10 | status);
}

void probe_start(struct shell *sh, const struct probe_request *q, probe_done_fn *done)
{
    struct marathon_node *n = marathon_node_of(sh);
    const char *host = ledger_host(marathon_world(n), q->host);

    (void)done; /* answer_probe steps as it would */
    sim_after(marathon_world(n), n->p, between(&marathon_world(n)->rng_net, NS_PER_MS / 2, MS(20)), ask,
              (void *)(uintptr_t)host, q->id << 16 | (q->port & 0xffff));
}

int http_open(struct shell *sh, struct error *err)
{
    (void)sh;
    (void)err;
    return 0;
}

/* Of files that are not part of this: answers. */
void http_shared_drop(struct shell *sh);

/* common/io/restart.h */
void restart_note(const char *name, const char *text)
{
    struct marathon_node *n = fake_current()->node;

    (void)name;
    (void)snprintf(n->note, sizeof n->note, "%s", text != NULL ? text : "");
}

const char *restart_noted(const char *name)
{
    const struct marathon_node *n = fake_current()->node;

    (void)name;
    return n->note[0] != '\0' ? n->note : NULL;
}

void http_shared_drop(struct shell *sh)
{
    (void)sh;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    struct proc *p = fake_current();
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (level <= LOG_WARN && p != NULL)
        sim_trace(p->sim, p->name, "%s %s", event, text);
}

/* --- the process --- */

static void begin(struct shell *sh)
{
    struct marathon_event ev = { .type = EVENT_STARTED };
    struct error err;

    if (sched_open(sh, &err) != 0)
        sim_fail(marathon_world(marathon_node_of(sh)), "marathon: %s", err.msg);
    (void)marathon_shell_step(sh, &ev, NULL);
}

static void ready(struct shell *sh)
{
    struct marathon_node *n = marathon_node_of(sh);

    n->up = true;
    sim_trace(marathon_world(n), n->p->name, "has its state: %zu apps, %u instances, %zu deployments",
              sh->m->app_count, HASH_COUNT(sh->m->instances), sh->m->deployment_count);
    jobs_loaded(n);
    if (!degraded_start(sh, begin))
        begin(sh);
}

/* As in marathon/main.c: while it is not sure that it leads, time stands still. */
static void wake(void *arg)
{
    struct marathon_event ev = { .type = EVENT_TICK };
    struct shell *sh = arg;

    if (marathon_election_is_sure(sh))
        (void)marathon_shell_step(sh, &ev, NULL);
    else
        loop_timer_in(&sh->wake, MS(100));
}

static void lead(struct shell *sh);

static void lead_again(void *arg)
{
    lead(arg);
}

static void lead(struct shell *sh)
{
    struct error err;

    sim_trace(marathon_world(marathon_node_of(sh)), marathon_node_of(sh)->p->name, "leads");
    fake_store(&marathon_world(marathon_node_of(sh))->marathon_store);
    if (persist_open(sh, &err) == 0)
        persist_load(sh, ready);
    else if (!degraded_reopen(sh, lead_again, &err))
        marathon_shell_stop(sh, 1);
}

static void start(struct proc *p)
{
    bool zk = p->sim->zk != NULL;
    char *const argv[] = { "marathon",
                                  zk ? "--master=zk://10.0.2.1:2181/mesos" : "--master=10.0.0.1:5050",
                                  zk ? "--zk=zk://10.0.2.1:2181/marathon" : "--zk_session_timeout=6000",
                                  "--zk_session_timeout=6000",
                                  "--hostname=marathon",
                                  "--mesos_user=nobody",
                                  "--mesos_role=web",
                                  "--task_reservation_timeout=5000",
                                  "--reconciliation_initial_delay=2000",
                                  "--reconciliation_interval=20000",
                                  "--task_launch_timeout=30000",
                                  "--task_launch_confirm_timeout=10000",
                                  "--min_revive_offers_interval=500" };
    static char *const environment[] = { NULL };
    struct marathon_node *n = p->node;
    struct shell *sh = &n->sh;
    struct error err = { 0 };
    bool help;

    memset(sh, 0, sizeof *sh);
    n->up = false;
    n->before_count = n->kill_count = 0;
    fake_process(p);
    sim_trace(p->sim, p->name, "starts");
    int rc = marathon_flags_parse(&sh->flag_set, &sh->flags, sizeof argv / sizeof argv[0], argv, environment,
                                  &help, &err);
    if (rc == 0)
        rc = marathon_flags_config(&sh->flags, &sh->config, &err);
    if (rc == 0)
        rc = loop_new(&sh->loop, NULL, &err);
    if (rc != 0) {
        sim_fail(p->sim, "marathon: %s", err.msg);
        return;
    }
    (void)snprintf(sh->leader, sizeof sh->leader, "%s:8080", p->name);
    sh->end_of_turn = LOOP_WORK(LOOP_STORE, marathon_shell_turn_end, sh);
    sh->turns_last = &sh->turns;
    sh->commit_failed = degraded_commit_failed;
    loop_timer_init(&sh->wake, sh->loop, wake, sh);
    random_rng(&sh->rng);
    marathon_actions_init(&sh->actions);
    sh->m = marathon_new(&sh->config);
    if (marathon_election_open(sh, lead, &err) != 0)
        sim_fail(p->sim, "marathon: %s", err.msg);
    sim_after(p->sim, p, between(n->r, MS(500), SEC(4)), people_act, NULL, 0);
    sim_after(p->sim, p, between(n->r, SEC(2), SEC(6)), rollouts_people_act, NULL, 0);
    if (n->common->with_jobs)
        sim_after(p->sim, p, between(n->r, MS(500), SEC(4)), jobs_people_act, NULL, 0);
    fake_turn(p);
}

static void died(struct proc *p)
{
    struct marathon_node *n = p->node;
    struct shell *sh = &n->sh;

    fake_process(p);
    if (p->sim->zk == NULL)
        vstore_proc_died(&p->sim->marathon_store);
    n->up = false;
    if (!p->clean)
        n->note[0] = '\0';
    persist_close(sh);
    marathon_shell_drop_turns(sh);
    marathon_election_close(sh);
    sched_close(sh);
    loop_timer_done(&sh->wake);
    loop_timer_done(&sh->degraded);
    loop_undefer(sh->loop, &sh->end_of_turn);
    marathon_shell_drop_turns(sh);
    marathon_free(sh->m);
    marathon_actions_done(&sh->actions);
    flags_done(&sh->flag_set, &sh->flags);
    loop_free(sh->loop);
}

static void after(struct marathon_node *n)
{
    judge_after(n);
    if (n->sh.stopping && !n->p->dying)
        proc_exit(n->p);
}

static void on_packet(struct proc *p, struct link *l, struct packet *k)
{
    struct marathon_node *n = p->node;

    fake_process(p);
    judge_before(n);
    fake_packet(p, l, k);
    after(n);
}

static void on_closed(struct proc *p, struct link *l)
{
    struct marathon_node *n = p->node;

    fake_process(p);
    judge_before(n);
    fake_closed(p, l);
    after(n);
}

static void on_wake(struct proc *p)
{
    struct marathon_node *n = p->node;

    fake_process(p);
    judge_before(n);
    fake_wake(p);
    after(n);
}

static const struct proc_ops ops = { start, on_packet, on_closed, on_wake, died };

void sim_marathons_new(struct sim *s)
{
    char name[16];
    struct marathon_common *common = xcalloc(1, sizeof *common);

    common->with_jobs = chance(&s->rng_marathon, 50);
    common->jobs = jobs_watch_new();
    common->rollouts = rollouts_watch_new();
    common->volumes = volumes_watch_new();
    for (unsigned i = 0; i < s->marathon_count; i++) {
        struct marathon_node *n = xcalloc(1, sizeof *n);
        n->common = common;
        n->r = &s->rng_marathon;
        (void)snprintf(name, sizeof name, "marathon%u", i + 1);
        s->marathon[i] = n->p =
            proc_new(s, &ops, n, s->marathon_count == 1 ? "marathon" : name, HOST_MARATHON + (int)i, s->marathon_count == 1 ? "marathon" : name);
    }
    for (unsigned i = 0; i < s->marathon_count; i++)
        proc_start(s->marathon[i]);
}

bool proc_is_marathon(const struct proc *p)
{
    for (unsigned i = 0; i < p->sim->marathon_count; i++)
        if (p == p->sim->marathon[i])
            return true;
    return false;
}

/* The one whose state is loaded; of two that believe it, the one that the ensemble has. */
struct marathon_node *marathon_leading(struct sim *s)
{
    int64_t since;
    struct proc *p = s->zk != NULL ? ensemble_leader(s->zk, MARATHONS_PATH, &since) : s->marathon[0];
    struct marathon_node *n = p != NULL ? p->node : NULL;

    return n != NULL && p->alive && n->up ? n : NULL;
}

void sim_marathon_free(struct proc *p)
{
    struct marathon_node *n = p->node;

    if (p == p->sim->marathon[0]) {
        jobs_watch_free(n->common->jobs);
        rollouts_watch_free(n->common->rollouts);
        volumes_watch_free(n->common->volumes);
        free(n->common);
    }
    free(n);
}

bool sim_marathon_leads(const struct proc *p)
{
    const struct marathon_node *n = marathon_leading(p->sim);

    return n != NULL && n->p == p;
}

const char *sim_marathon_framework(const struct proc *p)
{
    const struct marathon_node *n = p->node;

    return n->up && n->sh.m->framework_id != NULL ? n->sh.m->framework_id : "";
}

struct sim_marathon_books sim_marathon_books(struct sim *s)
{
    struct marathon_node *n = s->marathon_count != 0 ? marathon_leading(s) : NULL;
    struct sim_marathon_books b = { .framework_id = "" };

    if (n == NULL)
        return b;
    b.waits = judge_orphans(n);
    b.framework_id = n->sh.m->framework_id != NULL ? n->sh.m->framework_id : "";
    for (const struct instance *i = n->sh.m->instances; i != NULL; i = i->hh.next)
        b.tasks += i->state != INSTANCE_SCHEDULED && !instance_state_is_terminal(i->state);
    return b;
}
