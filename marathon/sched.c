/* SPDX-License-Identifier: Apache-2.0 */
/* The link to the master through the scheduler library: its callbacks become core events. The core's actions become its calls in
 * sched_calls.c. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "marathon/election.h"
#include "marathon/shell.h"
#include "marathon/reserve.h"
#include "marathon/task.h"

enum { OFFERS_ARENA_BYTES_MAX = 256 << 20 };

/* --- offers in ----------------------------------------------------------------------------------------- */
static struct str ranges_text(struct arena *a, const struct stoa_range *v, size_t n)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    sbuf_char(&b, '[');
    for (size_t i = 0; i < n; i++)
        sbuf_fmt(&b, "%s%llu-%llu", i != 0 ? "," : "", (unsigned long long)v[i].begin,
                 (unsigned long long)v[i].end);
    sbuf_char(&b, ']');
    return arena_str(a, sbuf_view(&b));
}

static struct str set_text(struct arena *a, const char *const *v, size_t n)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    sbuf_char(&b, '{');
    for (size_t i = 0; i < n; i++)
        sbuf_fmt(&b, "%s%s", i != 0 ? "," : "", v[i]);
    sbuf_char(&b, '}');
    return arena_str(a, sbuf_view(&b));
}

static struct attribute attribute(struct arena *a, const struct stoa_attribute *from)
{
    struct attribute to = { .name = str_of(from->name) };

    switch (from->type) {
    case STOA_SCALAR:
        to.kind = VALUE_KIND_SCALAR;
        to.text = scalar_text(a, from->milli);
        break;
    case STOA_RANGES:
        to.kind = VALUE_KIND_RANGES;
        to.text = ranges_text(a, from->ranges, from->range_count);
        break;
    case STOA_SET:
        to.kind = VALUE_KIND_SET;
        to.text = set_text(a, from->set, from->set_count);
        break;
    case STOA_TEXT:
        to.kind = VALUE_KIND_TEXT;
        to.text = str_of(from->text);
        break;
    }
    return to;
}

/* The innermost reservation tells who may use it. */
static void note_owner(struct offer_resource *to, const struct stoa_resource *from)
{
    for (size_t i = 0; i < from->reservation_count; i++)
        for (size_t k = 0; k < from->reservations[i].label_count; k++) {
            struct str key = str_of(from->reservations[i].labels[k].key),
                       value = str_of(from->reservations[i].labels[k].value);
            if (str_is(key, RESERVATION_LABEL_FRAMEWORK)) {
                to->labelled = true;
                to->owner_framework = value;
            } else if (str_is(key, RESERVATION_LABEL_INSTANCE)) {
                to->owner = value;
            }
        }
}

static enum disk_source source_of(const struct stoa_resource *r)
{
    switch (r->disk_source) {
    case STOA_DISK_ROOT:
        return DISK_ROOT;
    case STOA_DISK_PATH:
        return DISK_PATH;
    case STOA_DISK_MOUNT:
        return DISK_MOUNT;
    case STOA_DISK_BLOCK:
    case STOA_DISK_RAW:
        break;
    }
    return DISK_OTHER;
}

static struct offer_resource resource(struct arena *a, const struct stoa_resource *from)
{
    struct offer_resource to = { .name = str_of(from->name),
                                 .role = str_of(from->role != NULL ? from->role : "*"),
                                 .milli = from->milli,
                                 .source = from->revocable || from->shared ? DISK_OTHER : source_of(from),
                                 .disk_root = str_of(from->disk_root),
                                 .disk_profile = str_of(from->disk_profile),
                                 .persistence_id = str_of(from->persistence_id) };

    note_owner(&to, from);
    to.kind = from->type == STOA_SCALAR   ? VALUE_KIND_SCALAR
              : from->type == STOA_RANGES ? VALUE_KIND_RANGES
                                          : VALUE_KIND_SET;
    to.volume = from->persistence_id != NULL || from->disk_source != STOA_DISK_ROOT || from->revocable;
    if (from->type != STOA_RANGES)
        return to;
    to.range_cap = from->range_count + 8;
    to.ranges = arena_array(a, to.range_cap, sizeof *to.ranges);
    for (size_t i = 0; to.ranges != NULL && i < from->range_count; i++)
        if (from->ranges[i].begin >= 1 && from->ranges[i].end <= 65535 &&
            from->ranges[i].begin <= from->ranges[i].end)
            to.ranges[to.range_count++] =
                (struct port_range){ (uint32_t)from->ranges[i].begin, (uint32_t)from->ranges[i].end };
    if (to.ranges == NULL)
        to.range_cap = 0;
    return to;
}

static bool offer(struct arena *a, const struct stoa_offer *from, struct offer *to)
{
    struct attribute *attributes = arena_array(a, from->attribute_count + 1, sizeof *attributes);

    *to = (struct offer){ .id = str_of(from->id),
                          .agent_id = str_of(from->agent_id),
                          .hostname = str_of(from->hostname),
                          .region = str_of(from->region),
                          .zone = str_of(from->zone),
                          .role = str_of(from->allocation_role != NULL ? from->allocation_role : "*"),
                          .attributes = attributes,
                          .resources = arena_array(a, from->resource_count + 1, sizeof *to->resources) };
    if (attributes == NULL || to->resources == NULL)
        return false;
    for (size_t i = 0; i < from->attribute_count; i++)
        attributes[to->attribute_count++] = attribute(a, &from->attributes[i]);
    for (size_t i = 0; i < from->resource_count; i++)
        to->resources[to->resource_count++] = resource(a, &from->resources[i]);
    if (from->has_unavailability) {
        to->unavailable_from = (struct opt_time){ true, { from->unavailability_start_ns / NS_PER_MS } };
        if (from->unavailability_duration_ns != 0)
            to->unavailable_to = (struct opt_time){
                true, { (from->unavailability_start_ns + from->unavailability_duration_ns) / NS_PER_MS }
            };
    }
    return true;
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user)
{
    struct shell *sh = user;
    struct arena a = ARENA_INIT(OFFERS_ARENA_BYTES_MAX);
    struct offer *v = arena_array(&a, count + 1, sizeof *v);
    struct marathon_event ev = { .type = EVENT_OFFERS, .offers = { .v = v } };

    for (size_t i = 0; i < count; i++) {
        if (v == NULL || !offer(&a, &offers[i], &v[i])) {
            log_warn("offers_declined", "count=%zu because=\"over the memory budget\"", count - i);
            for (size_t k = i; k < count; k++)
                (void)stoa_decline(s, &offers[k].id, 1, 1, NULL);
            break;
        }
        if (sh->home_region[0] != '\0')
            v[i].home_region = str_of(sh->home_region);
        ev.offers.n++;
    }
    sh->offers = offers;
    sh->offer_count = count;
    (void)marathon_shell_step(sh, &ev, NULL);
    sh->offers = NULL;
    sh->offer_count = 0;
    arena_done(&a);
}

/* --- the rest in --------------------------------------------------------------------------------------- */
static void on_subscribed(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user)
{
    struct marathon_event ev = { .type = EVENT_SUBSCRIBED,
                                 .subscribed = { str_of(e->framework_id), str_of(e->master) } };

    struct shell *sh = user;

    (void)s;
    (void)snprintf(sh->home_region, sizeof sh->home_region, "%s", e->master_region != NULL ? e->master_region : "");
    log_info("subscribed", "framework=" LOG_Q " master=" LOG_Q, LOG_QARG(str_of(e->framework_id)),
             LOG_QARG(str_of(e->master)));
    (void)marathon_shell_step(sh, &ev, NULL);
}

static void on_disconnected(struct stoa_scheduler *s, const char *why, void *user)
{
    struct marathon_event ev = { .type = EVENT_DISCONNECTED };

    (void)s;
    log_warn("disconnected", "why=" LOG_Q " then=\"connecting again\"", LOG_QARG(str_of(why)));
    (void)marathon_shell_step(user, &ev, NULL);
}

static struct check_result check_of(const struct stoa_status *st)
{
    if (!st->check_has_result)
        return (struct check_result){ .kind = CHECK_RESULT_NONE };
    switch (st->check_type) {
    case STOA_CHECK_COMMAND:
        return (struct check_result){ CHECK_RESULT_COMMAND, st->check_result };
    case STOA_CHECK_HTTP:
        return (struct check_result){ CHECK_RESULT_HTTP, st->check_result };
    case STOA_CHECK_TCP:
        return (struct check_result){ CHECK_RESULT_TCP, st->check_result };
    case STOA_CHECK_NONE:
        break;
    }
    return (struct check_result){ .kind = CHECK_RESULT_NONE };
}

/* A container is in a network once, and the agent tells them in the order in which they were asked for. */
static uint8_t network_number(const struct stoa_status *st, size_t index)
{
    uint8_t n = 0;
    for (size_t i = 1; i <= index; i++) {
        const char *a = st->ip_addresses[i - 1].network, *b = st->ip_addresses[i].network;
        n = (uint8_t)(n + (a != NULL && b != NULL && strcmp(a, b) != 0));
    }
    return n;
}

static void on_update(struct stoa_scheduler *s, const struct stoa_status *st, void *user)
{
    struct marathon_event ev = { .type = EVENT_STATUS };
    struct ip_addr ips[4];
    unsigned n = 0;

    (void)s;
    for (size_t i = 0; i < st->ip_address_count && n < 4; i++) {
        struct str t = str_of(st->ip_addresses[i].ip);
        if (t.n == 0 || t.n >= sizeof ips[n].text)
            continue;
        memcpy(ips[n].text, t.p, t.n + 1);
        ips[n].v6 = st->ip_addresses[i].is_v6;
        ips[n++].network = network_number(st, i);
    }
    if ((int)st->state < 0 || (int)st->state >= TASK_STATE_COUNT) {
        log_warn("update_ignored", "task=" LOG_Q " state=%d", LOG_QARG(str_of(st->task_id)), (int)st->state);
        return;
    }
    ev.status = (struct status_event){
        .task_id = str_of(st->task_id),
        .agent_id = str_of(st->agent_id),
        .message = str_of(st->message),
        .reason = str_of(st->reason_name),
        .state = (enum task_state)st->state,
        .reason_number = st->reason,
        .uuid = str_mem(st->uuid.p, st->uuid.n),
        .healthy = st->healthy,
        .container_id = str_of(st->container_id),
        .ips = ips,
        .ip_count = n,
        .check = check_of(st),
    };
    /* Answers to reconciliation repeat what is known, by the thousand. */
    log_event(st->reason == REASON_RECONCILIATION ? LOG_DEBUG : LOG_INFO, "task_status",
              "task=" LOG_Q " state=%s message=" LOG_Q, LOG_QARG(ev.status.task_id), st->state_name,
              LOG_QARG(ev.status.message));
    (void)marathon_shell_step(user, &ev, NULL);
}

/* A launch that could not be sent: the core hears of it as the master would say it. */
static void launch_failed(struct shell *sh, const struct stoa_task *tasks, size_t n, enum task_state state, const char *why)
{
    for (size_t i = 0; i < n; i++) {
        struct marathon_event ev = { .type = EVENT_STATUS };
        ev.status = (struct status_event){ .task_id = str_of(tasks[i].id),
                                           .agent_id = str_of(tasks[i].agent_id),
                                           .message = str_of(why),
                                           .state = state,
                                           .reason_number = REASON_NONE,
                                           .healthy = -1 };
        (void)marathon_shell_step(sh, &ev, NULL);
    }
}

static void on_message(struct stoa_scheduler *s, const char *agent_id, const char *executor_id,
                       struct stoa_bytes data, void *user)
{
    struct marathon_event ev = {
        .type = EVENT_MESSAGE, .message = { str_of(agent_id), str_of(executor_id), str_mem(data.p, data.n) }
    };

    (void)s;
    (void)marathon_shell_step(user, &ev, NULL);
}

/* Of an executor's end its tasks tell; the whole agent's is news. */
static void on_failure(struct stoa_scheduler *s, const struct stoa_failure *f, void *user)
{
    struct marathon_event ev = { .type = EVENT_AGENT_LOST, .agent_lost = str_of(f->agent_id) };

    (void)s;
    if (f->agent_id != NULL && f->executor_id == NULL)
        (void)marathon_shell_step(user, &ev, NULL);
}

static void on_error(struct stoa_scheduler *s, const char *message, void *user)
{
    struct shell *sh = user;

    (void)s;
    if (sh->flags.zk != NULL && str_contains(str_of(message), STR("failed over"))) {
        marathon_election_step_down(sh, "another instance has subscribed with the framework id");
        return;
    }
    log_error("framework_ended", "message=" LOG_Q " then=ending", LOG_QARG(str_of(message)));
    marathon_shell_stop(user, str_contains(str_of(message), STR("removed")) ? 110 : 106);
}

static void on_call_failed(struct stoa_scheduler *s, const char *call, int status, const char *what,
                           void *user)
{
    (void)s;
    (void)user;
    log_warn("call_failed", "call=%s status=%d text=" LOG_Q, call, status, LOG_QARG(str_of(what)));
}

static void on_log(struct stoa_scheduler *s, int level, const char *line, void *user)
{
    (void)s;
    (void)user;
    log_event((enum log_level)level, "scheduler", "text=" LOG_Q, LOG_QARG(str_of(line)));
}

/* --- the subscription ---------------------------------------------------------------------------------- */
static bool has_role(const struct shell *sh, struct str role)
{
    for (size_t i = 0; i < sh->role_count; i++)
        if (str_is(role, sh->roles[i]))
            return true;
    return false;
}

static bool add_role(struct shell *sh, struct str role)
{
    if (has_role(sh, role))
        return false;
    sh->roles = xrealloc(sh->roles, sh->role_count + 1, sizeof *sh->roles);
    sh->roles[sh->role_count++] = xstrndup(role);
    return true;
}

static bool collect_roles(struct shell *sh)
{
    struct slot *s, *tmp;
    bool added = add_role(sh, sh->config.role);

    HASH_ITER(hh, sh->m->slots, s, tmp)
    if ((s->spec != NULL && add_role(sh, s->spec->app.role)) || (s->job != NULL && add_role(sh, s->job->spec->app.role)))
        added = true;
    for (const struct garbage *g = sh->m->garbage; g != NULL; g = g->hh.next)
        if (add_role(sh, g->role))
            added = true;
    return added;
}

static struct stoa_options options(struct shell *sh)
{
    const struct marathon_flags *f = &sh->flags;
    struct stoa_options o = {
        .master = f->master,
        .event_base = loop_base(sh->loop),
        .explicit_acknowledgements = true,
        .name = f->framework_name,
        .user = f->mesos_user,
        .framework_id = sh->m->framework_id,
        .roles = (const char *const *)sh->roles,
        .role_count = sh->role_count,
        .failover_timeout_s = (double)f->failover_timeout,
        .checkpoint = f->checkpoint && !f->disable_checkpoint,
        .hostname = f->hostname,
        .webui_url = f->webui_url,
        .principal = f->principal,
        .secret = f->secret,
        .heartbeats_missed = (unsigned)f->mesos_heartbeat_failure_threshold,
        .capabilities = STOA_CAP_PARTITION_AWARE | STOA_CAP_REGION_AWARE | STOA_CAP_MULTI_ROLE,
    };

    if (sh->config.task_killing)
        o.capabilities |= STOA_CAP_TASK_KILLING_STATE;
    if (sh->config.gpus)
        o.capabilities |= STOA_CAP_GPU_RESOURCES;
    return o;
}

void sched_roles(struct shell *sh)
{
    struct stoa_options o;
    struct stoa_error err;
    bool added = false;

    for (size_t i = 0; i < sh->actions.store_count; i++) {
        const struct store_op *op = &sh->actions.stores[i];
        const struct spec *spec = op->kind == STORE_CURRENT ? op->slot->spec : op->kind == STORE_JOB ? op->job->spec : NULL;
        if (spec != NULL && add_role(sh, spec->app.role))
            added = true;
    }
    if (sh->scheduler == NULL || !added)
        return;
    o = options(sh);
    if (stoa_update_framework(sh->scheduler, &o, &err) < 0)
        log_warn("roles_not_updated", "error=" LOG_Q, LOG_QARG(str_of(err.msg)));
}

int sched_open(struct shell *sh, struct error *err)
{
    static const struct stoa_callbacks callbacks = {
        .subscribed = on_subscribed,
        .disconnected = on_disconnected,
        .offers = on_offers,
        .update = on_update,
        .message = on_message,
        .failure = on_failure,
        .error = on_error,
        .call_failed = on_call_failed,
        .log = on_log,
    };
    struct stoa_options o;
    struct stoa_error e = { 0 };

    if (sh->flags.master == NULL) {
        log_warn("no_master", "then=\"the API works, nothing is launched\" flag=--master");
        return 0;
    }
    (void)collect_roles(sh);
    o = options(sh);
    sh->launch_failed = launch_failed;
    sh->scheduler = stoa_scheduler_new(&o, &callbacks, sh, &e);
    if (sh->scheduler == NULL)
        return error_set(err, ERR_INVALID, "--master=%s: %s", sh->flags.master, e.msg);
    return 0;
}

void sched_close(struct shell *sh)
{
    stoa_scheduler_free(sh->scheduler);
    sh->scheduler = NULL;
    for (size_t i = 0; i < sh->role_count; i++)
        free(sh->roles[i]);
    free(sh->roles);
}
