/* SPDX-License-Identifier: Apache-2.0 */
/* The core as a whole: made, freed, and rid of what died in the step before. */
#include "marathon/core/internal.h"

struct marathon *marathon_new(const struct marathon_config *c)
{
    struct marathon *m = xcalloc(1, sizeof *m);

    m->config = *c;
    m->service_ports = xcalloc(65536, sizeof *m->service_ports);
    m->token_timer = (struct timer){ .kind = TIMER_TOKENS, .owner = m };
    m->revive_timer = (struct timer){ .kind = TIMER_REVIVE, .owner = m };
    m->deleted_timer = (struct timer){ .kind = TIMER_DELETED, .owner = m };
    m->reconcile_timer = (struct timer){ .kind = TIMER_RECONCILE, .owner = m };
    return m;
}

static void slot_free(struct slot *s)
{
    queue_stats_free(s->queue);
    failure_clear(&s->failure);
    free(s->versions);
    text_free(s->id);
    free(s);
}

void marathon_free_dead(struct marathon *m)
{
    struct slot *s, *st;

    for (struct instance *i = m->graves, *next; i != NULL; i = next) {
        next = i->queue_next;
        pin_clear(i);
        seen_agent_unref(m, i->agent);
        instance_free(i);
    }
    m->graves = NULL;
    seen_agents_free_dead(m);
    for (struct deployment *d = m->dead_deployments, *next; d != NULL; d = next) {
        next = d->queue_next;
        deployment_free(m, d);
    }
    m->dead_deployments = NULL;
    jobs_free_dead(m);
    deleted_free_dead(m);
    for (size_t i = 0; i < m->dead_spec_count; i++) {
        free(m->dead_specs[i]->json);
        free(m->dead_specs[i]);
    }
    m->dead_spec_count = 0;
    LL_FOREACH_SAFE2(m->dead_slots, s, st, wait_next)
    slot_free(s);
    m->dead_slots = NULL;
}

void marathon_free(struct marathon *m)
{
    if (m == NULL)
        return;
    m->out = NULL;
    for (struct slot *s = m->slots; s != NULL; s = s->hh.next) /* takes a timer out of the queue, in which those of others still are */
        every_free(m, s);
    marathon_free_dead(m);
    jobs_free(m);
    deleted_free(m);
    for (struct instance *i = m->instances, *next; i != NULL; i = next) {
        next = i->hh.next;
        HASH_DEL(m->instances, i);
        spec_unref(m, i->spec);
        free(i->checks);
        i->checks = NULL;
        i->queue_next = m->graves;
        m->graves = i;
    }
    for (struct deployment *d = m->deployments, *next; d != NULL; d = next) {
        next = d->hh.next;
        HASH_DEL(m->deployments, d);
        deployment_free(m, d);
    }
    for (size_t i = 0; i < m->change_count; i++)
        change_free(m, m->changes[i]);
    for (struct slot *s = m->slots, *next; s != NULL; s = next) {
        next = s->hh.next;
        HASH_DEL(m->slots, s);
        for (size_t i = 0; i < s->version_count; i++)
            spec_unref(m, s->versions[i]);
        spec_unref(m, s->spec);
        s->wait_next = m->dead_slots;
        m->dead_slots = s;
    }
    for (struct group *g = m->groups, *next; g != NULL; g = next) {
        next = g->hh.next;
        group_free(m, g);
    }
    for (struct probe *p = m->probes, *next; p != NULL; p = next) {
        next = p->hh.next;
        HASH_DEL(m->probes, p);
        free(p);
    }
    seen_agents_free(m);
    while (m->garbage != NULL)
        garbage_free(m, m->garbage);
    marathon_free_dead(m);
    free(m->dead_specs);
    free(m->changes);
    free(m->check_queue);
    free(m->timers.heap);
    free(m->service_ports);
    free(m->framework_id);
    free(m->master);
    free(m);
}
