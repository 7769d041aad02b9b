/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted master's side that listens: calls are decoded, checked against the rules that hold at any time, and carried out
 * on paper. A broken rule is a problem of the program under test and is answered as a master would. */
#include <stdio.h>

#include "cli/bench/bench.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/validate.h"

typedef Mesos__V1__Scheduler__Call call;

enum { CALL_ARENA_BYTES = 16 << 20, RESCIND_CROSSING_MS = 1000 };

/* --- SUBSCRIBE -------------------------------------------------------------------------------------------------- */

static void read_framework(struct bench *b, const Mesos__V1__FrameworkInfo *f)
{
    b->partition_aware = b->multi_role = b->refinement = false;
    for (size_t i = 0; i < f->n_capabilities; i++) {
        Mesos__V1__FrameworkInfo__Capability__Type t = f->capabilities[i]->type;

        b->partition_aware |= t == MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE;
        b->multi_role |= t == MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE;
        b->refinement |= t == MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__RESERVATION_REFINEMENT;
    }
    (void)snprintf(b->role, sizeof b->role, "%s",
                   f->n_roles != 0 ? f->roles[0] : (f->role != NULL && f->role[0] != 0) ? f->role : "*");
}

static void on_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct bench *b = arg;

    (void)why;
    if (b->stream == r) {
        b->stream = NULL;
        bench_cut(b); /* its offers are void */
    }
}

static void put_subscribed(struct bench *b)
{
    struct sbuf ev = SBUF_INIT(4096);
    size_t mark, master;

    wire_put_u64(&ev, 1, MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED);
    mark = wire_open(&ev, 2);
    wire_put_id(&ev, 1, str_of(b->framework_id));
    wire_put_double(&ev, 2, (double)b->heartbeat_ns / 1e9);
    master = wire_open(&ev, 3);
    wire_put_bytes(&ev, 1, STR("bench-master"));
    wire_put_u64(&ev, 2, 16777343); /* 127.0.0.1 in network order */
    wire_put_u64(&ev, 3, b->addr.port);
    wire_put_bytes(&ev, 5, STR("127.0.0.1"));
    wire_close(&ev, master);
    wire_close(&ev, mark);
    bench_event(b, sbuf_view(&ev));
    sbuf_done(&ev);
}

static void subscribe(struct bench *b, struct http_req *r, const call *c)
{
    const Mesos__V1__FrameworkInfo *f = c->subscribe->framework_info;
    const char *id = f->id != NULL ? f->id->value : "";
    struct uuid stream;
    struct str accept = http_req_header(r, "Accept"), type = http_req_header(r, "Content-Type");

    if (b->framework_id[0] != 0 && strcmp(id, b->framework_id) != 0)
        bench_problem(b, "a framework that was given an id subscribes with it again",
                      "SUBSCRIBE with framework id \"%s\"; it is %s", id, b->framework_id);
    if (c->framework_id != NULL && strcmp(c->framework_id->value, id) != 0)
        bench_problem(b, "framework_id of SUBSCRIBE is the one in framework_info", "framework_id \"%s\", in framework_info \"%s\"",
                      c->framework_id->value, id);
    bench_cut(b);
    read_framework(b, f);
    if (id[0] != 0)
        (void)snprintf(b->framework_id, sizeof b->framework_id, "%s", id);
    else
        (void)snprintf(b->framework_id, sizeof b->framework_id, "bench-%04x", (unsigned)rng_below(&b->rng, 65536));
    stream = uuid_make(&b->rng);
    uuid_text(&stream, b->stream_id);
    b->stream_json = str_contains(accept, STR("json")) ||
                     (accept.n == 0 && !str_contains(accept, STR("protobuf")) && str_contains(type, STR("json")));
    b->stream = r;
    b->subscriptions++;
    b->beat_at = mono_add(loop_now(b->loop), b->heartbeat_ns);
    http_req_on_gone(r, on_gone, b);
    http_reply_header(r, "Mesos-Stream-Id", str_of(b->stream_id));
    http_reply_no_gzip(r);
    http_stream_begin(r, 200, b->stream_json ? "application/json" : "application/x-protobuf");
    put_subscribed(b);
    bench_run_hook(b);
}

/* --- ACCEPT and DECLINE ----------------------------------------------------------------------------------------- */

static struct bench_offer *find_offer(struct bench *b, const char *id)
{
    for (size_t i = 0; i < b->offer_count; i++)
        if (strcmp(b->offers[i].id, id) == 0)
            return &b->offers[i];
    return NULL;
}

/* Whether the offer can be used; says so when using it breaks a rule. */
static bool offer_usable(struct bench *b, const struct bench_offer *o, const char *id, const char *what)
{
    int64_t ns;

    if (o == NULL) {
        bench_problem(b, "only offers that were made are answered", "%s of offer %s, which was never made", what, id);
        return false;
    }
    ns = mono_diff(loop_now(b->loop), o->rescinded_at);
    switch (o->state) {
    case OFFER_OPEN:
        return true;
    case OFFER_ACCEPTED:
    case OFFER_DECLINED:
        bench_problem(b, "an offer is answered once", "%s of offer %s, which was %s before", what, id,
                      o->state == OFFER_ACCEPTED ? "accepted" : "declined");
        return false;
    case OFFER_RESCINDED:
        if (ns > RESCIND_CROSSING_MS * NS_PER_MS && strcmp(what, "ACCEPT") == 0)
            bench_problem(b, "a rescinded offer is not used", "ACCEPT of offer %s %lld ms after it was rescinded", id,
                          (long long)(ns / NS_PER_MS));
        return false;
    case OFFER_VOID:
        if (strcmp(what, "ACCEPT") == 0)
            bench_problem(b, "offers of a former subscription are void", "ACCEPT of offer %s, made before the subscription", id);
        return false;
    }
    return false;
}

static struct bench_task *task_add(struct bench *b, const Mesos__V1__TaskInfo *info, unsigned agent)
{
    struct bench_task *t;

    if (b->task_count == BENCH_TASKS_MAX) {
        bench_problem(b, "a framework does not launch without end", "more than %d tasks in one scenario", BENCH_TASKS_MAX);
        return NULL;
    }
    t = &b->tasks[b->task_count++];
    *t = (struct bench_task){ .agent = agent, .state = MESOS__V1__TASK_STATE__TASK_STAGING };
    (void)snprintf(t->id, sizeof t->id, "%s", info->task_id->value);
    return t;
}

static bool take(struct bench *b, struct resources *left, const Mesos__V1__TaskInfo *info, struct bench_task *t)
{
    CLEANUP(resources_done_p) struct resources r = RESOURCES_INIT;
    struct name *role = name_of(str_of(b->role));
    struct error err = { .msg = "" };
    bool ok = false;

    if (convert_resources(info->resources, info->n_resources, &r, &err) != 0) {
        bench_problem(b, "resources of a task are well formed", "task %s: %s", t->id, err.msg);
    } else {
        resources_allocate_missing(&r, role);
        ok = !resources_is_empty(&r) && resources_contains(left, &r);
        if (!ok)
            bench_problem(b, "tasks take no more than their offer has", "task %s asks for %s", t->id,
                          resources_is_empty(&r) ? "nothing" : "more than is left of the offer, or in another form");
    }
    name_unref(role);
    if (!ok)
        return false;
    resources_sub_all(left, &r);
    resources_unallocate(&r);
    resources_sub_all(&b->free[t->agent], &r);
    t->resources = r;
    r = RESOURCES_INIT;
    return true;
}

static void launch_one(struct bench *b, const Mesos__V1__TaskInfo *info, struct resources *left, unsigned agent)
{
    struct bench_task *t;

    if (bench_task_find(b, str_of(info->task_id->value)) != NULL)
        bench_problem(b, "task ids are never used again", "LAUNCH of task %s, which was there before", info->task_id->value);
    t = task_add(b, info, agent);
    if (t == NULL)
        return;
    if (strcmp(info->agent_id->value, bench_agent_id(agent)) != 0)
        bench_problem(b, "a task names the agent of its offer", "task %s names agent %s, the offer is of %s", t->id,
                      info->agent_id->value, bench_agent_id(agent));
    b->launches++;
    if (!take(b, left, info, t)) {
        t->gone = true;
        bench_task_status(b, t, MESOS__V1__TASK_STATE__TASK_ERROR,
                          MESOS__V1__TASK_STATUS__REASON__REASON_TASK_INVALID, "Task uses more resources than available");
        return;
    }
    bench_task_update(b, t, MESOS__V1__TASK_STATE__TASK_STARTING);
    bench_task_update(b, t, MESOS__V1__TASK_STATE__TASK_RUNNING);
}

static void refuse_one(struct bench *b, const Mesos__V1__TaskInfo *info)
{
    struct bench_task *t = task_add(b, info, 0);

    if (t == NULL)
        return;
    t->gone = true;
    bench_task_status(b, t,
                      b->partition_aware ? MESOS__V1__TASK_STATE__TASK_DROPPED : MESOS__V1__TASK_STATE__TASK_LOST,
                      MESOS__V1__TASK_STATUS__REASON__REASON_INVALID_OFFERS,
                      "Task launched with invalid offers: Offer is no longer valid");
}

/* Calls the function for each task that the operation launches. */
struct launching {
    struct bench *b;
    struct resources *left; /* NULL: the offers were not valid */
    unsigned agent;
};

static void launch_list(const struct launching *l, Mesos__V1__TaskInfo *const *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (l->left != NULL)
            launch_one(l->b, tasks[i], l->left, l->agent);
        else
            refuse_one(l->b, tasks[i]);
    }
}

static void accept_offers(struct bench *b, const Mesos__V1__Scheduler__Call__Accept *a)
{
    CLEANUP(resources_done_p) struct resources left = RESOURCES_INIT;
    struct launching l = { .b = b, .left = &left };
    int agent = -1;

    for (size_t i = 0; i < a->n_offer_ids; i++) {
        struct bench_offer *o = find_offer(b, a->offer_ids[i]->value);

        if (!offer_usable(b, o, a->offer_ids[i]->value, "ACCEPT")) {
            l.left = NULL;
            continue;
        }
        o->state = OFFER_ACCEPTED;
        if (agent >= 0 && (unsigned)agent != o->agent)
            bench_problem(b, "offers that are accepted together are of one agent", "offer %s is of another", o->id);
        agent = (int)o->agent;
        l.agent = o->agent;
        resources_add_all(&left, &o->resources);
    }
    if (agent < 0 || b->invalid_next)
        l.left = NULL;
    b->invalid_accepts += l.left == NULL;
    b->invalid_next = false;
    for (size_t i = 0; i < a->n_operations; i++) {
        const Mesos__V1__Offer__Operation *op = a->operations[i];

        if (op->launch != NULL)
            launch_list(&l, op->launch->task_infos, op->launch->n_task_infos);
        if (op->launch_group != NULL && op->launch_group->task_group != NULL)
            launch_list(&l, op->launch_group->task_group->tasks, op->launch_group->task_group->n_tasks);
    }
}

static void decline(struct bench *b, const Mesos__V1__Scheduler__Call__Decline *d)
{
    double refuse_s = d->filters != NULL && d->filters->has_refuse_seconds ? d->filters->refuse_seconds : 5;
    int64_t ns;

    for (size_t i = 0; i < d->n_offer_ids; i++) {
        struct bench_offer *o = find_offer(b, d->offer_ids[i]->value);

        if (offer_usable(b, o, d->offer_ids[i]->value, "DECLINE"))
            o->state = OFFER_DECLINED;
    }
    if (seconds_to_ns(refuse_s, &ns) && ns > 0)
        b->no_offer_before = mono_add(loop_now(b->loop), ns);
}

/* --- tasks ------------------------------------------------------------------------------------------------------ */

static void acknowledge(struct bench *b, const Mesos__V1__Scheduler__Call__Acknowledge *a)
{
    struct bench_task *t = bench_task_find(b, str_of(a->task_id->value));
    struct uuid u = { .b = { 0 } };

    memcpy(u.b, a->uuid.data, a->uuid.len < sizeof u.b ? a->uuid.len : sizeof u.b);
    if (t == NULL) {
        bench_problem(b, "only updates that came are acknowledged", "ACKNOWLEDGE for task %s, which is not known",
                      a->task_id->value);
        return;
    }
    if (strcmp(a->agent_id->value, bench_agent_id(t->agent)) != 0)
        bench_problem(b, "an acknowledgement names the task's agent", "ACKNOWLEDGE for task %s with agent %s", t->id,
                      a->agent_id->value);
    if (t->acked != 0 && uuid_eq(&u, &t->last_acked) && !(t->has_pending && uuid_eq(&u, &t->pending))) {
        t->acked++; /* of a copy */
        return;
    }
    if (!t->has_pending || !uuid_eq(&u, &t->pending)) {
        bench_problem(b, "an acknowledgement carries the uuid of an update that waits for it",
                      "ACKNOWLEDGE for task %s with another uuid", t->id);
        return;
    }
    t->acked++;
    t->last_acked = u;
    t->has_pending = false;
    if (t->queued != 0) {
        Mesos__V1__TaskState next = t->queue[0];

        memmove(t->queue, t->queue + 1, --t->queued * sizeof t->queue[0]);
        bench_task_update(b, t, next);
    }
}

/* A task that we know runs on paper alone and is dead at once. */
static void kill_task(struct bench *b, const Mesos__V1__Scheduler__Call__Kill *k)
{
    struct bench_task *t = bench_task_find(b, str_of(k->task_id->value));

    if (t == NULL) {
        bench_problem(b, "only tasks that were launched are killed", "KILL of task %s, which was never launched",
                      k->task_id->value);
        return;
    }
    t->killed++;
    if (t->gone)
        bench_task_status(b, t, bench_unknown_state(b), MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION,
                          "Attempted to kill an unknown task");
    else if (!resources_is_empty(&t->resources))
        bench_task_update(b, t, MESOS__V1__TASK_STATE__TASK_KILLED);
}

static void reconcile_one(struct bench *b, struct bench_task *t)
{
    t->reconciled++;
    bench_task_status(b, t, t->gone ? bench_unknown_state(b) : t->state,
                      MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION,
                      t->gone ? "Reconciliation: Task is unknown" : "Reconciliation: Latest task state");
}

/* Of a task that was never launched here. */
static void deny_one(struct bench *b, const char *id)
{
    struct bench_task t = { .gone = true };

    (void)snprintf(t.id, sizeof t.id, "%s", id);
    reconcile_one(b, &t);
}

static void reconcile(struct bench *b, const Mesos__V1__Scheduler__Call__Reconcile *rec)
{
    b->reconciles++;
    for (size_t i = 0; i < rec->n_tasks; i++) {
        struct bench_task *t = bench_task_find(b, str_of(rec->tasks[i]->task_id->value));

        if (t != NULL)
            reconcile_one(b, t);
        else
            deny_one(b, rec->tasks[i]->task_id->value);
    }
    for (size_t i = 0; rec->n_tasks == 0 && i < b->task_count; i++)
        if (!b->tasks[i].gone)
            reconcile_one(b, &b->tasks[i]);
}

/* --- all calls -------------------------------------------------------------------------------------------------- */

static int decode(struct http_req *r, struct arena *arena, call **ret, struct error *err)
{
    struct str type = http_req_header(r, "Content-Type"), body = http_req_body(r);
    ProtobufCMessage *m = NULL;
    int rc;

    if (str_starts(type, STR("application/json")))
        rc = json_to_message(&mesos__v1__scheduler__call__descriptor, body, arena, &m, err);
    else if (str_starts(type, STR("application/x-protobuf")))
        rc = wire_unpack(&mesos__v1__scheduler__call__descriptor, body, arena, &m, err);
    else
        return error_set(err, ERR_INVALID, "Expecting 'Content-Type' of application/json or application/x-protobuf");
    if (rc != 0)
        return rc;
    *ret = (call *)(void *)m;
    return validate_scheduler_call(*ret, err);
}

/* Answered already when false. */
static bool may_call(struct bench *b, struct http_req *r, const call *c)
{
    struct str stream = http_req_header(r, "Mesos-Stream-Id");

    if (b->stream == NULL) {
        http_reply_text(r, 403, "Framework is not subscribed");
        return false;
    }
    if (!str_is(stream, b->stream_id)) {
        if (stream.n == 0)
            bench_problem(b, "calls carry the Mesos-Stream-Id", "%s without it", bench_call_name(c->type));
        http_reply_text(r, 400, "The stream ID '%.*s' included in this request didn't match the stream ID currently "
                                "associated with framework ID %s", STR_ARG(stream), b->framework_id);
        return false;
    }
    if (c->framework_id == NULL || strcmp(c->framework_id->value, b->framework_id) != 0) {
        bench_problem(b, "calls carry the framework id", "%s with \"%s\"", bench_call_name(c->type),
                      c->framework_id != NULL ? c->framework_id->value : "");
        http_reply_text(r, 400, "Framework is not subscribed");
        return false;
    }
    return true;
}

static void carry_out(struct bench *b, const call *c)
{
    if (c->accept != NULL)
        accept_offers(b, c->accept);
    if (c->decline != NULL)
        decline(b, c->decline);
    if (c->acknowledge != NULL)
        acknowledge(b, c->acknowledge);
    if (c->kill != NULL)
        kill_task(b, c->kill);
    if (c->reconcile != NULL)
        reconcile(b, c->reconcile);
    if (c->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUPPRESS)
        b->suppressed = true;
    if (c->type == MESOS__V1__SCHEDULER__CALL__TYPE__REVIVE) {
        b->suppressed = false;
        b->no_offer_before = loop_now(b->loop);
    }
}

static void take_call(struct bench *b, struct http_req *r, const call *c)
{
    if (c->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        subscribe(b, r, c);
        return;
    }
    if (!may_call(b, r, c))
        return;
    if (b->calls_status != 0 && c->accept != NULL) {
        b->calls_status == 503 ? http_reply_text(r, 503, "No leader elected") : http_reply_text(r, b->calls_status, "no");
        return;
    }
    http_reply(r, 202, NULL, STR(""));
    carry_out(b, c);
}

void bench_call(struct bench *b, struct http_req *r)
{
    struct arena arena = ARENA_INIT(CALL_ARENA_BYTES);
    struct error err;
    call *c = NULL;

    if (decode(r, &arena, &c, &err) != 0) {
        bench_problem(b, "calls are valid", "%s", err.msg);
        http_reply_text(r, 400, "%s", err.msg);
        arena_done(&arena);
        return;
    }
    if (c->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE)
        b->subscribe_attempts++;
    if ((unsigned)c->type < BENCH_CALL_TYPES)
        b->calls[c->type]++;
    if (b->verbose)
        fprintf(stderr, "    < %s\n", bench_call_name((unsigned)c->type));
    if (b->mode == MODE_UNAVAILABLE)
        http_reply_text(r, 503, "No leader elected");
    else
        take_call(b, r, c);
    arena_done(&arena);
}
