/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics/snapshot, /metrics and GET_METRICS: the numbers of the core and the allocator under the original's names, gathered
 * when asked for, and the shell's timers from its registry. Source: operator API, section 13; client expectations 10. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/model/role.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/shell.h"
#include "proto/mesos_v1_master.pb-c.h"

struct pair {
    char *name;
    double value;
};

struct pairs {
    struct pair *v;
    size_t n, cap;
};

static void put(struct pairs *p, double value, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void put(struct pairs *p, double value, const char *fmt, ...)
{
    char name[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(name, sizeof name, fmt, ap); /* longer names are cut */
    va_end(ap);
    ARRAY_ROOM(p->v, p->n, p->cap);
    p->v[p->n++] = (struct pair){ xstrdup(name), value };
}

static void pairs_done(struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i].name);
    free(p->v);
}

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* --- core --- */

static void put_agents(struct pairs *p, const struct master *m)
{
    size_t active = 0;

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next)
        active += agent_is_active(a);
    size_t all = HASH_COUNT(m->agents);
    const struct master_metrics *x = &m->metrics;
    put(p, (double)x->agents_connected, "master/slaves_connected");
    put(p, (double)x->agents_disconnected, "master/slaves_disconnected");
    put(p, (double)active, "master/slaves_active");
    put(p, (double)(all - active), "master/slaves_inactive");
    put(p, (double)m->unreachable_count, "master/slaves_unreachable");
    put(p, (double)x->slave_registrations, "master/slave_registrations");
    put(p, (double)x->slave_reregistrations, "master/slave_reregistrations");
    put(p, (double)x->slave_removals, "master/slave_removals");
    put(p, (double)x->removals_unhealthy, "master/slave_removals/reason_unhealthy");
    put(p, (double)x->removals_unregistered, "master/slave_removals/reason_unregistered");
    put(p, (double)x->removals_registered, "master/slave_removals/reason_registered");
    put(p, (double)x->unreachable_scheduled, "master/slave_unreachable_scheduled");
    put(p, (double)x->unreachable_completed, "master/slave_unreachable_completed");
    put(p, (double)x->unreachable_canceled, "master/slave_unreachable_canceled");
    put(p, (double)x->unreachable_scheduled, "master/slave_shutdowns_scheduled");
    put(p, (double)x->unreachable_completed, "master/slave_shutdowns_completed");
    put(p, (double)x->unreachable_canceled, "master/slave_shutdowns_canceled");
    put(p, (double)x->recovery_removals, "master/recovery_slave_removals");
}

static void put_messages(struct pairs *p, const struct master_metrics *x)
{
    const struct {
        const char *name;
        uint64_t v;
    } messages[] = {
        { "authenticate", 0 }, { "deactivate_framework", 0 }, { "decline_offers", x->call[CALL_DECLINE] },
        { "executor_to_framework", x->msg_executor_to_framework }, { "exited_executor", x->msg_exited_executor },
        { "framework_to_executor", x->call[CALL_MESSAGE] }, { "kill_task", x->call[CALL_KILL] },
        { "launch_tasks", x->call[CALL_ACCEPT] }, { "operation_status_update", x->msg_operation_status },
        { "operation_status_update_acknowledgement", x->call[CALL_ACKNOWLEDGE_OPERATION_STATUS] },
        { "reconcile_operations", x->call[CALL_RECONCILE_OPERATIONS] }, { "reconcile_tasks", x->call[CALL_RECONCILE] },
        { "register_framework", x->call[CALL_SUBSCRIBE] - x->resubscribes }, { "register_slave", x->msg_register_slave },
        { "reregister_framework", x->resubscribes }, { "reregister_slave", x->msg_reregister_slave },
        { "resource_request", x->call[CALL_REQUEST] }, { "revive_offers", x->call[CALL_REVIVE] },
        { "status_update", x->msg_status_update }, { "status_update_acknowledgement", x->call[CALL_ACKNOWLEDGE] },
        { "suppress_offers", x->call[CALL_SUPPRESS] }, { "unregister_framework", x->call[CALL_TEARDOWN] },
        { "unregister_slave", x->msg_unregister_slave }, { "update_slave", x->msg_update_slave },
    };
    const struct {
        const char *name;
        uint64_t valid, invalid;
    } checked[] = {
        { "framework_to_executor_messages", x->valid_f2e, x->invalid_f2e },
        { "executor_to_framework_messages", x->valid_e2f, x->invalid_e2f },
        { "status_updates", x->valid_status_updates, x->invalid_status_updates },
        { "status_update_acknowledgements", x->valid_acks, x->invalid_acks },
        { "operation_status_updates", x->valid_op_updates, x->invalid_op_updates },
        { "operation_status_update_acknowledgements", x->valid_op_acks, x->invalid_op_acks },
    };

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        put(p, (double)messages[i].v, "master/messages_%s", messages[i].name);
    for (size_t i = 0; i < sizeof checked / sizeof checked[0]; i++) {
        put(p, (double)checked[i].valid, "master/valid_%s", checked[i].name);
        put(p, (double)checked[i].invalid, "master/invalid_%s", checked[i].name);
    }
}

static void lower(char *ret, size_t size, const char *text, const char *from, const char *to)
{
    size_t n = 0;

    for (const char *c = text; *c != '\0' && n + 1 < size; c++)
        ret[n++] = (char)tolower((unsigned char)*c);
    ret[n] = '\0';
    char *at = strstr(ret, from); /* metrics still say slave */
    if (at != NULL && strlen(from) == strlen(to))
        memcpy(at, to, strlen(to));
}

static void put_tasks(struct pairs *p, const struct master_metrics *x)
{
    static const enum task_state gauges[] = { TASK_STAGING, TASK_STARTING, TASK_RUNNING, TASK_KILLING };
    static const enum task_state counters[] = { TASK_FINISHED, TASK_FAILED,  TASK_KILLED, TASK_LOST,
                                                TASK_ERROR,    TASK_DROPPED, TASK_GONE,   TASK_GONE_BY_OPERATOR };
    char state[40], source[40], reason[80];

    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        lower(state, sizeof state, task_state_name(gauges[i]) + 5, "agent", "agent");
        put(p, (double)x->tasks_now[gauges[i]], "master/tasks_%s", state);
    }
    put(p, (double)x->tasks_unreachable, "master/tasks_unreachable");
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        lower(state, sizeof state, task_state_name(counters[i]) + 5, "agent", "agent");
        put(p, (double)x->tasks_terminal[counters[i]], "master/tasks_%s", state);
    }
    for (int s = 0; s < TASK_STATE_COUNT; s++)
        for (int o = 0; o < TASK_SOURCE_COUNT; o++)
            for (int r = 0; r < TASK_REASON_COUNT; r++) {
                /* Collectors look these up even before they count anything. */
                bool always = s == TASK_LOST && ((o == SOURCE_MASTER && (r == REASON_INVALID_OFFERS || r == REASON_AGENT_REMOVED)) ||
                                                 (o == SOURCE_AGENT && r == REASON_EXECUTOR_TERMINATED));
                if (x->tasks_by_reason[s][o][r] == 0 && !always)
                    continue;
                lower(state, sizeof state, task_state_name((enum task_state)s), "agent", "slave");
                lower(source, sizeof source, task_source_name((enum task_source)o), "agent", "slave");
                lower(reason, sizeof reason, task_reason_name((enum task_reason)r), "agent", "slave");
                put(p, (double)x->tasks_by_reason[s][o][r], "master/%s/%s/%s", state, source, reason);
            }
}

static void put_resources(struct pairs *p, const struct master *m)
{
    struct name *const names[] = { NAME_CPUS, NAME_GPUS, NAME_MEM, NAME_DISK };
    int64_t total[4][2] = { { 0 } }, used[4][2] = { { 0 } };

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        for (uint32_t i = 0; i < a->total.n; i++)
            for (size_t n = 0; n < 4; n++)
                if (a->total.v[i].name == names[n] && a->total.v[i].type == VALUE_SCALAR)
                    total[n][a->total.v[i].revocable] += a->total.v[i].milli;
        for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
            for (uint32_t i = 0; i < s->used.n; i++)
                for (size_t n = 0; n < 4; n++)
                    if (s->used.v[i].name == names[n] && s->used.v[i].type == VALUE_SCALAR)
                        used[n][s->used.v[i].revocable] += s->used.v[i].milli;
    }
    for (size_t n = 0; n < 4; n++)
        for (int rev = 0; rev < 2; rev++) {
            const char *mid = rev ? "_revocable" : "";
            put(p, milli_to_double(total[n][rev]), "master/%s%s_total", names[n]->text, mid);
            put(p, milli_to_double(used[n][rev]), "master/%s%s_used", names[n]->text, mid);
            put(p, total[n][rev] != 0 ? (double)used[n][rev] / (double)total[n][rev] : 0, "master/%s%s_percent",
                names[n]->text, mid);
        }
}

static void put_operations(struct pairs *p, const struct master_metrics *x)
{
    static const struct {
        int type;
        const char *name;
    } types[] = { { OPERATION_RESERVE, "reserve" },           { OPERATION_UNRESERVE, "unreserve" },
                  { OPERATION_CREATE, "create" },             { OPERATION_DESTROY, "destroy" },
                  { OPERATION_GROW_VOLUME, "grow_volume" },   { OPERATION_SHRINK_VOLUME, "shrink_volume" },
                  { OPERATION_CREATE_DISK, "create_disk" },   { OPERATION_DESTROY_DISK, "destroy_disk" } };
    static const struct {
        int state;
        const char *name;
    } states[] = { { OPERATION_PENDING, "pending" },     { OPERATION_RECOVERING, "recovering" },
                   { OPERATION_UNREACHABLE, "unreachable" }, { OPERATION_FINISHED, "finished" },
                   { OPERATION_FAILED, "failed" },       { OPERATION_ERROR, "error" },
                   { OPERATION_DROPPED, "dropped" },     { OPERATION_GONE_BY_OPERATOR, "gone_by_operator" } };
    uint64_t all = 0;

    for (size_t s = 0; s < sizeof states / sizeof states[0]; s++) {
        uint64_t sum = 0;
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            uint64_t n = x->operations[types[t].type][states[s].state];
            sum += n;
            put(p, (double)n, "master/operations/%s/%s", types[t].name, states[s].name);
        }
        all += sum;
        put(p, (double)sum, "master/operations/%s", states[s].name);
    }
    put(p, (double)all, "master/operations/total");
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        uint64_t sum = 0;
        for (size_t s = 0; s < sizeof states / sizeof states[0]; s++)
            sum += x->operations[types[t].type][states[s].state];
        put(p, (double)sum, "master/operations/%s/total", types[t].name);
    }
}

static void url_encode(struct sbuf *b, const char *text)
{
    http_percent_encode(b, str_of(text), true);
}

static const char *const call_names[CALL_TYPE_COUNT] = {
    [CALL_SUBSCRIBE] = "subscribe", [CALL_TEARDOWN] = "teardown", [CALL_ACCEPT] = "accept", [CALL_DECLINE] = "decline",
    [CALL_REVIVE] = "revive", [CALL_KILL] = "kill", [CALL_SHUTDOWN] = "shutdown", [CALL_ACKNOWLEDGE] = "acknowledge",
    [CALL_RECONCILE] = "reconcile", [CALL_MESSAGE] = "message", [CALL_REQUEST] = "request", [CALL_SUPPRESS] = "suppress",
    [CALL_ACCEPT_INVERSE_OFFERS] = "accept_inverse_offers", [CALL_DECLINE_INVERSE_OFFERS] = "decline_inverse_offers",
    [CALL_ACKNOWLEDGE_OPERATION_STATUS] = "acknowledge_operation_status",
    [CALL_RECONCILE_OPERATIONS] = "reconcile_operations", [CALL_UPDATE_FRAMEWORK] = "update_framework",
};
static const char *const event_names[EVENT_TYPE_COUNT] = {
    [EVENT_SUBSCRIBED] = "subscribed", [EVENT_OFFERS] = "offers", [EVENT_RESCIND] = "rescind", [EVENT_UPDATE] = "update",
    [EVENT_MESSAGE] = "message", [EVENT_FAILURE] = "failure", [EVENT_ERROR] = "error", [EVENT_HEARTBEAT] = "heartbeat",
    [EVENT_INVERSE_OFFERS] = "inverse_offers", [EVENT_RESCIND_INVERSE_OFFER] = "rescind_inverse_offer",
    [EVENT_UPDATE_OPERATION_STATUS] = "update_operation_status",
};
static const char *const operation_names[16] = {
    [OPERATION_LAUNCH] = "launch", [OPERATION_RESERVE] = "reserve", [OPERATION_UNRESERVE] = "unreserve",
    [OPERATION_CREATE] = "create", [OPERATION_DESTROY] = "destroy", [OPERATION_LAUNCH_GROUP] = "launch_group",
    [OPERATION_GROW_VOLUME] = "grow_volume", [OPERATION_SHRINK_VOLUME] = "shrink_volume",
    [OPERATION_CREATE_DISK] = "create_disk", [OPERATION_DESTROY_DISK] = "destroy_disk",
};

static void put_one_framework(struct pairs *p, const struct master *m, const struct framework *f)
{
    CLEANUP(sbuf_done_p) struct sbuf prefix = SBUF_INIT(8192);
    const struct framework_counters *n = &f->n;
    char state[40];

    sbuf_c(&prefix, "master/frameworks/");
    url_encode(&prefix, f->info->name);
    sbuf_char(&prefix, '/');
    sbuf_str(&prefix, f->id.s);
    const char *x = prefix.p;
    put(p, framework_is_connected(f), "%s/subscribed", x);
    put(p, (double)n->calls, "%s/calls", x);
    for (int i = 0; i < CALL_TYPE_COUNT; i++)
        if (call_names[i] != NULL)
            put(p, (double)n->call[i], "%s/calls/%s", x, call_names[i]);
    put(p, (double)n->events, "%s/events", x);
    for (int i = 0; i < EVENT_TYPE_COUNT; i++)
        if (event_names[i] != NULL)
            put(p, (double)n->event[i], "%s/events/%s", x, event_names[i]);
    put(p, (double)n->offers_sent, "%s/offers/sent", x);
    put(p, (double)n->offers_accepted, "%s/offers/accepted", x);
    put(p, (double)n->offers_declined, "%s/offers/declined", x);
    put(p, (double)n->offers_rescinded, "%s/offers/rescinded", x);
    put(p, (double)n->operations, "%s/operations", x);
    for (int i = 0; i < 16; i++)
        if (operation_names[i] != NULL)
            put(p, (double)n->operation[i], "%s/operations/%s", x, operation_names[i]);
    for (int i = 0; i < TASK_STATE_COUNT; i++) {
        lower(state, sizeof state, task_state_name((enum task_state)i), "agent", "agent");
        if (task_state_is_terminal((enum task_state)i))
            put(p, (double)n->terminal[i], "%s/tasks/terminal/%s", x, state);
        else
            put(p, (double)n->active[i], "%s/tasks/active/%s", x, state);
    }
    if (f->ref.gen == 0)
        return;
    for (size_t i = 0; i < f->info->role_count; i++)
        put(p, allocator_framework_is_suppressed(m->allocator, f->ref, f->info->roles[i]), "%s/roles/%s/suppressed", x,
            f->info->roles[i]->text);
}

/* Once for each principal, with its first framework; received are also those that --rate_limits hold up or dropped. */
static void put_principal(struct pairs *p, const struct shell *sh, const struct framework *f)
{
    uint64_t calls = f->n.calls;

    if (f->info->principal == NULL)
        return;
    for (const struct framework *o = f->hh.prev; o != NULL; o = o->hh.prev)
        if (o->info->principal != NULL && strcmp(o->info->principal, f->info->principal) == 0)
            return;
    for (const struct framework *o = f->hh.next; o != NULL; o = o->hh.next)
        if (o->info->principal != NULL && strcmp(o->info->principal, f->info->principal) == 0)
            calls += o->n.calls;
    put(p, (double)(calls + throttle_unhandled(sh, f->info->principal)), "frameworks/%s/messages_received", f->info->principal);
    put(p, (double)calls, "frameworks/%s/messages_processed", f->info->principal);
}

static void put_frameworks(struct pairs *p, const struct shell *sh)
{
    const struct master *m = sh->m;
    size_t connected = 0, active = 0;

    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        connected += framework_is_connected(f), active += framework_is_active(f);
    size_t all = HASH_COUNT(m->frameworks);
    put(p, (double)connected, "master/frameworks_connected");
    put(p, (double)(all - connected), "master/frameworks_disconnected");
    put(p, (double)active, "master/frameworks_active");
    put(p, (double)(all - active), "master/frameworks_inactive");
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next) {
        if (sh->flags.publish_per_framework_metrics)
            put_one_framework(p, m, f);
        put_principal(p, sh, f);
    }
    if (sh->flags.publish_per_framework_metrics)
        for (const struct framework *f = m->completed_list; f != NULL; f = f->c_next)
            put_one_framework(p, m, f);
}

/* --- allocator, registrar, machine --- */

static void put_quota(struct pairs *p, const char *role, const struct quantities *q, const char *what)
{
    for (size_t i = 0; i < q->n; i++)
        put(p, milli_to_double(q->v[i].milli), "allocator/mesos/quota/roles/%s/resources/%s/%s", role, q->v[i].name->text,
            what);
}

static void put_allocator(struct pairs *p, const struct master *m)
{
    struct alloc_stats s = allocator_stats(m->allocator);
    struct quantities total, used;
    struct name *const names[] = { NAME_CPUS, NAME_MEM, NAME_DISK };
    struct name **roles;
    size_t n = allocator_roles(m->allocator, &roles);

    put(p, (double)s.runs, "allocator/mesos/allocation_runs");
    put(p, 0, "allocator/event_queue_dispatches");
    put(p, 0, "allocator/mesos/event_queue_dispatches");
    allocator_totals(m->allocator, &total, &used);
    for (size_t i = 0; i < 3; i++) {
        put(p, milli_to_double(quantities_get(&total, names[i])), "allocator/mesos/resources/%s/total", names[i]->text);
        put(p, milli_to_double(quantities_get(&used, names[i])), "allocator/mesos/resources/%s/offered_or_allocated",
            names[i]->text);
    }
    quantities_done(&total);
    quantities_done(&used);
    struct quantities all = QUANTITIES_INIT; /* the root of the tree, whose name is empty */
    for (size_t i = 0; i < n; i++) {
        struct alloc_role_view r;
        const char *role = roles[i]->text;
        if (!allocator_role_view(m->allocator, roles[i], &r)) {
            allocator_role_view_done(&r);
            continue;
        }
        put(p, r.share, "allocator/mesos/roles/%s/shares/dominant", role);
        put(p, (double)r.filter_count, "allocator/mesos/offer_filters/roles/%s/active", role);
        put_quota(p, role, &r.guarantees, "guarantee");
        put_quota(p, role, &r.limits, "limit");
        put_quota(p, role, &r.consumed, "consumed");
        if (!role_is_hierarchical(str_of(role)))
            quantities_add_all(&all, &r.consumed);
        struct quantities both = quantities_copy(&r.allocated);
        quantities_add_all(&both, &r.offered);
        if (r.guarantees.n != 0 || r.limits.n != 0)
            put_quota(p, role, &both, "offered_or_allocated");
        quantities_done(&both);
        allocator_role_view_done(&r);
    }
    put_quota(p, "", &all, "consumed");
    quantities_done(&all);
    free(roles);
}

static void put_rest(struct pairs *p, const struct shell *sh)
{
    struct sysinfo si = { 0 };
    struct store_stats st = { .bytes = 0 };

    if (sh->store != NULL)
        store_stats(sh->store, &st);
    put(p, (double)st.bytes, "registrar/registry_size_bytes");
    put(p, sh->store != NULL ? (double)store_pending(sh->store) : 0, "registrar/queued_operations");
    put(p, 1, "registrar/log/recovered");
    put(p, 1, "registrar/log/ensemble_size");
    put(p, (double)loop_wall(sh->loop).ms / 1000.0 - sh->view.start_time, "master/uptime_secs");
    put(p, election_leads(sh), "master/elected");
    put(p, 0, "master/event_queue_messages");
    put(p, 0, "master/event_queue_dispatches");
    put(p, 0, "master/event_queue_http_requests");
    put(p, 0, "master/http_cache_hits");
    put(p, sh->watcher_count, "master/operator_event_stream_subscribers");
    put(p, (double)sh->watchers_dropped, "master/operator_event_stream_subscribers_dropped");
    put(p, (double)sh->renderings, "master/big_answers");
    put(p, HASH_COUNT(sh->m->offers), "master/outstanding_offers");
    put(p, (double)(sh->dropped + sh->m->metrics.dropped_messages), "master/dropped_messages");
    (void)sysinfo(&si); /* zeros when it fails */
    put(p, (double)sysconf(_SC_NPROCESSORS_ONLN), "system/cpus_total");
    put(p, (double)si.loads[0] / 65536.0, "system/load_1min");
    put(p, (double)si.loads[1] / 65536.0, "system/load_5min");
    put(p, (double)si.loads[2] / 65536.0, "system/load_15min");
    put(p, (double)si.totalram * si.mem_unit, "system/mem_total_bytes");
    put(p, (double)si.freeram * si.mem_unit, "system/mem_free_bytes");
}

static void put_each(void *arg, struct str key, double value)
{
    put(arg, value, "%.*s", STR_ARG(key));
}

static void gather(const struct shell *sh, struct pairs *p)
{
    const struct master *m = sh->m;

    put_agents(p, m);
    put_messages(p, &m->metrics);
    put_tasks(p, &m->metrics);
    put_resources(p, m);
    put_operations(p, &m->metrics);
    put_frameworks(p, sh);
    put_allocator(p, m);
    put_rest(p, sh);
    metrics_each(sh->metrics, put_each, p);
    qsort(p->v, p->n, sizeof *p->v, by_name); /* equal names have equal values but for principals: any order */
}

/* --- answers --- */

static void put_prometheus(struct sbuf *b, const struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (i > 0 && strcmp(p->v[i].name, p->v[i - 1].name) == 0)
            continue;
        sbuf_c(b, "stoa_");
        for (const char *c = p->v[i].name; *c != '\0'; c++)
            sbuf_char(b, isalnum((unsigned char)*c) ? *c : '_');
        sbuf_char(b, ' ');
        json_put_double(b, p->v[i].value);
        sbuf_char(b, '\n');
    }
}

void metrics_answer(struct shell *sh, struct http_req *r, bool prometheus)
{
    struct pairs p = { 0 };
    struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
    struct jsonw w = JSONW(&b);

    gather(sh, &p);
    if (prometheus) {
        put_prometheus(&b, &p);
        http_reply_sbuf(r, 200, METRICS_PROMETHEUS_TYPE, &b);
    } else {
        jsonw_open(&w);
        for (size_t i = 0; i < p.n; i++)
            if (i == 0 || strcmp(p.v[i].name, p.v[i - 1].name) != 0)
                jsonw_key_double(&w, p.v[i].name, p.v[i].value);
        jsonw_close(&w);
        http_reply_json(r, &b);
    }
    pairs_done(&p);
}

void api_metrics(struct shell *sh, struct http_req *r, bool json)
{
    struct pairs p = { 0 };
    struct sbuf body = SBUF_INIT(SIZE_MAX / 4), b = SBUF_INIT(SIZE_MAX / 4);

    gather(sh, &p);
    wire_put_u64(&body, 1, 4);
    size_t get = wire_open(&body, 5);
    for (size_t i = 0; i < p.n; i++) {
        size_t one = wire_open(&body, 1);
        wire_put_bytes(&body, 1, str_of(p.v[i].name));
        wire_put_double(&body, 2, p.v[i].value);
        wire_close(&body, one);
    }
    wire_close(&body, get);
    if (json) {
        (void)json_from_wire(&b, &mesos__v1__master__response__descriptor, sbuf_view(&body));
        http_reply_sbuf(r, 200, "application/json", &b);
    } else {
        http_reply_sbuf(r, 200, "application/x-protobuf", &body);
    }
    sbuf_done(&body);
    sbuf_done(&b);
    pairs_done(&p);
}
