/* SPDX-License-Identifier: Apache-2.0 */
/* The core's actions as calls of the scheduler library. They are queued like all outputs and made when the records that they rest
 * on are durable. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "marathon/shell.h"
#include "marathon/core/pod.h"
#include "marathon/podtask.h"
#include "marathon/secrets.h"
#include "marathon/reserve.h"
#include "marathon/task.h"

enum { ACCEPT_ARENA_BYTES_MAX = 256 << 20 };

struct call_out {
    struct output o;
    enum action_type type;
    struct arena arena;
    const char *offer_id, *task_id, *agent_id;
    struct str uuid;
    struct stoa_task *tasks; /* of apps: one LAUNCH */
    size_t task_count;
    /* Of pods a LAUNCH_GROUP each, reservations, what is given back; the LAUNCH goes behind. */
    struct stoa_operation *operations;
    size_t operation_count;
    double refuse_s;
    struct stoa_task_ref *refs; /* to be reconciled */
    size_t ref_count;
    struct refusal *refused; /* launches that are not sent */
    size_t refused_count;
};

struct refusal {
    const struct stoa_task *tasks;
    size_t count;
    const char *why;
};

/* Adds the tasks of an instance at v[k] on; answers the new count. */
static size_t refer(struct arena *a, const struct instance *i, struct stoa_task_ref *v, size_t k)
{
    const char *agent_id = arena_str(a, i->agent->id).p;

    if (i->container_count == 0)
        v[k++] = (struct stoa_task_ref){ arena_str(a, i->task_id).p, agent_id };
    for (size_t c = 0; c < i->container_count; c++)
        v[k++] = (struct stoa_task_ref){
            pod_task_id(a, i->id, pod_container(&i->spec->app, c), i->incarnation).p, agent_id
        };
    return k != 0 && v[k - 1].task_id == NULL ? k - 1 : k;
}

/* All tasks that are known now. Not those that are when it is sent: their launches may still be behind it,
 * and the master would call them gone. */
static void collect_tasks(struct shell *sh, struct call_out *c)
{
    size_t n = 0;

    for (const struct instance *i = sh->m->instances; i != NULL; i = i->hh.next)
        n += i->container_count + 1;
    c->refs = arena_array(&c->arena, n + 1, sizeof *c->refs);
    for (const struct instance *i = sh->m->instances; c->refs != NULL && i != NULL; i = i->hh.next)
        if (i->agent != NULL && i->state != INSTANCE_SCHEDULED && (!instance_rests(i) || i->state == INSTANCE_UNREACHABLE))
            c->ref_count = refer(&c->arena, i, c->refs, c->ref_count);
}

static void reconcile(struct shell *sh, const struct call_out *c)
{
    (void)stoa_reconcile(sh->scheduler, c->refs, c->ref_count,
                         NULL); /* count 0: the implicit form, which finds tasks we do not know */
    if (c->ref_count != 0)
        (void)stoa_reconcile(sh->scheduler, NULL, 0, NULL);
}

static void send_accept(struct shell *sh, struct call_out *c)
{
    struct stoa_error err = { 0 };
    size_t n = c->operation_count;

    for (size_t i = 0; i < c->refused_count; i++) {
        log_warn("launch_refused", "task=" LOG_Q " error=" LOG_Q, LOG_QARG(str_of(c->refused[i].tasks->id)),
                 LOG_QARG(str_of(c->refused[i].why)));
        sh->launch_failed(sh, c->refused[i].tasks, c->refused[i].count, TASK_FAILED, c->refused[i].why);
    }
    if (c->task_count != 0) /* there is room for it */
        c->operations[n++] = (struct stoa_operation){
            .type = STOA_OP_LAUNCH, .tasks = c->tasks, .task_count = c->task_count
        };
    if (n == 0) { /* nothing could be built: the offer goes back */
        (void)stoa_decline(sh->scheduler, &c->offer_id, 1, c->refuse_s, NULL);
        return;
    }
    if (stoa_accept(sh->scheduler, &c->offer_id, 1, c->operations, n, c->refuse_s, &err) == 0)
        return;
    log_warn("launch_not_sent", "offer=" LOG_Q " operations=%zu error=" LOG_Q, LOG_QARG(str_of(c->offer_id)),
             n, LOG_QARG(str_of(err.msg)));
    for (size_t i = 0; i < n; i++)
        sh->launch_failed(sh, c->operations[i].tasks, c->operations[i].task_count, TASK_DROPPED, err.msg);
    /* The master still takes it for offered, and would until we unsubscribe. */
    (void)stoa_decline(sh->scheduler, &c->offer_id, 1, c->refuse_s, NULL);
}

/* Refusals of calls are not errors here: without a subscription offers are void anyway, and kills,
 * acknowledgements and reconciliation are repeated after the next one. */
static void carry_out(struct shell *sh, struct output *o, bool run)
{
    struct call_out *c = (struct call_out *)(void *)o;

    if (run && sh->scheduler != NULL)
        switch (c->type) {
        case DO_ACCEPT:
            send_accept(sh, c);
            break;
        case DO_DECLINE:
            (void)stoa_decline(sh->scheduler, &c->offer_id, 1, c->refuse_s, NULL);
            break;
        case DO_REVIVE:
            (void)stoa_revive(sh->scheduler, NULL, 0, NULL);
            break;
        case DO_SUPPRESS:
            (void)stoa_suppress(sh->scheduler, NULL, 0, NULL);
            break;
        case DO_KILL:
            (void)stoa_kill(sh->scheduler, c->task_id, c->agent_id, -1, NULL);
            break;
        case DO_ACKNOWLEDGE:
            (void)stoa_acknowledge_ids(sh->scheduler, c->agent_id, c->task_id,
                                       (struct stoa_bytes){ c->uuid.p, c->uuid.n }, NULL);
            break;
        case DO_RECONCILE:
            reconcile(sh, c);
            break;
        case DO_PROBE:
        case DO_EVENT:
            break;
        }
    arena_done(&c->arena);
    free(c);
}

static const char *owned(struct call_out *c, struct str s)
{
    return s.n != 0 ? arena_str(&c->arena, s).p : NULL;
}

/* What was just built is not sent: its instance hears that it failed, and why. */
static bool refuse(struct call_out *c, const struct launch *l, const struct error *err)
{
    struct stoa_task *one = arena_alloc(&c->arena, sizeof *one);
    struct refusal *r = &c->refused[c->refused_count];

    *r = (struct refusal){ c->operations[c->operation_count].tasks, c->operations[c->operation_count].task_count,
                           arena_str(&c->arena, str_of(err->msg)).p };
    if (l->spec->app.pod == NULL && one != NULL) {
        *one = c->tasks[c->task_count];
        r->tasks = one;
        r->count = 1;
    }
    c->refused_count += one != NULL && r->why != NULL;
    return one != NULL && r->why != NULL;
}

/* Operations in front of the LAUNCH that is added when the call is sent. */
static bool build_one(struct shell *sh, struct call_out *c, const struct launch *l,
                      const struct stoa_offer *from)
{
    struct reserving r = { .framework_id = sh->m->framework_id, .principal = sh->flags.principal };
    bool enforce, ok;
    struct list secrets;
    struct stoa_operation *op = &c->operations[c->operation_count];
    struct error err;

    switch (l->kind) {
    case LAUNCH_RESERVE:
        return reserve_build(&c->operations[c->operation_count], l, from, &r, &c->arena, &c->operation_count);
    case LAUNCH_RECLAIM:
        return reclaim_build(&c->operations[c->operation_count], l, from, &c->arena, &c->operation_count);
    case LAUNCH_RUN:
        break;
    }
    enforce = role_is_enforced(sh->m, l->spec->app.id);
    int rc = secrets_read(sh->flags.secrets_dir, &l->spec->app, &c->arena, &secrets, &err);
    if (l->spec->app.pod == NULL)
        ok = task_build(&c->tasks[c->task_count], l, from, &sh->config, enforce, &secrets, &c->arena);
    else
        ok = pod_build(op, l, from, &sh->config, enforce, &secrets, &c->arena);
    if (!ok)
        return false;
    if (rc != 0)
        return refuse(c, l, &err);
    if (l->spec->app.pod == NULL)
        c->task_count++;
    else
        c->operation_count++;
    return true;
}

static void build_tasks(struct shell *sh, struct call_out *c, const struct marathon_action *a)
{
    const struct stoa_offer *from = &sh->offers[a->accept.offer_index];

    c->tasks = arena_array(&c->arena, a->accept.n, sizeof *c->tasks);
    c->operations = arena_array(&c->arena, a->accept.n * 2 + 1, sizeof *c->operations);
    c->refused = arena_array(&c->arena, a->accept.n, sizeof *c->refused);
    for (size_t i = 0; c->tasks != NULL && c->operations != NULL && c->refused != NULL && i < a->accept.n; i++)
        if (!build_one(sh, c, &a->accept.launches[i], from))
            break; /* over the budget: the guards of launches and reservations try again later */
}

void sched_action(struct shell *sh, const struct marathon_action *a)
{
    struct call_out *c = xcalloc(1, sizeof *c);

    c->o.fn = carry_out;
    c->type = a->type;
    arena_init(&c->arena, ACCEPT_ARENA_BYTES_MAX);
    switch (a->type) {
    case DO_ACCEPT:
        c->offer_id = owned(c, a->accept.offer_id);
        c->refuse_s = (double)a->accept.refuse_ns / (double)NS_PER_S;
        build_tasks(sh, c, a);
        break;
    case DO_DECLINE:
        c->offer_id = owned(c, a->decline.offer_id);
        c->refuse_s = (double)a->decline.refuse_ns / (double)NS_PER_S;
        break;
    case DO_KILL:
        c->task_id = owned(c, a->kill.task_id);
        c->agent_id = owned(c, a->kill.agent_id);
        break;
    case DO_ACKNOWLEDGE:
        c->task_id = owned(c, a->acknowledge.task_id);
        c->agent_id = owned(c, a->acknowledge.agent_id);
        c->uuid = arena_str(&c->arena, a->acknowledge.uuid);
        break;
    case DO_RECONCILE:
        collect_tasks(sh, c);
        break;
    case DO_REVIVE:
    case DO_SUPPRESS:
    case DO_PROBE:
    case DO_EVENT:
        break;
    }
    marathon_shell_output(sh, &c->o);
}
