/* SPDX-License-Identifier: Apache-2.0 */
/* The step: one event, the arm that handles it, and when to be woken. */
#include <stdio.h>
#include <stdlib.h>

#include "master/core/internal.h"

static void excluded_names(struct str list, struct str *v, size_t max, size_t *ret_n)
{
    struct str rest = list, one;

    *ret_n = 0;
    for (bool more = rest.n != 0; more && *ret_n < max;) {
        more = str_cut(&rest, ',', &one);
        v[(*ret_n)++] = str_trim(one);
    }
}

struct master *master_new(const struct master_config *config)
{
    struct master *m = xcalloc(1, sizeof *m);
    struct allocator_config ac = allocator_config_default();
    struct str excluded[64];
    struct error err;

    m->config = *config;
    (void)snprintf(m->id, sizeof m->id, "%s", config->id);
    m->config.id = m->id;
    m->rng = config->rng;
    m->codec = config->codec;
    m->recovered_by = m->gc_at = m->failover_next = m->reregister_next = MONO_NEVER;
    arena_init(&m->arena, SIZE_MAX / 2);
    sbuf_init(&m->scratch, SIZE_MAX / 2);
    ac.allocation_interval_ns = config->allocation_interval_ns;
    ac.role_sorter = config->sort_roles_random ? ALLOC_SORTER_RANDOM : ALLOC_SORTER_DRF;
    ac.framework_sorter = config->sort_frameworks_random ? ALLOC_SORTER_RANDOM : ALLOC_SORTER_DRF;
    ac.filter_gpu_resources = config->filter_gpu_resources;
    ac.min_allocatable = config->min_allocatable;
    ac.recovery_factor = config->recovery_factor;
    ac.recovery_timeout_ns = config->recovery_timeout_ns;
    ac.region = config->region;
    excluded_names(config->excluded_resources, excluded, 64, &ac.excluded_count);
    ac.excluded_names = excluded;
    if (allocator_new(&ac, &m->allocator, &err) != 0)
        assert_failed(err.msg, __FILE__, __LINE__); /* the shell has checked the flag before */
    return m;
}

static void tables_free(struct master *m)
{
    struct lost_agent *l, *l_next;
    struct weight *w, *w_next;
    struct quota *q, *q_next;
    struct machine *mc, *mc_next;

    HASH_ITER(hh, m->lost, l, l_next)
        lost_remove(m, l);
    HASH_ITER(hh, m->weights, w, w_next) {
        HASH_DELETE(hh, m->weights, w);
        name_unref(w->role);
        free(w);
    }
    HASH_ITER(hh, m->quotas, q, q_next) {
        HASH_DELETE(hh, m->quotas, q);
        name_unref(q->role);
        quantities_done(&q->guarantees);
        quantities_done(&q->limits);
        free(q);
    }
    HASH_ITER(hh, m->machines, mc, mc_next) {
        HASH_DELETE(hh, m->machines, mc);
        while (mc->statuses != NULL) {
            struct inverse_status *s = mc->statuses;
            mc->statuses = s->next;
            free(s->framework_id);
            free(s);
        }
        free(mc->hostname);
        free(mc->ip);
        free(mc->key);
        free(mc);
    }
    for (size_t i = 0; i < m->window_count; i++)
        window_done(&m->windows[i]);
    free(m->windows);
}

static void objects_free(struct master *m)
{
    struct framework *f, *f_next;
    struct agent *a, *a_next;
    struct bundle *b, *b_next;

    while (m->offers != NULL)
        offer_remove(m, m->offers);
    while (m->inverse_offers != NULL)
        inverse_remove(m, m->inverse_offers);
    HASH_ITER(hh, m->agents, a, a_next) {
        a->change = AGENT_CHANGE_REMOVED;
        while (a->operations != NULL)
            operation_forget(m, a->operations);
    }
    HASH_CLEAR(hh_pid, m->frameworks_by_pid);
    HASH_ITER(hh, m->frameworks, f, f_next) {
        HASH_DELETE(hh, m->frameworks, f);
        framework_free(m, f);
    }
    HASH_ITER(hh, m->completed, f, f_next) {
        HASH_DELETE(hh, m->completed, f);
        framework_free(m, f);
    }
    HASH_CLEAR(hh_pid, m->agents_by_pid);
    HASH_ITER(hh, m->agents, a, a_next) {
        HASH_DELETE(hh, m->agents, a);
        agent_free(m, a);
    }
    HASH_ITER(hh, m->bundles, b, b_next) {
        HASH_DELETE(hh, m->bundles, b);
        resources_done(&b->r);
        free(b);
    }
}

void master_free(struct master *m)
{
    if (m == NULL)
        return;
    while (m->maintenance_waiting != NULL) {
        struct pending *p = m->maintenance_waiting;
        DL_DELETE(m->maintenance_waiting, p);
        pending_free(p);
    }
    while (m->pendings != NULL) {
        struct pending *p = m->pendings;
        pending_take(m, p);
        if (p->agent != NULL)
            agent_free(m, p->agent);
        pending_free(p);
    }
    master_bury(m);
    objects_free(m);
    master_bury(m);
    tables_free(m);
    allocator_free(m->allocator);
    free(m->by_ref);
    free(m->agent_by_ref);
    free(m->batched);
    free(m->actions);
    sbuf_done(&m->scratch);
    arena_done(&m->arena);
    free(m);
}

static void dispatch(struct master *m, const struct master_event *ev)
{
    switch (ev->type) {
    case MASTER_EV_RECOVERED:
        on_recovered(m, ev->recovered.records, ev->recovered.count);
        break;
    case MASTER_EV_STORED:
        on_stored(m, ev->stored.version);
        break;
    case MASTER_EV_TICK:
        frameworks_tick(m);
        agents_tick(m);
        offers_expire(m);
        offers_run(m);
        break;
    case MASTER_EV_AGENT_REGISTER:
        on_register(m, ev);
        break;
    case MASTER_EV_AGENT_REREGISTER:
        on_reregister(m, ev);
        break;
    case MASTER_EV_AGENT_UNREGISTER:
        on_unregister(m, ev);
        break;
    case MASTER_EV_AGENT_PONG:
        on_pong(m, ev->pid, ev->pong.observer);
        break;
    case MASTER_EV_AGENT_EXITED:
        on_agent_exited(m, ev->pid);
        on_driver_exited(m, ev->pid);
        break;
    case MASTER_EV_AGENT_UPDATE:
        on_agent_update(m, ev);
        break;
    case MASTER_EV_AGENT_STATUS:
        on_status(m, ev);
        break;
    case MASTER_EV_EXECUTOR_EXITED:
        on_executor_exited(m, ev);
        break;
    case MASTER_EV_EXECUTOR_MESSAGE:
        on_executor_message(m, ev);
        break;
    case MASTER_EV_OPERATION_STATUS:
        on_operation_status(m, ev);
        break;
    case MASTER_EV_SUBSCRIBE:
        on_subscribe(m, ev);
        break;
    case MASTER_EV_STREAM_CLOSED:
        on_stream_closed(m, ev->closed.stream);
        break;
    case MASTER_EV_CALL:
        on_call(m, ev);
        break;
    case MASTER_EV_OPERATOR:
        on_operator(m, ev);
        break;
    case MASTER_EV_WATCHED:
        m->watched = ev->watched.on;
        break;
    case MASTER_EV_DRIVER_ABORT:
        on_driver_abort(m, ev);
        break;
    }
}

static bool needs_registry(enum master_event_type t)
{
    return t != MASTER_EV_RECOVERED && t != MASTER_EV_TICK && t != MASTER_EV_STREAM_CLOSED && t != MASTER_EV_WATCHED;
}

void master_step(struct master *m, const struct master_event *ev, struct master_actions *ret)
{
    master_bury(m);
    arena_clear(&m->arena);
    m->action_count = 0;
    m->now = ev->now;
    m->wall = ev->wall;
    m->metrics.events++;
    if (!m->recovered && needs_registry(ev->type))
        m->metrics.dropped_messages++; /* the shell answers 503 before it comes to this */
    else
        dispatch(m, ev);
    ret->v = m->actions;
    ret->count = m->action_count;
    ret->wake_at = m->recovered ? mono_min(mono_min(frameworks_wake(m), agents_wake(m)), allocator_wake_at(m->allocator))
                                : MONO_NEVER;
    if (m->config.offer_timeout_ns > 0 && m->offers_by_age != NULL)
        ret->wake_at = mono_min(ret->wake_at, m->offers_by_age->expires);
    if (m->inverse_offers != NULL)
        ret->wake_at = mono_min(ret->wake_at, m->inverse_offers->expires);
}

/* --- questions --- */

void master_next_agent_id(const struct master *m, char ret[MASTER_ID_TEXT])
{
    (void)snprintf(ret, MASTER_ID_TEXT, "%s-S%llu", m->id, (unsigned long long)m->next_agent);
}

struct name *master_offers_role(const struct master *m, const struct offer_id *offers, size_t count)
{
    struct name *role = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct offer *o = offer_find(m, offers[i].s);
        if (o == NULL || (role != NULL && role != o->role))
            return NULL;
        role = o->role;
    }
    return role;
}

const struct framework_info *master_framework_info(const struct master *m, struct framework_id id)
{
    const struct framework *f = framework_find(m, id.s);

    return f != NULL ? f->info : NULL;
}

uint64_t master_pattern_size_max(const struct master *m)
{
    return m->config.pattern_size_max;
}

bool master_is_recovered(const struct master *m)
{
    return m->recovered;
}
