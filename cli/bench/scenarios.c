/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts. Each is what happens, in order, and what a framework has to do about it. To add one: a function, a row in the
 * table at the end, and a row in docs/sdk.md. */
#include <stdio.h>

#include "cli/bench/bench.h"

#define TASK_OF(name) MESOS__V1__TASK_STATE__TASK_##name

/* --- conditions ------------------------------------------------------------------------------------------------- */

static bool is_subscribed(struct bench *b, const void *arg)
{
    const unsigned *times = arg;

    return b->stream != NULL && b->subscriptions >= *times;
}

static bool has_attempts(struct bench *b, const void *arg)
{
    return b->subscribe_attempts >= *(const unsigned *)arg;
}

static bool is_up(const struct bench_task *t)
{
    return !t->gone && t->state == TASK_OF(RUNNING) && !t->has_pending;
}

static bool has_running(struct bench *b, const void *arg)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->task_count; i++)
        n += is_up(&b->tasks[i]);
    return n >= *(const unsigned *)arg;
}

static bool has_launches(struct bench *b, const void *arg)
{
    return b->launches >= *(const unsigned *)arg;
}

static bool is_acknowledged(struct bench *b, const void *arg)
{
    const struct bench_task *t = arg;

    (void)b;
    return !t->has_pending && t->queued == 0;
}

static bool is_reconciled(struct bench *b, const void *arg)
{
    const struct bench_task *t = arg;

    (void)b;
    return t->reconciled != 0;
}

static bool has_answered(struct bench *b, const void *arg)
{
    (void)arg;
    for (size_t i = 0; i < b->offer_count; i++)
        if (b->offers[i].state == OFFER_OPEN)
            return false;
    return b->offer_count != 0;
}

static bool has_invalid_accept(struct bench *b, const void *arg)
{
    (void)arg;
    return b->invalid_accepts != 0;
}

static bool has_ended(struct bench *b, const void *arg)
{
    (void)arg;
    return b->pid == 0;
}

static bool has_left(struct bench *b, const void *arg)
{
    (void)arg;
    return b->stream == NULL;
}

/* --- beginnings ------------------------------------------------------------------------------------------------- */

static bool begin(struct bench *b)
{
    const unsigned once = 1;

    return bench_wait(b, is_subscribed, &once, "a SUBSCRIBE with the master whose address is {master}");
}

/* Subscribed, and a task runs; NULL when it does not come to that. */
static struct bench_task *begin_running(struct bench *b)
{
    const unsigned one = 1;

    if (!begin(b) || !bench_wait(b, has_running, &one, "a task is launched, and its updates are acknowledged"))
        return NULL;
    /* Whatever else it launches from these offers shall run as well: later launches then have a reason. */
    bench_pause(b, 300 * NS_PER_MS);
    for (size_t i = 0; i < b->task_count; i++)
        if (is_up(&b->tasks[i]))
            return &b->tasks[i];
    return NULL;
}

/* The end of most: it still is there, subscribed, and made no more noise than it should. */
static void still_well(struct bench *b)
{
    char calls[300];

    bench_summary(b, calls, sizeof calls);
    (void)bench_expect(b, b->pid != 0, "the program goes on", "it has ended with wait status %d", b->exit_status);
    (void)bench_expect(b, b->subscribe_attempts <= 200, "no more than 200 SUBSCRIBE calls", "%u", b->subscribe_attempts);
    if (b->pid != 0)
        (void)bench_expect(b, b->stream != NULL, "the subscription stays", "the framework closed it; calls: %s", calls);
}

static bool comes_back(struct bench *b)
{
    const unsigned again = b->subscriptions + 1;

    return bench_wait(b, is_subscribed, &again, "it subscribes again, as the same framework");
}

static void is_replaced(struct bench *b, unsigned launches_before)
{
    const unsigned more = launches_before + 1;

    (void)bench_wait(b, has_launches, &more, "another task is launched in its place");
}

/* --- scripts ---------------------------------------------------------------------------------------------------- */

static void run_subscribe(struct bench *b)
{
    if (!begin(b))
        return;
    bench_offer_agents(b);
    (void)bench_wait(b, has_answered, NULL, "every offer is accepted or declined");
    still_well(b);
}

static void run_launch(struct bench *b)
{
    struct bench_task *t = begin_running(b);

    if (t == NULL)
        return;
    (void)bench_expect(b, t->acked >= 2, "each update is acknowledged, then the next comes", "%u acknowledgements of 2 updates",
                       t->acked);
    still_well(b);
}

static void run_duplicates(struct bench *b)
{
    struct bench_task *t = begin_running(b);
    unsigned launches, acked;

    if (t == NULL)
        return;
    launches = b->launches;
    acked = t->acked;
    for (int i = 0; i < 3; i++) {
        /* The agent did not see the acknowledgement and sends the same update again. */
        t->pending = t->last_acked;
        t->has_pending = true;
        bench_task_resend(b, t);
        (void)bench_wait(b, is_acknowledged, t, "a copy of an update is acknowledged as well");
    }
    bench_pause(b, NS_PER_S);
    (void)bench_expect(b, t->acked >= acked + 3, "3 acknowledgements of 3 copies", "%u", t->acked - acked);
    (void)bench_expect(b, b->launches == launches, "no task is launched for a copy", "%u launched", b->launches - launches);
    (void)bench_expect(b, t->killed == 0, "the task is not killed for a copy", "%u KILL calls", t->killed);
    still_well(b);
}

static void run_lost_update(struct bench *b)
{
    struct bench_task *t = begin_running(b);
    unsigned launches;

    if (t == NULL)
        return;
    launches = b->launches;
    /* It fails; its agent goes with the update; and the master that would have told is another one now. */
    b->mute = true;
    bench_task_update(b, t, TASK_OF(FAILED));
    t->gone = true;
    t->has_pending = false;
    bench_cut(b);
    b->mute = false;
    if (!comes_back(b))
        return;
    if (bench_wait(b, is_reconciled, t, "it asks for the state of its tasks (RECONCILE) after it subscribed again"))
        is_replaced(b, launches);
    still_well(b);
}

static void run_delayed(struct bench *b)
{
    const unsigned one = 1;
    struct bench_task *t;
    unsigned launches;

    if (!begin(b))
        return;
    b->mute = true; /* the updates of the first launch come late */
    if (!bench_wait(b, has_launches, &one, "a task is launched"))
        return;
    bench_pause(b, 4 * NS_PER_S);
    launches = b->launches;
    t = &b->tasks[0];
    b->mute = false;
    for (size_t i = 0; i < b->task_count; i++)
        bench_task_resend(b, &b->tasks[i]);
    (void)bench_wait(b, is_acknowledged, t, "updates that come seconds late are acknowledged");
    bench_pause(b, NS_PER_S);
    (void)bench_expect(b, t->killed == 0, "a task whose updates are late is left alone", "%u KILL calls", t->killed);
    (void)bench_expect(b, b->launches == launches, "nothing is launched twice for it", "%u more", b->launches - launches);
    still_well(b);
}

static void run_rescind(struct bench *b)
{
    const unsigned one = 1;

    b->no_offers = true;
    if (!begin(b))
        return;
    bench_offer_agents(b);
    for (size_t i = 0; i < b->offer_count; i++)
        bench_rescind(b, &b->offers[i]);
    bench_pause(b, 2 * NS_PER_S); /* what crossed with the rescind is answered; later use is a problem */
    b->no_offers = false;
    b->no_offer_before = (struct mono){ 0 };
    (void)bench_wait(b, has_running, &one, "it launches from an offer that is made afterwards");
    still_well(b);
}

static void run_invalid_offer(struct bench *b)
{
    const unsigned one = 1;

    b->invalid_next = true;
    if (!begin(b) || !bench_wait(b, has_invalid_accept, NULL, "it accepts an offer"))
        return;
    (void)bench_wait(b, has_running, &one, "what came back with REASON_INVALID_OFFERS is launched again");
    still_well(b);
}

static void run_lost(struct bench *b)
{
    struct bench_task *t = begin_running(b);
    unsigned launches = b->launches;

    if (t == NULL)
        return;
    bench_task_update(b, t, TASK_OF(LOST));
    (void)bench_wait(b, is_acknowledged, t, "the update is acknowledged");
    is_replaced(b, launches);
    still_well(b);
}

static void run_agent_lost(struct bench *b)
{
    struct bench_task *t = begin_running(b);
    unsigned launches = b->launches;

    if (t == NULL)
        return;
    bench_failure_event(b, t->agent);
    for (size_t i = 0; i < b->task_count; i++) {
        if (b->tasks[i].agent != t->agent || !is_up(&b->tasks[i]))
            continue;
        b->tasks[i].gone = true;
        bench_task_free_resources(b, &b->tasks[i]);
        bench_task_status(b, &b->tasks[i],
                          b->partition_aware ? TASK_OF(GONE) : TASK_OF(LOST),
                          MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REMOVED, "Agent was marked gone");
    }
    is_replaced(b, launches);
    still_well(b);
}

static void run_unreachable(struct bench *b)
{
    struct bench_task *t = begin_running(b);
    bool aware = b->partition_aware;

    if (t == NULL)
        return;
    bench_task_status(b, t, aware ? TASK_OF(UNREACHABLE) : TASK_OF(LOST),
                      MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REMOVED, "Agent is unreachable");
    bench_pause(b, 2 * NS_PER_S);
    bench_task_status(b, t, TASK_OF(RUNNING), MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REREGISTERED,
                      "Agent re-registered");
    bench_pause(b, NS_PER_S);
    bench_task_update(b, t, TASK_OF(FAILED)); /* whatever it thinks of the task by now */
    (void)bench_wait(b, is_acknowledged, t, "updates of a task that came back are acknowledged");
    still_well(b);
}

static void run_failover(struct bench *b)
{
    struct bench_task *t = begin_running(b);
    const unsigned more = b->launches + 1;
    struct error err = { .msg = "" };

    if (t == NULL)
        return;
    bench_unlisten(b);
    bench_pause(b, 2 * NS_PER_S);
    if (!bench_expect(b, bench_listen(b, &err) == 0, "the master's address can be bound again", "%s", err.msg) || !comes_back(b))
        return;
    (void)bench_wait(b, is_reconciled, t, "it asks for the state of its tasks (RECONCILE)");
    bench_task_update(b, t, TASK_OF(LOST));
    (void)bench_wait(b, has_launches, &more, "it goes on as before: what is lost is launched again");
    still_well(b);
}

static void run_redirect(struct bench *b)
{
    struct bench_task *t = begin_running(b);

    if (t == NULL)
        return;
    bench_cut(b);
    (void)comes_back(b);
    still_well(b);
}

static void run_unavailable(struct bench *b)
{
    const unsigned three = 3;

    b->mode = MODE_UNAVAILABLE;
    if (!bench_wait(b, has_attempts, &three, "it asks again after 503 (3 SUBSCRIBE calls)"))
        return;
    bench_pause(b, NS_PER_S);
    (void)bench_expect(b, b->subscribe_attempts <= 30, "with pauses: no more than 30 calls by now", "%u",
                       b->subscribe_attempts);
    b->mode = MODE_SERVE;
    (void)begin_running(b);
    still_well(b);
}

static void run_refused_accept(struct bench *b)
{
    const unsigned one = 1;

    if (!begin(b))
        return;
    b->calls_status = 503;
    b->subscribe_attempts = 0;
    b->calls[MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT] = 0;
    for (int i = 0; i < 200 && b->calls[MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT] == 0 && b->pid != 0; i++)
        bench_pause(b, b->patience_ns / 200);
    if (!bench_expect(b, b->calls[MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT] != 0, "it accepts an offer", "it does not"))
        return;
    bench_pause(b, 500 * NS_PER_MS); /* this master leads no more, which the framework sees soon after */
    bench_cut(b);
    b->calls_status = 0;
    (void)bench_wait(b, has_running, &one, "what was not launched because of a 503 is launched after all");
    still_well(b);
}

static void run_torn(struct bench *b)
{
    struct bench_task *t = begin_running(b);

    if (t == NULL)
        return;
    bench_cut_record(b);
    if (comes_back(b))
        (void)bench_wait(b, is_reconciled, t, "it asks for the state of its tasks (RECONCILE)");
    still_well(b);
}

static void run_split(struct bench *b)
{
    static const char heartbeat[] = { 0x08, MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT };
    struct bench_task *t = begin_running(b);
    unsigned launches = b->launches;
    struct str one = str_mem(heartbeat, sizeof heartbeat);

    if (t == NULL)
        return;
    bench_write_split(b, one, one);
    bench_odd_events(b);
    bench_task_update(b, t, TASK_OF(LOST));
    (void)bench_wait(b, is_acknowledged, t, "the update behind them is acknowledged");
    is_replaced(b, launches);
    (void)bench_expect(b, b->subscriptions == 1, "it needs no new subscription for that", "%u", b->subscriptions);
    still_well(b);
}

static void run_silence(struct bench *b)
{
    b->heartbeat_ns = NS_PER_S;
    b->no_offers = true;
    if (!begin(b))
        return;
    bench_pause(b, 3 * NS_PER_S);
    if (!bench_expect(b, b->subscriptions == 1, "with heartbeats the subscription stays", "%u subscriptions", b->subscriptions))
        return;
    b->no_heartbeats = true;
    (void)comes_back(b);
    b->no_heartbeats = false;
    b->no_offers = false;
    still_well(b);
}

static void run_error(struct bench *b)
{
    struct bench_task *t = begin_running(b);

    if (t == NULL)
        return;
    /* Another instance took over. Whoever subscribes again now fights with it for ever. */
    bench_error_event(b, "Framework failed over");
    (void)bench_wait(b, has_left, NULL, "it gives its subscription up");
    b->subscribe_attempts = 0;
    for (int i = 0; i < 60 && b->pid != 0 && b->subscribe_attempts == 0; i++)
        bench_pause(b, 50 * NS_PER_MS);
    (void)bench_expect(b, b->subscribe_attempts == 0, "it does not take the subscription back", "it does");
}

/* Only for those that keep their id; the others are right to come as a new framework. */
static void run_restart(struct bench *b)
{
    struct bench_task *t = begin_running(b);
    const unsigned again = b->subscriptions + 1;
    struct error err = { .msg = "" };
    unsigned launches;

    if (t == NULL)
        return;
    launches = b->launches;
    (void)snprintf(b->former_id, sizeof b->former_id, "%s", b->framework_id);
    b->framework_id[0] = 0;
    bench_kill_hard(b);
    (void)bench_wait(b, has_ended, NULL, "the program can be killed");
    if (bench_start(b, &err) != 0 || !bench_wait(b, is_subscribed, &again, "it subscribes when it is started again"))
        return;
    if (strcmp(b->framework_id, b->former_id) != 0) {
        (void)bench_expect(b, true, "without its former framework id it comes as a new framework", " ");
        return;
    }
    (void)bench_wait(b, is_reconciled, t, "it asks for the state of its tasks (RECONCILE)");
    bench_pause(b, 2 * NS_PER_S);
    (void)bench_expect(b, t->killed == 0, "tasks that run are kept", "%u KILL calls", t->killed);
    (void)bench_expect(b, b->launches == launches, "and not launched again", "%u launched", b->launches - launches);
    still_well(b);
}

const struct bench_scenario bench_scenarios[] = {
    { "subscribe", "subscribes and answers every offer", run_subscribe },
    { "launch", "launches a task and acknowledges its updates", run_launch },
    { "duplicate-update", "the same update comes again", run_duplicates },
    { "lost-update", "an update is lost with the connection", run_lost_update },
    { "delayed-update", "the first updates come 4 s late", run_delayed },
    { "rescind", "offers are taken back at once", run_rescind },
    { "invalid-offer", "an accepted offer was not valid any more", run_invalid_offer },
    { "task-lost", "a task is lost", run_lost },
    { "agent-lost", "an agent goes with its tasks", run_agent_lost },
    { "unreachable", "an agent cannot be reached and comes back", run_unreachable },
    { "failover", "the master is away for 2 s", run_failover },
    { "redirect", "the master asked is a standby (307)", run_redirect },
    { "unavailable", "no master leads for a while (503)", run_unavailable },
    { "accept-refused", "an ACCEPT is answered with 503 while the leader changes", run_refused_accept },
    { "torn-record", "the stream ends in the middle of a record", run_torn },
    { "odd-records", "records in small pieces, events nobody knows", run_split },
    { "silence", "heartbeats stop, the connection stays", run_silence },
    { "taken-over", "another instance takes the framework over (ERROR)", run_error },
    { "restart", "the program is killed and started again", run_restart },
};
const size_t bench_scenario_count = sizeof bench_scenarios / sizeof bench_scenarios[0];
