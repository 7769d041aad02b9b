/* SPDX-License-Identifier: Apache-2.0 */
/* What the registry keeps, and what happens when it has kept it. Each change is a batch of small records with a version; the
 * confirmation of a version completes every pending change up to it, in order.
 *
 * Kept: agents (admitted, unreachable, gone) with their drain, weights, quotas, machines in maintenance and the schedule.
 * Not kept: frameworks, tasks, offers: agents bring those. Source: wire protocol, sections 5, 7 and 8. */
#include "master/core/internal.h"

/* --- confirmed --- */

static void unreachable_stored(struct master *m, struct pending *p)
{
    struct agent *a = agent_find(m, str_of(p->agent_id));
    struct lost_agent *l = lost_find(m, str_of(p->agent_id));
    struct drain drain = a != NULL ? a->drain : l != NULL ? l->drain : (struct drain){ .max_grace_ns = -1 };
    bool deactivated = a != NULL ? a->deactivated : l != NULL && l->deactivated;
    struct wall start = a != NULL ? a->drain_start : l != NULL ? l->drain_start : (struct wall){ 0 };
    bool was_recovered = l != NULL;

    if (a != NULL) {
        m->metrics.removals_unhealthy++;
        agent_end(m, a, AGENT_END_UNREACHABLE, str_of(p->reason), p->time);
    }
    l = lost_set(m, str_of(p->agent_id), LOST_UNREACHABLE);
    agent_info_unref(l->info);
    l->info = NULL;
    l->time = p->time;
    l->change = AGENT_CHANGE_NONE;
    l->drain = drain;
    l->deactivated = deactivated;
    l->drain_start = start;
    if (was_recovered) { /* frameworks hear of it; its tasks are not known here */
        struct str id = str_of(l->id);
        for (struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
            if (framework_is_connected(f))
                act_event(m, f, EVENT_FAILURE)->event.agent_id = act_keep(m, id);
    }
}

static void gone_stored(struct master *m, struct pending *p)
{
    struct agent *a = agent_find(m, str_of(p->agent_id));

    if (a != NULL) {
        agent_shutdown(m, str_of(a->pid), "Agent has been marked gone");
        agent_end(m, a, AGENT_END_GONE, STR("Agent has been marked gone"), p->time);
    }
    struct lost_agent *l = lost_set(m, str_of(p->agent_id), LOST_GONE);
    agent_info_unref(l->info);
    l->info = NULL;
    l->time = p->time;
    l->change = AGENT_CHANGE_NONE;
    act_answer(m, p->request, 200, "%s", "");
}

static void removed_stored(struct master *m, struct pending *p)
{
    struct agent *a = agent_find(m, str_of(p->agent_id));

    if (a == NULL)
        return;
    if (p->flag)
        m->metrics.removals_registered++;
    else
        m->metrics.removals_unregistered++;
    agent_end(m, a, AGENT_END_REMOVED, str_of(p->reason), m->wall);
}

static void pending_complete(struct master *m, struct pending *p)
{
    switch (p->kind) {
    case PENDING_ADMIT:
        agent_admit(m, p);
        break;
    case PENDING_READMIT:
        agent_readmit(m, p);
        break;
    case PENDING_UPDATE_AGENT: {
        struct agent *a = agent_find(m, str_of(p->agent_id));
        if (a != NULL)
            agent_returned(m, a, p->report);
        break;
    }
    case PENDING_UNREACHABLE:
        unreachable_stored(m, p);
        break;
    case PENDING_GONE:
        gone_stored(m, p);
        break;
    case PENDING_REMOVE:
        removed_stored(m, p);
        break;
    case PENDING_DRAIN:
    case PENDING_ACTIVATION:
    case PENDING_WEIGHTS:
    case PENDING_QUOTA:
        operator_stored(m, p);
        break;
    case PENDING_SCHEDULE:
    case PENDING_START_MAINTENANCE:
    case PENDING_STOP_MAINTENANCE:
        maintenance_stored(m, p);
        break;
    case PENDING_NONE:
        break;
    }
}

void on_stored(struct master *m, uint64_t version)
{
    while (m->pendings != NULL && m->pendings->version != 0 && m->pendings->version <= version) {
        struct pending *p = m->pendings;
        pending_take(m, p);
        pending_complete(m, p);
        pending_free(p);
    }
}

/* --- recovery --- */

static void recovered_weight(struct master *m, struct str role, double weight)
{
    struct weight *w = xcalloc(1, sizeof *w);

    w->role = name_of(role);
    w->weight = weight;
    HASH_ADD_PTR(m->weights, role, w);
    allocator_weight_set(m->allocator, w->role, weight);
}

static void recovered_quota(struct master *m, const struct quota_value *v)
{
    struct quota *q = xcalloc(1, sizeof *q);

    q->role = name_of(v->role);
    q->guarantees = quantities_copy(&v->guarantees);
    q->limits = quantities_copy(&v->limits);
    HASH_ADD_PTR(m->quotas, role, q);
    allocator_quota_set(m->allocator, q->role, &q->guarantees, &q->limits);
}

static void recovered_agent(struct master *m, const struct registry_record *r)
{
    struct lost_agent *l = lost_set(m, r->id, r->kind == RECORD_AGENT ? LOST_RECOVERED
                                              : r->kind == RECORD_GONE ? LOST_GONE
                                                                       : LOST_UNREACHABLE);
    agent_info_unref(l->info);
    l->info = agent_info_ref(r->info);
    l->time = r->time;
    l->drain = r->drain;
    l->deactivated = r->deactivated;
    l->drain_start = r->drain_start;
}

/* "role=weight,role=weight": used when the registry has no weights. */
static void weights_of_flag(struct master *m)
{
    struct str rest = m->config.weights, one;

    if (m->weights != NULL)
        return;
    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, ',', &one);
        struct str role, value = one;
        double weight;
        if (str_cut(&value, '=', &role) && str_double(&value, &weight) && weight > 0)
            recovered_weight(m, role, weight);
    }
}

void on_recovered(struct master *m, const struct registry_record *records, size_t count)
{
    ASSERT(!m->recovered);
    for (size_t i = 0; i < count; i++) {
        const struct registry_record *r = &records[i];
        switch (r->kind) {
        case RECORD_AGENT:
        case RECORD_UNREACHABLE:
        case RECORD_GONE:
            recovered_agent(m, r);
            break;
        case RECORD_WEIGHT:
            recovered_weight(m, r->id, r->weight);
            break;
        case RECORD_QUOTA:
            recovered_quota(m, r->quota);
            break;
        case RECORD_MACHINE:
        case RECORD_SCHEDULE:
            maintenance_recovered(m, r);
            break;
        }
    }
    weights_of_flag(m);
    m->recovered = true;
    allocator_recovery_start(m->allocator, m->now, m->recovered_count);
    m->recovered_by = m->recovered_count != 0 ? mono_add(m->now, m->config.agent_reregister_ns) : MONO_NEVER;
    m->gc_at = mono_add(m->now, m->config.registry_gc_interval_ns);
    act_note(m, NOTE_INFO, "registry_recovered", "agents=%zu unreachable=%zu gone=%zu", m->recovered_count,
             m->unreachable_count, m->gone_count);
}

